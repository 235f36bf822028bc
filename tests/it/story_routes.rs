//! The routes as they stand in the network: signatures, sizes, health, metrics, and the payloads that others' apps got.

use std::path::PathBuf;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use sha2::Sha256;
use slack_sandbox::{Fault, FaultKind};

use crate::support::workplace::SIGNING_SECRET;
use crate::support::{TestBot, minutes};

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

fn signature(secret: &str, timestamp: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{timestamp}:{body}").as_bytes());
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

pub(crate) async fn sends(bot: &TestBot, route: &str, kind: &str, body: String) -> Response {
    let timestamp = bot.clock.now().timestamp();
    let signature = signature(SIGNING_SECRET, timestamp, &body);
    Client::new()
        .post(format!("{}{route}", bot.base))
        .header("content-type", kind)
        .header("x-slack-request-timestamp", timestamp)
        .header("x-slack-signature", signature)
        .body(body)
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_not_signed_by_slack_is_refused_on_every_route() {
    TestBot::run(async |bot| {
        let now = bot.clock.now().timestamp();
        let body = "command=%2Fprod-access&text=db-admin+30m+x&user_id=U0ALICE&trigger_id=1";
        let cases = [
            (now, signature("another secret", now, body)),
            (now, signature("", now, body)),
            (now, String::new()),
            (now - 301, signature(SIGNING_SECRET, now - 301, body)),
            (now + 330, signature(SIGNING_SECRET, now + 330, body)),
            (now, signature(SIGNING_SECRET, now, "another body")),
        ];
        for route in ["/slack/commands", "/slack/interactions", "/slack/events"] {
            for (timestamp, signature) in &cases {
                let answer = Client::new()
                    .post(format!("{}{route}", bot.base))
                    .header("content-type", FORM)
                    .header("x-slack-request-timestamp", *timestamp)
                    .header("x-slack-signature", signature)
                    .body(body)
                    .send()
                    .await
                    .unwrap();
                assert_eq!(
                    answer.status(),
                    StatusCode::UNAUTHORIZED,
                    "{route} {timestamp} {signature}"
                );
            }
            let bare = Client::new()
                .post(format!("{}{route}", bot.base))
                .body("ssl_check=1");
            assert_eq!(
                bare.send().await.unwrap().status(),
                StatusCode::UNAUTHORIZED
            );
        }
        assert!(bot.pending().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn bodies_have_a_limit_and_other_routes_do_not_exist() {
    TestBot::run(async |bot| {
        let huge = format!("text={}", "x".repeat(1 << 20));
        let answer = sends(bot, "/slack/commands", FORM, huge).await;
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        for route in [
            "/",
            "/slack",
            "/slack/commands/x",
            "/api/v1/requests",
            "/admin",
        ] {
            let answer = Client::new()
                .get(format!("{}{route}", bot.base))
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{route}");
            assert!(answer.headers().get("server").is_none());
        }
        let checked = sends(bot, "/slack/commands", FORM, "ssl_check=1&token=x".into()).await;
        assert_eq!(checked.status(), StatusCode::OK);
        let challenge = r#"{"type":"url_verification","token":"x","challenge":"3eZbrw1aB"}"#;
        let answer = sends(bot, "/slack/events", "application/json", challenge.into()).await;
        assert!(answer.text().await.unwrap().contains("3eZbrw1aB"));
    })
    .await;
}

async fn ready(bot: &TestBot) -> (StatusCode, Value) {
    let answer = Client::new()
        .get(format!("{}/readyz", bot.base))
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test]
async fn health_and_metrics_tell_how_it_is() {
    TestBot::run(async |bot| {
        let alive = Client::new()
            .get(format!("{}/healthz", bot.base))
            .send()
            .await
            .unwrap();
        assert_eq!(alive.status(), StatusCode::OK);
        let (status, found) = ready(bot).await;
        assert_eq!(status, StatusCode::OK, "{found}");

        let request = bot.asks("alice", "/prod-access db-admin 10m stuck").await;
        bot.approves("bob", &request).await;
        bot.asks("rita", "/prod-access db-owner 10m migrate").await;
        bot.clock.advance(minutes(10));
        bot.settle().await;
        let metrics = Client::new()
            .get(format!("{}/metrics", bot.base))
            .send()
            .await
            .unwrap();
        let text = metrics.text().await.unwrap();
        for line in [
            "hallpass_requests{state=\"pending\"} 1",
            "hallpass_requests{state=\"started\"} 1",
            "hallpass_grants_live 0",
            "hallpass_end_lateness_seconds_count 1",
            "hallpass_http_requests_total{route=\"/slack/commands\",status=\"200\"} 2",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }

        bot.slack.set_fault(Fault::new(FaultKind::Error {
            error: "token_revoked".into(),
        }));
        bot.clock.advance(minutes(2));
        bot.types("eve", "/prod-access roles").await;
        let (status, found) = ready(bot).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{found}");
        assert_eq!(found["slack"]["ok"], false, "{found}");
        assert_eq!(found["database"]["ok"], true, "{found}");
    })
    .await;
}

#[tokio::test]
async fn an_archived_channel_is_told_and_takes_nothing_out_of_service() {
    TestBot::run(async |bot| {
        bot.slack.set_archived("C0APPROVE", true);
        let request = bot.asks("alice", "/prod-access db-admin 10m stuck").await;
        bot.settle().await;
        let (status, found) = ready(bot).await;
        assert_eq!(status, StatusCode::OK, "{found}");
        assert_eq!(found["slack"]["ok"], true, "{found}");
        let why = found["channels"]["why"].as_str().unwrap_or_default();
        assert!(why.contains("C0APPROVE"), "{found}");
        assert!(bot.told("bob").contains(&request.short), "by DM");
    })
    .await;
}

#[tokio::test]
async fn readiness_says_when_the_database_is_gone() {
    TestBot::run(async |bot| {
        bot.store.close().await;
        let (status, found) = ready(bot).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{found}");
        assert_eq!(found["database"]["ok"], false, "{found}");
        assert_eq!(found["slack"]["ok"], true, "{found}");
        let answer = bot
            .says("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        assert!(!answer.contains("R-"), "nothing is promised: {answer}");
        let alive = Client::new()
            .get(format!("{}/healthz", bot.base))
            .send()
            .await
            .unwrap();
        assert_eq!(alive.status(), StatusCode::OK);
    })
    .await;
}

/// What nobody's SDK would send; signed payloads of Slack's own kinds are `slack_samples`' matter.
const NONSENSE: [&str; 14] = [
    "",
    "payload=",
    "payload=null",
    "payload=[]",
    "payload=%FF",
    "payload={}&payload={}",
    "{}",
    "[[[[",
    "\u{0}",
    "=&=&=",
    "user_id=U0ALICE&text=%00%FF&trigger_id=1",
    "payload={\"type\":\"block_actions\",\"actions\":[{\"action_id\":\"approve\",\"value\":\"x\"}]}",
    "payload={\"type\":\"block_actions\",\"user\":{\"id\":\"U0BOB\"},\"actions\":[{\"action_id\":\"approve\",\"value\":\"<!channel>\"}]}",
    "{\"type\":\"event_callback\",\"event\":{\"type\":\"user_change\",\"user\":{\"id\":\"U0NOBODY\"}}}",
];

/// A file per payload, below the folder that this variable names: whole collections can be sent through.
const SAMPLES: &str = "SLACK_SAMPLES";

fn samples(kind: &str) -> Vec<PathBuf> {
    let Some(root) = std::env::var_os(SAMPLES) else {
        return Vec::new();
    };
    let (mut found, mut open) = (Vec::new(), vec![PathBuf::from(root).join(kind)]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path);
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

#[tokio::test]
async fn no_payload_is_answered_with_a_server_error() {
    TestBot::run(async |bot| {
        let mut sent = 0;
        let mut check = async |route: &str, kind: &str, body: String| {
            let shown = body.clone();
            let status = sends(bot, route, kind, body).await.status();
            assert!(!status.is_server_error(), "{status} for {route}: {shown}");
            sent += 1;
        };
        for body in NONSENSE {
            for route in ["/slack/commands", "/slack/interactions", "/slack/events"] {
                check(route, FORM, body.into()).await;
                check(route, "application/json", body.into()).await;
            }
        }
        for kind in [
            "interactivity",
            "events",
            "slash-commands",
            "slash-commands-raw",
        ] {
            for path in samples(kind) {
                let text = std::fs::read_to_string(path).unwrap();
                let (route, content, body) = delivery(kind, &text);
                check(route, content, body).await;
            }
        }
        assert!(sent >= 6 * NONSENSE.len(), "{sent} payloads");
    })
    .await;
}
