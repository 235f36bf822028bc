//! A database as the first version left it, with an access that lives: brought up to date it has lost nothing.

use std::path::Path;

use hallpass::domain::effect::Subject;
use hallpass::domain::grant::State;
use hallpass::domain::{EffectKind, Grant, Holding, Lane, Request, Time};
use serde::Serialize;
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::store::{Fresh, at, first_version, grant, holding, open, request};
use crate::support::postgres::Postgres;

/// Migrations from before this moment are the first version's.
const FIRST: i64 = 20_261_100_000_000;
/// What rows didn't say then.
const SINCE: [&str; 1] = ["stray_until"];

async fn of_the_first_version(url: String, folder: Option<TempDir>) -> Fresh {
    let store = open(&url).await;
    let name = if folder.is_some() {
        "sqlite"
    } else {
        "postgres"
    };
    let all = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("migrations")
        .join(name);
    let all = Migrator::new(all).await.unwrap();
    let first = all.iter().filter(|one| one.version < FIRST).cloned();
    let first = Migrator::with_migrations(first.collect());
    assert!(first.iter().count() < all.iter().count());
    if folder.is_some() {
        let mut conn = SqliteConnection::connect(&url).await.unwrap();
        first.run_direct(None, &mut conn, false).await.unwrap();
    } else {
        let mut conn = PgConnection::connect(&url).await.unwrap();
        first.run_direct(None, &mut conn, false).await.unwrap();
    }
    Fresh { store, url, folder }
}

/// As it was written then, as a literal of SQL.
fn old(row: &impl Serialize) -> String {
    let mut row = serde_json::to_value(row).unwrap();
    for field in SINCE {
        row.as_object_mut().unwrap().remove(field);
    }
    format!("'{}'", row.to_string().replace('\'', "''"))
}

/// The rows and the timer of the end, as statements of SQL.
fn inserted(request: &Request, grant: &Grant, holding: &Holding, ends_at: Time) -> String {
    let (moment, end) = (at(1).timestamp_micros(), ends_at.timestamp_micros());
    let rows = [
        format!(
            "insert into request (id, version, short, state, requester, holder, asked_at, deadline, review_owed, body) \
             values ('{}', 1, '{}', 'pending', '{}', '{}', {moment}, {end}, false, {})",
            request.id,
            request.short.as_str(),
            request.requester,
            request.holder,
            old(request)
        ),
        format!(
            "insert into access_grant (id, version, short, request, holder, state, live, ends_at, body) \
             values ('{}', 1, '{}', '{}', '{}', 'active', true, {end}, {})",
            grant.id,
            grant.short.as_str(),
            grant.request,
            grant.holder,
            old(grant)
        ),
        format!(
            "insert into holding (id, version, backend, principal, person, entitlement, grant_id, body) \
             values ('{}', 1, '{}', '{}', '{}', '{}', '', {})",
            holding.id,
            holding.backend,
            holding.principal,
            holding.person,
            holding.entitlement.key(),
            old(holding)
        ),
        format!(
            "insert into effect (subject, kind, lane, urgency, due, next_at, claimed, wanted, token, attempts) \
             values ('grant:{}', 'expire', 'internal', 0, {end}, {end}, false, 1, 0, 0)",
            grant.id
        ),
    ];
    rows.join("; ")
}

async fn an_access_that_lives_survives_the_upgrade(db: Fresh) {
    let mut request = first_version(request(1), |row| &mut row.version);
    request.reason = "orders stuck".into();
    let mut grant = first_version(grant(&request), |row| &mut row.version);
    let (since, ends_at) = (at(10), at(3_610));
    grant.state = State::Active { since, ends_at };
    let holding = first_version(holding("holding-1", "alice_sql", "alice"), |row| {
        &mut row.version
    });
    db.execute(&inserted(&request, &grant, &holding, ends_at))
        .await;

    db.store.migrate().await.unwrap();
    assert_eq!(db.store.request(&request.id).await, Ok(Some(request)));
    assert_eq!(db.store.live_grants(10).await, Ok(vec![grant.clone()]));
    assert_eq!(db.store.holding(&holding.id).await, Ok(Some(holding)));
    let lease = std::time::Duration::from_secs(10);
    let claimed = db
        .store
        .claim(&Lane::Internal, ends_at, lease, 9)
        .await
        .unwrap();
    let claimed: Vec<_> = claimed
        .into_iter()
        .map(|one| (one.subject, one.kind, one.due))
        .collect();
    assert_eq!(
        claimed,
        [(Subject::Grant(grant.id), EffectKind::Expire, ends_at)]
    );
}

#[tokio::test]
async fn an_access_that_lives_survives_the_upgrade_sqlite() {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let url = format!("sqlite://{}/hallpass.db", folder.path().display());
    an_access_that_lives_survives_the_upgrade(of_the_first_version(url, Some(folder)).await).await;
}

#[tokio::test]
async fn an_access_that_lives_survives_the_upgrade_postgres() {
    let url = Postgres::shared().await.fresh_database().await;
    an_access_that_lives_survives_the_upgrade(of_the_first_version(url, None).await).await;
}
