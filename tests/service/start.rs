//! A service that cannot start says why in a sentence, with the right exit code, and leaves nothing
//! behind; one that can listens wherever it was told to.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::tmux;

use crate::http::{Answer, ask_unix};
use crate::tmux::Tmux;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tokio::net::TcpStream;

/// Nobody in particular, for what another user may not.
const NOBODY: u32 = 65_534;

fn root() -> bool {
    rustix::process::geteuid().is_root()
}

struct Place {
    tmux: Tmux,
}

impl Place {
    fn new() -> Self {
        Self { tmux: Tmux::none() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tmux.dir.path().join(name)
    }

    fn unix(&self, name: &str) -> String {
        format!("unix:{}", self.path(name).display())
    }

    /// The binary with this command and a tmux socket where nobody is.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muxview"));
        command
            .args(args)
            .args(["--tmux-socket-name", &self.tmux.name])
            .env("HOME", self.path("home"))
            .env_remove("TMUX")
            .env_remove("XDG_STATE_HOME")
            .env_remove("STATE_DIRECTORY")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What it says and returns, for a start that fails.
    fn refused(&self, args: &[&str]) -> (i32, String) {
        self.ended(self.command(args))
    }

    fn ended(&self, mut command: Command) -> (i32, String) {
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said)
    }

    /// Starts it, and waits for the line with the URL.
    fn start(&self, args: &[&str]) -> Running {
        let command = self.command(args);
        Running::start(command)
    }
}

struct Running {
    child: Child,
    /// All that was said up to and with the line of the URL.
    said: String,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.lines().any(|line| line.starts_with("muxview: http")) {
            let read = lines.read_line(&mut said).unwrap();
            assert!(read > 0, "it ended and said:\n{said}");
        }
        // What it says later must go somewhere.
        std::thread::spawn(move || lines.read_to_end(&mut vec![]));
        Self { child, said }
    }

    /// `127.0.0.1:PORT` of each TCP listener it told of.
    fn addresses(&self) -> Vec<String> {
        let line = self.said.lines().last().unwrap();
        let urls = line
            .split(' ')
            .filter_map(|word| word.strip_prefix("http://"));
        urls.map(|url| url.split('/').next().unwrap().to_owned())
            .filter(|authority| authority.contains(':'))
            .collect()
    }

    fn ends(&mut self) -> i32 {
        tmux::signal(&self.child.id().to_string(), "-TERM");
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

async fn healthy(address: &str) -> u16 {
    let head = HEALTH.replace("localhost", address);
    Answer::to(TcpStream::connect(address).await.unwrap(), &head)
        .await
        .status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_listeners_at_once_each_as_it_was_asked_for() {
    let place = Place::new();
    let (private, open) = (place.unix("private"), place.unix("open") + ",mode=0666");
    let listen = ["127.0.0.1:0", "127.0.0.1:0", &private, &open];
    let mut args = vec!["serve", "--auth", "none"];
    args.extend(listen.iter().flat_map(|listen| ["--listen", *listen]));
    let mut running = place.start(&args);
    let addresses = running.addresses();
    assert_eq!(addresses.len(), 2, "{}", running.said);
    for address in &addresses {
        assert_eq!(healthy(address).await, 200, "{address}");
    }
    for (name, mode) in [("private", 0o600), ("open", 0o666)] {
        let path = place.path(name);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, mode, "{name}");
        assert_eq!(ask_unix(&path, HEALTH).await.status, 200, "{name}");
    }
    assert_eq!(running.ends(), 0);
    assert!(!place.path("private").exists() && !place.path("open").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_a_path_and_in_the_group_asked_for() {
    let place = Place::new();
    // A group this user is in, by its number.
    let group = rustix::process::getegid().as_raw();
    let socket = place.unix("http") + &format!(",group={group},mode=0660");
    let running = place.start(&["--auth", "none", "--base-path", "/mux", "--listen", &socket]);
    assert!(
        running.said.ends_with("http://localhost/mux/\n"),
        "{}",
        running.said
    );
    let found = fs::metadata(place.path("http")).unwrap();
    assert_eq!((found.gid(), found.mode() & 0o777), (group, 0o660));
    for (path, status) in [("/mux/", 200), ("/mux/healthz", 200), ("/mux", 308)] {
        let head = HEALTH.replace("/healthz", path);
        assert_eq!(
            ask_unix(&place.path("http"), &head).await.status,
            status,
            "{path}"
        );
    }
}

#[test]
fn what_is_taken_is_named_and_nothing_is_left() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let socket = place.unix("http");
    // The second of two: the first was made, and must be gone again.
    let args = ["--auth", "none", "--listen", &socket, "--listen", &address];
    let (code, said) = place.refused(&args);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains(&format!("{address} is already in use: end the program")),
        "{said}"
    );
    assert!(!place.path("http").exists());
    let (code, said) = place.refused(&["check", "--auth", "none", "--listen", &address]);
    assert!(code == 0 && said.contains("is in use now"), "{said}");

    let live = UnixListener::bind(place.path("http")).unwrap();
    let (code, said) = place.refused(&["--auth", "none", "--listen", &socket]);
    assert!(code == 1 && said.contains("is already in use"), "{said}");
    assert!(
        UnixStream::connect(place.path("http")).is_ok(),
        "it is left alone"
    );
    drop(live);
}

/// Whether this machine has `[::1]`.
fn ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_127_0_0_1_is_listened_to_nobody_else_can_have_localhost() {
    if !ipv6() {
        return;
    }
    let place = Place::new();
    let mut running = place.start(&["--auth", "none", "--listen", "127.0.0.1:0"]);
    let addresses = running.addresses();
    let [v4] = &addresses[..] else {
        panic!("one URL, as asked for: {}", running.said);
    };
    let port = v4.rsplit_once(':').unwrap().1.to_owned();
    let v6 = format!("[::1]:{port}");
    assert_eq!((healthy(v4).await, healthy(&v6).await), (200, 200));
    // The next image has both, and nobody is refused meanwhile.
    tmux::signal(&running.child.id().to_string(), "-HUP");
    for _ in 0..100 {
        assert_eq!((healthy(v4).await, healthy(&v6).await), (200, 200));
    }
    assert!(TcpListener::bind(&v6).is_err());
    assert_eq!(running.ends(), 0);

    let other = TcpListener::bind(&v6).unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let listen = format!("{host}:{port}");
        let args = ["--auth", "none", "--listen", &listen];
        let (code, said) = place.refused(&args);
        let wanted = format!("{v6} is already in use, and browsers that are told localhost:{port}");
        assert!(code == 1 && said.contains(&wanted), "{said}");
        let (code, said) = place.refused(&[&["check"], &args[..]].concat());
        let wanted = format!("{v6} is in use now");
        assert!(code == 0 && said.contains(&wanted), "{said}");
    }
    drop(other);
    // Who asks for both has both, each once.
    let (v4, both) = (format!("127.0.0.1:{port}"), ["--listen", &v6, "--listen"]);
    for order in [
        [both[0], both[1], both[2], &v4],
        [both[0], &v4, both[2], &v6],
    ] {
        let mut running = place.start(&[&["--auth", "none"], &order[..]].concat());
        assert_eq!(running.addresses().len(), 2, "{}", running.said);
        assert_eq!((healthy(&v4).await, healthy(&v6).await), (200, 200));
        assert_eq!(running.ends(), 0);
    }
}

