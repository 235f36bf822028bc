//! A crowd that asks, approves and drops without pause, while misfortunes befall the bot; and what is judged in the end:
//! nothing is left over or taken early, one call per holding at a time, no end later than its misfortunes allow, and
//! every acknowledged request came to its end.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use slack_sandbox::Sandbox;

use super::Database;
use super::gate::Gate;
use super::judge;
use super::lateness::{Misfortune, Seen};
use super::patience::{approves, asks, end_is_told, eventually, untold};
use super::soak::{self, Dice};
use super::workplace::{APPROVALS, GENERAL, SECURITY};
use super::world::World;

/// How long an ask or an approval may remain without effect, and all of it without rest.
const PATIENCE: Duration = Duration::from_secs(90);
/// How many requests of one stream may wait to be told to be over. Slack takes one post a second in a channel: who asks
/// faster for minutes only makes the bot's messages late, by design.
const UNTOLD: usize = 6;
/// How often it is looked for that: each look goes through all that was ever said, on the thread of Slack and the target.
const LOOK: Duration = Duration::from_millis(500);
/// The longest access that the crowd asks for, in seconds.
const LONGEST: u64 = 3;

/// The stream of asks; it ends at `until`, and what was begun is finished.
pub(crate) struct Crowd<'a> {
    slack: &'a Sandbox,
    gate: &'a Gate,
    until: Instant,
    /// The letters with which an ask was answered.
    asked: RefCell<Vec<String>>,
}

impl<'a> Crowd<'a> {
    pub(crate) fn until(world: &'a World, until: Instant) -> Self {
        world.gate.takes(Duration::from_millis(15));
        Self {
            slack: &world.slack,
            gate: &world.gate,
            until,
            asked: RefCell::default(),
        }
    }

    /// Four streams; the dice of each fall by themselves.
    pub(crate) async fn works(&self, seed: u64) {
        tokio::join!(
            self.looks_at_logs("alice", Dice::new(seed + 1)),
            self.looks_at_logs("rita", Dice::new(seed + 2)),
            self.repairs_orders("alice", Dice::new(seed + 3)),
            self.repairs_orders("rita", Dice::new(seed + 4)),
        );
    }

    fn acknowledged(&self, short: &str, untold: &mut VecDeque<String>) {
        self.asked.borrow_mut().push(short.to_owned());
        untold.push_back(short.to_owned());
    }

