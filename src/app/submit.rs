//! Ask: everything that can be wrong is told in one answer, else the request is on record when the answer goes out.
//! A repeated delivery, or the same ask within a minute, is the first request.

use hallpass_domain::command::Ask;
use hallpass_domain::request::{self, Kind, Panel, Start};
use hallpass_domain::role::Terms;
use hallpass_domain::{
    Actor, Change, Event, EventKind, Person, Refusal, Request, RequestId, Role, RoleName, ShortId,
    nearest,
};

use super::check_ask::{Checked, check};
use super::facts::{Facts, Unread};
use super::later::Planned;
use super::opening::NoOpening;
use super::people::ATTEMPTS;
use super::read::shown_person;
use super::stop::Stop;
use super::words::{enumerated, quoted};
use super::{App, Turn, all_lists};
use crate::app::answer::{Answer, AskedShown, Problems};
use crate::ports::chat::Shown;
use crate::store::Applied;

/// How many people a refusal mentions.
const MENTIONED_AT_MOST: usize = 5;
/// Written where a start would do that was wrong as typed.
pub(super) const EXAMPLE_START: &str = "22:00";

/// When it is to start.
pub(super) enum When {
    /// As it was typed after `at`: offered, before anything is sent. The error is a sentence.
    Typed(Result<Planned, String>),
    /// Nothing was typed, or its button was pressed.
    Fixed(Start),
}

impl When {
    /// For the rehearsal.
    fn start(&self) -> Start {
        match self {
            Self::Typed(Ok(planned)) => Start::At(planned.at),
            Self::Typed(Err(_)) => Start::Now,
            Self::Fixed(start) => *start,
        }
    }
}

/// An ask with nothing wrong in it.
struct Good<'a> {
    ask: Ask,
    start: Start,
    checked: Checked,
    terms: Terms,
    /// With file and line, for the record.
    rules: Vec<String>,
    panels: Vec<Panel>,
    delivery: Option<&'a str>,
}

impl App {
    pub(super) async fn submit(
        &self,
        me: &Person,
        mut ask: Ask,
        delivery: Option<&str>,
    ) -> Result<Answer, Stop> {
        let when = match &ask.at {
            Some(typed) => When::Typed(self.planned(me, typed).await),
            None => When::Fixed(Start::Now),
        };
        if matches!(when, When::Typed(Err(_))) {
            // What would do, beside the sentence that says what was wrong with it.
            ask.at = Some(EXAMPLE_START.to_owned());
        }
        self.submit_when(me, ask, when, delivery).await
    }

    pub(super) async fn submit_when(
        &self,
        me: &Person,
        ask: Ask,
        when: When,
        delivery: Option<&str>,
    ) -> Result<Answer, Stop> {
        if let Some(first) = self.delivered_before(delivery).await? {
            return Ok(first);
        }
        let role = match self.visible_role(me, &ask.role).await {
            Ok(role) => role,
            Err(Stop::Answer(answer)) => {
                return self.unknown_role(me, &ask, &when, *answer).await;
            }
            Err(stop) => return Err(stop),
        };
        let facts = self.facts_about(&role, self.now()).await;
        let mut checked = check(&self.settings.command, &ask, &role);
        if let When::Typed(Err(wrong)) = &when {
            checked.problems.insert(0, wrong.clone());
        }
        let memberships = facts.of(me, Unread::Nobody);
        let decision = self
            .policy
            .may_ask(&memberships.subject(me), &role, checked.duration);
        let panels = self.panels(&role, &facts).await?;
        let problems = if let Some(why) = &decision.why {
            self.not_eligible(why, &role, &checked, &facts).await?
        } else {
            let rehearsed = self.rehearse(me, &ask, &role, &checked, &panels, when.start());
            self.problems(me, &role, &checked, rehearsed, &facts)
                .await?
        };
        if !problems.sentences.is_empty() {
            let rules = decision.rule_names();
            return self.turned_down(me, &ask, problems, &rules).await;
        }
        let start = match when {
            When::Typed(Ok(planned)) => return self.offer(me, &ask, &checked, planned).await,
            // Told above, among the problems.
            When::Typed(Err(wrong)) => return Err(Stop::problem(wrong)),
            When::Fixed(start) => start,
        };
        let terms = Terms::new(role, checked.parameters.clone(), decision.rule_ids());
        let (turn, before) = self
            .turn_to_ask(me, &terms, &checked, &ask.reason, start)
            .await?;
        if let Some(first) = before {
            return self.asked(&first, true, &facts).await;
        }
        let good = Good {
            ask,
            start,
            checked,
            terms,
            rules: decision.rule_names(),
            panels,
            delivery,
        };
        self.record(me, &good, &facts, turn).await
    }

