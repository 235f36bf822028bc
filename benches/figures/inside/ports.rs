//! Ports that answer at once: everybody is a member, the target keeps its access in memory, and what is said to Slack is
//! held back while something is measured, because a notice counts until it is on the list of what is to be said.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hallpass::domain::holding::Observation;
use hallpass::domain::role::Sharing;
use hallpass::domain::{BackendName, Email, Entitlement, Membership, SlackId};
use hallpass::ports::chat::Message;
use hallpass::ports::{
    Backend, BackendError, Chat, ChatError, Directory, DirectoryError, HoldingRef, Inventory,
    Order, Place, Posted, Receipt, SlackPerson,
};
use tokio::sync::watch;

/// Slack's directory: whoever is asked about is a member.
pub(crate) struct Everybody;

impl Everybody {
    fn named(account: &SlackId) -> SlackPerson {
        let name = account.as_str().to_ascii_lowercase();
        SlackPerson {
            account: account.clone(),
            email: Email::parse(&format!("{name}@example.com")),
            name,
            time_zone: "UTC".into(),
            membership: Membership::Member,
        }
    }
}

#[async_trait]
impl Directory for Everybody {
    async fn person(&self, account: &SlackId) -> Result<SlackPerson, DirectoryError> {
        Ok(Self::named(account))
    }

    async fn person_now(&self, account: &SlackId) -> Result<SlackPerson, DirectoryError> {
        Ok(Self::named(account))
    }

    async fn by_email(&self, email: &Email) -> Result<SlackPerson, DirectoryError> {
        let account = SlackId::parse(&email.local().to_ascii_uppercase());
        account
            .map(|account| Self::named(&account))
            .ok_or_else(|| DirectoryError::Unknown(email.to_string()))
    }

    async fn user_group(&self, id: &str) -> Result<Vec<SlackId>, DirectoryError> {
        Err(DirectoryError::Unknown(id.into()))
    }

    fn last_user_group(&self, _: &str) -> Option<Vec<SlackId>> {
        None
    }
}

/// Slack: takes what is said at once while it is open, and not at all while it is closed.
pub(crate) struct Mailbox(watch::Sender<bool>);

impl Default for Mailbox {
    fn default() -> Self {
        Self(watch::Sender::new(true))
    }
}

impl Mailbox {
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn close(&self) {
        self.0.send_replace(false);
    }

    async fn takes(&self) -> Result<(), ChatError> {
        let mut open = self.0.subscribe();
        let waited = open.wait_for(|open| *open).await;
        waited
            .map(drop)
            .map_err(|_| ChatError::Unavailable("it is over".into()))
    }
}

#[async_trait]
impl Chat for Mailbox {
    async fn post(&self, _: &Place, _: &Message) -> Result<Posted, ChatError> {
        self.takes().await?;
        Ok(Posted {
            channel: "C0APPROVE".into(),
            ts: "1.000001".into(),
        })
    }

    async fn update(&self, _: &Posted, _: &Message) -> Result<(), ChatError> {
        self.takes().await
    }

    async fn check(&self) -> Result<String, ChatError> {
        Ok("open".into())
    }
}

/// Principal and entitlement.
pub(crate) type Held = (String, String);

/// A target that answers within no time.
pub(crate) struct Target {
    name: BackendName,
    held: Mutex<HashSet<Held>>,
}

impl Target {
    pub(crate) fn new(name: BackendName) -> Self {
        Self {
            name,
            held: Mutex::default(),
        }
    }

    fn with<T>(&self, order: &HoldingRef, work: impl FnOnce(&mut HashSet<Held>, Held) -> T) -> T {
        let held = (order.principal.clone(), order.entitlement.key());
        work(
            &mut self.held.lock().unwrap_or_else(PoisonError::into_inner),
            held,
        )
    }
}

#[async_trait]
impl Backend for Target {
    fn name(&self) -> &BackendName {
        &self.name
    }

    fn sharing(&self, _: &Entitlement) -> Sharing {
        Sharing::Shared
    }

    fn tracks_expiry(&self) -> bool {
        false
    }

    fn entitlement_mistakes(&self, _: &Entitlement) -> Vec<String> {
        Vec::new()
    }

    fn concurrency(&self) -> usize {
        64
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn observe(&self, holding: &HoldingRef) -> Result<Observation, BackendError> {
        Ok(Observation {
            ours: self.with(holding, |all, one| all.contains(&one)),
            others: None,
        })
    }

    async fn grant(&self, order: &Order) -> Result<Receipt, BackendError> {
        self.with(order, HashSet::insert);
        Ok(Receipt::default())
    }

    async fn revoke(&self, order: &Order) -> Result<Receipt, BackendError> {
        self.with(order, |all, one| all.remove(&one));
        Ok(Receipt::default())
    }

    async fn inventory(&self, _: &[Entitlement]) -> Result<Inventory, BackendError> {
        Ok(Inventory::NotListable)
    }

    async fn check(&self) -> Result<String, BackendError> {
        Ok("well".into())
    }
}
