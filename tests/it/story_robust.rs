//! What Slack and people do to a bot: channels are archived, cards deleted, people renamed; payloads come without a team,
//! from whole organisations, from buttons that an older version made. Nothing is lost, and nobody is left without an answer.

use serde_json::{Value, json};
use slack_sandbox::{Channel, Message};

use crate::story_routes::sends;
use crate::support::bot::Setting;
use crate::support::workplace::{self, APPROVALS, GENERAL, TOKEN};
use crate::support::{Database, Request, TestBot, everywhere, minutes};

const ORDERS: &str = "C0ORDERS";
const FORM: &str = "application/x-www-form-urlencoded";

/// The stories' workspace, in which `db-admin` has a channel of its own.
fn with_a_channel(database: Database) -> Setting {
    let mut workspace = workplace::workspace();
    let ids: Vec<String> = workspace.people.iter().map(|one| one.id.clone()).collect();
    let mut members: Vec<&str> = ids.iter().map(String::as_str).collect();
    members.push("U0BOT");
    workspace = workspace.channel(Channel::new(ORDERS, "orders", &members));
    Setting {
        database,
        workspace,
        edit: Box::new(|text| {
            text.replace(
                "[role.db-admin]\n",
                "[role.db-admin]\nchannel = \"C0ORDERS\"\n",
            )
        }),
        ..Setting::default()
    }
}

const BOTH: [Database; 2] = [Database::Sqlite, Database::Postgres];

impl TestBot {
    /// The newest card of the request in a channel.
    fn last_card_in(&self, channel: &str, request: &Request) -> Option<Message> {
        let mut cards = self.slack.messages(channel).into_iter();
        cards.rfind(|message| message.plain().contains(&request.short))
    }

    /// Nobody answers: who is asked is reminded, then the next in line are asked.
    async fn is_climbed(&self) {
        for after in [11, 10] {
            self.clock.advance(minutes(after));
            self.settle().await;
        }
    }

    /// Somebody deletes a message of the bot's.
    async fn deletes(&self, message: &Message) {
        let answer = reqwest::Client::new()
            .post(format!("{}/chat.delete", self.slack.api_url()))
            .bearer_auth(TOKEN)
            .json(&json!({ "channel": message.channel, "ts": message.ts }))
            .send()
            .await
            .unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["ok"], true, "{answer}");
    }
}

#[tokio::test]
async fn a_card_whose_channel_is_archived_goes_to_the_channel_of_all_roles() {
    for database in BOTH {
        TestBot::in_setting(with_a_channel(database), async |bot| {
            let own = bot
                .asks("alice", "/prod-access db-admin 30m orders stuck")
                .await;
            assert!(bot.last_card_in(ORDERS, &own).is_some());
            assert!(bot.last_card_in(APPROVALS, &own).is_none());
            bot.slack.set_archived(ORDERS, true);

            // What waits moves with the next word about it.
            bot.is_climbed().await;
            let moved = bot.last_card_in(APPROVALS, &own).expect("posted anew");
            let thread = bot.slack.thread(APPROVALS, &moved.ts);
            assert!(
                thread.iter().any(|one| one.plain().contains("No answer")),
                "{thread:#?}"
            );
            bot.presses_on("bob", &moved, "Approve").await;
            bot.settle().await;
            assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);

            // What is new goes there at once.
            let new = bot
                .asks("rita", "/prod-access db-admin 30m more orders stuck")
                .await;
            let card = bot.last_card_in(APPROVALS, &new).expect("a card");
            bot.presses_on("bob", &card, "Approve").await;
            bot.settle().await;
            assert!(
                bot.backend
                    .holders("orders_admin")
                    .contains(&"rita".to_owned())
            );

            bot.clock.advance(minutes(31));
            bot.settle().await;
            let thread = bot.slack.thread(APPROVALS, &moved.ts);
            assert!(
                thread.iter().any(|one| one.plain().contains("time was up")),
                "{thread:#?}"
            );
        })
        .await;
    }
}

#[tokio::test]
async fn where_no_channel_takes_it_people_get_it_directly() {
    for database in BOTH {
        TestBot::in_setting(with_a_channel(database), async |bot| {
            bot.slack.set_archived(ORDERS, true);
            bot.slack.set_archived(APPROVALS, true);
            let request = bot
                .asks("alice", "/prod-access db-admin 30m orders stuck")
                .await;
            let card = bot.slack.dms("bob").into_iter().find(|message| {
                message.plain().contains(&request.short) && !message.buttons().is_empty()
            });
            assert!(bot.told("alice").contains(&request.short));
            bot.presses_on("bob", &card.expect("bob is asked directly"), "Approve")
                .await;
            bot.settle().await;
            assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
            bot.clock.advance(minutes(31));
            bot.settle().await;
            assert!(bot.backend.holders("orders_admin").is_empty());
            assert!(
                bot.told("alice").contains("time was up"),
                "{}",
                bot.told("alice")
            );
        })
        .await;
    }
}

#[tokio::test]
async fn a_deleted_card_is_posted_anew_and_the_thread_goes_on_under_it() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        let first = bot.card(&request);
        bot.deletes(&first).await;
        bot.is_climbed().await;
        let second = bot.card(&request);
        assert_ne!(first.ts, second.ts);
        assert!(
            bot.thread(&request).contains("No answer"),
            "{}",
            bot.thread(&request)
        );
        bot.approves("bob", &request).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        bot.deletes(&bot.card(&request)).await;
        bot.clock.advance(minutes(31));
        bot.settle().await;
        assert!(
            bot.thread(&request).contains("time was up"),
            "{}",
            bot.thread(&request)
        );
        let cards = bot.slack.messages(APPROVALS);
        let cards = cards
            .iter()
            .filter(|one| one.plain().contains(&request.short));
        assert_eq!(cards.count(), 1, "one card stands");
    })
    .await;
}

