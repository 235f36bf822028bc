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
#[path = "../../tests/it/support/installed.rs"]
mod installed;
mod killed;
mod memory;
mod peer;
mod pending;
mod rival_apps;
mod rivals;
mod round;
mod server;
mod surroundings;
mod table;
mod target;
mod workplace;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mimalloc::MiMalloc;

use killed::{Database, Killed};
use rival_apps::Apps;
use round::Place;
use server::Server;
use table::Table;
use tokio::sync::OnceCell;

/// As the program's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// As many as a median needs to stand still on a shared machine.
const ROUNDS: usize = 7;

/// What a round goes through, each in a folder of its own.
const PARTS: [&str; 10] = [
    "round",
    "sqlite",
    "postgres",
    "timers",
    "ends",
    "lateness",
    "memory",
    "memory-postgres",
    "killed",
    "killed-postgres",
];

/// How much is put into a database before it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Whole,
    /// A hundredth, to see that it works.
    Small,
}

impl Size {
    fn of(self, whole: usize) -> usize {
        match self {
            Self::Whole => whole,
            Self::Small => whole / 100,
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    // Cargo says `--bench`; the rest is ours.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["peer", database] => peer::serve(database).await,
        ["part", name, rounds, "small", ..] => part(name, rounds.parse()?, Size::Small).await,
        ["part", name, rounds, ..] => part(name, rounds.parse()?, Size::Whole).await,
        ["--rounds", rounds, ..] => measure(rounds.parse().context("how many rounds")?).await,
        _ => measure(ROUNDS).await,
    }
}

async fn measure(rounds: usize) -> Result<()> {
    let mut bench = Bench::new(Size::Whole).await?;
    for number in 1..=rounds {
        table::progress(&format!("round {number} of {rounds}"));
        for name in PARTS {
            let part = bench.part(name).await;
            part.with_context(|| format!("{name}, round {number}"))?;
        }
    }
    bench.table.print(&bench.place.conditions());
    Ok(())
}

/// A part by its name, for whoever works at it.
async fn part(name: &str, rounds: usize, size: Size) -> Result<()> {
    let mut bench = Bench::new(size).await?;
    for number in 1..=rounds {
        table::progress(&format!("{name}, round {number} of {rounds}"));
        bench.part(name).await?;
    }
    bench.table.print(&bench.place.conditions());
    Ok(())
}

/// What the rounds share.
struct Bench {
    folder: PathBuf,
    size: Size,
    place: Place,
    table: Table,
    /// Made by the first round that needs them, because that takes minutes.
    killed: OnceCell<Killed>,
    killed_postgres: OnceCell<Killed>,
}

impl Bench {
    async fn new(size: Size) -> Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        Ok(Self {
            place: Place::new(folder.clone()).await?,
            folder,
            size,
            table: Table::default(),
            killed: OnceCell::new(),
            killed_postgres: OnceCell::new(),
        })
    }

    fn target_folder(&self) -> Result<&Path> {
        self.folder.parent().context("the target folder")
    }

    /// One round of a part.
    async fn part(&mut self, name: &str) -> Result<()> {
        let dir = tempfile::tempdir_in(&self.folder)?;
        let (place, folder) = (&self.folder, dir.path());
        let server = || Server::start(place);
        let size = self.size;
        let killed = |on| move || Killed::prepared(place, on, size.of(killed::GRANTS));
        match name {
            "round" => {
                let apps = Apps::install(self.target_folder()?).await?;
                round::run(&self.place, &apps, &mut self.table).await
            }
            "sqlite" => cycles::on_sqlite(folder, &mut self.table).await,
            "postgres" => cycles::on_postgres(folder, &server().await?, &mut self.table).await,
            "timers" => ends::with_timers(folder, &mut self.table).await,
            "lateness" => ends::lateness(folder, &mut self.table).await,
            "ends" => {
                let apps = Apps::install(self.target_folder()?).await?;
                ends::at_once(folder, &server().await?, &apps, &mut self.table).await
            }
            "memory" => pending::on_sqlite(folder, size, &mut self.table).await,
            "memory-postgres" => {
                pending::on_postgres(folder, &server().await?, size, &mut self.table).await
            }
            "killed" => {
                let prepared = killed(Database::Sqlite);
                let killed = self.killed.get_or_try_init(prepared).await?;
                killed.measure(&mut self.table).await
            }
            "killed-postgres" => {
                let prepared = killed(Database::Postgres);
                let killed = self.killed_postgres.get_or_try_init(prepared).await?;
                killed.measure(&mut self.table).await
            }
            other => anyhow::bail!("there is no part {other}; there are: {}", PARTS.join(", ")),
        }
    }
}
