//! The promise: whatever is sent, named or taken away, nobody gets in, nothing runs, and who does
//! nothing wrong notices nothing. `tests/service/hostile/forty.rs` says what is answered to each, and where that
//! is tested.

mod forty;
mod host;
mod names;
mod output;
mod requests;
mod sockets;
