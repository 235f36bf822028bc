//! `hallpass manifest`: the file in manifests/ is what it prints, and Slack's schema takes it.

use std::collections::BTreeMap;
use std::path::Path;

use hallpass::cli::manifest::manifest;
use hallpass::config::Config;
use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

use super::{Variables, WELL, load, variables};
use crate::support::soak::figure;

/// What `.env.example` sets.
fn example_variables() -> Variables {
    include_str!("../../../.env.example")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn printed(env: &Variables) -> String {
    let loaded = Config::load(Path::new("hallpass.example.toml"), env).expect("loads");
    manifest(&loaded.config, env).expect("printed")
}

/// The YAML as an independent parser reads it.
fn read(yaml: &str) -> Value {
    let documents = YamlLoader::load_from_str(yaml).expect("YAML");
    assert_eq!(documents.len(), 1);
    as_json(&documents[0])
}

fn as_json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::String(text) => Value::from(text.as_str()),
        Yaml::Integer(number) => Value::from(*number),
        Yaml::Boolean(flag) => Value::from(*flag),
        Yaml::Array(items) => items.iter().map(as_json).collect(),
        Yaml::Hash(entries) => entries
            .iter()
            .map(|(key, value)| (key.as_str().expect("a text").to_owned(), as_json(value)))
            .collect::<Map<_, _>>()
            .into(),
        Yaml::Real(_) | Yaml::Alias(_) | Yaml::Null | Yaml::BadValue => {
            panic!("{yaml:?} has no place in a manifest")
        }
    }
}

#[test]
fn the_file_is_what_is_printed_for_the_example() {
    let file = std::fs::read_to_string("manifests/slack-app.yaml").expect("there");
    assert_eq!(file, printed(&example_variables()));
}

#[test]
fn it_asks_for_what_the_bot_uses_and_no_more() {
    let manifest = read(&printed(&example_variables()));
    let scopes = &manifest["oauth_config"]["scopes"];
    assert_eq!(
        scopes["bot"],
        serde_json::json!([
            "commands",
            "chat:write",
            "im:write",
            "users:read",
            "users:read.email",
            "usergroups:read",
            "channels:read",
            "groups:read"
        ])
    );
    assert!(scopes.get("user").is_none());
    let command = &manifest["features"]["slash_commands"][0];
    assert_eq!(command["command"], "/prod-access");
    assert_eq!(command["should_escape"], true);
    assert_eq!(
        command["url"],
        "https://hallpass.example.com/slack/commands"
    );
    let shortcut = &manifest["features"]["shortcuts"][0];
    assert_eq!(shortcut["type"], "global");
    assert_eq!(
        shortcut["callback_id"],
        hallpass::slack::inbound::field::callback::ASK
    );
    let settings = &manifest["settings"];
    assert_eq!(
        settings["interactivity"]["request_url"],
        "https://hallpass.example.com/slack/interactions"
    );
    assert_eq!(
        settings["event_subscriptions"]["request_url"],
        "https://hallpass.example.com/slack/events"
    );
    assert_eq!(settings["socket_mode_enabled"], false);
    assert_eq!(settings["org_deploy_enabled"], false);
}

#[test]
fn socket_mode_needs_no_addresses() {
    let mut env = example_variables();
    env.insert("SLACK_APP_TOKEN".into(), "xapp-1".into());
    let text = printed(&env);
    assert!(!text.contains("http"), "{text}");
    let manifest = read(&text);
    assert_eq!(manifest["settings"]["socket_mode_enabled"], true);
    assert_eq!(manifest["settings"]["interactivity"]["is_enabled"], true);
}

#[test]
fn the_command_is_the_configuration_s() {
    let config = load(&WELL.replace("/prod-access", "/let-me-in"))
        .expect("well")
        .config;
    let text = manifest(&config, &Variables::new()).expect("printed");
    assert_eq!(
        read(&text)["features"]["slash_commands"][0]["command"],
        "/let-me-in"
    );
}

/// Slack's published schema (github.com/slackapi/manifest-schema), where a copy lies beside the project.
const SCHEMAS: &str = "../shared/slack/manifest-schema";

#[test]
fn slack_s_schema_takes_it() {
    let http = example_variables();
    let socket = variables(&[("SLACK_APP_TOKEN", "xapp-1")]);
    let manifests = [read(&printed(&http)), read(&printed(&socket))];
    for manifest in &manifests {
        own_rules(manifest);
    }
    let Ok(schemas) = Schemas::read(Path::new(SCHEMAS)) else {
        figure(
            "manifest",
            &format!("our own rules; Slack's schema isn't there ({SCHEMAS})"),
        );
        return;
    };
    figure(
        "manifest",
        "our own rules and Slack's schema, versions 1 and 2",
    );
    for (version, well) in [
        ("1", "valid"),
        ("2", "valid"),
        ("1", "invalid"),
        ("2", "invalid"),
    ] {
        let path = format!("{SCHEMAS}/tests-v{version}/manifest.{well}.json");
        let sample = serde_json::from_str(&std::fs::read_to_string(path).expect("a sample"));
        let found = schemas.mistakes(version, &sample.expect("JSON"));
        assert_eq!(
            found.is_empty(),
            well == "valid",
            "v{version} {well}: {found:?}"
        );
    }
    for manifest in &manifests {
        for version in ["1", "2"] {
            assert_eq!(schemas.mistakes(version, manifest), Vec::<String>::new());
        }
    }
}

