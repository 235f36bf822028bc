//! Opens either database by its URL, with bounded waits everywhere. The URL's password goes into the driver and nowhere
//! else: no error and no log repeats the URL.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hallpass_domain::planted::{Fault, planted};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::file::{self, Reading, Use};
use super::gather::Gathers;
use super::here::Here;
use super::lent::is_well;
use super::replicas::{self, Bell};
use super::writer::{self, Message, QUEUE};
use super::{StoreError, changed, lock, migrations};

/// How long a statement waits for another process that writes to the file.
const BUSY: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection of the pool.
const ACQUIRE: Duration = Duration::from_secs(5);
/// A connection that was idle longer is tried before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
const CONNECTIONS: u32 = 16;
/// `PostgreSQL`'s settings of our sessions. It ends what takes longer than these milliseconds. Every statement looks rows
/// up by key, so the plan is the same whatever a table holds: it is made once, and may not read a whole table or hash it,
/// which the planner finds cheap where statistics are young and the table was small.
const SETTINGS: [(&str, &str); 8] = [
    ("statement_timeout", "10000"),
    ("lock_timeout", "2000"),
    ("idle_in_transaction_session_timeout", "15000"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// `SQLite`: the queue to the one writer, and where the file is.
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) readers: Arc<Reading>,
    pub(super) writer: mpsc::Sender<Message>,
    options: SqliteConnectOptions,
}

/// `PostgreSQL`: a pool for reads and writes, the queue of the changes, and the bell that other replicas hear.
pub(super) struct Server {
    pub(super) pool: PgPool,
    pub(super) writer: mpsc::Sender<Message>,
    pub(super) bell: Bell,
    pub(super) gathers: Gathers,
    options: PgConnectOptions,
}

/// The store's background tasks: stopped together.
#[derive(Default)]
pub(super) struct Tasks {
    pub(super) stop: CancellationToken,
    pub(super) running: TaskTracker,
}

impl Tasks {
    /// Runs it until the store is closed or dropped.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.running.spawn(async move {
            tokio::select! {
                () = task => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

impl File {
    /// `text` is what follows `sqlite:`, with or without `//`.
    pub(super) async fn open(
        text: &str,
        changed: &watch::Sender<u64>,
        tasks: &Tasks,
        here: &Arc<Here>,
    ) -> Result<Self, StoreError> {
        let path = text.strip_prefix("//").unwrap_or(text);
        if path.is_empty() || path.contains(":memory:") || path.contains('?') {
            return Err(StoreError::Unavailable(
                "DATABASE_URL must name a file, like sqlite://hallpass.db, without options.".into(),
            ));
        }
        let path = PathBuf::from(path);
        create(&path)?;
        // Planted, who finds the file in use gives up.
        let patience = if planted(Fault::BusyNotRetried) {
            Duration::ZERO
        } else {
            BUSY
        };
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .foreign_keys(true)
            .busy_timeout(patience)
            .disable_statement_logging();
        let conn = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || file::open(&path, Use::Write))
                .await
                .map_err(StoreError::unavailable)?
        };
        let conn = conn.map_err(|error| {
            StoreError::Unavailable(format!("{} can't be opened: {error}.", path.display()))
        })?;
        let (writer, queue) = mpsc::channel(QUEUE);
        let (its, told) = (path.clone(), changed.clone());
        tasks
            .running
            .spawn_blocking(move || writer::run(&its, conn, queue, &told));
        let reading = options.clone().pragma("query_only", "on");
        tasks.spawn(changed::look(reading, changed.clone()));
        Ok(Self {
            readers: Reading::new(path.clone(), Arc::clone(here)),
            path,
            writer,
            options,
        })
    }

    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let _only = tokio::task::spawn_blocking(move || lock::wait_to_migrate(&path))
            .await
            .map_err(StoreError::unavailable)??;
        let mut conn = self
            .options
            .connect()
            .await
            .map_err(StoreError::unavailable)?;
        let migrated = migrations::sqlite()
            .run_direct(None, &mut conn, false)
            .await;
        conn.close().await.map_err(StoreError::unavailable)?;
        migrated.map_err(StoreError::unavailable)
    }
}

/// Made readable for its owner alone: it holds reasons and e-mails. A file that is there is not touched, because
/// closing it would release the locks that `SQLite` holds on it in this process (POSIX `fcntl`).
fn create(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt;

    let made = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(StoreError::Unavailable(
            format!("{} can't be created: {error}.", path.display()),
        )),
        Ok(_) | Err(_) => Ok(()),
    }
}

impl Server {
    pub(super) async fn open(
        url: &str,
        me: String,
        changed: &watch::Sender<u64>,
        tasks: &Tasks,
    ) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| {
                StoreError::Unavailable(
                    "DATABASE_URL is not a PostgreSQL URL like postgres://user:password@host:5432/database.".into(),
                )
            })?
            .application_name("hallpass")
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            .test_before_acquire(false)
            .before_acquire(|conn, meta| {
                Box::pin(async move {
                    if meta.idle_for > TRUSTED_FOR {
                        is_well(conn).await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options.clone().options(SETTINGS))
            .await
            .map_err(StoreError::unavailable)?;
        let committed = Arc::new(Notify::new());
        let bell = Bell {
            changed: changed.clone(),
            committed: committed.clone(),
        };
        let (writer, queue) = mpsc::channel(QUEUE);
        tasks
            .running
            .spawn(replicas::run(pool.clone(), queue, bell.clone()));
        let gathers = Gathers::start(&pool);
        tasks.spawn(changed::notify(pool.clone(), committed, me.clone()));
        tasks.spawn(changed::listen(options.clone(), changed.clone(), me));
        Ok(Self {
            pool,
            writer,
            bell,
            gathers,
            options,
        })
    }

    /// Without the limits of ordinary statements: a migration may take its time.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let mut conn = PgConnection::connect_with(&self.options)
            .await
            .map_err(StoreError::unavailable)?;
        let migrated = migrations::postgres()
            .run_direct(None, &mut conn, false)
            .await;
        conn.close().await.map_err(StoreError::unavailable)?;
        migrated.map_err(StoreError::unavailable)
    }
}
