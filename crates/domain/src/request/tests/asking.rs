use crate::effect::{Notice, Subject};
use crate::request::{Ask, Kind, Opening, Request, Start, State};
use crate::role::Role;
use crate::testing::{
    World, ask, at, bob_dana_then_eve, db_admin, entitlement, minutes, no, opening, panels, people,
    review, stage, two_stages, who, yes,
};
use crate::{Actor, EffectKind, EventKind, Lane, RefusalKind, Urgency};

fn pending(request: &Request) -> &crate::request::OpenStage {
    let State::Pending(stage) = &request.state else {
        panic!("{:?} is not pending", request.state);
    };
    stage
}

#[test]
fn an_ask_waits_for_its_approvers() {
    let asked = Request::ask(ask(db_admin()), &bob_dana_then_eve(), None, at(0)).expect("asked");
    let (request, change) = (asked.request, asked.change);

    let stage = pending(&request);
    assert_eq!(stage.asked, people(&["bob", "dana"]));
    assert!(!stage.climbed_at_once);
    assert_eq!(change.the_request(), &request);
    assert!(!change.writes_a_grant());
    assert_eq!(change.delivery.as_deref(), Some("trigger-1"));
    assert!(change.says(Notice::Asked));
    assert_eq!(change.due(&EffectKind::SyncCard), Some(at(0)));
    assert_eq!(change.due(&EffectKind::Climb), Some(at(10)));
    assert_eq!(change.due(&EffectKind::Remind), Some(at(15)));
    assert_eq!(change.due(&EffectKind::TimeOut), Some(at(60)));
    let event = &change.events[0];
    assert_eq!(event.kind, EventKind::Requested);
    assert_eq!(event.actor, Actor::Person(who("rita")));
    assert_eq!(event.rules, ["base.cedar:12"]);
    assert!(
        event
            .facts
            .values()
            .all(|fact| !fact.to_string().contains("stuck")),
        "a reason is personal"
    );
    assert!(
        event
            .personal
            .iter()
            .any(|field| field.value == "orders stuck")
    );
}

#[test]
fn a_role_without_stages_is_granted_at_once() {
    let role = Role {
        stages: vec![],
        ..db_admin()
    };
    let ask = ask(role);
    let opening = opening(&ask);
    let asked = Request::ask(ask, &[], Some(opening), at(0)).expect("asked");

    assert!(matches!(asked.request.state, State::Started { .. }));
    assert!(asked.change.writes_a_grant());
    assert!(!asked.change.says(Notice::Asked));
    assert_eq!(asked.change.due(&EffectKind::GiveUp), Some(at(15)));
    assert_eq!(asked.change.due(&EffectKind::TimeOut), None);
    assert!(asked.request.authority_stands(|_| false));
}

#[test]
fn the_intent_carries_the_timer_of_its_end_and_the_work_of_its_backend() {
    let role = Role {
        stages: vec![],
        ..db_admin()
    };
    let ask = ask(role);
    let opening = opening(&ask);
    let change = Request::ask(ask, &[], Some(opening), at(0))
        .expect("asked")
        .change;

    let sync = change
        .effects
        .iter()
        .find_map(|effect| match effect {
            crate::EffectChange::Schedule(effect) => {
                (effect.kind == EffectKind::SyncHolding).then_some(effect)
            }
            crate::EffectChange::Cancel { .. } => None,
        })
        .expect("the backend has work");
    assert_eq!(
        sync.lane,
        Lane::Backend(crate::BackendName::new("orders-db"))
    );
    assert_eq!(sync.urgency, Urgency::Normal);
    assert!(matches!(sync.subject, Subject::Holding(_)));
}

#[test]
fn the_requester_is_taken_out_and_the_next_step_is_asked_at_once() {
    let only_rita = panels(&[&[&["rita"], &["eve", "rita"]]]);
    let asked = Request::ask(ask(db_admin()), &only_rita, None, at(0)).expect("asked");
    let stage = pending(&asked.request);
    assert_eq!(stage.asked, people(&["eve"]));
    assert_eq!(stage.rungs, 2);
    assert!(stage.climbed_at_once);
    assert!(
        asked.change.cancels(&EffectKind::Climb),
        "the ladder has no further step"
    );
}

#[test]
fn where_nobody_could_ever_decide_nothing_is_asked() {
    for hopeless in [
        panels(&[&[&["rita"], &["rita"]]]),
        panels(&[&[&[], &[]]]),
        panels(&[]),
    ] {
        let refusal =
            Request::ask(ask(db_admin()), &hopeless, None, at(0)).expect_err("nobody is left");
        assert_eq!(refusal.kind, RefusalKind::NobodyToAsk);
        assert!(refusal.allowed.is_some());
    }
}

