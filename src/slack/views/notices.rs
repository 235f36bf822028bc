//! What is said once, in the card's thread and to the people concerned: one sentence each, true when it is said.
//! Buttons only where the reader may press them: the holder's own messages.

use super::blocks::{self, Button, Confirm};
use super::card;
use super::limits;
use super::state;
use super::text::Line;
use super::{Audience, Rendered};
use crate::domain::Time;
use crate::ports::chat::{GrantStateShown, RequestShown, StageShown, StateShown};
use crate::slack::inbound::action;

pub(super) fn reminder(request: &RequestShown) -> Rendered {
    let line = match waiting(request) {
        Some(stage) => Line::of("Still waiting for ").line(state::asked(stage)),
        None => Line::of("Decided meanwhile"),
    };
    Rendered::line(
        line.say(". ")
            .line(card::asks(request))
            .say(". Open until ")
            .time(request.deadline)
            .say(". ")
            .code(&request.short),
    )
}

pub(super) fn climbed(request: &RequestShown) -> Rendered {
    // Stays as it is, so it says nothing that changes.
    let line = Line::of("No answer");
    let line = match waiting(request) {
        Some(stage) => line
            .say(", so this was asked of ")
            .line(state::asked(stage)),
        None => line,
    };
    Rendered::line(
        line.say(". ")
            .line(card::asks(request))
            .say(". ")
            .code(&request.short),
    )
}

fn waiting(request: &RequestShown) -> Option<&StageShown> {
    match &request.state {
        StateShown::Pending(stage) => Some(stage),
        StateShown::Scheduled { .. }
        | StateShown::Approved
        | StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. }
        | StateShown::Started(_) => None,
    }
}

/// Denied, cancelled, timed out or void: to the requester, and in the thread.
pub(super) fn decided(request: &RequestShown, audience: Audience<'_>) -> Rendered {
    if let (Audience::Channel, StateShown::Scheduled { starts_at }) = (audience, &request.state) {
        // Stays in the thread as it is.
        let line = whose(request, audience).say(": ");
        let line = line.line(state::approved_by(request));
        return Rendered::line(line.say(" *Scheduled* to start ").time(*starts_at).say("."));
    }
    let mut rendered = outcome(request, audience);
    if audience == Audience::Person(&request.requester.account) {
        let next = next_step(request).map(|line| blocks::context(vec![line]));
        rendered.blocks.extend(next);
    }
    rendered
}

/// Approved before, and to be approved once more: to the requester, to who is asked, and in the thread.
pub(super) fn reopened(request: &RequestShown, audience: Audience<'_>) -> Rendered {
    let line = whose(request, audience)
        .say(" must be decided anew: the role, its rules or its approvers changed since.");
    if audience == Audience::Channel {
        return Rendered::line(line);
    }
    let line = line.say(" ").line(state::told(request).line);
    let line = match request.starts_at {
        Some(starts_at) => line
            .say(" It starts ")
            .time(starts_at)
            .say(", or once it is approved, if that is later."),
        None => line,
    };
    Rendered::line(line)
}

/// What whoever was turned down can do now.
fn next_step(request: &RequestShown) -> Option<Line> {
    match &request.state {
        StateShown::Denied { by, .. } => Some(
            Line::of("Talk to ")
                .person(by)
                .say(", then ask again with what was missing."),
        ),
        StateShown::TimedOut => Some(Line::of(
            "Still needed? Ask again, and call who is on call: the command with the word `oncall` names them.",
        )),
        StateShown::Void { .. } => Some(Line::of("Still needed? Ask again.")),
        StateShown::Cancelled
        | StateShown::Pending(_)
        | StateShown::Scheduled { .. }
        | StateShown::Approved
        | StateShown::Started(_) => None,
    }
}

/// Whose request it is and where it stands, then the words that belong to it and what was left alone.
fn outcome(request: &RequestShown, audience: Audience<'_>) -> Rendered {
    let told = state::told_of(whose(request, audience), request);
    let mut out = vec![blocks::section(told.line.clone())];
    out.extend(told.words.map(state::Words::block));
    out.extend(card::notes(request));
    Rendered::new(told.in_full(), out)
}

/// `@rita’s db-admin (R-7K2M)`; to Rita herself `Your db-admin (R-7K2M)`.
pub(super) fn whose(request: &RequestShown, audience: Audience<'_>) -> Line {
    let line = if is_holder(request, audience) {
        Line::of("Your ")
    } else {
        Line::new().person(&request.holder).say("’s ")
    };
    line.line(named(request))
}

