//! Peers that are written for Node.js: their packages are installed into a folder below the target folder, once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const PACKAGES: [&str; 4] = [
    "@slack/bolt@5",
    "better-sqlite3@12",
    "graphile-worker@0.17",
    "pg@8",
];

/// Where the scripts and their packages stand.
pub(crate) struct Apps(PathBuf);

impl Apps {
    /// # Errors
    /// Where Node.js is missing, or the packages can't be had: says what to install.
    pub(crate) async fn install(place: &Path) -> Result<Self> {
        let folder = place.join("bench-peers");
        let complete = folder.join("complete");
        if !complete.exists() {
            std::fs::create_dir_all(&folder)?;
            let mut npm = Command::new("npm");
            npm.arg("install")
                .arg("--prefix")
                .arg(&folder)
                .args(["--no-audit", "--no-fund", "--loglevel=error"])
                .args(PACKAGES);
            let status = npm.status().await;
            let status = status.context("npm is missing: apt-get install nodejs npm")?;
            ensure!(
                status.success(),
                "the peers can't be installed: npm install {} (better-sqlite3 needs make and g++)",
                PACKAGES.join(" ")
            );
            std::fs::write(complete, "")?;
        }
        for (name, text) in [
            ("bolt.cjs", include_str!("rival_apps/bolt.cjs")),
            ("graphile.cjs", include_str!("rival_apps/graphile.cjs")),
        ] {
            std::fs::write(folder.join(name), text)?;
        }
        Ok(Self(folder))
    }

    fn node(&self, script: &str) -> Command {
        let mut node = Command::new("node");
        node.arg(self.0.join(script))
            .env("NODE_ENV", "production")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        node
    }

    /// Milliseconds in which graphile-worker drains so many jobs that are all due.
    pub(crate) async fn drain(
        &self,
        database: &str,
        concurrency: usize,
        jobs: usize,
    ) -> Result<f64> {
        let mut node = self.node("graphile.cjs");
        node.args([database, &concurrency.to_string(), &jobs.to_string()]);
        let mut child = node
            .spawn()
            .context("node is missing: apt-get install nodejs")?;
        let said = said(&mut child, "ms ").await?;
        child.wait().await?;
        Ok(said.parse()?)
    }

    /// The Bolt app, listening.
    pub(crate) async fn bolt(&self, database: &Path, secret: &str) -> Result<Bolt> {
        let mut node = self.node("bolt.cjs");
        node.arg(database).arg(secret);
        let mut child = node
            .spawn()
            .context("node is missing: apt-get install nodejs")?;
        let port: u16 = said(&mut child, "port ").await?.parse()?;
        Ok(Bolt {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            child,
        })
    }
}

/// What follows `start` in the line that begins with it.
async fn said(child: &mut Child, start: &str) -> Result<String> {
    let output = child.stdout.take().context("the peer's output")?;
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(rest) = line.strip_prefix(start) {
            return Ok(rest.to_owned());
        }
    }
    anyhow::bail!("the peer ended")
}

/// A running Bolt app.
pub(crate) struct Bolt {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Bolt {
    pub(crate) async fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        self.child.wait().await?;
        Ok(())
    }
}
