//! [`Session`]: tmux's sessions: listed, created, renamed and ended with `tmux_interface`.
//!
//! Nothing a user sends reaches a place where tmux expands formats (`#(command)` there runs a
//! command): names match [`SessionName`], a directory is the working directory of the tmux client
//! and no argument at all, and a command is one argument that only the shell reads.

use crate::terminal::Size;
use crate::tmux::attach::process::Ours;
use crate::tmux::command::Program;
use crate::tmux::error::Error;
use crate::tmux::ids::{SessionId, SessionName};
use crate::tmux::query::fields::{FIELD, with_status};
use crate::tmux::query::printed;
use crate::tmux::server_id;
use crate::tmux::server_id::Creation;
use crate::tmux::{server_start, start_command};
use serde::Serialize;
use std::path::{Path, PathBuf};
use tmux_interface::{
    KillSession, ListClients, ListSessions, NewSession as NewSessionCommand, RenameSession,
    TmuxCommand,
};

/// A session as tmux tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id; never used twice by one server.
    pub id: SessionId,
    /// Its name, whatever it is: sessions not created by us have any.
    pub name: String,
    /// How many windows it has.
    pub windows: u32,
    /// When it was created, and by which server.
    pub created: Creation,
    /// When a program in it last wrote something, in seconds since 1970. Not tmux's own idea of a
    /// session's activity, which is when a client did something: ours attach without anybody there.
    pub activity: u64,
    /// Whether a window of it rang while nobody looked at it.
    pub bell: bool,
    /// Whether it ends when its last client leaves (`destroy-unattached`).
    pub fleeting: bool,
    /// How many clients other than ours are attached.
    pub attached: u32,
    /// The size of a pty that shows its current window whole, status lines included.
    pub size: Option<Size>,
    /// What runs in its active pane.
    pub command: String,
    /// The shell command its active pane was started with; empty for the user's shell.
    pub start: String,
    /// The directory of its active pane.
    pub cwd: String,
    /// The title of its active pane.
    pub title: String,
}

/// A session to be created.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its name.
    pub name: SessionName,
    /// What runs in it, for the shell; the user's shell when there is none.
    pub command: Option<String>,
    /// Where it starts; the home directory when there is none.
    pub cwd: Option<PathBuf>,
    /// The size of its first window.
    pub size: Option<Size>,
}

/// Bytes of a command: tmux takes about 16 KB for a whole command line.
const COMMAND_BYTES: usize = 8 * 1024;

/// Fields in order; the name comes last and the title before it, as they contain anything but control
/// characters.
fn format() -> String {
    let [command, start, cwd, title, name] = [
        "pane_current_command",
        "pane_start_command",
        "pane_current_path",
        "pane_title",
        "session_name",
    ]
    .map(printed::field);
    let (tab, created) = (FIELD, server_id::FORMAT);
    format!(
        "#{{session_id}}{tab}#{{session_windows}}{tab}{created}{tab}#{{W:#{{window_activity}} }}{tab}#{{session_alerts}}{tab}#{{destroy-unattached}}{tab}#{{session_attached}}{tab}#{{window_width}}{tab}#{{window_height}}{tab}#{{status}}{tab}{command}{tab}{start}{tab}{cwd}{tab}{title}{tab}{name}"
    )
}

/// The command that lists all sessions.
pub(in crate::tmux) fn list() -> TmuxCommand<'static> {
    ListSessions::new().format(format()).build()
}

/// The command that lists all clients, one `pid session` a line.
pub(in crate::tmux) fn list_clients() -> TmuxCommand<'static> {
    let mut command: TmuxCommand<'static> = ListClients::new().build();
    command.push_option("-F", "#{client_pid} #{session_id}");
    command
}

