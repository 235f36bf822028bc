//! `SQLite`'s one writer: a task that owns the only connection which writes. What waits is written together: one
//! transaction, a savepoint per job, one commit, then the answers. It never waits for a batch to fill.
//! An answer that nobody waits for any more changes nothing: the job is done all the same.

use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::commit;
use super::database::{Arg, Conn};
use super::effect::{Claim, ClaimedRow, Ended};
use super::error::{Applied, StoreError, is_unique_violation};
use super::prepared::Prepared;
use super::sql::Sql;
use super::write;

/// Jobs in one commit, at most.
const BATCH: usize = 64;
/// How long a batch may work before it is committed.
const WORK: Duration = Duration::from_millis(4);
/// Jobs that may wait; whoever comes later waits for a place.
pub(super) const QUEUE: usize = 1_024;

/// One thing to write, all or nothing.
pub(super) enum Job {
    Apply(Box<Prepared>),
    Claim(Claim),
    Finish(Vec<Ended>),
    /// A statement that stands for itself.
    Run(&'static Sql, Vec<Arg>),
}

pub(super) enum Outcome {
    Applied(Applied),
    Claimed(Vec<ClaimedRow>),
    Finished,
    /// With how many rows it wrote.
    Ran(u64),
}

impl Outcome {
    /// Whether others should look again.
    pub(super) fn tells(&self) -> bool {
        matches!(self, Self::Applied(Applied::Done) | Self::Finished)
    }
}

pub(super) struct Message {
    pub(super) job: Job,
    pub(super) reply: oneshot::Sender<Result<Outcome, StoreError>>,
}

type Answer = (
    oneshot::Sender<Result<Outcome, StoreError>>,
    Result<Outcome, StoreError>,
);

/// Runs until all senders are gone or `stop` is asked; then what waits is still written.
pub(super) async fn run(
    options: SqliteConnectOptions,
    mut conn: SqliteConnection,
    mut queue: mpsc::Receiver<Message>,
    changed: tokio::sync::watch::Sender<u64>,
    stop: tokio_util::sync::CancellationToken,
) {
    loop {
        let message = tokio::select! {
            message = queue.recv() => message,
            () = stop.cancelled(), if !queue.is_closed() => {
                queue.close();
                continue;
            }
        };
        let Some(message) = message else { break };
        let mut answers = Vec::new();
        let committed = batch(&mut conn, message, &mut queue, &mut answers).await;
        if let Err(error) = &committed {
            tracing::error!(%error, jobs = answers.len(), "a batch of changes was not committed");
            conn = reopened(&options, conn).await;
        } else if answers
            .iter()
            .any(|(_, one)| one.as_ref().is_ok_and(Outcome::tells))
        {
            changed.send_modify(|count| *count = count.wrapping_add(1));
        }
        for (reply, answer) in answers {
            let answer = match &committed {
                Ok(()) => answer,
                Err(error) => Err(StoreError::unavailable(error)),
            };
            // Who no longer waits, finds it by reading.
            drop(reply.send(answer));
        }
    }
    if let Err(error) = conn.close().await {
        tracing::warn!(%error, "the database was not closed well");
    }
}

async fn batch(
    conn: &mut SqliteConnection,
    first: Message,
    queue: &mut mpsc::Receiver<Message>,
    answers: &mut Vec<Answer>,
) -> sqlx::Result<()> {
    let began = raw(conn, "begin immediate").await;
    let started = Instant::now();
    let mut failed = began.err();
    let mut next = Some(first);
    while let Some(Message { job, reply }) = next {
        let answer = match &failed {
            None => one(conn, job).await,
            Some(_) => Ok(Err(StoreError::closed())),
        };
        match answer {
            Ok(answer) => answers.push((reply, answer)),
            Err(error) => {
                answers.push((reply, Err(StoreError::unavailable(&error))));
                failed = Some(error);
            }
        }
        let more = failed.is_none() && answers.len() < BATCH && started.elapsed() < WORK;
        next = more.then(|| queue.try_recv().ok()).flatten();
    }
    match failed {
        None => commit::sqlite(conn).await,
        Some(error) => Err(error),
    }
}

/// One job in its savepoint. The outer error is the connection's: then nothing of the batch stands.
async fn one(conn: &mut SqliteConnection, job: Job) -> sqlx::Result<Result<Outcome, StoreError>> {
    raw(conn, "savepoint job").await?;
    let outcome = outcome(&mut Conn::Sqlite(conn), &job).await;
    let well = match &outcome {
        Ok(Outcome::Applied(applied)) => *applied == Applied::Done,
        Ok(_) => true,
        Err(_) => false,
    };
    if !well {
        raw(conn, "rollback to job").await?;
    }
    raw(conn, "release job").await?;
    Ok(outcome.or_else(|error| match job {
        Job::Apply(_) if is_unique_violation(&error) => Ok(Outcome::Applied(Applied::Conflict)),
        Job::Apply(_) | Job::Claim(_) | Job::Finish(_) | Job::Run(..) => {
            Err(StoreError::unavailable(&error))
        }
    }))
}

/// Carries one job into an open transaction, on either database.
pub(super) async fn outcome(conn: &mut Conn<'_>, job: &Job) -> sqlx::Result<Outcome> {
    Ok(match job {
        Job::Apply(prepared) => {
            let mut verdicts = write::changes(conn, &[prepared]).await?;
            Outcome::Applied(verdicts.pop().unwrap_or(Applied::Conflict))
        }
        Job::Claim(claim) => Outcome::Claimed(write::take(conn, claim).await?),
        Job::Finish(ended) => {
            write::finish(conn, ended.iter()).await?;
            Outcome::Finished
        }
        Job::Run(sql, args) => {
            let rows = conn.execute(sql, args).await?;
            Outcome::Ran(rows)
        }
    })
}

/// A connection whose transaction broke is given up; closing it takes back what was open.
async fn reopened(options: &SqliteConnectOptions, mut conn: SqliteConnection) -> SqliteConnection {
    match options.connect().await {
        Ok(fresh) => {
            drop(conn.close().await);
            fresh
        }
        Err(error) => {
            tracing::error!(%error, "the database can't be opened again");
            // With nothing open this fails, and there is nothing to take back.
            drop(raw(&mut conn, "rollback").await);
            conn
        }
    }
}

async fn raw(conn: &mut SqliteConnection, sql: &'static str) -> sqlx::Result<()> {
    sqlx::query(sql).execute(conn).await.map(drop)
}
