//! What is recorded of an access that is gone, and who opened what is left.

use crate::change::Write;
use crate::grant::EndReason;
use crate::holding::{Holding, Known, Outcome};
use crate::role::Role;
use crate::testing::{World, ask, at, db_admin, entitlement, fresh_holding, who};
use crate::{Actor, Change, EventKind, GrantId, HoldingId};

/// Gone, with these traces of a call.
fn gone(receipt: Option<&str>, sessions_closed: Option<u32>) -> Outcome {
    Outcome::Absent {
        receipt: receipt.map(Into::into),
        sessions_closed,
        note: None,
        others: None,
    }
}

/// A holding that nobody wants, with what is known of it.
fn unwanted(known: Known) -> Holding {
    Holding {
        known,
        ..fresh_holding(&entitlement("orders-db", "orders_admin"), &who("rita"))
    }
}

fn settled(row: Holding, outcome: Outcome) -> Change {
    let generation = row.generation;
    row.settle(generation, outcome, vec![], vec![], at(1))
        .expect("fits")
}

#[test]
fn a_revocation_is_recorded_by_any_trace_of_one_and_by_nothing_else() {
    let held = Known::Held {
        at: at(0),
        until: None,
    };
    for (known, outcome, revoked) in [
        (Known::Unknown, gone(None, None), false),
        (Known::Absent { at: at(0) }, gone(None, None), false),
        (held, gone(None, None), true),
        (Known::Unknown, gone(Some("r-1"), None), true),
        (Known::Unknown, gone(None, Some(0)), true),
    ] {
        let change = settled(unwanted(known.clone()), outcome.clone());
        let told = change.tells(EventKind::HoldingRevoked);
        assert_eq!(told, revoked, "{known:?}, {outcome:?}");
        assert!(change.tells(EventKind::HoldingVerified));
    }
}

/// Rita's access, ordered to end, and how the backend says it ended.
fn ends_with(sessions_closed: u32) -> Change {
    let mut world = World::default();
    let at_once = Role {
        stages: vec![],
        ..db_admin()
    };
    world.asks(ask(at_once), "g1", &[], at(0));
    world.settles(at(0));
    let grant = world.grant("g1");
    let holdings = world.parts_of(&grant);
    let change = grant.end(EndReason::Expired, Actor::Hallpass, holdings, at(120));
    world.apply(change.expect("ends"));
    let row = world.holdings[&HoldingId::new("orders-db/orders_admin")].clone();
    let generation = row.generation;
    let grants = vec![world.grant("g1")];
    let outcome = gone(None, Some(sessions_closed));
    row.settle(generation, outcome, grants, vec![], at(120))
        .expect("fits")
}

#[test]
fn closed_sessions_are_told_where_there_were_some() {
    assert!(ends_with(1).tells(EventKind::SessionsEnded));
    assert!(!ends_with(0).tells(EventKind::SessionsEnded));
}

#[test]
fn one_release_is_one_line_of_the_record() {
    let change = ends_with(1);
    for kind in [EventKind::HoldingRevoked, EventKind::HoldingVerified] {
        let told = change.events.iter().filter(|event| event.kind == kind);
        let grants: Vec<_> = told.map(|event| event.grant.clone()).collect();
        assert_eq!(grants, [Some(GrantId::new("g1"))], "{kind:?}");
    }
}

#[test]
fn who_opened_it_is_forgotten_only_when_nobody_is_left() {
    let (own, forged) = (GrantId::new("g1"), GrantId::new("forged"));
    let opened_by = |row: Holding| {
        let change = row.disown(std::slice::from_ref(&forged), at(1));
        let [Write::Holding(row)] = change.writes.as_slice() else {
            panic!("one holding: {:?}", change.writes);
        };
        row.opened_by.clone()
    };
    let claimed = unwanted(Known::Unknown).claim(&own, at(60));
    let waiting = claimed.clone().release(&own);
    assert_eq!(
        opened_by(claimed.claim(&forged, at(600))),
        Some(own.clone())
    );
    assert_eq!(
        opened_by(waiting.claim(&forged, at(600))),
        Some(own),
        "g1 waits to hear that it is gone"
    );
    let forged_alone = unwanted(Known::Unknown).claim(&forged, at(600));
    assert_eq!(opened_by(forged_alone), None);
}
