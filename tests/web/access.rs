//! Who gets in: every combination of door, Host, Origin, fetch metadata, credential, subprotocol and
//! body that means something else, asked over real sockets. The table is the promise; one line is one
//! request. There is no tmux server, so who gets in to a session hears 4404.

use crate::http::{Answer, Outcome, Site, Upgrade};
use axum::http::Request;
use axum::response::IntoResponse as _;
use muxview::access::share::Terms;
use muxview::access::{Share, Target};
use muxview::config::{Auth, Config, Listen, UnixListen};
use muxview::net::Peer;
use muxview::state_dir;
use muxview::state_dir::Vault;
use muxview::tmux::{Creation, SessionId};
use muxview::web::auth::caller::{Access, SignIn};
use std::collections::HashSet;
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

/// Cells stand two spaces apart; `-` is no such header, `a & b` the header twice, and `own` is
/// `localhost:PORT` as a Host and `http://localhost:PORT` as an Origin. All but `wide` know the public
/// origin `https://term.example`.
///
/// | door | is |
/// |---|---|
/// | `token`, `none` | a TCP listener at 127.0.0.1 with `--auth` so |
/// | `unix` | a unix socket with `--auth none` |
/// | `proxy` | a unix socket with `--auth proxy`; the test is the proxy's user |
/// | `wide` | a TCP listener at 192.0.2.7:7681 with `--auth token`, judged without its network |
///
/// `WS` asks for the socket of a session. An answer is a status, or the code of the close that comes
/// first of all (`raw`: no subprotocol was chosen). 422 is who was let in: the name in the body is bad.
const TABLE: &str = r#"
door   request             Host                  Origin                          Sec-Fetch-Site  credential    subprotocols    body       answer

# A socket, asked for by a page of ours.
token  WS                  own                   own                             -               -             v1, key         -          4404
token  WS                  own                   own                             -               -             v1 & key        -          4404
token  WS                  own                   own                             -               -             key, v1         -          4404
token  WS                  own                   own                             same-origin     -             v1, key         -          4404
token  WS                  own                   own                             -               bearer        v1              -          4404
token  WS                  own                   own                             -               -             v1, guest       -          4404
token  WS                  own                   own                             -               -             v1              -          4401
token  WS                  own                   own                             -               -             v1, key-empty   -          4401
token  WS                  own                   own                             -               -             v1, key-long    -          4401
token  WS                  own                   own                             -               -             v1, key-wrong   -          4401
token  WS                  own                   own                             -               -             v1, key-ended   -          4401
token  WS                  own                   own                             -               -             v1, key-used    -          4401
token  WS                  own                   own                             -               basic         v1              -          4401
token  WS                  own                   own                             -               no scheme     v1              -          4401
token  WS                  own                   own                             -               cookie        v1              -          4401
token  WS ?t=SECRET        own                   own                             -               -             v1              -          4401

# The other names of a loopback listener, at any port: port forwards change it.
token  WS                  127.0.0.1:PORT        http://127.0.0.1:PORT           -               -             v1, key         -          4404
token  WS                  [::1]:9               http://[::1]:9                  -               -             v1, key         -          4404
token  WS                  localhost             http://localhost                -               -             v1, key         -          4404
token  WS                  LOCALHOST:80          http://localhost                -               -             v1, key         -          4404
token  WS                  own                   HTTP://LOCALHOST:PORT           -               -             v1, key         -          4404

# Where it is published. A proxy may pass the Host on or not; the page's scheme is part of its origin,
# so that who sits on the unencrypted way cannot make a page for the encrypted one.
token  WS                  term.example          https://term.example            -               -             v1, key         -          4404
token  WS                  term.example:443      https://term.example            -               -             v1, key         -          4404
token  WS                  own                   https://term.example            -               -             v1, key         -          4404
token  WS                  term.example          https://term.example            -               -             v1              -          4401
token  WS                  term.example          http://term.example             -               -             v1, key         -          403
token  WS                  own                   http://term.example             -               -             v1, key         -          403
token  WS                  term.example:443      http://term.example:443         -               -             v1, key         -          403
unix   WS                  term.example          https://term.example            -               -             v1              -          4404
unix   WS                  term.example          http://term.example             -               -             v1              -          403
proxy  WS                  term.example          https://term.example            -               ann           v1              -          4404
proxy  WS                  term.example          http://term.example             -               ann           v1              -          403

