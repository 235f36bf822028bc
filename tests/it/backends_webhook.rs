//! The webhook backend against a receiver with its own log and its own idea of the signature.

mod receiver;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hallpass::backend::Webhook;
use hallpass::domain::holding::Observation;
use hallpass::domain::role::Sharing;
use hallpass::domain::{BackendName, Entitlement, Time};
use hallpass::ports::{Backend, BackendError, Clock, HoldingRef};
use serde_json::json;

use self::receiver::{Receiver, Reply, independent_signature};

const SECRET: &str = "gate-secret-canary";

/// 2026-05-28T20:26:40Z, and it stays.
const NOW: i64 = 1_780_000_000;

struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Time {
        Time::from_timestamp(NOW, 0).unwrap()
    }

    async fn wait_until(&self, _: Time) {
        std::future::pending::<()>().await;
    }
}

fn webhook_with(url: &str, timeout: Duration) -> Webhook {
    Webhook::new(
        BackendName::new("deploy-gate"),
        url.parse().unwrap(),
        SECRET.into(),
        timeout,
        4,
        Arc::new(Still),
    )
    .unwrap()
}

fn webhook(receiver: &Receiver) -> Webhook {
    webhook_with(&receiver.url(), Duration::from_secs(5))
}

fn order() -> HoldingRef {
    HoldingRef {
        principal: "ālice \"the\" dba".into(),
        entitlement: Entitlement {
            backend: BackendName::new("deploy-gate"),
            attributes: [("permission", "logs:read"), ("node", "web-3")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        },
        grant: "G-7K2M".into(),
        sequence: 7,
        expires_at: Time::from_timestamp(NOW + 3_600, 0),
    }
}

fn refused<T: std::fmt::Debug>(answer: Result<T, BackendError>) -> String {
    match answer {
        Err(BackendError::Permanent { why } | BackendError::Stale { why }) => why,
        other => panic!("expected a permanent refusal: {other:?}"),
    }
}

fn later<T: std::fmt::Debug>(answer: Result<T, BackendError>) -> (String, Option<Duration>) {
    match answer {
        Err(BackendError::Retry { after, why }) => (why, after),
        other => panic!("expected to be told to try again: {other:?}"),
    }
}

#[tokio::test]
async fn each_order_is_what_the_contract_says_and_signed() {
    let receiver = Receiver::start(Reply::status(200)).await;
    let webhook = webhook(&receiver);
    receiver.answers(Reply::json(200, &json!({"held": false})));
    webhook.observe(&order()).await.unwrap();
    webhook.grant(&order()).await.unwrap();
    let ended = HoldingRef {
        expires_at: None,
        sequence: 8,
        ..order()
    };
    webhook.revoke(&ended).await.unwrap();

    let calls = receiver.calls();
    let expected = |action: &str, sequence: i64| {
        json!({
            "action": action, "grant": "G-7K2M", "sequence": sequence, "principal": "ālice \"the\" dba",
            "entitlement": {"permission": "logs:read", "node": "web-3"},
            "expires_at": "2026-05-28T21:26:40Z",
        })
    };
    assert_eq!(calls[0].json(), expected("observe", 7));
    assert_eq!(calls[1].json(), expected("grant", 7));
    let mut revoke = expected("revoke", 8);
    revoke.as_object_mut().unwrap().remove("expires_at");
    assert_eq!(calls[2].json(), revoke);
    for call in &calls {
        assert_eq!(
            (call.method.as_str(), call.path.as_str()),
            ("POST", "/hallpass")
        );
        assert_eq!(call.header("content-type"), "application/json");
        assert_eq!(call.header("x-hallpass-timestamp"), NOW.to_string());
        let signed = format!("v1:{NOW}:{}", call.body);
        let signature = independent_signature(SECRET, &signed);
        assert_eq!(
            call.header("x-hallpass-signature"),
            format!("v1={signature}")
        );
    }
    assert_eq!(webhook.sharing(&order().entitlement), Sharing::Shared);
    assert!(webhook.tracks_expiry());
}

#[tokio::test]
async fn what_the_receiver_observes_is_believed_only_when_it_is_clear() {
    let receiver = Receiver::start(Reply::status(200)).await;
    let webhook = webhook(&receiver);
    for (answer, ours, others) in [
        (json!({"held": false}), false, None),
        (
            json!({"held": false, "by": "hallpass", "more": 1}),
            false,
            None,
        ),
        (json!({"held": true, "by": "hallpass"}), true, None),
        (
            json!({"held": true, "by": "other"}),
            false,
            Some(
                "ālice \"the\" dba holds logs:read (node web-3) in deploy-gate, not by Hallpass."
                    .to_owned(),
            ),
        ),
    ] {
        receiver.answers(Reply::json(200, &answer));
        assert_eq!(
            webhook.observe(&order()).await,
            Ok(Observation { ours, others }),
            "{answer}"
        );
    }
    for unclear in [
        "",
        "yes",
        "[]",
        "{}",
        r#"{"held":true}"#,
        r#"{"held":true,"by":"bob"}"#,
        r#"{"held":"true","by":"hallpass"}"#,
    ] {
        receiver.answers(Reply::text(200, unclear));
        assert!(
            refused(webhook.observe(&order()).await).contains("doesn't say"),
            "{unclear}"
        );
    }
}

#[tokio::test]
async fn the_body_is_the_receipt_and_no_more_than_4_kib_of_it() {
    let receiver = Receiver::start(Reply::text(201, "ticket 42")).await;
    let webhook = webhook(&receiver);
    assert_eq!(
        webhook.grant(&order()).await.unwrap().text.as_deref(),
        Some("ticket 42")
    );
    receiver.answers(Reply::status(204));
    assert_eq!(webhook.grant(&order()).await.unwrap().text, None);
    receiver.answers(Reply::text(200, &"é".repeat(10_000)));
    let kept = webhook.revoke(&order()).await.unwrap().text.unwrap();
    assert_eq!(kept, "é".repeat(2_048));
}

#[tokio::test]
async fn a_refusal_is_told_in_the_receivers_words() {
    let receiver = Receiver::start(Reply::json(
        422,
        &json!({"error": "no such node\nlevel=ERROR"}),
    ))
    .await;
    let webhook = webhook(&receiver);
    assert_eq!(
        refused(webhook.grant(&order()).await),
        "deploy-gate refuses: no such node level=ERROR."
    );
    receiver.answers(Reply::json(409, &json!({"error": "stale"})));
    assert!(refused(webhook.revoke(&order()).await).contains("newer order"));
    receiver.answers(Reply::text(409, "<html>"));
    assert_eq!(
        refused(webhook.revoke(&order()).await),
        "deploy-gate refuses: Conflict."
    );
    receiver.answers(Reply::json(422, &json!({"error": "x".repeat(50_000)})));
    assert!(refused(webhook.grant(&order()).await).len() < 400);
    for (status, says) in [
        (400, "doesn't understand"),
        (401, "signature"),
        (403, "signature"),
        (404, "no receiver"),
        (405, "no receiver"),
        (410, "no receiver"),
        (413, "doesn't understand"),
    ] {
        receiver.answers(Reply::status(status));
        assert!(
            refused(webhook.grant(&order()).await).contains(says),
            "{status}"
        );
    }
}

#[tokio::test]
async fn later_means_not_before_the_receiver_says() {
    let receiver = Receiver::start(Reply::status(200)).await;
    let webhook = webhook(&receiver);
    let seconds = |n| Some(Duration::from_secs(n));
    for (status, retry_after, wait) in [
        (429, Some("7"), seconds(7)),
        (503, Some("Thu, 28 May 2026 20:27:40 GMT"), seconds(60)),
        (503, Some("Thu, 28 May 2026 20:20:00 GMT"), seconds(0)),
        (500, Some("when it is done"), None),
        (429, Some("31536000"), seconds(3_600)),
        (502, None, None),
        (408, None, None),
        (425, None, None),
        (599, None, None),
    ] {
        receiver.answers(Reply::later(status, retry_after));
        assert_eq!(
            later(webhook.grant(&order()).await).1,
            wait,
            "{status} {retry_after:?}"
        );
        assert_eq!(
            later(webhook.observe(&order()).await).1,
            wait,
            "{status} {retry_after:?}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::start(Reply::status(200)).await;
    let receiver = Receiver::start(Reply::redirect(&elsewhere.url())).await;
    let webhook = webhook(&receiver);
    assert!(refused(webhook.grant(&order()).await).contains("another address (307)"));
    assert_eq!(receiver.calls().len(), 1);
    assert!(elsewhere.calls().is_empty());
}

#[tokio::test]
async fn an_endless_answer_is_read_no_further_than_64_kib() {
    let receiver = Receiver::start(Reply::endless(200)).await;
    let webhook = webhook(&receiver);
    let began = Instant::now();
    assert_eq!(
        webhook.grant(&order()).await.unwrap().text.unwrap().len(),
        4 * 1024
    );
    assert!(refused(webhook.observe(&order()).await).contains("64 KiB"));
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "not until the time-out"
    );
    receiver.has_sent_at_most(8 * 1024 * 1024);
}

#[tokio::test]
async fn a_receiver_that_hangs_drops_or_is_down_is_tried_again() {
    let receiver = Receiver::start(Reply::silence()).await;
    let hasty = webhook_with(&receiver.url(), Duration::from_millis(200));
    assert!(
        later(hasty.grant(&order()).await)
            .0
            .contains("didn't answer within 200ms")
    );
    assert!(
        later(hasty.observe(&order()).await)
            .0
            .contains("didn't answer")
    );

    let cut = receiver::cutting(b"").await;
    assert!(
        later(
            webhook_with(&cut, Duration::from_secs(5))
                .grant(&order())
                .await
        )
        .0
        .contains("can't be reached")
    );
    let cut = receiver::cutting(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf an ans").await;
    assert!(
        later(
            webhook_with(&cut, Duration::from_secs(5))
                .grant(&order())
                .await
        )
        .0
        .contains("can't be reached")
    );

    let nobody = receiver::nobody().await;
    let address = format!("http://user:{SECRET}@{nobody}/hallpass?token={SECRET}");
    let (why, _) = later(
        webhook_with(&address, Duration::from_secs(5))
            .revoke(&order())
            .await,
    );
    assert!(
        why.contains("can't be reached") && !why.contains(SECRET),
        "{why}"
    );
}

#[tokio::test]
async fn check_observes_a_canary_and_changes_nothing() {
    let receiver = Receiver::start(Reply::json(200, &json!({"held": false}))).await;
    let webhook = webhook(&receiver);
    assert_eq!(
        webhook.check().await.unwrap(),
        "deploy-gate answers and takes the signature."
    );
    receiver.answers(Reply::json(422, &json!({"error": "unknown principal"})));
    assert!(
        webhook
            .check()
            .await
            .unwrap()
            .contains("doesn't know the canary")
    );
    receiver.answers(Reply::status(401));
    assert!(refused(webhook.check().await).contains("signature"));
    receiver.answers(Reply::status(503));
    later(webhook.check().await);
    receiver.answers(Reply::text(200, "<html>welcome"));
    refused(webhook.check().await);
    for call in receiver.calls() {
        let body = call.json();
        assert_eq!(body["action"], "observe");
        assert_eq!(body["principal"], "hallpass-check");
    }
}

#[tokio::test]
async fn what_could_never_work_is_not_made() {
    let make = |url: &str, secret: &str| {
        let name = BackendName::new("deploy-gate");
        let still = Arc::new(Still);
        Webhook::new(
            name,
            url.parse().unwrap(),
            secret.into(),
            Duration::from_secs(1),
            0,
            still,
        )
    };
    assert!(refused(make("ftp://gate.internal/x", SECRET).map(|_| ())).contains("https://"));
    assert!(refused(make("https://gate.internal/x", "").map(|_| ())).contains("empty"));
    let gate = make("https://gate.internal/x", SECRET).unwrap();
    assert_eq!(gate.concurrency(), 1, "none at a time would be never");
    let bare = Entitlement {
        backend: BackendName::new("deploy-gate"),
        attributes: [].into(),
    };
    assert_eq!(gate.entitlement_mistakes(&bare).len(), 1);
    assert_eq!(gate.entitlement_mistakes(&order().entitlement).len(), 0);
}

/// The receiver that the documentation shows, as it stands there, but for its port and its clock.
#[tokio::test]
async fn the_documented_receiver_keeps_the_contract() {
    let page = include_str!("../../docs/backends/webhook.md");
    let (_, after) = page.split_once("```python\n").unwrap();
    let (program, _) = after.split_once("```").unwrap();
    let address = receiver::nobody().await;
    let port = address.rsplit_once(':').unwrap().1;
    let program = program
        .replace("8099", port)
        .replace("time.time()", &NOW.to_string());
    let mut python = tokio::process::Command::new("python3")
        .args(["-c", &program])
        .env("GATE_SECRET", SECRET)
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("python3 is installed");
    let gate = webhook_with(&format!("http://{address}/"), Duration::from_secs(10));
    let began = Instant::now();
    while gate.check().await.is_err() {
        assert!(python.try_wait().unwrap().is_none(), "it ended");
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it doesn't answer"
        );
    }

    let held = |ours| Ok(Observation { ours, others: None });
    assert_eq!(gate.observe(&order()).await, held(false));
    let receipt = gate.grant(&order()).await.unwrap();
    assert!(receipt.text.unwrap().contains("2026-05-28T21:26:40Z"));
    gate.grant(&order())
        .await
        .expect("an equal sequence is answered as before");
    assert_eq!(gate.observe(&order()).await, held(true));
    let ended = HoldingRef {
        expires_at: None,
        sequence: 8,
        ..order()
    };
    gate.revoke(&ended).await.unwrap();
    gate.revoke(&ended).await.unwrap();
    assert_eq!(gate.observe(&ended).await, held(false));
    assert!(refused(gate.grant(&order()).await).contains("newer order"));
    assert_eq!(gate.observe(&ended).await, held(false));

    let forger = Webhook::new(
        BackendName::new("deploy-gate"),
        format!("http://{address}/").parse().unwrap(),
        "another secret".into(),
        Duration::from_secs(10),
        1,
        Arc::new(Still),
    );
    assert!(refused(forger.unwrap().grant(&order()).await).contains("signature"));
}
