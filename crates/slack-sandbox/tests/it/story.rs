//! What people do, what the app is sent, what both sides see then.

use serde_json::{Value, json};
use slack_sandbox::RequestUrls;

use crate::app::{call, sandbox};

#[tokio::test]
async fn a_command_becomes_a_card_and_a_button_updates_it() {
    let (sandbox, app) = sandbox().await;
    let outcome = sandbox
        .type_command("rita", "ops", "/lunch pizza & <beer>")
        .await;
    assert_eq!(outcome.error, None);
    assert_eq!(
        outcome.text().as_deref(),
        Some("asked: pizza &amp; &lt;beer&gt;")
    );
    assert_eq!(sandbox.ephemerals("rita").len(), 1);
    assert!(sandbox.ephemerals("bob").is_empty());

    let card = call(&sandbox, "chat.postMessage", json!({
        "channel": "C0OPS", "text": "Lunch?",
        "blocks": [{ "type": "actions", "block_id": "b", "elements": [
            { "type": "button", "action_id": "eat", "text": { "type": "plain_text", "text": "Eat" }, "value": "7" }
        ] }],
    }))
    .await;
    assert_eq!(card["ok"], true, "{card}");
    let message = sandbox.messages("ops").remove(0);
    assert_eq!(message.buttons(), ["Eat"]);
    assert!(sandbox.press_label("bob", &message, "Eat").await.is_ok());
    let click = app.interactions().remove(0);
    assert_eq!(click["type"], "block_actions");
    assert_eq!(click["actions"][0]["value"], "7");
    assert_eq!(click["message"]["ts"], message.ts.as_str());

    let updated = json!({ "channel": "C0OPS", "ts": message.ts, "text": "Bob eats." });
    assert_eq!(call(&sandbox, "chat.update", updated).await["ok"], true);
    let message = sandbox.messages("ops").remove(0);
    assert_eq!(
        (message.plain().as_str(), message.buttons().len()),
        ("Bob eats.", 0)
    );
    assert_eq!(
        sandbox
            .press("bob", "ops", &message.ts, "eat")
            .await
            .error
            .as_deref(),
        Some("no_such_action")
    );
}

#[tokio::test]
async fn a_command_has_slacks_fields_in_slacks_order() {
    let (sandbox, app) = sandbox().await;
    sandbox.type_command("rita", "ops", "/lunch").await;
    let fields = app.commands();
    let names: Vec<_> = fields[0].iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "token",
            "team_id",
            "team_domain",
            "channel_id",
            "channel_name",
            "user_id",
            "user_name",
            "command",
            "text",
            "api_app_id",
            "is_enterprise_install",
            "response_url",
            "trigger_id"
        ]
    );
}

fn order() -> Value {
    json!({
        "type": "modal", "callback_id": "order",
        "title": { "type": "plain_text", "text": "Order" },
        "submit": { "type": "plain_text", "text": "Send" },
        "blocks": [{ "type": "input", "block_id": "what",
            "label": { "type": "plain_text", "text": "What" },
            "element": { "type": "plain_text_input", "action_id": "text", "max_length": 10 } }],
    })
}

#[tokio::test]
async fn a_trigger_opens_one_modal_and_its_answer_decides_what_comes_next() {
    let (sandbox, app) = sandbox().await;
    sandbox.type_command("rita", "ops", "/lunch").await;
    let trigger = app.field("trigger_id");
    let opened = call(
        &sandbox,
        "views.open",
        json!({ "trigger_id": trigger, "view": order() }),
    )
    .await;
    assert_eq!(opened["ok"], true, "{opened}");
    let again = call(
        &sandbox,
        "views.open",
        json!({ "trigger_id": trigger, "view": order() }),
    )
    .await;
    assert_eq!(again["error"], "exchanged_trigger_id");

    let id = sandbox.open_views("rita")[0].id.clone();
    let empty = sandbox.submit_view("rita", &id, json!({})).await;
    assert_eq!(empty.error.as_deref(), Some("incomplete"));
    let long = json!({ "what": { "text": "far too much to eat" } });
    assert_eq!(
        sandbox.submit_view("rita", &id, long).await.errors["what"],
        "This entry is too long."
    );
    assert!(
        app.interactions().is_empty(),
        "Slack's client stops these by itself"
    );

    app.answer(
        200,
        r#"{"response_action":"errors","errors":{"what":"no soup"}}"#,
    );
    let soup = sandbox
        .submit_view("rita", &id, json!({ "what": { "text": "soup" } }))
        .await;
    assert_eq!(soup.errors["what"], "no soup");
    assert_eq!(sandbox.open_views("rita")[0].errors["what"], "no soup");

    app.answer(200, "ok");
    let chatty = sandbox.submit_view("rita", &id, json!({})).await;
    assert_eq!(
        chatty.error.as_deref(),
        Some("invalid_response"),
        "a plain close wants an empty body"
    );

    app.answer(200, "");
    assert!(sandbox.submit_view("rita", &id, json!({})).await.is_ok());
    assert!(sandbox.open_views("rita").is_empty());
    let submission = app.interactions().pop().expect("a submission");
    assert_eq!(
        submission["view"]["state"]["values"]["what"]["text"]["value"],
        "soup"
    );
}

