//! EDGE: a running muxview, asked over HTTP by the command line or by another muxview. In: the state directory, which has
//! where it listens and what signs a request. Out: its answers, each proven to come from whoever can read
//! the same state directory. It must not know what is asked for.
//!
//! What is sent signs one request and is good for nothing else, so whoever else listens there gains
//! nothing, and is found out: only the service can answer with the seal on its time.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, sleep, timeout};

use crate::access::Signer;
use crate::access::signed::{self, Millis};
use crate::config::Origin;
use crate::config::limits::{CLIENT_ANSWER_BYTES, CLIENT_RETRY, CLIENT_TIMEOUT};
use crate::net::{Address, Endpoint};
use crate::state_dir;
use crate::state_dir::Vault;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens.
    #[error("nothing listens at {0}")]
    NotListening(Address),
    /// What it wrote into the state directory is no address.
    #[error(
        "the running muxview listens nowhere that can be asked from here, or its version is another"
    )]
    NoAddress,
    /// It is not reached without leaving this machine.
    #[error("muxview is only reached at {0}, and nothing is signed for other machines")]
    NotLocal(Address),
    /// Something else answers.
    #[error(
        "what answers at {0} is not the muxview of this state directory: another one listens there, or \
         it was started with another --state-dir"
    )]
    Foreign(Address),
    /// No answer in time.
    #[error("muxview at {address} does not answer within {} s", CLIENT_TIMEOUT.as_secs())]
    Timeout {
        /// Where.
        address: Address,
    },
    /// The connection broke.
    #[error("muxview at {address} cannot be asked: {cause}")]
    Io {
        /// Where.
        address: Address,
        /// What the system says.
        cause: io::Error,
    },
    /// It said no.
    #[error("muxview refused ({status}): {sentence}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// Its reason.
        sentence: String,
    },
    /// The state directory.
    #[error(transparent)]
    Vault(#[from] state_dir::Error),
}

impl Error {
    /// Whether the same may go well a moment later, as where a service restarts.
    fn may_pass(&self) -> bool {
        match self {
            Self::NotListening(_) | Self::Timeout { .. } | Self::Io { .. } => true,
            Self::Refused { status, .. } => *status == StatusCode::SERVICE_UNAVAILABLE,
            Self::NoAddress | Self::NotLocal(_) | Self::Foreign(_) | Self::Vault(_) => false,
        }
    }
}

