use crate::effect::Notice;
use crate::request::{Ask, Found, Kind, PostUseState, Request, State};
use crate::role::Role;
use crate::testing::{
    ask, at, bob_dana_then_eve, broken_glass, db_admin, minutes, opening, review, who, yes,
};
use crate::{EffectKind, EventKind, Refusal, RefusalKind};

fn broken(ask: Ask) -> Result<crate::request::Asked, Refusal> {
    let opening = opening(&ask);
    Request::ask(ask, &bob_dana_then_eve(), Some(opening), at(0))
}

#[test]
fn grant_alert_and_owed_review_commit_together() {
    let asked = broken(broken_glass(db_admin())).expect("broken");
    let change = &asked.change;
    assert!(change.writes_a_grant());
    assert!(change.says(Notice::BreakGlass));
    assert_eq!(change.due(&EffectKind::ReviewDue), Some(at(24 * 60)));
    assert_eq!(change.due(&EffectKind::GiveUp), Some(at(15)));
    let review = asked.request.post_use_review.as_ref().expect("owed");
    assert_eq!(review.state, PostUseState::Owed);
    for kind in [
        EventKind::Requested,
        EventKind::BrokeGlass,
        EventKind::ReviewOwed,
    ] {
        assert!(change.tells(kind), "{kind:?}");
    }
    assert!(matches!(asked.request.state, State::Started { .. }));
    assert!(
        asked.request.authority_stands(|_| false),
        "it stands by itself"
    );
}

#[test]
fn break_glass_keeps_to_its_rule() {
    let long = Ask {
        duration: minutes(61),
        ..broken_glass(db_admin())
    };
    let refusal = broken(long).expect_err("too long");
    assert_eq!(refusal.kind, RefusalKind::OutOfBounds);
    assert!(refusal.to_string().contains("1 h"), "{refusal}");

    let without = Role {
        break_glass: None,
        ..db_admin()
    };
    let refusal = broken(broken_glass(without)).expect_err("not this role");
    assert_eq!(refusal.kind, RefusalKind::NotAllowed);

    let unexplained = Ask {
        reason: " ".into(),
        ..broken_glass(db_admin())
    };
    assert!(broken(unexplained).is_err());
}

#[test]
fn a_commander_breaks_the_glass_for_a_pending_request() {
    let pending = Request::ask(ask(db_admin()), &bob_dana_then_eve(), None, at(0))
        .expect("asked")
        .request;
    let break_it = |request: Request| {
        request.break_glass(
            who("carol"),
            "INC-4711".into(),
            "orders burn".into(),
            vec!["base.cedar:50".into()],
            opening(&ask(db_admin())),
            at(5),
        )
    };
    let change = break_it(pending.clone()).expect("broken");
    let request = change.the_request();
    assert_eq!(request.reason, "orders stuck", "her words stay");
    assert_eq!(
        change.the_grant().duration,
        minutes(60),
        "the rule's maximum"
    );
    assert!(change.cancels(&EffectKind::TimeOut) && change.cancels(&EffectKind::Climb));
    assert!(change.says(Notice::BreakGlass));
    assert_eq!(change.due(&EffectKind::ReviewDue), Some(at(5 + 24 * 60)));
    let event = change
        .events
        .iter()
        .find(|event| event.kind == EventKind::BrokeGlass)
        .expect("recorded");
    assert_eq!(event.rules, ["base.cedar:50"]);
    assert!(
        event
            .personal
            .iter()
            .any(|field| field.value == "orders burn")
    );

    assert!(break_it(request.clone()).is_err(), "once");
    let late = review(request, 0, "bob", yes());
    assert!(
        request
            .clone()
            .review(late, &bob_dana_then_eve(), None, at(6))
            .is_err()
    );

    let extend = Request {
        kind: Kind::Extend {
            grant: crate::GrantId::new("g0"),
        },
        ..pending
    };
    assert_eq!(
        break_it(extend).expect_err("no access").kind,
        RefusalKind::WrongState
    );
}

#[test]
fn commander_and_holder_never_review_it() {
    let request = broken(broken_glass(db_admin())).expect("broken").request;
    for own in ["carol", "rita"] {
        let refusal = request
            .clone()
            .post_use_review(&who(own), Found::AsItShouldBe, None, at(9));
        assert_eq!(refusal.expect_err(own).kind, RefusalKind::OwnRequest);
    }
    let silent = request
        .clone()
        .post_use_review(&who("eve"), Found::NeedsFollowUp, None, at(9));
    assert_eq!(
        silent.expect_err("without words").kind,
        RefusalKind::OutOfBounds
    );
    let note = Some("was needed".to_owned());
    let change = request
        .post_use_review(&who("eve"), Found::NeedsFollowUp, note, at(9))
        .expect("reviewed");
    assert_eq!(change.events[0].facts["found"], "needs_follow_up");
    assert!(change.says(Notice::Reviewed));
    assert!(change.cancels(&EffectKind::ReviewDue));
    let again = change.the_request().clone().post_use_review(
        &who("pat"),
        Found::AsItShouldBe,
        None,
        at(10),
    );
    assert_eq!(again.expect_err("once").kind, RefusalKind::AlreadyDecided);
    assert!(
        change
            .the_request()
            .clone()
            .review_overdue(at(2_000))
            .is_err()
    );
}

#[test]
fn a_review_that_is_late_is_told_once_and_can_still_be_done() {
    let request = broken(broken_glass(db_admin())).expect("broken").request;
    let change = request.review_overdue(at(1_440)).expect("overdue");
    assert!(change.says(Notice::ReviewOverdue));
    let request = change.the_request().clone();
    assert!(request.clone().review_overdue(at(1_441)).is_err());
    let change = request
        .post_use_review(&who("eve"), Found::AsItShouldBe, None, at(1_500))
        .expect("late");
    assert_eq!(change.events[0].facts["late"], true);
}

#[test]
fn an_ordinary_request_owes_no_review() {
    let request = Request::ask(ask(db_admin()), &bob_dana_then_eve(), None, at(0))
        .expect("asked")
        .request;
    assert!(
        request
            .clone()
            .post_use_review(&who("eve"), Found::AsItShouldBe, None, at(1))
            .is_err()
    );
    assert!(request.review_overdue(at(1)).is_err());
}

#[test]
fn a_finding_is_read_back_by_its_name() {
    for found in [Found::AsItShouldBe, Found::NeedsFollowUp] {
        assert_eq!(Found::parse(found.as_str()), Some(found));
    }
    assert_eq!(Found::parse("fine"), None);
}
