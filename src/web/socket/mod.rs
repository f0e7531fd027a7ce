//! The WebSocket of a viewer, from the upgrade to its close.

pub(in crate::web) mod audit_record;
pub mod carried;
pub(in crate::web) mod close;
pub(in crate::web) mod encoder;
pub(in crate::web) mod frame_header;
pub mod handover;
pub mod input_queue;
pub(in crate::web) mod join;
pub(in crate::web) mod join_request;
pub(in crate::web) mod keepalive;
pub(in crate::web) mod message_rate;
pub(in crate::web) mod messages;
pub(in crate::web) mod oversize;
pub mod protocol;
pub mod run;
pub(in crate::web) mod subprotocol;
pub(in crate::web) mod tap;
pub(in crate::web) mod tape;
pub(in crate::web) mod task;
pub(in crate::web) mod upgrade;
pub(in crate::web) mod write_queue;
pub(in crate::web) mod writer;