/// Reads the answers to [`list`] and [`list_clients`].
pub(in crate::tmux) fn read_list(sessions: &str, clients: &str) -> Vec<Session> {
    let mut sessions: Vec<Session> = sessions.lines().filter_map(read).collect();
    for line in clients.lines() {
        let Some((pid, id)) = line.split_once(' ') else {
            continue;
        };
        if !pid
            .parse()
            .is_ok_and(|pid| pid == std::process::id() || Ours::contains(pid))
        {
            continue;
        }
        let id = id.parse::<SessionId>();
        if let Some(session) = sessions.iter_mut().find(|s| Ok(s.id) == id) {
            session.attached = session.attached.saturating_sub(1);
        }
    }
    sessions
}

fn read(line: &str) -> Option<Session> {
    let fields: Vec<&str> = line.splitn(15, FIELD).collect();
    let &[
        id,
        windows,
        created,
        activity,
        alerts,
        fleeting,
        attached,
        cols,
        rows,
        status,
        command,
        start,
        cwd,
        title,
        name,
    ] = &fields[..]
    else {
        return None;
    };
    let size = cols.parse().ok().zip(rows.parse().ok());
    Some(Session {
        id: id.parse().ok()?,
        name: printed::read(name),
        windows: windows.parse().ok()?,
        created: Creation::read(created)?,
        activity: latest(activity),
        // "0!,2#": indexes of windows, each with its marks.
        bell: alerts.contains('!'),
        fleeting: !matches!(fleeting, "" | "0" | "off"),
        attached: attached.parse().unwrap_or_default(),
        size: size.map(|(cols, rows)| Size::clamped(cols, with_status(rows, status))),
        command: printed::read(command),
        start: start_command::shell_command(&printed::read(start)),
        cwd: printed::read(cwd),
        title: printed::read(title),
    })
}

/// The latest of these times.
fn latest(times: &str) -> u64 {
    let times = times.split(' ').filter_map(|time| time.parse().ok());
    times.max().unwrap_or_default()
}

/// Creates a session, and a server outside our own service if there is none.
pub(in crate::tmux) async fn create(program: &Program, new: &NewSession) -> Result<Session, Error> {
    let cwd = directory(new.cwd.as_deref())?;
    let mut command = NewSessionCommand::new()
        .detached()
        // Else the session would lose what its server knows and this process does not (DISPLAY,
        // SSH_AUTH_SOCK).
        .not_update_env()
        .print()
        .format(format())
        .session_name(new.name.as_str());
    if let Some(size) = new.size {
        command = command.width(size.cols.into()).height(size.rows.into());
    }
    let mut command = command.build();
    if let Some(shell) = &new.command {
        command.push_param("--");
        command.push_param(shell_command(shell)?);
    }
    let said = server_start::run(program, command, &cwd).await?;
    said.lines().next().and_then(read).ok_or(Error::Failed {
        what: "create the session",
        message: format!("it answered {said:?}"),
    })
}

/// A command as tmux takes it whole: a `;` at the end of an argument would begin a new tmux command.
fn shell_command(command: &str) -> Result<String, Error> {
    let refuse = |reason: &str| {
        Err(Error::BadCommand {
            reason: reason.to_owned(),
        })
    };
    if command.trim().is_empty() {
        return refuse("it is empty; leave it out for a shell");
    }
    if command.len() > COMMAND_BYTES {
        return refuse("it is longer than 8 KB; put it into a script");
    }
    if command.contains('\0') {
        return refuse("it contains a zero byte");
    }
    Ok(match command.strip_suffix(';') {
        Some(rest) => format!(r"{rest}\;"),
        None => command.to_owned(),
    })
}

