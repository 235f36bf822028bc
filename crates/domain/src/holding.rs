//! A holding: (backend, principal, entitlement), the unit of backend work.
//!
//! Its wanted state derives from its live grants: held until the latest of their ends, or absent. Every change that
//! touches it raises its generation and schedules ONE effect, `SyncHolding`; whoever carries that out asks
//! [`Holding::plan`] what to do next, and hands the outcome to [`Holding::settle`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::role::Sharing;
use crate::{BackendName, Change, Entitlement, Grant, GrantId, HoldingId, PersonId, Time, Version};

/// What is known of the backend's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "known", rename_all = "snake_case")]
pub enum Known {
    /// Never observed, or the last call's outcome is unknown.
    Unknown,
    Absent {
        at: Time,
    },
    /// By us, until then.
    Held {
        at: Time,
        until: Time,
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
    Observe,
    /// Authority is checked right before.
    Grant {
        until: Time,
    },
    Revoke,
    /// Nothing more to do: record it.
    Settle(Outcome),
}

/// How an attempt to bring the holding to its wanted state came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Held by us until then, read back.
    Held {
        until: Time,
        receipt: Option<String>,
    },
    /// Held without us; left alone.
    Standing { note: Option<String> },
    /// Gone, read back.
    Absent {
        receipt: Option<String>,
        sessions_closed: Option<u32>,
        note: Option<String>,
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
        unimplemented!()
    }

    pub fn wanted(&self) -> Wanted {
        unimplemented!()
    }

    /// Adds or moves a grant's claim: raises the generation. Returns the effect to schedule.
    #[must_use]
    pub fn claim(self, grant: &GrantId, until: Time) -> Self {
        unimplemented!()
    }

    /// Removes a grant's claim and lets it wait for the release.
    #[must_use]
    pub fn release(self, grant: &GrantId) -> Self {
        unimplemented!()
    }

    /// The effect that brings it to its wanted state, due `now`.
    pub fn sync(&self, now: Time) -> crate::Effect {
        unimplemented!()
    }

    /// What to do next, given what was observed and done in this attempt.
    pub fn plan(&self, attempt: &Attempt) -> Step {
        unimplemented!()
    }

    /// Records an outcome: the grants that claim or wait for this holding move on (active, ended, failed, taken back).
    /// `grants` are those of `claims` and `releasing`; `siblings` the other holdings of those grants.
    /// Stale where `generation` is no longer the holding's.
    pub fn settle(
        self,
        generation: i64,
        outcome: Outcome,
        grants: Vec<Grant>,
        siblings: Vec<Holding>,
        now: Time,
    ) -> Result<Change, Stale> {
        unimplemented!()
    }
}

/// What happened so far in one attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempt {
    pub observed: Option<Observation>,
    /// A grant or revoke call was made after the observation, with this receipt.
    pub called: Option<Called>,
    /// Whether the backend wants to be told of a moved end (`expires_at`).
    pub tracks_expiry: bool,
}

/// What the backend answered to a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Called {
    pub receipt: Option<String>,
    pub sessions_closed: Option<u32>,
    pub note: Option<String>,
}
