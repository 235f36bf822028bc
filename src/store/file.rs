//! `SQLite` itself, called where the caller stands: a statement takes microseconds, and handing it to another thread and
//! waiting for the answer takes several times as long. The writer has a thread of its own (`writer.rs`); reads by key
//! are done at once; reads of many rows go to a thread for blocking work.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_domain::planted::{Fault, planted};
use rusqlite::config::DbConfig;
use rusqlite::{CachedStatement, Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::database::{Arg, Filled};
use super::error::Failed;
use super::here::Here;
use super::wal;

/// How long a statement waits for another process that writes to the file.
const BUSY: Duration = Duration::from_secs(5);
/// Statements that stay prepared on a connection: more than there are.
const PREPARED: usize = 256;
/// Pages that the writer keeps, in KiB: nobody else changes them.
const WRITERS_CACHE: i64 = 16_384;
/// Long reads at a time.
const LONG_READS: usize = 4;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// The one that writes; each commit is on the disk when it is answered.
    Write,
    /// Reads; waits for no one.
    LookUp,
    /// Reads; waits while the file is locked.
    Read,
}

pub(super) fn open(path: &Path, purpose: Use) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.set_prepared_statement_cache_capacity(PREPARED);
    conn.busy_timeout(match purpose {
        // Planted, who finds the file in use gives up.
        Use::Write | Use::Read if planted(Fault::BusyNotRetried) => Duration::ZERO,
        Use::Write | Use::Read => BUSY,
        Use::LookUp => Duration::ZERO,
    })?;
    // One plan for a statement, whatever it is asked with: else it is parsed and planned anew for other values, which
    // takes longer than the statement.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    match purpose {
        Use::Write => {
            conn.pragma_update(None, "journal_mode", "wal")?;
            conn.pragma_update(None, "synchronous", "full")?;
            // What a savepoint takes back stays in memory: else each batch made a file, and unlinked it.
            conn.pragma_update(None, "temp_store", "memory")?;
            conn.pragma_update(None, "cache_size", -WRITERS_CACHE)?;
            wal::counted(&conn);
        }
        Use::LookUp | Use::Read => conn.pragma_update(None, "query_only", true)?,
    }
    Ok(conn)
}

/// A statement with its parameters: `$n` is the n-th, wherever it stands in the text.
fn prepared<'c>(
    conn: &'c Connection,
    sql: &str,
    args: &[Arg],
) -> rusqlite::Result<CachedStatement<'c>> {
    let mut statement = conn.prepare_cached(sql)?;
    for index in 1..=statement.parameter_count() {
        let number = statement.parameter_name(index).and_then(|name| {
            let number: usize = name.strip_prefix('$')?.parse().ok()?;
            number.checked_sub(1)
        });
        match number.and_then(|number| args.get(number)) {
            Some(Arg::Text(text)) => statement.raw_bind_parameter(index, text)?,
            Some(Arg::Int(number)) => statement.raw_bind_parameter(index, number)?,
            None => return Err(rusqlite::Error::InvalidParameterCount(index, args.len())),
        }
    }
    Ok(statement)
}

pub(super) fn execute(conn: &Connection, sql: &str, args: &[Arg]) -> rusqlite::Result<u64> {
    let rows = prepared(conn, sql, args)?.raw_execute()?;
    Ok(u64::try_from(rows).unwrap_or(u64::MAX))
}

pub(super) fn fetch<R: Filled>(
    conn: &Connection,
    sql: &str,
    args: &[Arg],
) -> rusqlite::Result<Vec<R>> {
    let mut statement = prepared(conn, sql, args)?;
    let mut found = statement.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(R::from_sqlite(row)?);
    }
    Ok(rows)
}

/// Connections that only read. As many as ever read at once; they are kept.
pub(super) struct Reading {
    path: PathBuf,
    for_keys: Mutex<Vec<Connection>>,
    for_many: Mutex<Vec<Connection>>,
    long: Semaphore,
    closed: AtomicBool,
    here: Arc<Here>,
}

impl Reading {
    pub(super) fn new(path: PathBuf, here: Arc<Here>) -> Arc<Self> {
        Arc::new(Self {
            path,
            here,
            for_keys: Mutex::default(),
            for_many: Mutex::default(),
            long: Semaphore::new(LONG_READS),
            closed: AtomicBool::new(false),
        })
    }

    /// Reads here and now.
    pub(super) fn look_up<R: Filled>(&self, sql: &str, args: &[Arg]) -> Result<Vec<R>, Failed> {
        self.read(Use::LookUp, sql, args)
    }

    /// Reads on a thread for blocking work.
    pub(super) async fn fetch<R: Filled>(
        self: &Arc<Self>,
        sql: &'static str,
        args: &[Arg],
    ) -> Result<Vec<R>, Failed> {
        if self.here.stays() {
            return self.read(Use::Read, sql, args);
        }
        let _turn = self.long.acquire().await.map_err(|_| Failed::Closed)?;
        let (readers, args) = (Arc::clone(self), args.to_vec());
        tokio::task::spawn_blocking(move || readers.read(Use::Read, sql, &args))
            .await
            .map_err(|_| Failed::Closed)?
    }

    fn read<R: Filled>(&self, purpose: Use, sql: &str, args: &[Arg]) -> Result<Vec<R>, Failed> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Failed::Closed);
        }
        let idle = self.idle(purpose).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => open(&self.path, purpose)?,
        };
        let rows = fetch(&conn, sql, args);
        self.idle(purpose).push(conn);
        Ok(rows?)
    }

    fn idle(&self, purpose: Use) -> MutexGuard<'_, Vec<Connection>> {
        let idle = match purpose {
            Use::LookUp => &self.for_keys,
            Use::Read | Use::Write => &self.for_many,
        };
        idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.idle(Use::LookUp).clear();
        self.idle(Use::Read).clear();
    }
}
