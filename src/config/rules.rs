//! The parts of a role that are tables of their own: parameters, entitlements, stages, break-glass, extend, ticket.

use std::collections::BTreeMap;

use crate::domain::role::{BreakGlassRule, ExtendRule, ParameterRule, Rung, StageRule, TicketRule};
use crate::domain::{BackendName, Duration, Entitlement, Who};

use super::mistake::Kind;
use super::pattern;
use super::placeholders;
use super::role::Reading;
use super::scope::{Takes, require_name, somebody};
use super::section::{Section, wrong_type};
use super::source::At;
use super::tree::{Node, Table, Value};

/// A stage and where it stands.
#[derive(Debug, Clone)]
pub(super) struct PlacedStage {
    pub(super) rule: StageRule,
    pub(super) approvers_at: At,
    pub(super) quorum_at: At,
}

/// A break-glass rule whose longest duration may be the role's.
#[derive(Debug, Clone)]
pub(super) struct PlacedBreakGlass {
    pub(super) commanders: Vec<Who>,
    pub(super) max_duration: Option<Duration>,
    pub(super) review_by: Vec<Who>,
    pub(super) review_within: Duration,
    pub(super) review_by_at: At,
}

impl PlacedBreakGlass {
    pub(super) fn rule(self, longest: Duration) -> BreakGlassRule {
        BreakGlassRule {
            commanders: self.commanders,
            max_duration: self.max_duration.unwrap_or(longest),
            review_by: self.review_by,
            review_within: self.review_within,
        }
    }
}

