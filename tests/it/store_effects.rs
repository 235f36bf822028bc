//! Effects: scheduled with the rows that caused them, claimed under a lease, finished only by who holds the claim.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use hallpass::domain::effect::Subject;
use hallpass::domain::{
    Actor, BackendName, Change, Effect, EffectKind, Event, EventKind, GrantId, Lane, Notice, Time,
    Urgency,
};
use hallpass::store::{Applied, Claimed, Finish, Store, StoreError};

use crate::store::{Fresh, at, effect, grant, on_both, request, stored};

const LEASE: Duration = Duration::from_secs(10);

fn subject(number: usize) -> Subject {
    Subject::Grant(GrantId::new(format!("grant-{number:06}")))
}

async fn schedule(store: &Store, effects: impl IntoIterator<Item = Effect>) {
    let change = effects
        .into_iter()
        .fold(Change::default(), Change::schedule);
    assert_eq!(store.apply_one(change).await, Ok(Applied::Done));
}

async fn claim(store: &Store, now: Time) -> Vec<Claimed> {
    store.claim(&Lane::Internal, now, LEASE, 64).await.unwrap()
}

async fn claim_one(store: &Store, now: Time) -> Claimed {
    let mut claimed = claim(store, now).await;
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    claimed.remove(0)
}

on_both! {
    an_effect_is_claimed_when_it_is_due_and_gone_when_done,
    the_urgent_go_first_then_the_long_due,
    lanes_are_claimed_apart,
    scheduling_again_moves_the_moment_both_ways,
    scheduling_while_it_runs_makes_it_run_again_after,
    a_lapsed_lease_is_taken_over_and_the_late_one_ends_nothing,
    moved_away_while_its_holder_died_it_waits_for_its_new_moment,
    a_failed_try_comes_again_at_its_moment,
    a_new_wish_during_a_failed_try_is_not_put_off,
    what_is_given_back_was_never_tried,
    a_cancelled_effect_does_not_come_back,
    of_several_changes_of_one_effect_the_last_counts,
    a_change_and_the_end_of_its_effect_are_one,
    a_stale_claim_records_nothing,
    a_claim_of_a_row_that_is_gone_fits_no_other,
    what_was_put_off_is_called_back,
    many_claimers_take_each_effect_once,
    a_broken_effect_does_not_hold_up_its_lane,
    ends_at_the_same_moment_are_apart,
    what_follows_from_a_change_is_written_with_it_or_neither,
}

async fn an_effect_is_claimed_when_it_is_due_and_gone_when_done(db: Fresh) {
    schedule(
        &db.store,
        [effect(&subject(1), EffectKind::Expire, at(100))],
    )
    .await;
    assert_eq!(db.store.lanes().await, Ok(vec![(Lane::Internal, at(100))]));
    assert!(claim(&db.store, at(99)).await.is_empty());

    let claimed = claim_one(&db.store, at(100)).await;
    assert_eq!(claimed.subject, subject(1));
    assert_eq!(claimed.kind, EffectKind::Expire);
    assert_eq!(
        (claimed.lane.clone(), claimed.urgency),
        (Lane::Internal, Urgency::Normal)
    );
    assert_eq!(
        (claimed.due, claimed.attempts, claimed.wanted),
        (at(100), 1, 1)
    );
    assert!(claim(&db.store, at(109)).await.is_empty(), "it is leased");
    assert_eq!(
        db.store.lanes().await,
        Ok(vec![(Lane::Internal, at(110))]),
        "the lease's end"
    );

    db.store.finish(vec![Finish::Done(claimed)]).await.unwrap();
    assert_eq!(db.store.lanes().await, Ok(Vec::new()));
}

async fn the_urgent_go_first_then_the_long_due(db: Fresh) {
    let urgencies = [Urgency::Later, Urgency::Normal, Urgency::First];
    let effects = (0..9_u8).map(|number| {
        let mut one = effect(
            &subject(number.into()),
            EffectKind::SyncHolding,
            at(100 - i64::from(number)),
        );
        one.urgency = urgencies[usize::from(number) % 3];
        one
    });
    schedule(&db.store, effects).await;
    let mut order = Vec::new();
    for limit in [2, 3, 4] {
        let claimed = db
            .store
            .claim(&Lane::Internal, at(200), LEASE, limit)
            .await
            .unwrap();
        assert_eq!(claimed.len(), limit);
        order.extend(claimed.into_iter().map(|one| one.subject));
    }
    assert_eq!(order, [8, 5, 2, 7, 4, 1, 6, 3, 0].map(subject));
}

