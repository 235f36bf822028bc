//! Resident memory of `hallpass serve` with many pending timers less that with few: a process of its own for each, once
//! it has worked and rests.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use hallpass::domain::effect::Subject;
use hallpass::domain::{Change, Effect, EffectChange, EffectKind, GrantId};
use hallpass::ports::{Clock, Entropy};
use hallpass::store::Applied;
use hallpass::wiring::{SystemClock, SystemEntropy};

use super::memory::{self, Resident};
use super::server::Server;
use super::surroundings::Surroundings;
use super::table::{Table, Unit};
use super::{Size, commits, workplace};

const FEW: usize = 10_000;
const MANY: usize = 1_000_000;
/// Timers that are written in one commit.
const AT_ONCE: usize = 5_000;
/// What the bot does before it is measured.
const CYCLES: usize = 20;

pub(crate) async fn on_sqlite(folder: &Path, size: Size, table: &mut Table) -> Result<()> {
    let file = |name: &str| workplace::sqlite(&folder.join(name));
    let databases = [file("few.db"), file("many.db")];
    measure("SQLite", folder, databases, size, table).await
}

/// The server's own memory isn't the bot's.
pub(crate) async fn on_postgres(
    folder: &Path,
    server: &Server,
    size: Size,
    table: &mut Table,
) -> Result<()> {
    let databases = [
        server.fresh_database().await?,
        server.fresh_database().await?,
    ];
    measure("PostgreSQL", folder, databases, size, table).await
}

async fn measure(
    on: &str,
    folder: &Path,
    [few, many]: [String; 2],
    size: Size,
    table: &mut Table,
) -> Result<()> {
    let section = format!("Resident memory of `hallpass serve` with pending timers, on {on}");
    let (fewer, more) = (size.of(FEW), size.of(MANY));
    let with_few = rested(folder, few, fewer).await?;
    let with_many = rested(folder, many, more).await?;
    let mut note = |figure: &str, value| table.note(&section, figure, Unit::MiB, value);
    note(&format!("{fewer} pending, worked, at rest"), with_few.all);
    note(&format!("{more} pending, worked, at rest"), with_many.all);
    let more = with_many.all - with_few.all;
    note("the one less the other (at most 64)", more);
    let more = with_many.anonymous - with_few.anonymous;
    note("the same without file pages", more);
    Ok(())
}

/// A bot over a database with so many timers, after some work.
async fn rested(folder: &Path, database: String, timers: usize) -> Result<Resident> {
    let last = fill(&database, timers).await?;
    let home = folder.join(format!("home-with-{timers}"));
    let around = Surroundings::new(home, database, HashSet::new()).await?;
    let bot = around.serve().await?;
    bot.ready().await?;
    for number in 0..CYCLES {
        around.cycle(number).await?;
    }
    bot.ready().await?;
    let resident = memory::at_rest(bot.id()?).await?;
    bot.stop().await?;
    let store = commits::open(&around.database).await?;
    let pending = store.has_effect(&last, &EffectKind::Expire).await?;
    store.close().await;
    ensure!(pending, "the timers are no longer pending");
    Ok(resident)
}

/// Ends of grants, a year ahead and a millisecond apart; answers whose the last one is.
async fn fill(database: &str, timers: usize) -> Result<Subject> {
    let store = commits::open(database).await?;
    store.migrate().await?;
    let ahead = SystemClock::default().now() + TimeDelta::days(365);
    let mut last = Subject::Ledger;
    for first in (0..timers).step_by(AT_ONCE) {
        let mut effects = Vec::with_capacity(AT_ONCE);
        for number in first..timers.min(first + AT_ONCE) {
            last = Subject::Grant(GrantId::new(SystemEntropy.id()));
            let due = ahead + TimeDelta::milliseconds(i64::try_from(number)?);
            let timer = Effect::timer(last.clone(), EffectKind::Expire, due);
            effects.push(EffectChange::Schedule(timer));
        }
        let change = Change {
            effects,
            ..Change::default()
        };
        let applied = store.apply_one(change).await?;
        ensure!(
            applied == Applied::Done,
            "timers were answered: {applied:?}"
        );
    }
    store.close().await;
    Ok(last)
}
