//! What waits although it is due, by lane: for the metrics, for the heartbeat and for the alarm about overdue revocations;
//! and what was put off in a lane whose target is back.

use std::time::Duration;

use hallpass_domain::effect::Subject;
use hallpass_domain::{BackendName, HoldingId, Lane, Time};

use super::sql::Sql;
use super::writer::Job;
use super::{Store, StoreError, text};

/// What was put off further than this isn't looked for: nobody's patience is longer but a target's own.
const PUT_OFF_AT_MOST: Duration = Duration::from_secs(3_600);
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
    "select subject, due from effect \
     where lane = $1 and urgency = 0 and next_at <= $3 and due <= $2 and kind = 'sync-holding' \
     order by due, subject limit $4");

/// The claimed ones stay with whoever carries them out.
const WAKE: Sql = sql!("effect":
    "update effect set next_at = due where lane = $1 and urgency in (0, 1, 2) \
     and next_at > $2 and next_at <= $3 and due <= $2 and not claimed");

row! { BacklogRow { lane: String, overdue: i64, oldest: i64 } }
row! { OverdueRow { subject: String, due: i64 } }

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

    /// Holdings of a backend that were to be gone by now, with the moment when each was due; the oldest first.
    pub async fn overdue_holdings(
        &self,
        backend: &BackendName,
        now: Time,
        limit: u32,
    ) -> Result<Vec<(HoldingId, Time)>, StoreError> {
        let args = [
            text::lane(&Lane::Backend(backend.clone())).into(),
            text::micros(now).into(),
            text::micros(now + PUT_OFF_AT_MOST).into(),
            i64::from(limit).into(),
        ];
        let rows = self.fetch::<OverdueRow>(&OVERDUE_HOLDINGS, &args).await?;
        let readable = rows.into_iter().filter_map(|row| {
            match (text::parse_subject(&row.subject)?, text::time(row.due)?) {
                (Subject::Holding(id), due) => Some((id, due)),
                _ => None,
            }
        });
        Ok(readable.collect())
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

    use super::{BACKLOG, OVERDUE_HOLDINGS, Sql, WAKE};
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
        for statement in [&BACKLOG, &OVERDUE_HOLDINGS, &WAKE] {
            let steps = steps(statement).await;
            assert!(
                steps.contains("INDEX effect_next (lane=? AND urgency=? AND next_at"),
                "{steps}"
            );
        }
    }
}
