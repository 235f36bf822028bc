//! Every name that the files define, known before anything is read, so that a name can be used before
//! its definition and a broken definition isn't reported again wherever it is used.

use std::collections::BTreeSet;

use crate::domain::role::{GroupName, ScheduleName};
use crate::domain::{Email, SlackId, Who};

use super::findings::Findings;
use super::mistake::Kind;
use super::nearest::{nearest, offer};
use super::section::wrong_type;
use super::source::At;
use super::tree::{Node, Table, Value};

#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) groups: BTreeSet<String>,
    pub(super) schedules: BTreeSet<String>,
    pub(super) backends: BTreeSet<String>,
    /// Those of kind `postgres`: their entitlements name a `role`.
    pub(super) postgres_backends: BTreeSet<String>,
    pub(super) templates: BTreeSet<String>,
    pub(super) environments: BTreeSet<String>,
    /// Lower-cased; empty: any confirmed e-mail will do.
    pub(super) email_domains: BTreeSet<String>,
}

/// Which kinds of entries a list of people takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Everything: requesters, approvers.
    Anybody,
    /// Groups: accounts, e-mails, groups, user groups.
    Members,
    /// Who can be on call: accounts and e-mails.
    Persons,
}

impl Scope {
    pub(super) fn of(root: &Table) -> Self {
        let names = |section: &str| -> BTreeSet<String> {
            root.table(section)
                .map(|table| table.entries.keys().cloned().collect())
                .unwrap_or_default()
        };
        let email_domains = root
            .table("people")
            .and_then(|people| people.get("email_domains"))
            .map(|entry| match &entry.node.value {
                Value::List(items) => items
                    .iter()
                    .filter_map(|item| item.text().map(str::to_lowercase))
                    .collect(),
                Value::Text(_)
                | Value::Whole(_)
                | Value::Float(_)
                | Value::Flag(_)
                | Value::Moment(_)
                | Value::Table(_) => BTreeSet::new(),
            })
            .unwrap_or_default();
        let postgres_backends = root
            .table("backend")
            .into_iter()
            .flat_map(|table| &table.entries)
            .filter(|(_, entry)| {
                let kind = entry.node.table().and_then(|table| table.text("kind"));
                kind == Some("postgres")
            })
            .map(|(name, _)| name.clone())
            .collect();
        Self {
            groups: names("groups"),
            schedules: names("oncall"),
            backends: names("backend"),
            postgres_backends,
            templates: names("template"),
            environments: names("environment"),
            email_domains,
        }
    }

    /// A list of people. What is wrong in it is told, and somebody unknown stands in for it, so that nothing
    /// is concluded from a list that is shorter than it was meant; it never leaves this room, as nothing loads then.
    pub(super) fn whos(
        &self,
        items: &[Node],
        key: &str,
        takes: Takes,
        found: &Findings,
    ) -> Vec<Who> {
        items
            .iter()
            .map(|item| {
                let Some(text) = item.text() else {
                    wrong_type(found, item, key, "a list of strings");
                    return somebody();
                };
                self.who(text, item.at, takes, found)
                    .unwrap_or_else(somebody)
            })
            .collect()
    }

    /// One entry: `*`, `oncall:…`, `group:…`, an account, an e-mail or a user group.
    pub(super) fn who(&self, text: &str, at: At, takes: Takes, found: &Findings) -> Option<Who> {
        let who = self.parsed(text, at, found)?;
        let refused = match (&who, takes) {
            (_, Takes::Anybody)
            | (Who::Account(_) | Who::Email(_), Takes::Members | Takes::Persons)
            | (Who::Group(_) | Who::UserGroup(_), Takes::Members) => return Some(who),
            (Who::Everybody | Who::OnCall(_), Takes::Members) => {
                "a group holds Slack ids, e-mails, other groups and Slack user groups"
            }
            (
                Who::Everybody | Who::OnCall(_) | Who::Group(_) | Who::UserGroup(_),
                Takes::Persons,
            ) => "only a Slack id or an e-mail can be on call",
        };
        found.mistake_with(
            Kind::WrongValue,
            at,
            format!("`{text}` can't stand here"),
            refused.to_owned(),
        );
        None
    }

