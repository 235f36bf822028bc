//! The two databases behind one small set of primitives: execute and fetch, on a connection or among the readers.
//! Everything that knows both drivers' types stands here, in `file.rs` and in `open.rs`; the rest speaks [`Conn`].

use std::sync::Arc;

use rusqlite::Connection;
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{FromRow, PgConnection};

use super::columns::{self, Column};
use super::error::{Failed, StoreError};
use super::file::{self, Reading};
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
pub(super) trait Filled: Send + Unpin + 'static + for<'r> FromRow<'r, PgRow> {
    fn from_sqlite(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self>;
}

macro_rules! bound {
    ($query:ident, $sql:expr, $args:expr) => {{
        let (columns, args) = spread($sql, $args)?;
        let mut query = sqlx::$query($sql.postgres);
        for column in columns {
            query = match column {
                Column::Texts(values) => query.bind(values),
                Column::Numbers(values) => query.bind(values),
                Column::Truths(values) => query.bind(values),
            };
        }
        for arg in args {
            query = match arg {
                Arg::Text(text) => query.bind(text.as_str()),
                Arg::Int(number) => query.bind(*number),
            };
        }
        query
    }};
}

/// The rows of a statement as columns, and its other parameters.
fn spread<'a>(sql: &Sql, args: &'a [Arg]) -> Result<(Vec<Column>, &'a [Arg]), Failed> {
    match args {
        [Arg::Text(rows), others @ ..] if !sql.columns.is_empty() => {
            Ok((columns::of(sql.columns, rows)?, others))
        }
        args => Ok((Vec::new(), args)),
    }
}

/// A connection within a transaction. What `SQLite` is asked for is there at once: such a future never waits.
pub(super) enum Conn<'c> {
    Sqlite(&'c mut Connection),
    Postgres(&'c mut PgConnection),
}

impl Conn<'_> {
    pub(super) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    pub(super) async fn execute(&mut self, sql: &Sql, args: &[Arg]) -> Result<u64, Failed> {
        Ok(match self {
            Self::Sqlite(conn) => file::execute(conn, sql.sqlite, args)?,
            Self::Postgres(conn) => bound!(query, sql, args)
                .execute(&mut **conn)
                .await?
                .rows_affected(),
        })
    }

    pub(super) async fn fetch<R: Filled>(
        &mut self,
        sql: &Sql,
        args: &[Arg],
    ) -> Result<Vec<R>, Failed> {
        Ok(match self {
            Self::Sqlite(conn) => file::fetch(conn, sql.sqlite, args)?,
            Self::Postgres(conn) => bound!(query_as, sql, args).fetch_all(&mut **conn).await?,
        })
    }
}

/// Where reads go: one statement each, so that what is read is one moment.
#[derive(Clone)]
pub(super) enum Readers {
    Sqlite(Arc<Reading>),
    Postgres(PgPool),
}

impl Readers {
    /// However many rows there are.
    pub(super) async fn fetch<R: Filled>(
        &self,
        sql: &Sql,
        args: &[Arg],
    ) -> Result<Vec<R>, StoreError> {
        let rows = match self {
            Self::Sqlite(readers) => readers.fetch(sql.sqlite, args).await,
            Self::Postgres(pool) => on_server(pool, sql, args).await,
        };
        rows.map_err(|error| StoreError::from_statement(sql.table, &error))
    }

    /// The few rows that a key or an index leads to, without a change of thread.
    pub(super) async fn look_up<R: Filled>(
        &self,
        sql: &Sql,
        args: &[Arg],
    ) -> Result<Vec<R>, StoreError> {
        let rows = match self {
            Self::Sqlite(readers) => match readers.look_up(sql.sqlite, args) {
                Err(busy) if busy.is_busy() => readers.fetch(sql.sqlite, args).await,
                answered => answered,
            },
            Self::Postgres(pool) => on_server(pool, sql, args).await,
        };
        rows.map_err(|error| StoreError::from_statement(sql.table, &error))
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(readers) => readers.close(),
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

pub(super) async fn on_server<R: Filled>(
    pool: &PgPool,
    sql: &Sql,
    args: &[Arg],
) -> Result<Vec<R>, Failed> {
    let mut conn = Lent::from(pool).await?;
    let rows = bounded(bound!(query_as, sql, args).fetch_all(&mut *conn)).await;
    Ok(rows?)
}
