//! Answers to who typed or pressed: what was understood, what was wrong, what was done, how to ask.
//! Sentences from the core may quote what was typed, so they are shown as plain text.

use super::Rendered;
use super::blocks::{self, Button};
use super::limits;
use super::state;
use super::text::Line;
use crate::app::answer::{AskedShown, FormKind, HelpShown, Problems};
use crate::domain::Refusal;
use crate::ports::chat::{GrantStateShown, KindShown, RequestShown, Shown, StateShown};
use crate::slack::inbound::action;

/// `Asked: db-admin, 2 h from approval. Waits for @bob (DBA on call): 0 of 1. …`
pub(super) fn asked(asked: &AskedShown) -> Rendered {
    let request = &asked.request;
    let line = understood(asked);
    let mut out = vec![
        blocks::section(line.clone()),
        blocks::words("Reason", &request.reason),
    ];
    let next = next(asked);
    if !next.is_empty() {
        out.push(blocks::context(next));
    }
    if let Some(old) = &asked.instead_of {
        let line = Line::new()
            .code(old)
            .say(" is cancelled: this takes its place.");
        out.push(blocks::context(vec![line]));
    }
    if let StateShown::Pending(_) | StateShown::Scheduled { .. } = request.state {
        out.push(blocks::actions(own_buttons(request)));
    }
    let text = line
        .say(" Reason: “")
        .words(&request.reason, limits::QUOTE)
        .say("”.");
    Rendered::new(text, out)
}

fn understood(asked: &AskedShown) -> Line {
    let request = &asked.request;
    let line = match (&request.kind, asked.repeated) {
        (KindShown::BreakGlass { .. }, true) => {
            Line::of("The glass was broken for this a moment ago, so nothing new was done: ")
        }
        (_, true) => Line::of("You asked this a moment ago, so nothing new was sent: "),
        (KindShown::BreakGlass { .. }, false) => Line::of("*Break-glass*: "),
        (KindShown::Access | KindShown::Extend { .. }, false) => Line::of("Asked: "),
    };
    let mut line = line.code(&request.role);
    for (name, value) in request.parameters.iter().take(limits::PEOPLE) {
        line = line
            .say(", ")
            .words(name, limits::NAME)
            .say(" ")
            .code(value);
    }
    if request.requester != request.holder || matches!(request.kind, KindShown::BreakGlass { .. }) {
        line = line.say(" for ").person(&request.holder);
    }
    let line = line.say(", ").span(request.duration);
    let line = match (&request.kind, &request.state) {
        (KindShown::Extend { .. }, _) => line.say(" more. "),
        (KindShown::Access | KindShown::BreakGlass { .. }, StateShown::Pending(_)) => {
            match request.starts_at {
                Some(starts_at) => line
                    .say(" from ")
                    .time(starts_at)
                    .say(", or from approval if that is later. "),
                None => line.say(" from approval. "),
            }
        }
        (
            KindShown::Access | KindShown::BreakGlass { .. },
            StateShown::Scheduled { .. }
            | StateShown::Approved
            | StateShown::Denied { .. }
            | StateShown::Cancelled
            | StateShown::TimedOut
            | StateShown::Void { .. }
            | StateShown::Started(_),
        ) => line.say(". "),
    };
    let told = match &request.kind {
        KindShown::BreakGlass { .. } => state::told_after(Line::new(), request),
        KindShown::Access | KindShown::Extend { .. } => state::told(request),
    };
    line.line(told.line).say(" ").code(&request.short)
}

/// Who is asked next, what else could be done.
fn next(asked: &AskedShown) -> Vec<Line> {
    let mut out = Vec::new();
    if let KindShown::BreakGlass {
        review_by,
        review_due,
        ..
    } = &asked.request.kind
    {
        out.push(
            Line::of("Everybody who was skipped is told. A review is owed by ")
                .names(review_by)
                .say(", due ")
                .time(*review_due)
                .say("."),
        );
    }
    let own = asked.request.requester.account == asked.request.holder.account;
    match &asked.request.held {
        Some(held) if own => out.push(
            Line::of("You have ")
                .code(&asked.request.role)
                .say(" already until ")
                .time(held.ends_at)
                .say(" (")
                .code(&held.short)
                .say("). Is it more time that you need? ")
                .code(&held.extend),
        ),
        Some(_) | None => out.extend(state::held(&asked.request)),
    }
    let StateShown::Pending(stage) = &asked.request.state else {
        return out;
    };
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
    if !asked.commanders.is_empty() {
        out.push(emergency(&asked.commanders));
    }
    out
}

fn emergency(commanders: &[Shown]) -> Line {
    Line::of("Emergency? ")
        .people(commanders)
        .say(" can break the glass.")
}

/// Change and Cancel, for whoever asked. Neither is dangerous: what was cancelled can be asked again.
fn own_buttons(request: &RequestShown) -> Vec<Button> {
    let change = match &request.kind {
        KindShown::Access => Some(Button::new(action::CHANGE, "Change", &request.id)),
        KindShown::Extend { .. } | KindShown::BreakGlass { .. } => None,
    };
    change.into_iter().chain([cancel_button(request)]).collect()
}

pub(super) fn cancel_button(request: &RequestShown) -> Button {
    Button::new(action::CANCEL, "Cancel request", &request.id)
}

