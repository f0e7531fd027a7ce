//! A life of the state directory, as the input has it: signing in and out, sharing and ending shares,
//! keys that grow old, restarts, clocks that are set, and between them whatever may be shown: what was
//! handed out, the same with some characters changed, parts of two put together, what another muxview
//! signed, any text. Nothing panics; only what was handed out is accepted, never when it has expired,
//! was ended or used up; and what is still good always is.
//!
//! Every step takes a byte for what to do and as many as that needs; what is missing reads as 0.

use muxview::access::Id;
use muxview::access::credential::Rejected;
use muxview::access::share::Terms;
use muxview::access::{Credential, Keys, Kind, Ledger, Share, Target, Time};
use muxview::config::limits::{
    CLOCK_SKEW, CREDENTIAL_BYTES, CREDENTIAL_LIFE, LINK_LIFE, SHARE_LIFE, SHARE_USES,
};
use muxview::tmux::{Creation, SessionId};

/// Steps of one life: enough for every pair of them.
const STEPS: usize = 64;
const BIRTH: Time = 1_700_000_000;

/// The input, read from its beginning.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        u64::from(u16::from_le_bytes([self.byte(), self.byte()]))
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    /// One of those there are.
    fn pick<'b, T>(&mut self, from: &'b [T]) -> Option<&'b T> {
        let index = usize::from(self.byte());
        from.get(index.checked_rem(from.len())?)
    }

    /// `text` with a few characters changed.
    fn changed(&mut self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..self.byte() % 4 + 1 {
            let (how, at, with) = (self.byte(), self.number() as usize, self.byte().into());
            let at = at.checked_rem(chars.len()).unwrap_or(0);
            match how % 6 {
                _ if chars.is_empty() => chars.push(with),
                0 => chars[at] = with,
                1 => chars.insert(at, with),
                2 => drop(chars.remove(at)),
                3 => chars.truncate(at),
                4 => chars[at] = char::from(chars[at] as u8 ^ 1),
                _ => chars.extend_from_within(at..),
            }
        }
        chars.into_iter().collect()
    }
}

/// A credential that was handed out, and what became of it.
struct Issued {
    text: String,
    credential: Credential,
    ended: bool,
    /// Which of the shares.
    share: Option<usize>,
}

/// A share that was made, and what became of it.
struct Shared {
    secret: String,
    id: Id,
    expires: Time,
    uses: u32,
    ended: bool,
}

/// What the service keeps, and beside it what a bystander knows of it.
struct Life {
    keys: Keys,
    ledger: Ledger,
    now: Time,
    /// The latest the clock ever showed.
    latest: Time,
    issued: Vec<Issued>,
    shares: Vec<Shared>,
    /// How much randomness was used.
    drawn: u64,
}

impl Life {
    fn new() -> Self {
        Self {
            keys: Keys::new([7; 32], BIRTH),
            ledger: Ledger::new([1, 2, 3, 4]),
            now: BIRTH,
            latest: BIRTH,
            issued: Vec::new(),
            shares: Vec::new(),
            drawn: 0,
        }
    }

    /// Never the same twice.
    fn random<const N: usize>(&mut self) -> [u8; N] {
        self.drawn += 1;
        let mut random = [0xa5; N];
        random[..8].copy_from_slice(&self.drawn.to_le_bytes());
        random
    }

    fn hand_out(&mut self, credential: Credential, share: Option<usize>) {
        let text = credential.sealed(&self.keys);
        assert!(text.len() <= CREDENTIAL_BYTES, "{text}");
        assert!(!Share::is_secret(&text), "{text}");
        self.issued.push(Issued {
            text,
            credential,
            ended: false,
            share,
        });
    }

    fn is_open(&self, share: &Shared) -> bool {
        !share.ended && self.now < share.expires
    }

    /// A share that was over once is not needed any more, even when the clock is set back.
    fn may_be_forgotten(&self, share: usize) -> bool {
        self.latest >= self.shares[share].expires
    }

    fn is_good(&self, issued: &Issued) -> bool {
        let Credential { made, expires, .. } = issued.credential;
        let share = issued.share.map(|share| &self.shares[share]);
        !issued.ended
            && self.now < expires
            && made <= self.now + CLOCK_SKEW.as_secs()
            && share.is_none_or(|share| self.is_open(share))
    }

