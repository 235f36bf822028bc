//! Every commit goes through here, so that a test can make each of them die, fail or take long, right before or after.

use sqlx::{Postgres, SqliteConnection, Transaction};

use crate::points::{COMMIT, Failed};

/// Commits what was begun by `begin immediate`.
pub(super) async fn sqlite(conn: &mut SqliteConnection) -> sqlx::Result<()> {
    COMMIT.before().await.map_err(failed)?;
    sqlx::query("commit").execute(conn).await?;
    COMMIT.after().await.map_err(failed)
}

pub(super) async fn postgres(transaction: Transaction<'_, Postgres>) -> sqlx::Result<()> {
    COMMIT.before().await.map_err(failed)?;
    transaction.commit().await?;
    COMMIT.after().await.map_err(failed)
}

/// As a connection that breaks: whether it was committed is not said.
fn failed(failed: Failed) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::other(failed))
}
