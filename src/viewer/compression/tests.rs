//! Every rule of the stream by itself, then some viewers that come, lag, hide and go.

use super::*;
use crate::config::limits::{DEFLATE_FROM_BYTES, REPAINT_INTERVAL};
use crate::terminal::{Generation, Screen, Size, Terminal, Widths};
use crate::tmux::SessionId;
use crate::viewer::{Label, Output, Picture, State, Viewer, ViewerId};
use flate2::{Decompress, FlushDecompress};
use proptest::prelude::*;
use std::time::Duration;

const WORDS: [&str; 11] = [
    "the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "sleeps",
];

const SIZE: Size = Size { cols: 60, rows: 12 };

const fn next(random: u32) -> u32 {
    random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)
}

/// A session: what its bridge does.
struct Source {
    terminal: Terminal,
    state: State,
    squeezer: Arc<Squeezer>,
}

impl Source {
    fn new() -> Self {
        let widths = Arc::new(Widths::default());
        let checker = Checker::new(|wrong| {
            panic!(
                "wanted {}\ngot {}\nfrom {}",
                wrong.wanted, wrong.got, wrong.frame
            )
        });
        let mut source = Self {
            terminal: Terminal::new(SIZE, widths, Generation(0)),
            state: State::new(Label {
                id: SessionId(1),
                name: "work".into(),
            }),
            squeezer: Arc::new(Squeezer::checked(checker)),
        };
        source.draw("start");
        source
    }

    fn draw(&mut self, text: &str) {
        let mut bytes = text.as_bytes();
        while !bytes.is_empty() {
            bytes = &bytes[self.terminal.feed(bytes)..];
        }
        self.publish();
    }

    /// A screen whose rows are other words than in the one before.
    fn page(&mut self, n: usize) {
        let mut text = String::from("\x1b[H\x1b[2J");
        let mut random = n as u32;
        for row in 0..SIZE.rows {
            text += &format!("\x1b[{};1H", row + 1);
            for _ in 0..9 {
                random = next(random);
                text += WORDS[(random >> 16) as usize % WORDS.len()];
                text.push(' ');
            }
        }
        self.draw(&text);
    }

    fn publish(&mut self) {
        let screen = self.terminal.screen();
        let known = self.state.picture.as_ref();
        if known.is_none_or(|known| !Arc::ptr_eq(&known.screen, &screen)) {
            let picture = Picture::new(screen, Arc::clone(&self.squeezer));
            self.state.picture = Some(Arc::new(picture));
        }
    }

    fn screen(&self) -> &Arc<Screen> {
        &self.state.picture.as_ref().expect("published").screen
    }
}

/// A page: a viewer, its inflater and its terminal.
struct Page {
    viewer: Viewer,
    inflate: Decompress,
    terminal: Terminal,
    size: Option<Size>,
    /// The messages it got, the last ones first.
    got: Vec<Frame>,
}

impl Page {
    fn new(inflates: bool) -> Self {
        Self {
            viewer: Viewer::new(ViewerId(1), true).inflating(inflates),
            inflate: Decompress::new(false),
            terminal: Terminal::new(SIZE, Arc::new(Widths::default()), Generation(0)),
            size: None,
            got: Vec::new(),
        }
    }

    /// Takes all that is for it; how many frames that were.
    fn take(&mut self, source: &Source, now: Instant) -> usize {
        let before = self.got.len();
        while let Some(output) = self.viewer.next(&source.state, now) {
            match output {
                Output::Size(size) => self.size = Some(size),
                Output::Frame(frame) => self.frame(frame),
                _ => {}
            }
        }
        self.got.len() - before
    }

