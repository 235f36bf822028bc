//! The sections around the roles: Slack, access, operators, environments.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono_tz::Tz;

use crate::domain::role::Risk;
use crate::domain::{Duration, Who};

use super::findings::Findings;
use super::mistake::Kind;
use super::nearest::nearest;
use super::scope::{Scope, Takes, is_slack_id};
use super::section::{Section, wrong_type};
use super::source::At;
use super::tree::{Table, Value};

/// Every holding of a backend may be asked about in one scan.
const SHORTEST_SCAN: Duration = Duration::from_mins(1);

/// `[slack]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackSection {
    /// With its slash.
    pub command: String,
    pub approvals_channel: String,
    pub security_channel: String,
}

/// `[access]`: what roles leave unsaid, and the clock on the wall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessSection {
    pub time_zone: Tz,
    pub request_timeout: Duration,
    /// Falling.
    pub warn_before: Vec<Duration>,
    pub min_duration: Duration,
    pub remind_after: Duration,
    /// How often backends and people are compared with the ledger.
    pub reconcile_every: Duration,
    /// The name of the variable that holds the URL.
    pub heartbeat_url_env: Option<String>,
}

impl Default for AccessSection {
    fn default() -> Self {
        Self {
            time_zone: Tz::UTC,
            request_timeout: Duration::from_hours(1),
            warn_before: vec![Duration::from_mins(15), Duration::from_mins(5)],
            min_duration: Duration::from_mins(1),
            remind_after: Duration::from_mins(10),
            reconcile_every: Duration::from_mins(10),
            heartbeat_url_env: None,
        }
    }
}

/// `[audit]`: where the proof of the record is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditSection {
    /// The anchor file; none: one in the user's state folder.
    pub anchor: Option<PathBuf>,
    /// The write-once bucket.
    pub s3: Option<super::keeping::S3Section>,
}

/// The table of a required section; told where it is missing.
fn required<'a>(root: &'a Table, name: &str, found: &'a Findings) -> Option<Section<'a>> {
    let Some(entry) = root.get(name) else {
        found.mistake_with(
            Kind::MissingKey,
            At::new(0, &(0..0)),
            format!("there is no [{name}]"),
            format!("add a section [{name}]"),
        );
        return None;
    };
    optional_entry(entry, name, found)
}

pub(super) fn optional<'a>(
    root: &'a Table,
    name: &str,
    found: &'a Findings,
) -> Option<Section<'a>> {
    optional_entry(root.get(name)?, name, found)
}

pub(super) fn optional_entry<'a>(
    entry: &'a super::tree::Entry,
    name: &str,
    found: &'a Findings,
) -> Option<Section<'a>> {
    if let Value::Table(table) = &entry.node.value {
        return Some(Section::new(
            table,
            format!("[{name}]"),
            entry.key_at,
            found,
        ));
    }
    wrong_type(found, &entry.node, name, "a table");
    None
}

pub(super) fn slack(root: &Table, found: &Findings) -> SlackSection {
    let Some(section) = required(root, "slack", found) else {
        return SlackSection {
            command: "/prod-access".into(),
            approvals_channel: String::new(),
            security_channel: String::new(),
        };
    };
    let command = match section.text("command") {
        Some((text, at)) => {
            check_command(text, at, found);
            text.to_owned()
        }
        None => "/prod-access".into(),
    };
    let required_channel = |key| {
        let channel = channel(&section, key, found);
        if section.node(key).is_none() {
            section.missing(key, "\"C…\", the id of a channel");
        }
        channel.unwrap_or_default()
    };
    let approvals_channel = required_channel("approvals_channel");
    let security_channel = required_channel("security_channel");
    section.finish();
    SlackSection {
        command,
        approvals_channel,
        security_channel,
    }
}

/// Slack: a slash, then lower-case letters, digits, - and _, 32 characters in all.
fn check_command(text: &str, at: At, found: &Findings) {
    let shaped = text.len() <= 32
        && text.strip_prefix('/').is_some_and(|name| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
        });
    if !shaped {
        found.mistake_with(
            Kind::WrongValue,
            at,
            format!("`{text}` can't be a slash command"),
            "write a slash and lower-case letters, like \"/prod-access\"".to_owned(),
        );
    }
}

