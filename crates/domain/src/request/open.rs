//! Approved: the request waits for its later start, starts its grant, or gives the grant more time.

use super::{Kind, Opening, Request, Start, State, VoidReason};
use crate::effect::{Notice, Subject};
use crate::grant::State as GrantState;
use crate::{
    Actor, Change, Effect, EffectKind, Event, EventKind, Grant, Holding, Refusal, RefusalKind, Time,
};

impl Request {
    /// The later start has come, and the shell found everything still allowed.
    ///
    /// # Errors
    /// Refused unless scheduled.
    pub fn start(self, opening: Opening, now: Time) -> Result<Change, Refusal> {
        self.require_scheduled()?;
        let subject = Subject::Request(self.id.clone());
        let (request, change) = self.begin(Some(opening), Actor::Hallpass, now)?;
        let card = Effect::sync_card(&request.id, now);
        Ok(Change::default()
            .request(request)
            .and(change)
            .cancel(subject, EffectKind::Start)
            .schedule(card))
    }

    /// All stages are through (or there are none): schedules it, or starts it now.
    pub(super) fn approved(
        mut self,
        opening: Option<Opening>,
        by: Actor,
        now: Time,
    ) -> Result<(Self, Change), Refusal> {
        let change = Change::default().event(
            Event::new(EventKind::Approved, by.clone(), now)
                .request(&self.id)
                .rules(&self.terms.rules)
                .fact("duration", self.granted_duration().as_secs())
                .fact("digest", self.terms.digest.as_str()),
        );
        let later = match (&self.kind, self.start) {
            (Kind::Access, Start::At(at)) => Some(at).filter(|at| *at > now),
            (Kind::Access, Start::Now) | (Kind::Extend { .. } | Kind::BreakGlass { .. }, _) => None,
        };
        if let Some(starts_at) = later {
            let subject = Subject::Request(self.id.clone());
            self.state = State::Scheduled {
                approved_at: now,
                starts_at,
            };
            let change = change
                .event(
                    Event::new(EventKind::Scheduled, by, now)
                        .request(&self.id)
                        .fact("starts_at", starts_at.to_rfc3339()),
                )
                .schedule(Effect::timer(subject.clone(), EffectKind::Start, starts_at))
                .schedule(Effect::say(subject, Notice::Decided, now));
            return Ok((self, change));
        }
        let (request, begun) = self.begin(opening, by, now)?;
        Ok((request, change.and(begun)))
    }

    /// Starts the grant, or extends the one that it is about.
    pub(super) fn begin(
        mut self,
        opening: Option<Opening>,
        by: Actor,
        now: Time,
    ) -> Result<(Self, Change), Refusal> {
        match (&self.kind, opening) {
            (Kind::Access | Kind::BreakGlass { .. }, Some(Opening::New { grant, holdings })) => {
                let change = Grant::open(&self, grant.clone(), holdings, by.clone(), now)?;
                let started = Event::new(EventKind::Started, by, now)
                    .request(&self.id)
                    .grant(&grant);
                self.state = State::Started { grant, at: now };
                Ok((self, change.event(started)))
            }
            (Kind::Extend { grant: wanted }, Some(Opening::Extend { grant, holdings }))
                if *wanted == grant.id =>
            {
                self.lengthen(*grant, holdings, by, now)
            }
            (
                Kind::Access | Kind::BreakGlass { .. } | Kind::Extend { .. },
                None | Some(Opening::New { .. } | Opening::Extend { .. }),
            ) => Err(Refusal::new(
                RefusalKind::WrongState,
                "The access couldn't be prepared, so nothing was decided.",
            )
            .allowed("Try once more.")),
        }
    }

    fn lengthen(
        mut self,
        grant: Grant,
        holdings: Vec<Holding>,
        by: Actor,
        now: Time,
    ) -> Result<(Self, Change), Refusal> {
        match &grant.state {
            GrantState::Active { .. } => {
                let more = self.granted_duration();
                let mut grant = grant.warned_as(more, &self.terms.role.warn_before);
                grant.more_asked = grant.more_asked.filter(|asked| *asked != self.id);
                let change = grant.extend(more, None, by, holdings, now)?;
                self.state = State::Approved { at: now };
                Ok((self, change))
            }
            GrantState::Provisioning { .. }
            | GrantState::Revoking { .. }
            | GrantState::Ended { .. }
            | GrantState::Failed { .. } => {
                let (request, change) = self.voided(VoidReason::GrantEnded, now);
                Ok((request, change))
            }
        }
    }
}
