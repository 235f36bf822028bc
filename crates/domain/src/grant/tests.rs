//! Stories of grants: from the intent to the read-back of the end.

use super::{EndReason, Grant, PartStatus, Release, State, warnings_for};
use crate::effect::Notice;
use crate::role::{ExtendRule, Role};
use crate::testing::{World, ask, at, db_admin, entitlement, minutes, who};
use crate::{Actor, Change, EffectKind, EventKind, HoldingId, Refusal, RefusalKind};

const BUDGET: ExtendRule = ExtendRule {
    times: 2,
    by: minutes_of(60),
};

const fn minutes_of(count: u32) -> crate::Duration {
    crate::Duration::from_mins(count)
}

fn two_entitlements() -> Role {
    Role {
        stages: vec![],
        entitlements: vec![
            entitlement("orders-db", "orders_admin"),
            entitlement("gate", "deploy"),
        ],
        ..db_admin()
    }
}

/// Rita's grant of two entitlements for two hours, intended at 0.
fn intended() -> World {
    let mut world = World::default();
    world.asks(ask(two_entitlements()), "g1", &[], at(0));
    world
}

fn active() -> World {
    let mut world = intended();
    world.settles(at(2));
    world
}

fn gate() -> HoldingId {
    HoldingId::new("gate/deploy")
}

fn end(world: &World, reason: EndReason, minute: i64) -> Result<Change, Refusal> {
    let grant = world.grant("g1");
    let holdings = world.parts_of(&grant);
    grant.end(reason, Actor::Person(who("rita")), holdings, at(minute))
}

fn ends(world: &mut World, reason: EndReason, minute: i64) {
    let change = end(world, reason, minute).expect("ends");
    world.apply(change);
}

fn extend(world: &World, by: u32, budget: Option<ExtendRule>) -> Result<Change, Refusal> {
    let grant = world.grant("g1");
    let holdings = world.parts_of(&grant);
    grant.extend(
        minutes(by),
        budget,
        Actor::Person(who("rita")),
        holdings,
        at(10),
    )
}

fn due(world: &World, kind: &EffectKind) -> Option<crate::Time> {
    world
        .effects
        .values()
        .find(|effect| effect.kind == *kind)
        .map(|effect| effect.due)
}

#[test]
fn the_clock_starts_when_all_parts_are_held() {
    let mut world = intended();
    world.backend.tracks_expiry = true;
    assert_eq!(due(&world, &EffectKind::GiveUp), Some(at(15)));
    assert_eq!(
        world.holdings[&gate()].claims.values().max(),
        Some(&at(135)),
        "an upper bound"
    );

    // One part is held: not active yet.
    for _ in 0..4 {
        world.steps(&gate(), at(1));
    }
    assert!(world.backend.ours.contains(&gate()));
    assert!(matches!(
        world.grant("g1").state,
        State::Provisioning { .. }
    ));

    world.settles(at(2));
    assert_eq!(world.grant("g1").ends_at(), Some(at(122)));
    assert_eq!(due(&world, &EffectKind::GiveUp), None);
    assert_eq!(due(&world, &EffectKind::Expire), Some(at(122)));
    assert_eq!(due(&world, &EffectKind::Warn(minutes(15))), Some(at(107)));
    assert_eq!(due(&world, &EffectKind::Warn(minutes(5))), Some(at(117)));
    assert_eq!(
        world.holdings[&gate()].claims.values().max(),
        Some(&at(122)),
        "the exact end"
    );
    let told = world
        .backend
        .calls
        .iter()
        .filter(|call| *call == "grant gate/deploy");
    assert_eq!(
        told.count(),
        2,
        "a target that tracks the end learns the exact one"
    );
    assert_eq!(
        world
            .said
            .iter()
            .filter(|said| **said == Notice::Granted)
            .count(),
        1
    );
}

#[test]
fn it_is_over_only_after_every_part_was_read_back() {
    let mut world = active();
    ends(&mut world, EndReason::Expired, 122);
    assert!(matches!(world.grant("g1").state, State::Revoking { .. }));
    for kind in [
        EffectKind::Expire,
        EffectKind::Warn(minutes(15)),
        EffectKind::Warn(minutes(5)),
    ] {
        assert_eq!(due(&world, &kind), None, "{kind:?}");
    }
    for _ in 0..4 {
        world.steps(&gate(), at(122));
    }
    assert!(
        matches!(world.grant("g1").state, State::Revoking { .. }),
        "one of two"
    );
    world.settles(at(123));
    let grant = world.grant("g1");
    assert!(matches!(
        grant.state,
        State::Ended {
            reason: EndReason::Expired,
            ..
        }
    ));
    assert!(!grant.is_live());
    assert!(world.backend.ours.is_empty());
    assert!(world.said.contains(&Notice::Ended));
    let closed = Release::Removed {
        sessions_closed: Some(2),
        note: None,
    };
    assert!(grant.parts.iter().all(|part| {
        matches!(&part.status, PartStatus::Released { how, .. } if *how == closed)
    }));
    let told = |kind| world.events.iter().any(|event| event.kind == kind);
    assert!(told(EventKind::HoldingRevoked) && told(EventKind::SessionsEnded));
    assert!(told(EventKind::HoldingVerified) && told(EventKind::GrantEnded));
}

