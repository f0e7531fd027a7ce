//! What one row is measured on: a tmux of its own, and the real muxview before it unless the floor is
//! measured.

use crate::clock;
use crate::load::{Arrival, Load};
use crate::support::{Service, Tmux};
use std::path::Path;
use std::time::Duration;

/// Who watches.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Way {
    /// `tmux attach`.
    Bare,
    /// Viewers as a terminal program or an old page would be.
    Plain,
    /// Viewers that inflate, as our page.
    Deflate,
}

pub(crate) struct Stage {
    way: Way,
    pub(crate) service: Option<Service>,
    pub(crate) load: Load,
    /// The processes of a crowd of bare clients.
    clients: Vec<u32>,
    pub(crate) tmux: Tmux,
}

impl Stage {
    pub(crate) fn set(way: Way) -> Self {
        let tmux = Tmux::start(80, 24);
        let service = (way != Way::Bare).then(|| serve(&tmux));
        Self {
            way,
            service,
            load: Load::start(),
            clients: Vec::new(),
            tmux,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.service.as_ref().expect("not the floor").port
    }

    /// A crowd comes to look at a session.
    pub(crate) fn gather(&mut self, session: &str, count: usize, at_once: usize) -> Arrival {
        let arrival = match &self.service {
            None => self.load.attach(&self.tmux.socket(), session, count),
            Some(service) => {
                let protocols = match self.way {
                    Way::Deflate => "muxview.deflate, muxview.v1",
                    _ => "muxview.v1",
                };
                self.load
                    .join(service.port, session, count, protocols, at_once)
            }
        };
        self.clients.extend(&arrival.pids);
        assert!(
            arrival.failed == 0,
            "{} of {count} were shown nothing",
            arrival.failed
        );
        arrival
    }

    /// CPU of muxview and all it started, of tmux's server and of bare clients; not of the load, nor of
    /// the program in the pane.
    pub(crate) fn cpu(&self) -> Duration {
        let service = self
            .service
            .as_ref()
            .map(|service| clock::cpu_of_family(service.pid()));
        let server = clock::cpu_of_all(&[self.tmux.pid()]);
        service.unwrap_or_default() + server + clock::cpu_of_all(&self.clients)
    }

    /// Memory of the same processes, in KiB.
    pub(crate) fn memory_kib(&self) -> f64 {
        let service = self
            .service
            .as_ref()
            .map(|service| clock::memory_of_family_kib(service.pid()));
        let clients: f64 = self.clients.iter().map(|pid| clock::memory_kib(*pid)).sum();
        service.unwrap_or_default() + clock::memory_kib(self.tmux.pid()) + clients
    }

    /// Runs one of our programs in the pane (`generate …`), until [`Self::interrupt`].
    pub(crate) fn run(&self, session: &str, arguments: &str) {
        let program = std::env::current_exe().unwrap();
        let script = format!("exec '{}' generate {arguments}\n", program.display());
        let name = format!("{}.sh", session);
        self.tmux.file(&name, script);
        self.tmux
            .enter(&format!("{session}:"), &format!("clear; sh {name}"));
    }

    pub(crate) fn interrupt(&self, session: &str) {
        self.tmux.keys(&format!("{session}:"), &["C-c"]);
    }

    /// A line typed into a session's shell, and waits until it has run.
    pub(crate) fn shell(&self, session: &str, line: &str) {
        self.tmux.enter(
            &format!("{session}:"),
            &format!("{line}; tmux wait-for -S ran"),
        );
        self.tmux.cmd(&["wait-for", "ran"]);
    }
}

/// The release binary of this build, or the one that `MUXVIEW_BIN` names.
pub(crate) fn serve(tmux: &Tmux) -> Service {
    let built = env!("CARGO_BIN_EXE_muxview");
    let program = std::env::var("MUXVIEW_BIN").unwrap_or_else(|_| built.into());
    // As people run it: tests have every frame checked, which costs more than making it.
    Service::start_at(tmux, Path::new(&program), &["--check-frames", "no"])
}

/// Lets everything under way arrive.
pub(crate) fn rest(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}