    /// Shows `text`, which may be anything.
    fn show(&mut self, text: &str) {
        let opened = Credential::open(text, &self.keys, &self.ledger, self.now);
        match self.issued.iter().find(|issued| issued.text == text) {
            Some(issued) if self.is_good(issued) => {
                let forgotten = issued.share.is_some_and(|at| self.may_be_forgotten(at));
                let over = forgotten && opened == Err(Rejected::Revoked);
                assert!(
                    over || opened.as_ref() == Ok(&issued.credential),
                    "turned away: {opened:?}"
                );
            }
            Some(_) => assert!(opened.is_err(), "accepted when over: {opened:?}"),
            // Who shows what we never signed learns nothing from the answer.
            None => assert_eq!(opened, Err(Rejected::Forged), "{text:?}"),
        }
        let share = self.shares.iter().position(|share| share.secret == text);
        let opened = self.ledger.open(text, self.now);
        let opened = opened.map(|(share, opening)| (share.clone(), opening));
        let good = share.filter(|at| self.is_open(&self.shares[*at]) && self.shares[*at].uses > 0);
        let forgotten = good.is_some_and(|at| self.may_be_forgotten(at));
        assert!(
            opened.is_none() || good.is_some(),
            "opened when over: {text:?}"
        );
        assert!(
            opened.is_some() || good.is_none() || forgotten,
            "turned away: {text:?}"
        );
        if let (Some((share, opening)), Some(at)) = (opened, good) {
            self.shares[at].uses -= 1;
            assert_eq!(
                (&share.id, share.uses),
                (&self.shares[at].id, self.shares[at].uses)
            );
            let random = self.random();
            let terms = Some((share.id, share.expires, opening));
            let page = Credential::page(random, &self.ledger, terms, self.now);
            assert!(
                page.expires <= share.expires
                    && page.expires <= self.now + CREDENTIAL_LIFE.as_secs()
            );
            self.hand_out(page, Some(at));
        }
    }

    /// Ends one; a link that is opened is used up by it.
    fn end(&mut self, text: &str) {
        let Some(at) = self.issued.iter().position(|issued| issued.text == text) else {
            return;
        };
        let good = self.is_good(&self.issued[at]);
        let credential = self.issued[at].credential.clone();
        if !good {
            return;
        }
        let last = credential.last(&self.ledger);
        if credential.kind == Kind::Link {
            let first = self.ledger.end(credential.id.clone(), last, self.now);
            assert!(first, "it was good");
        } else {
            credential.sign_out(&mut self.ledger, self.now);
            assert!(credential.check(&self.ledger, self.now).is_err());
        }
        // All that were renewed from it have its name and end with it.
        for issued in &mut self.issued {
            issued.ended |= issued.credential.id == credential.id;
        }
        if credential.kind == Kind::Link {
            let again = self.ledger.end(credential.id, last, self.now);
            assert!(!again, "a link is good once");
            let page = Credential::page(self.random(), &self.ledger, None, self.now);
            self.hand_out(page, None);
        }
    }

    fn share(&mut self, script: &mut Script<'_>) {
        let (seconds, uses) = (script.number() * 60, script.byte().into());
        let Ok(terms) = Terms::new(self.now, Some(seconds), Some(uses)) else {
            let longest = SHARE_LIFE.1.as_secs();
            assert!(!(1..=longest).contains(&seconds) || !(1..=SHARE_USES).contains(&uses));
            return;
        };
        let name = script.text();
        let target = Target {
            id: SessionId(script.byte().into()),
            created: Creation {
                at: self.now,
                server: None,
            },
            name: &name,
        };
        let (share, secret) = Share::new(self.random(), target, "owner", terms);
        assert!(Share::is_secret(&secret));
        self.shares.push(Shared {
            secret,
            id: share.id.clone(),
            expires: self.now + seconds,
            uses,
            ended: false,
        });
        self.ledger.add(share, self.now).expect("these are few");
    }

    /// A restart reads both from their files.
    fn restart(&mut self) {
        let written = serde_json::to_vec(&(&self.keys, &self.ledger)).expect("plain data");
        let (keys, ledger) = serde_json::from_slice(&written).expect("what was written");
        assert_eq!((&self.keys, &self.ledger), (&keys, &ledger));
        (self.keys, self.ledger) = (keys, ledger);
    }

