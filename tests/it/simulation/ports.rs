//! Backends, chat and directory as the bot sees them: they do what the world's mood says, and log what they did.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass::domain::holding::Observation;
use hallpass::domain::role::Sharing;
use hallpass::domain::{BackendName, Email, Entitlement, Membership, SlackId};
use hallpass::ports::backend::Inventory;
use hallpass::ports::chat::Message;
use hallpass::ports::{
    Backend, BackendError, Chat, ChatError, Directory, DirectoryError, HoldingRef, Place, Posted,
    Receipt, SlackPerson,
};

use super::outside::{Call, Key, Luck, Outside, key};

/// One call's limit, as the backends say it.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

pub(super) struct Target {
    pub(super) name: BackendName,
    pub(super) tracks_expiry: bool,
    pub(super) outside: Arc<Outside>,
}

/// Counts as in flight until it is dropped, also where its caller dies.
struct InFlight<'a>(&'a Outside, Key);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight.remove(&self.1);
    }
}

impl Target {
    async fn call(&self, order: &HoldingRef, call: Call) -> Result<Receipt, BackendError> {
        let key = key(self.name.as_str(), order);
        let luck = {
            let mut state = self.outside.state();
            if !state.in_flight.insert(key.clone()) {
                let wrong = format!("two calls at once for {key:?}");
                state.wrong.push(wrong);
            }
            if state.others.contains(&key) && !state.ours.contains(&key) {
                let wrong = format!("{call:?} on standing access {key:?}");
                state.wrong.push(wrong);
            }
            if state.down.contains(self.name.as_str()) {
                state.fires("backend down");
                drop(state);
                let _in_flight = InFlight(&self.outside, key);
                return Err(BackendError::retry("connection refused"));
            }
            match state.luck {
                Some(Luck::Refused) if call == Call::Revoke => None,
                _ => state.luck.take(),
            }
        };
        let _in_flight = InFlight(&self.outside, key.clone());
        let Some(answer) = self.comes_out(key, call, luck) else {
            self.outside.dies.notify_one();
            return std::future::pending().await;
        };
        answer
    }

    /// None: the bot dies over it.
    fn comes_out(
        &self,
        key: Key,
        call: Call,
        luck: Option<Luck>,
    ) -> Option<Result<Receipt, BackendError>> {
        let mut state = self.outside.state();
        match luck {
            None => state.lands(key, call, false),
            Some(Luck::Lies) => state.fires("said and not done"),
            Some(Luck::Lost) => {
                state.lands(key, call, false);
                state.fires("answer lost");
                return Some(Err(BackendError::retry("no answer")));
            }
            Some(Luck::Late) => {
                state.fires("call lands late");
                flies(&mut state, key, call);
                return Some(Err(BackendError::retry("no answer in time")));
            }
            Some(Luck::Refused) => {
                state.fires("refused for good");
                return Some(Err(BackendError::permanent("no such account")));
            }
            Some(Luck::DiesBefore | Luck::DiesAfter | Luck::DiesMeanwhile) => {
                match luck {
                    Some(Luck::DiesAfter) => {
                        state.lands(key, call, false);
                        state.fires("crash between call and record");
                    }
                    Some(Luck::DiesMeanwhile) => {
                        state.fires("crash with a call on its way");
                        flies(&mut state, key, call);
                    }
                    _ => state.fires("crash before the call"),
                }
                return None;
            }
        }
        Some(Ok(Receipt::default()))
    }
}

/// It arrives within the call's limit and a lease.
fn flies(state: &mut super::outside::State, key: Key, call: Call) {
    let millis = i64::try_from(state.posted % 13).unwrap() * 1_000 + 700;
    let at = state.now + chrono::TimeDelta::milliseconds(millis);
    state.air.push((at, key, call));
}

#[async_trait]
impl Backend for Target {
    fn name(&self) -> &BackendName {
        &self.name
    }

    fn sharing(&self, _entitlement: &Entitlement) -> Sharing {
        Sharing::Shared
    }

    fn tracks_expiry(&self) -> bool {
        self.tracks_expiry
    }

    fn entitlement_mistakes(&self, _entitlement: &Entitlement) -> Vec<String> {
        Vec::new()
    }

    fn concurrency(&self) -> usize {
        4
    }

    fn timeout(&self) -> Duration {
        LIMIT
    }

