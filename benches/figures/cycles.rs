//! Full cycles a second: ask, approve, grant, end, verified, and all of it sealed. The limit is a commit of one row by the
//! same database. A slice is over when its last event has its place in the chain, so that sealing can't be put off; since
//! the sealer pauses up to 250 ms, a slice takes seconds.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;

use super::commits::Raw;
use super::inside::Inside;
use super::server::{CLIENTS, Server};
use super::table::{Table, Unit};

/// One at a time, for each slice.
const ALONE: usize = 600;
/// At once, and how many of each for each slice.
pub(crate) const CROWD: usize = 64;
const EACH: usize = 40;
/// Before anything counts.
const WARM_UP: usize = 6;
/// Measured in turn with the limit.
const SLICES: usize = 2;
/// Commits of one row, for each slice.
const ROWS: usize = 1_000;
const PGBENCH_SECONDS: u32 = 1;
/// Enough that nobody asks more often than people do.
pub(crate) const PEOPLE: usize = 2_560;

const SQLITE: &str = "Full cycles on SQLite: ask, approve, grant, end, verified, sealed";

const POSTGRES: &str = "Full cycles on PostgreSQL";

/// The limit: commits of one row by eight clients of `pgbench`.
pub(crate) async fn on_postgres(folder: &Path, server: &Server, table: &mut Table) -> Result<()> {
    let database = server.fresh_database().await?;
    let inside = Arc::new(Inside::start(folder, &database).await?);
    inside.meet(PEOPLE).await?;
    inside.mailbox.close();
    crowd(&inside, 0, WARM_UP).await?;
    let (mut many, mut rows) = (0.0, 0.0);
    for slice in 1..=SLICES {
        many += crowd(&inside, slice, EACH).await?;
        rows += server.one_row_commits(PGBENCH_SECONDS).await?;
    }
    let limit = format!("limit: pgbench, one insert a commit, {CLIENTS} clients");
    table.note(POSTGRES, &limit, Unit::PerSecond, rows / slices());
    let cycles = format!("cycles, {CROWD} in flight");
    table.note(POSTGRES, &cycles, Unit::PerSecond, many / slices());
    let ratio = format!("{CROWD} in flight over the limit (at least 1/4: 0.250)");
    table.note(POSTGRES, &ratio, Unit::Ratio, many / rows);
    drained(inside).await
}

#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn slices() -> f64 {
    SLICES as f64
}

pub(crate) async fn on_sqlite(folder: &Path, table: &mut Table) -> Result<()> {
    let database = format!("sqlite://{}", folder.join("cycles.db").display());
    let inside = Arc::new(Inside::start(folder, &database).await?);
    let raw = Raw::new(&folder.join("cycles-raw.db")).await?;
    inside.meet(PEOPLE).await?;
    inside.mailbox.close();
    // The first commits of a file are slower: it grows.
    raw.commit(1, ROWS * 2).await?;
    alone(&inside, 0, CROWD).await?;
    crowd(&inside, 0, WARM_UP).await?;
    let (mut one, mut many, mut rows) = (0.0, 0.0, 0.0);
    for slice in 1..=SLICES {
        one += alone(&inside, slice, ALONE).await?;
        many += crowd(&inside, slice, EACH).await?;
        rows += rate(ROWS, async { raw.commit(1, ROWS).await.map(drop) }).await?;
    }
    let slices = slices();
    table.note(
        SQLITE,
        "limit: commits of one row, WAL, synchronous=FULL",
        Unit::PerSecond,
        rows / slices,
    );
    table.note(
        SQLITE,
        "cycles, one at a time",
        Unit::PerSecond,
        one / slices,
    );
    table.note(
        SQLITE,
        &format!("cycles, {CROWD} in flight"),
        Unit::PerSecond,
        many / slices,
    );
    table.note(
        SQLITE,
        "one at a time over the limit (at least 1/15: 0.067)",
        Unit::Ratio,
        one / rows,
    );
    table.note(
        SQLITE,
        &format!("{CROWD} in flight over the limit (at least 1/3: 0.333)"),
        Unit::Ratio,
        many / rows,
    );
    drained(inside).await
}

pub(crate) async fn drained(inside: Arc<Inside>) -> Result<()> {
    match Arc::try_unwrap(inside) {
        Ok(inside) => inside.stop().await,
        Err(_) => anyhow::bail!("a cycle is still under way"),
    }
}

/// Cycles a second, one after the other, until all are sealed.
pub(crate) async fn alone(inside: &Inside, slice: usize, times: usize) -> Result<f64> {
    let took = rate(times, async {
        for number in 0..times {
            inside.cycle((slice * times + number) % PEOPLE).await?;
        }
        inside.sealed().await
    })
    .await?;
    inside.settled().await?;
    Ok(took)
}

/// Cycles a second, so many at once, until all are sealed.
pub(crate) async fn crowd(inside: &Arc<Inside>, slice: usize, each: usize) -> Result<f64> {
    let took = rate(CROWD * each, async {
        let first = slice * CROWD * each;
        let cycle = move |inside: Arc<Inside>, number| async move {
            inside.cycle((first + number) % PEOPLE).await
        };
        inside.for_each(CROWD * each, cycle).await?;
        inside.sealed().await
    })
    .await?;
    inside.settled().await?;
    Ok(took)
}

async fn rate(times: usize, work: impl Future<Output = Result<()>>) -> Result<f64> {
    let began = Instant::now();
    work.await?;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let times = times as f64;
    Ok(times / began.elapsed().as_secs_f64())
}
