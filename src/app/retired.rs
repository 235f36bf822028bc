//! Backends that the configuration no longer has while grants live in them: told once, and still looked after. Also what
//! is scheduled at every start, to look at everything.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use hallpass_domain::grant::State;
use hallpass_domain::{
    Actor, Announcement, BackendName, Change, Event, EventKind, Grant, GrantId, HoldingId, ShortId,
};

use super::App;
use super::leave::people_effect;
use super::{ledger, overdue, reconcile};
use crate::store::{Store, StoreError};

/// After a start, until everything is looked at: it may be a hundred thousand grants.
const PEOPLE_FIRST: TimeDelta = TimeDelta::seconds(1);

/// How many holdings are read at a time.
const PAGE: u32 = 500;

/// How many grants are named in one announcement.
const NAMED_AT_MOST: usize = 50;

/// What lives in a backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Living {
    pub grants: BTreeSet<ShortId>,
    /// Rows about access there can't be read: there may be others.
    pub unread: bool,
}

/// The live grants that have something in a backend.
///
/// # Errors
/// Where the store fails.
pub async fn living_in(store: &Store, backend: &BackendName) -> Result<Living, StoreError> {
    let mut living = Living::default();
    let mut after = String::new();
    loop {
        let page = store.holdings_in(backend, &after, PAGE).await?;
        let page = page.logged();
        let concerned: BTreeSet<GrantId> = page
            .rows
            .iter()
            .flat_map(|holding| holding.claims.keys().chain(&holding.releasing).cloned())
            .collect();
        let concerned: Vec<GrantId> = concerned.into_iter().collect();
        let grants = store.readable_grants(&concerned).await?.logged();
        living.unread |= !page.unread.is_empty() || !grants.unread.is_empty();
        let live = grants.rows.into_iter().filter(Grant::is_live);
        living.grants.extend(live.map(|grant| grant.short));
        match page.next {
            Some(next) => after = next,
            None => return Ok(living),
        }
    }
}

impl App {
    /// Looks at everything from now on: each backend, the ledger, the people; also where it was scheduled for later. People
    /// who waited for the start come first.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn look_at_everything(&self) -> Result<(), StoreError> {
        let at = self.now() + PEOPLE_FIRST;
        let mut change = Change::default()
            .schedule(ledger::effect(at))
            .schedule(overdue::effect(at))
            .schedule(people_effect(at));
        for name in self.backends.keys() {
            change = change.schedule(reconcile::effect(name, at));
        }
        self.store.apply_one(change).await.map(drop)
    }

    /// Says once that a backend is gone from the configuration while grants live in it, or may. `reachable`: by its
    /// archived section they can still end; where not, that is tried for ever.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn backend_retired(
        &self,
        backend: &BackendName,
        mut grants: Vec<ShortId>,
        reachable: bool,
    ) -> Result<(), StoreError> {
        let names: Vec<String> = grants.iter().map(ShortId::of_grant).collect();
        if reachable {
            tracing::warn!(%backend, grants = ?names, "the configuration no longer has a backend in which grants live: it only takes away");
        } else {
            tracing::error!(%backend, grants = ?names, "the configuration no longer has a backend in which grants live, and it can't be reached: put its section back");
        }
        let told = if reachable {
            "reachable"
        } else {
            "unreachable"
        };
        let archived = self.store.archived_section(backend).await?;
        if archived.is_some_and(|archived| archived.told.as_deref() == Some(told)) {
            return Ok(());
        }
        let event = Event::new(EventKind::BackendRetired, Actor::Hallpass, self.now())
            .fact("backend", backend.as_str())
            .fact("grants", serde_json::json!(names))
            .fact("reachable", reachable);
        grants.truncate(NAMED_AT_MOST);
        let announcement = Announcement::BackendRetired {
            backend: backend.clone(),
            grants,
            reachable,
        };
        let change = Change::default().event(event).announce(announcement);
        self.store.apply_one(change).await?;
        self.store.told_of_section(backend, told, self.now()).await
    }

    /// Live grants whose role or backend this configuration no longer has: a sentence each, for `check --connect`.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn orphaned(&self) -> Result<Vec<String>, StoreError> {
        let mut sentences = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.store.live_grants_after(&after, PAGE).await?;
            sentences.extend(page.unread.iter().map(unread));
            for grant in &page.rows {
                let parts = grant.parts.iter().map(|part| part.holding.clone());
                let parts: Vec<HoldingId> = parts.collect();
                let holdings = self.store.readable_holdings(&parts).await?;
                sentences.extend(holdings.unread.iter().map(unread));
                let holdings = holdings.rows;
                let gone: BTreeSet<String> = holdings
                    .iter()
                    .filter(|holding| !self.backends.contains_key(&holding.backend))
                    .map(|holding| format!("the backend {}", holding.backend))
                    .chain(
                        (!self.settings.roles.contains_key(&grant.role))
                            .then(|| format!("the role {}", grant.role)),
                    )
                    .collect();
                if gone.is_empty() {
                    continue;
                }
                let gone: Vec<String> = gone.into_iter().collect();
                let end = match &grant.state {
                    State::Active { ends_at, .. } => {
                        format!("ends {}", ends_at.format("%Y-%m-%d %H:%M UTC"))
                    }
                    State::Provisioning { .. } => "is being set up".into(),
                    State::Revoking { .. } | State::Ended { .. } | State::Failed { .. } => {
                        "is being taken away".into()
                    }
                };
                sentences.push(format!(
                    "{} {end}, and this configuration no longer has {}",
                    grant.short.of_grant(),
                    gone.join(" and ")
                ));
            }
            match page.next {
                Some(next) => after = next,
                None => return Ok(sentences),
            }
        }
    }
}

fn unread(error: &StoreError) -> String {
    format!("what is on record of a live grant can't be read: {error}")
}
