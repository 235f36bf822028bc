//! The form that breaks the glass: opened with what was typed, each word in its place, so that only what was wrong has to be
//! written. Nothing is decided here: what is sent is checked as typed.

use serde_json::Value;

use super::fields::{Choice, Input, Lines, Modal, Needed, block};
use super::form::{REASON, VALUE, WORDS, choice, parameters};
use super::text::Line;
use super::{blocks, limits};
use crate::app::form_shown::{GlassRole, GlassShown};
use crate::slack::inbound::field::{self, callback};

pub fn glass_form(form: &GlassShown) -> Value {
    let mut out = vec![block(&blocks::section(what_it_does(form)))];
    if !form.notes.is_empty() {
        let notes = form.notes.iter().take(limits::ENTRIES);
        out.push(block(&blocks::lines(notes.cloned())));
    }
    if form.request.is_none() {
        out.push(role(form));
        if let Some(role) = &form.role {
            out.extend(parameters(&role.parameters, &form.fields.parameters));
        }
        out.push(person(form));
        out.push(how_long(form));
    }
    out.push(incident(form));
    out.push(reason(form));
    Modal {
        callback: callback::GLASS,
        metadata: form.request.as_deref().unwrap_or_default(),
        title: "Break the glass",
        submit: Some("Break the glass"),
        close: "Close",
    }
    .of(out)
}

fn what_it_does(form: &GlassShown) -> Line {
    let line = match &form.request {
        Some(short) => Line::of("Gives what ")
            .code(short)
            .say(" asks for at once, without approval and for as long as was asked."),
        None => Line::of("Gives access at once, without approval."),
    };
    let line = line.say(" Everybody who is skipped is told");
    match form.role.as_ref().map(|role| role.reviewed_by.as_str()) {
        Some(by) if !by.is_empty() => line
            .say(", and a review is owed by ")
            .words(by, limits::QUOTE)
            .say("."),
        Some(_) | None => line.say(", and a review is owed."),
    }
}

fn role(form: &GlassShown) -> Value {
    let choices = form.roles.iter().take(limits::OPTIONS);
    let choices: Vec<Choice> = choices.map(choice).collect();
    let label = Input {
        block: field::ROLE,
        action: field::ROLE,
        label: "Role",
        hint: "",
        needed: Needed::Yes,
    };
    let chosen = form.role.as_ref().map(|role| role.name.as_str());
    if choices.is_empty() {
        // Whoever isn't commander any more: what was typed stands there, and is refused when it is sent.
        return label.text(Lines::One, VALUE, &form.fields.role, "");
    }
    label.select(&[("", choices)], chosen)
}

fn person(form: &GlassShown) -> Value {
    Input {
        block: field::PERSON,
        action: field::PERSON,
        label: "For whom",
        hint: "Leave it empty to give the access to yourself.",
        needed: Needed::No,
    }
    .person(form.fields.person.as_deref())
}

fn how_long(form: &GlassShown) -> Value {
    let hint = form.role.as_ref().map(at_most).unwrap_or_default();
    Input {
        block: field::WORDS,
        action: field::WORDS,
        label: "For how long",
        hint: &hint,
        needed: Needed::Yes,
    }
    .text(
        Lines::One,
        WORDS,
        &form.fields.duration,
        "like 30m or 1 hour",
    )
}

fn at_most(role: &GlassRole) -> String {
    format!("Up to {}.", role.at_most)
}

fn incident(form: &GlassShown) -> Value {
    let example = form.role.as_ref().map(|role| role.incident.as_str());
    let like = format!("like {}", example.unwrap_or("INC-4711"));
    Input {
        block: field::INCIDENT,
        action: field::INCIDENT,
        label: "Incident",
        hint: "",
        needed: Needed::Yes,
    }
    .text(Lines::One, WORDS, &form.fields.incident, &like)
}

fn reason(form: &GlassShown) -> Value {
    Input {
        block: field::REASON,
        action: field::REASON,
        label: "Why it can’t wait",
        hint: "Everybody who is skipped reads this, and it is kept on record.",
        needed: Needed::Yes,
    }
    .text(
        Lines::Several,
        REASON,
        &form.fields.reason,
        "What is wrong, and what must be done now",
    )
}