/// Asks all other services that run with this state directory for `path`; none answers where none runs. One
/// that restarts is asked again. Who writes the state directory before this knows by the answers what
/// each service has read of it, and that whichever starts later reads it too.
///
/// # Errors
/// When one runs and does not answer, or refuses.
pub async fn ask_all(vault: &Vault, path: &str) -> Result<Vec<Bytes>, Error> {
    let end = Instant::now() + CLIENT_TIMEOUT;
    let mut answers = HashMap::new();
    loop {
        let mut failed = None;
        for service in services(vault).await? {
            if service.own || answers.contains_key(&service.name) {
                continue;
            }
            let asked = async { Client::new(vault, &service.address)?.get(path).await };
            match asked.await {
                Ok(answer) => {
                    answers.insert(service.name, answer);
                }
                Err(Error::NotListening(_)) if !service.alive => {}
                Err(error) if error.may_pass() => failed = Some(error),
                // One that runs and has not read yet that everybody is signed out knows nobody.
                Err(error @ Error::Foreign(_)) if service.alive => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
        match failed {
            None => return Ok(answers.into_values().collect()),
            Some(error) if Instant::now() >= end => return Err(error),
            Some(_) => sleep(CLIENT_RETRY).await,
        }
    }
}

/// It may wait for a disk, or for another process.
async fn services(vault: &Vault) -> Result<Vec<state_dir::Service>, Error> {
    let vault = vault.clone();
    let looked = tokio::task::spawn_blocking(move || vault.services()).await;
    Ok(looked.map_err(|panicked| state_dir::Error::Io {
        path: std::path::PathBuf::new(),
        cause: io::Error::other(panicked),
    })??)
}

/// A muxview that runs with a state directory.
#[derive(Debug)]
pub struct Client<'a> {
    vault: &'a Vault,
    address: Address,
}

/// What came back.
struct Answer {
    status: StatusCode,
    told: Option<String>,
    body: Bytes,
}

impl<'a> Client<'a> {
    /// The one that is reached at this address, which it wrote into the state directory.
    ///
    /// # Errors
    /// [`Error::NoAddress`], [`Error::NotLocal`].
    pub fn new(vault: &'a Vault, address: &str) -> Result<Self, Error> {
        let address: Address = serde_json::from_str(address).map_err(|_| Error::NoAddress)?;
        if !address.is_local() {
            return Err(Error::NotLocal(address));
        }
        Ok(Self { vault, address })
    }

    /// Asks for `path`, below the base path and without a query that is signed.
    ///
    /// # Errors
    /// Every status but 2xx is [`Error::Refused`].
    pub async fn get(&self, path: &str) -> Result<Bytes, Error> {
        self.request(Method::GET, path, Bytes::new()).await
    }

    async fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, Error> {
        let state = self.vault.state();
        let signer = Signer::new(
            &state.keys,
            &state.ledger,
            state_dir::random()?,
            state_dir::now(),
        );
        let mut time = since_1970();
        let mut corrected = false;
        loop {
            let nonce = state_dir::random()?;
            let origin = Origin::of_host(&self.address.host());
            let origin = origin.map(|origin| origin.to_string()).unwrap_or_default();
            let request = signed::Request {
                method: method.as_str(),
                path,
            };
            let shown = signer.sign(&origin, request, time, nonce);
            let shown = shown.ok_or_else(|| self.foreign())?;
            let asked = self.exchange(&method, path, &shown, body.clone());
            let answer = match timeout(CLIENT_TIMEOUT, asked).await {
                Ok(answer) => answer?,
                Err(_) => {
                    let address = self.address.clone();
                    return Err(Error::Timeout { address });
                }
            };
            let told = answer.told.and_then(|told| signer.time_in(&told, nonce));
            let Some(told) = told else {
                return Err(self.foreign());
            };
            if answer.status == StatusCode::UNAUTHORIZED && !corrected {
                // Its clock is another.
                (time, corrected) = (told, true);
                continue;
            }
            if answer.status.is_success() {
                return Ok(answer.body);
            }
            return Err(Error::Refused {
                status: answer.status,
                sentence: sentence(&answer.body),
            });
        }
    }

    fn foreign(&self) -> Error {
        Error::Foreign(self.address.clone())
    }

    async fn exchange(
        &self,
        method: &Method,
        path: &str,
        shown: &str,
        body: Bytes,
    ) -> Result<Answer, Error> {
        let uri = format!("{}{path}", self.address.base_path);
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header(HOST, self.address.host())
            .header(AUTHORIZATION, format!("Bearer {shown}"));
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(body));
        let request = request.map_err(|error| self.io(io::Error::other(error)))?;
        match &self.address.listen {
            Endpoint::Tcp(address) => {
                let stream = TcpStream::connect(address).await;
                self.send(stream.map_err(|error| self.unreached(error))?, request)
                    .await
            }
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path).await;
                self.send(stream.map_err(|error| self.unreached(error))?, request)
                    .await
            }
        }
    }

    async fn send<S>(&self, stream: S, request: Request<Full<Bytes>>) -> Result<Answer, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |error: hyper::Error| self.io(io::Error::other(error));
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(broken)?;
        let exchange = async {
            let answer = sender.send_request(request).await.map_err(broken)?;
            let (head, body) = answer.into_parts();
            let told = head.headers.get("muxview-time");
            let told = told.and_then(|told| told.to_str().ok()).map(str::to_owned);
            let body = Limited::new(body, CLIENT_ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| self.io(io::Error::other(error)))?;
            Ok(Answer {
                status: head.status,
                told,
                body: body.to_bytes(),
            })
        };
        tokio::pin!(exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            ended = connection => {
                // It ends after the answer is in, or with a reason.
                ended.map_err(broken)?;
                exchange.await
            }
        }
    }

    fn unreached(&self, cause: io::Error) -> Error {
        match cause.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
                Error::NotListening(self.address.clone())
            }
            _ => self.io(cause),
        }
    }

    fn io(&self, cause: io::Error) -> Error {
        let address = self.address.clone();
        Error::Io { address, cause }
    }
}

/// The reason in an answer of the API.
fn sentence(body: &[u8]) -> String {
    let read = serde_json::from_slice::<serde_json::Value>(body).ok();
    let error = read.as_ref().and_then(|read| read["error"].as_str());
    error.unwrap_or("it gives no reason").to_owned()
}

fn since_1970() -> Millis {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
