//! An independent check of a rendered message: Slack's limits, and nothing that a person could have smuggled in.
//! It reads JSON alone and shares nothing with the views.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// Stands at the start of a forged line.
pub(crate) const FORGED: &str = "FORGED";

/// Our own mentions of the story's people, and our dates: the only markup that there may be.
static OURS: LazyLock<Regex> = LazyLock::new(|| {
    let date = r"<!date\^\d+\^\{date_short_pretty\} \{time\}\|\d{4}-\d\d-\d\d \d\d:\d\d UTC>";
    Regex::new(&format!("<@U0(RITA|BOB|CAROL|EVE)>|{date}")).unwrap()
});

/// Slack's three escapes.
static ESCAPED: LazyLock<Regex> = LazyLock::new(|| Regex::new("&(amp|lt|gt);").unwrap());

/// What was found wrong with a message.
pub(crate) struct Checker {
    problems: Vec<String>,
    actions: BTreeSet<String>,
}

impl Checker {
    pub(crate) fn new() -> Self {
        Self {
            problems: Vec::new(),
            actions: BTreeSet::new(),
        }
    }

    fn demand(&mut self, holds: bool, what: &str, at: &str) {
        if !holds {
            self.problems.push(format!("{at}: {what}"));
        }
    }

    /// A modal or a home.
    pub(crate) fn view(mut self, view: &Value) -> Vec<String> {
        let blocks = view["blocks"].as_array().cloned().unwrap_or_default();
        let fits = (1..=100).contains(&blocks.len());
        self.demand(fits, "number of blocks", "blocks");
        for (place, block) in blocks.iter().enumerate() {
            self.block(block, &format!("blocks[{place}]"));
        }
        self.problems
    }

    pub(crate) fn message(mut self, message: &Value) -> Vec<String> {
        let text = message["text"].as_str().unwrap_or_default();
        self.markup(text, 4_000, "text");
        let blocks = message["blocks"].as_array().cloned().unwrap_or_default();
        self.demand(
            (1..=50).contains(&blocks.len()),
            "number of blocks",
            "blocks",
        );
        for (place, block) in blocks.iter().enumerate() {
            self.block(block, &format!("blocks[{place}]"));
        }
        self.problems
    }

    fn block(&mut self, block: &Value, at: &str) {
        match block["type"].as_str().unwrap_or_default() {
            "header" => {
                self.demand(block["text"]["type"] == "plain_text", "header is plain", at);
                self.text_object(&block["text"], 150, at);
            }
            "section" => {
                if !block["text"].is_null() {
                    self.text_object(&block["text"], 3_000, at);
                }
                let fields = elements(&block["fields"]);
                self.demand(fields.len() <= 10, "number of fields", at);
                self.demand(
                    !fields.is_empty() || !block["text"].is_null(),
                    "a section says something",
                    at,
                );
                for field in fields {
                    self.text_object(&field, 2_000, at);
                }
                if !block["accessory"].is_null() {
                    self.button(&block["accessory"], at);
                }
            }
            "context" => {
                let texts = elements(&block["elements"]);
                self.demand((1..=10).contains(&texts.len()), "number of elements", at);
                for text in texts {
                    self.text_object(&text, 2_000, at);
                }
            }
            "actions" => {
                let buttons = elements(&block["elements"]);
                self.demand((1..=25).contains(&buttons.len()), "number of buttons", at);
                let primary = buttons.iter().filter(|button| button["style"] == "primary");
                self.demand(primary.count() <= 1, "one primary button", at);
                for button in buttons {
                    self.button(&button, at);
                }
            }
            "divider" => {}
            other => self.demand(false, &format!("unknown block {other}"), at),
        }
    }

