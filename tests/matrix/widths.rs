//! Every character and cluster has the columns that tmux gives it: what follows it stands where tmux
//! says its cursor is, for a viewer who was there and for one who comes late, drawn step by step and
//! drawn anew by tmux.

use crate::figures::{self, Column};
use crate::harness::{at_least, by_depth};
use crate::support::{self, Join, Picture, Scene, Viewer};
use serde_json::json;

scenarios![
    clusters,
    single_characters,
    at_the_right_edge,
    the_users_own_widths.normal(),
];

/// What has two columns in xterm.js can only be shown as U+FFFD where tmux gives it one. These may: what
/// is newer than tmux's libc, and the user's own widths.
fn may_be_replaced(c: char) -> bool {
    matches!(
        c,
        '\u{4e01}' | '\u{f900}'..='\u{faff}' | '\u{17000}'..='\u{18cff}' | '\u{1f000}'..='\u{1faff}'
            | '\u{20000}'..='\u{3fffd}'
    )
}

const COLS: u16 = 120;
const ROWS: u16 = 40;

/// A session whose pane prints samples and asks tmux where the cursor is.
struct Bench {
    scene: Scene,
    pages: usize,
    right: u64,
    wrong: Vec<String>,
}

/// Where a sample is printed, from 0, and what.
struct Sample {
    row: usize,
    column: usize,
    text: String,
}

impl Bench {
    async fn open(options: &[&[&str]]) -> Self {
        let tmux = support::Tmux::start(COLS, ROWS);
        tmux.cmd(&["set-option", "-g", "status", "off"]);
        for option in options {
            let mut command = vec!["set-option", "-s"];
            command.extend(*option);
            tmux.cmd(&command);
        }
        let scene = Scene::around(tmux, COLS, ROWS).await;
        // Pages can also be drawn whole, by coming back from another window.
        scene.tmux.cmd(&[
            "new-window",
            "-d",
            "-t",
            "main:9",
            "printf 'elsewhere.'; cat",
        ]);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/xterm/columns.mjs");
        let page = scene.tmux.file("page", "[]");
        let answers = scene.tmux.dir().join("answers");
        let line = format!("exec node {script} {page} {}", answers.display());
        scene.tmux.enter("main:", &line);
        scene
            .live
            .shows("the script", |p| p.contains("ready."))
            .await;
        Self {
            scene,
            pages: 0,
            right: 0,
            wrong: Vec::new(),
        }
    }

    /// Prints a page and looks where the mark after each sample is.
    async fn page(&mut self, samples: &[Sample]) {
        let page: Vec<_> = samples
            .iter()
            .map(|s| json!([s.row + 1, s.column + 1, s.text]))
            .collect();
        self.scene.tmux.file("page", json!(page).to_string());
        let answers = self.scene.tmux.dir().join("answers");
        let _ = std::fs::remove_file(&answers);
        self.scene.tmux.keys("main:", &["Enter"]);
        let columns: Vec<usize> = support::until("the columns", async || {
            let text = std::fs::read_to_string(&answers).map_err(|e| e.to_string())?;
            serde_json::from_str(&text).map_err(|e| e.to_string())
        })
        .await;
        assert_eq!(columns.len(), samples.len());
        self.pages += 1;
        let end = format!("page {}.", self.pages);
        let arrived = |picture: &Picture| picture.contains(&end);

        let live = self.scene.live.shows("the page", arrived).await;
        self.check("live", &live, samples, &columns);
        let late = self.late().await;
        self.check("late", &late, samples, &columns);

        let window = self.scene.tmux.format("main:", "#{window_id}");
        self.scene.tmux.cmd(&["select-window", "-t", "main:9"]);
        let elsewhere = |picture: &Picture| picture.contains("elsewhere.");
        self.scene.live.shows("the other window", elsewhere).await;
        self.scene.tmux.cmd(&["select-window", "-t", &window]);
        let redrawn = self.scene.live.shows("the page again", arrived).await;
        self.check("redrawn", &redrawn, samples, &columns);
    }

    async fn late(&self) -> Picture {
        let join = Join::driver(COLS, ROWS);
        let scene = &self.scene;
        let late = Viewer::join(&scene.service, &scene.xterm, "main", join).await;
        late.opened().await;
        late.picture().await
    }

