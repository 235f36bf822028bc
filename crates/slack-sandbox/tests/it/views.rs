//! Views: stacks, hashes, homes, and what the app's answer may do with them.

use serde_json::{Value, json};
use slack_sandbox::{Fault, FaultKind, Sandbox};

use crate::app::{FakeApp, call, sandbox};

fn modal(title: &str) -> Value {
    json!({
        "type": "modal",
        "title": { "type": "plain_text", "text": title },
        "submit": { "type": "plain_text", "text": "Send" },
        "notify_on_close": true,
        "blocks": [
            { "type": "input", "block_id": "size", "optional": true,
              "label": { "type": "plain_text", "text": "Size" },
              "element": { "type": "radio_buttons", "action_id": "pick", "options": [
                  { "text": { "type": "plain_text", "text": "Small" }, "value": "s" },
                  { "text": { "type": "plain_text", "text": "Large" }, "value": "l" } ] } },
            { "type": "actions", "block_id": "more", "elements": [
                { "type": "button", "action_id": "next",
                  "text": { "type": "plain_text", "text": "Next" } } ] },
        ],
    })
}

async fn open(sandbox: &Sandbox, app: &FakeApp) -> String {
    sandbox.type_command("rita", "ops", "/lunch").await;
    app.answer(200, "");
    let trigger = app.field("trigger_id");
    let args = json!({ "trigger_id": trigger, "view": modal("First") });
    let opened = call(sandbox, "views.open", args).await;
    opened["view"]["id"].as_str().expect("a view").to_owned()
}

async fn push(sandbox: &Sandbox, app: &FakeApp, from: &str, title: &str) -> Value {
    assert!(
        sandbox
            .act_in_view("rita", from, "next", Value::Null)
            .await
            .is_ok()
    );
    let trigger = app.interactions().pop().expect("a click")["trigger_id"].clone();
    call(
        sandbox,
        "views.push",
        json!({ "trigger_id": trigger, "view": modal(title) }),
    )
    .await
}

#[tokio::test]
async fn three_modals_stand_on_each_other_and_no_more() {
    let (sandbox, app) = sandbox().await;
    let first = open(&sandbox, &app).await;
    let second = push(&sandbox, &app, &first, "Second").await;
    assert_eq!(second["view"]["previous_view_id"], first.as_str());
    let id = second["view"]["id"].as_str().expect("an id");
    let third = push(&sandbox, &app, id, "Third").await;
    assert_eq!(third["view"]["root_view_id"], first.as_str());
    let id = third["view"]["id"].as_str().expect("an id");
    assert_eq!(
        push(&sandbox, &app, id, "Fourth").await["error"],
        "push_limit_reached"
    );

    assert_eq!(
        sandbox
            .submit_view("rita", &first, json!({}))
            .await
            .error
            .as_deref(),
        Some("view_not_found")
    );
    app.answer(200, r#"{"response_action":"clear"}"#);
    assert!(sandbox.submit_view("rita", id, json!({})).await.is_ok());
    assert!(sandbox.open_views("rita").is_empty());
}

#[tokio::test]
async fn typed_values_survive_an_update_and_an_old_hash_does_not() {
    let (sandbox, app) = sandbox().await;
    let id = open(&sandbox, &app).await;
    app.answer(
        200,
        r#"{"response_action":"errors","errors":{"size":"not today"}}"#,
    );
    sandbox
        .submit_view("rita", &id, json!({ "size": { "pick": "l" } }))
        .await;
    let hash = sandbox.open_views("rita")[0].hash.clone();
    let update =
        |hash: &str, title: &str| json!({ "view_id": id, "hash": hash, "view": modal(title) });
    assert_eq!(
        call(&sandbox, "views.update", update(&hash, "New")).await["ok"],
        true
    );
    let view = sandbox.open_views("rita").remove(0);
    assert_eq!(view.title(), "New");
    assert_eq!(view.state["size"]["pick"]["selected_option"]["value"], "l");
    assert!(view.errors.is_empty());
    assert_eq!(
        call(&sandbox, "views.update", update(&hash, "Late")).await["error"],
        "hash_conflict"
    );
    let other = sandbox
        .submit_view("rita", &id, json!({ "size": { "pick": "xxl" } }))
        .await;
    assert_eq!(
        other.error.as_deref(),
        Some("incomplete"),
        "xxl was never offered"
    );
}

#[tokio::test]
async fn a_closed_view_is_told_and_what_was_not_asked_for_is_not() {
    let (sandbox, app) = sandbox().await;
    let id = open(&sandbox, &app).await;
    assert!(
        sandbox.close_view("bob", &id).await.error.is_some(),
        "it is on Rita's screen"
    );
    assert!(sandbox.close_view("rita", &id).await.is_ok());
    let closed = app.interactions().pop().expect("view_closed");
    assert_eq!(
        (closed["type"].as_str(), closed["is_cleared"].as_bool()),
        (Some("view_closed"), Some(false))
    );
}

#[tokio::test]
async fn a_home_is_published_for_one_person() {
    let (sandbox, _app) = sandbox().await;
    let home = |text: &str| {
        json!({ "type": "home", "blocks": [
        { "type": "section", "text": { "type": "plain_text", "text": text } } ] })
    };
    let first = call(
        &sandbox,
        "views.publish",
        json!({ "user_id": "U0RITA", "view": home("one") }),
    )
    .await;
    let second = json!({ "user_id": "U0RITA", "view": home("two"), "hash": first["view"]["hash"] });
    assert_eq!(
        call(&sandbox, "views.publish", second.clone()).await["ok"],
        true
    );
    assert_eq!(
        call(&sandbox, "views.publish", second).await["error"],
        "hash_conflict"
    );
    assert_eq!(sandbox.home("rita").expect("a home").plain(), "two");
    assert!(sandbox.home("bob").is_none());
}

#[tokio::test]
async fn an_expired_trigger_can_be_had_on_demand() {
    let (sandbox, app) = sandbox().await;
    sandbox.type_command("rita", "ops", "/lunch").await;
    sandbox.set_fault(Fault::new(FaultKind::ExpiredTrigger).times(1));
    let args = json!({ "trigger_id": app.field("trigger_id"), "view": modal("Late") });
    assert_eq!(
        call(&sandbox, "users.list", json!({})).await["ok"],
        true,
        "others are spared"
    );
    assert_eq!(
        call(&sandbox, "views.open", args.clone()).await["error"],
        "expired_trigger_id"
    );
    assert_eq!(call(&sandbox, "views.open", args).await["ok"], true);
}
