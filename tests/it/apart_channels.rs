//! Channels that are closed while something waits in them: their cards move at once, and `/readyz` tells before the first
//! message is lost.

use serde_json::{Value, json};
use slack_sandbox::{Message, Sandbox};

use crate::socket_mode::over_sockets;
use crate::support::bot::Setting;
use crate::support::workplace::{APPROVALS, GENERAL, SECURITY};
use crate::support::{Database, Request, TestBot};

const ORDERS: &str = "C0ORDERS";
const BOTH: [Database; 2] = [Database::Sqlite, Database::Postgres];

/// `db-admin` has a channel of its own.
fn with_a_channel(mut setting: Setting) -> Setting {
    let approvals = setting.workspace.channels.iter();
    let mut own = approvals
        .clone()
        .find(|one| one.id == APPROVALS)
        .unwrap()
        .clone();
    own.id = ORDERS.into();
    own.name = "orders".into();
    setting.workspace.channels.push(own);
    setting.edit = Box::new(|text| {
        let role = "[role.db-admin]\n";
        text.replace(role, &format!("{role}channel = \"{ORDERS}\"\n"))
    });
    setting
}

fn over_http(database: Database) -> Setting {
    with_a_channel(Setting {
        database,
        ..Setting::default()
    })
}

/// Waits until the bot was told, and carries out what follows.
async fn hears(bot: &TestBot, event: &str) {
    let heard = |slack: &Sandbox| {
        let told = slack.deliveries().into_iter();
        let mut told = told.filter(|one| one.body.contains(event));
        told.any(|one| one.status == 200).then_some(())
    };
    bot.slack.until(event, heard).await.unwrap();
    bot.settle().await;
}

fn card(bot: &TestBot, channel: &str, request: &Request) -> Option<Message> {
    let mut cards = bot.slack.messages(channel).into_iter();
    cards.rfind(|one| one.plain().contains(&request.short) && !one.buttons().is_empty())
}

async fn channels(bot: &TestBot) -> String {
    let answer = reqwest::get(format!("{}/readyz", bot.base)).await.unwrap();
    let found: Value = answer.json().await.unwrap();
    found["channels"]["why"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

async fn a_card_moves(bot: &TestBot) {
    let ask = "/prod-access db-admin 30m orders stuck";
    let request = bot.asks("alice", ask).await;
    assert!(card(bot, ORDERS, &request).is_some());
    assert!(card(bot, APPROVALS, &request).is_none());
    bot.slack.set_archived(ORDERS, true);
    hears(bot, "channel_archive").await;
    let moved = card(bot, APPROVALS, &request).expect("it can be pressed again");
    assert!(channels(bot).await.contains("C0ORDERS: is_archived"));
    bot.presses_on("bob", &moved, "Approve").await;
    bot.settle().await;
    assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
}

#[tokio::test]
async fn a_card_leaves_a_channel_that_is_archived_at_once() {
    for database in BOTH {
        TestBot::in_setting(over_http(database), a_card_moves).await;
        let sockets = with_a_channel(over_sockets(database));
        TestBot::in_setting(sockets, a_card_moves).await;
    }
}

#[tokio::test]
async fn a_card_leaves_a_channel_that_the_bot_was_removed_from() {
    for database in BOTH {
        TestBot::in_setting(over_http(database), async |bot| {
            let ask = "/prod-access db-admin 30m orders stuck";
            let request = bot.asks("alice", ask).await;
            let remove = |members: &mut Vec<String>| members.retain(|one| one != "U0BOT");
            bot.slack.set_members(ORDERS, remove);
            hears(bot, "channel_left").await;
            assert!(card(bot, APPROVALS, &request).is_some());
            let told = channels(bot).await;
            assert!(told.contains("C0ORDERS: not_in_channel"), "{told}");
        })
        .await;
    }
}

/// Nothing has been said there yet, and somebody should know.
#[tokio::test]
async fn a_closed_security_channel_is_told_before_it_is_needed() {
    TestBot::in_setting(over_http(Database::Sqlite), async |bot| {
        bot.slack.set_archived(SECURITY, true);
        hears(bot, "channel_archive").await;
        let told = channels(bot).await;
        assert!(told.contains("C0SECURE: is_archived"), "{told}");
    })
    .await;
}

#[tokio::test]
async fn channels_of_others_and_of_nobody_concern_nobody() {
    TestBot::in_setting(over_http(Database::Sqlite), async |bot| {
        let ask = "/prod-access db-admin 30m orders stuck";
        let request = bot.asks("alice", ask).await;
        for (team, event) in [
            (
                "T0ACME",
                json!({ "type": "channel_archive", "channel": GENERAL }),
            ),
            (
                "T0ACME",
                json!({ "type": "channel_deleted", "channel": null }),
            ),
            ("T0ACME", json!({ "type": "group_left" })),
            (
                "T0OTHER",
                json!({ "type": "channel_deleted", "channel": ORDERS }),
            ),
        ] {
            let event = json!({
                "type": "event_callback", "team_id": team, "event_id": event.to_string(),
                "event": event,
            });
            let outcome = bot.slack.deliver_event(event).await;
            assert!(outcome.is_ok(), "{outcome:?}");
        }
        bot.settle().await;
        assert!(card(bot, ORDERS, &request).is_some());
        assert!(card(bot, APPROVALS, &request).is_none());
        assert_eq!(channels(bot).await, "");
    })
    .await;
}
