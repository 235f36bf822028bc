//! What a start puts on record. Where replicas share a database, rows may be locked by one that was stopped in the
//! middle of a transaction: the server ends that transaction after a while, and a start waits for it instead of failing.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, sleep};

use crate::app::App;
use crate::config::Loaded;
use crate::domain::BackendName;
use crate::store::StoreError;

use super::retired::Gone;

/// Longer than the server lets a transaction that says nothing hold its locks (15 s).
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);

/// Puts on record what the new configuration changes, and sees to it that what comes again by itself is scheduled.
pub(super) async fn begin(
    app: &App,
    loaded: &Loaded,
    retired: BTreeMap<BackendName, Gone>,
) -> anyhow::Result<()> {
    patiently(|| app.load_configuration(&loaded.digest, &loaded.text))
        .await
        .context("the configuration can't be put on record")?;
    tell_of(app, retired).await?;
    patiently(|| app.look_at_everything()).await?;
    patiently(|| app.begin_retention()).await?;
    patiently(|| app.schedule_checkpoint()).await?;
    Ok(())
}

async fn tell_of(app: &App, retired: BTreeMap<BackendName, Gone>) -> anyhow::Result<()> {
    for (backend, gone) in retired {
        let reached = gone.reached.is_some();
        let told = || app.backend_retired(&backend, gone.grants.clone(), reached);
        patiently(told)
            .await
            .context("a removed backend can't be put on record")?;
    }
    Ok(())
}

/// Tries again while the database can't write it.
pub(super) async fn patiently<T, F>(work: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let began = Instant::now();
    loop {
        match work().await {
            Err(StoreError::Unavailable(why)) if began.elapsed() < PATIENCE => {
                tracing::warn!(why, "the start can't be put on record yet; trying again");
                sleep(PAUSE).await;
            }
            answered => return answered,
        }
    }
}
