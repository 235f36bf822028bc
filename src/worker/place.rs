//! A place in a lane: carries out what was claimed for it, and goes on with what waits there already. Of a backend the
//! outcome is recorded behind its back, so that a call never waits for a commit and commits are shared by many.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hallpass_domain::Lane;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::Carried;
use crate::panics::sound;
use crate::store::{Claimed, Finish};

use super::in_flight::{Begun, InFlight};
use super::{Worker, heard, lane_label, record, run};

/// How long what takes access away waits for the call that it cut off to be gone.
const GIVES_WAY: Duration = Duration::from_millis(500);

/// What is called already and not on record yet.
#[derive(Default)]
pub(super) struct Recording {
    running: AtomicUsize,
    one_done: Notify,
}

impl Recording {
    pub(super) fn begin(self: &Arc<Self>) -> Recorded {
        self.running.fetch_add(1, Ordering::AcqRel);
        Recorded(Arc::clone(self))
    }

    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running() == 0
    }

    pub(super) async fn one_done(&self) {
        self.one_done.notified().await;
    }

    pub(super) async fn all_done(&self) {
        while !self.is_idle() {
            self.one_done().await;
        }
    }
}

/// Says so when dropped, also by a panic.
pub(super) struct Recorded(Arc<Recording>);

impl Drop for Recorded {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
        self.0.one_done.notify_one();
    }
}

/// What a place works with.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) worker: Arc<Worker>,
    pub(super) lane: Lane,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) recording: Arc<Recording>,
}

impl Place {
    /// One task's work, and what waits in its lane after that. `before`: what it waits for a moment, so that there
    /// aren't two calls at once where one is borne.
    pub(super) async fn work(self, first: Begun, before: Option<CancellationToken>) {
        if let Some(before) = before {
            // A revocation waits for nothing, not even for who doesn't give way.
            drop(timeout(GIVES_WAY, before.cancelled()).await);
        }
        let mut next = Some(first);
        while let Some(begun) = next {
            let goes_on = begun.is_taking();
            self.carry_out(begun).await;
            next = match self.lane {
                Lane::Backend(_) if goes_on => self.next().await,
                Lane::Internal | Lane::Slack | Lane::Backend(_) => None,
            };
        }
    }

    /// Nothing, where the target is away: who waits is given back, and the lane's probe finds out when it is there
    /// again.
    async fn next(&self) -> Option<Begun> {
        if !self.worker.circuits.is_away(&self.lane) {
            return self.in_flight.begin_next(&self.lane);
        }
        self.give_back_waiting().await;
        None
    }

    pub(super) async fn give_back_waiting(&self) {
        let back = self.in_flight.take_waiting(Some(&self.lane));
        let back = back.into_iter().map(Finish::GiveBack).collect();
        record::finish(&self.worker, &lane_label(&self.lane), back).await;
    }

    async fn carry_out(&self, begun: Begun) {
        let (worker, lane, number) = (&self.worker, &self.lane, begun.number);
        let (together, since) = (begun.claimed.len(), Instant::now());
        let work = async {
            let answers = worker.parts.app.answers(lane);
            let carried = run::carry_out(worker, lane, &begun.claimed, &begun.lease).await;
            begun.lease.leave();
            let answered = worker.parts.app.answers(lane) > answers;
            let claimed = self.in_flight.of(number);
            let outcomes: Vec<_> = claimed.into_iter().zip(carried).collect();
            heard::take_note(worker, lane, answered, &outcomes).await;
            outcomes
        };
        let outcomes = match sound(work).await {
            Ok(outcomes) => outcomes,
            Err(why) => return self.lost(number, &why),
        };
        let recorded = self.recording.begin();
        let (place, work) = (self.clone(), self.clone().record(number, outcomes));
        let record = async move {
            if let Err(why) = sound(work).await {
                place.lost(number, &why);
            }
            drop(recorded);
        };
        match self.lane {
            Lane::Backend(_) => drop(tokio::spawn(record)),
            // What comes next in these lanes looks at what this one wrote.
            Lane::Slack => record.await,
            Lane::Internal => {
                record.await;
                if begun.is_taking() {
                    worker.ends.took(together, since.elapsed());
                }
            }
        }
    }

    async fn record(self, number: u64, outcomes: Vec<(Claimed, Carried)>) {
        let claimed: Vec<Claimed> = outcomes
            .iter()
            .map(|(claimed, _)| claimed.clone())
            .collect();
        record::outcomes(&self.worker, &self.lane, outcomes).await;
        // Asked for anew and claimed again between the record and its end.
        let anew = self.in_flight.leave(number, &claimed).into_iter();
        let back = anew.map(Finish::GiveBack).collect();
        record::finish(&self.worker, &lane_label(&self.lane), back).await;
    }

    /// Panics of effects are caught before, so this one is ours; its claims go back to their leases.
    fn lost(&self, number: u64, why: &str) {
        self.in_flight.leave(number, &[]);
        tracing::error!(lane = %lane_label(&self.lane), why, "an outcome could not be recorded");
    }
}
