//! The drill: a canary is asked for through the ordinary rules, by an operator in a person's name, and dropped again.
//! Whoever serves carries it out; here it is only caused and looked at.

use std::time::Duration as StdDuration;

use hallpass_domain::command::Ask;
use hallpass_domain::grant::{EndReason, State};
use hallpass_domain::request::{self, Kind, Start};
use hallpass_domain::role::Terms;
use hallpass_domain::{
    Actor, Change, Event, EventKind, Request, RequestId, RoleName, ShortId, SlackId, Time,
};

use super::App;
use super::check_ask::check;
use super::facts::Unread;
use super::people::{ATTEMPTS, Fresh};
use super::stop::Stop;
use crate::store::Applied;

/// Where a drill's grant stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DrillGrant {
    Waiting,
    Active,
    Ending,
    /// Gone, and read back as gone.
    Ended,
    /// It never came to be; a sentence.
    Failed(String),
}

/// How a drill came out, for the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DrillTimes {
    /// From the ask to the access.
    pub granted: Option<StdDuration>,
    /// From the drop to the verified end.
    pub ended: Option<StdDuration>,
}

impl App {
    /// Asks for the role, for the shortest duration that it allows.
    ///
    /// # Errors
    /// A sentence, where it is refused or the store fails.
    pub async fn drill_ask(
        &self,
        person: &SlackId,
        role: &RoleName,
        operator: &str,
    ) -> Result<ShortId, String> {
        let asked = Box::pin(self.ask_for_drill(person, role, operator)).await;
        asked.map_err(Stop::into_sentence)
    }

    async fn ask_for_drill(
        &self,
        person: &SlackId,
        role: &RoleName,
        operator: &str,
    ) -> Result<ShortId, Stop> {
        let me = self.pin(person, Fresh::Recently).await?;
        let Some(role) = self.settings.roles.get(role) else {
            return Err(Stop::problem(format!("There is no role {role}.")));
        };
        let reason = "Drill: shows that access is given, ended and checked in time.";
        let ask = Ask {
            role: role.name.to_string(),
            parameters: Vec::new(),
            duration: Some(Ok(role.min_duration)),
            reason: reason.into(),
            ..Ask::default()
        };
        let checked = check(&self.settings.command, &ask, role);
        let facts = self.facts_about(role, self.now()).await;
        let memberships = facts.of(&me, Unread::Nobody);
        let subject = memberships.subject(&me);
        let decision = self.policy.may_ask(&subject, role, checked.duration);
        let mut problems: Vec<String> = decision.why.iter().cloned().collect();
        problems.extend(checked.problems.clone());
        problems.extend(self.principal_problems(role, &me).await?);
        if !role.stages.is_empty() {
            problems.push(format!("{} has to be approved by somebody.", role.name));
        }
        if !problems.is_empty() {
            return Err(Stop::problem(problems.join(" ")));
        }
        let terms = Terms::new(role.clone(), checked.parameters, decision.rule_ids());
        for _ in 0..ATTEMPTS {
            let opening = self.opening(&terms, &me).await.map_err(Stop::from)?;
            let new = request::Ask {
                id: RequestId::new(self.entropy.id()),
                short: self.store.free_short_id().await?,
                requester: me.id.clone(),
                holder: me.id.clone(),
                kind: Kind::Access,
                terms: terms.clone(),
                duration: checked.duration,
                start: Start::Now,
                reason: reason.into(),
                ticket: None,
                delivery: None,
            };
            let mut asked = Request::ask(new, &[], Some(opening), self.now())?;
            for event in &mut asked.change.events {
                if event.kind == EventKind::Requested {
                    event.actor = Actor::Operator(operator.to_owned());
                    event.rules = decision.rule_names();
                }
            }
            let change = self.with_own_order(asked.change, &me);
            if self.store.apply_one(change).await? == Applied::Done {
                return Ok(asked.request.short);
            }
        }
        Err(Stop::busy())
    }

    /// # Errors
    /// A sentence, where the store fails.
    pub async fn drill_grant(&self, id: &ShortId) -> Result<DrillGrant, String> {
        let grant = self.store.grant_by_short(id).await;
        let grant = grant.map_err(|error| format!("{error}."))?;
        Ok(match grant.map(|grant| grant.state) {
            None | Some(State::Provisioning { .. }) => DrillGrant::Waiting,
            Some(State::Active { .. }) => DrillGrant::Active,
            Some(State::Revoking { reason, .. }) if reason.is_failure() => {
                DrillGrant::Failed("The access could not be given, and is taken back.".into())
            }
            Some(State::Revoking { .. }) => DrillGrant::Ending,
            Some(State::Ended { .. }) => DrillGrant::Ended,
            Some(State::Failed { .. }) => {
                DrillGrant::Failed("The access could not be given.".into())
            }
        })
    }

    /// Drops it, as its holder would.
    ///
    /// # Errors
    /// A sentence, where it can't be.
    pub async fn drill_drop(&self, id: &ShortId, operator: &str) -> Result<(), String> {
        let grant = self.store.grant_by_short(id).await;
        let grant = grant.map_err(|error| format!("{error}."))?;
        let Some(grant) = grant else {
            return Err(format!("There is no grant {}.", id.of_grant()));
        };
        let by = Actor::Operator(operator.to_owned());
        let ended = self.end_grant(&grant.id, &EndReason::dropped(), &by).await;
        ended
            .map_err(|error| format!("{error}."))?
            .map_err(Stop::into_sentence)
    }

    /// Whether something that was due before `moment` has been claimed by nobody: nobody seems to serve.
    pub async fn is_left_lying(&self, moment: Time) -> bool {
        let lanes = self.store.lanes().await.unwrap_or_default();
        lanes.iter().any(|(_, due)| *due <= moment)
    }

    /// The moment, by the clock that requests are stamped with.
    pub fn moment(&self) -> Time {
        self.now()
    }

    /// Puts on record how a drill came out; `wrong` is the sentence that it ended with.
    ///
    /// # Errors
    /// A sentence, where the store fails.
    pub async fn drill_done(
        &self,
        id: Option<&ShortId>,
        operator: &str,
        times: &DrillTimes,
        wrong: Option<&str>,
    ) -> Result<(), String> {
        let by = Actor::Operator(operator.to_owned());
        let mut event =
            Event::new(EventKind::DrillDone, by, self.now()).fact("well", wrong.is_none());
        let millis = |took: StdDuration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        for (name, took) in [
            ("granted_after_ms", times.granted),
            ("ended_after_ms", times.ended),
        ] {
            if let Some(took) = took {
                event = event.fact(name, millis(took));
            }
        }
        if let Some(wrong) = wrong {
            event = event.fact("wrong", wrong);
        }
        if let Some(id) = id {
            event = event.fact("grant", id.of_grant());
            let request = self.store.request_by_short(id).await;
            if let Some(request) = request.map_err(|error| format!("{error}."))? {
                event = event.request(&request.id);
            }
        }
        let applied = self.store.apply_one(Change::default().event(event)).await;
        applied.map(drop).map_err(|error| format!("{error}."))
    }
}
