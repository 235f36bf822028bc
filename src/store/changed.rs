//! How this process hears of commits: its own at once, those of other processes by NOTIFY (`PostgreSQL`) or by looking
//! at the file's version twice a second (`SQLite`). A missed message costs one slow poll, never an effect.

use std::sync::Arc;
use std::time::Duration;

use hallpass_domain::planted::{Fault, planted};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::lent::Lent;

const CHANNEL: &str = "hallpass_changed";
/// How often `SQLite` is asked whether another process committed.
const LOOK: Duration = Duration::from_millis(500);
/// Silence on the LISTEN connection after which it is tried and everything is looked at again.
const SILENCE: Duration = Duration::from_secs(5);
/// How long any one round trip of these tasks may take.
const ROUND_TRIP: Duration = Duration::from_secs(5);
/// The pause before connecting again.
const RECONNECT: Duration = Duration::from_secs(1);

pub(super) fn bump(changed: &watch::Sender<u64>) {
    changed.send_modify(|count| *count = count.wrapping_add(1));
}

/// Tells other replicas of our commits: many that come while one is being told become one.
pub(super) async fn notify(pool: PgPool, committed: Arc<Notify>, me: String) {
    loop {
        committed.notified().await;
        let told = async {
            let mut conn = Lent::from(&pool).await?;
            sqlx::query("select pg_notify($1, $2)")
                .bind(CHANNEL)
                .bind(&me)
                .execute(&mut *conn)
                .await
        };
        match timeout(ROUND_TRIP, told).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "other replicas were not told of a commit"),
            Err(_) => tracing::debug!("other replicas were not told of a commit in time"),
        }
    }
}

/// Hears of other replicas' commits. Every new connection and every silence counts as a message, because one may have
/// been lost.
pub(super) async fn listen(options: PgConnectOptions, changed: watch::Sender<u64>, me: String) {
    loop {
        if let Err(error) = listen_once(&options, &changed, &me).await {
            tracing::debug!(%error, "the connection that listens for commits was lost");
        }
        bump(&changed);
        sleep(RECONNECT).await;
    }
}

async fn listen_once(
    options: &PgConnectOptions,
    changed: &watch::Sender<u64>,
    me: &str,
) -> sqlx::Result<()> {
    // A pool of its own each time: the listener gives a connection back without a limit, and a silent one never.
    let own = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(options.clone());
    let lost = || sqlx::Error::Protocol("no answer in time".into());
    let mut listener = timeout(ROUND_TRIP, PgListener::connect_with(&own))
        .await
        .map_err(|_| lost())??;
    timeout(ROUND_TRIP, listener.listen(CHANNEL))
        .await
        .map_err(|_| lost())??;
    bump(changed);
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(message))) if message.payload() == me => {}
            Ok(Ok(Some(_))) => bump(changed),
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            // Silence is taken for quiet.
            Err(_) if planted(Fault::ListenDeadUnnoticed) => {}
            Err(_) => {
                bump(changed);
                let alive = sqlx::query("select 1").execute(&mut listener);
                timeout(ROUND_TRIP, alive).await.map_err(|_| lost())??;
            }
        }
    }
}

/// Looks whether another process committed to the file (`pragma data_version` moves for commits of other connections).
pub(super) async fn look(options: SqliteConnectOptions, changed: watch::Sender<u64>) {
    let mut conn: Option<SqliteConnection> = None;
    let mut last = None;
    loop {
        sleep(LOOK).await;
        if conn.is_none() {
            conn = options.connect().await.ok();
        }
        let Some(open) = &mut conn else { continue };
        match sqlx::query_scalar::<_, i64>("pragma data_version")
            .fetch_one(open)
            .await
        {
            Ok(version) if last == Some(version) => {}
            Ok(version) => {
                if last.replace(version).is_some() {
                    bump(&changed);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "the database file can't be looked at");
                conn = None;
                last = None;
            }
        }
    }
}
