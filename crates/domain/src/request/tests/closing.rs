use crate::effect::Notice;
use crate::request::{Ask, Kind, Panel, Request, Start, State, VoidReason};
use crate::role::Role;
use crate::testing::{
    ask, at, bob_dana_then_eve, db_admin, minutes, opening, panels, people, review, stage, terms,
    who, yes,
};
use crate::{Actor, EffectKind, EventKind, GrantId, RefusalKind};

fn asked(role: Role, panels: &[Panel]) -> Request {
    Request::ask(ask(role), panels, None, at(0))
        .expect("asked")
        .request
}

fn scheduled() -> Request {
    let tonight = Ask {
        start: Start::At(at(780)),
        ..ask(db_admin())
    };
    let panels = bob_dana_then_eve();
    let request = Request::ask(tonight, &panels, None, at(0))
        .expect("asked")
        .request;
    let review = review(&request, 0, "bob", yes());
    let change = request
        .review(review, &panels, None, at(5))
        .expect("approved");
    change.the_request().clone()
}

fn started() -> Request {
    let panels = bob_dana_then_eve();
    let request = asked(db_admin(), &panels);
    let opening = opening(&ask(db_admin()));
    let review = review(&request, 0, "bob", yes());
    let change = request.review(review, &panels, Some(opening), at(5));
    change.expect("approved").the_request().clone()
}

#[test]
fn whoever_asked_can_cancel_while_it_waits() {
    let request = asked(db_admin(), &bob_dana_then_eve());
    let other = request
        .clone()
        .cancel(&who("bob"), at(1))
        .expect_err("not his");
    assert_eq!(other.kind, RefusalKind::NotAllowed);

    let change = request.cancel(&who("rita"), at(1)).expect("cancelled");
    assert!(matches!(
        change.the_request().state,
        State::Cancelled { .. }
    ));
    assert!(change.the_request().is_final());
    for timer in [EffectKind::Remind, EffectKind::Climb, EffectKind::TimeOut] {
        assert!(change.cancels(&timer), "{timer:?}");
    }
    assert!(change.says(Notice::Decided));
    assert_eq!(change.due(&EffectKind::SyncCard), Some(at(1)));

    let change = scheduled().cancel(&who("rita"), at(9)).expect("cancelled");
    assert!(change.cancels(&EffectKind::Start));
}

#[test]
fn after_approval_cancel_means_drop() {
    let refusal = started().cancel(&who("rita"), at(6)).expect_err("too late");
    assert_eq!(refusal.kind, RefusalKind::AlreadyDecided);
    assert!(refusal.to_string().contains("drop"), "{refusal}");
}

#[test]
fn those_who_are_asked_are_reminded_once() {
    let request = asked(db_admin(), &bob_dana_then_eve());
    let change = request.remind(at(15)).expect("reminded");
    assert!(change.says(Notice::Reminder));
    assert!(change.tells(EventKind::Reminded));
    let reminded = change.the_request().clone();
    assert!(reminded.remind(at(30)).is_err());
    assert!(started().remind(at(15)).is_err());
}

#[test]
fn the_ladder_is_climbed_step_by_step() {
    let role = Role {
        stages: vec![stage(1, &[10, 20, 30])],
        ..db_admin()
    };
    // The second step asks nobody new, and is passed over.
    let panels = panels(&[&[&["bob"], &["eve", "rita"], &["bob"], &["pat"]]]);
    let request = asked(role, &panels);
    let change = request.climb(&panels, at(10)).expect("climbed");
    let request = change.the_request().clone();
    let State::Pending(stage) = &request.state else {
        panic!("not pending");
    };
    assert_eq!(stage.asked, people(&["bob", "eve"]));
    assert_eq!(change.due(&EffectKind::Climb), Some(at(20)));
    assert!(change.says(Notice::Climbed));
    assert_eq!(change.due(&EffectKind::Remind), None);
    assert!(!change.cancels(&EffectKind::Remind));

    let change = request.climb(&panels, at(20)).expect("climbed");
    let request = change.the_request().clone();
    let State::Pending(stage) = &request.state else {
        panic!("not pending");
    };
    assert_eq!(stage.asked, people(&["bob", "eve", "pat"]));
    assert_eq!(stage.rungs, 4);
    assert!(change.cancels(&EffectKind::Climb));
    assert!(request.climb(&panels, at(30)).is_err(), "at the top");
}

