//! One round: which lanes have something due, how much of it may run now, and what is in flight.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::FutureExt;
use hallpass_domain::{Lane, Time, Urgency};
use tokio::task::{JoinError, JoinSet};

use crate::store::{Claimed, Finish, StoreError};

use super::in_flight::InFlight;
use super::{BATCH, LEASE, RENEW, Worker, lane_label, record, run};

/// Which of a lane's places a task takes: those for taking access away are kept apart.
type Kept = (Lane, bool);

/// How many effects of a lane may be claimed now.
#[derive(Debug, Clone, Copy)]
struct Room {
    all: usize,
    /// Of these, such as don't take access away.
    patient: usize,
}

/// While something due waits for a place, it is looked again for what is more urgent.
const CROWDED: TimeDelta = TimeDelta::milliseconds(500);

pub(super) struct Round {
    worker: Arc<Worker>,
    tasks: JoinSet<Kept>,
    busy: BTreeMap<Kept, usize>,
    in_flight: Arc<InFlight>,
    number: u64,
    renewed: Instant,
}

impl Round {
    pub(super) fn new(worker: Arc<Worker>) -> Self {
        Self {
            worker,
            tasks: JoinSet::new(),
            busy: BTreeMap::new(),
            in_flight: Arc::default(),
            number: 0,
            renewed: Instant::now(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Claims and starts what is due at `now`, as far as each lane's limit allows. Answers when the next is due.
    pub(super) async fn claim_due(&mut self, now: Time) -> Result<Option<Time>, StoreError> {
        self.collect();
        self.renew(now).await?;
        let store = self.worker.parts.store.clone();
        let mut next: Option<Time> = None;
        for (lane, due) in store.lanes().await? {
            if due > now {
                next = Some(next.map_or(due, |next| next.min(due)));
                continue;
            }
            let Room { all, patient } = self.room_in(&lane);
            if patient == 0 {
                next = Some(next.map_or(now + CROWDED, |next| next.min(now + CROWDED)));
            }
            if all == 0 {
                continue;
            }
            let claimed = store.claim_within(&lane, now, LEASE, all, patient);
            let mut claimed = claimed.await?;
            claimed.retain(|one| !self.in_flight.takes_over(one));
            if lane == Lane::Internal {
                // What takes access away asks nobody; the rest may have to wait for Slack.
                let (taking, others) = claimed.into_iter().partition(is_taking);
                self.start(lane.clone(), taking);
                self.start(lane, others);
            } else {
                for one in claimed {
                    self.start(lane.clone(), vec![one]);
                }
            }
        }
        Ok(next)
    }

    /// How many effects of a lane may be claimed now. The internal lane's are decided in batches, one of those that take
    /// access away and one of the others at a time. Of a backend's places one is kept free for taking access away, so
    /// that calls that hang don't delay it; where there is only one place, it is everybody's.
    fn room_in(&self, lane: &Lane) -> Room {
        let busy = |taking| {
            let busy = self.busy.get(&(lane.clone(), taking));
            busy.copied().unwrap_or(0)
        };
        let (taking, others) = (busy(true), busy(false));
        if *lane == Lane::Internal {
            let all = if taking == 0 { BATCH } else { 0 };
            let patient = if others == 0 { all } else { 0 };
            return Room { all, patient };
        }
        let places = self.worker.bounds(lane).tasks;
        let for_others = match lane {
            Lane::Backend(_) => places.saturating_sub(1).max(1),
            Lane::Internal | Lane::Slack => places,
        };
        let all = places.saturating_sub(taking + others).min(BATCH);
        let patient = for_others.saturating_sub(others).min(all);
        Room { all, patient }
    }

    /// Keeps the leases of what runs, so that a lease can be short and a call long.
    async fn renew(&mut self, now: Time) -> Result<(), StoreError> {
        if self.renewed.elapsed() < RENEW {
            return Ok(());
        }
        self.renewed = Instant::now();
        let running = self.in_flight.all();
        self.worker.parts.store.renew(&running, now, LEASE).await
    }

    fn start(&mut self, lane: Lane, claimed: Vec<Claimed>) {
        if claimed.is_empty() {
            return;
        }
        self.number += 1;
        let (number, in_flight) = (self.number, Arc::clone(&self.in_flight));
        in_flight.enter(number, claimed.clone());
        let place = (lane.clone(), claimed.first().is_some_and(is_taking));
        *self.busy.entry(place.clone()).or_default() += 1;
        let worker = Arc::clone(&self.worker);
        self.tasks.spawn(async move {
            let work = async {
                let carried = run::carry_out(&worker, &lane, &claimed).await;
                let claimed = in_flight.of(number);
                let outcomes = claimed.iter().cloned().zip(carried).collect();
                record::outcomes(&worker, &lane, outcomes).await;
                claimed
            };
            let recorded = AssertUnwindSafe(work).catch_unwind().await;
            let left = in_flight.leave(number);
            match recorded {
                // Asked for anew and claimed again between the record and the end of this task: nobody runs that.
                Ok(recorded) => {
                    let again = left.into_iter().filter(|one| !recorded.contains(one));
                    let back = again.map(Finish::GiveBack).collect();
                    record::finish(&worker, &lane_label(&lane), back).await;
                }
                // Panics of effects are caught before, so this one is ours; its claims go back to their leases.
                Err(_) => {
                    tracing::error!(lane = %lane_label(&lane), "recording an outcome panicked");
                }
            }
            place
        });
    }

    /// Waits until one of the running is done.
    pub(super) async fn one_done(&mut self) {
        if let Some(done) = self.tasks.join_next().await {
            self.free(done);
        }
    }

    fn collect(&mut self) {
        while let Some(done) = self.tasks.try_join_next() {
            self.free(done);
        }
    }

    fn free(&mut self, done: Result<Kept, JoinError>) {
        match done {
            Ok(place) => {
                if let Some(count) = self.busy.get_mut(&place) {
                    *count = count.saturating_sub(1);
                }
            }
            Err(error) => tracing::error!(%error, "a task of the worker was lost"),
        }
    }

    /// Lets what runs finish within `limit`, then gives the rest back, due at once for whoever comes next.
    pub(super) async fn wind_up(mut self, limit: Duration) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let in_time = tokio::time::timeout(limit, all).await.is_ok();
        if !in_time {
            self.tasks.shutdown().await;
        }
        let left = self.in_flight.all();
        for claimed in &left {
            tracing::warn!(lane = %lane_label(&claimed.lane), kind = ?claimed.kind, "given back at the stop");
        }
        let back = left.into_iter().map(Finish::GiveBack).collect();
        if let Err(error) = self.worker.parts.store.finish(back).await {
            tracing::error!(%error, "what was running could not be given back; its lease will end");
        }
    }
}

fn is_taking(claimed: &Claimed) -> bool {
    claimed.urgency == Urgency::Revoke
}
