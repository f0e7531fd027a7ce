//! Who may come in, and for how long: host and origin checks, credentials, permits and budgets.

pub mod budget;
pub mod caller;
pub mod permit;
pub(in crate::web) mod rate_limit;
pub mod refusal;
pub(in crate::web) mod refusal_log;
pub(in crate::web) mod rules;
pub(in crate::web) mod sign_in;
pub mod signatures;
pub mod trusted_proxy;
pub(in crate::web) mod viewer_permit;