#[test]
fn a_step_that_asks_nobody_new_is_climbed_in_silence() {
    let panels = panels(&[&[&["bob"], &["bob", "rita"]]]);
    let change = asked(db_admin(), &panels).climb(&panels, at(10));
    let change = change.expect("climbed");
    assert!(!change.says(Notice::Climbed));
    assert_eq!(change.event_of(EventKind::Climbed).facts["asked"], 0);
    assert!(
        change.cancels(&EffectKind::Climb),
        "there is no further one"
    );
}

#[test]
fn whoever_goes_off_call_before_the_click_no_longer_decides() {
    let request = asked(db_admin(), &bob_dana_then_eve());
    let now_on_call = panels(&[&[&["dana"], &["eve"]]]);
    let bob = review(&request, 0, "bob", yes());
    let refusal = request.clone().review(bob, &now_on_call, None, at(5));
    assert_eq!(refusal.expect_err("off call").kind, RefusalKind::NotAllowed);
}

#[test]
fn unanswered_it_times_out_and_an_approval_comes_too_late() {
    let panels = bob_dana_then_eve();
    let request = asked(db_admin(), &panels);
    let change = request.time_out(at(60)).expect("timed out");
    assert!(change.says(Notice::Decided));
    let request = change.the_request().clone();
    let bob = review(&request, 0, "bob", yes());
    let opening = opening(&ask(db_admin()));
    let refusal = request.clone().review(bob, &panels, Some(opening), at(61));
    assert_eq!(
        refusal.expect_err("too late").kind,
        RefusalKind::AlreadyDecided
    );
    assert!(request.time_out(at(62)).is_err());
    assert!(scheduled().time_out(at(60)).is_err());
}

#[test]
fn it_is_void_when_its_requester_leaves() {
    for request in [asked(db_admin(), &bob_dana_then_eve()), scheduled()] {
        let change = request.void(VoidReason::PersonLeft, at(7)).expect("void");
        assert!(matches!(
            change.the_request().state,
            State::Void {
                why: VoidReason::PersonLeft,
                ..
            }
        ));
        assert_eq!(change.events[0].actor, Actor::Hallpass);
        assert_eq!(change.events[0].facts["why"], "person_left");
    }
    assert!(started().void(VoidReason::PersonLeft, at(7)).is_err());
}

#[test]
fn where_the_rules_changed_a_scheduled_request_is_asked_again() {
    let panels = bob_dana_then_eve();
    let new = terms(Role {
        stages: vec![stage(2, &[])],
        ..db_admin()
    });
    let digest = new.digest.clone();
    let change = scheduled().reopen(new, &panels, at(780)).expect("reopened");
    let request = change.the_request();
    assert!(matches!(request.state, State::Pending(_)));
    assert_eq!(request.terms.digest, digest);
    assert!(
        request.reviews.is_empty(),
        "they were given to the old terms"
    );
    assert_eq!(request.deadline, at(840), "there is time to answer");
    assert_eq!(change.due(&EffectKind::TimeOut), Some(at(840)));
    assert!(change.cancels(&EffectKind::Start));
    assert!(change.says(Notice::Reopened));
    assert!(change.tells(EventKind::Reopened));
}

