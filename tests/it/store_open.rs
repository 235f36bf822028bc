//! Opening, migrating, sharing and closing a database, and hearing of others' commits.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hallpass::domain::effect::Subject;
use hallpass::domain::{Change, EffectKind, Lane};
use hallpass::store::{Applied, RequestFilter, Store, StoreError};
use tokio::time::timeout;

use crate::store::{Counted, Fresh, at, effect, on_both, open, request, stored};
use crate::support::postgres::{Postgres, Server, Version};

on_both! {
    migrating_twice_changes_nothing,
    a_commit_is_heard_here_and_by_other_processes,
    a_closed_store_says_so,
}

async fn migrating_twice_changes_nothing(db: Fresh) {
    stored(&db.store, request(1)).await;
    let other = db.another().await;
    let (one, two) = tokio::join!(db.store.migrate(), other.migrate());
    assert_eq!((one, two), (Ok(()), Ok(())));
    assert!(db.store.request(&request(1).id).await.unwrap().is_some());
    assert_eq!(db.store.check().await, Ok(()));
}

async fn a_commit_is_heard_here_and_by_other_processes(db: Fresh) {
    let other = db.another().await;
    // Let both settle: their first look at the database counts as news.
    let (mut here, mut there) = (db.store.changed(), other.changed());
    let limit = Duration::from_secs(20);
    here.mark_unchanged();
    stored(&db.store, request(1)).await;
    assert!(
        here.has_changed().unwrap(),
        "the commit itself is news here"
    );
    timeout(limit, async {
        // Until a commit made after it was listening is heard.
        for number in 2.. {
            there.mark_unchanged();
            stored(&db.store, request(number)).await;
            let heard = timeout(Duration::from_secs(2), there.changed());
            if heard.await.is_ok() {
                break;
            }
        }
    })
    .await
    .expect("another process hears of a commit");
}

async fn a_closed_store_says_so(db: Fresh) {
    stored(&db.store, request(1)).await;
    db.store.close().await;
    assert!(db.store.check().await.is_err());
    let answer = db
        .store
        .apply_one(Change::default().request(request(2)))
        .await;
    assert!(
        matches!(answer, Err(StoreError::Unavailable(_))),
        "{answer:?}"
    );
    assert!(
        db.another()
            .await
            .request(&request(1).id)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn one_process_at_a_time_serves_a_file() {
    let db = Fresh::sqlite().await;
    let other = db.another().await;
    let lock = db.store.lock_for_serving().unwrap();
    let refused = other.lock_for_serving().unwrap_err().to_string();
    assert!(
        refused.starts_with("Another hallpass already serves"),
        "{refused}"
    );
    drop(lock);
    other.lock_for_serving().unwrap();
}

#[tokio::test]
async fn replicas_share_a_server() {
    let db = Fresh::postgres().await;
    let _one = db.store.lock_for_serving().unwrap();
    db.another().await.lock_for_serving().unwrap();
}

#[tokio::test]
async fn no_error_repeats_the_password() {
    let server = Postgres::shared().await;
    for url in [
        "postgres://admin:canary-secret@127.0.0.1:1/nothing".to_owned(),
        format!(
            "postgres://admin:canary-secret@127.0.0.1:{}/nothing",
            server.port()
        ),
        "postgres://admin:canary-secret@[bad".to_owned(),
        "mysql://admin:canary-secret@host/db".to_owned(),
    ] {
        let opened = Store::open(&url, Arc::new(Counted::default())).await;
        let error = opened.map(drop).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn the_file_is_readable_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let db = Fresh::sqlite().await;
    stored(&db.store, request(1)).await;
    let folder = db.folder.as_ref().unwrap().path();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.join("hallpass.db")), 0o600);
    assert_eq!(mode(&folder.join("hallpass.db-wal")), 0o600);
}

#[tokio::test]
async fn lanes_are_read_from_every_process() {
    let db = Fresh::sqlite().await;
    let due = effect(
        &Subject::Request(request(1).id),
        EffectKind::SyncCard,
        at(1),
    );
    db.store
        .apply_one(Change::default().schedule(due))
        .await
        .unwrap();
    assert_eq!(
        db.another().await.lanes().await,
        Ok(vec![(Lane::Internal, at(1))])
    );
}

#[tokio::test]
async fn a_writer_waits_for_another_process_that_writes() {
    use sqlx::Connection;
    let db = Fresh::sqlite().await;
    let mut other = sqlx::SqliteConnection::connect(&db.url).await.unwrap();
    sqlx::raw_sql("begin immediate")
        .execute(&mut other)
        .await
        .unwrap();
    let store = db.store.clone();
    let mut waiting =
        tokio::spawn(async move { store.apply_one(Change::default().request(request(1))).await });
    // Reads don't wait for writers.
    assert_eq!(db.store.request(&request(1).id).await, Ok(None));
    let early = timeout(Duration::from_millis(200), &mut waiting).await;
    assert!(early.is_err(), "it doesn't give up: {early:?}");
    sqlx::raw_sql("rollback").execute(&mut other).await.unwrap();
    assert_eq!(waiting.await.unwrap(), Ok(Applied::Done));
}

#[tokio::test]
async fn a_server_that_cuts_every_connection_is_found_again() {
    let server = Server::start(Version::Eighteen).await;
    let url = server.fresh_database().await;
    let (here, there) = (open(&url).await, open(&url).await);
    here.migrate().await.unwrap();
    stored(&here, request(1)).await;

    let cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hallpass'";
    server.execute(cut).await;
    let limit = Duration::from_secs(30);
    let again = timeout(limit, async {
        while here
            .apply_one(Change::default().request(request(2)))
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
        let mut news = there.changed();
        for number in 3.. {
            news.mark_unchanged();
            // What was cut may fail once more; what was written is heard.
            let written = here
                .apply_one(Change::default().request(request(number)))
                .await;
            let heard = timeout(Duration::from_secs(2), news.changed()).await;
            if written.is_ok() && heard.is_ok() {
                break;
            }
        }
    });
    again.await.expect("both work again");
    let pending = here.requests(RequestFilter::Pending, 99).await.unwrap();
    assert!(pending.len() >= 3, "{}", pending.len());
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_told_in_a_sentence() {
    for (url, said) in [
        (
            "sqlite:///no/such/folder/hallpass.db",
            "/no/such/folder/hallpass.db can't be created",
        ),
        ("sqlite://:memory:", "DATABASE_URL must name a file"),
        (
            "sqlite://hallpass.db?mode=ro",
            "DATABASE_URL must name a file",
        ),
        ("hallpass.db", "DATABASE_URL must begin with"),
        (
            "postgres://127.0.0.1:port/db",
            "DATABASE_URL is not a PostgreSQL URL",
        ),
    ] {
        let opened = Store::open(url, Arc::new(Counted::default())).await;
        let error = opened.map(drop).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
}
