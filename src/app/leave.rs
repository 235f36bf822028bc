//! Somebody left, was disabled or became a guest: what waits for them is void, what they hold ends. Slack says so in an
//! event; the same is looked at again whenever a backend is to be called.

use std::time::Duration;

use chrono::TimeDelta;
use hallpass_domain::effect::Subject;
use hallpass_domain::grant::EndReason;
use hallpass_domain::request::VoidReason;
use hallpass_domain::{
    Actor, Change, Effect, EffectKind, Lane, Membership, Person, SlackId, Time, Urgency,
};
use tokio::time::Instant;

use super::people::{ATTEMPTS, Fresh, NotPinned};
use super::stop::Stop;
use super::{App, Carried};
use crate::ports::DirectoryError;
use crate::store::{RequestFilter, StoreError};

/// How many of somebody's requests are looked through for waiting ones.
const LOOKED_THROUGH: u32 = 500;

/// The look at people, as its place is kept.
const SCAN: &str = "people";

/// How many people are read at a time.
const PAGE: u32 = 50;

/// One turn of the look takes so long at most, beside the answer that it waits for.
const TURN: Duration = Duration::from_secs(20);

/// The effect that looks at people.
pub(super) fn people_effect(due: Time) -> Effect {
    Effect {
        subject: Subject::Ledger,
        kind: EffectKind::CheckPeople,
        lane: Lane::Slack,
        urgency: Urgency::Later,
        due,
    }
}

impl App {
    /// `user_change`: the pinned person is refreshed; whoever is no active member any more loses what they have.
    /// False where that couldn't be looked at: then Slack must tell it again.
    pub async fn person_changed(&self, account: &SlackId) -> bool {
        match self.store.person_by_account(account).await {
            Ok(Some(person)) => match self.look_again(&person, account).await {
                Ok(looked_at) => looked_at,
                Err(error) => {
                    tracing::error!(%account, %error, "a changed account couldn't be looked at");
                    false
                }
            },
            // Nobody who was seen here before.
            Ok(None) => true,
            Err(error) => {
                tracing::error!(%account, %error, "a changed account couldn't be looked up");
                false
            }
        }
    }

    /// Everybody who holds something or waits for it is looked up again, one at a time: a deactivation whose event was
    /// lost takes effect all the same. A directory that doesn't answer changes nothing.
    pub(super) async fn check_people(&self) -> Result<Carried, StoreError> {
        let mut after = self.store.scan_place(SCAN).await?;
        let people = self.store.people_concerned(&after, PAGE).await?;
        tracing::debug!(people = people.len(), "looking who is still there");
        let last = people.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        let until = Instant::now() + TURN;
        let mut through = last;
        for id in people {
            if Instant::now() >= until {
                through = false;
                break;
            }
            if let Some(person) = self.store.person(&id).await? {
                match self.left(&person).await {
                    Some(false) => {}
                    Some(true) => {
                        if let Some(account) = person.accounts.first() {
                            self.look_again(&person, account).await?;
                        }
                    }
                    None => {
                        self.store.keep_scan_place(SCAN, &after).await?;
                        return Ok(Carried::later(&"Slack doesn't say who is still there"));
                    }
                }
            }
            after = id.to_string();
        }
        if through {
            after.clear();
        }
        self.store.keep_scan_place(SCAN, &after).await?;
        let pause = if through {
            self.settings.reconcile_every
        } else {
            TimeDelta::zero()
        };
        let next = people_effect(self.now() + pause);
        Ok(Carried::Done(Change::default().schedule(next)))
    }

    async fn look_again(&self, person: &Person, account: &SlackId) -> Result<bool, StoreError> {
        if let Err(NotPinned::Store(error)) = self.pin(account, Fresh::Now).await {
            return Err(error);
        }
        let now = self.current(&person.id, Fresh::Now).await?;
        let Some(left) = self.left(person).await else {
            return Ok(false);
        };
        // A changed e-mail is an alarm and refusals; it takes nothing away that was given before.
        if now.is_active_member() || !left {
            return Ok(true);
        }
        self.void_waiting(person).await?;
        for grant in self.store.live_grants_of(&person.id).await? {
            let why = EndReason::Revoked {
                by: Actor::Hallpass,
                reason: "Its holder is no active member of the workspace any more.".into(),
            };
            let ended = self.end_grant(&grant.id, &why, &Actor::Hallpass).await?;
            if let Err(Stop::Store(error)) = ended {
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Whether Slack says of every account of this person that it is no active member's; none where it doesn't say.
    async fn left(&self, person: &Person) -> Option<bool> {
        let mut left = true;
        for account in &person.accounts {
            let seen = tokio::time::timeout(
                super::people::patience(),
                self.directory.person_now(account),
            );
            match seen.await {
                Ok(Ok(seen)) => left &= seen.membership != Membership::Member,
                // Gone without a word isn't a word.
                Ok(Err(DirectoryError::Unknown(_))) => left = false,
                Ok(Err(DirectoryError::Unavailable(_))) | Err(_) => return None,
            }
        }
        Some(left)
    }

    async fn void_waiting(&self, person: &Person) -> Result<(), StoreError> {
        let own = RequestFilter::Of(person.id.clone());
        for request in self.store.requests(own, LOOKED_THROUGH).await? {
            if request.is_final() {
                continue;
            }
            for _ in 0..ATTEMPTS {
                let Some(request) = self.store.request(&request.id).await? else {
                    break;
                };
                let Ok(change) = request.void(VoidReason::PersonLeft, self.now()) else {
                    break;
                };
                match self.applied(change).await {
                    Ok(false) => {}
                    Err(Stop::Store(error)) => return Err(error),
                    Ok(true) | Err(Stop::Answer(_)) => break,
                }
            }
        }
        Ok(())
    }
}
