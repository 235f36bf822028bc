//! Who somebody is: a Slack account is pinned to a canonical person at first sight.
//!
//! The explicit map wins, then the confirmed e-mail; two accounts with one e-mail are one person. What differs from the
//! pinned identity later is an alarm and a refusal, never a new identity. Slack being unreachable isn't: the pin stands.

use std::time::Duration as StdDuration;

use hallpass_domain::{
    Actor, Announcement, Change, Email, Event, EventKind, Membership, Person, PersonId,
    RefusalKind, SlackId,
};
use tokio::time::{Instant, timeout};

use super::stop::Stop;
use super::{App, Caller};
use crate::app::answer::{Answer, Problems};
use crate::ports::{DirectoryError, SlackPerson};
use crate::store::{Applied, StoreError};

/// How long facts about people may take, all together, before a decision goes on without them.
pub(super) const FACTS_WITHIN: StdDuration = StdDuration::from_millis(1_500);

tokio::task_local! {
    /// Until when the command at hand may wait for facts, all of them together.
    static PATIENCE_UNTIL: Instant;
}

/// Runs a command whose facts, all together, may take [`FACTS_WITHIN`].
pub(super) async fn with_patience<T>(work: impl Future<Output = T>) -> T {
    PATIENCE_UNTIL
        .scope(Instant::now() + FACTS_WITHIN, work)
        .await
}

/// How long to wait for the next fact: what is left of the command's time. What is cached is there at once in any case.
pub(super) fn patience() -> StdDuration {
    let left = PATIENCE_UNTIL.try_with(|until| until.saturating_duration_since(Instant::now()));
    left.unwrap_or(FACTS_WITHIN)
}

/// How often a change that conflicts is decided anew.
pub(super) const ATTEMPTS: usize = 5;

/// How current the directory's answer has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fresh {
    /// A minute old at most.
    Recently,
    /// Past every cache.
    Now,
}

/// Why an account isn't a person who may do anything.
#[derive(Debug)]
pub(super) enum NotPinned {
    Store(StoreError),
    /// Slack doesn't answer, and the account was never seen before.
    Unavailable,
    Unknown,
    NotMember(Membership),
    /// Its e-mail is of another domain, or Slack has none confirmed.
    Email(Option<Email>),
    /// Its e-mail isn't the pinned one any more.
    Changed,
}

impl From<StoreError> for NotPinned {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<NotPinned> for Stop {
    fn from(why: NotPinned) -> Self {
        let refused = |sentence: String| Self::refused(RefusalKind::NotAllowed, sentence);
        match why {
            NotPinned::Store(error) => Self::Store(error),
            NotPinned::Unavailable => Self::problem(
                "Slack didn't say who you are, so nothing was sent. Try again in a moment.",
            ),
            NotPinned::Unknown => refused("Slack doesn't know this account.".into()),
            NotPinned::NotMember(membership) => refused(membership_sentence(membership).into()),
            NotPinned::Email(None) => refused(
                "Slack has no confirmed e-mail for you, and access here goes by e-mail. Confirm one in your Slack profile, then try again.".into(),
            ),
            NotPinned::Email(Some(email)) => refused(format!(
                "Addresses at {} can't use this. Ask whoever runs it to map your account.",
                email.domain()
            )),
            NotPinned::Changed => refused(
                "Your e-mail in Slack isn't the one you are known by here, so nothing was done and Security was told. Ask them to confirm the change.".into(),
            ),
        }
    }
}

pub(super) fn membership_sentence(membership: Membership) -> &'static str {
    match membership {
        Membership::Member => "Members of this workspace may use this.",
        Membership::Guest => "Guests can't use this; only full members of the workspace can.",
        Membership::Bot => "Bots can't use this; only people who are members of the workspace can.",
        Membership::Outsider => {
            "People of other workspaces can't use this; only members of this one can."
        }
        Membership::Deactivated => "This account is deactivated.",
    }
}

