//! People at terminals of their own find tmux as it is without muxview: focus, colours, theme, last
//! client, size, alerts, title, clipboard and flags. Each step of a day is taken twice, once without
//! muxview, and what can be seen must be the same.

use crate::figures::{self, Column};
use crate::support::attach::Options;
use crate::support::{BareAttach, Join, Service, Tmux, Viewer, until};
use std::sync::mpsc::{Receiver, channel};

scenarios![
    the_day_is_the_persons_beside_spectators,
    the_day_is_the_persons_beside_a_hidden_driver,
    the_day_is_the_persons_where_muxview_came_first,
];

/// Turns on focus and theme reports, then writes down every byte it gets.
const PROGRAM: &str =
    "stty raw -echo; printf '\\033[?1004h\\033[?2031h'; tmux wait-for -S ready; exec cat >";

/// Looks in a row at which nothing has changed, after which nothing is taken to be on its way.
const STILL: u32 = 20;

/// A person at a terminal that answers what tmux asks.
struct Person {
    attach: BareAttach,
    bytes: Receiver<Vec<u8>>,
    /// All that the terminal was sent.
    sent: Vec<u8>,
    /// How much of it was looked at for questions.
    read: usize,
    light: bool,
}

impl Person {
    fn attach(tmux: &Tmux) -> Self {
        let (sender, bytes) = channel();
        let listener = move |bytes: &[u8], _| {
            // The test may be over.
            let _ = sender.send(bytes.to_vec());
        };
        let options = Options {
            read_only: false,
            ignore_size: false,
            xterm: None,
            record: false,
            listener: Some(Box::new(listener)),
        };
        Self {
            attach: BareAttach::open(tmux, "main", 100, 30, options),
            bytes,
            sent: vec![],
            read: 0,
            light: true,
        }
    }

    /// Reads what has come and answers what was asked.
    fn answer(&mut self) {
        self.sent.extend(self.bytes.try_iter().flatten());
        let (foreground, background, theme) = if self.light {
            ("1111/1111/1111", "eeee/eeee/eeee", 2)
        } else {
            ("dddd/dddd/dddd", "2222/2222/2222", 1)
        };
        for (question, answer) in [
            ("\x1b[c", "\x1b[?1;2c".to_owned()),
            ("\x1b[>c", "\x1b[>0;0;0c".to_owned()),
            ("\x1b]10;?", format!("\x1b]10;rgb:{foreground}\x1b\\")),
            ("\x1b]11;?", format!("\x1b]11;rgb:{background}\x1b\\")),
            ("\x1b[?996n", format!("\x1b[?997;{theme}n")),
            ("\x1b[?2026$p", "\x1b[?2026;2$y".to_owned()),
        ] {
            let fresh = &self.sent[self.read..];
            let asked = fresh
                .windows(question.len())
                .filter(|bytes| *bytes == question.as_bytes())
                .count();
            for _ in 0..asked {
                self.attach.write(answer.as_bytes());
            }
        }
        // A question is written at once by tmux, so none is cut here.
        self.read = self.sent.len();
    }

    /// The strings of this kind the terminal was sent: what follows `begin` up to the end.
    fn strings(&self, begin: &str) -> Vec<String> {
        let sent = String::from_utf8_lossy(&self.sent);
        let strings = sent.split(begin).skip(1);
        strings
            .map(|rest| rest.split(['\x07', '\x1b']).next().unwrap().to_owned())
            .collect()
    }
}

