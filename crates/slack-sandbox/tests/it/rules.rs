//! Slack's rules and names for what is wrong, faults on demand, retries, pages of lists.

use serde_json::{Value, json};
use slack_sandbox::{Fault, FaultKind};

use crate::app::{FakeApp, call, office, sandbox};

/// A method, its arguments, and the error that Slack answers.
type Mistake = (&'static str, Value, &'static str);

fn posting() -> Vec<Mistake> {
    vec![
        (
            "chat.postMessage",
            json!({ "channel": "C0NOWHERE", "text": "x" }),
            "channel_not_found",
        ),
        (
            "chat.postMessage",
            json!({ "channel": "C0SECRET", "text": "x" }),
            "channel_not_found",
        ),
        (
            "chat.postMessage",
            json!({ "channel": "C0ELSE", "text": "x" }),
            "not_in_channel",
        ),
        (
            "chat.postMessage",
            json!({ "channel": "C0OLD", "text": "x" }),
            "is_archived",
        ),
        ("chat.postMessage", json!({ "channel": "C0OPS" }), "no_text"),
        (
            "chat.postMessage",
            json!({ "channel": "C0OPS", "text": "x", "blocks": "{" }),
            "invalid_blocks_format",
        ),
        (
            "chat.postMessage",
            json!({ "channel": "C0OPS", "text": "x", "thread_ts": "1.2" }),
            "cannot_reply_to_message",
        ),
        (
            "chat.postMessage",
            json!({ "text": "x" }),
            "invalid_arguments",
        ),
    ]
}

fn changing(own: &str, hers: &str) -> Vec<Mistake> {
    vec![
        (
            "chat.update",
            json!({ "channel": "C0OPS", "ts": own, "text": "x".repeat(4001) }),
            "msg_too_long",
        ),
        (
            "chat.update",
            json!({ "channel": "C0OPS", "ts": "1.2", "text": "x" }),
            "message_not_found",
        ),
        (
            "chat.update",
            json!({ "channel": "C0OPS", "ts": hers, "text": "x" }),
            "cant_update_message",
        ),
        (
            "chat.delete",
            json!({ "channel": "C0OPS", "ts": hers }),
            "cant_delete_message",
        ),
        (
            "chat.postEphemeral",
            json!({ "channel": "C0OPS", "user": "U0DORA", "text": "x" }),
            "user_not_in_channel",
        ),
    ]
}

fn asking() -> Vec<Mistake> {
    vec![
        (
            "conversations.open",
            json!({ "users": "U0GONE" }),
            "user_disabled",
        ),
        (
            "conversations.history",
            json!({ "channel": "C0OPS" }),
            "missing_scope",
        ),
        (
            "conversations.list",
            json!({ "types": "everything" }),
            "invalid_types",
        ),
        (
            "conversations.list",
            json!({ "limit": 5000 }),
            "invalid_limit",
        ),
        (
            "conversations.members",
            json!({ "channel": "C0OPS", "cursor": "zz" }),
            "invalid_cursor",
        ),
        (
            "users.info",
            json!({ "user": "U0NOBODY" }),
            "user_not_found",
        ),
        (
            "users.lookupByEmail",
            json!({ "email": "no@example.com" }),
            "users_not_found",
        ),
        (
            "usergroups.users.list",
            json!({ "usergroup": "S0NONE" }),
            "no_such_subteam",
        ),
        (
            "views.publish",
            json!({ "user_id": "U0RITA", "view": { "type": "modal" } }),
            "invalid_arguments",
        ),
        ("apps.connections.open", json!({}), "not_allowed_token_type"),
        ("chat.shout", json!({}), "unknown_method"),
    ]
}

#[tokio::test]
async fn events_are_tried_again_at_once_after_one_and_after_five_minutes() {
    let (sandbox, app) = sandbox().await;
    app.answer(500, "");
    sandbox.open_home("rita");
    sandbox
        .until("the retry at once", |_| {
            (app.events().len() >= 2).then_some(())
        })
        .await
        .expect("seen");
    sandbox.set_clock_offset(61);
    sandbox
        .until("the second", |_| (app.events().len() >= 3).then_some(()))
        .await
        .expect("seen");
    sandbox.set_clock_offset(61 + 301);
    sandbox
        .until("the third", |_| (app.events().len() >= 4).then_some(()))
        .await
        .expect("seen");
    let retries: Vec<_> = app
        .events()
        .iter()
        .map(|(retry, _)| retry.clone())
        .collect();
    assert_eq!(
        retries,
        ["", "1 http_error", "2 http_error", "3 http_error"]
    );
    let ids: Vec<_> = app
        .events()
        .iter()
        .map(|(_, event)| event["event_id"].clone())
        .collect();
    assert!(
        ids.windows(2).all(|pair| pair[0] == pair[1]),
        "one event, one id"
    );
}

