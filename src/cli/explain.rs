//! `hallpass explain PERSON ROLE DURATION`: what would be decided now, and by which rule.

use std::process::ExitCode;

use crate::domain::Duration;

#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// A Slack id or an e-mail address
    pub person: String,
    pub role: String,
    /// Like 45m or 1h30m
    #[arg(value_parser = duration)]
    pub duration: Duration,
}

fn duration(word: &str) -> Result<Duration, String> {
    Duration::parse_word(word).map_err(|error| error.to_string())
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let parts = super::beside_serve().await?;
    let explained = parts
        .app
        .explain(&args.person, &args.role, args.duration)
        .await;
    parts.store.close().await;
    let explained = explained.map_err(anyhow::Error::msg)?;
    for sentence in &explained.sentences {
        println!("{sentence}");
    }
    for rule in &explained.rules {
        println!("Rule: {rule}");
    }
    Ok(if explained.allowed {
        ExitCode::SUCCESS
    } else {
        super::failed("the answer is no")
    })
}
