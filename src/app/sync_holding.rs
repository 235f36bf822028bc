//! Bring one holding to its wanted state: observe, compare, call, read back, record. The core says what is next; here it
//! is done. Authority is looked at again right before access is given; taking away asks nobody and waits for nothing.

mod call;
mod settle;

use hallpass_domain::grant::{EndReason, State as GrantState};
use hallpass_domain::holding::{Attempt, Outcome, Step, Wanted};
use hallpass_domain::{Actor, Change, Grant, GrantId, Holding, HoldingId, RefusalKind};

use super::alarm::OVERDUE_AFTER;
use super::people::with_patience;
use super::stop::Stop;
use super::{App, Carried, LEASE, Lease};
use crate::app::answer::Answer;
use crate::ports::chat::Said;
use crate::ports::{Backend, BackendError, HoldingRef};
use crate::store::{Applied, Claimed, StoreError};

pub(super) use call::no_answer;
pub use settle::Seen;

/// Observe, call, read back, settle, and some room.
const STEPS_AT_MOST: usize = 8;

/// One attempt at one holding.
struct Work<'a> {
    claimed: &'a Claimed,
    lease: &'a Lease,
    backend: &'a dyn Backend,
    order: HoldingRef,
    /// The grant whose claim opened the holding, as it was read with it.
    opener: Option<Grant>,
    attempt: Attempt,
    /// Authority was looked at in this attempt.
    authorised: bool,
}

enum Authorised {
    Yes,
    /// Not by what is on record, and nothing could be ended for it.
    No,
    /// The holding changed meanwhile, also by ending a grant that doesn't stand.
    Moved,
}

enum Next {
    On,
    /// The rows changed, or were changed here.
    Again,
    Settled(Outcome),
    Failed(BackendError, Failure),
}

/// What a failure says of the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// It gave no answer in this attempt.
    Away,
    /// It answered before, or it wasn't asked.
    Here,
    /// It said that it took the access away, and the access is still there.
    KeepsIt,
}

impl App {
    pub(super) async fn sync_holding(
        &self,
        claimed: &Claimed,
        lease: &Lease,
        id: &HoldingId,
    ) -> Result<Carried, StoreError> {
        let Some(holding) = self.store.holding(id).await? else {
            return Ok(Carried::nothing());
        };
        let Some(backend) = self.backends.get(&holding.backend) else {
            let why = format!("the backend {} isn't configured", holding.backend);
            let error = BackendError::retry(why);
            return self.failed(claimed, &holding, error, Failure::Here).await;
        };
        if claimed.attempts > 1 {
            // Whoever tried before may have called and died.
            self.unanswered(id, backend.timeout() + LEASE).await?;
        }
        let opener = match &holding.opened_by {
            Some(id) => self.store.grant(id).await?,
            None => None,
        };
        let mut work = Work {
            claimed,
            lease,
            order: reference(&holding, opener.as_ref()),
            opener,
            backend: backend.as_ref(),
            attempt: Attempt {
                tracks_expiry: backend.tracks_expiry(),
                ..Attempt::default()
            },
            authorised: false,
        };
        for _ in 0..STEPS_AT_MOST {
            match self.step(&holding, &mut work).await? {
                Next::On => {}
                Next::Again => return Ok(Carried::Again),
                Next::Settled(outcome) => {
                    return self.settle(holding, outcome, work).await;
                }
                Next::Failed(error, failure) => {
                    return self.failed(claimed, &holding, error, failure).await;
                }
            }
        }
        Ok(Carried::later(&"the holding didn't come to rest"))
    }

