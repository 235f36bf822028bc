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

use super::calls::Turn;
use super::outside::{Call, Key, Luck, Outside, key};

/// One call's limit, as the backends say it.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

pub(super) struct Target {
    pub(super) name: BackendName,
    pub(super) tracks_expiry: bool,
    pub(super) concurrency: usize,
    pub(super) outside: Arc<Outside>,
}

/// A call that changes something, until it is answered or its caller goes away.
struct UnderWay<'a> {
    outside: &'a Arc<Outside>,
    key: Key,
    call: Call,
    /// It was carried out, or never will be.
    over: bool,
}

impl<'a> UnderWay<'a> {
    fn begins(outside: &'a Arc<Outside>, key: Key, call: Call) -> Self {
        let mut state = outside.state();
        if !state.in_flight.insert(key.clone()) {
            let wrong = format!("two calls at once for {key:?}");
            state.wrong.push(wrong);
        }
        drop(state);
        Self {
            outside,
            key,
            call,
            over: false,
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut state = self.outside.state();
        state.in_flight.remove(&self.key);
        if self.over {
            return;
        }
        // Cut off: it may be on its way all the same.
        state.fires_in(&self.key.0, "call cut off");
        if state.ports.below(2) == 0 {
            state.flies(self.key.clone(), self.call);
        }
    }
}

/// A look, until it is answered or its caller goes away: to make way for a revocation, say.
struct Looking<'a> {
    outside: &'a Arc<Outside>,
    key: Option<Key>,
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let mut state = self.outside.state();
            let now = state.now;
            state.cut_off.insert(key, now);
        }
    }
}

fn no_answer() -> BackendError {
    BackendError::retry("no answer in time")
}

impl Target {
    fn fires(&self, fault: &'static str) {
        let mut state = self.outside.state();
        state.fires_in(self.name.as_str(), fault);
    }

    async fn call(&self, order: &HoldingRef, call: Call) -> Result<Receipt, BackendError> {
        let key = key(self.name.as_str(), order);
        let mut under_way = UnderWay::begins(&self.outside, key.clone(), call);
        if self.outside.turn().await == Turn::GivenUp {
            return Err(no_answer());
        }
        under_way.over = true;
        let luck = {
            let mut state = self.outside.state();
            if state.others.contains(&key) && !state.ours.contains(&key) {
                let wrong = format!("{call:?} on standing access {key:?}");
                state.wrong.push(wrong);
            }
            if state.down.contains(self.name.as_str()) {
                state.fires_in(self.name.as_str(), "backend down");
                return Err(BackendError::retry("connection refused"));
            }
            match state.luck {
                Some(Luck::Refused) if call == Call::Revoke => None,
                _ => state.luck.take(),
            }
        };
        let Some(answer) = self.comes_out(key, call, luck) else {
            self.outside.state().calls.dies = true;
            return std::future::pending().await;
        };
        if self.outside.perhaps_turn(3).await == Turn::GivenUp {
            self.fires("answer lost");
            return Err(no_answer());
        }
        answer
    }

    /// None: the bot dies over it.
    fn comes_out(
        &self,
        key: Key,
        call: Call,
        luck: Option<Luck>,
    ) -> Option<Result<Receipt, BackendError>> {
        let name = self.name.as_str();
        let mut state = self.outside.state();
        match luck {
            None => state.lands(key, call, false),
            Some(Luck::Lies) => state.fires_in(name, "said and not done"),
            Some(Luck::Lost) => {
                state.lands(key, call, false);
                state.fires_in(name, "answer lost");
                return Some(Err(BackendError::retry("no answer")));
            }
            Some(Luck::Late) => {
                state.fires_in(name, "call lands late");
                state.flies(key, call);
                return Some(Err(BackendError::retry("no answer in time")));
            }
            Some(Luck::Refused) => {
                state.fires_in(name, "refused for good");
                return Some(Err(BackendError::permanent("no such account")));
            }
            Some(Luck::DiesBefore | Luck::DiesAfter | Luck::DiesMeanwhile) => {
                match luck {
                    Some(Luck::DiesAfter) => {
                        state.lands(key, call, false);
                        state.fires_in(name, "crash between call and record");
                    }
                    Some(Luck::DiesMeanwhile) => {
                        state.fires_in(name, "crash with a call on its way");
                        state.flies(key, call);
                    }
                    _ => state.fires_in(name, "crash before the call"),
                }
                return None;
            }
        }
        Some(Ok(Receipt::default()))
    }
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
        self.concurrency
    }

    fn timeout(&self) -> Duration {
        LIMIT
    }

    async fn observe(&self, holding: &HoldingRef) -> Result<Observation, BackendError> {
        let key = key(self.name.as_str(), holding);
        let mut looking = Looking {
            outside: &self.outside,
            key: Some(key.clone()),
        };
        let turn = self.outside.turn().await;
        looking.key = None;
        if turn == Turn::GivenUp {
            self.fires("observation given up");
            return Err(no_answer());
        }
        let mut state = self.outside.state();
        if state.down.contains(self.name.as_str()) {
            state.fires_in(self.name.as_str(), "backend down");
            return Err(BackendError::retry("connection refused"));
        }
        let (ours, others) = (state.ours.contains(&key), state.others.contains(&key));
        if ours || others {
            state.tells_held(key);
        }
        Ok(Observation {
            ours,
            others: others.then(|| "by root".to_owned()),
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
        if self.0.perhaps_turn(4).await == Turn::GivenUp {
            self.0.state().fires("post given up");
            return Err(ChatError::Unavailable("no answer in time".into()));
        }
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
        if self.0.perhaps_turn(4).await == Turn::GivenUp {
            self.0.state().fires("edit given up");
            return Err(ChatError::Unavailable("no answer in time".into()));
        }
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
    async fn asked(&self, account: &str) -> Result<SlackPerson, DirectoryError> {
        if self.0.perhaps_turn(2).await == Turn::GivenUp {
            self.0.state().fires("question given up");
            return Err(DirectoryError::Unavailable("no answer in time".into()));
        }
        self.find(account)
    }

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
        self.asked(account.as_str()).await
    }

    async fn person_now(&self, account: &SlackId) -> Result<SlackPerson, DirectoryError> {
        self.asked(account.as_str()).await
    }

    async fn by_email(&self, email: &Email) -> Result<SlackPerson, DirectoryError> {
        let local = email.as_str().split('@').next().unwrap_or_default();
        let known = PEOPLE.iter().find(|(_, name)| *name == local);
        let unknown = || DirectoryError::Unknown(email.as_str().to_owned());
        let (account, _) = known.ok_or_else(unknown)?;
        self.asked(account).await
    }

    async fn user_group(&self, _id: &str) -> Result<Vec<SlackId>, DirectoryError> {
        Ok(vec![SlackId::parse("U0FRANK").unwrap()])
    }

    fn last_user_group(&self, _id: &str) -> Option<Vec<SlackId>> {
        Some(vec![SlackId::parse("U0FRANK").unwrap()])
    }
}
