//! Every payload of ours and of the official SDKs' own tests, sent as Slack would: over HTTP and over Socket Mode, as
//! they are and as if they were our own people's. None is a server error, and none takes long.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::socket_mode::over_sockets;
use crate::story_routes::{FORM, sends};
use crate::support::samples::samples;
use crate::support::soak::figure;
use crate::support::{Database, TestBot};

/// What a handler may take, on this machine, whatever else runs beside it: the best of a few tries counts.
const SOON: Duration = Duration::from_millis(100);
const TRIES: usize = 4;

/// The kinds of payloads, with how many of our own there are at least.
const KINDS: [(&str, usize); 4] = [
    ("interactivity", 20),
    ("events", 20),
    ("slash-commands", 1),
    ("slash-commands-raw", 6),
];

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
        for (kind, least) in KINDS {
            for sample in samples(kind, least) {
                for text in [sample.text.clone(), ours(&sample.text)] {
                    let mut best = Duration::MAX;
                    for _ in 0..TRIES {
                        let (route, content, body) = delivery(kind, &text);
                        let began = Instant::now();
                        let status = sends(bot, route, content, body).await.status();
                        let took = began.elapsed();
                        assert!(
                            !status.is_server_error(),
                            "{status}: {}",
                            sample.path.display()
                        );
                        best = best.min(took);
                        if took <= SOON {
                            break;
                        }
                    }
                    assert!(best <= SOON, "{best:?}: {}", sample.path.display());
                    slowest = slowest.max(best);
                    sent += 1;
                }
            }
        }
        let line = format!("{sent} over HTTP, the slowest in {slowest:?}");
        figure("samples", &line);
    })
    .await;
}

#[tokio::test]
async fn every_sample_is_acknowledged_over_socket_mode() {
    TestBot::in_setting(over_sockets(Database::Sqlite), async |bot| {
        let (mut sent, mut slowest) = (0, Duration::ZERO);
        for (kind, least) in &KINDS[..2] {
            for sample in samples(kind, *least) {
                for text in [sample.text.clone(), ours(&sample.text)] {
                    let payload: Value = serde_json::from_str(&text).unwrap();
                    let mut best = Duration::MAX;
                    for _ in 0..TRIES {
                        let outcome = if *kind == "events" {
                            bot.slack.deliver_event(payload.clone()).await
                        } else {
                            bot.slack.deliver_interaction(payload.clone()).await
                        };
                        assert!(outcome.is_ok(), "{outcome:?}: {}", sample.path.display());
                        best = best.min(outcome.took);
                        if best <= SOON {
                            break;
                        }
                    }
                    assert!(best <= SOON, "{best:?}: {}", sample.path.display());
                    slowest = slowest.max(best);
                    sent += 1;
                }
            }
        }
        let line = format!("{sent} over Socket Mode, the slowest in {slowest:?}");
        figure("samples", &line);
        let odd = json!({ "type": "event_callback", "team_id": null, "event": null });
        assert!(bot.slack.deliver_event(odd).await.is_ok());
    })
    .await;
}
