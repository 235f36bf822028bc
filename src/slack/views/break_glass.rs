//! Break-glass, loud: the card and the alarm, with what ends it and what reviews it, and what becomes of the owed review.
//! The button takes access away at once, so it asks back and says what it does.

use slack_morphism::prelude::SlackBlock;

use super::Rendered;
use super::blocks::{self, Button, Confirm};
use super::card;
use super::limits;
use super::state;
use super::text::Line;
use crate::domain::Time;
use crate::domain::request::Found;
use crate::ports::chat::{
    Buttons, GrantStateShown, KindShown, PostUseShown, RequestShown, Shown, StateShown,
};
use crate::slack::inbound::action;

/// What only break-glass has.
struct Glass<'a> {
    commander: &'a Shown,
    incident: &'a str,
    checked_at: Time,
    skipped: &'a [Shown],
    review_by: &'a [String],
    review_due: Time,
    review: &'a PostUseShown,
}

fn glass(request: &RequestShown) -> Option<Glass<'_>> {
    match &request.kind {
        KindShown::BreakGlass {
            commander,
            incident,
            checked_at,
            skipped,
            review_by,
            review_due,
            review,
            ..
        } => Some(Glass {
            commander,
            incident,
            checked_at: *checked_at,
            skipped,
            review_by,
            review_due: *review_due,
            review,
        }),
        KindShown::Access | KindShown::Extend { .. } => None,
    }
}

/// How far the access is, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Coming,
    Active(Time),
    Going,
    Over,
}

fn stage(request: &RequestShown) -> Stage {
    match &request.state {
        StateShown::Started(grant) => match &grant.state {
            GrantStateShown::Provisioning => Stage::Coming,
            GrantStateShown::Active { ends_at, .. } => Stage::Active(*ends_at),
            GrantStateShown::Revoking { .. } => Stage::Going,
            GrantStateShown::Ended { .. } | GrantStateShown::Failed { .. } => Stage::Over,
        },
        StateShown::Approved | StateShown::Scheduled { .. } | StateShown::Pending(_) => {
            Stage::Coming
        }
        StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. } => Stage::Over,
    }
}

/// The card, and the alarm in the security channel and to those who were skipped: buttons only where somebody there may
/// press them.
pub(super) fn card(request: &RequestShown, buttons: Buttons) -> Rendered {
    let pressable = match buttons {
        Buttons::BreakGlass => revoke(request).into_iter().chain(review(request)).collect(),
        Buttons::Revoke => revoke(request).into_iter().collect(),
        Buttons::None | Buttons::Decide | Buttons::Withdraw => Vec::new(),
    };
    rendered(request, pressable)
}

fn rendered(request: &RequestShown, pressable: Vec<Button>) -> Rendered {
    let Some(glass) = glass(request) else {
        return card::card(request, Buttons::None);
    };
    let line = happened(request, &glass);
    let mut out = vec![
        blocks::header(&title(request)),
        blocks::section(line.clone()),
        blocks::fields(card::facts(request)),
        blocks::words("Reason, in the commander’s words", &request.reason),
    ];
    if matches!(stage(request), Stage::Going | Stage::Over) {
        out.extend(state::told(request).blocks());
    }
    out.extend(card::notes(request));
    out.push(blocks::section(owed(&glass)));
    out.extend(seen(&glass));
    out.push(blocks::context(vec![
        card::unusual(request)
            .code(&request.short)
            .say(" · ")
            .time(request.asked_at),
    ]));
    if !pressable.is_empty() {
        out.push(blocks::card_actions(pressable));
    }
    let text = Line::of("Break-glass: ")
        .line(line)
        .say(" ")
        .line(card::unusual(request))
        .line(owed(&glass));
    Rendered::new(text, out)
}

fn title(request: &RequestShown) -> String {
    let role = &request.role;
    match stage(request) {
        Stage::Coming => format!("Break-glass: {role} is being set up"),
        Stage::Active(_) => format!("Break-glass: {role} is active"),
        Stage::Going => format!("Break-glass: {role} is being taken away"),
        Stage::Over => format!("Break-glass: {role} is over"),
    }
}

/// `@carol (commander, checked 03:14) gave @rita db-admin until 04:14 without approval, for INC-4711. Skipped: @bob.`
fn happened(request: &RequestShown, glass: &Glass<'_>) -> Line {
    let line = Line::new()
        .person(glass.commander)
        .say(" (commander, checked ")
        .time(glass.checked_at)
        .say(") ");
    let line = if *glass.commander == request.holder {
        line.say("took ")
    } else {
        line.say("gave ").person(&request.holder).say(" ")
    };
    let line = line.code(&request.role);
    let line = match stage(request) {
        Stage::Active(ends_at) => line.say(" until ").time(ends_at),
        Stage::Coming | Stage::Going | Stage::Over => {
            line.say(" for ").span_in_words(request.duration)
        }
    };
    let line = line
        .say(" without approval, for ")
        .code(glass.incident)
        .say(".");
    if glass.skipped.is_empty() {
        return line;
    }
    line.say(" Skipped: ").people(glass.skipped).say(".")
}

