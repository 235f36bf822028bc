//! Planted mistakes: each is found, at its place, and nothing else is.

use serde_json::{Value, json};

use super::{check_message, check_view};

fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text })
}

fn button(action_id: &str) -> Value {
    json!({ "type": "button", "action_id": action_id, "text": plain("Go") })
}

fn section(text: &Value) -> Value {
    json!({ "type": "section", "text": text })
}

fn actions(elements: &Value) -> Value {
    json!({ "type": "actions", "elements": elements })
}

fn option(value: &str) -> Value {
    json!({ "text": plain(value), "value": value })
}

fn options(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| option(&number.to_string()))
        .collect()
}

fn long(length: usize) -> String {
    "x".repeat(length)
}

fn with(mut value: Value, key: &str, field: Value) -> Value {
    value[key] = field;
    value
}

fn input(element: &Value) -> Value {
    json!({ "type": "input", "block_id": "in", "label": plain("Label"), "element": element })
}

fn modal(blocks: &Value) -> Value {
    json!({ "type": "modal", "title": plain("Title"), "submit": plain("Send"), "blocks": blocks })
}

/// The one mistake in one block: where, and a part of what is said.
#[track_caller]
fn finds(block: &Value, pointer: &str, said: &str) {
    finds_in(
        &check_message(std::slice::from_ref(block)),
        &format!("/blocks/0{pointer}"),
        said,
    );
}

#[track_caller]
fn finds_in(mistakes: &[String], pointer: &str, said: &str) {
    let [mistake] = mistakes else {
        panic!("one mistake expected: {mistakes:#?}")
    };
    let place = format!("[json-pointer:{pointer}]");
    assert!(mistake.ends_with(&place), "{mistake} is not at {place}");
    assert!(
        mistake.starts_with("[ERROR] ") && mistake.contains(said),
        "{mistake}"
    );
}

#[test]
fn texts_have_a_type_and_a_length() {
    finds(&section(&plain("")), "/text/text", "more than 0 characters");
    finds(
        &section(&plain(&long(3001))),
        "/text/text",
        "less than 3001",
    );
    finds(
        &section(&json!({ "type": "html", "text": "x" })),
        "/text",
        "unsupported type: html",
    );
    finds(
        &section(&json!({ "type": "plain_text" })),
        "/text",
        "missing required field: text",
    );
    finds(&section(&json!("bare")), "/text", "must provide an object");
    finds(
        &section(&with(plain("x"), "verbatim", json!(true))),
        "/text",
        "additional property: verbatim",
    );
    finds(
        &section(&with(plain("x"), "emoji", json!("no"))),
        "/text/emoji",
        "boolean",
    );
    finds(
        &section(&with(plain("x"), "text", json!(5))),
        "/text/text",
        "must be a string",
    );
    let header = json!({ "type": "header", "text": { "type": "mrkdwn", "text": "*x*" } });
    finds(&header, "/text", "only plain_text");
    finds(
        &json!({ "type": "header", "text": plain(&long(151)) }),
        "/text/text",
        "less than 151",
    );
}

#[test]
fn blocks_have_known_types_and_keys() {
    finds(
        &json!({ "type": "sektion" }),
        "/type",
        "unsupported type: sektion",
    );
    finds(&json!({ "text": "x" }), "", "missing required field: type");
    finds(&json!("divider"), "", "must provide an object");
    finds(&json!({ "type": "section" }), "", "text or fields");
    finds(
        &json!({ "type": "divider", "colour": "red" }),
        "",
        "additional property: colour",
    );
    finds(
        &json!({ "type": "divider", "block_id": long(256) }),
        "/block_id",
        "less than 256",
    );
    finds(
        &json!({ "type": "header" }),
        "",
        "missing required field: text",
    );
}

#[test]
fn lists_have_a_least_and_a_most() {
    finds(&actions(&json!([])), "/elements", "no fewer than 1");
    let many: Vec<_> = (0..26)
        .map(|number| button(&format!("b{number}")))
        .collect();
    finds(&actions(&json!(many)), "/elements", "no more than 25");
    let eleven: Vec<_> = (0..11).map(|_| plain("x")).collect();
    finds(
        &json!({ "type": "section", "fields": eleven }),
        "/fields",
        "no more than 10",
    );
    finds(
        &json!({ "type": "context", "elements": eleven }),
        "/elements",
        "no more than 10",
    );
    finds(
        &json!({ "type": "section", "fields": [plain(&long(2001))] }),
        "/fields/0/text",
        "less than 2001",
    );
    let blocks = vec![json!({ "type": "divider" }); 51];
    finds_in(&check_message(&blocks), "/blocks", "no more than 50");
    finds_in(
        &check_view(&modal(&json!(vec![json!({ "type": "divider" }); 101]))),
        "/view/blocks",
        "no more than 100",
    );
}

