//! A request: the ask, its stages and reviews, and what became of it.
//!
//! ```text
//! pending ─► approved ─► started          pending ─► denied | cancelled | timed out | void
//! approved ─► scheduled ─► started        scheduled ─► pending, when the rules changed meanwhile
//! ```
//!
//! Ended states are final. State decides, never timestamps.

mod ask;
mod break_glass;
mod close;
mod open;
mod review;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::review::Verdict;
use crate::role::Terms;
use crate::{
    Change, Duration, Grant, GrantId, Holding, PersonId, RequestId, Review, ShortId, Time, Version,
};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// A new grant.
    Access,
    /// More time for a live grant, beyond the budget that was agreed; void when the grant ends.
    Extend { grant: GrantId },
    /// Approved at birth by a commander; a review is owed.
    BreakGlass {
        commander: PersonId,
        incident: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "start", content = "at", rename_all = "snake_case")]
pub enum Start {
    Now,
    At(Time),
}

/// The people of one stage as they are right now: the approvers, then each step of the ladder.
/// Resolved by the shell (on call, groups, policy); deactivated people are not among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Panel {
    pub rungs: Vec<Vec<PersonId>>,
}

/// What the shell read or made for a transition that may start a grant: an id for it, and one holding for
/// each entitlement of the terms, in their order: existing rows, or new ones with version 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    New {
        grant: GrantId,
        holdings: Vec<Holding>,
    },
    /// For kind extend: the grant that gets more time, and its holdings.
    Extend {
        grant: Box<Grant>,
        holdings: Vec<Holding>,
    },
}

/// The stage that waits for reviews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenStage {
    /// From 0.
    pub index: usize,
    pub opened_at: Time,
    /// Who is asked, without requester, holder and those who counted in earlier stages; in the order of the rungs.
    pub asked: Vec<PersonId>,
    /// How many rungs were asked so far: 1 is the approvers alone.
    pub rungs: usize,
    /// The first rung couldn't reach the quorum without the requester, so the next was asked at once.
    pub climbed_at_once: bool,
    pub reminded: bool,
}

/// Why a request became void.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoidReason {
    /// Requester or holder was deactivated or left the workspace.
    PersonLeft,
    /// The role doesn't exist any more.
    RoleGone,
    /// The policy no longer lets them ask.
    NotEligible,
    /// The reviews no longer satisfy the rules, or one isn't authentic.
    AuthorityGone,
    /// The grant that was to be extended ended.
    GrantEnded,
    /// When it was to start, a backend had no account that is its holder's own.
    NoAccount,
    /// Its start was missed by so much that it isn't what was approved any more.
    StartMissed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    Pending(OpenStage),
    /// Approved for a later start.
    Scheduled {
        approved_at: Time,
        starts_at: Time,
    },
    /// Approved, and it needed no grant of its own (kind extend).
    Approved {
        at: Time,
    },
    Started {
        grant: GrantId,
        at: Time,
    },
    Denied {
        by: PersonId,
        at: Time,
        reason: Option<String>,
    },
    Cancelled {
        at: Time,
    },
    TimedOut {
        at: Time,
    },
    Void {
        why: VoidReason,
        at: Time,
    },
}

impl State {
    /// As it stands in the store.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending(_) => "pending",
            Self::Scheduled { .. } => "scheduled",
            Self::Approved { .. } => "approved",
            Self::Started { .. } => "started",
            Self::Denied { .. } => "denied",
            Self::Cancelled { .. } => "cancelled",
            Self::TimedOut { .. } => "timed_out",
            Self::Void { .. } => "void",
        }
    }

    /// The stage that waits for its reviews; none once nobody has to decide any more.
    pub fn waiting(&self) -> Option<&OpenStage> {
        match self {
            Self::Pending(stage) => Some(stage),
            Self::Scheduled { .. }
            | Self::Approved { .. }
            | Self::Started { .. }
            | Self::Denied { .. }
            | Self::Cancelled { .. }
            | Self::TimedOut { .. }
            | Self::Void { .. } => None,
        }
    }
}

/// The review that break-glass owes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostUseReview {
    pub due: Time,
    pub state: PostUseState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PostUseState {
    Owed,
    /// `found` is none where it was reviewed before that was asked.
    Reviewed {
        by: PersonId,
        at: Time,
        note: Option<String>,
        #[serde(default)]
        found: Option<Found>,
    },
    Overdue {
        since: Time,
    },
}