#[test]
fn a_stale_socket_is_replaced_and_what_is_not_ours_is_not() {
    let place = Place::new();
    let (path, socket) = (place.path("http"), place.unix("http"));
    drop(UnixListener::bind(&path).unwrap());
    let mut running = place.start(&["--auth", "none", "--listen", &socket]);
    assert!(UnixStream::connect(&path).is_ok());
    // Who puts another in its place keeps it.
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    assert_eq!(running.ends(), 0);
    assert!(
        UnixStream::connect(&path).is_ok(),
        "the other's is left alone"
    );
    drop(other);

    fs::write(place.path("file"), "mine").unwrap();
    for command in ["serve", "check"] {
        let (code, said) =
            place.refused(&[command, "--auth", "none", "--listen", &place.unix("file")]);
        assert!(
            code == 1 && said.contains("exists and is not a socket: move it"),
            "{said}"
        );
        let nowhere = place.unix("nowhere/http");
        let (code, said) = place.refused(&[command, "--auth", "none", "--listen", &nowhere]);
        assert!(
            code == 1 && said.contains("nowhere is no directory: make it"),
            "{said}"
        );
        let group = place.unix("g") + ",group=nobody-has-this-name";
        let (code, said) = place.refused(&[command, "--auth", "none", "--listen", &group]);
        assert!(
            code == 1 && said.contains("there is no such group"),
            "{said}"
        );
        assert!(!place.path("g").exists());
    }
    assert_eq!(fs::read(place.path("file")).unwrap(), b"mine");
    if root() {
        let foreign = place.path("foreign");
        drop(UnixListener::bind(&foreign).unwrap());
        std::os::unix::fs::chown(&foreign, Some(NOBODY), None).unwrap();
        for command in ["serve", "check"] {
            let listen = place.unix("foreign");
            let (code, said) = place.refused(&[command, "--auth", "none", "--listen", &listen]);
            let named = format!("is a socket of another user (uid {NOBODY})");
            assert!(code == 1 && said.contains(&named), "{said}");
        }
        assert!(foreign.exists());
    }
}

