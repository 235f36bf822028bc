//! What stands about a grant in somebody's direct messages: one message, and it is true. A new one comes where they
//! need a ping (it is there, it ends soon, it failed, somebody else ended it), and takes the place of the older one,
//! which goes; everything else is an edit. What Slack doesn't let go is edited into a line that stays true (`past`).

use hallpass_domain::grant::{EndReason, PROVISIONING, State as GrantState};
use hallpass_domain::request::State;
use hallpass_domain::{Actor, Duration, EventKind, Grant, Request, RequestId, SlackId, Time};
use tokio::time::timeout;

use super::announce::POST_WITHIN;
use super::sync_card::{SAID, no_answer};
use super::{App, Carried};
use crate::ports::ChatError;
use crate::ports::chat::{GrantStateShown, Message, RequestShown, StateShown};
use crate::store::{CardRow, StoreError};

/// In place of a digest: the message was taken away, and what it said is said all the same.
pub(super) const GONE: &str = "gone";
/// How the keys of the notices begin that follow a grant.
const STANDS: [&str; 9] = [
    "decided-",
    "reopened-",
    "granted",
    "extended-",
    "warning-",
    "failed",
    "stuck",
    "ended",
    "trouble",
];
/// Who waits this long for access that doesn't come is told why.
const TOLD_AFTER: Duration = Duration::from_secs(10);

/// The person in whose direct messages a row stands, and its notice's key; none for what doesn't follow a grant.
pub(super) fn standing_at(row: &CardRow) -> Option<(&str, SlackId)> {
    let (key, at) = row.place.strip_prefix(SAID)?.rsplit_once(':')?;
    let account = SlackId::parse(at)?;
    let follows = row.digest != GONE && STANDS.iter().any(|one| key.starts_with(one));
    follows.then_some((key, account))
}

/// What follows the grant from then on, to somebody.
pub(super) fn follows(shown: &RequestShown, reader: &SlackId) -> Message {
    let message = Message::Stands {
        request: shown.clone(),
    };
    addressed(message, reader)
}

/// Words for one person, also where they are edited in.
pub(super) fn addressed(message: Message, reader: &SlackId) -> Message {
    Message::Addressed {
        reader: reader.clone(),
        message: Box::new(message),
    }
}

/// Whether it is the last word about the grant in its person's direct messages. Slack's timestamps sort as they are.
pub(super) fn is_newest(row: &CardRow, rows: &[CardRow]) -> bool {
    let Some((_, account)) = standing_at(row) else {
        return false;
    };
    rows.iter()
        .filter(|other| standing_at(other).is_some_and(|(_, of)| of == account))
        .all(|other| other.posted.ts <= row.posted.ts)
}

impl App {
    /// A newer message stands in somebody's direct messages: the older ones about the same go.
    pub(super) async fn make_way(
        &self,
        id: &RequestId,
        account: &SlackId,
        newest: &str,
    ) -> Result<(), StoreError> {
        let key = newest.strip_prefix(SAID).unwrap_or_default();
        if !STANDS.iter().any(|one| key.starts_with(one)) {
            return Ok(());
        }
        for row in self.store.cards(id).await? {
            let older = standing_at(&row).is_some_and(|(_, of)| of == *account);
            if older && row.place != newest {
                self.take_away(id, &row).await?;
            }
        }
        Ok(())
    }

    /// Where Slack refuses it stays, and is edited with the card: nothing is said of the grant there any more.
    pub(super) async fn take_away(&self, id: &RequestId, row: &CardRow) -> Result<(), StoreError> {
        let removed = timeout(POST_WITHIN, self.chat.remove(&row.posted)).await;
        match removed.unwrap_or_else(|_| Err(no_answer())) {
            Ok(()) | Err(ChatError::Gone) => {
                self.store.put_card(id, &row.place, &row.posted, GONE).await
            }
            Err(error) => {
                tracing::debug!(%error, place = row.place, "an older message stays");
                Ok(())
            }
        }
    }

