//! Who may see, ask, review, break the glass, review its use and revoke: Cedar rules over the lists of the configuration.
//!
//! The lists are entity data (`policies/schema.cedarschema` says which); the rules that ship stand in
//! `policies/base.cedar`, and files of the user can be added. Every decision names the rules that determined it, with
//! file and line. Facts (who is on call, who is in a Slack user group) are passed in: no I/O and no clock may enter.

mod entities;
mod explain;
mod rules;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod word_tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{Authorizer, Context, Entities, EntityUid, Request as Question, Schema};
use cedar_policy::{PolicySet, RestrictedExpression};
use hallpass_domain::role::{GroupName, ScheduleName};
use hallpass_domain::{Duration, Person, Request, Role, RoleName, Who, request::Kind};

pub use explain::{listed, named};
pub use rules::RuleRef;

use entities::{Lists, uid};
use rules::Rules;

/// Why the rules can't be used. The text names file and line where the rule files are at fault.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A rule file doesn't parse, or not against the schema.
    #[error("{file}:{line}: {why}")]
    Rule {
        file: String,
        line: usize,
        why: String,
    },
    /// The lists of the configuration can't be made into entities (groups in a circle).
    #[error("the lists of the configuration can't be used: {0}")]
    Lists(String),
}

/// Whose question it is, with the facts about them that change by the hour.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub person: &'a Person,
    /// The schedules that they are on call for.
    pub on_call: &'a BTreeSet<ScheduleName>,
    /// The Slack user groups (`S…`) that they are in.
    pub user_groups: &'a BTreeSet<String>,
}

/// The answer, and by which rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// Those that determined it; empty where nothing permits it.
    pub rules: Vec<RuleRef>,
    /// A sentence, where it is refused.
    pub why: Option<String>,
}

impl Decision {
    /// As events keep them: `base.cedar:12 requesters-may-ask`.
    pub fn rule_names(&self) -> Vec<String> {
        self.rules.iter().map(ToString::to_string).collect()
    }

    /// The ids alone: they outlive a shifted line, so terms are frozen with these.
    pub fn rule_ids(&self) -> Vec<String> {
        self.rules.iter().map(|rule| rule.id.clone()).collect()
    }
}

pub struct Policy {
    schema: Schema,
    rules: Rules,
    lists: Lists,
    roles: BTreeMap<RoleName, (Role, Entities)>,
    authorizer: Authorizer,
}

impl Policy {
    /// Reads the rules that ship and `extra` files (name, text), validates all strictly, and turns the lists into entities.
    ///
    /// # Errors
    /// A rule that doesn't parse or fit the schema, an `@id` used twice, groups in a circle.
    pub fn new(
        roles: &BTreeMap<RoleName, Role>,
        groups: &BTreeMap<GroupName, Vec<Who>>,
        extra: &[(String, String)],
    ) -> Result<Self, PolicyError> {
        let schema = rules::schema()?;
        let mut policy = Self {
            lists: Lists::new(groups.clone()),
            rules: Rules::read(&schema, extra)?,
            schema,
            roles: BTreeMap::new(),
            authorizer: Authorizer::new(),
        };
        policy.keep(roles.values().cloned())?;
        Ok(policy)
    }

    /// Makes these people operators: they may end what they see, and decide nothing by that.
    ///
    /// # Errors
    /// As [`Policy::new`].
    pub fn with_operators(mut self, operators: &[Who]) -> Result<Self, PolicyError> {
        self.lists.operators = operators.to_vec();
        let roles: Vec<Role> = std::mem::take(&mut self.roles)
            .into_values()
            .map(|(role, _)| role)
            .collect();
        self.keep(roles)?;
        Ok(self)
    }

    /// Whether the role shows up for them at all.
    pub fn may_see(&self, subject: &Subject<'_>, role: &Role) -> Decision {
        self.decide("see", subject, role, &[], vec![])
    }

    pub fn may_ask(&self, subject: &Subject<'_>, role: &Role, duration: Duration) -> Decision {
        self.decide("request", subject, role, &[], vec![seconds(duration)])
    }

    /// Whether they may decide `stage` (from 0) of the request.
    pub fn may_review(
        &self,
        subject: &Subject<'_>,
        role: &Role,
        stage: usize,
        request: &Request,
    ) -> Decision {
        let mut context = people_of(request, Commander::Left);
        context.push(("approvers", uid("List", &entities::stage_list(role, stage))));
        self.decide_about("review", subject, role, context, Some(stage))
    }

    /// Whether they may give `holder` the role without approval.
    pub fn may_break_glass(
        &self,
        subject: &Subject<'_>,
        role: &Role,
        holder: &Person,
        duration: Duration,
    ) -> Decision {
        let context = vec![
            ("holder".to_owned(), user(&entities::person(holder))),
            seconds(duration),
        ];
        self.decide("break_glass", subject, role, &[holder], context)
    }

