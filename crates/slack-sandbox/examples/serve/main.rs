//! Serves a sample workspace to look at: `cargo run -p slack-sandbox --example serve -- PORT [APP_URL]`.
//!
//! With an `APP_URL` (one for commands, interactions and events, as Bolt has it) the workspace
//! starts empty; without one it is filled with messages of every kind, and a lunch app answers.
//! `socket` instead of an URL switches Socket Mode on.

mod app;

use std::net::SocketAddr;

use serde_json::{Value, json};
use slack_sandbox::{
    App, Channel, Command, Person, RequestUrls, Sandbox, Shortcut, UserGroup, Workspace,
};

fn workspace(urls: RequestUrls, socket_mode: bool) -> Workspace {
    Workspace::new("T0SAMPLE", "sample", "Sample Office")
        .person(Person::new("U0RITA", "rita", "Rita Lane", "rita@example.com").tz("Europe/Berlin"))
        .person(Person::new("U0BOB", "bob", "Bob Vega", "bob@example.com"))
        .person(Person::new("U0CAROL", "carol", "Carol Ito", "carol@example.com").tz("Asia/Tokyo"))
        .person(Person::new("U0GUEST", "gus", "Gus Guest", "gus@example.net").guest())
        .person(Person::new("U0GONE", "gone", "Gone Guy", "gone@example.com").deleted())
        .person(Person::new("U0BOT", "lunch", "Lunch", "").bot())
        .channel(Channel::new(
            "C0GENERAL",
            "general",
            &["U0RITA", "U0BOB", "U0CAROL", "U0BOT"],
        ))
        .channel(Channel::new(
            "C0ORDERS",
            "lunch-orders",
            &["U0RITA", "U0BOB", "U0BOT"],
        ))
        .channel(Channel::new("C0KITCHEN", "kitchen", &["U0BOB", "U0BOT"]).private())
        .channel(Channel::new("C0OTHER", "other-team", &["U0CAROL"]))
        .channel(Channel::new("C0OLD", "old-menus", &["U0RITA", "U0BOT"]).archived())
        .user_group(UserGroup::new("S0COOKS", "cooks", &["U0BOB", "U0CAROL"]))
        .app(App {
            name: "Lunch".into(),
            bot_token: "xoxb-sample".into(),
            app_token: Some("xapp-sample".into()),
            signing_secret: "sample-signing-secret".into(),
            scopes: App::default()
                .scopes
                .into_iter()
                .chain(more_scopes())
                .collect(),
            commands: vec![
                Command::new("/lunch", "Order lunch for somebody", "[what] [for @PERSON]")
                    .escaping(),
                Command::new("/menu", "What there is today", ""),
            ],
            shortcuts: vec![Shortcut {
                callback_id: "order".into(),
                name: "Order lunch".into(),
            }],
            events: [
                "app_home_opened",
                "user_change",
                "message.channels",
                "app_mention",
            ]
            .map(String::from)
            .to_vec(),
            socket_mode,
            urls,
            ..App::default()
        })
}

fn more_scopes() -> impl Iterator<Item = String> {
    [
        "channels:history",
        "im:read",
        "im:history",
        "connections:write",
    ]
    .map(String::from)
    .into_iter()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let port: u16 = args.next().map_or(Ok(4050), |port| port.parse())?;
    let app = args.next();
    let socket_mode = app.as_deref() == Some("socket");
    let urls = app
        .as_deref()
        .filter(|_| !socket_mode)
        .map(RequestUrls::single)
        .unwrap_or_default();
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    let sandbox = Sandbox::start(workspace(urls, socket_mode), addr).await?;
    if app.is_none() {
        app::start(&sandbox).await?;
        fill(&sandbox).await?;
    }
    eprint(&format!("sandbox at {}", sandbox.url()));
    std::future::pending::<()>().await;
    Ok(())
}

#[expect(
    clippy::print_stderr,
    reason = "an example talks to whoever started it"
)]
fn eprint(line: &str) {
    eprintln!("{line}");
}

async fn call(sandbox: &Sandbox, method: &str, args: Value) -> Result<Value, reqwest::Error> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/{method}", sandbox.api_url());
    let answer: Value = client
        .post(url)
        .bearer_auth("xoxb-sample")
        .json(&args)
        .send()
        .await?
        .json()
        .await?;
    if answer["ok"] != true {
        eprint(&format!("{method}: {answer}"));
    }
    Ok(answer)
}

