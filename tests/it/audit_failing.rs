//! Proof that fails for minutes: the security channel is told, once, until it goes on again.

use std::fs;

use crate::store::{Fresh, on_both};
use crate::support::proof::{Proof, happened, is_sealed, until};

on_both! {
    seals_that_are_refused_for_minutes_are_told_once,
    seals_that_do_not_stay_are_told_by_one_replica,
    checkpoints_that_do_not_stay_are_told,
    a_checkpoint_of_somebody_else_is_told,
    an_anchor_that_cannot_be_written_for_minutes_is_told_once,
    who_seals_and_who_stands_by_have_nothing_to_tell,
}

/// Rounds that are surely enough for one that would tell again.
const SOME: u64 = 12;

/// Whoever owns the database keeps rows from coming into a table: refuses them, or drops them without a word.
async fn tampers(db: &Fresh, table: &str, way: &str) {
    let sql = if db.folder.is_some() {
        let way = match way {
            "refuses" => "select raise(abort, 'no')",
            _ => "select raise(ignore)",
        };
        format!("create trigger tampered before insert on {table} begin {way}; end")
    } else {
        let way = match way {
            "refuses" => "raise 'no'",
            _ => "return null",
        };
        format!(
            "create or replace function tampered() returns trigger language plpgsql as $$ begin {way}; end $$; \
             create trigger tampered before insert on {table} for each row execute function tampered()"
        )
    };
    db.execute(&sql).await;
}

async fn leaves_it(db: &Fresh, table: &str) {
    let sql = if db.folder.is_some() {
        "drop trigger tampered".to_owned()
    } else {
        format!("drop trigger tampered on {table}")
    };
    db.execute(&sql).await;
}

async fn told(db: &Fresh) -> i64 {
    let sql = "select count(*) from announcement";
    let (told,): (i64,) = db.read_one(sql).await;
    told
}

/// Time goes on until so many alarms were put down; answers the newest.
async fn until_told(db: &Fresh, proof: &Proof, times: i64) -> String {
    until("it is told", async || {
        proof.advance(60);
        told(db).await == times
    })
    .await;
    let sql = "select cast(body as text) from announcement order by id desc limit 1";
    let (body,): (String,) = db.read_one(sql).await;
    body
}

async fn seals_that_are_refused_for_minutes_are_told_once(db: Fresh) {
    let proof = Proof::of_events(&db.store, 1).await;
    tampers(&db, "seal", "refuses").await;
    db.store.apply_one(happened(2)).await.unwrap();
    let sealing = proof.seal(&db.store);
    let body = until_told(&db, &proof, 1).await;
    let said = "haven't been sealed and signed for some minutes";
    assert!(body.contains(said), "{body}");
    proof.advance(10_000);
    proof.goes_on(SOME).await;
    assert_eq!(told(&db).await, 1);
    leaves_it(&db, "seal").await;
    until("all is sealed", async || is_sealed(&db.store).await).await;
    proof.is_anchored(&db.store).await;
    proof.goes_on(SOME).await;
    // Another time is another alarm.
    tampers(&db, "seal", "refuses").await;
    db.store.apply_one(happened(3)).await.unwrap();
    until_told(&db, &proof, 2).await;
    leaves_it(&db, "seal").await;
    sealing.ends().await;
    assert!(is_sealed(&db.store).await);
}

async fn seals_that_do_not_stay_are_told_by_one_replica(db: Fresh) {
    let proof = Proof::of_events(&db.store, 1).await;
    tampers(&db, "seal", "drops").await;
    db.store.apply_one(happened(2)).await.unwrap();
    let sealing = proof.seal(&db.store);
    let body = until_told(&db, &proof, 1).await;
    assert!(body.contains("nobody can tell"), "{body}");
    sealing.ends().await;
    let another = proof.seal(&db.store);
    proof.goes_on(SOME).await;
    proof.advance(200);
    proof.goes_on(SOME).await;
    assert_eq!(told(&db).await, 1);
    leaves_it(&db, "seal").await;
    until("all is sealed", async || is_sealed(&db.store).await).await;
    another.ends().await;
}

async fn checkpoints_that_do_not_stay_are_told(db: Fresh) {
    let proof = Proof::of_events(&db.store, 1).await;
    tampers(&db, "checkpoint", "drops").await;
    db.store.apply_one(happened(2)).await.unwrap();
    let sealing = proof.seal(&db.store);
    until_told(&db, &proof, 1).await;
    leaves_it(&db, "checkpoint").await;
    proof.is_anchored(&db.store).await;
    sealing.ends().await;
}

/// One that seems newer than all, so that none is made any more.
async fn a_checkpoint_of_somebody_else_is_told(db: Fresh) {
    let proof = Proof::of_events(&db.store, 1).await;
    let forged = "insert into checkpoint (sequence, at, hash, key, signature) \
                  select 1000000, at, hash, key, signature from checkpoint where sequence = 1";
    db.execute(forged).await;
    db.store.apply_one(happened(2)).await.unwrap();
    let sealing = proof.seal(&db.store);
    until_told(&db, &proof, 1).await;
    sealing.ends().await;
}

async fn an_anchor_that_cannot_be_written_for_minutes_is_told_once(db: Fresh) {
    let proof = Proof::new();
    // Where the folder of the anchor should be.
    let state = proof.folder.path().join("state");
    fs::write(&state, "a file").unwrap();
    db.store.apply_one(happened(1)).await.unwrap();
    let sealing = proof.seal(&db.store);
    let body = until_told(&db, &proof, 1).await;
    let said = "Checkpoints of the record haven't reached";
    assert!(body.contains(said), "{body}");
    // It is tried at most every three seconds, and the sealer looks at the clock three times in each.
    proof.goes_on(2 * SOME).await;
    assert_eq!(told(&db).await, 1);
    fs::remove_file(&state).unwrap();
    proof.is_anchored(&db.store).await;
    sealing.ends().await;
}

async fn who_seals_and_who_stands_by_have_nothing_to_tell(db: Fresh) {
    let proof = Proof::of_events(&db.store, 1).await;
    let other = db.another().await;
    let sealing = [proof.seal(&db.store), proof.seal(&other)];
    for number in 2..5 {
        db.store.apply_one(happened(number)).await.unwrap();
        proof.is_anchored(&db.store).await;
        proof.goes_on(SOME).await;
        proof.advance(200);
    }
    assert_eq!(told(&db).await, 0);
    for one in sealing {
        one.ends().await;
    }
    other.close().await;
}
