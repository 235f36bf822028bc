//! Cards: what is true now, at every place where the request's card stands or should stand. The channel's card is also
//! the root of the thread that tells how it goes on; who gets the same card as a direct message is `copies`'s.

use std::collections::BTreeSet;
use std::time::Duration as StdDuration;

use futures_util::{StreamExt, stream};
use hallpass_domain::{Request, RequestId, SlackId};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::announce::POST_WITHIN;
use super::copies::ASKED;
use super::notices::its_people;
use super::past::past;
use super::read::shown_person;
use super::{App, Carried};
use crate::ports::chat::{
    Buttons, GrantStateShown, KindShown, Message, RequestShown, Shown, StateShown,
};
use crate::ports::{ChatError, Place, Posted};
use crate::store::{CardRow, StoreError};

const CHANNEL: &str = "channel:";
pub(super) const PERSON: &str = "person:";
/// A card that a click came from and nobody knew of: the answer to its post was lost.
pub(super) const COPY: &str = "copy:";
/// Said once, no card: see `notices`.
pub(super) const SAID: &str = "said:";
/// Break-glass is said once, but its button must go when it has nothing to revoke.
pub(super) const SAID_BREAK_GLASS: &str = "said:break_glass:";
/// So is that its review is overdue.
const SAID_OVERDUE: &str = "said:overdue:";

/// Slack's names for a channel that is archived, gone or shut, and for a thread whose card is gone
/// (`chat.postMessage`, `chat.update`).
const CLOSED: [&str; 12] = [
    "is_archived",
    "is_inactive",
    "channel_not_found",
    "not_in_channel",
    "posting_to_channel_denied",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
    "restricted_action_non_threadable_channel",
    "restricted_action_thread_locked",
    "cannot_reply_to_message",
    "thread_not_found",
];

/// How many of a request's cards are posted or updated at the same time.
const AT_ONCE: usize = 8;

/// Why something isn't posted now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unsaid {
    Later(Carried),
    /// Not there: the channel is archived, or takes nothing from us. Another place may do; that is logged.
    Closed,
    /// It never will be, and that is logged.
    Never,
}

impl App {
    pub(super) async fn sync_card(&self, id: &RequestId) -> Result<Carried, StoreError> {
        let _turn = self.posting.of(id).await;
        let Some(request) = self.store.request(id).await? else {
            return Ok(Carried::nothing());
        };
        self.homes_change(&request).await?;
        let later = self.sync_cards_of(&request).await?;
        Ok(later.unwrap_or_else(Carried::nothing))
    }

    /// For whoever holds the turn: brings all cards of the request to the present. Some: what is left, for later.
    pub(super) async fn sync_cards_of(
        &self,
        request: &Request,
    ) -> Result<Option<Carried>, StoreError> {
        let shown = self.shown(request).await?;
        let rows = self.store.cards(&request.id).await?;
        let mut later = None;
        let mut unreachable = false;
        let mut reached = BTreeSet::new();
        if !rows.iter().any(|row| row.place.starts_with(CHANNEL)) {
            unreachable = true;
            for channel in self.channels_of(request) {
                reached = self.reached_in(request, &channel).await?;
                match self.post_in_channel(request, &channel, &shown).await? {
                    Ok(posted) => self.asked_by_card(request, &posted, &reached).await?,
                    Err(Unsaid::Later(retry)) => later = Carried::either(later, Some(retry)),
                    Err(Unsaid::Closed | Unsaid::Never) => {
                        reached.clear();
                        continue;
                    }
                }
                unreachable = false;
                break;
            }
        }
        let wanted = self.copies_to_post(request, &rows, &reached).await?;
        // Collected first: a closure inside a stream would keep the whole future from being sent between threads.
        let posts: Vec<_> = wanted
            .iter()
            .map(|account| self.post_copy(request, account, &shown))
            .collect();
        let posted: Vec<_> = stream::iter(posts)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for outcome in posted {
            match outcome? {
                Ok(()) | Err(Unsaid::Closed | Unsaid::Never) => {}
                Err(Unsaid::Later(retry)) => later = Carried::either(later, Some(retry)),
            }
        }
        if unreachable {
            let told = self.card_to_requester(request, &rows, &shown).await?;
            later = Carried::either(later, told);
        }
        // Read again where copies were posted: an older one may have made way.
        let rows = if wanted.is_empty() {
            rows
        } else {
            self.store.cards(&request.id).await?
        };
        let updated = self.update_cards(request, &rows, &shown).await?;
        let told = self.tell_handled(request, &shown).await?;
        let later = Carried::either(Carried::either(later, updated), told);
        let told = self
            .tell_trouble(request, &shown, its_people(&shown))
            .await?;
        Ok(Carried::either(later, told))
    }