    fn button(&mut self, button: &Value, at: &str) {
        self.demand(button["type"] == "button", "a button", at);
        self.text_object(&button["text"], 75, at);
        let value = button["value"].as_str().unwrap_or_default();
        self.demand(
            (1..=2_000).contains(&length(value)),
            "length of the value",
            at,
        );
        let action = button["action_id"].as_str().unwrap_or_default();
        self.demand(
            (1..=255).contains(&length(action)),
            "length of the action id",
            at,
        );
        let new = self.actions.insert(action.into());
        self.demand(new, "action ids differ", at);
        let confirm = &button["confirm"];
        if !confirm.is_null() {
            self.text_object(&confirm["title"], 100, at);
            self.text_object(&confirm["text"], 300, at);
            self.text_object(&confirm["confirm"], 30, at);
            self.text_object(&confirm["deny"], 30, at);
        }
    }

    fn text_object(&mut self, object: &Value, most: usize, at: &str) {
        let text = object["text"].as_str().unwrap_or_default();
        match object["type"].as_str().unwrap_or_default() {
            "plain_text" => {
                self.demand(object["emoji"] == false, "emoji is off", at);
                self.any(text, most, at);
                let tokens = ["<@", "<!", "<#", "<h", "<m"];
                let marked = tokens.iter().any(|token| text.contains(token));
                self.demand(!marked, &format!("markup in plain text: {text}"), at);
            }
            "mrkdwn" => {
                self.demand(object["verbatim"] == true, "verbatim", at);
                self.markup(text, most, at);
            }
            other => self.demand(false, &format!("unknown text {other}"), at),
        }
    }

    /// Only our own mentions and dates are left, and no half a pair of backticks.
    fn markup(&mut self, text: &str, most: usize, at: &str) {
        self.any(text, most, at);
        let mut rest = text.to_owned();
        if rest.contains('<') {
            rest = OURS.replace_all(&rest, "").into_owned();
        }
        self.demand(!rest.contains(['<', '>']), &format!("markup: {text}"), at);
        let bare = rest.contains('&') && ESCAPED.replace_all(&rest, "").contains('&');
        self.demand(!bare, &format!("a bare &: {text}"), at);
        let ticks = rest.matches('`').count();
        self.demand(
            ticks.is_multiple_of(2),
            &format!("half a code span: {text}"),
            at,
        );
    }

    fn any(&mut self, text: &str, most: usize, at: &str) {
        self.demand(!text.trim().is_empty(), "not empty", at);
        self.demand(length(text) <= most, "length", at);
        let controls = text.chars().any(|letter| {
            (letter.is_control() && letter != '\n')
                || ('\u{200B}'..='\u{200F}').contains(&letter)
                || ('\u{2028}'..='\u{202E}').contains(&letter)
                || ('\u{2060}'..='\u{206F}').contains(&letter)
                || letter == '\u{FEFF}'
                || ('\u{E0000}'..='\u{E007F}').contains(&letter)
        });
        self.demand(!controls, &format!("control characters: {text:?}"), at);
        self.demand(!text.contains("://"), &format!("a link: {text}"), at);
        let forged = text.lines().skip(1).any(|line| line.starts_with(FORGED));
        self.demand(!forged, &format!("a forged line: {text}"), at);
    }
}

fn elements(list: &Value) -> Vec<Value> {
    list.as_array().cloned().unwrap_or_default()
}

fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

#[test]
fn the_checker_sees_what_it_looks_for() {
    let section = |text: &str| {
        serde_json::json!({ "text": "fine", "blocks": [
            { "type": "section", "text": { "type": "mrkdwn", "verbatim": true, "text": text } },
        ]})
    };
    assert!(
        Checker::new()
            .message(&section("fine, <@U0BOB>"))
            .is_empty()
    );
    for bad in [
        "",
        "<@U0MALLORY>",
        "<!here>",
        "a & b",
        "`",
        "http://x",
        "a\nFORGED",
        "\u{202e}",
        &"a".repeat(3_001),
    ] {
        assert!(!Checker::new().message(&section(bad)).is_empty(), "{bad}");
    }
}
