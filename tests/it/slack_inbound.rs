//! What Slack sends, and what only looks like it: read leniently, never with a panic.

use hallpass::domain::SlackId;
use hallpass::ports::Posted;
use hallpass::slack::inbound::{self, Event, Interaction, MOST_BYTES, Malformed, Pressed};
use serde_json::{Value, json};
use url::form_urlencoded;

fn form(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = form_urlencoded::Serializer::new(String::new());
    out.extend_pairs(pairs);
    out.finish().into_bytes()
}

fn interaction(payload: &Value) -> Result<Interaction, Malformed> {
    inbound::interaction(&form(&[("payload", &payload.to_string())]))
}

fn pressed(payload: &Value) -> Pressed {
    match interaction(payload) {
        Ok(Interaction::Press(pressed)) => *pressed,
        other => panic!("not a press: {other:?}"),
    }
}

#[test]
fn a_command_is_read() {
    let body = form(&[
        ("team_id", "T1"),
        ("channel_id", "C1"),
        ("user_id", "U0RITA"),
        ("command", "/prod-access"),
        ("text", "db-admin 2h orders & <@U0BOB|bob>"),
        ("trigger_id", "1.2.abc"),
        ("response_url", "https://hooks.slack.com/commands/T1/1/x"),
    ]);
    let command = inbound::command(&body).unwrap();
    assert_eq!(command.origin.user, SlackId::parse("U0RITA"));
    assert_eq!(command.text, "db-admin 2h orders & <@U0BOB|bob>");
    assert_eq!(command.delivery().as_deref(), Some("command:1.2.abc"));
    assert!(!command.ssl_check);
}

#[test]
fn a_certificate_check_is_told_apart() {
    let command = inbound::command(&form(&[("ssl_check", "1"), ("token", "x")])).unwrap();
    assert!(command.ssl_check);
    assert_eq!(command.origin.user, None);
}

#[test]
fn one_key_twice_is_refused() {
    let twice = form(&[("user_id", "U0RITA"), ("user_id", "U0BOB")]);
    assert_eq!(inbound::command(&twice), Err(Malformed::DuplicateKey));
    let twice = form(&[("payload", "{}"), ("payload", "{}")]);
    assert_eq!(inbound::interaction(&twice), Err(Malformed::DuplicateKey));
}

#[test]
fn a_press_is_read_with_its_card() {
    let press = pressed(&json!({
        "type": "block_actions",
        "user": { "id": "U0BOB", "team_id": "T1" },
        "team": { "id": "T1" },
        "container": { "type": "message", "channel_id": "C1", "message_ts": "17.0001" },
        "trigger_id": "9.8.7",
        "response_url": "https://hooks.slack.com/actions/T1/1/x",
        "actions": [{ "action_id": "approve", "block_id": "card", "value": "0198-…", "action_ts": "18.1" }],
    }));
    assert_eq!(press.action(), "approve");
    assert_eq!(press.value, "0198-…");
    assert_eq!(
        press.card,
        Some(Posted {
            channel: "C1".into(),
            ts: "17.0001".into()
        })
    );
    assert_eq!(press.delivery().as_deref(), Some("U0BOB:9.8.7"));
}

#[test]
fn null_numbers_and_strange_types_are_borne() {
    let press = pressed(&json!({
        "type": "block_actions",
        "team": null,
        "user": { "id": "U0BOB", "team_id": 42 },
        "container": { "is_ephemeral": true, "channel_id": "C1", "message_ts": 17 },
        "actions": [{ "action_id": "cancel:3", "block_id": "card", "value": 7, "surprise": [] }, { "action_id": "deny" }],
        "enterprise": "not an object",
    }));
    assert_eq!(press.origin.team.as_deref(), Some("42"));
    assert_eq!(press.origin.enterprise, None);
    assert_eq!((press.action(), press.value.as_str()), ("cancel", "7"));
    assert_eq!(press.card, None, "an ephemeral message can't be updated");
}

