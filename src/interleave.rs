//! Points at which a test holds up what is under way, to see what a change in between does. They stand
//! where something was waited for between judging a request and acting on it. A leaf; in a release build
//! there is nothing of it.

use std::time::Duration;

/// How long to hold up what has come to a point.
pub type Hook = fn(point: &'static str) -> Duration;

#[cfg(debug_assertions)]
static HOOK: std::sync::OnceLock<Hook> = std::sync::OnceLock::new();

/// Has the rest of this process held up as this says. Only the first call counts.
#[doc(hidden)]
pub fn install(hook: Hook) {
    #[cfg(debug_assertions)]
    let _ = HOOK.set(hook);
    #[cfg(not(debug_assertions))]
    let _ = hook;
}

/// Waits as long as the test says.
#[allow(clippy::unused_async)] // in a release build
pub(crate) async fn at(point: &'static str) {
    #[cfg(debug_assertions)]
    if let Some(hook) = HOOK.get() {
        let held = hook(point);
        if !held.is_zero() {
            tokio::time::sleep(held).await;
        }
    }
    #[cfg(not(debug_assertions))]
    let _ = point;
}
