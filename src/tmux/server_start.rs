//! Starting a tmux server so that it outlives us.
//!
//! A server started by a service sits in the service's cgroup, and the service manager ends it, with
//! everything in it, when the service stops or restarts. So a session for which there is no server
//! yet is created, in this order: in the server's own unit, if one for our socket is installed; in a
//! scope of its own, if we run in a unit; else directly, as from a shell.

use crate::config::limits::{RETRY, TMUX_TIMEOUT};
use crate::tmux::command::{Program, Socket, client_environment, output};
use crate::tmux::error::Error;
use rustix::process::{Resource, getrlimit};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use tmux_interface::TmuxCommand;
use tokio::time::Instant;

/// The unit the packaging installs for the tmux server.
const UNIT: &str = "muxview-tmux.service";

/// One server is started at a time.
static STARTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The soft limit of open files this process was started with.
static OPEN_FILES: LazyLock<Option<u64>> = LazyLock::new(|| getrlimit(Resource::Nofile).current);

/// To be called before the process raises its limit of open files for itself: the panes of a server
/// it starts shall have what they would have had from a shell.
pub(super) fn note_limits() {
    LazyLock::force(&OPEN_FILES);
}

/// The same command under the limits noted, with nothing in its environment but what panes may see.
fn for_panes(direct: &Command, cwd: &Path) -> Command {
    let mut command = match *OPEN_FILES {
        Some(limit) => {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", "ulimit -S -n \"$0\"; exec \"$@\"", &limit.to_string()]);
            shell.arg(direct.get_program());
            shell
        }
        None => Command::new(direct.get_program()),
    };
    command
        .args(direct.get_args())
        .current_dir(cwd)
        .env_clear()
        .envs(panes_environment(std::env::vars_os()));
    command
}

/// Runs a command that starts the server if need be, in the directory given.
pub(super) async fn run(
    program: &Program,
    command: TmuxCommand<'_>,
    cwd: &Path,
) -> Result<String, Error> {
    let what = "create the session";
    let mut direct = program.command(command.clone());
    direct.current_dir(cwd);
    match program.reachable().await {
        Ok(()) => match program.finish(what, direct).await {
            // It was about to exit, its last session having just ended.
            Err(Error::NoServer) => {
                direct = program.command(command);
                direct.current_dir(cwd);
            }
            answer => return answer,
        },
        Err(Error::NoServer) => {}
        Err(error) => return Err(error),
    }
    let _one = STARTING.lock().await;
    if program.reachable().await.is_err() && !started_unit(program).await? {
        // What starts it instead of us would say in its own words that there is no tmux.
        program.version().await?;
        // What this client has, every pane of the new server will have.
        direct = for_panes(&direct, cwd);
        if in_unit() {
            return in_scope(program, &direct, cwd).await;
        }
    }
    program.finish(what, direct).await
}

/// Starts the server's own unit, if it is installed and serves our socket; whether it now runs.
async fn started_unit(program: &Program) -> Result<bool, Error> {
    if !Path::new("/run/systemd/system").is_dir() {
        return Ok(false);
    }
    for scope in ["--system", "--user"] {
        let mut show = systemd("systemctl");
        show.args([scope, "show", "--property=LoadState,ExecStart", UNIT]);
        let Ok(shown) = output(show).await else {
            continue;
        };
        let shown = String::from_utf8_lossy(&shown.stdout);
        if !shown.contains("LoadState=loaded") || !serves(&shown, &program.socket) {
            continue;
        }
        let mut begin = systemd("systemctl");
        begin.args([scope, "--no-ask-password", "start", UNIT]);
        if !output(begin).await.is_ok_and(|o| o.status.success()) {
            // Its server is not to be born anywhere else: not in our sandbox, not in a scope that
            // the unit would fight for the socket.
            return Err(Error::CannotStart {
                reason: format!("its unit {UNIT} is not running, and we could not start it"),
                command: match scope {
                    "--system" => format!("systemctl start {UNIT}"),
                    _ => format!("systemctl {scope} start {UNIT}"),
                },
            });
        }
        // The unit counts as started before the socket is there (deploy §3).
        let until = Instant::now() + TMUX_TIMEOUT;
        while Instant::now() < until {
            if program.reachable().await.is_ok() {
                return Ok(true);
            }
            tokio::time::sleep(RETRY.0).await;
        }
    }
    Ok(false)
}

/// Whether the unit's command line names our socket.
fn serves(shown: &str, socket: &Socket) -> bool {
    let Some((_, argv)) = shown.split_once("argv[]=") else {
        return false;
    };
    let argv: Vec<&str> = argv
        .split(" ; ")
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let named = |option: &str| {
        argv.windows(2)
            .find(|pair| pair[0] == option)
            .map(|pair| pair[1])
    };
    match socket {
        Socket::Default => named("-L").is_none() && named("-S").is_none(),
        Socket::Name(name) => named("-L") == Some(name),
        Socket::Path(path) => named("-S").is_some_and(|s| Path::new(s) == path),
    }
}

fn systemd(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(client_environment());
    command
}

