//! The request form: what it offers to whom, filled with what is known. Opening it sends nothing and records nothing.
//! Who may ask for what is decided again when it is sent; what it shows is only a help.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use hallpass_domain::command::{self, Ask};
use hallpass_domain::request::{Kind, Start, State};
use hallpass_domain::{Duration, Person, RefusalKind, Request, RequestId, Role, RoleName, nearest};

use super::check_ask::{check, placed};
use super::facts::{Facts, Unread};
use super::form_roles::found;
use super::form_shown::{
    Changed, FormFields, FormFor, FormShown, ParameterField, RoleChosen, RoleOption, Typed,
};
use super::lists::decided_by;
use super::read::{filled, is_high_risk};
use super::stop::Stop;
use super::words::{enumerated, quoted};
use super::{App, Caller, all_lists, in_time};
use crate::app::answer::{Answer, Problems};
use crate::store::Draft;

/// How long what was typed is kept for “Fix in form”.
pub(super) const KEPT_FOR: TimeDelta = TimeDelta::hours(24);

/// What people usually ask for, in seconds.
const USUAL: [u32; 12] = [
    900, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400, 172_800, 259_200, 604_800, 1_209_600,
];

/// How many suggestions a select offers.
const SUGGESTED_AT_MOST: usize = 10;

/// What is known before roles are looked at.
#[derive(Default)]
struct Known {
    fields: FormFields,
    notes: Vec<String>,
    changes: Option<Changed>,
    /// Typed in a command, so that what is wrong with it must be told.
    typed: Option<Ask>,
}

impl App {
    /// The form for this person.
    ///
    /// # Errors
    /// What they are told where there is none for them.
    pub async fn form(&self, caller: &Caller, wanted: FormFor) -> Result<FormShown, Answer> {
        let form = in_time(Box::pin(async {
            let me = self.caller(caller).await?;
            self.require_giving().await?;
            let known = self.known(&me, wanted).await?;
            self.form_shown(&me, known).await
        }));
        form.await.unwrap_or_else(|_| {
            Err(problem(
                "The form couldn't be filled in time. Try again in a moment.",
            ))
        })
    }

    async fn known(&self, me: &Person, wanted: FormFor) -> Result<Known, Stop> {
        Ok(match wanted {
            FormFor::Blank => Known::default(),
            FormFor::Role(role) => Known {
                fields: FormFields {
                    role: role.to_string(),
                    ..FormFields::default()
                },
                ..Known::default()
            },
            FormFor::Draft(id) => self.kept(me, &id).await?,
            FormFor::Change(id) => {
                let request = self.require_changeable(me, &id).await?;
                Known {
                    changes: Some(changed(&request)),
                    fields: fields_of(request),
                    ..Known::default()
                }
            }
            FormFor::Fields(fields) => {
                let changes = match &fields.changes {
                    Some(id) => Some(changed(&self.require_changeable(me, id).await?)),
                    None => None,
                };
                Known {
                    fields: *fields,
                    changes,
                    ..Known::default()
                }
            }
        })
    }

    /// What was typed in a command. Where it isn't kept any more, the form is blank and says so.
    async fn kept(&self, me: &Person, id: &str) -> Result<Known, Stop> {
        let draft = self.store.draft(id).await?;
        let draft = draft.filter(|draft| draft.person == me.id && draft.until > self.now());
        let typed = draft.and_then(|draft| serde_json::from_str::<Typed>(&draft.body).ok());
        let Some(typed) = typed else {
            return Ok(Known {
                notes: vec!["What you typed isn't kept any more; please fill it in anew.".into()],
                ..Known::default()
            });
        };
        let mut notes: Vec<String> = typed.note.iter().cloned().collect();
        let mut start = None;
        if let Some(at) = &typed.at {
            match self.planned(me, at).await {
                Ok(planned) => {
                    start = Some(planned.at);
                    notes.extend(planned.note);
                }
                Err(why) => notes.push(why),
            }
        }
        let ask = typed.ask();
        Ok(Known {
            fields: FormFields {
                find: String::new(),
                role: typed.role,
                parameters: typed.parameters.into_iter().collect(),
                chosen: None,
                words: typed.duration,
                start,
                reason: typed.reason,
                changes: None,
            },
            notes,
            changes: None,
            typed: Some(ask),
        })
    }

