//! [`Wire`]: a TCP connection that can be cut at any moment, also in the middle of a frame: a proxy
//! that passes on what is sent to the service in pieces of its own.

use super::crowd::Chopped;
use std::io;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;

/// How a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Both ends are told at once, and forget what was on its way.
    Reset,
    /// Both ends are told that no more comes.
    Close,
}

/// How, which, and what is dropped when it is done.
type Order = (Cut, u64, mpsc::Sender<()>);

/// The proxy, gone with the guard.
pub struct Wire {
    /// Where it listens.
    pub port: u16,
    cuts: broadcast::Sender<Order>,
    task: JoinHandle<()>,
}

impl Wire {
    /// To the service on this port, whether it is there or not.
    pub async fn to(service: u16, seed: u64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cuts, _) = broadcast::channel(16);
        let told = cuts.clone();
        let task = tokio::spawn(async move {
            for nth in 0.. {
                let Ok((near, _)) = listener.accept().await else {
                    return;
                };
                let cut = told.subscribe();
                tokio::spawn(async move {
                    // Without a service the connection just ends, as a refused one does.
                    let _ = pass(near, service, seed + nth, nth, cut).await;
                });
            }
        });
        Self { port, cuts, task }
    }

    /// Cuts all connections whose number leaves this rest when divided by three; all of them at 3.
    pub async fn cut(&self, how: Cut, rest: u64) {
        let (done, mut all) = mpsc::channel(1);
        // Nobody connected: nothing to cut.
        let _ = self.cuts.send((how, rest, done));
        let _ = all.recv().await;
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    mut near: TcpStream,
    service: u16,
    seed: u64,
    nth: u64,
    mut cuts: broadcast::Receiver<Order>,
) -> io::Result<()> {
    let far = TcpStream::connect(("127.0.0.1", service)).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let mut far = Chopped::new(far, seed);
    let (how, done) = {
        let passing = tokio::io::copy_bidirectional(&mut near, &mut far);
        let mut passing = std::pin::pin!(passing);
        loop {
            tokio::select! {
                passed = &mut passing => return passed.map(drop),
                cut = cuts.recv() => match cut {
                    Ok((how, rest, done)) if rest == 3 || rest == nth % 3 => break (how, done),
                    Ok(_) => {}
                    Err(_) => return Ok(()),
                },
            }
        }
    };
    if how == Cut::Reset {
        near.set_zero_linger()?;
        far.get_ref().set_zero_linger()?;
    }
    drop((near, far));
    drop(done);
    Ok(())
}