/// Runs the command in a scope of its own.
async fn in_scope(program: &Program, direct: &Command, cwd: &Path) -> Result<String, Error> {
    let mut scope = Command::new("systemd-run");
    if !rustix::process::getuid().is_root() {
        scope.arg("--user");
    }
    scope.args([
        "--scope",
        "--quiet",
        "--collect",
        "--description=tmux server",
        "--",
    ]);
    // systemd-run gives what it runs an INVOCATION_ID of its own, which is none of the panes' business.
    scope
        .args(["env", "-u", "INVOCATION_ID"])
        .arg(direct.get_program())
        .args(direct.get_args())
        .current_dir(cwd);
    scope
        .env_clear()
        .envs(panes_environment(std::env::vars_os()));
    let by_hand = || {
        let options: Vec<String> = program
            .socket
            .options()
            .iter()
            .map(|o| o.to_string_lossy().into_owned())
            .collect();
        ["tmux".to_owned()]
            .into_iter()
            .chain(options)
            .chain(["new-session".to_owned(), "-d".to_owned()])
            .collect::<Vec<_>>()
            .join(" ")
    };
    match output(scope).await {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr);
            match Error::from_words("create the session", &words) {
                Error::Failed { message, .. } => Err(Error::CannotStart {
                    reason: message,
                    command: by_hand(),
                }),
                // tmux ran, and refused for a reason of its own.
                error => Err(error),
            }
        }
        Err(crate::tmux::command::Failure::Timeout) => Err(Error::Timeout),
        Err(
            crate::tmux::command::Failure::Spawn(error) | crate::tmux::command::Failure::Io(error),
        ) => Err(Error::CannotStart {
            reason: format!("systemd-run: {error}"),
            command: by_hand(),
        }),
    }
}

/// Whether a service manager would end our children with us: it started us (it says so by
/// `INVOCATION_ID`, which a shell may inherit from a desktop's service) and we sit in a service's
/// cgroup, not in a login's or a terminal's scope.
fn in_unit() -> bool {
    std::env::var_os("INVOCATION_ID").is_some()
        && std::fs::read_to_string("/proc/self/cgroup").is_ok_and(|cgroup| in_service(&cgroup))
}

fn in_service(cgroup: &str) -> bool {
    cgroup.lines().any(|line| {
        // "0::/system.slice/muxview.service", or "1:name=systemd:/…" with the old hierarchy.
        let mut parts = line.splitn(3, ':');
        let (_, controller, path) = (parts.next(), parts.next(), parts.next());
        matches!(controller, Some("" | "name=systemd"))
            && path.is_some_and(|path| {
                path.split('/')
                    .next_back()
                    .unwrap_or_default()
                    .ends_with(".service")
            })
    })
}

/// Our environment as a user's shell should see it: without what a service manager told us and without
/// our own settings.
fn panes_environment(
    ours: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    const REMOVED: [&str; 13] = [
        "FDSTORE",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "MAINPID",
        "MANAGERPID",
        "MEMORY_PRESSURE_WATCH",
        "MEMORY_PRESSURE_WRITE",
        "NOTIFY_SOCKET",
        "OLDPWD",
        "PWD",
        "SYSTEMD_EXEC_PID",
        "TMUX",
        "TMUX_PANE",
    ];
    const FAMILIES: [&str; 10] = [
        "LISTEN_",
        "WATCHDOG_",
        "MUXVIEW_",
        // What one image of ours tells the next.
        "_MUXVIEW_",
        "CREDENTIALS_",
        "RUNTIME_DIRECTORY",
        "STATE_DIRECTORY",
        "CACHE_DIRECTORY",
        "LOGS_DIRECTORY",
        "CONFIGURATION_DIRECTORY",
    ];
    ours.filter(|(name, _)| {
        let name = name.to_string_lossy();
        !REMOVED.contains(&&*name) && !FAMILIES.iter().any(|family| name.starts_with(family))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_told_from_a_login() {
        assert!(in_service("0::/system.slice/muxview.service\n"));
        assert!(in_service(
            "1:name=systemd:/user.slice/user-1000.slice/user@1000.service/app.slice/mt.service\n0::/\n"
        ));
        assert!(!in_service(
            "0::/user.slice/user-1000.slice/session-2.scope\n"
        ));
        assert!(!in_service(
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/vte-spawn-1.scope"
        ));
        assert!(!in_service("0::/\n4:memory:/x.service\n"));
    }

    #[test]
    fn panes_see_nothing_of_the_service_manager_or_of_us() {
        let ours = [
            "HOME",
            "LANG",
            "SSH_AUTH_SOCK",
            "NOTIFY_SOCKET",
            "LISTEN_FDS",
            "WATCHDOG_USEC",
            "INVOCATION_ID",
            "JOURNAL_STREAM",
            "FDSTORE",
            "STATE_DIRECTORY",
            "MUXVIEW_AUTH",
            "_MUXVIEW_LEFT",
            "TMUX",
        ];
        let kept = panes_environment(ours.iter().map(|n| (OsString::from(n), "x".into())));
        let kept: Vec<_> = kept.iter().map(|(n, _)| n.to_string_lossy()).collect();
        assert_eq!(kept, ["HOME", "LANG", "SSH_AUTH_SOCK"]);
    }

    #[test]
    fn a_unit_is_used_only_if_it_serves_our_socket() {
        let shown = "LoadState=loaded\nExecStart={ path=/usr/bin/tmux ; argv[]=/usr/bin/tmux -D -S /run/t/s -f /etc/c ; ignore_errors=no }";
        assert!(serves(shown, &Socket::Path("/run/t/s".into())));
        assert!(!serves(shown, &Socket::Default));
        assert!(!serves(shown, &Socket::Name("x".into())));
        assert!(!serves("LoadState=not-found", &Socket::Default));
    }
}
