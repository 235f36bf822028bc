//! Changes that come together: many in one batch, many callers at once, the same delivery twice.

use std::time::Duration;

use futures_util::future::join_all;
use hallpass::domain::effect::Subject;
use hallpass::domain::request::State;
use hallpass::domain::{Actor, Change, EffectKind, Event, EventKind, GrantId, HoldingId, Lane};
use hallpass::store::{Applied, Claimed, Finish, RequestFilter, StoreError};

use crate::store::{
    Fresh, at, effect, grant, holding, on_both, person, person_id, request, review, stored,
};

on_both! {
    what_a_batch_cancels_goes_whatever_of_it_there_is,
    an_update_that_takes_anothers_email_is_a_conflict_alone,
    a_repeated_delivery_is_the_first_request,
    the_same_delivery_at_the_same_time_makes_one_request,
    thirty_two_who_decide_at_once_are_one_decision,
    a_conflict_in_a_batch_leaves_the_others_whole,
    changes_of_one_row_in_a_batch_are_taken_in_their_order,
    a_change_that_writes_a_row_twice_is_an_error,
    a_failing_change_does_not_take_its_neighbours_with_it,
    a_refused_change_keeps_no_other_from_its_verdict,
    callers_who_give_up_leave_whole_changes,
    changes_of_the_same_rows_in_any_order_all_get_through,
    of_two_changes_that_end_one_claim_together_one_stands,
    a_claim_that_was_ended_ends_nothing_more_although_its_effect_stays,
}

async fn an_update_that_takes_anothers_email_is_a_conflict_alone(db: Fresh) {
    let people = ["alice", "bob"].map(|name| Change::default().person(person(name)));
    db.store.apply(people.to_vec()).await.unwrap();
    let mut bob = db.store.person(&person_id("bob")).await.unwrap().unwrap();
    bob.email = person("alice").email;
    let batch = vec![
        Change::default().request(request(1)),
        Change::default().person(bob),
        Change::default().request(request(2)),
    ];
    let answers = db.store.apply(batch).await;
    assert_eq!(
        answers,
        Ok(vec![Applied::Done, Applied::Conflict, Applied::Done])
    );
}

async fn a_repeated_delivery_is_the_first_request(db: Fresh) {
    let delivered = |number: i64| {
        let mut change = Change::default().request(request(number));
        change.delivery = Some("trigger-1".into());
        change
    };
    assert_eq!(db.store.apply_one(delivered(1)).await, Ok(Applied::Done));
    let first = Applied::Delivered(request(1).id);
    assert_eq!(db.store.apply_one(delivered(2)).await, Ok(first.clone()));
    assert_eq!(
        db.store.delivered("trigger-1").await,
        Ok(Some(request(1).id))
    );
    assert_eq!(db.store.request(&request(2).id).await, Ok(None));

    let in_one_batch = vec![
        Change::default().request(request(3)),
        delivered(4),
        Change::default().request(request(5)),
    ];
    let answers = db.store.apply(in_one_batch).await;
    assert_eq!(answers, Ok(vec![Applied::Done, first, Applied::Done]));
}

async fn the_same_delivery_at_the_same_time_makes_one_request(db: Fresh) {
    let deliveries = (1..=16).map(|number| {
        let mut change = Change::default().request(request(number));
        change.delivery = Some("trigger-1".into());
        let store = db.store.clone();
        tokio::spawn(async move { store.apply_one(change).await.unwrap() })
    });
    let answers: Vec<Applied> = join_all(deliveries)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        answers.iter().filter(|one| **one == Applied::Done).count(),
        1
    );
    let made = db.store.delivered("trigger-1").await.unwrap().unwrap();
    let repeats = answers
        .iter()
        .filter(|one| **one == Applied::Delivered(made.clone()));
    assert_eq!(repeats.count(), 15);
    let pending = db.store.requests(RequestFilter::Pending, 99).await.unwrap();
    assert_eq!(pending.len(), 1);
}

