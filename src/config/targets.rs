//! The sections that name something outside: backends and on-call schedules. Types that their rooms take in,
//! secrets left as the names of variables.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration as StdDuration;

use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::holding::UnknownAccess;
use crate::domain::role::ScheduleName;
use crate::domain::{BackendName, Duration, Who};

use super::findings::Findings;
use super::mistake::Kind;
use super::nearest::offer;
use super::scope::{Scope, Takes, somebody};
use super::section::{Section, wrong_type};
use super::source::At;
use super::tree::{Entry, Table, Value};

/// The longest a call to a backend may take; the worker's lease is built around it.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(1);

/// `[backend.NAME]`. Archived as it is, so that a backend that was removed can still be reached: it holds no secret, only
/// the names of their variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendSection {
    pub kind: BackendKind,
    /// A template of `{email}`, `{email_local}` and `{slack_id}`; `{email}` where the file says none.
    pub principal: Option<String>,
    /// Of one call; 10 s where the file says none.
    pub timeout: StdDuration,
    /// Calls at a time; 4 where the file says none.
    pub concurrency: usize,
    /// What becomes of access that no grant gave; reported where the file says none.
    pub unknown_access: UnknownAccess,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BackendKind {
    Postgres { url_env: String },
    Webhook { url: Url, secret_env: String },
}

/// `[oncall.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnCallSection {
    Static {
        people: Vec<Who>,
    },
    Rotation {
        /// The first is on call from `starts`.
        people: Vec<Who>,
        /// Wall clock in `time_zone`.
        starts: NaiveDateTime,
        every: Duration,
        time_zone: Tz,
    },
}

impl OnCallSection {
    /// Everybody who could ever be on call.
    pub fn people(&self) -> &[Who] {
        match self {
            Self::Static { people } | Self::Rotation { people, .. } => people,
        }
    }
}

/// The tables of `[section.NAME]`.
fn each<'a>(
    root: &'a Table,
    section: &'static str,
    found: &'a Findings,
) -> Vec<(&'a str, &'a Entry, Section<'a>)> {
    let Some(entry) = root.get(section) else {
        return Vec::new();
    };
    let Value::Table(table) = &entry.node.value else {
        wrong_type(found, &entry.node, section, "a table of tables");
        return Vec::new();
    };
    let mut out = Vec::new();
    for (name, entry) in &table.entries {
        if let Value::Table(table) = &entry.node.value {
            let shown = format!("[{section}.{name}]");
            let section = Section::new(table, shown, entry.key_at, found);
            out.push((name.as_str(), entry, section));
        } else {
            wrong_type(found, &entry.node, name, "a table");
        }
    }
    out
}

fn unknown_kind(found: &Findings, text: &str, at: At, kinds: [&str; 2]) {
    found.mistake_with(
        Kind::WrongValue,
        at,
        format!("`{text}` is no kind that there is"),
        offer(text, "kind", "", kinds),
    );
}

pub(super) fn backends(
    root: &Table,
    scope: &Scope,
    found: &Findings,
) -> BTreeMap<BackendName, BackendSection> {
    let mut backends = BTreeMap::new();
    for (name, _, section) in each(root, "backend", found) {
        let principal = principal(&section, scope, found);
        let timeout = section.duration("timeout");
        if let Some((_, at)) = timeout.filter(|(timeout, _)| *timeout > LONGEST_TIMEOUT) {
            found.mistake_with(
                Kind::WrongValue,
                at,
                "one call to a backend may take a minute at most",
                "write 1m or less".to_owned(),
            );
        }
        let timeout = timeout.map_or(10, |(timeout, _)| timeout.as_secs());
        let concurrency = section.whole("concurrency", 1..=64).unwrap_or(4);
        let unknown_access = unknown_access(&section, found);
        if let Some(kind) = backend_kind(section, found) {
            backends.insert(
                BackendName::new(name),
                BackendSection {
                    kind,
                    principal: Some(principal.unwrap_or_else(|| "{email}".into())),
                    timeout: StdDuration::from_secs(u64::from(timeout)),
                    concurrency: concurrency as usize,
                    unknown_access,
                },
            );
        }
    }
    backends
}

fn unknown_access(section: &Section<'_>, found: &Findings) -> UnknownAccess {
    match section.text("unknown_access") {
        None | Some(("report", _)) => UnknownAccess::Report,
        Some(("revoke", _)) => UnknownAccess::Revoke,
        Some((other, at)) => {
            found.mistake_with(
                Kind::WrongValue,
                at,
                format!("`unknown_access` is `{other}`"),
                "write \"report\" or \"revoke\"".to_owned(),
            );
            UnknownAccess::Report
        }
    }
}

/// Reads what the kind asks for, and ends the section.
fn backend_kind(section: Section<'_>, found: &Findings) -> Option<BackendKind> {
    let variable = |key: &'static str, plain: &'static str| {
        let variable = section.variable(key);
        section.refuse_secret(plain, key);
        if section.node(key).is_none() && section.node(plain).is_none() {
            let name = plain.to_uppercase();
            section.missing(
                key,
                &format!("\"{name}\", the name of an environment variable"),
            );
        }
        variable.map(|(name, _)| name)
    };
    let kind = match section.text("kind") {
        Some(("postgres", _)) => {
            variable("url_env", "url").map(|url_env| BackendKind::Postgres { url_env })
        }
        Some(("webhook", _)) => {
            let url = webhook_url(&section, found);
            let secret_env = variable("secret_env", "secret");
            url.zip(secret_env)
                .map(|(url, secret_env)| BackendKind::Webhook { url, secret_env })
        }
        Some((other, at)) => {
            unknown_kind(found, other, at, ["postgres", "webhook"]);
            section.abandon();
            return None;
        }
        None => {
            if section.node("kind").is_none() {
                section.missing("kind", "\"postgres\" or \"webhook\"");
            }
            section.abandon();
            return None;
        }
    };
    section.finish();
    kind
}

