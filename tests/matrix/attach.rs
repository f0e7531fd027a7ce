//! Promise: an attach shows what tmux shows, delivers what it is given, and says how it ended.

use crate::harness::at_least;
use crate::tmux::{
    PATIENCE, Tmux, read_a_redraw, read_to_end, read_until, signal, until, write_all,
};
use muxview::terminal::Size;
use muxview::tmux::{Attach, Ended, Error, Rgb, Server, SessionId, Theme};
use std::sync::Arc;

scenarios![
    input_arrives_and_its_echo_comes_back,
    input_typed_at_once_arrives_exact,
    input_for_a_client_that_never_comes_is_refused,
    a_size_reaches_tmux_and_a_window_only_when_claimed,
    ends_are_told_apart,
    the_screen_is_not_cleared_by_a_farewell,
    a_suspended_client_is_revived,
    a_locked_client_shows_its_lock_and_stays_locked,
    a_switched_client_is_noticed_and_brought_back,
    a_large_paste_arrives_whole.normal(),
    configurations_that_take_capabilities_away_take_no_input_away,
    a_terminal_is_told_to_be_dark_or_light,
];

const SIZE: Size = Size { cols: 80, rows: 25 };

async fn attached(server: &Server, id: u32) -> Attach {
    let attach = server.attach(SessionId(id), SIZE, false).await.unwrap();
    read_a_redraw(&attach).await;
    attach
}

async fn end_of(attach: Attach) -> Ended {
    read_to_end(&attach).await;
    tokio::time::timeout(PATIENCE, attach.ended())
        .await
        .unwrap()
}

/// The pid of the tmux client at this terminal.
fn client_pid(tmux: &Tmux, attach: &Attach) -> String {
    tmux.must(&["list-clients", "-F", "#{client_tty} #{client_pid}"])
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{} ", attach.client())))
        .expect("our client is listed")
        .to_owned()
}

async fn input_arrives_and_its_echo_comes_back() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let attach = attached(&server, 0).await;
    write_all(&attach, "hällo\r".as_bytes()).await;
    read_until(&attach, "hällo").await;
    until("the pane shows it twice", || async {
        tmux.must(&["capture-pane", "-p", "-t", "a:"])
            .starts_with("hällo\nhällo")
    })
    .await;
    let mut buf = [0; 64];
    // What is left is drained; then there is nothing to read.
    while attach.try_read(&mut buf).is_ok() {}
    assert_eq!(
        attach.try_read(&mut buf).unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
}

/// A fresh client's terminal is still the kernel's for some milliseconds: it would make CR of LF, erase
/// at DEL and take ^D for an end.
async fn input_typed_at_once_arrives_exact() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let typed = b"a\x7fb\x04c\r";
    for round in 1..=20u32 {
        let file = tmux.dir.path().join(format!("typed-{round}"));
        let name = round.to_string();
        let command = format!(
            "stty raw -echo; tmux -L {} wait-for -S {name}; cat >{}",
            tmux.name,
            file.display()
        );
        tmux.must(&["new-session", "-d", "-s", &name, &command]);
        tmux.must(&["wait-for", &name]);
        let attach = server.attach(SessionId(round), SIZE, false).await.unwrap();
        let mut buf = [0; 4096];
        let write = write_all(&attach, typed);
        tokio::pin!(write);
        tokio::time::timeout(PATIENCE, async {
            loop {
                tokio::select! {
                    biased;
                    () = &mut write => break,
                    n = attach.read(&mut buf) => assert!(n.unwrap() > 0),
                }
            }
        })
        .await
        .unwrap();
        until("all has arrived", || async {
            std::fs::read(&file).is_ok_and(|read| read.len() >= typed.len())
        })
        .await;
        assert_eq!(std::fs::read(&file).unwrap(), typed, "round {round}");
    }
}

async fn input_for_a_client_that_never_comes_is_refused() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let attach = server.attach(SessionId(99), SIZE, false).await.unwrap();
    let (written, _) = tokio::time::timeout(PATIENCE, async {
        tokio::join!(attach.write(b"x"), read_to_end(&attach))
    })
    .await
    .expect("the writer is woken");
    assert!(written.is_err());
}

async fn a_size_reaches_tmux_and_a_window_only_when_claimed() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    // Where no client at all counts, tmux lets those decide that should not.
    let person = server.attach(SessionId(0), SIZE, true).await.unwrap();
    read_until(&person, "\x1b[?1049h").await;
    let attach = attached(&server, 0).await;
    let window = || server.window_size(SessionId(0));
    assert_eq!(window().await.unwrap(), SIZE);

    let larger = Size {
        cols: 100,
        rows: 40,
    };
    attach.resize(larger).unwrap();
    until("tmux knows the client's size", || async {
        server.client_size(attach.client()).await.unwrap() == Some(larger)
    })
    .await;
    assert_eq!(window().await.unwrap(), SIZE, "ignore-size");

    drop(person);
    server.claim_size(attach.client(), true).await.unwrap();
    until("the window follows", || async {
        window().await.unwrap() == larger
    })
    .await;
}