/// Everything that was wrong, what would do, whom to ask. What could have been sent is said not to be.
pub(super) fn problems(problems: &Problems) -> Rendered {
    let many = problems.sentences.len() > 1;
    let mut out = Vec::new();
    let mut text = Line::new();
    if many || problems.would_do.is_some() {
        text = Line::of("*Not sent.* ");
        out.push(blocks::section(text.clone()));
    }
    let sentences = problems.sentences.iter().take(limits::ENTRIES);
    for sentence in sentences.clone() {
        text = text.words(sentence, limits::QUOTE).say(" ");
    }
    out.push(blocks::lines(sentences.map(|sentence| {
        if many {
            format!("• {sentence}")
        } else {
            sentence.clone()
        }
    })));
    if let Some(would_do) = &problems.would_do {
        text = text
            .say("This would do: ")
            .words(would_do, limits::QUOTE)
            .say(" ");
        out.push(blocks::lines(["This would do:".into(), would_do.clone()]));
    }
    if !problems.ask.is_empty() {
        let ask = Line::of("Who can help: ").people(&problems.ask).say(".");
        text = text.line(ask.clone());
        out.push(blocks::context(vec![ask]));
    }
    if let Some(draft) = &problems.draft {
        let form = match problems.form {
            FormKind::Ask => action::FIX,
            FormKind::BreakGlass => action::FIX_GLASS,
        };
        let fix = Button::new(form, "Fix in form", draft).primary();
        out.push(blocks::actions(vec![fix]));
    }
    Rendered::new(text, out)
}

/// A refused transition; where it was decided before, who did.
pub(super) fn refused(refusal: &Refusal, decided: Option<&RequestShown>) -> Rendered {
    let sentence = refusal.to_string();
    let mut text = Line::new().words(&sentence, limits::SECTION / 2);
    let mut out = vec![blocks::words("", &sentence)];
    if let Some(request) = decided {
        text = text.say(" ").line(state::told(request).in_full());
        out.extend(state::told(request).blocks());
    }
    Rendered::new(text, out)
}

/// What was done, and where the request stands now.
pub(super) fn done(sentence: &str, request: &RequestShown) -> Rendered {
    let line = about(request);
    let text = Line::new()
        .words(sentence, limits::SECTION / 2)
        .say(" ")
        .line(line.clone());
    let mut out = vec![blocks::words("", sentence), blocks::context(vec![line])];
    if let StateShown::Started(grant) = &request.state
        && matches!(grant.state, GrantStateShown::Failed { .. })
    {
        out.extend(state::told(request).words.map(state::Words::block));
    }
    Rendered::new(text, out)
}

/// Which request it was; where it stands only where the sentence before can't have said that.
fn about(request: &RequestShown) -> Line {
    let line = Line::new()
        .code(&request.short)
        .say(" · ")
        .code(&request.role)
        .say(" for ")
        .span(request.duration)
        .say(" · ")
        .person(&request.holder);
    let told = match &request.state {
        StateShown::Pending(_) | StateShown::Scheduled { .. } => true,
        StateShown::Started(grant) => matches!(
            grant.state,
            GrantStateShown::Ended { .. } | GrantStateShown::Failed { .. }
        ),
        StateShown::Approved
        | StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. } => false,
    };
    if told {
        line.say("\n").line(state::told(request).line)
    } else {
        line
    }
}

pub(super) fn not_confirmed() -> Rendered {
    Rendered::line(Line::of(
        "*Not confirmed.* This took too long, so it may or may not be on record. Type the command with the word `mine` to look before you try again. If it is on record by then, the same words within a minute count once.",
    ))
}

pub(super) fn help(help: &HelpShown) -> Rendered {
    let command = help.command.as_str();
    let example = match &help.example {
        Some(role) => format!("{command} {role} 1h INC-4711 orders are stuck"),
        None => format!("{command} ROLE 1h why you need it"),
    };
    let ask = Line::of("*Ask for access*: say for what, how long and why.\n").code(&example);
    let mut out = vec![
        blocks::section(ask),
        blocks::section(usage(command, &LOOKING, "*See*")),
        blocks::section(usage(command, &DOING, "*Change*")),
        blocks::section(usage(
            command,
            &BREAKING,
            "*Break the glass* (commanders only)",
        )),
    ];
    if !help.commanders.is_empty() {
        out.push(blocks::context(vec![emergency(&help.commanders)]));
    }
    let text = Line::of("Ask for access like this: ")
        .code(&example)
        .say(". See what there is with ")
        .code(&format!("{command} roles"))
        .say(", and what is yours with ")
        .code(&format!("{command} mine"))
        .say(".");
    Rendered::new(text, out)
}

const LOOKING: [(&str, &str); 7] = [
    ("roles", "what you can ask for"),
    ("mine", "your requests and your access"),
    ("pending", "what waits for a decision"),
    ("active", "who has access now"),
    ("oncall", "who is on call"),
    ("status ID", "one request and its history"),
    ("why ROLE 1h", "what would be decided, and by which rule"),
];

const DOING: [(&str, &str); 5] = [
    ("ROLE 1h at 22:00 REASON", "access that starts later"),
    ("cancel ID", "take back a request"),
    ("extend 30m", "more time before your access ends"),
    ("drop", "give your access back early"),
    ("revoke ID REASON", "end somebody’s access"),
];

const BREAKING: [(&str, &str); 2] = [
    (
        "break-glass ROLE for @PERSON 30m INC-4711 REASON",
        "access at once, reviewed afterwards",
    ),
    ("break-glass ID INC-4711 REASON", "grant a pending request"),
];

fn usage(command: &str, lines: &[(&'static str, &'static str)], title: &'static str) -> Line {
    lines.iter().fold(Line::of(title), |line, (words, what)| {
        line.say("\n")
            .code(&format!("{command} {words}"))
            .say(" ")
            .say(what)
    })
}
