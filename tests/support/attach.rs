//! [`BareAttach`]: the referee. A plain `tmux attach` in a pty, its bytes in an xterm.

use super::process::SPAWN;
use super::xterm::Term;
use super::{Picture, Tmux, Xterm};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read as _, Write};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// The features muxview's own client claims (facts §0), so that both are drawn alike.
pub const FEATURES: &str = "256,RGB,bpaste,ccolour,clipboard,cstyle,extkeys,mouse,overline,strikethrough,sync,title,usstyle,hyperlinks";

/// The terminal muxview's own client says it is.
const OUR_TERM: &str = "tmux-256color";

/// Called with what came and when; the benches listen with it.
pub type Listener = Box<dyn FnMut(&[u8], Instant) + Send>;

pub struct BareAttach {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    /// Never dropped: portable-pty's writer sends a newline and ^D when it is.
    writer: &'static mut Box<dyn Write + Send>,
    term: Option<Term>,
    record: Arc<Mutex<Vec<u8>>>,
}

/// How to attach.
pub struct Options<'a> {
    pub read_only: bool,
    pub ignore_size: bool,
    pub xterm: Option<&'a Xterm>,
    pub record: bool,
    pub listener: Option<Listener>,
}

impl BareAttach {
    /// A client that watches: nothing is typed into it, and it has no say in the size. Not read-only:
    /// from 3.8 on, `send-keys` is refused while a client of the session is.
    pub fn watch(tmux: &Tmux, xterm: &Xterm, session: &str, cols: u16, rows: u16) -> Self {
        let options = Options {
            read_only: false,
            ignore_size: true,
            xterm: Some(xterm),
            record: false,
            listener: None,
        };
        Self::open(tmux, session, cols, rows, options)
    }

    /// A client that counts as little. `renamed`: its terminal has another name, so that a configuration
    /// for `tmux*` is not for it.
    pub fn beside(tmux: &Tmux, xterm: &Xterm, (cols, rows): (u16, u16), renamed: bool) -> Self {
        let options = Options {
            read_only: false,
            ignore_size: true,
            xterm: Some(xterm),
            record: false,
            listener: None,
        };
        let term = if renamed {
            describe(tmux, "renamed-256color")
        } else {
            OUR_TERM
        };
        Self::open_as(tmux, "main", term, (cols, rows), options)
    }

    /// A person at a terminal of their own who starts the session `main`, and with it the server.
    pub fn start(tmux: &Tmux, cols: u16, rows: u16) -> Self {
        let options = Options {
            read_only: false,
            ignore_size: false,
            xterm: None,
            record: false,
            listener: None,
        };
        let arguments = ["new-session", "-s", "main", "exec sh"];
        Self::running(tmux, &arguments, OUR_TERM, (cols, rows), options)
    }

    pub fn open(tmux: &Tmux, session: &str, cols: u16, rows: u16, options: Options<'_>) -> Self {
        Self::open_as(tmux, session, OUR_TERM, (cols, rows), options)
    }

    fn open_as(
        tmux: &Tmux,
        session: &str,
        term: &str,
        size: (u16, u16),
        options: Options<'_>,
    ) -> Self {
        let mut arguments = vec!["attach-session", "-E", "-t", session];
        match (options.ignore_size, options.read_only) {
            (true, true) => arguments.extend(["-f", "ignore-size,read-only"]),
            (true, false) => arguments.extend(["-f", "ignore-size"]),
            (false, true) => arguments.extend(["-f", "read-only"]),
            (false, false) => {}
        }
        Self::running(tmux, &arguments, term, size, options)
    }

    fn running(
        tmux: &Tmux,
        arguments: &[&str],
        term: &str,
        (cols, rows): (u16, u16),
        options: Options<'_>,
    ) -> Self {
        let mut command = CommandBuilder::new("tmux");
        command.env_clear();
        for (key, value) in [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", tmux.dir().to_str().unwrap().to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
            ("TERM", term.to_owned()),
            ("SHELL", "/bin/sh".to_owned()),
            ("PS1", "$ ".to_owned()),
        ] {
            command.env(key, value);
        }
        command.cwd(tmux.dir());
        command.args(["-u", "-T", FEATURES, "-f"]);
        command.arg(tmux.config());
        command.arg("-S");
        command.arg(tmux.socket());
        command.args(arguments);
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        let (master, child) = {
            let _guard = SPAWN
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            let pair = native_pty_system()
                .openpty(size)
                .expect("a pty can be opened");
            let child = pair.slave.spawn_command(command).expect("tmux starts");
            (pair.master, child)
        };
        let writer = Box::leak(Box::new(master.take_writer().unwrap()));
        let mut reader = master.try_clone_reader().unwrap();
        let term = options.xterm.map(|xterm| xterm.referee(cols, rows));
        let record = Arc::new(Mutex::new(Vec::new()));
        let (drawn, kept) = (term.clone(), options.record.then(|| Arc::clone(&record)));
        let mut listener = options.listener;
        std::thread::spawn(move || {
            let mut buffer = [0; 64 * 1024];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if let Some(listener) = &mut listener {
                    listener(&buffer[..count], Instant::now());
                }
                if let Some(term) = &drawn {
                    term.write(&buffer[..count]);
                }
                if let Some(kept) = &kept {
                    kept.lock().unwrap().extend_from_slice(&buffer[..count]);
                }
            }
        });
        Self {
            master,
            child,
            writer,
            term,
            record,
        }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).unwrap();
        self.writer.flush().unwrap();
    }

    pub fn resize(&self, cols: u16, rows: u16) {
        if let Some(term) = &self.term {
            term.resize(cols, rows);
        }
        self.master
            .resize(PtySize {
                rows,
                cols,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
    }

    pub async fn picture(&self) -> Picture {
        self.term
            .as_ref()
            .expect("opened with an xterm")
            .picture()
            .await
    }

    /// Takes what was recorded so far.
    pub fn recorded(&self) -> Vec<u8> {
        std::mem::take(&mut self.record.lock().unwrap())
    }

    pub fn recorded_len(&self) -> usize {
        self.record.lock().unwrap().len()
    }

    /// tmux's name of this client.
    pub fn tty(&self) -> String {
        self.master
            .tty_name()
            .expect("a pty has a name")
            .to_str()
            .unwrap()
            .to_owned()
    }
}

/// Describes our terminal by another name, too, for clients started in the test's own home.
fn describe<'a>(tmux: &Tmux, name: &'a str) -> &'a str {
    let known = ["/etc", "/lib", "/usr/share", "/usr/lib"]
        .map(|base| format!("{base}/terminfo/t/{OUR_TERM}"))
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
        .expect("tmux's terminal is described");
    let own = tmux.dir().join(".terminfo").join(&name[..1]);
    std::fs::create_dir_all(&own).unwrap();
    std::fs::copy(known, own.join(name)).unwrap();
    name
}

impl Drop for BareAttach {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
