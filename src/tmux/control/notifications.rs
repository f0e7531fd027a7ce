//! [`NotificationConnection`]: a control client that is attached to no session. It is told what
//! changes in the server and takes part in nothing, so nobody notices it.
//!
//! It waits for a channel that nobody signals (`wait-for`): a client whose command has not ended
//! stays, and a control client that stays is sent notifications. `list-clients` does not show it.

use crate::tmux::control::connection::ControlConnection;
use crate::tmux::control::event::Event;
use crate::tmux::control::parser::Parser;
use crate::tmux::control::protocol::Framing;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Notifications from one tmux server.
#[derive(Debug)]
pub(in crate::tmux) struct NotificationConnection {
    connection: ControlConnection,
    parser: Parser,
    channel: String,
}

impl NotificationConnection {
    /// Connects to the server.
    ///
    /// # Errors
    /// Those of the sockets.
    pub(in crate::tmux) async fn open(path: &Path, framing: Framing) -> io::Result<Self> {
        let channel = channel();
        let command = ["wait-for", &channel];
        let connection = ControlConnection::open(path, framing, &command).await?;
        Ok(Self {
            connection,
            parser: Parser::default(),
            channel,
        })
    }

    /// The command line that ends this client from another connection. A client that is merely gone
    /// leaves a few KB behind in the server until its channel is signalled.
    pub(in crate::tmux) fn release(&self) -> String {
        format!("wait-for -S {}", self.channel)
    }

    /// Waits for something to happen and hands it to `sink`. Cancel-safe.
    ///
    /// # Errors
    /// When the connection is over.
    pub(in crate::tmux) async fn next(&mut self, sink: impl FnMut(Event)) -> io::Result<()> {
        let parser = &mut self.parser;
        let received = |bytes: &[u8]| parser.feed(bytes, sink);
        self.connection.next(received).await
    }
}

/// A name no client has waited for: a signal that came too early would end the next wait for it.
fn channel() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let random = getrandom::u64().unwrap_or_default();
    format!("muxview-{}-{count}-{random:016x}", std::process::id())
}
