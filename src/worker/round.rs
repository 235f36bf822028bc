//! One round: which lanes have something due, and what of it is claimed and started. How much may be is `room`'s, and
//! how it goes on `place`'s.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use hallpass_domain::{Lane, Time};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::app::{LEASE, Lease};
use crate::panics::sound;
use crate::store::{Claimed, Finish, StoreError};

use super::circuit::Gate;
use super::in_flight::{Begun, InFlight, Stage, is_taking};
use super::looks::Looks;
use super::people_first::PeopleFirst;
use super::place::{Place, Recording};
use super::room::{Ahead, Room, Taken};
use super::rounds::UnderWay;
use super::{RENEW, Worker, lane_label, renewal};

/// Which of a lane's places a task takes: those for taking access away are kept apart.
type Kept = (Lane, bool);

/// What was claimed ahead and waits longer for a place stands behind calls that hang.
const STANDS: TimeDelta = TimeDelta::seconds(1);
/// After that nothing is claimed ahead in its lane for so long.
const NONE_AHEAD: TimeDelta = TimeDelta::seconds(10);

/// While something due waits for a place, it is looked again for what is more urgent.
const CROWDED: TimeDelta = TimeDelta::milliseconds(500);

pub(super) struct Round {
    worker: Arc<Worker>,
    tasks: JoinSet<Kept>,
    busy: BTreeMap<Kept, usize>,
    in_flight: Arc<InFlight>,
    recording: Arc<Recording>,
    /// When what was claimed ahead in a lane last stood without a place.
    stood: BTreeMap<Lane, Time>,
    number: u64,
    renewed: Instant,
    looks: Looks,
    people_first: PeopleFirst,
}

/// What a task that is over leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// A lane that had no place for more of its kind.
    Full,
    Roomy,
}