#[test]
fn ids_are_used_once() {
    let twice = json!({ "type": "divider", "block_id": "same" });
    finds_in(
        &check_message(&[twice.clone(), twice]),
        "/blocks/1/block_id",
        "already exists",
    );
    finds(
        &actions(&json!([button("a"), button("a")])),
        "/elements/1/action_id",
        "already exists",
    );
    let apart = [
        actions(&json!([button("a")])),
        actions(&json!([button("a")])),
    ];
    assert!(
        check_message(&apart).is_empty(),
        "in two blocks Slack allows it"
    );
}

#[test]
fn buttons_are_within_their_bounds() {
    let one = |key: &str, value: Value| actions(&json!([with(button("a"), key, value)]));
    finds(
        &one("text", plain(&long(76))),
        "/elements/0/text/text",
        "less than 76",
    );
    finds(
        &one("value", json!(long(2001))),
        "/elements/0/value",
        "less than 2001",
    );
    finds(
        &one("value", json!(7)),
        "/elements/0/value",
        "must be a string",
    );
    finds(
        &one("style", json!("default")),
        "/elements/0/style",
        "must be one of",
    );
    finds(&one("url", json!("no url")), "/elements/0/url", "valid url");
    finds(
        &one("action_id", json!(long(256))),
        "/elements/0/action_id",
        "less than 256",
    );
    finds(
        &one("colour", json!("red")),
        "/elements/0",
        "additional property",
    );
    let confirm = json!({ "title": plain("Sure?"), "text": plain(&long(301)), "confirm": plain("Yes"), "deny": plain("No") });
    finds(
        &one("confirm", confirm.clone()),
        "/elements/0/confirm/text/text",
        "less than 301",
    );
    let mut without = with(confirm, "text", plain("x"));
    without.as_object_mut().expect("an object").remove("deny");
    finds(
        &one("confirm", without),
        "/elements/0/confirm",
        "missing required field: deny",
    );
}

#[test]
fn selects_have_options_and_start_with_one_of_them() {
    let select =
        |options: Value| json!({ "type": "static_select", "action_id": "s", "options": options });
    let of = |element: Value| actions(&json!([element]));
    finds(
        &of(select(json!([]))),
        "/elements/0/options",
        "no fewer than 1",
    );
    finds(
        &of(select(json!(options(101)))),
        "/elements/0/options",
        "no more than 100",
    );
    finds(
        &of(json!({ "type": "static_select", "action_id": "s" })),
        "/elements/0",
        "options",
    );
    let wide = json!([{ "text": plain("x"), "value": long(76) }]);
    finds(
        &of(select(wide)),
        "/elements/0/options/0/value",
        "less than 76",
    );
    let odd = with(select(json!(options(2))), "initial_option", option("9"));
    finds(&of(odd), "/elements/0", "not among the options");
    let radio = json!({ "type": "radio_buttons", "action_id": "r", "options": options(11) });
    finds(&of(radio), "/elements/0/options", "no more than 10");
    let overflow = json!({ "type": "overflow", "action_id": "o", "options": options(6) });
    finds(&of(overflow), "/elements/0/options", "no more than 5");
    let bold = json!([{ "text": { "type": "mrkdwn", "text": "*x*" }, "value": "x" }]);
    finds(
        &of(select(bold)),
        "/elements/0/options/0/text",
        "only plain_text",
    );
}

#[test]
fn pickers_start_with_real_dates_and_times() {
    let of = |element: Value| actions(&json!([element]));
    finds(
        &of(json!({ "type": "datepicker", "initial_date": "2026-02-30" })),
        "/elements/0/initial_date",
        "a date",
    );
    finds(
        &of(json!({ "type": "timepicker", "initial_time": "9:30" })),
        "/elements/0/initial_time",
        "a time",
    );
    finds(
        &of(json!({ "type": "datetimepicker", "initial_date_time": 12 })),
        "/elements/0/initial_date_time",
        "greater",
    );
}

