//! EDGE: finds out what the checks judge: asks tmux and systemd, reads /proc and the file system. In: the
//! configuration. Out: facts. It must not judge.

use crate::audit;
use crate::config::limits::TMUX_TIMEOUT;
use crate::config::{Auditing, Auth, Config, Listen};
use crate::doctor::cgroup::Cgroup;
use crate::doctor::cgroup::Running;
use crate::doctor::limits::Audit;
use crate::doctor::server::Server;
use crate::doctor::server::Up;
use crate::doctor::socket::Node;
use crate::doctor::socket::Peer;
use crate::doctor::socket::Proxy;
use crate::doctor::socket::Secret;
use crate::tmux::{self, Socket, Status};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::timeout;

/// What browsers reach us through, by the names of their programs.
const PROXIES: [&str; 6] = ["nginx", "caddy", "haproxy", "apache2", "httpd", "traefik"];

/// Runs a program; what it printed, or why not.
async fn said(program: &str, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    command
        .args(args)
        .env("LC_ALL", "C.UTF-8")
        .env_remove("TMUX")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    match timeout(TMUX_TIMEOUT, command.output()).await {
        Err(_) => Err("it does not answer".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(output)) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(Ok(output)) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

pub(super) async fn tmux_version() -> Result<String, String> {
    said("tmux", &["-V"]).await
}

pub(super) async fn charmap() -> Option<String> {
    said("locale", &["charmap"]).await.ok()
}

/// The server of this configuration.
pub(super) async fn server(socket: &Socket) -> Server {
    match timeout(TMUX_TIMEOUT, UnixStream::connect(socket.path())).await {
        Err(_) => return Server::Hung,
        Ok(Err(error)) => match error.kind() {
            std::io::ErrorKind::PermissionDenied => return Server::Refused,
            std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => {
                return Server::Absent;
            }
            std::io::ErrorKind::WouldBlock => return Server::Hung,
            _ => return Server::Failed(error.to_string()),
        },
        Ok(Ok(_)) => {}
    }
    if let Some(mismatch) = mismatch(socket).await {
        return mismatch;
    }
    let options = socket.options();
    let options: Vec<&str> = options
        .iter()
        .filter_map(|option| option.to_str())
        .collect();
    let ask = async |words: &[&str]| said("tmux", &[&options, words].concat()).await;
    let answers = async {
        let itself = ask(&["display-message", "-p", "#{pid} #{version}"]).await?;
        let terminal = ask(&["show-options", "-gv", "default-terminal"]).await?;
        let environment = ask(&["show-environment", "-g"]).await?;
        Ok::<_, String>((itself, terminal, environment))
    };
    let (itself, terminal, environment) = match answers.await {
        Ok(answers) => answers,
        Err(why) if why == "it does not answer" => return Server::Hung,
        Err(why) => return Server::Failed(why),
    };
    let (pid, version) = itself.trim().split_once(' ').unwrap_or(("", ""));
    let Ok(pid) = pid.parse() else {
        return Server::Failed(itself);
    };
    let terminal = terminal.trim().to_owned();
    let pairs = environment.lines().filter_map(|line| line.split_once('='));
    Server::Up(Up {
        pid,
        version: version.to_owned(),
        described: tmux::terminal_described(&terminal),
        terminal,
        environment: pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    })
}

/// Whether clients of the program in PATH cannot talk to this server, as the service finds it out.
async fn mismatch(socket: &Socket) -> Option<Server> {
    let server = tmux::Server::new(socket.clone());
    let mut status = server.status();
    let asked = status.wait_for(|status| *status != Status::Starting);
    match &*timeout(TMUX_TIMEOUT, asked).await.ok()?.ok()? {
        Status::Failed(tmux::Error::Mismatch {
            program,
            server,
            pid,
        }) => Some(Server::Mismatch {
            program: program.clone(),
            server: server.clone(),
            pid: pid.clone(),
        }),
        _ => None,
    }
}

/// Every process there is, by number.
fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn name(pid: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in brackets, and may hold anything.
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

pub(super) fn cgroup(pid: u32) -> Option<Cgroup> {
    Cgroup::read(&fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?)
}

/// A process and all that descends from it, itself first.
pub(super) fn family(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = processes()
        .into_iter()
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(&elder) = family.get(next) {
        next += 1;
        family.extend(
            parents
                .iter()
                .filter(|(_, p)| *p == elder)
                .map(|(pid, _)| pid),
        );
    }
    family
}

/// The muxviews that serve here, apart from this process.
pub(super) async fn running() -> Vec<Running> {
    let mut found = Vec::new();
    let own = std::process::id();
    for pid in processes() {
        if pid == own || name(pid).as_deref() != Some("muxview") {
            continue;
        }
        let Ok(status) = fs::metadata(format!("/proc/{pid}")) else {
            continue;
        };
        let cgroup = cgroup(pid);
        let kept = match cgroup
            .as_ref()
            .and_then(|cgroup| Some((cgroup, cgroup.unit()?)))
        {
            Some((cgroup, unit)) if unit.ends_with(".service") => {
                let scope = if cgroup.is_user() {
                    "--user"
                } else {
                    "--system"
                };
                let show = [
                    scope,
                    "show",
                    "--value",
                    "-p",
                    "FileDescriptorStoreMax",
                    unit,
                ];
                let shown = said("systemctl", &show).await.ok();
                shown.and_then(|value| value.trim().parse().ok())
            }
            _ => None,
        };
        let exe = fs::read_link(format!("/proc/{pid}/exe"));
        found.push(Running {
            pid,
            root: status.uid() == 0,
            cgroup,
            replaced: exe.is_ok_and(|exe| exe.to_string_lossy().ends_with(" (deleted)")),
            open_files: open_files(pid),
            kept,
        });
    }
    found
}

/// How many descriptors a process may raise itself to.
fn open_files(pid: u32) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(4)?.parse().ok()
}

pub(super) fn own_open_files() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum
}

/// In use, and at most.
pub(super) fn ptys() -> Option<(u64, u64)> {
    let read = |name: &str| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/sys/kernel/pty/{name}")).ok()?;
        text.trim().parse().ok()
    };
    Some((read("nr")?, read("max")?))
}

