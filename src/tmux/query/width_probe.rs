//! The width probe: how wide this tmux, with this libc, thinks characters are, and which it puts into
//! one cell.
//!
//! A throw-away server (no configuration but the user's options about widths, its own socket, gone
//! within half a second) prints samples into a pane, several to a line, in such a way that what is left
//! of each tells its width:
//!
//! ```text
//! x SAMPLE A, then column 3: B      SAMPLE takes 0 columns   xSAB   (dropped: xAB)
//!                                                1           xSB    (A is overwritten)
//!                                                2           x BA   (S is overwritten)
//! ```
//!
//! A cluster that is one cell is overwritten whole, so " BA" also says that its code points were joined.
//! (The format `#{w:…}` would be simpler, but on tmux 3.3a a character it drops makes the server loop
//! for ever.)

use crate::config::limits::PROBE_TIMEOUT;
use crate::terminal::{Flags, Joins, Tones};
use crate::tmux::command::{Program, Socket, client_environment, exclusively};
use crate::tmux::error::Error;
use crate::tmux::query::measured_widths::Found;
use crate::tmux::query::width_options::WidthOptions;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Columns of a sample of up to two code points, up to four columns wide, with its marks.
const SLOT: usize = 7;
/// Samples of a line. Long lines are quicker than many: newer versions take a while for each.
const SLOTS: usize = 140;
/// Lines of one pane: a window has at most 10,000, and half of it is ours.
const LINES: usize = 4000;

/// What is printed one by one: all but the ranges below and the code points that only ever join.
const DENSE: &[RangeInclusive<u32>] = &[
    0xa0..=0x33ff,
    0x4dc0..=0x4dff,
    0xa000..=0xabff,
    0xd7a4..=0xd7ff,
    0xf900..=0xfffd,
    0x1_0000..=0x1_6fff,
    0x1_8d00..=0x1_8fff,
    0x1_aff0..=0x1_b2ff,
    0x1_bc00..=0x1_bcaf,
    0x1_cc00..=0x1_fbff,
    0xe_0000..=0xe_01ef,
];
/// Long blocks of equals (ideographs, Hangul syllables, Tangut, private use) with a step: what lies
/// between two samples is printed only if the two differ. Blocks end with code points that may be
/// unassigned, so the last of each is a sample.
const SPARSE: &[(RangeInclusive<u32>, usize)] = &[
    (0x3400..=0x4dbf, 16),
    (0x4e00..=0x9fff, 16),
    (0xac00..=0xd7a3, 16),
    (0xe000..=0xf8ff, 64),
    (0x1_7000..=0x1_87ff, 16),
    (0x1_8800..=0x1_8aff, 16),
    (0x1_8b00..=0x1_8cff, 16),
    (0x2_0000..=0x2_a6df, 16),
    (0x2_a6e0..=0x2_b73f, 16),
    (0x2_b740..=0x2_b81f, 16),
    (0x2_b820..=0x2_ceaf, 16),
    (0x2_ceb0..=0x2_ebef, 16),
    (0x2_ebf0..=0x2_ee5f, 16),
    (0x2_ee60..=0x2_f7ff, 512),
    (0x2_f800..=0x2_fa1f, 16),
    (0x2_fa20..=0x2_fffd, 512),
    (0x3_0000..=0x3_134f, 16),
    (0x3_1350..=0x3_23af, 16),
    (0x3_23b0..=0x3_fffd, 512),
    (0xf_0000..=0xf_fffd, 512),
    (0x10_0000..=0x10_fffd, 512),
];
/// Where characters are that may take a skin tone.
const PICTOGRAPHS: [RangeInclusive<char>; 2] = ['\u{2600}'..='\u{27bf}', '\u{1f300}'..='\u{1faff}'];

const TONE: char = '\u{1f3fb}';
/// Joins whatever stands before it, two bytes each.
const MARK: &str = "\u{301}";
/// Longer than any cell of tmux's.
const MARKS: usize = 60;

/// What is printed, what is read.
type Answers = Vec<Slot>;

/// What is left of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Slot {
    /// All in one cell of so many columns; 0 is the cell of the `x` before.
    Columns(u8),
    /// Something else: dropped, or several cells.
    Other(String),
}

impl Slot {
    const fn columns(&self) -> Option<u8> {
        match self {
            Self::Columns(columns) => Some(*columns),
            Self::Other(_) => None,
        }
    }
}

