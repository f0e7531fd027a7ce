//! Who decides the size, and what becomes of it.

use super::*;
use crate::tmux::Rgb;
use proptest::prelude::*;

const A: ViewerId = ViewerId(1);
const B: ViewerId = ViewerId(2);

const fn size(cols: u16, rows: u16) -> Size {
    Size { cols, rows }
}

fn claim(cols: u16, rows: u16) -> Option<Plan> {
    Some(Plan {
        size: size(cols, rows),
        claim: true,
    })
}

fn follow(cols: u16, rows: u16) -> Option<Plan> {
    Some(Plan {
        size: size(cols, rows),
        claim: false,
    })
}

fn two(policy: SizePolicy) -> Sizing {
    let mut sizing = Sizing::new(policy);
    sizing.joined(A, Some(size(80, 50)), true, false);
    sizing.joined(B, Some(size(100, 30)), true, false);
    sizing
}

/// Applies the plan and lets tmux answer with a window of `window`.
fn settle(sizing: &mut Sizing, window: Size) {
    let plan = sizing.plan().expect("something to apply");
    sizing.applied(plan);
    sizing.window(window);
}

#[test]
fn the_driver_who_acted_last_decides() {
    let mut sizing = two(SizePolicy::Latest);
    assert_eq!(sizing.plan(), claim(100, 30));
    sizing.typed(A);
    assert_eq!(sizing.plan(), claim(80, 50));
    sizing.resized(B, size(90, 20));
    assert_eq!(sizing.plan(), claim(90, 20));
    sizing.showed(B, false);
    assert_eq!(sizing.plan(), claim(80, 50));
    sizing.showed(B, true);
    assert_eq!(sizing.plan(), claim(90, 20));
    sizing.left(B);
    assert_eq!(sizing.plan(), claim(80, 50));
    sizing.showed(A, true);
    assert_eq!(sizing.plan(), claim(80, 50));
}

#[test]
fn a_pointer_that_only_moves_takes_nothing() {
    let mut sizing = two(SizePolicy::Latest);
    sizing.typed(B);
    for report in [
        &b"\x1b[<35;1;1M"[..],
        b"\x1b[<3",
        b"5;1;2M",
        b"\x1b[<65;1;1M",
        b"\x1b[I",
    ] {
        sizing.sent(A, report);
        assert_eq!(
            (sizing.plan(), sizing.typed_last()),
            (claim(100, 30), Some(B))
        );
    }
    sizing.sent(A, b"\x1b[<0;1;1M");
    assert_eq!(
        (sizing.plan(), sizing.typed_last()),
        (claim(80, 50), Some(A))
    );
    sizing.sent(B, b"\x1b[<35;1;1Mx");
    assert_eq!(sizing.plan(), claim(100, 30));
    sizing.sent(ViewerId(9), b"x");
    assert_eq!(sizing.typed_last(), Some(B));
}

fn theme(background: u8) -> Theme {
    let gray = |level| Rgb::new(level, level, level);
    Theme::new(gray(255 - background), gray(background))
}

#[test]
fn the_colours_are_those_of_the_driver_who_acted_last() {
    let mut sizing = two(SizePolicy::Latest);
    let c = ViewerId(3);
    assert_eq!(sizing.theme(), None);
    sizing.themed(B, theme(20));
    assert_eq!(sizing.theme(), Some(theme(20)), "nobody else told any");
    sizing.themed(A, theme(10));
    assert_eq!(sizing.theme(), Some(theme(10)), "nobody acted: the first");
    sizing.typed(B);
    sizing.joined(c, Some(size(60, 20)), true, false);
    sizing.themed(c, theme(30));
    assert_eq!(sizing.theme(), Some(theme(20)), "who joins changes nothing");
    assert_eq!(sizing.standing(B).theme, Some(theme(20)));
    assert_eq!(sizing.standing(c).theme, None);
    sizing.sent(c, b"\x1b[<35;1;1M");
    assert_eq!(sizing.theme(), Some(theme(20)), "nor a pointer that moves");
    sizing.resized(c, size(61, 20));
    assert_eq!(sizing.theme(), Some(theme(30)));
    sizing.themed(c, theme(40));
    assert_eq!(sizing.theme(), Some(theme(40)), "it chose another");
    sizing.showed(c, false);
    assert_eq!(sizing.theme(), Some(theme(20)));
    sizing.showed(c, true);
    assert_eq!(sizing.theme(), Some(theme(40)));
    sizing.left(c);
    assert_eq!(sizing.theme(), Some(theme(20)));
    sizing.left(B);
    sizing.showed(A, false);
    assert_eq!(
        sizing.theme(),
        Some(theme(10)),
        "hidden, but there is no other"
    );
    sizing.left(A);
    assert_eq!(sizing.theme(), None);
}

