//! What the security channel is told that belongs to no request. Each announcement was stored with the change that caused
//! it; it is said once and in order, however late. A channel that refuses is tried again every hour, never given up.

use std::time::Duration as StdDuration;

use chrono::TimeDelta;
use hallpass_domain::{Announcement, AnnouncementId, Change, Time};
use tokio::time::timeout;

use super::{App, Carried};
use crate::ports::chat::Message;
use crate::ports::{ChatError, Place};
use crate::store::StoreError;

/// How long one attempt to post may take, beside the adapter's own limit.
pub(super) const POST_WITHIN: StdDuration = StdDuration::from_secs(25);

/// What the channel refuses for good is tried again after this: somebody may have let the bot in.
const REFUSED_PAUSE: StdDuration = StdDuration::from_secs(3_600);

/// What is said later than this says when it happened.
const LATE: TimeDelta = TimeDelta::minutes(2);

impl App {
    /// Says one where it is the next; else it waits for those that came before it, which call it when they are said.
    /// So one speaks at a time, whatever the number of replicas.
    pub(super) async fn say_announcement(
        &self,
        id: &AnnouncementId,
    ) -> Result<Carried, StoreError> {
        let Some(stored) = self.store.announcement(id).await? else {
            return Ok(Carried::nothing());
        };
        let is_next = self.store.next_announcement().await?.as_ref() == Some(id);
        let place = Place::Channel(self.settings.security_channel.clone());
        let message = Message::Announcement {
            announcement: stored.announcement,
        };
        let message = told_at(message, stored.at, self.now());
        if !is_next && !stored.refused {
            return Ok(Carried::later(&"earlier ones aren't said yet"));
        }
        let posted = timeout(POST_WITHIN, self.chat.post(&place, &message)).await;
        let error = match posted {
            Ok(Ok(_)) => {
                self.store.remove_announcement(id).await?;
                return self.call_the_next().await;
            }
            Ok(Err(error)) => error,
            Err(_) => ChatError::Unavailable("no answer in time".into()),
        };
        match &error {
            ChatError::Permanent(_) | ChatError::Gone => {
                tracing::error!(%error, announcement = %id, "the security channel can't be told; it is tried again in an hour");
                self.store
                    .refuse_announcement(id, &error.to_string())
                    .await?;
                Ok(Carried::Retry {
                    after: Some(REFUSED_PAUSE),
                    why: error.to_string(),
                })
            }
            ChatError::RateLimited { after } => Ok(Carried::Retry {
                after: Some((*after).max(StdDuration::from_millis(100))),
                why: error.to_string(),
            }),
            ChatError::Unavailable(_) | ChatError::Untrusted(_) | ChatError::Token(_) => Ok(Carried::Away {
                after: None,
                why: error.to_string(),
            }),
        }
    }

    /// Those that waited didn't know how long: the next is due now.
    async fn call_the_next(&self) -> Result<Carried, StoreError> {
        let next = self.store.next_announcement().await?;
        let change = next.map_or_else(Change::default, |next| {
            Change::default().schedule(Announcement::effect(&next, self.now()))
        });
        Ok(Carried::Done(change))
    }
}

/// As it is said now: what is late says when it came to be.
pub(super) fn told_at(message: Message, at: Time, now: Time) -> Message {
    if now - at <= LATE {
        return message;
    }
    Message::Late {
        at,
        message: Box::new(message),
    }
}
