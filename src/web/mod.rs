//! Everything that talks to browsers. [`App`] answers every URL; requests come in through a
//! [`Peer`](crate::net::Peer), and [`auth`] judges them before a route is looked for.

#![allow(clippy::result_large_err)] // an `Err` of a handler is an answer, as large as any other

pub mod api;
mod app;
mod assets;
pub mod auth;
mod clock;
pub mod connection;
mod gauges;
mod page;
mod parts;
mod responses;
pub mod routes;
pub mod shutdown;
pub mod socket;
pub mod viewer_counts;

pub use app::App;
pub use auth::rate_limit::Throttle;
pub use auth::refusal_log::Refusals;
pub(crate) use gauges::{record, tidy};
pub use parts::Parts;
pub use socket::keepalive::Rounds;
