//! More time for an active grant, and the warnings before its end.

use super::{Grant, State, warnings_for};
use crate::effect::Notice;
use crate::role::ExtendRule;
use crate::{
    Actor, Change, Duration, Effect, EventKind, Holding, Refusal, RefusalKind, RequestId, Time,
};

impl Grant {
    /// Adds `by` to an active grant. `budget` is the role's rule, none where a review allowed it beyond the budget.
    ///
    /// # Errors
    /// Refused unless active, and beyond the budget.
    pub fn extend(
        mut self,
        by: Duration,
        budget: Option<ExtendRule>,
        actor: Actor,
        holdings: Vec<Holding>,
        now: Time,
    ) -> Result<Change, Refusal> {
        let (since, ends_at) = self.require_active()?;
        if by.as_secs() == 0 {
            return Err(
                Refusal::new(RefusalKind::OutOfBounds, "No time is no extension.")
                    .allowed("Say for how much longer, like 30m."),
            );
        }
        if let Some(rule) = budget {
            self.require_within(rule, by)?;
            self.extensions += 1;
        }
        let ends_at = ends_at + by.to_delta();
        self.duration = self.duration.saturating_add(by);
        self.state = State::Active { since, ends_at };
        let mut change = Change::default()
            .event(
                self.event(EventKind::GrantExtended, actor, now)
                    .fact("by", by.as_secs())
                    .fact("ends_at", ends_at.to_rfc3339())
                    .fact("within_budget", budget.is_some()),
            )
            .and(self.end_timers(ends_at, now))
            .schedule(Effect::sync_card(&self.request, now))
            .schedule(Effect::say(self.subject(), Notice::Extended, now));
        for holding in holdings {
            if self.part(&holding.id).is_some() {
                let holding = holding.claim(&self.id, ends_at);
                change = change.schedule(holding.sync(now)).holding(holding);
            }
        }
        Ok(Change::default().grant(self).and(change))
    }

    /// The warnings that its role wants, fitted to what it will last with `by` more: ten minutes that become an hour and
    /// ten are warned of as such.
    #[must_use]
    pub fn warned_as(mut self, by: Duration, wanted: &[Duration]) -> Self {
        self.warn_before = warnings_for(self.duration.saturating_add(by), wanted);
        self
    }

    /// How many of the agreed extensions are left.
    pub fn agreed_left(&self, rule: ExtendRule) -> u32 {
        rule.times.saturating_sub(self.extensions)
    }

    /// A request asks for more time of it: that becomes void when the grant ends.
    pub(crate) fn asked_for_more(mut self, request: &RequestId) -> Self {
        self.more_asked = Some(request.clone());
        self
    }

    /// Its holder was warned, `before` the end. Only the record changes.
    ///
    /// # Errors
    /// Refused unless active: there is nothing to warn of.
    pub fn warned(&self, before: Duration, now: Time) -> Result<Change, Refusal> {
        let (_, ends_at) = self.require_active()?;
        Ok(Change::default().event(
            self.event(EventKind::Warned, Actor::Hallpass, now)
                .fact("before", before.as_secs())
                .fact("ends_at", ends_at.to_rfc3339()),
        ))
    }

    /// Since when it is active, and until when.
    ///
    /// # Errors
    /// A refusal in words where it isn't active: only then it can be extended.
    pub fn require_active(&self) -> Result<(Time, Time), Refusal> {
        let (sentence, allowed) = match &self.state {
            State::Active { since, ends_at } => return Ok((*since, *ends_at)),
            State::Provisioning { .. } => (
                "This access isn't there yet.",
                "It can be extended once it is active.",
            ),
            State::Revoking { .. } => (
                "This access is being taken away, so it can't be extended.",
                "Ask for the role again.",
            ),
            State::Ended { .. } | State::Failed { .. } => (
                "This access is over, so it can't be extended.",
                "Ask for the role again.",
            ),
        };
        Err(Refusal::new(RefusalKind::WrongState, sentence).allowed(allowed))
    }

    fn require_within(&self, rule: ExtendRule, by: Duration) -> Result<(), Refusal> {
        if self.extensions >= rule.times {
            return Err(Refusal::new(
                RefusalKind::OutOfBounds,
                format!(
                    "The agreed extensions are used up: {} by {} each.",
                    rule.times, rule.by
                ),
            )
            .allowed("More time is a request of its own, for those who approve this role."));
        }
        if by > rule.by {
            return Err(Refusal::new(
                RefusalKind::OutOfBounds,
                format!(
                    "{by} is more than the {} agreed for one extension.",
                    rule.by
                ),
            )
            .allowed(format!("Extend by {} or less.", rule.by)));
        }
        Ok(())
    }
}
