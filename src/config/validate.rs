//! The rules between options. In: a configuration. Out: what its author should know about it, or why
//! it cannot be. It must not know where anything was written.

use crate::config::Auth;
use crate::config::Config;
use crate::config::Listen;

/// Options that do not go together.
#[derive(Debug, thiserror::Error)]
pub enum Conflict {
    /// `--auth none` where others can connect.
    #[error(
        "--auth none lets everyone who can connect run commands, so it is refused on {listen}: \
         listen on 127.0.0.1, [::1] or unix:PATH, or use --auth token"
    )]
    NoneBeyondLoopback {
        /// The listener.
        listen: String,
    },
    /// `--auth token` beyond loopback without the name browsers use.
    #[error(
        "--listen {listen} is reached under a name only you know: say it with --public-origin, \
         as in --public-origin https://term.example.org"
    )]
    NoPublicOrigin {
        /// The listener.
        listen: String,
    },
    /// `--auth proxy` where anyone can write the proxy's header.
    #[error(
        "--auth proxy believes what its peer says, so it is refused on {listen}: \
         use --listen unix:PATH, and let the proxy connect there"
    )]
    ProxyBeyondUnix {
        /// The listener.
        listen: String,
    },
    /// `--auth proxy` without the name browsers use.
    #[error(
        "--auth proxy is reached under a name only you know: say it with --public-origin, \
         as in --public-origin https://term.example.org"
    )]
    ProxyWithoutOrigin,
    /// `--auth proxy` without a secret.
    #[error(
        "--auth proxy needs --proxy-secret-file FILE, whose first line the proxy sends as \
         X-Muxview-Proxy-Secret: a proxy that forgets to set its header passes on a stranger's"
    )]
    NoProxySecret,
    /// `--auth proxy` with no rules.
    #[error(
        "--auth proxy without --allow lets nobody do anything: say who may, \
         as in --allow ann=manage --allow '*=view:public-*'"
    )]
    NoRules,
    /// A rule that promises what tmux does not hold.
    #[error(
        "--allow {rule}: who may type into one session can reach every session of the tmux server \
         (prefix :), so it must be USER=drive, for all of them, or USER=view:…. If you know that \
         and want it all the same, add --narrow-drive yes"
    )]
    NarrowDrive {
        /// The rule.
        rule: String,
    },
}

/// Whether the options go together, and what their author should know all the same.
pub(super) fn check(config: &Config, narrow_drive: bool) -> Result<Vec<String>, Conflict> {
    let mut warnings = vec![];
    let beyond = config.listen.iter().find(|listen| !listen.is_local());
    let named = |listen: &Listen| listen.to_string();
    match (config.auth, beyond) {
        (Auth::Proxy, _) => proxy(config, narrow_drive)?,
        (Auth::None, Some(listen)) => {
            return Err(Conflict::NoneBeyondLoopback {
                listen: named(listen),
            });
        }
        (Auth::Token, Some(listen)) if config.public_origins.is_empty() => {
            return Err(Conflict::NoPublicOrigin {
                listen: named(listen),
            });
        }
        _ => {}
    }
    if config.auth == Auth::None {
        let sentence = "--auth none: everyone who can connect may type into every session";
        warnings.push(sentence.to_owned());
    }
    let of_proxies = !config.allow.is_empty() || config.proxy_secret_file.is_some();
    if config.auth != Auth::Proxy && of_proxies {
        let sentence = "--allow and --proxy-… count only with --auth proxy";
        warnings.push(sentence.to_owned());
    }
    Ok(warnings)
}

fn proxy(config: &Config, narrow_drive: bool) -> Result<(), Conflict> {
    let tcp = |listen: &&Listen| matches!(listen, Listen::Tcp { .. });
    if let Some(listen) = config.listen.iter().find(tcp) {
        return Err(Conflict::ProxyBeyondUnix {
            listen: listen.to_string(),
        });
    }
    if config.public_origins.is_empty() {
        return Err(Conflict::ProxyWithoutOrigin);
    }
    if config.proxy_secret_file.is_none() {
        return Err(Conflict::NoProxySecret);
    }
    if config.allow.is_empty() {
        return Err(Conflict::NoRules);
    }
    match config.allow.iter().find(|rule| rule.is_narrow_drive()) {
        Some(rule) if !narrow_drive => Err(Conflict::NarrowDrive {
            rule: rule.to_string(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_needs_all_that_makes_its_word_good() {
        let config = |listen: &str, origin: bool, secret: bool, allow: &[&str]| Config {
            auth: Auth::Proxy,
            listen: vec![listen.parse().expect("right")],
            public_origins: origin
                .then(|| "https://term.example".parse().expect("right"))
                .into_iter()
                .collect(),
            proxy_secret_file: secret.then(|| "/run/secret".into()),
            allow: allow
                .iter()
                .map(|rule| rule.parse().expect("right"))
                .collect(),
            ..Config::default()
        };
        let good = config("unix:/x", true, true, &["ann=manage", "*=view:p*"]);
        assert!(check(&good, false).is_ok_and(|warnings| warnings.is_empty()));
        let tcp = config("127.0.0.1:1", true, true, &["ann=manage"]);
        assert!(matches!(
            check(&tcp, false),
            Err(Conflict::ProxyBeyondUnix { .. })
        ));
        let nameless = config("unix:/x", false, true, &["ann=manage"]);
        assert!(matches!(
            check(&nameless, false),
            Err(Conflict::ProxyWithoutOrigin)
        ));
        let open = config("unix:/x", true, false, &["ann=manage"]);
        assert!(matches!(check(&open, false), Err(Conflict::NoProxySecret)));
        let idle = config("unix:/x", true, true, &[]);
        assert!(matches!(check(&idle, false), Err(Conflict::NoRules)));
        let narrow = config("unix:/x", true, true, &["ann=drive:a*"]);
        assert!(matches!(
            check(&narrow, false),
            Err(Conflict::NarrowDrive { .. })
        ));
        assert!(check(&narrow, true).is_ok());
    }
}
