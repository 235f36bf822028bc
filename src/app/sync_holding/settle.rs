//! What an attempt saw, recorded: the core moves the grants on. Parts of one grant are settled at the same time and all
//! write its row, so what was seen is kept with what was decided: who finds the rows changed decides anew, on the rows
//! as they are then, and calls nobody again.

use std::time::Duration;

use hallpass_domain::grant::State as GrantState;
use hallpass_domain::holding::{Known, Outcome};
use hallpass_domain::planted::{Fault, planted};
use hallpass_domain::{Effect, Grant, GrantId, Holding, HoldingId};

use super::Work;
use crate::app::alarm::alarm_effect;
use crate::app::{App, Carried, LEASE};
use crate::store::StoreError;

/// What an attempt at a holding came to: true of its backend whatever was written meanwhile, and of use for as long as
/// nothing else is wanted of the holding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    holding: HoldingId,
    generation: i64,
    outcome: Outcome,
    /// After so long a call that nobody waits for is over.
    over: Duration,
    /// The cards may say that it fails.
    failed_before: bool,
}

impl App {
    pub(super) async fn settle(
        &self,
        holding: Holding,
        outcome: Outcome,
        work: Work<'_>,
    ) -> Result<Carried, StoreError> {
        let seen = Seen {
            holding: holding.id.clone(),
            generation: holding.generation,
            outcome,
            over: work.backend.timeout() + LEASE,
            failed_before: work.claimed.attempts > 1 || self.is_away(&holding.backend),
        };
        match work.alone(&holding) {
            Some(grant) => {
                let grants = vec![grant.clone()];
                Ok(self.settled(seen, holding, grants, Vec::new()))
            }
            None => self.settle_anew(&seen).await,
        }
    }

    /// What is recorded is what is true now: the rows may have moved on while the backend was called.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub async fn settle_anew(&self, seen: &Seen) -> Result<Carried, StoreError> {
        let Some(now) = self.store.holding(&seen.holding).await? else {
            return Ok(Carried::nothing());
        };
        let concerned = concerned(&now).cloned().collect::<Vec<GrantId>>();
        let grants = self.store.grants(&concerned).await?;
        let siblings = self.siblings(&now, &grants).await?;
        Ok(self.settled(seen.clone(), now, grants, siblings))
    }

    /// Where a grant was ordered and never seen to be there, its call may still be on the way (lost, or of a process
    /// that was paused): then it is looked once more, when that is over.
    fn settled(
        &self,
        seen: Seen,
        now: Holding,
        grants: Vec<Grant>,
        siblings: Vec<Holding>,
    ) -> Carried {
        let absent = matches!(seen.outcome, Outcome::Absent { .. });
        let unsure = match &now.known {
            Known::Unknown => absent,
            Known::Absent { .. } | Known::Standing { .. } => absent && !now.releasing.is_empty(),
            Known::Held { .. } => false,
        };
        // Planted, what was seen once is believed.
        let unsure = unsure && !planted(Fault::PausedReplicaActs);
        let look = unsure.then(|| now.sync(self.now() + seen.over));
        let told_stuck = grants.iter().any(is_told_stuck);
        let alarm = told_stuck.then(|| alarm_effect(Some(&now.backend), self.now()));
        let cards: Vec<Effect> = grants
            .iter()
            .filter(|_| seen.failed_before)
            .map(|grant| Effect::sync_card(&grant.request, self.now()))
            .collect();
        let outcome = seen.outcome.clone();
        let settled = now.settle(seen.generation, outcome, grants, siblings, self.now());
        match settled {
            Ok(mut change) => {
                // The cards said that it failed, and don't any more, also where another part is missing still.
                for effect in look.into_iter().chain(alarm).chain(cards) {
                    change = change.schedule(effect);
                }
                Carried::Settled(Box::new((change, seen)))
            }
            Err(_) => Carried::Again,
        }
    }

    async fn siblings(
        &self,
        holding: &Holding,
        grants: &[Grant],
    ) -> Result<Vec<Holding>, StoreError> {
        let mut ids: Vec<HoldingId> = grants
            .iter()
            .flat_map(|grant| &grant.parts)
            .map(|part| part.holding.clone())
            .filter(|id| *id != holding.id)
            .collect();
        ids.sort();
        ids.dedup();
        self.store.holdings(&ids).await
    }
}

impl Work<'_> {
    /// The one grant that this is about, where it is about nothing else: taken away with its end, at the first attempt,
    /// and no other holding is a part of it. Nobody but who holds this claim has reason to write those two rows, so
    /// what was read before the call is decided on; where somebody did, their versions say so when it is recorded.
    fn alone(&self, holding: &Holding) -> Option<&Grant> {
        let grant = self.opener.as_ref()?;
        let only = concerned(holding).all(|id| *id == grant.id) && grant.parts.len() == 1;
        let ends = holding.claims.is_empty() && holding.releasing.contains(&grant.id);
        (only && ends && self.claimed.attempts == 1).then_some(grant)
    }
}

/// The grants that what is known of a holding may move on.
fn concerned(holding: &Holding) -> impl Iterator<Item = &GrantId> {
    holding.claims.keys().chain(&holding.releasing)
}

/// Whether people were told that it can't be taken away.
fn is_told_stuck(grant: &Grant) -> bool {
    match &grant.state {
        GrantState::Revoking { stuck_since, .. } => stuck_since.is_some(),
        GrantState::Provisioning { .. }
        | GrantState::Active { .. }
        | GrantState::Ended { .. }
        | GrantState::Failed { .. } => false,
    }
}
