//! `GET /api/events`: the stream of changes, for one page that shows the list. In: the list, who
//! watches, bells, miniatures. Out: server-sent events, each the newest of its kind when it is taken:
//! nothing queues for a slow reader. It must not know how a miniature is made.

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::access::budget::Limit;
use crate::access::{Grant, Principal};
use crate::bridge::Lease as _;
use crate::config::limits::{EVENT_INTERVAL, EVENT_KEEP_ALIVE, MINIATURES};
use crate::directory::Listing;
use crate::interleave;
use crate::net::Peer;
use crate::tmux::{Session, SessionId};
use crate::web::api::bell_marks::Marks;
use crate::web::api::sessions::{Tmux, rows};
use crate::web::api::thumbnails::{Gallery, Latest, Showing};
use crate::web::auth::budget::Held;
use crate::web::auth::caller;
use crate::web::auth::caller::Caller;
use crate::web::auth::permit::Watch;
use crate::web::auth::refusal_log::Turned;
use crate::web::parts::Shared;
use crate::web::responses;
use crate::web::responses::sign_in;
use crate::web::shutdown::Stopping;
use crate::web::viewer_counts::Presence;

/// Which sessions a page wants miniatures of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    /// Those in which something happened last.
    Recent,
    /// These, as far as they exist. No more than [`MINIATURES`].
    These(Vec<SessionId>),
}

impl Wanted {
    fn read(text: Option<&str>) -> Result<Self, Response> {
        let these = match text.unwrap_or_default() {
            "recent" => return Ok(Self::Recent),
            "" => return Ok(Self::These(vec![])),
            ids => ids
                .split(',')
                .map(str::parse)
                .collect::<Result<Vec<_>, _>>(),
        };
        match these {
            Ok(these) if these.len() <= MINIATURES => Ok(Self::These(these)),
            _ => {
                let sentence = format!(
                    "miniatures is \"recent\", or the ids of at most {MINIATURES} sessions with commas between them"
                );
                Err(responses::error(StatusCode::BAD_REQUEST, &sentence))
            }
        }
    }