async fn thirty_two_who_decide_at_once_are_one_decision(db: Fresh) {
    let asked = stored(&db.store, request(1)).await;
    let other_process = db.another().await;
    let deciders = (0..32).map(|number| {
        let mut decided = asked.clone();
        decided
            .reviews
            .push(review(&asked, &format!("reviewer{number}")));
        decided.state = State::Approved { at: at(number) };
        let mut access = grant(&asked);
        access.id = GrantId::new(format!("grant-{number}"));
        let change = Change::default()
            .request(decided)
            .grant(access)
            .event(Event::new(EventKind::Approved, Actor::Hallpass, at(number)).request(&asked.id));
        let store = if number % 2 == 0 {
            db.store.clone()
        } else {
            other_process.clone()
        };
        tokio::spawn(async move { store.apply_one(change).await.unwrap() })
    });
    let answers: Vec<Applied> = join_all(deciders)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        answers.iter().filter(|one| **one == Applied::Done).count(),
        1
    );
    assert_eq!(
        answers
            .iter()
            .filter(|one| **one == Applied::Conflict)
            .count(),
        31
    );
    let decided = db.store.request(&asked.id).await.unwrap().unwrap();
    assert_eq!((decided.version, decided.reviews.len()), (2, 1));
    assert_eq!(db.store.all_grants(99).await.unwrap().len(), 1);
    assert_eq!(db.store.events_of(&asked.id).await.unwrap().len(), 1);
}

async fn a_conflict_in_a_batch_leaves_the_others_whole(db: Fresh) {
    stored(&db.store, request(50)).await;
    let batch = (1..=100).map(|number| {
        let asked = request(number);
        Change::default()
            .grant(grant(&asked))
            .event(Event::new(EventKind::Requested, Actor::Hallpass, at(number)).request(&asked.id))
            .request(asked)
    });
    let answers = db.store.apply(batch.collect()).await.unwrap();
    let conflicts: Vec<usize> = (0..100)
        .filter(|at| answers[*at] == Applied::Conflict)
        .collect();
    assert_eq!(conflicts, [49]);
    assert_eq!(db.store.all_grants(200).await.unwrap().len(), 99);
    assert_eq!(db.store.grant(&grant(&request(50)).id).await, Ok(None));
    assert_eq!(db.store.events_after(0, 200).await.unwrap().len(), 99);
}

async fn changes_of_one_row_in_a_batch_are_taken_in_their_order(db: Fresh) {
    let first = stored(&db.store, request(1)).await;
    let mut second = first.clone();
    second.version = 2;
    second.reason = "third version".into();
    let mut stale = first.clone();
    stale.reason = "never".into();
    let batch = [first.clone(), second, stale].map(|row| Change::default().request(row));
    let answers = db.store.apply(batch.to_vec()).await;
    assert_eq!(
        answers,
        Ok(vec![Applied::Done, Applied::Done, Applied::Conflict])
    );
    let now = db.store.request(&first.id).await.unwrap().unwrap();
    assert_eq!((now.version, now.reason.as_str()), (3, "third version"));
}

async fn a_change_that_writes_a_row_twice_is_an_error(db: Fresh) {
    let twice = Change::default().request(request(1)).request(request(1));
    let answer = db.store.apply_one(twice).await;
    assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
}

async fn a_failing_change_does_not_take_its_neighbours_with_it(db: Fresh) {
    // A grant without its request breaks a foreign key: no conflict, an error.
    let orphan = Change::default().grant(grant(&request(99)));
    let neighbours = (1..=8).map(|number| {
        let store = db.store.clone();
        tokio::spawn(async move {
            store
                .apply_one(Change::default().request(request(number)))
                .await
        })
    });
    let neighbours: Vec<_> = neighbours.collect();
    let failed = db.store.apply_one(orphan).await;
    assert!(matches!(failed, Err(StoreError::Refused(_))), "{failed:?}");
    for neighbour in neighbours {
        assert_eq!(neighbour.await.unwrap(), Ok(Applied::Done));
    }
    assert_eq!(
        db.store
            .requests(RequestFilter::Pending, 99)
            .await
            .unwrap()
            .len(),
        8
    );
}