/// Measures with the user's options.
pub(in crate::tmux) async fn widths(
    program: &Program,
    options: &WidthOptions,
) -> Result<Found, Error> {
    let began = tokio::time::Instant::now();
    let measured = tokio::time::timeout(PROBE_TIMEOUT, measure_all(program, options));
    let found = measured.await.map_err(|_| Error::Timeout)??;
    tracing::debug!(took = ?began.elapsed(), "tmux's widths measured");
    Ok(found)
}

async fn measure_all(program: &Program, options: &WidthOptions) -> Result<Found, Error> {
    let questions = questions();
    let bases: Vec<char> = PICTOGRAPHS.into_iter().flatten().collect();
    let singles = singles(options);
    let samples: Vec<String> = questions
        .iter()
        .cloned()
        .chain(bases.iter().map(|base| format!("{base}{TONE}")))
        .chain(singles.iter().map(char::to_string))
        .collect();
    let answers = measure(program, options, &samples).await?;
    let (asked, rest) = answers.split_at(questions.len());
    let (toned, single) = rest.split_at(bases.len());
    let mut runs: Vec<(char, char, u8)> = singles
        .iter()
        .zip(single)
        .filter_map(|(c, slot)| Some((*c, *c, slot.columns()?)))
        .collect();

    let (agreed, doubtful) = between(&singles, single);
    runs.extend(agreed);
    let samples: Vec<String> = doubtful.iter().map(char::to_string).collect();
    let answers = measure(program, options, &samples).await?;
    runs.extend(
        doubtful
            .iter()
            .zip(&answers)
            .filter_map(|(c, slot)| Some((*c, *c, slot.columns()?))),
    );

    let joins = joins(asked);
    let tone_bases: Vec<char> = bases
        .into_iter()
        .zip(toned)
        .filter(|(_, slot)| joins.tones == Tones::Listed && slot.columns() == Some(2))
        .map(|(base, _)| base)
        .collect();
    tracing::debug!(?joins, runs = runs.len(), "tmux's rules measured");
    Ok(Found::new(runs, tone_bases, joins))
}

/// What is asked about clusters, in the order [`joins`] reads the answers in.
fn questions() -> Vec<String> {
    let marks = MARK.repeat(MARKS);
    vec![
        "\u{2764}\u{fe0f}".to_owned(),
        "\u{1f469}\u{200d}\u{1f4bb}".to_owned(),
        format!("\u{e9}{TONE}"),
        format!("\u{1f44d}{TONE}"),
        format!("{TONE}\u{1f44d}"),
        "\u{e9}\u{1f1e9}".to_owned(),
        "\u{1f1e9}\u{1f1ea}\u{1f1eb}".to_owned(),
        "\u{1f1e9}\u{1f1ea}".to_owned(),
        "\u{1100}\u{1161}".to_owned(),
        "\u{1161}".to_owned(),
        // Cells of an even and of an odd number of bytes.
        format!("\u{e9}{marks}"),
        format!("\u{2764}{marks}"),
    ]
}

fn joins(answers: &[Slot]) -> Joins {
    let one_wide_cell = |i: usize| answers.get(i).and_then(Slot::columns) == Some(2);
    let bytes = |i: usize| match answers.get(i) {
        Some(Slot::Other(left)) => left.strip_suffix('B').map(str::len),
        _ => None,
    };
    let limit = match (bytes(10), bytes(11)) {
        // tmux keeps the size in five bits: it lets 32 bytes in, and then takes them for none.
        (Some(0), Some(odd)) => Some(odd + 1),
        (even, odd) => even.max(odd),
    };
    Joins {
        vs16_widens: one_wide_cell(0),
        zwj: one_wide_cell(1),
        tones: match (one_wide_cell(2), one_wide_cell(3)) {
            (true, _) => Tones::AnyButAscii,
            (false, true) => Tones::Listed,
            (false, false) => Tones::Never,
        },
        tone_first: one_wide_cell(4),
        flags: match (one_wide_cell(5), one_wide_cell(6), one_wide_cell(7)) {
            (true, ..) => Flags::AnyButAscii,
            (false, true, _) => Flags::Run,
            (false, false, true) => Flags::Pair,
            (false, false, false) => Flags::Never,
        },
        jamo: one_wide_cell(8) && answers.get(9).and_then(Slot::columns) != Some(0),
        limit: limit.unwrap_or(Joins::default().limit),
    }
}

