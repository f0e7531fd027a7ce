//! What one process leaves to the next: its viewers and its tmux clients. Pure. In: viewers and the
//! sockets they are at, clients and the terminals they are in. Out: bytes, and from bytes the same, or
//! why not. It does not know how the bytes travel.
//!
//! ```text
//! "muxview handoff\n" | version, 4 bytes | SHA-256 of the rest, 32 bytes | JSON
//! ```
//!
//! The version says what a reader must know. A build that knows it reads the JSON whether a field
//! was added since or not; any other leaves it unread.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::tmux::ServerId;
use crate::web::auth::signatures::Left;
use crate::web::socket::carried::{Carried, in_base64};

const MAGIC: &[u8; 16] = b"muxview handoff\n";
/// Of the state this build writes, and the only one it reads.
const VERSION: u32 = 1;
const HEAD: usize = MAGIC.len() + 4 + 32;

/// All that is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// When viewers were last served, in milliseconds since 1970.
    pub(super) since: u64,
    pub(super) seats: Vec<Seat>,
    /// tmux clients that live on. A build that does not know them closes their terminals, which it takes
    /// for viewers' sockets that are of no use.
    #[serde(default)]
    pub(super) clients: Vec<Client>,
    /// Clients of the tmux server that hold sessions meanwhile.
    #[serde(default)]
    pub(super) holders: Vec<Held>,
    /// The signatures of pages that were accepted. A build that does not know them leaves none, and then
    /// nothing is accepted that was signed before the next one.
    #[serde(default)]
    pub(super) signatures: Option<Left>,
    /// What was measured of tmux's widths. Only a build that would measure the same reads it.
    #[serde(default)]
    pub(super) widths: Option<serde_json::Value>,
}

/// A session that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// Its id, `$3`.
    pub(super) session: String,
    /// The client that holds it, as tmux calls it.
    pub(super) client: String,
}

/// One tmux client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Client {
    /// The path of its terminal: what tmux calls it, and what the master tells.
    pub(super) tty: String,
    /// Its session's id, `$3`.
    pub(super) session: String,
    /// When that was created, in seconds since 1970.
    pub(super) created: u64,
    /// By which tmux server.
    #[serde(default)]
    pub(super) server: Option<ServerId>,
    /// What that is called.
    pub(super) name: String,
    /// Columns and rows of the terminal.
    pub(super) size: (u16, u16),
    /// Whether it counts for the window's size.
    pub(super) claim: bool,
    /// Bytes that draw what the terminal showed.
    #[serde(with = "in_base64")]
    pub(super) screen: Bytes,
    /// Bytes read from it and not drawn yet.
    #[serde(with = "in_base64")]
    pub(super) held: Bytes,
}

/// One viewer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seat {
    /// Of its socket: the same in every process that has it open.
    pub(super) inode: u64,
    pub(super) viewer: Carried,
}

/// Why a state is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Of another build.
    #[error("it has version {0}, and this muxview reads version {VERSION}")]
    Version(u32),
    /// No state, or a broken one.
    #[error("it is damaged")]
    Damaged,
}

