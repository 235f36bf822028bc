//! Break-glass: a commander gives access at once and answers for it afterwards. Whether they are commander is looked up
//! then and there. Grant, alert and owed review are one change; the order is signed like a review.

use hallpass_domain::command::{BreakGlass, IdWord, Rest};
use hallpass_domain::request::{self, Kind, Panel, Start, State};
use hallpass_domain::role::Terms;
use hallpass_domain::{
    Change, Duration, EventKind, Person, PersonId, Request, RequestId, Role, ShortId, SlackId,
    Write,
};

use super::App;
use super::facts::{Facts, Unread};
use super::glass_form;
use super::glass_words::Typed;
use super::incident::cannot_hold;
use super::people::{ATTEMPTS, Fresh, NotPinned, membership_sentence};
use super::read::SKIPPED;
use super::stop::Stop;
use super::words::quoted;
use crate::app::answer::{Answer, Problems};
use crate::policy::Decision;
use crate::store::Applied;

/// `break-glass R-7K2M …` as typed.
pub(super) struct TypedForPending {
    pub(super) id: ShortId,
    pub(super) incident: String,
    pub(super) reason: String,
    pub(super) rest: Rest,
}

/// An order that nothing stands against.
struct Good<'a> {
    typed: &'a Typed,
    holder: &'a Person,
    terms: Terms,
    duration: Duration,
    rules: Vec<String>,
    panels: Vec<Panel>,
    delivery: Option<&'a str>,
}

impl App {
    pub(super) async fn break_glass(
        &self,
        me: &Person,
        glass: BreakGlass,
        delivery: Option<&str>,
    ) -> Result<Answer, Stop> {
        if let Some(first) = self.delivered_before(delivery).await? {
            return Ok(first);
        }
        match glass {
            BreakGlass::Role {
                role,
                parameters,
                person,
                duration,
                spelled,
                unclear,
                incident,
                reason,
                rest,
            } => {
                let typed = Typed {
                    role,
                    parameters,
                    person,
                    duration,
                    spelled,
                    unclear,
                    incident,
                    reason,
                    rest,
                };
                self.break_for_role(me, typed, delivery).await
            }
            BreakGlass::Pending {
                id,
                incident,
                reason,
                rest,
            } => {
                let typed = TypedForPending {
                    id,
                    incident,
                    reason,
                    rest,
                };
                self.break_for_pending(me, &typed, delivery).await
            }
        }
    }

    pub(super) async fn break_for_role(
        &self,
        me: &Person,
        typed: Typed,
        delivery: Option<&str>,
    ) -> Result<Answer, Stop> {
        let role = match self.visible_role(me, &typed.role).await {
            Ok(role) => role,
            Err(Stop::Answer(answer)) => return self.no_such_glass(me, &typed, *answer).await,
            Err(stop) => return Err(stop),
        };
        let facts = self.facts_about(&role, self.now()).await;
        let (holder, mut problems) = self.holder(me, typed.person.as_ref()).await?;
        let checked = self.check_break_glass(&typed, &role);
        let memberships = facts.of(me, Unread::Nobody);
        let (subject, duration) = (memberships.subject(me), checked.duration);
        let decision = self
            .policy
            .may_break_glass(&subject, &role, &holder, duration);
        if decision.allowed || decision.rules.is_empty() {
            problems.extend(checked.problems.clone());
        }
        if let Some(refused) = self
            .refused_glass(&role, &decision, problems, &checked.would_do, &facts)
            .await?
        {
            self.record_refusal(me, "break the glass", None).await?;
            let kept = glass_form::Kept::of(&typed, &role);
            return self.with_glass_form(me, refused, kept).await;
        }
        let terms = Terms::new(role, checked.parameters, decision.rule_ids());
        let good = Good {
            panels: self.panels(&terms.role, &facts).await?,
            typed: &typed,
            holder: &holder,
            terms,
            duration,
            rules: decision.rule_names(),
            delivery,
        };
        self.order(me, &good, &facts).await
    }