    /// The sessions to show of those that may be seen; `shown` are already.
    fn choose(&self, sessions: &[&Session], shown: &[SessionId]) -> Vec<SessionId> {
        let there = |id: &SessionId| sessions.iter().any(|session| session.id == *id);
        match self {
            Self::These(these) => these.iter().copied().filter(there).collect(),
            Self::Recent => {
                // Who is shown stays: attached clients must not come and go with every line.
                let mut chosen: Vec<_> = shown.iter().copied().filter(there).collect();
                let mut others = sessions.to_vec();
                others.retain(|session| !chosen.contains(&session.id));
                others.sort_by_key(|session| std::cmp::Reverse(session.activity));
                chosen.extend(others.iter().map(|session| session.id));
                chosen.truncate(MINIATURES);
                chosen
            }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(in crate::web) struct JoinRequest {
    miniatures: Option<String>,
}

/// `GET /api/events`: `sessions` with the whole list and `tmux` with how it is, at once and with
/// every change of either; with `miniatures=recent` or `miniatures=$1,$2` also `miniature`.
pub(in crate::web) async fn stream(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
    Extension(gallery): Extension<Gallery>,
    Extension(door): Extension<Arc<Peer>>,
    Query(wish): Query<JoinRequest>,
) -> Result<Response, Response> {
    let pass = caller.pass.ok_or_else(sign_in)?;
    let account = parts
        .budgets
        .account(&Principal::of(&pass.identity, &pass.grant));
    let held = account.hold(Limit::EventStreams, 1).map_err(|over| {
        let who = caller::who(&pass.identity, &pass.grant, &caller.from);
        let refusals = &parts.refusals;
        refusals.tell(&*door, Turned::Full, over.limit.name(), who, None);
        responses::over(over)
    })?;
    let follower = Follower {
        _held: held,
        permit: pass.permit.watch(),
        grant: pass.grant,
        wanted: Wanted::read(wish.miniatures.as_deref())?,
        listing: parts.directory.watch(),
        presence: parts.presence.clone(),
        counts: parts.presence.watch(),
        bells: gallery.bells().watch(),
        miniatures: gallery.watch(),
        gallery,
        stopping: parts.stopping.clone(),
        looked: None,
        told: [String::new(), String::new()],
        due: Vec::new(),
        showing: VecDeque::new(),
    };
    drop(parts);
    let stream = futures_util::stream::unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    let keep_alive = KeepAlive::new().interval(EVENT_KEEP_ALIVE);
    let mut response = Sse::new(stream).keep_alive(keep_alive).into_response();
    // nginx would hold events back in its buffer.
    let no = HeaderValue::from_static("no");
    response.headers_mut().insert("x-accel-buffering", no);
    Ok(response)
}

/// One page that follows the list.
struct Follower {
    _held: Held,
    permit: Watch,
    /// What it may see.
    grant: Grant,
    wanted: Wanted,
    listing: watch::Receiver<Arc<Listing>>,
    presence: Presence,
    counts: watch::Receiver<usize>,
    bells: watch::Receiver<Marks>,
    gallery: Gallery,
    miniatures: watch::Receiver<()>,
    stopping: Stopping,
    /// When the list was looked at last.
    looked: Option<Instant>,
    /// What it knows: `sessions`, `tmux`.
    told: [String; 2],
    /// Of the list; taken from the end.
    due: Vec<Event>,
    /// What is shown, the one longest not told first.
    showing: VecDeque<Shown>,
}

struct Shown {
    id: SessionId,
    latest: watch::Receiver<Latest>,
    /// Held so that it is shown.
    _showing: Arc<Showing>,
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        loop {
            interleave::at("event").await;
            // Right before anything goes out: it may have ended since, whatever was waited for.
            if !self.permit.permit().holds() {
                return None;
            }
            if let Some(event) = self.due.pop() {
                return Some(event);
            }
            if self.is_news() {
                if let Some(looked) = self.looked {
                    sleep_until(looked + EVENT_INTERVAL).await;
                }
                self.look()?;
            } else if let Some(event) = self.miniature() {
                return Some(event);
            } else {
                tokio::select! {
                    changed = self.listing.changed() => { changed.ok()?; self.listing.mark_changed(); }
                    changed = self.counts.changed() => { changed.ok()?; self.counts.mark_changed(); }
                    changed = self.bells.changed() => { changed.ok()?; self.bells.mark_changed(); }
                    changed = self.miniatures.changed() => { changed.ok()?; self.choose(); }
                    // The page asks anew, and is told.
                    granted = self.permit.changed() => { self.grant = granted.ok()?; self.looked = None; }
                    () = self.stopping.wait() => return None,
                }
            }
        }
    }

    /// Whether the list may have changed.
    fn is_news(&self) -> bool {
        let changed = |changed: Result<bool, _>| changed.is_ok_and(|changed| changed);
        self.looked.is_none()
            || changed(self.listing.has_changed())
            || changed(self.counts.has_changed())
            || changed(self.bells.has_changed())
    }

    fn look(&mut self) -> Option<()> {
        self.looked = Some(Instant::now());
        let listing = Arc::clone(&self.listing.borrow_and_update());
        self.counts.mark_unchanged();
        self.bells.mark_unchanged();
        let rows = rows(&listing, &self.presence, self.gallery.bells(), &self.grant);
        let now = [
            serde_json::to_string(&rows).ok()?,
            serde_json::to_string(&Tmux::told(&listing.status, &self.grant)).ok()?,
        ];
        // From the end, as they are taken from there: how tmux is comes first.
        for (index, name) in [(0, "sessions"), (1, "tmux")] {
            if now[index] != self.told[index] {
                self.due
                    .push(Event::default().event(name).data(&now[index]));
            }
        }
        self.told = now;
        self.choose();
        Some(())
    }

    /// Shows what is wanted, as far as there is room.
    fn choose(&mut self) {
        let listing = Arc::clone(&self.listing.borrow());
        let shown: Vec<_> = self.showing.iter().map(|shown| shown.id).collect();
        let may = |session: &&Session| self.grant.rights(*session).view;
        let sessions: Vec<_> = listing.sessions.iter().filter(may).collect();
        let chosen = self.wanted.choose(&sessions, &shown);
        self.showing.retain(|shown| chosen.contains(&shown.id));
        for id in chosen {
            if shown.contains(&id) {
                continue;
            }
            if let Some(showing) = self.gallery.show(id, self.grant.is_confined()) {
                let mut latest = showing.watch();
                latest.mark_changed();
                self.showing.push_back(Shown {
                    id,
                    latest,
                    _showing: showing,
                });
            }
        }
    }

    /// A miniature that is news, of the session that has waited longest.
    fn miniature(&mut self) -> Option<Event> {
        for _ in 0..self.showing.len() {
            let mut shown = self.showing.pop_front()?;
            let news = shown.latest.has_changed().is_ok_and(|changed| changed);
            let latest = news.then(|| shown.latest.borrow_and_update().clone());
            self.showing.push_back(shown);
            if let Some(text) = latest.flatten() {
                return Some(Event::default().event("miniature").data(&*text));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tmux::Creation;

    fn sessions(activities: &[u64]) -> Vec<Session> {
        let session = |(id, activity): (usize, &u64)| Session {
            id: SessionId(id as u32),
            name: format!("s{id}"),
            windows: 1,
            created: Creation {
                at: 0,
                server: None,
            },
            activity: *activity,
            bell: false,
            fleeting: false,
            attached: 0,
            size: None,
            command: String::new(),
            start: String::new(),
            cwd: String::new(),
            title: String::new(),
        };
        activities.iter().enumerate().map(session).collect()
    }

    fn choose(wanted: &Wanted, activities: &[u64], shown: &[SessionId]) -> Vec<SessionId> {
        let sessions = sessions(activities);
        wanted.choose(&sessions.iter().collect::<Vec<_>>(), shown)
    }

    #[test]
    fn what_is_wanted_is_read() {
        let ids = |ids: &[u32]| Wanted::These(ids.iter().map(|id| SessionId(*id)).collect());
        let many = vec!["$1"; MINIATURES + 1].join(",");
        for (text, wanted) in [
            (None, Some(ids(&[]))),
            (Some(""), Some(ids(&[]))),
            (Some("recent"), Some(Wanted::Recent)),
            (Some("$1,$20"), Some(ids(&[1, 20]))),
            (Some("$1,"), None),
            (Some("work"), None),
            (Some(&*many), None),
        ] {
            assert_eq!(Wanted::read(text).ok(), wanted, "{text:?}");
        }
    }

    #[test]
    fn recent_are_those_written_to_last_and_who_is_shown_stays() {
        let mut activities = vec![0; MINIATURES + 2];
        activities[3] = 9;
        let chosen = choose(&Wanted::Recent, &activities, &[]);
        assert_eq!(chosen.len(), MINIATURES);
        assert_eq!(chosen[0], SessionId(3));
        let last = SessionId(MINIATURES as u32 + 1);
        assert!(!chosen.contains(&last));
        *activities.last_mut().expect("there are some") = 10;
        let again = choose(&Wanted::Recent, &activities, &chosen);
        assert_eq!(again, chosen);
        let gone = [0, 1];
        assert_eq!(
            choose(&Wanted::Recent, &gone, &chosen),
            [SessionId(0), SessionId(1)]
        );
        let these = Wanted::These(vec![SessionId(7), SessionId(1)]);
        assert_eq!(choose(&these, &gone, &[]), [SessionId(1)]);
    }
}
