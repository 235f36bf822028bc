//! The worker: claims the effects that are due, lane by lane, has `app` carry them out, and records what came of it in
//! the same commit. It decides only when something is tried again, never what is true: that is read anew each time.
//!
//! It sleeps until the next due moment, is woken by every commit, and looks for itself every few seconds besides, so
//! that a lost notification costs seconds and not an access that stays. Nothing is remembered here that a crash would
//! lose. Slack and the backends are reached through the ports alone.

mod circuit;
mod heard;
mod heartbeat;
mod in_flight;
mod looks;
mod people_first;
mod place;
mod record;
mod renewal;
mod retry;
mod room;
mod round;
mod rounds;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hallpass_domain::planted::{Fault, planted};
use hallpass_domain::{BackendName, Lane, Time};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::ports::{Clock, Entropy};
use crate::store::{Pace, Store};
use crate::telemetry::{Health, Metrics};

use round::Round;

pub use circuit::Circuits;
pub use heartbeat::{Heartbeat, Watched};
pub use rounds::{Rounds, UnderWay};

/// What runs longer has its lease renewed, so often.
const RENEW: Duration = Duration::from_secs(3);
/// At most so many effects of a lane at a time.
const BATCH: usize = 64;
/// Of those that take access away, which only read rows, decide and write: what they share with each other is most of
/// what one costs alone.
const ENDS: usize = 256;
/// So many that take access away are claimed for each place of a backend.
const AHEAD: usize = 4;
/// How often it looks without being woken.
const SLOW_POLL: Duration = Duration::from_secs(5);
/// What only reads and decides.
const QUICK: Duration = Duration::from_secs(9);
/// A notice goes to several people, a card stands in several places; each call is bounded by itself.
const SEVERAL_MESSAGES: Duration = Duration::from_secs(60);
/// After the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// What is running at a stop gets so long, then it is given back.
const LAST_ORDERS: Duration = Duration::from_secs(10);

/// What one backend bears.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls at a time.
    pub concurrency: usize,
    /// One call's limit; an effect is up to four of them.
    pub call: Duration,
}

/// What the worker works with.
pub struct Parts {
    pub app: Arc<App>,
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub backends: BTreeMap<BackendName, Limits>,
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
}

pub struct Worker {
    parts: Parts,
    resting: watch::Sender<Option<u64>>,
    circuits: Arc<Circuits>,
    /// How many ends are decided and written together.
    ends: Pace,
}

impl Worker {
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            parts,
            resting: watch::Sender::new(None),
            circuits: Arc::default(),
            ends: Pace::up_to(ENDS),
        })
    }

    /// The number of the commit ([`Store::changed`]) that it had seen when it came to rest, with nothing in flight;
    /// none while it works. For whoever waits until all is done.
    pub fn resting(&self) -> watch::Receiver<Option<u64>> {
        self.resting.subscribe()
    }

    /// Which lanes lead to a target that is away.
    pub fn circuits(&self) -> Arc<Circuits> {
        Arc::clone(&self.circuits)
    }

    /// Works until `stop`; then nothing more is claimed, and what runs is finished or given back.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut changed = self.parts.store.changed();
        let mut round = Round::new(Arc::clone(&self));
        while !stop.is_cancelled() {
            self.resting.send_replace(None);
            let seen = *changed.borrow_and_update();
            let now = self.parts.clock.now();
            let (next, pause) = match round.claim_due(now).await {
                Ok(next) => {
                    self.parts.health.progressed();
                    (next, SLOW_POLL)
                }
                Err(error) => {
                    tracing::error!(%error, "the worker can't read what is due");
                    (None, STORE_PAUSE)
                }
            };
            let rests = round.is_idle() && pause == SLOW_POLL;
            self.resting.send_replace(rests.then_some(seen));
            let pause = if round.is_idle() { pause } else { RENEW };
            // Planted, only who is called looks.
            let looks_by_itself = !planted(Fault::ListenDeadUnnoticed);
            tokio::select! {
                () = stop.cancelled() => {}
                () = round.called(&mut changed) => {}
                () = self.due(next) => {}
                () = tokio::time::sleep(pause), if looks_by_itself => {}
            }
        }
        self.resting.send_replace(None);
        round.wind_up(LAST_ORDERS).await;
    }

    async fn due(&self, next: Option<Time>) {
        match next {
            Some(next) => self.parts.clock.wait_until(next).await,
            None => std::future::pending().await,
        }
    }

    /// How many tasks a lane may have, and how long one effect may take.
    fn bounds(&self, lane: &Lane) -> Bounds {
        match lane {
            // One task, which decides the whole batch.
            Lane::Internal => Bounds {
                tasks: 1,
                effect: QUICK,
            },
            Lane::Slack => Bounds {
                tasks: 4,
                effect: SEVERAL_MESSAGES,
            },
            Lane::Backend(name) => {
                let limits = self.parts.backends.get(name).copied().unwrap_or(Limits {
                    concurrency: 1,
                    call: Duration::from_secs(2),
                });
                // Observe, call, read back, and what Slack and the store take beside them.
                Bounds {
                    tasks: if planted(Fault::ExpiryExhaustsConnections) {
                        // As many at a time as are due.
                        BATCH
                    } else {
                        limits.concurrency.max(1)
                    },
                    effect: limits.call * 4 + QUICK,
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    tasks: usize,
    effect: Duration,
}

/// As it stands in metrics and in the log.
pub fn lane_label(lane: &Lane) -> String {
    match lane {
        Lane::Internal => "internal".into(),
        Lane::Slack => "slack".into(),
        Lane::Backend(name) => format!("backend:{name}"),
    }
}
