//! What people read, as snapshots in `snapshots/`: every card, every notice, every answer, text and blocks.

use hallpass::slack::views;

use crate::{
    slack_shown, slack_shown_alarm, slack_shown_announcements, slack_shown_answers,
    slack_shown_notices,
};

#[test]
fn cards_read_well() {
    for (name, message, audience) in slack_shown::cards() {
        insta::assert_json_snapshot!(name, views::message(&message, audience).json());
    }
}

#[test]
fn notices_read_well() {
    for (name, message, audience) in slack_shown_notices::notices() {
        insta::assert_json_snapshot!(name, views::message(&message, audience).json());
    }
}

#[test]
fn alarms_read_well() {
    for (name, message, audience) in slack_shown_alarm::alarms() {
        let name = format!("alarm_{name}");
        insta::assert_json_snapshot!(name, views::message(&message, audience).json());
    }
}

#[test]
fn announcements_read_well() {
    for (name, message) in slack_shown_announcements::announcements() {
        let shown = views::message(&message, views::Audience::Channel);
        insta::assert_json_snapshot!(name, shown.json());
    }
}

#[test]
fn answers_read_well() {
    for (name, answer) in slack_shown_answers::answers() {
        insta::assert_json_snapshot!(name, views::answer(&answer).json());
    }
}

#[test]
fn lists_read_well() {
    for (name, answer) in slack_shown_answers::lists() {
        insta::assert_json_snapshot!(name, views::answer(&answer).json());
    }
}
