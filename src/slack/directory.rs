//! The directory port over Slack's Web API: who somebody is now, and who is in a user group.
//! Answers are kept for a minute by the `Clock` port; what a membership permits is decided elsewhere.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use super::client::{Client, Identity};
use super::health::Health;
use crate::domain::{Email, Membership, SlackId, Time};
use crate::ports::directory::is_background;
use crate::ports::{ChatError, Clock, Directory, DirectoryError, SlackPerson};

/// How long an answer is believed.
const KEPT_SECONDS: i64 = 60;

/// Answers that are kept; beyond it the old ones go first, then all.
const MOST_KEPT: usize = 10_000;

/// How a channel's members are read; one with more than these together is too large to be known.
const MEMBERS_A_PAGE: &str = "500";
const MEMBER_PAGES: usize = 6;

/// Slack's own people and user groups.
pub struct SlackDirectory {
    client: Arc<Client>,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
    people: Cache<SlackId, SlackPerson>,
    emails: Cache<Email, SlackPerson>,
    groups: Cache<String, Vec<SlackId>>,
    /// None where the members couldn't be read: not asked again for the same while.
    channels: Cache<String, Option<Vec<SlackId>>>,
}

impl SlackDirectory {
    pub fn new(client: Arc<Client>, health: Arc<Health>, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            health,
            clock,
            people: Cache::default(),
            emails: Cache::default(),
            groups: Cache::default(),
            channels: Cache::default(),
        }
    }

    async fn ask(&self, method: &str, query: &[(&str, &str)]) -> Result<Value, DirectoryError> {
        let outcome = if is_background() {
            self.client.get_in_background(method, query).await
        } else {
            self.client.get(method, query).await
        };
        match &outcome {
            Ok(_) => self.health.token_works(),
            Err(ChatError::Token(name)) => self.health.token_refused(name),
            Err(ChatError::Untrusted(why)) => self.health.distrusted(why),
            Err(_) => {}
        }
        outcome.map_err(|error| match (error, query.first()) {
            (ChatError::Permanent(name), Some((_, about))) if is_unknown(&name) => {
                DirectoryError::Unknown((*about).into())
            }
            (error, _) => DirectoryError::Unavailable(error.to_string()),
        })
    }

    /// All pages of `conversations.members`. A missing scope condemns only this look, not the token.
    async fn read_members(&self, channel: &str) -> Result<Vec<SlackId>, String> {
        let (mut members, mut cursor) = (Vec::new(), String::new());
        for _ in 0..MEMBER_PAGES {
            let mut query = vec![("channel", channel), ("limit", MEMBERS_A_PAGE)];
            if !cursor.is_empty() {
                query.push(("cursor", cursor.as_str()));
            }
            let answer = self.client.get("conversations.members", &query).await;
            let answer = answer.map_err(|error| error.to_string())?;
            let page = answer.get("members").and_then(Value::as_array);
            let page = page.ok_or("it came without members")?;
            members.extend(
                page.iter()
                    .filter_map(Value::as_str)
                    .filter_map(SlackId::parse),
            );
            let next = answer.pointer("/response_metadata/next_cursor");
            match next.and_then(Value::as_str).filter(|next| !next.is_empty()) {
                Some(next) => next.clone_into(&mut cursor),
                None => return Ok(members),
            }
        }
        Err("it has more members than are looked at".into())
    }

    async fn identity(&self) -> Result<&Identity, DirectoryError> {
        self.client
            .identity()
            .await
            .map_err(|error| DirectoryError::Unavailable(error.to_string()))
    }

    fn keep(&self, person: &SlackPerson) {
        let now = self.clock.now();
        self.people
            .keep(person.account.clone(), person.clone(), now);
    }
}

#[async_trait]
impl Directory for SlackDirectory {
    async fn person(&self, account: &SlackId) -> Result<SlackPerson, DirectoryError> {
        match self.people.fresh(account, self.clock.now()) {
            Some(person) => Ok(person),
            None => self.person_now(account).await,
        }
    }

    async fn person_now(&self, account: &SlackId) -> Result<SlackPerson, DirectoryError> {
        let own = self.identity().await?;
        let answer = self
            .ask("users.info", &[("user", account.as_str())])
            .await?;
        let person = person_from(answer.get("user"), own)?;
        if person.account != *account {
            return Err(DirectoryError::Unknown(account.to_string()));
        }
        self.keep(&person);
        Ok(person)
    }

    async fn by_email(&self, email: &Email) -> Result<SlackPerson, DirectoryError> {
        if let Some(person) = self.emails.fresh(email, self.clock.now()) {
            return Ok(person);
        }
        let own = self.identity().await?;
        let answer = self
            .ask("users.lookupByEmail", &[("email", email.as_str())])
            .await?;
        let person = person_from(answer.get("user"), own)?;
        // An address that isn't confirmed, or another one, is nobody's.
        if person.email.as_ref() != Some(email) {
            return Err(DirectoryError::Unknown(email.to_string()));
        }
        self.keep(&person);
        self.emails
            .keep(email.clone(), person.clone(), self.clock.now());
        Ok(person)
    }

