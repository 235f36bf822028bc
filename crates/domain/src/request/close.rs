//! While it waits, and its ends without a grant: reminded, climbed, cancelled, timed out, void, reopened.

use super::{OpenStage, Panel, Request, Start, State, VoidReason};
use crate::effect::{Notice, Subject};
use crate::planted::{Fault, planted};
use crate::role::Terms;
use crate::{
    Actor, Change, Effect, EffectKind, Event, EventKind, PersonId, Refusal, RefusalKind, Time,
};

impl Request {
    /// By the requester, while pending or scheduled.
    ///
    /// # Errors
    /// Refused to others, and once it is decided; after the start the access is dropped instead.
    pub fn cancel(mut self, by: &PersonId, now: Time) -> Result<Change, Refusal> {
        if self.requester != *by {
            return Err(Refusal::new(
                RefusalKind::NotAllowed,
                "Only whoever asked can cancel a request.",
            )
            .allowed("Those who are asked can deny it."));
        }
        self.require_open()?;
        let event = Event::new(EventKind::Cancelled, Actor::Person(by.clone()), now);
        self.state = State::Cancelled { at: now };
        Ok(self.closed(event, now))
    }

    /// Reminds whoever is asked, once.
    ///
    /// # Errors
    /// Refused unless pending, and after the first time.
    pub fn remind(mut self, now: Time) -> Result<Change, Refusal> {
        let mut stage = self.require_pending()?.clone();
        if stage.reminded {
            return Err(Refusal::new(
                RefusalKind::WrongState,
                "Those who are asked were reminded already.",
            ));
        }
        stage.reminded = true;
        let event = Event::new(EventKind::Reminded, Actor::Hallpass, now)
            .request(&self.id)
            .fact("stage", stage.index + 1);
        let subject = Subject::Request(self.id.clone());
        self.state = State::Pending(stage);
        Ok(Change::default()
            .request(self)
            .event(event)
            .schedule(Effect::say(subject, Notice::Reminder, now)))
    }

    /// Asks the ladder's next step; a step that would ask nobody new is passed over.
    ///
    /// # Errors
    /// Refused unless pending, and at the ladder's top.
    pub fn climb(mut self, panels: &[Panel], now: Time) -> Result<Change, Refusal> {
        let mut stage = self.require_pending()?.clone();
        let before = stage.asked.len();
        let mut climbed = false;
        while stage.asked.len() == before && self.ask_next_rung(&mut stage, panels) {
            climbed = true;
        }
        if !climbed {
            return Err(Refusal::new(
                RefusalKind::WrongState,
                "Everybody who could decide this was asked already.",
            ));
        }
        let asked_more = stage.asked.len() > before;
        let subject = Subject::Request(self.id.clone());
        let mut change = self.stage_timers_after_climb(&stage).event(
            Event::new(EventKind::Climbed, Actor::Hallpass, now)
                .request(&self.id)
                .fact("stage", stage.index + 1)
                .fact("rung", stage.rungs)
                .fact("asked", stage.asked.len() - before),
        );
        if asked_more {
            change = change.schedule(Effect::say(subject, Notice::Climbed, now));
        }
        let card = Effect::sync_card(&self.id, now);
        self.state = State::Pending(stage);
        Ok(Change::default().request(self).and(change).schedule(card))
    }

    /// Nobody answered in time.
    ///
    /// # Errors
    /// Refused unless pending.
    pub fn time_out(mut self, now: Time) -> Result<Change, Refusal> {
        self.require_pending()?;
        if !planted(Fault::LateApprovalCounts) {
            // Planted, people are told that it timed out, and an approval still counts.
            self.state = State::TimedOut { at: now };
        }
        let event = Event::new(EventKind::TimedOut, Actor::Hallpass, now);
        Ok(self.closed(event, now))
    }

    /// It lost its ground while it waited.
    ///
    /// # Errors
    /// Refused unless pending or scheduled.
    pub fn void(self, why: VoidReason, now: Time) -> Result<Change, Refusal> {
        self.require_open()?;
        let (request, change) = self.voided(why, now);
        let card = Effect::sync_card(&request.id, now);
        Ok(Change::default()
            .request(request)
            .and(change)
            .schedule(card))
    }

    /// The role or its rules changed while it was pending or scheduled: decides anew under the new terms. The reviews
    /// were given to the old ones, so they no longer count; they stay in the record. Terms without stages schedule it
    /// for its start, or for now.
    ///
    /// # Errors
    /// Refused unless pending or scheduled, and where nobody could decide it under the new terms.
    pub fn reopen(mut self, terms: Terms, panels: &[Panel], now: Time) -> Result<Change, Refusal> {
        self.require_open()?;
        let starts_at = match self.start {
            Start::At(at) => at.max(now),
            Start::Now => now,
        };
        let reopened = Event::new(EventKind::Reopened, Actor::Hallpass, now)
            .request(&self.id)
            .rules(&terms.rules)
            .fact("was", self.terms.digest.as_str())
            .fact("digest", terms.digest.as_str());
        let unscheduled = self.unschedule();
        let subject = Subject::Request(self.id.clone());
        self.deadline = (now + terms.role.request_timeout.to_delta()).max(starts_at);
        self.terms = terms;
        self.reviews.clear();
        let card = Effect::sync_card(&self.id, now);
        let (request, change) = if self.terms.role.stages.is_empty() {
            self.scheduled(starts_at, now)
        } else {
            self.require_reachable(panels)?;
            let (request, change) = self.wait(0, panels, now);
            // One word of it: that it is asked again says that it is asked.
            let change = change
                .cancel(subject.clone(), EffectKind::Say(Notice::Asked))
                .schedule(Effect::say(subject, Notice::Reopened, now));
            (request, change)
        };
        Ok(Change::default()
            .request(request)
            .event(reopened)
            .and(unscheduled)
            .and(change)
            .schedule(card))
    }