async fn ends_are_told_apart() {
    // `detach-client -P` sends SIGHUP to the parent of the client: to this process.
    let _hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).unwrap();
    let tmux = Tmux::started();
    for name in ["b", "c"] {
        tmux.must(&["new-session", "-d", "-s", name, "cat"]);
    }
    let server = tmux.ready().await;

    let attach = attached(&server, 1).await;
    tmux.must(&["kill-session", "-t", "b"]);
    assert_eq!(end_of(attach).await, Ended::Exited);
    assert!(!server.exists(SessionId(1)).await.unwrap());

    let attach = attached(&server, 0).await;
    tmux.must(&["detach-client", "-t", attach.client()]);
    assert_eq!(end_of(attach).await, Ended::Detached);
    assert!(server.exists(SessionId(0)).await.unwrap());

    let attach = attached(&server, 0).await;
    tmux.must(&["detach-client", "-P", "-t", attach.client()]);
    assert_eq!(end_of(attach).await, Ended::Detached);

    for (sent, expected) in [
        ("-KILL", Ended::Killed(9)),
        ("-TERM", Ended::Terminated),
        ("-HUP", Ended::LostTty),
    ] {
        let attach = attached(&server, 0).await;
        signal(&client_pid(&tmux, &attach), sent);
        assert_eq!(end_of(attach).await, expected);
    }

    let attach = server.attach(SessionId(99), SIZE, false).await.unwrap();
    assert_eq!(end_of(attach).await, Ended::Refused(Error::NoSuchSession));

    let attach = attached(&server, 0).await;
    tmux.must(&["kill-server"]);
    assert_eq!(end_of(attach).await, Ended::ServerExited);

    let attach = server.attach(SessionId(0), SIZE, false).await.unwrap();
    assert_eq!(end_of(attach).await, Ended::Refused(Error::NoServer));
}

async fn the_screen_is_not_cleared_by_a_farewell() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let attach = attached(&server, 0).await;
    tmux.must(&["detach-client", "-t", attach.client()]);
    let rest = read_to_end(&attach).await;
    assert!(
        !rest.contains("\x1b[J") && !rest.contains("detached"),
        "{rest:?}"
    );
}

async fn a_suspended_client_is_revived() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let attach = attached(&server, 0).await;
    tmux.must(&["suspend-client", "-t", attach.client()]);
    read_until(&attach, "\x1b[?1049h").await;
    assert_eq!(attach.revived(), 1);
    write_all(&attach, b"still here").await;
    read_until(&attach, "still here").await;
}

async fn a_locked_client_shows_its_lock_and_stays_locked() {
    let tmux = Tmux::started();
    let lock = "sleep 0.2; printf 'who goes there'; read answer; test \"$answer\" = friend";
    tmux.must(&["set-option", "-g", "lock-command", lock]);
    let server = tmux.ready().await;
    let attach = attached(&server, 0).await;
    tmux.must(&["lock-client", "-t", attach.client()]);
    read_until(&attach, "who goes there").await;
    assert_eq!(attach.revived(), 0);
    write_all(&attach, b"friend\r").await;
    read_until(&attach, "\x1b[?1049h").await;
}

async fn a_switched_client_is_noticed_and_brought_back() {
    let tmux = Tmux::started();
    tmux.must(&["new-session", "-d", "-s", "b", "cat"]);
    let server = tmux.ready().await;
    let attach = attached(&server, 0).await;
    tmux.must(&["switch-client", "-c", attach.client(), "-t", "b"]);
    let shown = || server.client_session(attach.client());
    assert_eq!(shown().await.unwrap(), Some(SessionId(1)));
    // Whether the session it is looked for at first is its own, another, or none.
    for home in [0, 1, 77].map(SessionId) {
        let whereabouts = server.client_whereabouts(attach.client(), home);
        let whereabouts = whereabouts.await.unwrap().expect("attached");
        assert_eq!(whereabouts.session, SessionId(1));
        assert!(whereabouts.switched);
        let nobody = server.client_whereabouts("/dev/pts/none", home);
        assert_eq!(nobody.await.unwrap(), None);
    }
    server
        .switch_client(attach.client(), SessionId(0))
        .await
        .unwrap();
    assert_eq!(shown().await.unwrap(), Some(SessionId(0)));
    assert_eq!(server.client_session("/dev/pts/none").await.unwrap(), None);
    assert_eq!(
        server.switch_client(attach.client(), SessionId(77)).await,
        Err(Error::NoSuchSession)
    );
}

