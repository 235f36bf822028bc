//! The ends of grants: how late one is at rest, how long ten thousand at once take, and what waiting timers cost.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use futures_util::future::try_join_all;
use hallpass::domain::EventKind;

use super::cycles::{self, CROWD, PEOPLE};
use super::inside::{Inside, caller};
use super::rival_apps::Apps;
use super::server::Server;
use super::table::{Table, Times, Unit, millis};

const AT_ONCE: &str = "10,000 grants due in one second, ended and verified, on PostgreSQL";
const GRANTS: usize = 10_000;
const CONCURRENCIES: [usize; 3] = [4, 16, 64];

const TIMERS: &str = "Cycles with pending timers, on SQLite";
const PENDING: &str = "100,000";
const LIVE: &str = "select id from access_grant where live limit 1";
/// Effects that are due in a year.
const FILL: &str = "with recursive n(n) as (select 1 union all select n + 1 from n where n < 100000) \
    insert into effect (subject, kind, lane, urgency, due, next_at, claimed, wanted, token, attempts) \
    select 'grant:timer-' || n, 'expire', 'internal', 0, 1e15 * 4 + n, 1e15 * 4 + n, false, 1, 0, 0 from n";
const SLICES: usize = 4;
const EACH: usize = 24;

const LATENESS: &str = "Lateness of an end at rest";
/// One after the other in a round; the shortest grant that the role gives.
const ENDS: usize = 12;

/// Against graphile-worker at its best.
pub(crate) async fn at_once(
    folder: &Path,
    server: &Server,
    apps: &Apps,
    table: &mut Table,
) -> Result<()> {
    let database = server.fresh_database().await?;
    let inside = Arc::new(Inside::start(folder, &database).await?);
    inside.mailbox.close();
    inside.meet(GRANTS).await?;
    let granting = (0..CROWD).map(|one| {
        let inside = Arc::clone(&inside);
        let work = async move {
            for person in (one..GRANTS).step_by(CROWD) {
                inside.grant(&caller(person)?, "1h").await?;
            }
            anyhow::Ok(())
        };
        tokio::spawn(work)
    });
    for done in try_join_all(granting).await? {
        done?;
    }
    inside.settled().await?;
    ensure!(
        inside.store.counts().await?.live_grants == 10_000,
        "all are given"
    );
    let began = Instant::now();
    inside.clock.advance(TimeDelta::minutes(61));
    let mut look = inside.watch.look().await?;
    // Counting them costs more than ending them: it is only looked whether one is left.
    while look.finds(LIVE).await? {
        ensure!(
            began.elapsed() < Duration::from_secs(300),
            "they didn't end in time"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ours = began.elapsed();
    cycles::drained(inside).await?;
    let mut best = f64::INFINITY;
    for concurrency in CONCURRENCIES {
        let database = server.fresh_database().await?;
        let took = apps.drain(&database, concurrency, GRANTS).await?;
        table.note(
            AT_ONCE,
            &format!("peer: graphile-worker, {GRANTS} no-op jobs, concurrency {concurrency}"),
            Unit::Millis,
            took,
        );
        best = best.min(took);
    }
    table.note_time(AT_ONCE, "from due to all ended and verified", ours);
    table.note(
        AT_ONCE,
        "peer's best over ours (at least 3)",
        Unit::Ratio,
        best / millis(ours),
    );
    Ok(())
}

pub(crate) async fn with_timers(folder: &Path, table: &mut Table) -> Result<()> {
    let start = async |name: &str| {
        let database = format!("sqlite://{}", folder.join(name).display());
        let inside = Arc::new(Inside::start(folder, &database).await?);
        inside.meet(PEOPLE).await?;
        inside.mailbox.close();
        anyhow::Ok(inside)
    };
    let (none, many) = (start("no-timers.db").await?, start("timers.db").await?);
    many.watch.execute(FILL).await?;
    for inside in [&none, &many] {
        cycles::crowd(inside, 0, EACH).await?;
    }
    let (mut without, mut with) = (0.0, 0.0);
    for slice in 1..=SLICES {
        without += cycles::crowd(&none, slice, EACH).await?;
        with += cycles::crowd(&many, slice, EACH).await?;
    }
    table.note(
        TIMERS,
        "cycles, none but their own pending",
        Unit::PerSecond,
        without / 4.0,
    );
    table.note(
        TIMERS,
        &format!("cycles, {PENDING} pending"),
        Unit::PerSecond,
        with / 4.0,
    );
    table.note(
        TIMERS,
        "the one over the other (at least 0.9)",
        Unit::Ratio,
        with / without,
    );
    cycles::drained(none).await?;
    cycles::drained(many).await
}

/// By the real clock, from the planned end to the record of the end.
pub(crate) async fn lateness(folder: &Path, table: &mut Table) -> Result<()> {
    let database = format!("sqlite://{}", folder.join("lateness.db").display());
    let inside = Arc::new(Inside::start(folder, &database).await?);
    inside.meet(ENDS).await?;
    inside.mailbox.close();
    let mut late = Times::default();
    let ends = (0..ENDS).map(|person| {
        let inside = Arc::clone(&inside);
        tokio::spawn(async move {
            // Each at a moment of its own.
            tokio::time::sleep(Duration::from_millis(317 * person as u64)).await;
            let id = inside.grant(&caller(person)?, "1m").await?;
            let ended = inside.watch.of(&id, EventKind::GrantEnded);
            inside.clock.advance(TimeDelta::seconds(0));
            tokio::time::timeout(Duration::from_secs(90), ended).await??;
            let now = hallpass::ports::Clock::now(inside.clock.as_ref());
            let request = inside.store.request(&id).await?.context("the request")?;
            let grants = inside.store.all_grants(1_000).await?;
            let grant = grants.iter().find(|grant| grant.request == request.id);
            let grant = grant.context("the grant")?;
            let hallpass::domain::grant::State::Ended {
                active_since: Some(since),
                ..
            } = &grant.state
            else {
                anyhow::bail!("it has ended");
            };
            let planned = *since + grant.duration.to_delta();
            Ok((now - planned).to_std()?)
        })
    });
    for took in try_join_all(ends).await? {
        late.extend([took?]);
    }
    for percent in [50, 99] {
        let figure = format!("planned end to the end on record, p{percent} (p99 at most 50 ms)");
        table.note_time(LATENESS, &figure, late.percentile(percent));
    }
    cycles::drained(inside).await
}