async fn lanes_are_claimed_apart(db: Fresh) {
    let orders = Lane::Backend(BackendName::new("orders-db"));
    for (number, lane) in (0_u8..).zip([Lane::Slack, orders.clone(), Lane::Internal]) {
        let mut one = effect(
            &subject(number.into()),
            EffectKind::SyncHolding,
            at(number.into()),
        );
        one.lane = lane;
        schedule(&db.store, [one]).await;
    }
    let claimed = db.store.claim(&orders, at(9), LEASE, 9).await.unwrap();
    assert_eq!(
        claimed.iter().map(|one| &one.subject).collect::<Vec<_>>(),
        [&subject(1)]
    );
    let lanes: BTreeSet<_> = db.store.lanes().await.unwrap().into_iter().collect();
    let expected = [
        (Lane::Slack, at(0)),
        (orders, at(19)),
        (Lane::Internal, at(2)),
    ];
    assert_eq!(lanes, BTreeSet::from(expected));
}

async fn scheduling_again_moves_the_moment_both_ways(db: Fresh) {
    for moment in [100, 50, 300] {
        schedule(
            &db.store,
            [effect(&subject(1), EffectKind::Expire, at(moment))],
        )
        .await;
        assert_eq!(
            db.store.lanes().await,
            Ok(vec![(Lane::Internal, at(moment))])
        );
    }
    assert!(claim(&db.store, at(299)).await.is_empty());
    assert_eq!(claim_one(&db.store, at(300)).await.wanted, 3);
}

async fn scheduling_while_it_runs_makes_it_run_again_after(db: Fresh) {
    schedule(
        &db.store,
        [effect(&subject(1), EffectKind::SyncHolding, at(1))],
    )
    .await;
    let first = claim_one(&db.store, at(1)).await;
    schedule(
        &db.store,
        [effect(&subject(1), EffectKind::SyncHolding, at(3))],
    )
    .await;
    assert!(
        claim(&db.store, at(4)).await.is_empty(),
        "at most one at a time"
    );

    db.store
        .finish(vec![Finish::Done(first.clone())])
        .await
        .unwrap();
    assert!(
        claim(&db.store, at(2)).await.is_empty(),
        "not before its new moment"
    );
    let second = claim_one(&db.store, at(4)).await;
    assert_eq!((second.due, second.wanted, second.attempts), (at(3), 2, 1));
    assert!(second.token > first.token);
    db.store.finish(vec![Finish::Done(second)]).await.unwrap();
    assert_eq!(db.store.lanes().await, Ok(Vec::new()));
}

async fn a_lapsed_lease_is_taken_over_and_the_late_one_ends_nothing(db: Fresh) {
    schedule(
        &db.store,
        [effect(&subject(1), EffectKind::SyncHolding, at(1))],
    )
    .await;
    let late = claim_one(&db.store, at(1)).await;
    let heir = claim_one(&db.another().await, at(11)).await;
    assert_eq!((heir.attempts, heir.due), (2, at(1)));

    for finish in [
        Finish::Done(late.clone()),
        Finish::GiveBack(late.clone()),
        Finish::Retry {
            claimed: late,
            at: at(12),
            error: "late".into(),
            failure: None,
        },
    ] {
        db.store.finish(vec![finish]).await.unwrap();
        assert!(
            claim(&db.store, at(20)).await.is_empty(),
            "it is the heir's"
        );
    }
    db.store.finish(vec![Finish::Done(heir)]).await.unwrap();
    assert_eq!(db.store.lanes().await, Ok(Vec::new()));
}

async fn moved_away_while_its_holder_died_it_waits_for_its_new_moment(db: Fresh) {
    schedule(&db.store, [effect(&subject(1), EffectKind::Expire, at(1))]).await;
    let dead = claim_one(&db.store, at(1)).await;
    schedule(
        &db.store,
        [effect(&subject(1), EffectKind::Expire, at(5_000))],
    )
    .await;
    assert!(
        claim(&db.store, at(30)).await.is_empty(),
        "an extended grant isn't expired early"
    );
    assert_eq!(
        db.store.lanes().await,
        Ok(vec![(Lane::Internal, at(5_000))])
    );
    db.store.finish(vec![Finish::Done(dead)]).await.unwrap();
    assert_eq!(claim_one(&db.store, at(5_000)).await.attempts, 1);
}

