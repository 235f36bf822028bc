//! `hallpass audit verify`: whether the record is whole, or the first thing that is wrong with it. It needs no secret: an
//! export, a public key and an anchor are enough.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};

use crate::audit::anchor::Anchor;
use crate::audit::checkpoint::{Checkpoint, CheckpointKey, Sink};
use crate::audit::verify::{Against, Verified, Wrong, verify_database, verify_export};
use crate::config::Loaded;
use crate::config::env::{Process, Settings, is_set, review_key};
use crate::wiring::{self, Outside};

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// An export [default: the database that `serve` uses]
    pub file: Option<PathBuf>,
    /// The public key that must have signed, in hex; may be given again after a change of `HALLPASS_KEY`
    #[arg(long, value_name = "HEX")]
    pub key: Vec<String>,
    /// The anchor file, or a copy of it [default without FILE: the configured one]
    #[arg(long, value_name = "FILE")]
    pub anchor: Option<PathBuf>,
    /// Also hold it against everything that the write-once bucket of [audit.s3] keeps
    #[arg(long)]
    pub sink: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut against = Against {
        keys: keys(&args.key)?,
        anchored: Vec::new(),
    };
    if let Some(path) = &args.anchor {
        let lines = path.metadata().and_then(|_| Anchor::at(path).lines());
        against.anchored =
            lines.with_context(|| format!("the anchor {} can't be read", path.display()))?;
        if against.anchored.is_empty() {
            bail!("{} holds no checkpoint", path.display());
        }
    }
    let anchored = args.anchor.is_some();
    if args.sink {
        against.anchored.extend(in_the_bucket().await?);
    }
    let found = match args.file {
        Some(file) => {
            let shown = file.display().to_string();
            let read = tokio::task::spawn_blocking(move || verify_export(&file, &against)).await?;
            read.with_context(|| format!("{shown} can't be read"))?
        }
        None => of_database(against, anchored).await?,
    };
    Ok(told(found))
}

fn told(found: Result<Verified, Wrong>) -> ExitCode {
    match found {
        Ok(verified) => {
            println!("{verified}");
            ExitCode::SUCCESS
        }
        Err(wrong) => crate::cli::failed(&format!("the record isn't whole: {wrong}")),
    }
}

fn keys(typed: &[String]) -> anyhow::Result<BTreeSet<String>> {
    let key = |typed: &String| {
        let key = typed.trim().to_ascii_lowercase();
        let shaped = hex::decode(&key).is_ok_and(|key| key.len() == 32);
        shaped
            .then_some(key)
            .ok_or_else(|| anyhow!("--key takes the 64 hex digits of an Ed25519 public key"))
    };
    typed.iter().map(key).collect()
}

async fn of_database(
    mut against: Against,
    anchored: bool,
) -> anyhow::Result<Result<Verified, Wrong>> {
    let settings = Settings::read(&Process)?;
    crate::cli::start_log(&settings)?;
    let loaded = wiring::readable(&settings, &Process)?;
    let parts = wiring::beside(&loaded, &settings, &Process, &Outside::system()).await?;
    if against.keys.is_empty() {
        against.keys.extend(own_key()?);
    }
    if !anchored {
        let newest = parts.store.newest_checkpoint().await?;
        let named = against.keys.iter().next().cloned();
        let key = named.or_else(|| newest.map(|newest| newest.key));
        let lines = configured_anchor(&loaded, &key.unwrap_or_default())?;
        against.anchored.extend(lines);
    }
    let found = verify_database(&parts.store, against).await;
    parts.store.close().await;
    Ok(found?)
}

/// What the configured bucket keeps.
async fn in_the_bucket() -> anyhow::Result<Vec<Checkpoint>> {
    let settings = Settings::read(&Process)?;
    let loaded = wiring::readable(&settings, &Process)?;
    let bucket = wiring::bucket(&loaded.config, &Process)?;
    let bucket =
        bucket.ok_or_else(|| anyhow!("the configuration names no bucket in [audit.s3]"))?;
    let kept = bucket.checkpoints().await?;
    if kept.is_empty() {
        bail!("{} holds no checkpoint", Sink::name(&bucket));
    }
    Ok(kept)
}

/// The key that `serve` signs with, where its secret is at hand; none is made.
fn own_key() -> anyhow::Result<Option<String>> {
    let folder = Path::new(".");
    if !is_set(&Process, "HALLPASS_KEY") && !folder.join("hallpass.key").exists() {
        return Ok(None);
    }
    let secret = review_key(&Process, folder).map_err(|why| anyhow!(why))?;
    Ok(Some(CheckpointKey::derive(&secret).public().to_owned()))
}

/// Its lines; none where it isn't at hand.
fn configured_anchor(loaded: &Loaded, key: &str) -> anyhow::Result<Vec<Checkpoint>> {
    let Ok(anchor) = wiring::anchor(&loaded.config, &Process, key) else {
        return Ok(Vec::new());
    };
    let shown = anchor.path().display().to_string();
    anchor
        .lines()
        .with_context(|| format!("the anchor {shown} can't be read"))
}
