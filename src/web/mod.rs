//! EDGE: everything that talks to browsers. [`App`] owns the URLs; requests come in through a
//! [`Peer`] and are judged by [`access`] before any route is looked for. It must not know pty
//! bytes.

#![allow(clippy::result_large_err)] // an `Err` of a handler is an answer, as large as any other

pub mod access;
mod answer;
mod app;
mod assets;
mod bells;
pub mod budget;
pub mod carried;
mod chatter;
mod clock;
mod connection;
pub mod connections;
pub mod effects;
mod events;
mod farewell;
mod frame_header;
mod gallery;
mod halves;
pub mod handover;
mod handshake;
mod health;
pub mod input;
mod join_request;
mod meters;
mod outlet;
mod oversize;
mod page;
mod parts;
pub mod permit;
pub mod presence;
pub mod proxy;
mod queue;
pub mod refusal;
mod refusals;
mod rounds;
pub mod routes;
mod rules;
mod seating;
mod sessions;
mod shares;
mod sign_in;
pub mod signatures;
pub mod socket;
pub mod stopping;
pub mod stream;
mod subprotocol;
mod tap;
mod tape;
mod teller;
mod throttle;
mod viewer_permit;
mod viewing;
mod visit;
pub mod wire;
mod write_gate;

pub use app::App;
pub(crate) use meters::{record, tidy};
pub use parts::Parts;
pub use refusals::Refusals;
pub use rounds::Rounds;
pub use throttle::Throttle;