async fn a_failed_try_comes_again_at_its_moment(db: Fresh) {
    schedule(
        &db.store,
        [effect(&subject(1), EffectKind::SyncHolding, at(1))],
    )
    .await;
    for attempt in 1..=3 {
        let claimed = claim_one(&db.store, at(100 * attempt)).await;
        assert_eq!((i64::from(claimed.attempts), claimed.due), (attempt, at(1)));
        let again = at(100 * attempt + 60);
        let retry = Finish::Retry {
            claimed,
            at: again,
            error: "refused\u{0}".repeat(900),
            failure: None,
        };
        db.store.finish(vec![retry]).await.unwrap();
        assert_eq!(db.store.lanes().await, Ok(vec![(Lane::Internal, again)]));
    }
    // A new wish doesn't wait for the backoff.
    schedule(
        &db.store,
        [effect(&subject(1), EffectKind::SyncHolding, at(310))],
    )
    .await;
    let claimed = claim_one(&db.store, at(310)).await;
    assert_eq!((claimed.attempts, claimed.due), (1, at(310)));
}

async fn a_new_wish_during_a_failed_try_is_not_put_off(db: Fresh) {
    schedule(
        &db.store,
        [effect(&subject(1), EffectKind::SyncHolding, at(1))],
    )
    .await;
    let claimed = claim_one(&db.store, at(1)).await;
    schedule(
        &db.store,
        [effect(&subject(1), EffectKind::SyncHolding, at(2))],
    )
    .await;
    let retry = Finish::Retry {
        claimed,
        at: at(500),
        error: "down".into(),
        failure: None,
    };
    db.store.finish(vec![retry]).await.unwrap();
    assert_eq!(db.store.lanes().await, Ok(vec![(Lane::Internal, at(2))]));
}

async fn what_is_given_back_was_never_tried(db: Fresh) {
    schedule(
        &db.store,
        [effect(&subject(1), EffectKind::SyncHolding, at(1))],
    )
    .await;
    let claimed = claim_one(&db.store, at(5)).await;
    db.store
        .finish(vec![Finish::GiveBack(claimed)])
        .await
        .unwrap();
    let again = claim_one(&db.store, at(5)).await;
    assert_eq!((again.attempts, again.due), (1, at(1)));
}

async fn a_cancelled_effect_does_not_come_back(db: Fresh) {
    schedule(
        &db.store,
        [
            effect(&subject(1), EffectKind::Expire, at(1)),
            effect(
                &subject(1),
                EffectKind::Warn(hallpass::domain::Duration::from_mins(15)),
                at(1),
            ),
        ],
    )
    .await;
    let claimed = claim(&db.store, at(1)).await;
    assert_eq!(claimed.len(), 2);
    let cancel = Change::default()
        .cancel(subject(1), EffectKind::Expire)
        .cancel(
            subject(1),
            EffectKind::Warn(hallpass::domain::Duration::from_mins(15)),
        );
    db.store.apply_one(cancel).await.unwrap();
    let ends = claimed.into_iter().map(|claimed| Finish::Retry {
        claimed,
        at: at(2),
        error: "x".into(),
        failure: None,
    });
    db.store.finish(ends.collect()).await.unwrap();
    assert_eq!(db.store.lanes().await, Ok(Vec::new()));
}

async fn of_several_changes_of_one_effect_the_last_counts(db: Fresh) {
    let one = effect(&subject(1), EffectKind::Expire, at(1));
    let two = effect(&subject(2), EffectKind::Say(Notice::Granted), at(2));
    let change = Change::default()
        .schedule(one.clone())
        .cancel(subject(1), EffectKind::Expire)
        .cancel(subject(2), EffectKind::Say(Notice::Granted))
        .schedule(two);
    db.store.apply_one(change).await.unwrap();
    assert_eq!(db.store.lanes().await, Ok(vec![(Lane::Internal, at(2))]));
}

async fn a_change_and_the_end_of_its_effect_are_one(db: Fresh) {
    let asked = stored(&db.store, request(1)).await;
    let timers = [1, 2].map(|number| effect(&subject(number), EffectKind::TimeOut, at(1)));
    schedule(&db.store, timers).await;
    let claimed = claim(&db.store, at(1)).await;
    let again = Change::default().request(asked.clone()).schedule(effect(
        &subject(1),
        EffectKind::TimeOut,
        at(900),
    ));
    let stale = Change::default().request(request(1)).schedule(effect(
        &subject(3),
        EffectKind::TimeOut,
        at(1),
    ));
    let work = vec![
        (again, Finish::Done(claimed[0].clone())),
        (stale, Finish::Done(claimed[1].clone())),
    ];
    let answers = db.store.apply_finishing(work).await;
    assert_eq!(answers, [Ok(Applied::Done), Ok(Applied::Conflict)]);

    // The first scheduled itself anew, the second is still claimed, the third was never written.
    assert!(claim(&db.store, at(10)).await.is_empty());
    let second = claim_one(&db.store, at(11)).await;
    assert_eq!((&second.subject, second.attempts), (&subject(2), 2));
    db.store.finish(vec![Finish::Done(second)]).await.unwrap();
    let first = claim_one(&db.store, at(900)).await;
    assert_eq!(
        (first.subject, first.due, first.attempts),
        (subject(1), at(900), 1)
    );
}

