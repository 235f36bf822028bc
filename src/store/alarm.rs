//! Where the alarm about a backend's overdue revocations stands, and that about ends whose backend nobody can know. Not
//! guarded: whoever renders it renders the present, and its effect is carried out by one at a time.

use hallpass_domain::{BackendName, Time};
use serde_json::json;

use super::sql::{Sql, storable};
use super::writer::Job;
use super::{Store, StoreError, text};
use crate::ports::Posted;
use crate::ports::chat::Said;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmRow {
    pub opened_at: Time,
    /// What the backend said to the last attempt that failed; none where none did.
    pub said: Option<Said>,
    /// Where it stands: in a channel, or where none takes it, with several people; nowhere until it was posted.
    pub posted: Vec<Posted>,
    /// When it was posted or edited last.
    pub told_at: Option<Time>,
    /// Of what stands there.
    pub digest: String,
}

const OPEN: Sql = sql!("alarm":
    "insert into alarm (backend, opened_at, said, channel, ts, copies, told_at, digest) \
     values ($1, $2, $3, '', '', '[]', 0, '') on conflict (backend) do update set said = excluded.said");

/// What the backend said stands.
const KEEP_OPEN: Sql = sql!("alarm":
    "insert into alarm (backend, opened_at, said, channel, ts, copies, told_at, digest) \
     values ($1, $2, 'unheard', '', '', '[]', 0, '') on conflict (backend) do nothing");

const TOLD: Sql = sql!("alarm":
    "update alarm set channel = $2, ts = $3, copies = $4, told_at = $5, digest = $6 where backend = $1");

const CLOSE: Sql = sql!("alarm": "delete from alarm where backend = $1");

row! {
    Row {
        backend: String,
        opened_at: i64,
        said: String,
        channel: String,
        ts: String,
        copies: String,
        told_at: i64,
        digest: String,
    }
}

impl TryFrom<Row> for AlarmRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let broken = |why: &str| StoreError::corrupt("alarm", &row.backend, why);
        let said = match row.said.as_str() {
            "unheard" => Ok(None),
            "nothing" => Ok(Some(Said::Nothing)),
            "refuses" => Ok(Some(Said::Refuses)),
            "keeps_it" => Ok(Some(Said::KeepsIt)),
            _ => Err(broken("what the backend said can't be read")),
        };
        let first = (!row.ts.is_empty()).then(|| (row.channel.clone(), row.ts.clone()));
        let copies: Vec<(String, String)> = serde_json::from_str(&row.copies)
            .map_err(|_| broken("where it stands can't be read"))?;
        let posted: Vec<Posted> = first
            .into_iter()
            .chain(copies)
            .map(|(channel, ts)| Posted { channel, ts })
            .collect();
        Ok(Self {
            opened_at: text::time(row.opened_at)
                .ok_or_else(|| broken("its moment can't be read"))?,
            said: said?,
            told_at: posted.first().and_then(|_| text::time(row.told_at)),
            posted,
            digest: row.digest.clone(),
        })
    }
}

/// No backend has an empty name.
fn key(of: Option<&BackendName>) -> &str {
    of.map_or("", BackendName::as_str)
}

impl Store {
    /// That of a backend; none: of the ends whose backend can't be known.
    pub async fn alarm(&self, of: Option<&BackendName>) -> Result<Option<AlarmRow>, StoreError> {
        let sql = sql!("alarm":
            "select backend, opened_at, said, channel, ts, copies, told_at, digest from alarm where backend = $1");
        let rows = self.fetch::<Row>(&sql, &[key(of).into()]).await?;
        rows.into_iter().next().map(AlarmRow::try_from).transpose()
    }

    /// Opens it; where it is open, what the backend says is brought up to date.
    pub async fn open_alarm(
        &self,
        backend: &BackendName,
        said: Said,
        now: Time,
    ) -> Result<(), StoreError> {
        let said = match said {
            Said::Nothing => "nothing",
            Said::Refuses => "refuses",
            Said::KeepsIt => "keeps_it",
        };
        let args = vec![
            backend.as_str().into(),
            text::micros(now).into(),
            said.into(),
        ];
        self.run(Job::Run(&OPEN, args)).await.map(drop)
    }

    /// Opens it, without a word of the backend; where it is open, nothing changes.
    pub async fn keep_alarm_open(
        &self,
        of: Option<&BackendName>,
        now: Time,
    ) -> Result<(), StoreError> {
        let args = vec![key(of).into(), text::micros(now).into()];
        self.run(Job::Run(&KEEP_OPEN, args)).await.map(drop)
    }

    /// It stands at these places, as rendered at `now`.
    pub async fn told_alarm(
        &self,
        of: Option<&BackendName>,
        posted: &[Posted],
        digest: &str,
        now: Time,
    ) -> Result<(), StoreError> {
        let copies: Vec<(&str, &str)> = posted
            .iter()
            .skip(1)
            .map(|one| (one.channel.as_str(), one.ts.as_str()))
            .collect();
        let first = posted.first();
        let text_of = |part: fn(&Posted) -> &String| {
            first.map_or_else(String::new, |posted| storable(part(posted)))
        };
        let args = vec![
            key(of).into(),
            text_of(|posted| &posted.channel).into(),
            text_of(|posted| &posted.ts).into(),
            storable(&json!(copies).to_string()).into(),
            text::micros(now).into(),
            digest.into(),
        ];
        self.run(Job::Run(&TOLD, args)).await.map(drop)
    }

    pub async fn close_alarm(&self, of: Option<&BackendName>) -> Result<(), StoreError> {
        let args = vec![key(of).into()];
        self.run(Job::Run(&CLOSE, args)).await.map(drop)
    }
}
