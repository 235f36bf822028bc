//! The proof of the record, wired: where the anchor stands, and the sealer with everything that keeps its checkpoints.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;

use crate::app::App;
use crate::audit::anchor::{self, Anchor};
use crate::audit::checkpoint::{CheckpointKey, Sink, SinkError};
use crate::audit::sink::S3;
use crate::audit::{Broken, Keeper, Sealer};
use crate::config::env::Env;
use crate::config::{Config, Environment};
use crate::domain::{Announcement, Change};
use crate::ports::Clock;
use crate::store::Store;
use crate::telemetry::Metrics;

use super::Parts;

/// The folder of the anchor where the configuration doesn't name the file: `$STATE_DIRECTORY` (systemd's), else
/// `$XDG_STATE_HOME/hallpass` (the XDG base directories), else `~/.local/state/hallpass`.
fn state_folder(variables: &dyn Environment) -> Option<PathBuf> {
    let folder = |name: &str| {
        let value = variables.get(name)?;
        // systemd lists several folders with colons between them.
        let first = value.split(':').next().unwrap_or_default().trim();
        Some(PathBuf::from(first)).filter(|path| path.is_absolute())
    };
    folder("STATE_DIRECTORY")
        .or_else(|| Some(folder("XDG_STATE_HOME")?.join("hallpass")))
        .or_else(|| Some(folder("HOME")?.join(".local/state/hallpass")))
}

/// Where the anchor of checkpoints signed by this public key stands; the error says what to set.
pub fn anchor(config: &Config, variables: &dyn Environment, key: &str) -> anyhow::Result<Anchor> {
    if let Some(path) = &config.audit.anchor {
        return Ok(Anchor::at(path));
    }
    let folder = state_folder(variables).ok_or_else(|| {
        anyhow!(
            "there is no place for the anchor of the audit record: set `anchor` in [audit] to a file outside the database's folder, or STATE_DIRECTORY, XDG_STATE_HOME or HOME to a folder"
        )
    })?;
    let short: String = key.chars().take(16).collect();
    Ok(Anchor::at(folder.join(format!("anchor-{short}.jsonl"))))
}

/// Why the anchor is in the wrong place, for `check`: none where it is well. `database_url` as in the environment.
pub fn anchor_problem(
    config: &Config,
    variables: &dyn Environment,
    database_url: &str,
) -> Option<String> {
    // Where there is no place at all, `serve` says what to set.
    let anchor = anchor(config, variables, "").ok()?;
    let path = database_url.strip_prefix("sqlite:")?;
    let database = folder(Path::new(path.strip_prefix("//").unwrap_or(path)));
    let there = folder(anchor.path());
    let home = variables.get("HOME").map(PathBuf::from);
    let below = there.starts_with(&database) && home != Some(database.clone());
    (there == database || below).then(|| {
        format!(
            "the anchor of the audit record, {}, is in the database's folder: whoever restores or changes the one does so with the other; set `anchor` in [audit] to a file elsewhere",
            anchor.path().display()
        )
    })
}

/// The folder that a file is in, as the system knows it where it is there.
fn folder(file: &Path) -> PathBuf {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    folder
        .canonicalize()
        .unwrap_or_else(|_| std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()))
}

/// What differs from the bucket's newest checkpoint, where the anchor file is new or older than that: a container begins
/// without one, and a machine that was put back whole has an old one. Bounded; a bucket that can't be read is told and
/// keeps nothing from starting.
async fn in_the_bucket(
    store: &Store,
    bucket: &S3,
    anchor: &Anchor,
    key: &str,
) -> anyhow::Result<Option<Broken>> {
    let head = store.head().await?.map_or(0, |(sequence, _)| sequence);
    // One that can't be read was told before.
    let local = anchor.newest(key).ok().flatten();
    let newest = match bucket.newest(head, key).await {
        Ok(Some(newest)) => newest,
        Ok(None) => return Ok(None),
        Err(error) => {
            tracing::error!(%error, "the record wasn't compared with the bucket");
            if local.is_none() {
                tell_not_compared(store, &error).await;
            }
            return Ok(None);
        }
    };
    // An operator may have taken the record as it is after that, which a write-once bucket can't be told.
    if local.is_some_and(|local| local.at >= newest.at) {
        return Ok(None);
    }
    let (sink, sequence) = (Sink::name(bucket), newest.sequence);
    tracing::info!(sink, sequence, "the bucket knows more than the anchor file");
    Ok(anchor::compared(store, &newest).await?)
}

async fn tell_not_compared(store: &Store, error: &SinkError) {
    let why = format!(
        "The anchor file is new and the bucket couldn't be asked, so this start doesn't know whether an old backup was restored: {}",
        error.for_people()
    );
    let announcement = Announcement::RecordBroken {
        sequence: None,
        why,
    };
    let told = store.apply_one(Change::default().announce(announcement));
    if let Err(error) = told.await {
        tracing::error!(%error, "that the record wasn't compared can't be told");
    }
}

/// What the sealer is made of, before it is known whether the record may be signed.
pub(super) struct Proof {
    pub(super) anchor: Anchor,
    pub(super) key: CheckpointKey,
    /// The bucket that takes checkpoints too.
    pub(super) bucket: Option<S3>,
    /// What differs from the anchor.
    pub(super) broken: Option<Broken>,
}

impl Proof {
    /// Compares the record with its anchor, and with the bucket where that knows more; where it isn't what was anchored,
    /// only revocations are carried out from here.
    pub(super) async fn begin(
        parts: &Parts,
        config: &Config,
        env: &Env,
        variables: &dyn Environment,
    ) -> anyhow::Result<Self> {
        let key = CheckpointKey::derive(&env.key);
        let anchor = anchor(config, variables, key.public())?;
        tracing::info!(key = key.public(), anchor = %anchor.path().display(), "checkpoints are signed and anchored");
        let bucket = super::bucket(config, variables)?;
        let mut broken = anchor.differs(&parts.store, key.public()).await?;
        if let (None, Some(bucket)) = (broken, &bucket) {
            broken = in_the_bucket(&parts.store, bucket, &anchor, key.public()).await?;
        }
        if let Some(Broken { anchored, found }) = broken {
            parts.app.revoke_only(anchored, found);
        }
        Ok(Self {
            anchor,
            key,
            bucket,
            broken,
        })
    }

    pub(super) fn sealer(
        self,
        app: &Arc<App>,
        store: &Store,
        clock: &Arc<dyn Clock>,
        metrics: &Arc<Metrics>,
    ) -> Sealer {
        let (clock, app) = (Arc::clone(clock), Arc::clone(app));
        let on_broken = move |Broken { anchored, found }| {
            app.revoke_only(anchored, found);
            let app = Arc::clone(&app);
            tokio::spawn(async move { app.tell_restored(anchored, found).await });
        };
        let keepers = [Keeper::of(self.anchor)]
            .into_iter()
            .chain(self.bucket.map(Keeper::of));
        Sealer::new(crate::audit::Parts {
            store: store.clone(),
            now: Arc::new(move || clock.now()),
            key: self.key,
            keepers: keepers.collect(),
            metrics: Arc::clone(metrics),
            broken: self.broken.is_some(),
            on_broken: Box::new(on_broken),
        })
    }
}
