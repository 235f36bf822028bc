//! Where a request's cards stand, and what was rendered there last. Not guarded: a card renders the present, the last
//! writer has seen the newest.

use hallpass_domain::RequestId;

use super::sql::{Sql, storable};
use super::writer::Job;
use super::{Store, StoreError};
use crate::ports::Posted;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardRow {
    /// `channel:C…` or `person:U…`.
    pub place: String,
    pub posted: Posted,
    /// Of what was rendered there last.
    pub digest: String,
}

const PUT: Sql = sql!("card":
    "insert into card (request, place, channel, ts, digest) values ($1, $2, $3, $4, $5) \
     on conflict (request, place) do update \
     set channel = excluded.channel, ts = excluded.ts, digest = excluded.digest");

const REMOVE: Sql = sql!("card": "delete from card where request = $1 and place = $2");

row! { Card { place: String, channel: String, ts: String, digest: String } }

impl Store {
    /// By place.
    pub async fn cards(&self, request: &RequestId) -> Result<Vec<CardRow>, StoreError> {
        let sql = sql!("card":
            "select place, channel, ts, digest from card where request = $1 order by place");
        let rows = self
            .look_up::<Card>(&sql, &[request.as_str().into()])
            .await?;
        let card = |row: Card| CardRow {
            place: row.place,
            posted: Posted {
                channel: row.channel,
                ts: row.ts,
            },
            digest: row.digest,
        };
        Ok(rows.into_iter().map(card).collect())
    }

    pub async fn put_card(
        &self,
        request: &RequestId,
        place: &str,
        posted: &Posted,
        digest: &str,
    ) -> Result<(), StoreError> {
        let args = [request.as_str(), place, &posted.channel, &posted.ts, digest];
        let args = args.map(|text| storable(text).into()).into();
        self.run(Job::Run(&PUT, args)).await.map(drop)
    }

    pub async fn remove_card(&self, request: &RequestId, place: &str) -> Result<(), StoreError> {
        let args = [request.as_str(), place]
            .map(|text| storable(text).into())
            .into();
        self.run(Job::Run(&REMOVE, args)).await.map(drop)
    }
}