async fn fill(sandbox: &Sandbox) -> Result<(), reqwest::Error> {
    let now = sandbox.now();
    sandbox
        .type_command(
            "rita",
            "general",
            "Morning! Who is in today? See https://example.com/week",
        )
        .await;
    sandbox
        .type_command("bob", "general", "Me. And @carol is back from Tokyo.")
        .await;
    sandbox
        .type_command("bob", "general", "She brought sweets *for everybody*.")
        .await;
    let until = format!(
        "<!date^{}^{{date_short_pretty}} {{time}}|later>",
        now + 7200
    );
    let card = call(
        sandbox,
        "chat.postMessage",
        json!({
            "channel": "C0ORDERS",
            "text": "Rita orders lunch for 12 people.",
            "blocks": card(&until),
        }),
    )
    .await?;
    let thread = json!({
        "channel": "C0ORDERS", "thread_ts": card["ts"], "text": format!("<@U0BOB> has it now. Open until {until}."),
    });
    call(sandbox, "chat.postMessage", thread).await?;
    let ts = card["ts"].as_str().unwrap_or_default();
    sandbox
        .reply("bob", "lunch-orders", ts, "Twelve? Who is coming?")
        .await;
    decided(sandbox).await
}

async fn decided(sandbox: &Sandbox) -> Result<(), reqwest::Error> {
    let done = call(
        sandbox,
        "chat.postMessage",
        json!({ "channel": "C0ORDERS", "text": "x" }),
    )
    .await?;
    call(sandbox, "chat.update", json!({
        "channel": "C0ORDERS", "ts": done["ts"], "text": "Carol approved the coffee.",
        "blocks": [{ "type": "section", "text": { "type": "mrkdwn", "text":
            "~Coffee for 3 people~\n*Approved* by <@U0CAROL> for <!subteam^S0COOKS>\n&gt; _black, no sugar_ `x3`\n```\nmilk: 0\n```" } }],
    })).await?;
    call(sandbox, "chat.postEphemeral", json!({
        "channel": "C0ORDERS", "user": "U0RITA", "text": "Asked",
        "blocks": [
            { "type": "section", "text": { "type": "mrkdwn", "text": "Asked: lunch for 12. <@U0BOB> has it now." } },
            { "type": "actions", "elements": [button("change", "Change", None), button("cancel", "Cancel", None)] },
        ],
    })).await?;
    call(
        sandbox,
        "chat.postMessage",
        json!({ "channel": "U0RITA", "text": "Your lunch comes at *12:30*." }),
    )
    .await?;
    call(
        sandbox,
        "views.publish",
        json!({ "user_id": "U0RITA", "view": home() }),
    )
    .await?;
    Ok(())
}

fn button(action: &str, label: &str, style: Option<&str>) -> Value {
    let mut button = json!({
        "type": "button", "action_id": action, "value": "O-7",
        "text": { "type": "plain_text", "text": label, "emoji": false },
    });
    if let Some(style) = style {
        button["style"] = json!(style);
    }
    button
}

fn card(until: &str) -> Value {
    let mut deny = button("deny", "Deny", None);
    deny["confirm"] = json!({
        "title": { "type": "plain_text", "text": "Deny this order?" },
        "text": { "type": "plain_text", "text": "Rita is told at once. Twelve people stay hungry." },
        "confirm": { "type": "plain_text", "text": "Deny" },
        "deny": { "type": "plain_text", "text": "Keep" },
        "style": "danger",
    });
    json!([
        { "type": "header", "text": { "type": "plain_text", "text": "Lunch for 12 people" } },
        { "type": "section", "fields": [
            { "type": "mrkdwn", "text": "*For* <@U0RITA>" },
            { "type": "mrkdwn", "text": "*Cost* 140 EUR, *team budget*" },
            { "type": "mrkdwn", "text": format!("*Ends* {until}") },
            { "type": "mrkdwn", "text": "*Ticket* LUNCH-4711" },
        ] },
        { "type": "section", "text": { "type": "plain_text", "emoji": false,
            "text": "Reason, in Rita's words: guests <!channel> *from* https://evil.example" } },
        { "type": "context", "elements": [{ "type": "mrkdwn", "text": format!("Unusual: first order. Asked: <@U0BOB>. 0 of 1. O-7, open until {until}.") }] },
        { "type": "actions", "block_id": "decide", "elements": [
            button("approve", "Approve", Some("primary")), button("less", "Approve for less", None), deny,
        ] },
    ])
}

fn home() -> Value {
    json!({ "type": "home", "blocks": [
        { "type": "header", "text": { "type": "plain_text", "text": "Your orders" } },
        { "type": "section", "text": { "type": "mrkdwn", "text": "*Lunch for 12 people*\nwaits for <@U0BOB>" },
            "accessory": button("open", "Look", None) },
        { "type": "divider" },
        { "type": "section", "text": { "type": "mrkdwn", "text": "What do you like?" } },
        { "type": "actions", "elements": [{ "type": "static_select", "action_id": "taste",
            "placeholder": { "type": "plain_text", "text": "Taste" },
            "options": [{ "text": { "type": "plain_text", "text": "Hot" }, "value": "hot" },
                { "text": { "type": "plain_text", "text": "Mild" }, "value": "mild" }] }] },
    ] })
}
