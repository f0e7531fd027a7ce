//! The thread that writes audit lines, so that nobody else waits for a disk. EDGE. In: lines. Out: the
//! file, and in [`Health`] how that goes. What cannot be written is kept and tried again. It must not
//! know what lines say, but for those it adds.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

use super::clock;
use super::event::{Event, line};
use super::file::AuditFile;
use crate::config::limits::{AUDIT_BATCH_BYTES, AUDIT_RETRY, COMPLAINT_INTERVAL};

/// What the thread is asked.
#[derive(Debug)]
pub(super) enum Order {
    /// To write this line.
    Line(String),
    /// To say so once all before is written.
    Settle(oneshot::Sender<()>),
}

/// How writing goes.
#[derive(Debug, Default)]
pub(super) struct Health {
    failing: AtomicBool,
    /// Lines nobody could take, and that have not been told of.
    lost: AtomicU64,
    /// When it was complained of last.
    complained: Mutex<Option<Instant>>,
}

impl Health {
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// A line could not be kept until it is written.
    pub(super) fn lose(&self) {
        self.lost.fetch_add(1, Ordering::AcqRel);
        metrics::counter!("muxview_audit_lost_total").increment(1);
        self.fail(&"more happens than can be written");
    }

    pub(super) fn fail(&self, cause: &dyn std::fmt::Display) {
        self.failing.store(true, Ordering::Release);
        metrics::gauge!("muxview_audit_failing").set(1.0);
        let mut complained = self
            .complained
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if complained.is_none_or(|at| at.elapsed() > COMPLAINT_INTERVAL) {
            *complained = Some(Instant::now());
            drop(complained);
            tracing::error!("the audit log is not written: {cause}");
        }
    }

    fn well(&self) {
        metrics::gauge!("muxview_audit_failing").set(0.0);
        if self.failing.swap(false, Ordering::AcqRel) {
            tracing::info!("the audit log is written again");
        }
    }
}

/// Writes until nobody can tell anything any more.
pub(super) fn run(mut file: AuditFile, mut orders: mpsc::Receiver<Order>, health: &Arc<Health>) {
    let mut settled = vec![];
    while let Some(order) = orders.blocking_recv() {
        let (mut batch, mut lines) = (String::new(), 0);
        let mut next = Some(order);
        while let Some(order) = next {
            match order {
                Order::Line(line) => {
                    batch.push_str(&line);
                    lines += 1;
                }
                Order::Settle(done) => settled.push(done),
            }
            let more = batch.len() < AUDIT_BATCH_BYTES;
            next = more.then(|| orders.try_recv().ok()).flatten();
        }
        let lost = health.lost.swap(0, Ordering::AcqRel);
        if lost > 0 {
            batch.push_str(&line(clock::now(), &Event::Lost { lines: lost }));
        }
        while let Err(error) = file.append(&batch) {
            health.fail(&error);
            // Who waits is told that it did not come about.
            settled.clear();
            if orders.is_closed() {
                return;
            }
            std::thread::sleep(AUDIT_RETRY);
        }
        health.well();
        metrics::counter!("muxview_audit_lines_total").increment(lines);
        for done in settled.drain(..) {
            // Who waited may have given up.
            let _ = done.send(());
        }
    }
}
