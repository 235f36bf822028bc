//! Somebody outside notices: a URL that is called only while the worker makes progress. Whoever watches it alarms when
//! the calls stop. The URL is a secret (who knows it can pretend that all is well), and never enters a log.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use hallpass_domain::Lane;
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::panics::sound;
use crate::points::{Failed, HEARTBEAT};
use crate::ports::Clock;
use crate::store::Store;
use crate::telemetry::{Health, Metrics};

/// How often it is called.
const EVERY: TimeDelta = TimeDelta::seconds(60);
/// After the start: the worker goes round first.
const FIRST: TimeDelta = TimeDelta::seconds(5);
/// A timer that only transitions and is overdue for longer shows a worker that goes round and gets nowhere.
const OVERDUE: TimeDelta = TimeDelta::seconds(60);
const CALL: Duration = Duration::from_secs(10);

/// What shows whether there is progress.
pub struct Watched {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
}

pub struct Heartbeat {
    url: Url,
    client: reqwest::Client,
    watched: Watched,
    /// The last outcome, so that only a change is logged.
    last: &'static str,
}

impl Heartbeat {
    /// # Errors
    /// Half a sentence without the URL, where it is none.
    pub fn new(url: &SecretString, watched: Watched) -> Result<Self, String> {
        let url = Url::parse(url.expose_secret())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or("doesn't hold the address of a web server")?;
        let client = reqwest::Client::builder()
            .user_agent(concat!("hallpass/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .connect_timeout(CALL)
            .timeout(CALL)
            .build()
            .map_err(|_| "can't be called: TLS could not be set up")?;
        Ok(Self {
            url,
            client,
            watched,
            last: "sent",
        })
    }

    /// Calls until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut next = self.watched.clock.now() + FIRST;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.watched.clock.wait_until(next) => {}
            }
            next = self.watched.clock.now() + EVERY;
            let outcome = sound(self.beat()).await;
            self.tell(outcome.unwrap_or_else(|why| ("failed", why)));
        }
    }

    async fn beat(&self) -> (&'static str, String) {
        match self.progress().await {
            Ok(()) => self.call().await,
            Err(why) => ("withheld", why),
        }
    }

    /// Whether the worker goes round, and does what is due; otherwise why it doesn't.
    async fn progress(&self) -> Result<(), String> {
        self.watched.health.worker()?;
        let now = self.watched.clock.now();
        let backlog = self.watched.store.backlog(now).await;
        let backlog = backlog.map_err(|error| error.to_string())?;
        let internal = backlog.iter().find(|one| one.lane == Lane::Internal);
        match internal.map(|one| now - one.oldest) {
            Some(age) if age > OVERDUE => {
                Err(format!("a timer is overdue by {} s", age.num_seconds()))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn call(&self) -> (&'static str, String) {
        let answer = match self.answer().await {
            Ok(answer) => answer,
            Err(told) => return ("failed", told.to_string()),
        };
        match answer {
            Ok(answer) if answer.status().is_success() => ("sent", String::new()),
            Ok(answer) => (
                "failed",
                format!("it answered {}", answer.status().as_u16()),
            ),
            Err(error) if error.is_timeout() => ("failed", "it gave no answer in 10 s".into()),
            Err(error) if error.is_connect() => ("failed", "it can't be reached".into()),
            Err(_) => ("failed", "the call failed".into()),
        }
    }

    async fn answer(&self) -> Result<reqwest::Result<reqwest::Response>, Failed> {
        HEARTBEAT.before().await?;
        let answer = self.client.get(self.url.clone()).send().await;
        HEARTBEAT.after().await?;
        Ok(answer)
    }

    fn tell(&mut self, (outcome, why): (&'static str, String)) {
        self.watched.metrics.heartbeat(outcome);
        if outcome == std::mem::replace(&mut self.last, outcome) {
            return;
        }
        match outcome {
            "sent" => tracing::info!("the heartbeat is sent again"),
            outcome => tracing::error!(outcome, why, "no heartbeat"),
        }
    }
}
