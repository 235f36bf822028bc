//! More time for access that is there. What was agreed beforehand is added at once; beyond it a request of its own is
//! decided by those who decide now. The same extension within a minute, or its delivery repeated, adds nothing.

use chrono::TimeDelta;
use hallpass_domain::command::{DurationWord, IdWord};
use hallpass_domain::grant::State as GrantState;
use hallpass_domain::request::Kind;
use hallpass_domain::role::ExtendRule;
use hallpass_domain::{
    Actor, Change, Duration, EventKind, Grant, Person, Refusal, RefusalKind, Request, RequestId,
    Role,
};

use super::App;
use super::end::access_of;
use super::facts::Unread;
use super::people::{ATTEMPTS, Fresh};
use super::stop::Stop;
use super::words::enumerated;
use crate::app::answer::{Answer, ExtendedShown, Problems};
use crate::ports::chat::MoreTime;
use crate::store::{Applied, StoreError};

/// The same extension by the same person within this time is the same one.
const SAME_WITHIN: TimeDelta = TimeDelta::seconds(60);

/// Longer reasons don't fit on a card.
const LONGEST_REASON: usize = 1_500;

/// What is wanted.
#[derive(Debug, Clone)]
pub(super) struct More {
    pub(super) by: Duration,
    /// As typed; empty where it is the reason of the access itself.
    pub(super) reason: String,
}

impl App {
    /// `extend [ID] DURATION [REASON…]`
    pub(super) async fn extend_typed(
        &self,
        me: &Person,
        id: Option<&IdWord>,
        duration: Option<DurationWord>,
        reason: &str,
        delivery: Option<&str>,
    ) -> Result<Answer, Stop> {
        if let Some(first) = self.extended_before(delivery).await? {
            return Ok(first);
        }
        let mut problems = Vec::new();
        let by = match duration {
            Some(Ok(by)) => Some(by),
            Some(Err(why)) => {
                problems.push(format!("{why}."));
                None
            }
            None => {
                let command = &self.settings.command;
                problems.push(format!(
                    "Say for how much longer, like {command} extend 30m."
                ));
                None
            }
        };
        if reason.chars().count() > LONGEST_REASON {
            problems.push(format!(
                "Keep the reason under {LONGEST_REASON} characters."
            ));
        }
        let request = match self.meant(me, id).await {
            Ok(request) => Some(request),
            Err(Stop::Answer(answer)) => {
                let Answer::Problems(found) = *answer else {
                    return Ok(*answer);
                };
                problems.extend(found.sentences);
                None
            }
            Err(stop) => return Err(stop),
        };
        match (request, by) {
            (Some(request), Some(by)) if problems.is_empty() => {
                let reason = reason.trim().to_owned();
                self.extend(me, &request, &More { by, reason }, delivery)
                    .await
            }
            _ => Err(Answer::Problems(Problems {
                sentences: problems,
                ..Problems::default()
            })
            .into()),
        }
    }

    /// The button: by as much as it said when it was shown, which is what is agreed or usual for the role.
    pub(super) async fn extend_pressed(
        &self,
        me: &Person,
        id: &RequestId,
        delivery: Option<&str>,
    ) -> Result<Answer, Stop> {
        if let Some(first) = self.extended_before(delivery).await? {
            return Ok(first);
        }
        let request = self.require_request(id).await?;
        let more = More {
            by: step(&request),
            reason: String::new(),
        };
        self.extend(me, &request, &more, delivery).await
    }

    /// What a button on a warning may offer now.
    pub(super) async fn more_time(
        &self,
        request: &Request,
        grant: &Grant,
    ) -> Result<MoreTime, StoreError> {
        if let Some(waiting) = self.waiting_for_more(grant).await? {
            return Ok(MoreTime::Waits {
                short: waiting.short.of_request(),
            });
        }
        let by = step(request);
        Ok(match agreed(request, grant, by) {
            Some(_) => MoreTime::Agreed { by },
            None => MoreTime::Asked { by },
        })
    }