# Pages of others, whatever they know.
token  WS                  own                   http://localhost:1              -               -             v1, key         -          403
token  WS                  own                   https://localhost:PORT          -               -             v1, key         -          403
token  WS                  own                   http://127.0.0.1:PORT           -               -             v1, key         -          403
token  WS                  own                   http://localhost.:PORT          -               -             v1, key         -          403
token  WS                  own                   http://localhost.evil:PORT      -               -             v1, key         -          403
token  WS                  own                   http://evil.example             -               bearer        v1, key         -          403
token  WS                  own                   https://term.example.evil       -               -             v1, key         -          403
token  WS                  own                   https://evil-term.example       -               -             v1, key         -          403
token  WS                  own                   https://term.example:8443       -               -             v1, key         -          403
token  WS                  own                   null                            -               -             v1, key         -          403
token  WS                  own                   empty                           -               -             v1, key         -          403
token  WS                  own                   http://localhost:PORT/          -               -             v1, key         -          403
token  WS                  own                   http://x@localhost:PORT         -               -             v1, key         -          403
token  WS                  own                   own & own                       -               -             v1, key         -          403
token  WS                  own                   http://localhost:PORT http://a  -               -             v1, key         -          403
token  WS                  own                   ws://localhost:PORT             -               -             v1, key         -          403
token  WS                  own                   file://                         -               -             v1, key         -          403
token  WS                  own                   chrome-extension://abc          -               -             v1, key         -          403
none   WS                  own                   http://evil.example             -               -             v1              -          403
none   WS                  own                   null                            -               -             -               -          403
none   WS                  own                   http://localhost:1              -               -             -               -          403
none   WS                  own                   http://evil.example             -               -             -               -          403
unix   WS                  localhost             http://evil.example             -               -             v1              -          403
proxy  WS                  term.example          https://evil.example            -               ann           v1              -          403

# No page at all: it needs a credential where there are any, and is told after the upgrade if it is wrong.
token  WS                  own                   -                               -               bearer        v1              -          4404
token  WS                  own                   -                               -               BEARER        v1              -          4404
token  WS                  own                   -                               -               -             v1, key         -          4404
token  WS                  own                   -                               -               wrong         v1              -          4401
token  WS                  own                   -                               -               bearer        -               -          4404 raw
token  WS                  own                   -                               -               -             v1              -          403
token  WS                  own                   -                               -               cookie        v1              -          403
token  WS                  own                   -                               -               -             -               -          403
none   WS                  own                   -                               -               -             v1              -          4404
none   WS                  own                   -                               -               -             -               -          4404 raw
none   WS                  own                   own                             -               -             v1              -          4404
unix   WS                  localhost             -                               -               -             v1              -          4404
proxy  WS                  term.example          -                               -               ann           v1              -          403
proxy  WS                  term.example          https://term.example            -               -             v1              -          4401
proxy  WS                  term.example          https://term.example            -               bearer        v1              -          4401
proxy  WS                  term.example          https://term.example            -               forged        v1              -          403

# What is spoken.
token  WS                  own                   own                             -               -             v2, key         -          4426 raw
token  WS                  own                   own                             -               -             v2, v1, key     -          4404
token  WS                  own                   own                             -               -             tty, key        -          4404 raw
token  WS                  own                   own                             -               -             key             -          4404 raw
none   WS                  own                   own                             -               -             tty             -          4404 raw

