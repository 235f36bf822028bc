//! `PostgreSQL`: the changes of many callers are written together, a chunk in each transaction, several transactions at a
//! time; each change stands or falls by itself. Claims and the like have a transaction of their own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::postgres::PgPool;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::chunks::{CHUNK, Chunk, Chunks};
use super::database::{Arg, Conn};
use super::error::{Applied, Failed, StoreError};
use super::lent::{Lent, bounded};
use super::pace::Pace;
use super::prepared::Prepared;
use super::sql::Sql;
use super::writer::{self, Job, Message, Outcome, outcome};
use super::{changed, commit, write};

/// How often a lost race is tried again.
const TRIES: u32 = 5;
/// The pause before the second try; it grows by itself.
const PAUSE: Duration = Duration::from_millis(5);
/// Transactions at a time in which changes are written. While they are under way, what comes is gathered for the next.
const AT_ONCE: usize = 2;
/// While another is under way, a transaction waits so long for more to write: what one costs alone, many share.
const MORE: Duration = Duration::from_millis(3);
/// What many share is ended by the server sooner than what stands alone, so that fewer can be tried within a lease.
const BEGIN_MANY: &str = "begin; set local statement_timeout = 2500";

/// Tells this process and the other replicas of commits.
#[derive(Clone)]
pub(super) struct Bell {
    pub(super) changed: watch::Sender<u64>,
    pub(super) committed: Arc<Notify>,
}

impl Bell {
    pub(super) fn ring(&self) {
        changed::bump(&self.changed);
        self.committed.notify_one();
    }
}

/// Gathers changes and has them written. Runs until all senders are gone or it is told to close; then what was taken is
/// still written.
pub(super) async fn run(pool: PgPool, mut queue: mpsc::Receiver<Message>, bell: Bell) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let speed = Arc::new(Pace::up_to(CHUNK));
    let writing = TaskTracker::new();
    while let Some(first) = queue.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        more(&places, &queue, &speed, MORE).await;
        // Taken only now: what came while there was no place goes along.
        let (jobs, replies) = writer::waiting(first, &mut queue, &speed);
        let (pool, bell, speed) = (pool.clone(), bell.clone(), Arc::clone(&speed));
        writing.spawn(async move {
            let answers = apply(&pool, &jobs, &bell, &speed).await;
            drop(place);
            writer::answer(replies, Ok(answers));
        });
    }
    writing.close();
    writing.wait().await;
}

/// Waits a moment for what would otherwise have a transaction each: for whoever was woken together with the first, and
/// where another transaction is under way, until that is over, or for as long as it may.
async fn more(
    places: &Semaphore,
    queue: &mpsc::Receiver<Message>,
    speed: &Pace,
    at_most: Duration,
) {
    tokio::task::yield_now().await;
    let enough = queue.len() + 1 >= speed.most();
    if !enough && places.available_permits() + 1 < AT_ONCE {
        drop(timeout(at_most, places.acquire()).await);
    }
}

/// One job in its own transaction.
pub(super) async fn alone(pool: &PgPool, job: &Job) -> Result<Outcome, StoreError> {
    let mut tries = 1;
    loop {
        match attempt(pool, job).await {
            Ok(outcome) => return Ok(outcome),
            Err(error) => again(error, &mut tries)
                .await
                .map_err(StoreError::unavailable)?,
        }
    }
}

async fn attempt(pool: &PgPool, job: &Job) -> Result<Outcome, Failed> {
    let mut conn = Lent::from(pool).await?;
    // One statement is a transaction by itself.
    if matches!(job, Job::Claim(_) | Job::Run(..)) {
        let mut conn = Conn::Postgres(&mut conn);
        return bounded(commit::statement(outcome(&mut conn, job))).await;
    }
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
        let written = Conn::Postgres(&mut transaction).execute(sql, args).await?;
        commit::postgres(transaction).await?;
        Ok::<_, Failed>(written)
    };
    match bounded(written).await {
        Err(error) if error.is_unique_violation() => Ok(0),
        other => other.map_err(StoreError::unavailable),
    }
}