impl Round {
    pub(super) fn new(worker: Arc<Worker>) -> Self {
        Self {
            worker,
            tasks: JoinSet::new(),
            busy: BTreeMap::new(),
            in_flight: Arc::default(),
            recording: Arc::default(),
            stood: BTreeMap::new(),
            number: 0,
            renewed: Instant::now(),
            looks: Looks::new(),
            people_first: PeopleFirst::default(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.recording.is_idle()
    }

    pub(super) fn under_way(&mut self) -> UnderWay {
        self.collect();
        UnderWay {
            running: self.tasks.len(),
            recording: self.recording.running(),
        }
    }

    /// Claims and starts what is due at `now`, as far as each lane's limit allows. Answers when the next is due.
    pub(super) async fn claim_due(&mut self, now: Time) -> Result<Option<Time>, StoreError> {
        if self.renewed.elapsed() >= RENEW {
            self.renew(now).await?;
        }
        self.claim(now).await
    }

    /// The same, without a look at the leases.
    pub(super) async fn claim(&mut self, now: Time) -> Result<Option<Time>, StoreError> {
        self.collect();
        self.fill(now);
        let store = self.worker.parts.store.clone();
        let mut next: Option<Time> = None;
        let began = Instant::now();
        let lanes = store.due().await;
        self.looks.took(began, Instant::now());
        for (lane, due) in lanes? {
            let moments = [due.revoking, due.others].into_iter().flatten();
            let (later, by_now): (Vec<Time>, Vec<Time>) = moments.partition(|at| *at > now);
            next = next.into_iter().chain(later).min();
            if by_now.is_empty() {
                continue;
            }
            // What is urgent waits for nobody.
            if lane == Lane::Slack && due.revoking.is_none_or(|at| at > now) {
                let crowded = self.worker.parts.app.is_crowded();
                if let Some(again) = self.people_first.look_again(crowded, now) {
                    next = Some(next.map_or(again, |next| next.min(again)));
                    continue;
                }
            }
            let room = match self.worker.circuits.gate(&lane, now) {
                Gate::Open => self.room_in(&lane, now),
                Gate::Shut(until) => {
                    next = Some(next.map_or(until, |next| next.min(until)));
                    continue;
                }
                Gate::Probe { gives, wide } => {
                    self.worker.circuits.probes(&lane, now);
                    self.room_in(&lane, now).for_a_probe(gives, wide)
                }
            };
            if room.take.patient == 0 {
                next = Some(next.map_or(now + CROWDED, |next| next.min(now + CROWDED)));
            }
            if room.finds(due, now) {
                self.claim_in(lane, now, room).await?;
            }
        }
        Ok(next)
    }

    async fn claim_in(&mut self, lane: Lane, now: Time, room: Room) -> Result<(), StoreError> {
        let (store, asked) = (&self.worker.parts.store, Instant::now());
        let claimed = store.claim_within(&lane, now, LEASE, room.take);
        let mut claimed = claimed.await?;
        claimed.retain(|one| !self.in_flight.takes_over(one, asked));
        if lane == Lane::Internal {
            // What takes access away asks nobody; the rest may have to wait for Slack.
            let (taking, others) = claimed.into_iter().partition(is_taking);
            self.start(&lane, taking, asked, None);
            self.start(&lane, others, asked, None);
            return Ok(());
        }
        let mut places = room.places;
        for one in claimed {
            if places == 0 {
                self.enter(vec![one], asked, Stage::Waiting { since: now });
                continue;
            }
            places -= 1;
            let before = room.gives_way.then(|| self.in_flight.give_way(&lane));
            self.start(&lane, vec![one], asked, before.flatten());
        }
        Ok(())
    }

    /// How many effects of a lane may be claimed now.
    fn room_in(&self, lane: &Lane, now: Time) -> Room {
        let taken = self.taken(lane);
        match lane {
            Lane::Internal => Room::of_decisions(taken, self.worker.ends.most()),
            Lane::Slack => Room::of_slack(taken),
            Lane::Backend(_) => {
                let stood = self.stood.get(lane);
                let ahead = if stood.is_some_and(|stood| now - *stood < NONE_AHEAD) {
                    Ahead::Nothing
                } else {
                    Ahead::Beside(self.in_flight.taking_in(lane))
                };
                Room::of_backend(taken, ahead)
            }
        }
    }

    fn taken(&self, lane: &Lane) -> Taken {
        let busy = |taking| {
            let busy = self.busy.get(&(lane.clone(), taking));
            busy.copied().unwrap_or(0)
        };
        Taken {
            places: self.worker.bounds(lane).tasks,
            taking: busy(true),
            others: busy(false),
        }
    }

    /// Gives free places to what waits for one. Where the target is away, or no place was free for a while, what waits
    /// is given back: another process may have a place.
    fn fill(&mut self, now: Time) {
        for lane in self.in_flight.waiting() {
            let stands = self.in_flight.has_waited_since(&lane, now - STANDS);
            if stands {
                self.stood.insert(lane.clone(), now);
            }
            if stands || self.worker.circuits.is_away(&lane) {
                let (place, recorded) = (self.place(&lane), self.recording.begin());
                tokio::spawn(async move {
                    place.give_back_waiting().await;
                    drop(recorded);
                });
                continue;
            }
            let mut free = self.taken(&lane).free();
            while free > 0
                && let Some(begun) = self.in_flight.begin_next(&lane)
            {
                free -= 1;
                self.begin(&lane, begun, None);
            }
        }
    }

    pub(super) async fn renew(&mut self, now: Time) -> Result<(), StoreError> {
        self.renewed = Instant::now();
        renewal::renew(&self.worker, &self.in_flight, now).await
    }

    /// `asked`: a moment before it was claimed.
    fn enter(&mut self, claimed: Vec<Claimed>, asked: Instant, stage: Stage) -> Begun {
        self.number += 1;
        let lease = Arc::new(Lease::since(asked));
        let begun = Begun {
            number: self.number,
            claimed,
            lease,
        };
        let lease = Arc::clone(&begun.lease);
        self.in_flight
            .enter(self.number, begun.claimed.clone(), lease, stage);
        begun
    }

    fn start(
        &mut self,
        lane: &Lane,
        claimed: Vec<Claimed>,
        asked: Instant,
        before: Option<CancellationToken>,
    ) {
        if claimed.is_empty() {
            return;
        }
        let begun = self.enter(claimed, asked, Stage::Begun);
        self.begin(lane, begun, before);
    }

    /// `before`: what it waits for a moment, so that there aren't two at once.
    fn begin(&mut self, lane: &Lane, begun: Begun, before: Option<CancellationToken>) {
        let kept = (lane.clone(), begun.is_taking());
        *self.busy.entry(kept.clone()).or_default() += 1;
        let place = self.place(lane);
        let work = Box::pin(place.work(begun, before));
        self.tasks.spawn(async move {
            // Whatever becomes of it, its place is free again.
            if let Err(why) = sound(work).await {
                tracing::error!(lane = %lane_label(&kept.0), why, "a task of the worker was lost");
            }
            kept
        });
    }

    fn place(&self, lane: &Lane) -> Place {
        Place {
            worker: Arc::clone(&self.worker),
            lane: lane.clone(),
            in_flight: Arc::clone(&self.in_flight),
            recording: Arc::clone(&self.recording),
        }
    }

    /// Waits until it should be looked again: something was committed, or one of the running is done or on record. Not
    /// before looks are so far apart as they should be, but for a lane that was full.
    pub(super) async fn called(&mut self, changed: &mut watch::Receiver<u64>) {
        let busy = !self.is_idle();
        tokio::select! {
            Some(done) = self.tasks.join_next() => if self.free(done) == Left::Full { return },
            () = self.recording.one_done(), if busy => {}
            _ = changed.changed() => {}
        }
        let again = self.looks.again();
        // The timer rounds up to its next millisecond, also what is over.
        if again <= Instant::now() {
            return;
        }
        let apart = sleep_until(again);
        tokio::pin!(apart);
        loop {
            tokio::select! {
                () = &mut apart => return,
                Some(done) = self.tasks.join_next() => if self.free(done) == Left::Full { return },
            }
        }
    }

    fn collect(&mut self) {
        while let Some(done) = self.tasks.try_join_next() {
            self.free(done);
        }
    }

    fn free(&mut self, done: Result<Kept, JoinError>) -> Left {
        let kept = match done {
            Ok(kept) => kept,
            Err(error) => {
                tracing::error!(%error, "a task of the worker was lost");
                return Left::Full;
            }
        };
        let full = self.is_full(&kept);
        if let Some(count) = self.busy.get_mut(&kept) {
            *count = count.saturating_sub(1);
        }
        if full { Left::Full } else { Left::Roomy }
    }

    /// Whether more of the same had no place.
    fn is_full(&self, (lane, taking): &Kept) -> bool {
        let taken = self.taken(lane);
        match lane {
            Lane::Backend(_) if !taking => {
                Room::of_backend(taken, Ahead::Nothing).take.patient == 0
            }
            Lane::Backend(_) | Lane::Internal | Lane::Slack => taken.free() == 0,
        }
    }

    /// Lets what runs finish within `limit`; the rest, and what only waits, is given back, due at once for whoever
    /// comes next.
    pub(super) async fn wind_up(mut self, limit: Duration) {
        self.give_back(self.in_flight.take_waiting(None)).await;
        let all = async {
            while self.tasks.join_next().await.is_some() {}
            self.recording.all_done().await;
        };
        let in_time = tokio::time::timeout(limit, all).await.is_ok();
        if !in_time {
            self.tasks.shutdown().await;
        }
        let left = self.in_flight.all();
        for claimed in &left {
            tracing::warn!(lane = %lane_label(&claimed.lane), kind = ?claimed.kind, "given back at the stop");
        }
        self.give_back(left).await;
    }

    async fn give_back(&self, claimed: Vec<Claimed>) {
        let back = claimed.into_iter().map(Finish::GiveBack).collect();
        if let Err(error) = self.worker.parts.store.finish(back).await {
            tracing::error!(%error, "what was claimed could not be given back; its lease will end");
        }
    }
}
