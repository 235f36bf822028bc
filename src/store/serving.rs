//! What serving asks besides: that a dead process's claims are void, that running ones stay ours, and how many rows
//! there are for the metrics.

use std::collections::HashSet;
use std::time::Duration;

use hallpass_domain::effect::Subject;
use hallpass_domain::{EffectKind, Time};

use super::lock::ServingLock;
use super::sql::{Sql, array};
use super::writer::Job;
use super::{Claimed, Store, StoreError, text};

pub(super) const VOID: Sql = sql!("effect":
    "update effect set claimed = false, next_at = due where claimed");

const RENEW: Sql = sql!("effect":
    "update effect set next_at = $2 where (subject, kind) in \
     (select e.subject, e.kind from effect as e join " [json subject text, kind text, token bigint]
    " on e.subject = r.subject and e.kind = r.kind and e.token = r.token where e.claimed \
     order by e.subject, e.kind" [for_update] ")");

/// Of those, the claims that still are somebody's own.
const STILL: Sql = sql!("effect":
    "select e.subject, e.kind, e.token from effect as e join "
    [rows subject text, kind text, token bigint]
    " on e.subject = r.subject and e.kind = r.kind and e.token = r.token where e.claimed");

row! { Mine { subject: String, kind: String, token: i64 } }
row! { InState { state: String, number: i64 } }
row! { Live { number: i64 } }

/// How many rows there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// By the name of the state, where there are any.
    pub requests: Vec<(String, i64)>,
    pub live_grants: i64,
}

impl Store {
    /// What a former process had claimed is due at once. With `PostgreSQL` replicas may be alive, so their leases stand.
    pub async fn void_leases(&self, lock: &ServingLock) -> Result<(), StoreError> {
        if lock.is_alone() {
            self.run(Job::Run(&VOID, Vec::new())).await?;
        }
        Ok(())
    }

    /// Moves the leases of what still runs to `lease` from `now`; those that were lost stay lost.
    pub async fn renew(
        &self,
        claimed: &[Claimed],
        now: Time,
        lease: Duration,
    ) -> Result<(), StoreError> {
        if claimed.is_empty() {
            return Ok(());
        }
        let rows: Vec<String> = claimed.iter().map(renewed).collect();
        let rows = array(rows.iter().map(String::as_str));
        let lease = i64::try_from(lease.as_micros()).unwrap_or(i64::MAX);
        let until = text::micros(now).saturating_add(lease);
        self.run(Job::Run(&RENEW, vec![rows.into(), until.into()]))
            .await
            .map(drop)
    }

    /// Which of these claims nobody else has taken over since, in their order.
    pub async fn still_ours(&self, claimed: &[Claimed]) -> Result<Vec<bool>, StoreError> {
        if claimed.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<String> = claimed.iter().map(renewed).collect();
        let rows = array(rows.iter().map(String::as_str));
        let ours: HashSet<(String, String, i64)> = self
            .fetch::<Mine>(&STILL, &[rows.into()])
            .await?
            .into_iter()
            .map(|row| (row.subject, row.kind, row.token))
            .collect();
        let key = |one: &Claimed| {
            let (subject, kind) = (text::subject(&one.subject), text::kind(&one.kind));
            (subject, kind, one.token)
        };
        Ok(claimed.iter().map(|one| ours.contains(&key(one))).collect())
    }

    /// Whether it is scheduled, due or not.
    pub async fn has_effect(
        &self,
        subject: &Subject,
        kind: &EffectKind,
    ) -> Result<bool, StoreError> {
        let sql = sql!("effect":
            "select count(*) as number from effect where subject = $1 and kind = $2");
        let args = [text::subject(subject).into(), text::kind(kind).into()];
        let row = self.fetch::<Live>(&sql, &args).await?.pop();
        Ok(row.is_some_and(|row| row.number > 0))
    }

    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let states = sql!("request":
            "select state, count(*) as number from request group by state order by state");
        let live = sql!("access_grant": "select count(*) as number from access_grant where live");
        let requests = self.fetch::<InState>(&states, &[]).await?;
        let live = self.fetch::<Live>(&live, &[]).await?;
        Ok(Counts {
            requests: requests
                .into_iter()
                .map(|row| (row.state, row.number))
                .collect(),
            live_grants: live.first().map_or(0, |row| row.number),
        })
    }
}

fn renewed(claimed: &Claimed) -> String {
    object! {
        subject: text::subject(&claimed.subject),
        kind: text::kind(&claimed.kind),
        token: claimed.token,
    }
}
