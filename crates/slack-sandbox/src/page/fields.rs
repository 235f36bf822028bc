//! Inputs: every element that holds a value, as a labelled control.
//!
//! The script reads `data-field` with `data-block` and `data-action` and sends bare values.

use maud::{Markup, html};
use serde_json::Value;

use super::Seat;
use super::blocks::{Owner, id, list};
use super::text;
use crate::blocks::values;
use crate::state::ConversationKind;

/// An input block: label, control, hint, mistake.
pub(crate) fn input(seat: &Seat<'_>, owner: Owner<'_>, block: &Value) -> Markup {
    let block_id = block["block_id"].as_str().unwrap_or_default();
    let element = &block["element"];
    let name = format!("{block_id}-{}", id(element));
    let label = block["label"]["text"].as_str().unwrap_or_default();
    let grouped = matches!(
        element["type"].as_str(),
        Some("radio_buttons" | "checkboxes")
    );
    let optional = block["optional"] == true;
    let head = html! {
        (label)
        @if optional { span.quiet { " (optional)" } }
    };
    html! {
        div.input data-block=(block_id) data-dispatch[block["dispatch_action"] == true] {
            @if grouped { p.label id={ (name) "-label" } { (head) } }
            @else { label.label for=(name) { (head) } }
            (field(seat, owner, block_id, element, Some(&name)))
            @if let Some(hint) = block["hint"]["text"].as_str() { p.hint { (hint) } }
            p.error data-error=(block_id) role="alert" { (owner.error(block_id).unwrap_or_default()) }
        }
    }
}

/// The control alone. Without a `name` (outside of forms) its placeholder is its label.
pub(crate) fn field(
    seat: &Seat<'_>,
    owner: Owner<'_>,
    block_id: &str,
    element: &Value,
    name: Option<&str>,
) -> Markup {
    let kind = element["type"].as_str().unwrap_or_default();
    let held = owner.value(block_id, element);
    let control = match kind {
        "radio_buttons" => choices(seat, block_id, element, &held, false),
        "checkboxes" => choices(seat, block_id, element, &held, true),
        "plain_text_input" if element["multiline"] == true => html! {
            textarea id=[name] rows="3" maxlength=[element["max_length"].as_u64()]
                placeholder=[placeholder(element)] autofocus[element["focus_on_load"] == true] {
                (held["value"].as_str().unwrap_or_default())
            }
        },
        "datepicker" => simple(element, name, "date", &held["selected_date"]),
        "timepicker" => simple(element, name, "time", &held["selected_time"]),
        "datetimepicker" => simple(element, name, "datetime-local", &Value::Null),
        "number_input" => simple(element, name, "number", &held["value"]),
        "email_text_input" => simple(element, name, "email", &held["value"]),
        "url_text_input" => simple(element, name, "url", &held["value"]),
        "plain_text_input" => simple(element, name, "text", &held["value"]),
        _ => select(seat, element, name, &held),
    };
    html! {
        div.field data-field=(kind) data-block=(block_id) data-action=(id(element)) { (control) }
    }
}

fn placeholder(element: &Value) -> Option<&str> {
    element["placeholder"]["text"].as_str()
}

fn simple(element: &Value, name: Option<&str>, kind: &str, value: &Value) -> Markup {
    let label = name.is_none().then(|| placeholder(element).unwrap_or(kind));
    let step = (kind == "number" && element["is_decimal_allowed"] == true).then_some("any");
    html! {
        input type=(kind) id=[name] value=[value.as_str()] aria-label=[label]
            placeholder=[placeholder(element)] maxlength=[element["max_length"].as_u64()]
            min=[element["min_value"].as_str()] max=[element["max_value"].as_str()] step=[step]
            data-initial=[element["initial_date_time"].as_i64()] autocomplete="off"
            autofocus[element["focus_on_load"] == true];
    }
}

fn choices(
    seat: &Seat<'_>,
    block_id: &str,
    element: &Value,
    held: &Value,
    several: bool,
) -> Markup {
    let name = format!("{block_id}-{}", id(element));
    let chosen = |option: &Value| {
        let many = list(&held["selected_options"]);
        held["selected_option"]["value"] == option["value"] && option["value"].is_string()
            || many.iter().any(|one| one["value"] == option["value"])
    };
    let role = if several { "group" } else { "radiogroup" };
    html! {
        div.choices role=(role) aria-labelledby={ (name) "-label" } {
            @for option in list(&element["options"]) {
                label.option {
                    input type=(if several { "checkbox" } else { "radio" }) name=(name)
                        value=(option["value"].as_str().unwrap_or_default()) checked[chosen(option)];
                    span {
                        (text::label(seat, &option["text"]))
                        @if option["description"].is_object() {
                            span.hint { (text::label(seat, &option["description"])) }
                        }
                    }
                }
            }
        }
    }
}

/// (value, label) of everything that can be chosen.
fn offered(seat: &Seat<'_>, element: &Value) -> Vec<(String, String)> {
    let kind = element["type"].as_str().unwrap_or_default();
    if kind.ends_with("users_select") {
        let people = seat
            .state
            .workspace
            .people
            .iter()
            .filter(|person| !person.deleted);
        return people
            .map(|person| (person.id.clone(), seat.name_of(&person.id)))
            .collect();
    }
    if kind.ends_with("channels_select") || kind.ends_with("conversations_select") {
        let public = |kind| kind == ConversationKind::Public;
        let seen = seat.state.conversations.iter();
        return seen
            .filter(|one| !one.is_direct() && (public(one.kind) || one.has(&seat.me.id)))
            .map(|one| (one.id.clone(), format!("#{}", one.name)))
            .collect();
    }
    let text = |option: &Value| {
        option["text"]["text"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let value = |option: &Value| option["value"].as_str().unwrap_or_default().to_owned();
    values::options(element)
        .into_iter()
        .map(|one| (value(one), text(one)))
        .collect()
}

fn select(seat: &Seat<'_>, element: &Value, name: Option<&str>, held: &Value) -> Markup {
    let several = element["type"]
        .as_str()
        .is_some_and(|kind| kind.starts_with("multi_"));
    let chosen = |value: &str| {
        held.as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| *key != "type")
            .any(|(_, held)| {
                let is = |one: &Value| one == value || one["value"] == value;
                is(held) || held.as_array().is_some_and(|many| many.iter().any(is))
            })
    };
    let label = placeholder(element).unwrap_or("Choose");
    html! {
        select id=[name] multiple[several] aria-label=[name.is_none().then_some(label)]
            autofocus[element["focus_on_load"] == true] {
            @if !several { option value="" { (label) } }
            @for (value, label) in offered(seat, element) {
                option value=(value) selected[chosen(&value)] { (label) }
            }
        }
    }
}
