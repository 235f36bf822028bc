//! `SQLite`'s one writer: a thread that owns the only connection which writes. What waits is written together: one
//! transaction, set-based statements, one commit, then the answers. It never waits for a batch to fill.
//! An answer that nobody waits for any more changes nothing: the job is done all the same.

use std::path::Path;
use std::time::Instant;

use futures_util::FutureExt;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::panics::sound_blocking;

use super::chunks::{CHUNK, Chunk, Chunks};
use super::database::{Arg, Conn};
use super::effect::{Claim, ClaimedRow, Ended};
use super::error::{Applied, Failed, StoreError};
use super::file::{self, Use};
use super::pace::Pace;
use super::prepared::Prepared;
use super::sql::Sql;
use super::wal::Log;
use super::{changed, commit, write};

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

impl Job {
    pub(super) fn change(&self) -> Option<&Prepared> {
        match self {
            Self::Apply(prepared) => Some(prepared),
            Self::Claim(_) | Self::Finish(_) | Self::Run(..) => None,
        }
    }
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

pub(super) type Reply = oneshot::Sender<Result<Outcome, StoreError>>;

pub(super) enum Message {
    Work {
        job: Job,
        reply: Reply,
    },
    /// What waits is still written; nothing more is taken.
    Close,
}

/// Runs until all senders are gone or it is told to close.
pub(super) fn run(
    path: &Path,
    mut conn: Connection,
    mut queue: mpsc::Receiver<Message>,
    changed: &watch::Sender<u64>,
) {
    let (mut kept, pace) = (Kept::OnDisk, Pace::up_to(CHUNK));
    let mut log = Log::of(path);
    while let Some(message) = queue.blocking_recv() {
        let (jobs, replies) = waiting(message, &mut queue, &pace);
        let answers = sound_blocking(|| batch(&mut conn, &jobs, &mut kept, &pace));
        let answers = answers.unwrap_or_else(|why| Err(Failed::Panicked(why)));
        match &answers {
            Ok(answers) => {
                if answers.iter().flatten().any(Outcome::tells) {
                    changed::bump(changed);
                }
            }
            Err(error) => {
                tracing::error!(%error, jobs = jobs.len(), "a batch of changes was not committed");
                conn = reopened(path, conn);
                kept = Kept::Unknown;
            }
        }
        answer(replies, answers);
        log.grew(&conn);
    }
    // Whoever closes the file last carries over the rest.
    drop(log);
    if let Err((_, error)) = conn.close() {
        tracing::warn!(%error, "the database was not closed well");
    }
}

/// The first and all that wait behind it, as far as they go into one batch.
pub(super) fn waiting(
    first: Message,
    queue: &mut mpsc::Receiver<Message>,
    pace: &Pace,
) -> (Vec<Job>, Vec<Reply>) {
    let (mut jobs, mut replies) = (Vec::new(), Vec::new());
    let mut next = Some(first);
    while let Some(message) = next {
        match message {
            Message::Work { job, reply } => {
                jobs.push(job);
                replies.push(reply);
            }
            Message::Close => queue.close(),
        }
        let more = jobs.len() < pace.most();
        next = more.then(|| queue.try_recv().ok()).flatten();
    }
    (jobs, replies)
}

/// Who no longer waits, finds it by reading.
pub(super) fn answer(
    replies: Vec<Reply>,
    answers: Result<Vec<Result<Outcome, StoreError>>, Failed>,
) {
    match answers {
        Ok(answers) => {
            for (reply, answer) in replies.into_iter().zip(answers) {
                drop(reply.send(answer));
            }
        }
        Err(error) => {
            for reply in replies {
                drop(reply.send(Err(StoreError::unavailable(&error))));
            }
        }
    }
}

/// How the connection keeps what it commits. `SQLite` is told only of a change: it parses that anew each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    OnDisk,
    /// By the machine; the next commit that is kept on the disk takes it along.
    ForNow,
    Unknown,
}

impl Kept {
    /// A claim needn't outlive the machine: at the start of a process all claims are void.
    fn as_needed(jobs: &[Job]) -> Self {
        if jobs.iter().all(|job| matches!(job, Job::Claim(_))) {
            Self::ForNow
        } else {
            Self::OnDisk
        }
    }
}

