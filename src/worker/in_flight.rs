//! What was claimed and isn't recorded yet. Kept apart from the tasks, so that it can be renewed while they run, given
//! back when they are cut off, and recognised when it is claimed a second time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hallpass_domain::{Lane, Time, Urgency};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::Lease;
use crate::store::Claimed;

/// What one task carries out, and how long that is surely ours.
struct Task {
    claimed: Vec<Claimed>,
    lease: Arc<Lease>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Claimed ahead, at that moment: the next free place of its lane takes it.
    Waiting {
        since: Time,
    },
    Begun,
}

/// What a place is to carry out.
pub(super) struct Begun {
    pub(super) number: u64,
    pub(super) claimed: Vec<Claimed>,
    pub(super) lease: Arc<Lease>,
}

impl Begun {
    pub(super) fn is_taking(&self) -> bool {
        self.claimed.first().is_some_and(is_taking)
    }
}

/// Takes access away.
pub(super) fn is_taking(claimed: &Claimed) -> bool {
    claimed.urgency == Urgency::First
}

impl Task {
    fn is_of(&self, lane: &Lane) -> bool {
        let first = self.claimed.first();
        first.is_some_and(|one| one.lane == *lane)
    }

    fn waits(&self) -> bool {
        match self.stage {
            Stage::Waiting { .. } => true,
            Stage::Begun => false,
        }
    }

    fn waits_in(&self, lane: &Lane) -> bool {
        self.waits() && self.is_of(lane)
    }
}

/// By the number of the task that carries it out, in the order in which they were claimed.
#[derive(Default)]
pub(super) struct InFlight(Mutex<BTreeMap<u64, Task>>);

