//! Backends that the configuration no longer has while grants live in them: reached by the section that was archived when
//! they were configured last, as long as their secret's variable is there, so that what was given can be taken away.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;

use crate::app::{Living, living_in};
use crate::backend::Retired;
use crate::config::{BackendSection, Config, Environment};
use crate::domain::{BackendName, ShortId};
use crate::ports::{Backend, Clock};
use crate::store::Store;

use super::begin::patiently;
use super::parts::backend;

/// A backend that was removed, and who still has something there.
pub(super) struct Gone {
    /// None where rows about access there can't be read, and no other live grant is known.
    pub(super) grants: Vec<ShortId>,
    /// None where its section or its secret is gone, too.
    pub(super) reached: Option<Arc<dyn Backend>>,
}

/// Archives the sections of the configuration, and finds what was removed from it.
pub(super) async fn retired(
    config: &Config,
    store: &Store,
    variables: &dyn Environment,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<BTreeMap<BackendName, Gone>> {
    let mut gone = BTreeMap::new();
    for name in store.recorded_backends().await? {
        if config.backends.contains_key(&name) {
            continue;
        }
        let Living { grants, unread } = living_in(store, &name).await?;
        if grants.is_empty() && !unread {
            continue;
        }
        let grants = grants.into_iter().collect();
        let archived = store.archived_section(&name).await?;
        let section = archived.map(|archived| archived.section);
        let reached = section.and_then(|section| reach(&name, section, variables, clock));
        gone.insert(name, Gone { grants, reached });
    }
    for (name, section) in &config.backends {
        let archive = serde_json::to_value(section).context("a section can't be archived")?;
        patiently(|| store.archive_section(name, &archive, clock.now())).await?;
    }
    Ok(gone)
}

fn reach(
    name: &BackendName,
    section: serde_json::Value,
    variables: &dyn Environment,
    clock: &Arc<dyn Clock>,
) -> Option<Arc<dyn Backend>> {
    let section: BackendSection = serde_json::from_value(section)
        .inspect_err(
            |error| tracing::error!(backend = %name, %error, "its archived section can't be read"),
        )
        .ok()?;
    let wired = backend(name, &section, variables, clock, &[]);
    wired
        .inspect_err(
            |error| tracing::error!(backend = %name, %error, "a removed backend can't be reached"),
        )
        .ok()
        .map(|backend| Arc::new(Retired::new(backend)) as Arc<dyn Backend>)
}

pub(super) fn reachable(
    gone: &BTreeMap<BackendName, Gone>,
) -> BTreeMap<BackendName, Arc<dyn Backend>> {
    let reached = |(name, gone): (&BackendName, &Gone)| {
        Some((name.clone(), Arc::clone(gone.reached.as_ref()?)))
    };
    gone.iter().filter_map(reached).collect()
}
