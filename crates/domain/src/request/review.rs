//! Reviews: one eligible Deny denies, a quorum of approvals opens the next stage or starts the grant.

use super::{OpenStage, Opening, Panel, Request, State};
use crate::effect::{Notice, Subject};
use crate::review::Verdict;
use crate::role::StageRule;
use crate::{
    Actor, Change, Duration, Effect, Event, EventKind, Refusal, RefusalKind, Review, Time,
};

impl Request {
    /// One reviewer's decision. A quorum of approvals opens the next stage or starts the grant; one Deny denies.
    /// The shell has asked policy whether this reviewer may decide this stage now; here it is checked that they are
    /// asked at all (on a rung of this stage's panel), not requester or holder, and not counted before.
    /// `opening` must be given where this approval may be the last one that is needed.
    ///
    /// # Errors
    /// Refused where it was decided before, or this person may not decide it.
    pub fn review(
        mut self,
        review: Review,
        panels: &[Panel],
        opening: Option<Opening>,
        now: Time,
    ) -> Result<Change, Refusal> {
        let stage = self.require_pending()?.clone();
        self.require_may_decide(&review, &stage, panels)?;
        let event = reviewed_event(&review, now);
        let by = Actor::Person(review.reviewer.clone());
        let (request, change) = match &review.verdict {
            Verdict::Deny { reason } => {
                let reason = reason.clone();
                self.denied(review, reason, now)
            }
            Verdict::Approve { .. } => {
                self.reviews.push(review);
                let needed = self.stage_rule(stage.index).map_or(1, StageRule::needed);
                if self.approvals(stage.index).len() < needed {
                    (self, Change::default())
                } else if stage.index + 1 < self.terms.role.stages.len() {
                    self.wait(stage.index + 1, panels, now)
                } else {
                    let unscheduled = self.unschedule();
                    let (request, change) = self.approved(opening, by, now)?;
                    (request, unscheduled.and(change))
                }
            }
        };
        let card = Effect::sync_card(&request.id, now);
        Ok(Change::default()
            .request(request)
            .event(event)
            .and(change)
            .schedule(card))
    }

    fn denied(mut self, review: Review, reason: Option<String>, now: Time) -> (Self, Change) {
        let by = review.reviewer.clone();
        let mut event = Event::new(EventKind::Denied, Actor::Person(by.clone()), now)
            .request(&self.id)
            .rules(&review.rules);
        if let Some(reason) = &reason {
            event = event.personal("reason", reason.as_str());
        }
        self.reviews.push(review);
        self.state = State::Denied {
            by,
            at: now,
            reason,
        };
        let change = self.unschedule().event(event).schedule(Effect::say(
            Subject::Request(self.id.clone()),
            Notice::Decided,
            now,
        ));
        (self, change)
    }

    fn require_may_decide(
        &self,
        review: &Review,
        stage: &OpenStage,
        panels: &[Panel],
    ) -> Result<(), Refusal> {
        let person = &review.reviewer;
        if self.is_own(person) {
            return Err(Refusal::new(
                RefusalKind::OwnRequest,
                "Nobody decides a request for their own access.",
            )
            .allowed("Others were asked; whoever asked can cancel it."));
        }
        if self
            .reviews
            .iter()
            .any(|counted| counted.reviewer == *person)
        {
            return Err(Refusal::new(
                RefusalKind::AlreadyCounted,
                "You have decided on this request already, and each person counts once.",
            )
            .allowed("Somebody else must give the next approval."));
        }
        if review.request != self.id || review.stage != stage.index {
            return Err(Refusal::new(
                RefusalKind::WrongState,
                "This request has moved on to another stage meanwhile.",
            )
            .allowed("Look at its card again, and decide what it asks now."));
        }
        let asked = panels
            .get(stage.index)
            .is_some_and(|panel| panel.rungs.iter().flatten().any(|other| other == person));
        if !asked {
            return Err(Refusal::new(
                RefusalKind::NotAllowed,
                "You are not among those who decide this stage.",
            )
            .allowed("Those who are asked stand on the card."));
        }
        match &review.verdict {
            Verdict::Deny { .. } => Ok(()),
            Verdict::Approve { at_most, .. } => {
                self.require_long_enough(*at_most)?;
                self.require_not_needed_later(review, stage, panels)
            }
        }
    }

    fn require_long_enough(&self, at_most: Option<Duration>) -> Result<(), Refusal> {
        let least = self
            .terms
            .role
            .min_duration
            .min(self.duration)
            .max(Duration::from_secs(1));
        if at_most.is_none_or(|at_most| at_most >= least) {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::OutOfBounds,
            format!(
                "{} can't be given for less than {least}.",
                self.terms.role.name
            ),
        )
        .allowed(format!("Approve {least} or more, or deny it.")))
    }

    /// Where a later stage can't do without this person and this one can, the approval would block the request.
    fn require_not_needed_later(
        &self,
        review: &Review,
        stage: &OpenStage,
        panels: &[Panel],
    ) -> Result<(), Refusal> {
        let blocks = !self.is_reachable(stage.index, panels, Some(&review.reviewer))
            && self.is_reachable(stage.index, panels, None);
        if !blocks {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::NobodyToAsk,
            "A later stage needs your approval, and each person counts once.",
        )
        .allowed("Leave this stage to the others who are asked, or deny it."))
    }
}

fn reviewed_event(review: &Review, now: Time) -> Event {
    let event = Event::new(
        EventKind::Reviewed,
        Actor::Person(review.reviewer.clone()),
        now,
    )
    .request(&review.request)
    .rules(&review.rules)
    .fact("review", review.id.as_str())
    .fact("stage", review.stage + 1)
    .fact("strength", serde_json::json!(review.strength));
    match &review.verdict {
        Verdict::Approve { at_most, note } => {
            let event = event.fact("verdict", "approve");
            let event = match at_most {
                Some(at_most) => event.fact("at_most", at_most.as_secs()),
                None => event,
            };
            match note {
                Some(note) => event.personal("note", note.as_str()),
                None => event,
            }
        }
        Verdict::Deny { reason } => {
            let event = event.fact("verdict", "deny");
            match reason {
                Some(reason) => event.personal("reason", reason.as_str()),
                None => event,
            }
        }
    }
}
