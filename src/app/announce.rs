//! What the security channel is told that belongs to no request. Each announcement was stored with the change that caused
//! it; it is said once and in order, however late. One that nobody takes (`security`) is tried again every hour, never
//! given up.

use std::time::Duration as StdDuration;

use chrono::TimeDelta;
use hallpass_domain::{Announcement, AnnouncementId, Change, Time};

use super::sync_card::Unsaid;
use super::{App, Carried};
use crate::ports::chat::Message;
use crate::store::StoreError;

/// How long one attempt to post may take, beside the adapter's own limit.
pub(super) const POST_WITHIN: StdDuration = StdDuration::from_secs(25);

/// What is refused everywhere is tried again after this: somebody may have let the bot in.
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
        let message = Message::Announcement {
            announcement: stored.announcement,
        };
        let message = told_at(message, stored.at, self.now());
        if !is_next && !stored.refused {
            return Ok(Carried::later(&"earlier ones aren't said yet"));
        }
        match self.tell_security(&message).await? {
            Ok(_) => {
                self.store.remove_announcement(id).await?;
                self.call_the_next().await
            }
            Err(Unsaid::Later(later)) => Ok(later),
            Err(Unsaid::Closed | Unsaid::Never) => {
                let why = "no channel and nobody takes it";
                self.store.refuse_announcement(id, why).await?;
                Ok(Carried::Retry {
                    after: Some(REFUSED_PAUSE),
                    why: why.into(),
                })
            }
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
