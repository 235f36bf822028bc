//! Who is who: `[people]` with its explicit map, and `[groups]`, which may hold each other but not themselves.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::role::GroupName;
use crate::domain::{BackendName, Email, SlackId, Who};

use super::findings::Findings;
use super::mistake::Kind;
use super::scope::{Scope, Takes, require_name};
use super::section::{Section, wrong_type};
use super::sections::{optional, optional_entry};
use super::tree::{Table, Value};

/// `[people]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeopleSection {
    /// Lower-cased. Empty: any e-mail that Slack confirmed.
    pub email_domains: Vec<String>,
    pub map: BTreeMap<SlackId, MappedPerson>,
}

/// `[people.map."U…"]`: wins over what Slack says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MappedPerson {
    pub email: Option<Email>,
    pub principals: BTreeMap<BackendName, String>,
}

pub(super) fn people(root: &Table, scope: &Scope, found: &Findings) -> PeopleSection {
    let Some(section) = optional(root, "people", found) else {
        return PeopleSection::default();
    };
    let email_domains = email_domains(&section, found);
    let mut map = BTreeMap::new();
    if let Some((table, _)) = section.table("map") {
        for (key, entry) in &table.entries {
            let Some(account) = SlackId::parse(key) else {
                found.mistake_with(
                    Kind::SlackIdShape,
                    entry.key_at,
                    format!("`{key}` is not the id of a Slack account"),
                    "it looks like U0ALICE: open the person's profile in Slack, ⋮, Copy member ID"
                        .to_owned(),
                );
                continue;
            };
            if let Some(section) = optional_entry(entry, &format!("people.map.{key}"), found) {
                map.insert(account, mapped(&section, scope, found));
                section.finish();
            }
        }
        one_person_per_principal(table, &map, found);
    }
    section.finish();
    PeopleSection { email_domains, map }
}

/// Lower-cased.
fn email_domains(section: &Section<'_>, found: &Findings) -> Vec<String> {
    let items = section.list("email_domains").unwrap_or_default();
    items
        .iter()
        .filter_map(|item| {
            let Some(text) = item.text() else {
                wrong_type(found, item, "email_domains", "a list of strings");
                return None;
            };
            let domain = text.to_lowercase();
            if domain.contains('@') || Email::parse(&format!("x@{domain}")).is_none() {
                found.mistake_with(
                    Kind::WrongValue,
                    item.at,
                    format!("`{text}` is not an e-mail domain"),
                    "write what stands after the @, like \"example.com\"".to_owned(),
                );
                return None;
            }
            Some(domain)
        })
        .collect()
}

fn mapped(section: &Section<'_>, scope: &Scope, found: &Findings) -> MappedPerson {
    let email = section.text("email").and_then(|(text, at)| {
        let email = Email::parse(text);
        if email.is_none() {
            found.mistake(
                Kind::WrongValue,
                at,
                format!("`{text}` is not an e-mail address"),
            );
        }
        email
    });
    let mut principals = BTreeMap::new();
    if let Some((table, _)) = section.table("principals") {
        for (backend, entry) in &table.entries {
            require_name(&scope.backends, "backend", "", backend, entry.key_at, found);
            match entry.node.text() {
                Some(principal) if !principal.trim().is_empty() => {
                    principals.insert(BackendName::new(backend), principal.to_owned());
                }
                _ => wrong_type(found, &entry.node, backend, "the principal as a string"),
            }
        }
    }
    MappedPerson { email, principals }
}

/// A principal belongs to one person; two accounts of the same e-mail are one person.
fn one_person_per_principal(
    table: &Table,
    map: &BTreeMap<SlackId, MappedPerson>,
    found: &Findings,
) {
    let mut owners: BTreeMap<(&BackendName, &str), (&SlackId, Option<&Email>)> = BTreeMap::new();
    for (account, person) in map {
        for (backend, principal) in &person.principals {
            let owner = (account, person.email.as_ref());
            let Some(first) = owners.insert((backend, principal), owner) else {
                continue;
            };
            let same = first.1.is_some() && first.1 == owner.1;
            let entry = table
                .table(account.as_str())
                .and_then(|person| person.table("principals"))
                .and_then(|principals| principals.get(backend.as_str()));
            if let (false, Some(entry)) = (same, entry) {
                found.mistake_with(
                    Kind::WrongValue,
                    entry.node.at,
                    format!("`{principal}` in {backend} belongs to {} already", first.0),
                    "a principal belongs to one person; two accounts of one person carry the same e-mail"
                        .to_owned(),
                );
            }
        }
    }
}

pub(super) fn groups(
    root: &Table,
    scope: &Scope,
    found: &Findings,
) -> BTreeMap<GroupName, Vec<Who>> {
    let Some((_, table)) = root.get("groups").and_then(|entry| {
        let table = entry.node.table();
        if table.is_none() {
            wrong_type(found, &entry.node, "groups", "a table");
        }
        table.map(|table| (entry, table))
    }) else {
        return BTreeMap::new();
    };
    let mut groups = BTreeMap::new();
    for (name, entry) in &table.entries {
        let Value::List(items) = &entry.node.value else {
            wrong_type(found, &entry.node, name, "a list of people");
            continue;
        };
        groups.insert(
            GroupName::new(name),
            scope.whos(items, name, Takes::Members, found),
        );
    }
    tell_cycles(table, &groups, found);
    groups
}

/// A group that holds itself, over however many others; told once, at its first name.
fn tell_cycles(table: &Table, groups: &BTreeMap<GroupName, Vec<Who>>, found: &Findings) {
    let mut told: BTreeSet<GroupName> = BTreeSet::new();
    for start in groups.keys() {
        let mut path = vec![start.clone()];
        if told.contains(start) || !closes(start, &mut path, groups) {
            continue;
        }
        told.extend(path.iter().cloned());
        let shown: Vec<&str> = path.iter().map(GroupName::as_str).collect();
        if let Some(entry) = table.get(start.as_str()) {
            found.mistake_with(
                Kind::Cycle,
                entry.key_at,
                format!("group `{start}` holds itself: {}", shown.join(" → ")),
                "take one of them out".to_owned(),
            );
        }
    }
}

/// Whether a way leads from the end of `path` back to `start`; `path` is that way then.
fn closes(
    start: &GroupName,
    path: &mut Vec<GroupName>,
    groups: &BTreeMap<GroupName, Vec<Who>>,
) -> bool {
    let here = path.last().and_then(|name| groups.get(name));
    for who in here.into_iter().flatten() {
        let Who::Group(next) = who else { continue };
        if next == start {
            path.push(next.clone());
            return true;
        }
        if path.contains(next) {
            continue;
        }
        path.push(next.clone());
        if closes(start, path, groups) {
            return true;
        }
        path.pop();
    }
    false
}