    fn frame(&mut self, frame: Frame) {
        if let Some(size) = self.size.take() {
            self.terminal.resize(size);
        }
        let bytes = match frame.payload() {
            [0, rest @ ..] => inflated(&mut self.inflate, rest),
            plain => plain.to_vec(),
        };
        assert_eq!(bytes.len() as u64, frame.terminal_bytes());
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            rest = &rest[self.terminal.feed(rest)..];
        }
        self.got.push(frame);
    }

    fn last(&self) -> &Frame {
        self.got.last().expect("it got some")
    }

    fn coding(&self) -> Coding {
        self.last().coding()
    }

    fn shows(&mut self, source: &Source) -> bool {
        self.terminal.screen().shows_same(source.screen())
    }
}

/// What a chunk holds: the length that stands before it, and all of that.
fn inflated(inflate: &mut Decompress, chunk: &[u8]) -> Vec<u8> {
    let end = chunk.iter().position(|byte| byte & 0x80 == 0);
    let end = end.expect("the length ends");
    let len = (0..=end).fold(0, |len, at| len | usize::from(chunk[at] & 0x7f) << (7 * at));
    let mut bytes = Vec::with_capacity(len + 1);
    inflate
        .decompress_vec(&chunk[end + 1..], &mut bytes, FlushDecompress::Sync)
        .expect("it is deflate");
    assert_eq!(bytes.len(), len);
    bytes
}

fn chained(page: &Page) -> bool {
    matches!(page.coding(), Coding::Chain(_))
}

#[test]
fn who_keeps_up_gets_one_chain_for_all() {
    let (mut source, now) = (Source::new(), Instant::now());
    let mut pages = [Page::new(true), Page::new(true), Page::new(false)];
    for n in 0..20 {
        source.page(n);
        for page in &mut pages {
            assert_eq!(page.take(&source, now), 1);
            assert!(page.shows(&source));
        }
        let [one, other, plain] = &pages;
        assert_eq!(one.last().wire().as_ptr(), other.last().wire().as_ptr());
        assert_eq!(plain.coding(), Coding::Plain);
        assert_eq!(one.coding() == Coding::Alone, n == 0, "{:?}", one.coding());
        let (small, whole) = (one.last().payload().len(), plain.last().payload().len());
        assert!(n < 3 || small * 2 < whole, "{small} of {whole}");
    }
}

#[test]
fn an_echo_goes_as_it_is_and_leaves_the_chain_alone() {
    let (mut source, now) = (Source::new(), Instant::now());
    let mut page = Page::new(true);
    for n in 0..3 {
        source.page(n);
        page.take(&source, now);
    }
    assert!(chained(&page));
    source.draw("x");
    page.take(&source, now);
    assert_eq!(page.last().wire()[..], [0x82, 1, b'x']);
    source.page(3);
    page.take(&source, now);
    assert!(chained(&page), "though no entry was due");
}

#[test]
fn who_joins_or_lags_enters_within_the_interval_and_the_others_go_on() {
    let (mut source, start) = (Source::new(), Instant::now());
    let (mut old, mut new) = (Page::new(true), Page::new(true));
    let mut outside = 0;
    for n in 0..200 {
        let now = start + Duration::from_millis(16) * n;
        source.page(n as usize);
        assert_eq!(old.take(&source, now), 1);
        assert!(old.shows(&source));
        assert!(n == 0 || chained(&old));
        // It comes late, and is away for some pictures once.
        if n >= 50 && !(100..110).contains(&n) {
            assert_eq!(new.take(&source, now), 1);
            assert!(new.shows(&source));
            outside += u32::from(!chained(&new));
        }
    }
    assert!(chained(&new));
    let most = 2 * (ENTRY_INTERVAL.as_millis() / 16 + 2) as u32;
    assert!(outside <= most, "{outside} of {most}");
}

