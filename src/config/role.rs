//! From a merged table to a checked [`Role`]. Also reads a template, an environment or the defaults by themselves,
//! so that a mistake in what every role overrides is told too.

use std::collections::BTreeMap;

use crate::domain::role::Environment;
use crate::domain::{Duration, Entitlement, Role, RoleName, Who};

use super::findings::Findings;
use super::mistake::Kind;
use super::rules::{PlacedBreakGlass, PlacedStage};
use super::scope::{Scope, Takes, require_name};
use super::section::Section;
use super::sections::{AccessSection, channel};
use super::source::At;
use super::tree::{Table, Value};

/// What a role may last where nothing says it.
pub(super) const BUILT_IN_MAX: Duration = Duration::from_hours(1);

/// How a role's keys are read.
pub(super) struct Reading<'a> {
    pub(super) scope: &'a Scope,
    pub(super) found: &'a Findings,
    /// Whether all layers are merged, so that what is missing is a mistake.
    pub(super) whole: bool,
}

type Placed<T> = Option<(T, At)>;

/// The keys as far as they are there and right.
struct Parts {
    description: Option<String>,
    environment: Option<String>,
    owner: Option<Who>,
    labels: BTreeMap<String, String>,
    requesters: Placed<Vec<Who>>,
    visible_to: Placed<Vec<Who>>,
    parameters: BTreeMap<String, crate::domain::role::ParameterRule>,
    entitlements: Vec<Entitlement>,
    stages: Vec<PlacedStage>,
    break_glass: Option<PlacedBreakGlass>,
    extend: Option<crate::domain::role::ExtendRule>,
    ticket: Option<crate::domain::role::TicketRule>,
    min_duration: Placed<Duration>,
    max_duration: Placed<Duration>,
    default_duration: Placed<Duration>,
    warn_before: Option<Vec<Duration>>,
    request_timeout: Option<Duration>,
    remind_after: Option<Duration>,
    channel: Option<String>,
}

/// A role, and where its parts stand for the checks that look at the whole.
pub(super) struct PlacedRole {
    pub(super) role: Role,
    pub(super) stages: Vec<PlacedStage>,
    pub(super) review_by_at: Option<At>,
}

