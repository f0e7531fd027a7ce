//! What tmux shows of a session is what was given to it, so that a page can start it again: commands,
//! directories and names with all that tmux escapes when it shows them.

use crate::tmux::{Tmux, until};
use muxview::tmux::NewSession;

scenarios![
    a_session_is_started_again_as_it_was,
    what_others_started_is_started_again,
    names_and_titles_are_shown_as_they_are,
];

/// What the shell prints for each differs if a single character does.
const COMMANDS: &[&str] = &[
    r#"printf %s "$HOME|\$HOME|${HOME}|$1|$_x|\\|~|#{session_name}|#(id)|%H|;"; cat"#,
    "printf '%s' 'one\ntwo\ttabs' \"it's\" {a} ; cat;",
    r"printf '\033[1m%s\n' 漢字 é ¤ 😀; cat",
    r#"~/none; printf '~"'; cat"#,
    r"echo \;; cat",
    "cat",
];

async fn listed(server: &muxview::tmux::Server, name: &str) -> muxview::tmux::Session {
    let sessions = server.sessions().await.unwrap();
    let found = sessions.into_iter().find(|session| session.name == name);
    found.unwrap_or_else(|| panic!("no session {name:?}"))
}

async fn a_session_is_started_again_as_it_was() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    for (n, directory) in ["a $HOME $1", r"b\$HOME \\ '", "c ¤ é #{x} \"$x\"", "d"]
        .iter()
        .enumerate()
    {
        let directory = tmux.dir.path().join(directory);
        std::fs::create_dir(&directory).unwrap();
        for (m, command) in COMMANDS.iter().enumerate() {
            let name = format!("s{n}-{m}");
            let new = |command: String, cwd| NewSession {
                name: name.parse().unwrap(),
                command: Some(command),
                cwd: Some(cwd),
                size: None,
            };
            let first = server
                .create(new((*command).to_owned(), directory.clone()))
                .await
                .unwrap();
            assert_eq!(first.start, *command);
            until("it is where it was started", || async {
                listed(&server, &name).await.cwd == directory.to_str().unwrap()
            })
            .await;
            let shown = listed(&server, &name).await;
            assert_eq!(shown.start, *command);
            server.kill(first.id).await.unwrap();
            let again = server
                .create(new(shown.start, shown.cwd.into()))
                .await
                .unwrap();
            assert_eq!(again.start, *command, "started again");
            server.kill(again.id).await.unwrap();
        }
    }
}

async fn what_others_started_is_started_again() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let out = tmux.dir.path().join("out");
    let script = r#"for word; do printf "<%s>" "$word"; done > "$0"; exec cat"#;
    let words = [
        "a b", "$HOME", r"\$x", "it's", "\"", "", "~", ";x", "é\n漢", "#{x}",
    ];
    let mut command = vec!["new-session", "-d", "-s", "first", "--", "sh", "-c", script];
    command.push(out.to_str().unwrap());
    command.extend(words);
    tmux.must(&command);
    let wanted: String = words.iter().map(|word| format!("<{word}>")).collect();
    let written = || async { std::fs::read_to_string(&out).is_ok_and(|text| text == wanted) };
    until("the first to write its words", written).await;
    std::fs::remove_file(&out).unwrap();
    let new = NewSession {
        name: "again".parse().unwrap(),
        command: Some(listed(&server, "first").await.start),
        cwd: None,
        size: None,
    };
    server.create(new).await.unwrap();
    until("the second to write the same", written).await;
}

async fn names_and_titles_are_shown_as_they_are() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let texts = [
        "a$HOME",
        "${b} $_c $1",
        r"back\slash",
        "¤0 ¤1 ¤",
        "quo\"te' ~",
    ];
    for text in texts {
        let id = tmux.must(&[
            "new-session",
            "-d",
            "-P",
            "-F",
            "#{session_id}",
            "-s",
            text,
            "cat",
        ]);
        tmux.must(&["rename-window", "-t", &format!("{id}:"), text]);
        tmux.must(&["select-pane", "-t", &format!("{id}:"), "-T", text]);
    }
    let shown = server.sessions().await.unwrap();
    for text in texts {
        // tmux doubles backslashes when it takes a name, from 3.7 on in titles too, and before 3.4 puts
        // one before a dollar.
        let bare = |text: &str| text.replace('\\', "");
        let session = shown
            .iter()
            .find(|session| bare(&session.title) == bare(text))
            .unwrap_or_else(|| panic!("{text}: {shown:?}"));
        assert_eq!(bare(&session.name), bare(text));
        let windows = server.windows(session.id).await.unwrap();
        assert_eq!(windows.windows[0].name, session.name);
        let name = server.name_of(session.id, session.created).await.unwrap();
        assert_eq!(name.as_deref(), Some(&*session.name));
    }
}
