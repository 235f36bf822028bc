//! The form that breaks the glass: opened with what was typed, each word in its place, so that only what was wrong has to be
//! written. Nothing is decided here: what is sent is checked as typed.

use serde_json::Value;

use super::fields::{Choice, Input, Lines, Modal, Needed, block};
use super::text::Line;
use super::{blocks, limits};
use crate::app::form_shown::{GlassRole, GlassShown, ParameterField};
use crate::slack::inbound::field::{self, callback};

/// What a reason may have, in characters; the same as in a command.
const REASON: usize = 1_500;
const VALUE: usize = 200;
const WORDS: usize = 60;

pub fn glass_form(form: &GlassShown) -> Value {
    let mut out = vec![block(&blocks::section(what_it_does(form)))];
    if !form.notes.is_empty() {
        let notes = form.notes.iter().take(limits::ENTRIES);
        out.push(block(&blocks::lines(notes.cloned())));
    }
    if form.request.is_none() {
        out.push(role(form));
        let parameters = form.role.iter().flat_map(|role| role.parameters.iter());
        // A view takes a hundred blocks; the other fields need ten of them.
        let parameters = parameters.take(limits::VIEW_BLOCKS - 12);
        out.extend(parameters.map(|parameter| parameter_field(form, parameter)));
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
    let choices: Vec<Choice> = choices
        .map(|role| Choice {
            value: role.name.clone(),
            label: role.name.clone(),
            more: role.permits.clone(),
        })
        .collect();
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

fn parameter_field(form: &GlassShown, parameter: &ParameterField) -> Value {
    let filled = form.fields.parameters.get(&parameter.name);
    let like = parameter.example.as_ref();
    let like = like
        .map(|example| format!("like {example}"))
        .unwrap_or_default();
    Input {
        block: &format!("{}{}", field::PARAMETER, parameter.name),
        action: field::VALUE,
        label: &parameter.name,
        hint: parameter.description.as_deref().unwrap_or_default(),
        needed: if parameter.required {
            Needed::Yes
        } else {
            Needed::No
        },
    }
    .text(Lines::One, VALUE, filled.map_or("", String::as_str), &like)
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
