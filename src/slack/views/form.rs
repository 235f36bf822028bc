//! The request form: role, what it permits, its parameters, how long, when, why. The fields of another role take the place
//! of the old one's while everything that was typed stays. Nothing is decided here: what is sent is checked as typed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::{Choice, Input, Lines, Modal, Needed, block, telling_at_once};
use super::text::Line;
use super::{blocks, limits};
use crate::app::form_shown::{FormShown, LISTED, ParameterField, RoleChosen, RoleOption};
use crate::domain::Duration;
use crate::slack::inbound::field::{self, callback};

/// What a reason may have, in characters; the same as in a command.
pub(super) const REASON: usize = 1_500;
pub(super) const VALUE: usize = 200;
pub(super) const WORDS: usize = 60;

/// The form, with what was wrong with a try before.
pub fn request_form(form: &FormShown) -> Value {
    let mut out = top(form);
    let nothing = form.yours.is_empty() && form.others.is_empty();
    if nothing {
        out.push(block(&blocks::words(
            "",
            "There is no role yet that you may ask for. Whoever runs Hallpass here can tell you who gives access.",
        )));
    } else {
        out.extend(form.find.as_deref().map(find));
        out.push(roles(form));
        if let Some(role) = &form.role {
            out.extend(about(role));
            out.extend(parameters(&role.parameters, &form.parameters));
        }
        out.extend(how_long(form));
        out.push(start(form));
        out.push(reason(form));
    }
    let changes = form.changes.as_ref();
    Modal {
        callback: callback::ASK,
        metadata: changes.map_or("", |request| &request.id),
        title: if changes.is_some() {
            "Change your request"
        } else {
            "Ask for access"
        },
        submit: match (nothing, changes) {
            (true, _) => None,
            (false, Some(_)) => Some("Ask anew"),
            (false, None) => Some("Ask"),
        },
        close: "Close",
    }
    .of(out)
}

/// Shown while the form is being filled: Slack's trigger doesn't wait.
pub fn one_moment() -> Value {
    let line = Line::of("One moment: looking up what you can do here.");
    Modal {
        callback: callback::ASK,
        metadata: "",
        title: "Hallpass",
        submit: None,
        close: "Close",
    }
    .of(vec![block(&blocks::section(line))])
}

fn top(form: &FormShown) -> Vec<Value> {
    let mut out = Vec::new();
    if let Some(changes) = &form.changes {
        let line = Line::of("What you send takes the place of ")
            .code(&changes.short)
            .say(if decided_at_once(form) {
                ": that is cancelled."
            } else {
                ": that is cancelled, and whoever decides is asked anew."
            });
        out.push(block(&blocks::context(vec![line])));
    }
    if !form.notes.is_empty() {
        let notes = form.notes.iter().take(limits::ENTRIES);
        out.push(block(&blocks::lines(notes.map(
            |note| match form.notes.len() {
                1 => note.clone(),
                _ => format!("• {note}"),
            },
        ))));
    }
    out
}

/// Where there are more roles than are listed. Enter lists what is like it, and nothing else that was typed is lost.
fn find(looked_for: &str) -> Value {
    let input = Input {
        block: field::FIND,
        action: field::FIND,
        label: "Find a role",
        hint: "A part of its name or of what it permits, then Enter.",
        needed: Needed::No,
    };
    telling_at_once(input.text(Lines::One, WORDS, looked_for, ""))
}

/// What may be asked for stands first, also among the few that there is room for.
fn roles(form: &FormShown) -> Value {
    let chosen = form.role.as_ref().map(|role| role.name.as_str());
    let room = |roles: &[RoleOption], most: usize| -> Vec<Choice> {
        let mut shown: Vec<&RoleOption> = roles.iter().take(most).collect();
        let cut_off = roles.iter().skip(most);
        shown.extend(cut_off.filter(|role| chosen == Some(&role.name)));
        shown.into_iter().map(choice).collect()
    };
    let yours = room(&form.yours, LISTED);
    let others = room(&form.others, LISTED.saturating_sub(yours.len()));
    let left_out = form.yours.len() + form.others.len() - yours.len() - others.len();
    let mut groups = grouped("You can ask for", "You can ask for, more", yours);
    groups.extend(grouped("Not yours to ask for", "Not yours, more", others));
    if let ([(name, _)], true) = (groups.as_mut_slice(), form.others.is_empty()) {
        // Nothing to tell it apart from.
        *name = "";
    }
    let hint = match left_out {
        0 => String::new(),
        1 => "One more role isn’t listed here: find it by a word, above.".into(),
        many => format!("{many} more roles aren’t listed here: find them by a word, above."),
    };
    let label = Input {
        block: field::ROLE,
        action: field::ROLE,
        label: "Role",
        hint: &hint,
        needed: Needed::Yes,
    };
    telling_at_once(label.select(&groups, chosen))
}

pub(super) fn choice(role: &RoleOption) -> Choice {
    Choice {
        value: role.name.clone(),
        label: role.name.clone(),
        more: role.permits.clone(),
    }
}

