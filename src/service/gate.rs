//! How those who come prove who they are, as configured. In: a configuration. Out: a [`SignIn`] whose
//! vault or proxy is ready. It must not know requests.

use axum::http::HeaderName;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::sleep;

use crate::access::Rule;
use crate::audit::{Audit, Event};
use crate::config::limits::{
    PERMIT_RECHECK, PROXY_SECRET_BYTES, PROXY_SECRET_FILE_BYTES, SHARE_CHECK,
};
use crate::config::{Auditing, Auth, Config};
use crate::state_dir;
use crate::state_dir::Vault;
use crate::web::auth::caller::SignIn;
use crate::web::auth::trusted_proxy::{Proxy, USER_HEADER};

/// Why nobody can be let in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nowhere to keep sign-ins.
    #[error(transparent)]
    Vault(#[from] state_dir::Error),
    /// The proxy's secret cannot be read.
    #[error("cannot read the proxy's secret from {}: {cause}", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The proxy's secret is not one.
    #[error(
        "{path} holds the proxy's secret, and may be read by everybody, or written by others than root and \
         this user: chown root {path}, and chmod 640 {path}", path = .0.display()
    )]
    Exposed(PathBuf),
    /// The proxy's secret is none.
    #[error(
        "{} should hold one line of at least {} letters, such as `openssl rand -hex 32` prints",
        .0.display(), PROXY_SECRET_BYTES.0
    )]
    Weak(PathBuf),
    /// The proxy's user does not exist.
    #[error("--proxy-peer {name}: {cause}")]
    Peer {
        /// As configured.
        name: String,
        /// What is wrong.
        cause: String,
    },
}

/// Whether [`sign_in`] would go well, changing nothing.
pub(super) fn check(config: &Config) -> Result<(), Error> {
    directory(config)?;
    match config.auth {
        Auth::Token => Ok(Vault::check(config.state_dir.as_deref())?),
        Auth::None => Ok(()),
        Auth::Proxy => proxy(config).map(|_| ()),
    }
}

/// How callers prove who they are.
pub(super) fn sign_in(config: &Config) -> Result<SignIn, Error> {
    directory(config)?;
    Ok(match config.auth {
        Auth::Token => SignIn::Token(Vault::open(config.state_dir.as_deref())?),
        Auth::None => SignIn::None,
        Auth::Proxy => SignIn::Proxy(proxy(config)?),
    })
}

/// The audit log is kept in the state directory whoever signs in, and how.
fn directory(config: &Config) -> Result<(), Error> {
    let used = config.audit != Auditing::Off && config.audit_file.is_none();
    match &config.state_dir {
        Some(dir) if used => Ok(state_dir::check_directory(dir)?),
        _ => Ok(()),
    }
}

fn proxy(config: &Config) -> Result<Proxy, Error> {
    let header = config.proxy_user_header.as_deref().unwrap_or(USER_HEADER);
    let header = header.to_ascii_lowercase();
    let peers = match &config.proxy_peers[..] {
        [] => vec![rustix::process::geteuid().as_raw()],
        peers => peers
            .iter()
            .map(|peer| uid(peer))
            .collect::<Result<_, _>>()?,
    };
    Ok(Proxy {
        peers,
        header: HeaderName::from_bytes(header.as_bytes())
            .expect("the configuration takes letters, digits and - only"),
        secret: secret(config)?,
        rules: config.allow.iter().map(Rule::from).collect(),
    })
}

fn uid(peer: &str) -> Result<u32, Error> {
    let wrong = |cause| Error::Peer {
        name: peer.to_owned(),
        cause,
    };
    if let Ok(uid) = peer.parse() {
        return Ok(uid);
    }
    match nix::unistd::User::from_name(peer) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(wrong("there is no such user".to_owned())),
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn secret(config: &Config) -> Result<String, Error> {
    let path = config.proxy_secret_file.clone().unwrap_or_default();
    let read = || {
        let mut file = File::open(&path)?;
        let found = file.metadata()?;
        let mut text = String::new();
        (&mut file)
            .take(PROXY_SECRET_FILE_BYTES)
            .read_to_string(&mut text)?;
        io::Result::Ok((found, text))
    };
    let (found, text) = match read() {
        Ok(read) => read,
        Err(cause) => return Err(Error::Secret { path, cause }),
    };
    let own = rustix::process::geteuid().as_raw();
    // Its group may be the proxy's.
    if ![0, own].contains(&found.uid()) || found.mode() & 0o027 != 0 {
        return Err(Error::Exposed(path));
    }
    let line = text.lines().next().unwrap_or_default().trim();
    let (least, most) = PROXY_SECRET_BYTES;
    let plain = line.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain || line.len() < least || line.len() > most {
        return Err(Error::Weak(path));
    }
    Ok(line.to_owned())
}

/// Forgets the shares whose time is over, and tells so, for as long as the service runs.
pub(super) async fn expire(vault: Vault, audit: Audit) {
    let mut changes = vault.watch();
    loop {
        let now = state_dir::now();
        let next = {
            let state = changes.borrow_and_update();
            state.ledger.shares().map(|share| share.expires).min()
        };
        if next.is_some_and(|next| next <= now) {
            let forgetting = vault.clone();
            let forget = move || forgetting.change(|ledger| ledger.expire(state_dir::now()));
            match tokio::task::spawn_blocking(forget).await {
                Ok(Ok(expired)) => {
                    for share in &expired {
                        let session = share.session.to_string();
                        audit.tell(&Event::share_expired(share, &session));
                    }
                    continue;
                }
                // They are over all the same.
                Ok(Err(error)) => tracing::warn!("{error}"),
                Err(panicked) => tracing::error!(%panicked, "cannot forget shares"),
            }
        }
        // In steps: while a laptop sleeps, the clock that timers follow stands still.
        let left = next.map_or(PERMIT_RECHECK, |next| {
            Duration::from_secs(next.saturating_sub(now)).clamp(SHARE_CHECK, PERMIT_RECHECK)
        });
        tokio::select! {
            () = sleep(left) => {}
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, chown};

    #[test]
    fn a_secret_that_is_none_is_refused_wherever_it_is_looked_at() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        let config = Config {
            auth: Auth::Proxy,
            proxy_secret_file: Some(path.clone()),
            ..Config::default()
        };
        let refused = || {
            let (checked, started) = (check(&config), sign_in(&config));
            assert_eq!(checked.is_err(), started.is_err());
            checked.err()
        };
        assert!(matches!(refused(), Some(Error::Secret { .. })));
        std::fs::write(&path, "0123456789abcdef\n").expect("ours");
        for (mode, good) in [
            (0o600, true),
            (0o640, true),
            (0o400, true),
            (0o440, true),
            (0o644, false),
            (0o660, false),
            (0o602, false),
        ] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, permissions).expect("ours");
            match refused() {
                None => assert!(good, "{mode:o}"),
                Some(error) => {
                    assert!(
                        !good && matches!(error, Error::Exposed(_)),
                        "{mode:o} {error}"
                    );
                    assert!(error.to_string().contains("chmod 640"), "{error}");
                }
            }
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("ours");
        // Only root can make it somebody else's.
        if rustix::process::geteuid().is_root() {
            chown(&path, Some(1), None).expect("root may");
            assert!(matches!(refused(), Some(Error::Exposed(_))));
            chown(&path, Some(0), None).expect("root may");
        }
        for weak in ["", "short\n", "0123456789abcde\u{e4}\n", &"x".repeat(513)] {
            std::fs::write(&path, weak).expect("ours");
            assert!(matches!(refused(), Some(Error::Weak(_))), "{weak}");
        }
    }
}
