//! Copies of a card: whoever is asked and isn't reached by the channel's card gets the same card as a direct message, and
//! whoever was asked by a message of their own is told when it is handled.
//!
//! Reached by the channel's card is who is mentioned in it when it is posted and is a member of its channel: its later
//! edits notify nobody. Where that can't be read, a copy is sent: better asked twice than never.

use std::collections::BTreeSet;
use std::time::Duration as StdDuration;

use futures_util::future::join_all;
use hallpass_domain::request::State;
use hallpass_domain::{Request, SlackId};
use tokio::time::timeout;

use super::read::shown_person;
use super::sync_card::{COPY, PERSON, Unsaid, card, digest};
use super::{App, Carried};
use crate::ports::chat::{Message, RequestShown, Shown, StateShown};
use crate::ports::{Place, Posted};
use crate::store::{CardRow, StoreError};

/// Who was asked at which stage, by the channel's card or a copy.
pub(super) const ASKED: &str = "said:asked:";
/// Who was told that nothing is left for them to do.
const HANDLED: &str = "said:handled:";
const REMINDER: &str = "said:reminder-";

/// The people whom a card mentions; the others stand on it as a number.
const MENTIONED: usize = 8;

/// How long it may take to learn who is in the channel.
const MEMBERS_WITHIN: StdDuration = StdDuration::from_secs(3);

impl App {
    /// The accounts that are asked now, in their order.
    async fn accounts_asked(&self, request: &Request) -> Result<Vec<SlackId>, StoreError> {
        let State::Pending(open) = &request.state else {
            return Ok(Vec::new());
        };
        let people = self.store.people(&open.asked).await?;
        let accounts = people.iter().map(|person| shown_person(person).account);
        Ok(accounts.collect())
    }

    /// Whom a card in this channel reaches when it is posted now.
    pub(super) async fn reached_in(
        &self,
        request: &Request,
        channel: &str,
    ) -> Result<BTreeSet<SlackId>, StoreError> {
        let asked = self.accounts_asked(request).await?;
        if asked.is_empty() {
            return Ok(BTreeSet::new());
        }
        let members = timeout(MEMBERS_WITHIN, self.directory.channel_members(channel)).await;
        let members = match members {
            Ok(Ok(members)) => members,
            Ok(Err(error)) => {
                tracing::warn!(channel, %error, "who is in a channel couldn't be read; copies are sent");
                return Ok(BTreeSet::new());
            }
            Err(_) => return Ok(BTreeSet::new()),
        };
        let members: BTreeSet<&SlackId> = members.iter().collect();
        let mentioned = asked.into_iter().take(MENTIONED);
        Ok(mentioned.filter(|one| members.contains(one)).collect())
    }

    /// The channel's card was posted, and asks them.
    pub(super) async fn asked_by_card(
        &self,
        request: &Request,
        card: &Posted,
        reached: &BTreeSet<SlackId>,
    ) -> Result<(), StoreError> {
        let kept = reached.iter().map(async |account| {
            let asked = asked_at(request, account);
            self.store.put_card(&request.id, &asked, card, "").await
        });
        for outcome in join_all(kept).await {
            outcome?;
        }
        Ok(())
    }

    /// Who is asked and wasn't reached yet. `reached`: whom the channel's card will ask.
    pub(super) async fn copies_to_post(
        &self,
        request: &Request,
        rows: &[CardRow],
        reached: &BTreeSet<SlackId>,
    ) -> Result<Vec<SlackId>, StoreError> {
        let mut missing = Vec::new();
        for account in self.accounts_asked(request).await? {
            let has = |place: &str| rows.iter().find(|row| row.place == place);
            if reached.contains(&account) || has(&asked_at(request, &account)).is_some() {
                continue;
            }
            match has(&format!("{PERSON}{account}")) {
                // From before it was kept at which stage somebody was asked.
                Some(_) if stage(request) == 0 => continue,
                Some(copy) => {
                    let handled = has(&format!("{HANDLED}{account}"));
                    self.ask_again(request, copy, handled).await?;
                }
                None => {}
            }
            missing.push(account);
        }
        Ok(missing)
    }

    pub(super) async fn post_copy(
        &self,
        request: &Request,
        account: &SlackId,
        shown: &RequestShown,
    ) -> Result<Result<(), Unsaid>, StoreError> {
        let place = format!("{PERSON}{account}");
        let message = card(shown, &place);
        let to = Place::Person(account.clone());
        let posted = match self.post(&to, &message).await {
            Ok(posted) => posted,
            Err(unsaid) => return Ok(Err(unsaid)),
        };
        let (id, asked) = (&request.id, asked_at(request, account));
        self.store
            .put_card(id, &place, &posted, &digest(&message))
            .await?;
        self.store.put_card(id, &asked, &posted, "").await?;
        Ok(Ok(()))
    }

