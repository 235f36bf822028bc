//! hallpass.toml and the environment, parsed once into checked types; mistakes carry file, line and column.
//!
//! [`Config::load`] walks all files and tells every mistake at once. Nothing here reaches the network, and no
//! secret enters a configuration: it names environment variables, which [`env`] reads.

mod drill;
pub mod env;
mod files;
mod findings;
mod glob;
mod keeping;
mod key;
mod layers;
mod mistake;
mod nearest;
mod pattern;
mod people;
mod placeholders;
mod reach;
mod resolved;
mod role;
mod rules;
mod scope;
mod section;
mod sections;
mod source;
mod targets;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::domain::role::{GroupName, Risk, ScheduleName};
use crate::domain::{BackendName, Role, RoleName, Who};

pub use drill::DrillSection;
pub use env::Environment;
pub use keeping::{RetentionSection, S3Section};
pub use mistake::{Kind, Look, Mistake, Mistakes, Severity};
pub use pattern::compile as compile_pattern;
pub use people::{MappedPerson, PeopleSection};
pub use resolved::ResolvedKey;
pub use scope::{is_email, is_slack_id};
pub use sections::{AccessSection, AuditSection, SlackSection};
pub use source::{At, Place, Source};
pub use targets::{BackendKind, BackendSection, OnCallSection};
pub use tree::Layer;

use findings::Findings;
use reach::Reach;
use role::Reading;
use scope::Scope;
use tree::{Entry, Table, Value};

/// Everything that the files say, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub slack: SlackSection,
    pub access: AccessSection,
    pub audit: AuditSection,
    pub retention: RetentionSection,
    /// Who runs it; they approve nothing by that.
    pub operators: Vec<Who>,
    pub people: PeopleSection,
    pub groups: BTreeMap<GroupName, Vec<Who>>,
    pub on_call: BTreeMap<ScheduleName, OnCallSection>,
    pub backends: BTreeMap<BackendName, BackendSection>,
    pub environments: BTreeMap<String, Risk>,
    pub roles: BTreeMap<RoleName, Role>,
    pub drill: Option<DrillSection>,
}

/// A configuration that was loaded, with what is worth knowing about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    /// In the order of files and lines.
    pub warnings: Vec<Mistake>,
    /// All files, one after the other, each under a comment with its name.
    pub text: String,
    /// SHA-256 of `text`, in hex.
    pub digest: String,
    /// Every key of every role and where it comes from.
    pub resolved: BTreeMap<RoleName, Vec<ResolvedKey>>,
}

impl Loaded {
    /// What to say where `name` is no role: the nearest one, or which there are.
    pub fn offer_role(&self, name: &str) -> String {
        let roles = self.config.roles.keys().map(RoleName::as_str);
        nearest::offer(name, "role", "", roles)
    }
}

/// What a variable that the file names and the environment lacks is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingVariables {
    /// A warning: `check` runs where the secrets aren't.
    Warn,
    /// A mistake: nothing can be served without.
    Refuse,
}

impl Config {
    /// Reads `path` and what it includes. A missing variable is a warning.
    pub fn load(path: &Path, env: &dyn Environment) -> Result<Loaded, Mistakes> {
        Self::load_with(path, env, MissingVariables::Warn)
    }

    /// Reads `path` and what it includes.
    pub fn load_with(
        path: &Path,
        env: &dyn Environment,
        missing: MissingVariables,
    ) -> Result<Loaded, Mistakes> {
        let mut found = Findings::default();
        let root = files::read_all(path, &mut found);
        let nothing_read = found.sources().iter().all(|source| source.text.is_empty());
        if nothing_read && root.entries.is_empty() {
            return Err(Mistakes(found.finish()));
        }
        let (config, resolved) = read(&root, &found);
        let severity = match missing {
            MissingVariables::Warn => Severity::Warning,
            MissingVariables::Refuse => Severity::Mistake,
        };
        found.tell_missing_variables(severity, |name| env::is_set(env, name));
        scope::find_secrets(&root, &found);
        let text = archived(found.sources());
        let digest = hex::encode(Sha256::digest(text.as_bytes()));
        let all = found.finish();
        if all.iter().any(|one| one.severity == Severity::Mistake) {
            return Err(Mistakes(all));
        }
        Ok(Loaded {
            config,
            warnings: all,
            text,
            digest,
            resolved,
        })
    }

    /// How many distinct people are named anywhere; members of Slack user groups aren't known here.
    pub fn people_named(&self) -> usize {
        let reach = Reach {
            groups: &self.groups,
            schedules: &self.on_call,
            people: &self.people,
        };
        let in_roles = self.roles.values().flat_map(|role| {
            let stages = role.stages.iter().flat_map(|stage| {
                let rungs = stage.ladder.iter().flat_map(|rung| &rung.ask);
                stage.approvers.iter().chain(rungs)
            });
            let glass = role
                .break_glass
                .iter()
                .flat_map(|rule| rule.commanders.iter().chain(&rule.review_by));
            role.requesters.iter().chain(stages).chain(glass)
        });
        let on_call = self.on_call.values().flat_map(OnCallSection::people);
        let mut people: BTreeSet<String> = in_roles
            .chain(self.groups.values().flatten())
            .chain(on_call)
            .chain(&self.operators)
            .filter(|who| matches!(who, Who::Account(_) | Who::Email(_)))
            .map(|who| reach.person(who))
            .collect();
        let mapped = self.people.map.keys().cloned().map(Who::Account);
        people.extend(mapped.map(|who| reach.person(&who)));
        people.len()
    }
}

type Resolved = BTreeMap<RoleName, Vec<ResolvedKey>>;

