//! Somebody left, was disabled or became a guest: what waits for them is void, what they hold ends. Slack says so in an
//! event; the same is looked at again whenever a backend is to be called.

use hallpass_domain::grant::EndReason;
use hallpass_domain::request::VoidReason;
use hallpass_domain::{Actor, Membership, Person, SlackId};

use super::App;
use super::people::{ATTEMPTS, Fresh, NotPinned};
use super::stop::Stop;
use crate::ports::DirectoryError;
use crate::store::{RequestFilter, StoreError};

/// How many of somebody's requests are looked through for waiting ones.
const LOOKED_THROUGH: u32 = 500;

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
