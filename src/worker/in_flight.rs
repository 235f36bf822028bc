//! What was claimed and isn't recorded yet. Kept apart from the tasks, so that it can be renewed while they run, given back
//! when they are cut off, and recognised when it is claimed a second time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hallpass_domain::{Lane, Urgency};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::Lease;
use crate::store::Claimed;

/// What one task carries out, and how long that is surely ours.
struct Task {
    claimed: Vec<Claimed>,
    lease: Arc<Lease>,
}

/// By the number of the task that carries it out.
#[derive(Default)]
pub(super) struct InFlight(Mutex<BTreeMap<u64, Task>>);

impl InFlight {
    fn tasks(&self) -> MutexGuard<'_, BTreeMap<u64, Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, task: u64, claimed: Vec<Claimed>, lease: Arc<Lease>) {
        self.tasks().insert(task, Task { claimed, lease });
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
        for task in self.tasks().values() {
            let known = |one: &Claimed| claimed.iter().position(|seen| seen == one);
            let still: Option<Vec<bool>> = task
                .claimed
                .iter()
                .map(|one| known(one).and_then(|at| ours.get(at).copied()))
                .collect();
            match still {
                Some(still) if still.iter().all(|ours| *ours) => task.lease.renewed(asked),
                Some(_) => {
                    lost += 1;
                    task.lease.lose();
                }
                // Claimed after it was asked.
                None => {}
            }
        }
        lost
    }

    /// Asks what gives access in this lane to give way; answers what is cancelled once it has.
    pub(super) fn give_way(&self, lane: &Lane) -> Option<CancellationToken> {
        let tasks = self.tasks();
        let gives = |task: &&Task| {
            let first = task.claimed.first();
            first.is_some_and(|one| one.lane == *lane && one.urgency != Urgency::First)
        };
        let task = tasks.values().find(gives)?;
        task.lease.give_way();
        Some(task.lease.left())
    }
}

#[cfg(test)]
mod tests {
    use hallpass_domain::effect::Subject;
    use hallpass_domain::{EffectKind, HoldingId, Time};

    use super::*;

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
        }
    }

    /// Asked for again while it runs, it is due with the commit of its outcome. Claimed before the task is over, it is
    /// taken for one of that task's: it must not wait there until its lease ends.
    #[tokio::test]
    async fn what_is_claimed_anew_behind_its_record_is_handed_back() {
        let (in_flight, now) = (InFlight::default(), Instant::now());
        let both = vec![claimed("first"), claimed("second")];
        in_flight.enter(1, both, Arc::new(Lease::since(now)));
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
        in_flight.enter(1, vec![claimed("first")], Arc::new(Lease::since(now)));
        let again = Claimed {
            token: 8,
            ..claimed("first")
        };
        assert!(in_flight.takes_over(&again, now));
        let recorded = in_flight.of(1);
        assert_eq!(in_flight.leave(1, &recorded), []);
    }
}
