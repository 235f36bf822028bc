//! What a role's keys are in the end and where each comes from: the answer of `check --resolved`.

use std::fmt;

use super::findings::Findings;
use super::role::BUILT_IN_MAX;
use super::sections::AccessSection;
use super::tree::{Entry, Layer, Table, Value, quoted};

/// One key of a role after merging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedKey {
    /// With dots: `break_glass.max_duration`.
    pub key: String,
    /// As one would write it, on one line.
    pub value: String,
    pub layer: Layer,
    /// `hallpass.toml:12`; none where it is built in.
    pub place: Option<String>,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role => f.write_str("role"),
            Self::Template(name) => write!(f, "template {name}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Defaults => f.write_str("defaults"),
            Self::Access => f.write_str("access"),
            Self::BuiltIn => f.write_str("built in"),
        }
    }
}

/// The keys of a filled role, then what it leaves to `[access]` and to the program.
pub(super) fn resolved(
    table: &Table,
    access_table: Option<&Table>,
    access: &AccessSection,
    found: &Findings,
) -> Vec<ResolvedKey> {
    let mut keys = Vec::new();
    flatten("", table, found, &mut keys);
    let warn_before: Vec<String> = access
        .warn_before
        .iter()
        .map(|time| quoted(&time.word()))
        .collect();
    let left = [
        ("min_duration", quoted(&access.min_duration.word())),
        ("request_timeout", quoted(&access.request_timeout.word())),
        ("remind_after", quoted(&access.remind_after.word())),
        ("warn_before", format!("[{}]", warn_before.join(", "))),
    ];
    for (key, value) in left {
        if table.get(key).is_none() {
            let place = access_table.and_then(|access| access.get(key));
            keys.push(ResolvedKey {
                key: key.into(),
                value,
                layer: place.map_or(Layer::BuiltIn, |_| Layer::Access),
                place: place.map(|entry| found.line_of(entry.key_at)),
            });
        }
    }
    for (key, value) in [
        ("max_duration", quoted(&BUILT_IN_MAX.word())),
        ("visible_to", "[\"*\"]".into()),
    ] {
        if table.get(key).is_none() {
            keys.push(ResolvedKey {
                key: key.into(),
                value,
                layer: Layer::BuiltIn,
                place: None,
            });
        }
    }
    keys.sort_by(|a, b| a.key.cmp(&b.key));
    keys
}

fn flatten(path: &str, table: &Table, found: &Findings, keys: &mut Vec<ResolvedKey>) {
    for (key, Entry { key_at, node }) in &table.entries {
        let key = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match &node.value {
            Value::Table(inner) if !inner.entries.is_empty() => {
                flatten(&key, inner, found, keys);
            }
            Value::Text(_)
            | Value::Whole(_)
            | Value::Float(_)
            | Value::Flag(_)
            | Value::Moment(_)
            | Value::List(_)
            | Value::Table(_) => keys.push(ResolvedKey {
                key,
                value: node.value.shown(),
                layer: node.layer.clone(),
                place: Some(found.line_of(*key_at)),
            }),
        }
    }
}