    /// Keeps what was typed, for a button that carries the id.
    pub(super) async fn keep_typed(
        &self,
        me: &Person,
        ask: &Ask,
        note: Option<String>,
    ) -> Result<String, Stop> {
        let now = self.now();
        let draft = Draft {
            id: self.entropy.id(),
            person: me.id.clone(),
            body: serde_json::to_string(&Typed::of(ask, note)).map_err(|_| Stop::busy())?,
            until: now + KEPT_FOR,
        };
        self.store.put_draft(&draft, now).await?;
        Ok(draft.id)
    }

    /// A request of theirs that isn't decided, or not begun.
    pub(super) async fn require_changeable(
        &self,
        me: &Person,
        id: &RequestId,
    ) -> Result<Request, Stop> {
        let request = self.require_request(id).await?;
        if request.requester != me.id || request.kind != Kind::Access {
            return Err(Stop::refused(
                RefusalKind::NotAllowed,
                "Only whoever asked can change a request.",
            ));
        }
        match &request.state {
            State::Pending(_) | State::Scheduled { .. } => Ok(request),
            State::Approved { .. }
            | State::Started { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::TimedOut { .. }
            | State::Void { .. } => Err(Stop::from(self.decided(&request).await?)),
        }
    }

    async fn form_shown(&self, me: &Person, known: Known) -> Result<FormShown, Stop> {
        let facts = self.facts(&all_lists(&self.settings), self.now()).await;
        let (yours, others) = self.roles_of(me, &facts).await;
        let visible = [yours.clone(), others.clone()].concat();
        let mut notes = known.notes;
        let role = role_meant(&known.fields.role, &visible, &yours, &mut notes);
        let (mut fields, mut asked) = (known.fields, known.typed);
        let typed = asked.is_some() || (known.changes.is_some() && fields.chosen.is_none());
        if let Some(role) = role {
            if let Some(ask) = &mut asked {
                notes.extend(put_in_place(ask, &mut fields, role));
            }
            notes.extend(self.wrong_with(me, role, asked.as_ref(), &facts));
        }
        let found = found(yours, others, &fields.find, role);
        notes.extend(found.note);
        let (chosen, words) = duration_shown(&fields, role, typed);
        Ok(FormShown {
            command: self.settings.command.clone(),
            notes,
            find: found.find,
            yours: found.yours.into_iter().map(option).collect(),
            others: found.others.into_iter().map(option).collect(),
            role: role.map(|role| role_chosen(role, &fields.parameters)),
            parameters: parameters_shown(fields.parameters, role),
            chosen,
            words,
            start: fields.start,
            reason: fields.reason,
            changes: known.changes,
        })
    }

    /// Why they can't ask for it, else what is wrong with what was typed; what is only missing stands to be filled in.
    fn wrong_with(
        &self,
        me: &Person,
        role: &Role,
        typed: Option<&Ask>,
        facts: &Facts,
    ) -> Vec<String> {
        let memberships = facts.of(me, Unread::Nobody);
        let subject = memberships.subject(me);
        let decision = self.policy.may_ask(&subject, role, role.min_duration);
        match (decision.why, typed) {
            (Some(why), _) => vec![why],
            (None, Some(ask)) => wrong(&self.settings.command, ask, role),
            (None, None) => Vec::new(),
        }
    }

    /// What the person typed lacks something, and nothing in it is wrong: the form asks for the rest.
    pub(super) async fn lacking(&self, me: &Person, ask: &Ask) -> Result<Option<Answer>, Stop> {
        let role = if ask.role.is_empty() {
            None
        } else {
            let Some(role) = self.settings.roles.get(&RoleName::new(ask.role.as_str())) else {
                return Ok(None);
            };
            if !lacks_something(ask, role) || !wrong(&self.settings.command, ask, role).is_empty() {
                return Ok(None);
            }
            let facts = self.facts_about(role, self.now()).await;
            if !self.sees(me, role, &facts) {
                return Ok(None);
            }
            Some(role)
        };
        let mut problems = match role {
            Some(role) => {
                let checked = check(&self.settings.command, ask, role);
                Problems {
                    sentences: checked.problems,
                    would_do: Some(checked.would_do),
                    ..Problems::default()
                }
            }
            None => Problems {
                sentences: vec!["Say which role you need, for how long and why.".into()],
                ..Problems::default()
            },
        };
        problems.draft = Some(self.keep_typed(me, ask, None).await?);
        Ok(Some(Answer::Form(problems)))
    }

    /// Asks as typed. What lacks something opens the form; what is wrong can be put right in it.
    pub(super) async fn ask_typed(
        &self,
        me: &Person,
        ask: Ask,
        delivery: Option<&str>,
    ) -> Result<Answer, Stop> {
        if let Some(answer) = self.asked_back(me, &ask, delivery).await? {
            return Ok(answer);
        }
        if let Some(form) = self.lacking(me, &ask).await? {
            return Ok(form);
        }
        let mut answer = self.submit(me, ask.clone(), delivery).await?;
        if let Answer::Problems(problems) = &mut answer {
            problems.draft = Some(self.keep_typed(me, &ask, None).await?);
        }
        Ok(answer)
    }
}

pub(super) fn problem(sentence: &str) -> Answer {
    Answer::Problems(Problems {
        sentences: vec![sentence.into()],
        ..Problems::default()
    })
}

fn changed(request: &Request) -> Changed {
    Changed {
        id: request.id.to_string(),
        short: request.short.of_request(),
    }
}

fn fields_of(request: Request) -> FormFields {
    FormFields {
        find: String::new(),
        role: request.terms.role.name.to_string(),
        parameters: request.terms.parameters,
        chosen: None,
        words: Some(request.duration.word()),
        start: match request.start {
            Start::Now => None,
            Start::At(at) => Some(at),
        },
        reason: request.reason,
        changes: Some(request.id),
    }
}

/// Parameters that were typed among the words of the reason stand in their fields, and a note says so.
fn put_in_place(ask: &mut Ask, fields: &mut FormFields, role: &Role) -> Option<String> {
    let placed = placed(&ask.parameters, &ask.reason, role);
    fields.parameters = placed.parameters.iter().cloned().collect();
    fields.reason.clone_from(&placed.reason);
    (ask.parameters, ask.reason) = (placed.parameters, placed.reason);
    let moved: Vec<String> = placed.moved.iter().map(|one| quoted(one)).collect();
    (!moved.is_empty()).then(|| {
        let moved = enumerated(&moved);
        format!("{moved} stood in the reason, and is filled in below.")
    })
}

/// The role by that name; where there is none, the one that it nearly is, and a note.
fn role_meant<'a>(
    name: &str,
    visible: &[&'a Role],
    yours: &[&'a Role],
    notes: &mut Vec<String>,
) -> Option<&'a Role> {
    if name.is_empty() {
        return None;
    }
    let by_name = |name: &str| visible.iter().find(|role| role.name.as_str() == name);
    if let Some(role) = by_name(name) {
        return Some(*role);
    }
    let near = nearest(name, yours.iter().map(|role| role.name.as_str()));
    let near = near.first().and_then(|near| by_name(near));
    notes.insert(
        0,
        match near {
            Some(near) => format!(
                "There is no role {}; the nearest is {}, which is chosen below.",
                quoted(name),
                near.name
            ),
            None => format!("There is no role {}; choose one below.", quoted(name)),
        },
    );
    near.copied()
}

fn option(role: &Role) -> RoleOption {
    RoleOption {
        name: role.name.to_string(),
        permits: role.description.clone(),
    }
}

/// Required ones first.
pub(super) fn parameter_fields(role: &Role) -> Vec<ParameterField> {
    let mut parameters: Vec<ParameterField> = role
        .parameters
        .iter()
        .map(|(name, rule)| ParameterField {
            name: name.clone(),
            required: rule.required,
            example: rule.example.clone(),
            description: rule.description.clone(),
        })
        .collect();
    parameters.sort_by_key(|parameter| !parameter.required);
    parameters
}

/// `typed`: what stands in the fields of its parameters; what isn't there yet is left open.
fn role_chosen(role: &Role, typed: &BTreeMap<String, String>) -> RoleChosen {
    let value = |name: &String| {
        let typed = typed.get(name).map(|value| value.trim());
        let typed = typed.filter(|value| !value.is_empty());
        (name.clone(), typed.unwrap_or("…").to_owned())
    };
    let values: BTreeMap<String, String> = role.parameters.keys().map(value).collect();
    let entitlements = role.entitlements.iter();
    let environment = role.environment.as_ref();
    RoleChosen {
        name: role.name.to_string(),
        permits: filled(&role.description, &values),
        entitlements: entitlements
            .map(|one| (one.filled(&values).shown(), one.backend.to_string()))
            .collect(),
        environment: environment.map(|one| one.name.clone()),
        high_risk: is_high_risk(role),
        decided_by: role.stages.iter().map(decided_by).collect(),
        at_most: role.max_duration,
        suggestions: suggestions(role),
        parameters: parameter_fields(role),
        ticket: (role.ticket.iter())
            .find(|ticket| ticket.required)
            .map(|ticket| ticket.example.clone()),
    }
}

/// What people usually ask for, within the role's bounds, with its default and its longest.
pub(super) fn suggestions(role: &Role) -> Vec<Duration> {
    let bounds = role.min_duration..=role.max_duration;
    let usual = USUAL.map(Duration::from_secs);
    let mut all: Vec<Duration> = usual
        .into_iter()
        .filter(|one| bounds.contains(one))
        .collect();
    all.truncate(SUGGESTED_AT_MOST - 2);
    all.extend(role.default_duration);
    all.push(role.max_duration);
    all.sort_unstable();
    all.dedup();
    all
}

/// Which suggestion is chosen, and what stands in the free field. `typed`: the words come from elsewhere, so that one of
/// the suggestions may say the same.
fn duration_shown(
    fields: &FormFields,
    role: Option<&Role>,
    typed: bool,
) -> (Option<Duration>, String) {
    let words = fields.words.clone().unwrap_or_default();
    let Some(role) = role else {
        return (None, words);
    };
    let suggested = suggestions(role);
    let one_of = |text: &str| {
        let read = command::duration(text).ok();
        read.filter(|duration| suggested.contains(duration))
    };
    if typed && let Some(duration) = one_of(&words) {
        return (Some(duration), String::new());
    }
    if !words.trim().is_empty() {
        return (None, words);
    }
    let chosen = fields.chosen.as_deref().and_then(one_of);
    (chosen.or(role.default_duration), words)
}

fn parameters_shown(
    filled: BTreeMap<String, String>,
    role: Option<&Role>,
) -> BTreeMap<String, String> {
    let known = |name: &String| role.is_some_and(|role| role.parameters.contains_key(name));
    filled.into_iter().filter(|(name, _)| known(name)).collect()
}

fn lacks_something(ask: &Ask, role: &Role) -> bool {
    let typed = |name: &str| ask.parameters.iter().any(|(typed, _)| typed == name);
    let mut rules = role.parameters.iter();
    ask.reason.trim().is_empty()
        || (ask.duration.is_none() && role.default_duration.is_none())
        || rules.any(|(name, rule)| rule.required && !typed(name))
}

/// What is wrong with what was typed, leaving out what is only missing: checked as if the rest had been written well.
fn wrong(command: &str, ask: &Ask, role: &Role) -> Vec<String> {
    let mut role = role.clone();
    for (name, rule) in &mut role.parameters {
        rule.required &= ask.parameters.iter().any(|(typed, _)| typed == name);
    }
    let mut ask = ask.clone();
    if ask.duration.is_none() {
        ask.duration = Some(Ok(role.default_duration.unwrap_or(role.max_duration)));
    }
    if ask.reason.trim().is_empty() {
        let example = role.ticket.as_ref().map(|ticket| ticket.example.clone());
        // Where the example isn't one, that is nobody's mistake here.
        if let Some(ticket) = &mut role.ticket {
            ticket.required = false;
        }
        ask.reason = example.unwrap_or_else(|| "–".into());
    }
    check(command, &ask, &role).problems
}