    fn check(&mut self, who: &str, picture: &Picture, samples: &[Sample], columns: &[usize]) {
        for (sample, column) in samples.iter().zip(columns) {
            if sample.column + 3 >= usize::from(COLS) {
                continue; // the mark is somewhere else, or gone
            }
            let cells = &picture.cells[sample.row];
            // tmux counts from 1.
            let mark = cells.get(column - 1).map(|cell| cell.text.as_str());
            let shown: String = cells[sample.column..(*column).min(cells.len())]
                .iter()
                .map(|cell| cell.text.as_str())
                .collect();
            let mut chars = sample.text.chars();
            let first = chars.next().unwrap_or(' ');
            // The letter in front, and the character itself where it has a column. (On 3.4 and 3.5 some
            // join a letter that is not ASCII.)
            let takes_columns = first.is_ascii() && *column > sample.column + 2;
            let itself = chars.next().is_none_or(|c| {
                let replaced = may_be_replaced(c) && shown.contains('\u{fffd}');
                !takes_columns || replaced || shown.contains(c)
            });
            if mark == Some("|") && shown.starts_with(first) && itself {
                self.right += 1;
            } else {
                self.wrong.push(format!(
                    "{who}: after {} tmux is in column {}, shown is {shown:?} and then {mark:?}",
                    sample.text.escape_unicode(),
                    column - 1 - sample.column,
                ));
            }
        }
    }

    fn finish(self, column: Column) {
        let of = self.right + self.wrong.len() as u64;
        figures::count(column, self.right, of);
        let some = &self.wrong[..self.wrong.len().min(40)];
        assert!(
            self.wrong.is_empty(),
            "{} of {of} are wrong: {some:#?}",
            self.wrong.len()
        );
    }
}

/// Clusters that versions, libraries or terminals have different ideas of.
fn samples() -> Vec<String> {
    let mut all: Vec<String> = CLUSTERS.split_whitespace().map(str::to_owned).collect();
    let tones = ['\u{1f3fb}', '\u{1f3fd}', '\u{1f3ff}'];
    for (i, base) in TONED.chars().enumerate() {
        let tone = tones[i % tones.len()];
        all.push(format!("{base}{tone}"));
        all.push(format!("{base}\u{fe0f}"));
        if i % 4 == 0 {
            all.push(format!("{base}\u{fe0e}"));
            all.push(format!("{tone}{base}"));
            all.push(format!("{base}{tone}\u{200d}\u{2642}\u{fe0f}"));
        }
    }
    for flag in ["DE", "FR", "JP", "US", "EU"] {
        let flag: String = flag.chars().map(regional).collect();
        all.push(flag.clone());
        all.push(flag.repeat(2));
        all.push(format!("{flag}{}", regional('X')));
        all.push(flag.repeat(3));
        all.push(flag.repeat(5));
    }
    for region in ["gbeng", "gbsct", "usca"] {
        let tags: String = region
            .chars()
            .filter_map(|c| char::from_u32(0xe_0000 + u32::from(c)))
            .collect();
        all.push(format!("\u{1f3f4}{tags}\u{e007f}"));
    }
    for key in "0123456789#*".chars() {
        all.push(format!("{key}\u{fe0f}\u{20e3}"));
    }
    // Up to the longest cell of any version and beyond.
    for base in ["e", "é", "ก", "漢", "👩"] {
        for marks in [1, 2, 5, 8, 9, 10, 11, 13, 15, 30] {
            let text = format!("{base}{}", "\u{301}".repeat(marks));
            // tmux ≥ 3.6 takes a cell of exactly 32 bytes for an empty one.
            if text.len() < 32 || !at_least(3, 6) {
                all.push(text);
            }
        }
    }
    for marks in [4, 6, 8] {
        let marks = "\u{301}".repeat(marks);
        all.push(format!("👩{marks}\u{200d}💻"));
        all.push(format!("👍{marks}\u{1f3fd}"));
    }
    all
}

fn regional(letter: char) -> char {
    char::from_u32(0x1_f1e6 + u32::from(letter) - u32::from('A')).unwrap()
}

