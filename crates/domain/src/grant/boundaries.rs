//! Stories of what lies exactly on a boundary: warnings that fit just so, and ends that are no failures.

use super::{EndReason, Grant, State, warnings_for};
use crate::effect::Notice;
use crate::role::Role;
use crate::testing::{World, ask, at, db_admin, minutes, who};
use crate::{Actor, Change, Duration, EffectKind};

fn provisioning() -> World {
    let mut world = World::default();
    let at_once = Role {
        stages: vec![],
        ..db_admin()
    };
    world.asks(ask(at_once), "g1", &[], at(0));
    world
}

/// From 0 to 120.
fn active() -> World {
    let mut world = provisioning();
    world.settles(at(0));
    world
}

fn end(world: &World, reason: EndReason) -> Change {
    let grant = world.grant("g1");
    let holdings = world.parts_of(&grant);
    grant
        .end(reason, Actor::Hallpass, holdings, at(10))
        .expect("ends")
}

/// Ordered to end, and gone.
fn over(mut world: World, reason: EndReason) -> Grant {
    world.apply(end(&world, reason));
    world.settles(at(11));
    world.grant("g1")
}

fn authority_gone() -> EndReason {
    EndReason::AuthorityGone {
        why: "nobody stands behind it".into(),
    }
}

#[test]
fn a_warning_must_leave_some_time_on_either_side() {
    assert_eq!(
        warnings_for(minutes(15), &[minutes(15)]),
        [Duration::from_secs(225)]
    );
    assert_eq!(warnings_for(minutes(16), &[minutes(15)]), [minutes(15)]);
    let none = Duration::from_secs(0);
    assert_eq!(warnings_for(minutes(120), &[none]), [minutes(30)]);
    assert_eq!(warnings_for(Duration::from_secs(3), &[minutes(15)]), []);
    assert_eq!(
        warnings_for(Duration::from_secs(4), &[minutes(15)]),
        [Duration::from_secs(1)]
    );
}

#[test]
fn a_warning_that_would_be_due_this_moment_is_not_given_any_more() {
    for (minute, warned) in [(107, Some(at(108))), (108, None)] {
        let world = active();
        let grant = world.grant("g1");
        let holdings = world.parts_of(&grant);
        let change = grant
            .extend(minutes(3), None, Actor::Hallpass, holdings, at(minute))
            .expect("extended");
        let warning = EffectKind::Warn(minutes(15));
        assert_eq!(change.due(&warning), warned);
        assert_eq!(change.cancels(&warning), warned.is_none());
    }
}

#[test]
fn only_access_that_never_came_about_has_failed() {
    let failed = EndReason::Failed {
        why: "too slow".into(),
    };
    let revoked = EndReason::Revoked {
        by: Actor::Person(who("bob")),
        reason: "not now".into(),
    };
    for (world, reason, fails) in [
        (provisioning(), failed, true),
        (provisioning(), authority_gone(), true),
        (provisioning(), EndReason::Dropped { reason: None }, false),
        (provisioning(), EndReason::Expired, false),
        (provisioning(), revoked, false),
        (active(), authority_gone(), false),
        (active(), EndReason::Expired, false),
    ] {
        let change = end(&world, reason.clone());
        assert_eq!(change.says(Notice::GrantFailed), fails, "{reason:?}");
        let ended = over(world, reason.clone());
        assert_eq!(
            matches!(ended.state, State::Failed { .. }),
            fails,
            "{reason:?}"
        );
    }
}

#[test]
fn it_lives_until_it_is_gone() {
    assert!(provisioning().grant("g1").is_live());
    assert!(active().grant("g1").is_live());
    let mut revoking = active();
    revoking.apply(end(&revoking, EndReason::Dropped { reason: None }));
    assert!(revoking.grant("g1").is_live());
    assert!(!over(active(), EndReason::Dropped { reason: None }).is_live());
    assert!(!over(provisioning(), authority_gone()).is_live());
}
