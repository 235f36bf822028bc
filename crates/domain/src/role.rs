//! Roles as the configuration defines them: what they are made of, who may ask, who decides.
//! Checked types; parsing and inheritance happen in the shell before a role gets here.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::text;
use crate::{Duration, Email, SlackId};

text!(
    /// What people ask for: `db-admin`.
    RoleName
);
text!(
    /// `[backend.NAME]`.
    BackendName
);
text!(
    /// `[groups]`' keys.
    GroupName
);
text!(
    /// `[oncall.NAME]`.
    ScheduleName
);

/// Words that can't be roles, because a command starts with them or reads them (command contract).
pub const RESERVED: [&str; 25] = [
    "request",
    "break-glass",
    "roles",
    "mine",
    "pending",
    "active",
    "oncall",
    "help",
    "status",
    "cancel",
    "extend",
    "drop",
    "revoke",
    "why",
    "delegate",
    "key",
    "review",
    "override",
    "approve",
    "deny",
    "for",
    "at",
    "end",
    "audit",
    "admin",
];

impl RoleName {
    /// `[a-z][a-z0-9-]{1,39}` and not reserved.
    pub fn parse(text: &str) -> Option<Self> {
        let first = text.bytes().next()?;
        let shaped = first.is_ascii_lowercase()
            && (2..=40).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (shaped && !RESERVED.contains(&text)).then(|| Self(text.into()))
    }
}

/// One entry of a list of people: `*`, `oncall:dba`, `group:backend`, `U0BOB`, `dana@example.com`, `S0DBATEAM`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of", rename_all = "snake_case")]
pub enum Who {
    Everybody,
    OnCall(ScheduleName),
    Group(GroupName),
    Account(SlackId),
    Email(Email),
    /// A Slack user group, `S…`.
    UserGroup(String),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("*"),
            Self::OnCall(schedule) => write!(f, "oncall:{schedule}"),
            Self::Group(group) => write!(f, "group:{group}"),
            Self::Account(account) => write!(f, "{account}"),
            Self::Email(email) => write!(f, "{email}"),
            Self::UserGroup(id) => f.write_str(id),
        }
    }
}

/// How much harm access to an environment can do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    Low,
    #[default]
    Medium,
    High,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Environment {
    pub name: String,
    pub risk: Risk,
}

/// Whether one holding serves all grants of a principal, or each grant makes its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// A membership: it exists once per (backend, principal, entitlement).
    Shared,
    /// A certificate, a temporary login: one per grant.
    PerGrant,
}

/// One permission in one backend. In a [`Role`] its values may hold `{parameter}`; in a request's terms they don't.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entitlement {
    pub backend: BackendName,
    /// What the backend understands: `role = "orders_admin"`, `permission = "logs:read"`.
    pub attributes: BTreeMap<String, String>,
}

impl Entitlement {
    /// The identity of the entitlement within its backend: its attributes as JSON with sorted keys.
    pub fn key(&self) -> String {
        serde_json::to_string(&self.attributes).unwrap_or_default()
    }

    /// What people read: `orders_admin`, or `logs:read (node web-3)` where there are several attributes.
    pub fn shown(&self) -> String {
        let main = ["role", "permission", "group", "name"];
        let lead = main
            .iter()
            .find_map(|key| self.attributes.get(*key).map(|value| (*key, value)));
        let rest: Vec<String> = self
            .attributes
            .iter()
            .filter(|(key, _)| lead.is_none_or(|(lead, _)| lead != key.as_str()))
            .map(|(key, value)| format!("{key} {value}"))
            .collect();
        match (lead, rest.is_empty()) {
            (Some((_, value)), true) => value.clone(),
            (Some((_, value)), false) => format!("{value} ({})", rest.join(", ")),
            (None, _) => rest.join(", "),
        }
    }

    /// Puts the parameters' values in place of `{name}`.
    #[must_use]
    pub fn filled(&self, parameters: &BTreeMap<String, String>) -> Self {
        let mut filled = self.clone();
        for value in filled.attributes.values_mut() {
            for (name, text) in parameters {
                *value = value.replace(&format!("{{{name}}}"), text);
            }
        }
        filled
    }
}

