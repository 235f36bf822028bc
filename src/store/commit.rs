//! Every commit goes through here, so that a test can make each of them die, fail or take long, right before or after.

use sqlx::{Postgres, Transaction};

use super::error::Failed;
use crate::points::COMMIT;

/// Commits what `SQLite`'s writer began, on the writer's own thread.
pub(super) fn sqlite(commit: impl FnOnce() -> Result<(), Failed>) -> Result<(), Failed> {
    COMMIT.before_blocking()?;
    commit()?;
    Ok(COMMIT.after_blocking()?)
}

pub(super) async fn postgres(transaction: Transaction<'_, Postgres>) -> Result<(), Failed> {
    COMMIT.before().await?;
    transaction.commit().await?;
    Ok(COMMIT.after().await?)
}

/// A statement that `PostgreSQL` commits by itself.
pub(super) async fn statement<T>(
    statement: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    COMMIT.before().await?;
    let answer = statement.await?;
    COMMIT.after().await?;
    Ok(answer)
}
