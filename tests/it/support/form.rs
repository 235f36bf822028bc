//! The request form in a person's hands: what stands in it, and what they fill in and send.

use hallpass::domain::Time;
use serde_json::{Value, json};
use slack_sandbox::{Outcome, Sandbox, View};

use super::TestBot;

/// The block of a view that begins so.
pub(crate) fn block<'a>(view: &'a View, id: &str) -> &'a Value {
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
    let keys = [
        "selected_option",
        "selected_date_time",
        "selected_user",
        "value",
    ];
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

/// What somebody fills in. What is left out stays as it stands in the form.
pub(crate) struct Filled<'a> {
    bot: &'a TestBot,
    person: &'a str,
    /// Block, as [`block`] finds it, action and value.
    values: Vec<(&'a str, &'a str, Value)>,
}

impl<'a> Filled<'a> {
    pub(crate) fn reason(self, text: &str) -> Self {
        self.with("reason", "reason", json!(text))
    }

    /// A duration in words.
    pub(crate) fn words(self, text: &str) -> Self {
        self.with("words", "words", json!(text))
    }

    /// One of the durations that the form suggests.
    pub(crate) fn duration(self, suggested: &str) -> Self {
        self.with("duration:", "chosen", json!(suggested))
    }

    pub(crate) fn node(self, value: &str) -> Self {
        self.with("parameter:node", "value", json!(value))
    }

    pub(crate) fn start(self, at: Time) -> Self {
        self.with("start", "start", json!(at.timestamp()))
    }

    pub(crate) fn incident(self, name: &'a str) -> Self {
        self.with("incident", "incident", json!(name))
    }

    fn with(mut self, block: &'a str, action: &'a str, value: Value) -> Self {
        self.values.push((block, action, value));
        self
    }

    /// Sends the form that is open, and lets everything due be carried out.
    pub(crate) async fn sends(self) -> Outcome {
        let form = self.bot.form_of(self.person).await;
        let values = self.values.into_iter().map(|(id, action, value)| {
            let id = block(&form, id)["block_id"].as_str().unwrap().to_owned();
            (id, json!({ action: value }))
        });
        let values: serde_json::Map<String, Value> = values.collect();
        let slack = &self.bot.slack;
        let outcome = slack
            .submit_view(self.person, &form.id, values.into())
            .await;
        self.bot.settle().await;
        outcome
    }

    pub(crate) async fn sends_well(self) {
        let sent = self.sends().await;
        assert!(sent.is_ok(), "{:?}", sent.error);
        assert!(sent.errors.is_empty(), "{:?}", sent.errors);
    }

    /// What is told at a field when it is sent.
    pub(crate) async fn told_at(self, field: &str) -> String {
        let sent = self.sends().await;
        let told = sent.errors.get(field);
        let told = told.unwrap_or_else(|| panic!("nothing at {field}: {sent:?}"));
        told.as_str().unwrap().to_owned()
    }
}

impl TestBot {
    /// The form that somebody has open, once it is more than a moment's wait.
    pub(crate) async fn form_of(&self, person: &str) -> View {
        let open = |slack: &Sandbox| {
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
        let followed = |slack: &Sandbox| {
            let top = slack.open_views(person).pop()?;
            (top.hash != form.hash).then_some(top)
        };
        self.slack
            .until("the form follows", followed)
            .await
            .unwrap()
    }

    /// Begins to fill in the form that this person has open.
    pub(crate) fn fills_in<'a>(&'a self, person: &'a str) -> Filled<'a> {
        Filled {
            bot: self,
            person,
            values: Vec::new(),
        }
    }
}
