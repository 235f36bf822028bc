//! A grant: the time-boxed access that an approved request leads to.
//!
//!     provisioning ─► active ─► revoking(why) ─► ended(why)
//!     provisioning ─► revoking(why) ─► failed | ended(why)
//!
//! It is active only when all its holdings are held; it is ended or failed only after each was read back.

use serde::{Deserialize, Serialize};

use crate::{
    Actor, Change, Duration, GrantId, Holding, HoldingId, PersonId, Refusal, RequestId, RoleName,
    ShortId, Time, Version,
};

/// How long provisioning may take before it is taken back: 15 minutes.
pub const PROVISIONING: Duration = Duration::from_mins(15);

/// Why access ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum EndReason {
    /// Time was up.
    Expired,
    /// By its holder.
    Dropped,
    /// By somebody else, or because its holder left.
    Revoked { by: Actor, reason: String },
    /// An entitlement was refused for good, or took too long; leads to failed, not ended.
    Failed { why: String },
    /// Authority no longer stood when the backend was to be called; leads to failed.
    AuthorityGone { why: String },
}

/// One of the grant's holdings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub holding: HoldingId,
    pub status: PartStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum PartStatus {
    /// To be granted.
    Wanted,
    /// Granted and read back. `standing`: the principal held it without us, so we left it alone.
    Held {
        at: Time,
        standing: bool,
    },
    /// The backend refused for good.
    Refused {
        why: String,
    },
    /// To be released.
    Releasing,
    Released {
        at: Time,
        how: Release,
    },
}

/// How a part was released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Release {
    /// Taken away and read back as gone. `note` tells what couldn't be done, like sessions left open.
    Removed {
        sessions_closed: Option<u32>,
        note: Option<String>,
    },
    /// Another live grant still covers it.
    StillCovered,
    /// The principal holds it without us.
    Standing { note: Option<String> },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    Provisioning {
        since: Time,
        give_up_at: Time,
    },
    Active {
        since: Time,
        ends_at: Time,
    },
    /// `active_since` is none where it never became active. `stuck_since`: the backend doesn't let go, and it was told.
    Revoking {
        reason: EndReason,
        since: Time,
        active_since: Option<Time>,
        stuck_since: Option<Time>,
    },
    Ended {
        reason: EndReason,
        at: Time,
        active_since: Option<Time>,
    },
    Failed {
        reason: EndReason,
        at: Time,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub id: GrantId,
    /// The same letters as its request.
    pub short: ShortId,
    pub version: Version,
    pub request: RequestId,
    pub role: RoleName,
    pub holder: PersonId,
    /// Counted from activation.
    pub duration: Duration,
    pub parts: Vec<Part>,
    pub state: State,
    /// How often the agreed budget was used.
    pub extensions: u32,
    /// When to warn, before the end; already fitted to the duration (one at a quarter where all are too long).
    pub warn_before: Vec<Duration>,
}
impl Grant {
    /// Ends it: by its timer, its holder, another, or the shell that finds authority gone. `holdings` are all of its parts' rows.
    /// Never taken back: once revoking, a second order is refused as already decided.
    pub fn end(
        self,
        reason: EndReason,
        actor: Actor,
        holdings: Vec<Holding>,
        now: Time,
    ) -> Result<Change, Refusal> {
        unimplemented!()
    }

    /// Provisioning took too long: take back and tell. Refused unless provisioning.
    pub fn give_up(self, holdings: Vec<Holding>, now: Time) -> Result<Change, Refusal> {
        unimplemented!()
    }

    /// Adds `by` to an active grant. `budget` is the role's rule, none where a review allowed it beyond the budget.
    pub fn extend(
        self,
        by: Duration,
        budget: Option<crate::role::ExtendRule>,
        actor: Actor,
        holdings: Vec<Holding>,
        now: Time,
    ) -> Result<Change, Refusal> {
        unimplemented!()
    }

    /// The backend doesn't let go for a while: told once.
    pub fn stuck(self, why: &str, now: Time) -> Result<Change, Refusal> {
        unimplemented!()
    }

    /// Provisioning, active or revoking.
    pub fn is_live(&self) -> bool {
        unimplemented!()
    }

    pub fn ends_at(&self) -> Option<Time> {
        unimplemented!()
    }
}

/// When to warn: those of `warn_before` that fit into `duration`, else one at a quarter of its length.
pub fn warnings_for(duration: Duration, warn_before: &[Duration]) -> Vec<Duration> {
    unimplemented!()
}
