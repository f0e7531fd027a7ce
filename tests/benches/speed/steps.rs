//! What is sent for each step of everyday work: a key, a line of a log, a page of an editor.

use crate::bare::Bare;
use crate::figure::{Figure, Goal};
use crate::socket::{Eyes, Socket};
use crate::stage::{Stage, Way, rest};

/// A program of its own pace: 30 lines a second, once the screen is full.
const LOG: &str = "seq 1 30; sleep 0.3; n=0; while [ $n -lt 100 ]; do n=$((n+1)); printf '2026-11-22T10:11:12 \
    \\033[32mINFO\\033[m request %d served, cache \\033[1mhit\\033[m\\n' $n; sleep 0.03; done";
const LETTERS: &str = "echo the quick brown fox jumps over the lazy dog";

struct Steps {
    stage: Stage,
    client: Eyes,
    viewer: Eyes,
    figures: Vec<Figure>,
}

impl Steps {
    /// Bytes of each of so many steps, `pause` ms apart.
    fn measure(
        &mut self,
        name: &str,
        steps: usize,
        pause: u64,
        act: impl Fn(&mut Eyes, &Stage, usize),
    ) {
        rest(60);
        self.client.forget();
        self.viewer.forget();
        let (mut floor, mut ours) = (0, 0);
        for step in 0..steps {
            act(&mut self.viewer, &self.stage, step);
            rest(pause);
            floor += self.client.forget();
            ours += self.viewer.forget();
        }
        let each = |bytes: usize| bytes as f64 / steps as f64;
        let name = format!("bytes a step: {name}");
        self.figures.push(Figure::new(
            name,
            "B",
            Some(each(floor)),
            each(ours),
            Goal::None,
        ));
    }
}

pub(crate) fn measure() -> Vec<Figure> {
    let stage = Stage::set(Way::Plain);
    let source: String = (1..=300)
        .map(|n| format!("fn number_{n}(x: u32) -> Result<u32, Error> {{\n    // adds {n}\n    Ok(x + {n})\n}}\n\n"))
        .collect();
    stage.tmux.file("source.rs", source);
    stage.tmux.file("log.sh", LOG);
    let viewer = Eyes::Socket(Socket::open(stage.port(), "main", "cols=80&rows=24"));
    let client = Eyes::Bare(Bare::attach(&stage.tmux.socket(), "main"));
    let mut steps = Steps {
        stage,
        client,
        viewer,
        figures: Vec::new(),
    };
    rest(300);
    let letter = |step: usize| &LETTERS.as_bytes()[step..=step];
    steps.measure("a key", LETTERS.len(), 30, |viewer, _, step| {
        viewer.press(letter(step));
    });
    steps.viewer.press(b"\x15"); // what was typed so far is no command
    steps.stage.tmux.enter("main:", "clear; sh log.sh");
    rest(500);
    steps.measure("a line of a log", 60, 33, |_, _, _| ());
    steps.stage.interrupt("main");
    rest(100);
    steps
        .stage
        .tmux
        .enter("main:", "vim -u NONE -i NONE -N -n source.rs");
    rest(500);
    steps
        .stage
        .tmux
        .enter("main:", ":syntax on | set number ruler laststatus=2");
    rest(200);
    steps.measure("a page in vim", 20, 60, |_, stage, _| {
        stage.tmux.keys("main:", &["C-f"]);
    });
    steps.measure("a line in vim", 20, 60, |_, stage, _| {
        stage.tmux.keys("main:", &["C-e"]);
    });
    steps.stage.tmux.enter("main:", ":qa!");
    steps.stage.tmux.enter("main:", "top -d 0.5");
    rest(700);
    steps.measure("a turn of top", 10, 500, |_, _, _| ());
    steps.figures
}
