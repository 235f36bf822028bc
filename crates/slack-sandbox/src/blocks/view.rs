//! The rules for a whole message and a whole view.

use std::collections::HashSet;

use serde_json::Value;

use super::check::Checker;
use super::shapes;

const BLOCKS_IN_MESSAGE: usize = 50;
const BLOCKS_IN_VIEW: usize = 100;
/// All markdown blocks of a message together.
const MARKDOWN_TOTAL: usize = 12_000;

/// The mistakes in a message's `blocks`; none means Slack takes them.
pub fn check_message(blocks: &[Value]) -> Vec<String> {
    let mut checker = Checker::default();
    check_blocks(&mut checker, "/blocks", blocks, BLOCKS_IN_MESSAGE, true);
    let markdown = blocks.iter().filter(|block| block["type"] == "markdown");
    let total: usize = markdown
        .filter_map(|block| block["text"].as_str())
        .map(|text| text.chars().count())
        .sum();
    if total > MARKDOWN_TOTAL {
        checker.note(
            "/blocks",
            format!(
                "markdown must be less than {} characters in all",
                MARKDOWN_TOTAL + 1
            ),
        );
    }
    checker.mistakes
}

/// The mistakes in a modal or home view; none means Slack takes it.
pub fn check_view(view: &Value) -> Vec<String> {
    let mut checker = Checker::default();
    let path = "/view";
    let Value::Object(object) = view else {
        checker.note(path, "must provide an object");
        return checker.mistakes;
    };
    let fields = match object.get("type").and_then(Value::as_str) {
        Some("modal") => shapes::MODAL,
        Some("home") => shapes::HOME,
        Some(other) => {
            checker.note("/view/type", format!("unsupported type: {other}"));
            return checker.mistakes;
        }
        None => {
            checker.note(path, "missing required field: type");
            return checker.mistakes;
        }
    };
    checker.object(path, object, fields);
    match object.get("blocks") {
        None => {}
        Some(Value::Array(blocks)) => {
            check_blocks(&mut checker, "/view/blocks", blocks, BLOCKS_IN_VIEW, false);
            let inputs = blocks.iter().any(|block| block["type"] == "input");
            if inputs && view["type"] == "modal" && !object.contains_key("submit") {
                checker.note(
                    path,
                    "missing required field: submit (the view has input blocks)",
                );
            }
        }
        Some(_) => checker.note("/view/blocks", "must be an array"),
    }
    checker.mistakes
}

fn check_blocks(checker: &mut Checker, path: &str, blocks: &[Value], max: usize, message: bool) {
    if blocks.len() > max {
        checker.note(path, format!("no more than {max} items allowed"));
    }
    let mut ids = HashSet::new();
    for (number, block) in blocks.iter().enumerate() {
        let path = format!("{path}/{number}");
        check_block(checker, &path, block, message);
        if let Some(id) = block["block_id"].as_str().filter(|id| !id.is_empty())
            && !ids.insert(id)
        {
            checker.note(
                &format!("{path}/block_id"),
                format!("`block_id` {id} already exists"),
            );
        }
        unique_action_ids(checker, &path, block);
    }
    one_focus(checker, path, blocks);
}

fn check_block(checker: &mut Checker, path: &str, block: &Value, message: bool) {
    let Value::Object(object) = block else {
        return checker.note(path, "must provide an object");
    };
    let Some(kind) = object.get("type").and_then(Value::as_str) else {
        return checker.note(path, "missing required field: type");
    };
    let Some(fields) = shapes::block(kind).filter(|_| message || kind != "markdown") else {
        return checker.note(&format!("{path}/type"), format!("unsupported type: {kind}"));
    };
    checker.object(path, object, fields);
    if kind == "section" && !object.contains_key("text") && !object.contains_key("fields") {
        checker.note(path, "missing required field: text or fields");
    }
    if kind == "input" && block["element"]["type"] == "button" {
        checker.note(path, "an input block can't hold a button");
    }
}

/// Within its block an `action_id` must be unique; in two blocks it may be the same.
fn unique_action_ids(checker: &mut Checker, path: &str, block: &Value) {
    let mut ids = HashSet::new();
    for (number, element) in block["elements"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        if let Some(id) = element["action_id"].as_str().filter(|id| !id.is_empty())
            && !ids.insert(id)
        {
            let path = format!("{path}/elements/{number}/action_id");
            checker.note(
                &path,
                format!("`action_id` {id} already exists for this block"),
            );
        }
    }
}

fn one_focus(checker: &mut Checker, path: &str, blocks: &[Value]) {
    let focused = super::interactive(blocks).filter(|(_, one)| one["focus_on_load"] == true);
    if focused.count() > 1 {
        checker.note(path, "only one element may have focus_on_load");
    }
}
