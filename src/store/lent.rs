//! A connection of `PostgreSQL`'s pool, lent for a bounded time. A server or a network that falls silent without closing
//! anything would otherwise hold whoever asked for ever, and the pool's place with it: the driver waits without limit,
//! also when it takes a connection back.

use std::io::ErrorKind;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::{Connection, PgConnection, Postgres};
use tokio::time::timeout;

/// How long all that is asked in one go may take: a little more than the server itself allows a statement.
const ANSWER: Duration = Duration::from_secs(12);
/// How long a connection that was idle, or is given back, may take to say that it is well.
const WELL: Duration = Duration::from_secs(1);

/// Given back when dropped; given up where it doesn't say in time that it is well.
pub(super) struct Lent(PoolConnection<Postgres>);

impl Lent {
    pub(super) async fn from(pool: &PgPool) -> sqlx::Result<Self> {
        Box::pin(pool.acquire()).await.map(Self)
    }
}

impl Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // What the driver does by itself, with a limit.
        tokio::spawn(timeout(WELL, self.0.return_to_pool()));
    }
}

/// Fails where the server says nothing. Whether what was asked was carried out is not known then.
pub(super) async fn bounded<T, E: From<sqlx::Error>>(
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(ANSWER, Box::pin(asked)).await.unwrap_or_else(|_| {
        let silent = format!("no answer within {} s", ANSWER.as_secs());
        Err(sqlx::Error::Io(std::io::Error::new(ErrorKind::TimedOut, silent)).into())
    })
}

/// Whether an idle connection is well; one that is silent is not.
pub(super) async fn is_well(conn: &mut PgConnection) -> sqlx::Result<()> {
    let silent = || sqlx::Error::Io(std::io::Error::other("an idle connection is silent"));
    timeout(WELL, conn.ping())
        .await
        .map_err(|_| silent())
        .flatten()
}