    async fn user_group(&self, id: &str) -> Result<Vec<SlackId>, DirectoryError> {
        let key = id.to_owned();
        let now = self.clock.now();
        if let Some(members) = self.groups.fresh(&key, now) {
            return Ok(members);
        }
        match self
            .ask("usergroups.users.list", &[("usergroup", id)])
            .await
        {
            Ok(answer) => {
                let members = members_from(&answer)?;
                self.groups.keep(key, members.clone(), now);
                Ok(members)
            }
            Err(DirectoryError::Unavailable(why)) => {
                let last = self
                    .groups
                    .last(&key)
                    .ok_or(DirectoryError::Unavailable(why.clone()))?;
                tracing::warn!(group = id, %why, "using the last known members of a user group");
                Ok(last)
            }
            Err(error @ DirectoryError::Unknown(_)) => {
                self.groups.forget(&key);
                Err(error)
            }
        }
    }

    async fn channel_members(&self, channel: &str) -> Result<Vec<SlackId>, DirectoryError> {
        let (key, now) = (channel.to_owned(), self.clock.now());
        let known = if let Some(known) = self.channels.fresh(&key, now) {
            known
        } else {
            let read = self.read_members(channel).await;
            if let Err(why) = &read {
                tracing::warn!(channel, %why, "who is in a channel couldn't be read");
            }
            let known = read.ok();
            self.channels.keep(key, known.clone(), now);
            known
        };
        known.ok_or_else(|| DirectoryError::Unavailable("its members can't be read".into()))
    }

    fn last_user_group(&self, id: &str) -> Option<Vec<SlackId>> {
        self.groups.last(&id.to_owned())
    }
}

/// Slack's names for "there is no such account or group".
fn is_unknown(name: &str) -> bool {
    matches!(
        name,
        "user_not_found" | "user_not_visible" | "users_not_found" | "no_such_subteam"
    )
}

fn members_from(answer: &Value) -> Result<Vec<SlackId>, DirectoryError> {
    let users = answer
        .get("users")
        .and_then(Value::as_array)
        .ok_or_else(|| DirectoryError::Unavailable("the group came without its users".into()))?;
    Ok(users
        .iter()
        .filter_map(Value::as_str)
        .filter_map(SlackId::parse)
        .collect())
}

fn person_from(user: Option<&Value>, own: &Identity) -> Result<SlackPerson, DirectoryError> {
    let broken = || DirectoryError::Unavailable("the person came without an id".into());
    let user = user.ok_or_else(broken)?;
    let text = |pointer: &str| {
        user.pointer(pointer)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let account = text("/id").and_then(SlackId::parse).ok_or_else(broken)?;
    // Slack says so for full members; where it says nothing the address may be anybody's, so there is none.
    let email = says(user, "is_email_confirmed")
        .then(|| text("/profile/email").and_then(Email::parse))
        .flatten();
    let name = text("/profile/real_name")
        .or_else(|| text("/real_name"))
        .or_else(|| text("/name"));
    Ok(SlackPerson {
        membership: membership(user, own),
        name: name.unwrap_or_default().into(),
        time_zone: text("/tz").unwrap_or("UTC").into(),
        account,
        email,
    })
}

fn says(user: &Value, key: &str) -> bool {
    user.get(key) == Some(&Value::Bool(true))
}

/// `is_stranger` is not sent for members of shared channels, so the team decides; on Grid, the organisation.
fn membership(user: &Value, own: &Identity) -> Membership {
    let text = |pointer: &str| user.pointer(pointer).and_then(Value::as_str);
    let organisation = text("/enterprise_user/enterprise_id").or_else(|| text("/enterprise_id"));
    let ours = text("/team_id") == Some(own.team.as_str())
        || (own.enterprise.is_some() && organisation == own.enterprise.as_deref());
    if says(user, "deleted") {
        Membership::Deactivated
    } else if says(user, "is_bot")
        || says(user, "is_workflow_bot")
        || text("/id") == Some("USLACKBOT")
    {
        Membership::Bot
    } else if !ours || says(user, "is_stranger") {
        Membership::Outsider
    } else if says(user, "is_restricted") || says(user, "is_ultra_restricted") {
        Membership::Guest
    } else {
        Membership::Member
    }
}

/// The last answers, with the moment they came.
struct Cache<K, V>(Mutex<HashMap<K, (Time, V)>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    fn fresh(&self, key: &K, now: Time) -> Option<V> {
        self.entries()
            .get(key)
            .filter(|(at, _)| is_fresh(*at, now))
            .map(|(_, value)| value.clone())
    }

    fn last(&self, key: &K) -> Option<V> {
        self.entries().get(key).map(|(_, value)| value.clone())
    }

    fn forget(&self, key: &K) {
        self.entries().remove(key);
    }

    fn keep(&self, key: K, value: V, now: Time) {
        let mut entries = self.entries();
        if entries.len() >= MOST_KEPT {
            entries.retain(|_, (at, _)| is_fresh(*at, now));
        }
        if entries.len() >= MOST_KEPT {
            entries.clear();
        }
        entries.insert(key, (now, value));
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<K, (Time, V)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock that went back makes an answer stale, not eternal.
fn is_fresh(at: Time, now: Time) -> bool {
    (0..KEPT_SECONDS).contains(&(now - at).num_seconds())
}
