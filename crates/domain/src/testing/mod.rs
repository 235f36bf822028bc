//! What the tests of the core stand on: people, a role, and a world that keeps rows and effects as the store would,
//! with a backend that holds what it was told to hold.

mod world;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use self::world::World;
use crate::change::Write;
use crate::effect::Notice;
use crate::request::{Ask, Kind, Opening, Panel, Start};
use crate::review::{Strength, Verdict};
use crate::role::{
    BackendName, BreakGlassRule, Entitlement, ExtendRule, Role, Rung, Sharing, StageRule, Terms,
};
use crate::{
    Change, Duration, EffectChange, EffectKind, Event, EventKind, Grant, GrantId, Holding,
    HoldingId, PersonId, Request, RequestId, Review, ReviewId, RoleName, ShortId, Time,
};

/// Minutes after the morning on which all stories begin.
pub(crate) fn at(minutes: i64) -> Time {
    let morning: Time = "2026-03-02T09:00:00Z".parse().expect("a time");
    morning + chrono::TimeDelta::minutes(minutes)
}

pub(crate) fn who(name: &str) -> PersonId {
    PersonId::new(name)
}

pub(crate) fn people(names: &[&str]) -> Vec<PersonId> {
    names.iter().map(|name| who(name)).collect()
}

pub(crate) fn minutes(count: u32) -> Duration {
    Duration::from_mins(count)
}

pub(crate) fn entitlement(backend: &str, role: &str) -> Entitlement {
    Entitlement {
        backend: BackendName::new(backend),
        attributes: BTreeMap::from([("role".into(), role.into())]),
    }
}

pub(crate) fn stage(quorum: u32, ladder: &[u32]) -> StageRule {
    StageRule {
        approvers: Vec::new(),
        quorum,
        ladder: ladder
            .iter()
            .map(|after| Rung {
                after: minutes(*after),
                ask: Vec::new(),
            })
            .collect(),
    }
}

/// One stage, one approval, a ladder of one step after 10 minutes; break-glass for an hour; two extensions.
pub(crate) fn db_admin() -> Role {
    Role {
        name: RoleName::parse("db-admin").expect("a role"),
        description: "Read and write orders".into(),
        environment: None,
        owner: None,
        labels: BTreeMap::new(),
        requesters: Vec::new(),
        visible_to: Vec::new(),
        parameters: BTreeMap::new(),
        entitlements: vec![entitlement("orders-db", "orders_admin")],
        stages: vec![stage(1, &[10])],
        break_glass: Some(BreakGlassRule {
            commanders: Vec::new(),
            max_duration: minutes(60),
            review_by: Vec::new(),
            review_within: Duration::from_hours(24),
        }),
        extend: Some(ExtendRule {
            times: 2,
            by: minutes(60),
        }),
        ticket: None,
        min_duration: minutes(1),
        max_duration: minutes(240),
        default_duration: None,
        warn_before: vec![minutes(15), minutes(5)],
        request_timeout: minutes(60),
        remind_after: Some(minutes(15)),
        channel: None,
    }
}

/// Two stages: `first` and `second` approvals, no ladder.
pub(crate) fn two_stages(first: u32, second: u32) -> Role {
    Role {
        stages: vec![stage(first, &[]), stage(second, &[])],
        ..db_admin()
    }
}

pub(crate) fn terms(role: Role) -> Terms {
    Terms::new(role, BTreeMap::new(), vec!["base.cedar:12".into()])
}

/// Rita asks for two hours.
pub(crate) fn ask(role: Role) -> Ask {
    Ask {
        id: RequestId::new("r1"),
        short: ShortId::parse("7K2M").expect("an id"),
        requester: who("rita"),
        holder: who("rita"),
        kind: Kind::Access,
        terms: terms(role),
        duration: minutes(120),
        start: Start::Now,
        reason: "orders stuck".into(),
        ticket: None,
        delivery: Some("trigger-1".into()),
    }
}

/// Carol breaks the glass for Rita.
pub(crate) fn broken_glass(role: Role) -> Ask {
    Ask {
        requester: who("carol"),
        kind: Kind::BreakGlass {
            commander: who("carol"),
            incident: "INC-4711".into(),
        },
        duration: minutes(30),
        ..ask(role)
    }
}