    async fn step(&self, holding: &Holding, work: &mut Work<'_>) -> Result<Next, StoreError> {
        let step = holding.plan(&work.attempt);
        if gives_by(&step, holding) && !work.authorised {
            let calls = matches!(step, Step::Grant { .. });
            match with_patience(Box::pin(self.authorised(holding, calls))).await? {
                Authorised::Yes => work.authorised = true,
                Authorised::Moved => return Ok(Next::Again),
                Authorised::No => {
                    let why = "the record doesn't prove that this may be given";
                    return Ok(Next::Failed(BackendError::retry(why), Failure::Here));
                }
            }
        }
        // An observation that comes late does no harm.
        let calls = matches!(step, Step::Grant { .. } | Step::Revoke);
        if calls && !self.may_call(work).await? {
            return Ok(Next::Again);
        }
        let step_failed = match (&step, &work.attempt.observed) {
            (Step::Fail { .. }, _) if holding.wanted() == Wanted::Absent => Failure::KeepsIt,
            (Step::Observe, None) => Failure::Away,
            _ => Failure::Here,
        };
        let receipt = match step {
            Step::Settle(outcome) => return Ok(Next::Settled(outcome)),
            Step::Fail { why } => Err(BackendError::retry(why)),
            Step::Observe => match self.observed(work).await {
                Ok(seen) => {
                    work.attempt.saw(seen);
                    return Ok(Next::On);
                }
                Err(error) => Err(error),
            },
            Step::Grant { .. } => match self.called(work, work.backend.grant(&work.order)).await {
                Err(BackendError::Permanent { why }) => {
                    return Ok(Next::Settled(Outcome::Refused { why }));
                }
                other => other,
            },
            Step::Revoke => self.called(work, work.backend.revoke(&work.order)).await,
        };
        Ok(match receipt {
            Ok(receipt) => {
                work.attempt.called = Some(receipt);
                Next::On
            }
            Err(error) => {
                if calls {
                    let over = work.backend.timeout() + LEASE;
                    self.unanswered(&holding.id, over).await?;
                }
                Next::Failed(error, work.failure(step_failed))
            }
        })
    }

    /// Whether every grant that claims this holding stands, and nothing changed while that was looked at. Those that
    /// don't stand are ended, claims of nobody's grant are taken out; the holding is then synced anew.
    async fn authorised(&self, holding: &Holding, calls: bool) -> Result<Authorised, StoreError> {
        let claims: Vec<GrantId> = holding.claims.keys().cloned().collect();
        let grants = self.store.grants(&claims).await?;
        let (live, over): (Vec<Grant>, Vec<Grant>) =
            grants.into_iter().partition(|grant| gives(grant, holding));
        if live.len() < claims.len() {
            return self.disown(holding, claims, &live, over).await;
        }
        let mut stands = true;
        for grant in live {
            let Some(why) = self.grant_authority_gone(&grant, holding, calls).await? else {
                continue;
            };
            stands = false;
            tracing::warn!(grant = %grant.short, why, "authority is gone: not granted");
            let reason = EndReason::AuthorityGone { why };
            log_stop(self.end_grant(&grant.id, &reason, &Actor::Hallpass).await?);
        }
        let now = self.store.holding(&holding.id).await?;
        let unchanged = now.is_some_and(|now| now.generation == holding.generation);
        Ok(match (unchanged, stands) {
            (false, _) => Authorised::Moved,
            (true, true) => Authorised::Yes,
            (true, false) => Authorised::No,
        })
    }

    /// Takes out the claims that no live grant stands behind; else they would keep the access for ever.
    async fn disown(
        &self,
        holding: &Holding,
        mut claims: Vec<GrantId>,
        live: &[Grant],
        over: Vec<Grant>,
    ) -> Result<Authorised, StoreError> {
        // Read after the holding: a grant that ended in between took its claim along.
        let now = self.store.holding(&holding.id).await?;
        let Some(now) = now.filter(|now| now.generation == holding.generation) else {
            return Ok(Authorised::Moved);
        };
        claims.retain(|id| live.iter().all(|grant| grant.id != *id));
        let over: Vec<String> = over.iter().map(|grant| grant.short.of_grant()).collect();
        tracing::error!(holding = %holding.id, ?claims, ?over, "claims that no live grant stands behind: taken out");
        let change = now.disown(&claims, self.now());
        self.store.apply_one(change).await?;
        Ok(Authorised::Moved)
    }

