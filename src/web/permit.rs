//! [`Permit`]: what a viewer is here by, judged anew whenever the rules or its session's name change.
//! In: who it is, its session. Out: its rights, or the close it hears instead. It must not know the
//! socket.

use super::Parts;
use super::access::Pass;
use super::vigil::Vigil;
use super::wire::Close;
use crate::access::{Grant, Proof, Rights, Target};
use crate::tmux::{self, Creation};
use crate::viewer::Label;

/// What a viewer is here by.
#[derive(Debug)]
pub(super) struct Permit {
    vigil: Vigil,
    grant: Grant,
    /// Tells its session from one of another tmux server.
    created: Creation,
}

impl Permit {
    /// Of someone who was let in to watch this session.
    pub(super) fn new(parts: &Parts, pass: &Pass, session: &tmux::Session) -> Self {
        Self {
            vigil: Vigil::new(&parts.access, pass),
            grant: pass.grant.clone(),
            created: session.created,
        }
    }

    /// What tells the next process who it is.
    pub(super) fn proof(&self) -> Proof {
        self.vigil.proof()
    }

    /// Waits until the rules are others. Cancel-safe.
    ///
    /// # Errors
    /// With the close of one who is let in no more.
    pub(super) async fn changed(&mut self) -> Result<(), Close> {
        match self.vigil.changed().await {
            Ok(grant) => {
                self.grant = grant;
                Ok(())
            }
            Err(_) if self.vigil.is_guest() => Err(Close::FORBIDDEN),
            Err(_) => Err(Close::SIGN_IN),
        }
    }

    /// Whether it still lets its holder be what they are.
    ///
    /// # Errors
    /// With what they hear instead.
    pub(super) fn judge(&self, session: &Label, drives: bool) -> Result<(), Close> {
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
