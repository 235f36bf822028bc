//! Timers: each asks for a transition, and the state decides. One that rings too early (its end moved meanwhile) is put
//! off to its time; one that the core refuses has nothing to do any more.

use std::time::Duration;

use hallpass_domain::grant::{EndReason, State as GrantState};
use hallpass_domain::planted::{Fault, planted};
use hallpass_domain::request::{OpenStage, PostUseState, Start, State, VoidReason};
use hallpass_domain::{
    Actor, Change, EffectKind, Grant, GrantId, Refusal, RefusalKind, Request, RequestId, Time,
};

use super::authorise::LATE_START;
use super::opening::NoOpening;
use super::{App, Carried};
use crate::store::StoreError;

/// Where nothing is given for now, a start is tried again so much later.
const NOTHING_GIVEN: Duration = Duration::from_secs(60);

impl App {
    pub(super) async fn request_timer(
        &self,
        id: &RequestId,
        kind: &EffectKind,
    ) -> Result<Carried, StoreError> {
        let Some(request) = self.store.request(id).await? else {
            return Ok(Carried::nothing());
        };
        let now = self.now();
        if *kind == EffectKind::TimeOut && self.asks_for_what_is_over(&request).await? {
            return Ok(transition(request.void(VoidReason::GrantEnded, now)));
        }
        if let Some(early) = due_of(&request, kind).and_then(|due| put_off(due, now)) {
            return Ok(early);
        }
        match kind {
            EffectKind::TimeOut => Ok(transition(request.time_out(now))),
            EffectKind::Remind => Ok(transition(request.remind(now))),
            EffectKind::ReviewDue => Ok(transition(request.review_overdue(now))),
            EffectKind::Climb => {
                let role = &request.terms.role;
                let facts = self.facts_about(role, now).await;
                let panels = self.panels(role, &facts).await?;
                Ok(transition(request.climb(&panels, now)))
            }
            EffectKind::Start => self.start(request).await,
            EffectKind::SyncCard
            | EffectKind::SyncHolding
            | EffectKind::GiveUp
            | EffectKind::Expire
            | EffectKind::Warn(_)
            | EffectKind::Say(_)
            | EffectKind::Announce
            | EffectKind::SyncAlarm
            | EffectKind::Reconcile
            | EffectKind::CheckLedger
            | EffectKind::CheckOverdue
            | EffectKind::CheckPeople
            | EffectKind::Retain
            | EffectKind::TellCheckpoint
            | EffectKind::SyncHome => Ok(no_such(kind)),
        }
    }

    pub(super) async fn grant_timer(
        &self,
        id: &GrantId,
        kind: &EffectKind,
    ) -> Result<Carried, StoreError> {
        let Some(grant) = self.store.grant(id).await? else {
            return Ok(Carried::nothing());
        };
        let now = self.now();
        if let Some(early) = grant_due(&grant, kind).and_then(|due| put_off(due, now)) {
            return Ok(early);
        }
        if planted(Fault::RoleRemovedStrandsGrants)
            && !self.settings.roles.contains_key(&grant.role)
        {
            // What isn't configured any more isn't looked after any more.
            return Ok(Carried::nothing());
        }
        let holdings = self.parts_of(&grant).await?;
        match kind {
            EffectKind::Expire => {
                let ended = grant.end(EndReason::Expired, Actor::Hallpass, holdings, now);
                Ok(transition(ended))
            }
            EffectKind::GiveUp => Ok(transition(grant.give_up(holdings, now))),
            EffectKind::SyncCard
            | EffectKind::SyncHolding
            | EffectKind::TimeOut
            | EffectKind::Remind
            | EffectKind::Climb
            | EffectKind::Start
            | EffectKind::Warn(_)
            | EffectKind::ReviewDue
            | EffectKind::Say(_)
            | EffectKind::Announce
            | EffectKind::SyncAlarm
            | EffectKind::Reconcile
            | EffectKind::CheckLedger
            | EffectKind::CheckOverdue
            | EffectKind::CheckPeople
            | EffectKind::Retain
            | EffectKind::TellCheckpoint
            | EffectKind::SyncHome => Ok(no_such(kind)),
        }
    }