# Names that are not ours: another name for this address would make us part of its site.
token  WS                  evil.example          http://evil.example             -               -             v1, key         -          421
token  WS                  localhost.evil        -                               -               -             v1, key         -          421
token  WS                  term.example:8443     https://term.example            -               -             v1, key         -          421
token  WS                  10.0.0.1              -                               -               -             v1, key         -          421
none   WS                  evil.example          -                               -               -             v1              -          421
none   GET /               evil.example          -                               -               -             -               -          421
none   GET /               127.1:PORT            -                               -               -             -               -          421
none   GET /               2130706433            -                               -               -             -               -          421
none   GET /               0.0.0.0:PORT          -                               -               -             -               -          421
none   GET /               localhost.            -                               -               -             -               -          421
none   GET /               [::ffff:7f00:1]       -                               -               -             -               -          421
none   GET /healthz        evil.example          -                               -               -             -               -          421
none   GET /metrics        evil.example          -                               -               -             -               -          421
none   GET /assets/none    evil.example          -                               -               -             -               -          421
none   GET /nothing        evil.example          -                               -               -             -               -          421
none   POST /api/sessions  evil.example          http://evil.example             same-origin     -             -               json       421
unix   GET /               localhost             -                               -               -             -               -          200
unix   GET /               localhost:8080        -                               -               -             -               -          200
unix   GET /               term.example          -                               -               -             -               -          200
unix   GET /               127.0.0.1             -                               -               -             -               -          421
unix   GET /               evil.example          -                               -               -             -               -          421
proxy  GET /               evil.example          -                               -               ann           -               -          421
wide   GET /api/sessions   192.0.2.7:7681        -                               -               bearer        -               -          200
wide   GET /api/sessions   192.0.2.7:7681        http://192.0.2.7:7681           same-origin     bearer        -               -          200
wide   GET /api/sessions   192.0.2.7:7681        http://192.0.2.7:7681           -               -             -               -          401
wide   GET /api/sessions   192.0.2.7:7681        http://192.0.2.7                -               bearer        -               -          403
wide   GET /api/sessions   192.0.2.7             -                               -               bearer        -               -          421
wide   GET /api/sessions   192.0.2.8:7681        -                               -               bearer        -               -          421
wide   GET /api/sessions   localhost:7681        -                               -               bearer        -               -          421
wide   GET /api/sessions   127.0.0.1:7681        -                               -               bearer        -               -          421
wide   GET /api/sessions   term.example          https://term.example            -               bearer        -               -          200
wide   GET /api/sessions   term.example          http://term.example             -               bearer        -               -          403