    /// An approver takes it back before it starts: it is denied.
    ///
    /// # Errors
    /// Refused unless scheduled.
    pub fn withdraw(
        mut self,
        by: &PersonId,
        reason: String,
        rules: &[String],
        now: Time,
    ) -> Result<Change, Refusal> {
        self.require_scheduled()?;
        let event = Event::new(EventKind::Denied, Actor::Person(by.clone()), now)
            .rules(rules)
            .fact("was", self.state.name())
            .personal("reason", reason.as_str());
        self.state = State::Denied {
            by: by.clone(),
            at: now,
            reason: Some(reason),
        };
        Ok(self.closed(event, now))
    }

    fn scheduled(mut self, starts_at: Time, now: Time) -> (Self, Change) {
        let subject = Subject::Request(self.id.clone());
        self.state = State::Scheduled {
            approved_at: now,
            starts_at,
        };
        let timer = Effect::timer(subject.clone(), EffectKind::Start, starts_at);
        let change = Change::default().schedule(timer);
        if starts_at > now {
            (
                self,
                change.schedule(Effect::say(subject, Notice::Decided, now)),
            )
        } else {
            (self, change)
        }
    }

    pub(super) fn voided(mut self, why: VoidReason, now: Time) -> (Self, Change) {
        let event = Event::new(EventKind::Voided, Actor::Hallpass, now)
            .request(&self.id)
            .fact("why", serde_json::json!(why));
        self.state = State::Void { why, at: now };
        let change = self.unschedule().event(event).schedule(Effect::say(
            Subject::Request(self.id.clone()),
            Notice::Decided,
            now,
        ));
        (self, change)
    }

    /// Cancels every timer of a request that no longer waits.
    pub(super) fn unschedule(&self) -> Change {
        [
            EffectKind::Remind,
            EffectKind::Climb,
            EffectKind::TimeOut,
            EffectKind::Start,
        ]
        .into_iter()
        .fold(Change::default(), |change, kind| {
            change.cancel(Subject::Request(self.id.clone()), kind)
        })
    }

    fn closed(self, event: Event, now: Time) -> Change {
        let subject = Subject::Request(self.id.clone());
        let event = event.request(&self.id);
        let card = Effect::sync_card(&self.id, now);
        let unscheduled = self.unschedule();
        Change::default()
            .request(self)
            .event(event)
            .and(unscheduled)
            .schedule(card)
            .schedule(Effect::say(subject, Notice::Decided, now))
    }

    /// Only the next step's timer: the reminder runs by itself.
    fn stage_timers_after_climb(&self, stage: &OpenStage) -> Change {
        let mut change = self.stage_timers(stage);
        change.effects.retain(|effect| match effect {
            crate::EffectChange::Schedule(effect) => effect.kind != EffectKind::Remind,
            crate::EffectChange::Cancel { kind, .. } => *kind != EffectKind::Remind,
        });
        change
    }

    pub(super) fn require_pending(&self) -> Result<&OpenStage, Refusal> {
        self.state.waiting().ok_or_else(|| self.decided_already())
    }

    pub(super) fn require_scheduled(&self) -> Result<Time, Refusal> {
        match &self.state {
            State::Scheduled { starts_at, .. } => Ok(*starts_at),
            State::Pending(_) => Err(Refusal::new(
                RefusalKind::WrongState,
                "This request isn't approved yet.",
            )
            .allowed("It starts once it is approved.")),
            State::Approved { .. }
            | State::Started { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::TimedOut { .. }
            | State::Void { .. } => Err(self.decided_already()),
        }
    }

    fn require_open(&self) -> Result<(), Refusal> {
        if self.is_final() {
            Err(self.decided_already())
        } else {
            Ok(())
        }
    }

    fn decided_already(&self) -> Refusal {
        let (sentence, allowed) = match &self.state {
            State::Pending(_) => ("This request still waits for its approval.", "Decide it."),
            State::Scheduled { .. } => (
                "This request was approved already, for a later start.",
                "Whoever asked can cancel it until then.",
            ),
            State::Approved { .. } => (
                "This request was approved already; the access has its longer time.",
                "The access can be dropped or revoked.",
            ),
            State::Started { .. } => (
                "This request was approved already, and its access was started.",
                "Whoever holds the access can drop it; an approver can revoke it.",
            ),
            State::Denied { .. } => ("This request was denied already.", "Ask again if needed."),
            State::Cancelled { .. } => (
                "This request was cancelled by whoever asked.",
                "Ask again if needed.",
            ),
            State::TimedOut { .. } => (
                "This request timed out, because nobody answered.",
                "Ask again if it is still needed.",
            ),
            State::Void { .. } => (
                "This request became void, because what it stood on changed.",
                "Ask again if it is still needed.",
            ),
        };
        Refusal::new(RefusalKind::AlreadyDecided, sentence).allowed(allowed)
    }
}