#[tokio::test]
async fn faults_fire_as_often_as_asked_and_are_counted() {
    let (sandbox, app) = sandbox().await;
    let limited = sandbox.set_fault(
        Fault::new(FaultKind::RateLimited { retry_after: 7 })
            .on("chat.postMessage")
            .times(2),
    );
    let post = json!({ "channel": "C0OPS", "text": "hi" });
    for _ in 0..2 {
        let (status, retry) = app
            .raw_call(&sandbox, "chat.postMessage", &post)
            .await
            .expect("an answer");
        assert_eq!((status, retry.as_deref()), (429, Some("7")));
    }
    assert_eq!(
        call(&sandbox, "chat.postMessage", post.clone()).await["ok"],
        true
    );
    assert_eq!(
        sandbox
            .faults()
            .iter()
            .find(|fault| fault.id == limited)
            .map(|fault| fault.fired),
        Some(2)
    );

    sandbox.set_fault(Fault::new(FaultKind::DropAnswer).times(1));
    assert!(
        app.raw_call(&sandbox, "chat.postMessage", &post)
            .await
            .is_none(),
        "cut without an answer"
    );
    assert_eq!(sandbox.messages("ops").len(), 2, "but it was done");

    sandbox.set_fault(Fault::new(FaultKind::Down));
    assert!(
        app.raw_call(&sandbox, "auth.test", &json!({}))
            .await
            .is_none()
    );
    assert_eq!(
        sandbox
            .type_command("rita", "ops", "/lunch")
            .await
            .error
            .as_deref(),
        Some("slack_is_down")
    );
    sandbox.clear_faults();
    assert_eq!(
        call(&sandbox, "auth.test", json!({})).await["user_id"],
        "U0BOT"
    );
}

#[tokio::test]
async fn answers_have_slacks_names_for_what_is_wrong() {
    let (sandbox, _app) = sandbox().await;
    let bot = call(
        &sandbox,
        "chat.postMessage",
        json!({ "channel": "C0OPS", "text": "mine" }),
    )
    .await;
    sandbox.type_command("rita", "ops", "hers").await;
    let hers = sandbox.messages("ops").pop().expect("a message").ts;
    let ts = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mistakes = [posting(), changing(&ts(&bot["ts"]), &hers), asking()]
        .into_iter()
        .flatten();
    for (method, args, error) in mistakes {
        let answer = call(&sandbox, method, args.clone()).await;
        assert_eq!(answer["error"], error, "{method} {args}: {answer}");
    }
    sandbox.set_app(|app| app.bot_token = "xoxb-other".into());
    assert_eq!(
        call(&sandbox, "auth.test", json!({})).await["error"],
        "invalid_auth"
    );
}

