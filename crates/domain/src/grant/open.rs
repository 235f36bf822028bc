//! A grant's beginning: the intent with the timer of its end before any call, and activation once all parts are held.

use std::collections::BTreeSet;

use super::{Grant, PROVISIONING, Part, PartStatus, State, warnings_for};
use crate::effect::Notice;
use crate::planted::{Fault, planted};
use crate::{
    Actor, Change, Effect, EffectKind, EventKind, GrantId, Holding, Refusal, RefusalKind, Request,
    Time,
};

impl Grant {
    /// Intends a grant for an approved request: claims its holdings until a bound that no activation can pass.
    pub(crate) fn open(
        request: &Request,
        id: GrantId,
        holdings: Vec<Holding>,
        by: Actor,
        now: Time,
    ) -> Result<Change, Refusal> {
        require_fitting(request, &holdings)?;
        let duration = request.granted_duration();
        let give_up_at = now + PROVISIONING.to_delta();
        let mut seen = BTreeSet::new();
        let holdings: Vec<Holding> = holdings
            .into_iter()
            .filter(|holding| seen.insert(holding.id.clone()))
            .collect();
        let grant = Self {
            id,
            short: request.short.clone(),
            version: 0,
            request: request.id.clone(),
            role: request.terms.role.name.clone(),
            holder: request.holder.clone(),
            duration,
            parts: holdings
                .iter()
                .map(|holding| Part {
                    holding: holding.id.clone(),
                    status: PartStatus::Wanted,
                })
                .collect(),
            state: State::Provisioning {
                since: now,
                give_up_at,
            },
            extensions: 0,
            more_asked: None,
            warn_before: warnings_for(duration, &request.terms.role.warn_before),
        };
        let intended = grant
            .event(EventKind::GrantIntended, by, now)
            .rules(&request.terms.rules)
            .fact("duration", duration.as_secs())
            .fact("digest", request.terms.digest.as_str())
            .fact(
                "entitlements",
                serde_json::json!(request.terms.entitlements),
            )
            .personal("holder", grant.holder.as_str());
        let until = give_up_at + duration.to_delta();
        let mut change = Change::default();
        for holding in holdings {
            let holding = holding.claim(&grant.id, until);
            change = change.schedule(holding.sync(now)).holding(holding);
        }
        let give_up = Effect::timer(grant.subject(), EffectKind::GiveUp, give_up_at);
        let (grant, advanced) = grant.advance(now);
        Ok(Change::default()
            .grant(grant)
            .event(intended)
            .schedule(give_up)
            .and(change)
            .and(advanced))
    }

    /// Active once all parts are held; ended or failed once all are released. The claims are moved by the caller.
    pub(crate) fn advance(mut self, now: Time) -> (Self, Change) {
        match self.state.clone() {
            State::Provisioning {
                since: intended, ..
            } if self.parts.iter().all(|part| part.status.is_held()) => {
                let mut since = self.held_since().unwrap_or(now);
                if planted(Fault::RevokedEarly) {
                    // The clock starts with the decision, not with the access.
                    since = intended;
                }
                let ends_at = since + self.duration.to_delta();
                self.state = State::Active { since, ends_at };
                let change = Change::default()
                    .event(
                        self.event(EventKind::GrantActive, Actor::Hallpass, now)
                            .fact("since", since.to_rfc3339())
                            .fact("ends_at", ends_at.to_rfc3339()),
                    )
                    .cancel(self.subject(), EffectKind::GiveUp)
                    .and(self.end_timers(ends_at, now))
                    .schedule(Effect::sync_card(&self.request, now))
                    .schedule(Effect::say(self.subject(), Notice::Granted, now));
                (self, change)
            }
            State::Revoking {
                reason,
                active_since,
                stuck_since,
                ..
            } if self.parts.iter().all(|part| part.status.is_released()) => {
                self.finish(reason, active_since, stuck_since.is_some(), now)
            }
            State::Provisioning { .. }
            | State::Active { .. }
            | State::Revoking { .. }
            | State::Ended { .. }
            | State::Failed { .. } => (self, Change::default()),
        }
    }

    /// Since when all its parts are held.
    fn held_since(&self) -> Option<Time> {
        let since = self.parts.iter().filter_map(|part| match &part.status {
            PartStatus::Held { at, .. } => Some(*at),
            PartStatus::Wanted
            | PartStatus::Refused { .. }
            | PartStatus::Releasing
            | PartStatus::Released { .. } => None,
        });
        since.max()
    }

    /// The timer of the end, and the warnings that still lie ahead.
    pub(super) fn end_timers(&self, ends_at: Time, now: Time) -> Change {
        let expire = Effect::timer(self.subject(), EffectKind::Expire, ends_at);
        self.warn_before
            .iter()
            .fold(Change::default().schedule(expire), |change, before| {
                let due = ends_at - before.to_delta();
                if due > now {
                    change.schedule(Effect::warn(&self.id, *before, due))
                } else {
                    change.cancel(self.subject(), EffectKind::Warn(*before))
                }
            })
    }
}

/// What was approved is what is executed: the entitlements of the terms, for the holder's own principals.
fn require_fitting(request: &Request, holdings: &[Holding]) -> Result<(), Refusal> {
    let same = holdings.len() == request.terms.entitlements.len()
        && holdings
            .iter()
            .zip(&request.terms.entitlements)
            .all(|(holding, entitlement)| {
                holding.entitlement == *entitlement && holding.backend == entitlement.backend
            });
    if !same {
        return Err(Refusal::new(
            RefusalKind::WrongState,
            "What was prepared isn't what was asked for, so nothing was granted.",
        )
        .allowed("Try once more."));
    }
    if let Some(foreign) = holdings
        .iter()
        .find(|holding| holding.person != request.holder)
    {
        return Err(Refusal::new(
            RefusalKind::NotAllowed,
            format!(
                "Whom it is for is known in {} by an account that belongs to somebody else.",
                foreign.backend
            ),
        )
        .allowed("An operator must give each person an account of their own there."));
    }
    Ok(())
}
