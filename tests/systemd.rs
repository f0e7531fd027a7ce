//! The promise: run by systemd, muxview is installed, upgraded, restarted and taken away without a
//! session noticing. A real systemd is booted for each test (`tests/systemd/boot.sh`).

#[path = "systemd/doctor.rs"]
mod doctor;
#[path = "systemd/install.rs"]
mod install;
#[path = "systemd/proxies.rs"]
mod proxies;
#[path = "systemd/restart.rs"]
mod restart;
mod support;
#[path = "systemd/units.rs"]
mod units;
