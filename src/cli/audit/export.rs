//! `hallpass audit export`: the sealed record, to a file or to stdout. Works beside a running `serve`.

use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::audit::export::{Bound, Exported, Format, export};
use crate::config::env::{Process, Settings};
use crate::wiring::{self, Outside};

/// What is written at once.
const BUFFER: usize = 256 << 10;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[arg(long, value_enum, default_value_t = As::Jsonl)]
    format: As,
    /// The first record: its sequence, a day (2026-11-21, UTC) or a moment (2026-11-21T03:12:00Z)
    #[arg(long, value_name = "SEQ|DATE", value_parser = bound)]
    from: Option<Bound>,
    /// The last record: its sequence, a day that is still in it, or a moment that isn't
    #[arg(long, value_name = "SEQ|DATE", value_parser = bound)]
    to: Option<Bound>,
    /// A new file, readable for its owner alone [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum As {
    /// JSON Lines, with the proof: what `hallpass audit verify` reads
    Jsonl,
    /// One row an event
    Csv,
    /// OCSF 1.3, JSON Lines
    Ocsf,
}

impl From<As> for Format {
    fn from(format: As) -> Self {
        match format {
            As::Jsonl => Self::Jsonl,
            As::Csv => Self::Csv,
            As::Ocsf => Self::Ocsf,
        }
    }
}

fn bound(text: &str) -> Result<Bound, String> {
    let wanted = "write a sequence (17), a day (2026-11-21) or a moment (2026-11-21T03:12:00Z)";
    Bound::parse(text).ok_or_else(|| wanted.to_owned())
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::read(&Process)?;
    super::super::start_log(&settings)?;
    let store = wiring::open_store(&settings, Outside::system().entropy).await?;
    let mut out: Box<dyn Write> = match &args.out {
        Some(path) => Box::new(BufWriter::with_capacity(BUFFER, created(path)?)),
        None => Box::new(BufWriter::with_capacity(BUFFER, io::stdout())),
    };
    let exported = export(&store, args.format.into(), (args.from, args.to), &mut *out).await;
    let exported = exported.and_then(|exported| {
        out.flush()?;
        Ok(exported)
    });
    store.close().await;
    eprintln!("{}", told(&exported?));
    Ok(ExitCode::SUCCESS)
}

/// It holds names and reasons. One that is there is not overwritten.
fn created(path: &Path) -> anyhow::Result<std::fs::File> {
    let made = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path);
    made.with_context(|| format!("{} can't be made", path.display()))
}

fn told(exported: &Exported) -> String {
    let Exported {
        records,
        first,
        last,
        unsealed,
    } = exported;
    let written = match records {
        0 => "No sealed record is in that stretch.".to_owned(),
        1 => format!("1 record was written: {first}."),
        _ => format!("{records} records were written: {first} to {last}."),
    };
    match unsealed {
        0 => written,
        1 => format!("{written} 1 event isn't sealed yet and was left out."),
        _ => format!("{written} {unsealed} events aren't sealed yet and were left out."),
    }
}
