//! What every end-to-end test stands on: a private tmux, the real muxview binary, viewers that put
//! what they are sent into real xterm.js terminals, and a bare `tmux attach` as the referee.
//!
//! Nothing here knows how muxview works inside; it only speaks its command line, URLs and socket.

#![allow(dead_code, unused_imports, unreachable_pub)] // each test binary uses its own part of this
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)] // a failed step is a failed test

pub mod attach;
pub mod browser;
pub mod crowd;
pub mod fault;
pub mod machine;
pub mod manager;
pub mod noise;
pub mod picture;
pub mod process;
pub mod raw;
pub mod scene;
pub mod service;
pub mod tmux;
pub mod typist;
pub mod viewer;
pub mod xterm;

pub use attach::BareAttach;
pub use browser::Browser;
pub use crowd::{Crowd, Route};
pub use machine::Machine;
pub use manager::Manager;
pub use picture::Picture;
pub use raw::Raw;
pub use scene::Scene;
pub use service::Service;
pub use tmux::Tmux;
pub use viewer::{Event, Join, Viewer};
pub use xterm::Xterm;

use std::time::{Duration, Instant};

/// How long a test waits for something that should take milliseconds: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long to look again for something that cannot be waited for as an event.
pub const LOOK_AGAIN: Duration = Duration::from_millis(15);

/// Whether the long variants are asked for (`make soak`).
pub fn soaking() -> bool {
    std::env::var_os("MUXVIEW_SOAK").is_some_and(|value| value != "0")
}

/// `short` in the default suite, `long` under `make soak`.
pub fn soak<T>(short: T, long: T) -> T {
    if soaking() { long } else { short }
}

/// Looks until `look` gives something, or fails with what it last saw.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if Instant::now() > deadline => {
                panic!("waited {PATIENCE:?} in vain for {what}; last seen:\n{seen}")
            }
            Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}
