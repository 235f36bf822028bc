//! Wiring: the only room that names every adapter. It turns the configuration and the environment into the parts that
//! work together, and nothing else: no rule and no decision may enter.

mod begin;
mod clock;
mod entropy;
mod next;
mod parts;
mod proof;
mod reach;
mod retired;
mod serving;
mod sink;
mod timekeeping;
mod vitals;

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use secrecy::ExposeSecret;

use crate::config::env::{Env, Settings};
use crate::config::{Config, Environment, Loaded, MissingVariables, Mistake, Mistakes, Severity};
use crate::ports::{Clock, Entropy};
use crate::store::Store;

pub use clock::{MovableClock, SystemClock};
pub use entropy::SystemEntropy;
pub use next::NextEvent;
pub use parts::{Parts, beside, on_call, reaching, settings};
pub use proof::{anchor, anchor_problem};
pub use reach::reached;
pub use serving::{Wired, serving};
pub use sink::bucket;

/// Time and randomness, as they are handed to everything.
#[derive(Clone)]
pub struct Outside {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl Outside {
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock::default()),
            entropy: Arc::new(SystemEntropy),
        }
    }
}

/// What `serve` needs of the environment. The key is made beside the configuration's folder where none is given.
pub fn environment(variables: &dyn Environment, folder: &Path) -> anyhow::Result<Env> {
    Env::read(variables, folder).map_err(|mistakes| anyhow!(mistakes))
}

/// The configuration, with every variable that it names; warnings go to the log.
pub fn configuration(settings: &Settings, variables: &dyn Environment) -> anyhow::Result<Loaded> {
    let loaded = load(settings, variables, MissingVariables::Refuse)?;
    for warning in &loaded.warnings {
        tracing::warn!(%warning, "the configuration");
    }
    Ok(loaded)
}

/// The configuration for who only reads it: variables that it names may be missing, and what is odd is `check`'s to say.
pub fn readable(settings: &Settings, variables: &dyn Environment) -> anyhow::Result<Loaded> {
    load(settings, variables, MissingVariables::Warn)
}

fn load(
    settings: &Settings,
    variables: &dyn Environment,
    missing: MissingVariables,
) -> anyhow::Result<Loaded> {
    let path = &settings.config_path;
    Config::load_with(path, variables, missing)
        .map_err(|mistakes| anyhow!(in_one_sentence(path, &mistakes)))
}

/// How many mistakes, and the first of them.
fn in_one_sentence(path: &Path, mistakes: &Mistakes) -> String {
    let count = match mistakes.count() {
        1 => "a mistake".to_owned(),
        many => format!("{many} mistakes"),
    };
    let stops = |mistake: &&Mistake| mistake.severity == Severity::Mistake;
    let first = mistakes.0.iter().find(stops);
    let first = first.map_or_else(String::new, |first| {
        let at = format!("{}:{}:{}", first.file, first.line, first.column);
        format!(", at {at}: {}", first.message)
    });
    format!(
        "{} has {count}{first}; `hallpass check` shows everything",
        path.display()
    )
}

pub async fn open_store(settings: &Settings, entropy: Arc<dyn Entropy>) -> anyhow::Result<Store> {
    let url = settings.database_url.expose_secret();
    Ok(Store::open(url, entropy).await?)
}
