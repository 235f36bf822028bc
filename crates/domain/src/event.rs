//! Events: what happened, for the record. Who, what, when, why, by which rule, with which outcome.
//! Personal fields stand apart, so that they can be erased while the proof stays whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{GrantId, HoldingId, PersonId, RequestId, Time};

/// Who caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "actor", content = "id", rename_all = "snake_case")]
pub enum Actor {
    Person(PersonId),
    /// A timer or the reconciler.
    Hallpass,
    /// `cli:user@host`.
    Operator(String),
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $text:literal),* $(,)?) => {
        /// What happened; the text is what is stored and exported.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum EventKind {
            $($(#[$doc])* #[serde(rename = $text)] $kind),*
        }

        impl EventKind {
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $text),* }
            }

            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$kind),)* _ => None }
            }
        }
    };
}

kinds! {
    Requested = "request.asked",
    /// An ask that was turned down; there is no request row.
    Refused = "request.refused",
    Reviewed = "request.reviewed",
    StageOpened = "request.stage_opened",
    Climbed = "request.climbed",
    Reminded = "request.reminded",
    Approved = "request.approved",
    Denied = "request.denied",
    Cancelled = "request.cancelled",
    TimedOut = "request.timed_out",
    Voided = "request.voided",
    Scheduled = "request.scheduled",
    Reopened = "request.reopened",
    Started = "request.started",
    BrokeGlass = "request.broke_glass",
    ReviewOwed = "request.review_owed",
    PostUseReviewed = "request.post_use_reviewed",
    PostUseReviewOverdue = "request.post_use_review_overdue",
    GrantIntended = "grant.intended",
    GrantActive = "grant.active",
    GrantExtended = "grant.extended",
    RevocationIntended = "grant.revocation_intended",
    GrantEnded = "grant.ended",
    GrantFailed = "grant.failed",
    RevocationStuck = "grant.revocation_stuck",
    HoldingGranted = "holding.granted",
    HoldingRevoked = "holding.revoked",
    HoldingVerified = "holding.verified",
    HoldingRefused = "holding.refused",
    StandingAccessFound = "holding.standing_access_found",
    SessionsEnded = "holding.sessions_ended",
    PersonPinned = "person.pinned",
    PersonChanged = "person.changed",
    ConfigurationLoaded = "configuration.loaded",
    Warned = "grant.warned",
    /// A backend's state differed from the grants.
    DriftFound = "backend.drift_found",
    /// What had lost its timer got it again.
    Rescheduled = "ledger.rescheduled",
    BackendRetired = "backend.retired",
    BackendDown = "backend.down",
    BackendBack = "backend.back",
    ClockJumped = "clock.jumped",
    ClockSkewed = "clock.skewed",
    /// The record is older than its anchor.
    Restored = "record.restored",
    RestoreAccepted = "record.restore_accepted",
    /// Personal fields were erased; the facts say of which events.
    Erased = "record.erased",
    DrillDone = "drill.done",
}

/// A field about a person: kept in the side table, the event holds a salted commitment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Personal {
    pub field: String,
    pub value: String,
}

/// The store adds the id and the commitments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub at: Time,
    pub kind: EventKind,
    pub actor: Actor,
    pub request: Option<RequestId>,
    pub grant: Option<GrantId>,
    pub holding: Option<HoldingId>,
    /// The policy rules that determined it.
    pub rules: Vec<String>,
    /// Facts that name nobody: role, duration, stage, receipt.
    pub facts: BTreeMap<String, serde_json::Value>,
    /// Names, e-mails, reasons.
    pub personal: Vec<Personal>,
}

impl Event {
    pub fn new(kind: EventKind, actor: Actor, at: Time) -> Self {
        Self {
            at,
            kind,
            actor,
            request: None,
            grant: None,
            holding: None,
            rules: Vec::new(),
            facts: BTreeMap::new(),
            personal: Vec::new(),
        }
    }

    #[must_use]
    pub fn request(mut self, id: &RequestId) -> Self {
        self.request = Some(id.clone());
        self
    }

    #[must_use]
    pub fn grant(mut self, id: &GrantId) -> Self {
        self.grant = Some(id.clone());
        self
    }

    #[must_use]
    pub fn holding(mut self, id: &HoldingId) -> Self {
        self.holding = Some(id.clone());
        self
    }

    #[must_use]
    pub fn rules(mut self, rules: &[String]) -> Self {
        self.rules = rules.to_vec();
        self
    }

    /// Adds a fact that names nobody.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.facts.insert(name.into(), value.into());
        self
    }

    /// Adds a personal field.
    #[must_use]
    pub fn personal(mut self, field: &str, value: impl Into<String>) -> Self {
        self.personal.push(Personal {
            field: field.into(),
            value: value.into(),
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Actor, Event, EventKind};
    use crate::testing::at;
    use crate::{GrantId, HoldingId, RequestId};

    #[test]
    fn it_keeps_all_that_it_was_told() {
        let (request, grant) = (RequestId::new("r1"), GrantId::new("g1"));
        let holding = HoldingId::new("h1");
        let rules = ["base.cedar:12".to_owned()];
        let event = Event::new(EventKind::GrantActive, Actor::Hallpass, at(1))
            .request(&request)
            .grant(&grant)
            .holding(&holding)
            .rules(&rules)
            .fact("seconds", 60)
            .fact("role", "db-admin")
            .personal("reason", "orders stuck");
        assert_eq!((event.request, event.grant), (Some(request), Some(grant)));
        assert_eq!(event.holding, Some(holding));
        assert_eq!(event.rules, rules);
        assert_eq!(event.facts["seconds"], 60);
        assert_eq!(event.facts["role"], "db-admin");
        let [reason] = event.personal.as_slice() else {
            panic!("{:?}", event.personal);
        };
        assert_eq!(
            (reason.field.as_str(), reason.value.as_str()),
            ("reason", "orders stuck")
        );
    }
}
