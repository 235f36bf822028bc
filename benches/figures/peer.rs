//! The peer of resident memory: the least server that tokio, axum and sqlx make, as a process of its own. It has a
//! migrated `SQLite` file open and answers one route from it, and does nothing else.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// What the process does: says where it listens, and serves until its standard input ends.
pub(crate) async fn serve(database: &str) -> Result<()> {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().connect_with(options).await?;
    sqlx::query("create table if not exists line (id integer primary key)")
        .execute(&pool)
        .await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("{}\n", listener.local_addr()?);
    tokio::io::stdout().write_all(address.as_bytes()).await?;
    let router = Router::new().route("/readyz", get(ready)).with_state(pool);
    let ended = async { drop(tokio::io::stdin().read(&mut [0]).await) };
    axum::serve(listener, router)
        .with_graceful_shutdown(ended)
        .await?;
    Ok(())
}

async fn ready(State(pool): State<SqlitePool>) -> Result<&'static str, StatusCode> {
    let found = sqlx::query("select 1").execute(&pool).await;
    found
        .map(|_| "ready\n")
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

/// The process, started and asked twice.
pub(crate) struct Peer(Child);

impl Peer {
    pub(crate) async fn start(database: &Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("peer")
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().context("the peer's output")?;
        let address = BufReader::new(output).lines().next_line().await?;
        let url = format!("http://{}/readyz", address.context("the peer ended")?);
        for _ in 0..2 {
            reqwest::get(&url).await?.error_for_status()?;
        }
        Ok(Self(child))
    }

    pub(crate) fn id(&self) -> Result<u32> {
        self.0.id().context("the peer has ended")
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        drop(self.0.stdin.take());
        self.0.wait().await?;
        Ok(())
    }
}