impl State {
    pub(super) fn encode(&self) -> Vec<u8> {
        let body = serde_json::to_vec(self).expect("strings and numbers always serialise");
        let version = VERSION.to_be_bytes();
        [&MAGIC[..], &version, &Sha256::digest(&body), &body].concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Refused> {
        let (head, body) = bytes.split_at_checked(HEAD).ok_or(Refused::Damaged)?;
        let rest = head.strip_prefix(MAGIC).ok_or(Refused::Damaged)?;
        let (version, sum) = rest.split_first_chunk().ok_or(Refused::Damaged)?;
        let version = u32::from_be_bytes(*version);
        if version != VERSION {
            return Err(Refused::Version(version));
        }
        if sum != Sha256::digest(body).as_slice() {
            return Err(Refused::Damaged);
        }
        serde_json::from_slice(body).map_err(|_| Refused::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Proof;
    use crate::web::socket::carried::Stay;
    use crate::web::socket::input_queue::Message;
    use proptest::prelude::*;

    fn bytes() -> impl Strategy<Value = Bytes> {
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from)
    }

    prop_compose! {
        fn seat()(
            names in (any::<String>(), any::<String>(), any::<String>()),
            flags in any::<[bool; 5]>(),
            (size, theme) in any::<(Option<(u16, u16)>, Option<[u8; 6]>)>(),
            counts in any::<(u64, u64, Option<u64>, u64)>(),
            unread in bytes(),
            unsent in bytes(),
            input in prop::collection::vec(bytes().prop_map(Message::Typed), 0..3),
        ) -> Seat {
            let [drive, ours, deflate, visible, outvoted] = flags;
            let (acted, sent, acked, inode) = counts;
            let (id, name, peer) = names;
            let proof = Proof::Anyone;
            let stay = Stay { number: inode, since: sent, typed: acted, quiet: sent % 2 == 0 };
            let viewer = Carried {
                id, name, peer, proof, drive, ours, deflate, visible, size, acted, outvoted, theme, sent, acked,
                unread, unsent, input, stay,
            };
            Seat { inode, viewer }
        }
    }

    prop_compose! {
        fn client()(
            names in (any::<String>(), any::<String>(), any::<String>()),
            size in any::<(u16, u16)>(),
            (created, server) in any::<(u64, Option<(u32, u64)>)>(),
            claim in any::<bool>(),
            screen in bytes(),
            held in bytes(),
        ) -> Client {
            let (tty, session, name) = names;
            let server = server.map(|(pid, started)| ServerId { pid, started });
            Client { tty, session, created, server, name, size, claim, screen, held }
        }
    }

    fn state() -> impl Strategy<Value = State> {
        let seats = prop::collection::vec(seat(), 0..4);
        let clients = prop::collection::vec(client(), 0..3);
        let held = any::<(String, String)>().prop_map(|(session, client)| Held { session, client });
        let holders = prop::collection::vec(held, 0..3);
        let all = (any::<u64>(), seats, clients, holders);
        all.prop_map(|(since, seats, clients, holders)| State {
            since,
            seats,
            clients,
            holders,
            signatures: None,
            widths: None,
        })
    }

    proptest! {
        #[test]
        fn what_is_left_is_found(state in state()) {
            prop_assert_eq!(State::decode(&state.encode()), Ok(state));
        }

        #[test]
        fn what_is_damaged_is_refused(
            state in state(),
            at in any::<prop::sample::Index>(),
            bit in 0_u32..8,
            cut in any::<prop::sample::Index>(),
        ) {
            let good = state.encode();
            let mut wrong = good.clone();
            wrong[at.index(good.len())] ^= 1_u8 << bit;
            prop_assert!(State::decode(&wrong).is_err());
            prop_assert!(State::decode(&good[..cut.index(good.len())]).is_err());
        }

        #[test]
        fn anything_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(State::decode(&bytes).is_err());
            let sum = Sha256::digest(&bytes);
            let signed = [&MAGIC[..], &VERSION.to_be_bytes(), &sum, &bytes].concat();
            prop_assert!(State::decode(&signed).is_err());
        }
    }

    #[test]
    fn another_version_is_told_apart_from_damage() {
        let mut bytes = State {
            since: 0,
            seats: vec![],
            clients: vec![],
            holders: vec![],
            signatures: None,
            widths: None,
        }
        .encode();
        bytes[MAGIC.len() + 3] = 2;
        assert_eq!(State::decode(&bytes), Err(Refused::Version(2)));
        assert_eq!(State::decode(b""), Err(Refused::Damaged));
    }

    #[test]
    fn a_field_more_or_less_is_no_other_version() {
        let json = |field: &str| {
            format!(
                r#"{{"since":1,"new":[],"seats":[{{"inode":2,"viewer":{{"id":"$1","name":"a",
                "peer":"p","proof":{proof},"drive":true,"ours":true,"visible":true,"size":[80,24],
                "acted":1,"outvoted":false,"sent":5,"acked":null,"unread":"AA==","unsent":""{field}}}}}]}}"#,
                proof = serde_json::to_string(&Proof::Anyone).expect("a word"),
            )
        };
        let read = |body: String| {
            let sum = Sha256::digest(&body);
            let head = [&MAGIC[..], &VERSION.to_be_bytes(), &sum].concat();
            State::decode(&[&head, body.as_bytes()].concat())
        };
        let seat = |field| read(json(field)).expect("readable").seats.remove(0);
        assert_eq!(seat(""), seat(r#","later":{"x":1}"#));
        assert_eq!(seat("").viewer.unread, Bytes::from_static(b"\0"));
        let state = read(json("")).expect("readable");
        assert_eq!(state.clients, [], "a build before them");
        assert_eq!(read("{}".to_owned()), Err(Refused::Damaged));
    }

    /// As a build of 2026-12-01 wrote it, with every field set. An upgrade must read it, and a way back
    /// must be able to read what is written today.
    #[test]
    fn the_recorded_state_is_read_and_written_the_same() {
        let recorded = include_str!("recorded_state.json");
        let sum = Sha256::digest(recorded);
        let head = [&MAGIC[..], &VERSION.to_be_bytes(), &sum].concat();
        let state = State::decode(&[&head, recorded.as_bytes()].concat()).expect("readable");
        assert_eq!((state.seats.len(), state.clients.len()), (2, 1));
        assert!(state.signatures.is_some() && state.widths.is_some());
        let value = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).expect("JSON");
        assert_eq!(value(&state.encode()[HEAD..]), value(recorded.as_bytes()));
    }
}
