//! Each sink has a task of its own that hands it the newest checkpoint: a slow one delays neither the sealer nor another.
//! A failing one is tried again for ever, counted, and after some minutes told to the security channel, once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hallpass_domain::{Announcement, Change};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::checkpoint::{Checkpoint, Sink, SinkError};
use crate::panics::sound;
use crate::store::Store;
use crate::telemetry::Metrics;

/// Between attempts.
const AGAIN: Duration = Duration::from_secs(3);
/// What one attempt may take, beside the sink's own limit.
const PATIENCE: Duration = Duration::from_secs(60);
/// A failing sink is told to people after so long.
const TOLD_AFTER: Duration = Duration::from_secs(180);

pub struct Keeper {
    sink: Box<dyn Sink>,
    /// The sequence that it has.
    has: u64,
    failing: Option<Failing>,
}

struct Failing {
    since: Instant,
    told: bool,
}

/// What every keeper needs besides.
pub(super) struct Kept {
    pub(super) store: Store,
    pub(super) metrics: Arc<Metrics>,
}

impl Keeper {
    pub fn of(sink: impl Sink + 'static) -> Self {
        Self {
            sink: Box::new(sink),
            has: 0,
            failing: None,
        }
    }

    /// Until the sealer is gone; the last checkpoint is tried once more then.
    pub(super) async fn run(mut self, kept: Kept, mut newest: watch::Receiver<Option<Checkpoint>>) {
        let mut last = false;
        loop {
            let checkpoint = newest.borrow_and_update().clone();
            let due = checkpoint.filter(|one| one.sequence != self.has);
            let failed = match due {
                None => false,
                Some(checkpoint) => !self.hand_over(&checkpoint, &kept).await,
            };
            if last {
                return;
            }
            last = if failed {
                tokio::select! {
                    () = sleep(AGAIN) => newest.has_changed().is_err(),
                    gone = gone(newest.clone()) => gone,
                }
            } else {
                newest.changed().await.is_err()
            };
        }
    }

    async fn hand_over(&mut self, checkpoint: &Checkpoint, kept: &Kept) -> bool {
        let done = match sound(timeout(PATIENCE, self.sink.put(checkpoint))).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(SinkError::new("it gave no answer in time")),
            Err(why) => Err(SinkError::because("handing it over failed", &why)),
        };
        let name = self.sink.name();
        match done {
            Ok(()) => {
                if self.failing.take().is_some() {
                    tracing::info!(sink = name, "checkpoints are kept again");
                }
                self.has = checkpoint.sequence;
                kept.metrics.anchored(&name, checkpoint.sequence);
                true
            }
            Err(error) => {
                kept.metrics.anchor_failed(&name);
                self.fails(&name, &error, kept).await;
                false
            }
        }
    }

    async fn fails(&mut self, name: &str, error: &SinkError, kept: &Kept) {
        let failing = self.failing.get_or_insert_with(|| {
            tracing::error!(sink = name, %error, "a checkpoint isn't kept; it is tried again");
            Failing {
                since: Instant::now(),
                told: false,
            }
        });
        if failing.told || failing.since.elapsed() < TOLD_AFTER {
            return;
        }
        tracing::error!(sink = name, %error, "checkpoints still aren't kept");
        let why = format!(
            "Checkpoints of the record haven't reached {name} for some minutes: {}",
            error.for_people()
        );
        let announcement = Announcement::RecordBroken {
            sequence: None,
            why,
        };
        let told = kept
            .store
            .apply_one(Change::default().announce(announcement));
        failing.told = told.await.is_ok();
    }
}

/// Returns true once nobody can send any more.
async fn gone(mut newest: watch::Receiver<Option<Checkpoint>>) -> bool {
    while newest.changed().await.is_ok() {}
    true
}
