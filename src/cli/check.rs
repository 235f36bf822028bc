//! `hallpass check`: every mistake of the configuration with file, line and column; `--resolved ROLE` shows
//! where a role's keys come from. What reaches outside (`--connect`) is added by the caller of [`examine`].

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use secrecy::ExposeSecret;

use crate::config::env::{Process, Settings};
use crate::config::{
    Config, Environment, Loaded, Look, MissingVariables, Mistake, Mistakes, ResolvedKey, Severity,
};
use crate::wiring;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// The configuration [default: what `HALLPASS_CONFIG` says, else hallpass.toml]
    pub file: Option<PathBuf>,
    /// Show every key of this role and where it comes from
    #[arg(long, value_name = "ROLE")]
    pub resolved: Option<String>,
    /// Also reach Slack, the database, every backend and on-call provider
    #[arg(long)]
    pub connect: bool,
}

/// Reads the configuration and says what is wrong with it; 0 where nothing is.
pub fn run(args: &Args) -> Result<ExitCode> {
    Ok(match examine(args)? {
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    })
}

/// What [`run`] does, giving back the configuration where it is well, so that more can be tried with it.
pub fn examine(args: &Args) -> Result<Option<Box<Loaded>>> {
    let out = io::stdout();
    let look = look(&Process, out.is_terminal());
    let mut out = out.lock();
    let mut err = io::stderr().lock();
    let checked = examine_with(args, &Process, look, &mut out, &mut err)?;
    out.flush()?;
    Ok(checked)
}

/// [`examine`] with everything handed in: mistakes and answers go to `out`, the verdict where
/// something is wrong goes to `err`.
pub fn examine_with(
    args: &Args,
    env: &dyn Environment,
    look: Look,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Option<Box<Loaded>>> {
    let Some(loaded) = load(args.file.as_deref(), env, missing(args), look, out, err)? else {
        return Ok(None);
    };
    match &args.resolved {
        None => {
            render(&loaded.warnings, look, out)?;
            if let Ok(settings) = Settings::read(env)
                && let Some(problem) = wiring::anchor_problem(
                    &loaded.config,
                    env,
                    settings.database_url.expose_secret(),
                )
            {
                writeln!(out, "warning: {problem}")?;
            }
            writeln!(out, "{}", summary(&loaded))?;
        }
        Some(name) => {
            let role = loaded
                .resolved
                .iter()
                .find(|(role, _)| role.as_str() == name);
            let Some((_, keys)) = role else {
                let offered = loaded.offer_role(name);
                writeln!(err, "There is no role {name}; {offered}")?;
                return Ok(None);
            };
            show_resolved(keys, out)?;
        }
    }
    Ok(Some(loaded))
}

/// Loads the configuration for a subcommand; its mistakes are shown and None is given back.
pub fn load(
    file: Option<&Path>,
    env: &dyn Environment,
    missing: MissingVariables,
    look: Look,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Option<Box<Loaded>>> {
    let path = match file {
        Some(path) => path.to_owned(),
        None => Settings::read(env)?.config_path,
    };
    match Config::load_with(&path, env, missing) {
        Ok(loaded) => Ok(Some(Box::new(loaded))),
        Err(mistakes) => {
            render(&mistakes.0, look, out)?;
            out.flush()?;
            writeln!(err, "{}", verdict(&mistakes, &path))?;
            Ok(None)
        }
    }
}

/// Drawn for a terminal, plain elsewhere; no colour where `NO_COLOR` is set (no-color.org).
pub fn look(env: &dyn Environment, terminal: bool) -> Look {
    let set = |name| env.get(name).is_some_and(|value| !value.is_empty());
    let dumb = env.get("TERM").is_none_or(|term| term == "dumb");
    if terminal && !dumb {
        Look::Graphical {
            colour: !set("NO_COLOR"),
        }
    } else {
        Look::Plain
    }
}

fn missing(args: &Args) -> MissingVariables {
    if args.connect {
        MissingVariables::Refuse
    } else {
        MissingVariables::Warn
    }
}

fn render(mistakes: &[Mistake], look: Look, out: &mut dyn Write) -> io::Result<()> {
    for mistake in mistakes {
        writeln!(out, "{}", mistake.render(look))?;
    }
    Ok(())
}

/// One sentence: how much is wrong, and where.
fn verdict(mistakes: &Mistakes, path: &Path) -> String {
    let wrong: Vec<&Mistake> = mistakes
        .0
        .iter()
        .filter(|one| one.severity == Severity::Mistake)
        .collect();
    let mut files: Vec<&str> = wrong.iter().map(|one| one.file.as_str()).collect();
    files.dedup();
    let place = if files.is_empty() {
        path.display().to_string()
    } else {
        listed(&files)
    };
    let warnings = mistakes.0.len() - wrong.len();
    let also = if warnings == 0 {
        String::new()
    } else {
        format!(", and {}", counted(warnings, "warning"))
    };
    format!("{} in {place}{also}.", counted(wrong.len(), "mistake"))
}

/// One sentence: what was read.
fn summary(loaded: &Loaded) -> String {
    let config = &loaded.config;
    let warned = match loaded.warnings.len() {
        0 => String::new(),
        some => format!(" {}.", counted(some, "warning")),
    };
    format!(
        "Well: {}, {} and {} named, {}.{warned}",
        counted(config.roles.len(), "role"),
        counted(config.backends.len(), "backend"),
        match config.people_named() {
            1 => "1 person".to_owned(),
            people => format!("{people} people"),
        },
        counted(config.on_call.len(), "on-call schedule"),
    )
}

fn show_resolved(keys: &[ResolvedKey], out: &mut dyn Write) -> io::Result<()> {
    let left = |key: &ResolvedKey| format!("{} = {}", key.key, key.value);
    let width = keys
        .iter()
        .map(|key| left(key).chars().count())
        .filter(|width| *width <= 72)
        .max()
        .unwrap_or(0);
    for key in keys {
        let from = match &key.place {
            Some(place) => format!("{}, {place}", key.layer),
            None => key.layer.to_string(),
        };
        writeln!(out, "{:width$}  # {from}", left(key))?;
    }
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "none".into(),
        [only] => (*only).to_owned(),
        [start @ .., last] => format!("{} and {last}", start.join(", ")),
    }
}
