//! The chat port over the Web API: what is sent, and what becomes of what Slack answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hallpass::app::answer::Answer;
use hallpass::domain::SlackId;
use hallpass::ports::chat::Message;
use hallpass::ports::{Chat, ChatError, Place, Posted};
use hallpass::slack::{Client, Health, Replies, SlackChat, views};
use http::{StatusCode, header};
use secrecy::SecretString;
use serde_json::json;

use crate::slack_fake::{FakeSlack, HandClock, client};
use crate::slack_shown;

fn chat(url: &str) -> (SlackChat, Arc<Health>) {
    let health = Arc::new(Health::new());
    (SlackChat::new(client(url), health.clone()), health)
}

fn granted() -> Message {
    Message::Granted {
        request: slack_shown::active(),
    }
}

fn channel() -> Place {
    Place::Channel("C0APPROVE".into())
}

#[tokio::test]
async fn a_message_goes_out_with_text_blocks_and_token() {
    let (slack, url) = FakeSlack::start().await;
    slack.will_say(json!({ "ok": true, "channel": "C0APPROVE", "ts": "17.0001" }));
    let (chat, _) = chat(&url);

    let posted = chat.post(&channel(), &granted()).await.unwrap();

    assert_eq!(posted.ts, "17.0001");
    let call = slack.calls().remove(0);
    assert_eq!(call.path, "/api/chat.postMessage");
    assert_eq!(call.headers[header::AUTHORIZATION], "Bearer xoxb-test");
    assert_eq!(call.body["channel"], "C0APPROVE");
    assert_eq!(call.body["unfurl_links"], false);
    assert_eq!(call.body["unfurl_media"], false);
    assert!(call.body["text"].as_str().unwrap().contains("<@U0RITA>"));
    assert!(!call.body["blocks"].as_array().unwrap().is_empty());
    for key in ["parse", "link_names", "thread_ts"] {
        assert!(call.body[key].is_null(), "{key}");
    }
}

#[tokio::test]
async fn a_direct_message_opens_its_conversation_once() {
    let (slack, url) = FakeSlack::start().await;
    let ts = || json!({ "ok": true, "ts": "17.1" });
    slack.will_say(json!({ "ok": true, "channel": { "id": "D0RITA" } }));
    slack.will_say(ts());
    slack.will_say(ts());
    let (chat, _) = chat(&url);
    let place = Place::Person(SlackId::parse("U0RITA").unwrap());

    let follows = Message::Stands {
        request: slack_shown::active(),
    };
    chat.post(&place, &follows).await.unwrap();
    let posted = chat.post(&place, &follows).await.unwrap();

    assert_eq!(posted.channel, "D0RITA");
    assert_eq!(
        slack.paths(),
        [
            "/api/conversations.open",
            "/api/chat.postMessage",
            "/api/chat.postMessage"
        ]
    );
    let end_now = slack.calls()[1].body["blocks"].to_string();
    assert!(end_now.contains("end_now"), "the holder can end it");
}

#[tokio::test]
async fn a_thread_and_an_update_name_the_message() {
    let (slack, url) = FakeSlack::start().await;
    slack.will_say(json!({ "ok": true, "ts": "18.2" }));
    let (chat, _) = chat(&url);
    let posted = Posted {
        channel: "C0APPROVE".into(),
        ts: "17.1".into(),
    };

    chat.post(&Place::Thread(posted.clone()), &granted())
        .await
        .unwrap();
    chat.update(&posted, &granted()).await.unwrap();

    let calls = slack.calls();
    assert_eq!(calls[0].body["thread_ts"], "17.1");
    assert_eq!(calls[1].path, "/api/chat.update");
    assert_eq!(calls[1].body["ts"], "17.1");
    assert!(calls[1].body["text"].is_string() && calls[1].body["blocks"].is_array());
}

#[tokio::test]
async fn slacks_refusals_have_their_meaning() {
    let (slack, url) = FakeSlack::start().await;
    let (chat, _) = chat(&url);
    let posted = Posted {
        channel: "C0APPROVE".into(),
        ts: "17.1".into(),
    };
    let wait = Duration::from_secs(5);
    for (name, meaning) in [
        (
            "channel_not_found",
            ChatError::Permanent("channel_not_found".into()),
        ),
        ("is_archived", ChatError::Permanent("is_archived".into())),
        ("token_revoked", ChatError::Token("token_revoked".into())),
        ("missing_scope", ChatError::Token("missing_scope".into())),
        ("message_not_found", ChatError::Gone),
        ("cant_update_message", ChatError::Gone),
        ("ratelimited", ChatError::RateLimited { after: wait }),
        ("rate_limited", ChatError::RateLimited { after: wait }),
        ("fatal_error", ChatError::Unavailable("fatal_error".into())),
        (
            "internal_error",
            ChatError::Unavailable("internal_error".into()),
        ),
    ] {
        slack.will_fail(name);
        assert_eq!(chat.update(&posted, &granted()).await, Err(meaning));
    }
}

#[tokio::test]
async fn retry_after_is_handed_on() {
    let (slack, url) = FakeSlack::start().await;
    let (chat, _) = chat(&url);
    let limited = |body| {
        (
            StatusCode::TOO_MANY_REQUESTS,
            [(header::RETRY_AFTER, "30")],
            body,
        )
    };
    slack.will(limited(axum::Json(
        json!({ "ok": false, "error": "ratelimited" }),
    )));
    let after = Duration::from_secs(30);
    let outcome = chat.post(&channel(), &granted()).await;
    assert_eq!(outcome, Err(ChatError::RateLimited { after }));
}