/// The directory to start in, checked: tmux would silently take another.
fn directory(asked: Option<&Path>) -> Result<PathBuf, Error> {
    let Some(asked) = asked else {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        return Ok(home
            .filter(|home| home.is_dir())
            .unwrap_or_else(|| "/".into()));
    };
    let refuse = |reason: &str| {
        Err(Error::BadDirectory {
            path: asked.to_owned(),
            reason: reason.to_owned(),
        })
    };
    if !asked.is_absolute() {
        return refuse("it is not an absolute path (it should begin with /)");
    }
    match std::fs::metadata(asked) {
        Ok(found) if !found.is_dir() => refuse("it is not a directory"),
        Ok(_) => match rustix::fs::access(asked, rustix::fs::Access::EXEC_OK) {
            Ok(()) => Ok(asked.to_owned()),
            Err(_) => refuse("there is no permission to enter it"),
        },
        Err(error) => match error.kind() {
            std::io::ErrorKind::NotFound => refuse("it does not exist"),
            std::io::ErrorKind::PermissionDenied => refuse("there is no permission to look at it"),
            _ => refuse(&error.to_string()),
        },
    }
}

/// Gives a session another name.
pub(in crate::tmux) async fn rename(
    program: &Program,
    id: SessionId,
    name: &SessionName,
) -> Result<(), Error> {
    let command = RenameSession::new()
        .target_session(id.to_string())
        .new_name(name.as_str())
        .build();
    program.run("rename the session", command).await?;
    Ok(())
}

/// Ends a session and everything in it.
pub(in crate::tmux) async fn kill(program: &Program, id: SessionId) -> Result<(), Error> {
    let command = KillSession::new().target_session(id.to_string()).build();
    program.run("end the session", command).await?;
    Ok(())
}

impl Serialize for Session {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut fields = serializer.serialize_struct("Session", 13)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("windows", &self.windows)?;
        fields.serialize_field("created", &self.created.at)?;
        fields.serialize_field("activity", &self.activity)?;
        fields.serialize_field("bell", &self.bell)?;
        fields.serialize_field("attached", &self.attached)?;
        fields.serialize_field("cols", &self.size.map(|s| s.cols))?;
        fields.serialize_field("rows", &self.size.map(|s| s.rows))?;
        fields.serialize_field("command", &self.command)?;
        fields.serialize_field("start", &self.start)?;
        fields.serialize_field("cwd", &self.cwd)?;
        fields.serialize_field("title", &self.title)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_session_is_read_with_its_name_whole() {
        let line = "$3\t2\t1700000000 41 1690000000\t1700000001 1700000003 \t0#,1!\t0\t1\t80\t23\ton\tvim\tvim -R\t/home\tti tle\tna me\twith";
        let session = read(line).unwrap();
        assert_eq!(session.id, SessionId(3));
        assert_eq!(session.size, Some(Size { cols: 80, rows: 24 }));
        assert_eq!(session.activity, 1_700_000_003);
        assert!(session.bell && !session.fleeting);
        assert_eq!(session.start, "vim -R");
        assert_eq!(session.title, "ti tle");
        assert_eq!(session.name, "na me\twith");
        assert!(read("").is_none() && read("no server").is_none());
    }

    #[test]
    fn clients_of_ours_do_not_count_as_attached() {
        let line = "$3\t2\t0 41 0\t0 \t\t1\t2\t80\t23\ton\tvim\t\t/\tt\tn";
        let _ours = Ours::new(4_000_001, rustix::process::Signal::KILL);
        let listed = read_list(line, "4000001 $3\n4000002 $3\nx\n");
        assert_eq!(listed[0].attached, 1);
        assert!(listed[0].fleeting && !listed[0].bell);
    }

    #[test]
    fn a_command_cannot_begin_another_tmux_command() {
        assert_eq!(shell_command("ls").unwrap(), "ls");
        assert_eq!(shell_command("ls;").unwrap(), r"ls\;");
        assert_eq!(shell_command(r"find \;").unwrap(), r"find \\;");
        assert!(shell_command(" ").is_err());
        assert!(shell_command(&"x".repeat(9000)).is_err());
    }

    #[test]
    fn a_directory_is_checked_before_tmux_sees_it() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(directory(Some(dir.path())).unwrap(), dir.path());
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        for (path, reason) in [
            (dir.path().join("none"), "does not exist"),
            (file, "not a directory"),
            ("relative".into(), "absolute"),
        ] {
            let error = directory(Some(&path)).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
