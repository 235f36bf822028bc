//! One round: a bot that is started fresh, asked, stopped and started again, in turn with its peers and limits.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use slack_sandbox::Sandbox;
use tempfile::TempDir;

use super::bot::{self, Bot};
use super::commits;
use super::memory::{self, Resident};
use super::peer::Peer;
use super::rival_apps::Apps;
use super::rivals;
use super::table::{Table, Unit};
use super::workplace;

const START: &str = "Start of `hallpass serve` on SQLite";
const MEMORY: &str = "Resident memory at rest";

/// Where all rounds take place.
pub(crate) struct Place {
    folder: PathBuf,
}

/// One round's files, on the disk of the target folder.
struct Scene {
    slack: Sandbox,
    dir: TempDir,
}

impl Place {
    pub(crate) async fn new(folder: PathBuf) -> Result<Self> {
        tokio::fs::create_dir_all(&folder).await?;
        Ok(Self { folder })
    }

    /// What a reader must know to judge the figures.
    pub(crate) fn conditions(&self) -> String {
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load
            .split_whitespace()
            .take(3)
            .collect::<Vec<_>>()
            .join(" ");
        format!(
            "{cores} cores, load {load} at the end; {} on {}. `=` marks a ratio, taken within each round.",
            self.folder.display(),
            file_system(&self.folder).unwrap_or_else(|| "an unknown file system".into()),
        )
    }
}

/// The kind of the file system that holds a folder: a commit in memory would say nothing.
fn file_system(folder: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (point, kind) = (words.next()?, words.next()?);
        folder
            .starts_with(point)
            .then(|| (point.len(), kind.to_owned()))
    });
    mounts
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind)
}

impl Scene {
    async fn new(place: &Place) -> Result<Self> {
        let dir = tempfile::tempdir_in(&place.folder)?;
        // The backend is never called: nobody approves.
        workplace::configure(dir.path(), "http://127.0.0.1:9/hallpass")?;
        let slack = Sandbox::start_local(workplace::workspace()).await?;
        Ok(Self { slack, dir })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    async fn serve(&self) -> Result<(Bot, Duration)> {
        let database = workplace::sqlite(&self.file("hallpass.db"));
        Bot::start(self.dir.path(), &database, &self.slack.api_url()).await
    }
}

pub(crate) async fn run(place: &Place, apps: &Apps, table: &mut Table) -> Result<()> {
    let scene = Scene::new(place).await?;
    let bot = started(&scene, "fresh database", table).await?;
    let peer = Peer::start(&scene.file("peer.db")).await?;
    let (ours, least) = (rested(&bot).await?, memory::at_rest(peer.id()?).await?);
    peer.stop().await?;
    rivals::measure(scene.dir.path(), &bot, apps, table).await?;
    let worked = rested(&bot).await?;
    note_memory(table, ours, least, worked);
    bot.stop().await?;
    started(&scene, "existing database", table)
        .await?
        .stop()
        .await?;
    scene.slack.stop();
    Ok(())
}

/// `which` says what is at `hallpass.db`: nothing, or the requests of this round.
async fn started(scene: &Scene, which: &str, table: &mut Table) -> Result<Bot> {
    let version = bot::version().await?;
    let existing = scene.file("hallpass.db");
    let database = if existing.exists() {
        existing
    } else {
        scene.file("opened.db")
    };
    let began = Instant::now();
    let store = commits::open(&workplace::sqlite(&database)).await?;
    store.migrate().await?;
    let opened = began.elapsed();
    store.close().await;
    let (bot, ready) = scene.serve().await?;
    let limit = version + opened;
    table.note_time(START, &format!("{which}: start to /readyz 200"), ready);
    table.note_time(
        START,
        &format!("{which}: peer, `hallpass --version`"),
        version,
    );
    table.note_time(
        START,
        &format!("{which}: limit, open and migrate the file"),
        opened,
    );
    let ratio = ready.as_secs_f64() / limit.as_secs_f64();
    table.note(
        START,
        &format!("{which}: ready over peer and limit together"),
        Unit::Ratio,
        ratio,
    );
    Ok(bot)
}

async fn rested(bot: &Bot) -> Result<Resident> {
    for _ in 0..2 {
        bot.ready().await?;
    }
    memory::at_rest(bot.id()?).await
}

fn note_memory(table: &mut Table, ours: Resident, least: Resident, worked: Resident) {
    let mut note = |figure: &str, unit, value| table.note(MEMORY, figure, unit, value);
    note("hallpass serve, just started", Unit::MiB, ours.all);
    note(
        "hallpass serve, just started, without file pages",
        Unit::MiB,
        ours.anonymous,
    );
    note(
        "hallpass serve, after this round's commands",
        Unit::MiB,
        worked.all,
    );
    note(
        "peer: the least server of tokio, axum and sqlx",
        Unit::MiB,
        least.all,
    );
    note("peer, without file pages", Unit::MiB, least.anonymous);
    note("just started over peer", Unit::Ratio, ours.all / least.all);
    note(
        "after the commands over peer",
        Unit::Ratio,
        worked.all / least.all,
    );
}
