//! One SQL text, two databases: apply changes, claim effects, read.
//!
//! `apply` writes all that one transition makes (rows, events, effects) in one commit or not at all; no caller ever holds
//! a write transaction. Reads are one statement each. What is stored is read back into domain types, or named as
//! broken. No rule of the product may enter: what a change means is the core's.

#[macro_use]
mod sql;

mod alarm;
mod announcement;
mod backlog;
mod card;
mod changed;
mod chunks;
mod columns;
mod commit;
mod configuration;
mod database;
mod draft;
mod effect;
mod erase;
mod error;
mod event;
mod failing;
mod file;
mod gather;
mod grant;
mod here;
mod holding;
mod home;
mod lent;
mod lock;
mod migrations;
mod moments;
mod open;
mod pace;
mod page;
mod person;
mod prepared;
mod record;
mod replicas;
mod request;
mod role_use;
mod scan;
mod seal;
mod section;
mod serving;
mod text;
mod unsaid;
mod wal;
mod write;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use hallpass_domain::Change;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

pub use alarm::AlarmRow;
pub use announcement::{StoredAnnouncement, Untold};
pub use backlog::{Backlog, OverdueHolding};
pub use card::CardRow;
pub use configuration::StoredConfiguration;
pub use draft::Draft;
pub use effect::{Claimed, Due, Failure, Finish, Take};
pub use erase::{About, Erasure, ErasureOutside, FieldPlace};
pub use error::{Applied, StoreError};
pub use event::StoredEvent;
pub use holding::place_of;
pub use home::HomeRow;
pub use lock::ServingLock;
pub use pace::Pace;
pub use page::Page;
pub use record::Named;
pub use request::RequestFilter;
pub use seal::{
    Horizon, PersonalRow, Seal, SealedOrNot, SealedRecord, Span, StoredCheckpoint, Unsealed,
};
pub use section::ArchivedSection;
pub use serving::Counts;

use crate::ports::Entropy;
use database::{Arg, Filled, Readers};
use gather::{Gather, Gathers, Keyed};
use here::Here;
use open::{File, Server, Tasks};
use prepared::Prepared;
use sql::Sql;
use writer::{Job, Message, Outcome};

/// How long [`Store::check`] may take.
const CHECK: Duration = Duration::from_secs(2);

/// The database, open. Cloning it shares it; the last one dropped, or [`Store::close`], stops its background tasks.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    database: Database,
    entropy: Arc<dyn Entropy>,
    changed: watch::Sender<u64>,
    tasks: Tasks,
    here: Arc<Here>,
}

enum Database {
    Sqlite(File),
    Postgres(Server),
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.stop.cancel();
    }
}

impl Store {
    /// Opens `sqlite://path` or `postgres://…`. Creates the file, doesn't migrate.
    ///
    /// # Errors
    /// `Unavailable`, never with the URL in it.
    pub async fn open(url: &str, entropy: Arc<dyn Entropy>) -> Result<Self, StoreError> {
        let (changed, _) = watch::channel(0);
        let (tasks, here) = (Tasks::default(), Arc::default());
        let database = if let Some(path) = url.strip_prefix("sqlite:") {
            Database::Sqlite(File::open(path, &changed, &tasks, &here).await?)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Database::Postgres(Server::open(url, entropy.id(), &changed, &tasks).await?)
        } else {
            return Err(StoreError::Unavailable(
                "DATABASE_URL must begin with sqlite:// or postgres://.".into(),
            ));
        };
        tasks.running.close();
        Ok(Self(Arc::new(Inner {
            database,
            entropy,
            changed,
            tasks,
            here,
        })))
    }

    /// From now on whoever asks `SQLite` holds its thread until it is answered: for a simulation in one thread, in which
    /// nothing may come in between.
    pub fn answers_here(&self) {
        match &self.0.database {
            Database::Sqlite(_) => self.0.here.stay(),
            // It is this thread that speaks with the server.
            Database::Postgres(_) => {}
        }
    }