    /// Whether they may review how broken glass was used.
    pub fn may_post_use_review(
        &self,
        subject: &Subject<'_>,
        role: &Role,
        request: &Request,
    ) -> Decision {
        let context = people_of(request, Commander::Named);
        self.decide_about("post_use_review", subject, role, context, None)
    }

    /// Whether they may end another's access.
    pub fn may_revoke(&self, subject: &Subject<'_>, role: &Role, request: &Request) -> Decision {
        let context = people_of(request, Commander::Named);
        self.decide_about("revoke", subject, role, context, None)
    }

    fn keep(&mut self, roles: impl IntoIterator<Item = Role>) -> Result<(), PolicyError> {
        for role in roles {
            let entities = self.lists.entities(&role, &self.schema)?;
            self.roles.insert(role.name.clone(), (role, entities));
        }
        Ok(())
    }

    fn decide_about(
        &self,
        action: &'static str,
        subject: &Subject<'_>,
        role: &Role,
        context: Vec<(&'static str, EntityUid)>,
        stage: Option<usize>,
    ) -> Decision {
        let context = context
            .into_iter()
            .map(|(name, uid)| (name.to_owned(), user(&uid)))
            .collect();
        let mut decision = self.decide(action, subject, role, &[], context);
        if let (Some(stage), true) = (stage, decision.rules.is_empty()) {
            decision.why = (!decision.allowed).then(|| explain::nobody_permits_review(role, stage));
        }
        decision
    }

    /// Asks Cedar. Whatever can't be evaluated is refused: an error never permits.
    fn decide(
        &self,
        action: &'static str,
        subject: &Subject<'_>,
        role: &Role,
        others: &[&Person],
        context: Vec<(String, RestrictedExpression)>,
    ) -> Decision {
        match self.ask(action, subject, role, others, context) {
            Ok(decision) => decision,
            Err(why) => Decision {
                allowed: false,
                rules: vec![],
                why: Some(format!("The rules couldn't be evaluated: {why}.")),
            },
        }
    }

    fn ask(
        &self,
        action: &'static str,
        subject: &Subject<'_>,
        role: &Role,
        others: &[&Person],
        context: Vec<(String, RestrictedExpression)>,
    ) -> Result<Decision, String> {
        let base = match self.roles.get(&role.name) {
            Some((known, entities)) if known == role => entities.clone(),
            _ => self
                .lists
                .entities(role, &self.schema)
                .map_err(|error| error.to_string())?,
        };
        let principal = entities::person(subject.person);
        let strangers = others.iter().filter(|other| other.id != subject.person.id);
        let mut people: HashMap<EntityUid, _> = strangers
            .map(|other| Ok((entities::person(other), entities::stranger(other)?)))
            .collect::<Result<_, String>>()?;
        people.insert(principal.clone(), entities::subject(subject)?);
        // Not against the schema again: what Cedar finds out of shape when it decides is refused.
        let all = base
            .add_entities(people.into_values(), None)
            .map_err(|error| error.to_string())?;
        let question = Question::new(
            principal,
            uid("Action", action),
            uid("Role", role.name.as_str()),
            Context::from_pairs(context).map_err(|error| error.to_string())?,
            Some(&self.schema),
        )
        .map_err(|error| error.to_string())?;
        let answer = self
            .authorizer
            .is_authorized(&question, self.policies(), &all);
        if let Some(error) = answer.diagnostics().errors().next() {
            return Err(error.to_string());
        }
        let allowed = answer.decision() == cedar_policy::Decision::Allow;
        let rules = self.rules.named(answer.diagnostics().reason());
        let why = (!allowed).then(|| {
            self.rules
                .reason(&rules)
                .unwrap_or_else(|| explain::nothing_permits(action, role))
        });
        Ok(Decision {
            allowed,
            rules,
            why,
        })
    }

    fn policies(&self) -> &PolicySet {
        self.rules.set()
    }
}

enum Commander {
    Named,
    Left,
}

fn seconds(duration: Duration) -> (String, RestrictedExpression) {
    let seconds = RestrictedExpression::new_long(i64::from(duration.as_secs()));
    ("seconds".into(), seconds)
}

fn user(uid: &EntityUid) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid.clone())
}

fn people_of(request: &Request, commander: Commander) -> Vec<(&'static str, EntityUid)> {
    let mut people = vec![
        ("requester", uid("User", request.requester.as_str())),
        ("holder", uid("User", request.holder.as_str())),
    ];
    if let (Commander::Named, Kind::BreakGlass { commander, .. }) = (commander, &request.kind) {
        people.push(("commander", uid("User", commander.as_str())));
    }
    people
}
