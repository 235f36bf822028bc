//! Payloads from the official SDKs' own tests: each is read, none is refused.
//! They lie beside the project, not in it; `SLACK_SAMPLES` names another folder.

use std::fs;
use std::path::{Path, PathBuf};

use hallpass::slack::inbound::{self, Event, Interaction};
use serde_json::Value;
use url::form_urlencoded;

fn samples() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/slack/samples");
    let folder = std::env::var_os("SLACK_SAMPLES").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

fn files(folder: &Path) -> Vec<(PathBuf, Value)> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "json") {
            let json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            out.push((path, json));
        }
    }
    out
}

fn as_form(payload: &Value) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &payload.to_string());
    form.finish().into_bytes()
}

#[test]
fn every_sample_is_read() {
    let Some(folder) = samples() else { return };
    let interactions = files(&folder.join("interactivity"));
    let events = files(&folder.join("events"));
    assert!(interactions.len() > 20 && events.len() > 20);
    for (path, payload) in interactions {
        let kind = payload["type"].as_str().unwrap_or_default().to_owned();
        let read = inbound::interaction(&as_form(&payload));
        let fits = match kind.as_str() {
            "block_actions" => matches!(read, Ok(Interaction::Press(_))),
            "view_submission" => matches!(read, Ok(Interaction::Submitted(_))),
            "view_closed" => read == Ok(Interaction::Closed),
            "shortcut" => matches!(read, Ok(Interaction::Shortcut(_))),
            _ => read == Ok(Interaction::Ignored { kind }),
        };
        assert!(fits, "{}", path.display());
    }
    for (path, payload) in events {
        let kind = payload["event"]["type"].as_str().unwrap_or_default();
        let read = inbound::event(payload.to_string().as_bytes());
        let fits = match (payload["type"].as_str(), kind) {
            (Some("url_verification"), _) => matches!(read, Ok(Event::UrlVerification { .. })),
            (Some("event_callback"), "app_home_opened") => {
                matches!(
                    read,
                    Ok(Event::HomeOpened {
                        account: Some(_),
                        ..
                    })
                )
            }
            (Some("event_callback"), "app_uninstalled") => {
                matches!(read, Ok(Event::Uninstalled { .. }))
            }
            (Some("event_callback"), "tokens_revoked") => matches!(
                read,
                Ok(Event::TokensRevoked { .. } | Event::Ignored { .. })
            ),
            _ => matches!(read, Ok(Event::Ignored { .. })),
        };
        assert!(fits, "{}: {read:?}", path.display());
    }
}

#[test]
fn every_sample_of_a_command_is_read() {
    let Some(folder) = samples() else { return };
    for (path, sample) in files(&folder.join("slash-commands-raw")) {
        let body = sample["raw_body"].as_str().unwrap();
        let command = inbound::command(body.as_bytes()).unwrap();
        assert!(command.origin.user.is_some(), "{}", path.display());
        assert!(command.delivery().is_some(), "{}", path.display());
        assert!(command.response_url.is_some(), "{}", path.display());
    }
}

#[test]
fn no_sample_in_the_wrong_place_does_harm() {
    let Some(folder) = samples() else { return };
    for (path, payload) in files(&folder) {
        let text = payload.to_string();
        let named = path.display();
        assert!(inbound::event(text.as_bytes()).is_ok(), "{named}");
        assert!(inbound::interaction(&as_form(&payload)).is_ok(), "{named}");
        // A form has no shape to break: anything is a command without an author.
        assert!(inbound::command(text.as_bytes()).is_ok(), "{named}");
    }
}
