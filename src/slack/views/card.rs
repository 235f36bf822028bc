//! The card of a request: who wants what, for how long, why, who is asked; two buttons while it waits.
//! It shows facts from the store; the requester's words stand in plain text of their own.

use slack_morphism::prelude::SlackBlock;

use super::Rendered;
use super::blocks::{self, Button, Confirm};
use super::break_glass;
use super::limits;
use super::progress;
use super::state;
use super::text::{Line, in_words};
use crate::ports::chat::{Buttons, GrantStateShown, KindShown, RequestShown, Shown, StateShown};
use crate::slack::inbound::action;

/// Parameters that get a field of their own; the rest share the last one.
const PARAMETERS: usize = 4;

pub(super) fn card(request: &RequestShown, buttons: Buttons) -> Rendered {
    if let KindShown::BreakGlass { .. } = request.kind {
        return break_glass::card(request, buttons);
    }
    let mut out = vec![
        blocks::header(&title(request)),
        blocks::fields(facts(request)),
        blocks::words("Reason, in the requester’s words", &request.reason),
    ];
    match &request.state {
        StateShown::Pending(stage) => {
            out.extend(progress::progress(stage));
            out.extend(state::reviews(request));
        }
        StateShown::Scheduled { .. }
        | StateShown::Approved
        | StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. }
        | StateShown::Started(_) => {
            out.extend(state::told_on_card(request).blocks());
            out.extend(state::reviews(request));
        }
    }
    out.extend(notes(request));
    out.push(blocks::context(footer(request)));
    if let (Buttons::Decide, StateShown::Pending(_)) = (buttons, &request.state) {
        out.push(decide(request, None));
    }
    if let (Buttons::Withdraw, StateShown::Scheduled { .. }) = (buttons, &request.state) {
        out.push(blocks::card_actions(vec![withdraw(request)]));
    }
    Rendered::new(sentence(request), out)
}

/// `db-admin for 2 hours`
pub(super) fn title(request: &RequestShown) -> String {
    let duration = in_words(request.duration);
    match &request.kind {
        KindShown::Access | KindShown::BreakGlass { .. } => {
            format!("{} for {duration}", request.role)
        }
        KindShown::Extend { .. } => format!("{} for {duration} more", request.role),
    }
}

/// For, Can, Ends, Incident and the parameters.
pub(super) fn facts(request: &RequestShown) -> Vec<Line> {
    let mut out = vec![Line::of("*For* ").person_in_full(&request.holder)];
    // With break-glass the first sentence says who gave it.
    let glass = matches!(request.kind, KindShown::BreakGlass { .. });
    if request.requester != request.holder && !glass {
        out.push(Line::of("*Asked by* ").person_in_full(&request.requester));
    }
    out.push(can(request));
    out.push(ends(request));
    if let Some(starts_at) = request.starts_at {
        let starts = Line::of("*Starts* ").time(starts_at);
        out.push(match &request.state {
            StateShown::Pending(_) => starts.say(", if approved by then"),
            StateShown::Scheduled { .. }
            | StateShown::Approved
            | StateShown::Denied { .. }
            | StateShown::Cancelled
            | StateShown::TimedOut
            | StateShown::Void { .. }
            | StateShown::Started(_) => starts,
        });
    }
    if let Some(ticket) = &request.ticket {
        out.push(Line::of("*Incident* ").code(ticket));
    }
    let shown = request.parameters.iter().take(PARAMETERS);
    out.extend(shown.map(|(name, value)| {
        Line::of("*")
            .words(name, limits::NAME)
            .say("* ")
            .code(value)
    }));
    let rest = request.parameters.len().saturating_sub(PARAMETERS);
    if rest > 0 {
        out.push(
            Line::of("*And* ")
                .number(rest as u64)
                .say(" more parameters"),
        );
    }
    out
}

/// `Read and write orders: orders_admin in orders-db, prod`
fn can(request: &RequestShown) -> Line {
    let mut line = Line::of("*Can* ").words(&request.permits, limits::QUOTE);
    for (place, (entitlement, backend)) in
        request.entitlements.iter().take(limits::PEOPLE).enumerate()
    {
        line = line
            .say(if place == 0 { ": " } else { ", " })
            .code(entitlement)
            .say(" in ")
            .words(backend, limits::NAME);
    }
    match &request.environment {
        Some(environment) if request.high_risk => line
            .say(", *")
            .words(environment, limits::NAME)
            .say("* (high risk)"),
        Some(environment) => line.say(", ").words(environment, limits::NAME),
        None => line,
    }
}

