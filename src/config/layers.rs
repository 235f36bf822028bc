//! Puts a role's table together: role, template (and its template), environment, defaults; then fills in
//! `with` and `{environment}`. What the keys mean is read afterwards, in `role`.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::mistake::Kind;
use super::nearest::offer;
use super::placeholders;
use super::scope::{Scope, require_name};
use super::section::wrong_type;
use super::tree::{Entry, Layer, Node, Table, Value};

/// Keys that steer the merging and are not filled in.
const STEERING: [&str; 3] = ["template", "with", "environment"];

/// The role's own table over its template's, over its environment's, over the defaults.
pub(super) fn merged(own: &Table, root: &Table) -> Table {
    let mut table = own.clone().tagged(&Layer::Role);
    let mut seen = Vec::new();
    let mut next = own.text("template");
    while let Some(name) = next.filter(|name| !seen.contains(name)) {
        seen.push(name);
        let Some(template) = root.table("template").and_then(|all| all.table(name)) else {
            break;
        };
        let layer = Layer::Template(name.to_owned());
        table.fill_from(&template.clone().tagged(&layer));
        next = template.text("template");
    }
    let defaults = root.table("defaults").and_then(|all| all.table("role"));
    let environment = table
        .text("environment")
        .or_else(|| defaults.and_then(|defaults| defaults.text("environment")))
        .map(str::to_owned);
    if let Some(name) = environment
        && let Some(layer) = root.table("environment").and_then(|all| all.table(&name))
    {
        let mut layer = layer.clone().tagged(&Layer::Environment(name));
        layer.entries.remove("risk");
        table.fill_from(&layer);
    }
    if let Some(defaults) = defaults {
        table.fill_from(&defaults.clone().tagged(&Layer::Defaults));
    }
    table
}

/// A template that leads back to itself, told once.
pub(super) fn tell_template_cycles(root: &Table, scope: &Scope, found: &Findings) {
    let Some(templates) = root.table("template") else {
        return;
    };
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for start in templates.entries.keys() {
        let mut path = vec![start.as_str()];
        let mut next = templates
            .table(start)
            .and_then(|table| table.get("template"));
        while let Some(entry) = next {
            let Some(name) = entry.node.text() else { break };
            let at = entry.node.at;
            if !require_name(&scope.templates, "template", "", name, at, found) {
                break;
            }
            let back = path.iter().position(|seen| *seen == name);
            path.push(name);
            if back == Some(0) && !path.iter().any(|name| told.contains(name)) {
                found.mistake_with(
                    Kind::Cycle,
                    at,
                    format!(
                        "template `{start}` leads back to itself: {}",
                        path.join(" → ")
                    ),
                    "take `template` out of one of them".to_owned(),
                );
                told.extend(&path);
            }
            if back.is_some() {
                break;
            }
            next = templates
                .table(name)
                .and_then(|table| table.get("template"));
        }
    }
}

/// What stands for `{name}` in a role, and which names are parameters.
struct Values<'a> {
    with: BTreeMap<String, String>,
    parameters: BTreeSet<&'a str>,
    found: &'a Findings,
}

/// Fills `with` and `{environment}` into every string of a merged role.
pub(super) fn filled(table: &Table, found: &Findings) -> Table {
    let parameters: BTreeSet<&str> = table
        .table("parameters")
        .map(|table| table.entries.keys().map(String::as_str).collect())
        .unwrap_or_default();
    let mut with = with(table, &parameters, found);
    warn_of_unused(table, found);
    if let Some(environment) = table.text("environment") {
        with.insert("environment".into(), environment.into());
    }
    let values = Values {
        with,
        parameters,
        found,
    };
    let mut filled = table.clone();
    for (key, entry) in &mut filled.entries {
        if !STEERING.contains(&key.as_str()) {
            values.fill(&mut entry.node, key, key);
        }
    }
    filled
}

fn with(table: &Table, parameters: &BTreeSet<&str>, found: &Findings) -> BTreeMap<String, String> {
    let mut with = BTreeMap::new();
    let Some(entry) = table.get("with") else {
        return with;
    };
    let Value::Table(given) = &entry.node.value else {
        wrong_type(found, &entry.node, "with", "a table");
        return with;
    };
    for (key, entry) in &given.entries {
        if !placeholders::is_name(key) || key == "environment" || parameters.contains(key.as_str())
        {
            let why = if key == "environment" {
                "it is filled in from the role's environment"
            } else if parameters.contains(key.as_str()) {
                "it is a parameter, which is given with each ask"
            } else {
                "a name is lower-case letters, digits, - and _"
            };
            let message = format!("`with` can't fix `{key}`");
            found.mistake_with(Kind::WrongValue, entry.key_at, message, why.to_owned());
            continue;
        }
        match &entry.node.value {
            Value::Text(text) => with.insert(key.clone(), text.clone()),
            Value::Whole(number) => with.insert(key.clone(), number.to_string()),
            Value::Float(_)
            | Value::Flag(_)
            | Value::Moment(_)
            | Value::List(_)
            | Value::Table(_) => {
                wrong_type(found, &entry.node, key, "a string");
                // Known, so that its uses aren't reported too.
                with.insert(key.clone(), String::new())
            }
        };
    }
    with
}

