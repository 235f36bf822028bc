//! How a notice is said: in the order in which the notices of a request came to be, wherever it wasn't said yet.
//! Where each was posted is kept, so that a second try says only what is missing. What is told late says so.
//!
//! Order: a notice waits while an earlier one of the same request, or of its grant, is due and unsaid; whoever has spoken
//! calls the next. So one speaks at a time, whatever the number of tasks and replicas.

use hallpass_domain::effect::Subject;
use hallpass_domain::request::State;
use hallpass_domain::{Change, Effect, EffectKind, Notice, Request, SlackId, Time};

use super::announce::told_at;
use super::sync_card::{SAID, Unsaid, digest, root};
use super::{App, Carried};
use crate::ports::Place;
use crate::ports::chat::Message;
use crate::store::{Claimed, StoreError};

/// Under how many cards a notice is tried: the one that stands, and the one that is posted where that can't be answered.
const THREADS_AT_MOST: usize = 2;

/// To whom something is said.
pub(super) enum To {
    /// Under the channel's card.
    Thread,
    Security,
    People(Vec<SlackId>),
    /// To each of them in words of their own, made of the notice.
    Each(Vec<SlackId>, fn(&Message, &SlackId) -> Message),
}

/// What is said late.
pub(super) enum Told {
    /// True when it is said.
    AsItIs,
    /// Of a moment: where that is past, it says when it was.
    WithItsTime,
}

impl Told {
    pub(super) fn of(notice: Notice) -> Self {
        match notice {
            // What is so now, or what tells its own times.
            Notice::Asked
            | Notice::Reminder
            | Notice::Climbed
            | Notice::Reopened
            | Notice::RevokeStuck
            | Notice::Ended => Self::AsItIs,
            Notice::Decided
            | Notice::Granted
            | Notice::GrantFailed
            | Notice::Extended
            | Notice::BreakGlass
            | Notice::Reviewed
            | Notice::ReviewOverdue
            | Notice::StandingAccess => Self::WithItsTime,
        }
    }
}

/// One notice: what makes it the same one, what is said, and to whom.
pub(super) struct Saying {
    pub(super) key: String,
    pub(super) message: Message,
    pub(super) to: Vec<To>,
    pub(super) told: Told,
}

/// A notice as it goes out now.
struct Words<'a> {
    key: &'a str,
    message: Message,
    /// Of what is said, without when it was.
    digest: String,
}

impl Words<'_> {
    /// The same notice in other words, for some of those who hear it.
    fn saying(&self, message: Message) -> Self {
        Self {
            key: self.key,
            digest: digest(&message),
            message,
        }
    }
}

/// Whose turn it is among the notices of a request.
pub(super) enum Turn {
    /// An earlier one isn't said yet.
    Waits(Carried),
    /// It may speak, and calls `next` when it has.
    Speaks { next: Option<Effect> },
}

impl App {
    /// For whoever holds the turn within this process.
    pub(super) async fn turn_of(
        &self,
        claimed: &Claimed,
        request: &Request,
    ) -> Result<Turn, StoreError> {
        let mut subjects = vec![Subject::Request(request.id.clone())];
        if let State::Started { grant, .. } = &request.state {
            subjects.push(Subject::Grant(grant.clone()));
        }
        let mut unsaid = self.store.unsaid(&subjects, self.now()).await?;
        let place = |effect: &Effect| (effect.due, effect.kind.clone(), effect.subject.clone());
        unsaid.sort_by_key(place);
        let own = (claimed.due, claimed.kind.clone(), claimed.subject.clone());
        // A warning holds up nobody: it may have been put off, because its grant's end moved.
        unsaid.retain(|effect| matches!(effect.kind, EffectKind::Say(_)));
        if unsaid.iter().any(|effect| place(effect) < own) {
            return Ok(Turn::Waits(Carried::later(
                &"an earlier notice isn't said yet",
            )));
        }
        let next = unsaid.into_iter().find(|effect| place(effect) > own);
        Ok(Turn::Speaks { next })
    }

    /// Whom to call when it is said: who came meanwhile found it unsaid, and waits.
    pub(super) async fn next_turn(
        &self,
        next: Option<Effect>,
        claimed: &Claimed,
        request: &Request,
    ) -> Result<Option<Effect>, StoreError> {
        if next.is_some() {
            return Ok(next);
        }
        Ok(match self.turn_of(claimed, request).await? {
            Turn::Speaks { next } => next,
            Turn::Waits(_) => None,
        })
    }