# Heads that name no host, or more than one.
token  WS                  -                     -                               -               -             v1, key         -          400
token  WS                  empty                 -                               -               -             v1, key         -          400
token  WS                  localhost & localhost  -                              -               -             v1, key         -          400
token  WS                  x@localhost           -                               -               -             v1, key         -          400
token  WS                  localhost:x           -                               -               -             v1, key         -          400
none   GET /               own & evil.example    -                               -               -             -               -          400
none   GET /               localhost/            -                               -               -             -               -          400
none   GET /               localhost:99999       -                               -               -             -               -          400
none   GET /               localhost:            -                               -               -             -               -          400
none   GET /               [::1                  -                               -               -             -               -          400
none   GET http://evil.example/  own             -                               -               -             -               -          400
none   GET http://localhost:PORT/  own           -                               -               -             -               -          200
none   GET http://localhost:PORT/  evil.example  -                               -               -             -               -          400

# The shells are everybody's who passes the Host check; data is behind the credential.
token  GET /               own                   -                               -               -             -               -          200
token  GET /               own                   -                               cross-site      -             -               -          200
token  GET /s/anything     own                   -                               cross-site      -             -               -          200
token  GET /healthz        own                   -                               -               -             -               -          200
proxy  GET /healthz        term.example          -                               -               -             -               -          200
token  GET /               own                   http://evil.example             -               -             -               -          403
token  GET /api/sessions   own                   -                               -               -             -               -          401
token  GET /api/sessions   own                   -                               -               wrong         -               -          401
token  GET /api/sessions   own                   -                               -               ended         -               -          401
token  GET /api/sessions   own                   -                               -               used          -               -          401
token  GET /api/sessions?t=SECRET  own           -                               -               -             -               -          401
token  GET /api/sessions   own                   -                               -               cookie        -               -          401
token  GET /api/sessions   own                   -                               -               no scheme     -               -          401
token  GET /api/sessions   own                   -                               -               basic         -               -          401
token  GET /api/sessions   own                   -                               -               ann           -               -          401
token  GET /api/sessions   own                   -                               -               bearer        -               -          200
token  GET /api/sessions   own                   own                             -               bearer        -               -          200
token  GET /api/sessions   own                   -                               same-origin     bearer        -               -          200
token  GET /api/sessions   own                   -                               none            bearer        -               -          200
token  GET /api/sessions   own                   -                               -               guest         -               -          200
token  GET /api/sessions   own                   http://evil.example             -               bearer        -               -          403
token  GET /api/sessions   own                   -                               cross-site      bearer        -               -          403
token  GET /api/sessions   own                   -                               same-site       bearer        -               -          403
token  GET /api/sessions   own                   -                               same-origin & cross-site  bearer  -           -          403
token  GET /api/sessions   own                   -                               empty           bearer        -               -          403
none   GET /api/sessions   own                   -                               -               -             -               -          200
none   GET /api/sessions   own                   -                               cross-site      -             -               -          403
none   GET /api/sessions   own                   http://localhost:1              same-site       -             -               -          403
none   GET /api/events     own                   http://127.0.0.1:PORT           cross-site      -             -               -          403
none   GET /api/events     own                   -                               cross-site      -             -               -          403
token  GET /api/events     own                   -                               -               -             -               -          401
token  GET /api/shares     own                   -                               -               guest         -               -          403
token  GET /metrics        own                   -                               -               -             -               -          401
token  GET /metrics        own                   -                               -               guest         -               -          403
token  GET /metrics        own                   -                               -               bearer        -               -          200

# What changes something: only as JSON, only for this site, and only for who may.
token  POST /api/sessions  own                   own                             same-origin     bearer        -               json       422
token  POST /api/sessions  own                   -                               -               bearer        -               json       422
token  POST /api/sessions  own                   -                               -               bearer        -               charset    422
token  POST /api/sessions  own                   -                               -               -             -               json       401
token  POST /api/sessions  own                   -                               -               -             -               none       401
token  POST /api/sessions  own                   -                               -               cookie        -               json       401
token  POST /api/sessions  own                   -                               cross-site      bearer        -               json       403
token  POST /api/sessions  own                   -                               same-site       bearer        -               json       403
token  POST /api/sessions  own                   http://evil.example             -               bearer        -               json       403
token  POST /api/sessions  own                   null                            -               bearer        -               json       403
token  POST /api/sessions  own                   -                               -               bearer        -               text       415
token  POST /api/sessions  own                   -                               -               bearer        -               form       415
token  POST /api/sessions  own                   -                               -               bearer        -               multipart  415
token  POST /api/sessions  own                   -                               -               bearer        -               other      415
token  POST /api/sessions  own                   -                               -               bearer        -               none       415
token  POST /api/sessions  own                   -                               -               bearer        -               big        413
none   POST /api/sessions  own                   own                             same-origin     -             -               json       422
none   POST /api/sessions  own                   own                             same-origin     -             -               text       415
none   POST /api/sessions  own                   -                               -               -             -               form       415
none   POST /api/sessions  own                   http://evil.example             cross-site      -             -               json       403
none   POST /api/sessions  own                   null                            cross-site      -             -               text       403
none   POST /api/sessions  own                   -                               cross-site      -             -               form       403
none   POST /api/sessions  own                   http://localhost:1              same-site       -             -               json       403
none   PATCH /api/sessions/x  own                -                               -               -             -               json       422
none   PATCH /api/sessions/x  own                http://evil.example             -               -             -               json       403
none   DELETE /api/sessions/x  own               -                               -               -             -               -          404
none   DELETE /api/sessions/x  own               -                               cross-site      -             -               -          403
none   DELETE /api/sessions/x  own               http://127.0.0.1:PORT           -               -             -               -          403
token  DELETE /api/sessions/x  own               -                               -               -             -               -          401
token  DELETE /api/sessions/x  own               -                               -               bearer        -               -          404
token  DELETE /api/sessions/x  own               -                               -               bearer        -               text       415
token  DELETE /api/sessions/x  own               -                               cross-site      bearer        -               -          403
token  PATCH /api/sessions/x  own                -                               -               bearer        -               json       422
token  PATCH /api/sessions/x  own                -                               -               ended         -               json       401
unix   POST /api/sessions  localhost             -                               -               -             -               json       422
unix   POST /api/sessions  localhost             https://evil.example            cross-site      -             -               json       403
none   OPTIONS /api/sessions  own                http://evil.example             cross-site      -             -               -          403
none   OPTIONS /api/sessions  own                -                               -               -             -               -          405
none   CONNECT localhost:PORT  own               -                               -               -             -               -          404

# Signing in and out.
token  POST /api/sign-in   own                   own                             same-origin     -             -               json       422
token  POST /api/sign-in   own                   -                               -               -             -               form       415
token  POST /api/sign-in   own                   -                               cross-site      -             -               json       403
token  POST /api/sign-in   own                   http://evil.example             -               -             -               json       403
token  POST /api/sign-out  own                   -                               -               -             -               json       401
token  POST /api/sign-out  own                   -                               cross-site      bearer        -               json       403
none   POST /api/sign-in   own                   -                               -               -             -               json       404

# Users, as the proxy says.
proxy  GET /api/sessions   term.example          -                               -               ann           -               -          200
proxy  GET /api/sessions   term.example          https://term.example            same-origin     ann           -               -          200
proxy  GET /api/sessions   term.example          -                               cross-site      ann           -               -          403
proxy  GET /api/sessions   term.example          -                               -               secret alone  -               -          401
proxy  GET /api/sessions   term.example          -                               -               -             -               -          401
proxy  GET /api/sessions   term.example          -                               -               forged        -               -          403
proxy  GET /api/sessions   term.example          -                               -               ann twice     -               -          400
proxy  GET /api/sessions   term.example          -                               -               nobody        -               -          400
proxy  GET /api/sessions   term.example          -                               -               underscored   -               -          401
proxy  POST /api/sessions  term.example          https://term.example            same-origin     ann           -               json       422
proxy  POST /api/sessions  term.example          https://term.example            same-origin     ann           -               form       415
proxy  POST /api/sessions  term.example          https://evil.example            cross-site      ann           -               json       403
"#;

const PROXY_SECRET: &str = "0123456789abcdef0123456789abcdef";

struct Row<'a> {
    line: &'a str,
    door: &'a str,
    request: &'a str,
    host: &'a str,
    origin: &'a str,
    site: &'a str,
    credential: &'a str,
    subprotocols: &'a str,
    body: &'a str,
    answer: &'a str,
}

