//! Every payload of ours and of the official SDKs' own tests, sent as Slack would: over HTTP and over Socket Mode, as
//! they are and as if they were our own people's. None is a server error, and none takes long.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::socket_mode::over_sockets;
use crate::story_routes::{FORM, sends};
use crate::support::samples::{Sample, samples};
use crate::support::soak::figure;
use crate::support::{Database, TestBot};

/// What a handler may take, on this machine, whatever else runs beside it: the best of a few tries counts.
const SOON: Duration = Duration::from_millis(100);
const TRIES: usize = 4;

/// What a sample is to the bot.
#[derive(Clone)]
enum Sent {
    Command(Vec<(String, String)>),
    /// The fields as they were written.
    RawCommand(String),
    Interaction(Value),
    Event(Value),
}

/// What is made of a sample: for a view, all that can happen to one.
fn made_of(kind: &str, text: &str) -> Vec<Sent> {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    match kind {
        "interactivity" => vec![Sent::Interaction(json)],
        "events" => vec![Sent::Event(json)],
        "slash-commands" => vec![Sent::Command(fields(&json))],
        "slash-commands-raw" => {
            let body = json["raw_body"].as_str().unwrap_or_default();
            vec![Sent::RawCommand(body.to_owned())]
        }
        "views" => ["view_submission", "view_closed", "block_actions"]
            .map(|what| Sent::Interaction(happened(what, &json)))
            .into(),
        _ => match json["type"].as_str() {
            Some("slash_commands") => vec![Sent::Command(fields(&json["payload"]))],
            Some("interactive") => vec![Sent::Interaction(json["payload"].clone())],
            Some("events_api") => vec![Sent::Event(json["payload"].clone())],
            // A hello, a goodbye, an acknowledgement.
            _ => Vec::new(),
        },
    }
}

fn fields(json: &Value) -> Vec<(String, String)> {
    let fields = json.as_object().into_iter().flatten();
    let texts = fields.filter_map(|(name, value)| Some((name, value.as_str()?)));
    texts
        .map(|(name, text)| (name.clone(), text.to_owned()))
        .collect()
}

/// Something that somebody does in a view.
fn happened(what: &str, view: &Value) -> Value {
    let id = view["id"].as_str().unwrap_or("V111");
    let mut view = view.clone();
    if view["state"].is_null() {
        view["state"] = json!({ "values": {} });
    }
    let mut payload = json!({
        "type": what, "team": { "id": "T111" }, "user": { "id": "U111", "team_id": "T111" },
        "trigger_id": "111.222.xxx", "view": view,
        "container": { "type": "view", "view_id": id },
    });
    if what == "block_actions" {
        payload["actions"] = json!([{
            "type": "button", "action_id": "edit", "block_id": "b", "value": "v", "action_ts": "1.1",
        }]);
    }
    payload
}

/// As if it were of our workspace, and Alice's.
fn ours(text: &str) -> String {
    let team = regex::Regex::new(r"\bT[A-Z0-9]{2,}\b").unwrap();
    let person = regex::Regex::new(r"\b[UW][A-Z0-9]{2,}\b").unwrap();
    let text = team.replace_all(text, "T0ACME");
    person.replace_all(&text, "U0ALICE").into_owned()
}

impl Sent {
    fn ours(&self) -> Self {
        let json = |value: &Value| serde_json::from_str(&ours(&value.to_string())).unwrap();
        match self {
            Self::Command(fields) => {
                let fields = fields.iter();
                Self::Command(
                    fields
                        .map(|(key, text)| (key.clone(), ours(text)))
                        .collect(),
                )
            }
            Self::RawCommand(body) => Self::RawCommand(ours(body)),
            Self::Interaction(payload) => Self::Interaction(json(payload)),
            Self::Event(payload) => Self::Event(json(payload)),
        }
    }

    async fn over_http(self, bot: &TestBot) {
        let form = |fields: &[(&str, &str)]| {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(fields).finish()
        };
        let (route, content, body) = match self {
            Self::Command(fields) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                ("/slack/commands", FORM, form.extend_pairs(fields).finish())
            }
            Self::RawCommand(body) => ("/slack/commands", FORM, body),
            Self::Interaction(payload) => {
                let body = form(&[("payload", &payload.to_string())]);
                ("/slack/interactions", FORM, body)
            }
            Self::Event(payload) => ("/slack/events", "application/json", payload.to_string()),
        };
        let status = sends(bot, route, content, body).await.status();
        assert!(!status.is_server_error(), "{status}");
    }

    /// `number`: another one each time, so that none is taken for what came before.
    async fn over_a_socket(self, bot: &TestBot, number: usize) {
        let outcome = match self {
            Self::Command(fields) => bot.slack.deliver_command(fields).await,
            Self::RawCommand(body) => {
                let fields = url::form_urlencoded::parse(body.as_bytes()).into_owned();
                bot.slack.deliver_command(fields.collect()).await
            }
            Self::Interaction(mut payload) => {
                payload["trigger_id"] = json!(format!("{number}.trigger"));
                bot.slack.deliver_interaction(payload).await
            }
            Self::Event(mut payload) => {
                payload["event_id"] = json!(format!("Ev{number}"));
                bot.slack.deliver_event(payload).await
            }
        };
        assert!(outcome.is_ok(), "{outcome:?}");
    }
}

/// The kinds of payloads, with how many of our own there are at least.
const KINDS: [(&str, usize); 6] = [
    ("interactivity", 20),
    ("events", 20),
    ("slash-commands", 1),
    ("slash-commands-raw", 6),
    ("views", 0),
    ("socket-mode-envelopes", 0),
];

/// Sends all of them one way, each as it is and as ours.
async fn all_are_answered(bot: &TestBot, way: &str, deliver: impl AsyncFn(Sent, usize)) {
    let (mut sent, mut slowest, mut number) = (0, Duration::ZERO, 0);
    for (kind, least) in KINDS {
        for Sample { path, text } in samples(kind, least) {
            for one in made_of(kind, &text) {
                for one in [one.clone(), one.ours()] {
                    let mut best = Duration::MAX;
                    for _ in 0..TRIES {
                        number += 1;
                        let began = Instant::now();
                        deliver(one.clone(), number).await;
                        best = best.min(began.elapsed());
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
    }
    bot.settle().await;
    let line = format!("{sent} over {way}, the slowest in {slowest:?}");
    figure("samples", &line);
}

#[tokio::test]
async fn every_sample_is_answered_over_http() {
    TestBot::run(async |bot| {
        all_are_answered(bot, "HTTP", async |one: Sent, _| one.over_http(bot).await).await;
    })
    .await;
}

#[tokio::test]
async fn every_sample_is_answered_over_socket_mode() {
    TestBot::in_setting(over_sockets(Database::Sqlite), async |bot| {
        let send = async |one: Sent, number| one.over_a_socket(bot, number).await;
        all_are_answered(bot, "Socket Mode", send).await;
        let odd = json!({ "type": "event_callback", "team_id": null, "event": null });
        assert!(bot.slack.deliver_event(odd).await.is_ok());
    })
    .await;
}
