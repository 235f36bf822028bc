//! Each sink has a task of its own that hands it the newest checkpoint: a slow one delays neither the sealer nor another.
//! A failing one is tried again for ever, counted, and told to the security channel.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::checkpoint::{Checkpoint, Sink, SinkError};
use super::failing::Failing;
use super::seal::Now;
use crate::panics::sound;
use crate::store::Store;
use crate::telemetry::Metrics;

/// Between attempts.
const AGAIN: Duration = Duration::from_secs(3);
/// What one attempt may take, beside the sink's own limit.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Keeper {
    sink: Box<dyn Sink>,
    /// The sequence that it has.
    has: u64,
    failing: Failing,
}

/// What every keeper needs besides.
pub(super) struct Kept {
    pub(super) store: Store,
    pub(super) metrics: Arc<Metrics>,
    pub(super) now: Now,
}

impl Keeper {
    pub fn of(sink: impl Sink + 'static) -> Self {
        Self {
            sink: Box::new(sink),
            has: 0,
            failing: Failing::default(),
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
                if self.failing.ends() {
                    tracing::info!(sink = name, "checkpoints are kept again");
                }
                self.has = checkpoint.sequence;
                kept.metrics.anchored(&name, checkpoint.sequence);
                true
            }
            Err(error) => {
                kept.metrics.anchor_failed(&name);
                let now = (kept.now)();
                if self.failing.again(now) {
                    tracing::error!(sink = name, %error, "a checkpoint isn't kept; it is tried again");
                }
                if self.failing.is_to_be_told(now) {
                    tracing::error!(sink = name, %error, "checkpoints still aren't kept");
                    let why = format!(
                        "Checkpoints of the record haven't reached {name} for some minutes: {}",
                        error.for_people()
                    );
                    if let Err(error) = self.failing.tell(&kept.store, why).await {
                        tracing::warn!(%error, "that checkpoints aren't kept can't be told just now");
                    }
                }
                false
            }
        }
    }
}

/// Returns true once nobody can send any more.
async fn gone(mut newest: watch::Receiver<Option<Checkpoint>>) -> bool {
    while newest.changed().await.is_ok() {}
    true
}
