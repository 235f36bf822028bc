//! A grant: the time-boxed access that an approved request leads to.
//!
//! ```text
//! provisioning ─► active ─► revoking(why) ─► ended(why)
//! provisioning ─► revoking(why) ─► failed | ended(why)
//! ```
//!
//! It is active only when all its holdings are held; it is ended or failed only after each was read back.

#[cfg(test)]
mod boundaries;
mod end;
mod extend;
mod open;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::effect::Subject;
use crate::planted::{Fault, planted};
use crate::{
    Actor, Duration, Event, EventKind, GrantId, HoldingId, PersonId, RequestId, RoleName, ShortId,
    Time, Version,
};

/// How long provisioning may take before it is taken back: 15 minutes.
pub const PROVISIONING: Duration = Duration::from_mins(15);

/// Why access ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum EndReason {
    /// Time was up.
    Expired,
    /// By its holder, with their words where they said any.
    Dropped {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// By somebody else, or because its holder left.
    Revoked { by: Actor, reason: String },
    /// An entitlement was refused for good, or took too long; leads to failed, not ended.
    Failed { why: String },
    /// Authority no longer stood when the backend was to be called; leads to failed, or to ended where it was active.
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
    /// The latest request for more time of it; whether that one still waits stands in the request.
    #[serde(default)]
    pub more_asked: Option<RequestId>,
    /// When to warn, before the end; already fitted to the duration (one at a quarter where all are too long).
    pub warn_before: Vec<Duration>,
}

impl EndReason {
    /// Access never came about, or shouldn't have.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Failed { .. } | Self::AuthorityGone { .. } => true,
            Self::Expired | Self::Dropped { .. } | Self::Revoked { .. } => false,
        }
    }

    /// Given back, without a word.
    pub fn dropped() -> Self {
        Self::Dropped { reason: None }
    }

    /// Its name in the record.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Dropped { .. } => "dropped",
            Self::Revoked { .. } => "revoked",
            Self::Failed { .. } => "failed",
            Self::AuthorityGone { .. } => "authority_gone",
        }
    }
}

impl PartStatus {
    pub fn is_held(&self) -> bool {
        match self {
            Self::Held { .. } => true,
            Self::Wanted | Self::Refused { .. } | Self::Releasing | Self::Released { .. } => false,
        }
    }

    pub fn is_released(&self) -> bool {
        match self {
            Self::Released { .. } => true,
            // Planted, what was ordered to go is said to be gone.
            Self::Releasing => planted(Fault::CardDisagrees),
            Self::Wanted | Self::Held { .. } | Self::Refused { .. } => false,
        }
    }
}

impl Grant {
    /// Provisioning, active or revoking.
    pub fn is_live(&self) -> bool {
        match &self.state {
            State::Provisioning { .. } | State::Active { .. } | State::Revoking { .. } => true,
            State::Ended { .. } | State::Failed { .. } => false,
        }
    }

    /// The end of an active grant.
    pub fn ends_at(&self) -> Option<Time> {
        match &self.state {
            State::Active { ends_at, .. } => Some(*ends_at),
            State::Provisioning { .. }
            | State::Revoking { .. }
            | State::Ended { .. }
            | State::Failed { .. } => None,
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject::Grant(self.id.clone())
    }

    pub(crate) fn event(&self, kind: EventKind, actor: Actor, now: Time) -> Event {
        Event::new(kind, actor, now)
            .request(&self.request)
            .grant(&self.id)
            .fact("role", self.role.as_str())
    }

    pub(crate) fn set_part(&mut self, holding: &HoldingId, status: &PartStatus) {
        for part in &mut self.parts {
            if part.holding == *holding {
                part.status = status.clone();
            }
        }
    }

    pub(crate) fn part(&self, holding: &HoldingId) -> Option<&PartStatus> {
        self.parts
            .iter()
            .find(|part| part.holding == *holding)
            .map(|part| &part.status)
    }
}

/// When to warn: those of `warn_before` that fit into `duration`, the longest first; where all are too long, one at
/// a quarter of its length. None where none are wanted.
pub fn warnings_for(duration: Duration, warn_before: &[Duration]) -> Vec<Duration> {
    let mut fitting: Vec<Duration> = warn_before
        .iter()
        .copied()
        .filter(|before| before.as_secs() > 0 && *before < duration)
        .collect();
    fitting.sort_unstable_by(|one, other| other.cmp(one));
    fitting.dedup();
    let quarter = Duration::from_secs(duration.as_secs() / 4);
    if fitting.is_empty() && !warn_before.is_empty() && quarter.as_secs() > 0 {
        fitting.push(quarter);
    }
    fitting
}