#[test]
fn one_that_lags_always_does_not_spoil_the_chain_of_the_others() {
    let (mut source, start) = (Source::new(), Instant::now());
    let mut pages = [Page::new(true), Page::new(true)];
    let alone = {
        let (mut source, mut only) = (Source::new(), Page::new(true));
        for n in 0..120 {
            source.page(n as usize);
            only.take(&source, start + Duration::from_millis(16) * n);
        }
        only.got
            .iter()
            .map(|frame| frame.payload().len())
            .sum::<usize>()
    };
    for n in 0..120 {
        let now = start + Duration::from_millis(16) * n;
        source.page(n as usize);
        pages[0].take(&source, now);
        if n % 3 == 0 {
            pages[1].take(&source, now);
            assert!(pages[1].shows(&source));
        }
    }
    let all = pages[0].got.iter().map(|frame| frame.payload().len());
    let all: usize = all.sum();
    assert!(all < alone * 5 / 4, "{all}, and {alone} without the other");
}

#[test]
fn what_deflate_does_not_shorten_goes_as_it_is() {
    let (mut source, now) = (Source::new(), Instant::now());
    let mut page = Page::new(true);
    page.take(&source, now);
    let mut random = 1u32;
    for n in 0..40 {
        let mut text = String::from("\x1b[H");
        for _ in 0..SIZE.rows * SIZE.cols - 1 {
            random = next(random);
            text.push(char::from(b'!' + (random >> 12) as u8 % 94));
        }
        source.draw(&text);
        page.take(&source, now);
        assert!(page.shows(&source), "{n}");
        assert_eq!(page.coding(), Coding::Plain, "{n}");
    }
    for n in 0..=DEFLATE_REST as usize {
        source.page(n);
        page.take(&source, now);
        assert!(page.shows(&source));
    }
    assert!(chained(&page), "it is tried again");
}

#[test]
fn without_readers_there_is_no_compressor() {
    let (mut source, now) = (Source::new(), Instant::now());
    let mut plain = Page::new(false);
    let mut page = Page::new(true);
    for n in 0..3 {
        source.page(n);
        plain.take(&source, now);
    }
    assert!(source.squeezer.chain().deflate.is_none());
    for n in 0..3 {
        source.page(n);
        page.take(&source, now);
    }
    assert!(source.squeezer.chain().deflate.is_some());
    drop(page);
    assert!(source.squeezer.chain().deflate.is_none());
    let mut page = Page::new(true);
    for n in 3..6 {
        source.page(n);
        page.take(&source, now);
        assert!(page.shows(&source));
    }
    assert!(chained(&page));
}

#[test]
fn a_frame_that_is_wrong_is_found() {
    fn ignore(_: &crate::viewer::Mismatch) {}
    let checker = Checker::new(ignore);
    let mut source = Source::new();
    let before = Arc::clone(source.screen());
    source.draw("\x1b[3;3Hmore");
    let now = source.screen();
    let right = crate::terminal::repaint(Some(&before), now);
    assert!(checker.frame(None, &crate::terminal::repaint(None, &before), &before));
    assert!(checker.frame(Some(&before), &right, now));
    assert!(!checker.frame(Some(&before), &right[1..], now));
    assert!(!checker.frame(Some(&before), b"", now));
    assert!(!checker.frame(None, &right, &before));
    assert!(checker.frame(Some(&before), &right, now), "it goes on");
}

#[test]
fn a_chunk_that_is_wrong_is_found() {
    fn ignore(_: &crate::viewer::Mismatch) {}
    let checker = Checker::new(ignore);
    let plain = b"to be, or not to be, to be, or not to be";
    let good = squeeze(&mut compressor(), plain).expect("it never fails");
    assert!(checker.alone(&good, plain));
    assert!(!checker.alone(&good, b"something else"));
    // What refers back to what was never sent.
    let mut running = compressor();
    squeeze(&mut running, plain);
    let second = squeeze(&mut running, plain).expect("it never fails");
    assert!(!checker.alone(&second, plain));
}

/// What may happen between two looks.
#[derive(Debug, Clone)]
enum Act {
    Page(usize),
    Type(String),
    Log(usize),
    Resize(u16, u16),
    Take(usize),
    TakeAll,
    Ack(usize),
    Visible(usize, bool),
    Resync(usize),
    Leave(usize),
    Wait(u16),
}