/// All changes, each done or not by itself.
async fn apply(
    pool: &PgPool,
    jobs: &[Job],
    bell: &Bell,
    pace: &Pace,
) -> Vec<Result<Outcome, StoreError>> {
    let changes: Vec<&Prepared> = jobs.iter().filter_map(Job::change).collect();
    let mut chunks = Chunks::of(&changes, pace);
    let mut tries = 1;
    let mut failed = None;
    while failed.is_none() {
        let chunk = chunks.next();
        if chunk.is_empty() {
            break;
        }
        let answers = together(pool, &chunks.batch(&chunk), pace).await;
        match chunks.wrote(&chunk, answers) {
            Ok(Chunk::Keep) => bell.ring(),
            Ok(Chunk::TakeBack) => {}
            Err(error) => failed = again(error, &mut tries).await.err(),
        }
    }
    let verdicts = chunks.verdicts(failed.as_ref()).into_iter();
    verdicts.map(|one| one.map(Outcome::Applied)).collect()
}

/// Commits where all of it can be written; otherwise nothing is.
async fn together(pool: &PgPool, batch: &[&Prepared], pace: &Pace) -> Result<Vec<Applied>, Failed> {
    let mut conn = Lent::from(pool).await?;
    bounded(async {
        let mut transaction = match batch.len() {
            1 => conn.begin().await?,
            _ => conn.begin_with(BEGIN_MANY).await?,
        };
        let began = Instant::now();
        let answers = write::changes(&mut Conn::Postgres(&mut transaction), batch).await?;
        pace.took(batch.len(), began.elapsed());
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
async fn again(error: Failed, tries: &mut u32) -> Result<(), Failed> {
    if !error.is_worth_another_try() || *tries >= TRIES {
        return Err(error);
    }
    tokio::time::sleep(PAUSE * *tries).await;
    *tries += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::sync::{Semaphore, mpsc};
    use tokio::time::timeout;

    use super::{AT_ONCE, Message, Pace, more};

    const HOUR: Duration = Duration::from_hours(1);

    /// Whether a transaction that has its place waits for more, beside so many under way and before so many jobs; and
    /// that it goes on when those under way are over.
    async fn waits(under_way: u32, jobs: usize) -> bool {
        let places = Semaphore::new(AT_ONCE);
        let _mine = places.acquire().await.expect("a place");
        let others = places.acquire_many(under_way).await.expect("places");
        let (queue, waiting) = mpsc::channel(8);
        for _ in 0..jobs {
            queue.send(Message::Close).await.expect("a queue");
        }
        let speed = Pace::up_to(4);
        let mut work = pin!(more(&places, &waiting, &speed, HOUR));
        let waits = (0..10).all(|_| work.as_mut().now_or_never().is_none());
        if waits {
            drop(others);
            let went_on = timeout(Duration::from_secs(60), work).await;
            went_on.expect("it goes on");
        }
        waits
    }

    #[tokio::test]
    async fn what_comes_one_by_one_behind_a_transaction_is_gathered() {
        assert!(waits(1, 0).await);
        assert!(waits(1, 2).await);
    }

    #[tokio::test]
    async fn what_is_alone_or_enough_waits_for_nothing() {
        assert!(!waits(0, 0).await);
        assert!(!waits(1, 3).await);
    }

    #[tokio::test]
    async fn nothing_waits_longer_than_it_may() {
        let places = Semaphore::new(AT_ONCE);
        let _all = places.acquire_many(2).await.expect("places");
        let (_queue, waiting) = mpsc::channel(1);
        let speed = Pace::up_to(4);
        let work = more(&places, &waiting, &speed, Duration::ZERO);
        let went_on = timeout(Duration::from_secs(60), work).await;
        went_on.expect("it goes on");
    }
}
