//! [`Manager`]: a service manager as small as one can be: it passes a listening socket, reads what it
//! is told, keeps descriptors, and passes those to the next process it starts.

use super::{Tmux, process, until};
use rustix::cmsg_space;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::io::{BufRead as _, BufReader, IoSliceMut, Read as _, Seek as _, Write as _};
use std::net::TcpListener;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// How a program is started: with descriptors at 3 and up, as `LISTEN_FDS` has it. A shell keeps
/// some of these for itself.
const START: &str = "my $to = 3; for (split /,/, shift) { dup2($_, $to++); POSIX::close($_) } \
                     $ENV{LISTEN_PID} = $$; exec @ARGV";

#[derive(Default)]
struct Heard {
    lines: Vec<String>,
    store: Vec<(String, OwnedFd)>,
}

pub struct Manager {
    listener: TcpListener,
    notify: PathBuf,
    heard: Arc<Mutex<Heard>>,
    child: Option<Child>,
    log: Arc<Mutex<String>>,
    tmux: PathBuf,
    state: tempfile::TempDir,
    pub port: u16,
    pub variables: Vec<(String, String)>,
}

impl Manager {
    pub fn new(tmux: &Tmux) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let notify = tmux.dir().join("notify");
        let socket = UnixDatagram::bind(&notify).unwrap();
        let heard = Arc::default();
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || while hear(&socket, &kept) {});
        Self {
            listener,
            notify,
            heard,
            child: None,
            log: Arc::default(),
            tmux: tmux.socket(),
            state: tempfile::tempdir().unwrap(),
            port,
            variables: vec![],
        }
    }

    /// Starts a program as muxview and gives it all there is. Does not wait.
    pub fn start(&mut self, tmux: &Tmux, program: &Path, args: &[&str]) {
        self.heard.lock().unwrap().lines.clear();
        let heard = self.heard.lock().unwrap();
        let mut names = vec!["http"];
        let mut descriptors = vec![self.listener.as_fd()];
        for (name, descriptor) in &heard.store {
            names.push(name);
            descriptors.push(descriptor.as_fd());
        }
        // Far from where they are to be.
        let copies: Vec<OwnedFd> = descriptors
            .iter()
            .map(|descriptor| fcntl_dupfd_cloexec(descriptor, 1000).unwrap())
            .collect();
        let numbers: Vec<String> = copies
            .iter()
            .map(|copy| copy.as_raw_fd().to_string())
            .collect();
        let mut command = Command::new("perl");
        tmux.clean(&mut command);
        command
            .args(["-MPOSIX", "-e", START, &numbers.join(",")])
            .arg(program)
            .args(["serve", "--log", "text", "--tmux-socket-path"])
            .arg(&self.tmux)
            .arg("--state-dir")
            .arg(self.state.path())
            .args(args)
            .env("LISTEN_FDS", names.len().to_string())
            .env("LISTEN_FDNAMES", names.join(":"))
            .env("NOTIFY_SOCKET", &self.notify)
            .env("RUST_BACKTRACE", "1")
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = {
            let _guard = process::SPAWN
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            for copy in &copies {
                fcntl_setfd(copy, FdFlags::empty()).unwrap();
            }
            let child = command.spawn().expect("perl starts");
            drop(copies);
            child
        };
        drop(heard);
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::clone(&self.log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                log.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        self.child = Some(child);
    }

    /// Starts the real one, without sign-in, and waits until it is ready.
    pub async fn serve(&mut self, tmux: &Tmux) {
        self.start(
            tmux,
            Path::new(env!("CARGO_BIN_EXE_muxview")),
            &["--auth", "none"],
        );
        self.told("READY=1").await;
    }

    /// Waits until this was told since the last start.
    pub async fn told(&self, line: &str) {
        until(line, async || {
            let heard = self.heard.lock().unwrap();
            if heard.lines.iter().any(|told| told == line) {
                Ok(())
            } else {
                Err(format!("{:?}\n{}", heard.lines, self.log()))
            }
        })
        .await;
    }

    /// Waits for the end; gives the exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        let child = self.child.as_mut().expect("it was started");
        let log = Arc::clone(&self.log);
        let status = until("its end", async || {
            child
                .try_wait()
                .unwrap()
                .ok_or_else(|| log.lock().unwrap().clone())
        });
        status.await.code()
    }

    /// SIGTERM, and the exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        process::signal(self.child.as_ref().expect("it was started").id(), "TERM");
        self.ended().await
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it was started").id()
    }

    /// How many descriptors of this name are kept.
    pub fn kept(&self, name: &str) -> usize {
        let heard = self.heard.lock().unwrap();
        heard.store.iter().filter(|(kept, _)| kept == name).count()
    }

    /// Drops what is kept under this name.
    pub fn drop_kept(&self, name: &str) {
        self.heard
            .lock()
            .unwrap()
            .store
            .retain(|(kept, _)| kept != name);
    }

    /// Drops the terminals that are kept.
    pub fn drop_terminals(&self) {
        let mut heard = self.heard.lock().unwrap();
        heard
            .store
            .retain(|(_, kept)| rustix::pty::ptsname(kept, Vec::new()).is_err());
    }

    /// Changes the state that is kept.
    pub fn change_state(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let heard = self.heard.lock().unwrap();
        let (_, state) = heard
            .store
            .iter()
            .find(|(name, _)| name == "state")
            .expect("it is kept");
        let mut file = std::fs::File::from(state.try_clone().unwrap());
        let mut bytes = vec![];
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        change(&mut bytes);
        file.set_len(0).unwrap();
        file.rewind().unwrap();
        file.write_all(&bytes).unwrap();
    }

    pub fn state_dir(&self) -> &Path {
        self.state.path()
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- muxview said:\n{}---", self.log());
        }
    }
}

/// Reads one message; false when there will be no more.
fn hear(socket: &UnixDatagram, heard: &Mutex<Heard>) -> bool {
    let mut text = [0; 4096];
    let mut space = vec![std::mem::MaybeUninit::uninit(); cmsg_space!(ScmRights(253))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let mut slices = [IoSliceMut::new(&mut text)];
    let Ok(message) = recvmsg(socket, &mut slices, &mut rights, RecvFlags::CMSG_CLOEXEC) else {
        return false;
    };
    let bytes = message.bytes;
    let descriptors: Vec<OwnedFd> = rights
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        })
        .flatten()
        .collect();
    let text = String::from_utf8_lossy(&text[..bytes]).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let mut heard = heard.lock().unwrap();
    heard
        .lines
        .extend(lines.iter().map(|line| (*line).to_owned()));
    let name = lines.iter().find_map(|line| line.strip_prefix("FDNAME="));
    let name = name.unwrap_or("stored").to_owned();
    if lines.contains(&"FDSTORE=1") {
        heard.store.extend(
            descriptors
                .into_iter()
                .map(|descriptor| (name.clone(), descriptor)),
        );
    } else if lines.contains(&"FDSTOREREMOVE=1") {
        heard.store.retain(|(kept, _)| *kept != name);
    }
    // A barrier's descriptor is closed, now that all before it was read.
    true
}
