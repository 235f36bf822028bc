//! `SQLite`'s write-ahead log: what was committed is carried over into the file by a thread of its own, while commits go
//! on. (To `SQLite` that is a checkpoint; here those are what the audit record is signed by.) Left to itself, the commit
//! that finds a thousand pages in the log carries them over before it is answered.

use std::cell::Cell;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use super::file::{self, Use};

/// Pages in the log for which it is worth while: `SQLite`'s own measure.
const ENOUGH: i32 = 1_000;
/// Steps of [`ENOUGH`] after which the writer waits for it: else the log of a busy file never began anew. After a kill 16 MiB
/// are read again in some ten milliseconds.
const STEPS: i32 = 4;

thread_local! {
    /// Pages in the log after the last commit of this thread.
    static PAGES: Cell<i32> = const { Cell::new(0) };
}

/// Counts what this connection commits. Nothing is carried over by a commit any more.
pub(super) fn counted(conn: &Connection) {
    conn.wal_hook(Some(|_, pages| {
        PAGES.set(pages);
        Ok(())
    }));
}

/// The log as its writer knows it. Whoever drops it waits for the thread.
pub(super) struct Log {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    step: i32,
}

impl Log {
    pub(super) fn of(path: &Path) -> Self {
        let (wake, woken) = sync_channel(1);
        let path = path.to_owned();
        let thread = thread::Builder::new().name("wal".into());
        let thread = thread.spawn(move || whenever(&woken, &path));
        if let Err(error) = &thread {
            tracing::warn!(%error, "the writer carries the log over itself");
        }
        Self {
            wake: thread.is_ok().then_some(wake),
            thread: thread.ok(),
            step: 0,
        }
    }

    /// After a commit of the calling thread was answered.
    pub(super) fn grew(&mut self, conn: &Connection) {
        let before = std::mem::replace(&mut self.step, PAGES.get() / ENOUGH);
        if self.step <= before {
            return;
        }
        match &self.wake {
            // One that is awake finds what was added, too.
            Some(wake) if self.step < STEPS => drop(wake.try_send(())),
            _ => carried_over(conn),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn whenever(woken: &Receiver<()>, path: &Path) {
    let mut own = None;
    while woken.recv().is_ok() {
        if own.is_none() {
            own = file::open(path, Use::Read)
                .inspect_err(|error| tracing::warn!(%error, "the log can't be carried over"))
                .ok();
        }
        own.iter().for_each(carried_over);
    }
}

/// As far as nobody reads what is older. Waits for no one.
fn carried_over(conn: &Connection) {
    let done = conn.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()));
    if let Err(error) = done {
        tracing::warn!(%error, "the log can't be carried over");
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::super::file::{self, Use};
    use super::{ENOUGH, Log};

    /// Bytes of a page in the log, with its header.
    const PAGE: u64 = 4_096 + 24;

    struct Written {
        conn: Connection,
        log: Log,
        path: PathBuf,
        _folder: TempDir,
    }

    impl Written {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("one.db");
            Connection::open(&path).unwrap();
            let conn = file::open(&path, Use::Write).unwrap();
            conn.execute_batch("create table one (body blob)").unwrap();
            Self {
                conn,
                log: Log::of(&path),
                path,
                _folder: folder,
            }
        }

        /// More pages than that, in commits of some ten each.
        fn pages(&mut self, number: i32) {
            for _ in 0..number / 10 {
                let commit = "insert into one values (zeroblob(40960))";
                self.conn.execute_batch(commit).unwrap();
                self.log.grew(&self.conn);
            }
        }

        fn size(&self, suffix: &str) -> u64 {
            let path = format!("{}{suffix}", self.path.display());
            std::fs::metadata(path).map_or(0, |file| file.len())
        }
    }

    #[test]
    fn the_log_is_carried_over_while_nobody_commits() {
        let mut written = Written::new();
        written.pages(ENOUGH);
        let began = Instant::now();
        // Some pages stand in the log more than once.
        let most_of_it = u64::try_from(ENOUGH / 2).unwrap() * 4_096;
        while written.size("") < most_of_it {
            assert!(began.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn the_log_of_a_busy_file_begins_anew() {
        let mut written = Written::new();
        written.pages(20 * ENOUGH);
        let half = u64::try_from(10 * ENOUGH).unwrap() * PAGE;
        assert!(written.size("-wal") < half, "{}", written.size("-wal"));
    }
}
