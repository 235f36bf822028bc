//! Drafts: what somebody began and hasn't sent. A button carries a draft's id and nothing else; whose it is stands here.
//! They live for an hour or so, and the next one that is kept takes the old ones away.

use hallpass_domain::{PersonId, Time};

use super::sql::{Sql, storable};
use super::writer::Job;
use super::{Store, StoreError, text};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub id: String,
    /// Nobody else can use it.
    pub person: PersonId,
    /// JSON, in the shape of the use case that wrote it.
    pub body: String,
    pub until: Time,
}

const PUT: Sql = sql!("draft":
    "insert into draft (id, person, body, until) values ($1, $2, $3, $4) \
     on conflict (id) do update set person = excluded.person, body = excluded.body, until = excluded.until");

const PRUNE: Sql = sql!("draft": "delete from draft where until < $1");

const FORGET: Sql = sql!("draft": "delete from draft where person = $1");

row! { DraftRow { id: String, person: String, body: String, until: i64 } }

impl TryFrom<DraftRow> for Draft {
    type Error = StoreError;

    fn try_from(row: DraftRow) -> Result<Self, StoreError> {
        let until = text::time(row.until).ok_or_else(|| {
            StoreError::corrupt("draft", &row.id, "its time is out of range".to_owned())
        })?;
        Ok(Self {
            person: PersonId::new(row.person),
            id: row.id,
            body: row.body,
            until,
        })
    }
}

impl Store {
    /// Keeps a draft, and takes away those whose time was up before `now`.
    pub async fn put_draft(&self, draft: &Draft, now: Time) -> Result<(), StoreError> {
        let args = vec![
            storable(&draft.id).into(),
            draft.person.as_str().into(),
            storable(&draft.body).into(),
            text::micros(draft.until).into(),
        ];
        self.run(Job::Run(&PUT, args)).await.map(drop)?;
        let old = vec![text::micros(now).into()];
        self.run(Job::Run(&PRUNE, old)).await.map(drop)
    }

    pub async fn draft(&self, id: &str) -> Result<Option<Draft>, StoreError> {
        let sql = sql!("draft": "select id, person, body, until from draft where id = $1");
        let row = self.fetch::<DraftRow>(&sql, &[storable(id).into()]).await?;
        row.into_iter().next().map(Draft::try_from).transpose()
    }

    pub async fn forget_drafts_of(&self, person: &PersonId) -> Result<(), StoreError> {
        let args = vec![person.as_str().into()];
        self.run(Job::Run(&FORGET, args)).await.map(drop)
    }
}
