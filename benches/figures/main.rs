//! `make bench`: what is claimed about speed and size, as ratios that one run measured.
//!
//! The bot is the real binary in a process of its own; Slack is the sandbox, over HTTP; the peers and the limits are
//! measured in turn with it, on the same disk, so that whatever else the machine does falls on all of them. A round
//! goes through everything once; the table shows the median, the least and the most of the rounds.
//! Nothing is asserted here: a figure is to be read, and asked for its cause.

mod bot;
mod commands;
mod commits;
mod cycles;
mod ends;
mod inside;
mod memory;
mod peer;
mod rival_apps;
mod rivals;
mod round;
mod server;
mod table;
mod workplace;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mimalloc::MiMalloc;

use rival_apps::Apps;
use round::Place;
use server::Server;
use table::Table;

/// As the program's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// As many as a median needs to stand still on a shared machine.
const ROUNDS: usize = 7;

/// What is measured in this process, each in a folder of its own.
const PARTS: [&str; 5] = ["sqlite", "postgres", "timers", "ends", "lateness"];

#[tokio::main]
async fn main() -> Result<()> {
    // Cargo says `--bench`; the rest is ours.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["peer", database] => peer::serve(database).await,
        ["part", name, rounds, ..] => part(name, rounds.parse()?).await,
        ["--rounds", rounds, ..] => measure(rounds.parse().context("how many rounds")?).await,
        _ => measure(ROUNDS).await,
    }
}

async fn measure(rounds: usize) -> Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let place = Place::new(target.clone()).await?;
    let apps = Apps::install(target.parent().context("the target folder")?).await?;
    let mut table = Table::default();
    for number in 1..=rounds {
        table::progress(&format!("round {number} of {rounds}"));
        round::run(&place, &apps, &mut table)
            .await
            .with_context(|| format!("round {number}"))?;
        for name in PARTS {
            let dir = tempfile::tempdir_in(&target)?;
            engine(name, &target, dir.path(), &mut table)
                .await
                .with_context(|| format!("{name}, round {number}"))?;
        }
    }
    table.print(&place.conditions());
    Ok(())
}

/// A part by its name, for whoever works at it.
async fn part(name: &str, rounds: usize) -> Result<()> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let place = Place::new(target.clone()).await?;
    let mut table = Table::default();
    for number in 1..=rounds {
        table::progress(&format!("{name}, round {number} of {rounds}"));
        let dir = tempfile::tempdir_in(&target)?;
        engine(name, &target, dir.path(), &mut table).await?;
    }
    table.print(&place.conditions());
    Ok(())
}

/// The rows of the durable engine, in this process.
async fn engine(name: &str, target: &Path, folder: &Path, table: &mut Table) -> Result<()> {
    match name {
        "sqlite" => cycles::on_sqlite(folder, table).await,
        "timers" => ends::with_timers(folder, table).await,
        "lateness" => ends::lateness(folder, table).await,
        "postgres" => {
            let server = Server::start(target).await?;
            cycles::on_postgres(folder, &server, table).await
        }
        "ends" => {
            let server = Server::start(target).await?;
            let apps = Apps::install(target.parent().context("the target folder")?).await?;
            ends::at_once(folder, &server, &apps, table).await
        }
        other => anyhow::bail!("there is no part {other}; there are: {}", PARTS.join(", ")),
    }
}