fn rows() -> impl Iterator<Item = Row<'static>> {
    let lines = TABLE.lines().filter(|line| !line.is_empty());
    let lines = lines.filter(|line| !line.starts_with('#')).skip(1);
    lines.map(|line| {
        let cells = line.split("  ").map(str::trim);
        let cells: Vec<_> = cells.filter(|cell| !cell.is_empty()).collect();
        let &[
            door,
            request,
            host,
            origin,
            site,
            credential,
            subprotocols,
            body,
            answer,
        ] = &cells[..]
        else {
            panic!("nine cells: {line}")
        };
        Row {
            line,
            door,
            request,
            host,
            origin,
            site,
            credential,
            subprotocols,
            body,
            answer,
        }
    })
}

/// The lines of a header that a cell means.
fn lines(name: &str, cell: &str, own: &str) -> Vec<String> {
    let value = |value: &str| match value {
        "own" => own.to_owned(),
        "empty" => String::new(),
        other => other.to_owned(),
    };
    let values = cell.split(" & ").filter(|value| *value != "-");
    values
        .map(|text| format!("{name}: {}", value(text)))
        .collect()
}

impl Row<'_> {
    /// Whether it asks for a socket.
    fn upgrades(&self) -> bool {
        self.request.starts_with("WS")
    }

    fn credential(&self) -> Vec<String> {
        let user = "X-Muxview-User";
        let secret = format!("X-Muxview-Proxy-Secret: {PROXY_SECRET}");
        let named = |name: &str| vec![format!("{user}: {name}"), secret.clone()];
        match self.credential {
            "-" => vec![],
            "bearer" => vec!["Authorization: Bearer SECRET".into()],
            "BEARER" => vec!["AUTHORIZATION: bearer SECRET".into()],
            "wrong" => vec!["Authorization: Bearer wrong".into()],
            "basic" => vec!["Authorization: Basic SECRET".into()],
            "no scheme" => vec!["Authorization: SECRET".into()],
            "cookie" => vec!["Cookie: muxview=SECRET; t=SECRET".into()],
            "guest" => vec!["Authorization: Bearer GUEST".into()],
            "ended" => vec!["Authorization: Bearer ENDED".into()],
            "used" => vec!["Authorization: Bearer USED".into()],
            "ann" => named("ann"),
            "nobody" => named(""),
            "ann twice" => [named("ann"), vec![format!("{user}: ann")]].concat(),
            "secret alone" => vec![secret],
            "forged" => vec![format!("{user}: ann")],
            "underscored" => vec!["X_Muxview_User: ann".into(), secret],
            other => panic!("{other}: {}", self.line),
        }
    }

    fn subprotocols(&self) -> String {
        let words = self.subprotocols.replace(" & ", ", & ");
        let words = words.split(", ").map(|word| {
            let (line, word) = match word.strip_prefix("& ") {
                Some(word) => ("& ", word),
                None => ("", word),
            };
            let protocol = match word {
                "v1" => "muxview.v1",
                "v2" => "muxview.v2",
                "key" => "muxview.key.SECRET",
                "key-empty" => "muxview.key.",
                "key-long" => "muxview.key.SECRETx",
                "key-wrong" => "muxview.key.wrong",
                "key-ended" => "muxview.key.ENDED",
                "key-used" => "muxview.key.USED",
                "guest" => "muxview.key.GUEST",
                other => other,
            };
            format!("{line}{protocol}")
        });
        words.collect::<Vec<_>>().join(", ").replace(", & ", " & ")
    }

    /// The header lines of the body, and the body.
    fn body(&self) -> (Vec<String>, &'static str) {
        let bad = r#"{"name":"-"}"#;
        let kind = match self.body {
            "-" => return (vec![], ""),
            "big" => {
                let length = "Content-Length: 1000000".to_owned();
                return (vec!["Content-Type: application/json".into(), length], "");
            }
            "none" => None,
            "json" => Some("application/json"),
            "charset" => Some("Application/JSON; charset=utf-8"),
            "text" => Some("text/plain;application/json"),
            "form" => Some("application/x-www-form-urlencoded"),
            "multipart" => Some("multipart/form-data; boundary=x"),
            "other" => Some("application/json-patch+json"),
            other => panic!("{other}: {}", self.line),
        };
        let mut lines = vec![format!("Content-Length: {}", bad.len())];
        lines.extend(kind.map(|kind| format!("Content-Type: {kind}")));
        (lines, bad)
    }

    /// The request as it is sent, with the credentials of a site filled in.
    fn text(&self, site: &Known) -> String {
        let request = match self.request.strip_prefix("WS") {
            Some(query) => format!("GET /s/main/ws{}", query.trim()),
            None => self.request.to_owned(),
        };
        let mut head = vec![format!("{request} HTTP/1.1")];
        head.extend(lines("Host", self.host, "localhost:PORT"));
        head.extend(lines("Origin", self.origin, "http://localhost:PORT"));
        head.extend(lines("Sec-Fetch-Site", self.site, ""));
        head.extend(self.credential());
        let protocols = self.subprotocols();
        head.extend(lines("Sec-WebSocket-Protocol", &protocols, ""));
        if self.upgrades() {
            head.push("Connection: Upgrade".into());
            head.push("Upgrade: websocket".into());
            head.push("Sec-WebSocket-Version: 13".into());
            head.push("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==".into());
        }
        let (more, body) = self.body();
        head.extend(more);
        let text = format!("{}\r\n\r\n{body}", head.join("\r\n"));
        text.replace("PORT", &site.port.to_string())
            .replace("SECRET", &site.secret)
            .replace("GUEST", &site.guest)
            .replace("ENDED", &site.ended)
            .replace("USED", &site.used)
    }
}

