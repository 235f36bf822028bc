//! What PostgreSQL read for each statement, as its module `auto_explain` writes it into the server's log: a plan in JSON
//! with the rows that every node met.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// A statement that was carried out.
pub(super) struct Executed {
    pub(super) sql: String,
    plan: Value,
}

/// The node that met most rows, and how many.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Most {
    pub(super) rows: u64,
    node: String,
}

impl fmt::Display for Most {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows in a {}", self.rows, self.node)
    }
}

/// All statements whose plans stand in this part of a log.
pub(super) fn executed(log: &str) -> Vec<Executed> {
    let mut lines = log.lines().peekable();
    let mut all = Vec::new();
    while let Some(line) = lines.next() {
        if !line.ends_with("  plan:") {
            continue;
        }
        let mut text = String::new();
        // The lines of one message after its first begin with a tab.
        while let Some(more) = lines.next_if(|more| more.starts_with('\t')) {
            text.push_str(more);
        }
        // What is being written just now ends anywhere.
        let Ok(said) = serde_json::from_str::<Value>(&text) else {
            assert!(lines.peek().is_none(), "no plan in JSON: {text}");
            continue;
        };
        all.push(Executed {
            sql: said["Query Text"].as_str().unwrap().to_owned(),
            plan: said["Plan"].clone(),
        });
    }
    all
}

/// Of every statement the execution that read most.
pub(super) fn worst(all: Vec<Executed>) -> BTreeMap<String, (Most, Executed)> {
    let mut worst: BTreeMap<String, (Most, Executed)> = BTreeMap::new();
    for one in all {
        let most = one.most();
        let known = worst.get(&one.sql);
        if known.is_none_or(|(known, _)| known.rows < most.rows) {
            worst.insert(one.sql.clone(), (most, one));
        }
    }
    worst
}

impl Executed {
    pub(super) fn most(&self) -> Most {
        let mut nodes = Vec::new();
        collect(&self.plan, &mut nodes);
        let met = nodes.into_iter().map(|node| Most {
            rows: rows_met(node),
            node: name(node),
        });
        met.max_by_key(|most| most.rows).expect("a plan has a node")
    }

    /// The plan as people read it: a line for each node.
    pub(super) fn shown(&self) -> String {
        let mut lines = Vec::new();
        show(&self.plan, 1, &mut lines);
        lines.join("\n")
    }
}

fn below(node: &Value) -> impl Iterator<Item = &Value> {
    node["Plans"].as_array().into_iter().flatten()
}

fn collect<'a>(node: &'a Value, all: &mut Vec<&'a Value>) {
    all.push(node);
    for one in below(node) {
        collect(one, all);
    }
}

/// A count of a node; PostgreSQL says it for one of its loops, from 18 on with a fraction.
fn count(node: &Value, name: &str) -> f64 {
    node[name].as_f64().unwrap_or_default()
}

/// What a table, an index or a join handed on, and what it threw away again. The rows of a parameter aren't read from a
/// table, but whoever goes through them once for each row of one throws them away.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of rows"
)]
fn rows_met(node: &Value) -> u64 {
    let thrown = [
        "Rows Removed by Filter",
        "Rows Removed by Join Filter",
        "Rows Removed by Index Recheck",
    ];
    let thrown: f64 = thrown.iter().map(|name| count(node, name)).sum();
    let stored = !node["Relation Name"].is_null() || !node["Index Name"].is_null();
    // A changed table hands on what was changed in it.
    let handed = if stored {
        count(node, "Actual Rows")
    } else {
        0.0
    };
    ((thrown + handed) * count(node, "Actual Loops")).round() as u64
}

/// `Index Scan using effect_pkey on effect`
fn name(node: &Value) -> String {
    let mut name = node["Node Type"].as_str().unwrap_or_default().to_owned();
    for (before, key) in [("using", "Index Name"), ("on", "Relation Name")] {
        if let Some(what) = node[key].as_str() {
            name = format!("{name} {before} {what}");
        }
    }
    name
}

fn show(node: &Value, depth: usize, lines: &mut Vec<String>) {
    let (rows, loops) = (count(node, "Actual Rows"), count(node, "Actual Loops"));
    let mut line = format!(
        "{}{}: {rows} rows, {loops} times",
        "  ".repeat(depth),
        name(node)
    );
    let details = node.as_object().into_iter().flatten();
    for (key, value) in details {
        if key.ends_with(" Cond") || key.ends_with("Filter") && *value != 0 {
            line = format!("{line}; {key} {value}");
        }
    }
    lines.push(line);
    for one in below(node) {
        show(one, depth + 1, lines);
    }
}
