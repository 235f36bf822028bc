//! A state of the model: the rows as the core made them, what is scheduled, who works on what, and the backend's own truth.
//! Two states are the same where nothing that can still happen differs: versions and the moments of the record don't count.

use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use std::sync::Arc;

use super::Bounds;
use crate::grant::{PartStatus, State};
use crate::holding::{Attempt, Known, Wanted};
use crate::request::Ask;
use crate::testing::{ask, at, db_admin, fresh_holding, minutes};
use crate::{Grant, Holding, Request, RequestId, Time};

/// What can happen next. Numbers are those of the request (its grant has the same) and of the replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Ask(usize),
    Approve(usize),
    /// The first request's: whoever closes a request first, the transition is the same.
    Cancel,
    /// The second's.
    TimeOut,
    /// The first grant's, by its holder; revoked by another is the same transition.
    Drop,
    /// The second's.
    GiveUp,
    Expire(usize),
    /// A long time passes.
    Pass,
    Claim(usize),
    /// The next thing that the plan says, a call's sending included.
    Step(usize),
    Answer(usize, Luck),
    Crash(usize),
    /// A claim runs out, whether its holder is gone or goes on.
    LeaseEnds,
    /// A call that nobody waits for any more takes effect.
    Land(Call),
}

/// How a call comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Luck {
    Well,
    /// Done, and the answer is lost.
    Lost,
    /// Not done yet; the answer doesn't come in time.
    Late,
    /// Not done, and said to be.
    Lies,
    /// Never will be: only of giving.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Call {
    Grant,
    Revoke,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Backend {
    pub(super) ours: bool,
    pub(super) others: bool,
}

/// The effect `SyncHolding`, as its row in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Work {
    pub(super) due: Due,
    pub(super) held: Held,
    /// The lease is over: another may claim it; until then its holder may still record.
    pub(super) lapsed: bool,
    /// Scheduled anew while it ran.
    pub(super) again: Option<Due>,
    /// Claimed before without having been finished since.
    pub(super) tried: bool,
}

/// Who claimed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Held {
    #[default]
    Nobody,
    By(usize),
    /// Whoever crashed holds it until the lease ends.
    Dead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Due {
    #[default]
    Never,
    Now,
    /// When every call that was under way is over.
    Later,
}

/// A replica's attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) snapshot: Arc<Holding>,
    pub(super) attempt: Attempt,
    pub(super) calling: Option<Call>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a bit of the state")]
pub(super) struct World {
    pub(super) bounds: Wanting,
    pub(super) now: Time,
    pub(super) requests: [Option<Arc<Request>>; 2],
    pub(super) grants: [Option<Arc<Grant>>; 2],
    pub(super) holding: Arc<Holding>,
    pub(super) time_out: [bool; 2],
    pub(super) give_up: [bool; 2],
    pub(super) expire: [bool; 2],
    pub(super) work: Work,
    pub(super) running: [Option<Running>; 2],
    pub(super) air: Option<Call>,
    pub(super) backend: Backend,
    pub(super) fault_left: bool,
    pub(super) lease_left: bool,
    /// Latches: what must never happen, or never be taken back.
    pub(super) cut_off: bool,
    pub(super) over: [bool; 2],
    pub(super) moved_after_decision: bool,
    /// The backend refused for good to give what an active grant should have: told, and nobody's to repair.
    pub(super) refused: bool,
}

/// What of the bounds a step needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Wanting {
    pub(super) tracks_expiry: bool,
}

impl World {
    pub(super) fn new(bounds: Bounds) -> Self {
        let asked = asked(0);
        let holding = fresh_holding(&asked.terms.entitlements[0], &asked.holder);
        Self {
            bounds: Wanting {
                tracks_expiry: bounds.tracks_expiry,
            },
            now: at(0),
            requests: [None, None],
            grants: [None, None],
            holding: Arc::new(holding),
            time_out: [false; 2],
            give_up: [false; 2],
            expire: [false; 2],
            work: Work::default(),
            running: [None, None],
            air: None,
            backend: Backend {
                ours: false,
                others: bounds.standing,
            },
            fault_left: true,
            lease_left: true,
            cut_off: false,
            over: [false; 2],
            moved_after_decision: false,
            refused: false,
        }
    }

    /// Calls under way of replicas whose claim is still theirs.
    pub(super) fn valid_calls(&self) -> usize {
        let calls = |which: &usize| {
            let running = self.running[*which].as_ref();
            running.is_some_and(|running| running.calling.is_some()) && self.is_valid(*which)
        };
        (0..2).filter(calls).count()
    }

    pub(super) fn is_valid(&self, which: usize) -> bool {
        self.work.held == Held::By(which)
    }