#[test]
fn a_role_that_nobody_can_approve_says_how_many_it_needs() {
    let nobody = panels(&[&[&[]], &[&[]]]);
    for (role, needed) in [
        (db_admin(), "needs an approval by 1 other person than"),
        (two_stages(1, 1), "needs approvals by 2 other people than"),
    ] {
        let refusal = Request::ask(ask(role), &nobody, None, at(0)).expect_err("nobody");
        assert!(refusal.sentence.contains(needed), "{refusal}");
    }
}

#[test]
fn stages_need_distinct_people() {
    let same = panels(&[&[&["bob"]], &[&["bob"]]]);
    let refusal = Request::ask(ask(two_stages(1, 1)), &same, None, at(0)).expect_err("one person");
    assert_eq!(refusal.kind, RefusalKind::NobodyToAsk);
    assert!(refusal.sentence.contains("2 other people"), "{refusal}");

    // Bob is needed in the second stage; Dana can take the first.
    let enough = panels(&[&[&["bob", "dana"]], &[&["bob"]]]);
    assert!(Request::ask(ask(two_stages(1, 1)), &enough, None, at(0)).is_ok());
}

#[test]
fn the_deadline_is_the_later_of_time_out_and_start() {
    let tonight = Ask {
        start: Start::At(at(780)),
        ..ask(db_admin())
    };
    let asked = Request::ask(tonight, &bob_dana_then_eve(), None, at(0)).expect("asked");
    assert_eq!(asked.request.deadline, at(780));
    assert_eq!(asked.change.due(&EffectKind::TimeOut), Some(at(780)));

    let soon = Ask {
        start: Start::At(at(5)),
        ..ask(db_admin())
    };
    let asked = Request::ask(soon, &bob_dana_then_eve(), None, at(0)).expect("asked");
    assert_eq!(asked.request.deadline, at(60));
}

#[test]
fn a_principal_that_is_somebody_elses_grants_nothing() {
    let role = Role {
        stages: vec![],
        ..db_admin()
    };
    let ask = ask(role);
    let Opening::New {
        grant,
        mut holdings,
    } = opening(&ask)
    else {
        panic!("a new grant");
    };
    holdings[0].person = who("mallory");
    let refusal = Request::ask(ask, &[], Some(Opening::New { grant, holdings }), at(0))
        .expect_err("not hers");
    assert_eq!(refusal.kind, RefusalKind::NotAllowed);
}

#[test]
fn what_is_prepared_must_be_what_was_asked() {
    let role = Role {
        stages: vec![],
        ..db_admin()
    };
    let asked = ask(role);
    let Opening::New {
        grant,
        mut holdings,
    } = opening(&asked)
    else {
        panic!("a new grant");
    };
    holdings[0].entitlement = entitlement("orders-db", "postgres");
    let opening = Some(Opening::New { grant, holdings });
    assert!(Request::ask(asked.clone(), &[], opening, at(0)).is_err());
    assert!(Request::ask(asked, &[], None, at(0)).is_err());
}

#[test]
fn a_role_without_reminder_or_ladder_sets_no_such_timers() {
    let role = Role {
        remind_after: None,
        stages: vec![stage(1, &[])],
        ..db_admin()
    };
    let bob = panels(&[&[&["bob"]]]);
    let change = Request::ask(ask(role), &bob, None, at(0))
        .expect("asked")
        .change;
    assert_eq!(change.due(&EffectKind::Remind), None);
    assert_eq!(change.due(&EffectKind::Climb), None);
}

#[test]
fn an_extension_beyond_the_budget_is_a_request_for_an_active_grant() {
    let mut world = World::default();
    let bob = bob_dana_then_eve();
    let request = world.asks(ask(db_admin()), "g1", &bob, at(0));
    world
        .reviews(review(&request, 0, "bob", yes()), "g1", &bob, at(1))
        .expect("approved");

    let more = |world: &World| Ask {
        id: crate::RequestId::new("r2"),
        kind: Kind::Extend {
            grant: world.grant("g1").id,
        },
        duration: minutes(30),
        ..ask(db_admin())
    };
    let extend = |world: &World| {
        let grant = world.grant("g1");
        Opening::Extend {
            holdings: world.parts_of(&grant),
            grant: Box::new(grant),
        }
    };

    let early = Request::ask(more(&world), &bob, Some(extend(&world)), at(2));
    assert_eq!(
        early.expect_err("not there yet").kind,
        RefusalKind::WrongState
    );

    world.settles(at(3));
    let ends_at = world.grant("g1").ends_at().expect("active");
    let asked = Request::ask(more(&world), &bob, Some(extend(&world)), at(4)).expect("asked");
    world.apply(asked.change);
    let request = world.requests[&crate::RequestId::new("r2")].clone();
    assert_eq!(world.grant("g1").more_asked.as_ref(), Some(&request.id));
    let approve = request.clone().review(
        review(&request, 0, "bob", yes()),
        &bob,
        Some(extend(&world)),
        at(5),
    );
    world.apply(approve.expect("approved"));
    assert_eq!(
        world.grant("g1").ends_at(),
        Some(ends_at + minutes(30).to_delta())
    );
    assert_eq!(world.grant("g1").extensions, 0, "the budget isn't touched");
    assert_eq!(world.grant("g1").more_asked, None, "nothing waits any more");
    assert!(matches!(
        world.requests[&request.id].state,
        State::Approved { .. }
    ));
    assert!(world.said.contains(&Notice::Extended));
}