impl InFlight {
    fn tasks(&self) -> MutexGuard<'_, BTreeMap<u64, Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, task: u64, claimed: Vec<Claimed>, lease: Arc<Lease>, stage: Stage) {
        let task_of = Task {
            claimed,
            lease,
            stage,
        };
        self.tasks().insert(task, task_of);
    }

    /// The first that waits in this lane, for a place that is free. Whose lease may be over (the process was paused)
    /// waits until it is renewed or lost.
    pub(super) fn begin_next(&self, lane: &Lane) -> Option<Begun> {
        let mut tasks = self.tasks();
        let ready = |task: &Task| task.waits_in(lane) && task.lease.is_sure();
        let (number, task) = tasks.iter_mut().find(|(_, task)| ready(task))?;
        task.stage = Stage::Begun;
        Some(Begun {
            number: *number,
            claimed: task.claimed.clone(),
            lease: Arc::clone(&task.lease),
        })
    }

    /// Takes out what waits in this lane, or in all of them.
    pub(super) fn take_waiting(&self, lane: Option<&Lane>) -> Vec<Claimed> {
        let mut taken = Vec::new();
        self.tasks().retain(|_, task| {
            let waits = task.waits() && lane.is_none_or(|lane| task.is_of(lane));
            if waits {
                taken.append(&mut task.claimed);
            }
            !waits
        });
        taken
    }

    /// Whether something waits in this lane since before that moment.
    pub(super) fn has_waited_since(&self, lane: &Lane, before: Time) -> bool {
        let tasks = self.tasks();
        let mut waiting = tasks.values().filter(|task| task.is_of(lane));
        waiting.any(|task| match task.stage {
            Stage::Waiting { since } => since < before,
            Stage::Begun => false,
        })
    }

    /// The lanes in which something waits.
    pub(super) fn waiting(&self) -> BTreeSet<Lane> {
        let tasks = self.tasks();
        let waiting = tasks.values().filter(|task| task.waits());
        let lanes = waiting.filter_map(|task| task.claimed.first());
        lanes.map(|one| one.lane.clone()).collect()
    }

    /// How many that take access away are claimed in this lane and not on record yet.
    pub(super) fn taking_in(&self, lane: &Lane) -> usize {
        let tasks = self.tasks();
        let of_lane = tasks.values().filter(|task| task.is_of(lane));
        let taking = of_lane.flat_map(|task| task.claimed.iter().filter(|one| is_taking(one)));
        taking.count()
    }

    /// Answers what was claimed anew since the claims that were recorded: nobody runs that.
    pub(super) fn leave(&self, task: u64, recorded: &[Claimed]) -> Vec<Claimed> {
        let left = self.tasks().remove(&task);
        let claimed = left.map(|task| task.claimed).unwrap_or_default();
        let anew = claimed.into_iter().filter(|one| !recorded.contains(one));
        anew.collect()
    }

    /// A task's claims, in the order in which they were handed to it.
    pub(super) fn of(&self, task: u64) -> Vec<Claimed> {
        let tasks = self.tasks();
        tasks
            .get(&task)
            .map(|task| task.claimed.clone())
            .unwrap_or_default()
    }

    pub(super) fn all(&self) -> Vec<Claimed> {
        let tasks = self.tasks();
        let claimed = tasks.values().flat_map(|task| &task.claimed);
        claimed.cloned().collect()
    }

    /// A lease can end while its effect still runs here (a stall, a clock that was moved). Then the new claim
    /// takes the old one's place, so that there is one run and its outcome counts. False where it isn't running.
    pub(super) fn takes_over(&self, again: &Claimed, asked: Instant) -> bool {
        let mut tasks = self.tasks();
        let same = |one: &&mut Claimed| one.subject == again.subject && one.kind == again.kind;
        for task in tasks.values_mut() {
            if let Some(running) = task.claimed.iter_mut().find(same) {
                // What it was asked for anew since it began isn't done by this run.
                running.token = again.token;
                task.lease.renewed(asked);
                return true;
            }
        }
        false
    }

    /// Moves the leases of the tasks whose claims are all still ours; the others lost theirs. Answers how many did.
    pub(super) fn renewed(&self, asked: Instant, claimed: &[Claimed], ours: &[bool]) -> usize {
        let mut lost = 0;
        self.tasks().retain(|_, task| {
            let known = |one: &Claimed| claimed.iter().position(|seen| seen == one);
            let still: Option<Vec<bool>> = task
                .claimed
                .iter()
                .map(|one| known(one).and_then(|at| ours.get(at).copied()))
                .collect();
            match still {
                Some(still) if still.iter().all(|ours| *ours) => task.lease.renewed(asked),
                // Its claim may be gone because it is on record; where it isn't, that is seen there.
                Some(_) if task.lease.left().is_cancelled() => {}
                Some(_) => {
                    lost += 1;
                    task.lease.lose();
                    // Nothing was begun of what only waits: there is nothing to cut off.
                    return task.stage == Stage::Begun;
                }
                // Claimed after it was asked.
                None => {}
            }
            true
        });
        lost
    }

    /// Asks what gives access in this lane to give way; answers what is cancelled once it has, where it has to be
    /// waited for.
    pub(super) fn give_way(&self, lane: &Lane) -> Option<CancellationToken> {
        let tasks = self.tasks();
        let gives = |task: &&Task| {
            let taking = task.claimed.first().is_some_and(is_taking);
            // What is only being recorded has no call to cut off.
            task.is_of(lane) && !taking && !task.lease.left().is_cancelled()
        };
        tasks.values().find(gives)?.lease.give_way()
    }
}

#[cfg(test)]
mod tests {
    use hallpass_domain::effect::Subject;
    use hallpass_domain::{EffectKind, HoldingId};

    use super::*;
    use crate::app::LEASE;

    fn claimed(holding: &str) -> Claimed {
        Claimed {
            subject: Subject::Holding(HoldingId::new(holding)),
            kind: EffectKind::SyncHolding,
            lane: Lane::Internal,
            urgency: Urgency::First,
            due: Time::UNIX_EPOCH,
            token: 7,
            wanted: 1,
            attempts: 1,
            failures: 0,
        }
    }

    /// Asked for again while it runs, it is due with the commit of its outcome. Claimed before the task is over, it is
    /// taken for one of that task's: it must not wait there until its lease ends.
    #[tokio::test]
    async fn what_is_claimed_anew_behind_its_record_is_handed_back() {
        let (in_flight, now) = (InFlight::default(), Instant::now());
        let both = vec![claimed("first"), claimed("second")];
        in_flight.enter(1, both, Arc::new(Lease::since(now)), Stage::Begun);
        let recorded = in_flight.of(1);

        let again = Claimed {
            token: 8,
            ..claimed("second")
        };
        assert!(in_flight.takes_over(&again, now));
        assert_eq!(in_flight.leave(1, &recorded), [again]);
        assert!(in_flight.all().is_empty());
    }