impl Reading<'_> {
    /// A list of people; an empty one is a mistake where somebody must be in it.
    pub(super) fn people(
        &self,
        section: &Section<'_>,
        key: &'static str,
    ) -> Option<(Vec<Who>, At)> {
        let at = section.node(key)?.at;
        let items = section.list(key)?;
        Some((self.scope.whos(items, key, Takes::Anybody, self.found), at))
    }

    fn require_people(
        &self,
        section: &Section<'_>,
        key: &'static str,
        example: &str,
    ) -> (Vec<Who>, At) {
        if section.node(key).is_none() {
            self.missing(section, key, example);
        }
        let (people, at) = self
            .people(section, key)
            .unwrap_or_else(|| (vec![somebody()], section.at()));
        let written_empty = section
            .node(key)
            .is_some_and(|node| node.value == Value::List(vec![]));
        if self.whole && written_empty {
            self.found.mistake_with(
                Kind::WrongValue,
                at,
                format!("`{key}` names nobody"),
                format!("write {key} = {example}"),
            );
        }
        (people, at)
    }

    /// A missing key, told only where the table is complete.
    pub(super) fn missing(&self, section: &Section<'_>, key: &str, example: &str) {
        if self.whole {
            section.missing(key, example);
        }
    }

    pub(super) fn parameters(&self, table: &Table) -> BTreeMap<String, ParameterRule> {
        let mut rules = BTreeMap::new();
        for (name, entry) in &table.entries {
            if !placeholders::is_name(name) {
                self.found.mistake_with(
                    Kind::WrongValue,
                    entry.key_at,
                    format!("`{name}` can't be a parameter"),
                    "a name is lower-case letters, digits, - and _".to_owned(),
                );
            }
            let Value::Table(table) = &entry.node.value else {
                wrong_type(self.found, &entry.node, name, "a table with a pattern");
                continue;
            };
            let shown = format!("parameter `{name}`");
            let section = Section::new(table, shown, entry.key_at, self.found);
            let compiled = self.pattern(&section, "\"web-[0-9]+\"");
            let example = section.text("example");
            self.check_example(compiled.as_ref(), example);
            let rule = ParameterRule {
                pattern: compiled.map(|(text, _)| text).unwrap_or_default(),
                required: section.flag("required").unwrap_or(false),
                example: example.map(|(text, _)| text.to_owned()),
                description: section.text("description").map(|(text, _)| text.to_owned()),
            };
            section.finish();
            rules.insert(name.clone(), rule);
        }
        rules
    }

    fn pattern(&self, section: &Section<'_>, example: &str) -> Option<(String, regex::Regex)> {
        let Some((text, at)) = section.text("pattern") else {
            if section.node("pattern").is_none() {
                self.missing(section, "pattern", example);
            }
            return None;
        };
        match pattern::compile(text) {
            Ok(compiled) => Some((text.to_owned(), compiled)),
            Err(why) => {
                self.found.mistake_with(
                    Kind::BadPattern,
                    at,
                    format!("the pattern does not compile: {why}"),
                    "it is a regular expression as Rust's regex crate reads it, matching the whole value"
                        .to_owned(),
                );
                None
            }
        }
    }

    fn check_example(
        &self,
        compiled: Option<&(String, regex::Regex)>,
        example: Option<(&str, At)>,
    ) {
        if let (Some((pattern, compiled)), Some((example, at))) = (compiled, example)
            && !compiled.is_match(example)
        {
            self.found.mistake_with(
                Kind::ExampleMismatch,
                at,
                format!("the example `{example}` does not match its pattern"),
                format!("the pattern is `{pattern}`, and matches the whole value"),
            );
        }
    }

    pub(super) fn ticket(&self, table: &Table, at: At) -> Option<TicketRule> {
        let section = Section::new(table, "`ticket`", at, self.found);
        let compiled = self.pattern(&section, "\"INC-\\\\d+\"");
        let example = section.text("example");
        if section.node("example").is_none() {
            self.missing(&section, "example", "\"INC-4711\"");
        }
        self.check_example(compiled.as_ref(), example);
        let required = section.flag("required").unwrap_or(false);
        section.finish();
        Some(TicketRule {
            pattern: compiled?.0,
            example: example?.0.to_owned(),
            required,
        })
    }

    pub(super) fn entitlements(
        &self,
        items: &[Node],
        parameters: &BTreeMap<String, ParameterRule>,
    ) -> Vec<Entitlement> {
        items
            .iter()
            .filter_map(|item| self.entitlement(item, parameters))
            .collect()
    }

    fn entitlement(
        &self,
        item: &Node,
        parameters: &BTreeMap<String, ParameterRule>,
    ) -> Option<Entitlement> {
        let Value::Table(table) = &item.value else {
            wrong_type(self.found, item, "entitlements", "a list of tables");
            return None;
        };
        let mut backend = None;
        let mut attributes = BTreeMap::new();
        let mut places = Vec::new();
        for (key, entry) in &table.entries {
            let value = match &entry.node.value {
                Value::Text(text) => text.clone(),
                Value::Whole(number) => number.to_string(),
                Value::Flag(flag) => flag.to_string(),
                Value::Float(_) | Value::Moment(_) | Value::List(_) | Value::Table(_) => {
                    wrong_type(self.found, &entry.node, key, "a string");
                    continue;
                }
            };
            if key == "backend" {
                self.check_backend(&value, entry.node.at);
                backend = Some(value);
                continue;
            }
            self.check_parameters(&value, entry.node.at, parameters);
            places.push((key, &entry.node));
            attributes.insert(key.clone(), value);
        }
        let Some(backend) = backend else {
            if self.whole {
                self.found.mistake_with(
                    Kind::NoBackend,
                    item.at,
                    "the entitlement names no backend",
                    super::nearest::offer(
                        "",
                        "backend",
                        "",
                        self.scope.backends.iter().map(String::as_str),
                    ),
                );
            }
            return None;
        };
        self.check_attributes(&backend, item.at, &places);
        Some(Entitlement {
            backend: BackendName::new(backend),
            attributes,
        })
    }

    /// There must be some, each says something, and to PostgreSQL nothing but `role` does.
    fn check_attributes(&self, backend: &str, at: At, places: &[(&String, &Node)]) {
        let postgres = self.scope.postgres_backends.contains(backend);
        let says = places.iter().any(|(key, _)| !postgres || *key == "role");
        if !says {
            if self.whole {
                self.found.mistake_with(
                    Kind::MissingKey,
                    at,
                    format!("the entitlement doesn't say what `{backend}` shall grant"),
                    if postgres {
                        "add role = \"…\", the database role to be a member of".to_owned()
                    } else {
                        "add what the backend understands, like permission = \"…\"".to_owned()
                    },
                );
            }
            return;
        }
        for (key, node) in places {
            if postgres && *key != "role" {
                self.found.mistake_with(
                    Kind::UnknownKey,
                    node.at,
                    format!("`{backend}` understands no `{key}`"),
                    "to PostgreSQL an entitlement is role = \"…\" alone".to_owned(),
                );
            } else if matches!(&node.value, Value::Text(text) if text.trim().is_empty()) {
                self.found.mistake_with(
                    Kind::WrongValue,
                    node.at,
                    format!("`{key}` is empty, so it grants nothing"),
                    format!("say what `{backend}` shall grant"),
                );
            }
        }
    }

    fn check_backend(&self, name: &str, at: At) {
        if let Some(parameter) = placeholders::names(name).next() {
            self.found.mistake_with(
                Kind::NoBackend,
                at,
                format!("the backend can't depend on what is typed for {{{parameter}}}"),
                "make it a template, with a role for each backend".to_owned(),
            );
            return;
        }
        require_name(&self.scope.backends, "backend", "", name, at, self.found);
    }

    /// What an entitlement takes from the ask must always be there.
    fn check_parameters(&self, value: &str, at: At, parameters: &BTreeMap<String, ParameterRule>) {
        for name in placeholders::names(value) {
            if parameters.get(name).is_some_and(|rule| !rule.required) {
                self.found.mistake_with(
                    Kind::UndefinedParameter,
                    at,
                    format!("{{{name}}} may be left out of an ask, and the entitlement needs it"),
                    format!("write required = true for the parameter `{name}`"),
                );
            }
        }
    }

    pub(super) fn stages(&self, items: &[Node]) -> Vec<PlacedStage> {
        items
            .iter()
            .filter_map(|item| {
                let Value::Table(table) = &item.value else {
                    wrong_type(self.found, item, "stages", "a list of tables");
                    return None;
                };
                Some(self.stage(table, item.at))
            })
            .collect()
    }

    fn stage(&self, table: &Table, at: At) -> PlacedStage {
        let section = Section::new(table, "the stage", at, self.found);
        let (approvers, approvers_at) = self.require_people(&section, "approvers", "[\"group:…\"]");
        let quorum = section.whole("quorum", 1..=100).unwrap_or(1);
        let quorum_at = section.node("quorum").map_or(approvers_at, |node| node.at);
        let ladder = section
            .list("ladder")
            .map(|items| self.ladder(items))
            .unwrap_or_default();
        section.finish();
        PlacedStage {
            rule: StageRule {
                approvers,
                quorum,
                ladder,
            },
            approvers_at,
            quorum_at,
        }
    }

    fn ladder(&self, items: &[Node]) -> Vec<Rung> {
        let mut rungs: Vec<Rung> = Vec::new();
        for item in items {
            let Value::Table(table) = &item.value else {
                wrong_type(self.found, item, "ladder", "a list of tables");
                continue;
            };
            let section = Section::new(table, "the ladder's step", item.at, self.found);
            let after = section.duration("after");
            if section.node("after").is_none() {
                self.missing(&section, "after", "\"10m\"");
            }
            let (ask, _) = self.require_people(&section, "ask", "[\"group:…\"]");
            section.finish();
            let Some((after, at)) = after else { continue };
            if let Some(last) = rungs.last().filter(|last| last.after >= after) {
                self.found.mistake_with(
                    Kind::LadderOrder,
                    at,
                    format!("a ladder climbs: {after} is not later than {}", last.after),
                    "each step's `after` counts from the start of the stage".to_owned(),
                );
            }
            rungs.push(Rung { after, ask });
        }
        rungs
    }

    pub(super) fn break_glass(&self, table: &Table, at: At) -> PlacedBreakGlass {
        let section = Section::new(table, "`break_glass`", at, self.found);
        let (commanders, _) = self.require_people(&section, "commanders", "[\"oncall:…\"]");
        let (review_by, review_by_at) = self.require_people(&section, "review_by", "[\"group:…\"]");
        let max_duration = section.duration("max_duration").map(|(length, _)| length);
        let review_within = section.duration("review_within").map(|(length, _)| length);
        section.finish();
        PlacedBreakGlass {
            commanders,
            max_duration,
            review_by,
            review_within: review_within.unwrap_or(Duration::from_hours(24)),
            review_by_at,
        }
    }

    pub(super) fn extend(&self, table: &Table, at: At) -> Option<ExtendRule> {
        let section = Section::new(table, "`extend`", at, self.found);
        let times = section.whole("times", 0..=100);
        if section.node("times").is_none() {
            self.missing(&section, "times", "2");
        }
        let by = section.duration("by");
        if section.node("by").is_none() {
            self.missing(&section, "by", "\"1h\"");
        }
        section.finish();
        Some(ExtendRule {
            times: times?,
            by: by?.0,
        })
    }
}