impl App {
    /// The person behind a command or a press; anybody who isn't an active member is refused here already.
    pub(super) async fn caller(&self, caller: &Caller) -> Result<Person, Stop> {
        let elsewhere = match (&self.settings.team, &caller.team) {
            (Some(ours), Some(theirs)) => ours != theirs,
            _ => false,
        };
        if elsewhere {
            return Err(NotPinned::NotMember(Membership::Outsider).into());
        }
        let membership = match self.pin(&caller.account, Fresh::Recently).await {
            Ok(person) if person.is_active_member() => return Ok(person),
            Ok(person) => person.membership,
            Err(NotPinned::NotMember(membership)) => membership,
            Err(why) => return Err(why.into()),
        };
        match membership {
            Membership::Guest => Err(self.no_guests().await?),
            Membership::Member
            | Membership::Bot
            | Membership::Outsider
            | Membership::Deactivated => Err(NotPinned::NotMember(membership).into()),
        }
    }

    /// Guests are at work here, too: they are told whom to turn to.
    async fn no_guests(&self) -> Result<Stop, Stop> {
        let mut whom = self.settings.operators.clone();
        if whom.is_empty() {
            let roles = self.settings.roles.values();
            whom = roles.filter_map(|role| role.owner.clone()).collect();
            whom.sort();
            whom.dedup();
        }
        let facts = self.facts(&whom, self.now()).await;
        Ok(Answer::Problems(Problems {
            sentences: vec![membership_sentence(Membership::Guest).into()],
            ask: self.mention(&whom, &facts).await?,
            ..Problems::default()
        })
        .into())
    }

    /// The person of an account, pinned now where it is seen for the first time. Its membership is that of this account.
    pub(super) async fn pin(&self, account: &SlackId, fresh: Fresh) -> Result<Person, NotPinned> {
        let mut seen = None;
        for _ in 0..ATTEMPTS {
            let pinned = self.store.person_by_account(account).await?;
            if seen.is_none() {
                seen = Some(self.look_up(account, fresh).await);
            }
            let known = match (pinned, seen.as_ref()) {
                (Some(person), Some(Err(DirectoryError::Unavailable(_))) | None) => {
                    return Ok(person);
                }
                (Some(mut person), Some(Err(DirectoryError::Unknown(_)))) => {
                    person.membership = Membership::Deactivated;
                    return Ok(person);
                }
                (None, Some(Err(DirectoryError::Unavailable(_))) | None) => {
                    return Err(NotPinned::Unavailable);
                }
                (None, Some(Err(DirectoryError::Unknown(_)))) => return Err(NotPinned::Unknown),
                (Some(person), Some(Ok(seen))) => self.refresh(person, seen).await?,
                (None, Some(Ok(seen))) => self.first_sight(seen).await?,
            };
            if let Some(person) = known {
                return Ok(person);
            }
        }
        Err(NotPinned::Unavailable)
    }

    async fn look_up(
        &self,
        account: &SlackId,
        fresh: Fresh,
    ) -> Result<SlackPerson, DirectoryError> {
        let answer = match fresh {
            Fresh::Recently => timeout(patience(), self.directory.person(account)).await,
            Fresh::Now => timeout(patience(), self.directory.person_now(account)).await,
        };
        let answer =
            answer.unwrap_or_else(|_| Err(DirectoryError::Unavailable("no answer in time".into())));
        if let Err(error) = &answer {
            tracing::warn!(%account, %error, "a person couldn't be looked up");
        }
        answer
    }

    /// The e-mail that counts for an account: the map's, else the one that Slack has confirmed.
    fn email_of(&self, seen: &SlackPerson) -> (Option<Email>, bool) {
        let mapped = self.settings.people.get(&seen.account);
        let mapped = mapped.and_then(|mapped| mapped.email.clone());
        let explicit = mapped.is_some();
        (mapped.or_else(|| seen.email.clone()), explicit)
    }

    /// None: somebody else wrote meanwhile.
    async fn first_sight(&self, seen: &SlackPerson) -> Result<Option<Person>, NotPinned> {
        if seen.membership != Membership::Member {
            return Err(NotPinned::NotMember(seen.membership));
        }
        let (email, explicit) = self.email_of(seen);
        if !explicit && !self.is_our_domain(email.as_ref()) {
            return Err(NotPinned::Email(email));
        }
        let same = match &email {
            Some(email) => self.store.person_by_email(email).await?,
            None => None,
        };
        let mapped = self.settings.people.get(&seen.account);
        let principals = mapped.map(|mapped| mapped.principals.clone());
        let person = match same {
            Some(mut person) => {
                person.accounts.push(seen.account.clone());
                person.principals.extend(principals.unwrap_or_default());
                person
            }
            None => Person {
                id: PersonId::new(self.entropy.id()),
                version: 0,
                accounts: vec![seen.account.clone()],
                email,
                name: seen.name.clone(),
                time_zone: seen.time_zone.clone(),
                membership: seen.membership,
                principals: principals.unwrap_or_default(),
            },
        };
        let event = self
            .person_event(EventKind::PersonPinned, &person)
            .personal("account", seen.account.as_str());
        self.keep(person, Some(event), seen.membership).await
    }

