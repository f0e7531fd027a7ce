//! Names and directories as an attacker writes them, in every field that takes one. tmux runs what
//! stands in `#(…)` of most of its arguments, so each of these leaves a mark if anything runs it.

use crate::http::{Answer, Upgrade};
use crate::support::viewer::Join;
use crate::support::{PATIENCE, Service, Tmux, Viewer, until};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Stdio};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// What leaves the mark `M` if a shell, tmux's formats, its command parser or a terminal runs it.
const COMMANDS: [&str; 34] = [
    "#(touch M)",
    "##(touch M)",
    "###(touch M)",
    "#{?1,#(touch M),}",
    "#{E:#(touch M)}",
    "#{T:#(touch M)}",
    "#{l:#(touch M)}",
    "#{q:#(touch M)}",
    "#{s/a/#(touch M)/:session_name}",
    "#{C:#(touch M)}",
    "#{S:#(touch M)}",
    "#{W:#(touch M)}",
    "#{P:#(touch M)}",
    "#{N/s:#(touch M)}",
    "#{==:#(touch M),x}",
    "#[fg=#(touch M)]",
    "#{pane_title}#(touch M)",
    "$(touch M)",
    "`touch M`",
    "${IFS}$(touch M)",
    ";touch M",
    "&touch M",
    "|touch M",
    "\ntouch M\n",
    "<(touch M)",
    ">M",
    "'; touch M; '",
    "\"; touch M; \"",
    " ; run-shell 'touch M'",
    "\nrun-shell 'touch M'\n",
    "\r\nrun-shell 'touch M'\r\n",
    "} ; run-shell 'touch M'",
    "%if #(touch M)",
    "{ run-shell 'touch M' }",
];

/// What else stands around it.
const AROUND: [(&str, &str); 6] = [
    ("", ""),
    ("a", ""),
    ("", "b"),
    ("\"", "\""),
    ("'", "'"),
    ("\x1b]0;", "\x07"),
];

/// Names that run nothing but mean something to tmux, a shell, a path, a URL, a page or an eye.
const ODD: [&str; 68] = [
    "",
    " ",
    "\t",
    "\0",
    "a\0b",
    "\x7f",
    "\x1b[2J",
    "\x1b]52;c;aGk=\x07",
    "\u{9b}31m",
    "=base",
    "=",
    "@1",
    "$77",
    "%1",
    "{last}",
    "{mouse}",
    "+",
    "-",
    "!",
    "^",
    "~",
    "*",
    "b*",
    "?ase",
    "[a-z]*",
    "a:b",
    "base:0",
    "base:0.0",
    ":",
    ".",
    "..",
    "a.b",
    "../",
    "../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "\\",
    "a\\;",
    ";",
    "a;",
    "--",
    "-x",
    "-t",
    "-tbase",
    "--help",
    "--config=/etc/passwd",
    "%00",
    "%2e%2e%2f",
    "%0a",
    "%252f",
    "%zz",
    "a&b=c",
    "a#b",
    "a?b",
    "a+b",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "{{7*7}}",
    "\u{202e}gnp.exe",
    "a\u{200b}b",
    "\u{feff}base",
    "\u{2066}a\u{2069}",
    "a\u{2028}b",
    "👩‍👩‍👧‍👦",
    "e\u{301}\u{301}\u{301}\u{301}",
    "漢字",
    "bаse", // with a Cyrillic letter
];

