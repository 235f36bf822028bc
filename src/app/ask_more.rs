//! More time than was agreed: a request of kind extend, for those who decide the role now. Its approval moves the end of
//! the grant; the end of the grant voids it. One waits at a time.

use hallpass_domain::request::{Ask, Kind, Opening, Start, State};
use hallpass_domain::role::Terms;
use hallpass_domain::{Duration, EventKind, Grant, Person, RefusalKind, Request, RequestId, Role};

use super::App;
use super::check_ask::find_ticket;
use super::extend::More;
use super::facts::{Facts, Unread};
use super::stop::Stop;
use crate::app::answer::{Answer, Problems};
use crate::store::{Applied, StoreError};

impl App {
    /// None where somebody else was faster: read again. `request`: that of the grant.
    pub(super) async fn ask_for_more(
        &self,
        me: &Person,
        request: &Request,
        grant: Grant,
        more: &More,
        delivery: Option<&str>,
    ) -> Result<Option<Answer>, Stop> {
        if let Some(waiting) = self.waiting_for_more(&grant).await? {
            return self.one_at_a_time(&waiting, more.by).await.map(Some);
        }
        let name = &request.terms.role.name;
        let Some(role) = self.settings.roles.get(name) else {
            let gone = format!("The role {name} doesn't exist any more, so it isn't extended.");
            return Err(Stop::refused(RefusalKind::WrongState, gone));
        };
        let facts = self.facts_about(role, self.now()).await;
        let memberships = facts.of(me, Unread::Nobody);
        let subject = memberships.subject(me);
        let decision = self.policy.may_ask(&subject, role, more.by);
        let terms = Terms::new(
            role.clone(),
            request.terms.parameters.clone(),
            decision.rule_ids(),
        );
        let mut problems = out_of_bounds(role, more.by);
        if let (Some(why), true) = (&decision.why, problems.is_empty()) {
            problems.push(why.clone());
        }
        if terms.entitlements != request.terms.entitlements {
            problems.push(format!(
                "What {name} gives changed since you got it, so it can't be extended: ask for it anew."
            ));
        }
        if !problems.is_empty() {
            self.record_refusal(me, "extend", Some(&request.id)).await?;
            return Err(self.not_extended(role, &facts, problems).await?);
        }
        let opening = Opening::Extend {
            holdings: self.parts_of(&grant).await?,
            grant: Box::new(grant.clone()),
        };
        let ask = Ask {
            id: RequestId::new(self.entropy.id()),
            short: self.store.free_short_id().await?,
            requester: me.id.clone(),
            holder: me.id.clone(),
            kind: Kind::Extend { grant: grant.id },
            ticket: ticket(role, request, &more.reason),
            terms,
            duration: more.by,
            start: Start::Now,
            reason: reason(request, &more.reason),
            delivery: delivery.map(str::to_owned),
        };
        let panels = self.panels(role, &facts).await?;
        let mut asked = match Request::ask(ask, &panels, Some(opening), self.now()) {
            Ok(asked) => asked,
            Err(refusal) if refusal.kind == RefusalKind::NobodyToAsk => {
                let sentences = vec![refusal.to_string()];
                return Err(self.not_extended(role, &facts, sentences).await?);
            }
            Err(refusal) => return Err(refusal.into()),
        };
        for event in &mut asked.change.events {
            if event.kind == EventKind::Requested {
                event.rules = decision.rule_names();
            }
        }
        let change = self.with_own_order(asked.change, me);
        Ok(match self.store.apply_one(change).await? {
            Applied::Done => Some(self.asked(&asked.request, false, &facts).await?),
            Applied::Delivered(id) => Some(self.first_request(&id).await?),
            Applied::Conflict => None,
        })
    }

    /// The request for more time of it that still waits.
    pub(super) async fn waiting_for_more(
        &self,
        grant: &Grant,
    ) -> Result<Option<Request>, StoreError> {
        let Some(id) = &grant.more_asked else {
            return Ok(None);
        };
        let asked = self.store.request(id).await?;
        Ok(asked.filter(|request| !request.is_final()))
    }

    async fn one_at_a_time(&self, waiting: &Request, by: Duration) -> Result<Answer, Stop> {
        if waiting.duration == by {
            return self.asked(waiting, true, &Facts::default()).await;
        }
        let (short, command) = (waiting.short.of_request(), &self.settings.command);
        Err(Stop::problem(format!(
            "{short} asks for {} more already and still waits. Cancel it first ({command} cancel {short}), or wait for its answer.",
            waiting.duration
        )))
    }

    /// What stands in the way, and whom to ask.
    async fn not_extended(
        &self,
        role: &Role,
        facts: &Facts,
        sentences: Vec<String>,
    ) -> Result<Stop, Stop> {
        let ask = match &role.break_glass {
            Some(glass) => self.mention(&glass.commanders, facts).await?,
            None => Vec::new(),
        };
        Ok(Answer::Problems(Problems {
            sentences,
            ask,
            ..Problems::default()
        })
        .into())
    }

    /// Whether it asks for more of a grant that is over.
    pub(super) async fn asks_for_what_is_over(
        &self,
        request: &Request,
    ) -> Result<bool, StoreError> {
        let (Kind::Extend { grant }, State::Pending(_) | State::Scheduled { .. }) =
            (&request.kind, &request.state)
        else {
            return Ok(false);
        };
        let grant = self.store.grant(grant).await?;
        Ok(grant.is_none_or(|grant| grant.ends_at().is_none()))
    }
}

fn out_of_bounds(role: &Role, by: Duration) -> Vec<String> {
    let (name, min, max) = (&role.name, role.min_duration, role.max_duration);
    if by > max {
        vec![format!("{name} allows {max} at a time; you wrote {by}.")]
    } else if by < min {
        vec![format!("{name} takes {min} at least; you wrote {by}.")]
    } else {
        Vec::new()
    }
}

/// What was typed, or why the access was asked for.
fn reason(request: &Request, typed: &str) -> String {
    if typed.is_empty() {
        request.reason.clone()
    } else {
        typed.to_owned()
    }
}

/// The number in the new reason, else that of the access.
fn ticket(role: &Role, request: &Request, typed: &str) -> Option<String> {
    let rule = role.ticket.as_ref()?;
    find_ticket(&rule.pattern, typed).or_else(|| request.ticket.clone())
}
