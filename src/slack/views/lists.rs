//! Lists: roles, one's own requests, what is pending, who has access, who is on call, one request's history.
//! An empty list says what would fill it; a long one says how much is left out.

use slack_morphism::prelude::SlackBlock;

use super::Rendered;
use super::answers::cancel_button;
use super::blocks;
use super::card;
use super::limits;
use super::notices::end_now_button;
use super::state;
use super::text::Line;
use crate::app::answer::{HistoryLine, OnCallShown, RoleShown};
use crate::ports::chat::{KindShown, RequestShown, StateShown};

/// The lines of a history that are shown: the last ones.
const HISTORY: usize = 30;

pub(super) fn roles(roles: &[RoleShown]) -> Rendered {
    if roles.is_empty() {
        return Rendered::line(Line::of(
            "There is no role that you may see. Roles are defined in the configuration; whoever runs this bot can add you.",
        ));
    }
    let yours = roles.iter().filter(|role| role.yours);
    let text = match yours.clone().count() {
        0 => Line::of("There is no role that you may ask for. Others: "),
        _ => Line::of("You may ask for "),
    };
    let named: Vec<String> = if yours.clone().count() == 0 {
        roles.iter().map(|role| role.name.clone()).collect()
    } else {
        yours.map(|role| role.name.clone()).collect()
    };
    let text = text.names(&named).say(".");
    let mut out = vec![blocks::header("Roles")];
    let shown = 2 * limits::ENTRIES;
    out.extend(
        roles
            .iter()
            .take(shown)
            .map(|role| blocks::section(role_line(role))),
    );
    out.extend(left_out(roles.len(), shown));
    Rendered::new(text, out)
}

fn role_line(role: &RoleShown) -> Line {
    let mut line = Line::of("*").code(&role.name).say("* ");
    line = line.words(&role.description, limits::QUOTE);
    if let Some(environment) = &role.environment {
        line = line.say(" · ").words(environment, limits::NAME);
    }
    line = line.say("\nUp to ").span(role.max_duration);
    if let Some(duration) = role
        .default_duration
        .filter(|one| *one != role.max_duration)
    {
        line = line.say(", ").span(duration).say(" if you don’t say");
    }
    for parameter in role.parameters.iter().take(limits::PEOPLE) {
        let example = parameter.example.as_deref().unwrap_or("…");
        line = line
            .say(" · ")
            .code(&format!("{}={example}", parameter.name))
            .say(if parameter.required {
                ""
            } else {
                " (optional)"
            });
    }
    if let Some(example) = &role.ticket_example {
        line = line.say(" · needs a number like ").code(example);
    }
    line = line.say("\n");
    if !role.yours {
        return line.say("_Not for you to ask for_");
    }
    if role.decided_by.is_empty() {
        line.say("Granted at once")
    } else {
        decided_by(line.say("Decided by "), &role.decided_by)
    }
}

/// The stages, one after the other: `dba on call, and then by security`.
fn decided_by(line: Line, stages: &[String]) -> Line {
    stages
        .iter()
        .take(limits::PEOPLE)
        .enumerate()
        .fold(line, |line, (place, stage)| {
            let line = line.say(if place == 0 { "" } else { ", and then by " });
            line.words(stage, limits::QUOTE)
        })
}

pub(super) fn mine(requests: &[RequestShown]) -> Rendered {
    if requests.is_empty() {
        return Rendered::line(Line::of(
            "You have asked for nothing yet, and you have no access. The command with the word `roles` shows what you can ask for.",
        ));
    }
    let held = requests
        .iter()
        .filter(|request| request.state.is_live())
        .count();
    let text = Line::of("You have ")
        .number(held as u64)
        .say(state::plural(held, " grant; ", " grants; "))
        .number(requests.len() as u64)
        .say(state::plural(
            requests.len(),
            " request in all.",
            " requests in all.",
        ));
    let mut out = vec![blocks::header("Your requests and access")];
    for (place, request) in requests.iter().take(limits::ENTRIES).enumerate() {
        let line = entry(request);
        out.push(if request.state.is_live() {
            blocks::section_with(line, end_now_button(request).numbered(place))
        } else if is_open(request) {
            blocks::section_with(line, cancel_button(request).numbered(place))
        } else {
            blocks::section(line)
        });
    }
    out.extend(left_out(requests.len(), limits::ENTRIES));
    Rendered::new(text, out)
}

pub(super) fn pending(for_you: &[RequestShown], others: &[RequestShown]) -> Rendered {
    if for_you.is_empty() && others.is_empty() {
        return Rendered::line(Line::of(
            "Nothing waits for a decision. A new request stands here until it is decided.",
        ));
    }
    let text = Line::new()
        .number(for_you.len() as u64)
        .say(state::plural(
            for_you.len(),
            " request waits for you; ",
            " requests wait for you; ",
        ))
        .number(others.len() as u64)
        .say(" for others.");
    let mut out = Vec::new();
    let half = limits::ENTRIES / 2;
    for (title, requests, yours) in [
        ("Waiting for you", for_you, true),
        ("Waiting for others", others, false),
    ] {
        if requests.is_empty() {
            continue;
        }
        out.push(blocks::header(title));
        for (place, request) in requests.iter().take(half).enumerate() {
            out.push(blocks::section(entry(request)));
            if yours {
                out.push(blocks::words("Reason", &request.reason));
                out.push(card::decide(request, Some(place)));
            }
        }
        out.extend(left_out(requests.len(), half));
    }
    Rendered::new(text, out)
}