#[tokio::test]
async fn a_card_deleted_under_the_last_word_is_posted_anew() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        let card = bot.card(&request);
        bot.deletes(&card).await;
        bot.says("alice", &format!("/prod-access cancel {}", request.short))
            .await;
        bot.settle().await;
        assert!(bot.card(&request).plain().contains("Cancelled"));
        assert!(bot.card(&request).buttons().is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_asks_in_a_direct_message_or_a_private_channel_is_answered_there() {
    let mut workspace = workplace::workspace();
    workspace =
        workspace.channel(Channel::new("G0SECRET", "secret", &["U0ALICE", "U0RITA"]).private());
    let setting = Setting {
        workspace,
        ..Setting::default()
    };
    TestBot::in_setting(setting, async |bot| {
        let outcome = bot
            .slack
            .type_to_app("alice", "/prod-access db-admin 30m from a direct message")
            .await;
        assert!(outcome.is_ok(), "{outcome:?}");
        let outcome = bot
            .slack
            .type_command(
                "rita",
                "G0SECRET",
                "/prod-access db-admin 30m from a private channel",
            )
            .await;
        assert!(outcome.is_ok(), "{outcome:?}");
        bot.settle().await;
        let pending = bot.pending().await;
        assert_eq!(pending.len(), 2);
        for request in &pending {
            bot.approves("bob", request).await;
        }
        let mut holders = bot.backend.holders("orders_admin");
        holders.sort();
        assert_eq!(holders, ["alice", "rita"]);
        assert!(
            bot.slack
                .messages("G0SECRET")
                .iter()
                .all(|one| one.ephemeral_to.is_some()),
            "nothing is said to others there"
        );
    })
    .await;
}

#[tokio::test]
async fn who_is_renamed_stays_who_they_are() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.account_changes("bob", |bob| {
            bob.real_name = "Bob Berg-Blum – approved by security".into();
        })
        .await;
        bot.approves("bob", &request).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        let card = bot.card(&request).plain();
        assert!(
            card.contains("<@U0BOB>") && !card.contains("approved by security"),
            "{card}"
        );
        let account = hallpass::domain::SlackId::parse("U0BOB").unwrap();
        let pinned = bot.store.person_by_account(&account).await.unwrap();
        assert_eq!(pinned.unwrap().name, "Bob Berg-Blum – approved by security");
    })
    .await;
}

/// An interaction as Slack would send it.
async fn interacts(bot: &TestBot, payload: &Value) -> reqwest::StatusCode {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &payload.to_string());
    let answer = sends(bot, "/slack/interactions", FORM, form.finish()).await;
    bot.settle().await;
    answer.status()
}

fn pressed(action: &str, value: &str) -> Value {
    json!({
        "type": "block_actions",
        "user": { "id": "U0BOB" },
        "team": null,
        "enterprise": { "id": "E0ORG", "name": "Org" },
        "is_enterprise_install": true,
        "api_app_id": "A0APP",
        "trigger_id": "1.2.abc",
        "channel": null,
        "actions": [{ "type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": "1.2" }],
    })
}

#[tokio::test]
async fn presses_without_a_team_count_and_those_of_others_do_not() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        let id = bot.row(&request).await.id.to_string();
        let mut elsewhere = pressed("approve", &id);
        elsewhere["team"] = json!({ "id": "T0ELSEWHERE", "domain": "elsewhere" });
        assert_eq!(interacts(bot, &elsewhere).await, 200);
        assert!(
            bot.backend.calls().is_empty(),
            "another workspace has nothing to say here"
        );
        assert_eq!(interacts(bot, &pressed("approve", &id)).await, 200);
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}

#[tokio::test]
async fn what_nobody_knows_changes_nothing_and_breaks_nothing() {
    TestBot::run(async |bot| {
        let request = bot.asks("alice", "/prod-access db-admin 30m orders stuck").await;
        let id = bot.row(&request).await.id.to_string();
        let mut odd = vec![
            pressed("approve_v0", &id),
            pressed("approve", ""),
            pressed("approve", "01980000-0000-7000-8000-00000000dead"),
            pressed("schedule", &id),
            pressed("start_now", "no such draft"),
            json!({ "type": "block_actions", "user": null, "actions": [] }),
            json!({ "type": "view_closed", "user": { "id": "U0BOB" }, "team": null, "view": { "id": "V1" }, "is_cleared": true }),
            json!({ "type": "view_submission", "user": { "id": "U0BOB" }, "team": null, "view": { "id": "V1", "callback_id": "gone", "state": null } }),
            json!({ "type": "something_new", "user": 7 }),
        ];
        odd[0]["actions"][0]["type"] = json!("holo_button");
        for payload in &odd {
            assert_eq!(interacts(bot, payload).await, 200, "{payload}");
        }
        for event in [
            json!({ "type": "event_callback", "team_id": null, "event": { "type": "channel_archive", "channel": GENERAL } }),
            json!({ "type": "event_callback", "event": null }),
            json!({ "type": "event_callback", "team_id": "T0ACME", "event": { "type": "user_change", "user": {} } }),
        ] {
            let answer = sends(bot, "/slack/events", "application/json", event.to_string()).await;
            assert_eq!(answer.status(), 200, "{event}");
        }
        bot.settle().await;
        assert!(bot.backend.calls().is_empty());
        assert_eq!(bot.pending().await, [request]);
    })
    .await;
}