#[test]
fn colours_that_held_before_a_restart_hold_after_it() {
    let mut sizing = Sizing::new(SizePolicy::Latest);
    sizing.joined(A, Some(size(80, 24)), true, true);
    sizing.joined(B, Some(size(90, 24)), true, true);
    sizing.themed(A, theme(10));
    sizing.restored(B, theme(20));
    sizing.themed(B, theme(20));
    assert_eq!(sizing.theme(), Some(theme(20)));
    assert_eq!(sizing.plan(), claim(80, 24), "the size is another matter");
    sizing.typed(A);
    assert_eq!(sizing.theme(), Some(theme(10)));
}

#[test]
fn who_only_came_back_takes_nothing_from_the_typist() {
    let mut sizing = Sizing::new(SizePolicy::Latest);
    sizing.joined(A, Some(size(80, 24)), true, true);
    assert_eq!(sizing.plan(), claim(80, 24), "nobody else claims");
    sizing.joined(B, Some(size(40, 80)), true, true);
    assert_eq!(sizing.plan(), claim(80, 24));
    sizing.typed(B);
    assert_eq!(sizing.plan(), claim(40, 80));
}

#[test]
fn the_other_policies() {
    assert_eq!(two(SizePolicy::Largest).plan(), claim(100, 50));
    assert_eq!(two(SizePolicy::Smallest).plan(), claim(80, 30));
    let mut observer = two(SizePolicy::Observe);
    assert_eq!(observer.plan(), None);
    observer.window(size(132, 43));
    assert_eq!(observer.plan(), follow(132, 43));
    assert_eq!(observer.leader(), Some(B));
}

#[test]
fn without_a_claim_the_window_is_followed() {
    let mut sizing = Sizing::new(SizePolicy::Latest);
    assert_eq!(sizing.plan(), None);
    sizing.joined(A, None, true, false);
    sizing.joined(B, Some(size(70, 20)), false, false);
    sizing.window(size(132, 43));
    assert_eq!(sizing.plan(), follow(132, 43));
    sizing.window(size(5000, 43));
    assert_eq!(sizing.plan(), follow(1000, 43));
}

#[test]
fn somebody_outside_wins_until_a_driver_acts() {
    let mut sizing = two(SizePolicy::Latest);
    settle(&mut sizing, size(100, 30));
    sizing.window(size(120, 40));
    assert_eq!(sizing.plan(), follow(120, 40));
    settle(&mut sizing, size(120, 40));
    sizing.window(size(121, 40));
    assert_eq!(sizing.plan(), follow(121, 40));
    sizing.joined(ViewerId(3), Some(size(5, 5)), true, true);
    assert_eq!(sizing.plan(), follow(121, 40), "coming back is no act");
    sizing.typed(A);
    assert_eq!(sizing.plan(), claim(80, 50));
}

#[test]
fn a_hidden_page_takes_nothing_when_its_size_changes() {
    let mut sizing = two(SizePolicy::Latest);
    settle(&mut sizing, size(100, 30));
    sizing.window(size(120, 40));
    sizing.showed(A, false);
    sizing.resized(A, size(70, 20));
    assert_eq!(sizing.plan(), follow(120, 40), "the human keeps it");
    sizing.showed(A, true);
    assert_eq!(sizing.plan(), claim(70, 20), "its size was kept");
}

#[test]
fn the_window_comes_back_when_the_human_leaves() {
    let mut sizing = two(SizePolicy::Latest);
    settle(&mut sizing, size(100, 30));
    sizing.window(size(120, 40));
    settle(&mut sizing, size(120, 40));
    sizing.company_changed(false);
    assert_eq!(sizing.plan(), follow(120, 40), "another one came");
    sizing.company_changed(true);
    assert_eq!(sizing.plan(), claim(100, 30));
}

#[test]
fn a_refused_size_is_not_asked_for_at_every_key() {
    let mut sizing = two(SizePolicy::Latest);
    settle(&mut sizing, size(60, 20));
    assert_eq!(sizing.plan(), follow(60, 20));
    settle(&mut sizing, size(60, 20));
    sizing.typed(B);
    assert_eq!(sizing.plan(), follow(60, 20));
    sizing.typed(A);
    assert_eq!(sizing.plan(), claim(80, 50), "another size may do");
    settle(&mut sizing, size(60, 20));
    sizing.company_changed(true);
    assert_eq!(sizing.plan(), follow(60, 20));
    sizing.typed(A);
    assert_eq!(sizing.plan(), claim(80, 50), "the human may have left");
}

