use proptest::prelude::*;

use crate::effect::Notice;
use crate::request::{Ask, Opening, Panel, Request, Start, State};
use crate::review::Verdict;
use crate::role::Role;
use crate::testing::{
    ask, at, bob_dana_then_eve, db_admin, minutes, no, opening, panels, people, review, stage,
    two_stages, who, yes, yes_for,
};
use crate::{Change, EffectKind, EventKind, Refusal, RefusalKind};

fn asked(role: Role, panels: &[Panel]) -> Request {
    Request::ask(ask(role), panels, None, at(0))
        .expect("asked")
        .request
}

fn prepared(request: &Request) -> Opening {
    opening(&ask(request.terms.role.clone()))
}

fn decide(
    request: &Request,
    stage: usize,
    by: &str,
    verdict: Verdict,
    panels: &[Panel],
) -> Result<Change, Refusal> {
    let review = review(request, stage, by, verdict);
    request
        .clone()
        .review(review, panels, Some(prepared(request)), at(5))
}

fn approved(request: &Request, stage: usize, by: &str, panels: &[Panel]) -> Request {
    decide(request, stage, by, yes(), panels)
        .expect("counted")
        .the_request()
        .clone()
}

#[test]
fn one_approval_starts_the_grant() {
    let panels = bob_dana_then_eve();
    let request = asked(db_admin(), &panels);
    let change = decide(&request, 0, "bob", yes(), &panels).expect("approved");

    assert!(matches!(change.the_request().state, State::Started { .. }));
    assert_eq!(change.the_grant().duration, minutes(120));
    assert_eq!(change.the_grant().short, request.short);
    for timer in [EffectKind::Remind, EffectKind::Climb, EffectKind::TimeOut] {
        assert!(change.cancels(&timer), "{timer:?}");
    }
    assert_eq!(change.due(&EffectKind::GiveUp), Some(at(20)));
    assert!(change.due(&EffectKind::SyncHolding).is_some());
    for event in [
        "request.reviewed",
        "request.approved",
        "request.started",
        "grant.intended",
    ] {
        assert!(change.happened().contains(event), "{event}");
    }
    assert!(change.the_request().authority_stands(|_| true));
}

#[test]
fn two_approvers_in_the_same_second_make_one_grant() {
    let panels = bob_dana_then_eve();
    let request = asked(db_admin(), &panels);
    let started = approved(&request, 0, "bob", &panels);
    let late = decide(&started, 0, "dana", yes(), &panels).expect_err("decided");
    assert_eq!(late.kind, RefusalKind::AlreadyDecided);
}

#[test]
fn one_deny_under_a_quorum_denies() {
    let role = Role {
        stages: vec![stage(2, &[])],
        ..db_admin()
    };
    let panels = panels(&[&[&["bob", "dana", "eve"]]]);
    let request = approved(&asked(role, &panels), 0, "bob", &panels);
    let change = decide(&request, 0, "dana", no(), &panels).expect("denied");

    let State::Denied { by, reason, .. } = &change.the_request().state else {
        panic!("not denied");
    };
    assert_eq!((by, reason.as_deref()), (&who("dana"), Some("not today")));
    assert!(change.says(Notice::Decided));
    assert!(change.cancels(&EffectKind::TimeOut));
    assert!(!change.writes_a_grant());
    assert!(!change.the_request().authority_stands(|_| true));
}

#[test]
fn a_quorum_takes_distinct_people() {
    let role = Role {
        stages: vec![stage(2, &[])],
        ..db_admin()
    };
    let panels = panels(&[&[&["bob", "dana"]]]);
    let request = asked(role, &panels);
    let change = decide(&request, 0, "bob", yes(), &panels).expect("counted");
    assert!(matches!(change.the_request().state, State::Pending(_)));
    assert!(!change.writes_a_grant());
    let once = change.the_request().clone();

    let again = decide(&once, 0, "bob", yes(), &panels).expect_err("once");
    assert_eq!(again.kind, RefusalKind::AlreadyCounted);
    let through = decide(&once, 0, "dana", yes(), &panels).expect("approved");
    assert!(through.writes_a_grant());
}