    /// Who of these needs a message of their own to learn that it ended; the others' is edited.
    pub(super) async fn surprised(
        &self,
        grant: &Grant,
        shown: &RequestShown,
        people: Vec<SlackId>,
    ) -> Result<Vec<SlackId>, StoreError> {
        let rows = self.store.cards(&grant.request).await?;
        let reason = match &grant.state {
            GrantState::Ended { reason, .. } | GrantState::Failed { reason, .. } => reason,
            GrantState::Provisioning { .. }
            | GrantState::Active { .. }
            | GrantState::Revoking { .. } => return Ok(people),
        };
        let ended_by = match reason {
            EndReason::Dropped { .. } => Some(shown.holder.account.clone()),
            EndReason::Revoked {
                by: Actor::Person(by),
                ..
            } => self.accounts_of(std::slice::from_ref(by)).await?.pop(),
            EndReason::Expired
            | EndReason::Revoked { .. }
            | EndReason::Failed { .. }
            | EndReason::AuthorityGone { .. } => None,
        };
        let expected = |account: &SlackId| {
            let told = |key: &str| {
                rows.iter().any(|row| {
                    let place = row.place.strip_prefix(SAID);
                    let place = place.and_then(|place| place.rsplit_once(':'));
                    place
                        .is_some_and(|(found, at)| found.starts_with(key) && at == account.as_str())
                })
            };
            let knows = match reason {
                EndReason::Expired => told("warning-"),
                EndReason::Dropped { .. } => true,
                EndReason::Revoked { .. }
                | EndReason::Failed { .. }
                | EndReason::AuthorityGone { .. } => ended_by.as_ref() == Some(account),
            };
            let stands = rows
                .iter()
                .any(|row| standing_at(row).is_some_and(|(_, of)| of == *account));
            knows && stands && !told("stuck")
        };
        let unaware = people.into_iter().filter(|account| !expected(account));
        Ok(unaware.collect())
    }

    /// Who gave it more time, and so knows.
    pub(super) async fn extended_by(&self, grant: &Grant) -> Result<Option<SlackId>, StoreError> {
        let events = self.store.events_of(&grant.request).await?;
        let last = events
            .into_iter()
            .rfind(|stored| stored.event.kind == EventKind::GrantExtended);
        match last.map(|stored| stored.event.actor) {
            Some(Actor::Person(by)) => Ok(self.accounts_of(&[by]).await?.pop()),
            Some(Actor::Hallpass | Actor::Operator(_)) | None => Ok(None),
        }
    }

    /// Access that was to be there by now isn't: whoever waits for it is told once, and the message follows from then on.
    pub(super) async fn tell_trouble(
        &self,
        request: &Request,
        shown: &RequestShown,
        people: Vec<SlackId>,
    ) -> Result<Option<Carried>, StoreError> {
        if !self.is_overdue_to_come(request, shown) {
            return Ok(None);
        }
        let rows = self.store.cards(&request.id).await?;
        let stands = |account: &SlackId| {
            rows.iter()
                .any(|row| standing_at(row).is_some_and(|(_, of)| of == *account))
        };
        let waiting = people.into_iter().filter(|one| !stands(one));
        let told = waiting.map(|account| {
            let message = follows(shown, &account);
            let place = format!("{SAID}trouble:{account}");
            (account, place, message)
        });
        self.tell_each(request, told.collect()).await
    }

    fn is_overdue_to_come(&self, request: &Request, shown: &RequestShown) -> bool {
        let (State::Started { .. }, StateShown::Started(grant)) = (&request.state, &shown.state)
        else {
            return false;
        };
        let coming = grant.state == GrantStateShown::Provisioning && !grant.trouble.is_empty();
        let backends = request.terms.entitlements.iter();
        let away = backends
            .map(|one| &one.backend)
            .any(|one| self.is_away(one));
        let waited = |until: Time| self.now() - (until - PROVISIONING.to_delta());
        let long = |until: Time| waited(until) >= TOLD_AFTER.to_delta();
        coming && (away || grant.tried_until.is_some_and(long))
    }
}