#[test]
fn what_is_no_press_of_ours_is_ignored() {
    for payload in [
        json!({ "type": "block_actions", "actions": [] }),
        json!({ "type": "block_actions", "actions": "none" }),
        json!({ "type": "something_new" }),
        json!({ "type": ["block_actions"] }),
        json!([]),
        json!(null),
    ] {
        let read = interaction(&payload);
        assert!(matches!(read, Ok(Interaction::Ignored { .. })), "{payload}");
    }
    assert_eq!(
        interaction(&json!({ "type": "view_closed", "view": null })),
        Ok(Interaction::Closed)
    );
}

#[test]
fn a_sent_modal_tells_what_stands_in_its_fields() {
    let payload = json!({
        "type": "view_submission", "trigger_id": "1.2.c",
        "team": null, "user": { "id": "U0ALICE", "team_id": "T0EX" },
        "view": {
            "id": "V1", "type": "modal", "callback_id": "ask", "hash": "1.a", "private_metadata": "d1",
            "state": { "values": {
                "role": { "role": { "type": "static_select", "selected_option": { "value": "logs" } } },
                "reason": { "reason": { "type": "plain_text_input", "value": "a disk is full" } },
                "note": { "note": { "type": "plain_text_input", "value": null } },
                "at": { "date": { "type": "datepicker", "selected_date": "2026-11-22" } },
                "odd": null,
            } },
        },
    });
    let Ok(Interaction::Submitted(sent)) = interaction(&payload) else {
        panic!("it was sent");
    };
    assert_eq!(sent.origin.team.as_deref(), Some("T0EX"));
    assert_eq!(sent.view.metadata, "d1");
    assert_eq!(sent.view.value("role", "role"), Some("logs"));
    assert_eq!(sent.view.value("reason", "reason"), Some("a disk is full"));
    assert_eq!(sent.view.value("note", "note"), None);
    assert_eq!(sent.view.value("at", "date"), Some("2026-11-22"));
    assert_eq!(sent.delivery(), Some("U0ALICE:V1".into()));
}

#[test]
fn a_shortcut_tells_which_and_who() {
    let payload = json!({
        "type": "shortcut", "callback_id": "ask", "trigger_id": "1.2.c",
        "user": { "id": "U0ALICE", "team_id": "T0EX" },
    });
    let Ok(Interaction::Shortcut(shortcut)) = interaction(&payload) else {
        panic!("it is a shortcut");
    };
    assert_eq!(shortcut.callback_id, "ask");
    assert_eq!(shortcut.trigger_id.as_deref(), Some("1.2.c"));
}

#[test]
fn what_is_no_payload_is_told() {
    let bad = inbound::interaction(&form(&[("payload", "{")]));
    assert_eq!(bad, Err(Malformed::NotJson));
    assert_eq!(inbound::interaction(b"a=b"), Err(Malformed::NoPayload));
    assert_eq!(inbound::event(b"\xff\xfe"), Err(Malformed::NotJson));
    let deep = "[".repeat(200_000);
    assert_eq!(inbound::event(deep.as_bytes()), Err(Malformed::NotJson));
    let long = vec![b'a'; MOST_BYTES + 1];
    assert_eq!(inbound::command(&long), Err(Malformed::TooLong));
    assert_eq!(inbound::event(&long), Err(Malformed::TooLong));
}

#[test]
fn events_that_matter_are_told_apart() {
    let event = |payload: Value| inbound::event(payload.to_string().as_bytes()).unwrap();
    assert_eq!(
        event(json!({ "type": "url_verification", "challenge": "abc" })),
        Event::UrlVerification {
            challenge: "abc".into()
        }
    );
    let changed = event(json!({
        "type": "event_callback", "event_id": "Ev1", "team_id": "T1",
        "event": { "type": "user_change", "user": { "id": "U0RITA", "deleted": true } },
    }));
    assert_eq!(
        changed,
        Event::UserChanged {
            id: Some("Ev1".into()),
            team: Some("T1".into()),
            enterprise: None,
            account: SlackId::parse("U0RITA").unwrap(),
        }
    );
    let revoked = |tokens: Value| {
        event(json!({
            "type": "event_callback", "team_id": "T1",
            "event": { "type": "tokens_revoked", "tokens": tokens },
        }))
    };
    assert!(matches!(
        revoked(json!({ "bot": ["U1"] })),
        Event::TokensRevoked { .. }
    ));
    assert!(matches!(
        revoked(json!({ "oauth": ["U1"], "bot": [] })),
        Event::Ignored { .. }
    ));
}
