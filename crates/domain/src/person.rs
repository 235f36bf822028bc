//! People: a canonical person, whatever the number of Slack accounts, and what they are in each backend.
//! The mapping is pinned at first sight; a later difference is an alarm, never a new identity.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{BackendName, PersonId, Version};

/// A Slack account: `U…`, or `W…` on Enterprise Grid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SlackId(String);

impl SlackId {
    /// Slack's shape: `U` or `W`, then at least two capital letters or digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut letters = text.chars();
        let first = letters.next()?;
        let rest = letters.as_str();
        let shaped = matches!(first, 'U' | 'W')
            && (2..=20).contains(&rest.len())
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        shaped.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SlackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An e-mail address, lower-cased, so that two spellings are one person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// One `@` with something on both sides, no white space, at most 254 characters (RFC 5321).
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let plain = |part: &str| {
            !part.is_empty()
                && !part.contains('@')
                && !part
                    .chars()
                    .any(|c| c.is_whitespace() || c.is_control() || "<>|\"".contains(c))
        };
        (plain(local) && plain(domain) && text.len() <= 254).then(|| Self(text.to_lowercase()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    pub fn local(&self) -> &str {
        self.0
            .split_once('@')
            .map_or(self.0.as_str(), |(local, _)| local)
    }

    /// What stands after the `@`.
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What somebody is in the workspace. Only a [`Membership::Member`] may ask, decide or hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Membership {
    Member,
    /// `is_restricted` or `is_ultra_restricted`.
    Guest,
    Bot,
    /// From another workspace, by `team_id` (Slack Connect).
    Outsider,
    Deactivated,
}

/// A person as pinned: the Slack accounts that are theirs, the confirmed e-mail, the principals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub id: PersonId,
    pub version: Version,
    /// The account that is mentioned stands first.
    pub accounts: Vec<SlackId>,
    /// Confirmed by Slack, or set in `[people.map]`.
    pub email: Option<Email>,
    /// For lists in text exports only; never in headers, never compared.
    pub name: String,
    /// IANA name, as Slack says.
    pub time_zone: String,
    pub membership: Membership,
    /// Explicit principals from `[people.map]`, by backend.
    pub principals: BTreeMap<BackendName, String>,
}

impl Person {
    pub fn is_active_member(&self) -> bool {
        self.membership == Membership::Member
    }
}

#[cfg(test)]
mod tests {
    use super::{Email, Membership, Person, SlackId};
    use crate::testing::who;

    #[test]
    fn a_slack_account_has_slacks_shape() {
        for well in ["U01", "W0ALICE", &format!("U{}", "A".repeat(20))] {
            let id = SlackId::parse(well).expect(well);
            assert_eq!((id.as_str(), id.to_string().as_str()), (well, well));
        }
        let long = format!("U{}", "A".repeat(21));
        for bad in ["", "U", "U0", "B0BOT", "u0alice", "U0-X", "U0alice", &long] {
            assert_eq!(SlackId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_address_is_one_person_however_it_is_spelt() {
        let alice = Email::parse("Alice.B@Example.COM").expect("an address");
        assert_eq!(alice.as_str(), "alice.b@example.com");
        assert_eq!(alice.to_string(), "alice.b@example.com");
        assert_eq!((alice.local(), alice.domain()), ("alice.b", "example.com"));
        assert_eq!(Email::parse("alice.b@example.com"), Some(alice));
    }

    #[test]
    fn what_is_no_address_is_none() {
        for bad in [
            "alice",
            "@example.com",
            "alice@",
            "a@b@c",
            "al ice@example.com",
            "alice@exa\u{7}mple.com",
            "alice@example.com>",
            "<alice@example.com",
            "alice|@example.com",
            "\"alice\"@example.com",
        ] {
            assert_eq!(Email::parse(bad), None, "{bad}");
        }
        let longest = format!("{}@b.c", "a".repeat(250));
        assert_eq!(longest.len(), 254);
        assert!(Email::parse(&longest).is_some());
        assert_eq!(Email::parse(&format!("a{longest}")), None);
    }

    #[test]
    fn only_a_member_is_active() {
        let mut rita = Person {
            id: who("rita"),
            version: 1,
            accounts: vec![],
            email: None,
            name: "Rita Roy".into(),
            time_zone: "UTC".into(),
            membership: Membership::Member,
            principals: std::collections::BTreeMap::new(),
        };
        assert!(rita.is_active_member());
        for other in [
            Membership::Guest,
            Membership::Bot,
            Membership::Outsider,
            Membership::Deactivated,
        ] {
            rita.membership = other;
            assert!(!rita.is_active_member(), "{other:?}");
        }
    }
}
