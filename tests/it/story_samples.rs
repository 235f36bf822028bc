//! Every payload of the official SDKs' own tests, sent as Slack would: over HTTP and over Socket Mode, as they are and as
//! if they were our own people's. None is a server error, and none takes long.
//!
//! They lie beside the project, not in it; `SLACK_SAMPLES` names another folder. Without them there is nothing to send.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::socket_mode::over_sockets;
use crate::story_routes::{FORM, sends};
use crate::support::soak::figure;
use crate::support::{Database, TestBot};

/// What a handler may take, on this machine, whatever else runs beside it: the best of a few tries counts.
const SOON: Duration = Duration::from_millis(100);
const TRIES: usize = 4;

fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/slack/samples");
    let folder = std::env::var_os("SLACK_SAMPLES").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// Path and text of everything of a kind.
fn samples(kind: &str) -> Vec<(PathBuf, String)> {
    let Some(root) = folder() else {
        return Vec::new();
    };
    let (mut found, mut open) = (Vec::new(), vec![root.join(kind)]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

fn form<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields).finish()
}

/// Route, content type and body of a sample.
fn delivery(kind: &str, text: &str) -> (&'static str, &'static str, String) {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    match kind {
        "interactivity" => ("/slack/interactions", FORM, form([("payload", text)])),
        "events" => ("/slack/events", "application/json", text.to_owned()),
        "slash-commands-raw" => {
            let body = json["raw_body"].as_str().unwrap_or_default();
            ("/slack/commands", FORM, body.to_owned())
        }
        _ => {
            let fields = json.as_object().into_iter().flatten();
            let texts = fields.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
            ("/slack/commands", FORM, form(texts))
        }
    }
}

/// As if it were of our workspace, and Alice's.
fn ours(text: &str) -> String {
    let team = regex::Regex::new(r"\bT[A-Z0-9]{5,}\b").unwrap();
    let person = regex::Regex::new(r"\b[UW][A-Z0-9]{5,}\b").unwrap();
    let text = team.replace_all(text, "T0ACME");
    person.replace_all(&text, "U0ALICE").into_owned()
}

#[tokio::test]
async fn every_sample_is_answered_over_http() {
    TestBot::run(async |bot| {
        let (mut sent, mut slowest) = (0, Duration::ZERO);
        for kind in [
            "interactivity",
            "events",
            "slash-commands",
            "slash-commands-raw",
        ] {
            for (path, sample) in samples(kind) {
                for text in [sample.clone(), ours(&sample)] {
                    let mut best = Duration::MAX;
                    for _ in 0..TRIES {
                        let (route, content, body) = delivery(kind, &text);
                        let began = Instant::now();
                        let status = sends(bot, route, content, body).await.status();
                        let took = began.elapsed();
                        assert!(!status.is_server_error(), "{status}: {}", path.display());
                        best = best.min(took);
                        if took <= SOON {
                            break;
                        }
                    }
                    assert!(best <= SOON, "{best:?}: {}", path.display());
                    slowest = slowest.max(best);
                    sent += 1;
                }
            }
        }
        let line = format!("{sent} over HTTP, the slowest in {slowest:?}");
        figure("samples", &line);
        assert!(folder().is_none() || sent > 100, "{sent}");
    })
    .await;
}

#[tokio::test]
async fn every_sample_is_acknowledged_over_socket_mode() {
    TestBot::in_setting(over_sockets(Database::Sqlite), async |bot| {
        let (mut sent, mut slowest) = (0, Duration::ZERO);
        for kind in ["interactivity", "events"] {
            for (path, sample) in samples(kind) {
                for text in [sample.clone(), ours(&sample)] {
                    let payload: Value = serde_json::from_str(&text).unwrap();
                    let mut best = Duration::MAX;
                    for _ in 0..TRIES {
                        let outcome = if kind == "events" {
                            bot.slack.deliver_event(payload.clone()).await
                        } else {
                            bot.slack.deliver_interaction(payload.clone()).await
                        };
                        assert!(outcome.is_ok(), "{outcome:?}: {}", path.display());
                        best = best.min(outcome.took);
                        if best <= SOON {
                            break;
                        }
                    }
                    assert!(best <= SOON, "{best:?}: {}", path.display());
                    slowest = slowest.max(best);
                    sent += 1;
                }
            }
        }
        let line = format!("{sent} over Socket Mode, the slowest in {slowest:?}");
        figure("samples", &line);
        assert!(folder().is_none() || sent > 80, "{sent}");
        let odd = json!({ "type": "event_callback", "team_id": null, "event": null });
        assert!(bot.slack.deliver_event(odd).await.is_ok());
    })
    .await;
}