    /// They were asked at an earlier stage, and are asked now: with a new copy, because an edit of the old one notifies
    /// nobody. The old one is kept current as any other.
    async fn ask_again(
        &self,
        request: &Request,
        copy: &CardRow,
        handled: Option<&CardRow>,
    ) -> Result<(), StoreError> {
        let at = format!("{COPY}{}/{}", copy.posted.channel, copy.posted.ts);
        let id = &request.id;
        self.store
            .put_card(id, &at, &copy.posted, &copy.digest)
            .await?;
        if let Some(handled) = handled {
            self.store.remove_card(id, &handled.place).await?;
        }
        self.store.remove_card(id, &copy.place).await
    }

    /// Tells whoever was written to and isn't asked any more that it is handled. Some: what is left, for later.
    pub(super) async fn tell_handled(
        &self,
        request: &Request,
        shown: &RequestShown,
    ) -> Result<Option<Carried>, StoreError> {
        let rows = self.store.cards(&request.id).await?;
        let told = to_be_told(shown, &rows).into_iter().map(|account| {
            let message = Message::Handled {
                request: shown.clone(),
            };
            let place = format!("{HANDLED}{account}");
            (account, place, message)
        });
        self.tell_each(request, told.collect()).await
    }

    /// Says to each what is theirs, and keeps where it stands. Some: what is left, for later.
    pub(super) async fn tell_each(
        &self,
        request: &Request,
        each: Vec<(SlackId, String, Message)>,
    ) -> Result<Option<Carried>, StoreError> {
        let mut later = None;
        for (account, place, message) in each {
            match self.post(&Place::Person(account), &message).await {
                Ok(posted) => {
                    let digest = digest(&message);
                    self.store
                        .put_card(&request.id, &place, &posted, &digest)
                        .await?;
                }
                Err(Unsaid::Later(retry)) => later = Some(retry),
                Err(Unsaid::Closed | Unsaid::Never) => {}
            }
        }
        Ok(later)
    }
}

/// The stage that is asked, from 0.
fn stage(request: &Request) -> usize {
    request.state.waiting().map_or(0, |open| open.index)
}

fn asked_at(request: &Request, account: &SlackId) -> String {
    format!("{ASKED}{}:{account}", stage(request))
}

/// Who was asked by a message of their own, has nothing to decide any more, and neither decided nor was told so.
fn to_be_told(shown: &RequestShown, rows: &[CardRow]) -> BTreeSet<SlackId> {
    let written = rows.iter().filter_map(|row| {
        let reminded = || row.place.strip_prefix(REMINDER)?.split_once(':');
        let copied = row.place.strip_prefix(PERSON);
        copied.or_else(|| reminded().map(|(_, account)| account))
    });
    let written: BTreeSet<SlackId> = written.filter_map(SlackId::parse).collect();
    let asked: &[Shown] = match &shown.state {
        StateShown::Pending(stage) => &stage.asked,
        StateShown::Scheduled { .. }
        | StateShown::Approved
        | StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. }
        | StateShown::Started(_) => &[],
    };
    let is = |account: &SlackId, person: &Shown| person.account == *account;
    let needs = |account: &SlackId| {
        let told = format!("{HANDLED}{account}");
        !(asked.iter().any(|one| is(account, one))
            || shown.reviews.iter().any(|one| is(account, &one.reviewer))
            || is(account, &shown.requester)
            || is(account, &shown.holder)
            || rows.iter().any(|row| row.place == told))
    };
    written.into_iter().filter(|one| needs(one)).collect()
}

#[cfg(test)]
mod tests {
    use super::to_be_told;
    use crate::app::read::tests::{pending, shown};
    use crate::ports::Posted;
    use crate::ports::chat::StateShown;
    use crate::store::CardRow;

    fn row(place: &str) -> CardRow {
        CardRow {
            place: place.into(),
            posted: Posted {
                channel: "D1".into(),
                ts: "1.2".into(),
            },
            digest: String::new(),
        }
    }

    #[test]
    fn told_is_who_was_written_to_and_is_not_asked_any_more() {
        let mut shown = shown(&pending(), None);
        let rows = ["person:U0BOB", "said:reminder-0:U0DANA", "person:U0RITA"].map(row);
        let told = |shown: &_, rows: &[CardRow]| -> Vec<String> {
            let told = to_be_told(shown, rows);
            told.iter().map(ToString::to_string).collect()
        };
        assert_eq!(told(&shown, &rows), ["U0DANA"], "Bob is asked still");
        shown.state = StateShown::Cancelled;
        assert_eq!(
            told(&shown, &rows),
            ["U0BOB", "U0DANA"],
            "Rita asked herself"
        );
        let mut again = rows.to_vec();
        again.push(row("said:handled:U0BOB"));
        assert_eq!(told(&shown, &again), ["U0DANA"], "each once");
    }
}
