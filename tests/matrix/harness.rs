//! What a scenario is and how a list of them is run as tests.

use crate::figures;
use libtest_mimic::{Arguments, Trial};
use std::pin::Pin;
use std::process::{Command, ExitCode};
use std::sync::{LazyLock, PoisonError, RwLock};

/// One test of the matrix.
pub(crate) struct Scenario {
    topic: &'static str,
    name: &'static str,
    start: fn() -> Pin<Box<dyn Future<Output = ()>>>,
    from: Depth,
    alone: bool,
}

/// How much is run. A scenario takes part from its own depth on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Depth {
    Short,
    Normal,
    Full,
}

/// Lists a topic's scenarios, each with its marks: `scenarios![one, two.full().alone()];`
macro_rules! scenarios {
    ($($name:ident $(. $mark:ident ())*),* $(,)?) => {
        pub(crate) fn scenarios() -> Vec<$crate::harness::Scenario> {
            vec![$(
                $crate::harness::Scenario::new(module_path!(), stringify!($name), || Box::pin($name()))
                    $(.$mark())*
            ),*]
        }
    };
}

#[allow(dead_code)] // not every mark has a user at all times
impl Scenario {
    pub(crate) fn new(
        module: &'static str,
        name: &'static str,
        start: fn() -> Pin<Box<dyn Future<Output = ()>>>,
    ) -> Self {
        Self {
            topic: module.split_once("::").map_or(module, |(_, topic)| topic),
            name,
            start,
            from: Depth::Short,
            alone: false,
        }
    }

    /// Left out of the short form.
    pub(crate) fn normal(mut self) -> Self {
        self.from = Depth::Normal;
        self
    }

    /// Only in the full form.
    pub(crate) fn full(mut self) -> Self {
        self.from = Depth::Full;
        self
    }

    /// Nothing else runs meanwhile.
    pub(crate) fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    fn trial(self, version: &str) -> Trial {
        let name = format!("{version}::{}::{}", self.topic, self.name);
        Trial::test(name.clone(), move || {
            static ALONE: RwLock<()> = RwLock::new(());
            let mut shared = None;
            let mut exclusive = None;
            if self.alone {
                exclusive = Some(ALONE.write().unwrap_or_else(PoisonError::into_inner));
            } else {
                shared = Some(ALONE.read().unwrap_or_else(PoisonError::into_inner));
            }
            let failure = figures::FailureNote::of(&name);
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?
                .block_on((self.start)());
            failure.dismiss();
            drop((shared, exclusive));
            Ok(())
        })
    }
}

/// Runs what the arguments and `MUXVIEW_MATRIX` ask for.
pub(crate) fn run(scenarios: Vec<Scenario>) -> ExitCode {
    let arguments = Arguments::from_args();
    let version = version();
    let trials = scenarios
        .into_iter()
        .filter(|scenario| scenario.from <= depth())
        .map(|scenario| scenario.trial(version))
        .collect();
    // A scenario that is run once more adds to what the others measured.
    if !arguments.list && !arguments.exact {
        figures::start();
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        figures::fidelity_of_scenes();
    }
    conclusion.exit_code()
}

/// The version of the tmux found first in `PATH`, as in `3.7c`.
pub(crate) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let said = Command::new("tmux").arg("-V").output();
        let said = said.expect("tmux starts: the tests need it").stdout;
        let said = String::from_utf8_lossy(&said);
        let version = said.trim().strip_prefix("tmux ");
        version.expect("tmux says its version").to_owned()
    });
    &VERSION
}

/// Whether the tmux under test is at least this version: `at_least(3, 6)`. Letters do not count.
#[allow(dead_code)] // for scenarios of what only newer versions have
pub(crate) fn at_least(major: u32, minor: u32) -> bool {
    let digits = version().trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut numbers = digits.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next().and_then(|n| n.parse::<u32>().ok());
    (next().unwrap_or(u32::MAX), next().unwrap_or(0)) >= (major, minor)
}

/// How much this run does.
pub(crate) fn depth() -> Depth {
    static DEPTH: LazyLock<Depth> =
        LazyLock::new(|| match std::env::var("MUXVIEW_MATRIX").as_deref() {
            Ok("short") => Depth::Short,
            Ok("full") => Depth::Full,
            Ok("normal") => Depth::Normal,
            Ok(other) => panic!("MUXVIEW_MATRIX is short, normal or full, not {other:?}"),
            Err(_) if crate::support::soaking() => Depth::Full,
            Err(_) => Depth::Normal,
        });
    *DEPTH
}

/// One of three values, by how much this run does.
#[allow(dead_code)]
pub(crate) fn by_depth<T>(short: T, normal: T, full: T) -> T {
    match depth() {
        Depth::Short => short,
        Depth::Normal => normal,
        Depth::Full => full,
    }
}