    /// Writes the order down, once however often it is typed.
    async fn order(&self, me: &Person, good: &Good<'_>, facts: &Facts) -> Result<Answer, Stop> {
        let (typed, holder) = (good.typed, good.holder);
        let skipped = first_asked(&good.panels, &[&me.id, &holder.id]);
        let order = (&me.id, &holder.id, &good.terms.digest);
        let mut turn = self.breaking.of(&order).await;
        for _ in 0..ATTEMPTS {
            // Read before it is looked for the same order: what is written meanwhile is a conflict.
            let opening = self.opening(&good.terms, holder).await?;
            let new = request::Ask {
                id: RequestId::new(self.entropy.id()),
                short: self.store.free_short_id().await?,
                requester: me.id.clone(),
                holder: holder.id.clone(),
                kind: Kind::BreakGlass {
                    commander: me.id.clone(),
                    incident: typed.incident.clone(),
                },
                terms: good.terms.clone(),
                duration: good.duration,
                start: Start::Now,
                reason: typed.reason.trim().to_owned(),
                ticket: Some(typed.incident.clone()),
                delivery: good.delivery.map(str::to_owned),
            };
            if let Some(first) = self.broken_before(me, &new).await? {
                return self.asked(&first, true, facts).await;
            }
            let asked = Request::ask(new, &good.panels, Some(opening), self.now())?;
            let change = self.with_order(asked.change, me, &good.rules, &skipped);
            let applied;
            (applied, turn) = self.store.apply_keeping(change, turn).await?;
            match applied {
                Applied::Done => return self.broken(&asked.request.id).await,
                Applied::Delivered(id) => return self.first_request(&id).await,
                Applied::Conflict => {}
            }
        }
        Err(Stop::busy())
    }

    pub(super) async fn break_for_pending(
        &self,
        me: &Person,
        typed: &TypedForPending,
        delivery: Option<&str>,
    ) -> Result<Answer, Stop> {
        let id = IdWord::Id(typed.id.clone());
        let example = "break-glass R-7K2M INC-4711 orders are stuck";
        for _ in 0..ATTEMPTS {
            let request = self.require_by_word(me, &id, example).await?;
            let State::Pending(open) = &request.state else {
                return self.decided(&request).await;
            };
            let role = self.present_role(&request);
            let facts = self.facts_about(&role, self.now()).await;
            let memberships = facts.of(me, Unread::Nobody);
            let holder = self.current(&request.holder, Fresh::Now).await?;
            let most = role.break_glass.as_ref().map(|rule| rule.max_duration);
            let duration = most.map_or(request.duration, |most| request.duration.min(most));
            let subject = memberships.subject(me);
            let decision = self
                .policy
                .may_break_glass(&subject, &role, &holder, duration);
            let (problems, would_do) = self.check_for_pending(typed, &role);
            if let Some(refused) = self
                .refused_glass(&role, &decision, problems, &would_do, &facts)
                .await?
            {
                let id = Some(&request.id);
                self.record_refusal(me, "break the glass", id).await?;
                let kept = glass_form::Kept::of_pending(typed, &role);
                return self.with_glass_form(me, refused, kept).await;
            }
            if let Some((why, _)) = self.terms_gone(&request, Fresh::Recently).await? {
                // Under the present terms, then once more from the start.
                let change = self.decide_anew(request, why).await??;
                self.applied(change).await?;
                continue;
            }
            let others = open.asked.iter().filter(|asked| **asked != me.id);
            let skipped: Vec<PersonId> = others.cloned().collect();
            let opening = self.opening_for(&request).await?;
            let (id, now) = (request.id.clone(), self.now());
            let change = request.break_glass(
                me.id.clone(),
                typed.incident.clone(),
                typed.reason.clone(),
                decision.rule_names(),
                opening,
                now,
            )?;
            let rules = decision.rule_names();
            let mut change = self.with_order(change, me, &rules, &skipped);
            change.delivery = delivery.map(str::to_owned);
            match self.store.apply_one(change).await? {
                Applied::Done => return self.broken(&id).await,
                Applied::Delivered(id) => return self.first_request(&id).await,
                Applied::Conflict => {}
            }
        }
        Err(Stop::busy())
    }

