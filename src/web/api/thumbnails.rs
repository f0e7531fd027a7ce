//! [`Gallery`]: miniatures of sessions, each made once for all lists that show it, at most one in a
//! second. In: which session, from whoever holds its [`Showing`]. Out: the latest miniature, as JSON,
//! and a signal when any changed. It must not know who looks.
//!
//! A session nobody watches gets a bridge for it, by a glance: no viewer and no size. The bridge goes a
//! while after the last list that shows the session, as after a last viewer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::bridge::Glance;
use crate::config::limits::{MINIATURE_INTERVAL, MINIATURE_RETRY, MINIATURES_ALL};
use crate::directory::{Address, Directory};
use crate::hub::{Hub, JoinError};
use crate::terminal::Screen;
use crate::terminal::miniature;
use crate::tmux::{Session, SessionId};
use crate::viewer::State;
use crate::web::api::bell_marks::Bells;
use crate::web::parts::Parts;
use crate::web::viewer_counts::Presence;

/// What is shown; cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::web) struct Gallery {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    hub: Hub,
    directory: Directory,
    presence: Presence,
    bells: Bells,
    // A std mutex: held to look up and insert, never across an await.
    shown: Mutex<Shown>,
    /// Sent when a miniature changed or there is room for another.
    changes: watch::Sender<()>,
}

/// By session, and whether it is for those who may not see other sessions.
type Shown = HashMap<(SessionId, bool), Weak<Showing>>;

/// The latest of one session: `{"id", "miniature"}`, or `{"id", "trouble"}` with the reason why there
/// is none. Nothing before the first picture.
pub(in crate::web) type Latest = Option<Arc<str>>;

/// One session's miniatures, for as long as somebody holds this.
#[derive(Debug)]
pub(in crate::web) struct Showing {
    latest: watch::Receiver<Latest>,
    task: AbortHandle,
    gallery: Weak<Inner>,
    key: (SessionId, bool),
}

