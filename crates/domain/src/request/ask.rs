//! The ask: from what the shell checked to a request that waits, starts at once, or breaks the glass.

use super::break_glass::Breaking;
use super::{Ask, Asked, Kind, OpenStage, Opening, Panel, Request, Start, State};
use crate::effect::{Notice, Subject};
use crate::{Actor, Change, Effect, EffectKind, Event, EventKind, Refusal, RequestId, Time};

impl Request {
    /// A new request: opens its first stage, starts its grant at once where there are no stages, or, for
    /// break-glass, starts it and owes the review.
    ///
    /// # Errors
    /// Refused where nobody is left who could reach a stage's quorum, on any rung; where the grant to extend isn't
    /// active; where break-glass is outside the role's rule.
    pub fn ask(
        ask: Ask,
        panels: &[Panel],
        opening: Option<Opening>,
        now: Time,
    ) -> Result<Asked, Refusal> {
        let delivery = ask.delivery.clone();
        let request = Self::new(ask, now);
        let asked = request.asked_event(now);
        let (request, change) = match request.kind.clone() {
            Kind::BreakGlass {
                commander,
                incident,
            } => {
                let breaking = Breaking {
                    commander,
                    incident,
                    reason: request.reason.clone(),
                    rules: request.terms.rules.clone(),
                };
                request.broken(breaking, opening, now)?
            }
            Kind::Access | Kind::Extend { .. } => {
                require_active(opening.as_ref())?;
                if request.terms.role.stages.is_empty() {
                    let by = Actor::Person(request.requester.clone());
                    request.approved(opening, by, now)?
                } else {
                    request.require_reachable(panels)?;
                    let claimed = claimed(opening, &request.id);
                    let (request, waits) = request.wait(0, panels, now);
                    (request, claimed.and(waits))
                }
            }
        };
        let mut change = Change::default()
            .request(request.clone())
            .event(asked)
            .and(change)
            .schedule(Effect::sync_card(&request.id, now));
        change.delivery = delivery;
        Ok(Asked { request, change })
    }

    fn new(ask: Ask, now: Time) -> Self {
        let unanswered = now + ask.terms.role.request_timeout.to_delta();
        let deadline = match ask.start {
            Start::Now => unanswered,
            Start::At(at) => unanswered.max(at),
        };
        Self {
            id: ask.id,
            short: ask.short,
            version: 0,
            requester: ask.requester,
            holder: ask.holder,
            kind: ask.kind,
            terms: ask.terms,
            duration: ask.duration,
            start: ask.start,
            reason: ask.reason,
            ticket: ask.ticket,
            asked_at: now,
            deadline,
            reviews: Vec::new(),
            state: State::Pending(OpenStage {
                index: 0,
                opened_at: now,
                asked: Vec::new(),
                rungs: 1,
                climbed_at_once: false,
                reminded: false,
            }),
            post_use_review: None,
        }
    }

    /// Opens stage `index` and waits for its reviews.
    pub(super) fn wait(mut self, index: usize, panels: &[Panel], now: Time) -> (Self, Change) {
        let stage = self.open_stage(index, panels, now);
        let subject = Subject::Request(self.id.clone());
        let change = Change::default()
            .event(
                Event::new(EventKind::StageOpened, Actor::Hallpass, now)
                    .request(&self.id)
                    .fact("stage", stage.index + 1)
                    .fact("asked", stage.asked.len())
                    .fact("climbed_at_once", stage.climbed_at_once),
            )
            .and(self.stage_timers(&stage))
            .schedule(Effect::timer(
                subject.clone(),
                EffectKind::TimeOut,
                self.deadline,
            ))
            .schedule(Effect::say(subject, Notice::Asked, now));
        self.state = State::Pending(stage);
        (self, change)
    }

    fn asked_event(&self, now: Time) -> Event {
        let (kind, incident) = match &self.kind {
            Kind::Access => ("access", None),
            Kind::Extend { .. } => ("extend", None),
            Kind::BreakGlass { incident, .. } => ("break_glass", Some(incident.clone())),
        };
        let mut event = Event::new(
            EventKind::Requested,
            Actor::Person(self.requester.clone()),
            now,
        )
        .request(&self.id)
        .rules(&self.terms.rules)
        .fact("kind", kind)
        .fact("role", self.terms.role.name.as_str())
        .fact("parameters", serde_json::json!(self.terms.parameters))
        .fact("duration", self.duration.as_secs())
        .fact("digest", self.terms.digest.as_str())
        .personal("holder", self.holder.as_str())
        .personal("reason", self.reason.as_str());
        if let Start::At(at) = self.start {
            event = event.fact("starts_at", at.to_rfc3339());
        }
        if let Some(ticket) = &self.ticket {
            event = event.fact("ticket", ticket.as_str());
        }
        if let Some(incident) = incident {
            event = event.fact("incident", incident);
        }
        event
    }
}

/// The grant remembers who asks for more of it: whoever ends it finds the request.
fn claimed(opening: Option<Opening>, request: &RequestId) -> Change {
    match opening {
        Some(Opening::Extend { grant, .. }) => {
            Change::default().grant(grant.asked_for_more(request))
        }
        Some(Opening::New { .. }) | None => Change::default(),
    }
}

/// More time is asked for an active grant only.
fn require_active(opening: Option<&Opening>) -> Result<(), Refusal> {
    let Some(Opening::Extend { grant, .. }) = opening else {
        return Ok(());
    };
    grant.require_active().map(drop)
}
