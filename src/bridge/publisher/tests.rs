use super::*;
use crate::config::limits::FRAME_INTERVAL;
use crate::tmux::Epoch;
use std::fmt::Write as _;
use std::time::Duration;

const OURS: SessionId = SessionId(1);
const MADE: Creation = Creation {
    at: 1_700_000_000,
    server: None,
};
const OTHER: SessionId = SessionId(2);
const EPOCH: Epoch = Epoch {
    attached: 7,
    ended: Some(2),
};
const SIZE: Size = Size { cols: 20, rows: 4 };

fn canvas() -> Canvas {
    let mut canvas = Canvas::new((OURS, MADE), SIZE, Arc::default(), Generation(0), None);
    canvas.watch(true, Instant::now());
    canvas
}

const fn at(session: SessionId) -> Option<Whereabouts> {
    Some(Whereabouts {
        session,
        created: MADE,
        switched: false,
        window: Size { cols: 80, rows: 24 },
        discarded: 0,
        followed: false,
        epoch: EPOCH,
    })
}

/// A whole redraw as tmux writes one, every row saying `text`.
fn redraw(text: &str) -> String {
    let mut bytes = String::from("\x1bP=1s\x1b\\\x1b[?25l");
    for row in 1..=SIZE.rows {
        // A String takes everything written to it.
        let _ = write!(bytes, "\x1b[{row};1H{text}\x1b[K");
    }
    bytes + "\x1b[?25h\x1bP=2s\x1b\\"
}

/// One read that drains the pty. Gives what may be published at once.
fn read(canvas: &mut Canvas, bytes: &str, now: Instant) -> Option<Shot> {
    canvas.read(bytes.len(), now);
    let mut fed = 0;
    let mut shot = None;
    while fed < bytes.len() {
        fed += canvas.feed(&bytes.as_bytes()[fed..], now);
        shot = shot.or(canvas.look(now));
    }
    canvas.drained();
    shot.or_else(|| canvas.look(now))
}

fn text(shot: &Shot) -> String {
    shot.screen.rows.iter().map(|row| row.text()).collect()
}

/// A canvas whose first picture was confirmed and shown.
fn live(now: Instant) -> Canvas {
    let mut canvas = canvas();
    assert!(read(&mut canvas, "\x1b[H\x1b[J", now).is_none());
    assert!(read(&mut canvas, &redraw("ours"), now).is_none());
    assert!(canvas.question(now));
    assert!(!canvas.question(now), "one question at a time");
    let shot = canvas.answered(at(OURS), now).expect("it is ours");
    assert_eq!(text(&shot.expect("covered")), "oursoursoursours");
    canvas
}

#[test]
fn an_echo_is_seen_at_once() {
    let now = Instant::now();
    let mut canvas = live(now);
    let key = now + Duration::from_secs(1);
    let shot = read(&mut canvas, "x", key).expect("nothing to wait for");
    assert!(text(&shot).contains('x'));
    assert!(!canvas.question(now));
}

#[test]
fn another_session_is_never_seen_whenever_the_answer_comes() {
    let now = Instant::now();
    for ask_before in [false, true] {
        let mut canvas = live(now);
        let later = now + Duration::from_secs(1);
        if ask_before {
            // A question on its way while the client is switched is answered "ours".
            assert!(read(&mut canvas, "1234567", later).is_some());
            assert!(canvas.question(later));
        }
        assert!(read(&mut canvas, &redraw("SECRET"), later + FRAME_INTERVAL).is_none());
        if ask_before {
            let shot = canvas.answered(at(OURS), later).expect("it was ours");
            assert!(shot.is_none(), "the question is older than the picture");
        }
        assert!(canvas.question(now));
        let stray = canvas.answered(at(OTHER), later).expect_err("elsewhere");
        assert_eq!(stray, Stray(Some(OTHER)));
    }
}

