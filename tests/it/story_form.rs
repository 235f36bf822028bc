//! The request form, by mouse: opened from everywhere, filled with what was understood, followed as the role changes,
//! corrected at its fields, sent once.

use hallpass::domain::request::{Start, State};
use serde_json::{Value, json};
use slack_sandbox::{Outcome, View};

use crate::story_routes::{FORM, sends};
use crate::support::workplace::TOKEN;
use crate::support::{Request, TestBot, everywhere, minutes};

/// The block of a view that begins so.
fn block<'a>(view: &'a View, id: &str) -> &'a Value {
    let found = view.blocks().iter().find(|block| {
        let own = block["block_id"].as_str().unwrap_or_default();
        own == id || (id.ends_with(':') && own.starts_with(id))
    });
    found.unwrap_or_else(|| panic!("no {id} in {:#?}", view.blocks()))
}

pub(crate) fn has(view: &View, id: &str) -> bool {
    view.blocks().iter().any(|block| block["block_id"] == id)
}

/// What stands in a field.
pub(crate) fn typed(view: &View, id: &str) -> Value {
    let block = block(view, id);
    let own = block["block_id"].as_str().unwrap();
    let action = block["element"]["action_id"].as_str().unwrap();
    let value = &view.state[own][action];
    let keys = ["selected_option", "selected_date_time", "value"];
    let found = keys
        .iter()
        .find_map(|key| value.get(*key))
        .unwrap_or(&Value::Null);
    found.get("value").unwrap_or(found).clone()
}

/// The names of the roles, in the order of the select, by group.
pub(crate) fn offered(view: &View) -> Vec<(String, Vec<String>)> {
    let element = &block(view, "role")["element"];
    let names = |options: &Value| -> Vec<String> {
        let options = options.as_array().unwrap().iter();
        options
            .map(|one| one["value"].as_str().unwrap().to_owned())
            .collect()
    };
    match element["option_groups"].as_array() {
        Some(groups) => groups
            .iter()
            .map(|group| {
                let label = group["label"]["text"].as_str().unwrap().to_owned();
                (label, names(&group["options"]))
            })
            .collect(),
        None => vec![(String::new(), names(&element["options"]))],
    }
}

impl TestBot {
    /// The form that somebody has open, once it is more than a moment's wait.
    pub(crate) async fn form_of(&self, person: &str) -> View {
        let open = |slack: &slack_sandbox::Sandbox| {
            let top = slack.open_views(person).pop();
            top.filter(|view| has(view, "reason"))
        };
        self.slack.until("the form", open).await.unwrap()
    }

    pub(crate) async fn opens_form(&self, person: &str, text: &str) -> View {
        for view in self.slack.open_views(person) {
            self.slack.close_view(person, &view.id).await;
        }
        self.types(person, text).await;
        self.form_of(person).await
    }

    /// Chooses a role in the open form, and waits until the form has followed.
    pub(crate) async fn chooses_role(&self, person: &str, role: &str) -> View {
        let form = self.form_of(person).await;
        let outcome = self
            .slack
            .act_in_view(person, &form.id, "role", json!(role))
            .await;
        assert!(outcome.is_ok(), "{:?}", outcome.error);
        self.followed(person, &form).await
    }

    /// Types what they look for among the roles, and Enter.
    pub(crate) async fn looks_for(&self, person: &str, word: &str) -> View {
        let form = self.form_of(person).await;
        let typed = json!(word);
        let outcome = self
            .slack
            .act_in_view(person, &form.id, "find", typed)
            .await;
        assert!(outcome.is_ok(), "{:?}", outcome.error);
        self.followed(person, &form).await
    }

    async fn followed(&self, person: &str, form: &View) -> View {
        let followed = |slack: &slack_sandbox::Sandbox| {
            let top = slack.open_views(person).pop()?;
            (top.hash != form.hash).then_some(top)
        };
        self.slack
            .until("the form follows", followed)
            .await
            .unwrap()
    }

    pub(crate) async fn submits(&self, person: &str, values: Value) -> Outcome {
        let form = self.form_of(person).await;
        let outcome = self.slack.submit_view(person, &form.id, values).await;
        self.settle().await;
        outcome
    }

    fn shown_to(&self, person: &str) -> View {
        self.modal(person).expect("a modal is open")
    }

