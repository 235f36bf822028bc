//! A database that is slow for each row: what is slow as a whole is written in smaller parts, so that what waits for it
//! (a lease's renewal, an end, a person) comes in between.

use std::time::{Duration, Instant};

use hallpass::domain::Change;
use hallpass::store::{Applied, Store};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use crate::store::{Fresh, request};

/// Half of a lease, and twice what a part may take.
const LONGEST: Duration = Duration::from_secs(5);

fn requests(numbers: std::ops::Range<i64>) -> Vec<Change> {
    let all = numbers.map(|number| Change::default().request(request(number)));
    all.collect()
}

async fn all_done(store: &Store, changes: Vec<Change>) {
    let expected = vec![Applied::Done; changes.len()];
    assert_eq!(store.apply(changes).await, Ok(expected));
}

/// Eight seconds of work in one statement: the server ends it, and it is written in parts. Every other statement would
/// have waited for it.
#[tokio::test]
async fn what_is_slow_as_a_whole_is_written_in_parts_on_postgres() {
    let db = Fresh::postgres().await;
    db.execute(
        "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.05); return new; end $$; \
         create trigger slow before insert on request for each row execute function slow()",
    )
    .await;
    let mut changed = db.store.changed();
    changed.mark_unchanged();
    let commits = tokio::spawn(async move {
        let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
        // Ends with the store.
        while changed.changed().await.is_ok() {
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        longest
    });
    all_done(&db.store, requests(1..161)).await;
    db.store.close().await;
    drop(db);
    let longest = commits.await.unwrap();
    assert!(longest < LONGEST, "nothing came in between for {longest:?}");
}

/// How many rows must be counted to take so long, here and now.
async fn rows_for(time: Duration, url: &str) -> u64 {
    const TRIED: u64 = 200_000;
    let mut database = SqliteConnection::connect(url).await.unwrap();
    let began = Instant::now();
    let counted: (i64,) = sqlx::query_as(AssertSqlSafe(counting(TRIED)))
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert!(counted.0 > 0);
    let nanos = began.elapsed().as_nanos().max(1);
    u64::try_from(u128::from(TRIED) * time.as_nanos() / nanos).unwrap()
}

fn counting(rows: u64) -> String {
    format!(
        "with recursive counted(n) as (select 1 union all select n + 1 from counted where n < {rows}) \
         select count(*) as rows from counted"
    )
}

/// `SQLite` can't be interrupted from outside of its statement; the next batch is smaller.
#[tokio::test]
async fn after_what_was_slow_as_a_whole_comes_less_at_a_time_on_sqlite() {
    let db = Fresh::sqlite().await;
    let rows = rows_for(Duration::from_millis(30), &db.url).await;
    db.execute(&format!("create view slow as {}", counting(rows)))
        .await;
    db.execute("create trigger slows before insert on request begin select rows from slow; end")
        .await;
    let changed = db.store.changed();
    all_done(&db.store, requests(1..101)).await;
    let before = *changed.borrow();
    all_done(&db.store, requests(101..201)).await;
    let batches = *changed.borrow() - before;
    // The first of them may be written alone, before the others are there.
    assert!(batches > 2, "all hundred in {batches} batches");
}