#[test]
fn an_end_is_ordered_once_and_never_taken_back() {
    let mut world = active();
    ends(&mut world, EndReason::Dropped { reason: None }, 30);
    let again = end(&world, EndReason::Expired, 31).expect_err("already");
    assert_eq!(again.kind, RefusalKind::AlreadyDecided);
    world.settles(at(32));
    assert!(end(&world, EndReason::Dropped { reason: None }, 33).is_err());
    assert!(matches!(
        world.grant("g1").state,
        State::Ended {
            reason: EndReason::Dropped { reason: None },
            active_since: Some(_),
            ..
        }
    ));
}

#[test]
fn extend_while_revoking_is_refused_with_ask_again() {
    let mut world = active();
    ends(&mut world, EndReason::Dropped { reason: None }, 30);
    let refusal = extend(&world, 30, Some(BUDGET)).expect_err("revoking");
    assert_eq!(refusal.kind, RefusalKind::WrongState);
    assert!(
        refusal.to_string().contains("Ask for the role again"),
        "{refusal}"
    );
    assert_eq!(
        extend(&intended(), 30, None)
            .expect_err("not there yet")
            .kind,
        RefusalKind::WrongState
    );
}

#[test]
fn the_budget_adds_time_so_often_and_so_much() {
    let mut world = active();
    let refusal = extend(&world, 90, Some(BUDGET)).expect_err("too much at once");
    assert_eq!(refusal.kind, RefusalKind::OutOfBounds);
    assert!(extend(&world, 0, Some(BUDGET)).is_err());
    for ends_at in [182, 242] {
        let change = extend(&world, 60, Some(BUDGET)).expect("extended");
        world.apply(change);
        assert_eq!(world.grant("g1").ends_at(), Some(at(ends_at)));
        assert_eq!(due(&world, &EffectKind::Expire), Some(at(ends_at)));
        assert_eq!(
            due(&world, &EffectKind::Warn(minutes(15))),
            Some(at(ends_at - 15))
        );
        assert!(
            world
                .holdings
                .values()
                .all(|row| row.claims.values().max() == Some(&at(ends_at)))
        );
    }
    let used_up = extend(&world, 1, Some(BUDGET)).expect_err("used up");
    assert_eq!(used_up.kind, RefusalKind::OutOfBounds);
    let reviewed = extend(&world, 90, None).expect("a review allowed it");
    assert_eq!(reviewed.the_grant().ends_at(), Some(at(332)));
}

#[test]
fn what_is_left_of_the_agreed_extensions_is_counted_down() {
    let mut world = active();
    for left in [2, 1] {
        assert_eq!(world.grant("g1").agreed_left(BUDGET), left);
        let change = extend(&world, 60, Some(BUDGET)).expect("extended");
        world.apply(change);
    }
    assert_eq!(world.grant("g1").agreed_left(BUDGET), 0);
    let fewer = ExtendRule { times: 1, ..BUDGET };
    assert_eq!(
        world.grant("g1").agreed_left(fewer),
        0,
        "the role was changed to fewer than were used"
    );
}

#[test]
fn provisioning_that_takes_too_long_is_taken_back_and_told() {
    let mut world = intended();
    for _ in 0..4 {
        world.steps(&gate(), at(1));
    }
    let grant = world.grant("g1");
    let holdings = world.parts_of(&grant);
    world.apply(grant.give_up(holdings, at(15)).expect("gives up"));
    assert!(world.said.contains(&Notice::GrantFailed));
    world.settles(at(16));
    assert!(matches!(world.grant("g1").state, State::Failed { .. }));
    assert!(
        world.backend.ours.is_empty(),
        "the half that was granted is taken back"
    );
    assert!(!world.said.contains(&Notice::Granted) && !world.said.contains(&Notice::Ended));

    let grant = active().grant("g1");
    assert!(grant.give_up(vec![], at(15)).is_err(), "it is active");
}

