//! The chain: gapless and without a fork whoever writes and seals at once, nothing skipped, and anchored soon.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use hallpass::audit::Broken;
use hallpass::store::{Seal, SealedOrNot};
use sqlx::{Connection, PgConnection};

use crate::store::{Fresh, on_both};
use crate::support::proof::{Proof, happened, happened_to_nobody, is_sealed, key, until};

on_both! {
    three_sealers_and_eight_writers_make_one_chain,
    what_is_left_is_sealed_and_anchored_at_a_stop,
    the_tail_that_is_not_anchored_is_at_most_ten_seconds_long,
    a_sealer_goes_on_where_another_one_was_killed,
    nobody_changes_or_removes_the_proof,
    only_what_follows_the_head_is_sealed,
    of_sealers_that_go_on_from_one_head_at_once_one_does,
    a_record_that_shrinks_under_a_running_sealer_is_found,
}

async fn three_sealers_and_eight_writers_make_one_chain(db: Fresh) {
    let proof = Proof::new();
    let others = [db.another().await, db.another().await];
    let stores = [&db.store, &others[0], &others[1]];
    let sealing = stores.map(|store| proof.seal(store));
    let writers = (0..8).map(|writer| {
        let store = stores[writer % 3].clone();
        tokio::spawn(async move {
            for number in 0..40 {
                let change = happened(number).and(happened(number)).and(happened(number));
                store.apply_one(change).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    until("everything is sealed", async || is_sealed(&db.store).await).await;
    for one in sealing {
        one.ends().await;
    }
    let sealed = db.store.sealed(0, 10_000).await.unwrap();
    let sequences: Vec<u64> = sealed.iter().map(|record| record.sequence).collect();
    assert_eq!(sequences, (1..=960).collect::<Vec<u64>>());
    let events: BTreeSet<&str> = sealed.iter().map(|record| record.event.as_str()).collect();
    assert_eq!(events.len(), 960);
    let verified = proof.verify(&db.store).await.unwrap();
    assert_eq!(verified.records(), 960);
    assert_eq!(verified.anchored.map(|anchor| anchor.sequence), Some(960));
    assert_eq!((verified.fields, verified.erased), (960, 0));
    for other in others {
        other.close().await;
    }
}

async fn what_is_left_is_sealed_and_anchored_at_a_stop(db: Fresh) {
    let proof = Proof::new();
    let sealing = proof.seal(&db.store);
    for number in 0..700 {
        db.store.apply_one(happened(number)).await.unwrap();
    }
    sealing.ends().await;
    assert!(is_sealed(&db.store).await);
    let newest = proof.anchor().newest(key(7).public()).unwrap().unwrap();
    assert_eq!(newest.sequence, 700);
}

/// I10, by a clock that is moved: at +10 s everything that was there is anchored.
async fn the_tail_that_is_not_anchored_is_at_most_ten_seconds_long(db: Fresh) {
    let proof = Proof::new();
    let sealing = proof.seal(&db.store);
    for number in 1..=5 {
        db.store.apply_one(happened(number)).await.unwrap();
        proof.advance(10);
        proof.is_anchored(&db.store).await;
        let newest = proof.anchor().newest(key(7).public()).unwrap().unwrap();
        assert!((proof.now() - newest.at).num_seconds() <= 10);
    }
    sealing.ends().await;
}

async fn a_sealer_goes_on_where_another_one_was_killed(db: Fresh) {
    let proof = Proof::new();
    db.store.apply_one(happened(1)).await.unwrap();
    let killed = proof.seal(&db.store);
    until("the first is sealed", async || is_sealed(&db.store).await).await;
    drop(killed);
    db.store.apply_one(happened(2)).await.unwrap();
    let sealing = proof.seal(&db.store);
    until("the second is sealed", async || is_sealed(&db.store).await).await;
    sealing.ends().await;
    assert_eq!(proof.verify(&db.store).await.unwrap().records(), 2);
}

async fn nobody_changes_or_removes_the_proof(db: Fresh) {
    let _proof = Proof::of_events(&db.store, 3).await;
    for tampering in [
        "update seal set hash = '' where sequence = 2",
        "delete from seal where sequence = 3",
        "update checkpoint set at = 0",
        "delete from checkpoint where sequence > 0",
    ] {
        let refused = db.try_execute(tampering).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
    if db.folder.is_none() {
        for emptied in [
            "truncate seal",
            "truncate checkpoint",
            "truncate event cascade",
        ] {
            let refused = db.try_execute(emptied).await.unwrap_err().to_string();
            assert!(refused.contains("append-only"), "{refused}");
        }
    }
}

async fn only_what_follows_the_head_is_sealed(db: Fresh) {
    let _proof = Proof::of_events(&db.store, 3).await;
    db.store.apply_one(happened(4)).await.unwrap();
    let head = db.store.head().await.unwrap().unwrap();
    let seal = |sequence: u64| Seal {
        sequence,
        event: format!("event {sequence}"),
        hash: "00".repeat(32),
    };
    let old = (2, "00".repeat(32));
    let other = (3, "11".repeat(32));
    for (onto, sequence) in [(None, 1), (Some(&old), 3), (Some(&other), 4)] {
        let sealed = db.store.seal(onto, &[seal(sequence)]).await.unwrap();
        assert_eq!(sealed, SealedOrNot::Overtaken);
    }
    assert_eq!(db.store.head().await.unwrap(), Some(head.clone()));
    let sealed = db.store.seal(Some(&head), &[seal(4)]).await.unwrap();
    assert_eq!(sealed, SealedOrNot::Sealed);
}

/// Who stands by can't be relied on to stand by: three replicas seal onto what each read as the head, beside writers.
async fn of_sealers_that_go_on_from_one_head_at_once_one_does(db: Fresh) {
    let _proof = Proof::of_events(&db.store, 3).await;
    let others = [db.another().await, db.another().await];
    let stores = [&db.store, &others[0], &others[1]];
    for round in 0..10 {
        let head = db.store.head().await.unwrap().unwrap();
        let writing = stores.map(|store| store.apply_one(happened(10 + round)));
        let sealing = stores.iter().zip(1..).map(|(store, sealer)| {
            let seal = Seal {
                sequence: head.0 + 1,
                event: format!("event {round} of {sealer}"),
                hash: hex::encode([sealer; 32]),
            };
            let head = head.clone();
            async move { store.seal(Some(&head), &[seal]).await }
        });
        let (written, sealed) = tokio::join!(join_all(writing), join_all(sealing));
        assert!(written.iter().all(Result::is_ok), "{written:?}");
        let count = |what| sealed.iter().filter(|one| **one == Ok(what)).count();
        let (went_on, overtaken) = (SealedOrNot::Sealed, SealedOrNot::Overtaken);
        assert_eq!((count(went_on), count(overtaken)), (1, 2), "{sealed:?}");
        let now = db.store.head().await.unwrap().unwrap();
        assert_eq!(now.0, head.0 + 1);
    }
    for other in others {
        other.close().await;
    }
}

async fn a_record_that_shrinks_under_a_running_sealer_is_found(db: Fresh) {
    let proof = Proof::new();
    for number in 1..=9 {
        db.store.apply_one(happened(number)).await.unwrap();
    }
    let mut sealing = proof.seal(&db.store);
    proof.is_anchored(&db.store).await;
    unlock(&db).await;
    db.execute("delete from seal where sequence > 4; delete from checkpoint")
        .await;
    let found = tokio::time::timeout(std::time::Duration::from_secs(30), sealing.broken.recv());
    let broken = Broken {
        anchored: 9,
        found: 4,
    };
    assert_eq!(found.await.unwrap(), Some(broken));
    // It goes on sealing, and doesn't sign over what was proven.
    until("the rest is sealed again", async || {
        is_sealed(&db.store).await
    })
    .await;
    proof.advance(60);
    sealing.ends().await;
    assert_eq!(db.store.newest_checkpoint().await.unwrap(), None);
    assert_eq!(proof.anchor().lines().unwrap().len(), 1);
}

/// What the owner of a database can do.
pub(crate) async fn unlock(db: &Fresh) {
    let on = |table: &str| {
        if db.folder.is_none() {
            format!(" on {table}")
        } else {
            String::new()
        }
    };
    for (table, triggers) in [
        ("event", ["changed", "removed"]),
        ("seal", ["changed", "removed"]),
        ("checkpoint", ["changed", "removed"]),
    ] {
        for trigger in triggers {
            let on = on(table);
            db.execute(&format!(
                "drop trigger if exists {table}_is_never_{trigger}{on}"
            ))
            .await;
        }
    }
}

/// A position that becomes visible after higher ones were sealed is neither skipped nor sealed twice. (`SQLite` commits
/// in the order of the positions.)
#[tokio::test]
async fn an_event_that_is_committed_late_is_sealed() {
    let db = Fresh::postgres().await;
    let proof = Proof::new();
    db.store.apply_one(happened_to_nobody(0)).await.unwrap();
    let sealing = proof.seal(&db.store);
    let mut late = PgConnection::connect(&db.url).await.unwrap();
    for round in ["before the sealer's look", "after others overtook it"] {
        let mut open = late.begin().await.unwrap();
        sqlx::query(
            "insert into event (id, at, kind, body) \
             select $1, at, kind, replace(body, id, $1) from event order by position limit 1",
        )
        .bind(round)
        .execute(&mut *open)
        .await
        .unwrap();
        for number in 1..=5 {
            db.store.apply_one(happened(number)).await.unwrap();
            until("the others are sealed", async || is_sealed(&db.store).await).await;
        }
        open.commit().await.unwrap();
        assert!(
            !is_sealed(&db.store).await,
            "{round}: not sealed while it was open"
        );
        until(round, async || is_sealed(&db.store).await).await;
    }
    // Also where a sealer starts while it is open, and never saw the position free.
    sealing.ends().await;
    let mut open = late.begin().await.unwrap();
    sqlx::query(
        "insert into event (id, at, kind, body) \
         select 'third', at, kind, replace(body, id, 'third') from event order by position limit 1",
    )
    .execute(&mut *open)
    .await
    .unwrap();
    let sealing = proof.seal(&db.store);
    db.store.apply_one(happened(6)).await.unwrap();
    until("the others are sealed", async || is_sealed(&db.store).await).await;
    open.commit().await.unwrap();
    until("the third is sealed", async || is_sealed(&db.store).await).await;
    sealing.ends().await;
    let verified = proof.verify(&db.store).await.unwrap();
    assert_eq!(verified.records(), 15);
}

/// More of them than one statement looks up.
#[tokio::test]
async fn many_events_that_are_committed_late_are_sealed() {
    const LATE: u64 = 1_300;
    let db = Fresh::postgres().await;
    let proof = Proof::new();
    db.store.apply_one(happened_to_nobody(0)).await.unwrap();
    let sealing = proof.seal(&db.store);
    let mut late = PgConnection::connect(&db.url).await.unwrap();
    let mut open = late.begin().await.unwrap();
    let copies = "insert into event (id, at, kind, body) \
         select 'late-' || number, at, kind, replace(body, id, 'late-' || number) \
         from (select * from event order by position limit 1) as first, generate_series(1, 1300) as number";
    let written = sqlx::query(copies).execute(&mut *open).await.unwrap();
    assert_eq!(written.rows_affected(), LATE);
    db.store.apply_one(happened(1)).await.unwrap();
    until("the other is sealed", async || is_sealed(&db.store).await).await;
    open.commit().await.unwrap();
    until("the late ones are sealed", async || {
        is_sealed(&db.store).await
    })
    .await;
    sealing.ends().await;
    assert_eq!(proof.verify(&db.store).await.unwrap().records(), LATE + 2);
}
