//! The real binary as processes: `hallpass serve` from its start until it is told to stop, and `hallpass --version`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Client;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::workplace;

/// How long a process may take to be ready, and to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked whether it is ready: what the figure may be too high by.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A running `hallpass serve`.
pub(crate) struct Bot {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Just before it was started.
    pub(crate) began: Instant,
}

impl Bot {
    /// Starts it in a folder with `hallpass.toml` and waits until it is ready; and how long that took.
    pub(crate) async fn start(
        folder: &Path,
        database: &str,
        slack: &str,
    ) -> Result<(Self, Duration)> {
        let bot = Self::listening(folder, database, slack).await?;
        bot.ready().await?;
        let ready = bot.began.elapsed();
        Ok((bot, ready))
    }

    /// Waits until it is ready.
    pub(crate) async fn ready(&self) -> Result<()> {
        let (client, url) = (Client::new(), format!("http://{}/readyz", self.address));
        let ready = async {
            while !client.get(&url).send().await?.status().is_success() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, ready)
            .await
            .context("it wasn't ready in time")?
    }

    /// Starts it and waits only until it says where it listens.
    pub(crate) async fn listening(folder: &Path, database: &str, slack: &str) -> Result<Self> {
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_hallpass"))
            .arg("serve")
            .current_dir(folder)
            .env_clear()
            .envs(workplace::variables(folder, database, slack))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting hallpass serve")?;
        let address = tokio::time::timeout(PATIENCE, address(&mut child))
            .await
            .context("it didn't listen in time")??;
        Ok(Self {
            child,
            address,
            began,
        })
    }

    /// The process's id.
    pub(crate) fn id(&self) -> Result<u32> {
        self.child.id().context("the bot has ended")
    }

    /// kill -9.
    pub(crate) async fn dies(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// SIGTERM, and its end.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let id = self.id()?.to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().await?;
        ensure!(told.success(), "the bot couldn't be told to stop");
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = ended.context("it didn't stop in time")??;
        ensure!(status.success(), "it stopped with {status}");
        Ok(())
    }
}

/// Reads the log until it says where it listens; what it says later is read and dropped.
async fn address(child: &mut Child) -> Result<SocketAddr> {
    let log = child.stderr.take().context("the bot's log")?;
    let mut lines = BufReader::new(log).lines();
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await? {
        let address = line.split_once("serving address=").map(|(_, rest)| rest);
        let address = address.and_then(|rest| rest.split_whitespace().next());
        if let Some(address) = address {
            let address = address.parse().context("the address that it said")?;
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(address);
        }
        said.push(line);
    }
    bail!("it ended before it served: {}", said.join("\n"))
}

/// From start to end of `hallpass --version`: what any start of this binary costs.
pub(crate) async fn version() -> Result<Duration> {
    let began = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_hallpass"))
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .await?;
    ensure!(status.success(), "hallpass --version ended with {status}");
    Ok(began.elapsed())
}
