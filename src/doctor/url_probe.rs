//! EDGE: asks through a proxy, as a browser would. In: a URL. Out: answers as they came. It must not know
//! what they mean. http is spoken here; https by curl, which knows the certificates this system trusts.

use crate::doctor::proxy::Answer;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

/// How long a proxy may take: it has its own patience with what is behind it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read.
const BYTES: usize = 64 * 1024;
/// curl's exit code for a certificate it does not trust.
const UNTRUSTED: i32 = 60;

/// Where it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    secure: bool,
    host: String,
    port: Option<u16>,
    /// Without a slash at its end.
    path: String,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        const WANTED: &str =
            "--url takes an address as browsers open it: https://example.org/term/";
        let (secure, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(WANTED),
        };
        let rest = rest.split(['#', '?']).next().unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, Some(port.parse().map_err(|_| WANTED)?))
            }
            _ => (authority, None),
        };
        // It becomes part of a request's head and of an argument.
        let plain = |c: char| c.is_ascii_graphic() && !"\"\\<>^`{|}@".contains(c);
        if host.is_empty() || !rest.chars().all(plain) || host.starts_with('-') {
            return Err(WANTED);
        }
        // A session's own page is asked for as the whole.
        let path = path.split("s/").next().unwrap_or_default();
        Ok(Self {
            secure,
            host: host.to_owned(),
            port,
            path: format!("/{path}").trim_end_matches('/').to_owned(),
        })
    }

    fn authority(&self) -> String {
        let port = self.port.map(|port| format!(":{port}"));
        format!("{}{}", self.host, port.unwrap_or_default())
    }

    pub(super) fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    pub(super) fn url(&self) -> String {
        format!("{}{}/", self.origin(), self.path)
    }
}

/// What came of asking.
pub(super) struct Asked {
    pub(super) answer: Result<Answer, String>,
    /// The certificate is none this system trusts.
    pub(super) untrusted: bool,
}

/// `GET PATH/healthz`.
pub(super) async fn health(target: &Target) -> Asked {
    ask(target, "/healthz", &[]).await
}

/// Asks for a session's socket, as a page of the same address does.
pub(super) async fn upgrade(target: &Target) -> Asked {
    let origin = format!("Origin: {}", target.origin());
    let headers = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        &origin,
    ];
    ask(target, "/s/doctor/ws?visible=0", &headers).await
}

async fn ask(target: &Target, path: &str, headers: &[&str]) -> Asked {
    let asked = async {
        if target.secure {
            by_curl(target, path, headers).await
        } else {
            plain(target, path, headers).await.map(|text| (text, false))
        }
    };
    let said = timeout(PATIENCE, asked)
        .await
        .unwrap_or_else(|_| Err(format!("no answer in {} s", PATIENCE.as_secs())));
    let untrusted = matches!(said, Ok((_, true)));
    let answer = said.and_then(|(text, _)| {
        Answer::read(&text).ok_or_else(|| "the connection ended without an answer".to_owned())
    });
    Asked { answer, untrusted }
}

async fn plain(target: &Target, path: &str, headers: &[&str]) -> Result<String, String> {
    let host = target.host.trim_matches(['[', ']']);
    let mut stream = TcpStream::connect((host, target.port.unwrap_or(80)))
        .await
        .map_err(|error| error.to_string())?;
    let mut head = format!(
        "GET {}{path} HTTP/1.1\r\nHost: {}\r\n",
        target.path,
        target.authority()
    );
    if headers.is_empty() {
        head.push_str("Connection: close\r\n");
    }
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream
        .write_all(head.as_bytes())
        .await
        .map_err(|error| error.to_string())?;
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    while read.len() < BYTES && !whole(&read) {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(count) => read.extend_from_slice(&chunk[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}

/// Whether a response is read as far as it will be: a 101 has no end, others may say theirs.
fn whole(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let named = name.eq_ignore_ascii_case("content-length");
        named.then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    head.split(' ').nth(1) == Some("101") || length.is_some_and(|length| body.len() >= length)
}

async fn by_curl(target: &Target, path: &str, headers: &[&str]) -> Result<(String, bool), String> {
    let url = format!("{}{}{path}", target.origin(), target.path);
    let said = curl(&url, headers, false).await?;
    if said.status.code() != Some(UNTRUSTED) {
        return text(&said).map(|text| (text, false));
    }
    text(&curl(&url, headers, true).await?).map(|text| (text, true))
}

async fn curl(url: &str, headers: &[&str], insecure: bool) -> Result<std::process::Output, String> {
    let mut command = Command::new("curl");
    // A 101 has no end: what came in that time counts.
    command.args([
        "--silent",
        "--show-error",
        "--include",
        "--http1.1",
        "--max-time",
        "4",
    ]);
    if insecure {
        command.arg("--insecure");
    }
    for header in headers {
        command.args(["--header", header]);
    }
    command
        .args(["--", url])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command.output().await.map_err(|error| {
        format!("https needs curl, which does not run here ({error}): apt-get install curl")
    })
}

fn text(output: &std::process::Output) -> Result<String, String> {
    if output.stdout.is_empty() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(words.trim().trim_start_matches("curl: ").to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let target = Target::parse("https://h.example:8443/term/s/main?x#t=y").expect("right");
        assert_eq!(target.origin(), "https://h.example:8443");
        assert_eq!(target.url(), "https://h.example:8443/term/");
        let plain = Target::parse("http://[::1]").expect("right");
        assert_eq!((plain.url().as_str(), plain.port), ("http://[::1]/", None));
        for bad in [
            "h.example",
            "ftp://h",
            "https://",
            "http://a b/",
            "http://h:x/",
            "http://-o/",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_answer_is_read_to_its_end_and_no_further() {
        assert!(!whole(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok"));
        assert!(whole(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n"));
        assert!(whole(b"HTTP/1.1 101 Switching\r\n\r\n"));
        assert!(!whole(b"HTTP/1.1 200 OK\r\n\r\nok"));
    }
}
