//! Listening sockets and accepted connections, before HTTP.

mod address;
mod error;
pub(crate) mod inherited_fds;
mod listener;
mod loopback;
mod open;
mod stream;
mod unix_listener;

pub use address::{Address, Endpoint};
pub use error::Error;
pub(crate) use listener::{Listener, Named};
pub(crate) use open::{Sorted, check, complete, open, sort};
pub use stream::{Peer, Socket};
