//! Walks a structure along its shape and notes every mistake as Slack words it.

use chrono::{NaiveDate, NaiveTime};
use serde_json::{Map, Value};

use super::shapes::{self, Field, Kind, OptionText};

/// Collects mistakes like `[ERROR] missing required field: text [json-pointer:/blocks/0]`.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    pub(crate) mistakes: Vec<String>,
}

impl Checker {
    pub(crate) fn note(&mut self, path: &str, what: impl AsRef<str>) {
        self.mistakes
            .push(format!("[ERROR] {} [json-pointer:{path}]", what.as_ref()));
    }

    /// Unknown keys, missing keys, and every known one by its kind.
    pub(crate) fn object(&mut self, path: &str, object: &Map<String, Value>, fields: &[Field]) {
        for key in object.keys() {
            if !fields.iter().any(|field| field.name == key) {
                self.note(path, format!("invalid additional property: {key}"));
            }
        }
        for field in fields {
            match object.get(field.name) {
                None if field.required => {
                    self.note(path, format!("missing required field: {}", field.name));
                }
                None => {}
                Some(value) => self.value(&format!("{path}/{}", field.name), value, field.kind),
            }
        }
    }

    fn value(&mut self, path: &str, value: &Value, kind: Kind) {
        match kind {
            // Whoever chose the fields has looked at the type.
            Kind::Type | Kind::Blocks => {}
            Kind::Plain(max) => self.text(path, value, max, false),
            Kind::Text(max) => self.text(path, value, max, true),
            Kind::Str(max) => {
                self.string(path, value, max);
            }
            Kind::Url(max) => self.url(path, value, max),
            Kind::Bool => {
                if !value.is_boolean() {
                    self.note(path, "must be a boolean");
                }
            }
            Kind::Int(low, high) => self.integer(path, value, low, high),
            Kind::OneOf(allowed) => {
                if !value.as_str().is_some_and(|given| allowed.contains(&given)) {
                    self.note(path, format!("must be one of: {}", allowed.join(", ")));
                }
            }
            Kind::Object(fields) => self.nested(path, value, fields),
            Kind::Element(allowed) => self.element(path, value, allowed),
            Kind::Elements(allowed, max) => {
                self.each(path, value, 1, max, |checker, path, one| {
                    checker.element(path, one, allowed);
                });
            }
            Kind::ContextElements => self.each(path, value, 1, 10, Self::context_element),
            Kind::Fields => self.each(path, value, 1, 10, |checker, path, one| {
                checker.text(path, one, 2000, true);
            }),
            Kind::Options(max, text) => self.each(path, value, 1, max, |checker, path, one| {
                checker.option(path, one, text);
            }),
            Kind::OptionGroups => self.each(path, value, 1, 100, |checker, path, one| {
                checker.value(path, one, Kind::Object(shapes::OPTION_GROUP));
            }),
            Kind::InitialOption(text) => self.option(path, value, text),
            Kind::InitialOptions(text) => self.each(path, value, 1, 100, |checker, path, one| {
                checker.option(path, one, text);
            }),
            Kind::Strs => self.each(path, value, 1, 100, |checker, path, one| {
                checker.string(path, one, 255);
            }),
            Kind::Date => self.parsed(path, value, "a date like 2026-01-31", |text| {
                text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
            }),
            Kind::Time => self.parsed(path, value, "a time like 09:30", |text| {
                text.len() == 5 && NaiveTime::parse_from_str(text, "%H:%M").is_ok()
            }),
            Kind::RichText => self.rich_text(path, value),
        }
    }

    fn nested(&mut self, path: &str, value: &Value, fields: &[Field]) {
        if let Value::Object(object) = value {
            self.object(path, object, fields);
        } else {
            self.note(path, "must provide an object");
        }
    }

    /// A list within bounds, each of its items checked.
    fn each(
        &mut self,
        path: &str,
        value: &Value,
        min: usize,
        max: usize,
        mut check: impl FnMut(&mut Self, &str, &Value),
    ) {
        let Value::Array(items) = value else {
            return self.note(path, "must be an array");
        };
        if items.len() < min {
            self.note(path, format!("no fewer than {min} items allowed"));
        }
        if items.len() > max {
            self.note(path, format!("no more than {max} items allowed"));
        }
        for (number, item) in items.iter().enumerate() {
            check(self, &format!("{path}/{number}"), item);
        }
    }