    /// Calls Slack as the app itself.
    pub(crate) async fn api(&self, method: &str, body: &Value) -> Value {
        let url = format!("{}/{method}", self.slack.api_url());
        let call = reqwest::Client::new()
            .post(url)
            .bearer_auth(TOKEN)
            .json(body);
        call.send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn only_pending(&self) -> Request {
        let pending = self.pending().await;
        assert_eq!(pending.len(), 1, "{pending:?}");
        pending[0].clone()
    }
}

#[tokio::test]
async fn a_form_is_opened_filled_and_sent() {
    everywhere(async |bot| {
        let form = bot.opens_form("alice", "/prod-access").await;
        let roles = offered(&form);
        assert_eq!(roles.len(), 1, "all are Alice's to ask for: {roles:?}");
        assert!(!has(&form, "parameter:node"));

        let form = bot.chooses_role("alice", "db-admin").await;
        let about = form.plain();
        assert!(about.contains("Read and write orders"), "{about}");
        assert!(about.contains("orders_admin"), "{about}");
        assert!(about.contains("At most 4 h"), "{about}");
        assert_eq!(
            typed(&form, "duration:"),
            "1h",
            "the role's default is chosen"
        );

        let suggested = block(&form, "duration:")["block_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let sent = bot
            .submits(
                "alice",
                json!({
                    suggested: { "chosen": "30m" },
                    "reason": { "reason": "INC-4711 orders\nare stuck" },
                }),
            )
            .await;
        assert!(sent.is_ok(), "{:?} {:?}", sent.error, sent.errors);
        let told = bot.shown_to("alice");
        assert_eq!(told.title(), "Asked");
        assert!(told.plain().contains("db-admin"), "{}", told.plain());

        let request = bot.only_pending().await;
        let row = bot.row(&request).await;
        assert_eq!(row.duration.as_secs(), 1_800);
        assert_eq!(row.reason, "INC-4711 orders are stuck");
        assert_eq!(row.start, Start::Now);
        bot.approves("bob", &request).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}

#[tokio::test]
async fn what_may_be_asked_for_stands_first() {
    TestBot::run(async |bot| {
        let form = bot.opens_form("dana", "/prod-access").await;
        let groups = offered(&form);
        assert_eq!(groups.len(), 1, "{groups:?}");
        assert_eq!(groups[0].0, "Not yours to ask for");
        // Dana asks for nothing here, and sees all of it.
        let form = bot.chooses_role("dana", "db-admin").await;
        assert!(
            form.plain().contains("You can't ask for db-admin"),
            "{}",
            form.plain()
        );
        let sent = bot
            .submits("dana", json!({ "reason": { "reason": "look at it" } }))
            .await;
        assert!(sent.errors.contains_key("role"), "{:?}", sent.errors);
        assert!(form.plain().contains("Read and write orders"));
        assert!(bot.pending().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn another_role_brings_its_fields_and_what_was_typed_stays() {
    TestBot::run(async |bot| {
        let form = bot.opens_form("alice", "/prod-access request").await;
        let view = form.id.clone();
        bot.chooses_role("alice", "db-admin").await;
        // What Alice types meanwhile is the client's; a refused sending leaves it in the fields.
        let sent = bot
            .submits(
                "alice",
                json!({
                    "words": { "words": "9 weeks" },
                    "reason": { "reason": "a disk is full" },
                }),
            )
            .await;
        assert_eq!(
            sent.errors["words"], "db-admin allows 4 h at most; you wrote 63 d.",
            "{:?}",
            sent.errors
        );
        let form = bot.chooses_role("alice", "logs").await;
        assert_eq!(form.id, view, "it is the same modal");
        assert_eq!(typed(&form, "reason"), "a disk is full");
        assert_eq!(typed(&form, "words"), "9 weeks");
        assert!(block(&form, "parameter:node")["optional"] == false);
        let sent = bot
            .submits(
                "alice",
                json!({
                    "parameter:node": { "value": "db-1" },
                    "words": { "words": "20 minutes" },
                }),
            )
            .await;
        let told = sent.errors["parameter:node"].as_str().unwrap();
        assert!(told.starts_with("node can't be “db-1”"), "{told}");

        let sent = bot
            .submits("alice", json!({ "parameter:node": { "value": "web-3" } }))
            .await;
        assert!(sent.is_ok() && sent.errors.is_empty(), "{:?}", sent.errors);
        assert_eq!(bot.granted("logs/web-3").len(), 1, "it needs no approval");
    })
    .await;
}

#[tokio::test]
async fn a_choice_that_the_other_role_does_not_offer_does_not_stay() {
    TestBot::run(async |bot| {
        bot.opens_form("alice", "/prod-access").await;
        let form = bot.chooses_role("alice", "db-admin").await;
        let suggested = block(&form, "duration:")["block_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let refused = bot
            .submits(
                "alice",
                json!({ suggested: { "chosen": "4h" }, "reason": { "reason": "\u{a0} \u{200b}" } }),
            )
            .await;
        assert_eq!(refused.errors["reason"], "Say why you need it.");
        let form = bot.chooses_role("alice", "db-owner").await;
        assert_eq!(typed(&form, "duration:"), "4h", "db-owner offers it, too");
        let form = bot.chooses_role("alice", "logs").await;
        assert_eq!(typed(&form, "duration:"), "30m", "logs allows two hours");
    })
    .await;
}

#[tokio::test]
async fn missing_parts_open_the_form_filled_with_what_was_understood() {
    everywhere(async |bot| {
        let form = bot.opens_form("alice", "/prod-access logs 45m").await;
        assert_eq!(typed(&form, "role"), "logs");
        assert_eq!(typed(&form, "words"), "45m");
        assert!(has(&form, "parameter:node"));
        assert!(
            bot.slack.ephemerals("alice").is_empty(),
            "the form is the answer"
        );

        let form = bot.opens_form("alice", "/prod-access db-admin 2h").await;
        assert_eq!(
            typed(&form, "duration:"),
            "2h",
            "a suggestion says the same"
        );
        assert_eq!(typed(&form, "words"), Value::Null);

        bot.opens_form("alice", "/prod-access logs node=web-7 10m")
            .await;
        let sent = bot
            .submits("alice", json!({ "reason": { "reason": "read one log" } }))
            .await;
        assert!(sent.is_ok() && sent.errors.is_empty(), "{:?}", sent.errors);
        assert_eq!(bot.granted("logs/web-7").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_told_and_put_right_in_the_form() {
    everywhere(async |bot| {
        let answer = bot
            .types("alice", "/prod-access logs node=db-1 9h reading")
            .await
            .shown
            .expect("one ephemeral answer");
        let told = answer.plain();
        assert!(told.contains("node can't be “db-1”"), "{told}");
        assert!(told.contains("logs allows 2 h at most"), "{told}");
        bot.presses_on("alice", &answer, "Fix in form").await;
        let form = bot.form_of("alice").await;
        assert!(
            form.plain().contains("logs allows 2 h at most"),
            "{}",
            form.plain()
        );
        assert_eq!(typed(&form, "parameter:node"), "db-1");
        assert_eq!(typed(&form, "words"), "9h");
        assert_eq!(typed(&form, "reason"), "reading");
        let sent = bot
            .submits(
                "alice",
                json!({
                    "parameter:node": { "value": "web-1" },
                    "words": { "words": "1h" },
                }),
            )
            .await;
        assert!(sent.is_ok() && sent.errors.is_empty(), "{:?}", sent.errors);
        assert_eq!(bot.granted("logs/web-1").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_mistyped_role_is_corrected_and_said_so() {
    TestBot::run(async |bot| {
        let answer = bot
            .types("alice", "/prod-access db-admn 30m stuck")
            .await
            .shown
            .unwrap();
        bot.presses_on("alice", &answer, "Fix in form").await;
        let form = bot.form_of("alice").await;
        assert_eq!(typed(&form, "role"), "db-admin");
        assert!(
            form.plain().contains("There is no role “db-admn”"),
            "{}",
            form.plain()
        );
        assert!(
            form.plain().contains("the nearest is db-admin"),
            "{}",
            form.plain()
        );
    })
    .await;
}

#[tokio::test]
async fn what_was_typed_is_its_typers_and_not_kept_for_ever() {
    everywhere(async |bot| {
        let typed_by_alice = bot.types("alice", "/prod-access db-admin 9h stuck").await;
        let answer = typed_by_alice.shown.unwrap();
        bot.clock.advance(minutes(25 * 60));
        bot.presses_on("alice", &answer, "Fix in form").await;
        let form = bot.form_of("alice").await;
        assert!(
            form.plain().contains("isn't kept any more"),
            "{}",
            form.plain()
        );
        assert_eq!(typed(&form, "reason"), Value::Null);
    })
    .await;
}

#[tokio::test]
async fn a_change_takes_the_place_of_the_first_request() {
    everywhere(async |bot| {
        let first = bot
            .asks("alice", "/prod-access db-admin 30m INC-1 stuck")
            .await;
        let answer = bot.slack.ephemerals("alice").pop().unwrap();
        bot.presses_on("alice", &answer, "Change").await;
        let form = bot.form_of("alice").await;
        assert_eq!(typed(&form, "role"), "db-admin");
        assert_eq!(typed(&form, "reason"), "INC-1 stuck");
        assert!(form.plain().contains(&first.short), "{}", form.plain());
        let suggested = block(&form, "duration:")["block_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let sent = bot
            .submits("alice", json!({ suggested: { "chosen": "2h" } }))
            .await;
        assert!(sent.is_ok() && sent.errors.is_empty(), "{:?}", sent.errors);
        let told = bot.shown_to("alice").plain();
        assert!(
            told.contains(&format!("`{}` is cancelled", first.short)),
            "{told}"
        );

        assert!(matches!(
            bot.row(&first).await.state,
            State::Cancelled { .. }
        ));
        assert!(bot.card(&first).buttons().is_empty());
        let second = bot.only_pending().await;
        assert_eq!(bot.row(&second).await.duration.as_secs(), 7_200);
    })
    .await;
}

#[tokio::test]
async fn what_is_decided_meanwhile_is_not_changed() {
    everywhere(async |bot| {
        let first = bot
            .asks("alice", "/prod-access db-admin 30m INC-1 stuck")
            .await;
        let answer = bot.slack.ephemerals("alice").pop().unwrap();
        bot.presses_on("alice", &answer, "Change").await;
        bot.form_of("alice").await;
        bot.approves("bob", &first).await;
        let sent = bot
            .submits("alice", json!({ "words": { "words": "2h" } }))
            .await;
        assert!(sent.is_ok(), "{:?}", sent.error);
        let told = bot.shown_to("alice").plain();
        assert!(told.contains("approved already"), "{told}");
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"], "it goes on");
        assert!(bot.pending().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn nobody_changes_what_another_asked() {
    TestBot::run(async |bot| {
        let first = bot
            .asks("alice", "/prod-access db-admin 30m INC-1 stuck")
            .await;
        let id = bot.row(&first).await.id;
        bot.opens_form("rita", "/prod-access db-admin").await;
        let form = bot.shown_to("rita");
        // As a forged client would: Slack signs what it sends, and what we left in the view could be another's.
        let mut forged = form.source.clone();
        forged["private_metadata"] = json!(id.as_str());
        let changed = bot
            .api(
                "views.update",
                &json!({ "view_id": form.id, "view": forged }),
            )
            .await;
        assert_eq!(changed["ok"], true, "{changed}");
        let sent = bot
            .submits("rita", json!({ "reason": { "reason": "mine now" } }))
            .await;
        assert!(sent.is_ok());
        let told = bot.shown_to("rita").plain();
        assert!(told.contains("Only whoever asked can change"), "{told}");
        assert_eq!(bot.only_pending().await, first);
    })
    .await;
}

#[tokio::test]
async fn sent_twice_is_one_request() {
    everywhere(async |bot| {
        let form = bot.opens_form("alice", "/prod-access db-admin 30m").await;
        let values = json!({ "reason": { "reason": "stuck" } });
        let (one, two) = tokio::join!(
            bot.slack.submit_view("alice", &form.id, values.clone()),
            bot.slack.submit_view("alice", &form.id, values),
        );
        assert!(one.is_ok() || two.is_ok());
        bot.settle().await;
        bot.only_pending().await;
        // The same payload again, a minute later: as Slack would that heard no answer.
        bot.clock.advance(minutes(2));
        let sent = bot.slack.deliveries();
        let payload = sent
            .iter()
            .rfind(|one| one.body.contains("view_submission"))
            .unwrap();
        let answer = sends(bot, "/slack/interactions", FORM, payload.body.clone()).await;
        assert_eq!(answer.status(), 200);
        bot.settle().await;
        bot.only_pending().await;
    })
    .await;
}

#[tokio::test]
async fn a_later_start_is_chosen_in_the_form() {
    everywhere(async |bot| {
        let now = bot.clock.now();
        bot.opens_form("alice", "/prod-access db-admin 30m").await;
        let past = (now - minutes(10)).timestamp();
        let sent = bot
            .submits(
                "alice",
                json!({ "start": { "start": past }, "reason": { "reason": "planned work" } }),
            )
            .await;
        let told = sent.errors["start"].as_str().unwrap();
        assert!(told.contains("past"), "{told}");
        let later = (now + minutes(180)).timestamp();
        let sent = bot
            .submits("alice", json!({ "start": { "start": later } }))
            .await;
        assert!(sent.is_ok() && sent.errors.is_empty(), "{:?}", sent.errors);
        let request = bot.only_pending().await;
        bot.approves("bob", &request).await;
        assert!(matches!(
            bot.row(&request).await.state,
            State::Scheduled { .. }
        ));
        assert!(bot.backend.done("grant").is_empty(), "it doesn't start yet");
        bot.clock.advance(minutes(181));
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}
