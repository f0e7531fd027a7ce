//! Tables over what may be written where.

use super::super::Cli;
use super::super::{Log, SizePolicy, UnixListen};
use super::*;
use clap::Parser;

fn read(line: &[&str], environment: &[(&str, &str)]) -> Result<Loaded, Error> {
    let line = std::iter::once("muxview").chain(line.iter().copied());
    let cli = Cli::try_parse_from(line).expect("clap takes every value as text");
    load(
        &cli.options,
        environment
            .iter()
            .map(|(name, value)| (name.into(), value.into())),
    )
}

fn file(text: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("muxview.toml");
    std::fs::write(&path, text).expect("written");
    let path = path.to_str().expect("plain").to_owned();
    (dir, path)
}

#[test]
fn nothing_said_is_the_contract() {
    let config = read(&[], &[("HOME", "/home/ada")])
        .expect("defaults are right")
        .config;
    assert_eq!(
        config.listen,
        [Listen::Tcp {
            host: "127.0.0.1".into(),
            port: 7681
        }]
    );
    assert_eq!(config.auth, Auth::Token);
    assert_eq!(config.tmux, Tmux::Default);
    assert_eq!(config.size_policy, SizePolicy::Latest);
    assert_eq!(config.log, None);
    assert_eq!(config.base_path.as_str(), "");
    assert_eq!(
        config.state_dir,
        Some("/home/ada/.local/state/muxview".into())
    );
}

#[test]
fn the_state_directory_follows_the_system() {
    for (environment, wanted) in [
        (
            &[("XDG_STATE_HOME", "/x"), ("HOME", "/h")][..],
            "/x/muxview",
        ),
        (
            &[("XDG_STATE_HOME", "x"), ("HOME", "/h")],
            "/h/.local/state/muxview",
        ),
        (
            &[
                ("STATE_DIRECTORY", "/var/lib/muxview:/var/lib/b"),
                ("HOME", "/h"),
            ],
            "/var/lib/muxview",
        ),
        (
            &[("MUXVIEW_STATE_DIR", "/mine"), ("STATE_DIRECTORY", "/b")],
            "/mine",
        ),
    ] {
        let config = read(&[], environment).expect("right").config;
        assert_eq!(config.state_dir, Some(wanted.into()), "{environment:?}");
    }
}

#[test]
fn the_command_line_wins_then_the_environment_then_the_file() {
    let (_dir, path) =
        file("log = 'json'\nsize-policy = \"smallest\"\nlisten = ['[::1]:1', 'unix:/a']\n");
    let environment = [
        ("MUXVIEW_SIZE_POLICY", "largest"),
        ("MUXVIEW_CONFIG", &path),
    ];
    let config = read(&[], &environment).expect("right").config;
    assert_eq!(
        (config.log, config.size_policy),
        (Some(Log::Json), SizePolicy::Largest)
    );
    assert_eq!(
        config.listen,
        [
            Listen::Tcp {
                host: "::1".into(),
                port: 1
            },
            Listen::Unix(UnixListen::private("/a"))
        ]
    );
    let line = ["serve", "--size-policy=observe", "--listen", "localhost:0"];
    let config = read(&line, &environment).expect("right").config;
    assert_eq!(
        (config.log, config.size_policy),
        (Some(Log::Json), SizePolicy::Observe)
    );
    assert_eq!(
        config.listen,
        [Listen::Tcp {
            host: "localhost".into(),
            port: 0
        }]
    );
}

#[test]
fn repeated_values_are_separated_by_commas_in_the_environment() {
    let environment = [
        ("MUXVIEW_LISTEN", "127.0.0.1:1, unix:/a,"),
        ("MUXVIEW_CREATE", "a=htop -d 5,b"),
    ];
    let config = read(&[], &environment).expect("right").config;
    assert_eq!(config.listen.len(), 2);
    let created: Vec<_> = config
        .create
        .iter()
        .map(|new| (&*new.name, new.command.as_deref()))
        .collect();
    assert_eq!(created, [("a", Some("htop -d 5")), ("b", None)]);
}