/// One stage's rungs after the other.
pub(crate) fn panels(stages: &[&[&[&str]]]) -> Vec<Panel> {
    stages
        .iter()
        .map(|rungs| Panel {
            rungs: rungs.iter().map(|rung| people(rung)).collect(),
        })
        .collect()
}

/// Bob and Dana decide; then Eve is asked.
pub(crate) fn bob_dana_then_eve() -> Vec<Panel> {
    panels(&[&[&["bob", "dana"], &["eve"]]])
}

pub(crate) fn review(request: &Request, stage: usize, by: &str, verdict: Verdict) -> Review {
    Review {
        id: ReviewId::new(format!("v-{by}")),
        request: request.id.clone(),
        stage,
        reviewer: who(by),
        verdict,
        strength: Strength::Slack,
        at: request.asked_at,
        rules: vec!["base.cedar:30".into()],
        mac: String::new(),
    }
}

pub(crate) fn yes() -> Verdict {
    Verdict::Approve {
        at_most: None,
        note: None,
    }
}

pub(crate) fn yes_for(at_most: Duration) -> Verdict {
    Verdict::Approve {
        at_most: Some(at_most),
        note: None,
    }
}

pub(crate) fn no() -> Verdict {
    Verdict::Deny {
        reason: Some("not today".into()),
    }
}

/// A fresh grant with fresh holdings for what a request asks.
pub(crate) fn opening(request: &Ask) -> Opening {
    Opening::New {
        grant: GrantId::new("g1"),
        holdings: request
            .terms
            .entitlements
            .iter()
            .map(|entitlement| fresh_holding(entitlement, &request.holder))
            .collect(),
    }
}

pub(crate) fn fresh_holding(entitlement: &Entitlement, person: &PersonId) -> Holding {
    Holding::new(
        HoldingId::new(format!("{}/{}", entitlement.backend, entitlement.shown())),
        entitlement.backend.clone(),
        format!("{person}_sql"),
        person.clone(),
        entitlement.clone(),
        Sharing::Shared,
        None,
    )
}

impl Change {
    pub(crate) fn the_request(&self) -> &Request {
        self.writes
            .iter()
            .find_map(|write| match write {
                Write::Request(request) => Some(request.as_ref()),
                Write::Grant(_) | Write::Holding(_) | Write::Person(_) => None,
            })
            .expect("the change writes a request")
    }

    pub(crate) fn the_grant(&self) -> &Grant {
        self.writes
            .iter()
            .find_map(|write| match write {
                Write::Grant(grant) => Some(grant.as_ref()),
                Write::Request(_) | Write::Holding(_) | Write::Person(_) => None,
            })
            .expect("the change writes a grant")
    }

    pub(crate) fn the_holding(&self) -> &Holding {
        self.writes
            .iter()
            .find_map(|write| match write {
                Write::Holding(holding) => Some(holding.as_ref()),
                Write::Request(_) | Write::Grant(_) | Write::Person(_) => None,
            })
            .expect("the change writes a holding")
    }

    /// The first event of this kind.
    pub(crate) fn event_of(&self, kind: EventKind) -> &Event {
        self.events
            .iter()
            .find(|event| event.kind == kind)
            .expect("the change tells of it")
    }

    pub(crate) fn writes_a_grant(&self) -> bool {
        self.writes
            .iter()
            .any(|write| matches!(write, Write::Grant(_)))
    }

    pub(crate) fn says(&self, notice: Notice) -> bool {
        self.due(&EffectKind::Say(notice)).is_some()
    }

    /// When an effect of this kind is due, whatever it is about.
    pub(crate) fn due(&self, wanted: &EffectKind) -> Option<Time> {
        self.effects.iter().find_map(|effect| match effect {
            EffectChange::Schedule(effect) => (effect.kind == *wanted).then_some(effect.due),
            EffectChange::Cancel { .. } => None,
        })
    }

    pub(crate) fn cancels(&self, wanted: &EffectKind) -> bool {
        self.effects.iter().any(|effect| match effect {
            EffectChange::Schedule(_) => false,
            EffectChange::Cancel { kind, .. } => kind == wanted,
        })
    }

    pub(crate) fn happened(&self) -> BTreeSet<&'static str> {
        self.events
            .iter()
            .map(|event| event.kind.as_str())
            .collect()
    }

    pub(crate) fn tells(&self, kind: EventKind) -> bool {
        self.events.iter().any(|event| event.kind == kind)
    }
}