/// `Review owed by security, due tomorrow 03:14, but not by the commander or the holder.`
fn owed(glass: &Glass<'_>) -> Line {
    match glass.review {
        PostUseShown::Owed => Line::of("*Review owed* by ")
            .names(glass.review_by)
            .say(" (not by the commander or the holder), due ")
            .time(glass.review_due)
            .say("."),
        PostUseShown::Overdue => Line::of("*Review overdue* since ")
            .time(glass.review_due)
            .say(". It is owed by ")
            .names(glass.review_by)
            .say(" (not by the commander or the holder)."),
        PostUseShown::Reviewed { by, at, found, .. } => {
            let line = Line::of("*Reviewed* by ").person(by).say(", ").time(*at);
            line.say(match found {
                Some(Found::AsItShouldBe) => ": it was used as it should be.",
                Some(Found::NeedsFollowUp) => ": it *needs a follow-up*.",
                None => ".",
            })
        }
    }
}

/// What its reviewer saw, in their words.
fn seen(glass: &Glass<'_>) -> Option<SlackBlock> {
    match glass.review {
        PostUseShown::Reviewed {
            note: Some(note), ..
        } => Some(blocks::words("What the reviewer saw", note)),
        PostUseShown::Reviewed { note: None, .. } | PostUseShown::Owed | PostUseShown::Overdue => {
            None
        }
    }
}

/// What is to be reviewed: who gave what to whom, for what, and where it stands.
pub(super) fn used(request: &RequestShown) -> Line {
    let line = match glass(request) {
        Some(glass) => happened(request, &glass),
        None => card::asks(request),
    };
    if matches!(stage(request), Stage::Going | Stage::Over) {
        let told = state::told_after(Line::new(), request);
        line.say(" ").line(told.line)
    } else {
        line
    }
}

fn revoke(request: &RequestShown) -> Option<Button> {
    let live = matches!(stage(request), Stage::Coming | Stage::Active(_));
    live.then(|| {
        Button::new(action::REVOKE, "Revoke access", &request.id).danger(Confirm {
            title: "Revoke access?",
            text: loses(request),
            yes: "Revoke access",
            no: "Keep",
        })
    })
}

/// Where it is owed still.
pub(super) fn review(request: &RequestShown) -> Option<Button> {
    let owed = glass(request).is_some_and(|glass| match glass.review {
        PostUseShown::Owed | PostUseShown::Overdue => true,
        PostUseShown::Reviewed { .. } => false,
    });
    owed.then(|| Button::new(action::REVIEWED, "Review the use", &request.id))
}

/// What Revoke does, for its confirm dialog: plain text, so the holder goes by the pinned e-mail.
fn loses(request: &RequestShown) -> String {
    let what: Vec<&str> = request
        .entitlements
        .iter()
        .take(limits::PEOPLE)
        .map(|(entitlement, _)| entitlement.as_str())
        .collect();
    let what = if what.is_empty() {
        request.role.clone()
    } else {
        what.join(", ")
    };
    let holder = request.holder.email.as_ref();
    let holder = holder.map_or("The holder", |email| email.as_str());
    // Read long after it was written: nothing of what else the holder has by now may stand here.
    format!(
        "This ends 1 grant: {holder} loses {what} now, unless another grant gives it, too. Open sessions are closed."
    )
}

pub(super) fn reviewed(request: &RequestShown) -> Rendered {
    follow_up(request, "Break-glass ")
}

pub(super) fn overdue(request: &RequestShown) -> Rendered {
    let mut rendered = follow_up(request, "Break-glass ");
    let review = review(request).map(|button| blocks::actions(vec![button]));
    rendered.blocks.extend(review);
    rendered
}

/// `Break-glass R-7K2M, db-admin for @rita by @carol. Reviewed by …`
fn follow_up(request: &RequestShown, lead: &'static str) -> Rendered {
    let line = Line::of(lead)
        .code(&request.short)
        .say(", ")
        .code(&request.role)
        .say(" for ")
        .person(&request.holder);
    let line = match glass(request) {
        Some(glass) => line
            .say(" by ")
            .person(glass.commander)
            .say(". ")
            .line(owed(&glass)),
        None => line.say("."),
    };
    let seen = glass(request).and_then(|glass| seen(&glass));
    let blocks: Vec<SlackBlock> = std::iter::once(blocks::section(line.clone()))
        .chain(seen)
        .collect();
    Rendered::new(line, blocks)
}