#[test]
fn elements_stand_where_they_may() {
    finds(
        &actions(&json!([{ "type": "plain_text_input" }])),
        "/elements/0/type",
        "unsupported type",
    );
    finds(
        &with(
            section(&plain("x")),
            "accessory",
            json!({ "type": "number_input" }),
        ),
        "/accessory/type",
        "unsupported",
    );
    let view = modal(&json!([{ "type": "markdown", "text": "x" }]));
    finds_in(
        &check_view(&view),
        "/view/blocks/0/type",
        "unsupported type: markdown",
    );
}

#[test]
fn views_have_a_title_and_a_submit_where_something_is_entered() {
    let entry = input(&json!({ "type": "plain_text_input", "action_id": "t" }));
    let mut view = modal(&json!([entry]));
    assert!(check_view(&view).is_empty());
    let keyless = |view: &Value, key: &str| {
        let mut view = view.clone();
        view.as_object_mut().expect("an object").remove(key);
        check_view(&view)
    };
    finds_in(&keyless(&view, "submit"), "/view", "submit");
    finds_in(
        &keyless(&view, "title"),
        "/view",
        "missing required field: title",
    );
    finds_in(
        &keyless(&view, "blocks"),
        "/view",
        "missing required field: blocks",
    );
    finds_in(
        &keyless(&view, "type"),
        "/view",
        "missing required field: type",
    );
    finds_in(
        &check_view(&with(view.clone(), "title", plain(&long(25)))),
        "/view/title/text",
        "less than 25",
    );
    finds_in(
        &check_view(&with(view.clone(), "private_metadata", json!(long(3001)))),
        "/view/private_metadata",
        "3001",
    );
    finds_in(
        &check_view(&with(view.clone(), "callback", json!("x"))),
        "/view",
        "additional property: callback",
    );
    finds_in(
        &check_view(&with(view.clone(), "notify_on_close", json!("yes"))),
        "/view/notify_on_close",
        "boolean",
    );
    view["blocks"] = json!({});
    finds_in(&check_view(&view), "/view/blocks", "must be an array");
    finds_in(
        &check_view(&json!({ "type": "panel" })),
        "/view/type",
        "unsupported type: panel",
    );
    finds_in(
        &check_view(&json!({ "type": "home", "blocks": [], "title": plain("x") })),
        "/view",
        "title",
    );
}

#[test]
fn inputs_have_a_label_and_sensible_lengths() {
    let text =
        json!({ "type": "plain_text_input", "action_id": "t", "min_length": 5, "max_length": 2 });
    finds_in(
        &check_view(&modal(&json!([input(&text)]))),
        "/view/blocks/0/element",
        "min_length",
    );
    let text = json!({ "type": "plain_text_input", "action_id": "t", "max_length": 3001 });
    finds_in(
        &check_view(&modal(&json!([input(&text)]))),
        "/view/blocks/0/element/max_length",
        "3000",
    );
    let text = json!({ "type": "plain_text_input", "action_id": "t", "focus_on_load": true });
    let two = json!([input(&text), with(input(&text), "block_id", json!("other"))]);
    finds_in(&check_view(&modal(&two)), "/view/blocks", "focus_on_load");
    let marked = with(
        input(&json!({ "type": "datepicker" })),
        "label",
        json!({ "type": "mrkdwn", "text": "x" }),
    );
    finds_in(
        &check_view(&modal(&json!([marked]))),
        "/view/blocks/0/label",
        "only plain_text",
    );
}

#[test]
fn good_blocks_of_every_kind_pass() {
    let blocks = [
        json!({ "type": "header", "block_id": "h", "text": plain("db-admin for 2 hours") }),
        json!({ "type": "section", "fields": [{ "type": "mrkdwn", "text": "*For* <@U1>" }, plain("x")] }),
        with(section(&plain("x")), "accessory", button("side")),
        json!({ "type": "context", "elements": [plain("x"), { "type": "image", "image_url": "https://a.example/i.png", "alt_text": "i" }] }),
        actions(
            &json!([button("a"), { "type": "users_select", "action_id": "u" },
            { "type": "overflow", "action_id": "o", "options": [{ "text": plain("x"), "url": "https://a.example" }] }]),
        ),
        json!({ "type": "markdown", "text": "**x**" }),
        json!({ "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": [{ "type": "text", "text": "x" }] }] }),
        json!({ "type": "divider" }),
    ];
    assert_eq!(check_message(&blocks), Vec::<String>::new());
}
