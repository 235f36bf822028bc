//! The command line: one file per subcommand. The only room that prints.
//!
//! Exit codes: 0 well; 1 the answer is no or something is wrong, said on stderr in one sentence; 2 wrong usage (clap's).

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is where people read what the program answers"
)]

pub mod audit;
pub mod check;
pub mod connect;
pub mod demo;
pub mod drill;
pub mod explain;
pub mod grants;
pub mod init;
pub mod manifest;
pub mod migrate;
pub mod revoke;
pub mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::env::{LogFormat, Process, Settings};
use crate::telemetry;
use crate::wiring::{self, Outside, Parts};

/// Temporary production access from Slack: asked, approved, granted, warned, revoked and verified.
#[derive(Debug, Parser)]
#[command(name = "hallpass", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the bot; migrates the database first
    Serve(serve::Args),
    /// Try it in the browser, without Slack: the bot, a simulated Slack and a simulated target
    Demo(demo::Args),
    /// Write a first configuration, asking what it must
    Init(init::Args),
    /// Read the configuration and report every mistake with file, line and column
    Check(check::Args),
    /// Grant, end and verify a canary; fails where anything is late
    Drill(drill::Args),
    /// Say what would be decided now, and by which rule
    Explain(explain::Args),
    /// Show who holds what
    Grants(grants::Args),
    /// End a grant
    Revoke(revoke::Args),
    /// Prove the record, export it, or erase a person from it
    Audit(audit::Args),
    /// Print the Slack app manifest for this configuration
    Manifest(manifest::Args),
    /// Bring the database's tables up to date
    Migrate,
}

/// Does what was asked. What goes wrong is one sentence on stderr.
pub async fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Serve(args) => serve::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Init(args) => blocking(move || init::run(&args)).await,
        Command::Check(args) if args.connect => connect::run(args).await,
        Command::Check(args) => blocking(move || check::run(&args)).await,
        Command::Drill(args) => drill::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Grants(args) => grants::run(args).await,
        Command::Revoke(args) => revoke::run(args).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Manifest(args) => blocking(move || manifest::run(&args)).await,
        Command::Migrate => migrate::run().await,
    };
    match done {
        Ok(code) => code,
        Err(error) => failed(&format!("{error:#}")),
    }
}

/// For what asks and waits on its own, off the runtime.
async fn blocking(
    work: impl FnOnce() -> anyhow::Result<ExitCode> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    tokio::task::spawn_blocking(work).await?
}

/// Says what is wrong, in one line, and answers exit code 1.
pub fn failed(sentence: &str) -> ExitCode {
    let line: Vec<&str> = sentence.split_whitespace().collect();
    eprintln!("hallpass: {}", line.join(" "));
    ExitCode::FAILURE
}

/// The parts for a subcommand that works beside a running `serve`: same configuration, same database. It reaches no
/// backend, so what only `serve` needs of the environment may be missing.
async fn beside_serve() -> anyhow::Result<Parts> {
    let settings = Settings::read(&Process)?;
    start_log(&settings)?;
    let loaded = wiring::readable(&settings, &Process)?;
    wiring::beside(&loaded, &settings, &Process, &Outside::system()).await
}

/// Starts the log as the environment says.
fn start_log(settings: &Settings) -> anyhow::Result<()> {
    let format = match settings.log_format {
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
    };
    telemetry::start(&settings.log_filter, format).map_err(anyhow::Error::msg)
}

/// Who acts from the command line, as it stands on record: `cli:user@host`.
pub fn operator() -> String {
    let named = |names: [&str; 2]| {
        names
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    };
    let user = named(["USER", "LOGNAME"]).unwrap_or_else(|| "unknown".into());
    let host = std::fs::read_to_string("/etc/hostname")
        .ok()
        .map(|host| host.trim().to_owned())
        .filter(|host| !host.is_empty())
        .or_else(|| named(["HOSTNAME", "HOST"]))
        .unwrap_or_else(|| "unknown".into());
    format!("cli:{user}@{host}")
}