    /// The commander's order, signed over the request as it becomes, goes where reviews are kept; whom it skipped, onto
    /// the record.
    fn with_order(
        &self,
        mut change: Change,
        commander: &Person,
        rules: &[String],
        skipped: &[PersonId],
    ) -> Change {
        for write in &mut change.writes {
            if let Write::Request(request) = write {
                let order = self.signed_order(request, commander, rules.to_vec());
                request.reviews.push(order);
            }
        }
        for event in &mut change.events {
            if event.kind == EventKind::BrokeGlass {
                event.rules = rules.to_vec();
                let ids: Vec<&str> = skipped.iter().map(PersonId::as_str).collect();
                event.facts.insert(SKIPPED.into(), serde_json::json!(ids));
            }
        }
        change
    }

    async fn broken(&self, id: &RequestId) -> Result<Answer, Stop> {
        let request = self.require_request(id).await?;
        self.asked(&request, false, &Facts::default()).await
    }

    /// Who gets the access, and what is wrong with that; the commander stands in where it is nobody.
    pub(super) async fn holder(
        &self,
        me: &Person,
        typed: Option<&Result<SlackId, String>>,
    ) -> Result<(Person, Vec<String>), Stop> {
        let wrong = |sentence: String| Ok((me.clone(), vec![sentence]));
        let account = match typed {
            None => return Ok((me.clone(), Vec::new())),
            Some(Err(typed)) => {
                return wrong(format!(
                    "{} is nobody's mention. Write “for @” and pick the person from the list.",
                    quoted(typed)
                ));
            }
            Some(Ok(account)) => account,
        };
        match self.pin(account, Fresh::Now).await {
            Ok(person) if person.is_active_member() => Ok((person, Vec::new())),
            Ok(person) => wrong(cannot_hold(membership_sentence(person.membership))),
            Err(NotPinned::NotMember(membership)) => {
                wrong(cannot_hold(membership_sentence(membership)))
            }
            Err(NotPinned::Store(error)) => Err(error.into()),
            Err(NotPinned::Unavailable) => {
                wrong("Slack didn't say who that is. Try again in a moment.".into())
            }
            Err(NotPinned::Unknown) => wrong("Slack doesn't know that account.".into()),
            Err(NotPinned::Email(_)) => {
                wrong("That account has no e-mail that counts here, so it can't be given access.".into())
            }
            Err(NotPinned::Changed) => wrong(
                "That account's e-mail isn't the one it is known by here. Security was told; it can't be given access.".into(),
            ),
        }
    }

    /// None where nothing is wrong.
    async fn refused_glass(
        &self,
        role: &Role,
        decision: &Decision,
        problems: Vec<String>,
        would_do: &str,
        facts: &Facts,
    ) -> Result<Option<Answer>, Stop> {
        let mut told = Problems::default();
        if let Some(why) = &decision.why {
            told.sentences.push(why.clone());
            // Refused by a forbid: that is about the holder, and whom to ask is no help.
            if let (true, Some(rule)) = (decision.rules.is_empty(), &role.break_glass) {
                told.sentences.extend(facts.unread());
                told.ask = self.mention(&rule.commanders, facts).await?;
            }
        } else if !problems.is_empty() {
            told.would_do = Some(would_do.to_owned());
        }
        told.sentences.extend(problems);
        Ok((!told.sentences.is_empty()).then_some(Answer::Problems(told)))
    }
}

/// Everybody who would have been asked first, in any stage.
fn first_asked(panels: &[Panel], without: &[&PersonId]) -> Vec<PersonId> {
    let mut asked: Vec<PersonId> = Vec::new();
    for person in panels
        .iter()
        .filter_map(|panel| panel.rungs.first())
        .flatten()
    {
        if !without.contains(&person) && !asked.contains(person) {
            asked.push(person.clone());
        }
    }
    asked
}