/// The same as a user who may do little, where we may become one.
fn as_nobody(command: &Command) -> Command {
    let mut other = Command::new("setpriv");
    other.args([
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "--",
    ]);
    other.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    other
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    other
}

#[test]
fn what_may_not_be_used_is_said() {
    let place = Place::new();
    fs::set_permissions(place.tmux.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    if !root() {
        return;
    }
    // A copy anyone may run: the tree the tests are built in may be closed to others.
    let binary = place.path("muxview");
    fs::copy(env!("CARGO_BIN_EXE_muxview"), &binary).unwrap();
    for command in ["serve", "check"] {
        let with = |args: &[&str]| {
            let mut line = Command::new(&binary);
            line.arg(command).args(args).env("HOME", place.path("home"));
            line.env_remove("XDG_STATE_HOME")
                .env_remove("RUST_LOG")
                .env_remove("STATE_DIRECTORY");
            place.ended(as_nobody(&line))
        };
        let socket = place.unix("http");
        let (code, said) = with(&["--auth", "none", "--listen", &socket]);
        assert!(
            code == 1 && said.contains("may not be used by this user"),
            "{said}"
        );
        assert!(!place.path("http").exists());
        // The state directory cannot be made.
        let (code, said) = with(&["--listen", "127.0.0.1:0"]);
        assert!(code == 1 && said.contains("cannot keep "), "{said}");
        assert!(
            said.contains("Say another place with --state-dir"),
            "{said}"
        );
        assert!(!place.path("home").exists());
    }
}

#[test]
fn a_state_directory_that_others_can_change_is_refused_however_people_sign_in() {
    let place = Place::new();
    let state = place.path("state");
    fs::create_dir(&state).unwrap();
    let dir = state.to_str().unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).unwrap();
    for command in ["serve", "check", "url"] {
        for auth in ["token", "none"] {
            // `muxview url` reads nothing where there is nothing to sign in to.
            if (command, auth) == ("url", "none") {
                continue;
            }
            let listen = ["--listen", "127.0.0.1:0", "--public-origin", "https://a"];
            let args = [command, "--state-dir", dir, "--auth", auth];
            let (code, said) = place.refused(&[&args[..], &listen].concat());
            assert_eq!(code, 1, "{command} {auth}: {said}");
            let remedy = said.contains("(mode 0777)") && said.contains("chmod 700");
            assert!(remedy, "{command} {auth}: {said}");
        }
    }
    assert_eq!(fs::read_dir(&state).unwrap().count(), 0);
}

#[test]
fn a_wrong_configuration_is_named_with_its_place() {
    let place = Place::new();
    let file = place.path("conf");
    let conf = file.to_str().unwrap();
    for (text, wanted) in [
        (
            "listen = 'nowhere'\n",
            "listen in CONF, line 1: \"nowhere\" is not HOST:PORT",
        ),
        ("\nlisten = ['unix:/a,mode=9']\n", "listen in CONF, line 2"),
        (
            "auth = 'maybe'\n",
            "auth in CONF, line 1: \"maybe\" is not one of token",
        ),
        (
            "\n\ncolour = 'red'\n",
            "colour in CONF, line 3 is no option",
        ),
        (
            "log = 'loud'",
            "\"loud\" is not one of text, json, journald",
        ),
        ("listen = [", "CONF, line 1"),
        ("create = ['a:b']", "create in CONF, line 1"),
    ] {
        fs::write(&file, text).unwrap();
        for command in ["serve", "check"] {
            let (code, said) = place.refused(&[command, "--config", conf]);
            let wanted = wanted.replace("CONF", conf);
            assert!(code == 2 && said.contains(&wanted), "{text}: {said}");
        }
    }
    let mut command = place.command(&["check"]);
    command.env("MUXVIEW_LISTEN", "127.0.0.1:1,unix:/a,mode=0060");
    let (code, said) = place.ended(command);
    assert!(
        code == 2 && said.contains("MUXVIEW_LISTEN in the environment"),
        "{said}"
    );
    let (code, said) = place.refused(&["check", "--auth", "none", "--listen", "0.0.0.0:0"]);
    assert!(
        code == 2 && said.contains("--auth none lets everyone"),
        "{said}"
    );
    let (code, said) = place.refused(&["check", "--config", "/nowhere/conf"]);
    assert!(
        code == 2 && said.contains("cannot read /nowhere/conf"),
        "{said}"
    );
}