    /// The access that is meant: by its id, or the only one that is active.
    async fn meant(&self, me: &Person, id: Option<&IdWord>) -> Result<Request, Stop> {
        if let Some(id) = id
            && *id != IdWord::Missing
        {
            return self.require_by_word(me, id, "extend R-7K2M 30m").await;
        }
        let live = self.store.live_grants_of(&me.id).await?;
        let active: Vec<&Grant> = live
            .iter()
            .filter(|grant| matches!(grant.state, GrantState::Active { .. }))
            .collect();
        match active.as_slice() {
            [one] => self.require_request(&one.request).await,
            [] => {
                let sentence = "You have no active access that could be extended.";
                Err(Stop::refused(RefusalKind::WrongState, sentence))
            }
            many => {
                let names: Vec<String> = many
                    .iter()
                    .map(|grant| format!("{} ({})", grant.short.of_request(), grant.role))
                    .collect();
                Err(Stop::problem(format!(
                    "Say which one to extend: you hold {}.",
                    enumerated(&names)
                )))
            }
        }
    }

    async fn extend(
        &self,
        me: &Person,
        about: &Request,
        more: &More,
        delivery: Option<&str>,
    ) -> Result<Answer, Stop> {
        for _ in 0..ATTEMPTS {
            let Some(id) = access_of(about) else {
                return self.no_access(about).await;
            };
            let Some(grant) = self.store.grant(id).await? else {
                return self.no_access(about).await;
            };
            let request = self.require_request(&grant.request).await?;
            if let Err(refusal) = grant.require_active() {
                return Ok(Answer::Refused {
                    refusal,
                    decided: Some(Box::new(self.shown(&request).await?)),
                });
            }
            if let Some(first) = self.extended_just_now(me, &request, more.by).await? {
                return Ok(first);
            }
            let Some(rule) = agreed(&request, &grant, more.by) else {
                if request.holder != me.id {
                    return Err(only_its_holder());
                }
                match self
                    .ask_for_more(me, &request, grant, more, delivery)
                    .await?
                {
                    Some(answer) => return Ok(answer),
                    None => continue,
                }
            };
            let change = self.as_agreed(me, &request, grant, more.by, rule).await?;
            let mut change = change.request(request.clone());
            change.delivery = delivery.map(str::to_owned);
            match self.store.apply_one(change).await? {
                Applied::Done => return self.lengthened(&request.id, more.by, false).await,
                Applied::Delivered(id) => return self.lengthened(&id, more.by, true).await,
                Applied::Conflict => {}
            }
        }
        Err(Stop::busy())
    }

    /// The change that adds agreed time: for its holder, or by somebody who could approve the role now.
    async fn as_agreed(
        &self,
        me: &Person,
        request: &Request,
        grant: Grant,
        by: Duration,
        agreed: ExtendRule,
    ) -> Result<Change, Stop> {
        let name = &request.terms.role.name;
        let Some(role) = self.settings.roles.get(name) else {
            let gone = format!("The role {name} doesn't exist any more, so it isn't extended.");
            return Err(Stop::refused(RefusalKind::WrongState, gone));
        };
        let facts = self.facts_about(role, self.now()).await;
        if request.holder != me.id {
            let memberships = facts.of(me, Unread::Nobody);
            let subject = memberships.subject(me);
            let may = |stage| self.policy.may_review(&subject, role, stage, request);
            if !(0..role.stages.len()).any(|stage| may(stage).allowed) {
                return Err(only_its_holder());
            }
        }
        // What was agreed beforehand was agreed with somebody who may have the role.
        let holder = self.current(&request.holder, Fresh::Recently).await?;
        let theirs = facts.of(&holder, Unread::Everybody);
        let holds = theirs.subject(&holder);
        let decision = self.policy.may_ask(&holds, role, by.min(role.max_duration));
        if let Some(why) = &decision.why {
            let sentence = format!("It isn't extended. {why}");
            return Err(Stop::refused(RefusalKind::NotAllowed, sentence));
        }
        let holdings = self.parts_of(&grant).await?;
        let actor = Actor::Person(me.id.clone());
        let wanted = &request.terms.role.warn_before;
        let grant = grant.warned_as(by, wanted);
        let mut change = grant.extend(by, Some(agreed), actor, holdings, self.now())?;
        let rules = decision.rule_names();
        for event in &mut change.events {
            if event.kind == EventKind::GrantExtended {
                event.rules.clone_from(&rules);
            }
        }
        Ok(change)
    }

