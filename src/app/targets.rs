//! Targets that don't answer, as far as people are told. What the worker found out by itself (its circuits, the last
//! try of each holding) comes together here: a card says it from the first failure on, and is brought to the present
//! when that begins and when it is over. Nothing is decided by it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use hallpass_domain::grant::{PartStatus, State as GrantState};
use hallpass_domain::{
    BackendName, Change, Effect, Entitlement, Grant, GrantId, HoldingId, RequestId, Time,
};

use super::App;
use crate::ports::chat::{Said, Trouble, TroubleShown};
use crate::store::{Failure, StoreError};

/// How many of a target's waiting holdings have their cards brought to the present.
const TOLD_AT_MOST: u32 = 200;
/// The first tries of a holding tell its cards; by then it stands there.
const TRIES_TOLD: u32 = 6;
/// What was put off is done at once when its target is back. The cards of what isn't follow so much later.
const AFTER_THE_RETURN: TimeDelta = TimeDelta::seconds(2);

/// A probe comes every 5 to 10 s: whose last silence is older isn't asked by this process any more, and may be back by the
/// answer that another one got.
const SILENT_FOR: TimeDelta = TimeDelta::seconds(30);

/// The targets whose lanes are shut in this process, each with its last silence.
#[derive(Debug, Default)]
pub(super) struct Away(Mutex<BTreeMap<BackendName, Time>>);

impl Away {
    fn all(&self) -> MutexGuard<'_, BTreeMap<BackendName, Time>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn silent(&self, backend: &BackendName, now: Time) {
        if let Some(last) = self.all().get_mut(backend) {
            *last = now;
        }
    }

    fn has(&self, backend: &BackendName, now: Time) -> bool {
        let all = self.all();
        all.get(backend)
            .is_some_and(|last| now - *last < SILENT_FOR)
    }

    fn now(&self, now: Time) -> BTreeSet<BackendName> {
        let all = self.all();
        let silent = all.iter().filter(|(_, last)| now - **last < SILENT_FOR);
        silent.map(|(backend, _)| backend.clone()).collect()
    }
}

/// What keeps holdings from what is wanted of them.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    failing: BTreeMap<HoldingId, Failure>,
    away: BTreeSet<BackendName>,
    /// What those say whose alarm is open.
    said: BTreeMap<BackendName, Said>,
}

impl Troubles {
    /// The backends that keep this grant from becoming what it should be, each once.
    pub(super) fn of(&self, grant: &Grant, entitlements: &[Entitlement]) -> Vec<TroubleShown> {
        let stuck = match &grant.state {
            GrantState::Provisioning { .. } => false,
            GrantState::Revoking { stuck_since, .. } => stuck_since.is_some(),
            GrantState::Active { .. } | GrantState::Ended { .. } | GrantState::Failed { .. } => {
                return Vec::new();
            }
        };
        let mut all: Vec<TroubleShown> = Vec::new();
        for (part, entitlement) in grant.parts.iter().zip(entitlements) {
            let waits = matches!(part.status, PartStatus::Wanted | PartStatus::Releasing);
            let backend = &entitlement.backend;
            if !waits || all.iter().any(|one| one.backend == backend.as_str()) {
                continue;
            }
            let said = self.said.get(backend).filter(|_| stuck);
            let how = match (said, self.failing.get(&part.holding)) {
                (Some(Said::Refuses), _) => Some(Trouble::Refuses),
                (Some(Said::KeepsIt), _) => Some(Trouble::KeepsIt),
                (_, Some(Failure::Silent)) => Some(Trouble::Silent),
                (_, Some(Failure::Failed)) => Some(Trouble::Failing),
                (_, None) if self.away.contains(backend) => Some(Trouble::Silent),
                (_, None) if stuck => Some(Trouble::Failing),
                (_, None) => None,
            };
            all.extend(how.map(|how| TroubleShown {
                backend: backend.to_string(),
                how,
            }));
        }
        all
    }
}