/// A service behind a door, and what is known to get in by.
struct Known {
    site: Site,
    /// Where it listens, if not on its port.
    path: Option<PathBuf>,
    port: u16,
    /// Good.
    secret: String,
    /// Good, of one with whom a session was shared that is no more.
    guest: String,
    /// The credential of one who signed out.
    ended: String,
    /// The link by which they had signed in.
    used: String,
}

impl Known {
    async fn open(auth: Auth, change: impl FnOnce(&mut Config)) -> Self {
        let mut path = None;
        let site = Site::open_with(auth, |config| {
            config.public_origins = vec!["https://term.example".parse().expect("an origin")];
            change(config);
            path = config.listen.iter().find_map(|listen| match listen {
                Listen::Unix(unix) => Some(unix.path.clone()),
                Listen::Tcp { .. } => None,
            });
        })
        .await;
        let none = || "none".to_owned();
        let mut known = Self {
            port: site.port,
            secret: site.secret.clone().unwrap_or_else(none),
            guest: none(),
            ended: none(),
            used: none(),
            path,
            site,
        };
        if auth == Auth::Token {
            let vault = Vault::open(Some(&known.site.dir.path().join("state"))).expect("its own");
            known.guest = known.sign_in(&share(&vault)).await;
            known.used = vault.link().expect("randomness");
            known.ended = known.sign_in(&known.used).await;
            let bearer = format!("Authorization: Bearer {}", known.ended);
            let headers = [
                &*bearer,
                "Content-Type: application/json",
                "Content-Length: 2",
            ];
            let out = known.site.ask("POST /api/sign-out", &headers, "{}").await;
            assert_eq!(out.status, 204, "{out:?}");
        }
        known
    }