/// Bases of skin tones, and what looks as if it were one.
const TONED: &str = "👍👋👌👏👐👦👧👨👩👮👰👱👲👳👴👵👶👷👸👼💁💂💃💅💆💇💪🕵🕺🖐🖕🖖🙅🙆🙇🙋🙌🙍🙎🙏🚴🚵🚶🤦🤷🤸🤹🤽🤾🦵🦶🦸🦹🧍🧎🧏🧑🧒🧓🧔🧕🧖🧗🧘🧙🧚🧛🧜🧝🧞🧟☝✌✍✊✋⛹🏋🏌🏂🏃🏄🏇🏊🎅🕴🤌🤏🤘🤙🤚🤛🤜🤝🤞🤟🥷🫀🫰🫱🫶😀🐱❤★漢éα";

const CLUSTERS: &str = "
    👨\u{200d}👩\u{200d}👧 👨\u{200d}👩\u{200d}👧\u{200d}👦 👩\u{200d}👩\u{200d}👦\u{200d}👦 👨\u{200d}👧 👨\u{200d}👨\u{200d}👧\u{200d}👧
    👩\u{200d}❤\u{fe0f}\u{200d}👨 👩\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👨 👩\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👩
    👩\u{200d}💻 👨\u{200d}🚀 👩\u{200d}🔬 👨\u{200d}🍳 👩\u{200d}⚕\u{fe0f} 👨\u{200d}⚖\u{fe0f} 👩\u{200d}✈\u{fe0f} 👩🏽\u{200d}💻 👨🏿\u{200d}🚀 🧑🏻\u{200d}🌾 👩🏾\u{200d}⚕\u{fe0f}
    🧑\u{200d}🤝\u{200d}🧑 👩🏻\u{200d}🤝\u{200d}👨🏿 👩🏼\u{200d}❤\u{fe0f}\u{200d}👨🏽
    🤷\u{200d}♀\u{fe0f} 🤷\u{200d}♂\u{fe0f} 🤦🏽\u{200d}♀\u{fe0f} 🏃\u{200d}♂\u{fe0f} 🏃🏽\u{200d}♀\u{fe0f} 🏋\u{fe0f}\u{200d}♀\u{fe0f} 🏌🏽\u{200d}♂\u{fe0f} ⛹\u{fe0f}\u{200d}♀\u{fe0f} ⛹🏽\u{200d}♀\u{fe0f} 🕵\u{fe0f}\u{200d}♂\u{fe0f} 🕵🏽\u{200d}♀\u{fe0f}
    🏴\u{200d}☠\u{fe0f} 🏳\u{fe0f}\u{200d}🌈 🏳\u{200d}🌈 🏳\u{fe0f}\u{200d}⚧\u{fe0f} 🐻\u{200d}❄\u{fe0f} 🐈\u{200d}⬛ 🐕\u{200d}🦺 ❤\u{fe0f}\u{200d}🔥 ❤\u{fe0f}\u{200d}🩹 👁\u{fe0f}\u{200d}🗨\u{fe0f} 😮\u{200d}💨 😵\u{200d}💫 😶\u{200d}🌫\u{fe0f}
    ❤\u{fe0f} ❤\u{fe0e} ❤ ☀\u{fe0f} ☀\u{fe0e} ☁\u{fe0f} ☂\u{fe0f} ☎\u{fe0f} ✔\u{fe0f} ✈\u{fe0f} ☠\u{fe0f} ⚠\u{fe0f} ⚙\u{fe0f} ℹ\u{fe0f} ™\u{fe0f} ©\u{fe0f} ®\u{fe0f} ↔\u{fe0f} ▶\u{fe0f} ⏏\u{fe0f} 〰\u{fe0f} ㊗\u{fe0f} 🅰\u{fe0f} 🌶\u{fe0f} 🖥\u{fe0f} 🗑\u{fe0f} ⌚\u{fe0e} ⌚\u{fe0f} ⚡\u{fe0e} ⚡\u{fe0f} 😀\u{fe0e} 😀\u{fe0f} 漢\u{fe0f} 漢\u{e0100} a\u{fe0f} é\u{fe0f} ±\u{fe0f}
    \u{1f3fb} \u{1f3ff}\u{1f3fb} a\u{1f3fd} é\u{1f3fd} 漢\u{1f3fd} 1\u{fe0f}\u{1f3fd} é🇩 漢🇩 😀🇩🇪 🇩 🇩\u{301}🇪 👩\u{200d}💻🏽 👩\u{200d}é é\u{200d}漢 a\u{200d}é
    e\u{301} e\u{308}\u{323} o\u{20d7} n\u{303} 2\u{20e3} x\u{20dd} ⃝ g\u{308}\u{301}\u{323}\u{330} Z\u{351}\u{36b}\u{343}\u{36a}\u{302} A\u{336}
    क्षि क्ष ज्ञ त्र हिन्दी स्त्री র্য ক্ষ ਪੰਜਾਬੀ ગુજરાતી ଓଡ଼ିଆ தமிழ் நி கி க்ஷ తెలుగు క్ష ಕನ್ನಡ ಕ್ಷ മലയാളം ക്ഷ ක්‍ෂ ශ්‍රී
    กำ ก็ กี่ น้ำ ที่ ไทย ลาว ນ້ຳ ກຳ ຫຼ မြန်မာ ကျွန် ភាសា ក្ស ស្ត្រី བོད་ ཧཱུྃ ᬅᬸ ꦏ꧀ꦱ
    \u{1100}\u{1161} \u{1100}\u{1161}\u{11a8} \u{1112}\u{1161}\u{11ab} \u{1100}\u{1100}\u{1161} \u{1161} \u{11a8} \u{115f}\u{1161} \u{a960}\u{d7b0}\u{d7cb} 각\u{11a8} 가\u{301} ㄱㅏ \u{3164} ﾊﾟ ガ か\u{3099} は\u{309a} 〱 ゛
    السلام لا ل\u{651}ا ب\u{64e}\u{651} س\u{200c}ت س\u{200d}ت \u{600}1 \u{6dd}2 שָׁלוֹם שׁ ש\u{5c1}\u{5b8} ﷺ ﷽ ܐ\u{70f} ނ\u{7aa} ߒ\u{7eb}
    a\u{200b}b a\u{200c}b a\u{2060}b a\u{feff}b a\u{ad}b a\u{34f}\u{301} a\u{61c}b a\u{200e}b a\u{202a}b\u{202c} a\u{2066}b\u{2069}
    ± ① ■ ★ α я ─ ░ … “ ” ℃ ㎏ ﹅ Ａ ￥ ｱ ～ ⸺ ⸻ ꧅ ﷻ 𒈙 𒐫 𝓐 𝟘 𠀋 𪚥 𓀀 𖹭 ☰ ䷀ ㉈ ⚊ 𝌀 ﹘ ⿰ ⿼ ㆘ ㇀ ⎈ ⌘ ⏎ ✓ ➜ ❯
    \u{e0b0} \u{e0b2} \u{e0a0} \u{f09b} \u{f31b} \u{f8ff} \u{e000}\u{301} \u{f0001} \u{f1af0} \u{ffffd} \u{100000} \u{10fffd} \u{f0001}\u{fe0f} \u{e000}\u{200d}\u{e001} \u{38001} \u{3fffd} \u{fffd}
