//! `hallpass drill`: a canary is asked for, given, dropped and verified, beside a running `serve`; for cron. Prints each step
//! with its time, and fails where anything is late.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};

use crate::app::{App, DrillGrant, DrillTimes};
use crate::config::DrillSection;
use crate::config::env::{Process, is_set};
use crate::domain::{Duration as Span, ShortId};
use crate::wiring::{self, Outside};

/// How often the store is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Where reviews are signed with a key that isn't in the environment.
const KEY_FILE: &str = "hallpass.key";

#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// How long giving may take, and how long ending may
    #[arg(long, default_value = "30s", value_parser = span)]
    pub within: Span,
}

fn span(word: &str) -> Result<Span, String> {
    Span::parse_word(word).map_err(|error| error.to_string())
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let folder = Path::new(".");
    if !is_set(&Process, "HALLPASS_KEY") && !folder.join(KEY_FILE).exists() {
        bail!(
            "there is no {KEY_FILE} here and HALLPASS_KEY is not set: run the drill with the environment and in the folder of `hallpass serve`"
        );
    }
    let env = wiring::environment(&Process, folder)?;
    super::start_log(&env.settings)?;
    let loaded = wiring::readable(&env.settings, &Process)?;
    let Some(section) = loaded.config.drill.clone() else {
        bail!("the configuration has no [drill]: name a role and a person there");
    };
    let parts = wiring::reaching(&loaded, &env, &Process, &Outside::system()).await?;
    if let Ok(lock) = parts.store.lock_for_serving()
        && lock.is_alone()
    {
        drop(lock);
        parts.store.close().await;
        bail!("no `hallpass serve` runs on this database, so nobody would carry out a drill");
    }
    let within = Duration::from_secs(args.within.as_secs().into());
    let mut drill = Drill {
        app: &parts.app,
        operator: super::operator(),
        within,
        times: DrillTimes::default(),
        grant: None,
    };
    let wrong = drill.run(&section).await.err();
    let recorded = parts
        .app
        .drill_done(
            drill.grant.as_ref(),
            &drill.operator,
            &drill.times,
            wrong.as_deref(),
        )
        .await;
    parts.store.close().await;
    recorded.map_err(|why| anyhow!(why))?;
    match wrong {
        None => {
            println!("Well: access is given and ended in time.");
            Ok(ExitCode::SUCCESS)
        }
        Some(wrong) => Ok(super::failed(&wrong)),
    }
}

struct Drill<'a> {
    app: &'a App,
    operator: String,
    within: Duration,
    times: DrillTimes,
    grant: Option<ShortId>,
}

impl Drill<'_> {
    /// The error is the sentence that says what is wrong. A grant that was given then ends by itself.
    async fn run(&mut self, section: &DrillSection) -> Result<(), String> {
        let asked = Instant::now();
        let id = self
            .app
            .drill_ask(&section.person, &section.role, &self.operator)
            .await
            .map_err(|why| format!("the drill was refused: {why}"))?;
        self.grant = Some(id.clone());
        println!(
            "{:>7.2} s  asked for {} as {}",
            seconds(asked),
            section.role,
            id.of_grant()
        );
        let given = self.until(&id, "given", &DrillGrant::Active).await?;
        self.times.granted = Some(given);
        println!("{:>7.2} s  access is there", seconds(asked));
        self.app.drill_drop(&id, &self.operator).await?;
        println!("{:>7.2} s  dropped", seconds(asked));
        let ended = self.until(&id, "ended", &DrillGrant::Ended).await?;
        self.times.ended = Some(ended);
        println!(
            "{:>7.2} s  access is gone, and that was read back",
            seconds(asked)
        );
        Ok(())
    }

    /// Waits until the grant is `wanted`, and answers how long that took.
    async fn until(
        &self,
        id: &ShortId,
        verb: &str,
        wanted: &DrillGrant,
    ) -> Result<Duration, String> {
        let (began, moment) = (Instant::now(), self.app.moment());
        loop {
            let now = self.app.drill_grant(id).await?;
            if now == *wanted {
                return Ok(began.elapsed());
            }
            if let DrillGrant::Failed(why) = now {
                return Err(format!("{}: {why}", id.of_grant()));
            }
            // It may have been ended by somebody else, or by its time.
            if now == DrillGrant::Ended
                || (*wanted == DrillGrant::Active && now == DrillGrant::Ending)
            {
                return Err(format!(
                    "{} was ended before the drill dropped it",
                    id.of_grant()
                ));
            }
            if began.elapsed() > self.within {
                let limit = self.within.as_secs();
                let nobody = if self.app.is_left_lying(moment).await {
                    "; what is due is taken up by nobody: no `hallpass serve` seems to run, or its target is away"
                } else {
                    ""
                };
                return Err(format!(
                    "{} was not {verb} within {limit} s{nobody}",
                    id.of_grant()
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}
