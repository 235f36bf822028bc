//! Reading the sealed record for an export: where a moment falls in the sequence, and what a request is called.

use std::collections::BTreeMap;

use hallpass_domain::{PersonId, RequestId, ShortId, Time};

use super::seal::Span;
use super::sql::list;
use super::{Store, StoreError, text};

/// What an export says of a request beside its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its grant's letters too.
    pub short: ShortId,
    pub holder: PersonId,
}

row! { Sequence { sequence: Option<i64> } }
row! { NamedRow { id: String, short: String, holder: String } }

impl Store {
    /// The first sealed record of that moment or later.
    pub async fn first_since(&self, at: Time) -> Result<Option<u64>, StoreError> {
        let sql = sql!("seal":
            "select min(s.sequence) as sequence from event as e join seal as s on s.event = e.id where e.at >= $1");
        self.sequence(&sql, at).await
    }

    /// The last sealed record from before that moment.
    pub async fn last_before(&self, at: Time) -> Result<Option<u64>, StoreError> {
        let sql = sql!("seal":
            "select max(s.sequence) as sequence from event as e join seal as s on s.event = e.id where e.at < $1");
        self.sequence(&sql, at).await
    }

    async fn sequence(&self, sql: &super::Sql, at: Time) -> Result<Option<u64>, StoreError> {
        let row = self
            .fetch::<Sequence>(sql, &[text::micros(at).into()])
            .await?
            .pop();
        let sequence = row.and_then(|row| row.sequence);
        Ok(sequence.and_then(|sequence| u64::try_from(sequence).ok()))
    }

    /// How many events wait for their seal.
    pub async fn waiting_for_seal(&self) -> Result<u64, StoreError> {
        let up_to = self.horizon().await?.highest;
        self.count_unsealed(Span { after: 0, up_to }).await
    }

    /// Those of the requests that are on record.
    pub async fn named(
        &self,
        requests: impl Iterator<Item = &RequestId>,
    ) -> Result<BTreeMap<RequestId, Named>, StoreError> {
        let sql = sql!("request": "select id, short, holder from request where id " [in_list 1]);
        let ids = list(requests.map(RequestId::as_str));
        let rows = self.fetch::<NamedRow>(&sql, &[ids.into()]).await?;
        rows.into_iter()
            .map(|row| {
                let short = ShortId::parse(&row.short).ok_or_else(|| {
                    StoreError::corrupt("request", &row.id, "its short id can't be read")
                })?;
                let holder = PersonId::new(row.holder);
                Ok((RequestId::new(row.id), Named { short, holder }))
            })
            .collect()
    }
}