    /// The later start has come: given where everything still stands, asked anew where the rules changed.
    async fn start(&self, request: Request) -> Result<Carried, StoreError> {
        let now = self.now();
        if let Some(why) = self.nothing_given() {
            return Ok(Carried::Retry {
                after: Some(NOTHING_GIVEN),
                why,
            });
        }
        let missed = |starts_at: Time| now > starts_at + LATE_START;
        if let State::Scheduled {
            approved_at,
            starts_at,
        } = &request.state
            && missed(*starts_at.max(approved_at))
        {
            return Ok(transition(request.void(VoidReason::StartMissed, now)));
        }
        match self.authority_gone(&request).await? {
            None => {}
            Some((why, _)) => return Ok(transition(self.decide_anew(request, why).await?)),
        }
        match self.opening_for(&request).await {
            Ok(opening) => Ok(transition(request.start(opening, now))),
            Err(NoOpening::Store(error)) => Err(error),
            Err(NoOpening::Problems(problems)) => {
                tracing::warn!(request = %request.short, ?problems, "a scheduled request can't start");
                Ok(transition(request.void(VoidReason::NoAccount, now)))
            }
        }
    }
}

/// When a timer of this request is really due; none where the core alone decides.
fn due_of(request: &Request, kind: &EffectKind) -> Option<Time> {
    match (kind, &request.state) {
        (EffectKind::TimeOut, State::Pending(_)) => Some(request.deadline),
        (EffectKind::Remind, State::Pending(open)) => {
            let after = request.terms.role.remind_after?;
            Some(open.opened_at + after.to_delta())
        }
        (EffectKind::Climb, State::Pending(open)) => next_rung(request, open),
        (EffectKind::Start, State::Scheduled { starts_at, .. }) => Some(*starts_at),
        (EffectKind::Start, _) => match request.start {
            Start::Now => None,
            Start::At(at) => Some(at),
        },
        (EffectKind::ReviewDue, _) => {
            let review = request.post_use_review.as_ref()?;
            matches!(review.state, PostUseState::Owed).then_some(review.due)
        }
        _ => None,
    }
}

fn next_rung(request: &Request, open: &OpenStage) -> Option<Time> {
    let stage = request.terms.role.stages.get(open.index)?;
    let rung = stage.ladder.get(open.rungs.saturating_sub(1))?;
    Some(open.opened_at + rung.after.to_delta())
}

fn grant_due(grant: &Grant, kind: &EffectKind) -> Option<Time> {
    match (kind, &grant.state) {
        (EffectKind::Expire, GrantState::Active { ends_at, .. }) => Some(*ends_at),
        (EffectKind::GiveUp, GrantState::Provisioning { give_up_at, .. }) => Some(*give_up_at),
        _ => None,
    }
}

/// Retried at its real time where that is still to come: an end that moved must not come early.
pub(super) fn put_off(due: Time, now: Time) -> Option<Carried> {
    let left = (due - now).to_std().ok().filter(|left| !left.is_zero())?;
    Some(Carried::Retry {
        after: Some(left),
        why: "not due yet".into(),
    })
}

fn transition(change: Result<Change, Refusal>) -> Carried {
    match change {
        Ok(change) => Carried::Done(change),
        Err(refusal) => {
            if refusal.kind != RefusalKind::AlreadyDecided {
                tracing::debug!(%refusal, "a timer had nothing to do");
            }
            Carried::nothing()
        }
    }
}

fn no_such(kind: &EffectKind) -> Carried {
    tracing::error!(?kind, "an effect that its subject can't have is dropped");
    Carried::nothing()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Carried, put_off};

    #[test]
    fn a_timer_that_rings_early_is_put_off_to_its_time() {
        let due = "2026-01-05T09:00:30Z".parse().expect("a time");
        let early = "2026-01-05T09:00:00Z".parse().expect("a time");
        assert!(matches!(
            put_off(due, early),
            Some(Carried::Retry { after: Some(after), .. }) if after == Duration::from_secs(30)
        ));
        assert_eq!(put_off(due, due), None);
        assert_eq!(put_off(early, due), None);
    }
}