#[test]
fn a_title_of_another_session_is_not_seen_before_its_redraw() {
    let now = Instant::now();
    let mut canvas = live(now);
    let later = now + Duration::from_secs(1);
    assert!(read(&mut canvas, "\x1b]0;SECRET\x07", later).is_none());
    assert!(canvas.question(now));
    assert!(canvas.answered(at(OTHER), later).is_err());
}

#[test]
fn a_redraw_cut_by_a_read_is_not_seen_in_part() {
    let now = Instant::now();
    let mut canvas = live(now);
    let redraw = redraw("SECRET");
    let mut at = now + Duration::from_secs(1);
    for cut in 1..redraw.len() - 1 {
        at += Duration::from_micros(10);
        let byte = &redraw[cut - 1..cut];
        assert!(read(&mut canvas, byte, at).is_none(), "after {cut} bytes");
    }
}

#[test]
fn there_and_back_is_a_stray() {
    let now = Instant::now();
    let mut canvas = live(now);
    let later = now + Duration::from_secs(1);
    assert!(read(&mut canvas, &redraw("SECRET"), later).is_none());
    assert!(canvas.question(now));
    let back = at(OURS).map(|now| Whereabouts {
        switched: true,
        ..now
    });
    assert!(canvas.answered(back, later).is_err());
}

#[test]
fn after_missed_events_a_later_picture_is_asked_for() {
    let now = Instant::now();
    let mut canvas = live(now);
    let later = now + Duration::from_secs(1);
    assert!(read(&mut canvas, &redraw("maybe"), later).is_none());
    canvas.missed();
    assert!(canvas.question(now));
    assert!(matches!(canvas.answered(at(OURS), later), Ok(None)));
    assert!(read(&mut canvas, &redraw("back"), later).is_none());
    let next = later + FRAME_INTERVAL;
    assert_eq!(canvas.wake_at(later), Some(next));
    assert!(canvas.look(next).is_none());
    assert!(canvas.question(now));
    let shot = canvas.answered(at(OURS), next).expect("ours");
    assert_eq!(
        text(&shot.expect("asked after the gap")),
        "backbackbackback"
    );
}

#[test]
fn what_happened_with_a_dropped_picture_is_told_with_the_next() {
    let now = Instant::now();
    let mut canvas = live(now);
    let later = now + Duration::from_secs(1);
    assert!(
        read(&mut canvas, "\x07", later).is_none(),
        "a bell is asked about"
    );
    canvas.missed();
    assert!(canvas.question(now));
    assert!(matches!(canvas.answered(at(OURS), later), Ok(None)));
    let next = later + FRAME_INTERVAL;
    assert!(canvas.look(next).is_none());
    assert!(canvas.question(now));
    let shot = canvas.answered(at(OURS), next).expect("ours");
    assert!(shot.expect("a bell is news").signals.bell);
}

#[test]
fn what_tmux_threw_away_is_waited_for() {
    let now = Instant::now();
    let mut canvas = live(now);
    let later = now + Duration::from_secs(1);
    let lossy = |discarded| {
        Some(Whereabouts {
            discarded,
            ..at(OURS).expect("a place")
        })
    };
    // An update that lost its end: two rows of four.
    let torn = "\x1bP=1s\x1b\\\x1b[1;1Hnew!\x1b[K\x1b[2;1Hnew!\x1b[K\x1bP=2s\x1b\\";
    assert!(read(&mut canvas, torn, later).is_none());
    assert!(canvas.question(now));
    assert!(matches!(canvas.answered(lossy(999), later), Ok(None)));
    assert_eq!(canvas.wake_at(later), Some(later + TORN_TIMEOUT));
    let redrawn = later + FRAME_INTERVAL;
    assert!(
        read(&mut canvas, "x", redrawn).is_none(),
        "not even an echo"
    );
    assert!(read(&mut canvas, &redraw("new!"), redrawn).is_none());
    assert!(canvas.question(now));
    let shot = canvas.answered(lossy(999), redrawn).expect("ours");
    assert_eq!(text(&shot.expect("whole")), "new!new!new!new!");
    let again = redrawn + REDRAW_INTERVAL;
    assert!(read(&mut canvas, &redraw("new!"), again).is_none());
    assert!(canvas.question(again), "in passing");
    assert!(matches!(canvas.answered(lossy(999), again), Ok(None)));
    let key = redrawn + Duration::from_secs(1);
    assert!(read(&mut canvas, "x", key).is_some(), "all is well again");

    // A tmux that never draws anew does not hold the picture for ever.
    assert!(read(&mut canvas, torn, key + FRAME_INTERVAL).is_none());
    assert!(canvas.question(now));
    let asked = key + FRAME_INTERVAL;
    assert!(matches!(canvas.answered(lossy(1999), asked), Ok(None)));
    assert!(canvas.look(asked + TORN_TIMEOUT).is_none());
    assert!(canvas.question(now));
    let shot = canvas.answered(lossy(1999), asked + TORN_TIMEOUT);
    assert!(shot.expect("ours").is_some());
}

