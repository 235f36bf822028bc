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
mod inside;
mod memory;
mod peer;
mod rivals;
mod round;
mod table;
mod workplace;

use std::path::PathBuf;

use anyhow::{Context, Result};

use round::Place;
use table::Table;

/// As many as a median needs to stand still on a shared machine.
const ROUNDS: usize = 7;

#[tokio::main]
async fn main() -> Result<()> {
    // Cargo says `--bench`; the rest is ours.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["peer", database] => peer::serve(database).await,
        ["cycles", rounds, ..] => only_cycles(rounds.parse()?).await,
        ["--rounds", rounds, ..] => measure(rounds.parse().context("how many rounds")?).await,
        _ => measure(ROUNDS).await,
    }
}

async fn measure(rounds: usize) -> Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let place = Place::new(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))).await?;
    let mut table = Table::default();
    for number in 1..=rounds {
        table::progress(&format!("round {number} of {rounds}"));
        round::run(&place, &mut table)
            .await
            .with_context(|| format!("round {number}"))?;
    }
    table.print(&place.conditions());
    Ok(())
}

async fn only_cycles(rounds: usize) -> Result<()> {
    let place = Place::new(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))).await?;
    let mut table = Table::default();
    for _ in 0..rounds {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        cycles::on_sqlite(dir.path(), &mut table).await?;
    }
    table.print(&place.conditions());
    Ok(())
}
