//! People and onlookers who don't give up: what they do is done again until it is answered, what they wait for is looked
//! for with a limit. For worlds in which the bot dies, hangs and comes back at any moment.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use regex::Regex;
use slack_sandbox::{Message, Sandbox};

use super::gate::Gate;
use super::workplace::{APPROVALS, GENERAL};

/// How often somebody looks again, or asks again.
pub(crate) const AGAIN: Duration = Duration::from_millis(50);

/// Looks until there is something; panics with `what` after `limit`.
pub(crate) async fn eventually<T>(
    what: impl Fn() -> String,
    limit: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < limit, "not within {limit:?}: {}", what());
        tokio::time::sleep(AGAIN).await;
    }
}

/// Those of the first request that a text names.
pub(crate) fn letters(text: &str) -> Option<String> {
    let letters = Regex::new("[RG]-[0-9A-Z]{4,12}").unwrap();
    let found = letters.find(text)?;
    Some(found.as_str().replace("G-", "R-"))
}

/// Types a command until it is answered with the letters of a request: that answer is the acknowledgement (I12).
pub(crate) async fn asks(slack: &Sandbox, person: &str, text: &str, limit: Duration) -> String {
    let began = Instant::now();
    loop {
        let outcome = slack.type_command(person, GENERAL, text).await;
        if let Some(short) = letters(&outcome.text().unwrap_or_default()) {
            return short;
        }
        assert!(
            began.elapsed() < limit,
            "{person}: {text}: never acknowledged, at last: {outcome:?}"
        );
        tokio::time::sleep(AGAIN).await;
    }
}

/// The request's card, where it can be approved.
pub(crate) fn open_card(slack: &Sandbox, short: &str) -> Option<(Message, String)> {
    slack.messages(APPROVALS).into_iter().find_map(|message| {
        if !message.plain().contains(short) {
            return None;
        }
        let label = message
            .buttons()
            .into_iter()
            .find(|label| label.starts_with("Approve"))?
            .to_owned();
        Some((message, label))
    })
}

/// Presses Approve, again where it wasn't answered or nothing came of it, until the target was told to give it.
pub(crate) async fn approves(
    slack: &Sandbox,
    gate: &Gate,
    person: &str,
    short: &str,
    limit: Duration,
) {
    let began = Instant::now();
    let grant = short.replace("R-", "G-");
    // Where it joins what another grant opened, the target is told of that one only.
    let given = || {
        let named = gate.done("grant").iter().any(|call| call.grant == grant);
        named || end_is_told(slack, short)
    };
    while !given() {
        assert!(
            began.elapsed() < limit,
            "{short} was approved, and not given within {limit:?}: {:#?}",
            shown(slack)
        );
        if let Some((card, label)) = open_card(slack, short) {
            // Unanswered, it is pressed again.
            slack.press_label(person, &card, &label).await;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// The approvals channel, for a sentence on what was seen instead.
pub(crate) fn shown(slack: &Sandbox) -> Vec<String> {
    let cards = slack.messages(APPROVALS).into_iter();
    cards.map(|message| message.plain()).collect()
}

/// Of these requests, those whose threads don't tell yet that their access is over. One look for all of them: whoever
/// looks does so beside Slack and the target, on their thread.
pub(crate) fn untold<'a>(slack: &Sandbox, requests: &'a [String]) -> Vec<&'a str> {
    let letters = Regex::new("R-[0-9A-Z]{4,12}").unwrap();
    let mut cards: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for card in slack.messages(APPROVALS) {
        let text = card.plain();
        for named in letters.find_iter(&text) {
            let of = cards.entry(named.as_str().to_owned()).or_default();
            of.push(card.ts.clone());
        }
    }
    let ended = |ts: &String| {
        let thread = slack.thread(APPROVALS, ts);
        thread.iter().any(tells_an_end)
    };
    let told = |short: &str| {
        cards
            .get(short)
            .is_some_and(|cards| cards.iter().any(ended))
    };
    let all = requests.iter().map(String::as_str);
    all.filter(|short| !told(short)).collect()
}

fn tells_an_end(message: &Message) -> bool {
    message.plain().contains(") *ended*")
}

/// Whether the thread under the request's card tells that its access is over.
pub(crate) fn end_is_told(slack: &Sandbox, short: &str) -> bool {
    let cards = slack.messages(APPROVALS).into_iter();
    cards
        .filter(|message| message.plain().contains(short))
        .any(|card| {
            let thread = slack.thread(APPROVALS, &card.ts);
            thread.iter().any(tells_an_end)
        })
}