/// One more group of approvers, asked when a stage isn't decided `after` it opened.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rung {
    pub after: Duration,
    pub ask: Vec<Who>,
}

/// A step of approvals.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StageRule {
    pub approvers: Vec<Who>,
    pub quorum: u32,
    pub ladder: Vec<Rung>,
}

impl StageRule {
    /// How many approvals it takes: the quorum, at least one.
    pub fn needed(&self) -> usize {
        usize::try_from(self.quorum.max(1)).unwrap_or(usize::MAX)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BreakGlassRule {
    pub commanders: Vec<Who>,
    pub max_duration: Duration,
    pub review_by: Vec<Who>,
    pub review_within: Duration,
}

/// The budget that is agreed beforehand: so many times, by so much each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExtendRule {
    pub times: u32,
    pub by: Duration,
}

/// A ticket or incident number, found in the reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TicketRule {
    /// A regular expression; it matches whole words of the reason.
    pub pattern: String,
    pub example: String,
    pub required: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ParameterRule {
    /// A regular expression; it matches the whole value.
    pub pattern: String,
    pub required: bool,
    pub example: Option<String>,
    pub description: Option<String>,
}

/// A role with every key resolved (role, template, environment, defaults).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Role {
    pub name: RoleName,
    pub description: String,
    pub environment: Option<Environment>,
    pub owner: Option<Who>,
    pub labels: BTreeMap<String, String>,
    pub requesters: Vec<Who>,
    pub visible_to: Vec<Who>,
    pub parameters: BTreeMap<String, ParameterRule>,
    pub entitlements: Vec<Entitlement>,
    /// Empty: granted at once.
    pub stages: Vec<StageRule>,
    pub break_glass: Option<BreakGlassRule>,
    pub extend: Option<ExtendRule>,
    pub ticket: Option<TicketRule>,
    pub min_duration: Duration,
    pub max_duration: Duration,
    pub default_duration: Option<Duration>,
    pub warn_before: Vec<Duration>,
    pub request_timeout: Duration,
    pub remind_after: Option<Duration>,
    /// Where its cards go, if not to the approvals channel.
    pub channel: Option<String>,
}

/// What was asked for, frozen: the role, its parameters, the entitlements that follow, and the rules
/// that allowed the ask. The digest covers all that gives authority; what is approved is what is executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub role: Role,
    pub parameters: BTreeMap<String, String>,
    pub entitlements: Vec<Entitlement>,
    /// The ids of the policy rules that determined the permission to ask.
    pub rules: Vec<String>,
    pub digest: String,
}

impl Terms {
    /// Freezes `role` with `parameters`, which must have been checked against its rules.
    pub fn new(role: Role, parameters: BTreeMap<String, String>, rules: Vec<String>) -> Self {
        let entitlements: Vec<Entitlement> = role
            .entitlements
            .iter()
            .map(|entitlement| entitlement.filled(&parameters))
            .collect();
        let authority = serde_json::json!({
            "role": role.name,
            "requesters": role.requesters,
            "stages": role.stages,
            "break_glass": role.break_glass,
            "extend": role.extend,
            "ticket": role.ticket,
            "max_duration": role.max_duration,
            "parameters": parameters,
            "entitlements": entitlements,
            "rules": rules,
        });
        let digest = hex::encode(Sha256::digest(authority.to_string().as_bytes()));
        Self {
            role,
            parameters,
            entitlements,
            rules,
            digest,
        }
    }

    /// Whether the digest and the entitlements follow from what stands beside them; a row edited by hand says otherwise.
    pub fn is_intact(&self) -> bool {
        let parameters = self.parameters.clone();
        let own = Self::new(self.role.clone(), parameters, self.rules.clone());
        own.digest == self.digest && own.entitlements == self.entitlements
    }

    /// The latest that extensions of the agreed budget can take a grant of `duration`.
    pub fn longest(&self, duration: Duration) -> Duration {
        self.role.extend.map_or(duration, |extend| {
            duration.saturating_add(extend.by.saturating_mul(extend.times))
        })
    }
}

#[cfg(test)]
mod tests;
