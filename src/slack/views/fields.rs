//! The frames of modals and the kinds of fields that ours have, as Slack's JSON, each within Slack's limits.
//! Labels and hints are ours; what a person typed before goes into a field unchanged but for its length.

use serde_json::{Value, json};
use slack_morphism::prelude::SlackBlock;

use super::limits;
use super::text::{cut, plain};

/// A modal around blocks.
pub(super) struct Modal<'a> {
    pub(super) callback: &'static str,
    /// An opaque id that comes back with it.
    pub(super) metadata: &'a str,
    pub(super) title: &'static str,
    /// None: there is nothing to send.
    pub(super) submit: Option<&'static str>,
    pub(super) close: &'static str,
}

impl Modal<'_> {
    pub(super) fn of(self, mut blocks: Vec<Value>) -> Value {
        blocks.truncate(limits::VIEW_BLOCKS);
        let mut view = json!({
            "type": "modal",
            "callback_id": self.callback,
            "private_metadata": self.metadata,
            "title": words(self.title, limits::MODAL_TITLE),
            "close": words(self.close, limits::MODAL_TITLE),
            "blocks": blocks,
        });
        if let Some(submit) = self.submit {
            view["submit"] = words(submit, limits::MODAL_TITLE);
        }
        view
    }
}

/// A block of messages, in a modal.
pub(super) fn block(block: &SlackBlock) -> Value {
    serde_json::to_value(block).unwrap_or_default()
}

/// One choice of a select.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    /// A second, smaller line.
    pub(super) more: String,
}

impl Choice {
    fn option(&self) -> Value {
        let mut option = json!({
            "text": words(&self.label, limits::OPTION),
            "value": self.value,
        });
        if !self.more.trim().is_empty() {
            option["description"] = words(&self.more, limits::OPTION);
        }
        option
    }
}

/// Where a field stands, and what it is called.
pub(super) struct Input<'a> {
    pub(super) block: &'a str,
    pub(super) action: &'a str,
    pub(super) label: &'a str,
    pub(super) hint: &'a str,
    pub(super) needed: Needed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needed {
    Yes,
    No,
}

impl Input<'_> {
    fn around(&self, mut element: Value) -> Value {
        element["action_id"] = self.action.into();
        let mut block = json!({
            "type": "input",
            "block_id": self.block,
            "label": words(self.label, limits::LABEL),
            "element": element,
            "optional": self.needed == Needed::No,
        });
        if !self.hint.is_empty() {
            block["hint"] = words(self.hint, limits::LABEL);
        }
        block
    }

    /// Named groups of choices; one without a name is a plain list. What is chosen must be among them.
    pub(super) fn select(&self, groups: &[(&str, Vec<Choice>)], chosen: Option<&str>) -> Value {
        let mut element = json!({ "type": "static_select" });
        let options = |choices: &[Choice]| choices.iter().map(Choice::option).collect::<Value>();
        if let [("", only)] = groups {
            element["options"] = options(only);
        } else {
            let groups = groups.iter().map(|(name, choices)| {
                json!({ "label": words(name, limits::OPTION), "options": options(choices) })
            });
            element["option_groups"] = groups.collect();
        }
        let mut all = groups.iter().flat_map(|(_, choices)| choices);
        if let Some(chosen) = all.find(|choice| chosen == Some(&choice.value)) {
            element["initial_option"] = chosen.option();
        }
        self.around(element)
    }

    /// A line, or several, of at most so many characters.
    pub(super) fn text(&self, lines: Lines, most: usize, filled: &str, like: &str) -> Value {
        let mut element = json!({
            "type": "plain_text_input",
            "multiline": lines == Lines::Several,
            "max_length": most,
        });
        let filled = filled.replace(|letter: char| letter.is_control() && letter != '\n', " ");
        if !filled.trim().is_empty() {
            element["initial_value"] = cut(&filled, most).into();
        }
        if !like.is_empty() {
            element["placeholder"] = words(like, limits::PLACEHOLDER);
        }
        self.around(element)
    }

    /// Somebody of the workspace.
    pub(super) fn person(&self, chosen: Option<&str>) -> Value {
        let mut element = json!({ "type": "users_select" });
        if let Some(chosen) = chosen {
            element["initial_user"] = chosen.into();
        }
        self.around(element)
    }

    /// A date and a time, which Slack shows in the reader's own zone.
    pub(super) fn moment(&self, filled: Option<i64>) -> Value {
        let mut element = json!({ "type": "datetimepicker" });
        // Ten digits, says Slack.
        if let Some(seconds) = filled.filter(|at| (1_000_000_000..10_000_000_000).contains(at)) {
            element["initial_date_time"] = seconds.into();
        }
        self.around(element)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    One,
    Several,
}

/// Tells about every change at once, not only when the modal is sent.
pub(super) fn telling_at_once(mut input: Value) -> Value {
    input["dispatch_action"] = true.into();
    input
}

fn words(text: &str, most: usize) -> Value {
    let text = plain(text, most);
    let text = if text.is_empty() { "–".into() } else { text };
    json!({ "type": "plain_text", "text": text, "emoji": false })
}
