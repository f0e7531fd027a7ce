//! The floor: `tmux attach` in a pty, with the features muxview's own client claims and nothing between
//! the pty and us. It gets no controlling terminal, which saves it the work of a shell.

use crate::support::attach::FEATURES;
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) struct Bare {
    pub(crate) master: File,
    pub(crate) child: Child,
}

/// tmux ends a redraw with one of these, by its version: then a picture is whole.
const REDRAWN: [&[u8]; 2] = [b"\x1bP=2s\x1b\\", b"\x1b[?2026l"];

/// Whether these bytes hold the end of a redraw.
pub(crate) fn redrawn(bytes: &[u8]) -> bool {
    REDRAWN
        .iter()
        .any(|mark| bytes.windows(mark.len()).any(|part| part == *mark))
}

impl Bare {
    pub(crate) fn attach(socket: &Path, session: &str) -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = open(name, flags, Mode::empty()).unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).unwrap();
        let slave = File::from(slave);
        let end = || Stdio::from(slave.try_clone().unwrap());
        let child = Command::new("tmux")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "tmux-256color")
            .args(["-u", "-T", FEATURES, "-S"])
            .arg(socket)
            .args(["attach-session", "-E", "-t", session])
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("tmux starts");
        Self {
            master: File::from(master),
            child,
        }
    }

    /// Blocks until it has drawn the session once; gives what it wrote.
    pub(crate) fn whole(&mut self) -> Vec<u8> {
        let mut seen = Vec::new();
        while !redrawn(&seen) {
            seen.extend(self.read());
        }
        seen
    }

    /// Blocks until it has written something.
    pub(crate) fn read(&mut self) -> Vec<u8> {
        let mut buffer = [0; 64 * 1024];
        let count = self
            .master
            .read(&mut buffer)
            .expect("the client is attached");
        buffer[..count].to_vec()
    }

    /// Takes what it has written; says how many bytes.
    pub(crate) fn forget(&mut self) -> usize {
        rustix::io::ioctl_fionbio(&self.master, true).unwrap();
        let (mut buffer, mut taken) = ([0; 64 * 1024], 0);
        while let Ok(count @ 1..) = self.master.read(&mut buffer) {
            taken += count;
        }
        rustix::io::ioctl_fionbio(&self.master, false).unwrap();
        taken
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.master.write_all(bytes).unwrap();
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