#[test]
fn a_program_too_fast_for_tmux_is_drawn_anew_at_our_pace() {
    let now = Instant::now();
    let mut canvas = live(now);
    let lossy = |discarded| at(OURS).map(|ours| Whereabouts { discarded, ..ours });
    let first = now + Duration::from_secs(1);
    assert!(read(&mut canvas, &redraw("1"), first + FRAME_INTERVAL).is_none());
    assert!(canvas.question(first));
    let lost = first + FRAME_INTERVAL;
    let shot = canvas.answered(lossy(999), lost).expect("ours");
    assert_eq!(text(&shot.expect("whole")), "1111");
    assert_eq!(canvas.redraw_at(lost), Some(lost));
    assert!(canvas.beg(lost) && !canvas.beg(lost), "once");

    let redrawn = lost + FRAME_INTERVAL;
    assert!(read(&mut canvas, "\x1b[3;1Hwhat is left", redrawn).is_none());
    assert!(canvas.pending.is_none(), "it is not even taken");
    assert!(read(&mut canvas, &redraw("2"), redrawn).is_none());
    assert!(canvas.question(redrawn));
    // It has not counted anew yet.
    let shot = canvas.answered(lossy(999), redrawn).expect("ours");
    assert_eq!(text(&shot.expect("whole")), "2222");
    let again = lost + REDRAW_INTERVAL;
    assert_eq!(canvas.redraw_at(redrawn), Some(again));
    assert!(canvas.beg(again));

    // The program has ended.
    assert!(read(&mut canvas, "\x1b[3;1H$", again).is_none());
    let end = lost + STARVED;
    assert_eq!(canvas.wake_at(again), Some(end));
    assert!(canvas.look(end).is_none(), "asked about once more");
    assert!(canvas.question(end));
    let shot = canvas.answered(lossy(999), end).expect("ours");
    assert_eq!(text(&shot.expect("the prompt")), "22$2");
    assert_eq!(canvas.redraw_at(end), None);
    assert!(
        read(&mut canvas, "x", end + FRAME_INTERVAL).is_some(),
        "all is well again"
    );
}

#[test]
fn nothing_is_seen_while_the_size_changes() {
    let now = Instant::now();
    let mut canvas = live(now);
    let later = now + Duration::from_secs(1);
    canvas.resize(Size { cols: 30, rows: 4 });
    assert!(read(&mut canvas, "x", later).is_none());
    assert_eq!(canvas.wake_at(later), None);
    assert!(read(&mut canvas, &redraw("wide"), later).is_none());
    assert!(canvas.quiet());
    canvas.release(later);
    assert!(canvas.look(later).is_none(), "a redraw is asked about");
    assert!(canvas.question(now));
    let shot = canvas.answered(at(OURS), later).expect("ours");
    assert_eq!(shot.expect("covered").screen.size.cols, 30);
}