    async fn update_cards(
        &self,
        request: &Request,
        rows: &[CardRow],
        shown: &RequestShown,
    ) -> Result<Option<Carried>, StoreError> {
        let stale: Vec<_> = rows
            .iter()
            .filter_map(|row| Some((row, standing(shown, row, rows)?)))
            .map(|(row, message)| self.update_card(request, row, message))
            .collect();
        let updated: Vec<_> = stream::iter(stale)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut later = None;
        for outcome in updated {
            later = Carried::either(later, outcome?);
        }
        Ok(later)
    }

    async fn post_in_channel(
        &self,
        request: &Request,
        channel: &str,
        shown: &RequestShown,
    ) -> Result<Result<Posted, Unsaid>, StoreError> {
        let place = format!("{CHANNEL}{channel}");
        let message = card(shown, &place);
        let to = Place::Channel(channel.to_owned());
        let posted = self.post(&to, &message).await;
        if let Ok(posted) = &posted {
            self.store
                .put_card(&request.id, &place, posted, &digest(&message))
                .await?;
        }
        Ok(posted)
    }

    /// Where its card goes: the role's own channel; where that takes nothing, the one for all roles.
    fn channels_of(&self, request: &Request) -> Vec<String> {
        let default = &self.settings.approvals_channel;
        let own = request.terms.role.channel.as_ref();
        let own = own.filter(|own| *own != default);
        own.into_iter().chain([default]).cloned().collect()
    }

    /// Its channel takes nothing any more, or the card that the thread hung under is gone: the next sync posts it anew,
    /// and asks those again who were asked by it. The old one is brought to the present where that is possible.
    pub(super) async fn leave_channel(&self, id: &RequestId) -> Result<(), StoreError> {
        for row in self.store.cards(id).await? {
            if row.place.starts_with(CHANNEL) {
                let at = format!("{COPY}{}/{}", row.posted.channel, row.posted.ts);
                self.store.put_card(id, &at, &row.posted, "").await?;
                self.store.remove_card(id, &row.place).await?;
            } else if row.place.starts_with(ASKED) {
                self.store.remove_card(id, &row.place).await?;
            }
        }
        Ok(())
    }

    async fn post_card(
        &self,
        request: &Request,
        place: &str,
        to: &Place,
        message: Message,
    ) -> Result<Result<(), Unsaid>, StoreError> {
        match self.post(to, &message).await {
            Ok(posted) => {
                self.store
                    .put_card(&request.id, place, &posted, &digest(&message))
                    .await?;
                Ok(Ok(()))
            }
            Err(unsaid) => Ok(Err(unsaid)),
        }
    }

    /// The channel can't be posted to: its requester at least sees what becomes of it.
    async fn card_to_requester(
        &self,
        request: &Request,
        rows: &[CardRow],
        shown: &RequestShown,
    ) -> Result<Option<Carried>, StoreError> {
        let Some(person) = self.store.person(&request.requester).await? else {
            return Ok(None);
        };
        let account: SlackId = shown_person(&person).account;
        let place = format!("{PERSON}{account}");
        if rows.iter().any(|row| row.place == place) {
            return Ok(None);
        }
        let quiet = Message::Card {
            request: shown.clone(),
            buttons: Buttons::None,
        };
        let to = Place::Person(account);
        Ok(match self.post_card(request, &place, &to, quiet).await? {
            Err(Unsaid::Later(retry)) => Some(retry),
            Ok(()) | Err(Unsaid::Closed | Unsaid::Never) => None,
        })
    }

