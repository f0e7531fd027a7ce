//! One WebSocket is one viewer. In: an open socket and what its URL wished, or what another process
//! says of it. Out: a viewer at its seat, or a close that says why not. It must not know what is
//! shown.

use bytes::Bytes;
use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::config::limits::{MESSAGE_BYTES, SPECTATOR_MESSAGE_BYTES};
use crate::interleave;
use crate::viewer::{Viewer, Window};
use crate::web::auth::caller::Caller;
use crate::web::connection::stream::Stream;
use crate::web::parts::Parts;
use crate::web::socket::audit_record;
use crate::web::socket::carried::Carried;
use crate::web::socket::join;
use crate::web::socket::join::Seated;
use crate::web::socket::join_request::JoinRequest;
use crate::web::socket::messages::Connection;
use crate::web::socket::protocol::Close;
use crate::web::socket::subprotocol::Subprotocol;
use crate::web::socket::tap::Tap;
use crate::web::socket::task::Viewing;

/// Serves one viewer from its first byte to its last.
pub(in crate::web) async fn run(parts: Arc<Parts>, caller: Caller, wish: JoinRequest, tap: Tap) {
    let stopping = parts.stopping.clone();
    // Boxed, like all that is over soon or comes at the end: the task keeps room for what is not.
    let seated = match Box::pin(join::first(&parts, &caller, &wish)).await {
        Ok(seated) => seated,
        Err(close) => {
            audit_record::refuse(&parts.refusals, &caller, &wish, &close);
            return Box::pin(turn_away(tap, &close)).await;
        }
    };
    let connection = connect(tap, &seated).await;
    interleave::at("connected").await;
    parts.rounds.enter(connection.outlet());
    // What outlives the joining is only what a viewer needs.
    drop((parts, caller));
    let viewer = Viewer::new(seated.seat.viewer(), wish.join.visible).inflating(wish.deflate);
    Viewing::new(connection, seated, viewer, wish.speech, stopping)
        .run()
        .await;
}

async fn turn_away(tap: Tap, close: &Close) {
    count_close(close.code);
    let mut connection = Connection::new(tap, SPECTATOR_MESSAGE_BYTES).await;
    connection.close(close, drop).await;
}

/// Reads messages as long as its viewer may send.
async fn connect(mut tap: Tap, seated: &Seated) -> Connection {
    tap.count(seated.room.buffer());
    let messages = if seated.seat.driver().is_some() {
        MESSAGE_BYTES
    } else {
        tap.leave_out_oversize();
        SPECTATOR_MESSAGE_BYTES
    };
    Connection::new(tap, messages).await
}

/// Seats a viewer that another process served. What it gives is to be run as a task of its own.
pub(in crate::web) async fn resume(
    parts: &Parts,
    stream: Stream,
    carried: Carried,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let Carried { unread, unsent, .. } = &carried;
    let tap = Tap::carried(stream, unread.clone(), unsent.clone());
    let seated = match join::again(parts, &carried).await {
        Ok(seated) => seated,
        Err(close) => {
            audit_record::lose(&parts.audit, &carried, close.code);
            // What was not written yet is not for whoever may be here no more, and nothing can follow
            // half a message: they hear why when they come back.
            if !carried.unsent.is_empty() && matches!(close.code, 4401 | 4403) {
                return Box::pin(async {});
            }
            return Box::pin(async move { turn_away(tap, &close).await });
        }
    };
    let connection = connect(tap, &seated).await;
    parts.rounds.enter(connection.outlet());
    let window = Window::carried(carried.sent, carried.acked);
    let viewer = Viewer::carried(seated.seat.viewer(), carried.visible, window);
    let viewer = viewer.inflating(carried.deflate);
    let speech = if carried.ours {
        Subprotocol::Ours
    } else {
        Subprotocol::Raw
    };
    let stopping = parts.stopping.clone();
    let mut viewing = Viewing::new(connection, seated, viewer, speech, stopping);
    viewing.take(carried.input);
    Box::pin(async move {
        viewing.run().await;
    })
}

/// Ends a viewer's socket before it is anybody's.
pub(in crate::web) async fn dismiss(stream: Stream, unsent: Bytes, close: &Close) {
    turn_away(Tap::carried(stream, Bytes::new(), unsent), close).await;
}

pub(in crate::web) fn count_close(code: u16) {
    metrics::counter!("muxview_closes_total", "code" => counted_as(code)).increment(1);
}

/// A peer may close with any of thousands of codes; those that mean something here have a count each.
fn counted_as(code: u16) -> Cow<'static, str> {
    match code {
        1000..=1015 | 4400..=4429 | 4500..=4529 => code.to_string().into(),
        _ => "other".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_peer_cannot_make_counts_without_end() {
        let counts: HashSet<_> = (0..=u16::MAX).map(counted_as).collect();
        assert!(counts.len() < 100, "{}", counts.len());
        let close = Close::restart(std::time::Duration::ZERO);
        for Close { code, .. } in [
            close,
            Close::busy(""),
            Close::ended(""),
            Close::SIGN_IN,
            Close::FORBIDDEN,
            Close::NO_SESSION,
            Close::TOO_OLD,
            Close::RIGHTS_CHANGED,
            Close::SILENT,
            Close::TOO_MANY,
            Close::BROKEN,
            Close::FLOOD,
        ] {
            assert_eq!(counted_as(code), code.to_string());
        }
    }
}