fn read(root: &Table, found: &Findings) -> (Config, Resolved) {
    tell_unknown_sections(root, found);
    scope::check_names(root, found);
    let scope = Scope::of(root);
    let access = sections::access(root, found);
    let config = Config {
        slack: sections::slack(root, found),
        audit: sections::audit(root, found),
        retention: keeping::retention(root, found),
        operators: sections::operators(root, &scope, found),
        people: people::people(root, &scope, found),
        groups: people::groups(root, &scope, found),
        on_call: targets::schedules(root, &scope, access.time_zone, found),
        backends: targets::backends(root, &scope, found),
        environments: sections::environments(root, found),
        roles: BTreeMap::new(),
        drill: None,
        access,
    };
    layers::tell_template_cycles(root, &scope, found);
    check_layers(root, &scope, found);
    let (roles, resolved) = roles(root, &scope, &config, found);
    let names: Vec<&str> = roles.keys().map(RoleName::as_str).collect();
    let reach = Reach {
        groups: &config.groups,
        schedules: &config.on_call,
        people: &config.people,
    };
    let drill = drill::drill(root, |name| roles.get(name), &names, &reach, found);
    (
        Config {
            roles,
            drill,
            ..config
        },
        resolved,
    )
}

fn tell_unknown_sections(root: &Table, found: &Findings) {
    let sections = [
        "slack",
        "access",
        "audit",
        "retention",
        "operators",
        "people",
        "groups",
        "oncall",
        "backend",
        "environment",
        "defaults",
        "template",
        "role",
        "drill",
    ];
    for (key, entry) in &root.entries {
        if !sections.contains(&key.as_str()) {
            found.mistake_with(
                Kind::UnknownKey,
                entry.key_at,
                format!("there is no section [{key}]"),
                nearest::offer(key, "section", "", sections),
            );
        }
    }
}

/// Templates, environments and defaults by themselves, also what no role takes from them.
fn check_layers(root: &Table, scope: &Scope, found: &Findings) {
    let reading = Reading {
        scope,
        found,
        whole: false,
    };
    for (section, own) in [
        ("template", ["template", "with"]),
        ("environment", ["risk", "with"]),
    ] {
        for (name, entry, table) in tables(root, section, found) {
            reading.check_layer(table, format!("[{section}.{name}]"), entry.key_at, &own);
            if let Some(inner) = table
                .get("environment")
                .filter(|_| section == "environment")
            {
                let message = format!("[{section}.{name}] has no key `environment`");
                found.mistake(Kind::UnknownKey, inner.key_at, message);
            }
        }
    }
    if let Some(defaults) = sections::optional(root, "defaults", found) {
        if let Some((table, at)) = defaults.table("role") {
            reading.check_layer(table, "[defaults.role]".into(), at, &["with"]);
        }
        defaults.finish();
    }
}

/// The tables in `[section.NAME]`; what isn't a table is a mistake.
fn tables<'a>(
    root: &'a Table,
    section: &'a str,
    found: &'a Findings,
) -> impl Iterator<Item = (&'a str, &'a Entry, &'a Table)> {
    let entry = root.get(section);
    if let Some(entry) = entry.filter(|entry| entry.node.table().is_none()) {
        section::wrong_type(found, &entry.node, section, "a table of tables");
    }
    let entries = entry.and_then(|entry| entry.node.table());
    entries
        .into_iter()
        .flat_map(|table| &table.entries)
        .filter_map(|(name, entry)| {
            if let Value::Table(table) = &entry.node.value {
                return Some((name.as_str(), entry, table));
            }
            section::wrong_type(found, &entry.node, name, "a table");
            None
        })
}

fn roles(
    root: &Table,
    scope: &Scope,
    config: &Config,
    found: &Findings,
) -> (BTreeMap<RoleName, Role>, Resolved) {
    let reading = Reading {
        scope,
        found,
        whole: true,
    };
    let reach = Reach {
        groups: &config.groups,
        schedules: &config.on_call,
        people: &config.people,
    };
    let mut roles = BTreeMap::new();
    let mut origins = BTreeMap::new();
    for (name, entry, own) in tables(root, "role", found) {
        let merged = layers::merged(own, root);
        let filled = layers::filled(&merged, found);
        // A misnamed role is read on, so that its other mistakes are told too.
        let role_name = role_name(name, entry, found).unwrap_or_else(|| RoleName::new(name));
        let placed = reading.role(
            role_name.clone(),
            &filled,
            entry.key_at,
            &config.access,
            &config.environments,
        );
        reach.check(&placed, found);
        let access_table = root.table("access");
        let keys = resolved::resolved(&filled, access_table, &config.access, found);
        origins.insert(role_name.clone(), keys);
        roles.insert(role_name, placed.role);
    }
    (roles, origins)
}

fn role_name(name: &str, entry: &Entry, found: &Findings) -> Option<RoleName> {
    let parsed = RoleName::parse(name);
    if parsed.is_none() {
        let reserved = crate::domain::role::RESERVED.contains(&name);
        let (message, help) = if reserved {
            (
                format!("`{name}` can't be a role: the command has a word of its own for it"),
                format!("call it {name}-access, say"),
            )
        } else {
            (
                format!("`{name}` can't be a role's name"),
                "write 2 to 40 lower-case letters, digits and -, beginning with a letter".into(),
            )
        };
        found.mistake_with(Kind::RoleName, entry.key_at, message, help);
    }
    parsed
}

/// All files as one text, for the archive.
fn archived(sources: &[Source]) -> String {
    sources
        .iter()
        .map(|source| format!("# {}\n{}", source.name, source.text))
        .collect::<Vec<_>>()
        .join("\n")
}