impl Gallery {
    /// Nothing is shown yet.
    pub(in crate::web) fn open(parts: &Parts) -> Self {
        let bells = Bells::start(&parts.directory, &parts.presence, parts.stopping.clone());
        let inner = Inner {
            hub: parts.hub.clone(),
            directory: parts.directory.clone(),
            presence: parts.presence.clone(),
            bells,
            shown: Mutex::default(),
            changes: watch::Sender::new(()),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Which sessions rang.
    pub(in crate::web) fn bells(&self) -> &Bells {
        &self.inner.bells
    }

    /// Wakes up whenever a miniature changed, or room became free.
    pub(in crate::web) fn watch(&self) -> watch::Receiver<()> {
        self.inner.changes.subscribe()
    }

    /// Begins to show a session, if nobody shows it yet; `confined` to those who may not see other sessions.
    /// None: there are [`MINIATURES_ALL`].
    pub(in crate::web) fn show(&self, id: SessionId, confined: bool) -> Option<Arc<Showing>> {
        let key = (id, confined);
        let mut shown = self.inner.shown();
        if let Some(showing) = shown.get(&key).and_then(Weak::upgrade) {
            return Some(showing);
        }
        if shown.len() >= MINIATURES_ALL {
            return None;
        }
        let (sender, latest) = watch::channel(None);
        let task = tokio::spawn(keep_current(Arc::clone(&self.inner), key, sender));
        let showing = Arc::new(Showing {
            latest,
            task: task.abort_handle(),
            gallery: Arc::downgrade(&self.inner),
            key,
        });
        shown.insert(key, Arc::downgrade(&showing));
        Some(showing)
    }
}

impl Inner {
    fn shown(&self) -> MutexGuard<'_, Shown> {
        // Nothing in the critical sections can panic half way through a change.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Showing {
    /// The latest miniature, and every later one.
    pub(in crate::web) fn watch(&self) -> watch::Receiver<Latest> {
        self.latest.clone()
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        self.task.abort();
        let Some(gallery) = self.gallery.upgrade() else {
            return;
        };
        let mut shown = gallery.shown();
        // Somebody may have begun to show it anew meanwhile.
        if shown
            .get(&self.key)
            .is_some_and(|showing| showing.strong_count() == 0)
        {
            shown.remove(&self.key);
        }
        drop(shown);
        gallery.changes.send_replace(());
    }
}

/// Shows one session, over the ends of its bridges, until it has ended.
async fn keep_current(
    gallery: Arc<Inner>,
    (id, confined): (SessionId, bool),
    latest: watch::Sender<Latest>,
) {
    let show = Show {
        gallery: &gallery,
        id,
        confined,
        latest: &latest,
    };
    loop {
        match gallery.directory.find(&Address::Id(id)).await {
            Ok(None) => return,
            Ok(Some(session)) if session.fleeting => {
                show.trouble("It would not end by itself while it is shown here.");
            }
            Ok(Some(session)) => match gallery.hub.glance(&session, confined).await {
                Ok(glance) => show.keep_current(&session, glance).await,
                Err(JoinError::NoSuchSession | JoinError::ShuttingDown) => return,
                Err(error) => {
                    show.trouble(&error.to_string());
                }
            },
            Err(error) => {
                show.trouble(&error.to_string());
            }
        }
        sleep(MINIATURE_RETRY).await;
    }
}

struct Show<'a> {
    gallery: &'a Inner,
    id: SessionId,
    confined: bool,
    latest: &'a watch::Sender<Latest>,
}

impl Show<'_> {
    /// Follows one bridge to its end.
    async fn keep_current(&self, session: &Session, mut glance: Glance) {
        if session.bell {
            // The client of a bridge takes tmux's mark away.
            self.gallery.bells.mark(self.id);
        }
        let mut drawn: Option<Arc<Screen>> = None;
        let mut bells = glance.state().borrow().bells;
        loop {
            let state = Arc::clone(&glance.state().borrow_and_update());
            if state.bells > bells {
                bells = state.bells;
                self.rang().await;
            }
            if self.draw(&state, &mut drawn) {
                sleep(MINIATURE_INTERVAL).await;
            }
            if state.ended.is_some() || glance.state().changed().await.is_err() {
                return;
            }
        }
    }

    /// Draws what is new; true if something was.
    fn draw(&self, state: &State, drawn: &mut Option<Arc<Screen>>) -> bool {
        if let Some(notice) = &state.notice {
            *drawn = None;
            return self.trouble(notice);
        }
        // An old picture is followed by the present one at once.
        let picture = state.picture_for(self.confined);
        let Some(picture) = picture.filter(|_| !state.behind) else {
            return false;
        };
        let known = drawn.replace(Arc::clone(&picture.screen));
        if known.is_some_and(|known| Arc::ptr_eq(&known, &picture.screen)) {
            return false;
        }
        let (id, miniature) = (self.id, miniature(&picture.screen));
        self.tell(format!(r#"{{"id":"{id}","miniature":{miniature}}}"#))
    }

    fn trouble(&self, why: &str) -> bool {
        let told = serde_json::json!({ "id": self.id.to_string(), "trouble": why });
        self.tell(told.to_string())
    }

    fn tell(&self, text: String) -> bool {
        let changed = self.latest.send_if_modified(|latest| {
            let changed = latest.as_deref() != Some(&*text);
            if changed {
                *latest = Some(text.into());
            }
            changed
        });
        if changed {
            self.gallery.changes.send_replace(());
        }
        changed
    }

    /// A bell that nobody was there to hear.
    async fn rang(&self) {
        let listed = self.gallery.directory.find(&Address::Id(self.id)).await;
        let attached = matches!(listed, Ok(Some(session)) if session.attached > 0);
        if !attached && self.gallery.presence.viewers(self.id).all() == 0 {
            self.gallery.bells.mark(self.id);
        }
    }
}