    async fn refresh(
        &self,
        mut person: Person,
        seen: &SlackPerson,
    ) -> Result<Option<Person>, NotPinned> {
        let before = person.clone();
        let (email, explicit) = self.email_of(seen);
        if email.is_some() && email != person.email {
            let taken = match &email {
                Some(email) => self.store.person_by_email(email).await?.is_some(),
                None => false,
            };
            // No longer confirmed isn't somebody else. A first e-mail completes a person, and the map is the operator's word.
            if taken || (person.email.is_some() && !explicit) {
                self.identity_alarm(&person, seen, email.as_ref()).await;
                return Err(NotPinned::Changed);
            }
            if !explicit && !self.is_our_domain(email.as_ref()) {
                return Err(NotPinned::Email(email));
            }
            person.email = email;
        }
        if person.accounts.first() == Some(&seen.account) {
            person.membership = seen.membership;
            person.name.clone_from(&seen.name);
            person.time_zone.clone_from(&seen.time_zone);
        }
        if let Some(mapped) = self.settings.people.get(&seen.account) {
            person.principals.extend(mapped.principals.clone());
        }
        if person == before {
            person.membership = seen.membership;
            return Ok(Some(person));
        }
        let told = person.membership != before.membership
            || person.email != before.email
            || person.principals != before.principals;
        let event = told.then(|| {
            let membership = serde_json::to_value(person.membership).unwrap_or_default();
            self.person_event(EventKind::PersonChanged, &person)
                .fact("membership", membership)
        });
        self.keep(person, event, seen.membership).await
    }

    async fn keep(
        &self,
        person: Person,
        event: Option<Event>,
        membership: Membership,
    ) -> Result<Option<Person>, NotPinned> {
        let mut change = Change::default().person(person.clone());
        change.events.extend(event);
        Ok(match self.store.apply_one(change).await? {
            Applied::Done => Some(Person {
                version: person.version + 1,
                membership,
                ..person
            }),
            Applied::Conflict | Applied::Delivered(_) => None,
        })
    }

    fn is_our_domain(&self, email: Option<&Email>) -> bool {
        let domains = &self.settings.email_domains;
        domains.is_empty()
            || email.is_some_and(|email| {
                domains
                    .iter()
                    .any(|domain| domain.eq_ignore_ascii_case(email.domain()))
            })
    }

    fn person_event(&self, kind: EventKind, person: &Person) -> Event {
        let event = Event::new(kind, Actor::Hallpass, self.now())
            .fact("person", person.id.as_str())
            .fact("accounts", person.accounts.len());
        match &person.email {
            Some(email) => event.personal("email", email.as_str()),
            None => event,
        }
    }

    /// On record and loud, once for each difference.
    async fn identity_alarm(&self, pinned: &Person, seen: &SlackPerson, now: Option<&Email>) {
        let difference = (seen.account.clone(), now.cloned());
        let new = self
            .alarmed
            .lock()
            .is_ok_and(|mut alarmed| alarmed.insert(difference));
        if !new {
            return;
        }
        tracing::warn!(account = %seen.account, "a pinned e-mail is no longer what Slack says");
        let mut event = self
            .person_event(EventKind::PersonChanged, pinned)
            .fact("refused", true);
        if let Some(now) = now {
            event = event.personal("email_now", now.as_str());
        }
        let change = Change::default()
            .event(event)
            .announce(Announcement::IdentityChanged {
                account: seen.account.clone(),
                pinned: pinned.email.clone(),
                now: now.cloned(),
            });
        if let Err(error) = self.store.apply_one(change).await {
            tracing::error!(%error, "a changed identity couldn't be put on record");
            // Neither is it told: the next sight of it tries again.
            if let Ok(mut alarmed) = self.alarmed.lock() {
                alarmed.remove(&(seen.account.clone(), now.cloned()));
            }
        }
    }
}
