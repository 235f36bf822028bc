//! `hallpass migrate`: the database's tables, brought up to date.

use std::process::ExitCode;
use std::sync::Arc;

use crate::config::env::{Process, Settings};
use crate::wiring::{self, SystemEntropy};

pub async fn run() -> anyhow::Result<ExitCode> {
    let settings = Settings::read(&Process)?;
    super::start_log(&settings)?;
    let store = wiring::open_store(&settings, Arc::new(SystemEntropy)).await?;
    let migrated = store.migrate().await;
    store.close().await;
    migrated?;
    println!("The database is up to date.");
    Ok(ExitCode::SUCCESS)
}
