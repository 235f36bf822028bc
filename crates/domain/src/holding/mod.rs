//! A holding: (backend, principal, entitlement), the unit of backend work.
//!
//! Its wanted state derives from its live grants: held until the latest of their ends, or absent. Every change that
//! touches it raises its generation and schedules ONE effect, `SyncHolding`; whoever carries that out asks
//! [`Holding::plan`] what to do next, and hands the outcome to [`Holding::settle`].

mod found;
mod plan;
mod settle;
#[cfg(test)]
mod tests;

pub use found::UnknownAccess;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::effect::Subject;
use crate::planted::{Fault, planted};
use crate::role::Sharing;
use crate::{
    Actor, BackendName, Change, Effect, EffectKind, Entitlement, Event, EventKind, GrantId,
    HoldingId, Lane, PersonId, Time, Urgency, Version,
};

/// What is known of the backend's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "known", rename_all = "snake_case")]
pub enum Known {
    /// Never observed, or the last call's outcome is unknown.
    Unknown,
    Absent {
        at: Time,
    },
    /// By us. `until`: the end that the backend was told; none where it keeps none.
    Held {
        at: Time,
        until: Option<Time>,
    },
    /// The principal holds it without us.
    Standing {
        at: Time,
        note: Option<String>,
    },
}

/// What it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Until the latest end of its live grants.
    Held {
        until: Time,
    },
    Absent,
}

/// What the backend answered when asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Held through our own grant.
    pub ours: bool,
    /// Held through somebody else's: standing access; says whose where that is known.
    pub others: Option<String>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Also after a call: the read-back. Hand the answer to [`Attempt::saw`].
    Observe,
    /// Authority is checked right before.
    Grant {
        until: Time,
    },
    Revoke,
    /// Nothing more to do: record it. Where this makes a grant active without a call, its authority is checked first.
    Settle(Outcome),
    /// The call was answered well, but the read-back shows that it didn't take effect: try again later.
    Fail {
        why: String,
    },
}

/// Whose call gave what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// This attempt's.
    Now,
    /// An earlier one's: it was there already when this attempt first looked.
    Before,
}

/// How an attempt to bring the holding to its wanted state came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Held by us, read back. `until`: the end that the backend was told; none where it keeps none.
    Held {
        until: Option<Time>,
        receipt: Option<String>,
        given: Given,
    },
    /// Held without us; left alone.
    Standing { note: Option<String> },
    /// What was ours is gone, read back. `others`: the principal still holds it without us.
    Absent {
        receipt: Option<String>,
        sessions_closed: Option<u32>,
        note: Option<String>,
        others: Option<String>,
    },
    /// The backend refused to grant, for good.
    Refused { why: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    pub id: HoldingId,
    pub version: Version,
    pub backend: BackendName,
    /// Who the person is in that backend, frozen.
    pub principal: String,
    /// Whose principal it is; a (backend, principal) belongs to one person.
    pub person: PersonId,
    pub entitlement: Entitlement,
    pub sharing: Sharing,
    /// For `PerGrant`: the grant it belongs to.
    pub grant: Option<GrantId>,
    /// Rises with every change of what is wanted; also the webhook's `sequence`.
    pub generation: i64,
    /// Live grants and the end that each wants.
    pub claims: BTreeMap<GrantId, Time>,
    /// Grants that wait to hear that they are released.
    pub releasing: BTreeSet<GrantId>,
    /// The grant whose claim opened the present holding; told to the backend.
    pub opened_by: Option<GrantId>,
    pub known: Known,
    /// Its person was set in this change: the principal has yet to become theirs. Not stored.
    #[serde(skip)]
    pub adopted: bool,
    /// Until then a call that nobody waits for any more may still take effect.
    #[serde(default)]
    pub stray_until: Option<Time>,
}
/// The holding has changed since the work began: do it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stale;

impl Holding {
    /// A holding that was never used.
    pub fn new(
        id: HoldingId,
        backend: BackendName,
        principal: String,
        person: PersonId,
        entitlement: Entitlement,
        sharing: Sharing,
        grant: Option<GrantId>,
    ) -> Self {
        Self {
            id,
            version: 0,
            backend,
            principal,
            person,
            entitlement,
            sharing,
            grant,
            generation: 0,
            claims: BTreeMap::new(),
            releasing: BTreeSet::new(),
            opened_by: None,
            known: Known::Unknown,
            adopted: false,
            stray_until: None,
        }
    }