#[test]
fn two_entitlements_one_fails_for_good() {
    let mut world = intended();
    world.backend.refuses.insert(gate());
    let orders = HoldingId::new("orders-db/orders_admin");
    for _ in 0..4 {
        world.steps(&orders, at(1));
    }
    for _ in 0..2 {
        world.steps(&gate(), at(1));
    }
    let State::Revoking {
        reason,
        active_since,
        ..
    } = world.grant("g1").state
    else {
        panic!("not taken back");
    };
    assert_eq!(reason.as_str(), "failed");
    assert_eq!(active_since, None);
    assert!(
        world.backend.ours.contains(&orders),
        "stays revoking until read back"
    );
    assert_eq!(due(&world, &EffectKind::GiveUp), None);
    let refused = world.grant("g1");
    assert!(
        matches!(refused.part(&gate()), Some(PartStatus::Refused { .. })),
        "the refused one is read back too"
    );

    world.settles(at(2));
    assert!(matches!(world.grant("g1").state, State::Failed { .. }));
    assert!(world.backend.ours.is_empty());
    assert!(world.said.contains(&Notice::GrantFailed));
    assert!(
        world
            .events
            .iter()
            .any(|event| event.kind == EventKind::HoldingRefused)
    );
}

#[test]
fn where_authority_is_gone_it_never_becomes_active() {
    let mut world = intended();
    let why = "a review isn't authentic".to_owned();
    ends(&mut world, EndReason::AuthorityGone { why }, 1);
    world.settles(at(2));
    assert!(matches!(world.grant("g1").state, State::Failed { .. }));
    assert!(world.backend.calls.is_empty(), "no backend was called");
}

#[test]
fn an_active_grant_whose_authority_is_gone_has_ended_not_failed() {
    let mut world = active();
    let why = "the role is gone".to_owned();
    ends(&mut world, EndReason::AuthorityGone { why }, 9);
    world.settles(at(10));
    assert!(matches!(world.grant("g1").state, State::Ended { .. }));
}

#[test]
fn a_backend_that_does_not_let_go_is_told_once() {
    let mut world = active();
    let early = world.grant("g1").stuck("no answer", at(3));
    assert_eq!(early.expect_err("active").kind, RefusalKind::WrongState);
    ends(&mut world, EndReason::Expired, 122);
    let change = world
        .grant("g1")
        .stuck("no answer", at(125))
        .expect("stuck");
    assert!(change.says(Notice::RevokeStuck) && change.tells(EventKind::RevocationStuck));
    world.apply(change);
    assert!(world.grant("g1").stuck("no answer", at(126)).is_err());
    world.settles(at(130));
    assert!(matches!(world.grant("g1").state, State::Ended { .. }));
}

#[test]
fn who_was_told_that_taking_back_is_stuck_is_told_that_it_is_gone() {
    let mut world = intended();
    let why = "too slow".to_owned();
    ends(&mut world, EndReason::Failed { why }, 1);
    let change = world.grant("g1").stuck("no answer", at(5)).expect("stuck");
    world.apply(change);
    world.settles(at(6));
    assert!(matches!(world.grant("g1").state, State::Failed { .. }));
    assert!(world.said.contains(&Notice::Ended));
}

#[test]
fn a_warning_is_on_record_only_for_an_active_grant() {
    let grant: Grant = active().grant("g1");
    let change = grant.warned(minutes(15), at(107)).expect("warned");
    assert!(change.tells(EventKind::Warned) && change.writes.is_empty());
    assert!(intended().grant("g1").warned(minutes(15), at(1)).is_err());
}

#[test]
fn reasons_and_names_are_personal() {
    let mut world = active();
    let reason = "laptop stolen".to_owned();
    let by = Actor::Person(who("bob"));
    ends(&mut world, EndReason::Revoked { by, reason }, 9);
    for event in &world.events {
        for fact in event.facts.values() {
            let fact = fact.to_string();
            assert!(!fact.contains("stolen") && !fact.contains("rita"), "{fact}");
        }
    }
}

#[test]
fn warnings_fit_the_duration() {
    let wanted = [minutes(5), minutes(15), minutes(5)];
    assert_eq!(
        warnings_for(minutes(60), &wanted),
        [minutes(15), minutes(5)]
    );
    assert_eq!(warnings_for(minutes(10), &wanted), [minutes(5)]);
    assert_eq!(warnings_for(minutes(4), &wanted), [minutes(1)], "a quarter");
    assert!(warnings_for(minutes(60), &[]).is_empty(), "none are wanted");
    assert!(warnings_for(crate::Duration::from_secs(3), &wanted).is_empty());
}
