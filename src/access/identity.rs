//! [`Identity`]: who asks, as proven by what was shown. It is what an open socket is judged by again
//! when something was revoked: plain data, from which the grant is always worked out anew; and
//! [`Proof`], the same as a restart hands it over. It must not know the rules.

use serde::{Deserialize, Serialize};

use super::Credential;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Whoever connects, under `--auth none`.
    Anyone,
    /// The holder of a credential of ours.
    Signed(Credential),
    /// Whom the proxy names.
    User(String),
}

/// Who was let in, as one process tells the next: a credential is shown again, so that keys which are
/// no more take all that was signed with them along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// Nothing is asked for.
    Anyone,
    /// A credential of ours.
    Sealed(String),
    /// A name the proxy gave.
    User(String),
}