    /// Later; and loud, where access should be gone and the backend refuses or is late.
    async fn failed(
        &self,
        claimed: &Claimed,
        holding: &Holding,
        error: BackendError,
        failure: Failure,
    ) -> Result<Carried, StoreError> {
        let late = self.now() - claimed.due > OVERDUE_AFTER;
        let refused = match &error {
            BackendError::Retry { .. } => false,
            BackendError::Permanent { .. } => true,
            BackendError::Stale { .. } => {
                if let Some(carried) = self.leap(holding).await? {
                    return Ok(carried);
                }
                true
            }
        };
        if holding.wanted() == Wanted::Absent && (late || refused) {
            self.stuck(holding, &error.to_string()).await?;
            let said = match failure {
                _ if refused => Said::Refuses,
                Failure::KeepsIt => Said::KeepsIt,
                Failure::Away | Failure::Here => Said::Nothing,
            };
            self.raise_alarm(&holding.backend, said).await?;
        }
        Ok(match error {
            BackendError::Retry { after, why } if failure == Failure::Away => {
                Carried::Away { after, why }
            }
            BackendError::Retry { after, why } => Carried::Retry { after, why },
            error @ (BackendError::Permanent { .. } | BackendError::Stale { .. }) => {
                Carried::Retry {
                    after: None,
                    why: error.to_string(),
                }
            }
        })
    }

    /// The target saw a newer order. Where the row has moved on, that was it; else the record is older than what was
    /// ordered, and goes on above it, so that what it must take away doesn't stay for ever. None where that didn't help.
    async fn leap(&self, holding: &Holding) -> Result<Option<Carried>, StoreError> {
        let Some(now) = self.store.holding(&holding.id).await? else {
            return Ok(Some(Carried::nothing()));
        };
        if now.generation != holding.generation {
            return Ok(Some(Carried::Again));
        }
        let leapt = now.leap(self.now());
        Ok(leapt.map(|leapt| {
            tracing::warn!(
                holding = %leapt.id, from = holding.generation, to = leapt.generation,
                "the target saw a newer order than is on record: its sequence goes on above"
            );
            let sync = leapt.sync(self.now());
            Carried::Done(Change::default().holding(leapt).schedule(sync))
        }))
    }

    async fn stuck(&self, holding: &Holding, why: &str) -> Result<(), StoreError> {
        let waiting: Vec<GrantId> = holding.releasing.iter().cloned().collect();
        for grant in self.store.grants(&waiting).await? {
            let told = match &grant.state {
                GrantState::Revoking { stuck_since, .. } => stuck_since.is_some(),
                GrantState::Provisioning { .. }
                | GrantState::Active { .. }
                | GrantState::Ended { .. }
                | GrantState::Failed { .. } => true,
            };
            if told {
                continue;
            }
            tracing::error!(grant = %grant.short, backend = %holding.backend, why, "access can't be taken away");
            if let Ok(change) = grant.stuck(why, self.now())
                && self.store.apply_one(change).await? == Applied::Conflict
            {
                tracing::info!("the grant changed meanwhile; stuck is told with the next attempt");
            }
        }
        Ok(())
    }
}

fn reference(holding: &Holding, opened_by: Option<&Grant>) -> HoldingRef {
    HoldingRef {
        principal: holding.principal.clone(),
        entitlement: holding.entitlement.clone(),
        grant: opened_by.map_or_else(String::new, |grant| grant.short.of_grant()),
        sequence: holding.generation,
        expires_at: match holding.wanted() {
            Wanted::Held { until } => Some(until),
            Wanted::Absent => None,
        },
    }
}

/// Whether this step gives access; also where no call was needed, a grant becomes active by settling.
fn gives_by(step: &Step, holding: &Holding) -> bool {
    match step {
        Step::Grant { .. } => true,
        Step::Settle(outcome) => {
            let held = matches!(outcome, Outcome::Held { .. } | Outcome::Standing { .. });
            held && holding.wanted() != Wanted::Absent
        }
        Step::Observe | Step::Revoke | Step::Fail { .. } => false,
    }
}

/// Whether a grant's claim is one: it is there, or to be given, and this is a part of it.
fn gives(grant: &Grant, holding: &Holding) -> bool {
    let wants = match &grant.state {
        GrantState::Provisioning { .. } | GrantState::Active { .. } => true,
        GrantState::Revoking { .. } | GrantState::Ended { .. } | GrantState::Failed { .. } => false,
    };
    wants && grant.parts.iter().any(|part| part.holding == holding.id)
}

/// A refusal is no news here: somebody ended it before.
fn log_stop(ended: Result<(), Stop>) {
    if let Err(Stop::Answer(answer)) = ended
        && let Answer::Refused { refusal, .. } = answer.as_ref()
        && refusal.kind != RefusalKind::AlreadyDecided
    {
        tracing::warn!(%refusal, "a grant without authority couldn't be ended yet");
    }
}