#[test]
fn where_the_role_changed_while_pending_it_is_decided_anew() {
    let panels = panels(&[&[&["bob", "dana"]]]);
    let role = Role {
        stages: vec![stage(2, &[])],
        ..db_admin()
    };
    let request = asked(role, &panels);
    let bob = review(&request, 0, "bob", yes());
    let counted = request.review(bob, &panels, None, at(5)).expect("counted");
    let new = terms(Role {
        stages: vec![stage(1, &[])],
        max_duration: minutes(60),
        ..db_admin()
    });
    let change = counted
        .the_request()
        .clone()
        .reopen(new, &panels, at(10))
        .expect("reopened");
    let request = change.the_request().clone();
    assert!(
        request.reviews.is_empty(),
        "one old approval isn't a new quorum"
    );
    assert!(matches!(request.state, State::Pending(_)));
    assert_eq!(change.due(&EffectKind::TimeOut), Some(at(70)));
    let bob = review(&request, 0, "bob", yes());
    let opening = opening(&ask(db_admin()));
    let change = request.review(bob, &panels, Some(opening), at(11));
    assert!(
        change.expect("approved").writes_a_grant(),
        "he can decide again"
    );
}

#[test]
fn terms_without_stages_leave_it_scheduled() {
    let new = terms(Role {
        stages: vec![],
        ..db_admin()
    });
    let change = scheduled().reopen(new, &[], at(780)).expect("reopened");
    assert_eq!(change.due(&EffectKind::Start), Some(at(780)));
    assert!(!change.the_request().is_final());

    let hopeless = scheduled().reopen(terms(db_admin()), &panels(&[&[&["rita"]]]), at(780));
    assert_eq!(hopeless.expect_err("nobody").kind, RefusalKind::NobodyToAsk);
}

#[test]
fn that_it_starts_later_is_said_only_where_it_does() {
    let without = || {
        terms(Role {
            stages: vec![],
            ..db_admin()
        })
    };
    for (minute, starts_at, said) in [(779, 780, true), (780, 780, false), (781, 781, false)] {
        let change = scheduled().reopen(without(), &[], at(minute));
        let change = change.expect("reopened");
        assert_eq!(change.due(&EffectKind::Start), Some(at(starts_at)));
        assert_eq!(change.says(Notice::Decided), said, "{minute}");
    }
}

#[test]
fn an_approval_is_taken_back_before_the_start_alone() {
    let taken = |request: Request| request.withdraw(&who("bob"), "a freeze".into(), &[], at(700));
    let change = taken(scheduled()).expect("taken back");
    let denied = change.the_request();
    assert!(matches!(&denied.state, State::Denied { by, reason, .. }
        if *by == who("bob") && reason.as_deref() == Some("a freeze")));
    assert!(change.cancels(&EffectKind::Start));
    assert!(change.says(Notice::Decided));
    assert!(change.tells(EventKind::Denied));
    let pending = asked(db_admin(), &bob_dana_then_eve());
    assert_eq!(
        taken(pending).expect_err("not approved").kind,
        RefusalKind::WrongState
    );
    let again = taken(denied.clone()).expect_err("over");
    assert_eq!(again.kind, RefusalKind::AlreadyDecided);
}

#[test]
fn ended_states_are_final() {
    let grant = GrantId::new("g1");
    for state in [
        State::Approved { at: at(1) },
        State::Started { grant, at: at(1) },
        State::Denied {
            by: who("bob"),
            at: at(1),
            reason: None,
        },
        State::Cancelled { at: at(1) },
        State::TimedOut { at: at(1) },
        State::Void {
            why: VoidReason::RoleGone,
            at: at(1),
        },
    ] {
        let request = Request {
            state,
            ..asked(db_admin(), &bob_dana_then_eve())
        };
        let panels = bob_dana_then_eve();
        let kind = RefusalKind::AlreadyDecided;
        let refusals = [
            request.clone().cancel(&who("rita"), at(2)),
            request.clone().remind(at(2)),
            request.clone().climb(&panels, at(2)),
            request.clone().time_out(at(2)),
            request.clone().void(VoidReason::RoleGone, at(2)),
            request.clone().start(opening(&ask(db_admin())), at(2)),
            request.clone().reopen(terms(db_admin()), &panels, at(2)),
            request
                .clone()
                .review(review(&request, 0, "bob", yes()), &panels, None, at(2)),
        ];
        for refusal in refusals {
            assert_eq!(refusal.expect_err("final").kind, kind);
        }
        assert!(request.is_final());
        assert!(matches!(request.kind, Kind::Access));
    }
}
