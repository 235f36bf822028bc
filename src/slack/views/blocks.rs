//! The few kinds of blocks that we use, as slack-morphism's types, each within Slack's limits.
//! People's words come in as plain text with emoji off; mrkdwn comes as a `Line`, sent verbatim so that Slack links nothing.

use slack_morphism::SlackActionId;
use slack_morphism::prelude::{
    SlackActionsBlock, SlackBlock, SlackBlockButtonElement, SlackBlockButtonStyle,
    SlackBlockConfirmItem, SlackBlockId, SlackBlockMarkDownText, SlackBlockPlainText,
    SlackBlockPlainTextOnly, SlackBlockText, SlackContextBlock, SlackDividerBlock,
    SlackHeaderBlock, SlackSectionBlock,
};

use super::limits;
use super::text::{Line, cut, plain};
use crate::slack::inbound::action;

/// A button; its value is an opaque id.
pub(super) struct Button {
    pub(super) action: String,
    pub(super) label: String,
    pub(super) value: String,
    pub(super) style: Style,
    pub(super) confirm: Option<Confirm>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    /// At most one in a set.
    Primary,
    Danger,
}

pub(super) struct Confirm {
    pub(super) title: &'static str,
    /// Plain text.
    pub(super) text: String,
    pub(super) yes: &'static str,
    pub(super) no: &'static str,
}

impl Button {
    pub(super) fn new(action: &str, label: impl Into<String>, value: &str) -> Self {
        Self {
            action: action.into(),
            label: label.into(),
            value: value.into(),
            style: Style::Plain,
            confirm: None,
        }
    }

    pub(super) fn primary(mut self) -> Self {
        self.style = Style::Primary;
        self
    }

    pub(super) fn danger(mut self, confirm: Confirm) -> Self {
        self.style = Style::Danger;
        self.confirm = Some(confirm);
        self
    }

    pub(super) fn confirm(mut self, confirm: Confirm) -> Self {
        self.confirm = Some(confirm);
        self
    }

    /// Tells it apart from others of its kind in the same message.
    pub(super) fn numbered(mut self, number: usize) -> Self {
        self.action = format!("{}:{number}", self.action);
        self
    }

    fn element(self) -> SlackBlockButtonElement {
        let mut element = SlackBlockButtonElement::new(only_plain(&self.label, limits::BUTTON))
            .with_action_id(SlackActionId(self.action))
            .with_value(cut(&self.value, limits::BUTTON_VALUE));
        element.style = match self.style {
            Style::Plain => None,
            Style::Primary => Some(SlackBlockButtonStyle::Primary),
            Style::Danger => Some(SlackBlockButtonStyle::Danger),
        };
        let danger = self.style == Style::Danger;
        element.confirm = self.confirm.map(|confirm| {
            let item = SlackBlockConfirmItem::new(
                only_plain(confirm.title, limits::CONFIRM_TITLE),
                SlackBlockText::Plain(plain_text(&confirm.text, limits::CONFIRM_TEXT)),
                only_plain(confirm.yes, limits::CONFIRM_BUTTON),
                only_plain(confirm.no, limits::CONFIRM_BUTTON),
            );
            if danger {
                item.with_style("danger".into())
            } else {
                item
            }
        });
        element
    }
}

pub(super) fn header(text: &str) -> SlackBlock {
    SlackHeaderBlock::new(only_plain(text, limits::HEADER)).into()
}

pub(super) fn section(line: Line) -> SlackBlock {
    SlackSectionBlock::new()
        .with_text(mrkdwn(line, limits::SECTION))
        .into()
}

/// A line across.
pub(super) fn divider() -> SlackBlock {
    SlackDividerBlock::new().into()
}

/// A section with one button beside it.
pub(super) fn section_with(line: Line, button: Button) -> SlackBlock {
    SlackSectionBlock::new()
        .with_text(mrkdwn(line, limits::SECTION))
        .with_accessory(button.element().into())
        .into()
}

/// A person's words in a block of their own: `label: words`.
pub(super) fn words(label: &'static str, text: &str) -> SlackBlock {
    let colon = if label.is_empty() { "" } else { ": " };
    lines([format!("{label}{colon}{text}")])
}

/// Plain sentences, each on a line of its own.
pub(super) fn lines(sentences: impl IntoIterator<Item = String>) -> SlackBlock {
    let mut text = String::new();
    for sentence in sentences {
        let sentence = plain(&sentence, limits::SECTION);
        if !text.is_empty() && !sentence.is_empty() {
            text.push('\n');
        }
        text.push_str(&sentence);
    }
    if text.is_empty() {
        text.push('–');
    }
    let text = SlackBlockPlainText::new(cut(&text, limits::SECTION)).with_emoji(false);
    SlackSectionBlock::new()
        .with_text(SlackBlockText::Plain(text))
        .into()
}

/// Facts side by side, `*Label*` above its value.
pub(super) fn fields(fields: Vec<Line>) -> SlackBlock {
    let fields = fields
        .into_iter()
        .take(limits::FIELDS)
        .map(|field| mrkdwn(field, limits::FIELD))
        .collect();
    SlackSectionBlock::new().with_fields(fields).into()
}

pub(super) fn context(lines: Vec<Line>) -> SlackBlock {
    let elements = lines
        .into_iter()
        .filter(|line| !line.is_empty())
        .take(limits::CONTEXT_ELEMENTS)
        .map(|line| mark_down(line, limits::CONTEXT).into())
        .collect();
    SlackContextBlock::new(elements).into()
}

pub(super) fn actions(buttons: Vec<Button>) -> SlackBlock {
    buttons_in(buttons).into()
}

/// The buttons of a card: a press tells by the block's id that it came from one.
pub(super) fn card_actions(buttons: Vec<Button>) -> SlackBlock {
    buttons_in(buttons)
        .with_block_id(SlackBlockId(action::CARD.into()))
        .into()
}

fn buttons_in(buttons: Vec<Button>) -> SlackActionsBlock {
    let elements = buttons
        .into_iter()
        .take(limits::ACTIONS)
        .map(|button| button.element().into())
        .collect();
    SlackActionsBlock::new(elements)
}

fn mrkdwn(line: Line, most: usize) -> SlackBlockText {
    SlackBlockText::MarkDown(mark_down(line, most))
}

/// `verbatim`: Slack makes no links of what looks like one.
fn mark_down(line: Line, most: usize) -> SlackBlockMarkDownText {
    SlackBlockMarkDownText::new(line.finish(most)).with_verbatim(true)
}

fn plain_text(text: &str, most: usize) -> SlackBlockPlainText {
    let text = plain(text, most);
    let text = if text.is_empty() { "–".into() } else { text };
    SlackBlockPlainText::new(text).with_emoji(false)
}

fn only_plain(text: &str, most: usize) -> SlackBlockPlainTextOnly {
    plain_text(text, most).into()
}
