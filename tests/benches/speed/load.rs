//! Many viewers, or many bare clients, in a process of their own: what they cost is not what is
//! measured. [`Load`] is the handle; [`run`] is the process (`load`, a mode of this executable), which takes
//! an order a line on its standard input and answers each with a line.

use crate::clock;
use crate::member::{Member, Polling};
use serde::{Deserialize, Serialize};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Of viewers that inflate one in so many does so and looks: the others would be busy with what real ones
/// do on machines of their own.
const LOOKING: usize = 10;

/// How often it is looked who has to ack.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Serialize, Deserialize)]
enum Order {
    /// So many viewers, at most `at_once` of them under way.
    Join {
        port: u16,
        session: String,
        count: usize,
        protocols: String,
        at_once: usize,
    },
    /// So many `tmux attach`.
    Attach {
        socket: PathBuf,
        session: String,
        count: usize,
    },
    /// Counting begins anew.
    Reset,
    /// What came since; when each frame was written stands in `times`.
    Report { times: PathBuf },
}

/// How a crowd came to see something.
#[derive(Serialize, Deserialize)]
pub(crate) struct Arrival {
    /// From the first one's first step until the last one had its whole picture.
    pub(crate) milliseconds: f64,
    pub(crate) failed: usize,
    /// Of the processes that a crowd of bare clients consists of.
    pub(crate) pids: Vec<u32>,
}

/// What a crowd was shown.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Shown {
    pub(crate) seconds: f64,
    /// Of all viewers together, headers included.
    pub(crate) bytes: u64,
    /// Pictures that each viewer was shown: the mean, and the least of any.
    pub(crate) frames: f64,
    pub(crate) frames_least: usize,
    /// From the writing of a frame in the pane until all of it has reached a viewer, in milliseconds.
    pub(crate) age_p50: f64,
    pub(crate) age_p99: f64,
}

