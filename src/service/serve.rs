//! [`serve`]: the life of the process: started by systemd or a person, told by signals to end or to go
//! on as another image. In: a [`Config`] and signals. Out: nothing, once it is over. It must not know
//! what a running service is made of.

use std::io::Write as _;

use super::Error;
use super::handoff::image::{self, Image};
use super::log;
use super::notify::Notify;
use super::running::Service;
use super::signals::{Asked, Signals};
use crate::config::Config;
use crate::config::limits::SHUTDOWN;
use crate::net;
use crate::net::inherited_fds;
use crate::tmux;

/// Serves until a signal says otherwise. Prints one line with the URL once it is ready.
pub async fn serve(config: Config) -> Result<(), Error> {
    let image = Image::of_this_process();
    let notify = Notify::from_environment();
    let mut signals = Signals::new().map_err(Error::Signals)?;
    let mut passed = inherited_fds::take().map_err(net::Error::Passing)?;
    image::reap_children(&passed);
    loop {
        let mut service = tokio::select! {
            service = Service::resume(config.clone(), passed, &notify) => service?,
            signal = signals.stop() => {
                tracing::info!(signal, "stopped before it was ready");
                return Ok(());
            }
        };
        let urls = service.urls();
        let urls = if log::is_journal() {
            urls.without_link()
        } else {
            urls.to_string()
        };
        // Nobody may be reading any more, which is no reason not to serve.
        let _ = writeln!(std::io::stderr(), "muxview: {urls}");
        service.report_to(&notify);
        let signal = match asked(&mut signals, &image, service.given, &notify).await {
            Asked::Stop(signal) => signal,
            Asked::Reload => {
                let rest = service.leave("reload").await;
                passed = rest.pack();
                if let Some(signal) = signals.stop_now() {
                    tracing::info!(signal, "stopping; the next image is not started");
                    let rest = Service::resume(config, passed, &notify).await?;
                    rest.retire(&notify, signal).await;
                    return Ok(());
                }
                tmux::end_clients();
                let error = image.execute(&passed);
                tracing::error!("cannot start {image}, so this process goes on: {error}");
                continue;
            }
        };
        notify.stopping();
        tracing::info!(signal, "stopping; a second signal stops at once");
        end_in_time();
        return tokio::select! {
            () = service.retire(&notify, signal) => Ok(()),
            signal = signals.stop() => {
                tracing::warn!(signal, "stopped at once");
                std::process::exit(1);
            }
        };
    }
}

/// Sees to it that the process ends in time though what should end it is stuck.
fn end_in_time() {
    std::thread::spawn(|| {
        std::thread::sleep(SHUTDOWN);
        tracing::error!("could not end in time");
        std::process::exit(1);
    });
}

/// Waits until the service is to end, in one way or the other. Another image is asked first whether
/// it can go on: once it runs, there is no way back.
async fn asked(signals: &mut Signals, image: &Image, given: bool, notify: &Notify) -> Asked {
    loop {
        if let Asked::Stop(signal) = signals.asked().await {
            return Asked::Stop(signal);
        }
        tracing::info!("asked to reload: checking {image}");
        notify.reloading();
        let checked = tokio::select! {
            checked = image.check(given) => checked,
            signal = signals.stop() => return Asked::Stop(signal),
        };
        match checked {
            Ok(()) => return Asked::Reload,
            Err(cause) => {
                tracing::error!("not reloaded, this process goes on: {cause}");
                notify.ready();
                notify.status(&format!("Not reloaded: {cause}"));
            }
        }
    }
}
