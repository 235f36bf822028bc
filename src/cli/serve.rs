//! `hallpass serve`: the bot. Migrates, loads the configuration, then serves until it is told to stop.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::env::Process;
use crate::wiring::{self, Outside};

#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Take the record as it is, where it is older than its anchor (a restored backup), and grant again
    #[arg(long)]
    pub accept_restored: bool,
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let env = wiring::environment(&Process, Path::new("."))?;
    super::start_log(&env.settings)?;
    let stop = told_to_stop()?;
    let loaded = wiring::configuration(&env.settings, &Process)?;
    let listen = env.settings.listen;
    // Before anything goes on record: a start that can't serve leaves no trace.
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("{listen} can't be listened on"))?;
    let mut wired = wiring::serving(loaded, &env, &Process, Outside::system()).await?;
    if args.accept_restored {
        let by = super::operator();
        if wired.accept_restored(&by).await? {
            tracing::warn!(by, "the record was accepted as it is");
        } else {
            tracing::info!("the record is what was anchored: there is nothing to accept");
        }
    }
    let address = listener.local_addr()?;
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "serving");
    wired.serve(listener, stop).await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Cancelled by SIGTERM or SIGINT; a second one stops at once.
fn told_to_stop() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(
            signal = name,
            "stopping: what runs is finished or given back"
        );
        told.cancel();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("stopped at once");
        std::process::exit(1);
    });
    Ok(stop)
}