/// A name in `with` that nothing takes is a typing error more often than not.
fn warn_of_unused(table: &Table, found: &Findings) {
    let mut used = BTreeSet::new();
    for (key, entry) in &table.entries {
        if key != "with" {
            collect_names(&entry.node, &mut used);
        }
    }
    let given = table.table("with").map(|with| &with.entries);
    for (key, entry) in given.into_iter().flatten() {
        // A default of the template's that this role has no use for is no mistake of the role's.
        if entry.node.layer == Layer::Role && !used.contains(key.as_str()) {
            found.warning(
                Kind::Suspicious,
                entry.key_at,
                format!("nothing uses {{{key}}}"),
                offer(key, "placeholder", "", used.iter().map(String::as_str)),
            );
        }
    }
}

fn collect_names(node: &Node, names: &mut BTreeSet<String>) {
    match &node.value {
        Value::Text(text) => names.extend(placeholders::names(text).map(str::to_owned)),
        Value::List(items) => items.iter().for_each(|item| collect_names(item, names)),
        Value::Table(table) => table
            .entries
            .values()
            .for_each(|entry: &Entry| collect_names(&entry.node, names)),
        Value::Whole(_) | Value::Float(_) | Value::Flag(_) | Value::Moment(_) => {}
    }
}

impl Values<'_> {
    /// `section` is the role's key, `key` the innermost one.
    fn fill(&self, node: &mut Node, section: &str, key: &str) {
        match &mut node.value {
            Value::Text(text) if key == "pattern" => {
                // A value must not become part of the expression's syntax.
                *text = placeholders::fill(text, |name| {
                    self.with.get(name).map(|value| regex::escape(value))
                });
            }
            Value::Text(text) => {
                for name in placeholders::names(text) {
                    self.require(name, section, node.at);
                }
                *text = placeholders::fill(text, |name| self.with.get(name).cloned());
            }
            Value::List(items) => items
                .iter_mut()
                .for_each(|item| self.fill(item, section, key)),
            Value::Table(table) => {
                for (key, entry) in &mut table.entries {
                    self.fill(&mut entry.node, section, key);
                }
            }
            Value::Whole(_) | Value::Float(_) | Value::Flag(_) | Value::Moment(_) => {}
        }
    }

    fn require(&self, name: &str, section: &str, at: super::source::At) {
        let parameter = self.parameters.contains(name);
        if self.with.contains_key(name) || (parameter && section == "entitlements") {
            return;
        }
        let help = if parameter {
            "a parameter is known when somebody asks: use it in entitlements only".to_owned()
        } else if name == "environment" {
            "give the role an environment".to_owned()
        } else {
            let known = self.with.keys().map(String::as_str);
            let parameters = self.parameters.iter().copied();
            let near: Vec<&str> = known.chain(parameters).collect();
            match super::nearest::nearest(name, near) {
                Some(near) => format!("did you mean `{{{near}}}`?"),
                None if section == "entitlements" => {
                    format!("define it in `parameters`, or write with = {{ {name} = \"…\" }}")
                }
                None => format!("write with = {{ {name} = \"…\" }} in the role"),
            }
        };
        self.found.mistake_with(
            Kind::UndefinedParameter,
            at,
            format!("nothing says what {{{name}}} is"),
            help,
        );
    }
}

/// The layer without what only a role can fill in, for checking it by itself.
pub(super) fn without_placeholders(table: &Table) -> Table {
    let mut table = table.clone();
    table
        .entries
        .retain(|_, entry| keep_without_placeholders(&mut entry.node));
    table
}

fn keep_without_placeholders(node: &mut Node) -> bool {
    match &mut node.value {
        Value::Text(text) => placeholders::names(text).next().is_none(),
        Value::List(items) => {
            items.retain_mut(keep_without_placeholders);
            true
        }
        Value::Table(table) => {
            *table = without_placeholders(table);
            true
        }
        Value::Whole(_) | Value::Float(_) | Value::Flag(_) | Value::Moment(_) => true,
    }
}
