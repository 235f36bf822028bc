//! Commands and their peers in turn: the same number of each, in slices, once by one client and once by a crowd.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hallpass::ports::Clock;
use hallpass::store::Store;
use hallpass::wiring::SystemClock;

use super::bot::Bot;
use super::commands::Sender;
use super::commits::{self, Raw, Stored};
use super::rival_apps::Apps;
use super::table::{Table, Times, Unit, millis};
use super::workplace;

/// Commands and commits come in slices, in turn, so that a disturbance falls on all.
const SLICES: usize = 4;
/// Of one client, for each slice. Its people ask in turn, so that none has more waiting than one person may: twenty.
const ALONE: usize = 50;
const ALONE_PEOPLE: usize = 10;
const CROWD: usize = 32;
/// Of each of the crowd, for each slice.
const EACH: usize = 5;
/// How long what follows the commands may take until it is done.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What stands in turn against each other.
struct Rivals {
    sender: Arc<Sender>,
    stored: Arc<Stored>,
    raw: Arc<Raw>,
    /// The same commands to an app on Bolt JS.
    bolt: Arc<Sender>,
    /// The bot's own database, read from here to see when it rests.
    bots: Store,
}

/// How many ask at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clients {
    One,
    Crowd,
}

#[derive(Default)]
struct Taken {
    commands: Times,
    helps: Times,
    commits: Times,
    rows: Times,
    bolt: Times,
    /// Spent with commands, for the rate.
    spent: Duration,
    bolt_spent: Duration,
}

/// All of one round, against a bot that serves `hallpass.db` in `folder`.
pub(crate) async fn measure(
    folder: &Path,
    bot: &Bot,
    apps: &Apps,
    table: &mut Table,
) -> Result<()> {
    let peer = apps
        .bolt(&folder.join("bolt.db"), workplace::SIGNING_SECRET)
        .await?;
    let configuration = folder.join("hallpass.toml");
    let rivals = Rivals {
        sender: Sender::to(bot.address),
        stored: Stored::new(&configuration, &folder.join("stored.db")).await?,
        raw: Raw::new(&folder.join("raw.db")).await?,
        bolt: Sender::to(peer.address),
        bots: commits::open(&workplace::sqlite(&folder.join("hallpass.db"))).await?,
    };
    rivals.warm_up().await?;
    for clients in [Clients::One, Clients::Crowd] {
        let taken = rivals.take(clients).await?;
        note_times(table, clients, &taken);
    }
    peer.stop().await?;
    rivals.stored.close().await;
    rivals.bots.close().await;
    Ok(())
}

impl Rivals {
    /// The first sight of a person is a commit of its own; who was seen is known for a minute.
    async fn warm_up(&self) -> Result<()> {
        for asker in 0..workplace::ASKERS {
            self.sender.help(asker).await?;
        }
        self.rest().await
    }

    async fn take(&self, clients: Clients) -> Result<Taken> {
        let mut taken = Taken::default();
        let before = self.on_record().await?;
        for slice in 0..SLICES {
            let began = Instant::now();
            taken.commands.extend(self.commands(clients, slice).await?);
            taken.spent += began.elapsed();
            self.rest().await?;
            if clients == Clients::Crowd {
                let people = ALONE_PEOPLE..ALONE_PEOPLE + CROWD;
                let began = Instant::now();
                taken.bolt.extend(self.bolt.ask(people, EACH).await?);
                taken.bolt_spent += began.elapsed();
            }
            if clients == Clients::One {
                taken.helps.extend(self.helps().await?);
            }
            let (callers, times) = match clients {
                Clients::One => (1, ALONE),
                Clients::Crowd => (CROWD, EACH),
            };
            taken
                .commits
                .extend(self.stored.commit(callers, times).await?);
            taken.rows.extend(self.raw.commit(callers, times).await?);
        }
        let recorded = self.on_record().await? - before;
        let sent = i64::try_from(taken.commands.len())?;
        ensure!(
            recorded == sent,
            "{sent} asks were acknowledged, {recorded} are on record"
        );
        Ok(taken)
    }