    /// Until few enough of a stream's requests wait to be told to be over; they are told about in their order.
    async fn lets_the_bot_talk(&self, untold: &mut VecDeque<String>) {
        let began = Instant::now();
        loop {
            while untold
                .front()
                .is_some_and(|short| end_is_told(self.slack, short))
            {
                untold.pop_front();
            }
            if untold.len() < UNTOLD {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "not told to be over: {untold:?}"
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Asks for logs of a few nodes, granted at once, so that grants overlap on a holding.
    async fn looks_at_logs(&self, person: &'static str, mut dice: Dice) {
        let (mut number, mut untold) = (0, VecDeque::new());
        while Instant::now() < self.until {
            self.lets_the_bot_talk(&mut untold).await;
            number += 1;
            let (node, length) = (dice.roll(4), 1 + dice.roll(LONGEST));
            let text = format!("/prod-access logs node=web-{node} {length}s deploy {number}");
            let short = asks(self.slack, person, &text, PATIENCE).await;
            self.acknowledged(&short, &mut untold);
            tokio::time::sleep(Duration::from_millis(100 + dice.roll(400))).await;
        }
    }

    /// Asks, is approved, and now and then drops it before its end.
    async fn repairs_orders(&self, person: &'static str, mut dice: Dice) {
        let (mut number, mut untold) = (0, VecDeque::new());
        while Instant::now() < self.until {
            self.lets_the_bot_talk(&mut untold).await;
            number += 1;
            let length = LONGEST - dice.roll(2);
            let text = format!("/prod-access db-admin {length}s orders stuck {number}");
            let short = asks(self.slack, person, &text, PATIENCE).await;
            self.acknowledged(&short, &mut untold);
            approves(self.slack, self.gate, "bob", &short, PATIENCE).await;
            if dice.roll(3) == 0 {
                let text = format!("/prod-access drop {short}");
                // Unanswered, it ends by itself.
                self.slack.type_command(person, GENERAL, &text).await;
            }
            let over = || {
                let held = self.gate.holders("orders_admin");
                (!held.contains(&person.to_owned())).then_some(())
            };
            eventually(|| format!("{short} ends"), PATIENCE, over).await;
        }
    }
}

/// Messages of the bot that say the same in the same place, once more than needed.
fn doubled(slack: &Sandbox) -> Vec<String> {
    let mut said: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    let mut all: Vec<_> = [APPROVALS, SECURITY]
        .iter()
        .flat_map(|channel| {
            let cards = slack.messages(channel).into_iter();
            cards.flat_map(|card| slack.thread(channel, &card.ts))
        })
        .collect();
    for person in ["alice", "rita", "bob"] {
        all.extend(slack.dms(person));
    }
    let named = |text: &str| text.contains("R-") || text.contains("G-");
    for message in all.into_iter().filter(|message| named(&message.plain())) {
        let place = message.thread_ts.clone().unwrap_or_default();
        let key = (message.channel.clone(), place, message.plain());
        *said.entry(key).or_default() += 1;
    }
    let twice = said.into_iter().filter(|(_, times)| *times > 1);
    twice
        .map(|((channel, _, text), times)| format!("{times} times in {channel}: {text}"))
        .collect()
}

/// Until every acknowledged request was told to be over, and nobody holds anything.
async fn rests(world: &World, asked: &[String]) {
    let began = Instant::now();
    loop {
        let waiting = untold(&world.slack, asked);
        let spans = judge::spans(&world.gate);
        let held = spans.iter().filter(|span| span.ended.is_none()).count();
        if waiting.is_empty() && held == 0 {
            return;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {waiting:?} not told to be over, {held} held"
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until all has come to rest, and judges; `layer` and `who` stand in the report.
pub(crate) async fn judged(
    world: &World,
    crowd: Crowd<'_>,
    (misfortunes, database): (&[Misfortune], Database),
    (layer, who): (&str, &str),
) {
    let asked = crowd.asked.into_inner();
    rests(world, &asked).await;
    let seen = Seen {
        spans: judge::spans(&world.gate),
        misfortunes: misfortunes.to_vec(),
        database,
        longest: Duration::from_secs(LONGEST),
    };
    let (worst, mut wrong) = seen.lateness();
    let doubled = doubled(&world.slack);
    let calls = world.gate.calls();
    let stale = calls.iter().filter(|call| call.status == 409).count();
    let left = seen.spans.iter().filter(|span| span.ended.is_none());
    soak::figure(
        layer,
        &format!(
            "{who}: {}, {} requests acknowledged, {} accesses, {} left over, worst end {:.2} s late, {stale} late calls \
             refused, {} notices doubled",
            befell(misfortunes),
            asked.len(),
            seen.spans.len(),
            left.count(),
            worst.as_secs_f32(),
            doubled.len(),
        ),
    );
    if world.gate.most_at_once() > 1 {
        wrong.push("two calls of one holding at a time".into());
    }
    // Whoever dies between Slack's answer and its record says it again; Slack knows no idempotent post. The worker posts
    // up to four messages at a time.
    if doubled.len() > 4 * misfortunes.len() {
        wrong.push(format!("doubled: {doubled:#?}"));
    }
    assert!(wrong.is_empty(), "{who}: {}", wrong.join("\n"));
    assert!(!misfortunes.is_empty() && !asked.is_empty() && seen.spans.len() > 3);
}

/// `4 × kill, 1 × pause`
fn befell(misfortunes: &[Misfortune]) -> String {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for one in misfortunes {
        *counted.entry(one.what).or_default() += 1;
    }
    let counted = counted
        .iter()
        .map(|(what, times)| format!("{times} × {what}"));
    counted.collect::<Vec<_>>().join(", ")
}
