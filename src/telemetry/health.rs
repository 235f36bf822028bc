//! When the worker last went round, by the monotonic clock: wall time may jump, and health must not follow it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Older than this, and the worker counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub struct Health {
    last: Mutex<Option<Instant>>,
}

impl Health {
    /// The worker read the store and went round once.
    pub fn progressed(&self) {
        if let Ok(mut last) = self.last.lock() {
            *last = Some(Instant::now());
        }
    }

    /// How long ago the worker went round; none before its first time.
    pub fn since_progress(&self) -> Option<Duration> {
        let last = self.last.lock().ok()?;
        last.map(|last| last.elapsed())
    }

    /// Whether the worker went round within 30 seconds; otherwise the sentence that says so.
    pub fn worker(&self) -> Result<(), String> {
        match self.since_progress() {
            None => Err("the worker has not gone round yet".into()),
            Some(age) if age > STUCK_AFTER => Err(format!(
                "the worker last went round {} s ago",
                age.as_secs()
            )),
            Some(_) => Ok(()),
        }
    }
}