/// `db-admin (R-7K2M)`
fn named(request: &RequestShown) -> Line {
    Line::new()
        .code(&request.role)
        .say(" (")
        .code(&request.short)
        .say(")")
}

pub(super) fn is_holder(request: &RequestShown, audience: Audience<'_>) -> bool {
    audience == Audience::Person(&request.holder.account)
}

/// In the thread, where it stays as it is: true also once it was extended or is over.
pub(super) fn granted(request: &RequestShown) -> Rendered {
    let line = Line::new().person(&request.holder).say(" got ");
    let line = line.line(named(request));
    let line = match ends_at(request) {
        Some(ends_at) => line.say(", to end ").time(ends_at),
        None => line,
    };
    let line = line.say(". ").line(state::approved_by(request));
    let mut rendered = Rendered::line(line);
    rendered.blocks.extend(card::notes(request));
    rendered
}

/// What follows the grant in somebody's direct messages: the only one there.
pub(super) fn stands(request: &RequestShown, audience: Audience<'_>) -> Rendered {
    let Some(ends_at) = ends_at(request) else {
        return outcome(request, audience);
    };
    let line = if is_holder(request, audience) {
        Line::of("You have ")
    } else {
        Line::new().person(&request.holder).say(" has ")
    };
    let line = line.line(named(request)).say(" until ").time(ends_at);
    let line = line.say(". ").line(state::approved_by(request));
    let mut rendered = Rendered::line(line);
    rendered.blocks.extend(card::notes(request));
    end_now(&mut rendered, request, audience);
    rendered
}

fn ends_at(request: &RequestShown) -> Option<Time> {
    match &request.state {
        StateShown::Started(grant) => match grant.state {
            GrantStateShown::Active { ends_at, .. } => Some(ends_at),
            GrantStateShown::Provisioning
            | GrantStateShown::Revoking { .. }
            | GrantStateShown::Ended { .. }
            | GrantStateShown::Failed { .. } => None,
        },
        StateShown::Pending(_)
        | StateShown::Scheduled { .. }
        | StateShown::Approved
        | StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. } => None,
    }
}

/// Only its holder can drop it, so only their own messages carry the button.
pub(super) fn end_now(rendered: &mut Rendered, request: &RequestShown, audience: Audience<'_>) {
    if is_holder(request, audience) {
        rendered
            .blocks
            .push(blocks::actions(vec![end_now_button(request)]));
    }
}

pub(super) fn end_now_button(request: &RequestShown) -> Button {
    Button::new(action::END_NOW, "End now", &request.id).confirm(Confirm {
        title: "End now?",
        text: format!(
            "{} is taken away now. Open sessions are closed.",
            request.role
        ),
        yes: "End now",
        no: "Keep",
    })
}

pub(super) fn grant_failed(request: &RequestShown, audience: Audience<'_>) -> Rendered {
    let line =
        whose(request, audience).say(" could not be given. What was given of it is taken back.");
    let mut out = vec![blocks::section(line.clone())];
    let why = state::told(request).words;
    out.extend(why.map(state::Words::block));
    let text = match why {
        Some(state::Words::Ours(why) | state::Words::Theirs(_, why)) => {
            line.say(" ").words(why, limits::QUOTE)
        }
        None => line,
    };
    Rendered::new(text, out)
}

pub(super) fn revoke_stuck(request: &RequestShown, audience: Audience<'_>) -> Rendered {
    outcome(request, audience)
}

pub(super) fn ended(
    request: &RequestShown,
    since: Option<Time>,
    audience: Audience<'_>,
) -> Rendered {
    let Some(since) = since else {
        return outcome(request, audience);
    };
    let told = state::told_of(whose(request, audience), request);
    let late = Line::of(" It was there since ")
        .time(since)
        .say("; nobody could be told before.");
    let mut out = vec![blocks::section(told.line.clone().line(late.clone()))];
    out.extend(told.words.map(state::Words::block));
    out.extend(card::notes(request));
    Rendered::new(told.in_full().line(late), out)
}

pub(super) fn standing_access(request: &RequestShown, audience: Audience<'_>) -> Rendered {
    let line = whose(request, audience).say(
        " was partly there before, or came from somebody else. That part is left alone and will not be taken away at the end.",
    );
    let mut out = vec![blocks::section(line.clone())];
    out.extend(card::notes(request));
    Rendered::new(line, out)
}
