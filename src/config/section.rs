//! Reads one table key by key: what was asked for is known, the rest is a mistake with the nearest key offered.
//! Every value that can be checked by itself is checked here; what names something else is left to `scope`.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::domain::Duration;

use super::findings::Findings;
use super::mistake::Kind;
use super::nearest::{nearest, offer};
use super::source::At;
use super::tree::{Node, Table, Value};

/// A table that is being read.
pub(super) struct Section<'a> {
    table: &'a Table,
    found: &'a Findings,
    /// As people write it: `[slack]`, or what it is where it has no header.
    name: String,
    /// Where a missing key is told.
    at: At,
    asked: RefCell<BTreeSet<&'static str>>,
    /// Told at the end, unless a key that is there was meant.
    lacking: RefCell<Vec<Lacking>>,
}

struct Lacking {
    kind: Kind,
    key: String,
    message: String,
    help: String,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        table: &'a Table,
        name: impl Into<String>,
        at: At,
        found: &'a Findings,
    ) -> Self {
        Self {
            table,
            found,
            name: name.into(),
            at,
            asked: RefCell::default(),
            lacking: RefCell::default(),
        }
    }

    pub(super) fn at(&self) -> At {
        self.at
    }

    /// The value of a key, and that the key is known.
    pub(super) fn node(&self, key: &'static str) -> Option<&'a Node> {
        self.asked.borrow_mut().insert(key);
        self.table.get(key).map(|entry| &entry.node)
    }

    /// Says that a required key is missing.
    pub(super) fn missing(&self, key: &str, example: &str) {
        let message = format!("{} needs `{key}`", self.name);
        let help = format!("add {key} = {example}");
        self.missing_as(Kind::MissingKey, key, message, help);
    }

    /// [`missing`](Self::missing) in words of its own.
    pub(super) fn missing_as(
        &self,
        kind: Kind,
        key: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.lacking.borrow_mut().push(Lacking {
            kind,
            key: key.to_owned(),
            message: message.into(),
            help: help.into(),
        });
    }

    fn wrong_type(&self, node: &Node, key: &str, wanted: &str) {
        wrong_type(self.found, node, key, wanted);
    }

    pub(super) fn text(&self, key: &'static str) -> Option<(&'a str, At)> {
        let node = self.node(key)?;
        match &node.value {
            Value::Text(text) if text.trim().is_empty() => {
                self.found
                    .mistake(Kind::WrongValue, node.at, format!("`{key}` is empty"));
                None
            }
            Value::Text(text) => Some((text, node.at)),
            Value::Whole(_)
            | Value::Float(_)
            | Value::Flag(_)
            | Value::Moment(_)
            | Value::List(_)
            | Value::Table(_) => {
                self.wrong_type(node, key, "a string");
                None
            }
        }
    }

    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        let node = self.node(key)?;
        if let Value::Flag(flag) = node.value {
            return Some(flag);
        }
        self.wrong_type(node, key, "true or false");
        None
    }

    /// A whole number within `range`.
    pub(super) fn whole(
        &self,
        key: &'static str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        let node = self.node(key)?;
        let Value::Whole(number) = node.value else {
            self.wrong_type(node, key, "a whole number");
            return None;
        };
        let fits = u32::try_from(number).ok().filter(|n| range.contains(n));
        if fits.is_none() {
            self.found.mistake_with(
                Kind::WrongValue,
                node.at,
                format!("`{key}` is {number}"),
                format!("write a number from {} to {}", range.start(), range.end()),
            );
        }
        fits
    }

    pub(super) fn duration(&self, key: &'static str) -> Option<(Duration, At)> {
        let node = self.node(key)?;
        duration(self.found, node, key).map(|duration| (duration, node.at))
    }

    pub(super) fn durations(&self, key: &'static str) -> Option<Vec<Duration>> {
        let items = self.list(key)?;
        Some(
            items
                .iter()
                .filter_map(|item| duration(self.found, item, key))
                .collect(),
        )
    }

    pub(super) fn list(&self, key: &'static str) -> Option<&'a [Node]> {
        let node = self.node(key)?;
        if let Value::List(items) = &node.value {
            return Some(items);
        }
        self.wrong_type(node, key, "a list");
        None
    }

    pub(super) fn table(&self, key: &'static str) -> Option<(&'a Table, At)> {
        self.asked.borrow_mut().insert(key);
        let entry = self.table.get(key)?;
        if let Value::Table(table) = &entry.node.value {
            return Some((table, entry.key_at));
        }
        self.wrong_type(&entry.node, key, "a table");
        None
    }

    /// The name of an environment variable; a value in its place is a secret in the file.
    pub(super) fn variable(&self, key: &'static str) -> Option<(String, At)> {
        let (text, at) = self.text(key)?;
        let shaped = text.len() <= 128
            && text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if shaped {
            self.found.needs_variable(text, at);
            return Some((text.into(), at));
        }
        self.found.mask(at);
        self.found.mistake_with(
            Kind::Secret,
            at,
            format!("`{key}` takes the NAME of an environment variable; this looks like its value"),
            format!(
                "put the value into the environment and write {key} = \"{}\"",
                self.suggested_variable(key)
            ),
        );
        None
    }

    /// Where `KEY_env` is expected and `KEY` stands with a value: a secret in the file.
    pub(super) fn refuse_secret(&self, key: &'static str, env_key: &'static str) {
        let Some(entry) = self.table.get(key) else {
            return;
        };
        self.asked.borrow_mut().insert(key);
        self.asked.borrow_mut().insert(env_key);
        self.found.mask(entry.node.at);
        self.found.mistake_with(
            Kind::Secret,
            entry.node.at,
            format!("{} holds a secret in `{key}`", self.name),
            format!(
                "put the value into the environment and write {env_key} = \"{}\"",
                self.suggested_variable(env_key)
            ),
        );
    }

    /// Ends the reading: every key nobody asked for is a mistake.
    pub(super) fn finish(self) {
        let asked = self.asked.borrow();
        let free: Vec<&str> = asked
            .iter()
            .copied()
            .filter(|key| self.table.get(key).is_none())
            .collect();
        for (key, entry) in &self.table.entries {
            if asked.contains(key.as_str()) {
                continue;
            }
            self.found.mistake_with(
                Kind::UnknownKey,
                entry.key_at,
                format!("{} has no key `{key}`", self.name),
                offer(key, "key left", "", free.iter().copied()),
            );
            // A key that is spelt wrong is not missing too.
            let meant = nearest(key, free.iter().copied());
            self.lacking
                .borrow_mut()
                .retain(|one| Some(one.key.as_str()) != meant);
        }
        self.tell_lacking();
    }

    /// Ends the reading where it isn't known which keys there may be.
    pub(super) fn abandon(self) {
        self.tell_lacking();
    }

    fn tell_lacking(&self) {
        for one in self.lacking.borrow_mut().drain(..) {
            self.found
                .mistake_with(one.kind, self.at, one.message, one.help);
        }
    }

    /// `ORDERS_DB_URL` for `url_env` of `[backend.orders-db]`.
    fn suggested_variable(&self, key: &str) -> String {
        let name = self.name.trim_matches(|c| "[]`".contains(c));
        let name = name.rsplit('.').next().unwrap_or_default();
        format!("{name}_{}", key.trim_end_matches("_env"))
            .to_uppercase()
            .replace(|c: char| !c.is_ascii_alphanumeric(), "_")
    }
}

pub(super) fn wrong_type(found: &Findings, node: &Node, key: &str, wanted: &str) {
    found.mistake(
        Kind::WrongType,
        node.at,
        format!("`{key}` must be {wanted}, and is {}", node.value.what()),
    );
}

/// A duration as the command grammar has them: `90s`, `45m`, `1h30m`, `1d`.
pub(super) fn duration(found: &Findings, node: &Node, key: &str) -> Option<Duration> {
    let Some(text) = node.text() else {
        let help = if let Value::Whole(number) = node.value {
            format!("write {key} = \"{number}m\" for minutes")
        } else {
            "write it like \"90s\", \"45m\", \"1h30m\" or \"1d\"".into()
        };
        found.mistake_with(
            Kind::WrongDuration,
            node.at,
            format!("`{key}` must be a duration, and is {}", node.value.what()),
            help,
        );
        return None;
    };
    match Duration::parse_word(text) {
        Ok(duration) => Some(duration),
        Err(why) => {
            let why = why.to_string();
            let (message, help) = match why.split_once(". ") {
                Some((message, help)) => (message.to_owned(), Some(lower_first(help))),
                None => (why, None),
            };
            found.mistake_with(Kind::WrongDuration, node.at, message, help);
            None
        }
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_lowercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}