/// The handle of a crowd; the process ends with it.
pub(crate) struct Load {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Load {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("load")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            orders,
            answers,
        }
    }

    fn ask<T: for<'a> Deserialize<'a>>(&mut self, order: &Order) -> T {
        let mut line = serde_json::to_string(order).unwrap();
        line.push('\n');
        self.orders.write_all(line.as_bytes()).unwrap();
        line.clear();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).expect("the load lives")
    }

    pub(crate) fn join(
        &mut self,
        port: u16,
        session: &str,
        count: usize,
        protocols: &str,
        at_once: usize,
    ) -> Arrival {
        let (session, protocols) = (session.to_owned(), protocols.to_owned());
        self.ask(&Order::Join {
            port,
            session,
            count,
            protocols,
            at_once,
        })
    }

    pub(crate) fn attach(&mut self, socket: &Path, session: &str, count: usize) -> Arrival {
        let (socket, session) = (socket.to_owned(), session.to_owned());
        self.ask(&Order::Attach {
            socket,
            session,
            count,
        })
    }

    pub(crate) fn reset(&mut self) {
        self.ask::<()>(&Order::Reset);
    }

    pub(crate) fn report(&mut self, times: &Path) -> Shown {
        self.ask(&Order::Report {
            times: times.to_owned(),
        })
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process.
pub(crate) fn run() {
    let mut crowd = Crowd {
        members: Vec::new(),
        polling: Polling::new(),
        reset: clock::now(),
        looked: 0,
    };
    let stdin = std::io::stdin();
    crowd.polling.add(&stdin, Polling::ORDERS);
    let mut line = String::new();
    loop {
        if !crowd.turn(LOOK) {
            continue;
        }
        line.clear();
        // Orders come one at a time, so nothing of a second one is left in the buffer.
        if stdin.lock().read_line(&mut line).unwrap() == 0 {
            return;
        }
        let answer = match serde_json::from_str(&line).unwrap() {
            Order::Join {
                port,
                session,
                count,
                protocols,
                at_once,
            } => {
                let request = crate::frames::request(port, &session, "cols=80&rows=24", &protocols);
                let begun = clock::now();
                let (inflates, mut joined) = (protocols.contains("deflate"), 0);
                crowd.arrive(count, at_once, begun, || {
                    joined += 1;
                    let member = Member::join(port, &request);
                    if inflates {
                        member.inflating(joined % LOOKING == 1)
                    } else {
                        member
                    }
                })
            }
            Order::Attach {
                socket,
                session,
                count,
            } => {
                let begun = clock::now();
                crowd.arrive(count, count, begun, || Member::attach(&socket, &session))
            }
            Order::Reset => {
                crowd.reset = clock::now();
                crowd.members.iter_mut().for_each(Member::reset);
                serde_json::json!(null)
            }
            Order::Report { times } => serde_json::to_value(crowd.shown(&times)).unwrap(),
        };
        println!("{answer}");
    }
}

struct Crowd {
    members: Vec<Member>,
    polling: Polling,
    reset: u64,
    /// When it was looked who has to ack.
    looked: u64,
}

impl Crowd {
    /// Waits for something and takes it in; whether an order waits.
    fn turn(&mut self, patience: Duration) -> bool {
        let now = clock::now();
        if now - self.looked >= LOOK.as_nanos() as u64 {
            self.looked = now;
            self.members.iter_mut().for_each(|member| member.tick(now));
        }
        let mut ordered = false;
        for place in self.polling.wait(patience) {
            match self.members.get_mut(place) {
                Some(member) => member.ready(&mut self.polling, place),
                None => ordered |= place == Polling::ORDERS,
            }
        }
        ordered
    }

    fn arrive(
        &mut self,
        count: usize,
        at_once: usize,
        begun: u64,
        mut come: impl FnMut() -> Member,
    ) -> serde_json::Value {
        let (first, patience) = (self.members.len(), Duration::from_secs(60));
        loop {
            let here = self.members[first..]
                .iter()
                .filter(|member| member.settled())
                .count();
            if here == count || clock::now() - begun > patience.as_nanos() as u64 {
                break;
            }
            while self.members.len() - first < count.min(here + at_once) {
                let member = come();
                member.watch(&mut self.polling, self.members.len());
                self.members.push(member);
                // A crowd of clients takes long to start: the first ones are heard meanwhile.
                if at_once == count {
                    self.turn(Duration::ZERO);
                }
            }
            self.turn(LOOK);
        }
        let members = &self.members[first..];
        let last = members
            .iter()
            .filter_map(Member::whole_at)
            .max()
            .unwrap_or(begun);
        let arrival = Arrival {
            milliseconds: (last - begun) as f64 / 1e6,
            failed: members
                .iter()
                .filter(|member| member.whole_at().is_none())
                .count(),
            pids: members.iter().filter_map(Member::pid).collect(),
        };
        serde_json::to_value(arrival).unwrap()
    }

    fn shown(&self, times: &Path) -> Shown {
        let seconds = (clock::now() - self.reset) as f64 / 1e9;
        let written: Vec<u64> = std::fs::read(times)
            .unwrap_or_default()
            .chunks_exact(8)
            .map(|time| u64::from_le_bytes(time.try_into().unwrap()))
            .collect();
        let mut ages: Vec<f64> = Vec::new();
        for (number, at) in self.members.iter().flat_map(Member::stamps) {
            if let Some(written) = written.get(*number as usize) {
                ages.push(at.saturating_sub(*written) as f64 / 1e6);
            }
        }
        let looking = self.members.iter().filter(|member| member.looks());
        let frames = looking.map(|member| member.stamps().len());
        Shown {
            seconds,
            bytes: self.members.iter().map(Member::bytes).sum(),
            frames: frames.clone().sum::<usize>() as f64 / frames.clone().count() as f64,
            frames_least: frames.min().unwrap_or(0),
            age_p50: crate::figure::quantile(&ages, 0.5),
            age_p99: crate::figure::quantile(&ages, 0.99),
        }
    }
}