#[test]
fn nothing_is_taken_for_nobody_and_all_at_once_for_somebody() {
    let now = Instant::now();
    let mut canvas = live(now);
    canvas.watch(false, now);
    let mut later = now;
    for round in 0..100 {
        later += FRAME_INTERVAL;
        assert!(read(&mut canvas, "x", later).is_none(), "{round}");
        assert_eq!(canvas.wake_at(later), None, "there is nothing to wait for");
    }
    assert!(canvas.behind(later));
    later += FRAME_INTERVAL;
    canvas.watch(true, later);
    assert_eq!(canvas.wake_at(later), Some(later));
    assert!(canvas.look(later).is_none(), "so much is asked about");
    assert!(canvas.question(now) && canvas.behind(later));
    let shot = canvas.answered(at(OURS), later).expect("ours");
    assert!(text(&shot.expect("due")).contains('x'));
    assert!(!canvas.behind(later));
}

#[test]
fn a_bell_and_a_title_are_told_though_nobody_looks_but_not_often() {
    let now = Instant::now();
    let mut canvas = live(now);
    canvas.watch(false, now);
    let at_once = now + FRAME_INTERVAL;
    assert!(read(&mut canvas, "\x1b]2;new\x07\x07", at_once).is_none());
    let then = now + UNWATCHED_INTERVAL;
    assert_eq!(canvas.wake_at(at_once), Some(then));
    assert!(canvas.look(then).is_none(), "asked about");
    assert!(canvas.question(now));
    let shot = canvas
        .answered(at(OURS), then)
        .expect("ours")
        .expect("told");
    assert!(shot.signals.bell && &*shot.screen.title == "new");
    assert_eq!(canvas.wake_at(then), None);
}

#[test]
fn who_comes_to_look_is_not_kept_waiting_by_a_tmux_that_does_not_answer() {
    let now = Instant::now();
    let mut canvas = live(now);
    canvas.watch(false, now);
    let later = now + FRAME_INTERVAL;
    assert!(read(&mut canvas, &redraw("new!"), later).is_none());
    canvas.watch(true, later);
    assert!(canvas.look(later).is_none() && canvas.question(now));
    assert!(canvas.behind(later));
    assert_eq!(canvas.wake_at(later), Some(later + CATCH_UP));
    assert!(!canvas.behind(later + CATCH_UP));
}

#[test]
fn a_restored_terminal_is_seen_once_all_of_it_is_drawn_anew() {
    let now = Instant::now();
    let mut old = live(now);
    old.draw(b"\x1b]2;title\x07\x1b[?1002h\x1b[?2004h\x1b[?20", now);
    let mut canvas = canvas();
    canvas.restore(&old.snapshot(), now);
    // The rest of a sequence whose beginning the other one had read.
    assert!(read(&mut canvas, "04lt", now).is_none());
    assert!(!canvas.question(now));
    assert!(read(&mut canvas, &redraw("anew"), now).is_none());
    assert!(canvas.question(now));
    assert!(
        canvas.answered(at(OURS), now).expect("ours").is_none(),
        "an event may have been missed"
    );
    let later = now + FRAME_INTERVAL;
    assert!(canvas.look(later).is_none());
    assert!(canvas.question(later));
    let shot = canvas.answered(at(OURS), later).expect("ours");
    let Shot { screen, .. } = shot.expect("covered");
    assert_eq!(&*screen.title, "title");
    assert_eq!(screen.modes.mouse, crate::terminal::MouseMode::ButtonMotion);
    assert!(!screen.modes.bracketed_paste);
    assert!(screen.rows.iter().all(|row| row.text() == "anew"));
}

#[test]
fn a_restored_terminal_that_is_not_drawn_anew_is_seen_after_a_while() {
    let now = Instant::now();
    let mut canvas = canvas();
    canvas.restore(&live(now).snapshot(), now);
    assert!(canvas.look(now).is_none());
    let late = canvas.wake_at(now).expect("it is looked at again");
    assert!(late >= now + TORN_TIMEOUT);
    assert!(canvas.look(late).is_none() && canvas.question(late));
}