impl App {
    /// The target gives no answer: what waits for it says so from now on.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn target_away(&self, backend: &BackendName) -> Result<(), StoreError> {
        self.away.all().insert(backend.clone(), self.now());
        self.cards_of_waiting(backend, self.now()).await
    }

    /// It gave no answer once more.
    pub fn target_silent(&self, backend: &BackendName) {
        self.away.silent(backend, self.now());
    }

    /// It is back.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn target_back(&self, backend: &BackendName) -> Result<(), StoreError> {
        self.away.all().remove(backend);
        self.cards_of_waiting(backend, self.now() + AFTER_THE_RETURN)
            .await
    }

    pub(super) fn is_away(&self, backend: &BackendName) -> bool {
        self.away.has(backend, self.now())
    }

    /// A try of it failed, the `attempts`th: its cards say so.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn try_failed(&self, id: &HoldingId, attempts: u32) -> Result<(), StoreError> {
        if attempts > TRIES_TOLD {
            return Ok(());
        }
        self.cards_of(std::slice::from_ref(id), self.now()).await
    }

    async fn cards_of_waiting(&self, backend: &BackendName, due: Time) -> Result<(), StoreError> {
        let waiting = self
            .store
            .waiting_holdings(backend, self.now(), TOLD_AT_MOST)
            .await?;
        self.cards_of(&waiting, due).await
    }

    async fn cards_of(&self, holdings: &[HoldingId], due: Time) -> Result<(), StoreError> {
        let holdings = self.store.holdings(holdings).await?;
        let concerned = holdings
            .iter()
            .flat_map(|holding| holding.claims.keys().chain(&holding.releasing));
        let concerned: BTreeSet<&GrantId> = concerned.collect();
        let concerned: Vec<GrantId> = concerned.into_iter().cloned().collect();
        let grants = self.store.grants(&concerned).await?;
        let requests: BTreeSet<RequestId> = grants
            .into_iter()
            .filter(|grant| changes(&grant.state))
            .map(|grant| grant.request)
            .collect();
        if requests.is_empty() {
            return Ok(());
        }
        let change = requests.iter().fold(Change::default(), |change, id| {
            change.schedule(Effect::sync_card(id, due))
        });
        // Nothing in it is guarded, so it can't conflict.
        self.store.apply_one(change).await.map(drop)
    }

    /// What keeps these grants from what they should be; nothing is read where none of them is on its way.
    pub(super) async fn troubles<'a>(
        &self,
        grants: impl Iterator<Item = &'a Grant>,
    ) -> Result<Troubles, StoreError> {
        let mut troubles = Troubles::default();
        let (mut holdings, mut stuck) = (Vec::new(), false);
        for grant in grants.filter(|grant| changes(&grant.state)) {
            holdings.extend(grant.parts.iter().map(|part| part.holding.clone()));
            stuck |= matches!(
                &grant.state,
                GrantState::Revoking {
                    stuck_since: Some(_),
                    ..
                }
            );
        }
        if holdings.is_empty() {
            return Ok(troubles);
        }
        troubles.failing = self.store.failing(&holdings).await?;
        troubles.away = self.away.now(self.now());
        if stuck {
            for backend in self.backends.keys() {
                let alarm = self.store.alarm(Some(backend)).await?;
                let said = alarm.and_then(|alarm| alarm.said);
                troubles
                    .said
                    .extend(said.map(|said| (backend.clone(), said)));
            }
        }
        Ok(troubles)
    }
}

/// Whether a backend has something to do for it.
fn changes(state: &GrantState) -> bool {
    match state {
        GrantState::Provisioning { .. } | GrantState::Revoking { .. } => true,
        GrantState::Active { .. } | GrantState::Ended { .. } | GrantState::Failed { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_that_nobody_heard_again_is_not_believed_for_ever() {
        let (away, orders) = (Away::default(), BackendName::new("orders"));
        let at = |seconds| Time::UNIX_EPOCH + TimeDelta::seconds(seconds);
        away.silent(&orders, at(0));
        assert!(!away.has(&orders, at(0)), "one silence is no outage");
        away.all().insert(orders.clone(), at(0));
        away.silent(&orders, at(20));
        assert!(away.has(&orders, at(49)));
        assert_eq!(away.now(at(49)).len(), 1);
        assert!(!away.has(&orders, at(50)));
        assert!(away.now(at(50)).is_empty());
    }
}
