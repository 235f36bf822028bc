//! Moments that a clock is held against: the newest one on record, the last one at which somebody served, and the
//! database server's own.

use hallpass_domain::Time;

use super::database::Readers;
use super::sql::Sql;
use super::writer::Job;
use super::{Store, StoreError, text};

/// The server's clock at this instant, not at the transaction's begin. Only PostgreSQL is asked.
const SERVER_NOW: Sql = sql!("clock":
    "select (extract(epoch from clock_timestamp()) * 1000000)::bigint as moment");

const NEWEST: Sql = sql!("event":
    "select at as moment from event order by position desc limit 1");

// How far time had come stands among the places that scans have come to. Digits of one width: the later is the greater.
const KEPT: Sql = sql!("scan": "select after from scan where name = 'clock'");

const KEEP: Sql = sql!("scan":
    "insert into scan (name, after) values ('clock', $1) \
     on conflict (name) do update set after = excluded.after where scan.after < excluded.after");

const SET: Sql = sql!("scan":
    "insert into scan (name, after) values ('clock', $1) on conflict (name) do update set after = excluded.after");

row! { Moment { moment: i64 } }
row! { Kept { after: String } }

/// As many digits as the last moment has that can be kept.
fn digits(moment: Time) -> String {
    format!("{:019}", text::micros(moment).max(0))
}

impl Store {
    /// Notes that it is so late; an earlier moment than the one that is kept changes nothing. Nobody is woken by it.
    pub async fn keep_moment(&self, now: Time) -> Result<(), StoreError> {
        let args = vec![digits(now).into()];
        self.run(Job::Run(&KEEP, args)).await.map(drop)
    }

    /// It isn't as late as what is kept says.
    pub async fn correct_moment(&self, now: Time) -> Result<(), StoreError> {
        let args = vec![digits(now).into()];
        self.run(Job::Run(&SET, args)).await.map(drop)
    }

    /// The latest moment that was kept.
    pub async fn kept_moment(&self) -> Result<Option<Time>, StoreError> {
        let row = self.fetch::<Kept>(&KEPT, &[]).await?.pop();
        let micros = row.and_then(|row| row.after.parse().ok());
        Ok(micros.and_then(text::time))
    }

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