    #[tokio::test]
    async fn what_took_over_before_the_record_is_not_handed_back() {
        let (in_flight, now) = (InFlight::default(), Instant::now());
        let lease = Arc::new(Lease::since(now));
        in_flight.enter(1, vec![claimed("first")], lease, Stage::Begun);
        let again = Claimed {
            token: 8,
            ..claimed("first")
        };
        assert!(in_flight.takes_over(&again, now));
        let recorded = in_flight.of(1);
        assert_eq!(in_flight.leave(1, &recorded), []);
    }

    #[tokio::test]
    async fn what_waits_is_begun_in_its_order_and_only_once() {
        let (in_flight, now) = (InFlight::default(), Instant::now());
        for (number, holding) in [(1, "first"), (2, "second"), (3, "third")] {
            let stage = if number == 1 {
                Stage::Begun
            } else {
                Stage::Waiting {
                    since: Time::UNIX_EPOCH,
                }
            };
            let lease = Arc::new(Lease::since(now));
            in_flight.enter(number, vec![claimed(holding)], lease, stage);
        }
        assert_eq!(in_flight.taking_in(&Lane::Internal), 3);
        assert!(in_flight.begin_next(&Lane::Slack).is_none());
        let next = in_flight.begin_next(&Lane::Internal);
        assert_eq!(next.map(|next| next.claimed), Some(vec![claimed("second")]));
        assert_eq!(
            in_flight.take_waiting(Some(&Lane::Internal)),
            [claimed("third")]
        );
        assert!(in_flight.begin_next(&Lane::Internal).is_none());
        assert_eq!(in_flight.all(), [claimed("first"), claimed("second")]);
    }

    /// After a pause the lease of what waits may be over: it is another process's by then.
    #[tokio::test]
    async fn what_may_be_lost_is_not_begun_before_its_lease_is_renewed() {
        let (in_flight, now) = (InFlight::default(), Instant::now());
        let lease = Arc::new(Lease::since(now - LEASE));
        let waiting = Stage::Waiting {
            since: Time::UNIX_EPOCH,
        };
        in_flight.enter(1, vec![claimed("first")], lease, waiting);
        assert!(in_flight.begin_next(&Lane::Internal).is_none());
        let waiting = in_flight.all();
        in_flight.renewed(now, &waiting, &[true]);
        assert!(in_flight.begin_next(&Lane::Internal).is_some());
    }

    /// Between the commit of its outcome and its end here a claim isn't ours any more.
    #[tokio::test]
    async fn what_is_being_recorded_is_not_lost() {
        let (in_flight, now) = (InFlight::default(), Instant::now());
        let (recording, running) = (Arc::new(Lease::since(now)), Arc::new(Lease::since(now)));
        recording.leave();
        in_flight.enter(1, vec![claimed("first")], recording, Stage::Begun);
        let all = in_flight.all();
        assert_eq!(in_flight.renewed(now, &all, &[false]), 0);
        in_flight.enter(2, vec![claimed("second")], running, Stage::Begun);
        let all = in_flight.all();
        assert_eq!(in_flight.renewed(now, &all, &[false, false]), 1);
    }

    #[tokio::test]
    async fn only_a_call_under_way_is_asked_to_give_way() {
        let (in_flight, now) = (InFlight::default(), Instant::now());
        let giving = |holding: &str| Claimed {
            urgency: Urgency::Normal,
            ..claimed(holding)
        };
        let (over, under_way) = (Arc::new(Lease::since(now)), Arc::new(Lease::since(now)));
        over.leave();
        in_flight.enter(1, vec![giving("first")], over, Stage::Begun);
        assert!(in_flight.give_way(&Lane::Internal).is_none());
        in_flight.enter(
            2,
            vec![giving("second")],
            Arc::clone(&under_way),
            Stage::Begun,
        );
        let call = under_way.begin_call();
        let left = in_flight.give_way(&Lane::Internal).expect("it is asked");
        drop(call);
        assert!(!left.is_cancelled());
        under_way.leave();
        assert!(left.is_cancelled());
    }
}
