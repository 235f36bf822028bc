//! `hallpass audit`: the record for who doubts, who collects, and who must be forgotten.

mod erase;
mod export;
mod verify;

use std::process::ExitCode;

#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Command {
    /// Say whether the record is whole, or name the first thing that is wrong with it
    Verify(verify::Args),
    /// Write the sealed record as JSON Lines (what `verify` reads), CSV or OCSF
    Export(export::Args),
    /// Erase what names a person; the proof of the record stays whole
    Erase(erase::Args),
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Verify(args) => verify::run(args).await,
        Command::Export(args) => export::run(args).await,
        Command::Erase(args) => erase::run(args).await,
    }
}
