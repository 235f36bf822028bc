//! Claims: what is due is taken under a lease, by urgency and within limits, however many timers wait behind it.

use std::collections::BTreeMap;
use std::time::Duration;

use hallpass_domain::effect::Subject;
use hallpass_domain::planted::{Fault, planted};
use hallpass_domain::{EffectKind, Lane, Time, Urgency};

use crate::store::sql::Sql;
use crate::store::writer::{Job, Outcome};
use crate::store::{Store, StoreError, text};

/// An effect that is ours to carry out until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    pub subject: Subject,
    pub kind: EffectKind,
    pub lane: Lane,
    pub urgency: Urgency,
    /// When it should have happened, whatever tries were put off since.
    pub due: Time,
    pub token: i64,
    pub wanted: i64,
    /// With this claim: 1 at the first.
    pub attempts: u32,
    /// Tries before this one that failed. A claim that died with its process is none.
    pub failures: u32,
}

/// One range of the index for each urgency, so that a claim costs the same however many timers wait, and however many
/// are due. `$4` of the first urgency; of the others `$6`, and only as far as `$5` in all leaves room. An effect that
/// was put off while its holder died (`due` is later) is not claimed but put back.
pub(in crate::store) const CLAIM: Sql = sql!("effect":
    "with revoke_first as materialized (select subject, kind from effect \
     where lane = $1 and urgency = 0 and next_at <= $2 order by next_at limit $4" [skip_locked] "), \
     room as materialized (select case when $5 < count(*) then 0 when $5 - count(*) < $6 then $5 - count(*) else $6 end as places \
     from revoke_first), \
     then_normal as materialized (select subject, kind from effect \
     where lane = $1 and urgency = 1 and next_at <= $2 order by next_at \
     limit (select places from room)" [skip_locked] "), \
     then_later as materialized (select subject, kind from effect \
     where lane = $1 and urgency = 2 and next_at <= $2 order by next_at \
     limit (select places from room) - (select count(*) from then_normal)" [skip_locked] "), \
     chosen as materialized (select subject, kind from revoke_first union all \
     select subject, kind from then_normal union all select subject, kind from then_later) \
     update effect set claimed = effect.due <= $2, token = effect.token + 1, \
     next_at = case when effect.due <= $2 then $3 else effect.due end, \
     attempts = case when effect.due <= $2 then effect.attempts + 1 else 0 end, \
     failures = case when effect.due <= $2 then effect.failures else 0 end \
     from chosen where effect.subject = chosen.subject and effect.kind = chosen.kind \
     returning effect.subject, effect.kind, effect.lane, effect.urgency, effect.due, effect.token, effect.wanted, \
     effect.attempts, effect.failures");

/// Skips from lane to lane in the index instead of reading all timers.
const LANES: Sql = sql!("effect":
    "with recursive lanes(lane) as (select min(lane) from effect union all \
     select (select min(effect.lane) from effect where effect.lane > lanes.lane) from lanes \
     where lanes.lane is not null) \
     select lanes.lane, u.urgency, (select min(effect.next_at) from effect \
     where effect.lane = lanes.lane and effect.urgency = u.urgency) as next_at \
     from lanes cross join (select cast(0 as bigint) as urgency union all select 1 union all select 2) as u \
     where lanes.lane is not null");

/// How many effects of a lane may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    /// Such as take access away.
    pub revoking: usize,
    /// Others,
    pub patient: usize,
    /// and these only as far as there are fewer than this with those that take access away.
    pub all: usize,
}

impl Take {
    /// So many, whatever they do.
    pub fn of(limit: usize) -> Self {
        Self {
            revoking: limit,
            patient: limit,
            all: limit,
        }
    }
}

/// What a claim asks for.
#[derive(Debug, Clone)]
pub(in crate::store) struct Claim {
    pub(in crate::store) lane: String,
    pub(in crate::store) now: i64,
    pub(in crate::store) until: i64,
    pub(in crate::store) revoking: i64,
    pub(in crate::store) all: i64,
    pub(in crate::store) patient: i64,
}

