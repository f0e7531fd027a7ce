//! The program: command line to configuration, log and service; the only user of anyhow.

use anyhow::anyhow;
use clap::Parser;
use muxview::config::{self, Auth, Cli, Command, Config, Loaded, Share};
use muxview::doctor::{self, Level};
use muxview::service::{self, Urls, share};
use muxview::state_dir::Vault;
use std::io::Write as _;
use std::process::ExitCode;

/// What was asked for is wrong (2), or could not be done (1).
enum Failure {
    Usage(anyhow::Error),
    Runtime(anyhow::Error),
}

fn main() -> ExitCode {
    // clap answers --help and --version itself, and wrong usage with code 2.
    let (failure, code) = match run(&Cli::parse()) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => (error, 2),
        Err(Failure::Runtime(error)) => (error, 1),
    };
    // Where nobody reads stderr, the exit code says it.
    let _ = writeln!(std::io::stderr(), "muxview: {failure:#}");
    ExitCode::from(code)
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let command = cli.command.as_ref().unwrap_or(&Command::Serve);
    match command {
        Command::Man => {
            let page = config::man().map_err(|error| Failure::Runtime(error.into()))?;
            return print(&page);
        }
        Command::Completions { shell } => return print(&config::completions(*shell)),
        _ => {}
    }
    let Loaded { config, warnings } = config::load(&cli.options, std::env::vars_os())
        .map_err(|error| Failure::Usage(error.into()))?;
    service::sessions_to_create(&config).map_err(failure)?;
    if let Command::Serve = command {
        return serve(config, warnings);
    }
    for warning in warnings {
        let _ = writeln!(std::io::stderr(), "muxview: warning: {warning}");
    }
    match command {
        Command::Url { name, qr } => tell(&url(&config, name.as_deref())?, *qr),
        Command::Share(asked) => share(&config, asked),
        Command::Doctor { url } => examine(&config, url.as_deref()),
        _ => {
            let checked = runtime()?.block_on(service::check(&config));
            for warning in checked.map_err(failure)? {
                let _ = writeln!(std::io::stderr(), "muxview: warning: {warning}");
            }
            print(b"OK\n")
        }
    }
}

/// To stdout, which may be closed early (`| head`).
fn print(text: &[u8]) -> Result<(), Failure> {
    match std::io::stdout().write_all(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Runtime(anyhow!(error).context("cannot write")))
        }
        _ => Ok(()),
    }
}

/// A URL, and for a camera its picture.
fn tell(url: &str, qr: bool) -> Result<(), Failure> {
    print(format!("{url}\n").as_bytes())?;
    if qr {
        let code = qrcode::QrCode::with_error_correction_level(url, qrcode::EcLevel::L).map_err(
            |error| Failure::Runtime(anyhow!(error).context("no QR code holds this URL")),
        )?;
        let picture = code.render::<qrcode::render::unicode::Dense1x2>().build();
        print(format!("{picture}\n").as_bytes())?;
    }
    Ok(())
}

fn share(config: &Config, asked: &Share) -> Result<(), Failure> {
    let failed = |error: share::Error| match error {
        share::Error::Terms(_) | share::Error::NotHere => Failure::Usage(error.into()),
        _ => Failure::Runtime(error.into()),
    };
    match asked {
        Share::Add {
            name,
            seconds,
            uses,
            confidential,
            qr,
        } => {
            let added =
                runtime()?.block_on(share::add(config, name, *seconds, *uses, *confidential));
            tell(&added.map_err(failed)?, *qr)
        }
        Share::Ls => print(share::list(config).map_err(failed)?.as_bytes()),
        Share::Rm { id } => runtime()?
            .block_on(share::remove(config, id))
            .map_err(failed),
    }
}

fn examine(config: &Config, url: Option<&str>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Runtime(anyhow!(error).context("cannot start")))?;
    let found = runtime
        .block_on(doctor::examine(config, url))
        .map_err(|error| Failure::Usage(error.into()))?;
    for finding in &found {
        println!("{finding}");
    }
    match found.iter().filter(|f| f.level == Level::Fail).count() {
        0 => Ok(()),
        bad => Err(Failure::Runtime(anyhow!("{bad} to mend"))),
    }
}

fn failure(error: service::Error) -> Failure {
    if error.is_usage() {
        Failure::Usage(error.into())
    } else {
        Failure::Runtime(error.into())
    }
}

fn url(config: &Config, name: Option<&str>) -> Result<String, Failure> {
    let link = match config.auth {
        Auth::Token => {
            let link = Vault::open(config.state_dir.as_deref()).and_then(|vault| vault.link());
            Some(link.map_err(|error| Failure::Runtime(error.into()))?)
        }
        Auth::None | Auth::Proxy => None,
    };
    let urls = Urls::configured(config, link).ok_or_else(|| {
        let sentence = "with port 0 only the running service knows its port: see its first lines";
        Failure::Runtime(anyhow!(sentence))
    })?;
    Ok(urls.first(name))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Runtime(anyhow!(error).context("cannot start threads")))
}

fn serve(config: Config, warnings: Vec<String>) -> Result<(), Failure> {
    service::log::start(config.log);
    service::log::tell_panics();
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if rustix::process::geteuid().is_root() {
        tracing::warn!("running as root: whoever may type here is root");
    }
    let runtime = runtime()?;
    let served = runtime.block_on(service::serve(config));
    // Tasks are dropped, and with them our tmux clients ended. But a thread that waits for a tmux that
    // never answers must not keep us.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    served.map_err(failure)
}
