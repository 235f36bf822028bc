//! Access that was given and whose record was lost: it is taken over, and counts from the intent.

use crate::effect::{Notice, Subject};
use crate::grant::{EndReason, State};
use crate::request::Ask;
use crate::role::Role;
use crate::testing::{World, ask, at, db_admin, entitlement, minutes};
use crate::{EffectKind, HoldingId, RequestId};

fn orders() -> HoldingId {
    HoldingId::new("orders-db/orders_admin")
}

fn short(entitlements: &[&str]) -> Ask {
    Ask {
        duration: minutes(3),
        ..ask(Role {
            stages: vec![],
            entitlements: entitlements
                .iter()
                .map(|role| entitlement("orders-db", role))
                .collect(),
            ..db_admin()
        })
    }
}

/// Asked at nine; the call lands, and the process dies before its record.
fn landed_and_lost(tracks_expiry: bool) -> World {
    let mut world = World::default();
    world.backend.tracks_expiry = tracks_expiry;
    world.asks(short(&["orders_admin"]), "g1", &[], at(0));
    world.backend.ours.insert(orders());
    world
}

#[test]
fn a_crash_before_the_record_makes_nothing_last_longer() {
    for tracks_expiry in [false, true] {
        let mut world = landed_and_lost(tracks_expiry);
        world.settles(at(1));
        let grant = world.grant("g1");
        assert_eq!(
            grant.state,
            State::Active {
                since: at(0),
                ends_at: at(3)
            }
        );
        assert_eq!(
            world.holdings[&orders()].claims.values().max(),
            Some(&at(3)),
            "what the target is told as well"
        );
        assert!(world.said.contains(&Notice::Granted));
    }
}

#[test]
fn what_should_be_over_when_it_is_found_ends_at_once() {
    let mut world = landed_and_lost(true);
    world.settles(at(10));
    let State::Ended {
        reason,
        at: ended,
        active_since,
    } = world.grant("g1").state
    else {
        panic!("{:?}", world.grant("g1").state);
    };
    assert_eq!(
        (reason, ended, active_since),
        (EndReason::Expired, at(10), Some(at(0)))
    );
    assert!(world.backend.ours.is_empty());
    assert!(
        world
            .effects
            .keys()
            .all(|(_, kind)| matches!(kind, EffectKind::SyncCard | EffectKind::ReviewDue))
    );
    assert!(!world.said.contains(&Notice::Granted) && world.said.contains(&Notice::Ended));
}

#[test]
fn the_last_part_decides_where_one_was_found() {
    let mut world = World::default();
    world.asks(short(&["orders_admin", "orders_reader"]), "g1", &[], at(0));
    world.backend.ours.insert(orders());
    world.settles(at(2));
    assert_eq!(world.grant("g1").ends_at(), Some(at(5)));
}

#[test]
fn what_another_grant_covers_is_counted_from_now() {
    let mut world = World::default();
    world.asks(short(&["orders_admin"]), "g1", &[], at(0));
    let second = Ask {
        id: RequestId::new("r2"),
        duration: minutes(60),
        ..short(&["orders_admin"])
    };
    world.asks(second, "g2", &[], at(1));
    world.backend.ours.insert(orders());
    world.settles(at(10));
    assert_eq!(world.grant("g1").ends_at(), Some(at(13)));
    assert_eq!(world.grant("g2").ends_at(), Some(at(70)));
}

#[test]
fn what_was_given_on_record_is_counted_from_now() {
    let mut world = World::default();
    world.asks(short(&["orders_admin"]), "g1", &[], at(0));
    world.settles(at(1));
    let second = Ask {
        id: RequestId::new("r2"),
        ..short(&["orders_admin"])
    };
    world.asks(second, "g2", &[], at(2));
    let first = world.grant("g1");
    let holdings = world.parts_of(&first);
    let ended = first.end(
        EndReason::dropped(),
        crate::Actor::Hallpass,
        holdings,
        at(2),
    );
    world.apply(ended.expect("dropped"));
    world.settles(at(4));
    assert_eq!(world.grant("g2").ends_at(), Some(at(7)));
}

#[test]
fn a_target_that_keeps_no_end_is_not_asked_again_for_the_exact_one() {
    for (tracks_expiry, again) in [(false, false), (true, true)] {
        let mut world = World::default();
        world.backend.tracks_expiry = tracks_expiry;
        world.asks(short(&["orders_admin"]), "g1", &[], at(0));
        while world.grant("g1").ends_at().is_none() {
            world.steps(&orders(), at(1));
        }
        let sync = (Subject::Holding(orders()), EffectKind::SyncHolding);
        assert_eq!(world.effects.contains_key(&sync), again);
        assert_eq!(
            world.holdings[&orders()].claims.values().max(),
            Some(&at(4)),
            "the ledger knows the exact end all the same"
        );
    }
}