    /// Brings the tables up to date; does nothing where they are.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.0.database {
            Database::Sqlite(file) => file.migrate().await,
            Database::Postgres(server) => server.migrate().await,
        }
    }

    /// For whoever carries out effects: with `SQLite` one process at a time, with `PostgreSQL` any number.
    pub fn lock_for_serving(&self) -> Result<ServingLock, StoreError> {
        match &self.0.database {
            Database::Sqlite(file) => ServingLock::beside(&file.path),
            Database::Postgres(_) => Ok(ServingLock::shared()),
        }
    }

    /// Writes changes, each all or nothing by itself, and answers each; in their order.
    ///
    /// # Errors
    /// Where the database failed some of them may have been written: read again.
    pub async fn apply(&self, changes: Vec<Change>) -> Result<Vec<Applied>, StoreError> {
        let changes = changes.into_iter().map(|change| (change, None));
        self.apply_each(changes.collect())
            .await
            .into_iter()
            .collect()
    }

    pub async fn apply_one(&self, change: Change) -> Result<Applied, StoreError> {
        self.apply(vec![change])
            .await?
            .pop()
            .ok_or_else(StoreError::closed)
    }

    /// As [`Self::apply_one`]. `kept` is dropped once the database has answered or is given up, also where the caller went
    /// away before.
    pub async fn apply_keeping<T: Send + 'static>(
        &self,
        change: Change,
        kept: T,
    ) -> Result<(Applied, T), StoreError> {
        let store = self.clone();
        let work = async move { (store.apply_one(change).await, kept) };
        let (applied, kept) = tokio::spawn(work).await.map_err(|_| StoreError::closed())?;
        Ok((applied?, kept))
    }

    /// Writes each change and the end of the effect that caused it in one commit. On a conflict neither is written; an end
    /// whose claim was lost or cancelled meanwhile is left out. Each is answered by itself: one that is refused keeps
    /// none of the others from its answer.
    pub async fn apply_finishing(
        &self,
        work: Vec<(Change, Finish)>,
    ) -> Vec<Result<Applied, StoreError>> {
        let work = work.into_iter();
        let work = work.map(|(change, finish)| (change, Some(finish)));
        self.apply_each(work.collect()).await
    }

    async fn apply_each(
        &self,
        work: Vec<(Change, Option<Finish>)>,
    ) -> Vec<Result<Applied, StoreError>> {
        if self.0.here.stays() {
            return self.apply_in_turn(work).await;
        }
        // All of them are handed over before the first is waited for: they are written together.
        let mut sent = Vec::with_capacity(work.len());
        for (change, finish) in work {
            sent.push(match Prepared::new(change, finish, self.entropy()) {
                Ok(change) => send(self.writer(), Job::Apply(Box::new(change))).await,
                Err(error) => Err(error),
            });
        }
        let mut applied = Vec::with_capacity(sent.len());
        for answer in sent {
            applied.push(match answer {
                Ok(answer) => answered(answer).await,
                Err(error) => Err(error),
            });
        }
        applied
    }

    /// Which of them the writer would find waiting, and write together, is a matter of threads.
    async fn apply_in_turn(
        &self,
        work: Vec<(Change, Option<Finish>)>,
    ) -> Vec<Result<Applied, StoreError>> {
        let mut applied = Vec::with_capacity(work.len());
        for (change, finish) in work {
            applied.push(match Prepared::new(change, finish, self.entropy()) {
                Ok(change) => self.apply_prepared(change).await,
                Err(error) => Err(error),
            });
        }
        applied
    }

    async fn apply_prepared(&self, change: Prepared) -> Result<Applied, StoreError> {
        let answer = send(self.writer(), Job::Apply(Box::new(change))).await?;
        self.0.here.wait(answered(answer)).await
    }

    fn writer(&self) -> &mpsc::Sender<Message> {
        match &self.0.database {
            Database::Sqlite(file) => &file.writer,
            Database::Postgres(server) => &server.writer,
        }
    }

    /// One job, through the writer or in a transaction of its own.
    async fn run(&self, job: Job) -> Result<Outcome, StoreError> {
        match &self.0.database {
            Database::Sqlite(file) => {
                let answer = send(&file.writer, job).await?;
                let answer = self.0.here.wait(answer).await;
                answer.map_err(|_| StoreError::closed())?
            }
            // A task of its own: a caller that gives up doesn't leave a commit untold.
            Database::Postgres(server) => {
                let (pool, bell) = (server.pool.clone(), server.bell.clone());
                let work = async move {
                    let outcome = replicas::alone(&pool, &job).await?;
                    if outcome.tells() {
                        bell.ring();
                    }
                    Ok(outcome)
                };
                tokio::spawn(work).await.map_err(StoreError::unavailable)?
            }
        }
    }

    async fn fetch<R: Filled>(&self, sql: &Sql, args: &[Arg]) -> Result<Vec<R>, StoreError> {
        self.readers().fetch(sql, args).await
    }

    /// As [`Store::fetch`], of the few rows that a key or an index leads to.
    async fn look_up<R: Filled>(&self, sql: &Sql, args: &[Arg]) -> Result<Vec<R>, StoreError> {
        self.readers().look_up(sql, args).await
    }

    /// The rows of one key, by a statement with a `[key 1]`.
    async fn keyed<R: Keyed>(
        &self,
        sql: &Sql,
        kind: fn(&Gathers) -> &Gather<R>,
        key: &str,
    ) -> Result<Vec<R>, StoreError> {
        match &self.0.database {
            Database::Sqlite(_) => self.look_up(sql, &[key.into()]).await,
            Database::Postgres(server) => kind(&server.gathers).get(key).await,
        }
    }

    fn readers(&self) -> Readers {
        match &self.0.database {
            Database::Sqlite(file) => Readers::Sqlite(file.readers.clone()),
            Database::Postgres(server) => Readers::Postgres(server.pool.clone()),
        }
    }

    fn entropy(&self) -> &dyn Entropy {
        self.0.entropy.as_ref()
    }

    /// Changes after every commit of this process, and soon after commits of others.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// One cheap round trip, for `/readyz`; bounded by 2 s. Fails too where nothing can be written any more.
    pub async fn check(&self) -> Result<(), StoreError> {
        row! { Any { rows: i64 } }
        let sql = sql!("request": "select count(*) as rows from (select id from request limit 1) as first");
        if self.writer().is_closed() {
            return Err(StoreError::closed());
        }
        let answer = timeout(CHECK, self.fetch::<Any>(&sql, &[]))
            .await
            .map_err(|_| StoreError::unavailable("it doesn't answer within 2 s"))??;
        let answered = answer.iter().any(|any| any.rows >= 0);
        answered.then_some(()).ok_or_else(StoreError::closed)
    }

    /// Returns once whoever writes is lost; where the store was closed, never.
    pub async fn writer_is_lost(&self) {
        self.writer().closed().await;
        if self.0.tasks.stop.is_cancelled() {
            std::future::pending::<()>().await;
        }
    }

    /// Writes what waits, then closes. Later calls answer `Unavailable`.
    pub async fn close(&self) {
        self.0.tasks.stop.cancel();
        // Where it is gone already, there is nobody to tell.
        drop(self.writer().send(Message::Close).await);
        self.0.tasks.running.wait().await;
        self.readers().close().await;
    }
}

/// What became of a change.
async fn answered(
    answer: oneshot::Receiver<Result<Outcome, StoreError>>,
) -> Result<Applied, StoreError> {
    match answer.await.map_err(|_| StoreError::closed())?? {
        Outcome::Applied(one) => Ok(one),
        Outcome::Claimed(_) | Outcome::Finished | Outcome::Ran(_) => {
            unreachable!("a change is answered as a change")
        }
    }
}

/// Hands a job to the writer; waits for a place in the queue.
async fn send(
    writer: &mpsc::Sender<Message>,
    job: Job,
) -> Result<oneshot::Receiver<Result<Outcome, StoreError>>, StoreError> {
    let (reply, answer) = oneshot::channel();
    writer
        .send(Message::Work { job, reply })
        .await
        .map_err(|_| StoreError::closed())?;
    Ok(answer)
}
