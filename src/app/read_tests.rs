//! What people see of a request and its grant, in the states that are easily told wrong.

use std::collections::BTreeMap;

use hallpass_domain::grant::{EndReason, Part, PartStatus, Release, State as GrantState};
use hallpass_domain::request::{Kind, OpenStage, Start, State};
use hallpass_domain::role::{ParameterRule, Rung, ScheduleName, StageRule, Terms};
use hallpass_domain::{
    BackendName, Duration, Entitlement, Grant, GrantId, HoldingId, Membership, Person, PersonId,
    Request, RequestId, Role, RoleName, ShortId, SlackId, Time, Who,
};

use super::{Around, Faces, render};
use crate::ports::chat::{EndShown, GrantStateShown, RequestShown, StateShown};

fn at(text: &str) -> Time {
    format!("2026-01-05T{text}Z").parse().expect("a time")
}

fn person(name: &str) -> (PersonId, Person) {
    let person = Person {
        id: PersonId::new(name),
        version: 1,
        accounts: SlackId::parse(&format!("U0{}", name.to_uppercase()))
            .into_iter()
            .collect(),
        email: None,
        name: format!("{name} – approved"),
        time_zone: "UTC".into(),
        membership: Membership::Member,
        principals: BTreeMap::new(),
    };
    (person.id.clone(), person)
}

pub(in crate::app) fn role() -> Role {
    let entitlement = |backend: &str, role: &str| Entitlement {
        backend: BackendName::new(backend),
        attributes: BTreeMap::from([("role".to_owned(), role.to_owned())]),
    };
    Role {
        name: RoleName::new("db-admin"),
        description: "Read and write {node}".into(),
        environment: None,
        owner: None,
        labels: BTreeMap::new(),
        requesters: vec![Who::Everybody],
        visible_to: vec![Who::Everybody],
        parameters: BTreeMap::from([(
            "node".to_owned(),
            ParameterRule {
                pattern: "web-[0-9]".into(),
                required: true,
                example: None,
                description: None,
            },
        )]),
        entitlements: vec![entitlement("one", "admin"), entitlement("two", "admin")],
        stages: vec![StageRule {
            approvers: vec![Who::OnCall(ScheduleName::new("dba"))],
            quorum: 1,
            ladder: vec![Rung {
                after: Duration::from_mins(10),
                ask: vec![Who::OnCall(ScheduleName::new("security"))],
            }],
        }],
        break_glass: None,
        extend: None,
        ticket: None,
        min_duration: Duration::from_mins(1),
        max_duration: Duration::from_hours(4),
        default_duration: None,
        warn_before: vec![],
        request_timeout: Duration::from_hours(1),
        remind_after: None,
        channel: None,
    }
}

/// Rita asked, Bob is asked.
pub(in crate::app) fn pending() -> Request {
    let parameters = BTreeMap::from([("node".to_owned(), "web-3".to_owned())]);
    Request {
        id: RequestId::new("r1"),
        short: ShortId::parse("7K2M").expect("an id"),
        version: 1,
        requester: PersonId::new("rita"),
        holder: PersonId::new("rita"),
        kind: Kind::Access,
        terms: Terms::new(role(), parameters, vec![]),
        duration: Duration::from_hours(1),
        start: Start::Now,
        reason: "orders stuck".into(),
        ticket: None,
        asked_at: at("09:00:00"),
        deadline: at("10:00:00"),
        reviews: vec![],
        state: State::Pending(OpenStage {
            index: 0,
            opened_at: at("09:00:00"),
            asked: vec![PersonId::new("bob")],
            rungs: 1,
            climbed_at_once: false,
            reminded: false,
        }),
        post_use_review: None,
    }
}

fn started(parts: [PartStatus; 2], state: GrantState) -> (Request, Grant) {
    let mut request = pending();
    request.state = State::Started {
        grant: GrantId::new("g1"),
        at: at("09:05:00"),
    };
    let grant = Grant {
        id: GrantId::new("g1"),
        short: request.short.clone(),
        version: 1,
        request: request.id.clone(),
        role: RoleName::new("db-admin"),
        holder: request.holder.clone(),
        duration: Duration::from_hours(1),
        parts: parts
            .into_iter()
            .enumerate()
            .map(|(index, status)| Part {
                holding: HoldingId::new(format!("h{index}")),
                status,
            })
            .collect(),
        state,
        extensions: 0,
        more_asked: None,
        warn_before: vec![],
    };
    (request, grant)
}

pub(in crate::app) fn shown(request: &Request, grant: Option<&Grant>) -> RequestShown {
    let faces = Faces(["rita", "bob", "eve"].into_iter().map(person).collect());
    render(request, grant, &Around::default(), &faces)
}

fn grant_shown(request: &Request, grant: &Grant) -> (GrantStateShown, Vec<String>) {
    let StateShown::Started(grant) = shown(request, Some(grant)).state else {
        panic!("it is started");
    };
    (grant.state, grant.notes)
}

#[test]
fn a_waiting_request_says_who_is_asked_and_who_is_next() {
    let shown = shown(&pending(), None);
    assert_eq!(
        (shown.short.as_str(), shown.permits.as_str()),
        ("R-7K2M", "Read and write web-3")
    );
    let StateShown::Pending(stage) = shown.state else {
        panic!("it waits");
    };
    assert_eq!(
        (stage.number, stage.of, stage.approvals, stage.quorum),
        (1, 1, 0, 1)
    );
    assert_eq!(stage.asked_as, ["dba on call"]);
    assert_eq!(
        stage.next,
        Some((vec!["security on call".to_owned()], at("09:10:00")))
    );
}

#[test]
fn a_backend_that_does_not_let_go_is_named() {
    let released = PartStatus::Released {
        at: at("10:05:01"),
        how: Release::Removed {
            sessions_closed: Some(2),
            note: None,
        },
    };
    let revoking = GrantState::Revoking {
        reason: EndReason::Expired,
        since: at("10:05:00"),
        active_since: Some(at("09:05:00")),
        stuck_since: Some(at("10:07:00")),
    };
    let (request, grant) = started([released, PartStatus::Releasing], revoking);
    let (state, _) = grant_shown(&request, &grant);
    let stuck = vec!["two".to_owned()];
    let why = EndShown::Expired;
    assert_eq!(state, GrantStateShown::Revoking { why, stuck });
}

#[test]
fn the_end_is_when_its_time_was_up_and_the_check_when_it_was_gone() {
    let gone = |how| PartStatus::Released {
        at: at("10:05:03"),
        how,
    };
    let removed = gone(Release::Removed {
        sessions_closed: Some(2),
        note: None,
    });
    let ended = GrantState::Ended {
        reason: EndReason::Expired,
        at: at("10:05:03"),
        active_since: Some(at("09:05:00")),
    };
    let (request, grant) = started([removed, gone(Release::StillCovered)], ended);
    let (state, notes) = grant_shown(&request, &grant);
    assert_eq!(
        state,
        GrantStateShown::Ended {
            why: EndShown::Expired,
            at: at("10:05:00"),
            verified_at: at("10:05:03"),
            sessions_closed: Some(2),
        }
    );
    assert_eq!(notes, ["admin in two stays: another grant covers it."]);
}

#[test]
fn nobody_is_shown_by_the_name_they_gave_themselves() {
    let text = format!("{:?}", shown(&pending(), None));
    assert!(!text.contains("approved"), "{text}");
}
