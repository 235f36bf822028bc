//! Calls that may still take effect, and records that may be lost: what was seen before counts for nothing, and it is
//! looked at again.

use crate::holding::{Given, Holding, Known, Outcome, Stale};
use crate::testing::{at, entitlement, fresh_holding, who};
use crate::{Change, EffectKind, GrantId, Time};

/// Nobody wants it, and it was seen to be gone.
fn gone() -> Holding {
    Holding {
        known: Known::Absent { at: at(0) },
        ..fresh_holding(&entitlement("orders-db", "orders_admin"), &who("rita"))
    }
}

fn absent() -> Outcome {
    Outcome::Absent {
        receipt: None,
        sessions_closed: None,
        note: None,
        others: None,
    }
}

/// Settled at 10, where a call may take effect until then.
fn settled(stray_until: Time) -> Change {
    let row = gone().unanswered(stray_until);
    let generation = row.generation;
    row.settle(generation, absent(), vec![], vec![], at(10))
        .expect("fits")
}

#[test]
fn a_call_without_a_record_makes_what_is_known_count_for_nothing() {
    let change = gone().doubt(at(5));
    assert_eq!(change.the_holding().known, Known::Unknown);
    assert_eq!(change.due(&EffectKind::SyncHolding), Some(at(5)));
}

#[test]
fn what_a_late_call_may_undo_is_looked_at_again_once_that_is_over() {
    let change = settled(at(16));
    assert_eq!(change.due(&EffectKind::SyncHolding), Some(at(16)));
    assert_eq!(
        change.the_holding().stray_until,
        Some(at(16)),
        "it may take effect yet"
    );
}

#[test]
fn what_no_late_call_can_undo_any_more_is_not_looked_at_again() {
    for over in [9, 10] {
        let change = settled(at(over));
        assert_eq!(change.due(&EffectKind::SyncHolding), None, "{over}");
        assert_eq!(change.the_holding().stray_until, None, "{over}");
    }
}

#[test]
fn what_runs_again_counts_on_and_leaves_older_work_stale() {
    let row = gone().claim(&GrantId::new("g1"), at(60));
    let before = row.generation;
    let again = row.again();
    assert!(again.generation > before);
    let held = Outcome::Held {
        until: None,
        receipt: None,
        given: Given::Now,
    };
    let late = again.settle(before, held, vec![], vec![], at(1));
    assert_eq!(late, Err(Stale));
}
