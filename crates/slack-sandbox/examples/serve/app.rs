//! A lunch app of forty lines, so that the sample workspace answers.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use slack_sandbox::{RequestUrls, Sandbox};

pub(crate) async fn start(sandbox: &Sandbox) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/slack", listener.local_addr()?);
    let router = Router::new()
        .route("/slack", post(receive))
        .with_state(sandbox.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    sandbox.set_request_urls(RequestUrls::single(&url));
    Ok(())
}

async fn receive(State(sandbox): State<Sandbox>, body: Bytes) -> Response {
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| {
        let found = fields.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    if field("command") == "/lunch" {
        let view =
            json!({ "trigger_id": field("trigger_id"), "view": order(&unescaped(&field("text"))) });
        let _ = super::call(&sandbox, "views.open", view).await;
    } else if field("command") == "/menu" {
        return "Soup of the day, dumplings, and <https://example.com/cake|cake>.".into_response();
    }
    let payload: Value = serde_json::from_str(&field("payload")).unwrap_or_default();
    let user = payload["user"]["id"].as_str().unwrap_or_default();
    if payload["type"] == "view_submission" {
        return submitted(&sandbox, user, &payload["view"]["state"]["values"]).await;
    }
    if payload["message"]["ts"].is_string() {
        let decided = format!(
            "Decided by <@{user}>: {}.",
            payload["actions"][0]["action_id"]
        );
        let update = json!({
            "channel": payload["channel"]["id"], "ts": payload["message"]["ts"], "text": decided,
        });
        let _ = super::call(&sandbox, "chat.update", update).await;
    }
    ().into_response()
}

async fn submitted(sandbox: &Sandbox, user: &str, values: &Value) -> Response {
    let what = values["what"]["text"]["value"].as_str().unwrap_or_default();
    if what.contains("soup") {
        let errors = json!({ "what": "Soup is out. Dumplings would do." });
        return axum::Json(json!({ "response_action": "errors", "errors": errors }))
            .into_response();
    }
    let text = format!("<@{user}> ordered {what}.");
    let card = json!({ "channel": "C0ORDERS", "text": text, "blocks": [
        { "type": "section", "text": { "type": "mrkdwn", "text": format!("<@{user}> ordered") } },
        { "type": "section", "text": { "type": "plain_text", "text": what, "emoji": false } },
        { "type": "actions", "elements": [super::button("approve", "Approve", Some("primary"))] },
    ] });
    let _ = super::call(sandbox, "chat.postMessage", card).await;
    ().into_response()
}

/// Slack escapes three signs in what people type.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text })
}

fn input(id: &str, label: &str, optional: bool, element: &Value) -> Value {
    json!({ "type": "input", "block_id": id, "label": plain(label), "optional": optional, "element": element })
}

/// One input of every kind.
fn order(text: &str) -> Value {
    let option = |text: &str| json!({ "text": plain(text), "value": text });
    let options = json!([option("Small"), option("Large")]);
    json!({
        "type": "modal", "callback_id": "order", "notify_on_close": true,
        "title": plain("Order lunch"), "submit": plain("Order"), "close": plain("Cancel"),
        "blocks": [
            input("what", "What", false, &json!({ "type": "plain_text_input", "action_id": "text", "initial_value": text, "max_length": 80 })),
            input("why", "Why so hungry", true, &json!({ "type": "plain_text_input", "action_id": "text", "multiline": true, "placeholder": plain("In your own words") })),
            input("size", "Size", false, &json!({ "type": "static_select", "action_id": "pick", "options": options, "initial_option": option("Small") })),
            input("for", "For whom", true, &json!({ "type": "users_select", "action_id": "pick" })),
            input("day", "Day", true, &json!({ "type": "datepicker", "action_id": "pick" })),
            input("at", "Time", true, &json!({ "type": "timepicker", "action_id": "pick", "initial_time": "12:30" })),
            input("heat", "How hot", true, &json!({ "type": "radio_buttons", "action_id": "pick", "options": [option("Mild"), option("Hot")] })),
            input("with", "With", true, &json!({ "type": "checkboxes", "action_id": "pick", "options": [
                { "text": { "type": "mrkdwn", "text": "*Cutlery*" }, "value": "cutlery", "description": plain("One set per person") }, option("Napkins")] })),
        ],
    })
}
