//! `PostgreSQL`: every caller has its transaction, set-based over a chunk of changes. A chunk in which one change can't
//! be written is taken back and written again without it, so that each change stands or falls by itself.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgPool;

use super::commit;
use super::database::{Arg, Conn};
use super::error::{Applied, StoreError, is_unique_violation, is_worth_another_try};
use super::lent::{Lent, bounded};
use super::prepared::Prepared;
use super::sql::Sql;
use super::write;
use super::writer::{Job, Outcome, outcome};

/// Changes in one transaction, at most.
const CHUNK: usize = 64;
/// How often a lost race is tried again.
const TRIES: u32 = 5;
/// The pause before the second try; it grows by itself.
const PAUSE: Duration = Duration::from_millis(5);

/// One job in its own transaction.
pub(super) async fn run(pool: &PgPool, job: &Job) -> Result<Outcome, StoreError> {
    let mut tries = 1;
    loop {
        match attempt(pool, job).await {
            Ok(outcome) => return Ok(outcome),
            Err(error) => again(&error, &mut tries).await?,
        }
    }
}

async fn attempt(pool: &PgPool, job: &Job) -> sqlx::Result<Outcome> {
    let mut conn = Lent::from(pool).await?;
    bounded(async {
        let mut transaction = conn.begin().await?;
        let outcome = outcome(&mut Conn::Postgres(&mut transaction), job).await?;
        commit::postgres(transaction).await?;
        Ok(outcome)
    })
    .await
}

/// The lock that one sealer at a time holds: any number that nothing else here uses.
const SEALING: i64 = 0x6861_6c6c_7061_7373;

/// Runs a sealer's statement and answers how many rows it wrote: none where another replica is sealing, or was first.
pub(super) async fn seal(pool: &PgPool, sql: &Sql, args: &[Arg]) -> Result<u64, StoreError> {
    let mut conn = Lent::from(pool).await.map_err(StoreError::unavailable)?;
    let written = async {
        let mut transaction = conn.begin().await?;
        let alone: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
            .bind(SEALING)
            .fetch_one(&mut *transaction)
            .await?;
        if !alone {
            return Ok(0);
        }
        let mut conn = Conn::Postgres(&mut transaction);
        let written = conn.execute(sql, args).await?;
        commit::postgres(transaction).await?;
        Ok(written)
    };
    match bounded(written).await {
        Err(error) if is_unique_violation(&error) => Ok(0),
        other => other.map_err(StoreError::unavailable),
    }
}

/// All changes, each done or not by itself; `told` is called after each commit.
pub(super) async fn apply(
    pool: &PgPool,
    changes: &[Prepared],
    told: impl Fn(),
) -> Result<Vec<Applied>, StoreError> {
    let mut verdicts: Vec<Option<Applied>> = vec![None; changes.len()];
    let mut tries = 1;
    let mut most = CHUNK;
    loop {
        let chunk = next_chunk(changes, &verdicts, most);
        if chunk.is_empty() {
            break;
        }
        let batch: Vec<&Prepared> = chunk.iter().map(|at| &changes[*at]).collect();
        match together(pool, &batch).await {
            Ok(answers) if write::all_well(&answers) => {
                told();
                for at in chunk {
                    verdicts[at] = Some(Applied::Done);
                }
                most = CHUNK;
            }
            Ok(answers) => {
                for (at, answer) in chunk.iter().zip(answers) {
                    if answer != Applied::Done {
                        verdicts[*at] = Some(answer);
                    }
                }
            }
            // Which change it was isn't said: one by one.
            Err(error) if is_unique_violation(&error) && chunk.len() > 1 => most = 1,
            Err(error) if is_unique_violation(&error) => {
                verdicts[chunk[0]] = Some(Applied::Conflict);
                most = CHUNK;
            }
            Err(error) => again(&error, &mut tries).await?,
        }
    }
    Ok(verdicts.into_iter().flatten().collect())
}

/// The first changes without a verdict, up to one that writes what another of them writes.
fn next_chunk(changes: &[Prepared], verdicts: &[Option<Applied>], most: usize) -> Vec<usize> {
    let mut seen = HashSet::new();
    (0..changes.len())
        .filter(|at| verdicts[*at].is_none())
        .take(most)
        .take_while(|at| changes[*at].keys().all(|key| seen.insert(key)))
        .collect()
}

/// Commits where all of it can be written; otherwise nothing is.
async fn together(pool: &PgPool, batch: &[&Prepared]) -> sqlx::Result<Vec<Applied>> {
    let mut conn = Lent::from(pool).await?;
    bounded(async {
        let mut transaction = conn.begin().await?;
        let answers = write::changes(&mut Conn::Postgres(&mut transaction), batch).await?;
        if write::all_well(&answers) {
            commit::postgres(transaction).await?;
        } else {
            transaction.rollback().await?;
        }
        Ok(answers)
    })
    .await
}

/// Waits before the next try, or gives the error back.
async fn again(error: &sqlx::Error, tries: &mut u32) -> Result<(), StoreError> {
    if !is_worth_another_try(error) || *tries >= TRIES {
        return Err(StoreError::unavailable(error));
    }
    tokio::time::sleep(PAUSE * *tries).await;
    *tries += 1;
    Ok(())
}
