//! The line a service manager shows of us: who watches what, and whether tmux answers. In: counts
//! and tmux's state. Out: a line, told whenever it is another. It must not know how it is told.

use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::sleep;

use super::notify::Notify;
use crate::config::limits::STATUS_INTERVAL;
use crate::directory::Listing;
use crate::tmux::Status;
use crate::web::viewer_counts::Presence;

/// Keeps the line current until nobody can change it any more.
pub(super) async fn keep_current(
    notify: Notify,
    presence: Presence,
    mut listing: watch::Receiver<Arc<Listing>>,
) {
    let mut viewers = presence.watch();
    let mut told = String::new();
    loop {
        viewers.mark_unchanged();
        let now = line(presence.all(), &listing.borrow_and_update().status);
        if now != told {
            notify.status(&now);
            told = now;
        }
        sleep(STATUS_INTERVAL).await;
        let changed = tokio::select! {
            changed = viewers.changed() => changed,
            changed = listing.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// `3 viewers on 2 sessions; tmux 3.3a`
fn line((viewers, sessions): (u32, usize), tmux: &Status) -> String {
    let watched = match (viewers, sessions) {
        (0, _) => "no viewers".to_owned(),
        (1, _) => "1 viewer".to_owned(),
        (viewers, 1) => format!("{viewers} viewers on 1 session"),
        (viewers, sessions) => format!("{viewers} viewers on {sessions} sessions"),
    };
    let tmux = match tmux {
        Status::Starting => "tmux has not been asked yet".to_owned(),
        Status::Ready { version } => format!("tmux {version}"),
        Status::NoServer => "no tmux server yet".to_owned(),
        Status::Failed(error) => format!("tmux cannot be used: {error}"),
    };
    format!("{watched}; {tmux}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_who_watches_and_whether_tmux_answers() {
        let ready = Status::Ready {
            version: "3.3a".to_owned(),
        };
        for (counts, tmux, wanted) in [
            ((3, 2), &ready, "3 viewers on 2 sessions; tmux 3.3a"),
            ((2, 1), &ready, "2 viewers on 1 session; tmux 3.3a"),
            ((1, 1), &Status::NoServer, "1 viewer; no tmux server yet"),
            (
                (0, 0),
                &Status::Failed(crate::tmux::Error::Timeout),
                "no viewers; tmux cannot be used: tmux",
            ),
        ] {
            let line = line(counts, tmux);
            assert!(line.starts_with(wanted), "{line}");
        }
    }
}