    async fn not_eligible(
        &self,
        why: &str,
        role: &Role,
        checked: &Checked,
        facts: &Facts,
    ) -> Result<Problems, Stop> {
        let mut sentences = vec![why.to_owned()];
        sentences.extend(facts.unread());
        sentences.extend(checked.problems.clone());
        Ok(Problems {
            sentences,
            ask: self.mention(&role.requesters, facts).await?,
            ..Problems::default()
        })
    }

    /// Everything that stands in the way, most weighty first. What would do is offered where a command would.
    async fn problems(
        &self,
        me: &Person,
        role: &Role,
        checked: &Checked,
        rehearsed: Result<(), Refusal>,
        facts: &Facts,
    ) -> Result<Problems, Stop> {
        let mut sentences = self.principal_problems(role, me).await?;
        let mut whom = Vec::new();
        if let Err(refusal) = rehearsed {
            sentences.push(refusal.to_string());
            sentences.extend(facts.unread());
            if let Some(glass) = &role.break_glass {
                whom = self.mention(&glass.commanders, facts).await?;
            }
        }
        let would_do = sentences.is_empty() && !checked.problems.is_empty();
        sentences.extend(checked.problems.clone());
        Ok(Problems {
            sentences,
            would_do: would_do.then(|| checked.would_do.clone()),
            ask: whom,
            ..Problems::default()
        })
    }

    /// Whether the core would take it: asks it without keeping the answer.
    pub(super) fn rehearse(
        &self,
        me: &Person,
        ask: &Ask,
        role: &Role,
        checked: &Checked,
        panels: &[Panel],
        start: Start,
    ) -> Result<(), Refusal> {
        if role.stages.is_empty() {
            return Ok(());
        }
        let rehearsed = request::Ask {
            id: RequestId::new(""),
            short: ShortId::from_random(&[0; ShortId::FIRST_LENGTH]),
            requester: me.id.clone(),
            holder: me.id.clone(),
            kind: Kind::Access,
            terms: Terms::new(role.clone(), checked.parameters.clone(), Vec::new()),
            duration: checked.duration,
            start,
            reason: ask.reason.clone(),
            ticket: None,
            delivery: None,
        };
        Request::ask(rehearsed, panels, None, self.now()).map(drop)
    }

    /// The role doesn't exist: the rest is told as for the nearest one that they may ask for.
    async fn unknown_role(
        &self,
        me: &Person,
        ask: &Ask,
        when: &When,
        answer: Answer,
    ) -> Result<Answer, Stop> {
        let Answer::Problems(mut problems) = answer else {
            return Ok(answer);
        };
        if let When::Typed(Err(wrong)) = when {
            problems.sentences.push(wrong.clone());
        }
        let facts = self.facts(&all_lists(&self.settings), self.now()).await;
        let roles = self.settings.roles.values();
        let yours: Vec<&Role> = roles.filter(|role| self.asks(me, role, &facts)).collect();
        let near = nearest(&ask.role, yours.iter().map(|role| role.name.as_str()));
        let near = near.first().map(|name| RoleName::new(*name));
        if let Some(role) = near.and_then(|name| self.settings.roles.get(&name)) {
            let checked = check(&self.settings.command, ask, role);
            problems.sentences.extend(checked.problems);
            problems.would_do = Some(checked.would_do);
        }
        self.turned_down(me, ask, problems, &[]).await
    }

    async fn record(
        &self,
        me: &Person,
        good: &Good<'_>,
        facts: &Facts,
        mut turn: Turn,
    ) -> Result<Answer, Stop> {
        let (ask, terms) = (&good.ask, &good.terms);
        for _ in 0..ATTEMPTS {
            let opening = match self.opening(terms, me).await {
                Ok(opening) => opening,
                Err(NoOpening::Store(error)) => return Err(error.into()),
                Err(NoOpening::Problems(sentences)) => {
                    let problems = Problems {
                        sentences,
                        ..Problems::default()
                    };
                    return self.turned_down(me, ask, problems, &[]).await;
                }
            };
            let new = request::Ask {
                id: RequestId::new(self.entropy.id()),
                short: self.store.free_short_id().await?,
                requester: me.id.clone(),
                holder: me.id.clone(),
                kind: Kind::Access,
                terms: terms.clone(),
                duration: good.checked.duration,
                start: good.start,
                reason: ask.reason.trim().to_owned(),
                ticket: good.checked.ticket.clone(),
                delivery: good.delivery.map(str::to_owned),
            };
            let mut asked = match Request::ask(new, &good.panels, Some(opening), self.now()) {
                Ok(asked) => asked,
                Err(refusal) => return Err(refusal.into()),
            };
            for event in &mut asked.change.events {
                if event.kind == EventKind::Requested {
                    event.rules.clone_from(&good.rules);
                }
            }
            let change = self.with_own_order(asked.change, me);
            let applied;
            (applied, turn) = self.store.apply_keeping(change, turn).await?;
            match applied {
                Applied::Done => return self.asked(&asked.request, false, facts).await,
                Applied::Delivered(id) => return self.first_request(&id).await,
                Applied::Conflict => {}
            }
        }
        Err(Stop::busy())
    }

