use crate::holding::{Attempt, Called, Given, Holding, Known, Observation, Outcome, Stale, Step};
use crate::testing::{at, entitlement, fresh_holding, who};
use crate::{GrantId, Urgency};

fn holding() -> Holding {
    fresh_holding(&entitlement("orders-db", "orders_admin"), &who("rita"))
}

fn wanted() -> Holding {
    holding().claim(&GrantId::new("g1"), at(60))
}

fn unwanted() -> Holding {
    wanted().release(&GrantId::new("g1"))
}

fn seen(ours: bool, others: bool) -> Observation {
    Observation {
        ours,
        others: others.then(|| "root".into()),
    }
}

fn after(observations: &[Observation], called: bool) -> Attempt {
    let mut attempt = Attempt::default();
    for (index, observation) in observations.iter().enumerate() {
        if index == 1 && called {
            attempt.called = Some(Called::default());
        }
        attempt.saw(observation.clone());
    }
    if called && attempt.called.is_none() {
        attempt.called = Some(Called::default());
    }
    attempt
}

#[test]
fn it_observes_first_and_after_every_call() {
    assert_eq!(wanted().plan(&Attempt::default()), Step::Observe);
    assert_eq!(unwanted().plan(&Attempt::default()), Step::Observe);
    assert_eq!(
        wanted().plan(&after(&[seen(false, false)], true)),
        Step::Observe
    );
    assert_eq!(
        unwanted().plan(&after(&[seen(true, false)], true)),
        Step::Observe
    );
}

#[test]
fn it_grants_what_is_missing_and_reads_it_back() {
    let missing = after(&[seen(false, false)], false);
    assert_eq!(wanted().plan(&missing), Step::Grant { until: at(60) });
    let there = after(&[seen(false, false), seen(true, false)], true);
    assert!(matches!(
        wanted().plan(&there),
        Step::Settle(Outcome::Held { .. })
    ));
    let still_missing = after(&[seen(false, false), seen(false, false)], true);
    assert!(matches!(wanted().plan(&still_missing), Step::Fail { .. }));
}

#[test]
fn what_is_there_needs_no_call_unless_the_target_tracks_another_end() {
    let mut there = after(&[seen(true, false)], false);
    assert!(matches!(
        wanted().plan(&there),
        Step::Settle(Outcome::Held { receipt: None, .. })
    ));
    there.tracks_expiry = true;
    assert_eq!(wanted().plan(&there), Step::Grant { until: at(60) });
    let known = Holding {
        known: Known::Held {
            at: at(0),
            until: Some(at(60)),
        },
        ..wanted()
    };
    assert!(matches!(
        known.plan(&there),
        Step::Settle(Outcome::Held { .. })
    ));
}

#[test]
fn what_others_gave_is_left_alone() {
    let standing = after(&[seen(false, true)], false);
    assert!(matches!(
        wanted().plan(&standing),
        Step::Settle(Outcome::Standing { .. })
    ));
    assert!(matches!(
        unwanted().plan(&standing),
        Step::Settle(Outcome::Standing { .. })
    ));
}

#[test]
fn it_revokes_what_is_ours_and_reads_it_back() {
    assert_eq!(
        unwanted().plan(&after(&[seen(true, true)], false)),
        Step::Revoke
    );
    let gone = after(&[seen(true, false), seen(false, false)], true);
    assert!(matches!(
        unwanted().plan(&gone),
        Step::Settle(Outcome::Absent { others: None, .. })
    ));
    let others_remain = after(&[seen(true, true), seen(false, true)], true);
    assert!(matches!(
        unwanted().plan(&others_remain),
        Step::Settle(Outcome::Absent {
            others: Some(_),
            ..
        })
    ));
    let still_there = after(&[seen(true, false), seen(true, false)], true);
    assert!(matches!(unwanted().plan(&still_there), Step::Fail { .. }));
}

#[test]
fn what_is_gone_already_is_settled_without_a_call() {
    let gone = after(&[seen(false, false)], false);
    assert!(matches!(
        unwanted().plan(&gone),
        Step::Settle(Outcome::Absent { .. })
    ));
}

#[test]
fn an_outcome_of_an_older_generation_is_stale() {
    let row = wanted();
    let absent = Outcome::Absent {
        receipt: None,
        sessions_closed: None,
        note: None,
        others: None,
    };
    let old = row
        .clone()
        .settle(row.generation - 1, absent.clone(), vec![], vec![], at(1));
    assert_eq!(old, Err(Stale));
    let held = Outcome::Held {
        until: Some(at(60)),
        receipt: None,
        given: Given::Now,
    };
    let late = row
        .clone()
        .settle(row.generation - 1, held, vec![], vec![], at(1));
    assert_eq!(late, Err(Stale), "also where the outcome would still fit");
    let unfitting = row
        .clone()
        .settle(row.generation, absent, vec![], vec![], at(1));
    assert_eq!(unfitting, Err(Stale));
}

#[test]
fn every_change_of_what_is_wanted_raises_the_generation() {
    let row = wanted();
    assert_eq!(row.generation, 1);
    assert_eq!(row.opened_by, Some(GrantId::new("g1")));
    assert_eq!(row.sync(at(0)).urgency, Urgency::Normal);
    let row = row.claim(&GrantId::new("g2"), at(90));
    assert_eq!(
        (row.generation, &row.opened_by),
        (2, &Some(GrantId::new("g1")))
    );
    let row = row.release(&GrantId::new("g1"));
    assert_eq!(row.generation, 3);
    assert_eq!(row.sync(at(0)).urgency, Urgency::First);
}

#[test]
fn claims_of_nobodys_grant_are_taken_out_and_told() {
    let id = GrantId::new("g1");
    let before = wanted().claim(&GrantId::new("forged"), at(600));
    let generation = before.generation;
    let change = before.disown(&[GrantId::new("forged")], at(1));
    let [crate::change::Write::Holding(now)] = change.writes.as_slice() else {
        panic!("one holding: {:?}", change.writes);
    };
    assert_eq!(now.claims.keys().collect::<Vec<_>>(), [&id]);
    assert!(now.generation > generation);
    assert_eq!((change.events.len(), change.effects.len()), (1, 1));
}
