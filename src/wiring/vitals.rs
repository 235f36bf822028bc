//! How the program is, for `/readyz` and `/metrics`: asks the store, Slack and the worker.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::app::{App, Mode};
use crate::http::Vitals;
use crate::ports::{Chat, Clock};
use crate::slack;
use crate::store::{Backlog, Store};
use crate::telemetry::{Health, Ledger, Sockets};
use crate::worker;

/// Slack is asked at most so often, however often `/readyz` is.
const ASK_SLACK: Duration = Duration::from_secs(60);

pub(super) struct Pulse {
    pub(super) app: Arc<App>,
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) chat: Arc<slack::SlackChat>,
    pub(super) slack_health: Arc<slack::Health>,
    /// Where Socket Mode is on.
    pub(super) links: Option<Arc<slack::Links>>,
    pub(super) health: Arc<Health>,
    pub(super) asked: Mutex<Option<Instant>>,
}

impl Pulse {
    /// Whether it is time to ask Slack again; says yes once.
    fn due(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = asked.is_none_or(|last| last.elapsed() >= ASK_SLACK);
        if due {
            *asked = Some(Instant::now());
        }
        due
    }
}

#[async_trait]
impl Vitals for Pulse {
    async fn database(&self) -> Result<(), String> {
        self.store.check().await.map_err(|error| error.to_string())
    }

    /// Whether Slack refuses the token. Slack being away for a while isn't the bot's sickness: nothing waits for it.
    async fn slack(&self) -> Result<(), String> {
        if self.due() {
            // What it finds is noted in the health that is read below.
            drop(self.chat.check().await);
        }
        if let Some(problem) = self.slack_health.token_problem() {
            return Err(problem);
        }
        match &self.links {
            // Nothing that people do reaches the bot, and it won't before somebody does something about it.
            Some(links) if links.is_cut_off() => links.problem().map_or(Ok(()), Err),
            Some(_) | None => Ok(()),
        }
    }

    fn socket(&self) -> Option<Result<(), String>> {
        let links = self.links.as_ref()?;
        Some(links.problem().map_or(Ok(()), Err))
    }

    async fn channels(&self) -> Result<(), String> {
        let mut problems = self.slack_health.channel_problems();
        match self.app.untold().await {
            Ok(untold) => problems.extend(untold),
            // That the database is away is told beside it.
            Err(error) => tracing::debug!(%error, "what reached nobody can't be counted"),
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems.join("; "))
        }
    }

    fn record(&self) -> Result<(), String> {
        match self.app.mode() {
            Mode::Normal => Ok(()),
            Mode::RevokeOnly { why } => Err(format!("Only revocations are carried out. {why}")),
        }
    }

    fn worker(&self) -> Result<(), String> {
        self.health.worker()
    }

    fn lanes(&self) -> Result<(), String> {
        self.health.lanes()
    }

    async fn ledger(&self) -> Option<Ledger> {
        let now = self.clock.now();
        let backlog = self.store.backlog(now).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what is overdue can't be counted");
            Vec::new()
        });
        let overdue = |lane: Backlog| {
            let age = (now - lane.oldest).num_milliseconds().max(0);
            let seconds = Duration::from_millis(age.unsigned_abs()).as_secs_f64();
            (worker::lane_label(&lane.lane), lane.overdue, seconds)
        };
        match self.store.counts().await {
            Ok(counts) => Some(Ledger {
                backlog: backlog.into_iter().map(overdue).collect(),
                requests: counts.requests,
                live_grants: counts.live_grants,
                revoke_only: self.app.mode() != Mode::Normal,
                sockets: self.links.as_ref().map(|links| Sockets {
                    open: links.open(),
                    greeted: links.greeted(),
                }),
            }),
            Err(error) => {
                tracing::warn!(%error, "requests and grants can't be counted");
                None
            }
        }
    }
}