/// A channel's id: Slack never takes the name for sure.
pub(super) fn channel(
    section: &Section<'_>,
    key: &'static str,
    found: &Findings,
) -> Option<String> {
    let (text, at) = section.text(key)?;
    if is_slack_id(text, &['C', 'G']) {
        return Some(text.into());
    }
    found.mistake_with(
        Kind::SlackIdShape,
        at,
        format!("`{text}` is not the id of a channel"),
        "it looks like C0APPROVE: open the channel's details in Slack, the id stands at the bottom"
            .to_owned(),
    );
    None
}

pub(super) fn access(root: &Table, found: &Findings) -> AccessSection {
    let built_in = AccessSection::default();
    let Some(section) = optional(root, "access", found) else {
        return built_in;
    };
    let time_zone = section
        .text("time_zone")
        .and_then(|(text, at)| time_zone(text, at, found));
    let duration = |key| section.duration(key).map(|(duration, _)| duration);
    let mut warn_before = section.durations("warn_before");
    if let Some(list) = &mut warn_before {
        list.sort_by(|a, b| b.cmp(a));
        list.dedup();
    }
    let reconcile_every = section.duration("reconcile_every");
    if let Some((_, at)) = reconcile_every.filter(|(every, _)| *every < SHORTEST_SCAN) {
        found.mistake_with(
            Kind::WrongValue,
            at,
            "backends may be compared with the ledger once a minute at most",
            "write 1m or more".to_owned(),
        );
    }
    let access = AccessSection {
        time_zone: time_zone.unwrap_or(built_in.time_zone),
        request_timeout: duration("request_timeout").unwrap_or(built_in.request_timeout),
        warn_before: warn_before.unwrap_or(built_in.warn_before),
        min_duration: duration("min_duration").unwrap_or(built_in.min_duration),
        remind_after: duration("remind_after").unwrap_or(built_in.remind_after),
        reconcile_every: reconcile_every.map_or(built_in.reconcile_every, |(every, _)| every),
        heartbeat_url_env: section.variable("heartbeat_url_env").map(|(name, _)| name),
    };
    section.refuse_secret("heartbeat_url", "heartbeat_url_env");
    section.finish();
    access
}

pub(super) fn audit(root: &Table, found: &Findings) -> AuditSection {
    let Some(section) = optional(root, "audit", found) else {
        return AuditSection::default();
    };
    let anchor = section.text("anchor").and_then(|(text, at)| {
        let path = PathBuf::from(text);
        if path.is_absolute() {
            return Some(path);
        }
        found.mistake_with(
            Kind::WrongValue,
            at,
            "`anchor` isn't an absolute path",
            "write where the file stands from / on, outside the database's folder".to_owned(),
        );
        None
    });
    let s3 = super::keeping::s3(&section, found);
    section.finish();
    AuditSection { anchor, s3 }
}

fn time_zone(text: &str, at: At, found: &Findings) -> Option<Tz> {
    if let Ok(zone) = text.parse() {
        return Some(zone);
    }
    let near = nearest(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
    found.mistake_with(
        Kind::TimeZone,
        at,
        format!("there is no time zone `{text}`"),
        near.map_or_else(
            || "write an IANA name, like \"Europe/Berlin\" or \"UTC\"".to_owned(),
            |zone| format!("did you mean `{zone}`?"),
        ),
    );
    None
}

pub(super) fn operators(root: &Table, scope: &Scope, found: &Findings) -> Vec<Who> {
    let Some(section) = optional(root, "operators", found) else {
        return Vec::new();
    };
    let people = section
        .list("people")
        .map(|items| scope.whos(items, "people", Takes::Anybody, found));
    section.finish();
    people.unwrap_or_default()
}

/// `[environment.NAME]`: its risk; its other keys are defaults for its roles.
pub(super) fn environments(root: &Table, found: &Findings) -> BTreeMap<String, Risk> {
    let mut environments = BTreeMap::new();
    let Some(table) = root.table("environment") else {
        return environments;
    };
    for (name, entry) in &table.entries {
        let risk = entry.node.table().and_then(|table| table.get("risk"));
        let risk = match risk.map(|risk| (risk.node.text(), risk)) {
            None => Risk::default(),
            Some((Some("low"), _)) => Risk::Low,
            Some((Some("medium"), _)) => Risk::Medium,
            Some((Some("high"), _)) => Risk::High,
            Some((_, risk)) => {
                found.mistake_with(
                    Kind::WrongValue,
                    risk.node.at,
                    format!("{} is no risk", risk.node.value.shown()),
                    "write \"low\", \"medium\" or \"high\"".to_owned(),
                );
                Risk::default()
            }
        };
        environments.insert(name.clone(), risk);
    }
    environments
}