    fn parsed(&self, text: &str, at: At, found: &Findings) -> Option<Who> {
        if text == "*" {
            return Some(Who::Everybody);
        }
        if let Some(name) = text.strip_prefix("oncall:") {
            require_name(
                &self.schedules,
                "on-call schedule",
                "oncall:",
                name,
                at,
                found,
            );
            return Some(Who::OnCall(ScheduleName::new(name)));
        }
        if let Some(name) = text.strip_prefix("group:") {
            require_name(&self.groups, "group", "group:", name, at, found);
            return Some(Who::Group(GroupName::new(name)));
        }
        if let Some(account) = SlackId::parse(text) {
            return Some(Who::Account(account));
        }
        if is_slack_id(text, &['S']) {
            return Some(Who::UserGroup(text.into()));
        }
        if let Some(email) = Email::parse(text) {
            self.warn_of_strange_domain(&email, at, found);
            return Some(Who::Email(email));
        }
        let help = if self.groups.contains(text) {
            format!("did you mean `group:{text}`?")
        } else if self.schedules.contains(text) {
            format!("did you mean `oncall:{text}`?")
        } else {
            "write oncall:NAME, group:NAME, a Slack id like U0ALICE, an e-mail, or a Slack user group like S0DBATEAM"
                .into()
        };
        let message = format!("`{text}` names nobody");
        found.mistake_with(Kind::UndefinedName, at, message, help);
        None
    }

    fn warn_of_strange_domain(&self, email: &Email, at: At, found: &Findings) {
        if self.email_domains.is_empty() || self.email_domains.contains(email.domain()) {
            return;
        }
        let near = nearest(
            email.domain(),
            self.email_domains.iter().map(String::as_str),
        );
        found.warning(
            Kind::Suspicious,
            at,
            format!(
                "`{email}` is outside people.email_domains, so nobody will be recognised by it"
            ),
            near.map(|domain| format!("did you mean {}@{domain}?", email.local())),
        );
    }
}

/// Stands in for whoever was meant.
pub(super) fn somebody() -> Who {
    Who::UserGroup(String::new())
}

/// Says so where `name` isn't among `names`.
pub(super) fn require_name(
    names: &BTreeSet<String>,
    what: &str,
    prefix: &str,
    name: &str,
    at: At,
    found: &Findings,
) -> bool {
    let known = names.contains(name);
    if !known {
        found.mistake_with(
            Kind::UndefinedName,
            at,
            format!("{what} `{name}` is not defined"),
            offer(name, what, prefix, names.iter().map(String::as_str)),
        );
    }
    known
}

/// Slack's shape of an id: one of the first letters, then at least two capital letters or digits.
pub fn is_slack_id(text: &str, first: &[char]) -> bool {
    text.strip_prefix(first).is_some_and(|rest| {
        (2..=20).contains(&rest.len())
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}

/// Whether `text` is an e-mail address, by its shape.
pub fn is_email(text: &str) -> bool {
    Email::parse(text).is_some()
}

/// What a name of a group, backend, schedule, template or environment may look like.
pub(super) fn check_names(root: &Table, found: &Findings) {
    for section in ["groups", "oncall", "backend", "environment", "template"] {
        let Some(table) = root.table(section) else {
            continue;
        };
        for (name, entry) in &table.entries {
            let shaped = name.len() <= 64
                && name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            if !shaped {
                found.mistake_with(
                    Kind::WrongValue,
                    entry.key_at,
                    format!("`{name}` can't be a name in [{section}]"),
                    "write letters, digits, -, _ and ., beginning with a letter or digit"
                        .to_owned(),
                );
            }
        }
    }
}

/// Tokens that Slack hands out, private keys, and URLs with a password in them.
pub(super) fn looks_like_a_secret(text: &str) -> bool {
    let token = ["xoxb-", "xoxp-", "xoxe.", "xoxe-", "xapp-"]
        .iter()
        .any(|prefix| text.starts_with(prefix));
    token
        || text.contains("-----BEGIN")
        || url::Url::parse(text).is_ok_and(|url| url.password().is_some())
}

/// Walks every value of the file for secrets, wherever they stand.
pub(super) fn find_secrets(table: &Table, found: &Findings) {
    for entry in table.entries.values() {
        find_secrets_in(&entry.node, found);
    }
}

fn find_secrets_in(node: &Node, found: &Findings) {
    match &node.value {
        Value::Text(text) => {
            if looks_like_a_secret(text) && !found.is_masked(node.at) {
                found.mask(node.at);
                found.mistake_with(
                    Kind::Secret,
                    node.at,
                    "this looks like a secret, and the configuration never holds one",
                    "put it into the environment; if it was ever committed, replace it".to_owned(),
                );
            }
        }
        Value::List(items) => items.iter().for_each(|item| find_secrets_in(item, found)),
        Value::Table(table) => find_secrets(table, found),
        Value::Whole(_) | Value::Float(_) | Value::Flag(_) | Value::Moment(_) => {}
    }
}
