//! PURE: the size the attach gets.
//!
//! Owns who asks for which size and what became of it. In: what drivers do, what tmux says the
//! window's size is, what was applied. Out: [`Sizing::plan`], the size our client should have and
//! whether it should count for the window's size. It must not know tasks, clocks or tmux commands.
//!
//! A size from tmux is always the *pty* size that shows the whole window (status lines included).

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::bridge::policy::activity::Activity;
use crate::config::SizePolicy;
use crate::terminal::Size;
use crate::tmux::Theme;
use crate::viewer::ViewerId;
use std::cell::OnceCell;
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
    /// Its terminal reported the focus.
    focused: bool,
    /// When it acted last, on a clock that counts acts; 0: it has not acted, it only came back.
    acted: u64,
    /// The same without its joining: for what one who only comes to look must not change.
    worked: u64,
    /// Its colours, if it told them.
    theme: Option<Theme>,
    /// What it sent so far.
    activity: Activity,
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

/// What the drivers come to together.
#[derive(Debug, Clone, Copy)]
struct Sum {
    leader: Option<ViewerId>,
    wish: Option<Size>,
}

/// Who asks for which size, and what came of it.
#[derive(Debug)]
pub struct Sizing {
    policy: SizePolicy,
    acts: u64,
    works: u64,
    /// Ordered by id, so that the first to come is the first found.
    drivers: BTreeMap<ViewerId, Ask>,
    /// What they come to. Asked with every key and every picture, and there may be thousands of them.
    sum: OnceCell<Sum>,
    typed_last: Option<ViewerId>,
    /// A driver has reported whether its terminal is focused, or has left.
    focus_told: bool,
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
            works: 0,
            drivers: BTreeMap::new(),
            sum: OnceCell::new(),
            typed_last: None,
            focus_told: false,
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
            focused: false,
            acted: 0,
            worked: 0,
            theme: None,
            activity: Activity::default(),
        };
        self.change(|drivers| drivers.insert(id, ask));
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

    /// Whether there are drivers.
    #[must_use]
    pub fn is_driven(&self) -> bool {
        !self.drivers.is_empty()
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
                theme: ask.theme.filter(|_| self.themed_last() == Some(id)),
            })
    }

    /// A driver left.
    pub fn left(&mut self, id: ViewerId) {
        self.change(|drivers| drivers.remove(&id));
        self.focus_told = true;
        if self.typed_last == Some(id) {
            self.typed_last = None;
        }
    }

    /// A driver's window has this size now.
    pub fn resized(&mut self, id: ViewerId, size: Size) {
        let visible = self.change(|drivers| {
            let ask = drivers.get_mut(&id)?;
            ask.size = Some(size);
            Some(ask.visible)
        });
        // A hidden page is told of sizes too (a keyboard that goes away); nobody looks at it.
        if visible == Some(true) {
            self.work(id);
        }
    }

    /// A driver's page was hidden or shown.
    pub fn showed(&mut self, id: ViewerId, visible: bool) {
        let before = self.change(|drivers| {
            let ask = drivers.get_mut(&id)?;
            // A page that is shown again reports its focus anew.
            ask.focused &= visible;
            Some(std::mem::replace(&mut ask.visible, visible))
        });
        if visible && before == Some(false) {
            self.work(id);
        }
    }

    /// A driver sent input, which may be no more than a pointer that moved.
    pub fn sent(&mut self, id: ViewerId, input: &[u8]) {
        let asks = self.drivers.get_mut(&id);
        if asks.is_some_and(|ask| ask.activity.is_in(input)) {
            self.typed(id);
        }
    }

    /// A driver typed or clicked.
    pub fn typed(&mut self, id: ViewerId) {
        if self.drivers.contains_key(&id) {
            self.typed_last = Some(id);
            self.work(id);
        }
    }

    /// A driver's terminal reported that it is focused, or no longer is.
    pub fn focus(&mut self, id: ViewerId, focused: bool) {
        if let Some(ask) = self.drivers.get_mut(&id) {
            ask.focused = focused;
            self.focus_told = true;
        }
    }

    /// Whether the driver whose focus is the program's has it; not known before any driver has
    /// reported it, since an earlier process of ours may have been told.
    #[must_use]
    pub fn focused(&self) -> Option<bool> {
        let leader = self.leader().and_then(|id| self.drivers.get(&id));
        let focused = leader.is_some_and(|ask| ask.focused);
        self.focus_told.then_some(focused)
    }

    /// A driver told its colours.
    pub fn themed(&mut self, id: ViewerId, theme: Theme) {
        if let Some(ask) = self.drivers.get_mut(&id) {
            ask.theme = Some(theme);
        }
    }

    /// A driver had colours that held before another process of ours took over.
    pub fn restored(&mut self, id: ViewerId, theme: Theme) {
        self.themed(id, theme);
        if let Some(ask) = self.drivers.get_mut(&id) {
            self.works += 1;
            ask.worked = self.works;
        }
    }

    /// The colours programs are told: those of the driver who acted last, joining apart. Before
    /// anybody acts, those of the first to come. A hidden page counts if there is no other.
    #[must_use]
    pub fn theme(&self) -> Option<Theme> {
        self.drivers.get(&self.themed_last()?)?.theme
    }

    fn themed_last(&self) -> Option<ViewerId> {
        let drivers = self.drivers.iter().rev();
        let told = drivers.filter(|(_, ask)| ask.theme.is_some());
        let last = told.max_by_key(|(_, ask)| (ask.visible, ask.worked))?;
        Some(*last.0)
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
        self.sum().leader
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
        self.sum().wish
    }

    /// A driver did something other than joining.
    fn work(&mut self, id: ViewerId) {
        self.act(id);
        if let Some(ask) = self.drivers.get_mut(&id) {
            self.works += 1;
            ask.worked = self.works;
        }
    }

    fn act(&mut self, id: ViewerId) {
        // Who acts again is who acted last.
        let again = self.acts > 0
            && self
                .drivers
                .get(&id)
                .is_some_and(|ask| ask.acted == self.acts);
        if !again {
            self.acts += 1;
            let acts = self.acts;
            self.change(|drivers| {
                if let Some(ask) = drivers.get_mut(&id) {
                    ask.acted = acts;
                }
            });
        }
        match self.verdict {
            Verdict::Outvoted => self.verdict = Verdict::Open,
            Verdict::Refused(size) if self.wish().is_some_and(|wish| wish != size) => {
                self.verdict = Verdict::Open;
            }
            _ => {}
        }
    }

    /// Changes who asks for what: what they come to is to be found anew.
    fn change<T>(&mut self, change: impl FnOnce(&mut BTreeMap<ViewerId, Ask>) -> T) -> T {
        self.sum.take();
        change(&mut self.drivers)
    }

    fn sum(&self) -> Sum {
        *self.sum.get_or_init(|| {
            let latest = self.latest();
            let leader = latest.map(|(id, _)| id).or_else(|| {
                let visible = self.drivers.iter().filter(|(_, ask)| ask.visible);
                visible.max_by_key(|(_, ask)| ask.acted).map(|(id, _)| *id)
            });
            let sizes = || self.claimants().map(|(_, size, _)| size);
            let both = |cols: Option<u16>, rows: Option<u16>| {
                let (cols, rows) = cols.zip(rows)?;
                Some(Size::clamped(cols.into(), rows.into()))
            };
            let cols = || sizes().map(|size| size.cols);
            let rows = || sizes().map(|size| size.rows);
            let wish = match self.policy {
                SizePolicy::Observe => None,
                SizePolicy::Latest => latest.map(|(_, size)| size),
                SizePolicy::Largest => both(cols().max(), rows().max()),
                SizePolicy::Smallest => both(cols().min(), rows().min()),
            };
            Sum { leader, wish }
        })
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

/// Where a driver stands among the others, for whoever seats it next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// The size it asks for.
    pub size: Option<Size>,
    /// When it acted last, counted in acts; 0: it did not.
    pub acted: u64,
    /// Somebody outside decides the size.
    pub outvoted: bool,
    /// Its colours, if they are what programs are told.
    pub theme: Option<Theme>,
}

#[cfg(test)]
mod tests;
