//! The alarm about overdue revocations: one message for a backend in the security channel, brought to the present at most
//! once a minute, and told when it is over. Where it stands is kept, so that neither a restart nor another replica says
//! it twice. An attempt that fails opens it, or the look for what is overdue (`overdue`), which also says what it tells.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use hallpass_domain::effect::Subject;
use hallpass_domain::{BackendName, Change, Effect, EffectKind, Lane, Time, Urgency};
use tokio::time::timeout;

use super::announce::POST_WITHIN;
use super::security::instead;
use super::sync_card::{Unsaid, digest, no_answer, unsaid};
use super::{App, Carried};
use crate::ports::chat::{Message, Said};
use crate::ports::{ChatError, Place, Posted};
use crate::store::{AlarmRow, StoreError};

/// A revocation that takes longer is told.
pub(super) const OVERDUE_AFTER: TimeDelta = TimeDelta::seconds(120);
/// How often the message changes, at most.
const UPDATED_EVERY: TimeDelta = TimeDelta::seconds(60);
/// A failure that says the same isn't told to the alarm again for so long.
const SAME_FOR: TimeDelta = TimeDelta::seconds(10);

/// What each backend's alarm was told last by this process, and when.
pub(super) type Raised = BTreeMap<BackendName, (Time, Said)>;

/// Brings the alarm of a backend to the present; none: that of ends whose backend can't be known.
pub(super) fn alarm_effect(of: Option<&BackendName>, due: Time) -> Effect {
    Effect {
        subject: of.map_or(Subject::Ledger, |backend| Subject::Backend(backend.clone())),
        kind: EffectKind::SyncAlarm,
        lane: Lane::Slack,
        urgency: Urgency::First,
        due,
    }
}

impl App {
    /// An overdue revocation failed: opens the alarm of its backend, or tells it what the backend says.
    pub(super) async fn raise_alarm(
        &self,
        backend: &BackendName,
        said: Said,
    ) -> Result<(), StoreError> {
        let now = self.now();
        if let Ok(mut raised) = self.alarms.lock() {
            let before = raised.insert(backend.clone(), (now, said));
            if let Some((at, same)) = before
                && same == said
                && now - at < SAME_FOR
            {
                raised.insert(backend.clone(), (at, same));
                return Ok(());
            }
        }
        self.store.open_alarm(backend, said, now).await?;
        let change = Change::default().schedule(alarm_effect(Some(backend), now));
        self.store.apply_one(change).await?;
        Ok(())
    }

    pub(super) async fn sync_alarm(&self, of: Option<&BackendName>) -> Result<Carried, StoreError> {
        let Some(row) = self.store.alarm(of).await? else {
            return Ok(Carried::nothing());
        };
        let now = self.now();
        let Some(alarm) = self.overdue(of, &row, now).await? else {
            return self.alarm_over(of, &row, now).await;
        };
        let again = |at: Time| Carried::Done(Change::default().schedule(alarm_effect(of, at)));
        if let Some(told) = row.told_at
            && now < told + UPDATED_EVERY
        {
            return Ok(again(told + UPDATED_EVERY));
        }
        let message = Message::Overdue { alarm };
        if row.digest == digest(&message) {
            return Ok(again(now + UPDATED_EVERY));
        }
        match self.stand(&row.posted, &message).await? {
            Ok(posted) => {
                let digest = digest(&message);
                self.store.told_alarm(of, &posted, &digest, now).await?;
                Ok(again(now + UPDATED_EVERY))
            }
            Err(Unsaid::Later(later)) => Ok(later),
            // Nobody takes it: that is logged, and may be repaired.
            Err(Unsaid::Closed | Unsaid::Never) => Ok(again(now + UPDATED_EVERY)),
        }
    }

    /// Edits what stands there, or says it where nothing does any more; answers where it stands.
    async fn stand(
        &self,
        posted: &[Posted],
        message: &Message,
    ) -> Result<Result<Vec<Posted>, Unsaid>, StoreError> {
        let mut standing = Vec::new();
        for posted in posted {
            let elsewhere = posted.channel != self.settings.security_channel;
            let message = if elsewhere {
                &instead(message)
            } else {
                message
            };
            let updated = timeout(POST_WITHIN, self.chat.update(posted, message)).await;
            match updated.unwrap_or_else(|_| Err(no_answer())) {
                Ok(()) => standing.push(posted.clone()),
                Err(ChatError::Gone) => {}
                Err(error) => match unsaid(&error) {
                    Unsaid::Later(later) => return Ok(Err(Unsaid::Later(later))),
                    // Its channel was archived meanwhile, or takes nothing from us any more.
                    Unsaid::Closed | Unsaid::Never => {}
                },
            }
        }
        if standing.is_empty() {
            return self.tell_security(message).await;
        }
        Ok(Ok(standing))
    }

    async fn alarm_over(
        &self,
        of: Option<&BackendName>,
        row: &AlarmRow,
        now: Time,
    ) -> Result<Carried, StoreError> {
        if !row.posted.is_empty() {
            let (name, since) = (of.map(ToString::to_string), row.opened_at);
            let edited = Message::OverdueNoMore {
                backend: name.clone(),
                since,
                over: now,
            };
            let said = Message::OverdueIsOver {
                backend: name,
                since,
                over: now,
            };
            // The edit first: done again it changes nothing, while a second message would be one too many.
            let told = match self.stand(&row.posted, &edited).await? {
                Ok(standing) => self.over_is_said(&standing, &said).await?,
                Err(unsaid) => Err(unsaid),
            };
            if let Err(Unsaid::Later(later)) = told {
                return Ok(later);
            }
        }
        self.store.close_alarm(of).await?;
        if let (Some(backend), Ok(mut raised)) = (of, self.alarms.lock()) {
            raised.remove(backend);
        }
        Ok(Carried::nothing())
    }

    /// Beside what stands there, so that whoever read the alarm notices.
    async fn over_is_said(
        &self,
        standing: &[Posted],
        said: &Message,
    ) -> Result<Result<(), Unsaid>, StoreError> {
        let own = &self.settings.security_channel;
        let mut left = Vec::new();
        for posted in standing.iter().filter(|one| one.channel != *own) {
            let place = Place::Channel(posted.channel.clone());
            left.push(self.post(&place, &instead(said)).await);
        }
        if left.is_empty() {
            return Ok(self.tell_security(said).await?.map(drop));
        }
        let later = left.into_iter().find_map(|outcome| match outcome {
            Err(Unsaid::Later(later)) => Some(Unsaid::Later(later)),
            Ok(_) | Err(Unsaid::Closed | Unsaid::Never) => None,
        });
        Ok(later.map_or(Ok(()), Err))
    }
}