const PAGES: usize = 4;

fn act() -> impl Strategy<Value = Act> {
    let who = || 0..PAGES;
    prop_oneof![
        4 => (0usize..9).prop_map(Act::Page),
        2 => "[a-z ]{1,9}".prop_map(Act::Type),
        3 => (1usize..12).prop_map(Act::Log),
        1 => (20u16..70, 3u16..14).prop_map(|(cols, rows)| Act::Resize(cols, rows)),
        4 => who().prop_map(Act::Take),
        8 => Just(Act::TakeAll),
        2 => who().prop_map(Act::Ack),
        1 => (who(), any::<bool>()).prop_map(|(who, is)| Act::Visible(who, is)),
        1 => who().prop_map(Act::Resync),
        1 => who().prop_map(Act::Leave),
        3 => (0u16..700).prop_map(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever viewers do, what they inflate is what their frames hold, and their terminals show
    /// the picture whenever nothing more is for them.
    #[test]
    fn every_inflater_gives_every_frame(acts in prop::collection::vec(act(), 0..120)) {
        let (mut source, mut now) = (Source::new(), Instant::now());
        let mut pages: Vec<Page> = (0..PAGES).map(|n| Page::new(n > 0)).collect();
        for (n, act) in acts.into_iter().enumerate() {
            let mut looked: Vec<usize> = Vec::new();
            match act {
                Act::Page(n) => source.page(n),
                Act::Type(text) => source.draw(&text),
                Act::Log(lines) => source.draw(&format!("\r\nline {n} of a log that is long enough").repeat(lines)),
                Act::Resize(cols, rows) => {
                    source.terminal.resize(Size { cols, rows });
                    source.publish();
                }
                Act::Take(who) => looked.push(who),
                Act::TakeAll => looked.extend(0..PAGES),
                Act::Ack(who) => {
                    let sent = pages[who].viewer.window().sent();
                    pages[who].viewer.acked(sent, now);
                }
                Act::Visible(who, is) => pages[who].viewer.set_visible(is),
                Act::Resync(who) => pages[who].viewer.resync(now),
                Act::Leave(who) => pages[who] = Page::new(who > 0),
                Act::Wait(ms) => now += Duration::from_millis(ms.into()),
            }
            for who in looked {
                let page = &mut pages[who];
                page.take(&source, now);
                if page.viewer.is_visible() && page.viewer.wake_at().is_none() {
                    prop_assert!(page.shows(&source), "page {who}");
                }
            }
        }
        now += REPAINT_INTERVAL;
        for page in &mut pages {
            page.viewer.set_visible(true);
            page.viewer.acked(u64::MAX, now);
            page.take(&source, now + REPAINT_INTERVAL);
            prop_assert!(page.shows(&source));
            let small = |frame: &&Frame| frame.terminal_bytes() < DEFLATE_FROM_BYTES;
            prop_assert!(page.got.iter().filter(small).all(|frame| frame.coding() == Coding::Plain));
        }
    }
}

#[test]
fn padding_is_nothing_and_fills_up() {
    for length in 0..300 {
        let mut random = vec![0; length];
        for (at, byte) in random.iter_mut().enumerate() {
            *byte = (at * at * 31 + at * 7) as u8;
        }
        let mut inflate = Decompress::new(false);
        let mut deflate = compressor();
        for _ in 0..2 {
            let chunk = squeeze(&mut deflate, &random).expect("it compresses");
            assert_eq!(chunk.len() % DEFLATE_PAD_BYTES, 0);
            let mut back = Vec::with_capacity(length + 1);
            inflate
                .decompress_vec(&chunk, &mut back, FlushDecompress::Sync)
                .expect("deflate");
            assert_eq!(back, random);
            assert_eq!(inflate.total_in() % DEFLATE_PAD_BYTES as u64, 0);
        }
    }
}