impl Reading<'_> {
    /// Only tells what is wrong in a layer by itself. `own` are the keys that belong to the layer alone.
    pub(super) fn check_layer(&self, table: &Table, name: String, at: At, own: &[&'static str]) {
        let table = super::layers::without_placeholders(table);
        let section = Section::new(&table, name, at, self.found);
        for key in own {
            section.node(key);
        }
        self.parts(&section);
        section.finish();
    }

    /// Reads a merged and filled role.
    pub(super) fn role(
        &self,
        name: RoleName,
        table: &Table,
        at: At,
        access: &AccessSection,
        risks: &BTreeMap<String, crate::domain::role::Risk>,
    ) -> PlacedRole {
        let section = Section::new(table, format!("role `{name}`"), at, self.found);
        for key in ["template", "with"] {
            section.node(key);
        }
        if let Some((template, at)) = section.text("template") {
            let templates = &self.scope.templates;
            require_name(templates, "template", "", template, at, self.found);
        }
        let parts = self.parts(&section);
        self.tell_missing(&section, &parts);
        section.finish();
        self.built(name, parts, at, access, risks)
    }

    fn parts(&self, section: &Section<'_>) -> Parts {
        let parameters = section
            .table("parameters")
            .map(|(table, _)| self.parameters(table))
            .unwrap_or_default();
        let entitlements = section
            .list("entitlements")
            .map(|items| self.entitlements(items, &parameters))
            .unwrap_or_default();
        let stages = section.list("stages").unwrap_or_default();
        let table = |key| section.table(key);
        Parts {
            description: section.text("description").map(|(text, _)| text.to_owned()),
            environment: self.environment(section),
            owner: section
                .text("owner")
                .and_then(|(text, at)| self.scope.who(text, at, Takes::Anybody, self.found)),
            labels: self.labels(section),
            requesters: self.people(section, "requesters"),
            visible_to: self.people(section, "visible_to"),
            parameters,
            entitlements,
            stages: self.stages(stages),
            break_glass: table("break_glass").map(|(table, at)| self.break_glass(table, at)),
            extend: table("extend").and_then(|(table, at)| self.extend(table, at)),
            ticket: table("ticket").and_then(|(table, at)| self.ticket(table, at)),
            min_duration: section.duration("min_duration"),
            max_duration: section.duration("max_duration"),
            default_duration: section.duration("default_duration"),
            warn_before: section.durations("warn_before"),
            request_timeout: section.duration("request_timeout").map(|(time, _)| time),
            remind_after: section.duration("remind_after").map(|(time, _)| time),
            channel: channel(section, "channel", self.found),
        }
    }

    fn environment(&self, section: &Section<'_>) -> Option<String> {
        let (name, at) = section.text("environment")?;
        let environments = &self.scope.environments;
        require_name(environments, "environment", "", name, at, self.found).then(|| name.to_owned())
    }

    fn labels(&self, section: &Section<'_>) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        let Some((table, _)) = section.table("labels") else {
            return labels;
        };
        for (key, entry) in &table.entries {
            match entry.node.text() {
                Some(text) => {
                    labels.insert(key.clone(), text.to_owned());
                }
                None => super::section::wrong_type(self.found, &entry.node, key, "a string"),
            }
        }
        labels
    }

    fn tell_missing(&self, section: &Section<'_>, parts: &Parts) {
        if section.node("stages").is_none() {
            section.missing_as(
                Kind::MissingStages,
                "stages",
                "the role has no stages, so nobody would decide",
                "name approvers in `stages`; only stages = [] grants at once",
            );
        }
        if section.node("requesters").is_none() {
            section.missing("requesters", "[\"group:…\"]");
        }
        let written_empty = section
            .node("entitlements")
            .map(|node| (node.at, node.value == Value::List(vec![])));
        match written_empty {
            None => section.missing("entitlements", "[ { backend = \"…\", … } ]"),
            Some((at, true)) => self.found.mistake_with(
                Kind::WrongValue,
                at,
                "the role gives nothing",
                "name an entitlement, like { backend = \"…\", role = \"…\" }".to_owned(),
            ),
            Some((_, false)) => {}
        }
        if let Some((people, at)) = &parts.requesters
            && people.is_empty()
            && parts.break_glass.is_none()
        {
            self.found.warning(
                Kind::Suspicious,
                *at,
                "nobody can ask for this role",
                "name somebody, or \"*\" for everybody".to_owned(),
            );
        }
    }

    fn built(
        &self,
        name: RoleName,
        parts: Parts,
        at: At,
        access: &AccessSection,
        risks: &BTreeMap<String, crate::domain::role::Risk>,
    ) -> PlacedRole {
        let durations = Durations {
            min: parts.min_duration.unwrap_or((access.min_duration, at)),
            max: parts.max_duration.unwrap_or((BUILT_IN_MAX, at)),
            default: parts.default_duration,
        };
        durations.check(self.found);
        let request_timeout = parts.request_timeout.unwrap_or(access.request_timeout);
        self.warn_of_late_rungs(&parts.stages, request_timeout);
        let mut warn_before = parts
            .warn_before
            .unwrap_or_else(|| access.warn_before.clone());
        warn_before.sort_by(|a, b| b.cmp(a));
        warn_before.dedup();
        let shown: Vec<String> = parts.entitlements.iter().map(Entitlement::shown).collect();
        let review_by_at = parts.break_glass.as_ref().map(|rule| rule.review_by_at);
        let role = Role {
            name,
            description: parts.description.unwrap_or_else(|| shown.join(", ")),
            environment: parts.environment.map(|name| Environment {
                risk: risks.get(&name).copied().unwrap_or_default(),
                name,
            }),
            owner: parts.owner,
            labels: parts.labels,
            requesters: parts
                .requesters
                .map(|(people, _)| people)
                .unwrap_or_default(),
            visible_to: parts
                .visible_to
                .map_or_else(|| vec![Who::Everybody], |(people, _)| people),
            parameters: parts.parameters,
            entitlements: parts.entitlements,
            stages: parts
                .stages
                .iter()
                .map(|stage| stage.rule.clone())
                .collect(),
            break_glass: parts.break_glass.map(|rule| rule.rule(durations.max.0)),
            extend: parts.extend,
            ticket: parts.ticket,
            min_duration: durations.min.0,
            max_duration: durations.max.0,
            default_duration: durations.default.map(|(duration, _)| duration),
            warn_before,
            request_timeout,
            remind_after: Some(parts.remind_after.unwrap_or(access.remind_after)),
            channel: parts.channel,
        };
        PlacedRole {
            role,
            stages: parts.stages,
            review_by_at,
        }
    }

    fn warn_of_late_rungs(&self, stages: &[PlacedStage], timeout: Duration) {
        for stage in stages {
            if let Some(rung) = stage.rule.ladder.iter().find(|rung| rung.after >= timeout) {
                self.found.warning(
                    Kind::Suspicious,
                    stage.approvers_at,
                    format!(
                        "a step of this stage's ladder comes after {}, and the request ends after {timeout}",
                        rung.after
                    ),
                    None,
                );
            }
        }
    }
}

struct Durations {
    min: (Duration, At),
    max: (Duration, At),
    default: Placed<Duration>,
}

impl Durations {
    fn check(&self, found: &Findings) {
        let (min, max) = (self.min.0, self.max.0);
        if let Some((default, at)) = self.default {
            if default > max {
                found.mistake_with(
                    Kind::DurationOrder,
                    at,
                    format!("default_duration is {default}, more than max_duration, {max}"),
                    "lower the one or raise the other".to_owned(),
                );
            } else if default < min {
                found.mistake_with(
                    Kind::DurationOrder,
                    at,
                    format!("default_duration is {default}, less than min_duration, {min}"),
                    "raise the one or lower the other".to_owned(),
                );
            }
        }
        if min > max {
            found.mistake_with(
                Kind::DurationOrder,
                self.max.1,
                format!("max_duration is {max}, less than min_duration, {min}"),
                "raise the one or lower the other".to_owned(),
            );
        }
    }
}