    fn string<'a>(&mut self, path: &str, value: &'a Value, max: usize) -> Option<&'a str> {
        let Value::String(text) = value else {
            self.note(path, "must be a string");
            return None;
        };
        if text.chars().count() > max {
            self.note(path, format!("must be less than {} characters", max + 1));
        }
        Some(text)
    }

    fn url(&mut self, path: &str, value: &Value, max: usize) {
        if let Some(text) = self.string(path, value, max) {
            let known = |scheme: &str| ["http", "https", "mailto"].contains(&scheme);
            if !url::Url::parse(text).is_ok_and(|url| known(url.scheme())) {
                self.note(path, "must be a valid url");
            }
        }
    }

    fn integer(&mut self, path: &str, value: &Value, low: i64, high: i64) {
        match value.as_i64() {
            None => self.note(path, "must be an integer"),
            Some(number) if number < low => {
                self.note(path, format!("must be greater than or equal to {low}"));
            }
            Some(number) if number > high => {
                self.note(path, format!("must be less than or equal to {high}"));
            }
            Some(_) => {}
        }
    }

    fn parsed(&mut self, path: &str, value: &Value, like: &str, good: impl Fn(&str) -> bool) {
        if !value.as_str().is_some_and(good) {
            self.note(path, format!("must be {like}"));
        }
    }

    /// A text object.
    pub(crate) fn text(&mut self, path: &str, value: &Value, max: usize, mrkdwn: bool) {
        let Value::Object(object) = value else {
            return self.note(path, "must provide an object");
        };
        let own = match object.get("type").and_then(Value::as_str) {
            Some("plain_text") => "emoji",
            Some("mrkdwn") if mrkdwn => "verbatim",
            Some("mrkdwn") => return self.note(path, "only plain_text is allowed here"),
            Some(other) => return self.note(path, format!("unsupported type: {other}")),
            None => return self.note(path, "missing required field: type"),
        };
        for (key, value) in object {
            match key.as_str() {
                "type" | "text" => {}
                key if key == own => {
                    if !value.is_boolean() {
                        self.note(&format!("{path}/{key}"), "must be a boolean");
                    }
                }
                key => self.note(path, format!("invalid additional property: {key}")),
            }
        }
        let text_path = format!("{path}/text");
        match object.get("text") {
            None => self.note(path, "missing required field: text"),
            Some(text) => {
                if self.string(&text_path, text, max) == Some("") {
                    self.note(&text_path, "must be more than 0 characters");
                }
            }
        }
    }

    fn context_element(&mut self, path: &str, value: &Value) {
        if value["type"] == "image" {
            self.element(path, value, &["image"]);
        } else {
            self.text(path, value, 3000, true);
        }
    }

    fn option(&mut self, path: &str, value: &Value, text: OptionText) {
        let label = if text == OptionText::Any {
            Kind::Text(75)
        } else {
            Kind::Plain(75)
        };
        let field = |name, required, kind| Field {
            name,
            required,
            kind,
        };
        let mut fields = vec![
            field("text", true, label),
            field("value", text != OptionText::Overflow, Kind::Str(75)),
            field("description", false, label),
        ];
        if text == OptionText::Overflow {
            fields.push(field("url", false, Kind::Url(3000)));
        }
        self.nested(path, value, &fields);
    }

    fn element(&mut self, path: &str, value: &Value, allowed: &[&str]) {
        let Value::Object(object) = value else {
            return self.note(path, "must provide an object");
        };
        let Some(kind) = object.get("type").and_then(Value::as_str) else {
            return self.note(path, "missing required field: type");
        };
        match shapes::element(kind).filter(|_| allowed.contains(&kind)) {
            None => self.note(&format!("{path}/type"), format!("unsupported type: {kind}")),
            Some(fields) => {
                self.object(path, object, fields);
                self.choices(path, kind, value);
                self.lengths(path, value);
            }
        }
    }

    /// A static select has options or groups, and what is chosen at first is one of them.
    fn choices(&mut self, path: &str, kind: &str, element: &Value) {
        let static_select = matches!(kind, "static_select" | "multi_static_select");
        let both = (
            element.get("options").is_some(),
            element.get("option_groups").is_some(),
        );
        match (static_select, both) {
            (true, (false, false)) => self.note(path, "missing required field: options"),
            (true, (true, true)) => self.note(path, "options and option_groups exclude each other"),
            _ => {}
        }
        if kind.ends_with("external_select") {
            return;
        }
        let known = super::values::options(element);
        let given = element["initial_options"].as_array().into_iter().flatten();
        for option in given.chain(element.get("initial_option")) {
            if option.is_object() && !known.iter().any(|one| one["value"] == option["value"]) {
                self.note(path, "the initial option is not among the options");
            }
        }
    }

    fn lengths(&mut self, path: &str, element: &Value) {
        let (min, max) = (
            element["min_length"].as_i64(),
            element["max_length"].as_i64(),
        );
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            self.note(path, "min_length must not be greater than max_length");
        }
        for on in element["dispatch_action_config"]["trigger_actions_on"]
            .as_array()
            .into_iter()
            .flatten()
        {
            if on != "on_enter_pressed" && on != "on_character_entered" {
                self.note(
                    path,
                    "trigger_actions_on knows on_enter_pressed, on_character_entered",
                );
            }
        }
    }

    fn rich_text(&mut self, path: &str, value: &Value) {
        self.each(path, value, 1, 100, |checker, path, one| {
            let kind = one["type"].as_str().unwrap_or_default();
            let item = match kind {
                "rich_text_section" | "rich_text_quote" | "rich_text_preformatted" => None,
                "rich_text_list" => Some("rich_text_section"),
                _ => {
                    return checker
                        .note(&format!("{path}/type"), format!("unsupported type: {kind}"));
                }
            };
            checker.each(
                &format!("{path}/elements"),
                &one["elements"],
                1,
                1000,
                |checker, path, one| {
                    const INLINE: &[&str] = &[
                        "text",
                        "link",
                        "user",
                        "usergroup",
                        "channel",
                        "broadcast",
                        "emoji",
                        "date",
                        "color",
                    ];
                    let kind = one["type"].as_str().unwrap_or_default();
                    if item.map_or(!INLINE.contains(&kind), |item| item != kind) {
                        checker.note(&format!("{path}/type"), format!("unsupported type: {kind}"));
                    }
                },
            );
        });
    }
}