#[test]
fn check_changes_nothing() {
    let place = Place::new();
    fs::create_dir(place.path("home")).unwrap();
    let (code, said) = place.refused(&["check", "--listen", &place.unix("http")]);
    assert_eq!((code, said.as_str()), (0, ""));
    assert_eq!(fs::read_dir(place.path("home")).unwrap().count(), 0);
    assert!(!place.path("http").exists());
}

/// `muxview` behind a shell that does what Rust has no safe word for.
fn behind(shell: &str, command: &Command) -> Command {
    let mut line = Command::new("bash");
    line.args(["-c", &format!("{shell}; exec \"$@\""), "bash"]);
    line.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => line.env(name, value),
            None => line.env_remove(name),
        };
    }
    line.stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    line
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_that_are_passed_are_taken_by_name() {
    let place = Place::new();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    let path = place.path("passed");
    let unix = UnixListener::bind(&path).unwrap();
    let (_one, other) = UnixStream::pair().unwrap();
    let numbers = [tcp.as_raw_fd(), unix.as_raw_fd(), other.as_raw_fd()];
    // Left open for the shell alone.
    for socket in [
        rustix::fd::AsFd::as_fd(&tcp),
        unix_fd(&unix),
        unix_fd(&other),
    ] {
        rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::empty()).unwrap();
    }
    let [a, b, c] = numbers.map(|number| number.to_string());
    let shell = format!(
        "exec 200<&{a} 201<&{b} 202<&{c}; exec 3<&200 4<&201 5<&202 200<&- 201<&- 202<&-; \
         export LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=http:other:strange"
    );
    // What --listen says does not count then.
    let command = place.command(&["--auth", "none", "--listen", &place.unix("unused")]);
    let mut running = Running::start(behind(&shell, &command));
    for socket in [
        rustix::fd::AsFd::as_fd(&tcp),
        unix_fd(&unix),
        unix_fd(&other),
    ] {
        rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::CLOEXEC).unwrap();
    }
    assert!(
        running.said.contains("\"strange\" passed by"),
        "{}",
        running.said
    );
    assert_eq!(healthy(&address).await, 200);
    if ipv6() {
        assert_eq!(healthy(&address.replace("127.0.0.1", "[::1]")).await, 200);
    }
    assert_eq!(ask_unix(&path, HEALTH).await.status, 200);
    assert!(!place.path("unused").exists());
    assert_eq!(running.ends(), 0);
    assert!(path.exists(), "whoever made it keeps it");
}

fn unix_fd<T: rustix::fd::AsFd>(socket: &T) -> rustix::fd::BorrowedFd<'_> {
    socket.as_fd()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_64_descriptors_it_still_answers_or_says_so() {
    let place = Place::new();
    place.tmux.must(&["new-session", "-d", "-s", "a", "cat"]);
    let socket = place.path("http");
    let command = place.command(&["--auth", "none", "--listen", &place.unix("http")]);
    let running = Running::start(behind("ulimit -n 64", &command));
    assert!(
        running.said.contains("only 64 files may be open"),
        "{}",
        running.said
    );
    let ready = HEALTH.replace("healthz", "readyz");
    let page = HEALTH.replace("healthz", "");
    // All the seats there are and some, and each has asked for nothing yet.
    let held: Vec<_> = (0..34)
        .map(|_| UnixStream::connect(&socket).unwrap())
        .collect();
    for _ in 0..3 {
        assert_eq!(
            ask_unix(&socket, HEALTH).await.status,
            200,
            "who watches is answered"
        );
        let answer = ask_unix(&socket, &page).await;
        assert!(matches!(answer.status, 200 | 503), "{answer:?}");
        assert_eq!(
            ask_unix(&socket, &ready).await.status,
            200,
            "tmux is asked all the same"
        );
    }
    drop(held);
    tmux::until("places to be free again", async || {
        ask_unix(&socket, &page).await.status == 200
    })
    .await;
    let open = fs::read_dir(
        Path::new("/proc")
            .join(running.child.id().to_string())
            .join("fd"),
    );
    assert!(open.unwrap().count() < 64);
}