    async fn sign_in(&self, link: &str) -> String {
        let body = format!(r#"{{"t":"{link}"}}"#);
        let length = format!("Content-Length: {}", body.len());
        let headers = ["Content-Type: application/json", &length];
        let answer = self.site.ask("POST /api/sign-in", &headers, &body).await;
        let credential = answer.json()["credential"].as_str().map(str::to_owned);
        credential.unwrap_or_else(|| panic!("{answer:?}"))
    }

    /// What a row comes to.
    async fn answer(&self, row: &Row<'_>) -> String {
        match &self.path {
            Some(path) => over(UnixStream::connect(path).await.expect("ours"), row, self).await,
            None => over(self.site.connect().await, row, self).await,
        }
    }
}

async fn over<S: AsyncRead + AsyncWrite + Unpin>(stream: S, row: &Row<'_>, site: &Known) -> String {
    let text = row.text(site);
    if !row.upgrades() {
        let answer = Answer::to(stream, &text).await;
        assert_protected(&answer, row.line);
        return answer.status.to_string();
    }
    let upgrade = Upgrade::over(stream, &text).await;
    if let Upgrade::Refused(answer) = &upgrade {
        assert_protected(answer, row.line);
    }
    match upgrade.outcome().await {
        Outcome::Status(status) => status.to_string(),
        Outcome::Closed(code, Some(chosen)) if chosen == "muxview.v1" => code.to_string(),
        Outcome::Closed(code, None) => format!("{code} raw"),
        other => format!("{other:?}"),
    }
}

/// What a row comes to at a door to another network: the gate's word, and who goes through it as the
/// list of sessions answers them.
fn judged(row: &Row<'_>, site: &Known) -> String {
    let vault = Vault::open(Some(&site.site.dir.path().join("state"))).expect("its own");
    let public = vec!["https://term.example".parse().expect("an origin")];
    let access = Access::new(SignIn::Token(vault), public);
    let door = Peer::Tcp {
        local: ([192, 0, 2, 7], 7681).into(),
        peer: ([192, 0, 2, 99], 40_000).into(),
    };
    let text = row.text(site);
    let mut lines = text.lines();
    let path = lines.next().and_then(|line| line.split(' ').nth(1));
    let mut request = Request::get(path.expect("a path"));
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").expect("a header");
        request = request.header(name, value);
    }
    let (head, ()) = request.body(()).expect("a request").into_parts();
    match access.admit(&door, &head) {
        Ok(caller) => if caller.pass.is_some() { "200" } else { "401" }.to_owned(),
        Err(refusal) => refusal.into_response().status().as_u16().to_string(),
    }
}

/// The secret of a link to a session that is no more.
fn share(vault: &Vault) -> String {
    let session = Target {
        id: SessionId(1),
        created: Creation {
            at: 1,
            server: None,
        },
        name: "shared",
    };
    let terms = Terms::new(state_dir::now(), None, None).expect("the usual");
    let random = state_dir::random().expect("randomness");
    let (share, secret) = Share::new(random, session, "owner", terms);
    let added = vault.change(|ledger| ledger.add(share, terms.now));
    added.expect("written").expect("room");
    secret
}

