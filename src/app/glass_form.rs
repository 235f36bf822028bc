//! The form that breaks the glass: opened by “Fix in form” with what was typed, each word in its place. What is sent is
//! checked and carried out like the command; who may do it is looked up then and there.

use std::collections::BTreeMap;

use hallpass_domain::command::{self, Rest};
use hallpass_domain::{Person, Role, RoleName, ShortId, SlackId};
use serde::{Deserialize, Serialize};

use super::break_glass::TypedForPending;
use super::facts::Unread;
use super::form::{KEPT_FOR, parameter_fields, problem};
use super::form_sent::sent;
use super::form_shown::{Field, GlassFields, GlassRole, GlassShown, RoleOption, Sent};
use super::glass_words::{self, Typed};
use super::incident::{incident_only, reason_only};
use super::stop::Stop;
use super::{App, Caller, all_lists, check_ask, in_time};
use crate::app::answer::{Answer, FormKind};
use crate::policy::listed;
use crate::store::Draft;

const NOT_FILLED: &str =
    "The form couldn't be filled in time, and nothing was done. Try again in a moment.";

/// What was typed, kept for whoever typed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "draft", rename = "break-glass")]
pub(super) struct Kept {
    request: Option<String>,
    role: String,
    parameters: Vec<(String, String)>,
    person: Option<String>,
    duration: String,
    incident: String,
    reason: String,
}

impl Kept {
    /// `role`: the one that is meant, where another name was typed.
    pub(super) fn of(typed: &Typed, role: &Role) -> Self {
        let meant = glass_words::meant(typed, role);
        let placed = check_ask::placed(&typed.parameters, &meant.reason, role);
        Self {
            request: None,
            role: role.name.to_string(),
            parameters: placed.parameters,
            person: (meant.person).and_then(|(account, _)| Some(account?.to_string())),
            duration: meant.duration.unwrap_or_default(),
            incident: meant.incident.unwrap_or_default(),
            reason: placed.reason,
        }
    }

    pub(super) fn of_pending(typed: &TypedForPending, role: &Role) -> Self {
        let sorted = glass_words::sorted_for_pending(&typed.rest, &typed.incident, role);
        Self {
            request: Some(typed.id.of_request()),
            role: role.name.to_string(),
            incident: sorted.incident.unwrap_or_default(),
            reason: sorted.reason,
            ..Self::default()
        }
    }

    fn fields(self) -> GlassFields {
        GlassFields {
            request: self.request,
            role: self.role,
            parameters: self.parameters.into_iter().collect(),
            person: self.person,
            duration: self.duration,
            incident: self.incident,
            reason: self.reason,
        }
    }
}

impl App {
    /// Offers the form beside what was wrong, where a form can put it right.
    pub(super) async fn with_glass_form(
        &self,
        me: &Person,
        answer: Answer,
        kept: Kept,
    ) -> Result<Answer, Stop> {
        let Answer::Problems(mut problems) = answer else {
            return Ok(answer);
        };
        if problems.would_do.is_some() {
            let now = self.now();
            let draft = Draft {
                id: self.entropy.id(),
                person: me.id.clone(),
                body: serde_json::to_string(&kept).map_err(|_| Stop::busy())?,
                until: now + KEPT_FOR,
            };
            self.store.put_draft(&draft, now).await?;
            problems.draft = Some(draft.id);
            problems.form = FormKind::BreakGlass;
        }
        Ok(Answer::Problems(problems))
    }

    /// The form with what was typed.
    ///
    /// # Errors
    /// What they are told where there is none for them.
    pub async fn glass_form(&self, caller: &Caller, draft: &str) -> Result<GlassShown, Answer> {
        let form = in_time(Box::pin(async {
            let me = self.caller(caller).await?;
            self.require_giving().await?;
            let kept = self.store.draft(draft).await?;
            let kept = kept.filter(|kept| kept.person == me.id && kept.until > self.now());
            let kept = kept.and_then(|kept| serde_json::from_str::<Kept>(&kept.body).ok());
            let Some(kept) = kept else {
                return Err(Stop::problem(format!(
                    "What you typed isn't kept any more, and nothing was done. Type {} break-glass again.",
                    self.settings.command
                )));
            };
            Ok(self.glass_shown(&me, kept.fields()).await)
        }));
        form.await.unwrap_or_else(|_| Err(problem(NOT_FILLED)))
    }

    /// The form anew, with other fields, after another role was chosen in it.
    ///
    /// # Errors
    /// What they are told where there is none for them.
    pub async fn glass_form_anew(
        &self,
        caller: &Caller,
        fields: GlassFields,
    ) -> Result<GlassShown, Answer> {
        let form = in_time(Box::pin(async {
            let me = self.caller(caller).await?;
            Ok(self.glass_shown(&me, fields).await)
        }));
        form.await.unwrap_or_else(|_| Err(problem(NOT_FILLED)))
    }

    async fn glass_shown(&self, me: &Person, fields: GlassFields) -> GlassShown {
        let roles = self.glass_roles(me).await;
        let role = self.settings.roles.get(&RoleName::new(&*fields.role));
        let option = |role: &&Role| RoleOption {
            name: role.name.to_string(),
            permits: role.description.clone(),
        };
        GlassShown {
            notes: Vec::new(),
            request: fields.request.clone(),
            roles: roles.iter().map(option).collect(),
            role: role.map(|role| self.glass_role(role)),
            fields,
        }
    }