#[tokio::test]
async fn lists_come_in_pages() {
    let (sandbox, _app) = sandbox().await;
    let mut cursor = String::new();
    let mut names = Vec::new();
    loop {
        let page = call(
            &sandbox,
            "users.list",
            json!({ "limit": 2, "cursor": cursor }),
        )
        .await;
        let members = page["members"].as_array().expect("members");
        assert!(members.len() <= 2);
        names.extend(
            members
                .iter()
                .map(|one| one["name"].as_str().unwrap_or_default().to_owned()),
        );
        cursor = page["response_metadata"]["next_cursor"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(names.len(), office(&FakeApp::start().await).people.len());
}

#[tokio::test]
async fn posting_faster_than_once_a_second_is_refused_where_that_is_switched_on() {
    let app = FakeApp::start().await;
    let mut workspace = office(&app);
    workspace.limit_posting = true;
    let sandbox = slack_sandbox::Sandbox::start_local(workspace)
        .await
        .expect("a sandbox");
    let post = json!({ "channel": "C0OPS", "text": "hi" });
    assert_eq!(
        call(&sandbox, "chat.postMessage", post.clone()).await["ok"],
        true
    );
    assert_eq!(
        call(&sandbox, "chat.postMessage", post.clone()).await["error"],
        "ratelimited"
    );
    sandbox.set_clock_offset(2);
    assert_eq!(call(&sandbox, "chat.postMessage", post).await["ok"], true);
}

/// In any sixty seconds, and what is refused doesn't count.
#[tokio::test]
async fn a_method_called_more_often_than_its_tier_allows_is_refused_where_that_is_switched_on() {
    let (sandbox, app) = sandbox().await;
    sandbox.set_limit_posting(true);
    sandbox.stand_clock_at(1_000_000_000);
    let rita = json!({ "email": "rita@example.com" });
    let look_up = async || {
        let answered = app.raw_call(&sandbox, "users.lookupByEmail", &rita).await;
        answered.expect("an answer")
    };
    for _ in 0..50 {
        assert_eq!(look_up().await.0, 200);
    }
    sandbox.stand_clock_at(1_010_000_000);
    assert_eq!(look_up().await, (429, Some("51".into())));
    let other = call(&sandbox, "users.info", json!({ "user": "U0RITA" })).await;
    assert_ne!(other["error"], "ratelimited", "each method for itself");
    sandbox.stand_clock_at(1_061_000_000);
    assert_eq!(look_up().await.0, 200);
}

#[tokio::test]
async fn a_call_may_be_json_a_form_or_a_query() {
    let (sandbox, _app) = sandbox().await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let url = |method: &str| format!("{}/{method}", sandbox.api_url());
    let form = [
        ("token", "xoxb-test"),
        ("channel", "C0OPS"),
        ("text", "hi"),
        ("blocks", r#"[{"type":"divider"}]"#),
    ];
    let sent = client
        .post(url("chat.postMessage"))
        .form(&form)
        .send()
        .await
        .expect("an answer");
    let answer: Value = sent.json().await.expect("JSON");
    assert_eq!(
        answer["message"]["blocks"][0]["type"], "divider",
        "{answer}"
    );
    let asked = client
        .get(url("users.info"))
        .query(&[("user", "U0RITA")])
        .bearer_auth("xoxb-test");
    let answer: Value = asked
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(answer["user"]["tz"], "Europe/Berlin");
    let bare = client
        .post(url("auth.test"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        bare.json::<Value>().await.expect("JSON")["error"],
        "not_authed"
    );
    assert!(
        sandbox
            .calls()
            .iter()
            .all(|call| !call.args.to_string().contains("xoxb"))
    );
}

#[tokio::test]
async fn a_delivery_can_be_replayed_and_another_pages_request_is_refused() {
    let (sandbox, app) = sandbox().await;
    sandbox.type_command("rita", "ops", "/lunch").await;
    let sent = sandbox.deliveries().remove(0);
    sandbox.set_clock_offset(1);
    assert!(sandbox.replay(&sent).await.is_ok());
    let (first, second) = (&sandbox.deliveries()[0], &sandbox.deliveries()[1]);
    assert_eq!(
        (&first.signature, &first.timestamp),
        (&second.signature, &second.timestamp)
    );
    assert_eq!(app.commands()[0], app.commands()[1]);

    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let typed = client
        .post(format!("{}/sandbox/type", sandbox.url()))
        .header("origin", "http://evil.example")
        .json(&json!({ "as": "U0RITA", "channel": "C0OPS", "text": "/lunch" }));
    assert_eq!(typed.send().await.expect("an answer").status(), 403);
    assert_eq!(app.commands().len(), 2);
}

#[tokio::test]
async fn strangers_and_leavers_are_told_apart_by_what_slack_says() {
    let (sandbox, app) = sandbox().await;
    sandbox.set_person("dora", |dora| dora.team_id = Some("T0OTHER".into()));
    sandbox.set_members("ops", |members| members.push("U0DORA".into()));
    sandbox.type_command("dora", "ops", "/lunch").await;
    assert_eq!(app.field("team_id"), "T0OTHER");
    let shared = call(
        &sandbox,
        "conversations.info",
        json!({ "channel": "C0OPS" }),
    )
    .await;
    assert_eq!(shared["channel"]["is_ext_shared"], true);

    sandbox.set_person("bob", |bob| bob.deleted = true);
    sandbox
        .until("user_change", |_| {
            app.events()
                .into_iter()
                .find(|(_, event)| event["event"]["user"]["id"] == "U0BOB")
        })
        .await
        .expect("seen");
    assert_eq!(
        sandbox
            .type_command("bob", "ops", "/lunch")
            .await
            .error
            .as_deref(),
        Some("account_inactive")
    );
    let users = call(
        &sandbox,
        "usergroups.users.list",
        json!({ "usergroup": "S0CHEFS" }),
    )
    .await;
    assert_eq!(users["users"], json!([]));
}