/// When it ends, where that is known or to be expected; else for how long it was asked.
fn ends(request: &RequestShown) -> Line {
    let ends = Line::of("*Ends* ");
    let asked_for = Line::of("*Asked for* ").span(request.duration);
    if let KindShown::Extend {
        ends_at: Some(now), ..
    } = &request.kind
    {
        return match &request.state {
            StateShown::Pending(_) => ends
                .time(*now)
                .say("; with this ")
                .time(*now + request.duration.to_delta()),
            StateShown::Approved => ends.time(*now),
            StateShown::Scheduled { .. }
            | StateShown::Started(_)
            | StateShown::Denied { .. }
            | StateShown::Cancelled
            | StateShown::TimedOut
            | StateShown::Void { .. } => asked_for,
        };
    }
    match &request.state {
        StateShown::Started(grant) => match &grant.state {
            GrantStateShown::Active { ends_at, .. } => ends.time(*ends_at),
            GrantStateShown::Ended { at, .. } => Line::of("*Ended* ").time(*at),
            GrantStateShown::Provisioning => ends.span(request.duration).say(" after it starts"),
            GrantStateShown::Revoking { .. } | GrantStateShown::Failed { .. } => asked_for,
        },
        StateShown::Scheduled { .. } | StateShown::Approved => {
            ends.span(request.duration).say(" after it starts")
        }
        StateShown::Pending(_) if request.starts_at.is_some() => {
            ends.span(request.duration).say(" after it starts")
        }
        StateShown::Pending(_) => ends.span(request.duration).say(" after approval"),
        StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. } => asked_for,
    }
}

/// Who is asked, how far it is, the id, until when it is open.
fn footer(request: &RequestShown) -> Vec<Line> {
    let StateShown::Pending(stage) = &request.state else {
        let line = Line::new().code(&request.short).say(" · asked ");
        return vec![line.time(request.asked_at)];
    };
    let line = unusual(request).say("Asked: ");
    let line = line.line(state::asked(stage)).say(". ");
    // Where there are several stages, their own line counts.
    let line = if stage.steps.is_empty() {
        state::approvals(line, stage).say(". ")
    } else {
        line
    };
    let line = line
        .code(&request.short)
        .say(", open until ")
        .time(request.deadline)
        .say(".");
    let mut out = vec![line];
    out.extend(state::held(request));
    if stage.climbed_at_once {
        out.push(Line::of(state::CLIMBED_AT_ONCE));
    }
    if let Some((who, at)) = &stage.next {
        out.push(
            Line::of("If nobody answers, ")
                .names(who)
                .say(" will be asked ")
                .time(*at)
                .say("."),
        );
    }
    out
}

/// What to look at twice, first of all.
pub(super) fn unusual(request: &RequestShown) -> Line {
    Line::of(if request.first_use {
        "*Unusual: first use of this role.* "
    } else {
        ""
    })
}

/// For who approved a later start, and whoever else may revoke.
fn withdraw(request: &RequestShown) -> Button {
    Button::new(action::REVOKE, "Take approval back", &request.id).confirm(Confirm {
        title: "Take the approval back?",
        text: format!(
            "{} will not start, and its requester is told.",
            request.short
        ),
        yes: "Take it back",
        no: "Keep",
    })
}

/// Approve, with a note, for less, Deny: two lines on a phone. In a list (`place` from 0) none of them is the primary one.
pub(super) fn decide(request: &RequestShown, place: Option<usize>) -> SlackBlock {
    let approve = format!("Approve {}", request.duration);
    let approve = Button::new(action::APPROVE, approve, &request.id);
    let less = Button::new(action::LESS, "Approve for less", &request.id);
    let note = Button::new(action::NOTE, "With a note", &request.id);
    let deny = Button::new(action::DENY, "Deny", &request.id);
    match place {
        None => blocks::card_actions(vec![approve.primary(), note, less, deny]),
        Some(place) => blocks::actions(
            [approve, note, less, deny]
                .map(|button| button.numbered(place))
                .into(),
        ),
    }
}

/// What was found and left alone, as plain sentences.
pub(super) fn notes(request: &RequestShown) -> Option<SlackBlock> {
    match &request.state {
        StateShown::Started(grant) if !grant.notes.is_empty() => {
            Some(blocks::lines(grant.notes.iter().cloned()))
        }
        StateShown::Started(_)
        | StateShown::Pending(_)
        | StateShown::Scheduled { .. }
        | StateShown::Approved
        | StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. } => None,
    }
}

/// The card in one sentence: what it is, then where it stands.
fn sentence(request: &RequestShown) -> Line {
    asks(request)
        .say(": “")
        .words(&request.reason, limits::QUOTE)
        .say("”. ")
        .line(unusual(request))
        .line(state::told(request).in_full())
        .say(" (")
        .code(&request.short)
        .say(")")
}

/// `@rita asks for db-admin for 2 hours`
pub(super) fn asks(request: &RequestShown) -> Line {
    asks_as(request, Line::person)
}

/// The same with the pinned e-mail behind each mention: for whoever is to decide on it.
pub(super) fn asks_in_full(request: &RequestShown) -> Line {
    asks_as(request, Line::person_and_email)
}

fn asks_as(request: &RequestShown, named: fn(Line, &Shown) -> Line) -> Line {
    let line = named(Line::new(), &request.requester)
        .say(" asks for ")
        .code(&request.role);
    let line = if request.requester == request.holder {
        line
    } else {
        named(line.say(" for "), &request.holder).say(",")
    };
    let line = line.say(" for ").span_in_words(request.duration);
    let line = match &request.kind {
        KindShown::Access | KindShown::BreakGlass { .. } => line,
        KindShown::Extend { .. } => line.say(" more"),
    };
    match (&request.state, request.starts_at) {
        (StateShown::Pending(_), Some(starts_at)) => line.say(", from ").time(starts_at),
        _ => line,
    }
}
