//! kill -9 with 100,000 live grants: how long from the new start until the first command is acknowledged, over the same
//! with none. The grants were asked for, approved and given by the use cases themselves, so that all that is on record
//! of them proves them; before anything is measured, the reconciler has looked at every one and left it alone.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hallpass::store::Store;
use tempfile::TempDir;

use super::bot::{self, Bot};
use super::commands::Sender;
use super::commits;
use super::cycles;
use super::inside::Inside;
use super::server::Server;
use super::surroundings::Surroundings;
use super::table::{self, Table, Unit};
use super::workplace;

pub(crate) const GRANTS: usize = 100_000;
/// Longer than a bench takes.
const LENGTH: &str = "4h";
/// Of each in a round, in turn.
const RESTARTS: usize = 3;
/// Who asks while it is killed.
const CROWD: usize = 32;
/// Whose first command is timed, in turn: only so many requests of one person may wait.
const FIRST: std::ops::Range<usize> = CROWD..workplace::ASKERS;
/// How long the crowd asks before the kill.
const UNDER_WAY: Duration = Duration::from_millis(100);
/// The scan of the ledger looks at 200 grants at a time, with a breath in between.
const SCANNED_WITHIN: Duration = Duration::from_secs(1_200);
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Two records, over which a bot is killed and started in all rounds.
pub(crate) struct Killed {
    section: String,
    grants: usize,
    none: Surroundings,
    many: Surroundings,
    _server: Option<Server>,
    _folder: TempDir,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Killed {
    pub(crate) async fn prepared(place: &Path, on: Database, grants: usize) -> Result<Self> {
        let folder = tempfile::tempdir_in(place)?;
        let (name, server) = match on {
            Database::Sqlite => ("SQLite", None),
            Database::Postgres => ("PostgreSQL", Some(Server::start(place).await?)),
        };
        let database = async |name: &str| match &server {
            None => Ok(workplace::sqlite(&folder.path().join(name))),
            Some(server) => server.fresh_database().await,
        };
        let none = database("none.db").await?;
        let none = Surroundings::new(folder.path().join("none"), none, HashSet::new()).await?;
        let many = database("many.db").await?;
        given(folder.path(), &many, grants).await?;
        let holders = (0..grants).map(|one| workplace::principal(&workplace::asker(one)));
        let home = folder.path().join("many");
        let many = Surroundings::new(home, many, holders.collect()).await?;
        let killed = Self {
            section: format!(
                "kill -9 with {grants} live grants, on {name}: start to first acknowledged"
            ),
            grants,
            none,
            many,
            _server: server,
            _folder: folder,
        };
        killed.scanned().await?;
        Ok(killed)
    }

    /// Lets a bot look at everything once; it dies over it, too.
    async fn scanned(&self) -> Result<()> {
        table::progress("every grant is looked at");
        let bot = self.many.serve().await?;
        let store = commits::open(&self.many.database).await?;
        let all = self
            .many
            .target
            .until(SCANNED_WITHIN, |log| log.looked_at.len() >= self.grants);
        let (looked_at, through) = tokio::join!(all, ledger_through(&store));
        looked_at?;
        through?;
        store.close().await;
        bot.dies().await?;
        self.all_live().await
    }

    /// By the record, and by the target's own log.
    async fn all_live(&self) -> Result<()> {
        let store = commits::open(&self.many.database).await?;
        let live = store.counts().await?.live_grants;
        store.close().await;
        let grants = self.grants;
        ensure!(
            live == i64::try_from(grants)?,
            "{live} of {grants} grants still live"
        );
        let taken = self.many.target.log().taken;
        ensure!(taken == 0, "access was taken away {taken} times");
        Ok(())
    }

    pub(crate) async fn measure(&self, table: &mut Table) -> Result<()> {
        let section = &self.section;
        let (mut without, mut with) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..RESTARTS {
            without += restarted(&self.none).await?;
            with += restarted(&self.many).await?;
        }
        self.all_live().await?;
        let version = bot::version().await?;
        table.note_time(
            section,
            "limit: `hallpass --version`, any start at all",
            version,
        );
        let each = u32::try_from(RESTARTS)?;
        table.note_time(section, "with none", without / each);
        let figure = format!("with {}", self.grants);
        table.note_time(section, &figure, with / each);
        table.note(
            section,
            "the one over the other (at most 1.2)",
            Unit::Ratio,
            with.as_secs_f64() / without.as_secs_f64(),
        );
        Ok(())
    }
}

/// Every grant asked for, approved and given, to one person each; nothing is left to be done or sealed.
async fn given(folder: &Path, database: &str, grants: usize) -> Result<()> {
    table::progress(&format!("{grants} grants are given"));
    let inside = Arc::new(Inside::start(folder, database).await?);
    inside.mailbox.close();
    inside.meet(grants).await?;
    inside.give(grants, LENGTH).await?;
    inside.settled_to_last().await?;
    cycles::drained(inside).await
}

/// From its beginning to its end: the place where the next page begins moves on, and is empty again after the last.
async fn ledger_through(store: &Store) -> Result<()> {
    let through = async {
        for begun in [true, false] {
            while store.scan_place("ledger").await?.is_empty() == begun {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(SCANNED_WITHIN, through)
        .await
        .context("the ledger wasn't looked through in time")?
}

/// Killed while people ask, and started again: from just before the start to the first ask that is on record.
async fn restarted(around: &Surroundings) -> Result<Duration> {
    let bot = around.serve().await?;
    let sender = Sender::to(bot.address);
    let crowd = tokio::spawn(async move { sender.ask(0..CROWD, 4).await });
    tokio::time::sleep(UNDER_WAY).await;
    bot.dies().await?;
    // Whoever still asked got no answer.
    drop(crowd.await?);
    let bot = around.serve().await?;
    acknowledged(&bot).await?;
    let took = bot.began.elapsed();
    bot.ready().await?;
    bot.stop().await?;
    Ok(took)
}

async fn acknowledged(bot: &Bot) -> Result<()> {
    static RESTARTED: AtomicUsize = AtomicUsize::new(0);
    let asker = FIRST.start + RESTARTED.fetch_add(1, Ordering::Relaxed) % FIRST.len();
    let sender = Sender::to(bot.address);
    let until = Instant::now() + ACKNOWLEDGED_WITHIN;
    loop {
        match sender.ask_once(asker).await {
            Ok(_) => return Ok(()),
            Err(_) if Instant::now() < until => {}
            Err(error) => return Err(error),
        }
    }
}
