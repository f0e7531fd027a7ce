//! Extended keys: viewers learn what a pane asked for, and keys arrive in the form it asked for.

use crate::harness::at_least;
use crate::support::{BareAttach, Join, Scene, Service, Tmux, Viewer, Xterm, until};
use std::fmt;

scenarios![
    viewers_learn_what_the_active_pane_asked_for,
    nothing_is_asked_for_where_the_option_is_off,
    a_forced_announcement_says_nothing_of_the_pane,
];

/// What a viewer was told last by XTMODKEYS: `CSI > 4 m`, or `CSI > 4 ; n m`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Keys(u8);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ">4;{}", self.0)
    }
}

/// The last XTMODKEYS in these bytes. A reset without one would be a repaint that says nothing.
fn last(bytes: &[u8]) -> Option<Keys> {
    let text = String::from_utf8_lossy(bytes);
    let (_, rest) = text.rsplit_once("\x1b[>4")?;
    let number = rest.strip_prefix(';').map_or("0", |rest| &rest[..1]);
    Some(Keys(number.parse().unwrap()))
}

/// Waits until the live viewer was told that, and joins another one, whose first message must say so.
async fn told(scene: &Scene, what: &str, keys: Keys) {
    let seen = || last(&scene.live.binaries().concat());
    until(what, async || match seen() {
        Some(now) if now == keys => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let late = Viewer::listen(&scene.service, "main", Join::spectator()).await;
    assert_eq!(last(&late.opened().await), Some(keys), "{what}, late");
}

/// `main` with this value of `extended-keys`, muxview and a bare client.
async fn open(extended: &str, forced: bool) -> Scene {
    let (size, xterm, tmux) = ((80, 24), Xterm::start(), Tmux::start(80, 24));
    tmux.cmd(&["set-option", "-s", "extended-keys", extended]);
    if forced {
        tmux.cmd(&["set-option", "-s", "terminal-features[99]", "*:extkeys"]);
    }
    let service = Service::start(&tmux);
    let live = Viewer::join(&service, &xterm, "main", Join::driver(80, 24)).await;
    live.opened().await;
    let referee = BareAttach::beside(&tmux, &xterm, size, false);
    Scene {
        live,
        referee,
        xterm,
        service,
        tmux,
        size,
    }
}

/// tmux up to 3.4 says only that the option is on.
fn older() -> bool {
    !at_least(3, 5)
}

async fn viewers_learn_what_the_active_pane_asked_for() {
    let scene = open("on", false).await;
    let expected = |asked| if older() { Keys(1) } else { Keys(asked) };
    told(&scene, "nothing asked for", expected(0)).await;
    for asked in [2, 1] {
        scene.run(&format!("printf '\\033[>4;{asked}m'")).await;
        told(&scene, "asked for", expected(asked)).await;
    }
    // Another pane has not asked.
    scene.tmux.cmd(&["split-window", "-t", "main:", "exec sh"]);
    told(&scene, "another pane", expected(0)).await;
    scene.tmux.cmd(&["select-pane", "-t", "main:", "-U"]);
    told(&scene, "the first pane again", expected(1)).await;
    scene.tmux.cmd(&["new-window", "-t", "main:", "exec sh"]);
    told(&scene, "another window", expected(0)).await;
    scene.tmux.cmd(&["last-window", "-t", "main:"]);
    told(&scene, "the first window again", expected(1)).await;
    // Together with other modes, as programs do.
    scene.run("printf '\\033[>4;2m\\033[?1h\\033='").await;
    told(&scene, "asked for with others", expected(2)).await;
    scene.run("printf '\\033[>4m\\033[?1l\\033>'").await;
    told(&scene, "given back", expected(0)).await;
    // xterm.js does not know it, and neither shows nor answers anything.
    scene.same("with extended keys", |_| true).await;
    let picture = scene.live.picture().await;
    assert_eq!(picture.aside.replies, "");
}

async fn nothing_is_asked_for_where_the_option_is_off() {
    let scene = open("off", false).await;
    scene.run("printf '\\033[>4;2m'; echo ASKED").await;
    scene
        .live
        .shows("the line", |p| p.contains("ASKED\n"))
        .await;
    told(&scene, "asked for in vain", Keys(0)).await;
    let bytes = scene.live.binaries().concat();
    assert!(!String::from_utf8_lossy(&bytes).contains("\x1b[>4;"));
}

/// tmux announces extended keys to every terminal then, whatever panes ask for.
async fn a_forced_announcement_says_nothing_of_the_pane() {
    let scene = open("on", true).await;
    scene.run("echo READY").await;
    scene
        .live
        .shows("the line", |p| p.contains("READY\n"))
        .await;
    told(&scene, "announced", Keys(u8::from(older()))).await;
    if !older() {
        let bytes = scene.live.binaries().concat();
        assert!(!String::from_utf8_lossy(&bytes).contains("\x1b[>4;"));
    }
}