fn node(path: &Path) -> Option<Node> {
    let found = fs::metadata(path).ok()?;
    Some(Node {
        uid: found.uid(),
        gid: found.gid(),
        mode: found.mode(),
    })
}

/// The unix sockets that are ours: of the configuration and of socket units.
pub(super) async fn doors(config: &Config) -> Vec<Peer> {
    let mut paths: BTreeSet<PathBuf> = BTreeSet::new();
    for listen in &config.listen {
        if let Listen::Unix(unix) = listen {
            paths.insert(unix.path.clone());
        }
    }
    for scope in ["--system", "--user"] {
        let show = [scope, "show", "--value", "-p", "Listen", "muxview.socket"];
        let listens = said("systemctl", &show).await.unwrap_or_default();
        let stream = |line: &str| Some(PathBuf::from(line.strip_suffix(" (Stream)")?));
        paths.extend(
            listens
                .lines()
                .filter_map(stream)
                .filter(|p| p.is_absolute()),
        );
    }
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let door = |path: PathBuf| {
        let mut way: Vec<Node> = path.ancestors().skip(1).filter_map(node).collect();
        way.reverse();
        let socket = node(&path);
        let gid = socket.map_or(0, |socket| socket.gid);
        Peer {
            path: path.to_string_lossy().into_owned(),
            way,
            socket,
            group: called(&groups, gid),
        }
    };
    paths.into_iter().map(door).collect()
}

/// The name of a number, in /etc/passwd or /etc/group.
fn called(list: &str, number: u32) -> String {
    let number = number.to_string();
    let found = list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    found.unwrap_or(number)
}

/// The proxies that run here, one for each user: those who start their workers as another user do not
/// connect themselves.
pub(super) fn proxies() -> Vec<Proxy> {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut found: BTreeSet<Proxy> = BTreeSet::new();
    for pid in processes() {
        let Some(program) = name(pid).filter(|name| PROXIES.contains(&name.as_str())) else {
            continue;
        };
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
            continue;
        };
        let ids = |field: &str| -> Vec<u32> {
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            let words = line.unwrap_or_default().split_whitespace();
            words.filter_map(|word| word.parse().ok()).collect()
        };
        let (uids, mut gids) = (ids("Uid:"), ids("Groups:"));
        let Some(&uid) = uids.get(1) else { continue };
        gids.extend(ids("Gid:").get(1));
        gids.sort_unstable();
        gids.dedup();
        let root = fs::read_link(format!("/proc/{pid}/root"));
        found.insert(Proxy {
            program,
            user: called(&users, uid),
            uid,
            gids,
            root: root.map_or_else(
                |_| "/".to_owned(),
                |root| root.to_string_lossy().into_owned(),
            ),
        });
    }
    let workers: BTreeSet<String> = found
        .iter()
        .filter(|proxy| proxy.uid != 0)
        .map(|proxy| proxy.program.clone())
        .collect();
    found
        .into_iter()
        .filter(|proxy| proxy.uid != 0 || !workers.contains(&proxy.program))
        .collect()
}

/// Whether the audit log could be written, and how many bytes its disk has left for us. `None`: none is
/// kept.
pub(super) fn audit(config: &Config) -> Option<Audit> {
    if config.audit == Auditing::Off {
        return None;
    }
    let path = config.audit_path().unwrap_or_default();
    let there = path.ancestors().find(|there| there.exists());
    let disk = there.and_then(|there| rustix::fs::statvfs(there).ok());
    Some(Audit {
        path: path.to_string_lossy().into_owned(),
        chain: audit::verify(&path).map_err(|error| error.to_string()),
        trouble: audit::check(config).err().map(|error| error.to_string()),
        room: disk.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
    })
}

/// The files that nobody else may read, those that are there.
pub(super) fn secrets(config: &Config) -> Vec<Secret> {
    let found = |path: PathBuf, shared| {
        Some(Secret {
            file: node(&path)?,
            path: path.to_string_lossy().into_owned(),
            shared,
        })
    };
    let kept = config.state_dir.iter();
    let kept = kept.flat_map(|dir| ["keys", "ledger"].map(|name| dir.join(name)));
    let ours = kept.map(|path| (path, false));
    let proxys = config
        .proxy_secret_file
        .clone()
        .filter(|_| config.auth == Auth::Proxy);
    ours.chain(proxys.map(|path| (path, true)))
        .filter_map(|(path, shared)| found(path, shared))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_as_it_is() {
        let own = std::process::id();
        let mother = parent(own).expect("we have a parent");
        assert!(family(mother).contains(&own));
        assert_eq!(family(mother)[0], mother);
        assert!(open_files(own).is_none_or(|files| files > 0));
        assert_eq!(called("root:x:0:0::/:\nada:x:7:8::/:", 7), "ada");
        assert_eq!(called("", 7), "7");
    }

    #[tokio::test]
    async fn a_socket_nobody_listens_on_is_no_server() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("s");
        assert_eq!(server(&Socket::Path(path.clone())).await, Server::Absent);
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("free");
        drop(listener);
        assert_eq!(server(&Socket::Path(path)).await, Server::Absent);
    }
}
