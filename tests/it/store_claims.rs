//! How much of a lane is claimed at a time: what takes access away has limits of its own. And what a claim tells of those
//! before it.

use std::time::Duration;

use hallpass::domain::effect::Subject;
use hallpass::domain::{Change, EffectKind, GrantId, Lane, Urgency};
use hallpass::store::{Applied, Claimed, Due, Failure, Finish, Take};

use crate::store::{Fresh, at, effect, on_both};

const LEASE: Duration = Duration::from_secs(10);

on_both! {
    ends_are_claimed_ahead_and_keep_no_place_from_others,
    what_takes_access_away_is_due_apart_from_the_rest,
    who_dies_over_it_has_not_failed,
}

/// Ten of each urgency; the least urgent are due first.
async fn ten_of_each(db: &Fresh) {
    let effects = (0..30_u8).map(|number| {
        let subject = Subject::Grant(GrantId::new(format!("grant-{number}")));
        let mut one = effect(&subject, EffectKind::SyncHolding, at(number.into()));
        one.urgency = match number {
            0..10 => Urgency::Later,
            10..20 => Urgency::Normal,
            _ => Urgency::First,
        };
        one
    });
    let change = effects.fold(Change::default(), Change::schedule);
    assert_eq!(db.store.apply_one(change).await, Ok(Applied::Done));
}

async fn ends_are_claimed_ahead_and_keep_no_place_from_others(db: Fresh) {
    ten_of_each(&db).await;
    let taken = async |revoking, patient, all| {
        let take = Take {
            revoking,
            patient,
            all,
        };
        let claimed = db.store.claim_within(&Lane::Internal, at(200), LEASE, take);
        let claimed = claimed.await.unwrap();
        [Urgency::First, Urgency::Normal, Urgency::Later].map(|urgency| {
            let of_it = claimed.iter().filter(|one| one.urgency == urgency);
            of_it.count()
        })
    };
    // Two places and one of them for anybody: both are for ends, and two more wait for a place.
    assert_eq!(taken(4, 1, 2).await, [4, 0, 0]);
    assert_eq!(taken(1, 1, 2).await, [1, 1, 0]);
    // Apart from each other, as in the internal lane.
    assert_eq!(taken(3, 2, 5).await, [3, 2, 0]);
    assert_eq!(taken(0, 3, 3).await, [0, 3, 0]);
    assert_eq!(taken(9, 6, 15).await, [2, 4, 2]);
    assert_eq!(taken(9, 0, 9).await, [0, 0, 0]);
}

async fn what_takes_access_away_is_due_apart_from_the_rest(db: Fresh) {
    ten_of_each(&db).await;
    let due = db.store.due().await.unwrap();
    let expected = Due {
        revoking: Some(at(20)),
        others: Some(at(0)),
    };
    assert_eq!(due.get(&Lane::Internal), Some(&expected));
    assert_eq!(db.store.lanes().await, Ok(vec![(Lane::Internal, at(0))]));
}

/// The pause before the next try grows with its failures.
async fn who_dies_over_it_has_not_failed(db: Fresh) {
    let subject = Subject::Grant(GrantId::new("grant-1"));
    let one = effect(&subject, EffectKind::SyncHolding, at(0));
    let schedule = || Change::default().schedule(one.clone());
    db.store.apply_one(schedule()).await.unwrap();
    let claim = async |second: i64| -> Claimed {
        let claimed = db.store.claim(&Lane::Internal, at(second), LEASE, 1).await;
        claimed.unwrap().pop().expect("it is due")
    };
    let counted = |claimed: &Claimed| (claimed.attempts, claimed.failures);
    // Nobody brings these to an end.
    for (times, second) in [(1, 0), (2, 10), (3, 20)] {
        assert_eq!(counted(&claim(second).await), (times, 0));
    }
    let failing = claim(30).await;
    let failed = Finish::Retry {
        claimed: failing,
        at: at(31),
        error: "it is down".into(),
        failure: Some(Failure::Silent),
    };
    db.store.finish(vec![failed]).await.unwrap();
    let again = claim(31).await;
    assert_eq!(counted(&again), (5, 1));
    db.store
        .finish(vec![Finish::GiveBack(again)])
        .await
        .unwrap();
    let last = claim(32).await;
    assert_eq!(counted(&last), (5, 1));
    // Asked for anew while it is claimed.
    db.store.apply_one(schedule()).await.unwrap();
    db.store.finish(vec![Finish::Done(last)]).await.unwrap();
    assert_eq!(counted(&claim(33).await), (1, 0));
}