#[test]
fn stages_open_one_after_the_other_without_those_who_counted() {
    let panels = panels(&[&[&["bob", "dana"]], &[&["bob", "eve"]]]);
    let request = asked(two_stages(1, 1), &panels);
    let change = decide(&request, 0, "bob", yes(), &panels).expect("counted");
    let State::Pending(stage) = &change.the_request().state else {
        panic!("not pending");
    };
    assert_eq!((stage.index, &stage.asked), (1, &people(&["eve"])));
    assert!(change.says(Notice::Asked));
    assert!(change.tells(EventKind::StageOpened));
    assert_eq!(change.due(&EffectKind::Remind), Some(at(20)));

    let request = change.the_request().clone();
    let bob = decide(&request, 1, "bob", yes(), &panels).expect_err("counted before");
    assert_eq!(bob.kind, RefusalKind::AlreadyCounted);
    assert!(
        decide(&request, 1, "eve", yes(), &panels)
            .expect("approved")
            .writes_a_grant()
    );
}

#[test]
fn whoever_a_later_stage_cannot_do_without_is_kept_for_it() {
    let panels = panels(&[&[&["bob", "dana"]], &[&["bob"]]]);
    let request = asked(two_stages(1, 1), &panels);
    let bob = decide(&request, 0, "bob", yes(), &panels).expect_err("needed later");
    assert_eq!(bob.kind, RefusalKind::NobodyToAsk);
    assert!(
        decide(&request, 0, "bob", no(), &panels).is_ok(),
        "he can deny"
    );
    let request = approved(&request, 0, "dana", &panels);
    assert!(decide(&request, 1, "bob", yes(), &panels).is_ok());
}

#[test]
fn nobody_decides_their_own_and_only_those_who_are_asked_decide() {
    let panels = panels(&[&[&["rita", "bob"]]]);
    let request = asked(db_admin(), &panels);
    let own = decide(&request, 0, "rita", yes(), &panels).expect_err("her own");
    assert_eq!(own.kind, RefusalKind::OwnRequest);
    let stranger = decide(&request, 0, "mallory", yes(), &panels).expect_err("not asked");
    assert_eq!(stranger.kind, RefusalKind::NotAllowed);
}

#[test]
fn a_click_for_another_stage_or_request_counts_for_nothing() {
    let panels = bob_dana_then_eve();
    let request = asked(db_admin(), &panels);
    let other_stage = decide(&request, 1, "bob", yes(), &panels).expect_err("not that stage");
    assert_eq!(other_stage.kind, RefusalKind::WrongState);
    let mut foreign = review(&request, 0, "bob", yes());
    foreign.request = crate::RequestId::new("r9");
    assert!(request.review(foreign, &panels, None, at(1)).is_err());
}

#[test]
fn approve_for_less_takes_the_minimum_and_is_never_raised() {
    let panels = panels(&[&[&["bob", "dana"]], &[&["eve"]]]);
    let request = asked(two_stages(2, 1), &panels);
    let next = |request: &Request, stage, by, verdict| {
        decide(request, stage, by, verdict, &panels).expect("counted")
    };
    let request = next(&request, 0, "bob", yes_for(minutes(45)))
        .the_request()
        .clone();
    let request = next(&request, 0, "dana", yes_for(minutes(90)))
        .the_request()
        .clone();
    let change = next(&request, 1, "eve", yes_for(minutes(600)));
    assert_eq!(change.the_grant().duration, minutes(45));
    assert_eq!(change.the_request().duration, minutes(120), "as asked");
}

#[test]
fn no_time_at_all_is_no_approval() {
    let panels = bob_dana_then_eve();
    let request = asked(db_admin(), &panels);
    let refusal = decide(&request, 0, "bob", yes_for(minutes(0)), &panels).expect_err("nothing");
    assert_eq!(refusal.kind, RefusalKind::OutOfBounds);
    assert!(
        refusal
            .allowed
            .is_some_and(|allowed| allowed.contains("1 min"))
    );
}

#[test]
fn a_later_start_is_scheduled_and_starts_when_it_comes() {
    let panels = bob_dana_then_eve();
    let tonight = Ask {
        start: Start::At(at(780)),
        ..ask(db_admin())
    };
    let request = Request::ask(tonight.clone(), &panels, None, at(0))
        .expect("asked")
        .request;
    let change = decide(&request, 0, "bob", yes(), &panels).expect("approved");
    assert_eq!(change.due(&EffectKind::Start), Some(at(780)));
    assert!(change.cancels(&EffectKind::TimeOut));
    assert!(change.says(Notice::Decided));
    assert!(!change.writes_a_grant());

    let scheduled = change.the_request().clone();
    assert!(!scheduled.is_final());
    assert!(scheduled.authority_stands(|_| true));
    let started = scheduled
        .start(opening(&tonight), at(780))
        .expect("started");
    assert!(matches!(started.the_request().state, State::Started { .. }));
    assert_eq!(started.due(&EffectKind::GiveUp), Some(at(795)));
    assert!(started.cancels(&EffectKind::Start));
    assert!(
        started
            .the_request()
            .clone()
            .start(opening(&tonight), at(781))
            .is_err()
    );
}

