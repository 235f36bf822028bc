//! One round: which lanes have something due, how much of it may run now, and what is in flight.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt;
use hallpass_domain::{Lane, Time, Urgency};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::{LEASE, Lease};
use crate::store::{Claimed, Finish, StoreError};

use super::circuit::Gate;
use super::in_flight::InFlight;
use super::{BATCH, RENEW, Worker, heard, lane_label, record, run};

/// Which of a lane's places a task takes: those for taking access away are kept apart.
type Kept = (Lane, bool);

/// How many effects of a lane may be claimed now.
#[derive(Debug, Clone, Copy)]
struct Room {
    all: usize,
    /// Of these, such as don't take access away.
    patient: usize,
    /// Every place is taken by what gives access: what takes it away has it give way.
    gives_way: bool,
}

impl Room {
    /// One effect, or as many as there are places.
    fn for_a_probe(self, gives: bool, wide: bool) -> Self {
        let all = if wide { self.all } else { self.all.min(1) };
        Self {
            all,
            patient: if gives { self.patient.min(all) } else { 0 },
            gives_way: self.gives_way,
        }
    }
}

/// How long what takes access away waits for the call that it cut off to be gone.
const GIVES_WAY: Duration = Duration::from_millis(500);

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
            let room = match self.worker.circuits.gate(&lane, now) {
                Gate::Open => self.room_in(&lane),
                Gate::Shut(until) => {
                    next = Some(next.map_or(until, |next| next.min(until)));
                    continue;
                }
                Gate::Probe { gives, wide } => {
                    self.worker.circuits.probes(&lane, now);
                    self.room_in(&lane).for_a_probe(gives, wide)
                }
            };
            if room.patient == 0 {
                next = Some(next.map_or(now + CROWDED, |next| next.min(now + CROWDED)));
            }
            if room.all > 0 {
                self.claim(lane, now, room).await?;
            }
        }
        Ok(next)
    }

    async fn claim(&mut self, lane: Lane, now: Time, room: Room) -> Result<(), StoreError> {
        let (store, asked) = (&self.worker.parts.store, Instant::now());
        let claimed = store.claim_within(&lane, now, LEASE, room.all, room.patient);
        let mut claimed = claimed.await?;
        claimed.retain(|one| !self.in_flight.takes_over(one, asked));
        if lane == Lane::Internal {
            // What takes access away asks nobody; the rest may have to wait for Slack.
            let (taking, others) = claimed.into_iter().partition(is_taking);
            self.start(lane.clone(), taking, asked, None);
            self.start(lane, others, asked, None);
            return Ok(());
        }
        for one in claimed {
            let before = room.gives_way.then(|| self.in_flight.give_way(&lane));
            self.start(lane.clone(), vec![one], asked, before.flatten());
        }
        Ok(())
    }

    /// How many effects of a lane may be claimed now. The internal lane's are decided in batches, one of those that take
    /// access away and one of the others at a time. Of a backend's places one is kept free for taking access away, so
    /// that calls that hang don't delay it; where there is only one place, it is everybody's, and an attempt to give access
    /// that has it gives way: its outcome is unknown then, and is observed by the next.
    fn room_in(&self, lane: &Lane) -> Room {
        let busy = |taking| {
            let busy = self.busy.get(&(lane.clone(), taking));
            busy.copied().unwrap_or(0)
        };
        let (taking, others) = (busy(true), busy(false));
        if *lane == Lane::Internal {
            let all = if taking == 0 { BATCH } else { 0 };
            let patient = if others == 0 { all } else { 0 };
            return Room {
                all,
                patient,
                gives_way: false,
            };
        }
        let places = self.worker.bounds(lane).tasks;
        let for_others = match lane {
            Lane::Backend(_) => places.saturating_sub(1).max(1),
            Lane::Internal | Lane::Slack => places,
        };
        let all = places.saturating_sub(taking + others).min(BATCH);
        let patient = for_others.saturating_sub(others).min(all);
        let gives_way =
            matches!(lane, Lane::Backend(_)) && places == 1 && others == 1 && taking == 0;
        Room {
            all: if gives_way { 1 } else { all },
            patient,
            gives_way,
        }
    }

    /// Keeps the leases of what runs, so that a lease can be short and a call long. What was lost is cut off.
    async fn renew(&mut self, now: Time) -> Result<(), StoreError> {
        if self.renewed.elapsed() < RENEW {
            return Ok(());
        }
        let asked = Instant::now();
        self.renewed = asked;
        let (store, running) = (&self.worker.parts.store, self.in_flight.all());
        store.renew(&running, now, LEASE).await?;
        let ours = store.still_ours(&running).await?;
        let lost = self.in_flight.renewed(asked, &running, &ours);
        if lost > 0 {
            tracing::warn!(
                lost,
                "leases were lost to another process: what runs under them is cut off"
            );
            self.worker.parts.metrics.leases_lost(lost);
        }
        Ok(())
    }

    /// `asked`: a moment before it was claimed. `before`: what it waits for a moment, so that there aren't two at once.
    fn start(
        &mut self,
        lane: Lane,
        claimed: Vec<Claimed>,
        asked: Instant,
        before: Option<CancellationToken>,
    ) {
        if claimed.is_empty() {
            return;
        }
        self.number += 1;
        let (number, in_flight) = (self.number, Arc::clone(&self.in_flight));
        let lease = Arc::new(Lease::since(asked));
        in_flight.enter(number, claimed.clone(), Arc::clone(&lease));
        let place = (lane.clone(), claimed.first().is_some_and(is_taking));
        *self.busy.entry(place.clone()).or_default() += 1;
        let worker = Arc::clone(&self.worker);
        self.tasks.spawn(async move {
            let work = async {
                if let Some(before) = before {
                    // A revocation waits for nothing, not even for who doesn't give way.
                    drop(timeout(GIVES_WAY, before.cancelled()).await);
                }
                let answers = worker.parts.app.answers(&lane);
                let carried = run::carry_out(&worker, &lane, &claimed, &lease).await;
                lease.leave();
                let answered = worker.parts.app.answers(&lane) > answers;
                let claimed = in_flight.of(number);
                let outcomes: Vec<_> = claimed.iter().cloned().zip(carried).collect();
                heard::take_note(&worker, &lane, answered, &outcomes).await;
                record::outcomes(&worker, &lane, outcomes).await;
                claimed
            };
            let recorded = AssertUnwindSafe(work).catch_unwind().await;
            if let Ok(recorded) = recorded {
                // Asked for anew and claimed again between the record and the end of this task.
                let anew = in_flight.leave(number, &recorded).into_iter();
                let back = anew.map(Finish::GiveBack).collect();
                record::finish(&worker, &lane_label(&lane), back).await;
            } else {
                // Panics of effects are caught before, so this one is ours; its claims go back to their leases.
                in_flight.leave(number, &[]);
                tracing::error!(lane = %lane_label(&lane), "recording an outcome panicked");
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
    claimed.urgency == Urgency::First
}