/// One step of a day and what could be seen after it.
type Seen = Vec<(&'static str, String)>;

/// Who else is there.
#[derive(Clone, Copy, PartialEq)]
enum Company {
    Nobody,
    Spectators,
    HiddenDriver,
    /// Spectators that were there before the person.
    Earlier,
}

struct Day {
    tmux: Tmux,
    person: Person,
    log: String,
    seen: Seen,
    /// What was seen without muxview: waited for, as nothing else tells when a step is over.
    wanted: Option<Seen>,
}

impl Day {
    /// What can be seen now becomes what was seen at this step.
    async fn step(&mut self, step: &'static str, look: impl Fn(&Self) -> String) {
        let wanted = self.wanted.as_ref().map(|wanted| {
            let mut found = wanted.iter().filter(|(name, _)| *name == step);
            found.next().expect("the same steps").1.clone()
        });
        let mut last = String::new();
        let mut still = 0;
        // Without muxview a step is over when nothing changes any more.
        let seen = until(step, async || {
            self.person.answer();
            let now = look(self);
            still = if now == last { still + 1 } else { 0 };
            last.clone_from(&now);
            match &wanted {
                Some(wanted) if now == *wanted => Ok(now),
                None if still > STILL => Ok(now),
                Some(wanted) => Err(format!("with muxview {now}\nwithout {wanted}")),
                None => Err(now),
            }
        })
        .await;
        self.seen.push((step, seen));
    }

    fn log(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        log.escape_ascii().to_string()
    }

    /// Has the pane's terminal ask something, as a program does by printing.
    fn ask(&self, question: &str) {
        let tty = self.tmux.format("main:", "#{pane_tty}");
        std::fs::write(tty, question).unwrap();
    }
}

/// A day at a terminal, with or without muxview.
async fn day(company: Company, wanted: Option<Seen>) -> Seen {
    let tmux = Tmux::start(80, 24);
    for option in [
        ["-g", "focus-events", "on"],
        ["-g", "set-titles", "on"],
        ["-g", "monitor-activity", "on"],
    ] {
        tmux.cmd(&[&["set-option"][..], &option].concat());
    }
    // Else it is called by whatever runs at that moment.
    tmux.cmd(&["rename-window", "-t", "main:", "work"]);
    let log = tmux.dir().join("log").to_str().unwrap().to_owned();
    let earlier = match company {
        Company::Earlier => Some(watched(&tmux, company).await),
        _ => None,
    };
    let mut person = Person::attach(&tmux);
    // It has the focus, and has answered everything before a program asks.
    person.attach.write(b"\x1b[I");
    let mut still = 0;
    until("the person's terminal", async || {
        let before = person.sent.len();
        person.answer();
        let quiet = before > 0 && before == person.sent.len();
        still = if quiet { still + 1 } else { 0 };
        (still > STILL).then_some(()).ok_or_else(String::new)
    })
    .await;
    tmux.enter("main:", &format!("{PROGRAM}{log}"));
    tmux.wait_for("ready").await;
    let _muxview = match company {
        Company::Nobody => None,
        Company::Earlier => earlier,
        _ => Some(watched(&tmux, company).await),
    };
    let mut day = Day {
        tmux,
        person,
        log,
        seen: vec![],
        wanted,
    };
    // Whoever typed last is the last client, whatever came in between.
    day.person.attach.write(b"k");
    day.step("a key", Day::log).await;
    day.person.attach.write(b"\x1b[O");
    day.step("the focus leaves", Day::log).await;
    day.person.attach.write(b"\x1b[I");
    day.step("the focus is back", Day::log).await;
    day.ask("\x1b]10;?\x1b\\");
    day.ask("\x1b]11;?\x1b\\");
    day.step("the colours", Day::log).await;
    day.ask("\x1b[?996n");
    day.step("the theme", Day::log).await;
    day.person.light = false;
    day.person.attach.write(b"\x1b[?997;1n");
    day.step("another theme", Day::log).await;
    day.ask("\x1b]11;?\x1b\\");
    day.step("the colours of another theme", Day::log).await;

    day.tmux.cmd(&["select-pane", "-t", "main:", "-T", "news"]);
    day.step("the title", |day| {
        let titles = day.person.strings("\x1b]0;");
        titles.last().cloned().unwrap_or_default()
    })
    .await;
    day.tmux.cmd(&["set-buffer", "-w", "copied"]);
    day.step("the clipboard", |day| {
        day.person.strings("\x1b]52;").join(" ")
    })
    .await;
    let tty = day.person.attach.tty();
    day.step("the client", |day| {
        let format = "#{client_tty} #{client_width} #{client_flags}";
        let clients = day.tmux.cmd(&["list-clients", "-F", format]);
        let mut clients = clients.lines();
        let person = clients.find_map(|line| line.strip_prefix(&tty));
        person.unwrap_or_default().to_owned()
    })
    .await;
    day.step("the last client", |day| {
        let last = day.tmux.cmd(&["display-message", "-p", "#{client_tty}"]);
        let is_person = last == tty;
        is_person.to_string()
    })
    .await;
    day.step("the window", |day| {
        let format = "#{window_width}x#{window_height} #{window_flags} #{window_activity_flag} \
                      #{window_bell_flag} #{pane_mode} #{window_offset_x}";
        day.tmux.format("main:", format)
    })
    .await;
    day.step("the options", |day| {
        ["-g", "-s", "-gw", ""]
            .iter()
            .map(|scope| {
                let scope = (!scope.is_empty()).then_some(*scope);
                let words = ["show-options"].into_iter().chain(scope);
                day.tmux.cmd(&words.collect::<Vec<_>>())
            })
            .collect::<Vec<_>>()
            .join("\n")
    })
    .await;
    day.seen
}

/// muxview, with its viewers.
async fn watched(tmux: &Tmux, company: Company) -> (Service, Vec<Viewer>) {
    let service = Service::start(tmux);
    let join = || match company {
        Company::HiddenDriver => Join {
            hidden: true,
            ..Join::driver(90, 20)
        },
        _ => Join::spectator(),
    };
    let mut viewers = vec![];
    for _ in 0..2 {
        let viewer = Viewer::listen(&service, "main", join()).await;
        if company == Company::HiddenDriver {
            viewer.text("hello").await;
        } else {
            viewer.opened().await;
        }
        viewers.push(viewer);
    }
    // The attached client has told tmux of itself.
    until("a client of muxview's", async || {
        let clients = tmux.cmd(&["list-clients", "-F", "#{client_flags}"]);
        if clients.contains("ignore-size") {
            Ok(())
        } else {
            Err(clients)
        }
    })
    .await;
    (service, viewers)
}

async fn same_day_with(company: Company) {
    let without = day(Company::Nobody, None).await;
    let steps = without.len() as u64;
    let with = day(company, Some(without)).await;
    figures::count(Column::Neutrality, with.len() as u64, steps);
}

async fn the_day_is_the_persons_beside_spectators() {
    same_day_with(Company::Spectators).await;
}

async fn the_day_is_the_persons_beside_a_hidden_driver() {
    same_day_with(Company::HiddenDriver).await;
}

async fn the_day_is_the_persons_where_muxview_came_first() {
    same_day_with(Company::Earlier).await;
}