    async fn update_card(
        &self,
        request: &Request,
        row: &CardRow,
        message: Message,
    ) -> Result<Option<Carried>, StoreError> {
        let digest = digest(&message);
        if row.digest == digest {
            return Ok(None);
        }
        let id = &request.id;
        let updated = timeout(POST_WITHIN, self.chat.update(&row.posted, &message)).await;
        match updated.unwrap_or_else(|_| Err(no_answer())) {
            Ok(()) => {
                self.store
                    .put_card(id, &row.place, &row.posted, &digest)
                    .await?;
                Ok(None)
            }
            // Said is said, also where somebody deleted it.
            Err(ChatError::Gone) if row.place.starts_with(SAID) => {
                self.store
                    .put_card(id, &row.place, &row.posted, &digest)
                    .await?;
                Ok(None)
            }
            Err(ChatError::Gone) => {
                self.store.remove_card(id, &row.place).await?;
                let Some(place) = place_of(&row.place) else {
                    return Ok(None);
                };
                match self.post_card(request, &row.place, &place, message).await? {
                    Err(Unsaid::Later(retry)) => Ok(Some(retry)),
                    Ok(()) | Err(Unsaid::Closed | Unsaid::Never) => Ok(None),
                }
            }
            Err(error) => match unsaid(&error) {
                Unsaid::Later(retry) => Ok(Some(retry)),
                Unsaid::Closed if row.place.starts_with(CHANNEL) && goes_on(&message) => {
                    self.leave_channel(id).await?;
                    Ok(Some(Carried::Again))
                }
                Unsaid::Closed | Unsaid::Never => Ok(None),
            },
        }
    }

    /// Posts within bounds; what never will work is logged here.
    pub(super) async fn post(&self, to: &Place, message: &Message) -> Result<Posted, Unsaid> {
        let posted = timeout(POST_WITHIN, self.chat.post(to, message)).await;
        posted
            .unwrap_or_else(|_| Err(no_answer()))
            .map_err(|error| unsaid(&error))
    }

    /// Takes in the card that a click came from, where it isn't known: the answer to its post was lost.
    pub(super) async fn adopt(&self, id: &RequestId, card: &Posted) -> Result<(), StoreError> {
        if self.store.request(id).await?.is_none() {
            return Ok(());
        }
        let rows = self.store.cards(id).await?;
        if rows.iter().any(|row| row.posted == *card) {
            return Ok(());
        }
        let place = format!("{COPY}{}/{}", card.channel, card.ts);
        self.store.put_card(id, &place, card, "").await
    }
}

/// The card that the thread hangs under.
pub(super) fn root(rows: &[CardRow]) -> Option<Posted> {
    let card = rows.iter().find(|row| row.place.starts_with(CHANNEL));
    card.map(|row| row.posted.clone())
}

/// Of what is rendered; another text for the same read model counts as rendered already.
pub(super) fn digest(message: &Message) -> String {
    hex::encode(Sha256::digest(format!("{message:?}").as_bytes()))
}

fn place_of(place: &str) -> Option<Place> {
    if let Some(channel) = place.strip_prefix(CHANNEL) {
        return Some(Place::Channel(channel.to_owned()));
    }
    let account = SlackId::parse(place.strip_prefix(PERSON)?)?;
    Some(Place::Person(account))
}

/// The card as it is at a place.
pub(super) fn card(shown: &RequestShown, place: &str) -> Message {
    Message::Card {
        request: shown.clone(),
        buttons: buttons(shown, place),
    }
}

/// Whether people still have to see what becomes of it.
fn goes_on(message: &Message) -> bool {
    let Message::Card { request, .. } = message else {
        return false;
    };
    match &request.state {
        StateShown::Pending(_) | StateShown::Scheduled { .. } | StateShown::Approved => true,
        StateShown::Started(grant) => !matches!(
            grant.state,
            GrantStateShown::Ended { .. } | GrantStateShown::Failed { .. }
        ),
        StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. } => false,
    }
}

/// What should stand where something was posted; none for what was said once.
fn standing(shown: &RequestShown, row: &CardRow, rows: &[CardRow]) -> Option<Message> {
    let place = row.place.as_str();
    if let Some(at) = place.strip_prefix(SAID_BREAK_GLASS) {
        return Some(glass(shown, at));
    }
    if place.starts_with(SAID_OVERDUE) {
        let request = shown.clone();
        return Some(Message::PostUseOverdue { request });
    }
    if place.starts_with(SAID) {
        return past(shown, row, rows);
    }
    Some(card(shown, place))
}

