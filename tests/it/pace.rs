//! Slack's pace: in a channel that takes one post a second, two hundred requests have their cards in time, people are
//! answered at once, decisions come before decoration, and other channels notice nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use hallpass::domain::{Lane, Time};
use slack_sandbox::{Fault, FaultKind, Person};

use crate::support::bot::Setting;
use crate::support::soak::figure;
use crate::support::workplace::{self, APPROVALS, GENERAL, SECURITY};
use crate::support::{Database, Request, TestBot, minutes, seconds};

const REQUESTS: usize = 200;
/// Nobody may have more than twenty requests waiting.
const PEOPLE: usize = 20;
/// All are asked within a minute.
const ASKED_A_SECOND: usize = 4;

fn crowded(database: Database) -> Setting {
    let mut workspace = workplace::workspace();
    let ids: Vec<String> = (0..PEOPLE)
        .map(|number| format!("U0CROWD{number}"))
        .collect();
    for (number, id) in ids.iter().enumerate() {
        let name = format!("crowd{number}");
        let email = format!("{name}@example.com");
        workspace.people.push(Person::new(id, &name, &name, &email));
    }
    let general = workspace.channels.iter_mut().find(|one| one.id == GENERAL);
    general.unwrap().members.extend(ids.iter().cloned());
    let listed = ids.iter().map(|id| format!("\"{id}\", "));
    let listed: String = listed.collect();
    Setting {
        database,
        workspace,
        standing: true,
        edit: Box::new(move |text| text.replace("everyone = [", &format!("everyone = [{listed}"))),
        ..Setting::default()
    }
}

fn cards(bot: &TestBot) -> usize {
    bot.slack.messages(APPROVALS).len()
}

/// When the worker has something to say next.
async fn next(bot: &TestBot) -> Option<Time> {
    let lanes = bot.store.lanes().await.unwrap();
    let slack = lanes.into_iter().filter(|(lane, _)| *lane == Lane::Slack);
    slack.map(|(_, due)| due).min()
}

/// Moves time on to each moment when something is due, and carries it out, for so long.
async fn later(bot: &TestBot, by: TimeDelta) {
    let until = bot.clock.now() + by;
    while let Some(due) = next(bot).await.filter(|due| *due <= until) {
        bot.clock.advance(due - bot.clock.now());
        bot.settle().await;
    }
    bot.clock.advance(until - bot.clock.now());
    bot.settle().await;
}

/// Answers how long the slowest answer took.
async fn all_ask(bot: &TestBot) -> Duration {
    let mut slowest = Duration::ZERO;
    for number in 0..REQUESTS {
        let person = format!("crowd{}", number % PEOPLE);
        let text = format!("/prod-access db-admin 30m orders stuck {number}");
        let outcome = bot.types(&person, &text).await;
        assert!(outcome.shown.is_some(), "{outcome:?}");
        slowest = slowest.max(outcome.took);
        if number % ASKED_A_SECOND == ASKED_A_SECOND - 1 {
            later(bot, seconds(1)).await;
        }
    }
    slowest
}

/// How often each method was called too fast.
fn refused(bot: &TestBot) -> BTreeMap<String, usize> {
    let mut refused = BTreeMap::new();
    for call in bot
        .slack
        .calls()
        .into_iter()
        .filter(|call| call.status == 429)
    {
        *refused.entry(call.method).or_default() += 1;
    }
    refused
}

fn request_on(card: &slack_sandbox::Message) -> Request {
    let letters = regex::Regex::new(r"R-[0-9A-Z]{4,12}").unwrap();
    let plain = card.plain();
    let short = letters.find(&plain).unwrap().as_str().to_owned();
    Request { short }
}

async fn two_hundred(bot: &TestBot) {
    bot.slack.set_limit_posting(true);
    let began = bot.clock.now();
    let slowest = all_ask(bot).await;
    assert!(bot.clock.now() - began <= seconds(60));
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let (early, waiting) = (cards(bot), REQUESTS - cards(bot));
    assert!(waiting > 100, "{early} cards are there already");

    // One is decided meanwhile: who presses is answered, and its card says so, at once; what is said under it waits.
    let card = bot.slack.messages(APPROVALS).remove(0);
    let decided = request_on(&card);
    let pressed = bot.presses_on("bob", &card, "Approve").await;
    assert!(pressed.took < Duration::from_secs(2), "{pressed:?}");
    bot.settle().await;
    assert!(bot.card(&decided).buttons().is_empty());
    let notes = |bot: &TestBot| bot.slack.thread(APPROVALS, &card.ts).split_off(1);
    assert!(notes(bot).is_empty());
    // Another channel notices nothing.
    let glass = "/prod-access break-glass db-admin for @alice 10m INC-1 fire";
    bot.types("carol", glass).await;
    bot.settle().await;
    assert!(bot.said_in(SECURITY).contains("INC-1"));

    while cards(bot) < REQUESTS + 1 {
        let said = notes(bot);
        let so_far = cards(bot);
        assert!(
            said.is_empty(),
            "decoration went before a card, after {so_far} of them: {said:#?}"
        );
        later(bot, seconds(1)).await;
        let took = (bot.clock.now() - began).num_seconds();
        assert!(took < 400, "{} cards after so long", cards(bot));
    }
    let took = (bot.clock.now() - began).num_milliseconds();
    later(bot, seconds(10)).await;
    assert!(!notes(bot).is_empty(), "what waited is said");

    let refused = refused(bot);
    let line = format!(
        "{REQUESTS} cards and one more in {took} ms of moved time, refused {refused:?}, slowest answer {slowest:?}"
    );
    figure("pace", &line);
    assert!(took <= 220_000, "{took} ms");
    // What is under way when the first is refused: the worker has four places for Slack.
    assert!(refused.values().all(|times| *times <= 4), "{refused:?}");
}

