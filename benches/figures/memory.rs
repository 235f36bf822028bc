//! How much of a process is in memory, as the kernel says (`/proc/PID/status`), once it has come to rest.

use std::time::Duration;

use anyhow::{Context, Result, bail};

/// It rests once it grew by nothing worth saying for so long.
const REST: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How long it may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(30);

/// In MiB.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Resident {
    /// `VmRSS`: all of it.
    pub(crate) all: f64,
    /// `RssAnon`: without the pages of files, which are the binary's own and can be dropped.
    pub(crate) anonymous: f64,
}

/// What is resident after two seconds in which it stayed within a hundredth.
pub(crate) async fn at_rest(process: u32) -> Result<Resident> {
    let resting = async {
        let mut first = read(process)?;
        let mut since = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let now = read(process)?;
            if (now.all - first.all).abs() > first.all / 100.0 {
                (first, since) = (now, tokio::time::Instant::now());
            } else if since.elapsed() >= REST {
                return anyhow::Ok(now);
            }
        }
    };
    tokio::time::timeout(PATIENCE, resting)
        .await
        .context("its memory didn't come to rest")?
}

fn read(process: u32) -> Result<Resident> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    Ok(Resident {
        all: mebibytes(&status, "VmRSS:")?,
        anonymous: mebibytes(&status, "RssAnon:")?,
    })
}

/// A line of the file reads `VmRSS:     1234 kB`.
fn mebibytes(status: &str, name: &str) -> Result<f64> {
    let Some(line) = status.lines().find_map(|line| line.strip_prefix(name)) else {
        bail!("the kernel doesn't say {name}");
    };
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes / 1_024.0)
}
