//! The offer of a later start: what was understood, in every reader's zone and in the asker's, and the two buttons that
//! send it. Until one is pressed nothing is sent, and that is said.

use super::Rendered;
use super::blocks::{self, Button};
use super::limits;
use super::text::Line;
use crate::app::answer::LaterShown;
use crate::slack::inbound::action;

pub(super) fn offered(offer: &LaterShown) -> Rendered {
    let line = understood(offer);
    let mut out = vec![
        blocks::section(line.clone()),
        blocks::words("Reason", &offer.reason),
    ];
    out.extend(offer.note.clone().map(|note| blocks::lines([note])));
    out.push(blocks::actions(vec![
        Button::new(
            action::SCHEDULE,
            format!("Schedule for {}", offer.when),
            &offer.draft,
        )
        .primary(),
        Button::new(action::START_NOW, "Start now", &offer.draft),
    ]));
    out.push(blocks::context(vec![
        Line::of(
            "It can be approved beforehand. When it starts, everything is checked again. These buttons work until ",
        )
        .time(offer.until)
        .say("."),
    ]));
    let mut text = line;
    if let Some(note) = &offer.note {
        text = text.say(" ").words(note, limits::QUOTE);
    }
    let text = text
        .say(" Reason: “")
        .words(&offer.reason, limits::QUOTE)
        .say("”. Press “Schedule for ")
        .words(&offer.when, limits::NAME)
        .say("” or “Start now”.");
    Rendered::new(text, out)
}

/// `Not sent yet: db-admin, 2 h from …, which is tomorrow 03:05 in Europe/Berlin.`
fn understood(offer: &LaterShown) -> Line {
    let mut line = Line::of("*Not sent yet*: ").code(&offer.role);
    for (name, value) in offer.parameters.iter().take(limits::PEOPLE) {
        line = line
            .say(", ")
            .words(name, limits::NAME)
            .say(" ")
            .code(value);
    }
    line.say(", ")
        .span(offer.duration)
        .say(" from ")
        .time(offer.starts_at)
        .say(", which is ")
        .words(&offer.when, limits::NAME)
        .say(" in ")
        .words(&offer.zone, limits::NAME)
        .say(", your time zone in Slack.")
}
