//! What waits although it is due, by lane: for the metrics, for the heartbeat and for the alarm about overdue revocations;
//! and what was put off in a lane whose target is back.

use std::time::Duration;

use hallpass_domain::effect::Subject;
use hallpass_domain::{BackendName, GrantId, HoldingId, Lane, Time};

use super::sql::Sql;
use super::writer::Job;
use super::{Failure, Store, StoreError, text};

/// What was put off further than this isn't looked for: nobody's patience is longer but a target's own.
const PUT_OFF_AT_MOST: Duration = Duration::from_secs(3_600);
/// An end that failed is tried again after ten seconds at most, one that is claimed stays so for ten: what waits for
/// longer isn't due yet.
const DECIDED_WITHIN: Duration = Duration::from_secs(15);
/// Five minutes: the longest that anything is put off without its target asking for it.
const COUNTED_WITHIN: Duration = Duration::from_secs(300);

/// One lane's overdue effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    pub lane: Lane,
    /// Due, and not carried out yet.
    pub overdue: i64,
    /// When the oldest of them was due.
    pub oldest: Time,
}

/// Read from the index: timers of later hours cost nothing.
const BACKLOG: Sql = sql!("effect":
    "select lane, count(*) as overdue, min(due) as oldest from effect \
     where lane = $1 and urgency in (0, 1, 2) and next_at <= $3 and due <= $2 group by lane");

const OVERDUE_HOLDINGS: Sql = sql!("effect":
    "select subject, due, failure from effect \
     where lane = $1 and urgency = 0 and next_at <= $3 and due <= $2 and kind = 'sync-holding' \
     order by due, subject limit $4");

/// Ends and givings-up that nobody decided: their turn came, and comes again within seconds.
const OVERDUE_ENDS: Sql = sql!("effect":
    "select subject, due, failure from effect \
     where lane = $1 and urgency = 0 and next_at <= $3 and due <= $2 and kind in ('expire', 'give-up') \
     order by due, subject limit $4");

/// The claimed ones stay with whoever carries them out.
const WAKE: Sql = sql!("effect":
    "update effect set next_at = due where lane = $1 and urgency in (0, 1, 2) \
     and next_at > $2 and next_at <= $3 and due <= $2 and not claimed");

row! { BacklogRow { lane: String, overdue: i64, oldest: i64 } }
row! { OverdueRow { subject: String, due: i64, failure: Option<String> } }

/// A holding that was to be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverdueHolding {
    pub id: HoldingId,
    pub due: Time,
    /// How the last try failed; none where none did, or none was made.
    pub failure: Option<Failure>,
}

impl Store {
    /// What is overdue in each of the lanes that have effects; what a target asked to put off for long isn't counted.
    pub async fn backlog(&self, now: Time) -> Result<Vec<Backlog>, StoreError> {
        let mut all = Vec::new();
        for (lane, next_at) in self.lanes().await? {
            if next_at > now + COUNTED_WITHIN {
                continue;
            }
            let args = [
                text::lane(&lane).into(),
                text::micros(now).into(),
                text::micros(now + COUNTED_WITHIN).into(),
            ];
            let rows = self.fetch::<BacklogRow>(&BACKLOG, &args).await?;
            all.extend(rows.into_iter().filter_map(|row| {
                Some(Backlog {
                    lane: text::parse_lane(&row.lane)?,
                    overdue: row.overdue,
                    oldest: text::time(row.oldest)?,
                })
            }));
        }
        Ok(all)
    }

    /// Holdings of a backend that were to be gone `by` then; the oldest first.
    pub async fn overdue_holdings(
        &self,
        backend: &BackendName,
        by: Time,
        now: Time,
        limit: u32,
    ) -> Result<Vec<OverdueHolding>, StoreError> {
        let lane = Lane::Backend(backend.clone());
        let until = now + PUT_OFF_AT_MOST;
        let rows = self
            .overdue(&OVERDUE_HOLDINGS, &lane, by, until, limit)
            .await?;
        let readable = rows.into_iter().filter_map(|row| {
            match (text::parse_subject(&row.subject)?, text::time(row.due)?) {
                (Subject::Holding(id), due) => Some(OverdueHolding {
                    id,
                    due,
                    failure: row.failure.as_deref().and_then(Failure::parse),
                }),
                _ => None,
            }
        });
        Ok(readable.collect())
    }

    /// Grants whose end, or whose giving up, was due `by` then and isn't decided, with the moment when it was; the oldest first.
    pub async fn overdue_ends(
        &self,
        by: Time,
        now: Time,
        limit: u32,
    ) -> Result<Vec<(GrantId, Time)>, StoreError> {
        let until = now + DECIDED_WITHIN;
        let rows = self
            .overdue(&OVERDUE_ENDS, &Lane::Internal, by, until, limit)
            .await?;
        let readable = rows.into_iter().filter_map(|row| {
            match (text::parse_subject(&row.subject)?, text::time(row.due)?) {
                (Subject::Grant(id), due) => Some((id, due)),
                _ => None,
            }
        });
        Ok(readable.collect())
    }

    async fn overdue(
        &self,
        sql: &'static Sql,
        lane: &Lane,
        by: Time,
        until: Time,
        limit: u32,
    ) -> Result<Vec<OverdueRow>, StoreError> {
        let args = [
            text::lane(lane).into(),
            text::micros(by).into(),
            text::micros(until).into(),
            i64::from(limit).into(),
        ];
        self.fetch(sql, &args).await
    }

    /// The lane's target is back: what was put off is due at once, in its order.
    pub async fn wake(&self, lane: &Lane, now: Time) -> Result<(), StoreError> {
        let args = vec![
            text::lane(lane).into(),
            text::micros(now).into(),
            text::micros(now + PUT_OFF_AT_MOST).into(),
        ];
        self.run(Job::Run(&WAKE, args)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Connection;

    use super::{BACKLOG, OVERDUE_ENDS, OVERDUE_HOLDINGS, Sql, WAKE};
    use crate::store::migrations;

    async fn steps(statement: &Sql) -> String {
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
        let steps: Vec<String> = plan.into_iter().map(|(_, _, _, step)| step).collect();
        steps.join("; ")
    }

    #[tokio::test]
    async fn timers_of_later_hours_are_not_read() {
        for statement in [&BACKLOG, &OVERDUE_HOLDINGS, &OVERDUE_ENDS, &WAKE] {
            let steps = steps(statement).await;
            assert!(
                steps.contains("INDEX effect_next (lane=? AND urgency=? AND next_at"),
                "{steps}"
            );
        }
    }
}