";

async fn clusters() {
    let mut bench = Bench::open(&[]).await;
    let samples = samples();
    assert!(samples.len() >= 119);
    for page in samples.chunks(usize::from(ROWS) - 1) {
        let mut placed = Vec::new();
        for (row, text) in page.iter().enumerate() {
            // After a letter, after a wide character, twice after itself.
            for (column, text) in [
                (0, format!("x{text}")),
                (30, format!("漢{text}")),
                (60, format!("y{text}{text}")),
            ] {
                placed.push(Sample { row, column, text });
            }
        }
        bench.page(&placed).await;
    }
    bench.finish(Column::Clusters);
}

/// All code points that tmux may keep by themselves, by how much this run does: all of them, all but
/// most of the long blocks of equals, or a selection.
fn characters() -> Vec<char> {
    let equals = |c: u32| {
        matches!(
            c,
            0x3400..0x4dc0 | 0x4e00..0xa000 | 0xac00..0xd7a4 | 0xe000..0xf900 | 0x1_7000..0x1_8d00 | 0x2_0000..0x11_0000
        ) && !(0xe_0000..0xe_0200).contains(&c)
    };
    let (step, equals_step) = by_depth((16, 1024), (1, 64), (1, 1));
    (0xa0..0x11_0000)
        .filter(|c| {
            // Planes 4 to 13 are unassigned as a whole.
            !(0x4_0000..0xe_0000).contains(c)
                && c % if equals(*c) { equals_step } else { step } == 0
                && c & 0xfffe != 0xfffe
        })
        .filter_map(char::from_u32)
        .collect()
}