/// How broken glass was used, as whoever reviews it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    AsItShouldBe,
    /// Somebody has to look further: the note says at what.
    NeedsFollowUp,
}

impl Found {
    /// Its name in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AsItShouldBe => "as_it_should_be",
            Self::NeedsFollowUp => "needs_follow_up",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::AsItShouldBe, Self::NeedsFollowUp]
            .into_iter()
            .find(|one| one.as_str() == text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub id: RequestId,
    pub short: ShortId,
    pub version: Version,
    pub requester: PersonId,
    /// Who gets the access: the requester, but for break-glass for somebody else.
    pub holder: PersonId,
    pub kind: Kind,
    pub terms: Terms,
    /// As asked. What is granted is the minimum of this and the counted reviews, see [`Request::granted_duration`].
    pub duration: Duration,
    pub start: Start,
    pub reason: String,
    pub ticket: Option<String>,
    pub asked_at: Time,
    /// When it times out: the later of ask + request timeout and the start.
    pub deadline: Time,
    pub reviews: Vec<Review>,
    pub state: State,
    pub post_use_review: Option<PostUseReview>,
}

/// A new request, checked against the role by the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub id: RequestId,
    pub short: ShortId,
    pub requester: PersonId,
    pub holder: PersonId,
    pub kind: Kind,
    pub terms: Terms,
    pub duration: Duration,
    pub start: Start,
    pub reason: String,
    pub ticket: Option<String>,
    /// The delivery's key (`trigger_id`), so that a repeated delivery is one request.
    pub delivery: Option<String>,
}

/// A request and the change that brings it about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub request: Request,
    pub change: Change,
}

impl Request {
    /// The minimum of what was asked and what the counted reviews allow; never raised.
    pub fn granted_duration(&self) -> Duration {
        self.reviews
            .iter()
            .filter_map(|review| match &review.verdict {
                Verdict::Approve { at_most, .. } => *at_most,
                Verdict::Deny { .. } => None,
            })
            .fold(self.duration, Duration::min)
    }

    /// Approvals that count for a stage: of distinct people, none of them requester, holder or commander.
    pub fn approvals(&self, stage: usize) -> Vec<&Review> {
        let mut counted = BTreeSet::new();
        self.reviews
            .iter()
            .filter(|review| review.stage == stage && review.approves())
            .filter(|review| !self.is_own(&review.reviewer) && counted.insert(&review.reviewer))
            .collect()
    }

    /// Commander, requester and holder: whoever may not decide it.
    pub fn is_own(&self, person: &PersonId) -> bool {
        let commands = match &self.kind {
            Kind::BreakGlass { commander, .. } => commander == person,
            Kind::Access | Kind::Extend { .. } => false,
        };
        commands || self.requester == *person || self.holder == *person
    }

    /// Whether its stages' quorums stand with authentic reviews of distinct people who are still who they were (I5).
    /// `valid` tells whether a review's MAC and its author are good. A request that is pending or came to nothing
    /// gives no authority; break-glass and a role without stages stand by themselves.
    pub fn authority_stands(&self, valid: impl Fn(&Review) -> bool) -> bool {
        let decided = match &self.state {
            State::Scheduled { .. } | State::Approved { .. } | State::Started { .. } => true,
            State::Pending(_)
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::TimedOut { .. }
            | State::Void { .. } => false,
        };
        if matches!(self.kind, Kind::BreakGlass { .. }) {
            return decided;
        }
        let mut counted = BTreeSet::new();
        decided
            && (0..).zip(&self.terms.role.stages).all(|(index, stage)| {
                let stands = self
                    .approvals(index)
                    .into_iter()
                    .filter(|review| valid(review) && counted.insert(&review.reviewer))
                    .count();
                stands >= stage.needed()
            })
    }

    /// Nothing more can become of it: all but pending and scheduled. A started request's grant goes on by itself.
    pub fn is_final(&self) -> bool {
        match &self.state {
            State::Pending(_) | State::Scheduled { .. } => false,
            State::Approved { .. }
            | State::Started { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::TimedOut { .. }
            | State::Void { .. } => true,
        }
    }
}