/// The code points printed one by one, in order.
fn singles(options: &WidthOptions) -> Vec<char> {
    let dense = DENSE.iter().cloned().flatten();
    let sparse = SPARSE.iter().flat_map(|(range, step)| {
        range
            .clone()
            .step_by(*step)
            .chain(std::iter::once(*range.end()))
    });
    let mut all: Vec<char> = dense
        .chain(sparse)
        .filter_map(char::from_u32)
        .chain(options.code_points())
        // They join, if anything, and on 3.3a a joiner would take in the sample after it.
        .filter(|c| !matches!(c, '\u{200d}' | '\u{fe0f}'))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What lies between two samples that are not neighbours: as runs where both ends have the same
/// columns, else code point by code point, to be measured.
fn between(singles: &[char], answers: &[Slot]) -> (Vec<(char, char, u8)>, Vec<char>) {
    let mut agreed = Vec::new();
    let mut doubtful = Vec::new();
    let known: Vec<_> = singles.iter().zip(answers).collect();
    for pair in known.windows(2) {
        let [(first, before), (last, after)] = pair else {
            continue;
        };
        let inside = SPARSE.iter().any(|(range, _)| {
            range.contains(&u32::from(**first)) && range.contains(&u32::from(**last))
        });
        if !inside || u32::from(**last) - u32::from(**first) < 2 {
            continue;
        }
        match (before.columns(), after.columns()) {
            (Some(one), Some(other)) if one == other => agreed.push((**first, **last, one)),
            (None, None) => {}
            _ => doubtful.extend((**first..**last).skip(1)),
        }
    }
    (agreed, doubtful)
}

/// What the throw-away server's first pane runs. It ends a server that hangs, which has outlived
/// [`PROBE_TIMEOUT`] by then.
const WATCHDOG: &str = "sleep 10; kill -KILL $PPID";

/// The throw-away server. Dropping it ends it as soon as its process ID is known. Before that, its
/// client lives on and ends it: a client that is killed would leave a server behind.
struct Throwaway {
    program: Program,
    pid: Option<rustix::process::Pid>,
}

impl Throwaway {
    fn new(program: &Program) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("muxview-probe-{}-{count}", std::process::id());
        Self {
            program: Program {
                path: program.path.clone(),
                socket: Socket::Name(name),
            },
            pid: None,
        }
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        if let Some(pid) = self.pid {
            // It has normally ended by itself; a looping one would not take a kill-server.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        // tmux leaves the socket's file behind.
        let _ = std::fs::remove_file(self.program.socket.path());
    }
}

async fn measure(
    program: &Program,
    options: &WidthOptions,
    samples: &[String],
) -> Result<Answers, Error> {
    let mut answers = Vec::with_capacity(samples.len());
    for page in samples.chunks(LINES * SLOTS) {
        answers.extend(measure_page(program, options, page).await?);
    }
    Ok(answers)
}

async fn measure_page(
    program: &Program,
    options: &WidthOptions,
    samples: &[String],
) -> Result<Answers, Error> {
    let what = "measure widths";
    let failed = |message: String| Error::Failed { what, message };
    let mut server = Throwaway::new(program);
    let mut command = Command::new(&server.program.path);
    let lines = samples.len().div_ceil(SLOTS);
    let rows = lines.to_string();
    let height = (lines * 2 + 2).to_string();
    let width = (SLOTS * SLOT + 2).to_string();
    command
        .arg("-u")
        .args(server.program.socket.options())
        .args(["-f", "/dev/null", "new-session", "-d", "-P", "-F", "#{pid}"])
        .args(["-x", &width, "-y", &height, "--", WATCHDOG])
        // 3.2 ignores the size that a session is created with.
        .args([";", "resize-window", "-x", &width, "-y", &height])
        .args(options.commands())
        // An empty pane that shows what we write to this client; the commands after it wait until
        // all is shown.
        .args([";", "split-window", "-I", "-l", &rows])
        .args([";", "capture-pane", "-p"])
        .args([";", "kill-server"])
        .env_clear()
        .envs(client_environment())
        // A service's account may have a login shell that refuses to run anything.
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child =
        exclusively(|| command.spawn()).map_err(|e| Error::from_spawn(&program.path, &e))?;
    let stdin = child.stdin.take();
    let stdout = child.stdout.take();
    let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(failed("no pipes".to_owned()));
    };
    let input = page(samples);
    let feed = async move {
        stdin.write_all(input.as_bytes()).await?;
        stdin.shutdown().await
        // Dropping it here is the end of input.
    };
    let read = async {
        use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
        let mut stdout = BufReader::new(stdout);
        let mut first = String::new();
        stdout.read_line(&mut first).await?;
        server.pid = first
            .trim()
            .parse()
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let mut rest = vec![];
        stdout.read_to_end(&mut rest).await?;
        Ok::<_, std::io::Error>(rest)
    };
    let (fed, captured) = tokio::join!(feed, read);
    let captured = captured.map_err(|e| failed(e.to_string()))?;
    let ended = child
        .wait_with_output()
        .await
        .map_err(|e| failed(e.to_string()))?;
    if !ended.status.success() {
        let words = String::from_utf8_lossy(&ended.stderr);
        return Err(Error::from_words(what, &words));
    }
    fed.map_err(|e| failed(e.to_string()))?;
    // It has ended by its own command: its number may be somebody else's soon.
    server.pid = None;
    let captured = String::from_utf8_lossy(&captured);
    let mut lines = captured.lines();
    Ok(samples
        .chunks(SLOTS)
        .flat_map(|line| read_line(line, lines.next().unwrap_or_default()))
        .collect())
}