#[tokio::test]
async fn two_hundred_requests_in_a_minute_have_their_cards_in_time() {
    TestBot::in_setting(crowded(Database::Sqlite), two_hundred).await;
}

#[tokio::test]
async fn two_hundred_requests_in_a_minute_have_their_cards_in_time_on_postgres() {
    TestBot::in_setting(crowded(Database::Postgres), two_hundred).await;
}

/// Everything that was asked is decided within a minute: every card says so as fast as Slack lets cards be edited, who
/// presses is answered at once, and a card that is asked about meanwhile doesn't wait behind them.
async fn all_are_decided(bot: &TestBot) {
    const DECIDED: usize = 80;
    for number in 0..DECIDED {
        let person = format!("crowd{}", number % PEOPLE);
        let text = format!("/prod-access db-admin 30m orders stuck {number}");
        bot.types(&person, &text).await;
    }
    later(bot, minutes(5)).await;
    assert_eq!(cards(bot), DECIDED);
    bot.slack.set_limit_posting(true);
    let began = bot.clock.now();
    let mut slowest = Duration::ZERO;
    for card in bot.slack.messages(APPROVALS) {
        let pressed = bot.presses_on("bob", &card, "Approve").await;
        slowest = slowest.max(pressed.took);
        later(bot, TimeDelta::milliseconds(700)).await;
    }
    let open = |bot: &TestBot| {
        let cards = bot.slack.messages(APPROVALS).into_iter();
        cards.filter(|one| !one.buttons().is_empty()).count()
    };
    while open(bot) > 0 {
        later(bot, seconds(1)).await;
        let took = (bot.clock.now() - began).num_seconds();
        assert!(took < 400, "{} cards still ask after so long", open(bot));
    }
    let took = (bot.clock.now() - began).num_milliseconds();
    let refused = refused(bot);
    let line = format!(
        "{DECIDED} cards say that they are decided after {took} ms of moved time, refused {refused:?}, slowest answer {slowest:?}"
    );
    figure("pace", &line);
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    // Fifty edits a minute, of which the first may all go at once.
    assert!(took <= 140_000, "{took} ms");
    assert!(refused.values().all(|times| *times <= 4), "{refused:?}");
}

#[tokio::test]
async fn cards_that_are_decided_all_at_once_follow_at_the_pace_of_edits() {
    TestBot::in_setting(crowded(Database::Sqlite), all_are_decided).await;
}

/// What is put off isn't a failure: a real one that follows is tried again at once, not after minutes.
#[tokio::test]
async fn waiting_for_a_turn_counts_as_no_failure() {
    TestBot::run(async |bot| {
        let fast = Fault::new(FaultKind::RateLimited { retry_after: 20 });
        bot.slack.set_fault(fast.on("chat.postMessage").times(12));
        bot.says("alice", "/prod-access db-admin 30m stuck").await;
        bot.settle().await;
        assert_eq!(cards(bot), 0);
        for _ in 0..12 {
            bot.clock.advance(seconds(21));
            bot.settle().await;
        }
        assert_eq!(cards(bot), 1);
    })
    .await;
}

/// While a card waits for its turn its request changes; what is posted then is the present, once.
#[tokio::test]
async fn a_card_that_waited_shows_what_is_true_when_it_is_posted() {
    TestBot::run(async |bot| {
        let fast = Fault::new(FaultKind::RateLimited { retry_after: 60 });
        bot.slack.set_fault(fast.on("chat.postMessage").times(1));
        let said = bot.says("alice", "/prod-access db-admin 30m stuck").await;
        bot.settle().await;
        let letters = regex::Regex::new(r"R-[0-9A-Z]{4,12}").unwrap();
        let short = letters.find(&said).unwrap().as_str().to_owned();
        bot.says("alice", &format!("/prod-access cancel {short}"))
            .await;
        bot.settle().await;
        bot.clock.advance(seconds(61));
        bot.settle().await;
        bot.clock.advance(seconds(5));
        bot.settle().await;
        let messages = bot.slack.messages(APPROVALS);
        assert_eq!(messages.len(), 1, "{messages:#?}");
        assert!(messages[0].buttons().is_empty());
        assert!(bot.slack.calls_of("chat.update").is_empty());
    })
    .await;
}
