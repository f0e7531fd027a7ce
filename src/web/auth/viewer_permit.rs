//! [`ViewerPermit`]: what a viewer is here by, judged anew whenever the rules or its session's name
//! change. In: its permit, its session. Out: the close it hears when it may not stay. It must not know
//! the socket.

use crate::access::credential::Rejected;
use crate::access::{Grant, Rights, Target};
use crate::tmux::{self, Creation};
use crate::viewer::Label;
use crate::web::auth::permit::{Permit, Watch};
use crate::web::socket::protocol::Close;

/// What a viewer is here by.
#[derive(Debug)]
pub(in crate::web) struct ViewerPermit {
    watch: Watch,
    grant: Grant,
    /// Tells its session from one of another tmux server.
    created: Creation,
}

impl ViewerPermit {
    /// Of someone who was let in to watch this session.
    pub(in crate::web) fn new(permit: &Permit, grant: Grant, session: &tmux::Session) -> Self {
        Self {
            watch: permit.watch(),
            grant,
            created: session.created,
        }
    }

    pub(in crate::web) fn permit(&self) -> &Permit {
        self.watch.permit()
    }

    /// Waits until the rules are others. Cancel-safe.
    ///
    /// # Errors
    /// With the close of one who is let in no more.
    pub(in crate::web) async fn changed(&mut self) -> Result<(), Close> {
        let granted = self.watch.changed().await;
        self.take(granted)
    }

    /// Looks whether the rules are others, without waiting.
    ///
    /// # Errors
    /// As [`ViewerPermit::changed`].
    pub(in crate::web) fn look(&mut self) -> Result<bool, Close> {
        match self.watch.look() {
            None => Ok(false),
            Some(granted) => self.take(granted).map(|()| true),
        }
    }

    fn take(&mut self, granted: Result<Grant, Rejected>) -> Result<(), Close> {
        match granted {
            Ok(grant) => {
                self.grant = grant;
                Ok(())
            }
            Err(_) if self.permit().is_guest() => Err(Close::FORBIDDEN),
            Err(_) => Err(Close::SIGN_IN),
        }
    }

    /// Whether it still lets its holder be what they are.
    ///
    /// # Errors
    /// With what they hear instead.
    pub(in crate::web) fn judge(&self, session: &Label, drives: bool) -> Result<(), Close> {
        let rights = self.grant.rights(Target {
            id: session.id,
            created: self.created,
            name: &session.name,
        });
        match rights {
            Rights { view: false, .. } => Err(Close::FORBIDDEN),
            // They come back as what they still may be.
            Rights { drive: false, .. } if drives => Err(Close::RIGHTS_CHANGED),
            _ => Ok(()),
        }
    }
}
