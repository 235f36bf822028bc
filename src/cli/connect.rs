//! `hallpass check --connect`: after the files, the world: Slack, the database, every backend and on-call schedule.
//! It says what it found, line by line, and changes nothing.

use std::path::Path;
use std::process::ExitCode;

use crate::config::env::Process;
use crate::wiring::{self, Outside};

use super::check;

pub async fn run(args: check::Args) -> anyhow::Result<ExitCode> {
    let examined = tokio::task::spawn_blocking(move || check::examine(&args)).await??;
    let Some(loaded) = examined else {
        return Ok(ExitCode::FAILURE);
    };
    let outside = Outside::system();
    let env = wiring::environment(&Process, Path::new("."))?;
    let parts = wiring::reaching(&loaded, &env, &Process, &outside).await?;
    let bucket = wiring::bucket(&loaded.config, &Process)?;
    let mut well = true;
    for (what, found) in wiring::reached(&parts, &loaded.config, bucket, &outside).await {
        match found {
            Ok(found) => println!("{what}: {found}"),
            Err(why) => {
                println!("{what}: NOT WELL: {why}");
                well = false;
            }
        }
    }
    parts.store.close().await;
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        super::failed("not everything is as it should be; see above")
    })
}
