//! The two native pools behind one small set of primitives: execute and fetch, on a connection or a pool.
//! Everything that knows both databases' types stands here and in `open.rs`; the rest speaks [`Conn`].

use sqlx::postgres::{PgPool, PgRow};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{FromRow, PgConnection, SqliteConnection};

use super::error::StoreError;
use super::lent::{Lent, bounded};
use super::sql::Sql;

/// A parameter. Anything optional travels inside a JSON parameter.
#[derive(Debug, Clone)]
pub(super) enum Arg {
    Text(String),
    Int(i64),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// A row struct that both databases fill; made by `row!`.
pub(super) trait Filled:
    Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>
{
}

impl<T> Filled for T where
    T: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>
{
}

macro_rules! bound {
    ($query:expr, $args:expr) => {{
        let mut query = $query;
        for arg in $args {
            query = match arg {
                Arg::Text(text) => query.bind(text.as_str()),
                Arg::Int(number) => query.bind(*number),
            };
        }
        query
    }};
}

/// A connection within a transaction.
pub(super) enum Conn<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Conn<'_> {
    pub(super) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    pub(super) async fn execute(&mut self, sql: &Sql, args: &[Arg]) -> sqlx::Result<u64> {
        Ok(match self {
            Self::Sqlite(conn) => bound!(sqlx::query(sql.sqlite), args)
                .execute(&mut **conn)
                .await?
                .rows_affected(),
            Self::Postgres(conn) => bound!(sqlx::query(sql.postgres), args)
                .execute(&mut **conn)
                .await?
                .rows_affected(),
        })
    }

    pub(super) async fn fetch<R: Filled>(
        &mut self,
        sql: &Sql,
        args: &[Arg],
    ) -> sqlx::Result<Vec<R>> {
        match self {
            Self::Sqlite(conn) => {
                bound!(sqlx::query_as(sql.sqlite), args)
                    .fetch_all(&mut **conn)
                    .await
            }
            Self::Postgres(conn) => {
                bound!(sqlx::query_as(sql.postgres), args)
                    .fetch_all(&mut **conn)
                    .await
            }
        }
    }
}

/// Where reads go: one statement each, so that what is read is one moment.
#[derive(Clone)]
pub(super) enum Readers {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Readers {
    pub(super) async fn fetch<R: Filled>(
        &self,
        sql: &Sql,
        args: &[Arg],
    ) -> Result<Vec<R>, StoreError> {
        let rows = match self {
            Self::Sqlite(pool) => {
                bound!(sqlx::query_as(sql.sqlite), args)
                    .fetch_all(pool)
                    .await
            }
            Self::Postgres(pool) => on_server(pool, sql, args).await,
        };
        rows.map_err(|error| StoreError::from_statement(sql.table, &error))
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

async fn on_server<R: Filled>(pool: &PgPool, sql: &Sql, args: &[Arg]) -> sqlx::Result<Vec<R>> {
    let mut conn = Lent::from(pool).await?;
    bounded(bound!(sqlx::query_as(sql.postgres), args).fetch_all(&mut *conn)).await
}
