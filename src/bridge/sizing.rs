//! PURE: the size the attach gets.
//!
//! Owns who asks for which size and what became of it. In: what drivers do, what tmux says the
//! window's size is, what was applied. Out: [`Sizing::plan`], the size our client should have and
//! whether it should count for the window's size. It must not know tasks, clocks or tmux commands.
//!
//! A size from tmux is always the *pty* size that shows the whole window (status lines included).

use super::handle::Standing;
use crate::config::SizePolicy;
use crate::terminal::Size;
use crate::viewer::ViewerId;
use std::collections::BTreeMap;

/// What our client should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The pty's size.
    pub size: Size,
    /// Whether it counts for the window's size; else it only follows.
    pub claim: bool,
}

/// What one driver asks for.
#[derive(Debug, Clone, Copy)]
struct Ask {
    size: Option<Size>,
    visible: bool,
    /// When it acted last, on a clock that counts acts; 0: it has not acted, it only came back.
    acted: u64,
}

/// What tmux made of the claim that is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Not asked yet, or nothing claimed.
    Open,
    /// The window took our size.
    Granted,
    /// Somebody outside decides (a human's terminal acted last): follow until a driver acts.
    Outvoted,
    /// The window did not take this size at all (its `window-size` says otherwise): asking again
    /// is useless until something changes.
    Refused(Size),
}

/// Who asks for which size, and what came of it.
#[derive(Debug)]
pub struct Sizing {
    policy: SizePolicy,
    acts: u64,
    /// Ordered by id, so that the first to come is the first found.
    drivers: BTreeMap<ViewerId, Ask>,
    typed_last: Option<ViewerId>,
    window: Option<Size>,
    applied: Option<Plan>,
    verdict: Verdict,
}

impl Sizing {
    /// Nobody asks and nothing is known.
    #[must_use]
    pub const fn new(policy: SizePolicy) -> Self {
        Self {
            policy,
            acts: 0,
            drivers: BTreeMap::new(),
            typed_last: None,
            window: None,
            applied: None,
            verdict: Verdict::Open,
        }
    }

    /// A driver joined. A driver that only came back (`resume`) does not count as acting.
    pub fn joined(&mut self, id: ViewerId, size: Option<Size>, visible: bool, resume: bool) {
        let ask = Ask {
            size,
            visible,
            acted: 0,
        };
        self.drivers.insert(id, ask);
        if size.is_some() && visible && !resume {
            self.act(id);
        }
    }

    /// Somebody outside decides the size, as another process of ours found: nothing is claimed
    /// until a driver acts.
    pub fn outvoted(&mut self) {
        if self.applied.is_none() && self.acts == 0 {
            self.verdict = Verdict::Outvoted;
        }
    }

    /// Where a driver stands.
    #[must_use]
    pub fn standing(&self, id: ViewerId) -> Standing {
        let outvoted = matches!(self.verdict, Verdict::Outvoted | Verdict::Refused(_));
        self.drivers
            .get(&id)
            .map_or_else(Standing::default, |ask| Standing {
                size: ask.size,
                acted: ask.acted,
                outvoted,
            })
    }

    /// A driver left.
    pub fn left(&mut self, id: ViewerId) {
        self.drivers.remove(&id);
        if self.typed_last == Some(id) {
            self.typed_last = None;
        }
    }

    /// A driver's window has this size now.
    pub fn resized(&mut self, id: ViewerId, size: Size) {
        if let Some(ask) = self.drivers.get_mut(&id) {
            ask.size = Some(size);
            // A hidden page is told of sizes too (a keyboard that goes away); nobody looks at it.
            if ask.visible {
                self.act(id);
            }
        }
    }

    /// A driver's page was hidden or shown.
    pub fn showed(&mut self, id: ViewerId, visible: bool) {
        if let Some(ask) = self.drivers.get_mut(&id) {
            let appeared = visible && !ask.visible;
            ask.visible = visible;
            if appeared {
                self.act(id);
            }
        }
    }

    /// A driver typed.
    pub fn typed(&mut self, id: ViewerId) {
        if self.drivers.contains_key(&id) {
            self.typed_last = Some(id);
            self.act(id);
        }
    }

    /// Who typed last, if still here.
    #[must_use]
    pub const fn typed_last(&self) -> Option<ViewerId> {
        self.typed_last
    }