    /// The latest end of its live grants wins (I7).
    pub fn wanted(&self) -> Wanted {
        self.claims
            .values()
            .max()
            .map_or(Wanted::Absent, |until| Wanted::Held { until: *until })
    }

    /// Adds or moves a grant's claim: raises the generation. [`Holding::sync`] is the effect to schedule.
    #[must_use]
    pub fn claim(mut self, grant: &GrantId, until: Time) -> Self {
        self.claims.insert(grant.clone(), until);
        self.opened_by.get_or_insert_with(|| grant.clone());
        self.generation += 1;
        self
    }

    /// Removes a grant's claim and lets it wait for the release: raises the generation.
    #[must_use]
    pub fn release(mut self, grant: &GrantId) -> Self {
        self.claims.remove(grant);
        if planted(Fault::OlderEndTakesNewer) {
            // Whoever ends takes the access, whoever else still claims it.
            self.claims.clear();
        }
        self.releasing.insert(grant.clone());
        self.generation += 1;
        self
    }

    /// Removes claims that no live grant stands behind (a row written by hand): they keep no access and give none.
    /// Nobody waits to hear of it.
    pub fn disown(mut self, claims: &[GrantId], now: Time) -> Change {
        self.claims.retain(|grant, _| !claims.contains(grant));
        if self.claims.is_empty() && self.releasing.is_empty() {
            self.opened_by = None;
        }
        self.generation += 1;
        let event = Event::new(EventKind::HoldingRefused, Actor::Hallpass, now)
            .holding(&self.id)
            .fact("backend", self.backend.as_str())
            .fact("entitlement", self.entitlement.shown())
            .fact("generation", self.generation)
            .fact("claims_without_a_grant", claims.len())
            .personal("principal", self.principal.as_str());
        let sync = self.sync(now);
        Change::default().holding(self).event(event).schedule(sync)
    }

    /// Somebody whose claim was lost may have called its backend without a record: what is known of it counts for nothing,
    /// and it is looked at again now.
    pub fn doubt(mut self, now: Time) -> Change {
        self.known = Known::Unknown;
        let sync = self.sync(now);
        Change::default().holding(self).schedule(sync)
    }

    /// A call may have been made whose answer nobody has: it can take effect until then, whatever is seen before. Whoever
    /// settles earlier has it looked at again.
    #[must_use]
    pub fn unanswered(mut self, until: Time) -> Self {
        if planted(Fault::PausedReplicaActs) {
            // A call that nobody waits for any more is taken for one that was never made.
            return self;
        }
        self.stray_until = self.stray_until.max(Some(until));
        self
    }

    /// Whether its backend must hear that its end moved. One that was given by us and keeps no end needn't.
    pub(crate) fn is_told_ends(&self) -> bool {
        match &self.known {
            Known::Held { until, .. } => until.is_some(),
            Known::Unknown | Known::Absent { .. } | Known::Standing { .. } => true,
        }
    }

    /// The effect that brings it to its wanted state, due `now`. Taking away goes before giving.
    pub fn sync(&self, now: Time) -> Effect {
        let urgency = if self.claims.is_empty() || !self.releasing.is_empty() {
            Urgency::First
        } else {
            Urgency::Normal
        };
        Effect {
            subject: Subject::Holding(self.id.clone()),
            kind: EffectKind::SyncHolding,
            lane: Lane::Backend(self.backend.clone()),
            urgency,
            due: now,
        }
    }
}

/// What happened so far in one attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempt {
    /// What was seen before any call.
    pub observed: Option<Observation>,
    /// A grant or revoke call was made after the observation, and answered well, with this receipt.
    pub called: Option<Called>,
    /// What was seen after the call.
    pub read_back: Option<Observation>,
    /// Whether the backend wants to be told of a moved end (`expires_at`).
    pub tracks_expiry: bool,
}

impl Attempt {
    /// Takes down what was seen: before the call, or, after it, as the read-back.
    pub fn saw(&mut self, observation: Observation) {
        if self.called.is_some() {
            self.read_back = Some(observation);
        } else {
            self.observed = Some(observation);
        }
    }
}

/// What the backend answered to a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Called {
    pub receipt: Option<String>,
    pub sessions_closed: Option<u32>,
    pub note: Option<String>,
}