/// The alarm as it stands in the security channel, or with a person: whoever may not review its use has no button for that.
/// A reading that failed takes none away: it is looked at again when somebody presses.
pub(super) fn glass(shown: &RequestShown, at: &str) -> Message {
    let reviews = match &shown.kind {
        KindShown::BreakGlass { reviewers, .. } => match (SlackId::parse(at), reviewers) {
            (Some(at), Some(reviewers)) => reviewers.iter().any(|one| one.account == at),
            (None, _) | (_, None) => true,
        },
        KindShown::Access | KindShown::Extend { .. } => false,
    };
    Message::BreakGlass {
        request: shown.clone(),
        buttons: if reviews {
            Buttons::BreakGlass
        } else {
            Buttons::Revoke
        },
    }
}

/// A direct card has buttons only while its reader is asked and hasn't decided.
fn buttons(shown: &RequestShown, place: &str) -> Buttons {
    if let StateShown::Pending(stage) = &shown.state {
        let Some(reader) = place.strip_prefix(PERSON) else {
            return Buttons::Decide;
        };
        let is_reader = |person: &Shown| person.account.as_str() == reader;
        let answered = shown.reviews.iter().any(|one| is_reader(&one.reviewer));
        return if stage.asked.iter().any(is_reader) && !answered {
            Buttons::Decide
        } else {
            Buttons::None
        };
    }
    if let StateShown::Scheduled { .. } = &shown.state {
        let Some(reader) = place.strip_prefix(PERSON) else {
            return Buttons::Withdraw;
        };
        let approved = shown.reviews.iter().any(|one| {
            let reviewer = one.reviewer.account.as_str();
            one.approved && reviewer == reader
        });
        return if approved {
            Buttons::Withdraw
        } else {
            Buttons::None
        };
    }
    // Its use is reviewed where those are who may: in the security channel, in their messages, in their homes.
    let glass = matches!(shown.kind, KindShown::BreakGlass { .. });
    if glass && shown.state.is_live() {
        Buttons::Revoke
    } else {
        Buttons::None
    }
}

pub(super) fn no_answer() -> ChatError {
    ChatError::Unavailable(format!("no answer in {} s", POST_WITHIN.as_secs()))
}

pub(super) fn unsaid(error: &ChatError) -> Unsaid {
    match error {
        ChatError::RateLimited { after } => Unsaid::Later(Carried::Retry {
            after: Some((*after).max(StdDuration::from_millis(5))),
            why: error.to_string(),
        }),
        ChatError::Unavailable(_) | ChatError::Untrusted(_) | ChatError::Token(_) => {
            Unsaid::Later(Carried::Away {
                after: None,
                why: error.to_string(),
            })
        }
        ChatError::Permanent(name) if CLOSED.contains(&name.as_str()) => {
            tracing::warn!(%error, "a message can't be posted there");
            Unsaid::Closed
        }
        ChatError::Permanent(_) | ChatError::Gone => {
            tracing::error!(%error, "a message can't be posted, and won't be tried again");
            Unsaid::Never
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{buttons, standing};
    use crate::app::read::tests::{pending, shown};
    use crate::ports::Posted;
    use crate::ports::chat::{Buttons, Message};
    use crate::store::CardRow;

    fn at(place: &str) -> CardRow {
        CardRow {
            place: place.into(),
            posted: Posted {
                channel: "C0APPROVE".into(),
                ts: "1.2".into(),
            },
            digest: String::new(),
        }
    }

    #[test]
    fn a_direct_card_has_buttons_only_for_who_is_asked() {
        let shown = shown(&pending(), None);
        assert_eq!(buttons(&shown, "channel:C0APPROVE"), Buttons::Decide);
        assert_eq!(buttons(&shown, "person:U0BOB"), Buttons::Decide);
        assert_eq!(buttons(&shown, "person:U0RITA"), Buttons::None);
    }

    #[test]
    fn what_was_said_once_is_left_as_it_was_said() {
        let shown = shown(&pending(), None);
        let standing = |place: &str| standing(&shown, &at(place), &[at(place)]);
        assert_eq!(standing("said:granted:thread"), None);
        assert!(matches!(
            standing("said:break_glass:security"),
            Some(Message::BreakGlass { .. })
        ));
        assert!(matches!(
            standing("copy:D1/1.2"),
            Some(Message::Card { .. })
        ));
    }
}
