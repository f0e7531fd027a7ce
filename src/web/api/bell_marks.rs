//! [`Bells`]: which sessions rang and have not been looked at since. In: the list with tmux's own
//! marks, who watches, bells that bridges heard. Out: marks, and a signal when they change.
//!
//! tmux marks a window that rings while no client is there. A miniature's client is one, though nobody
//! may be looking: then tmux marks nothing, and takes the mark that was there when the client came. So
//! a mark is kept here until a person looks.

use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::watch;

use crate::directory::{Directory, Listing};
use crate::tmux::SessionId;
use crate::web::shutdown::Stopping;
use crate::web::viewer_counts::Presence;

/// The marks; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(in crate::web) struct Bells(Arc<watch::Sender<Marks>>);

/// Which sessions rang. Pure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::web) struct Marks(HashSet<SessionId>);

/// What is known of one session.
#[derive(Debug, Clone, Copy)]
struct Seen {
    id: SessionId,
    /// tmux has a mark on one of its windows.
    marked: bool,
    /// A person is there.
    looked: bool,
}

impl Marks {
    /// Takes note of all sessions as they are.
    fn see(&mut self, all: impl Iterator<Item = Seen> + Clone) {
        for Seen { id, marked, looked } in all.clone() {
            if marked {
                // In another window than the one that is looked at, if it is.
                self.0.insert(id);
            } else if looked {
                self.0.remove(&id);
            }
        }
        if !self.0.is_empty() {
            let there: HashSet<_> = all.map(|seen| seen.id).collect();
            self.0.retain(|id| there.contains(id));
        }
    }
}

impl Bells {
    /// Marks are kept until `stopping`.
    pub(in crate::web) fn start(
        directory: &Directory,
        presence: &Presence,
        mut stopping: Stopping,
    ) -> Self {
        let bells = Self::default();
        let (mut listing, presence) = (directory.watch(), presence.clone());
        let (mut counts, kept) = (presence.watch(), bells.clone());
        tokio::spawn(async move {
            loop {
                let now = Arc::clone(&listing.borrow_and_update());
                counts.mark_unchanged();
                kept.change(|marks| marks.see(seen(&now, &presence)));
                tokio::select! {
                    changed = listing.changed() => if changed.is_err() { return },
                    changed = counts.changed() => if changed.is_err() { return },
                    () = stopping.wait() => return,
                }
            }
        });
        bells
    }

    /// Whether the session rang and nobody has looked since.
    pub(in crate::web) fn marked(&self, id: SessionId) -> bool {
        self.0.borrow().0.contains(&id)
    }

    /// It rang, or tmux had marked it, and nobody is there.
    pub(in crate::web) fn mark(&self, id: SessionId) {
        self.change(|marks| {
            marks.0.insert(id);
        });
    }

    /// Wakes up whenever a mark changed.
    pub(in crate::web) fn watch(&self) -> watch::Receiver<Marks> {
        self.0.subscribe()
    }

    fn change(&self, change: impl FnOnce(&mut Marks)) {
        self.0.send_if_modified(|marks| {
            let before = marks.clone();
            change(marks);
            *marks != before
        });
    }
}

fn seen<'a>(
    listing: &'a Listing,
    presence: &'a Presence,
) -> impl Iterator<Item = Seen> + Clone + 'a {
    listing.sessions.iter().map(|session| Seen {
        id: session.id,
        marked: session.bell,
        looked: session.attached > 0 || presence.viewers(session.id).all() > 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stays_until_somebody_looks() {
        let seen = |marked, looked| Seen {
            id: SessionId(1),
            marked,
            looked,
        };
        for (steps, rings) in [
            (&[seen(false, false)][..], false),
            (&[seen(true, false)], true),
            // A miniature's client took it from tmux.
            (&[seen(true, false), seen(false, false)], true),
            (&[seen(true, false), seen(false, true)], false),
            // In a window that is not the one looked at.
            (&[seen(true, true)], true),
            (&[seen(true, true), seen(false, true)], false),
        ] {
            let mut marks = Marks::default();
            for step in steps {
                marks.see([*step].into_iter());
            }
            assert_eq!(marks.0.contains(&SessionId(1)), rings, "{steps:?}");
            marks.see([].into_iter());
            assert_eq!(marks, Marks::default(), "it has ended");
        }
    }

    #[tokio::test]
    async fn a_change_is_told_once() {
        let bells = Bells::default();
        let mut watch = bells.watch();
        bells.mark(SessionId(1));
        assert!(watch.has_changed().expect("open"));
        watch.mark_unchanged();
        bells.mark(SessionId(1));
        assert!(!watch.has_changed().expect("open"));
        assert!(bells.marked(SessionId(1)) && !bells.marked(SessionId(2)));
    }
}
