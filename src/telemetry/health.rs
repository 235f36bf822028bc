//! When the worker last went round, by the monotonic clock: wall time may jump, and health must not follow it; and which
//! targets are away.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Older than this, and the worker counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub struct Health {
    last: Mutex<Option<Instant>>,
    away: Mutex<BTreeSet<String>>,
}

impl Health {
    /// The worker read the store and went round once.
    pub fn progressed(&self) {
        self.progressed_at(Instant::now());
    }

    /// The same, at that moment.
    pub fn progressed_at(&self, moment: Instant) {
        if let Ok(mut last) = self.last.lock() {
            *last = Some(moment);
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

    /// The target of this lane gives no answers: `backend:orders-db`, `slack`.
    pub fn lane_away(&self, lane: &str) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.insert(lane.to_owned());
    }

    pub fn lane_back(&self, lane: &str) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.remove(lane);
    }

    /// Whether every target that was asked lately answers; otherwise the sentence that names those that don't.
    pub fn lanes(&self) -> Result<(), String> {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<&str> = away.iter().map(String::as_str).collect();
        match names.as_slice() {
            [] => Ok(()),
            [one] => Err(format!("{one} is away, and is asked every few seconds")),
            many => Err(format!(
                "{} are away, and are asked every few seconds",
                many.join(", ")
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Health;

    #[test]
    fn a_worker_that_does_not_go_round_is_stuck() {
        let health = Health::default();
        let why = health.worker().expect_err("it never went round");
        assert!(why.contains("has not gone round yet"), "{why}");
        let ago = |seconds| {
            let ago = Instant::now().checked_sub(Duration::from_secs(seconds));
            ago.expect("this machine is up for longer")
        };
        health.progressed_at(ago(29));
        assert_eq!(health.worker(), Ok(()));
        health.progressed_at(ago(31));
        let why = health.worker().expect_err("it went round long ago");
        assert!(why.contains("last went round 31 s ago"), "{why}");
        health.progressed();
        assert_eq!(health.worker(), Ok(()));
    }

    #[test]
    fn who_is_away_is_named_until_it_is_back() {
        let health = Health::default();
        assert_eq!(health.lanes(), Ok(()));
        health.lane_away("slack");
        health.lane_away("backend:orders-db");
        let why = health.lanes().expect_err("two are away");
        assert!(
            why.starts_with("backend:orders-db, slack are away"),
            "{why}"
        );
        health.lane_back("slack");
        health.lane_back("backend:orders-db");
        assert_eq!(health.lanes(), Ok(()));
    }
}