/// What the schema would say of the parts that we use (Slack's “App manifest” reference).
fn own_rules(manifest: &Value) {
    let length = |value: &Value| value.as_str().expect("a text").chars().count();
    let display = &manifest["display_information"];
    assert!((1..=35).contains(&length(&display["name"])));
    assert!((1..=140).contains(&length(&display["description"])));
    let command = &manifest["features"]["slash_commands"][0];
    assert!((2..=32).contains(&length(&command["command"])));
    assert!((1..=2_000).contains(&length(&command["description"])));
    assert!((1..=1_000).contains(&length(&command["usage_hint"])));
    assert!((1..=80).contains(&length(&manifest["features"]["bot_user"]["display_name"])));
    let top = manifest.as_object().expect("a table");
    let known = [
        "display_information",
        "features",
        "oauth_config",
        "settings",
    ];
    assert!(
        top.keys().all(|key| known.contains(&key.as_str())),
        "{top:?}"
    );
}

/// The part of JSON Schema that those files use.
struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    fn read(folder: &Path) -> std::io::Result<Self> {
        let mut schemas = BTreeMap::new();
        for version in ["1", "2"] {
            let text = std::fs::read_to_string(
                folder.join(format!("manifest.schema.{version}.0.0.json")),
            )?;
            schemas.insert(version.to_owned(), serde_json::from_str(&text)?);
        }
        Ok(Self(schemas))
    }

    fn mistakes(&self, version: &str, value: &Value) -> Vec<String> {
        let root = &self.0[version];
        let mut found = Vec::new();
        validate(root, root, value, "$", &mut found);
        found
    }
}

fn validate(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        let target = root
            .pointer(pointer)
            .expect("the reference leads somewhere");
        validate(root, target, value, at, found);
    }
    if let Some(kind) = schema["type"].as_str()
        && !has_type(kind, value)
    {
        found.push(format!("{at} is no {kind}"));
        return;
    }
    if let Some(choices) = schema["enum"].as_array()
        && !choices.contains(value)
    {
        found.push(format!("{at} is none of the choices"));
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let fits = any.iter().any(|one| {
            let mut inner = Vec::new();
            validate(root, one, value, at, &mut inner);
            inner.is_empty()
        });
        if !fits {
            found.push(format!("{at} fits none of anyOf"));
        }
    }
    match value {
        Value::Object(entries) => validate_object(root, schema, entries, at, found),
        Value::Array(items) => validate_array(root, schema, items, at, found),
        Value::String(text) => validate_text(schema, text, at, found),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn has_type(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("the schema uses a type we don't know: {other}"),
    }
}

fn validate_object(
    root: &Value,
    schema: &Value,
    entries: &Map<String, Value>,
    at: &str,
    found: &mut Vec<String>,
) {
    for required in schema["required"].as_array().into_iter().flatten() {
        let key = required.as_str().expect("a key");
        if !entries.contains_key(key) {
            found.push(format!("{at} lacks {key}"));
        }
    }
    for (key, value) in entries {
        let here = format!("{at}.{key}");
        let patterns = schema["patternProperties"].as_object();
        let by_pattern = patterns
            .into_iter()
            .flatten()
            .find(|(pattern, _)| regex::Regex::new(pattern).expect("a pattern").is_match(key));
        if let Some(inner) = schema["properties"].get(key) {
            validate(root, inner, value, &here, found);
        } else if let Some((_, inner)) = by_pattern {
            validate(root, inner, value, &here, found);
        } else if schema["additionalProperties"] == Value::Bool(false) {
            found.push(format!("{here} is not known"));
        }
    }
}

fn validate_array(
    root: &Value,
    schema: &Value,
    items: &[Value],
    at: &str,
    found: &mut Vec<String>,
) {
    let length = items.len() as u64;
    let too_short = schema["minItems"]
        .as_u64()
        .is_some_and(|least| length < least);
    let too_long = schema["maxItems"]
        .as_u64()
        .is_some_and(|most| length > most);
    let unique = schema["uniqueItems"] != Value::Bool(true)
        || (1..items.len()).all(|at| !items[..at].contains(&items[at]));
    if too_short || too_long || !unique {
        found.push(format!("{at} has the wrong number of items, or one twice"));
    }
    if let Some(inner) = schema.get("items") {
        for (number, item) in items.iter().enumerate() {
            validate(root, inner, item, &format!("{at}[{number}]"), found);
        }
    }
}

fn validate_text(schema: &Value, text: &str, at: &str, found: &mut Vec<String>) {
    let length = text.chars().count() as u64;
    let too_short = schema["minLength"]
        .as_u64()
        .is_some_and(|least| length < least);
    let too_long = schema["maxLength"]
        .as_u64()
        .is_some_and(|most| length > most);
    // The patterns are JavaScript's; what our regex crate can't read is none that we are held to.
    let pattern = schema["pattern"].as_str().map(regex::Regex::new);
    let matches = pattern.is_none_or(|pattern| pattern.is_ok_and(|it| it.is_match(text)));
    if too_short || too_long || !matches {
        found.push(format!("{at} has the wrong length or shape: {text}"));
    }
}