async fn a_stale_claim_records_nothing(db: Fresh) {
    let asked = stored(&db.store, request(1)).await;
    schedule(&db.store, [effect(&subject(1), EffectKind::TimeOut, at(1))]).await;
    let late = claim_one(&db.store, at(1)).await;
    let heir = claim_one(&db.store, at(20)).await;
    // Also where no row's version guards it.
    let other = effect(&subject(7), EffectKind::TimeOut, at(5));
    let work = vec![
        (Change::default().request(asked), Finish::Done(late.clone())),
        (Change::default().schedule(other), Finish::Done(late)),
    ];
    assert_eq!(
        db.store.apply_finishing(work).await,
        [Ok(Applied::Conflict), Ok(Applied::Conflict)]
    );
    assert_eq!(
        db.store.lanes().await,
        Ok(vec![(Lane::Internal, at(30))]),
        "it is {heir:?}'s"
    );
}

/// The effect was carried out by another meanwhile, and came back as a new row: an old claim of the first isn't one of it.
async fn a_claim_of_a_row_that_is_gone_fits_no_other(db: Fresh) {
    let timer = || effect(&subject(1), EffectKind::TimeOut, at(1));
    schedule(&db.store, [timer()]).await;
    let late = claim_one(&db.store, at(1)).await;
    let heir = claim_one(&db.store, at(20)).await;
    db.store.finish(vec![Finish::Done(heir)]).await.unwrap();
    schedule(&db.store, [timer()]).await;
    let new = claim_one(&db.store, at(40)).await;
    let ours = db.store.still_ours(&[late.clone(), new.clone()]).await;
    assert_eq!(ours, Ok(vec![false, true]));
    db.store.finish(vec![Finish::Done(late)]).await.unwrap();
    assert_eq!(
        db.store.lanes().await,
        Ok(vec![(Lane::Internal, at(50))]),
        "it is {new:?}'s"
    );
}

/// What was put off in a lane is due at once when its target is back; the others, and what is to come, stay.
async fn what_was_put_off_is_called_back(db: Fresh) {
    let timers = [1, 2, 3].map(|number| {
        let due = if number == 3 { at(500) } else { at(1) };
        effect(&subject(number), EffectKind::TimeOut, due)
    });
    schedule(&db.store, timers).await;
    let both = claim(&db.store, at(1)).await;
    let put_off = |claimed: &Claimed| Finish::Retry {
        claimed: claimed.clone(),
        at: at(300),
        error: "away".into(),
        failure: None,
    };
    db.store
        .finish(both.iter().map(put_off).collect())
        .await
        .unwrap();
    assert!(claim(&db.store, at(100)).await.is_empty());
    let backlog = db.store.backlog(at(100)).await.unwrap();
    let found: Vec<_> = backlog
        .iter()
        .map(|one| (one.overdue, one.oldest))
        .collect();
    assert_eq!(found, [(2, at(1))]);
    db.store.wake(&Lane::Slack, at(100)).await.unwrap();
    assert!(claim(&db.store, at(100)).await.is_empty());
    db.store.wake(&Lane::Internal, at(100)).await.unwrap();
    assert_eq!(claim(&db.store, at(100)).await.len(), 2);
}

async fn many_claimers_take_each_effect_once(db: Fresh) {
    let effects = (0..200).map(|number| effect(&subject(number), EffectKind::Expire, at(1)));
    schedule(&db.store, effects).await;
    let other = db.another().await;
    let claimers = (0..16).map(|number| {
        let store = if number % 2 == 0 {
            db.store.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                let some = store.claim(&Lane::Internal, at(2), LEASE, 7).await.unwrap();
                if some.is_empty() {
                    return taken;
                }
                taken.extend(some.into_iter().map(|one| one.subject));
            }
        })
    });
    let taken: Vec<Subject> = join_all(claimers)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    assert_eq!(taken.len(), 200);
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>().len(), 200);
}