    async fn helps(&self) -> Result<Vec<Duration>> {
        let mut took = Vec::with_capacity(ALONE);
        for number in 0..ALONE {
            took.push(self.sender.help(number % ALONE_PEOPLE).await?);
        }
        Ok(took)
    }

    async fn commands(&self, clients: Clients, slice: usize) -> Result<Vec<Duration>> {
        if clients == Clients::Crowd {
            let people = ALONE_PEOPLE..ALONE_PEOPLE + CROWD;
            return self.sender.ask(people, EACH).await;
        }
        let mut took = Vec::with_capacity(ALONE);
        for number in 0..ALONE {
            let asker = (slice * ALONE + number) % ALONE_PEOPLE;
            took.extend(self.sender.ask(asker..asker + 1, 1).await?);
        }
        Ok(took)
    }

    /// How many requests the bot's database holds.
    async fn on_record(&self) -> Result<i64> {
        let counts = self.bots.counts().await?;
        Ok(counts.requests.iter().map(|(_, number)| number).sum())
    }

    /// Waits until the bot has carried out what follows from the commands: cards, messages.
    async fn rest(&self) -> Result<()> {
        let clock = SystemClock::default();
        let resting = async {
            loop {
                let now = clock.now();
                // What is in flight is due at its lease's end, later than now: it counts only by its claim's finish.
                let soon = now + chrono::TimeDelta::seconds(30);
                if self.bots.lanes().await?.iter().all(|(_, due)| *due > soon) {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(PATIENCE, resting)
            .await
            .context("the bot didn't come to rest")?
    }
}

fn note_times(table: &mut Table, clients: Clients, taken: &Taken) {
    let number = taken.commands.len();
    let title = match clients {
        Clients::One => format!("One client at a time, {number} commands a round"),
        Clients::Crowd => format!("{CROWD} clients at once, {number} commands a round"),
    };
    let kinds = [
        ("signed command to acknowledged", &taken.commands),
        ("peer: the same commands to Bolt JS", &taken.bolt),
        (
            "peer: the store's own commit of an ask's change",
            &taken.commits,
        ),
        (
            "limit: one row, one commit, SQLite synchronous=FULL",
            &taken.rows,
        ),
        (
            "for comparison: a signed command that writes nothing",
            &taken.helps,
        ),
    ];
    for percent in [50, 99] {
        for (kind, times) in kinds.iter().filter(|(_, times)| times.len() > 0) {
            let figure = format!("{kind}, p{percent}");
            table.note_time(&title, &figure, times.percentile(percent));
        }
    }
    let ratios = [
        (
            "command over the store's commit",
            &taken.commands,
            &taken.commits,
        ),
        (
            "the store's commit over SQLite's",
            &taken.commits,
            &taken.rows,
        ),
    ];
    for (figure, one, other) in ratios {
        for percent in [50, 99] {
            let ratio = millis(one.percentile(percent)) / millis(other.percentile(percent));
            table.note(&title, &format!("{figure}, p{percent}"), Unit::Ratio, ratio);
        }
    }
    let rate = f64::from(u32::try_from(number).unwrap_or(u32::MAX)) / taken.spent.as_secs_f64();
    table.note(&title, "commands acknowledged", Unit::PerSecond, rate);
    if clients == Clients::Crowd {
        let ratio = taken.bolt_spent.as_secs_f64() / taken.spent.as_secs_f64();
        table.note(
            &title,
            "acknowledged a second over Bolt's (at least 3)",
            Unit::Ratio,
            ratio,
        );
        let late = millis(taken.commands.percentile(99)) / millis(taken.bolt.percentile(99));
        table.note(&title, "p99 over Bolt's (at most 1)", Unit::Ratio, late);
    }
}