fn behind_unix(config: &mut Config) {
    let path = config.state_dir.clone().expect("the site sets it");
    config.listen = vec![Listen::Unix(UnixListen::private(
        path.with_file_name("web"),
    ))];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gets_in() {
    let token = Known::open(Auth::Token, |_| {}).await;
    let none = Known::open(Auth::None, |_| {}).await;
    let unix = Known::open(Auth::None, behind_unix).await;
    let proxy = Known::open(Auth::Proxy, |config| {
        behind_unix(config);
        let state = config.state_dir.clone().expect("the site sets it");
        let secret = state.with_file_name("proxy-secret");
        std::fs::write(&secret, PROXY_SECRET).expect("ours");
        restrict(&secret);
        config.proxy_secret_file = Some(secret);
        config.allow = vec!["ann=manage".parse().expect("a rule")];
    })
    .await;
    let mut seen = HashSet::new();
    let mut wrong = String::new();
    for row in rows() {
        assert!(seen.insert(row.line), "twice: {}", row.line);
        let came = match row.door {
            "token" => token.answer(&row).await,
            "none" => none.answer(&row).await,
            "unix" => unix.answer(&row).await,
            "proxy" => proxy.answer(&row).await,
            "wide" => judged(&row, &token),
            other => panic!("{other}: {}", row.line),
        };
        if came != row.answer {
            wrong.push_str(&format!("{}\n  came to {came}\n", row.line));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let doors = ["token", "none", "unix", "proxy", "wide"];
    for door in doors {
        assert!(rows().any(|row| row.door == door), "{door}");
    }
    assert!(seen.len() >= 60);
    let socket = unix.path.clone().expect("a unix socket");
    for known in [token, none, unix, proxy] {
        known.site.service.stop().await;
    }
    assert!(!socket.exists(), "the socket file goes with the service");
}

/// Secrets are read only from files that are nobody else's.
fn restrict(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, mode).expect("ours");
}

#[tokio::test]
async fn a_name_no_session_has_is_told_after_the_upgrade() {
    let site = Site::open(Auth::None).await;
    for path in [
        "/s/%241/ws",
        "/s/a%2Fb/ws?cols=80&rows=24",
        "/s/%ff/ws",
        "/s/-/ws?role=x",
    ] {
        let v1 = "Sec-WebSocket-Protocol: muxview.v1";
        let outcome = site.upgrade(path, &[v1]).await.outcome().await;
        let closed = Outcome::Closed(4404, Some("muxview.v1".to_owned()));
        assert_eq!(outcome, closed, "{path}");
    }
    site.service.stop().await;
}

#[tokio::test]
async fn what_is_no_handshake_is_not_upgraded() {
    let site = Site::open(Auth::None).await;
    let (connection, upgrade) = ("Connection: keep-alive, Upgrade", "Upgrade: websocket");
    let (version, key) = (
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    );
    for (headers, status) in [
        (&[connection, upgrade, version, key][..], 101),
        (&[connection, "Upgrade: h2c, WebSocket", version, key], 101),
        (&[upgrade, version, key], 426),
        (&[connection, version, key], 426),
        (&[connection, "Upgrade: h2c", version, key], 426),
        (&[connection, upgrade, key], 426),
        (&[connection, upgrade, "Sec-WebSocket-Version: 8", key], 426),
        (&[connection, upgrade, version], 400),
        (&[connection, upgrade, version, key, key], 400),
        (
            &[connection, upgrade, version, "Sec-WebSocket-Key: short"],
            400,
        ),
        (&[], 426),
    ] {
        let answer = site.ask("GET /s/main/ws", headers, "").await;
        assert_eq!(answer.status, status, "{headers:?}");
        if status == 426 {
            assert_eq!(answer.header("upgrade").as_deref(), Some("websocket"));
        }
    }
    let post = site
        .ask("POST /s/main/ws", &[connection, upgrade, version, key], "")
        .await;
    assert_eq!(post.status, 405);
    site.service.stop().await;
}

/// What a browser must be told with every answer.
fn assert_protected(answer: &Answer, what: &str) {
    for (name, part) in [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'",
        ),
        ("content-security-policy", "frame-ancestors 'none'"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=()"),
        ("cache-control", ""),
    ] {
        let value = answer.header(name);
        assert!(
            value.as_ref().is_some_and(|value| value.contains(part)),
            "{what}: {name} {value:?}"
        );
    }
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("set-cookie"), None);
}
