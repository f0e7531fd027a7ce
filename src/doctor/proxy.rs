//! Checks of what stands between a browser and us. In: how two requests through it were answered. Out:
//! findings that name what the proxy did not pass on. Pure.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use super::finding::Finding;

/// An answer, as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// `Location`, where there is one.
    pub(super) location: Option<String>,
    pub(super) body: String,
}

impl Answer {
    /// From the bytes of a response; the interim ones of a proxy of curl's own are skipped.
    pub(super) fn read(response: &str) -> Option<Self> {
        let (head, body) = response.split_once("\r\n\r\n").unwrap_or((response, ""));
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let location = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("location")
                .then(|| value.trim().to_owned())
        });
        Some(Self {
            status,
            location,
            body: body.to_owned(),
        })
    }
}

/// The Host header, as every proxy here writes it.
const PASS_HOST: &str =
    "nginx: proxy_set_header Host $http_host; (Caddy and HAProxy pass it by themselves)";
const PASS_UPGRADE: &str = "nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"; \
     (see deploy/ for whole configurations)";

/// Whether the proxy leads to us at all, with the Host a browser named. From `GET URL/healthz`.
pub(super) fn reached(url: &str, origin: &str, answer: Result<&Answer, &str>) -> Finding {
    let what = "proxy";
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => {
            return Finding::fail(
                what,
                format!("nothing answers at {url}: {why}"),
                "start the proxy, or give the URL that browsers open",
            );
        }
    };
    match answer.status {
        200 if answer.body.trim_start().starts_with("ok") => {
            Finding::ok(what, format!("{url} leads here, with its Host"))
        }
        421 => Finding::fail(
            what,
            format!(
                "{url} leads here, but under a Host that is not ours: {}",
                said(answer)
            ),
            format!("{PASS_HOST}\nand tell muxview its name: --public-origin {origin}"),
        ),
        502..=504 => Finding::fail(
            what,
            format!(
                "the proxy at {url} cannot reach muxview ({})",
                answer.status
            ),
            "see whether muxview runs and the proxy may connect to its socket (above, as root), and the proxy's error log",
        ),
        300..=399 => {
            let to = answer.location.as_deref().unwrap_or("elsewhere");
            Finding::fail(
                what,
                format!("{url} redirects to {to}"),
                "give the URL it leads to",
            )
        }
        status => Finding::fail(
            what,
            format!("{url} is answered with {status}, but not by muxview"),
            "send this path to muxview, with the prefix taken away (nginx: proxy_pass http://muxview/; with the slash)",
        ),
    }
}

/// Whether WebSockets get through. From an upgrade request to a session's socket, with the Origin of `URL`.
pub(super) fn upgraded(origin: &str, answer: Result<&Answer, &str>) -> Finding {
    let what = "WebSocket";
    match answer {
        Ok(Answer { status: 101, .. }) => Finding::ok(what, "the proxy passes upgrades"),
        Ok(answer @ Answer { status: 403, .. }) => Finding::fail(
            what,
            format!(
                "a page of {origin} is taken for a foreign one: {}",
                said(answer)
            ),
            format!("{PASS_HOST}\nand tell muxview its name: --public-origin {origin}"),
        ),
        Ok(Answer { status, .. }) => Finding::fail(
            what,
            format!(
                "the proxy does not pass upgrades ({status} instead of 101), so no session can be shown"
            ),
            PASS_UPGRADE,
        ),
        Err(why) => Finding::fail(
            what,
            format!("the proxy ends upgrades without an answer: {why}"),
            PASS_UPGRADE,
        ),
    }
}

/// Ours are objects with a sentence; those of others are told by their beginning.
fn said(answer: &Answer) -> String {
    let sentence = serde_json::from_str::<serde_json::Value>(&answer.body)
        .ok()
        .and_then(|body| body["error"].as_str().map(str::to_owned));
    sentence.unwrap_or_else(|| answer.body.chars().take(80).collect())
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let text = format!("HTTP/1.1 {status} X\r\nlocation: /a/\r\n\r\n{body}");
        Answer::read(&text).expect("an answer")
    }

    #[test]
    fn each_fault_of_a_proxy_has_its_name() {
        let reach = |answer: Answer| reached("https://h/t/", "https://h", Ok(&answer));
        assert_eq!(reach(answer(200, "ok\n")).level, Level::Ok);
        for (status, body, told) in [
            (200, "<html>", "not by muxview"),
            (404, "", "not by muxview"),
            (421, r#"{"error":"no such host"}"#, "no such host"),
            (502, "", "cannot reach muxview"),
            (308, "", "redirects to /a/"),
        ] {
            let found = reach(answer(status, body));
            assert_eq!(found.level, Level::Fail);
            assert!(found.sentence.contains(told), "{found}");
        }
        let found = reached("u", "o", Err("refused"));
        assert!(found.sentence.contains("refused"));
    }

    #[test]
    fn an_upgrade_that_does_not_come_through_is_told() {
        let up = |answer: Answer| upgraded("https://h", Ok(&answer));
        assert_eq!(up(answer(101, "")).level, Level::Ok);
        let dropped = up(answer(426, ""));
        assert!(dropped.mend.expect("one").contains("Upgrade $http_upgrade"));
        let foreign = up(answer(403, r#"{"error":"foreign"}"#));
        assert!(
            foreign
                .mend
                .expect("one")
                .contains("--public-origin https://h")
        );
        assert_eq!(upgraded("o", Err("x")).level, Level::Fail);
        assert_eq!(Answer::read("garbage"), None);
    }
}