    fn glass_role(&self, role: &Role) -> GlassRole {
        let (bounded, _) = self.for_break_glass(role);
        let reviewers = role.break_glass.as_ref();
        GlassRole {
            name: role.name.to_string(),
            at_most: bounded.max_duration,
            parameters: parameter_fields(role),
            incident: (role.ticket.as_ref())
                .map_or_else(|| "INC-4711".into(), |ticket| ticket.example.clone()),
            reviewed_by: reviewers.map_or_else(String::new, |rule| listed(&rule.review_by)),
        }
    }

    /// Those whose glass this person may break now, for themselves or another.
    pub(super) async fn glass_roles(&self, me: &Person) -> Vec<&Role> {
        let facts = self.facts(&all_lists(&self.settings), self.now()).await;
        let memberships = facts.of(me, Unread::Nobody);
        let subject = memberships.subject(me);
        let roles = self.settings.roles.values();
        roles
            .filter(|role| {
                let least = role.min_duration;
                let may = self.policy.may_break_glass(&subject, role, me, least);
                role.break_glass.is_some() && may.allowed
            })
            .collect()
    }

    /// Breaks the glass with what stands in the form. Never fails: what goes wrong is told.
    pub async fn glass_sent(
        &self,
        caller: &Caller,
        fields: GlassFields,
        delivery: Option<&str>,
    ) -> Sent {
        let delivery = delivery.map(|key| format!("form:{key}"));
        sent(Box::pin(self.break_by_form(
            caller,
            fields,
            delivery.as_deref(),
        )))
        .await
    }

    async fn break_by_form(
        &self,
        caller: &Caller,
        fields: GlassFields,
        delivery: Option<&str>,
    ) -> Result<Sent, Stop> {
        let me = self.caller(caller).await?;
        self.require_giving().await?;
        if let Some(first) = self.delivered_before(delivery).await? {
            return Ok(Sent::Answer(Box::new(first)));
        }
        let known = self.wrong_by_field(&me, &fields).await?;
        let incident = command::plain(&fields.incident);
        let reason = command::plain(&fields.reason);
        let answer = match fields.request.as_deref().and_then(ShortId::parse) {
            Some(id) => {
                let rest = Rest::of(&format!("{incident} {reason}"));
                let typed = TypedForPending {
                    id,
                    incident,
                    reason,
                    rest,
                };
                if known.is_empty() {
                    self.break_for_pending(&me, &typed, delivery).await?
                } else {
                    return Ok(Sent::Errors(known));
                }
            }
            None if known.is_empty() => {
                self.break_for_role(&me, typed(&fields, incident, reason), delivery)
                    .await?
            }
            None => return Ok(Sent::Errors(known)),
        };
        Ok(Sent::Answer(Box::new(answer)))
    }

    /// What is wrong with each field.
    async fn wrong_by_field(
        &self,
        me: &Person,
        fields: &GlassFields,
    ) -> Result<BTreeMap<Field, String>, Stop> {
        let mut out: BTreeMap<Field, String> = BTreeMap::new();
        let mut tell = |field: Field, problems: Vec<String>| {
            for problem in problems {
                let text = out.entry(field.clone()).or_default();
                let space = if text.is_empty() { "" } else { " " };
                *text = format!("{text}{space}{problem}");
            }
        };
        tell(Field::Reason, reason_only(&command::plain(&fields.reason)));
        let Some(role) = self.settings.roles.get(&RoleName::new(&*fields.role)) else {
            if fields.request.is_none() {
                tell(Field::Role, vec!["Choose a role.".into()]);
            }
            return Ok(out);
        };
        let incident = command::plain(&fields.incident);
        tell(Field::Incident, incident_only(role, &incident));
        if fields.request.is_some() {
            return Ok(out);
        }
        let placed = check_ask::placed(&filled(fields), &command::plain(&fields.reason), role);
        tell(Field::Reason, placed.told_in_form());
        let (bounded, _) = self.for_break_glass(role);
        let mut problems = Vec::new();
        check_ask::duration(read(&fields.duration).as_ref(), &bounded, &mut problems);
        tell(Field::Duration, problems);
        for (name, rule) in &role.parameters {
            let alone = Role {
                parameters: BTreeMap::from([(name.clone(), rule.clone())]),
                ..role.clone()
            };
            let typed: Vec<(String, String)> = (filled(fields).into_iter())
                .filter(|(typed, _)| typed == name)
                .collect();
            let mut problems = Vec::new();
            check_ask::parameters(&typed, &alone, &mut problems);
            tell(Field::Parameter(name.clone()), problems);
        }
        let (_, problems) = self.holder(me, person(fields).as_ref()).await?;
        tell(Field::Person, problems);
        Ok(out)
    }
}

fn read(duration: &str) -> Option<command::DurationWord> {
    (!duration.trim().is_empty()).then(|| command::duration(duration))
}

fn filled(fields: &GlassFields) -> Vec<(String, String)> {
    let filled = fields.parameters.iter();
    filled
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(name, value)| (name.clone(), value.trim().to_owned()))
        .collect()
}

fn person(fields: &GlassFields) -> Option<Result<SlackId, String>> {
    let chosen = fields.person.as_deref().filter(|one| !one.is_empty())?;
    Some(SlackId::parse(chosen).ok_or_else(|| chosen.to_owned()))
}

/// As if each field had been typed in its place.
fn typed(fields: &GlassFields, incident: String, reason: String) -> Typed {
    // What the words behind the role would have been; the person stands beside, not in them.
    let rest = Rest::of(&format!("{} {incident} {reason}", fields.duration));
    Typed {
        role: fields.role.clone(),
        parameters: filled(fields),
        person: person(fields),
        duration: read(&fields.duration),
        spelled: Some(fields.duration.trim().to_owned()),
        unclear: None,
        incident,
        reason,
        rest,
    }
}