pub(super) fn active(requests: &[RequestShown], later: &[RequestShown]) -> Rendered {
    if requests.is_empty() && later.is_empty() {
        return Rendered::line(Line::of(
            "Nobody has access now. An approved request puts somebody here.",
        ));
    }
    let text = Line::new().number(requests.len() as u64).say(state::plural(
        requests.len(),
        " grant is live now.",
        " grants are live now.",
    ));
    let text = if later.is_empty() {
        text
    } else {
        let starts = state::plural(later.len(), " starts later.", " start later.");
        text.say(" ").number(later.len() as u64).say(starts)
    };
    let mut out = Vec::new();
    let half = limits::ENTRIES / if later.is_empty() { 1 } else { 2 };
    for (title, requests) in [("Access now", requests), ("Starts later", later)] {
        if requests.is_empty() {
            continue;
        }
        out.push(blocks::header(title));
        let shown = requests.iter().take(half);
        out.extend(shown.map(|request| blocks::section(entry(request))));
        out.extend(left_out(requests.len(), half));
    }
    Rendered::new(text, out)
}

/// `R-7K2M db-admin for 2 h, @rita. Waits for @bob (DBA on call): 0 of 1.`
pub(super) fn entry(request: &RequestShown) -> Line {
    let line = Line::new()
        .code(&request.short)
        .say(" ")
        .code(&request.role)
        .say(" for ")
        .span(request.duration)
        .say(match request.kind {
            KindShown::Access => ", ",
            KindShown::Extend { .. } => " more, ",
            KindShown::BreakGlass { .. } => " (break-glass), ",
        })
        .person(&request.holder);
    let line = match &request.environment {
        Some(environment) => line.say(", ").words(environment, limits::NAME),
        None => line,
    };
    line.say(".\n").line(state::told(request).in_full())
}

pub(super) fn is_open(request: &RequestShown) -> bool {
    matches!(
        request.state,
        StateShown::Pending(_) | StateShown::Scheduled { .. }
    )
}

fn left_out(all: usize, shown: usize) -> Option<SlackBlock> {
    let rest = all.saturating_sub(shown);
    (rest > 0).then(|| blocks::context(vec![Line::of("And ").number(rest as u64).say(" more.")]))
}

pub(super) fn on_call(schedules: &[OnCallShown]) -> Rendered {
    if schedules.is_empty() {
        return Rendered::line(Line::of("No on-call schedule is configured."));
    }
    let mut text = Line::of("On call: ");
    let mut out = vec![blocks::header("On call")];
    for (place, schedule) in schedules.iter().take(limits::ENTRIES).enumerate() {
        let line = Line::new().code(&schedule.schedule).say(" ");
        let line = match schedule.problem {
            Some(_) if schedule.people.is_empty() => line.say("can’t be read now"),
            Some(_) | None => line.people(&schedule.people),
        };
        let line = match schedule.until {
            Some(until) => line.say(" until ").time(until),
            None => line,
        };
        text = text
            .say(if place == 0 { "" } else { "; " })
            .line(line.clone());
        out.push(blocks::section(line));
        if let Some(problem) = &schedule.problem {
            out.push(blocks::words("Problem", problem));
        }
    }
    out.extend(left_out(schedules.len(), limits::ENTRIES));
    Rendered::new(text.say("."), out)
}

/// One request in full, then what happened, oldest first.
pub(super) fn status(request: &RequestShown, history: &[HistoryLine]) -> Rendered {
    let told = state::told(request);
    let text = Line::new()
        .code(&request.short)
        .say(", ")
        .words(&card::title(request), limits::QUOTE)
        .say(", ")
        .person(&request.holder)
        .say(". ")
        .line(state::told(request).in_full());
    let mut out = vec![
        blocks::header(&card::title(request)),
        blocks::fields(card::facts(request)),
        blocks::words("Reason, in the requester’s words", &request.reason),
    ];
    out.extend(told.blocks());
    out.extend(card::notes(request));
    out.extend(
        history_lines(history)
            .chunks(limits::CONTEXT_ELEMENTS)
            .map(|lines| blocks::context(lines.to_vec())),
    );
    if request.state.is_live() {
        out.push(blocks::context(vec![
            Line::of("It can be ended with ")
                .code(&format!("drop {}", request.short))
                .say(" by its holder, and with ")
                .code(&format!("revoke {} REASON", request.short))
                .say(" by an approver."),
        ]));
    }
    Rendered::new(text, out)
}

fn history_lines(history: &[HistoryLine]) -> Vec<Line> {
    let skipped = history.len().saturating_sub(HISTORY);
    let earlier = (skipped > 0).then(|| {
        Line::new()
            .number(skipped as u64)
            .say(" earlier lines are left out.")
    });
    let lines = history.iter().skip(skipped).map(|entry| {
        let line = Line::new().time(entry.at).say(" ");
        let line = match &entry.who {
            Some(who) => line.person(who).say(" "),
            None => line,
        };
        line.words(&entry.what, limits::QUOTE)
    });
    earlier.into_iter().chain(lines).collect()
}