    async fn observe(&self, holding: &HoldingRef) -> Result<Observation, BackendError> {
        let key = key(self.name.as_str(), holding);
        let mut state = self.outside.state();
        if state.down.contains(self.name.as_str()) {
            state.fires("backend down");
            return Err(BackendError::retry("connection refused"));
        }
        Ok(Observation {
            ours: state.ours.contains(&key),
            others: state.others.contains(&key).then(|| "by root".to_owned()),
        })
    }

    async fn grant(&self, order: &HoldingRef) -> Result<Receipt, BackendError> {
        self.call(order, Call::Grant).await
    }

    async fn revoke(&self, order: &HoldingRef) -> Result<Receipt, BackendError> {
        self.call(order, Call::Revoke).await
    }

    async fn inventory(&self, _entitlements: &[Entitlement]) -> Result<Inventory, BackendError> {
        Ok(Inventory::NotListable)
    }

    async fn check(&self) -> Result<String, BackendError> {
        Ok("there".into())
    }
}

pub(super) struct Talk(pub(super) Arc<Outside>);

#[async_trait]
impl Chat for Talk {
    async fn post(&self, place: &Place, message: &Message) -> Result<Posted, ChatError> {
        let mut state = self.0.state();
        if state.chat_down {
            state.fires("chat down");
            return Err(ChatError::Unavailable("503".into()));
        }
        state.posted += 1;
        let what = format!("{message:?}");
        let name = what.split([' ', '{']).next().unwrap_or_default();
        state.says(format!("  says {name} in {place:?}"));
        let channel = match place {
            Place::Channel(channel) => channel.clone(),
            Place::Person(account) => format!("D{account}"),
            Place::Thread(posted) => posted.channel.clone(),
        };
        let ts = format!("{}.000000", state.posted);
        Ok(Posted { channel, ts })
    }

    async fn update(&self, _posted: &Posted, _message: &Message) -> Result<(), ChatError> {
        let mut state = self.0.state();
        if state.chat_down {
            state.fires("chat down");
            return Err(ChatError::RateLimited {
                after: Duration::from_secs(3),
            });
        }
        Ok(())
    }

    async fn check(&self) -> Result<String, ChatError> {
        Ok("there".into())
    }
}

/// Everybody of the place, by account.
pub(super) struct People(pub(super) Arc<Outside>);

pub(super) const PEOPLE: [(&str, &str); 7] = [
    ("U0ALICE", "alice"),
    ("U0RITA", "rita"),
    ("U0BOB", "bob"),
    ("U0DANA", "dana"),
    ("U0FRANK", "frank"),
    ("U0CAROL", "carol"),
    ("U0EVE", "eve"),
];

impl People {
    fn find(&self, account: &str) -> Result<SlackPerson, DirectoryError> {
        let mut state = self.0.state();
        if state.directory_down {
            state.fires("directory down");
            return Err(DirectoryError::Unavailable("503".into()));
        }
        let known = PEOPLE.iter().find(|(id, _)| *id == account);
        let Some((id, name)) = known else {
            return Err(DirectoryError::Unknown(account.to_owned()));
        };
        Ok(SlackPerson {
            account: SlackId::parse(id).unwrap(),
            email: Email::parse(&format!("{name}@example.com")),
            name: (*name).to_owned(),
            time_zone: "UTC".into(),
            membership: if state.left.contains(*id) {
                Membership::Deactivated
            } else {
                Membership::Member
            },
        })
    }
}

#[async_trait]
impl Directory for People {
    async fn person(&self, account: &SlackId) -> Result<SlackPerson, DirectoryError> {
        self.find(account.as_str())
    }

    async fn person_now(&self, account: &SlackId) -> Result<SlackPerson, DirectoryError> {
        self.find(account.as_str())
    }

    async fn by_email(&self, email: &Email) -> Result<SlackPerson, DirectoryError> {
        let local = email.as_str().split('@').next().unwrap_or_default();
        let known = PEOPLE.iter().find(|(_, name)| *name == local);
        let unknown = || DirectoryError::Unknown(email.as_str().to_owned());
        let (account, _) = known.ok_or_else(unknown)?;
        self.find(account)
    }

    async fn user_group(&self, _id: &str) -> Result<Vec<SlackId>, DirectoryError> {
        Ok(vec![SlackId::parse("U0FRANK").unwrap()])
    }

    fn last_user_group(&self, _id: &str) -> Option<Vec<SlackId>> {
        Some(vec![SlackId::parse("U0FRANK").unwrap()])
    }
}