#[test]
fn more_time_is_given_to_the_grant_that_it_was_asked_for() {
    let mut world = World::default();
    let at_once = Role {
        stages: vec![],
        ..db_admin()
    };
    world.asks(ask(at_once.clone()), "g1", &[], at(0));
    world.settles(at(1));
    for (wanted, given) in [("g1", true), ("g9", false)] {
        let more = Ask {
            id: crate::RequestId::new("r2"),
            kind: Kind::Extend {
                grant: crate::GrantId::new(wanted),
            },
            ..ask(at_once.clone())
        };
        let grant = world.grant("g1");
        let opening = Opening::Extend {
            holdings: world.parts_of(&grant),
            grant: Box::new(grant),
        };
        let asked = Request::ask(more, &[], Some(opening), at(2));
        assert_eq!(asked.is_ok(), given, "{wanted}");
    }
}

#[test]
fn an_extension_is_void_when_its_grant_has_ended() {
    let mut world = World::default();
    let bob = bob_dana_then_eve();
    let request = world.asks(ask(db_admin()), "g1", &bob, at(0));
    world
        .reviews(review(&request, 0, "bob", yes()), "g1", &bob, at(1))
        .expect("approved");
    world.settles(at(2));
    let more = Ask {
        id: crate::RequestId::new("r2"),
        kind: Kind::Extend {
            grant: world.grant("g1").id,
        },
        ..ask(db_admin())
    };
    let more = Request::ask(more, &bob, None, at(3))
        .expect("asked")
        .request;
    let grant = world.grant("g1");
    let dropped = grant.clone().end(
        crate::grant::EndReason::dropped(),
        Actor::Person(who("rita")),
        world.parts_of(&grant),
        at(4),
    );
    world.apply(dropped.expect("dropped"));

    let grant = world.grant("g1");
    let opening = Opening::Extend {
        holdings: world.parts_of(&grant),
        grant: Box::new(grant),
    };
    let change = more
        .clone()
        .review(review(&more, 0, "bob", yes()), &bob, Some(opening), at(5))
        .expect("decided");
    assert!(matches!(change.the_request().state, State::Void { .. }));
    assert!(change.says(Notice::Decided));
    assert!(!change.writes_a_grant());

    let denied = more
        .clone()
        .review(review(&more, 0, "bob", no()), &bob, None, at(5))
        .expect("denied");
    assert!(!denied.writes_a_grant());
}

#[test]
fn a_grant_that_ends_calls_on_what_asks_for_more_of_it() {
    let mut world = World::default();
    let bob = bob_dana_then_eve();
    let request = world.asks(ask(db_admin()), "g1", &bob, at(0));
    world
        .reviews(review(&request, 0, "bob", yes()), "g1", &bob, at(1))
        .expect("approved");
    world.settles(at(2));
    let more = Ask {
        id: crate::RequestId::new("r2"),
        kind: Kind::Extend {
            grant: world.grant("g1").id,
        },
        ..ask(db_admin())
    };
    let grant = world.grant("g1");
    let opening = Opening::Extend {
        holdings: world.parts_of(&grant),
        grant: Box::new(grant),
    };
    let asked = Request::ask(more, &bob, Some(opening), at(3)).expect("asked");
    let deadline = asked.request.deadline;
    world.apply(asked.change);
    let timer = (
        crate::effect::Subject::Request(crate::RequestId::new("r2")),
        EffectKind::TimeOut,
    );
    assert_eq!(world.effects[&timer].due, deadline);

    let grant = world.grant("g1");
    let parts = world.parts_of(&grant);
    let dropped = crate::grant::EndReason::dropped();
    let change = grant.end(dropped, Actor::Person(who("rita")), parts, at(4));
    world.apply(change.expect("dropped"));
    assert_eq!(world.effects[&timer].due, at(4), "its timer is due at once");
}

#[test]
fn a_request_is_its_requesters_and_its_holders_own() {
    let asked = Request::ask(ask(db_admin()), &bob_dana_then_eve(), None, at(0)).expect("asked");
    let mut request = asked.request;
    request.holder = who("alice");
    assert!(request.is_own(&who("rita")) && request.is_own(&who("alice")));
    assert!(!request.is_own(&who("bob")));
    assert_eq!(request.state.name(), "pending");
}