    fn step(&mut self, script: &mut Script<'_>) {
        let issued = script.pick(&self.issued).map(|issued| issued.text.clone());
        let issued = issued.unwrap_or_default();
        match script.byte() % 16 {
            0 => {
                let link = Credential::link(self.random(), &self.ledger, self.now);
                assert_eq!(link.expires, self.now + LINK_LIFE.as_secs());
                self.hand_out(link, None);
            }
            1 => self.share(script),
            2 => self.show(&issued),
            3 => self.end(&issued),
            4 => {
                let text = script.changed(&issued);
                self.show(&text);
            }
            5 => {
                let secret = script.pick(&self.shares).map(|share| share.secret.clone());
                self.show(&secret.unwrap_or_default());
            }
            6 => {
                let secret = script.pick(&self.shares).map(|share| share.secret.clone());
                let text = script.changed(&secret.unwrap_or_default());
                self.show(&text);
            }
            7 => {
                let text = script.text();
                self.show(&text);
            }
            8 => {
                // The parts of two: a key's number, what is sealed, the seal.
                let other = script.pick(&self.issued).map(|issued| issued.text.clone());
                let other = other.unwrap_or_default();
                let from = script.byte();
                let parts = issued.split('.').zip(other.split('.')).enumerate();
                let parts =
                    parts.map(|(at, (one, two))| if from >> at & 1 == 0 { one } else { two });
                let text = parts.collect::<Vec<_>>().join(".");
                self.show(&text);
            }
            9 => {
                // As good as ours, but for the key.
                let keys = Keys::new([script.byte() | 8; 32], BIRTH);
                let page = Credential::page(self.random(), &self.ledger, None, self.now);
                self.show(&page.sealed(&keys));
            }
            10 => {
                self.ledger.end_all();
                for issued in &mut self.issued {
                    issued.ended = true;
                }
            }
            11 => {
                if let Some(at) = usize::from(script.byte()).checked_rem(self.shares.len()) {
                    let there = self.ledger.remove(&self.shares[at].id);
                    assert!(there || self.shares[at].ended || self.may_be_forgotten(at));
                    self.shares[at].ended = true;
                }
            }
            12 => {
                // Up to four months in minutes, or exactly to where something ends.
                let minutes = script.number() * 3;
                let end = self.issued.iter().find(|one| one.text == issued);
                let end = end.map_or(self.now, |one| one.credential.expires);
                self.now = match script.byte() % 4 {
                    0 => end.max(self.now),
                    1 => end.saturating_sub(1).max(self.now),
                    _ => self.now + minutes * 60,
                };
                self.latest = self.latest.max(self.now);
            }
            13 => {
                let back = u64::from(script.byte()) % (CLOCK_SKEW.as_secs() + 1);
                self.now = (self.now - back).max(self.latest - CLOCK_SKEW.as_secs());
            }
            14 => {
                let random = self.random();
                self.keys.rotate(random, self.now);
                self.restart();
            }
            _ => self.renew(&issued),
        }
    }

    fn renew(&mut self, text: &str) {
        let Some(issued) = self.issued.iter().find(|issued| issued.text == text) else {
            return;
        };
        // As the service does it: only for who was let in.
        if !self.is_good(issued) {
            return;
        }
        let (share, old) = (issued.share, issued.credential.clone());
        if let Some(renewed) = old.renewed(&self.ledger, self.now) {
            assert!(renewed.expires > old.expires);
            assert_eq!((&renewed.id, renewed.since), (&old.id, old.since));
            let until = share.map(|share| self.shares[share].expires);
            assert!(until.is_none_or(|until| renewed.expires <= until));
            self.hand_out(renewed, share);
        }
    }
}

/// What a person or a damaged file may give.
fn read(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(id) = Id::parse(&text) {
        assert_eq!(id.as_str(), text.to_ascii_lowercase());
        assert!(id.as_str().len() == 24 && !text.contains(|c: char| !c.is_ascii_hexdigit()));
    }
    if let Ok(keys) = serde_json::from_slice::<Keys>(data) {
        let opened = Credential::open(&text, &keys, &Ledger::default(), BIRTH);
        assert_eq!(opened, Err(Rejected::Forged));
    }
    if let Ok(mut ledger) = serde_json::from_slice::<Ledger>(data) {
        assert!(ledger.open(&text, BIRTH).is_none());
        let link = Credential::link([3; 12], &ledger, BIRTH);
        let fresh = !ledger.is_ended(&link.id);
        assert_eq!(link.check(&ledger, BIRTH).is_ok(), fresh);
        ledger.end(link.id.clone(), link.expires, BIRTH);
        assert_eq!(link.check(&ledger, BIRTH), Err(Rejected::Revoked));
    }
}

pub(crate) fn check(data: &[u8]) {
    read(data);
    let mut life = Life::new();
    let mut script = Script(data);
    for _ in 0..STEPS {
        if script.0.is_empty() {
            break;
        }
        life.step(&mut script);
    }
    let all: Vec<_> = life
        .issued
        .iter()
        .map(|issued| issued.text.clone())
        .collect();
    for text in all {
        life.show(&text);
    }
}