/// All of them; what runs makes `mark`.
fn hostile(mark: &str) -> Vec<String> {
    let commands = COMMANDS.map(|command| command.replace('M', mark));
    let wrapped = commands.iter().flat_map(|command| {
        let wrap = move |(before, after): (&str, &str)| format!("{before}{command}{after}");
        AROUND.map(wrap)
    });
    let mut all: Vec<String> = wrapped.collect();
    all.extend(ODD.map(str::to_owned));
    all.push("a".repeat(65));
    all.push("a".repeat(5000));
    let different: HashSet<_> = all.iter().collect();
    assert!(different.len() == all.len() && all.len() >= 200);
    all
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// A tmux server with the session `base`, a muxview beside it, and what both look like untouched.
struct Place {
    tmux: Tmux,
    service: Service,
    before: String,
}

impl Place {
    fn open() -> Self {
        let tmux = Tmux::without_server();
        tmux.session_running("base", 80, 24, "exec cat");
        let service = Service::start(&tmux);
        let before = state(&tmux);
        Self {
            tmux,
            service,
            before,
        }
    }

    /// Where what ran leaves its mark.
    fn mark(&self) -> String {
        self.tmux.dir().join("executed").display().to_string()
    }

    async fn ask(&self, line: &str, body: Option<&Value>) -> Answer {
        ask(self.service.port, line, body).await
    }

    /// The one refusal that can be: with a sentence, of the field, without control characters.
    async fn refused(&self, line: &str, body: &Value, field: &str) {
        let answer = self.ask(line, Some(body)).await;
        assert_eq!(answer.status, 422, "{line} {body}: {answer:?}");
        let told = answer.json();
        assert_eq!(told["field"], field, "{line} {body}: {answer:?}");
        let sentence = told["error"].as_str().unwrap();
        let plain = !sentence.is_empty() && !sentence.contains(char::is_control);
        assert!(plain && sentence.len() < 7000, "{sentence:?}");
    }

    /// Nothing ran, and tmux has what it had.
    fn untouched(&self) {
        nothing_ran(&self.tmux);
        assert_eq!(state(&self.tmux), self.before);
        // Nor could a name make a line of its own.
        for line in self.service.log().lines() {
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(
                line.starts_with("20") || line.starts_with("muxview"),
                "{line}"
            );
        }
    }
}

async fn ask(port: u16, line: &str, body: Option<&Value>) -> Answer {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    Answer::to(stream, &request).await
}

/// Sessions and windows, by id and name.
fn state(tmux: &Tmux) -> String {
    let format = "#{session_id} #{session_name} #{window_id} #{window_name} #{window_width}x#{window_height}";
    tmux.cmd(&["list-windows", "-a", "-F", format])
}

/// Jobs tmux has started are done before it answers this often; then there is no mark anywhere.
fn nothing_ran(tmux: &Tmux) {
    for _ in 0..5 {
        tmux.cmd(&["run-shell", "true"]);
    }
    let here = std::env::current_dir().unwrap();
    for dir in [tmux.dir(), &here, Path::new("/"), Path::new("/tmp")] {
        assert!(!dir.join("executed").exists(), "in {}", dir.display());
    }
}

#[tokio::test]
async fn what_runs_is_seen() {
    let tmux = Tmux::without_server();
    tmux.session_running("base", 80, 24, "exec cat");
    let mark = tmux.dir().join("executed");
    let names = hostile(&mark.display().to_string());
    // What a client asked for may end with it, so it is asked again.
    until("it to run", async || {
        tmux.cmd(&["display-message", "-p", &names[0]]);
        if mark.exists() {
            Ok(())
        } else {
            Err("no mark".to_owned())
        }
    })
    .await;
    let found = std::panic::catch_unwind(|| nothing_ran(&tmux));
    assert!(found.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_in_any_field_of_a_request_is_refused_or_nobodys() {
    let place = Place::open();
    let shell = place.ask("GET /s/x", None).await.body;
    for name in hostile(&place.mark()) {
        let path = encoded(&name);
        let named = json!({ "name": name });
        place.refused("POST /api/sessions", &named, "name").await;
        place
            .refused("PATCH /api/sessions/base", &named, "name")
            .await;
        if !name.is_empty() {
            let relative = json!({"name": "new", "cwd": name});
            let missing = json!({"name": "new", "cwd": format!("/none/{name}")});
            place.refused("POST /api/sessions", &relative, "cwd").await;
            place.refused("POST /api/sessions", &missing, "cwd").await;
        }
        for (line, body) in [
            (
                format!("PATCH /api/sessions/{path}"),
                Some(json!({"name": "x"})),
            ),
            (format!("DELETE /api/sessions/{path}"), None),
            (format!("GET /assets/{path}"), None),
            (format!("GET /{path}/"), None),
        ] {
            let status = place.ask(&line, body.as_ref()).await.status;
            let wanted: &[u16] = match &*path {
                "" => &[200, 404],
                _ => &[404],
            };
            assert!(wanted.contains(&status), "{line}: {status}");
        }
        // The page has no name in it, whatever it is asked for.
        let page = place.ask(&format!("GET /s/{path}"), None).await;
        match page.status {
            200 => assert_eq!(page.body, shell, "{name:?}"),
            status => assert!(name.is_empty() && status == 404, "{name:?} {status}"),
        }
    }
    place.untouched();
}

/// Asks for a socket at this path below a session.
async fn socket(port: u16, path: &str) -> Upgrade {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: muxview.v1\r\n\r\n"
    );
    Upgrade::over(stream, &head).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_in_any_field_of_a_socket_is_nobodys() {
    use crate::http::Outcome;
    let place = Place::open();
    let port = place.service.port;
    // With its status line that is the size the window has.
    let driver = Viewer::listen(&place.service, "base", Join::driver(80, 25)).await;
    driver.opened().await;
    for (number, name) in hostile(&place.mark()).into_iter().enumerate() {
        let word = encoded(&name);
        let outcome = socket(port, &format!("/s/{word}/ws?cols=80&rows=24")).await;
        let outcome = outcome.outcome().await;
        let closed = Outcome::Closed(4404, Some("muxview.v1".to_owned()));
        let nowhere = name.is_empty() && outcome == Outcome::Status(404);
        assert!(outcome == closed || nowhere, "{name:?}: {outcome:?}");
        // Who wishes for nonsense watches.
        let role = match &*name {
            "" => "drive",
            _ => "view",
        };
        if number % 5 == 0 {
            let wish = format!("cols={word}&rows={word}&role={word}&visible={word}&{word}={word}");
            let joined = socket(port, &format!("/s/base/ws?{wish}"))
                .await
                .role()
                .await;
            assert_eq!(joined, Outcome::Role(role.to_owned()), "{name:?}");
        }
        for said in [
            json!({ "type": name }),
            json!({"type": "window", "do": name, "id": "@0"}),
            json!({"type": "window", "do": "select", "id": name}),
            json!({"type": "window", "do": "close", "id": name}),
            json!({"type": "window", "do": "scroll", "lines": name}),
            json!({"type": "resize", "cols": name, "rows": name}),
        ] {
            driver.say(&said);
        }
        // One of many is followed to its end, so that what is said does not pile up.
        if number % 20 == 0 {
            driver.say(&json!({"type": "ping", "id": number}));
            driver.text_where("pong", |pong| pong["id"] == number).await;
        }
    }
    let head = format!(
        "GET /api/events?miniatures={} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        encoded(&format!("$0,{}", hostile(&place.mark())[..20].join(",")))
    );
    let mut events = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    events.write_all(head.as_bytes()).await.unwrap();
    driver.say(&json!({"type": "ping", "id": "last"}));
    driver.text_where("pong", |pong| pong["id"] == "last").await;
    place.untouched();
}

/// A command of muxview with this argument, run to its end.
fn run(tmux: &Tmux, first: &[&str], last: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muxview"));
    tmux.clean(&mut command);
    command
        .args(first)
        .arg("--tmux-socket-path")
        .arg(tmux.socket())
        .arg("--state-dir")
        .arg(tmux.dir().join("state"))
        .args(last)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = {
        let _guard = crate::support::process::SPAWN.lock().unwrap();
        command.spawn().unwrap()
    };
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().expect("not killed");
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn a_name_on_the_command_line_is_refused_or_a_url() {
    let tmux = Tmux::without_server();
    tmux.session_running("base", 80, 24, "exec cat");
    let before = state(&tmux);
    let mark = tmux.dir().join("executed").display().to_string();
    let sayable = hostile(&mark);
    // Each takes a process: those that run nothing, and one of each that would.
    let sayable = sayable.iter().filter(|name| !name.contains('\0'));
    let commands = COMMANDS.len() * AROUND.len();
    for (number, name) in sayable.enumerate() {
        if number < commands && number % AROUND.len() != number / AROUND.len() % AROUND.len() {
            continue;
        }
        // A start would go on; a check only reads.
        let create = format!("--create={name}");
        let (code, _, said) = run(&tmux, &["check"], &[&create]);
        assert_eq!(code, 2, "{create:?} {said}");
        assert!(said.contains("--create"), "{create:?} {said}");
        assert!(!said.contains('\x1b'), "{said:?}");
        let session = format!("--create={name}=cat");
        let (code, ..) = run(&tmux, &["check"], &[&session]);
        assert_eq!(code, 2, "{session:?}");
        let (code, ..) = run(&tmux, &["share", "add"], &["--", name]);
        assert_eq!(code, 1, "{name:?}");
        let (code, url, _) = run(&tmux, &["url"], &["--", name]);
        assert_eq!(code, 0, "{name:?}");
        let url = url.strip_suffix('\n').expect("a line");
        assert!(url.bytes().all(|byte| byte.is_ascii_graphic()), "{url:?}");
        let path = url
            .split_once("7681")
            .and_then(|(_, path)| path.split_once("#t="));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.@%".contains(&byte);
        assert!(path.unwrap().0.bytes().all(plain), "{url}");
    }
    nothing_ran(&tmux);
    assert_eq!(state(&tmux), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_start_in_directories_called_so_and_nothing_else_does() {
    let place = Place::open();
    // In a name there is no slash, so the mark is made wherever it is run.
    let fits = |name: &String| {
        !name.is_empty()
            && name.len() < 256
            && !name.contains(['/', '\0'])
            && *name != "."
            && *name != ".."
    };
    let names: Vec<_> = hostile("executed").into_iter().filter(fits).collect();
    assert!(names.len() >= 200);
    // One of each command, and all that are odd.
    let chosen = names
        .iter()
        .enumerate()
        .filter(|(n, _)| n % 5 == 0 || *n >= COMMANDS.len() * AROUND.len());
    for (number, name) in chosen {
        let dir = place.tmux.dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        let session = format!("n{number}");
        let new = json!({"name": session, "cwd": dir, "command": ": >started; exec cat"});
        let made = place.ask("POST /api/sessions", Some(&new)).await;
        assert_eq!(made.status, 201, "{name:?}: {made:?}");
        until("it to start there", async || {
            if dir.join("started").exists() {
                Ok(())
            } else {
                Err(format!("{name:?}"))
            }
        })
        .await;
        let ended = place
            .ask(&format!("DELETE /api/sessions/{session}"), None)
            .await;
        assert_eq!(ended.status, 204, "{name:?}: {ended:?}");
        let inside: Vec<_> = std::fs::read_dir(&dir).unwrap().flatten().collect();
        assert_eq!(inside.len(), 1, "{name:?}: {inside:?}");
    }
    place.untouched();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_called_so_by_tmux_are_listed_as_text_and_joined_by_id() {
    let place = Place::open();
    let mut ids = vec![];
    for name in hostile(&place.mark()) {
        // tmux expands a new name too: what is to be in it must be escaped.
        let mut escaped = name.replace('#', "##");
        if escaped.ends_with(';') {
            escaped.insert(escaped.len() - 1, '\\');
        }
        if escaped.contains('\0') {
            continue;
        }
        let new = [
            "new-session",
            "-d",
            "-P",
            "-F",
            "#{session_id}",
            "-s",
            "plain",
            "cat",
            ";",
        ];
        let rename = ["rename-session", "-t", "=plain", "--", &escaped];
        let made = place.tmux.try_cmd(&[&new[..], &rename].concat());
        // Some are none to tmux, and some the same.
        if made.status.success() {
            ids.push(String::from_utf8(made.stdout).unwrap().trim().to_owned());
        } else {
            place.tmux.cmd(&["kill-session", "-t", "=plain"]);
        }
    }
    assert!(ids.len() >= 200, "{}", ids.len());
    nothing_ran(&place.tmux);
    let names = || {
        let list = place
            .tmux
            .cmd(&["list-sessions", "-F", "#{session_id}\t#{session_name}"]);
        let pairs = list.lines().filter_map(|line| line.split_once('\t'));
        let mut pairs: Vec<_> = pairs
            .map(|(id, name)| (id.to_owned(), name.to_owned()))
            .collect();
        pairs.sort();
        pairs
    };
    let told = async || {
        let list = place.ask("GET /api/sessions", None).await.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let rows = list.as_array().unwrap().iter();
        let mut pairs: Vec<_> = rows
            .map(|row| (text(&row["id"]), text(&row["name"])))
            .collect();
        pairs.sort();
        pairs
    };
    until("all to be listed as they are called", async || {
        let (told, names) = (told().await, names());
        if told == names {
            Ok(())
        } else {
            Err(format!("{told:?}\n{names:?}"))
        }
    })
    .await;
    let all = names();
    for (id, name) in all.iter().filter(|(id, _)| ids.contains(id)).step_by(8) {
        let path = format!("/s/{}/ws?role=view", encoded(id));
        let Upgrade::Open(_, mut socket) = socket(place.service.port, &path).await else {
            panic!("{name:?}")
        };
        let hello = tokio::time::timeout(PATIENCE, futures_util::StreamExt::next(&mut socket));
        let hello = hello.await.unwrap().unwrap().unwrap();
        let hello: Value = serde_json::from_str(hello.to_text().unwrap()).unwrap();
        assert_eq!(hello["session"], json!({"id": id, "name": name}));
        // By its name too, unless that is what ids look like.
        if !name.starts_with('$') {
            let page = format!("/s/{}/ws?role=view", encoded(name));
            let joined = socket_named(&place, &page).await;
            assert_eq!(joined["session"]["id"], **id, "{name:?}");
        }
        // And it can be given a name of ours, or be ended.
        let line = format!("PATCH /api/sessions/{}", encoded(id));
        let new = format!("renamed-{}", id.trim_start_matches('$'));
        let renamed = place.ask(&line, Some(&json!({ "name": new }))).await;
        assert_eq!(renamed.status, 200, "{name:?}: {renamed:?}");
        let line = format!("DELETE /api/sessions/{}", encoded(id));
        assert_eq!(place.ask(&line, None).await.status, 204, "{name:?}");
    }
    assert_eq!(told().await, names());
    nothing_ran(&place.tmux);
}

async fn socket_named(place: &Place, path: &str) -> Value {
    let Upgrade::Open(_, mut socket) = socket(place.service.port, path).await else {
        panic!("{path}")
    };
    let hello = tokio::time::timeout(PATIENCE, futures_util::StreamExt::next(&mut socket));
    let hello = hello.await.unwrap().unwrap().unwrap();
    serde_json::from_str(hello.to_text().unwrap()).unwrap_or_else(|_| panic!("{path}: {hello:?}"))
}
