//! PURE: who may do what, and what proves who one is. In: what a request shows, the keys and the
//! ledger of this service, the time. Out: a [`Grant`], which says for each session what its holder
//! may do there. It must not know HTTP, files or clocks.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod budget;
pub mod credential;
pub mod grant;
pub mod id;
pub mod identity;
pub mod page_key;
pub mod principal;
pub mod revocations;
pub mod rights;
pub mod rules;
pub mod share;
pub mod signed;
pub mod signer;
pub mod signing_keys;
pub mod time;
pub mod used;

pub use credential::{Credential, Kind};
pub use grant::Grant;
pub use id::Id;
pub use identity::{Identity, Proof};
pub use page_key::PageKey;
pub use principal::Principal;
pub use revocations::Ledger;
pub use rights::{Rights, Target};
pub use rules::Rule;
pub use share::Share;
pub use signed::Signed;
pub use signer::Signer;
pub use signing_keys::Keys;
pub use time::Time;
pub use used::Used;
