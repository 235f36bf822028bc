//! The bot of the demo: the real one, in a process of its own, so that it can be killed for real.
//!
//! The parent writes lines to its standard input, the child answers on its standard output: `move N` sets the clock N seconds
//! ahead; `next` asks in how many seconds the next event is due, and which it is. A closed standard input ends the child, so that it never outlives the demo.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::world::Secrets;

/// How long the bot may take until it is ready, and to answer a line.
const PATIENCE: Duration = Duration::from_secs(20);

/// All that the process gets by its environment.
pub(super) struct Settings {
    pub(super) folder: PathBuf,
    pub(super) listen: String,
    pub(super) slack_api_url: String,
    pub(super) secrets: Secrets,
}

/// What happens next.
pub(super) struct Upcoming {
    /// Ahead of the bot's clock.
    pub(super) seconds: i64,
    /// In words: `the warning`.
    pub(super) what: String,
}

/// A running bot.
pub(super) struct Bot {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Bot {
    /// Starts it and waits until it is ready.
    pub(super) async fn start(settings: &Settings, offset_seconds: i64) -> Result<Self> {
        let program = std::env::current_exe().context("where this program is")?;
        let mut command = Command::new(program);
        command
            .args(["demo", "--bot", "--offset", &offset_seconds.to_string()])
            .env_clear()
            .envs(std::env::var_os("RUST_LOG").map(|filter| ("RUST_LOG", filter)))
            .env("HALLPASS_CONFIG", settings.folder.join("hallpass.toml"))
            .env("HALLPASS_LISTEN", &settings.listen)
            .env("DATABASE_URL", database_url(&settings.folder))
            .env("STATE_DIRECTORY", settings.folder.join("state"))
            .env("SLACK_BOT_TOKEN", &settings.secrets.bot_token)
            .env("SLACK_SIGNING_SECRET", &settings.secrets.signing_secret)
            .env("SLACK_API_URL", &settings.slack_api_url)
            .env("ORDERS_SECRET", &settings.secrets.orders_secret)
            .current_dir(&settings.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().context("starting the bot")?;
        let input = child.stdin.take().context("the bot's standard input")?;
        let output = child.stdout.take().context("the bot's standard output")?;
        let mut bot = Self {
            child,
            input,
            output: BufReader::new(output).lines(),
        };
        match bot.answer().await?.as_str() {
            "ready" => Ok(bot),
            other => bail!("the bot said “{other}” instead of “ready”"),
        }
    }

    /// `kill -9`: no goodbye, nothing flushed.
    pub(super) async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("killing the bot")
    }

    /// Sets its clock `offset_seconds` ahead of the real one.
    pub(super) async fn move_clock(&mut self, offset_seconds: i64) -> Result<()> {
        self.ask(&format!("move {offset_seconds}")).await.map(drop)
    }

    /// The next event; none when nothing is scheduled.
    pub(super) async fn next_event(&mut self) -> Result<Option<Upcoming>> {
        let answer = self.ask("next").await?;
        if answer == "none" {
            return Ok(None);
        }
        let (seconds, what) = answer.split_once(' ').context("what comes next")?;
        Ok(Some(Upcoming {
            seconds: seconds.parse().context("the next event's time")?,
            what: what.to_owned(),
        }))
    }

    async fn ask(&mut self, line: &str) -> Result<String> {
        self.input
            .write_all(format!("{line}\n").as_bytes())
            .await
            .context("telling the bot")?;
        self.answer().await
    }

    async fn answer(&mut self) -> Result<String> {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await;
        line.context("the bot took too long to answer")??
            .context("the bot has ended")
    }
}

/// SQLite in the demo's folder.
pub(super) fn database_url(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("hallpass.db").display())
}
