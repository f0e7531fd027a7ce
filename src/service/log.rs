//! The log on stderr: for people, for machines, for the journal. In: `--log`. Out: lines. What is
//! in them is decided where they are written; `RUST_LOG` narrows or widens it.

use std::fmt;
use std::io::IsTerminal;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Compact, Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::Log;

/// Starts the log, in the form the journal takes if it reads stderr and no other is asked for. Only
/// the first start in a process counts.
pub fn start(form: Option<Log>) {
    let form = form.unwrap_or(if is_journal() {
        Log::Journald
    } else {
        Log::Text
    });
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It tells of a stderr nobody reads on stderr, and panics: the service outlives its terminal.
        .log_internal_errors(false);
    // A second start, in tests, finds the first one's log and keeps it.
    let _ = match form {
        Log::Text => base
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .try_init(),
        Log::Json => base
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init(),
        Log::Journald => base
            .with_ansi(false)
            .event_format(Journald::default())
            .try_init(),
    };
}

/// Whether the journal reads stderr, which keeps what it reads, for others of this machine too.
pub(super) fn is_journal() -> bool {
    let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    rustix::fs::fstat(std::io::stderr())
        .is_ok_and(|stderr| stream == format!("{}:{}", stderr.st_dev, stderr.st_ino))
}

/// Has panics told like everything else, once each, and counted. A task that panics ends alone; what it
/// owned is dropped, by which its viewers are told to come again.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let message = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        let place = panic.location().map(ToString::to_string);
        let trace = std::backtrace::Backtrace::capture();
        let trace = match trace.status() {
            std::backtrace::BacktraceStatus::Captured => format!("\n{trace}"),
            _ => String::new(),
        };
        metrics::counter!("muxview_panics_total").increment(1);
        tracing::error!(
            place,
            "a part of muxview failed, which is a bug; the rest goes on: {message}{trace}"
        );
    }));
}

/// A line led by its priority as syslog numbers it; the journal has the time itself.
struct Journald(Format<Compact, ()>);

impl Default for Journald {
    fn default() -> Self {
        let format = tracing_subscriber::fmt::format();
        Self(
            format
                .compact()
                .without_time()
                .with_level(false)
                .with_target(false)
                .with_ansi(false),
        )
    }
}

impl<S, N> FormatEvent<S, N> for Journald
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        let mut text = String::new();
        self.0
            .format_event(context, Writer::new(&mut text), event)?;
        // The journal takes each line for a message of its own.
        text.lines()
            .try_for_each(|line| writeln!(writer, "<{priority}>{line}"))
    }
}
