//! Payloads as Slack sends them, ours and those from the official SDKs' own tests: each is read, none is refused.

use hallpass::slack::inbound::{self, Event, Interaction};
use serde_json::Value;
use url::form_urlencoded;

use crate::support::samples::{Sample, samples};

/// So many of our own there are at least: a shape that isn't there isn't checked.
const INTERACTIONS: usize = 20;
const EVENTS: usize = 20;
const COMMANDS: usize = 6;

fn json(sample: &Sample) -> Value {
    serde_json::from_str(&sample.text).unwrap()
}

fn as_form(payload: &Value) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &payload.to_string());
    form.finish().into_bytes()
}

#[test]
fn every_sample_is_read() {
    for sample in samples("interactivity", INTERACTIONS) {
        let payload = json(&sample);
        let kind = payload["type"].as_str().unwrap_or_default().to_owned();
        let read = inbound::interaction(&as_form(&payload));
        let fits = match kind.as_str() {
            "block_actions" => matches!(read, Ok(Interaction::Press(_))),
            "view_submission" => matches!(read, Ok(Interaction::Submitted(_))),
            "view_closed" => read == Ok(Interaction::Closed),
            "shortcut" => matches!(read, Ok(Interaction::Shortcut(_))),
            _ => read == Ok(Interaction::Ignored { kind }),
        };
        assert!(fits, "{}", sample.path.display());
    }
    for sample in samples("events", EVENTS) {
        let payload = json(&sample);
        let kind = payload["event"]["type"].as_str().unwrap_or_default();
        let read = inbound::event(payload.to_string().as_bytes());
        let fits = match (payload["type"].as_str(), kind) {
            (Some("url_verification"), _) => matches!(read, Ok(Event::UrlVerification { .. })),
            (Some("event_callback"), "app_home_opened")
                if payload["event"]["tab"] == "messages" =>
            {
                matches!(read, Ok(Event::Ignored { .. }))
            }
            (Some("event_callback"), "app_home_opened") => {
                matches!(
                    read,
                    Ok(Event::HomeOpened {
                        account: Some(_),
                        ..
                    })
                )
            }
            (Some("event_callback"), "user_change") => {
                matches!(read, Ok(Event::UserChanged { .. }))
            }
            (Some("event_callback"), "app_uninstalled") => {
                matches!(read, Ok(Event::Uninstalled { .. }))
            }
            (Some("event_callback"), "tokens_revoked") => matches!(
                read,
                Ok(Event::TokensRevoked { .. } | Event::Ignored { .. })
            ),
            (Some("event_callback"), "channel_archive") => {
                matches!(read, Ok(Event::ChannelClosed { .. }))
            }
            _ => matches!(read, Ok(Event::Ignored { .. })),
        };
        assert!(fits, "{}: {read:?}", sample.path.display());
    }
}

#[test]
fn every_sample_of_a_command_is_read() {
    for sample in samples("slash-commands-raw", COMMANDS) {
        let payload = json(&sample);
        let body = payload["raw_body"].as_str().unwrap();
        let command = inbound::command(body.as_bytes()).unwrap();
        assert!(command.origin.user.is_some(), "{}", sample.path.display());
        assert!(command.delivery().is_some(), "{}", sample.path.display());
        assert!(command.response_url.is_some(), "{}", sample.path.display());
    }
}

#[test]
fn no_sample_in_the_wrong_place_does_harm() {
    let kinds = [
        ("interactivity", INTERACTIONS),
        ("events", EVENTS),
        ("slash-commands", 1),
        ("slash-commands-raw", COMMANDS),
    ];
    let all = kinds.map(|(kind, least)| samples(kind, least));
    for sample in all.into_iter().flatten() {
        let payload = json(&sample);
        let text = payload.to_string();
        let named = sample.path.display();
        assert!(inbound::event(text.as_bytes()).is_ok(), "{named}");
        assert!(inbound::interaction(&as_form(&payload)).is_ok(), "{named}");
        // A form has no shape to break: anything is a command without an author.
        assert!(inbound::command(text.as_bytes()).is_ok(), "{named}");
    }
}