row! {
    ClaimedRow {
        subject: String,
        kind: String,
        lane: String,
        urgency: i64,
        due: i64,
        token: i64,
        wanted: i64,
        attempts: i64,
        failures: i64,
    }
}

impl TryFrom<&ClaimedRow> for Claimed {
    type Error = StoreError;

    fn try_from(row: &ClaimedRow) -> Result<Self, StoreError> {
        let broken = |column: &str| {
            let id = format!("{} {}", row.subject, row.kind);
            StoreError::corrupt("effect", &id, format!("its {column} can't be read"))
        };
        Ok(Self {
            subject: text::parse_subject(&row.subject).ok_or_else(|| broken("subject"))?,
            kind: text::parse_kind(&row.kind).ok_or_else(|| broken("kind"))?,
            lane: text::parse_lane(&row.lane).ok_or_else(|| broken("lane"))?,
            urgency: text::parse_urgency(row.urgency).ok_or_else(|| broken("urgency"))?,
            due: text::time(row.due).ok_or_else(|| broken("due moment"))?,
            token: row.token,
            wanted: row.wanted,
            attempts: u32::try_from(row.attempts).map_err(|_| broken("number of attempts"))?,
            failures: u32::try_from(row.failures).map_err(|_| broken("number of failures"))?,
        })
    }
}

row! { LaneRow { lane: String, urgency: i64, next_at: Option<i64> } }

/// When the next of a lane may be claimed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    /// The next that takes access away.
    pub revoking: Option<Time>,
    /// The next of the others.
    pub others: Option<Time>,
}

impl Store {
    /// Takes effects of a lane that are due, for `lease` from `now`: by urgency, then by due moment. A broken row is
    /// told in the log and left to its lease, so that it doesn't hold up the others.
    pub async fn claim(
        &self,
        lane: &Lane,
        now: Time,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.claim_within(lane, now, lease, Take::of(limit)).await
    }

    /// The same, with limits of their own for those that take access away and for the others.
    pub async fn claim_within(
        &self,
        lane: &Lane,
        now: Time,
        lease: Duration,
        take: Take,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut lease = i64::try_from(lease.as_micros()).unwrap_or(i64::MAX);
        if planted(Fault::LeaseNeverExpires) {
            // What was claimed stays with whoever claimed it, dead or alive.
            lease = lease.saturating_mul(1_000_000);
        }
        let claim = Claim {
            lane: text::lane(lane),
            now: text::micros(now),
            until: text::micros(now).saturating_add(lease),
            revoking: i64::try_from(take.revoking).unwrap_or(i64::MAX),
            all: i64::try_from(take.all).unwrap_or(i64::MAX),
            patient: i64::try_from(take.patient).unwrap_or(i64::MAX),
        };
        let Outcome::Claimed(rows) = self.run(Job::Claim(claim)).await? else {
            return Ok(Vec::new());
        };
        let mut claimed: Vec<Claimed> = rows
            .iter()
            .filter_map(|row| {
                Claimed::try_from(row)
                    .inspect_err(|error| tracing::error!(%error, "an effect can't be carried out"))
                    .ok()
            })
            .filter(|claimed| claimed.due <= now)
            .collect();
        // In a backend's lane one that failed before may hang again: what wasn't tried yet doesn't wait behind it.
        let again = |one: &Claimed| matches!(one.lane, Lane::Backend(_)) && one.attempts > 1;
        claimed.sort_by_key(|one| (one.urgency, again(one), one.due));
        Ok(claimed)
    }

