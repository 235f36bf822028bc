//! What was claimed and isn't recorded yet. Kept apart from the tasks, so that it can be renewed while they run, given back
//! when they are cut off, and recognised when it is claimed a second time.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::Claimed;

/// By the number of the task that carries it out.
#[derive(Default)]
pub(super) struct InFlight(Mutex<BTreeMap<u64, Vec<Claimed>>>);

impl InFlight {
    fn tasks(&self) -> MutexGuard<'_, BTreeMap<u64, Vec<Claimed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, task: u64, claimed: Vec<Claimed>) {
        self.tasks().insert(task, claimed);
    }

    /// Answers the claims as they are at the end: what was claimed anew in the meantime isn't done by this run.
    pub(super) fn leave(&self, task: u64) -> Vec<Claimed> {
        self.tasks().remove(&task).unwrap_or_default()
    }

    /// A task's claims, in the order in which they were handed to it.
    pub(super) fn of(&self, task: u64) -> Vec<Claimed> {
        self.tasks().get(&task).cloned().unwrap_or_default()
    }

    pub(super) fn all(&self) -> Vec<Claimed> {
        self.tasks().values().flatten().cloned().collect()
    }

    /// A lease can end while its effect still runs here (a stall, a clock that was moved). Then the new claim
    /// takes the old one's place, so that there is one run and its outcome counts. False where it isn't running.
    pub(super) fn takes_over(&self, again: &Claimed) -> bool {
        let mut tasks = self.tasks();
        let same = |one: &&mut Claimed| one.subject == again.subject && one.kind == again.kind;
        let Some(running) = tasks.values_mut().flatten().find(same) else {
            return false;
        };
        // What it was asked for anew since it began isn't done by this run.
        running.token = again.token;
        true
    }
}
