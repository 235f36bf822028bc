//! The parsed file as an owned tree in which every key and value knows where it stands and, once roles
//! are put together, which layer it came from. Merging lives here; meaning doesn't.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::source::At;

/// Where a role's key came from, in falling precedence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    Role,
    Template(String),
    Environment(String),
    Defaults,
    /// `[access]`, for what a role leaves to it.
    Access,
    BuiltIn,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) at: At,
    pub(super) layer: Layer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Whole(i64),
    /// As written; nothing in the file takes one.
    Float(String),
    Flag(bool),
    /// As written; a rotation's start may be one.
    Moment(String),
    List(Vec<Node>),
    Table(Table),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key_at: At,
    pub(super) node: Node,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Table {
    pub(super) entries: BTreeMap<String, Entry>,
}

impl Value {
    /// For “expected a list, found a string”.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Whole(_) => "a whole number",
            Self::Float(_) => "a decimal number",
            Self::Flag(_) => "true or false",
            Self::Moment(_) => "a date or time",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    /// As one would write it, on one line.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Whole(number) => number.to_string(),
            Self::Float(text) | Self::Moment(text) => text.clone(),
            Self::Flag(flag) => flag.to_string(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(|item| item.value.shown()).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Table(table) => {
                let entries: Vec<String> = table
                    .entries
                    .iter()
                    .map(|(key, entry)| format!("{key} = {}", entry.node.value.shown()))
                    .collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }
}

/// A TOML basic string.
pub(super) fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace('\t', "\\t");
    format!("\"{escaped}\"")
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value {
            Some(text)
        } else {
            None
        }
    }

    pub(super) fn table(&self) -> Option<&Table> {
        if let Value::Table(table) = &self.value {
            Some(table)
        } else {
            None
        }
    }

    fn read(file: usize, span: &std::ops::Range<usize>, value: &DeValue<'_>) -> Self {
        let value = match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| Value::Float(number.to_string()), Value::Whole),
            DeValue::Float(number) => Value::Float(number.to_string()),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
            DeValue::Array(items) => Value::List(
                items
                    .iter()
                    .map(|item| Self::read(file, &item.span(), item.get_ref()))
                    .collect(),
            ),
            DeValue::Table(table) => Value::Table(Table::read(file, table)),
        };
        Self {
            value,
            at: At::new(file, span),
            layer: Layer::Role,
        }
    }

    fn tag(&mut self, layer: &Layer) {
        self.layer = layer.clone();
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.tag(layer)),
            Value::Table(table) => table.tag(layer),
            Value::Text(_)
            | Value::Whole(_)
            | Value::Float(_)
            | Value::Flag(_)
            | Value::Moment(_) => {}
        }
    }
}

impl Table {
    pub(super) fn read(file: usize, table: &DeTable<'_>) -> Self {
        let entries = table
            .iter()
            .map(|(key, value)| {
                let entry = Entry {
                    key_at: At::new(file, &key.span()),
                    node: Node::read(file, &value.span(), value.get_ref()),
                };
                (key.get_ref().to_string(), entry)
            })
            .collect();
        Self { entries }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub(super) fn table(&self, key: &str) -> Option<&Table> {
        self.get(key)?.node.table()
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.node.text()
    }

    /// Says of everything in it that it comes from `layer`.
    pub(super) fn tagged(mut self, layer: &Layer) -> Self {
        self.tag(layer);
        self
    }

    fn tag(&mut self, layer: &Layer) {
        for entry in self.entries.values_mut() {
            entry.node.tag(layer);
        }
    }

    /// Fills in from a lower layer what is missing here: tables merge, lists and scalars stay as they are.
    pub(super) fn fill_from(&mut self, lower: &Self) {
        for (key, below) in &lower.entries {
            match self.entries.get_mut(key) {
                None => {
                    self.entries.insert(key.clone(), below.clone());
                }
                Some(here) => {
                    if let (Value::Table(here), Value::Table(below)) =
                        (&mut here.node.value, &below.node.value)
                    {
                        here.fill_from(below);
                    }
                }
            }
        }
    }
}
