//! A grant's end: ordered once and never taken back; over only after every part was read back.

use super::{EndReason, Grant, PROVISIONING, PartStatus, State};
use crate::effect::{Notice, Subject};
use crate::planted::{Fault, planted};
use crate::{
    Actor, Change, Effect, EffectKind, Event, EventKind, Holding, Refusal, RefusalKind, Time,
};

impl Grant {
    /// Ends it: by its timer, its holder, another, or the shell that finds authority gone. `holdings` are all of its parts' rows.
    /// Never taken back: once revoking, a second order is refused as already decided.
    ///
    /// # Errors
    /// Refused once revoking, ended or failed.
    pub fn end(
        self,
        reason: EndReason,
        actor: Actor,
        holdings: Vec<Holding>,
        now: Time,
    ) -> Result<Change, Refusal> {
        self.require_not_ending()?;
        let (grant, change) = self.revoking(reason, actor, now);
        let mut released = Change::default();
        for holding in holdings {
            if planted(Fault::HalfRevoked) && !released.writes.is_empty() {
                // Only the first of its entitlements is taken away.
                break;
            }
            if grant.part(&holding.id).is_some() {
                let holding = holding.release(&grant.id);
                released = released.schedule(holding.sync(now)).holding(holding);
            }
        }
        let (grant, over) = grant.advance(now);
        Ok(Change::default()
            .grant(grant)
            .and(change)
            .and(released)
            .and(over))
    }

    /// Provisioning took too long: take back and tell. Refused unless provisioning.
    ///
    /// # Errors
    /// Refused unless provisioning.
    pub fn give_up(self, holdings: Vec<Holding>, now: Time) -> Result<Change, Refusal> {
        match &self.state {
            State::Provisioning { .. } => {}
            State::Active { .. }
            | State::Revoking { .. }
            | State::Ended { .. }
            | State::Failed { .. } => {
                return Err(Refusal::new(
                    RefusalKind::WrongState,
                    "This access isn't being set up any more.",
                ));
            }
        }
        let why = format!("it couldn't be set up within {PROVISIONING}");
        self.end(EndReason::Failed { why }, Actor::Hallpass, holdings, now)
    }

    /// The backend doesn't let go for a while: told once.
    ///
    /// # Errors
    /// Refused unless revoking, and after the first time.
    pub fn stuck(mut self, why: &str, now: Time) -> Result<Change, Refusal> {
        match &mut self.state {
            State::Revoking { stuck_since, .. } if stuck_since.is_none() => {
                *stuck_since = Some(now);
            }
            State::Revoking { .. } => {
                return Err(Refusal::new(
                    RefusalKind::AlreadyDecided,
                    "It was told already that this access can't be taken away.",
                ));
            }
            State::Provisioning { .. }
            | State::Active { .. }
            | State::Ended { .. }
            | State::Failed { .. } => {
                return Err(Refusal::new(
                    RefusalKind::WrongState,
                    "This access isn't being taken away.",
                ));
            }
        }
        let event = self
            .event(EventKind::RevocationStuck, Actor::Hallpass, now)
            .fact("why", why);
        let card = Effect::sync_card(&self.request, now);
        let say = Effect::say(self.subject(), Notice::RevokeStuck, now);
        Ok(Change::default()
            .grant(self)
            .event(event)
            .schedule(card)
            .schedule(say))
    }

    /// The order to end: every part is to be released, no timer of the grant runs any more.
    /// The caller releases the holdings.
    pub(crate) fn revoking(mut self, reason: EndReason, actor: Actor, now: Time) -> (Self, Change) {
        let active_since = match &self.state {
            State::Active { since, .. } => Some(*since),
            State::Provisioning { .. }
            | State::Revoking { .. }
            | State::Ended { .. }
            | State::Failed { .. } => None,
        };
        for part in &mut self.parts {
            match &part.status {
                PartStatus::Wanted | PartStatus::Held { .. } => part.status = PartStatus::Releasing,
                PartStatus::Refused { .. }
                | PartStatus::Releasing
                | PartStatus::Released { .. } => {}
            }
        }
        let mut change = Change::default()
            .event(reasoned(
                self.event(EventKind::RevocationIntended, actor, now),
                &reason,
            ))
            .cancel(self.subject(), EffectKind::GiveUp)
            .cancel(self.subject(), EffectKind::Expire)
            .schedule(Effect::sync_card(&self.request, now));
        for before in &self.warn_before {
            change = change.cancel(self.subject(), EffectKind::Warn(*before));
        }
        if let Some(asked) = self.more_asked.take() {
            // Its time is up with that of the grant: whoever carries the timer out finds it void.
            let over = Effect::timer(Subject::Request(asked), EffectKind::TimeOut, now);
            change = change.schedule(over);
        }
        if reason.is_failure() && active_since.is_none() {
            change = change.schedule(Effect::say(self.subject(), Notice::GrantFailed, now));
        }
        self.state = State::Revoking {
            reason,
            since: now,
            active_since,
            stuck_since: None,
        };
        (self, change)
    }

    /// Every part was read back as released.
    pub(super) fn finish(
        mut self,
        reason: EndReason,
        active_since: Option<Time>,
        was_stuck: bool,
        now: Time,
    ) -> (Self, Change) {
        let failed = reason.is_failure() && active_since.is_none();
        let kind = if failed {
            EventKind::GrantFailed
        } else {
            EventKind::GrantEnded
        };
        let event = reasoned(self.event(kind, Actor::Hallpass, now), &reason);
        let mut change = Change::default()
            .event(event)
            .schedule(Effect::sync_card(&self.request, now));
        // That it failed was told at once; that the access is gone is told to whoever heard that it might not be.
        if !failed || was_stuck {
            change = change.schedule(Effect::say(self.subject(), Notice::Ended, now));
        }
        self.state = if failed {
            State::Failed { reason, at: now }
        } else {
            State::Ended {
                reason,
                at: now,
                active_since,
            }
        };
        (self, change)
    }

    fn require_not_ending(&self) -> Result<(), Refusal> {
        match &self.state {
            State::Provisioning { .. } | State::Active { .. } => Ok(()),
            State::Revoking { .. } => Err(Refusal::new(
                RefusalKind::AlreadyDecided,
                "This access is being taken away already.",
            )
            .allowed("Its card tells when it is gone.")),
            State::Ended { .. } | State::Failed { .. } => Err(Refusal::new(
                RefusalKind::AlreadyDecided,
                "This access is over already.",
            )
            .allowed("Ask for the role again if it is needed.")),
        }
    }
}

/// What backends and authority say isn't about people; what a person wrote is.
fn reasoned(event: Event, reason: &EndReason) -> Event {
    let event = event.fact("end", reason.as_str());
    match reason {
        EndReason::Expired | EndReason::Dropped { reason: None } => event,
        EndReason::Dropped {
            reason: Some(reason),
        }
        | EndReason::Revoked { reason, .. } => event.personal("reason", reason.as_str()),
        EndReason::Failed { why } | EndReason::AuthorityGone { why } => {
            event.personal("why", why.as_str())
        }
    }
}
