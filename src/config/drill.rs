//! `[drill]`: the canary that `hallpass drill` asks for, grants, ends and verifies.

use crate::domain::{Role, RoleName, SlackId, Who};

use super::findings::Findings;
use super::mistake::Kind;
use super::nearest::offer;
use super::reach::Reach;
use super::scope::is_slack_id;
use super::sections::optional;
use super::source::At;
use super::tree::Table;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillSection {
    /// Granted at once (`stages = []`), and of no use to anybody.
    pub role: RoleName,
    /// For whom it is asked.
    pub person: SlackId,
}

pub(super) fn drill<'a>(
    root: &Table,
    roles: impl Fn(&RoleName) -> Option<&'a Role>,
    names: &[&str],
    reach: &Reach<'_>,
    found: &Findings,
) -> Option<DrillSection> {
    let section = optional(root, "drill", found)?;
    let role = section.text("role");
    if section.node("role").is_none() {
        section.missing(
            "role",
            "\"canary\", a role of no use to anybody, with stages = []",
        );
    }
    let person = section.text("person");
    if section.node("person").is_none() {
        section.missing(
            "person",
            "\"U0CANARY\", the Slack id of whom it is asked for",
        );
    }
    section.finish();
    let (role, role_at) = role?;
    let (person, person_at) = person?;
    let account = account(person, person_at, found);
    let name = RoleName::new(role);
    let Some(defined) = roles(&name) else {
        found.mistake_with(
            Kind::UndefinedName,
            role_at,
            format!("role `{role}` is not defined"),
            offer(role, "role", "", names.iter().copied()),
        );
        return None;
    };
    if !defined.stages.is_empty() {
        found.mistake_with(
            Kind::WrongValue,
            role_at,
            format!("`{role}` has to be approved by somebody, so no drill can run by itself"),
            "name a role with stages = []".to_owned(),
        );
    }
    let account = account?;
    let who = Who::Account(account.clone());
    if !reach.may_hold(&defined.requesters, &who) {
        found.mistake_with(
            Kind::WrongValue,
            person_at,
            format!("`{person}` is not among the requesters of `{role}`"),
            format!("add them to the role's requesters, or name somebody who may ask for `{role}`"),
        );
    }
    Some(DrillSection {
        role: name,
        person: account,
    })
}

fn account(text: &str, at: At, found: &Findings) -> Option<SlackId> {
    let account = is_slack_id(text, &['U', 'W'])
        .then(|| SlackId::parse(text))
        .flatten();
    if account.is_none() {
        found.mistake_with(
            Kind::SlackIdShape,
            at,
            format!("`{text}` is not the id of a Slack account"),
            "it looks like U0ALICE: open the person's profile in Slack, ⋮, Copy member ID"
                .to_owned(),
        );
    }
    account
}
