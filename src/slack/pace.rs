//! Slack's "too fast": a method that answered 429 is not called again before its `Retry-After` is over, whoever asks.
//! Other methods go on (<https://docs.slack.dev/apis/web-api/rate-limits>). Nothing but moments may be kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::Time;
use crate::ports::Clock;

/// Until when which method isn't called.
pub(super) struct Pace {
    clock: Arc<dyn Clock>,
    until: Mutex<HashMap<String, Time>>,
}

impl Pace {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            until: Mutex::default(),
        }
    }

    /// How long the method must not be called yet; none where it may be.
    pub(super) fn left(&self, method: &str) -> Option<Duration> {
        let mut all = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let left = (*all.get(method)? - self.clock.now()).to_std().ok();
        let left = left.filter(|left| !left.is_zero());
        if left.is_none() {
            all.remove(method);
        }
        left
    }

    /// The method answered 429.
    pub(super) fn slow_down(&self, method: &str, after: Duration) {
        let Ok(after) = chrono::TimeDelta::from_std(after) else {
            return;
        };
        let until = self.clock.now() + after;
        let mut all = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(method.to_owned(), until);
    }
}