#[test]
fn an_approval_from_the_start_that_was_wished_on_starts_at_once() {
    let panels = bob_dana_then_eve();
    // Approved at 5.
    for (wished, at_once) in [(3, true), (5, true), (6, false)] {
        let soon = Ask {
            start: Start::At(at(wished)),
            ..ask(db_admin())
        };
        let request = Request::ask(soon, &panels, None, at(0))
            .expect("asked")
            .request;
        let change = decide(&request, 0, "bob", yes(), &panels).expect("approved");
        assert_eq!(change.writes_a_grant(), at_once, "{wished}");
        assert_eq!(change.tells(EventKind::Scheduled), !at_once, "{wished}");
    }
}

#[test]
fn the_record_counts_stages_from_one_and_who_is_newly_asked() {
    let role = Role {
        stages: vec![stage(1, &[10]), stage(1, &[10])],
        ..db_admin()
    };
    let panels = panels(&[&[&["bob", "dana"], &["eve"]], &[&["pat", "zoe"], &["kim"]]]);
    let opens = Request::ask(ask(role), &panels, None, at(0)).expect("asked");
    let (first, opens) = (opens.request, opens.change);
    let counted = decide(&first, 0, "bob", yes(), &panels).expect("counted");
    let second = counted.the_request().clone();
    let through = decide(&second, 1, "pat", yes(), &panels).expect("approved");

    for (request, opened, reviewed, number) in [
        (first, opens, &counted, 1),
        (second, counted.clone(), &through, 2),
    ] {
        let fact = |change: &Change, kind, name: &str| change.event_of(kind).facts[name].clone();
        assert_eq!(fact(&opened, EventKind::StageOpened, "stage"), number);
        assert_eq!(fact(&opened, EventKind::StageOpened, "asked"), 2);
        let reminded = request.clone().remind(at(15)).expect("reminded");
        assert_eq!(fact(&reminded, EventKind::Reminded, "stage"), number);
        let climbed = request.climb(&panels, at(15)).expect("climbed");
        assert_eq!(fact(&climbed, EventKind::Climbed, "stage"), number);
        assert_eq!(fact(&climbed, EventKind::Climbed, "asked"), 1);
        assert_eq!(fact(reviewed, EventKind::Reviewed, "stage"), number);
    }
}

#[test]
fn authority_needs_authentic_reviews_of_distinct_people() {
    let panels = panels(&[&[&["bob", "dana"]], &[&["eve"]]]);
    let request = asked(two_stages(1, 1), &panels);
    let request = approved(&request, 0, "bob", &panels);
    assert!(!request.authority_stands(|_| true), "still pending");
    let started = approved(&request, 1, "eve", &panels);
    assert!(started.authority_stands(|_| true));
    assert!(!started.authority_stands(|review| review.reviewer != who("eve")));

    // Rows written straight into the database.
    for (forger, stage) in [("rita", 1), ("bob", 1)] {
        let mut forged = started.clone();
        forged.reviews.retain(|review| review.stage == 0);
        forged.reviews.push(review(&forged, stage, forger, yes()));
        assert!(!forged.authority_stands(|_| true), "{forger}");
    }
}

proptest! {
    /// Whoever clicks, and how often: it starts only once two different people, not the requester, have approved.
    #[test]
    fn approvals_by_the_same_person_or_the_requester_never_count(
        clicks in proptest::collection::vec((0_usize..5, 0_usize..2), 0..12),
    ) {
        let names = ["rita", "bob", "dana", "eve", "mallory"];
        let panels = panels(&[&[&["rita", "bob"]], &[&["rita", "bob", "dana", "eve"]]]);
        let mut request = asked(two_stages(1, 1), &panels);
        for (name, stage) in clicks {
            if let Ok(change) = decide(&request, stage, names[name], yes(), &panels) {
                request = change.the_request().clone();
            }
            let mut people: Vec<_> = request.reviews.iter().map(|review| &review.reviewer).collect();
            let count = people.len();
            people.dedup();
            prop_assert_eq!(people.len(), count, "each counts once");
            prop_assert!(!people.contains(&&who("rita")) && !people.contains(&&who("mallory")));
            let started = matches!(request.state, State::Started { .. });
            prop_assert_eq!(started, count == 2);
            prop_assert_eq!(started, request.authority_stands(|_| true));
        }
    }
}
