//! [`Identity`]: who asks, as proven by what was shown. It is what an open socket is judged by again
//! when something was revoked, and what a restart hands over: plain data, from which the grant is
//! always worked out anew. It must not know the rules.

use serde::{Deserialize, Serialize};

use super::Credential;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// Whoever connects, under `--auth none`.
    Anyone,
    /// The holder of a credential of ours.
    Signed(Credential),
    /// Whom the proxy names.
    User(String),
}
