//! What an approver fills in: why a request is denied; for how long it is approved, and a note. Above it stands what is
//! decided, so that nobody decides something else than they think. Also how an answer looks in a modal.

use serde_json::Value;

use super::fields::{Choice, Label, Lines, Modal, Needed, block};
use super::text::Line;
use super::{Rendered, blocks, card};
use crate::app::form_shown::ReviewShownFirst;
use crate::slack::inbound::field::{self, callback};

/// What an approver writes, in characters.
const WORDS: usize = 1_000;

pub fn deny_form(review: &ReviewShownFirst) -> Value {
    let mut out = what(review);
    out.push(
        Label {
            block: field::REASON,
            action: field::REASON,
            label: "Why not, and what would do instead",
            hint: "Whoever asked reads this. It stands on the card and is kept on record.",
            needed: Needed::Yes,
        }
        .text(Lines::Several, WORDS, "", "A sentence is enough"),
    );
    Modal {
        callback: callback::DENY,
        metadata: &review.request.id,
        title: "Deny this request",
        submit: Some("Deny"),
        close: "Back",
    }
    .of(out)
}

pub fn less_form(review: &ReviewShownFirst) -> Value {
    let mut out = what(review);
    let mut choices: Vec<Choice> = review
        .shorter
        .iter()
        .map(|duration| Choice {
            value: duration.word(),
            label: duration.to_string(),
            more: String::new(),
        })
        .collect();
    let chosen = choices.first().map(|choice| choice.value.clone());
    let as_asked = review.whole == review.request.duration;
    choices.push(Choice {
        value: review.whole.word(),
        label: format!(
            "{}, {}",
            review.whole,
            if as_asked {
                "as asked"
            } else {
                "as approved so far"
            }
        ),
        more: String::new(),
    });
    let whole = review.whole.word();
    out.push(
        Label {
            block: field::DURATION,
            action: field::CHOSEN,
            label: "For how long",
            hint: "It counts from when the access is there.",
            needed: Needed::Yes,
        }
        .select(&[("", choices)], chosen.as_deref().or(Some(&whole))),
    );
    out.push(
        Label {
            block: field::NOTE,
            action: field::NOTE,
            label: "Note",
            hint: "Whoever asked reads this. It stands on the card and is kept on record.",
            needed: Needed::No,
        }
        .text(Lines::Several, WORDS, "", ""),
    );
    Modal {
        callback: callback::LESS,
        metadata: &review.request.id,
        title: "Approve this request",
        submit: Some("Approve"),
        close: "Back",
    }
    .of(out)
}

/// An answer as a modal: where there is no message to answer under.
pub fn in_modal(title: &'static str, answer: &Rendered) -> Value {
    Modal {
        callback: "answer",
        metadata: "",
        title,
        submit: None,
        close: "Close",
    }
    .of(answer.blocks.iter().map(block).collect())
}

fn what(review: &ReviewShownFirst) -> Vec<Value> {
    let request = &review.request;
    let mut line = card::asks(request).say(".");
    for (name, value) in request.parameters.iter().take(super::limits::PEOPLE) {
        line = line
            .say(" ")
            .words(name, super::limits::NAME)
            .say(" ")
            .code(value);
    }
    let id = Line::new().code(&request.short);
    vec![
        block(&blocks::section(line)),
        block(&blocks::words(
            "Reason, in the requester’s words",
            &request.reason,
        )),
        block(&blocks::context(vec![id])),
    ]
}