#[test]
fn a_wrong_value_is_named_with_its_place_and_what_would_be_right() {
    for (line, environment, place, wanted) in [
        (
            &["--auth", "nobody"][..],
            &[][..],
            "--auth",
            "one of token, none",
        ),
        (
            &[],
            &[("MUXVIEW_AUTH", "x")],
            "MUXVIEW_AUTH in the environment",
            "one of token, none",
        ),
        (&["--log", "xml"], &[], "--log", "text, json, journald"),
        (
            &["--size-policy", ""],
            &[],
            "--size-policy",
            "latest, largest, smallest, observe",
        ),
        (&["--listen", "7681"], &[], "--listen", "HOST:PORT"),
        (&["--listen", "::1:80"], &[], "--listen", "HOST:PORT"),
        (&["--listen", "a:65536"], &[], "--listen", "HOST:PORT"),
        (&["--listen", "unix:"], &[], "--listen", "unix:PATH"),
        (&["--base-path", "mux"], &[], "--base-path", "starts with /"),
        (
            &["--base-path", "/a/../b"],
            &[],
            "--base-path",
            "starts with /",
        ),
        (
            &["--base-path", "//evil"],
            &[],
            "--base-path",
            "starts with /",
        ),
        (
            &["--public-origin", "term.example"],
            &[],
            "--public-origin",
            "https://term.example.org",
        ),
        (
            &["--public-origin", "https://a/b"],
            &[],
            "--public-origin",
            "no path",
        ),
        (
            &["--tmux-socket-name", "a/b"],
            &[],
            "--tmux-socket-name",
            "without /",
        ),
        (
            &["--tmux-socket-path", ""],
            &[],
            "--tmux-socket-path",
            "a path",
        ),
        (&["--create", "a="], &[], "--create", "NAME=COMMAND"),
    ] {
        let error = read(line, environment).expect_err("wrong").to_string();
        assert!(error.starts_with(&format!("{place}: ")), "{error}");
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn a_wrong_file_is_named_with_its_line() {
    for (text, wanted) in [
        (
            "\nlisten = 5\n",
            "listen in PATH, line 2: \"integer\" is not a string or a list",
        ),
        (
            "auth = ['none']",
            "auth in PATH, line 1: \"array\" is not a string",
        ),
        (
            "# a\n# b\nauht = 'none'",
            "auht in PATH, line 3 is no option; there are listen, auth",
        ),
        ("config = 'x'", "config in PATH, line 1 is no option"),
        (
            "listen = [\n'127.0.0.1:1',\n'x']",
            "listen in PATH, line 3: \"x\" is not HOST:PORT",
        ),
        ("log = 'json'\nlog = 'text'", "PATH, line 2: duplicate key"),
        ("\n\nlog = ", "PATH, line 3: "),
    ] {
        let (_dir, path) = file(text);
        let error = read(&["--config", &path], &[])
            .expect_err("wrong")
            .to_string();
        assert!(error.replace(&path, "PATH").starts_with(wanted), "{error}");
    }
    let error = read(&["--config", "/nowhere/x.toml"], &[])
        .expect_err("missing")
        .to_string();
    assert!(
        error.starts_with("--config: cannot read /nowhere/x.toml: "),
        "{error}"
    );
}

#[test]
fn none_stays_at_home_and_token_beyond_it_needs_its_name() {
    for (line, right) in [
        (&["--auth=none"][..], true),
        (
            &[
                "--auth=none",
                "--listen=[::1]:1",
                "--listen=localhost:2",
                "--listen=unix:/a",
            ],
            true,
        ),
        (&["--auth=none", "--listen=127.8.8.8:1"], true),
        (&["--auth=none", "--listen=0.0.0.0:1"], false),
        (
            &["--auth=none", "--listen=127.0.0.1:1", "--listen=[::]:1"],
            false,
        ),
        (
            &[
                "--auth=none",
                "--listen=box.example:1",
                "--public-origin=https://a",
            ],
            false,
        ),
        (&["--listen=0.0.0.0:1"], false),
        (&["--listen=0.0.0.0:1", "--public-origin=https://a"], true),
        (&["--auth=proxy"], false),
        (&["--auth=proxy", "--listen=unix:/a"], false),
    ] {
        assert_eq!(read(line, &[]).is_ok(), right, "{line:?}");
    }
}

#[test]
fn a_proxys_options_are_read() {
    let all = [
        "--auth=proxy",
        "--listen=unix:/a",
        "--public-origin=https://a",
        "--proxy-secret-file=/b",
        "--proxy-peer=www-data",
        "--proxy-user-header=X-Remote-User",
        "--allow=ann=manage",
        "--allow=*=view:p-*",
    ];
    let config = read(&all, &[]).expect("right").config;
    assert_eq!(config.allow.len(), 2);
    assert_eq!(config.proxy_peers, ["www-data"]);
    // systemd may pass the socket.
    let bare = all
        .iter()
        .copied()
        .filter(|option| !option.starts_with("--listen"));
    let config = read(&bare.collect::<Vec<_>>(), &[]).expect("right").config;
    assert!(config.listen.is_empty());
    for wrong in ["--allow=ann", "--allow=ann=drive:a*", "--narrow-drive=1"] {
        let line = [&all[..], &[wrong]].concat();
        assert!(read(&line, &[]).is_err(), "{wrong}");
    }
    let environment = [("MUXVIEW_PROXY_USER_HEADER", "a b")];
    assert!(read(&[], &environment).is_err());
    let line = [&all[..], &["--allow=ann=drive:a*", "--narrow-drive=yes"]].concat();
    assert!(read(&line, &[]).is_ok());
}

#[test]
fn the_tmux_server_is_named_once() {
    let both = ["--tmux-socket-name=a", "--tmux-socket-path=/b"];
    let error = read(&both, &[]).expect_err("both").to_string();
    assert!(
        error.starts_with("--tmux-socket-name and --tmux-socket-path exclude"),
        "{error}"
    );
    let environment = [("MUXVIEW_TMUX_SOCKET_NAME", "far")];
    let config = read(&["--tmux-socket-path=/near"], &environment)
        .expect("the nearer wins")
        .config;
    assert_eq!(config.tmux, Tmux::Path("/near".into()));
}

#[test]
fn a_strange_variable_is_a_warning() {
    let warnings = read(&[], &[("MUXVIEW_LISTN", "x")])
        .expect("right")
        .warnings;
    assert!(warnings[0].contains("MUXVIEW_LISTN") && warnings[0].contains("MUXVIEW_LISTEN"));
    assert_eq!(
        read(&["--auth=none"], &[]).expect("right").warnings.len(),
        1
    );
}
