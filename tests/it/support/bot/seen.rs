//! What is to be seen while a story is told: cards, threads, what people were told, and what stands on record. What befalls
//! accounts stands here, too: it is seen by what the bot makes of it.

use std::collections::BTreeSet;

use hallpass::domain::Request as Row;
use hallpass::store::RequestFilter;
use slack_sandbox::{Message, Person, RequestUrls, Sandbox};

use super::{Request, TestBot};
use crate::support::workplace::APPROVALS;

/// What is to be seen.
impl TestBot {
    /// The request's card in the approvals channel.
    pub(crate) fn card(&self, request: &Request) -> Message {
        self.card_in(APPROVALS, request)
    }

    pub(crate) fn card_in(&self, channel: &str, request: &Request) -> Message {
        let messages = self.slack.messages(channel);
        let found = messages
            .iter()
            .find(|message| message.plain().contains(&request.short));
        found
            .unwrap_or_else(|| panic!("{} has no card in {channel}: {messages:#?}", request.short))
            .clone()
    }

    /// The card and what was said under it.
    pub(crate) fn thread(&self, request: &Request) -> String {
        let card = self.card(request);
        let lines: Vec<String> = self
            .slack
            .thread(APPROVALS, &card.ts)
            .iter()
            .map(Message::plain)
            .collect();
        lines.join("\n\n")
    }

    /// Everything that was said to a person alone, direct or ephemeral.
    pub(crate) fn told(&self, person: &str) -> String {
        let mut messages = self.slack.dms(person);
        messages.extend(self.slack.ephemerals(person));
        let lines: Vec<String> = messages.iter().map(Message::plain).collect();
        lines.join("\n\n")
    }

    /// Everything that was said in a channel, with its threads.
    pub(crate) fn said_in(&self, channel: &str) -> String {
        let messages = self.slack.messages(channel);
        let lines: Vec<String> = messages
            .iter()
            .flat_map(|message| self.slack.thread(channel, &message.ts))
            .map(|message| message.plain())
            .collect();
        lines.join("\n\n")
    }

    /// The request as the store has it.
    pub(crate) async fn row(&self, request: &Request) -> Row {
        let row = self
            .store
            .request_by_short(&request.letters())
            .await
            .unwrap();
        row.unwrap_or_else(|| panic!("{} is on record", request.short))
    }

    /// Every request that waits to be decided.
    pub(crate) async fn pending(&self) -> Vec<Request> {
        let rows = self
            .store
            .requests(RequestFilter::Pending, 100)
            .await
            .unwrap();
        let named = |row: &Row| Request {
            short: row.short.of_request(),
        };
        rows.iter().map(named).collect()
    }

    /// The grants, by their letters, for which the target was told to give this permission.
    pub(crate) fn granted(&self, permission: &str) -> BTreeSet<String> {
        let given = self.backend.done("grant").into_iter();
        given
            .filter(|call| call.permission == permission)
            .map(|call| call.grant)
            .collect()
    }

    /// Somebody's account is deactivated, and the event is lost on its way.
    pub(crate) async fn leaves_unheard(&self, person: &str) {
        let nowhere = RequestUrls {
            events: None,
            ..RequestUrls::under(&self.base)
        };
        self.slack.set_request_urls(nowhere);
        self.slack
            .set_person(person, |person| person.deleted = true);
        self.settle().await;
    }

    /// An administrator changes somebody's account, and Slack tells the bot.
    pub(crate) async fn account_changes(&self, person: &str, change: impl FnOnce(&mut Person)) {
        let told = |slack: &Sandbox| {
            let events = slack.deliveries();
            events
                .iter()
                .filter(|event| event.body.contains("user_change") && event.status == 200)
                .count()
        };
        let before = told(&self.slack);
        self.slack.set_person(person, change);
        let heard = self
            .slack
            .until("the event", |slack| (told(slack) > before).then_some(()));
        heard.await.unwrap();
        self.settle().await;
    }

    /// The kinds of the events of a request, in order.
    pub(crate) async fn record(&self, request: &Request) -> Vec<&'static str> {
        let row = self.row(request).await;
        let events = self.store.events_of(&row.id).await.unwrap();
        events
            .iter()
            .map(|stored| stored.event.kind.as_str())
            .collect()
    }
}
