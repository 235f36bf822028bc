//! Moments that a clock is held against: the newest one on record, and the database server's own.

use hallpass_domain::Time;

use super::database::Readers;
use super::sql::Sql;
use super::{Store, StoreError, text};

/// The server's clock at this instant, not at the transaction's begin. Only PostgreSQL is asked.
const SERVER_NOW: Sql = sql!("clock":
    "select (extract(epoch from clock_timestamp()) * 1000000)::bigint as moment");

const NEWEST: Sql = sql!("event":
    "select at as moment from event order by position desc limit 1");

row! { Moment { moment: i64 } }

impl Store {
    /// When the newest event happened, by the clock of whoever wrote it.
    pub async fn newest_moment(&self) -> Result<Option<Time>, StoreError> {
        let row = self.fetch::<Moment>(&NEWEST, &[]).await?.pop();
        Ok(row.and_then(|row| text::time(row.moment)))
    }

    /// The database server's clock; none with `SQLite`, whose clock is this machine's. A server that falls silent is an
    /// error, so that whoever keeps the time is not kept from looking at his own clock.
    pub async fn server_now(&self) -> Result<Option<Time>, StoreError> {
        if let Readers::Sqlite(_) = self.readers() {
            return Ok(None);
        }
        let row = self.fetch::<Moment>(&SERVER_NOW, &[]).await?.pop();
        Ok(row.and_then(|row| text::time(row.moment)))
    }
}
