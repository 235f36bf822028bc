//! Sees on record what a cycle waits for: one reader of the events for all who wait, on a connection of its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use hallpass::domain::{EventKind, RequestId};
use hallpass::store::Store;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, SqliteConnection};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// On `PostgreSQL` a lower position may show later than a higher one; after this long a gap is no row.
const GAP: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(90);

const SQL: &str = "select position, kind, request from event where position > $1 order by position";
/// Also those that were missing below.
const WITH_MISSING: &str = "select position, kind, request from event \
    where position > $1 or position = any($2) order by position";

type Waiting = HashMap<(String, &'static str), oneshot::Sender<()>>;

/// Who waits for which event of which request.
#[derive(Clone)]
pub(crate) struct Watch {
    database: String,
    waiting: Arc<Mutex<Waiting>>,
}

enum Reader {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Reader {
    async fn open(database: &str) -> Result<Self> {
        if let Some(path) = database.strip_prefix("sqlite://") {
            let options = SqliteConnectOptions::new().filename(path);
            return Ok(Self::Sqlite(options.connect().await?));
        }
        let mut conn = PgConnection::connect(database).await?;
        // A young table has no statistics, and would be read as a whole each time.
        conn.execute("set enable_seqscan = off").await?;
        Ok(Self::Postgres(conn))
    }

    async fn execute(&mut self, sql: &'static str) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(conn) => sqlx::query(sql).execute(conn).await.map(drop),
            Self::Postgres(conn) => sqlx::query(sql).execute(conn).await.map(drop),
        }
    }

    /// What is new, without reading again what was seen: it is watched beside what is measured.
    async fn fresh(
        &mut self,
        position: &Position,
    ) -> sqlx::Result<Vec<(i64, String, Option<String>)>> {
        match self {
            Self::Sqlite(conn) => {
                let query = sqlx::query_as(SQL).bind(position.highest());
                query.fetch_all(conn).await
            }
            Self::Postgres(conn) => {
                let query = sqlx::query_as(WITH_MISSING).bind(position.highest());
                query.bind(position.missing()).fetch_all(conn).await
            }
        }
    }
}

/// Looks beside the store.
pub(crate) struct Look(Reader);

impl Look {
    /// Whether a statement finds any row.
    pub(crate) async fn finds(&mut self, sql: &'static str) -> Result<bool> {
        let found = match &mut self.0 {
            Reader::Sqlite(conn) => sqlx::query(sql).fetch_optional(conn).await?.is_some(),
            Reader::Postgres(conn) => sqlx::query(sql).fetch_optional(conn).await?.is_some(),
        };
        Ok(found)
    }
}

/// How far all is read, and what was read beyond a gap.
struct Position {
    whole: i64,
    beyond: BTreeMap<i64, Instant>,
}

impl Position {
    fn highest(&self) -> i64 {
        let beyond = self.beyond.last_key_value();
        beyond.map_or(self.whole, |(highest, _)| *highest)
    }

    /// What may still show below the highest.
    fn missing(&self) -> Vec<i64> {
        let all = self.whole + 1..self.highest();
        all.filter(|position| !self.beyond.contains_key(position))
            .collect()
    }

    /// Whether this one is new.
    fn reached(&mut self, position: i64) -> bool {
        position > self.whole && self.beyond.insert(position, Instant::now()).is_none()
    }

    fn close_up(&mut self) {
        while let Some(first) = self.beyond.first_entry() {
            if *first.key() != self.whole + 1 && first.get().elapsed() < GAP {
                return;
            }
            self.whole = *first.key();
            first.remove();
        }
    }
}

impl Watch {
    pub(crate) async fn start(
        database: &str,
        store: &Store,
        stop: CancellationToken,
    ) -> Result<Self> {
        let watch = Self {
            database: database.to_owned(),
            waiting: Arc::default(),
        };
        let mut reader = Reader::open(database).await?;
        let mut changed = store.changed();
        let mut position = Position {
            whole: 0,
            beyond: BTreeMap::new(),
        };
        if let Some((known, _, _)) = reader.fresh(&position).await?.pop() {
            position.whole = known;
        }
        let told = watch.clone();
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            while changed.changed().await.is_ok() {
                let Ok(rows) = reader.fresh(&position).await else {
                    return;
                };
                for (at, kind, request) in rows {
                    if position.reached(at) {
                        told.tell(&kind, request);
                    }
                }
                position.close_up();
            }
        }));
        Ok(watch)
    }

    /// A connection of its own, to look at what is there again and again.
    pub(crate) async fn look(&self) -> Result<Look> {
        Ok(Look(Reader::open(&self.database).await?))
    }

    /// Runs a statement beside the store.
    pub(crate) async fn execute(&self, sql: &'static str) -> Result<()> {
        Ok(Reader::open(&self.database).await?.execute(sql).await?)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, kind: &str, request: Option<String>) {
        let kind = [EventKind::GrantActive, EventKind::GrantEnded]
            .into_iter()
            .find(|one| one.as_str() == kind);
        if let (Some(kind), Some(request)) = (kind, request)
            && let Some(waits) = self.waiting().remove(&(request, kind.as_str()))
        {
            let _ = waits.send(());
        }
    }

    /// Ready once that event of this request is on record; to be called before it can be.
    pub(crate) fn of(
        &self,
        request: &RequestId,
        kind: EventKind,
    ) -> impl Future<Output = Result<()>> + use<> {
        let (tell, told) = oneshot::channel();
        self.waiting()
            .insert((request.to_string(), kind.as_str()), tell);
        async move { Ok(tokio::time::timeout(PATIENCE, told).await??) }
    }
}