    /// The role by that name, as far as this person may know of it; the nearest names where there is none.
    pub(super) async fn visible_role(&self, me: &Person, typed: &str) -> Result<Role, Stop> {
        let command = &self.settings.command;
        if typed.is_empty() {
            return Err(Stop::problem(format!(
                "Say which role you need, for how long and why: {command} ROLE 1h REASON. {command} roles lists what there is."
            )));
        }
        if let Some(role) = self.settings.roles.get(&RoleName::new(typed)) {
            let facts = self.facts_about(role, self.now()).await;
            let memberships = facts.of(me, Unread::Nobody);
            if self.policy.may_see(&memberships.subject(me), role).allowed {
                return Ok(role.clone());
            }
        }
        let visible = self.visible_roles(me).await;
        let near = nearest(typed, visible.iter().map(|role| role.name.as_str()));
        let near: Vec<String> = near.into_iter().map(str::to_owned).collect();
        let typed = quoted(typed);
        let sentence = match near.as_slice() {
            [] => format!("There is no role {typed}; {command} roles lists what there is."),
            [one] => format!("There is no role {typed}; the nearest is {one}."),
            several => {
                let several = enumerated(several);
                format!("There is no role {typed}; the nearest are {several}.")
            }
        };
        Err(Answer::Problems(Problems {
            sentences: vec![sentence],
            ..Problems::default()
        })
        .into())
    }

    pub(super) async fn visible_roles(&self, me: &Person) -> Vec<&Role> {
        let facts = self.facts(&all_lists(&self.settings), self.now()).await;
        let memberships = facts.of(me, Unread::Nobody);
        let subject = memberships.subject(me);
        let roles = self.settings.roles.values();
        roles
            .filter(|role| self.policy.may_see(&subject, role).allowed)
            .collect()
    }

    /// Some of the people in a list, to be mentioned.
    pub(super) async fn mention(
        &self,
        list: &[hallpass_domain::Who],
        facts: &Facts,
    ) -> Result<Vec<Shown>, Stop> {
        let people = self.people_in(list, facts).await?;
        Ok(people
            .iter()
            .take(MENTIONED_AT_MOST)
            .map(shown_person)
            .collect())
    }

    pub(super) async fn asked(
        &self,
        request: &Request,
        repeated: bool,
        facts: &Facts,
    ) -> Result<Answer, Stop> {
        let glass = request.terms.role.break_glass.as_ref();
        let commanders = match glass {
            Some(rule) => self.mention(&rule.commanders, facts).await?,
            None => Vec::new(),
        };
        let mut shown = self.shown(request).await?;
        if shown.held.is_none() && !repeated {
            // Granted at once, beside what they hold.
            shown.held = self.held_already(request).await?;
        }
        Ok(Answer::Asked(Box::new(AskedShown {
            request: shown,
            repeated,
            commanders,
            instead_of: None,
        })))
    }

    /// Somebody wanted what is not theirs to do: on record, by the verb.
    pub(super) async fn record_refusal(
        &self,
        me: &Person,
        verb: &str,
        request: Option<&RequestId>,
    ) -> Result<(), Stop> {
        let actor = Actor::Person(me.id.clone());
        let event = Event::new(EventKind::Refused, actor, self.now()).fact("wanted", verb);
        let event = match request {
            Some(id) => event.request(id),
            None => event,
        };
        self.store.apply_one(Change::default().event(event)).await?;
        Ok(())
    }

    /// Told to who asked, and on record; there is no request.
    async fn turned_down(
        &self,
        me: &Person,
        ask: &Ask,
        problems: Problems,
        rules: &[String],
    ) -> Result<Answer, Stop> {
        let event = Event::new(EventKind::Refused, Actor::Person(me.id.clone()), self.now())
            .rules(rules)
            .fact("wanted", "ask")
            .fact("role", ask.role.chars().take(40).collect::<String>())
            .fact("problems", problems.sentences.len())
            .personal("reason", ask.reason.chars().take(1_500).collect::<String>());
        self.store.apply_one(Change::default().event(event)).await?;
        Ok(Answer::Problems(problems))
    }
}