async fn a_broken_effect_does_not_hold_up_its_lane(db: Fresh) {
    let effects = (1..=3).map(|number| effect(&subject(number), EffectKind::Expire, at(1)));
    schedule(&db.store, effects).await;
    db.execute("update effect set kind = 'explode' where subject = 'grant:grant-000002'")
        .await;
    let claimed = claim(&db.store, at(1)).await;
    let subjects: Vec<_> = claimed.into_iter().map(|one| one.subject).collect();
    assert_eq!(subjects, [subject(1), subject(3)]);
    db.execute("update effect set lane = 'nowhere' where subject = 'grant:grant-000001'")
        .await;
    assert_eq!(
        db.store.lanes().await,
        Ok(vec![(Lane::Internal, at(11))]),
        "a broken lane doesn't hold up the others"
    );
}

/// Two ends at one moment are two: no timer takes another's place.
async fn ends_at_the_same_moment_are_apart(db: Fresh) {
    let effects = (1..=10).map(|number| effect(&subject(number), EffectKind::Expire, at(1)));
    schedule(&db.store, effects).await;
    let claimed = claim(&db.store, at(1)).await;
    let mut subjects: Vec<_> = claimed.into_iter().map(|one| one.subject).collect();
    subjects.sort();
    assert_eq!(subjects, (1..=10).map(subject).collect::<Vec<_>>());
}

/// Access whose end isn't on record is none: the rows stand with their timers or not at all.
async fn what_follows_from_a_change_is_written_with_it_or_neither(db: Fresh) {
    let refuses = if db.folder.is_none() {
        "create function no_room() returns trigger language plpgsql as \
         $$ begin raise exception 'no room'; end $$; \
         create trigger no_room before insert on effect for each row execute function no_room()"
    } else {
        "create trigger no_room before insert on effect begin select raise(abort, 'no room'); end"
    };
    let request = stored(&db.store, request(1)).await;
    db.execute(refuses).await;
    let grant = grant(&request);
    let change = Change::default()
        .grant(grant.clone())
        .event(Event::new(EventKind::GrantIntended, Actor::Hallpass, at(2)).request(&request.id))
        .schedule(effect(&subject(1), EffectKind::Expire, at(9)));
    let answer = db.store.apply_one(change).await;
    assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
    assert_eq!(db.store.grant(&grant.id).await, Ok(None));
    assert_eq!(db.store.events_of(&request.id).await, Ok(Vec::new()));
}

/// The cost of a claim must not grow with the timers that wait: 100,000 of them against none.
/// `PostgreSQL` counts what it reads; `SQLite`'s plan is looked at beside the statement.
#[tokio::test]
async fn a_claim_reads_no_timer_that_is_not_due() {
    let db = Fresh::postgres().await;
    schedule(&db.store, [effect(&subject(1), EffectKind::Expire, at(1))]).await;
    db.execute(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000) \
         insert into effect (subject, kind, lane, urgency, due, next_at, claimed, wanted, token, attempts) \
         select 'grant:later-' || i, 'expire', 'internal', i % 3, 9000000000000000 + i, 9000000000000000 + i, \
         false, 1, 0, 0 from n",
    )
    .await;
    let before = rows_read(&db).await;
    let rounds = 50;
    for round in 1..=rounds {
        let claimed = claim_one(&db.store, at(round)).await;
        assert_eq!(db.store.lanes().await.unwrap().len(), 1);
        db.store
            .finish(vec![Finish::GiveBack(claimed)])
            .await
            .unwrap();
    }
    // A connection tells what it read at its end.
    db.store.close().await;

    // At the least each round finds its effect once, to claim it, and once more, to give it back.
    let mut read = 0;
    for _ in 0..10_000 {
        read = rows_read(&db).await - before;
        if read >= 2 * rounds {
            break;
        }
    }
    assert!(read >= 2 * rounds, "only {read} rows were counted");
    // One round that reads the timers reads 100,000.
    assert!(
        read < 200 * rounds,
        "{read} rows were read in {rounds} rounds"
    );
}

async fn rows_read(db: &Fresh) -> i64 {
    let read: (i64,) = db
        .read_one(
            "select (select coalesce(seq_tup_read, 0) from pg_stat_user_tables where relname = 'effect') + \
             (select coalesce(sum(idx_tup_read), 0)::bigint from pg_stat_user_indexes where relname = 'effect')",
        )
        .await;
    read.0
}
