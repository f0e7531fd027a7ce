//! Checks of unix sockets: may a proxy connect? In: who owns what on the way, and as whom the proxy runs.
//! Out: findings. Pure.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use super::finding::Finding;

/// A directory or a socket: who may do what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
}

impl Node {
    /// Whether `bit` (4 read, 2 write, 1 enter) is granted.
    fn grants(self, who: &Proxy, bit: u32) -> bool {
        let shift = if who.uid == self.uid {
            6
        } else if who.gids.contains(&self.gid) {
            3
        } else {
            0
        };
        who.uid == 0 || self.mode >> shift & bit == bit
    }
}

/// A socket we listen on, with the directories above it, the root first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) path: String,
    pub(super) way: Vec<Node>,
    /// `None`: it is not there.
    pub(super) socket: Option<Node>,
    /// The name of its group.
    pub(super) group: String,
}

/// A proxy that runs here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Proxy {
    pub(super) program: String,
    pub(super) user: String,
    pub(super) uid: u32,
    pub(super) gids: Vec<u32>,
    /// What it sees as `/`.
    pub(super) root: String,
}

pub(super) fn door(door: &Peer, proxies: &[Proxy]) -> Vec<Finding> {
    let what = "socket";
    let path = &door.path;
    let Some(socket) = door.socket else {
        return vec![Finding::warn(
            what,
            format!("{path} is not there: nobody listens"),
            "systemctl start muxview.socket, or start muxview",
        )];
    };
    let mut found = Vec::new();
    for proxy in proxies {
        let Proxy {
            program,
            user,
            root,
            ..
        } = proxy;
        if root != "/" && !path.starts_with(&format!("{}/", root.trim_end_matches('/'))) {
            found.push(Finding::warn(
                what,
                format!("{program} is shut into {root}, where {path} does not exist"),
                format!(
                    "systemctl edit muxview.socket: ListenStream={root}/muxview.sock under [Socket]"
                ),
            ));
        } else if !door.way.iter().all(|node| node.grants(proxy, 1)) {
            found.push(Finding::warn(
                what,
                format!("{program} (user {user}) may not enter the directory of {path}"),
                format!("chmod o+x {}", parent(path)),
            ));
        } else if !socket.grants(proxy, 2) {
            found.push(Finding::warn(
                what,
                format!("{program} (user {user}) may not connect to {path}"),
                format!(
                    "usermod -aG {} {user} && systemctl restart {program}",
                    door.group
                ),
            ));
        }
    }
    if found.is_empty() {
        let mode = socket.mode & 0o777;
        found.push(Finding::ok(
            what,
            format!("{path}, mode {mode:03o}, group {}", door.group),
        ));
    }
    found
}

fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    }
}

/// A file that nobody else may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Secret {
    pub(super) path: String,
    pub(super) file: Node,
    /// It is a proxy's, too, which may read it by its group.
    pub(super) shared: bool,
}

pub(super) fn secret(secret: &Secret) -> Option<Finding> {
    let Secret { path, file, shared } = secret;
    let (mask, mend) = if *shared {
        let mend = format!("openssl rand -hex 32 > {path}; chown root {path}; chmod 640 {path}");
        (0o027, mend)
    } else {
        let mend = format!("rm {path} (the next start makes a new one; everyone signs in again)");
        (0o077, mend)
    };
    (file.mode & mask != 0).then(|| {
        let sentence = format!("{path} can be read by others, so muxview refuses it");
        Finding::fail("secret", sentence, mend)
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    const ROOT: Node = Node {
        uid: 0,
        gid: 0,
        mode: 0o755,
    };

    fn socket(mode: u32) -> Peer {
        Peer {
            path: "/run/muxview.sock".into(),
            way: vec![ROOT, ROOT],
            socket: Some(Node {
                uid: 5,
                gid: 6,
                mode,
            }),
            group: "muxview".into(),
        }
    }

    fn nginx(gids: &[u32]) -> Proxy {
        Proxy {
            program: "nginx".into(),
            user: "www-data".into(),
            uid: 33,
            gids: gids.to_vec(),
            root: "/".into(),
        }
    }

    #[test]
    fn who_may_connect_is_what_the_kernel_would_say() {
        let level = |at: &Peer, proxy: Proxy| door(at, &[proxy])[0].level;
        assert_eq!(level(&socket(0o660), nginx(&[33])), Level::Warn);
        assert_eq!(level(&socket(0o660), nginx(&[33, 6])), Level::Ok);
        assert_eq!(level(&socket(0o666), nginx(&[33])), Level::Ok);
        // The group's right counts for its members, even where others have more.
        assert_eq!(level(&socket(0o606), nginx(&[6])), Level::Warn);
        let root = Proxy {
            uid: 0,
            ..nginx(&[])
        };
        assert_eq!(level(&socket(0o600), root), Level::Ok);
        let mut closed = socket(0o666);
        closed.way[1].mode = 0o700;
        assert_eq!(level(&closed, nginx(&[33])), Level::Warn);
        let gone = Peer {
            socket: None,
            ..socket(0)
        };
        assert_eq!(door(&gone, &[])[0].level, Level::Warn);
        let mend = door(&socket(0o660), &[nginx(&[])]).remove(0).mend;
        assert_eq!(
            mend.as_deref(),
            Some("usermod -aG muxview www-data && systemctl restart nginx")
        );
    }

    #[test]
    fn a_proxy_in_a_chroot_sees_only_what_is_in_it() {
        let shut = Proxy {
            root: "/var/lib/haproxy".into(),
            ..nginx(&[6])
        };
        let found = door(&socket(0o660), std::slice::from_ref(&shut));
        assert!(found[0].sentence.contains("shut into"), "{found:?}");
        let inside = Peer {
            path: "/var/lib/haproxy/muxview.sock".into(),
            ..socket(0o660)
        };
        assert_eq!(door(&inside, &[shut])[0].level, Level::Ok);
    }

    #[test]
    fn a_secret_others_can_read_is_told() {
        for (mode, shared, good) in [
            (0o100_600, false, true),
            (0o100_640, false, false),
            (0o100_640, true, true),
            (0o100_660, true, false),
            (0o100_644, true, false),
        ] {
            let file = Node { mode, ..ROOT };
            let path = "/s".to_owned();
            let found = secret(&Secret { path, file, shared });
            assert_eq!(found.is_none(), good, "{mode:o} {shared}");
        }
    }
}
