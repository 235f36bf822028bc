//! Moments that a clock is held against: the newest one on record, and the database server's own.

use hallpass_domain::Time;

use super::database::Readers;
use super::sql::Sql;
use super::{Store, StoreError, text};

/// The server's clock at this instant, not at the transaction's begin.
const SERVER_NOW: &str =
    "select (extract(epoch from clock_timestamp()) * 1000000)::bigint as moment";

const NEWEST: Sql = sql!("event":
    "select at as moment from event order by position desc limit 1");

row! { Moment { moment: i64 } }

impl Store {
    /// When the newest event happened, by the clock of whoever wrote it.
    pub async fn newest_moment(&self) -> Result<Option<Time>, StoreError> {
        let row = self.fetch::<Moment>(&NEWEST, &[]).await?.pop();
        Ok(row.and_then(|row| text::time(row.moment)))
    }

    /// The database server's clock; none with `SQLite`, whose clock is this machine's.
    pub async fn server_now(&self) -> Result<Option<Time>, StoreError> {
        let Readers::Postgres(pool) = self.readers() else {
            return Ok(None);
        };
        let micros: i64 = sqlx::query_scalar(SERVER_NOW)
            .fetch_one(&pool)
            .await
            .map_err(StoreError::unavailable)?;
        Ok(text::time(micros))
    }
}