    /// The next thing after this moment that may be claimed and isn't the program looking after itself: what it is, and
    /// when.
    pub async fn next_for_people(
        &self,
        after: Time,
    ) -> Result<Option<(EffectKind, Time)>, StoreError> {
        row! { NextRow { kind: String, next_at: i64 } }
        let sql = sql!("effect":
            "select kind, next_at from effect where urgency < 2 and next_at > $1 \
             and subject <> 'ledger:' and kind <> 'reconcile' order by next_at, kind limit 1");
        let args = [text::micros(after).into()];
        let row = self.fetch::<NextRow>(&sql, &args).await?.pop();
        Ok(row.and_then(|row| text::parse_kind(&row.kind).zip(text::time(row.next_at))))
    }

    /// Every lane that has effects, and the moment when the next of them may be claimed; in no order. A lane that can't
    /// be read is told in the log and left out, so that it doesn't hold up the others.
    pub async fn lanes(&self) -> Result<Vec<(Lane, Time)>, StoreError> {
        let due = self.due().await?.into_iter();
        let first = due.filter_map(|(lane, due)| {
            let first = [due.revoking, due.others].into_iter().flatten().min()?;
            Some((lane, first))
        });
        Ok(first.collect())
    }

    /// The same, of those that take access away and of the others.
    pub async fn due(&self) -> Result<BTreeMap<Lane, Due>, StoreError> {
        let mut lanes: BTreeMap<Lane, Due> = BTreeMap::new();
        for row in self.look_up::<LaneRow>(&LANES, &[]).await? {
            let Some(next_at) = row.next_at else { continue };
            let read = text::parse_lane(&row.lane).zip(text::time(next_at));
            let Some((lane, next_at)) = read else {
                tracing::error!(lane = row.lane, next_at, "a lane of effects can't be read");
                continue;
            };
            let due = lanes.entry(lane).or_default();
            if text::parse_urgency(row.urgency) == Some(Urgency::First) {
                due.revoking = Some(next_at);
            } else {
                due.others = Some(due.others.map_or(next_at, |others| others.min(next_at)));
            }
        }
        Ok(lanes)
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Connection;

    use super::{CLAIM, LANES, Sql};
    use crate::store::migrations;
    use crate::store::serving::VOID;

    /// The steps in which `SQLite` carries out a statement that touch the effects.
    async fn steps(statement: &Sql) -> Vec<String> {
        let mut conn = sqlx::SqliteConnection::connect("sqlite::memory:")
            .await
            .expect("a database in memory");
        let migrated = migrations::sqlite()
            .run_direct(None, &mut conn, false)
            .await;
        migrated.expect("the migrations");
        let explain = format!("explain query plan {}", statement.sqlite);
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(explain))
            .fetch_all(&mut conn)
            .await
            .expect("a plan");
        let steps = plan.into_iter().map(|(_, _, _, step)| step);
        steps.filter(|step| step.contains(" effect")).collect()
    }

    #[tokio::test]
    async fn a_claim_reads_no_timer_that_is_not_due() {
        let steps = steps(&CLAIM).await;
        let due = steps.iter().filter(|step| {
            step.ends_with("INDEX effect_next (lane=? AND urgency=? AND next_at<?)")
        });
        assert_eq!(due.count(), 3, "{steps:#?}");
        assert!(
            steps.iter().all(|step| step.starts_with("SEARCH effect ")),
            "{steps:#?}"
        );
    }

    #[tokio::test]
    async fn a_start_reads_only_what_was_claimed() {
        let steps = steps(&VOID).await;
        assert_eq!(steps.len(), 1, "{steps:#?}");
        assert!(
            steps[0].ends_with("USING INDEX effect_claimed"),
            "{steps:#?}"
        );
    }

    #[tokio::test]
    async fn the_next_moments_are_found_without_reading_the_timers() {
        let steps = steps(&LANES).await;
        assert!(!steps.is_empty());
        assert!(
            steps
                .iter()
                .all(|step| step.starts_with("SEARCH effect USING COVERING INDEX effect_next")),
            "{steps:#?}"
        );
    }
}
