//! What an approver fills in: why a request is denied; for how long it is approved, and a note. Above it stands what is
//! decided, so that nobody decides something else than they think. Also how an answer looks in a modal.

use serde_json::Value;

use super::fields::{Choice, Input, Lines, Modal, Needed, block};
use super::text::Line;
use super::{Rendered, blocks, break_glass, card};
use crate::app::form_shown::ReviewShownFirst;
use crate::domain::request::Found;
use crate::ports::chat::RequestShown;
use crate::slack::inbound::field::{self, callback};

/// What an approver writes, in characters.
const WORDS: usize = 1_000;

pub fn deny_form(review: &ReviewShownFirst) -> Value {
    let mut out = what(review);
    out.push(
        Input {
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
    let choices: Vec<Choice> = review
        .shorter
        .iter()
        .map(|duration| Choice {
            value: duration.word(),
            label: duration.to_string(),
            more: String::new(),
        })
        .collect();
    out.push(
        Input {
            block: field::DURATION,
            action: field::CHOSEN,
            label: "For how long",
            hint: "Less than was asked. It counts from when the access is there.",
            needed: Needed::Yes,
        }
        .select(&[("", choices)], None),
    );
    out.push(note(Needed::No));
    Modal {
        callback: callback::LESS,
        metadata: &review.request.id,
        title: "Approve for less",
        submit: Some("Approve"),
        close: "Back",
    }
    .of(out)
}

/// For as long as it was asked, or approved so far, with words.
pub fn note_form(review: &ReviewShownFirst) -> Value {
    let mut out = what(review);
    if review.whole != review.request.duration {
        let line = Line::of("An earlier stage approved it for ")
            .span(review.whole)
            .say(".");
        out.push(block(&blocks::context(vec![line])));
    }
    out.push(note(Needed::Yes));
    Modal {
        callback: callback::NOTE,
        metadata: &review.request.id,
        title: "Approve with a note",
        submit: Some("Approve"),
        close: "Back",
    }
    .of(out)
}

fn note(needed: Needed) -> Value {
    Input {
        block: field::NOTE,
        action: field::NOTE,
        label: "Note",
        hint: "Whoever asked reads this. It stands on the card and is kept on record.",
        needed,
    }
    .text(Lines::Several, WORDS, "", "")
}

/// What a reviewer says of how broken glass was used.
pub fn use_form(request: &RequestShown) -> Value {
    let mut out = vec![
        block(&blocks::section(break_glass::used(request))),
        block(&blocks::words(
            "Reason, in the commander’s words",
            &request.reason,
        )),
        block(&blocks::context(vec![
            Line::new()
                .code(&request.short)
                .say(" · what was done with the access stands in the target’s own log"),
        ])),
    ];
    let choices = [
        (Found::AsItShouldBe, "As it should be"),
        (Found::NeedsFollowUp, "Needs a follow-up"),
    ];
    let choices = choices.map(|(found, label)| Choice {
        value: found.as_str().into(),
        label: label.into(),
        more: String::new(),
    });
    out.push(
        Input {
            block: field::FOUND,
            action: field::FOUND,
            label: "How was it used?",
            hint: "It stands on the card and is kept on record, with your name.",
            needed: Needed::Yes,
        }
        .select(&[("", choices.into())], None),
    );
    out.push(
        Input {
            block: field::NOTE,
            action: field::NOTE,
            label: "What you saw",
            hint: "Needed where a follow-up is: whoever does it starts from here.",
            needed: Needed::No,
        }
        .text(Lines::Several, WORDS, "", "A sentence is enough"),
    );
    Modal {
        callback: callback::USE,
        metadata: &request.id,
        title: "Review the use",
        submit: Some("Record review"),
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
