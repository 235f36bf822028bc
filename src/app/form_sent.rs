//! The form, sent: the same ask as a typed one, with every mistake told at its field. A form that changes a request asks
//! anew first and cancels the old one then, so that at no moment nothing is asked.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use hallpass_domain::command::{self, Ask};
use hallpass_domain::request::Start;
use hallpass_domain::{Person, Request, Role, RoleName, Time};

use super::check_ask;
use super::form_shown::{Field, FormFields, Sent};
use super::later::FARTHEST_DAYS;
use super::people::ATTEMPTS;
use super::stop::Stop;
use super::submit::When;
use super::{App, Caller, in_time};
use crate::app::answer::{Answer, Problems};

/// An ask out of the form.
struct FromForm {
    ask: Ask,
    start: Start,
    /// What is wrong with the start.
    wrong_start: Option<String>,
}

impl App {
    /// Asks for what stands in the form. Never fails: what goes wrong is told.
    pub async fn form_sent(
        &self,
        caller: &Caller,
        fields: FormFields,
        delivery: Option<&str>,
    ) -> Sent {
        let delivery = delivery.map(|key| format!("form:{key}"));
        sent(Box::pin(self.ask_by_form(
            caller,
            fields,
            delivery.as_deref(),
        )))
        .await
    }

    async fn ask_by_form(
        &self,
        caller: &Caller,
        fields: FormFields,
        delivery: Option<&str>,
    ) -> Result<Sent, Stop> {
        let me = self.caller(caller).await?;
        self.require_giving().await?;
        if let Some(first) = self.delivered_before(delivery).await? {
            return Ok(Sent::Answer(Box::new(first)));
        }
        let replaced = match &fields.changes {
            Some(id) => Some(self.require_changeable(&me, id).await?),
            None => None,
        };
        let role = self.settings.roles.get(&RoleName::new(&*fields.role));
        let from_form = self.read_form(&fields, role);
        let when = match &from_form.wrong_start {
            Some(wrong) => When::Typed(Err(wrong.clone())),
            None => When::Fixed(from_form.start),
        };
        let mut answer = self
            .submit_when(&me, from_form.ask.clone(), when, delivery)
            .await?;
        if let Answer::Problems(problems) = &answer {
            return Ok(Sent::Errors(placed(&from_form, role, problems)));
        }
        if let (Answer::Asked(asked), Some(old)) = (&mut answer, replaced)
            && old.id.as_str() != asked.request.id
            && self.give_way(&me, &old).await?
        {
            asked.instead_of = Some(old.short.of_request());
        }
        Ok(Sent::Answer(Box::new(answer)))
    }

    fn read_form(&self, fields: &FormFields, role: Option<&Role>) -> FromForm {
        let words = fields
            .words
            .as_deref()
            .filter(|text| !text.trim().is_empty());
        let duration = words.or(fields.chosen.as_deref()).map(command::duration);
        // Fields of a role that was chosen before.
        let known = |name: &String| role.is_none_or(|role| role.parameters.contains_key(name));
        let filled = |value: &str| !value.trim().is_empty();
        let parameters = fields.parameters.iter();
        let ask = Ask {
            role: fields.role.clone(),
            parameters: parameters
                .filter(|(name, value)| known(name) && filled(value))
                .map(|(name, value)| (name.clone(), value.trim().to_owned()))
                .collect(),
            duration,
            reason: command::plain(&fields.reason),
            ..Ask::default()
        };
        FromForm {
            ask,
            start: fields.start.map_or(Start::Now, Start::At),
            wrong_start: fields.start.and_then(|at| wrong_start(at, self.now())),
        }
    }

    /// The old request is cancelled, unless it was decided meanwhile: what is decided stands.
    async fn give_way(&self, me: &Person, old: &Request) -> Result<bool, Stop> {
        for _ in 0..ATTEMPTS {
            let old = self.require_request(&old.id).await?;
            let Ok(change) = old.cancel(&me.id, self.now()) else {
                return Ok(false);
            };
            if self.applied(change).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What a form that was sent led to; also where that isn't known in time.
pub(super) async fn sent(work: impl Future<Output = Result<Sent, Stop>>) -> Sent {
    match in_time(work).await {
        Ok(Ok(sent)) => sent,
        Ok(Err(answer)) => Sent::Answer(Box::new(answer)),
        Err(_) => Sent::Answer(Box::new(Answer::NotConfirmed)),
    }
}

fn wrong_start(at: Time, now: Time) -> Option<String> {
    if at <= now {
        return Some("That is past already. Choose a later time, or none to start at once.".into());
    }
    let farthest = TimeDelta::days(FARTHEST_DAYS.into());
    (at > now + farthest).then(|| {
        format!("A start can be {FARTHEST_DAYS} days ahead at most. Choose an earlier one.")
    })
}

/// Each sentence at its field; what is about none of them (who may ask, who could decide) at the role.
fn placed(sent: &FromForm, role: Option<&Role>, problems: &Problems) -> BTreeMap<Field, String> {
    let mut known = role.map_or_else(Vec::new, |role| by_field(&sent.ask, role));
    if let Some(wrong) = &sent.wrong_start {
        known.push((Field::Start, wrong.clone(), wrong.clone()));
    }
    let mut out: BTreeMap<Field, String> = BTreeMap::new();
    for sentence in &problems.sentences {
        let place = known.iter().find(|(_, told, _)| told == sentence);
        let (field, told) =
            place.map_or((&Field::Role, sentence), |(field, _, told)| (field, told));
        let text = out.entry(field.clone()).or_default();
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(told);
    }
    if out.is_empty() {
        out.insert(Field::Role, "This can't be asked for just now.".into());
    }
    out
}

/// What is wrong with each field: as a command is told, and as a form says it.
fn by_field(ask: &Ask, role: &Role) -> Vec<(Field, String, String)> {
    let mut out = Vec::new();
    let placed = check_ask::placed(&ask.parameters, &ask.reason, role);
    for (name, rule) in &role.parameters {
        let mut problems = Vec::new();
        let alone = Role {
            parameters: BTreeMap::from([(name.clone(), rule.clone())]),
            ..role.clone()
        };
        let typed: Vec<(String, String)> = (placed.parameters.iter())
            .filter(|(typed, _)| typed == name)
            .cloned()
            .collect();
        check_ask::parameters(&typed, &alone, &mut problems);
        let told = typed.is_empty().then(|| match &rule.example {
            Some(example) => format!("This is needed: something like {example}."),
            None => "This is needed.".into(),
        });
        out.extend(problems.into_iter().map(|sentence| {
            let told = told.clone().unwrap_or_else(|| sentence.clone());
            (Field::Parameter(name.clone()), sentence, told)
        }));
    }
    let told = placed.told(role).into_iter().zip(placed.told_in_form());
    out.extend(told.map(|(sentence, told)| (Field::Reason, sentence, told)));
    let mut problems = Vec::new();
    check_ask::duration(ask.duration.as_ref(), role, &mut problems);
    let same = |field: Field| move |sentence: String| (field.clone(), sentence.clone(), sentence);
    out.extend(problems.drain(..).map(same(Field::Duration)));
    check_ask::reason(&placed.reason, role.ticket.as_ref(), &mut problems);
    let missing = placed.reason.trim().is_empty();
    out.extend(problems.into_iter().map(|sentence| {
        let told = if missing && sentence.starts_with("The reason is missing") {
            "Say why you need it.".into()
        } else {
            sentence.clone()
        };
        (Field::Reason, sentence, told)
    }));
    out
}
