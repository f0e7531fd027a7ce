//! What the service itself has to say in the audit log: that it begins and ends, and whether tmux is
//! there. In: the configuration, tmux's state. Out: lines. It must not know who watches.

use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::audit::{Audit, Event, Session, Text, Who};
use crate::config::Config;
use crate::config::limits::STATUS_INTERVAL;
use crate::directory::Listing;
use crate::tmux::{self, Status};

/// Tells that it begins, going on with so many viewers.
pub(super) fn started(audit: &Audit, config: &Config, viewers: usize) {
    audit.tell(&Event::Start {
        version: env!("CARGO_PKG_VERSION"),
        config: &fingerprint(config),
        pid: std::process::id(),
        viewers,
    });
}

/// Tells that it ends, leaving so many to the next process, and sees to it that this is written.
pub(super) async fn stopped(audit: &Audit, why: &str, viewers: usize) {
    audit.tell(&Event::Stop {
        why,
        pid: std::process::id(),
        viewers,
    });
    audit.settle().await;
}

/// Tells that a session was made because the configuration says so.
pub(super) fn created(audit: &Audit, session: &tmux::Session) {
    audit.tell(&Event::SessionCreate {
        who: Who {
            who: Some(Text("configuration")),
            ..Who::default()
        },
        session: Session {
            session: &session.id.to_string(),
            name: Text(&session.name),
        },
    });
}

/// The same for the same configuration of the same version. It says nothing of what that is.
fn fingerprint(config: &Config) -> String {
    let digest = Sha256::digest(format!("{config:?}"));
    digest[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Tells when tmux goes and when it is back, for as long as somebody lists its sessions.
pub(super) async fn watch_tmux(audit: Audit, mut listing: watch::Receiver<Arc<Listing>>) {
    let mut there = None;
    loop {
        let status = listing.borrow_and_update().status.clone();
        match &status {
            Status::Starting => {}
            Status::Ready { version } => {
                if there == Some(false) {
                    let version = Text(version);
                    audit.tell(&Event::TmuxBack { version });
                }
                there = Some(true);
            }
            Status::NoServer | Status::Failed(_) => {
                let why = match &status {
                    Status::Failed(error) => error.to_string(),
                    _ => "no server is running".to_owned(),
                };
                if there == Some(true) {
                    audit.tell(&Event::TmuxLost { why: Text(&why) });
                }
                there = Some(false);
            }
        }
        // However it flutters, the log does not fill.
        sleep(STATUS_INTERVAL).await;
        if listing.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_configuration_has_another_fingerprint() {
        let (one, mut other) = (Config::default(), Config::default());
        assert_eq!(fingerprint(&one), fingerprint(&other));
        other.proxy_peers.push("www-data".to_owned());
        assert_ne!(fingerprint(&one), fingerprint(&other));
        let hex = fingerprint(&one);
        assert!(hex.len() == 12 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