fn grouped(
    first: &'static str,
    more: &'static str,
    choices: Vec<Choice>,
) -> Vec<(&'static str, Vec<Choice>)> {
    let mut groups: Vec<(&'static str, Vec<Choice>)> = Vec::new();
    for choice in choices {
        match groups.last_mut() {
            Some((_, last)) if last.len() < limits::OPTIONS => last.push(choice),
            Some(_) => groups.push((more, vec![choice])),
            None => groups.push((first, vec![choice])),
        }
    }
    groups
}

/// What the chosen role permits, for how long at most, and who decides.
fn about(role: &RoleChosen) -> Vec<Value> {
    let mut line = Line::of("*Can* ").words(&role.permits, limits::QUOTE);
    let shown = role.entitlements.iter().take(limits::PEOPLE);
    for (place, (entitlement, backend)) in shown.enumerate() {
        line = line
            .say(if place == 0 { ": " } else { ", " })
            .code(entitlement)
            .say(" in ")
            .words(backend, limits::NAME);
    }
    if let Some(environment) = &role.environment {
        line = line.say(", *").words(environment, limits::NAME).say("*");
    }
    if role.high_risk {
        line = line.say(" (high risk)");
    }
    let decides = match role.decided_by.as_slice() {
        [] => Line::of("No approval is needed: it is granted at once"),
        stages => {
            let mut line = Line::of("Decided by ");
            for (place, stage) in stages.iter().take(limits::PEOPLE).enumerate() {
                line = line
                    .say(if place == 0 { "" } else { ", then by " })
                    .words(stage, limits::QUOTE);
            }
            line
        }
    };
    let decides = decides.say(". At most ").span(role.at_most).say(".");
    vec![
        block(&blocks::section(line)),
        block(&blocks::context(vec![decides])),
    ]
}

/// A field for each, with what is filled in.
pub(super) fn parameters(
    fields: &[ParameterField],
    filled: &BTreeMap<String, String>,
) -> Vec<Value> {
    // A view takes a hundred blocks; the other fields need ten of them.
    let shown = fields.iter().take(limits::VIEW_BLOCKS - 12);
    shown
        .map(|parameter| parameter_field(parameter, filled.get(&parameter.name)))
        .collect()
}

fn parameter_field(parameter: &ParameterField, filled: Option<&String>) -> Value {
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

/// Suggestions, once a role says what is usual; and one's own words.
fn how_long(form: &FormShown) -> Vec<Value> {
    let mut out = Vec::new();
    let role = form
        .role
        .as_ref()
        .filter(|role| !role.suggestions.is_empty());
    if let Some(role) = role {
        let chosen = form.chosen.map(Duration::word);
        out.push(
            Input {
                block: &suggestions_id(&role.suggestions),
                action: field::CHOSEN,
                label: "For how long",
                hint: "",
                // Required by us, but one of the two fields is enough.
                needed: Needed::No,
            }
            .select(
                &[(
                    "",
                    role.suggestions.iter().copied().map(suggestion).collect(),
                )],
                chosen.as_deref(),
            ),
        );
    }
    let (label, hint) = match role {
        Some(role) => (
            "Or in your own words",
            format!(
                "Up to {}. Counts instead of the choice above.",
                role.at_most
            ),
        ),
        None => ("For how long", String::new()),
    };
    out.push(
        Input {
            block: field::WORDS,
            action: field::WORDS,
            label,
            hint: &hint,
            needed: Needed::No,
        }
        .text(Lines::One, WORDS, &form.words, "like 1h30m or 2 hours"),
    );
    out
}

/// Another set of suggestions is another field: a choice that it doesn't have must not stay.
fn suggestions_id(suggestions: &[Duration]) -> String {
    let words: Vec<String> = suggestions.iter().map(|one| one.word()).collect();
    let mut id = format!("{}{}", field::DURATION, words.join("-"));
    id.truncate(limits::BLOCK_ID);
    id
}

fn suggestion(duration: Duration) -> Choice {
    Choice {
        value: duration.word(),
        label: duration.to_string(),
        more: String::new(),
    }
}

fn start(form: &FormShown) -> Value {
    Input {
        block: field::START,
        action: field::START,
        label: "Start later",
        hint: if decided_at_once(form) {
            "In your own time zone. Leave it empty to start at once."
        } else {
            "In your own time zone. Leave it empty to start as soon as it is approved."
        },
        needed: Needed::No,
    }
    .moment(form.start.map(|at| at.timestamp()))
}

/// The chosen role needs nobody's approval.
fn decided_at_once(form: &FormShown) -> bool {
    let role = form.role.as_ref();
    role.is_some_and(|role| role.decided_by.is_empty())
}

fn reason(form: &FormShown) -> Value {
    let kept = match &form.role {
        Some(role) if !role.decided_by.is_empty() => {
            "Whoever decides reads this, and it is kept on record."
        }
        Some(_) | None => "It is kept on record.",
    };
    let ticket = form.role.as_ref().and_then(|role| role.ticket.as_deref());
    let (hint, like) = match ticket {
        Some(example) => (
            format!("Name the ticket or incident, like {example}. {kept}"),
            format!("{example} orders are stuck"),
        ),
        None => (kept.into(), "What is wrong, and what you need to do".into()),
    };
    Input {
        block: field::REASON,
        action: field::REASON,
        label: "Why you need it",
        hint: &hint,
        needed: Needed::Yes,
    }
    .text(Lines::Several, REASON, &form.reason, &like)
}
