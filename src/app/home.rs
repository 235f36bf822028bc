//! App Home: shown when it is opened, when a page is turned, after a press in it, and whenever what it shows changed.
//! Only people who opened theirs once have one to keep current; what it shows is `home_read`'s.
//!
//! Current: whoever brings a request's cards to the present asks for the homes that it concerns (`SyncHome`, one effect a
//! person however often it is asked, behind everything else in Slack's lane). What is rendered there already isn't sent.

use hallpass_domain::{Change, Effect, Person, PersonId, Request, Time};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::announce::POST_WITHIN;
use super::people::{Fresh, NotPinned, with_patience};
use super::stop::Stop;
use super::sync_card::{Unsaid, no_answer, unsaid};
use super::{App, Caller, Carried};
use crate::ports::home::{HomeShown, Turned};
use crate::ports::{ChatError, HomeScreen};
use crate::store::{HomeRow, StoreError};

/// A home as it was read.
pub(super) struct Read {
    pub(super) home: HomeShown,
    /// What waits for its reader, on all pages.
    pub(super) waits: Vec<hallpass_domain::RequestId>,
    /// It shows everybody's access.
    pub(super) watches: bool,
    pub(super) at: Time,
}

/// Why a home wasn't shown.
enum NotShown {
    Store(StoreError),
    Chat(ChatError),
}

impl From<StoreError> for NotShown {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl App {
    /// Shows the caller's home on the screen at hand: opened, at a page that was turned to, or after a press. What can't be
    /// shown now is shown by the worker.
    pub async fn show_home(
        &self,
        caller: &Caller,
        turned: Option<Turned>,
        screen: &dyn HomeScreen,
    ) {
        let account = &caller.account;
        let person = match with_patience(self.caller(caller)).await {
            Ok(person) => person,
            Err(Stop::Store(error)) => {
                tracing::error!(%error, %account, "a home couldn't be shown");
                return;
            }
            Err(stop) => {
                let why = stop.into_sentence();
                let closed = HomeShown::Closed { why };
                let shown = timeout(POST_WITHIN, screen.show(account, &closed, self.now())).await;
                if let Err(error) = shown.unwrap_or_else(|_| Err(no_answer())) {
                    tracing::warn!(%error, %account, "a closed home couldn't be shown");
                }
                return;
            }
        };
        match self.show(caller, &person, turned, screen).await {
            Ok(()) => {}
            Err(NotShown::Store(error)) => {
                tracing::error!(%error, %account, "a home couldn't be shown");
            }
            Err(NotShown::Chat(error)) => {
                tracing::warn!(%error, %account, "a home couldn't be shown; it is tried again");
                let again = Change::default().schedule(Effect::sync_home(&person.id, self.now()));
                if let Err(error) = self.store.apply_one(again).await {
                    tracing::error!(%error, %account, "a home isn't shown");
                }
            }
        }
    }

    async fn show(
        &self,
        caller: &Caller,
        person: &Person,
        turned: Option<Turned>,
        screen: &dyn HomeScreen,
    ) -> Result<(), NotShown> {
        let _turn = self.posting.of(&("home", &caller.account)).await;
        let row = self
            .store
            .open_home(&caller.account, &person.id, turned)
            .await?;
        let read = with_patience(self.read_home(person, &row.pages)).await?;
        let shown = timeout(POST_WITHIN, screen.show(&row.account, &read.home, read.at)).await;
        shown
            .unwrap_or_else(|_| Err(no_answer()))
            .map_err(NotShown::Chat)?;
        self.home_kept(&row, &read).await?;
        Ok(())
    }

    async fn home_kept(&self, row: &HomeRow, read: &Read) -> Result<(), StoreError> {
        let digest = digest(&read.home);
        self.store
            .home_shown(&row.account, &digest, &read.waits, read.watches)
            .await
    }

    /// Brings every home of a person to the present; what stands there already isn't sent.
    pub(super) async fn sync_home(&self, id: &PersonId) -> Result<Carried, StoreError> {
        let mut later = None;
        for row in self.store.homes_of(id).await? {
            let _turn = self.posting.of(&("home", &row.account)).await;
            let person = match self.pin(&row.account, Fresh::Recently).await {
                Ok(person) if person.is_active_member() => person,
                Err(NotPinned::Store(error)) => return Err(error),
                // Nobody who may see it; where they come back, they open it.
                Ok(_) | Err(_) => {
                    self.store.forget_homes(id).await?;
                    return Ok(Carried::nothing());
                }
            };
            let read = self.read_home(&person, &row.pages).await?;
            if digest(&read.home) == row.digest {
                continue;
            }
            let shown = self.chat.show_home(&row.account, &read.home, read.at);
            let shown = timeout(POST_WITHIN, shown).await;
            match shown.unwrap_or_else(|_| Err(no_answer())) {
                Ok(()) => self.home_kept(&row, &read).await?,
                Err(error) => match unsaid(&error) {
                    Unsaid::Later(retry) => later = Some(retry),
                    Unsaid::Closed | Unsaid::Never => {}
                },
            }
        }
        Ok(later.unwrap_or_else(Carried::nothing))
    }

    /// Asks for the homes that a request concerns to be brought to the present, once all that people wait for is said.
    pub(super) async fn homes_change(&self, request: &Request) -> Result<(), StoreError> {
        let mut people = vec![request.requester.clone(), request.holder.clone()];
        people.extend(request.reviews.iter().map(|review| review.reviewer.clone()));
        let asked = request.state.waiting().map(|open| open.asked.clone());
        people.extend(asked.unwrap_or_default());
        let concerned = self.store.homes_concerned(&request.id, &people).await?;
        if concerned.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let change = concerned.iter().fold(Change::default(), |change, person| {
            change.schedule(Effect::sync_home(person, now))
        });
        // Nothing in it is guarded, so it can't conflict.
        self.store.apply_one(change).await.map(drop)
    }
}

/// Of what is rendered; the moment isn't part of it, or no home would ever be the same.
fn digest(home: &HomeShown) -> String {
    hex::encode(Sha256::digest(format!("{home:?}").as_bytes()))
}