async fn a_large_paste_arrives_whole() {
    let tmux = Tmux::none();
    let file = tmux.dir.path().join("pasted");
    let command = format!(
        "stty raw -echo; printf ready; head -c 300000 > {}",
        file.display()
    );
    tmux.must(&[
        "new-session",
        "-d",
        "-s",
        "a",
        &format!("{command}; sleep 100"),
    ]);
    let server = tmux.ready().await;
    let attach = server.attach(SessionId(0), SIZE, false).await.unwrap();
    // The shell may not have set the terminal yet.
    read_until(&attach, "ready").await;
    let text: Vec<u8> = (0..300_000u32).map(|n| b'a' + (n % 23) as u8).collect();
    let mut buf = [0; 4096];
    tokio::time::timeout(PATIENCE, async {
        let write = write_all(&attach, &text);
        tokio::pin!(write);
        loop {
            tokio::select! {
                () = &mut write => break,
                n = attach.read(&mut buf) => assert!(n.unwrap() > 0),
            }
        }
    })
    .await
    .unwrap();
    until("all has arrived", || async {
        std::fs::read(&file).is_ok_and(|read| read == text)
    })
    .await;
}

/// Which sequences a client begins and ends with is the user's to say.
async fn configurations_that_take_capabilities_away_take_no_input_away() {
    for overrides in [
        ",*:smcup@:rmcup@",
        ",*256color*:smcup@:rmcup@",
        ",*:smcup@:rmcup@:smkx@:rmkx@:clear=\\E[H\\E[2J",
    ] {
        let tmux = Tmux::started();
        tmux.must(&["set-option", "-as", "terminal-overrides", overrides]);
        let server = tmux.ready().await;
        let attach = server.attach(SessionId(0), SIZE, false).await.unwrap();
        {
            let mut buf = [0; 4096];
            let write = write_all(&attach, b"typed");
            tokio::pin!(write);
            tokio::time::timeout(PATIENCE, async {
                loop {
                    tokio::select! {
                        biased;
                        () = &mut write => break,
                        n = attach.read(&mut buf) => assert!(n.unwrap() > 0),
                    }
                }
            })
            .await
            .unwrap_or_else(|_| panic!("nothing can be typed with {overrides}"));
        }
        until("the pane shows it", || async {
            tmux.must(&["capture-pane", "-p", "-t", "a:"])
                .starts_with("typed")
        })
        .await;
        tmux.must(&["suspend-client", "-t", attach.client()]);
        let mut buf = [0; 4096];
        tokio::time::timeout(PATIENCE, async {
            while attach.revived() == 0 {
                assert!(attach.read(&mut buf).await.unwrap() > 0);
            }
        })
        .await
        .expect("it is revived");
        write_all(&attach, b" again").await;
        read_until(&attach, "again").await;
        tmux.must(&["detach-client", "-t", attach.client()]);
        assert_eq!(end_of(attach).await, Ended::Detached, "{overrides}");
    }
}

async fn a_terminal_is_told_to_be_dark_or_light() {
    if !at_least(3, 4) {
        // It does not ask, and is told nothing; that no program is typed at is tested elsewhere.
        return;
    }
    let tmux = Tmux::none();
    tmux.must(&["new-session", "-d", "-s", "a", "sleep 1000"]);
    let server = tmux.ready().await;
    let attach = server.attach(SessionId(0), SIZE, false).await.unwrap();
    let attach = Arc::new(attach);
    let dark = Theme::new(Rgb::new(255, 255, 255), Rgb::new(1, 2, 3));
    let light = Theme::new(Rgb::new(1, 2, 3), Rgb::new(255, 254, 253));
    attach.set_theme(dark);
    let reads = Arc::clone(&attach);
    let reader = tokio::spawn(async move {
        let mut buf = [0; 4096];
        while reads.read(&mut buf).await.is_ok_and(|n| n > 0) {}
    });
    // A program that asks for the background and writes down the answer.
    let told = tmux.dir.path().join("told");
    let ask = format!(
        "stty raw -echo; printf '\\033]11;?\\033\\\\'; head -c 24 > {}; sleep 1000",
        told.display()
    );
    for (theme, expected) in [(dark, "0101/0202/0303"), (light, "ffff/fefe/fdfd")] {
        attach.set_theme(theme);
        until(&format!("a program is told {expected}"), || async {
            tmux.must(&["respawn-window", "-k", "-t", "a:", &ask]);
            // It may be asked before tmux knows, and asked again then.
            tokio::time::timeout(
                PATIENCE / 20,
                until("any answer", || async {
                    std::fs::read(&told).is_ok_and(|told| !told.is_empty())
                }),
            )
            .await
            .is_ok_and(|()| {
                let told = std::fs::read(&told).unwrap_or_default();
                told.starts_with(format!("\x1b]11;rgb:{expected}").as_bytes())
            })
        })
        .await;
    }
    reader.abort();
}