/// Refused by a constraint, by a trigger, and before the database is asked at all; each in the middle of a batch that ends
/// the claims which it carried out.
async fn a_refused_change_keeps_no_other_from_its_verdict(db: Fresh) {
    let refuses = if db.folder.is_some() {
        // Not a constraint: a plain error, in the middle of a statement.
        "create trigger refuses before insert on request when new.id = 'request-000004' begin select json('{'); end"
    } else {
        "create function refuses() returns trigger language plpgsql as $$ begin raise exception 'not this one'; end $$; \
         create trigger refuses before insert on request for each row when (new.id = 'request-000004') execute function refuses()"
    };
    db.execute(refuses).await;
    let timers = (0..8).map(|number| {
        let subject = Subject::Grant(GrantId::new(format!("grant-{number}")));
        effect(&subject, EffectKind::Expire, at(1))
    });
    let scheduled = timers.fold(Change::default(), Change::schedule);
    db.store.apply_one(scheduled).await.unwrap();
    let lease = Duration::from_secs(10);
    let claims = db.store.claim(&Lane::Internal, at(2), lease, 10).await;
    let changes = (0..8).map(|number| match number {
        1 => Change::default().grant(grant(&request(99))),
        6 => Change::default().request(request(6)).request(request(6)),
        number => Change::default().request(request(number)),
    });
    let finishes = claims.unwrap().into_iter().map(Finish::Done);
    let answers = db.store.apply_finishing(changes.zip(finishes).collect());
    let verdicts: Vec<&str> = (answers.await.iter())
        .map(|answer| match answer {
            Ok(Applied::Done) => "done",
            Err(StoreError::Refused(_)) => "refused",
            Ok(_) | Err(_) => "something else",
        })
        .collect();
    let all = [
        "done", "refused", "done", "done", "refused", "done", "refused", "done",
    ];
    assert_eq!(verdicts, all);
    let made = db.store.requests(RequestFilter::Pending, 99).await.unwrap();
    assert_eq!(made.len(), 5);
    // What was refused is claimed still: whoever carried it out says when it comes again.
    let left = db.store.claim(&Lane::Internal, at(13), lease, 10).await;
    assert_eq!(left.unwrap().len(), 3);
}

async fn callers_who_give_up_leave_whole_changes(db: Fresh) {
    let callers = (1..=64).map(|number| {
        let asked = request(number);
        let change = Change::default().grant(grant(&asked)).request(asked);
        let store = db.store.clone();
        tokio::spawn(async move { store.apply_one(change).await })
    });
    for (number, caller) in callers.enumerate() {
        tokio::task::yield_now().await;
        if number % 2 == 0 {
            caller.abort();
        }
    }
    // Whoever comes after them is served.
    assert_eq!(
        db.store
            .apply_one(Change::default().request(request(99)))
            .await,
        Ok(Applied::Done)
    );
    db.store.close().await;
    let after = db.another().await;
    let requests = after.requests(RequestFilter::Pending, 200).await.unwrap();
    assert!(requests.len() > 1, "nobody got through");
    for one in requests.iter().filter(|one| one.id != request(99).id) {
        assert!(
            after.grant(&grant(one).id).await.unwrap().is_some(),
            "{}",
            one.id
        );
    }
    assert_eq!(
        after.all_grants(200).await.unwrap().len(),
        requests.len() - 1
    );
}