/// What is written into the pane.
fn page(samples: &[String]) -> String {
    let mut page = String::with_capacity(samples.len() * 20);
    for (i, sample) in samples.iter().enumerate() {
        let (row, slot) = (i / SLOTS, i % SLOTS);
        if slot == 0 {
            // Writing to a String cannot fail.
            let _ = write!(page, "\x1b[{}H", row + 1);
        }
        let (first, third) = (slot * SLOT + 1, slot * SLOT + 3);
        let _ = write!(page, "\x1b[{first}Gx{sample}A\x1b[{third}GB");
    }
    page
}

/// Reads what is left of the samples of a line. No sample has an `x` in it.
fn read_line(samples: &[String], line: &str) -> Answers {
    let mut slots = line.split('x').skip(1);
    samples
        .iter()
        .map(|sample| read(sample, slots.next().unwrap_or_default()))
        .collect()
}

/// Reads a sample's width from what is left of it, after the `x`.
fn read(sample: &str, left: &str) -> Slot {
    let left = left.trim_end_matches(' ');
    if left == " BA" {
        return Slot::Columns(2);
    }
    match left.strip_prefix(sample) {
        Some("B") => Slot::Columns(1),
        Some("AB") => Slot::Columns(0),
        _ => Slot::Other(left.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tmux_answers_every_question() {
        let program = Program::new(Socket::Default);
        let options = WidthOptions::default();
        let samples = ["a", "\u{e9}", "\u{6f22}", "\u{301}", "\u{1f600}"].map(str::to_owned);
        let answers = measure(&program, &options, &samples).await.unwrap();
        let columns: Vec<_> = answers.iter().map(Slot::columns).collect();
        assert_eq!(columns, [Some(1), Some(1), Some(2), Some(0), Some(2)]);
        // What it drops is what its libc does not know; an answer that could not be read would be more.
        let singles = singles(&options);
        let all: Vec<String> = singles.iter().map(char::to_string).collect();
        let answers = measure(&program, &options, &all).await.unwrap();
        let unread: Vec<_> = singles
            .iter()
            .zip(&answers)
            .filter(|(_, slot)| !matches!(slot, Slot::Columns(_)) && **slot != dropped())
            .collect();
        assert!(unread.is_empty(), "{unread:?}");
        let known = answers.iter().filter(|a| a.columns().is_some()).count();
        assert!(known > 40_000, "{known} of {}", all.len());
    }

    fn dropped() -> Slot {
        Slot::Other("AB".to_owned())
    }

    #[tokio::test]
    async fn the_limit_of_a_cell_is_found() {
        let program = Program::new(Socket::Default);
        let version = program.version().await.unwrap();
        let answers = measure(&program, &WidthOptions::default(), &questions())
            .await
            .unwrap();
        let limit = if version.number >= Some((3, 6)) {
            32
        } else {
            21
        };
        assert_eq!(joins(&answers).limit, limit, "{answers:?}");
    }

    #[tokio::test]
    async fn no_server_and_no_socket_is_left() {
        let program = Program::new(Socket::Default);
        widths(&program, &WidthOptions::default()).await.unwrap();
        let mine = format!("muxview-probe-{}-", std::process::id());
        let directory = Socket::Name(String::new()).path();
        let left: Vec<_> = std::fs::read_dir(directory.parent().unwrap())
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with(&mine))
            .collect();
        // Other tests of this process may be measuring.
        assert!(left.len() <= 4, "{left:?}");
    }

    /// muxview may stop at any moment: here before it has read the server's process ID.
    #[tokio::test]
    async fn a_probe_that_is_dropped_leaves_no_server() {
        let installed = Program::new(Socket::Default).path;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tmux");
        let paths = std::env::var_os("PATH").unwrap();
        let mut places = std::env::split_paths(&paths).map(|folder| folder.join(&installed));
        let tmux = places.find(|place| place.is_file()).unwrap();
        std::os::unix::fs::symlink(tmux, &path).unwrap();
        let program = Program {
            path: path.clone(),
            socket: Socket::Default,
        };

        // What becomes of the server is a matter of luck when its client is killed.
        for _ in 0..8 {
            let options = WidthOptions::default();
            let mut measured = Box::pin(widths(&program, &options));
            tokio::select! {
                biased;
                found = &mut measured => panic!("too soon: {found:?}"),
                () = tokio::task::yield_now() => {}
            }
            let deadline = std::time::Instant::now() + PROBE_TIMEOUT * 2;
            while !running(&path)
                .iter()
                .any(|(_, server)| shows(&path, server))
            {
                assert!(std::time::Instant::now() < deadline, "no server");
            }
            // Its client must not end before the drop does what it does.
            let all = running(&path);
            let signal = |signal| {
                for (pid, _) in &all {
                    let _ = rustix::process::kill_process(*pid, signal);
                }
            };
            signal(rustix::process::Signal::STOP);
            drop(measured);
            signal(rustix::process::Signal::CONT);
            while !running(&path).is_empty() {
                assert!(std::time::Instant::now() < deadline, "left behind");
                tokio::task::yield_now().await;
            }
        }
    }

    /// The processes that run this program, with their command lines.
    fn running(program: &std::path::Path) -> Vec<(rustix::process::Pid, String)> {
        let program = format!("{}\0", program.display());
        std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| {
                let process = entry.ok()?.path();
                let command = std::fs::read_to_string(process.join("cmdline")).ok()?;
                let pid = process.file_name()?.to_str()?.parse().ok()?;
                let pid = rustix::process::Pid::from_raw(pid)?;
                command.starts_with(&program).then_some((pid, command))
            })
            .collect()
    }

    /// Whether the server that was started like this has printed some of the samples.
    fn shows(program: &std::path::Path, server: &str) -> bool {
        let socket = server.split('\0').skip_while(|word| *word != "-L").nth(1);
        let mut list = std::process::Command::new(program);
        list.args([
            "-L",
            socket.unwrap(),
            "list-panes",
            "-a",
            "-F",
            "#{cursor_y}",
        ]);
        let listed = exclusively(|| list.stdin(Stdio::null()).stderr(Stdio::null()).output());
        let listed = listed.unwrap().stdout;
        listed
            .split(|byte| *byte == b'\n')
            .any(|row| !matches!(row, b"" | b"0"))
    }

    #[tokio::test]
    async fn the_built_in_widths_are_those_of_3_3a() {
        let program = Program::new(Socket::Default);
        let measured = widths(&program, &WidthOptions::default())
            .await
            .unwrap()
            .widths();
        if program.version().await.unwrap().text == "3.3a" {
            let default = crate::terminal::Widths::default();
            let different = measured.differences(&default);
            assert!(different.is_empty(), "{different:?}");
        }
    }

    #[test]
    fn between_equals_is_equal_and_the_rest_is_asked() {
        let singles = ['\u{4e00}', '\u{4e04}', '\u{4e08}', '\u{4e0a}'];
        let answers = [2, 2, 1, 1].map(Slot::Columns);
        let (agreed, doubtful) = between(&singles, &answers);
        assert_eq!(
            agreed,
            [('\u{4e00}', '\u{4e04}', 2), ('\u{4e08}', '\u{4e0a}', 1)]
        );
        assert_eq!(doubtful, ['\u{4e05}', '\u{4e06}', '\u{4e07}']);
    }

    #[tokio::test]
    async fn a_tmux_that_hangs_holds_nothing_up() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tmux");
        std::fs::write(&path, "#!/bin/sh\nexec sleep 60\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let program = Program {
            path,
            socket: Socket::Default,
        };
        let widths = widths(&program, &WidthOptions::default()).await;
        assert_eq!(widths, Err(Error::Timeout));
    }

    #[test]
    fn what_is_left_of_a_line_tells_the_width() {
        let samples = ["\u{301}", "\u{ad}", "\u{1f600}", "\u{1fae8}", "a"].map(str::to_owned);
        let line = "x\u{301}AB   x\u{ad}B    x BA   xAB";
        let columns: Vec<_> = read_line(&samples, line)
            .iter()
            .map(Slot::columns)
            .collect();
        assert_eq!(columns, [Some(0), Some(1), Some(2), None, None]);
        // Two cells: the second is left, and A beyond it.
        let left = read("\u{1f44d}\u{1f3fd}", " B\u{1f3fd}A");
        assert_eq!(left.columns(), None);
    }
}