#[tokio::test]
async fn what_is_no_answer_is_worth_another_try() {
    let (slack, url) = FakeSlack::start().await;
    let (chat, health) = chat(&url);
    slack.will((StatusCode::BAD_GATEWAY, "<html>"));
    slack.will(([(header::CONTENT_TYPE, "application/json")], "not json"));
    slack.will_say(json!({ "ok": true }));
    slack.will((
        StatusCode::FOUND,
        [(header::LOCATION, "http://127.0.0.1:1/")],
    ));
    for _ in 0..4 {
        let outcome = chat.post(&channel(), &granted()).await;
        assert!(
            matches!(outcome, Err(ChatError::Unavailable(_))),
            "{outcome:?}"
        );
    }
    assert_eq!(slack.calls().len(), 4, "a redirect isn't followed");
    assert!(health.problems().is_empty());
}

#[tokio::test]
async fn a_slack_that_hangs_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api", listener.local_addr().unwrap());
    let client = Client::new(&url, &SecretString::from("xoxb-test")).unwrap();
    let client = Arc::new(client.with_timeout(Duration::from_millis(50)));
    let chat = SlackChat::new(client, Arc::default());
    let outcome = chat.post(&channel(), &granted()).await;
    assert_eq!(
        outcome,
        Err(ChatError::Unavailable("no answer in time".into()))
    );
}

#[tokio::test]
async fn what_is_refused_for_good_shows_until_it_works_again() {
    let (slack, url) = FakeSlack::start().await;
    let (chat, health) = chat(&url);
    slack.will_fail("not_in_channel");
    slack.will_fail("not_in_channel");
    for _ in 0..2 {
        chat.post(&channel(), &granted()).await.unwrap_err();
    }
    assert_eq!(
        health.problems(),
        ["Slack refuses messages to C0APPROVE: not_in_channel"]
    );
    slack.will_fail("invalid_auth");
    chat.check().await.unwrap_err();
    assert_eq!(health.problems().len(), 2);

    slack.will_say(json!({ "ok": true, "ts": "17.1" }));
    chat.post(&channel(), &granted()).await.unwrap();
    assert!(health.problems().is_empty());
}

#[tokio::test]
async fn a_response_url_is_used_on_slacks_hosts_alone() {
    let (slack, url) = FakeSlack::start().await;
    let replies = Replies::new(client(&url));
    let base = url.trim_end_matches("/api");
    for good in [
        "https://hooks.slack.com/actions/T1/1/x".into(),
        format!("{base}/hook/1"),
    ] {
        assert!(replies.allowed(&good).is_some(), "{good}");
    }
    for bad in [
        "http://hooks.slack.com/x",
        "https://hooks.slack.com:8443/x",
        "https://hooks.slack.com.evil.example/x",
        "https://evil.example/hooks.slack.com",
        "https://user@hooks.slack.com/x",
        "http://127.0.0.1:1/x",
        "http://localhost/x",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "hooks.slack.com/x",
        "",
    ] {
        assert_eq!(replies.allowed(bad), None, "{bad}");
    }

    let rendered = views::answer(&Answer::NotConfirmed);
    slack.will("ok");
    replies
        .whisper(Some(&format!("{base}/hook/1")), &rendered)
        .await;
    slack.will((
        StatusCode::FOUND,
        [(header::LOCATION, format!("{base}/elsewhere"))],
    ));
    replies
        .whisper(Some(&format!("{base}/hook/2")), &rendered)
        .await;
    replies
        .whisper(Some("http://127.0.0.1:1/x"), &rendered)
        .await;

    assert_eq!(slack.paths(), ["/hook/1", "/hook/2"]);
    let call = slack.calls().remove(0);
    assert!(call.headers.get(header::AUTHORIZATION).is_none());
    assert_eq!(call.body["response_type"], "ephemeral");
    assert_eq!(call.body["replace_original"], false);
}

#[tokio::test]
async fn a_method_that_was_too_fast_is_left_alone_until_its_time_and_others_go_on() {
    let (slack, url) = FakeSlack::start().await;
    let clock = Arc::new(HandClock::default());
    let client = Client::new(&url, &SecretString::from("xoxb-test")).unwrap();
    let chat = SlackChat::new(Arc::new(client.with_clock(clock.clone())), Arc::default());
    slack.will((
        StatusCode::TOO_MANY_REQUESTS,
        [(header::RETRY_AFTER, "30")],
        axum::Json(json!({ "ok": false, "error": "ratelimited" })),
    ));
    let limited = |seconds| {
        Err(ChatError::RateLimited {
            after: Duration::from_secs(seconds),
        })
    };
    assert_eq!(chat.post(&channel(), &granted()).await, limited(30));
    clock.0.store(29, Ordering::SeqCst);
    assert_eq!(chat.post(&channel(), &granted()).await, limited(1));
    chat.check().await.unwrap_err();
    assert_eq!(
        slack.paths(),
        ["/api/chat.postMessage", "/api/auth.test"],
        "the second post didn't reach Slack"
    );

    clock.0.store(30, Ordering::SeqCst);
    slack.will_say(json!({ "ok": true, "ts": "17.1" }));
    chat.post(&channel(), &granted()).await.unwrap();
}