#[test]
fn the_leader_is_who_claims() {
    let mut sizing = two(SizePolicy::Smallest);
    assert_eq!(sizing.leader(), Some(B));
    sizing.typed(A);
    assert_eq!((sizing.leader(), sizing.typed_last()), (Some(A), Some(A)));
    sizing.left(A);
    assert_eq!((sizing.leader(), sizing.typed_last()), (Some(B), None));
}

proptest! {
    /// Whatever happens, a plan that was applied and confirmed stays the plan: sizes never
    /// swing by themselves.
    #[test]
    fn a_settled_size_rests(acts in prop::collection::vec((0u64..4, 0u8..6, 2u16..200, 2u16..100), 0..40), refuse: bool) {
        let mut sizing = Sizing::new(SizePolicy::Latest);
        sizing.window(size(80, 24));
        for (id, act, cols, rows) in acts {
            let id = ViewerId(id);
            match act {
                0 => sizing.joined(id, Some(size(cols, rows)), cols % 2 == 0, rows % 2 == 0),
                1 => sizing.left(id),
                2 => sizing.resized(id, size(cols, rows)),
                3 => sizing.showed(id, cols % 2 == 0),
                4 => sizing.typed(id),
                _ => sizing.window(size(cols, rows)),
            }
            for _ in 0..3 {
                let plan = sizing.plan().expect("the window's size is known");
                sizing.applied(plan);
                let window = if plan.claim && !refuse { plan.size } else { sizing.window.expect("known") };
                sizing.window(window);
            }
            let rest = sizing.plan();
            prop_assert_eq!(rest, sizing.applied);
            prop_assert!(rest.is_none_or(|plan| !plan.claim || sizing.wish() == Some(plan.size)));
        }
    }
}

proptest! {
    /// What is remembered of the drivers is what they come to: a newcomer's eye finds the same.
    #[test]
    fn what_is_remembered_is_what_there_is(
        policy in prop::sample::select(vec![
            SizePolicy::Latest, SizePolicy::Largest, SizePolicy::Smallest, SizePolicy::Observe,
        ]),
        steps in prop::collection::vec((0u8..6, 1u64..5, 2u16..200, any::<bool>()), 1..60),
    ) {
        let mut sizing = Sizing::new(policy);
        for (kind, id, cols, flag) in steps {
            let (id, size) = (ViewerId(id), size(cols, 20 + cols % 7));
            match kind {
                0 => sizing.joined(id, flag.then_some(size), !flag, flag),
                1 => sizing.joined(id, Some(size), true, flag),
                2 => sizing.left(id),
                3 => sizing.resized(id, size),
                4 => sizing.showed(id, flag),
                _ => sizing.typed(id),
            }
            let (wish, leader) = (sizing.wish(), sizing.leader());
            sizing.change(|_| ());
            prop_assert_eq!((sizing.wish(), sizing.leader()), (wish, leader));
        }
    }
}

#[test]
fn the_focus_is_that_of_the_driver_who_claims_the_size() {
    let (first, second) = (ViewerId(1), ViewerId(2));
    let size = Some(Size { cols: 80, rows: 24 });
    let mut sizing = Sizing::new(SizePolicy::Latest);
    sizing.joined(first, size, true, false);
    assert_eq!(sizing.focused(), None, "an earlier process may know better");
    sizing.focus(first, true);
    assert_eq!(sizing.focused(), Some(true));
    sizing.joined(second, size, true, false);
    assert_eq!(sizing.focused(), Some(false), "the second one leads");
    sizing.focus(second, true);
    sizing.typed(first);
    assert_eq!(sizing.focused(), Some(true));
    sizing.focus(first, false);
    assert_eq!(sizing.focused(), Some(false));
    sizing.typed(second);
    assert_eq!(sizing.focused(), Some(true), "its own report counts now");
    sizing.showed(second, false);
    assert_eq!(sizing.focused(), Some(false));
    sizing.showed(second, true);
    assert_eq!(sizing.focused(), Some(false), "not before it says so");
    sizing.focus(second, true);
    sizing.left(second);
    assert_eq!(sizing.focused(), Some(false));
}
