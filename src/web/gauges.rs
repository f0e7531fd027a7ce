//! What is counted, under which name and with which words of help. In: counts from wherever the
//! work is done. Out: text for Prometheus. It must not know who asks.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

use crate::tmux::QUERY_SECONDS;

/// How it behaves.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Only ever more.
    Counter(Unit),
    /// As it is now.
    Gauge(Unit),
    /// How long something took.
    Seconds,
}
use Kind::{Counter, Gauge, Seconds};

/// All there is. What is counted elsewhere under another name has no help, and a test fails.
const METERS: &[(&str, Kind, &str)] = &[
    (
        "muxview_build_info",
        Gauge(Unit::Count),
        "Always 1; its label is the version.",
    ),
    (
        "muxview_sockets_open",
        Gauge(Unit::Count),
        "Open WebSockets, also those that are being turned away.",
    ),
    (
        "muxview_viewers",
        Gauge(Unit::Count),
        "Viewers of sessions; role is drive or view.",
    ),
    (
        "muxview_bridges",
        Gauge(Unit::Count),
        "Sessions with an attached client of ours.",
    ),
    (
        "muxview_reattaches_total",
        Counter(Unit::Count),
        "Attached clients that ended and were replaced, or were tried to be.",
    ),
    (
        "muxview_pictures_total",
        Counter(Unit::Count),
        "Pictures taken of sessions somebody watches.",
    ),
    (
        "muxview_frames_encoded_total",
        Counter(Unit::Count),
        "Frames made, each for all viewers that stand at the same picture; kind is repaint or delta.",
    ),
    (
        "muxview_frame_encoded_bytes_total",
        Counter(Unit::Bytes),
        "Bytes of the frames made.",
    ),
    (
        "muxview_chunks_made_total",
        Counter(Unit::Count),
        "Frames compressed, each for all viewers that can take it; kind is link, entry or alone.",
    ),
    (
        "muxview_deflate_saved_bytes_total",
        Counter(Unit::Bytes),
        "Bytes not sent to viewers as their frames were compressed.",
    ),
    (
        "muxview_wrong_frames_total",
        Counter(Unit::Count),
        "Frames that did not give the picture they were made for; counted with MUXVIEW_CHECK_FRAMES only.",
    ),
    (
        "muxview_frames_total",
        Counter(Unit::Count),
        "Frames sent, one for each viewer.",
    ),
    (
        "muxview_frame_bytes_total",
        Counter(Unit::Bytes),
        "Bytes of the frames sent.",
    ),
    (
        "muxview_input_bytes_total",
        Counter(Unit::Bytes),
        "Bytes typed by viewers.",
    ),
    (
        "muxview_viewer_lags_total",
        Counter(Unit::Count),
        "Times a viewer had taken too little of what it was sent to be sent more.",
    ),
    (
        "muxview_viewer_resyncs_total",
        Counter(Unit::Count),
        "Times a viewer was so far behind that the difference was given up for a repaint.",
    ),
    (
        "muxview_handoffs_total",
        Counter(Unit::Count),
        "Times this process took over from another image of the program.",
    ),
    (
        "muxview_handoff_viewers_total",
        Counter(Unit::Count),
        "Viewers handed over to this process; result is resumed or refused.",
    ),
    (
        "muxview_handoff_seconds",
        Gauge(Unit::Seconds),
        "How long viewers were served by nobody at the last handoff to this process.",
    ),
    (
        "muxview_refusals_total",
        Counter(Unit::Count),
        "Requests turned away before any route; reason is full, budget, strangers, host, origin, cross_site, media_type, too_large, proxy or sign_in.",
    ),
    (
        "muxview_audit_lines_total",
        Counter(Unit::Count),
        "Lines written to the audit log.",
    ),
    (
        "muxview_audit_lost_total",
        Counter(Unit::Count),
        "Lines that could be neither written to the audit log nor kept until they could; it says so itself.",
    ),
    (
        "muxview_audit_failing",
        Gauge(Unit::Count),
        "1 while the audit log cannot be written, else 0.",
    ),
    (
        "muxview_closes_total",
        Counter(Unit::Count),
        "WebSockets closed by us; code is the close code.",
    ),
    (
        "muxview_http_requests_total",
        Counter(Unit::Count),
        "Requests answered; status is the HTTP status.",
    ),
    (
        "muxview_panics_total",
        Counter(Unit::Count),
        "Parts of muxview that failed by a bug; each is in the log.",
    ),
    (
        QUERY_SECONDS,
        Seconds,
        "How long tmux took to answer; by is the connection that is kept, or a process for one question.",
    ),
];

/// Upper ends of the buckets of [`Seconds`].
const BUCKETS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// The recorder is one per process; a second service in it shares it.
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Starts counting. What is counted before is lost.
pub(crate) fn record() {
    RECORDER.get_or_init(|| {
        let handle = install();
        for (name, kind, help) in METERS {
            match kind {
                Counter(unit) => describe_counter!(*name, *unit, *help),
                Gauge(unit) => describe_gauge!(*name, *unit, *help),
                Seconds => describe_histogram!(*name, Unit::Seconds, *help),
            }
        }
        metrics::gauge!("muxview_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        handle
    });
}

fn install() -> Option<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(QUERY_SECONDS.to_owned()), &BUCKETS);
    builder
        .and_then(PrometheusBuilder::install_recorder)
        .inspect_err(|error| tracing::warn!(%error, "there will be no metrics"))
        .ok()
}

/// All of it as it is now; none if nothing is counted.
pub(super) fn render() -> Option<String> {
    Some(RECORDER.get()?.as_ref()?.render())
}

/// Puts what was measured into its buckets. Measurements pile up between two of these.
pub(crate) fn tidy() {
    if let Some(Some(handle)) = RECORDER.get() {
        handle.run_upkeep();
    }
}