async fn changes_of_the_same_rows_in_any_order_all_get_through(db: Fresh) {
    let ids = ["h-1", "h-2", "h-3", "h-4"];
    let made = ids.map(|id| Change::default().holding(holding(id, &format!("{id}_sql"), "alice")));
    db.store.apply(made.to_vec()).await.unwrap();
    let other_process = db.another().await;
    let writers = (0..8_usize).map(|number| {
        let store = if number % 2 == 0 {
            db.store.clone()
        } else {
            other_process.clone()
        };
        tokio::spawn(async move {
            let mut done = 0;
            while done < 10 {
                let wanted = ids.map(HoldingId::new);
                let mut rows = store.holdings(&wanted).await.unwrap();
                rows.rotate_left(number % 4);
                if number > 3 {
                    rows.reverse();
                }
                let change = rows.into_iter().fold(Change::default(), |change, mut row| {
                    row.generation += 1;
                    let due = effect(
                        &Subject::Holding(row.id.clone()),
                        EffectKind::SyncHolding,
                        at(1),
                    );
                    change.holding(row).schedule(due)
                });
                // An error here would be a deadlock that wasn't tried again.
                done += i64::from(store.apply_one(change).await.unwrap() == Applied::Done);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    for row in db.store.holdings(&ids.map(HoldingId::new)).await.unwrap() {
        assert_eq!((row.generation, row.version), (81, 81));
    }
}

/// Most of what is cancelled was never scheduled.
async fn what_a_batch_cancels_goes_whatever_of_it_there_is(db: Fresh) {
    let subject = |number| Subject::Grant(GrantId::new(format!("g-{number}")));
    let expiring = |number| effect(&subject(number), EffectKind::Expire, at(1));
    let scheduled = (1..=3)
        .map(expiring)
        .fold(Change::default(), Change::schedule);
    db.store.apply_one(scheduled).await.unwrap();
    let cancelled =
        [1, 3, 7].map(|number| Change::default().cancel(subject(number), EffectKind::Expire));
    let again = Change::default()
        .cancel(subject(8), EffectKind::Expire)
        .schedule(expiring(8));
    db.store
        .apply(cancelled.into_iter().chain([again]).collect())
        .await
        .unwrap();
    let left = db
        .store
        .claim(&Lane::Internal, at(1), Duration::from_secs(10), 64)
        .await;
    let left: std::collections::BTreeSet<Subject> =
        left.unwrap().into_iter().map(|one| one.subject).collect();
    assert_eq!(left, [subject(2), subject(8)].into());
}

/// A claim of a timer that was scheduled at once, and a change that records it by an event of its own.
async fn claimed(db: &Fresh) -> Claimed {
    let change = Change::default().schedule(effect(&timer(), EffectKind::Expire, at(1)));
    db.store.apply_one(change).await.unwrap();
    let lease = Duration::from_secs(10);
    let claims = db.store.claim(&Lane::Internal, at(2), lease, 10).await;
    claims.unwrap().pop().unwrap()
}

fn timer() -> Subject {
    Subject::Grant(GrantId::new("grant-1"))
}

/// It guards no row: only the claim says whether it may stand.
fn recorded() -> Change {
    Change::default().event(Event::new(EventKind::Warned, Actor::Hallpass, at(2)))
}

async fn of_two_changes_that_end_one_claim_together_one_stands(db: Fresh) {
    let claim = claimed(&db).await;
    let both = [(); 2].map(|()| (recorded(), Finish::Done(claim.clone())));
    let answers = db.store.apply_finishing(both.to_vec()).await;
    assert_eq!(answers, [Ok(Applied::Done), Ok(Applied::Conflict)]);
    assert_eq!(db.store.events_after(0, 10).await.unwrap().len(), 1);
}

/// It was scheduled anew while it was carried out, so it stays, and keeps its token until it is claimed again.
async fn a_claim_that_was_ended_ends_nothing_more_although_its_effect_stays(db: Fresh) {
    let claim = claimed(&db).await;
    let anew = Change::default().schedule(effect(&timer(), EffectKind::Expire, at(60)));
    db.store.apply_one(anew).await.unwrap();
    for expected in [Applied::Done, Applied::Conflict] {
        let end = (recorded(), Finish::Done(claim.clone()));
        let answers = db.store.apply_finishing(vec![end]).await;
        assert_eq!(answers, [Ok(expected)]);
    }
    // Whoever ends it late can neither forget it nor put it off.
    let mut late = claim.clone();
    late.wanted += 1;
    let put_off = Finish::Retry {
        claimed: claim,
        at: at(600),
        error: "late".into(),
        failure: None,
    };
    let finished = db.store.finish(vec![Finish::Done(late), put_off]).await;
    assert_eq!(finished, Ok(()));
    assert_eq!(db.store.lanes().await, Ok(vec![(Lane::Internal, at(60))]));
    assert_eq!(db.store.events_after(0, 10).await.unwrap().len(), 1);
}