fn webhook_url(section: &Section<'_>, found: &Findings) -> Option<Url> {
    let Some((text, at)) = section.text("url") else {
        if section.node("url").is_none() {
            section.missing("url", "\"https://…\"");
        }
        return None;
    };
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = url else {
        found.mistake_with(
            Kind::WrongValue,
            at,
            "`url` is not the address of a web server",
            "write it in full, like \"https://gate.internal/hallpass\"".to_owned(),
        );
        return None;
    };
    let near = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "http" && !near {
        found.warning(
            Kind::Suspicious,
            at,
            "calls to this backend can be read on the way",
            "write https:// where the target can".to_owned(),
        );
    }
    Some(url)
}

fn principal(section: &Section<'_>, scope: &Scope, found: &Findings) -> Option<String> {
    let (text, at) = section.text("principal")?;
    let known = ["email", "email_local", "slack_id"];
    for name in super::placeholders::names(text) {
        if !known.contains(&name) {
            found.mistake_with(
                Kind::UndefinedParameter,
                at,
                format!("a principal knows no {{{name}}}"),
                offer(name, "placeholder", "", known),
            );
        }
    }
    if super::placeholders::names(text).next().is_none() {
        found.mistake_with(
            Kind::WrongValue,
            at,
            "every person would be the same principal",
            "use {email}, {email_local} or {slack_id} in it".to_owned(),
        );
    }
    if text.contains("{email_local}") && scope.email_domains.len() > 1 {
        let domains: Vec<&str> = scope.email_domains.iter().map(String::as_str).collect();
        let [first, second] = [domains[0], domains[1]];
        found.mistake_with(
            Kind::EmailLocal,
            at,
            format!("alice@{first} and alice@{second} would be the same principal"),
            "use {email}, keep one domain in people.email_domains, or write people.map".to_owned(),
        );
    } else if text.contains("{email_local}") && scope.email_domains.is_empty() {
        found.warning(
            Kind::EmailLocal,
            at,
            "people of any e-mail domain can become this principal",
            "name the one domain in people.email_domains".to_owned(),
        );
    }
    Some(text.into())
}

pub(super) fn schedules(
    root: &Table,
    scope: &Scope,
    time_zone: Tz,
    found: &Findings,
) -> BTreeMap<ScheduleName, OnCallSection> {
    let mut schedules = BTreeMap::new();
    for (name, entry, section) in each(root, "oncall", found) {
        let items = section.list("people");
        if section.node("people").is_none() {
            section.missing("people", "[\"U…\"]");
        }
        let people = items.map(|items| scope.whos(items, "people", Takes::Persons, found));
        if items.is_some_and(<[_]>::is_empty) {
            found.mistake(
                Kind::WrongValue,
                section.node("people").map_or(entry.key_at, |node| node.at),
                "nobody would ever be on call",
            );
        }
        let people = people
            .filter(|people| !people.is_empty())
            .unwrap_or_else(|| vec![somebody()]);
        let schedule = match section.text("kind") {
            Some(("static", _)) => Some(OnCallSection::Static { people }),
            Some(("rotation", _)) => rotation(&section, people, time_zone, found),
            Some((other, at)) => {
                unknown_kind(found, other, at, ["static", "rotation"]);
                section.abandon();
                continue;
            }
            None => {
                if section.node("kind").is_none() {
                    section.missing("kind", "\"static\" or \"rotation\"");
                }
                section.abandon();
                continue;
            }
        };
        section.finish();
        if let Some(schedule) = schedule {
            schedules.insert(ScheduleName::new(name), schedule);
        }
    }
    schedules
}

fn rotation(
    section: &Section<'_>,
    people: Vec<Who>,
    time_zone: Tz,
    found: &Findings,
) -> Option<OnCallSection> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = people.iter().find(|who| !seen.insert(*who)) {
        found.warning(
            Kind::Suspicious,
            section.node("people").map_or(section.at(), |node| node.at),
            format!("{twice} stands in the rotation twice"),
            None,
        );
    }
    let every = section.duration("every");
    if section.node("every").is_none() {
        section.missing("every", "\"1w\"");
    }
    let starts = starts(section, time_zone, found);
    Some(OnCallSection::Rotation {
        people,
        starts: starts?,
        every: every?.0,
        time_zone,
    })
}

/// A wall-clock time that the time zone really has.
fn starts(section: &Section<'_>, time_zone: Tz, found: &Findings) -> Option<NaiveDateTime> {
    let Some(node) = section.node("starts") else {
        section.missing("starts", "\"2026-01-05T09:00\"");
        return None;
    };
    let text = match &node.value {
        Value::Text(text) | Value::Moment(text) => text,
        Value::Whole(_) | Value::Float(_) | Value::Flag(_) | Value::List(_) | Value::Table(_) => {
            wrong_type(found, node, "starts", "a date and time");
            return None;
        }
    };
    let moment = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let Some(moment) = moment else {
        found.mistake_with(
            Kind::WrongValue,
            node.at,
            format!("`{text}` is not a date and time on the wall clock"),
            format!("write it like \"2026-01-05T09:00\"; it is in access.time_zone, {time_zone}"),
        );
        return None;
    };
    if time_zone.from_local_datetime(&moment).earliest().is_none() {
        found.mistake(
            Kind::WrongValue,
            node.at,
            format!("there is no {text} in {time_zone}: the clocks go forward then"),
        );
        return None;
    }
    Some(moment)
}
