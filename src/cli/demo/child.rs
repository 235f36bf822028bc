//! The demo's bot, inside its own process: what `serve` does, with a clock that its parent moves line by line.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::TimeDelta;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::say;
use crate::config::env::Process;
use crate::wiring::{self, MovableClock, NextEvent, Outside};

/// Serves until its standard input closes.
pub(super) async fn run(offset_seconds: i64) -> Result<ExitCode> {
    let env = wiring::environment(&Process, Path::new("."))?;
    crate::cli::start_log(&env.settings)?;
    let clock = Arc::new(MovableClock::default());
    clock.advance(TimeDelta::seconds(offset_seconds));
    let outside = Outside {
        clock: clock.clone(),
        ..Outside::system()
    };
    let loaded = wiring::configuration(&env.settings, &Process)?;
    let wired = wiring::serving(loaded, &env, &Process, outside).await?;
    let listen = env.settings.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("{listen} can't be listened on"))?;
    let stop = CancellationToken::new();
    tokio::spawn(obey(clock, wired.next_event(), stop.clone()));
    wired.serve(listener, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Reads the parent's lines and answers each with one.
async fn obey(clock: Arc<MovableClock>, next: NextEvent, stop: CancellationToken) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    say("ready");
    while let Ok(Some(line)) = lines.next_line().await {
        match line.split_once(' ') {
            Some(("move", seconds)) => {
                let wanted = TimeDelta::seconds(seconds.parse().unwrap_or_default());
                clock.advance(wanted - clock.offset());
                say("moved");
            }
            _ => say(&seconds_left(&next).await),
        }
    }
    stop.cancel();
}

/// `61 the warning`, the seconds rounded up, so that it is due once the clock was moved by that much; `none` where nothing
/// is scheduled.
async fn seconds_left(next: &NextEvent) -> String {
    next.left().await.map_or_else(
        || "none".into(),
        |(what, left)| format!("{} {what}", left.num_seconds() + 1),
    )
}
