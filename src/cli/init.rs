//! `hallpass init`: a first configuration that passes `check`, from answers on the terminal or by flags.
//! Never overwrites a file. `--from-slack` lets names stand for ids.

mod answers;
mod draft;
mod workspace;

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::config::env::{Process, Settings};
use crate::config::{Config, Environment};

pub use answers::Backend;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// The file to write [default: what `HALLPASS_CONFIG` says, else hallpass.toml]
    pub file: Option<PathBuf>,
    /// Ask nothing: take flags, and placeholders for what they don't say
    #[arg(long)]
    pub yes: bool,
    /// Look up channels and people in Slack (needs `SLACK_BOT_TOKEN`), so that #names and e-mails can be given
    #[arg(long)]
    pub from_slack: bool,
    /// Where cards go: a channel's id, or #name with --from-slack
    #[arg(long, value_name = "CHANNEL")]
    pub approvals_channel: Option<String>,
    /// Where alarms go
    #[arg(long, value_name = "CHANNEL")]
    pub security_channel: Option<String>,
    /// Who may ask: Slack ids, e-mails, Slack user groups, separated by commas, or *
    #[arg(long, value_name = "WHO")]
    pub requesters: Option<String>,
    /// Who decides, separated by commas
    #[arg(long, value_name = "WHO")]
    pub approvers: Option<String>,
    /// Who may break the glass
    #[arg(long, value_name = "PERSON")]
    pub commander: Option<String>,
    /// What the first role's access is granted in
    #[arg(long, value_enum)]
    pub backend: Option<Backend>,
}

/// Asks, writes, checks.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut input = io::stdin().lock();
    // Questions go to stderr, so that stdout can be redirected.
    let mut talk = io::stderr().lock();
    if !args.yes && !io::stdin().is_terminal() {
        writeln!(talk, "Reading the answers from stdin, one line each.")?;
    }
    run_with(args, &Process, &mut input, &mut talk)
}

/// [`run`] with everything handed in.
pub fn run_with(
    args: &Args,
    env: &dyn Environment,
    input: &mut dyn BufRead,
    talk: &mut dyn Write,
) -> Result<ExitCode> {
    let settings = Settings::read(env)?;
    let path = args.file.clone().unwrap_or(settings.config_path);
    if path.symlink_metadata().is_ok() {
        bail!(
            "{} exists already, and init never overwrites.",
            path.display()
        );
    }
    let workspace = if args.from_slack {
        let found = workspace::fetch(env, &settings.slack_api_url)?;
        writeln!(
            talk,
            "Slack knows {} channels and {} people.",
            found.channels.len(),
            found.people.len()
        )?;
        Some(found)
    } else {
        None
    };
    let answers = answers::gather(args, workspace.as_ref(), input, talk)?;
    let text = draft::text(&answers, workspace.as_ref());
    write_new(&path, &text)?;
    if let Err(mistakes) = Config::load(&path, env) {
        // Ours, written a moment ago.
        fs::remove_file(&path).with_context(|| format!("can't remove {}", path.display()))?;
        bail!("These answers don't make a working configuration; nothing was written.\n{mistakes}");
    }
    writeln!(talk, "{}", next_steps(&path, &answers))?;
    Ok(ExitCode::SUCCESS)
}

fn write_new(path: &Path, text: &str) -> Result<()> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
    written.with_context(|| format!("can't write {}", path.display()))
}

fn next_steps(path: &Path, answers: &answers::Answers) -> String {
    let path = path.display();
    let replace = if answers.placeholders {
        format!("Replace the placeholder ids in {path}, then run `hallpass check`.\n")
    } else {
        String::new()
    };
    format!(
        "Wrote {path}.\n{replace}Next: set {} and the variables of .env.example, \
         `hallpass manifest` for the Slack app, `hallpass check --connect`, `hallpass serve`.",
        answers.backend.variable()
    )
}