    /// Says it wherever it wasn't said yet. What fails for now is tried again; the rest is said meanwhile.
    pub(super) async fn say(
        &self,
        request: &Request,
        saying: Saying,
        due: Time,
    ) -> Result<Carried, StoreError> {
        let message = match saying.told {
            Told::AsItIs => saying.message.clone(),
            Told::WithItsTime => told_at(saying.message.clone(), due, self.now()),
        };
        let words = Words {
            key: &saying.key,
            digest: digest(&saying.message),
            message,
        };
        let mut later = None;
        for to in &saying.to {
            let unsaid = match to {
                To::Thread => self.say_in_thread(request, &words).await?,
                To::Security => self.say_to_security(request, &words).await?,
                To::People(people) => self.say_to_people(request, &words, people).await?,
                To::Each(people, words_for) => {
                    let mut later = None;
                    for account in people {
                        let own = words.saying(words_for(&saying.message, account));
                        let one = std::slice::from_ref(account);
                        let unsaid = self.say_to_people(request, &own, one).await?;
                        later = Carried::either(later, unsaid);
                    }
                    later
                }
            };
            later = Carried::either(later, unsaid);
        }
        Ok(later.unwrap_or_else(Carried::nothing))
    }

    /// In the first channel that takes it, else to those who watch over access, each of them.
    async fn say_to_security(
        &self,
        request: &Request,
        words: &Words<'_>,
    ) -> Result<Option<Carried>, StoreError> {
        for channel in self.security_channels() {
            let place = Place::Channel(channel.clone());
            let said = self.say_at(request, words, "security", &place).await?;
            if !matches!(said, Err(Unsaid::Closed | Unsaid::Never)) {
                return Ok(left(said));
            }
        }
        let watchers = self.watchers().await?;
        self.say_to_people(request, words, &watchers).await
    }

    async fn say_to_people(
        &self,
        request: &Request,
        words: &Words<'_>,
        people: &[SlackId],
    ) -> Result<Option<Carried>, StoreError> {
        let mut missing = None;
        for account in people {
            let place = Place::Person(account.clone());
            let said = self.say_at(request, words, account.as_str(), &place);
            missing = Carried::either(missing, left(said.await?));
        }
        Ok(missing)
    }

    async fn say_in_thread(
        &self,
        request: &Request,
        words: &Words<'_>,
    ) -> Result<Option<Carried>, StoreError> {
        for _ in 0..THREADS_AT_MOST {
            let mut card = root(&self.store.cards(&request.id).await?);
            if card.is_none() {
                let later = self.sync_cards_of(request).await?;
                card = root(&self.store.cards(&request.id).await?);
                if let (Some(later), None) = (later, &card) {
                    return Ok(Some(later));
                }
            }
            // No card and no later: no channel can be posted to, and people are told directly.
            let Some(card) = card else {
                return Ok(None);
            };
            let place = Place::Thread(card);
            match self.say_at(request, words, "thread", &place).await? {
                // The card was deleted, or its channel was archived: posted anew, and said under that.
                Err(Unsaid::Closed) => self.leave_channel(&request.id).await?,
                said => return Ok(left(said)),
            }
        }
        Ok(None)
    }

    async fn say_at(
        &self,
        request: &Request,
        words: &Words<'_>,
        at: &str,
        place: &Place,
    ) -> Result<Result<(), Unsaid>, StoreError> {
        let key = format!("{SAID}{}:{at}", words.key);
        let rows = self.store.cards(&request.id).await?;
        if rows.iter().any(|row| row.place == key) {
            return Ok(Ok(()));
        }
        match self.post(place, &words.message).await {
            Ok(posted) => {
                self.store
                    .put_card(&request.id, &key, &posted, &words.digest)
                    .await?;
                if let Place::Person(account) = place {
                    self.make_way(&request.id, account, &key).await?;
                }
                Ok(Ok(()))
            }
            Err(unsaid) => Ok(Err(unsaid)),
        }
    }
}

/// What of it is to be tried again.
fn left(said: Result<(), Unsaid>) -> Option<Carried> {
    match said {
        Err(Unsaid::Later(retry)) => Some(retry),
        Ok(()) | Err(Unsaid::Closed | Unsaid::Never) => None,
    }
}

/// What has spoken calls the next, which didn't know how long to wait.
pub(super) fn calling(said: Carried, next: Option<Effect>) -> Carried {
    match (said, next) {
        (Carried::Done(change), Some(next)) => {
            Carried::Done(change.and(Change::default().schedule(next)))
        }
        (said, _) => said,
    }
}