    /// A delivery that was counted before: what became of it.
    async fn extended_before(&self, delivery: Option<&str>) -> Result<Option<Answer>, Stop> {
        let Some(key) = delivery else {
            return Ok(None);
        };
        let Some(id) = self.store.delivered(key).await? else {
            return Ok(None);
        };
        let request = self.require_request(&id).await?;
        match request.kind {
            Kind::Extend { .. } => self.first_request(&id).await.map(Some),
            Kind::Access | Kind::BreakGlass { .. } => {
                let by = step(&request);
                self.lengthened(&id, by, true).await.map(Some)
            }
        }
    }

    /// The same person added the same a moment ago: a double click, or a command sent twice.
    async fn extended_just_now(
        &self,
        me: &Person,
        request: &Request,
        by: Duration,
    ) -> Result<Option<Answer>, Stop> {
        let since = self.now() - SAME_WITHIN;
        let events = self.store.events_of(&request.id).await?;
        let same = events.iter().any(|stored| {
            let event = &stored.event;
            let by = Some(u64::from(by.as_secs()));
            event.kind == EventKind::GrantExtended
                && event.at > since
                && event.actor == Actor::Person(me.id.clone())
                && event.facts.get("by").and_then(serde_json::Value::as_u64) == by
        });
        if !same {
            return Ok(None);
        }
        self.lengthened(&request.id, by, true).await.map(Some)
    }

    async fn lengthened(
        &self,
        id: &RequestId,
        by: Duration,
        repeated: bool,
    ) -> Result<Answer, Stop> {
        let request = self.require_request(id).await?;
        let grant = match access_of(&request) {
            Some(grant) => self.store.grant(grant).await?,
            None => None,
        };
        let left = match (&grant, budget(&request)) {
            (Some(grant), Some(rule)) => grant.agreed_left(rule),
            (None, _) | (_, None) => 0,
        };
        Ok(Answer::Extended(Box::new(ExtendedShown {
            request: self.shown(&request).await?,
            by,
            ends_at: grant.and_then(|grant| grant.ends_at()),
            left,
            repeated,
        })))
    }
}

/// The budget that was agreed with the access; none for broken glass, whose time a commander gave.
fn budget(request: &Request) -> Option<ExtendRule> {
    match &request.kind {
        Kind::Access => request.terms.role.extend,
        Kind::Extend { .. } | Kind::BreakGlass { .. } => None,
    }
}

/// The budget, where it has room for this.
fn agreed(request: &Request, grant: &Grant, by: Duration) -> Option<ExtendRule> {
    budget(request).filter(|rule| by <= rule.by && grant.agreed_left(*rule) > 0)
}

/// By how much a button extends.
pub(super) fn step(request: &Request) -> Duration {
    let role: &Role = &request.terms.role;
    let usual = role.default_duration.unwrap_or(request.duration);
    let by = role.extend.map_or(usual, |rule| rule.by);
    by.min(role.max_duration)
}

fn only_its_holder() -> Stop {
    Refusal::new(
        RefusalKind::NotAllowed,
        "Only its holder can ask for more time, and those who approve the role can add what was agreed beforehand.",
    )
    .into()
}
