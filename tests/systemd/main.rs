//! The promise: run by systemd, muxview is installed, upgraded, restarted and taken away without a
//! session noticing. A real systemd is booted for each test (`tests/systemd/boot.sh`).

mod doctor;
mod install;
mod proxies;
mod restart;
#[path = "../support/mod.rs"]
mod support;
mod units;
