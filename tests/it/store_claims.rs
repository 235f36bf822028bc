//! How much of a lane is claimed at a time: what takes access away has limits of its own.

use std::time::Duration;

use hallpass::domain::effect::Subject;
use hallpass::domain::{Change, EffectKind, GrantId, Lane, Urgency};
use hallpass::store::{Applied, Due, Take};

use crate::store::{Fresh, at, effect, on_both};

const LEASE: Duration = Duration::from_secs(10);

on_both! {
    ends_are_claimed_ahead_and_keep_no_place_from_others,
    what_takes_access_away_is_due_apart_from_the_rest,
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