async fn single_characters() {
    let mut bench = Bench::open(&[]).await;
    let slots = usize::from(COLS) / 5;
    let page = slots * (usize::from(ROWS) - 1);
    for page in characters().chunks(page) {
        let samples: Vec<Sample> = page
            .iter()
            .enumerate()
            .map(|(i, c)| Sample {
                row: i / slots,
                column: i % slots * 5,
                text: format!("x{c}"),
            })
            .collect();
        bench.page(&samples).await;
    }
    bench.finish(Column::Characters);
}

/// What grows or wraps in the last columns leaves the rest of the picture alone.
async fn at_the_right_edge() {
    let mut bench = Bench::open(&[]).await;
    let edge = usize::from(COLS);
    let texts = [
        "e\u{301}",
        "e\u{301}\u{323}",
        "漢",
        "漢\u{301}",
        "❤\u{fe0f}",
        "1\u{fe0f}\u{20e3}",
        "👍\u{1f3fd}",
        "👩\u{200d}💻",
        "🇩🇪",
        "☝",
        "ก\u{e33}",
    ];
    for column in [edge - 3, edge - 2, edge - 1] {
        let mut samples = Vec::new();
        for (i, text) in texts.iter().enumerate() {
            // The mark after it may stand in the next row, which is overwritten from its start.
            let row = 3 * i;
            samples.push((row, column, (*text).to_owned()));
            samples.push((row, 0, "left".to_owned()));
            samples.push((row + 1, 0, format!("below {text}")));
        }
        let samples: Vec<Sample> = samples
            .into_iter()
            .map(|(row, column, text)| Sample { row, column, text })
            .collect();
        bench.page(&samples).await;
    }
    bench.finish(Column::Clusters);
}

async fn the_users_own_widths() {
    if !at_least(3, 6) {
        return; // there are no such options
    }
    let mut bench = Bench::open(&[
        &["codepoint-widths[0]", "U+E0B0=2"],
        &["codepoint-widths[1]", "U+2605=2"],
        &["codepoint-widths[2]", "U+1F600=1"],
        &["codepoint-widths[3]", "é=2"],
        &["codepoint-widths[4]", "U+F0000-U+F0010=2"],
        &["codepoint-widths[5]", "U+4E01=1"],
        &["variation-selector-always-wide", "off"],
    ])
    .await;
    let texts = [
        "\u{e0b0}",
        "\u{e0b1}",
        "★",
        "☆",
        "😀",
        "😁",
        "é",
        "è",
        "é\u{301}",
        "\u{f0001}",
        "\u{f0011}",
        "丁",
        "丂",
        "❤\u{fe0f}",
        "1\u{fe0f}\u{20e3}",
        "👍\u{1f3fd}",
        "★\u{fe0f}",
    ];
    let samples: Vec<Sample> = texts
        .iter()
        .enumerate()
        .map(|(row, text)| Sample {
            row,
            column: 4,
            text: format!("x{text}{text}"),
        })
        .collect();
    bench.page(&samples).await;

    // Another configuration counts from the next attach on.
    let tmux = &bench.scene.tmux;
    tmux.cmd(&["set-option", "-su", "codepoint-widths"]);
    tmux.cmd(&["set-option", "-s", "variation-selector-always-wide", "on"]);
    let ours = tmux.clients();
    let watching = bench.scene.referee.tty();
    for client in ours.iter().filter(|client| **client != watching) {
        let _ = tmux.try_cmd(&["detach-client", "-t", client]);
    }
    bench.page(&samples).await;
    bench.finish(Column::Clusters);
}
