//! [`Wake`]: what ended the wait of a task that is attached.

use crate::bridge::order::Order;
use crate::terminal::Size;
use crate::tmux::{Error, Event, Overlay, Whereabouts, Windows};
use crate::viewer::ViewerId;
use std::io;
use tokio::sync::broadcast::error::RecvError;

/// What ended a wait.
#[derive(Debug)]
pub(super) enum Wake {
    Roster,
    Status,
    Session(Option<Whereabouts>),
    Overlay(Result<Option<Overlay>, Error>),
    Sized(Sized),
    Named(Option<String>),
    Needed(bool),
    Event(Result<Event, RecvError>),
    Wrote(io::Result<usize>),
    Ordered(Option<Order>),
    Windows(Result<Windows, Error>),
    Acted(Acted),
    Redrawn(Result<(), Error>),
    Read(io::Result<usize>),
    Tick,
}

/// What tmux said about sizes.
#[derive(Debug)]
pub(super) enum Sized {
    Claimed(bool, Result<(), Error>),
    Client(Result<Option<Size>, Error>),
    Window(Result<Size, Error>),
}

/// What became of what a driver wanted.
pub(super) type Acted = (ViewerId, Result<(), Error>);