    /// I4.
    pub(super) fn ends_are_scheduled(&self) -> bool {
        let scheduled = |(which, grant): (usize, &Option<Arc<Grant>>)| match grant {
            None => true,
            Some(grant) => match &grant.state {
                State::Provisioning { .. } => self.give_up[which] && self.is_looked_at(),
                State::Active { .. } => self.expire[which],
                State::Revoking { .. } => self.is_looked_at(),
                State::Ended { .. } | State::Failed { .. } => true,
            },
        };
        self.grants.iter().enumerate().all(scheduled)
    }

    fn is_looked_at(&self) -> bool {
        self.work.due != Due::Never
    }

    /// I8: what was over is over.
    pub(super) fn ended_stays_ended(&self) -> bool {
        let stays = |(grant, over): (&Option<Arc<Grant>>, &bool)| {
            !*over || grant.as_ref().is_some_and(|grant| !grant.is_live())
        };
        self.grants.iter().zip(&self.over).all(stays)
    }

    /// I8: access that no grant covers is being taken away, or a grant is being given.
    pub(super) fn access_is_looked_after(&self) -> bool {
        let covered = matches!(self.holding.wanted(), Wanted::Held { .. });
        !self.backend.ours || covered || self.is_looked_at()
    }

    /// I11.
    pub(super) fn rests_in_order(&self) -> bool {
        if !self.rests() {
            return true;
        }
        let wanted = matches!(self.holding.wanted(), Wanted::Held { .. });
        let grants_over = self
            .grants
            .iter()
            .flatten()
            .all(|grant| match &grant.state {
                State::Provisioning { .. } | State::Revoking { .. } => false,
                State::Active { .. } => wanted,
                State::Ended { .. } | State::Failed { .. } => true,
            });
        let as_ledger = if wanted {
            self.backend.ours || self.backend.others || self.refused
        } else {
            !self.backend.ours
        };
        grants_over && as_ledger
    }

    /// Nobody works, and nothing is under way.
    fn rests(&self) -> bool {
        self.work.due == Due::Never
            && self.air.is_none()
            && self.running.iter().all(Option::is_none)
    }

    /// Whether a call may still take effect without its replica's claim.
    pub(super) fn strays(&self) -> bool {
        let stale = |which: &usize| self.running[*which].is_some() && !self.is_valid(*which);
        self.air.is_some() || (0..2).any(|which| stale(&which))
    }
}

/// The first is for half an hour, the second for an hour.
pub(super) fn asked(which: usize) -> Ask {
    Ask {
        id: RequestId::new(["r0", "r1"][which]),
        duration: minutes([30, 60][which]),
        delivery: None,
        ..ask(crate::role::Role {
            warn_before: vec![],
            ..db_admin()
        })
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, to: &mut H) {
        (self.now, self.work, self.air, self.backend).hash(to);
        (self.time_out, self.give_up, self.expire).hash(to);
        (self.fault_left, self.lease_left, self.cut_off).hash(to);
        (self.over, self.moved_after_decision, self.refused).hash(to);
        for request in &self.requests {
            request
                .as_ref()
                .map(|request| request.state.name())
                .hash(to);
        }
        for grant in &self.grants {
            grant.is_some().hash(to);
            if let Some(grant) = grant {
                hash_grant(grant, to);
            }
        }
        hash_holding(&self.holding, to);
        for running in &self.running {
            running.is_some().hash(to);
            if let Some(running) = running {
                running.calling.hash(to);
                (running.snapshot.generation == self.holding.generation).hash(to);
                hash_holding(&running.snapshot, to);
                hash_attempt(&running.attempt, to);
            }
        }
    }
}

fn hash_grant(grant: &Grant, to: &mut impl Hasher) {
    discriminant(&grant.state).hash(to);
    match &grant.state {
        State::Provisioning { since, .. } => since.hash(to),
        State::Active { since, ends_at } => (since, ends_at).hash(to),
        State::Revoking {
            reason,
            active_since,
            ..
        } => (reason.is_failure(), active_since.is_some()).hash(to),
        State::Ended { .. } | State::Failed { .. } => {}
    }
    for part in &grant.parts {
        discriminant(&part.status).hash(to);
        if let PartStatus::Held { at, standing } = &part.status {
            (at, standing).hash(to);
        }
    }
}

fn hash_holding(holding: &Holding, to: &mut impl Hasher) {
    (&holding.claims, &holding.releasing).hash(to);
    holding.stray_until.is_some().hash(to);
    discriminant(&holding.known).hash(to);
    if let Known::Held { until, .. } = &holding.known {
        until.hash(to);
    }
}

fn hash_attempt(attempt: &Attempt, to: &mut impl Hasher) {
    let seen = |seen: &Option<crate::holding::Observation>| {
        seen.as_ref().map(|seen| (seen.ours, seen.others.is_some()))
    };
    (seen(&attempt.observed), attempt.called.is_some()).hash(to);
    seen(&attempt.read_back).hash(to);
}