/// Everything in one transaction. The error is the transaction's: then nothing of it stands.
fn batch(
    conn: &mut Connection,
    jobs: &[Job],
    kept: &mut Kept,
    pace: &Pace,
) -> Result<Vec<Result<Outcome, StoreError>>, Failed> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let needed = Kept::as_needed(jobs);
    if *kept != needed {
        *kept = Kept::Unknown;
        raw(
            conn,
            match needed {
                Kept::ForNow => "pragma synchronous = normal",
                Kept::OnDisk | Kept::Unknown => "pragma synchronous = full",
            },
        )?;
        *kept = needed;
    }
    raw(conn, "begin immediate")?;
    let changes: Vec<&Prepared> = jobs.iter().filter_map(Job::change).collect();
    let began = Instant::now();
    let mut verdicts = apply(conn, &changes, pace)?.into_iter();
    pace.took(changes.len(), began.elapsed());
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        answers.push(match job {
            Job::Apply(_) => match verdicts.next() {
                Some(verdict) => verdict.map(Outcome::Applied),
                None => Err(StoreError::closed()),
            },
            // What was written before is there for a claim to find.
            Job::Claim(_) | Job::Finish(_) | Job::Run(..) => one(conn, job)?,
        });
    }
    commit::sqlite(|| raw(conn, "commit"))?;
    Ok(answers)
}

/// One job in its savepoint.
fn one(conn: &mut Connection, job: &Job) -> Result<Result<Outcome, StoreError>, Failed> {
    raw(conn, "savepoint job")?;
    let outcome = at_once(outcome(&mut Conn::Sqlite(conn), job));
    if outcome.is_err() {
        raw(conn, "rollback to job")?;
    }
    raw(conn, "release job")?;
    Ok(outcome.map_err(StoreError::unavailable))
}

/// What can't be written of a chunk is taken back to its savepoint.
fn apply(
    conn: &mut Connection,
    changes: &[&Prepared],
    pace: &Pace,
) -> Result<Vec<Result<Applied, StoreError>>, Failed> {
    let mut chunks = Chunks::of(changes, pace);
    loop {
        let chunk = chunks.next();
        if chunk.is_empty() {
            return Ok(chunks.verdicts(None));
        }
        raw(conn, "savepoint chunk")?;
        let batch = chunks.batch(&chunk);
        let answers = at_once(write::changes(&mut Conn::Sqlite(conn), &batch));
        if chunks.wrote(&chunk, answers)? == Chunk::TakeBack {
            raw(conn, "rollback to chunk")?;
        }
        raw(conn, "release chunk")?;
    }
}

/// One job but a change in an open transaction, on either database.
pub(super) async fn outcome(conn: &mut Conn<'_>, job: &Job) -> Result<Outcome, Failed> {
    Ok(match job {
        Job::Apply(prepared) => {
            let mut verdicts = write::changes(conn, &[prepared]).await?;
            Outcome::Applied(verdicts.pop().unwrap_or(Applied::Conflict))
        }
        Job::Claim(claim) => Outcome::Claimed(write::take(conn, claim).await?),
        Job::Finish(ended) => {
            write::lock_effects(conn, ended.iter().map(|ended| ended.key.named())).await?;
            write::finish(conn, ended.iter()).await?;
            Outcome::Finished
        }
        Job::Run(sql, args) => {
            let rows = conn.execute(sql, args).await?;
            Outcome::Ran(rows)
        }
    })
}

/// What is asked of `SQLite` never waits.
fn at_once<T>(work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    work.now_or_never().unwrap_or(Err(Failed::Closed))
}

/// A connection whose transaction broke is given up; closing it takes back what was open.
fn reopened(path: &Path, conn: Connection) -> Connection {
    match file::open(path, Use::Write) {
        Ok(fresh) => {
            drop(conn);
            fresh
        }
        Err(error) => {
            tracing::error!(%error, "the database can't be opened again");
            // With nothing open this fails, and there is nothing to take back.
            drop(raw(&conn, "rollback"));
            conn
        }
    }
}

fn raw(conn: &Connection, sql: &'static str) -> Result<(), Failed> {
    let mut statement = conn.prepare_cached(sql)?;
    statement.raw_execute()?;
    Ok(())
}