    /// Whose focus is the program's: the driver who claims the size, or who would if the policy
    /// let anybody.
    #[must_use]
    pub fn leader(&self) -> Option<ViewerId> {
        self.latest().map(|(id, _)| id).or_else(|| {
            let visible = self.drivers.iter().filter(|(_, ask)| ask.visible);
            visible.max_by_key(|(_, ask)| ask.acted).map(|(id, _)| *id)
        })
    }

    /// tmux says the window needs this pty size, in answer to a question asked after the last
    /// [`Sizing::applied`].
    pub fn window(&mut self, size: Size) {
        let changed = self.window.replace(size) != Some(size);
        let Some(Plan {
            size: ours,
            claim: true,
        }) = self.applied
        else {
            if changed && matches!(self.verdict, Verdict::Refused(_)) {
                self.verdict = Verdict::Outvoted;
            }
            return;
        };
        self.verdict = match self.verdict {
            _ if size == ours => Verdict::Granted,
            Verdict::Granted => Verdict::Outvoted,
            Verdict::Open => Verdict::Refused(ours),
            other => other,
        };
    }

    /// Something else about who looks at the session changed (a client came or went): a refusal may
    /// no longer hold. With `fewer`, who outvoted us may be the one that left: the driver who acted
    /// last is next, as with tmux's `window-size latest`.
    pub fn company_changed(&mut self, fewer: bool) {
        self.verdict = match self.verdict {
            Verdict::Refused(_) => Verdict::Outvoted,
            Verdict::Outvoted if fewer => Verdict::Open,
            other => other,
        };
    }

    /// Our client was given this size and this say.
    pub fn applied(&mut self, plan: Plan) {
        if plan.claim {
            self.verdict = Verdict::Open;
        }
        self.applied = Some(plan);
    }

    /// What our client should be; none while nobody claims and the window's size is not known.
    #[must_use]
    pub fn plan(&self) -> Option<Plan> {
        let following = matches!(self.verdict, Verdict::Outvoted | Verdict::Refused(_));
        match self.wish().filter(|_| !following) {
            Some(size) => Some(Plan { size, claim: true }),
            None => self.window.map(|size| Plan {
                size: Size::clamped(size.cols.into(), size.rows.into()),
                claim: false,
            }),
        }
    }

    /// The size drivers ask for together, under the policy.
    #[must_use]
    pub fn wish(&self) -> Option<Size> {
        let sizes = || self.claimants().map(|(_, size, _)| size);
        let (cols, rows) = match self.policy {
            SizePolicy::Observe => return None,
            SizePolicy::Latest => return self.latest().map(|(_, size)| size),
            SizePolicy::Largest => (
                sizes().map(|size| size.cols).max()?,
                sizes().map(|size| size.rows).max()?,
            ),
            SizePolicy::Smallest => (
                sizes().map(|size| size.cols).min()?,
                sizes().map(|size| size.rows).min()?,
            ),
        };
        Some(Size::clamped(cols.into(), rows.into()))
    }

    fn act(&mut self, id: ViewerId) {
        self.acts += 1;
        if let Some(ask) = self.drivers.get_mut(&id) {
            ask.acted = self.acts;
        }
        let wish = self.wish();
        match self.verdict {
            Verdict::Outvoted => self.verdict = Verdict::Open,
            Verdict::Refused(size) if wish.is_some_and(|wish| wish != size) => {
                self.verdict = Verdict::Open;
            }
            _ => {}
        }
    }

    /// Drivers who count for the size: visible, with a size.
    fn claimants(&self) -> impl Iterator<Item = (ViewerId, Size, u64)> {
        let visible = self.drivers.iter().filter(|(_, ask)| ask.visible);
        visible.filter_map(|(id, ask)| ask.size.map(|size| (*id, size, ask.acted)))
    }

    /// The claimant who acted last; among those who only came back, the first to do so.
    fn latest(&self) -> Option<(ViewerId, Size)> {
        let mut latest: Option<(ViewerId, Size, u64)> = None;
        for claimant in self.claimants() {
            if latest.is_none_or(|(_, _, acted)| claimant.2 > acted) {
                latest = Some(claimant);
            }
        }
        latest.map(|(id, size, _)| (id, size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
}
