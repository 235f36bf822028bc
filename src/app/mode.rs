//! What Hallpass does at all: everything; or, where its record is older than what was anchored of it, revocations alone,
//! until an operator has looked and takes the record as it is. A restored backup believes in approvals that were taken
//! back since, and knows nothing of what was given since.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use hallpass_domain::{Actor, Announcement, Change, Event, EventKind};
use tokio::time::sleep;

use super::App;
use super::stop::Stop;
use crate::app::answer::{Answer, Problems};
use crate::store::StoreError;

/// Between attempts to put the alarm on record.
const AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Normal,
    /// With a sentence that says why.
    RevokeOnly { why: String },
}

#[derive(Debug, Default)]
pub(super) struct Present(RwLock<Mode>);

impl Present {
    fn set(&self, mode: Mode) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = mode;
    }

    fn get(&self) -> Mode {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl App {
    pub fn mode(&self) -> Mode {
        self.mode.get()
    }

    /// The record had reached `anchored` and now ends at `found`, or is another one: from here on only revocations are
    /// carried out. [`tell_restored`](Self::tell_restored) says so.
    pub fn revoke_only(&self, anchored: u64, found: u64) {
        tracing::error!(
            anchored,
            found,
            "the record isn't what was anchored: only revocations are carried out"
        );
        let why = format!(
            "The record had {anchored} entries when it was signed last, and now it has {found}, or others: a backup was restored, or somebody changed it."
        );
        self.mode.set(Mode::RevokeOnly { why });
    }

    /// Puts the alarm on record and tells the security channel; goes on until the store takes it.
    pub async fn tell_restored(&self, anchored: u64, found: u64) {
        loop {
            let now = self.now();
            let event = Event::new(EventKind::Restored, Actor::Hallpass, now)
                .fact("anchored", anchored)
                .fact("found", found);
            let told = Change::default()
                .event(event)
                .announce(Announcement::Restored {
                    anchored,
                    found,
                    at: now,
                });
            match self.store.apply_one(told).await {
                Ok(_) => return,
                Err(error) => {
                    tracing::error!(%error, "that the record isn't what was anchored can't be recorded");
                    sleep(AGAIN).await;
                }
            }
        }
    }

    /// An operator takes the record as it is; everything is carried out again.
    pub async fn accept_restored(&self, by: &str) -> Result<(), StoreError> {
        let (now, by) = (self.now(), Actor::Operator(by.into()));
        let accepted = Change::default()
            .event(Event::new(EventKind::RestoreAccepted, by.clone(), now))
            .announce(Announcement::RestoreAccepted { by, at: now });
        self.store.apply_one(accepted).await?;
        self.mode.set(Mode::Normal);
        Ok(())
    }

    /// Why nothing may be given now; none where it may.
    pub(super) fn nothing_given(&self) -> Option<String> {
        match self.mode() {
            Mode::Normal => None,
            Mode::RevokeOnly { why } => Some(format!("Nothing is granted just now. {why}")),
        }
    }

    /// Refuses what would give access, with whom to ask.
    pub(super) async fn require_giving(&self) -> Result<(), Stop> {
        let Some(why) = self.nothing_given() else {
            return Ok(());
        };
        let operators = &self.settings.operators;
        let facts = self.facts(operators, self.now()).await;
        let answer = Answer::Problems(Problems {
            sentences: vec![
                why,
                "Ending access works as always. The operators must look into it and start Hallpass with --accept-restored.".into(),
            ],
            ask: self.mention(operators, &facts).await?,
            ..Problems::default()
        });
        Err(answer.into())
    }
}