#[tokio::test]
async fn triggers_expire_after_three_seconds() {
    let (sandbox, app) = sandbox().await;
    sandbox.type_command("rita", "ops", "/lunch").await;
    sandbox.set_clock_offset(4);
    let view =
        json!({ "type": "modal", "title": { "type": "plain_text", "text": "T" }, "blocks": [] });
    let late = json!({ "trigger_id": app.field("trigger_id"), "view": view });
    assert_eq!(
        call(&sandbox, "views.open", late).await["error"],
        "expired_trigger_id"
    );
    let forged = json!({ "trigger_id": "1.2.x", "view": view });
    assert_eq!(
        call(&sandbox, "views.open", forged).await["error"],
        "invalid_trigger_id"
    );
}

#[tokio::test]
async fn a_response_url_is_good_five_times_within_thirty_minutes() {
    let (sandbox, app) = sandbox().await;
    sandbox.type_command("rita", "ops", "/lunch").await;
    let url = app.field("response_url");
    for _ in 0..5 {
        assert_eq!(app.post(&url, json!({ "text": "more" })).await.0, 200);
    }
    assert_eq!(
        app.post(&url, json!({ "text": "more" })).await.1["error"],
        "used_url"
    );
    assert_eq!(sandbox.ephemerals("rita").len(), 6);

    sandbox.type_command("rita", "ops", "/lunch").await;
    let url = app.field("response_url");
    assert_eq!(
        app.post(&url, json!({ "text": "hi", "response_type": "in_channel" }))
            .await
            .0,
        200
    );
    assert_eq!(sandbox.messages("ops").pop().expect("a message").text, "hi");
    sandbox.set_clock_offset(31 * 60);
    assert_eq!(
        app.post(&url, json!({ "text": "late" })).await.1["error"],
        "expired_url"
    );
}

#[tokio::test]
async fn people_see_why_a_command_came_to_nothing() {
    let (sandbox, app) = sandbox().await;
    let unknown = sandbox.type_command("rita", "ops", "/dinner").await;
    assert_eq!(unknown.error.as_deref(), Some("unknown_command"));
    app.answer(500, "");
    assert_eq!(
        sandbox
            .type_command("rita", "ops", "/lunch")
            .await
            .error
            .as_deref(),
        Some("dispatch_failed")
    );
    app.hang();
    let late = sandbox.type_command("rita", "ops", "/lunch").await;
    assert_eq!(late.error.as_deref(), Some("operation_timeout"));
    assert!(late.text().expect("a notice").contains("operation_timeout"));
    sandbox.set_request_urls(RequestUrls::default());
    assert_eq!(
        sandbox
            .type_command("rita", "ops", "/lunch")
            .await
            .error
            .as_deref(),
        Some("dispatch_failed")
    );
    assert_eq!(
        sandbox
            .type_command("dora", "ops", "/lunch")
            .await
            .error
            .as_deref(),
        Some("not_in_channel")
    );
}

#[tokio::test]
async fn names_become_ids_where_slack_makes_them_so() {
    let (sandbox, app) = sandbox().await;
    sandbox.type_command("rita", "ops", "/lunch for @bob").await;
    assert_eq!(app.field("text"), "for @bob");
    sandbox.set_app(|app| app.commands[0].should_escape = true);
    sandbox
        .type_command(
            "rita",
            "ops",
            "/lunch for @bob, in #ops: https://a.example/x.",
        )
        .await;
    assert_eq!(
        app.field("text"),
        "for <@U0BOB|bob>, in <#C0OPS|ops>: <https://a.example/x>."
    );

    let post =
        |names: bool| json!({ "channel": "C0OPS", "text": "@bob @channel", "link_names": names });
    call(&sandbox, "chat.postMessage", post(false)).await;
    assert!(
        sandbox
            .messages("ops")
            .pop()
            .expect("a message")
            .mentions_and_links()
            .is_empty()
    );
    call(&sandbox, "chat.postMessage", post(true)).await;
    let smuggled = sandbox
        .messages("ops")
        .pop()
        .expect("a message")
        .mentions_and_links();
    assert_eq!(smuggled, ["<@U0BOB|bob>", "<!channel>"]);
}
