//! The offer of a later start: what was understood, in the asker's zone, and the two buttons that send it. Until one is
//! pressed nothing is sent, and that is said. A button can't hold Slack's date tokens, which follow each reader's clock of 12
//! or 24 hours; so that there is one clock in the message, its text has none either and names the zone.

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
            "It can be approved beforehand. When it starts, everything is checked again. These buttons work for ",
        )
        .span_in_words(offer.good_for)
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

/// `Not sent yet: db-admin, 2 h from tomorrow 03:05 in Europe/Berlin, your time zone in Slack.`
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
        .words(&offer.when, limits::NAME)
        .say(" in ")
        .words(&offer.zone, limits::NAME)
        .say(", your time zone in Slack.")
}
