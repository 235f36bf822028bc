//! The peers of a command, on the same disk: the store's own commit of the change that an ask makes, and, as the limit
//! that no store can go below, a commit of one row by `SQLite` itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use futures_util::future::try_join_all;
use hallpass::domain::request::{Ask, Kind, Panel, Start};
use hallpass::domain::role::Terms;
use hallpass::domain::{
    Change, Duration as Length, PersonId, Request, RequestId, RoleName, ShortId,
};
use hallpass::ports::{Clock, Entropy};
use hallpass::store::{Applied, Store};
use hallpass::wiring::{SystemClock, SystemEntropy};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::sync::Mutex;

use super::workplace::{self, ROLE};

/// A store of its own, with the role that the bot has.
pub(crate) struct Stored {
    store: Store,
    terms: Terms,
    clock: SystemClock,
}

impl Stored {
    /// `configuration` is the bot's; `database` must not be there yet.
    pub(crate) async fn new(configuration: &Path, database: &Path) -> Result<Arc<Self>> {
        let loaded = hallpass::config::Config::load(configuration, &BTreeMap::new())
            .map_err(|mistakes| anyhow!("{mistakes}"))?;
        let role = loaded
            .config
            .roles
            .get(&RoleName::new(ROLE))
            .context("the role")?
            .clone();
        let store = open(&workplace::sqlite(database)).await?;
        store.migrate().await?;
        let terms = Terms::new(role, BTreeMap::new(), Vec::new());
        Ok(Arc::new(Self {
            store,
            terms,
            clock: SystemClock::default(),
        }))
    }

    /// `times` commits by each of `callers`, one at a time for each, all callers at once.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        callers: usize,
        times: usize,
    ) -> Result<Vec<Duration>> {
        let stored = Arc::clone(self);
        let commit = move || {
            let stored = Arc::clone(&stored);
            async move { stored.commit_once().await }
        };
        at_once(callers, times, commit).await
    }

    async fn commit_once(&self) -> Result<Duration> {
        let change = self.change()?;
        let began = Instant::now();
        let applied = self.store.apply_one(change).await?;
        let took = began.elapsed();
        ensure!(
            applied == Applied::Done,
            "a change was answered {applied:?}"
        );
        Ok(took)
    }

    /// What an ask writes: the request, its events and effects, the delivery's key.
    fn change(&self) -> Result<Change> {
        let id = SystemEntropy.id();
        let mut letters = [0; 8];
        SystemEntropy.fill(&mut letters);
        let ask = Ask {
            id: RequestId::new(id.as_str()),
            short: ShortId::from_random(&letters),
            requester: PersonId::new("asker"),
            holder: PersonId::new("asker"),
            kind: Kind::Access,
            terms: self.terms.clone(),
            duration: Length::parse_word("1h").map_err(|_| anyhow!("an hour"))?,
            start: Start::Now,
            reason: "order 4711 is stuck, INC-4711".into(),
            ticket: None,
            delivery: Some(format!("command:{id}")),
        };
        let on_call = vec![vec![PersonId::new("bob")], vec![PersonId::new("eve")]];
        let panels = [Panel { rungs: on_call }];
        let asked = Request::ask(ask, &panels, None, self.clock.now())
            .map_err(|refusal| anyhow!("{refusal}"))?;
        Ok(asked.change)
    }

    pub(crate) async fn close(&self) {
        self.store.close().await;
    }
}

/// Opens a database, as `serve` does.
pub(crate) async fn open(database: &str) -> Result<Store> {
    Ok(Store::open(database, Arc::new(SystemEntropy)).await?)
}

/// `SQLite` itself, set up as the store sets it up: WAL, `synchronous=FULL`, one connection that writes.
pub(crate) struct Raw(Mutex<SqliteConnection>);

impl Raw {
    pub(crate) async fn new(database: &Path) -> Result<Arc<Self>> {
        let mut connection = SqliteConnectOptions::new()
            .filename(database)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .connect()
            .await?;
        sqlx::query("create table line (id integer primary key, body text not null)")
            .execute(&mut connection)
            .await?;
        Ok(Arc::new(Self(Mutex::new(connection))))
    }

    /// As [`Stored::commit`], of one row each; callers wait for each other's commits.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        callers: usize,
        times: usize,
    ) -> Result<Vec<Duration>> {
        let raw = Arc::clone(self);
        let commit = move || {
            let raw = Arc::clone(&raw);
            async move { raw.commit_once().await }
        };
        at_once(callers, times, commit).await
    }

    async fn commit_once(&self) -> Result<Duration> {
        let began = Instant::now();
        let mut connection = self.0.lock().await;
        sqlx::query("insert into line (body) values ('order 4711 is stuck, INC-4711')")
            .execute(&mut *connection)
            .await?;
        Ok(began.elapsed())
    }
}

async fn at_once<F>(
    callers: usize,
    times: usize,
    commit: impl Fn() -> F + Clone + Send + 'static,
) -> Result<Vec<Duration>>
where
    F: Future<Output = Result<Duration>> + Send,
{
    let calling = (0..callers).map(|_| {
        let commit = commit.clone();
        tokio::spawn(async move {
            let mut took = Vec::with_capacity(times);
            for _ in 0..times {
                took.push(commit().await?);
            }
            anyhow::Ok(took)
        })
    });
    let took = try_join_all(calling).await?;
    Ok(took.into_iter().collect::<Result<Vec<_>>>()?.concat())
}
