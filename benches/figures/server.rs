//! A private `PostgreSQL` server: on 127.0.0.1 and a free port, data below the target folder, as durable as it comes out
//! of the box (`fsync`, `synchronous_commit`), gone when dropped. And `pgbench` against it.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use super::installed;

const MISSING: &str = "PostgreSQL is missing: run scripts/test-needs.sh, which installs it (Debian: apt-get install postgresql)";
const PATIENCE: Duration = Duration::from_secs(30);

/// The clients that `pgbench` plays: what the commit of one row is measured with.
pub(crate) const CLIENTS: usize = 8;

pub(crate) struct Server {
    port: u16,
    bin: PathBuf,
    user: Option<(u32, u32)>,
    postgres: Child,
    databases: AtomicU32,
    folder: TempDir,
}

impl Server {
    pub(crate) async fn start(place: &Path) -> Result<Self> {
        let bin = installed::programs().context(MISSING)?;
        let root = fs::metadata("/proc/self")?.uid() == 0;
        let user = if root {
            Some(installed::unprivileged().context("an unprivileged user")?)
        } else {
            None
        };
        let folder = tempfile::Builder::new()
            .prefix("postgres-")
            .tempdir_in(place)?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid))?;
        }
        initialise(&bin, user, folder.path())?;
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        drop(listener);
        let log = File::create(folder.path().join("log"))?;
        let postgres = command(&bin, "postgres", user, folder.path())
            .args([
                "-D",
                "data",
                "-h",
                "127.0.0.1",
                "-k",
                "",
                "-p",
                &port.to_string(),
            ])
            .args(["-c", "max_connections=100"])
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut server = Self {
            port,
            bin,
            user,
            postgres,
            databases: AtomicU32::new(0),
            folder,
        };
        server.answers().await?;
        Ok(server)
    }

    async fn answers(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            if let Ok(conn) = PgConnection::connect(&self.url("postgres")).await {
                return Ok(conn.close().await?);
            }
            let ended = self.postgres.try_wait()?.is_some();
            if ended || began.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                bail!("PostgreSQL doesn't start: {log}");
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://admin@127.0.0.1:{}/{database}", self.port)
    }

    /// The URL of a new, empty database.
    pub(crate) async fn fresh_database(&self) -> Result<String> {
        let name = format!("fresh_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut conn = PgConnection::connect(&self.url("postgres")).await?;
        let sql = format!("create database {name} template template0");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await?;
        conn.close().await?;
        Ok(self.url(&name))
    }

    /// Commits of one row a second, by eight clients of `pgbench`, for so many seconds.
    pub(crate) async fn one_row_commits(&self, seconds: u32) -> Result<f64> {
        let mut conn = PgConnection::connect(&self.url("postgres")).await?;
        sqlx::raw_sql(
            "create table if not exists line (id bigserial primary key, body text not null)",
        )
        .execute(&mut conn)
        .await?;
        conn.close().await?;
        let script = self.folder.path().join("one-row.sql");
        fs::write(
            &script,
            "insert into line (body) values ('order 4711 is stuck, INC-4711');\n",
        )?;
        let mut pgbench = command(&self.bin, "pgbench", self.user, self.folder.path());
        pgbench
            .args([
                "-h",
                "127.0.0.1",
                "-U",
                "admin",
                "-p",
                &self.port.to_string(),
            ])
            .args([
                "-n",
                "-M",
                "prepared",
                "-j",
                "2",
                "-c",
                &CLIENTS.to_string(),
            ])
            .args(["-T", &seconds.to_string(), "-f"])
            .arg(&script)
            .arg("postgres");
        let output = tokio::process::Command::from(pgbench)
            .output()
            .await
            .context("pgbench is missing: apt-get install postgresql")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate.and_then(|rest| rest.split(' ').next());
        rate.context("what pgbench said")?.parse().context("a rate")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = self.postgres.id().to_string();
        drop(Command::new("kill").args(["-INT", &id]).status());
        drop(self.postgres.wait());
    }
}

fn command(bin: &Path, name: &str, user: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(bin.join(name));
    command.current_dir(folder).stdin(Stdio::null());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// Makes an empty database cluster in `data`.
fn initialise(bin: &Path, user: Option<(u32, u32)>, folder: &Path) -> Result<()> {
    let made = command(bin, "initdb", user, folder)
        .args([
            "--pgdata=data",
            "--username=admin",
            "--auth=trust",
            "--no-instructions",
        ])
        .args(["--encoding=UTF8", "--locale=C"])
        .output()
        .context(MISSING)?;
    ensure!(
        made.status.success(),
        "initdb: {}",
        String::from_utf8_lossy(&made.stderr)
    );
    Ok(())
}
