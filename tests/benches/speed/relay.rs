//! The least that anything between a socket and a tmux client can take: a process that copies bytes both
//! ways and looks at none. [`Relay`] is who sits behind it; [`run`] is the process (`relay`, a mode of this
//! executable).

use crate::bare::Bare;
use rustix::event::epoll;
use rustix::io::Errno;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(crate) struct Relay {
    stream: TcpStream,
    child: Child,
}

impl Relay {
    /// Behind a client of this session, which has drawn.
    pub(crate) fn attach(socket: &Path, session: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("relay")
            .arg(socket)
            .arg(session)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut port).unwrap();
        let port: u16 = port.trim().parse().expect("the relay lives");
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, child }
    }

    pub(crate) fn read(&mut self) -> Vec<u8> {
        let mut buffer = [0; 64 * 1024];
        let count = self.stream.read(&mut buffer).unwrap();
        buffer[..count].to_vec()
    }

    pub(crate) fn forget(&mut self) -> usize {
        self.stream.set_nonblocking(true).unwrap();
        let (mut buffer, mut taken) = ([0; 64 * 1024], 0);
        while let Ok(count @ 1..) = self.stream.read(&mut buffer) {
            taken += count;
        }
        self.stream.set_nonblocking(false).unwrap();
        taken
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process.
pub(crate) fn run(arguments: &[String]) {
    let [socket, session] = arguments else {
        panic!("relay SOCKET SESSION");
    };
    let mut bare = Bare::attach(&PathBuf::from(socket), session);
    bare.whole();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let (stream, _) = listener.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_nonblocking(true).unwrap();
    rustix::io::ioctl_fionbio(&bare.master, true).unwrap();
    let ends = [stream.as_fd(), bare.master.as_fd()];
    let waiting = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    for (number, end) in ends.iter().enumerate() {
        let data = epoll::EventData::new_u64(number as u64);
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&waiting, end, data, flags).unwrap();
    }
    let mut events = Vec::with_capacity(2);
    loop {
        events.clear();
        epoll::wait(&waiting, rustix::buffer::spare_capacity(&mut events), None).unwrap();
        for event in &events {
            let from = event.data.u64() as usize;
            if !copy(ends[from], ends[1 - from]) {
                return;
            }
        }
    }
}

/// Copies what is there; says whether there may come more.
fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> bool {
    let mut buffer = [0; 64 * 1024];
    match rustix::io::read(from, &mut buffer) {
        Ok(0) => false,
        Ok(count) => rustix::io::write(to, &buffer[..count]).is_ok(),
        Err(error) => error == Errno::AGAIN,
    }
}
