//! Every commit and every outbound call dies, fails, takes long or meets a bug that panics, right before and right after, at
//! each of its hits in the story ask → approve → active → time up → gone, and in that of broken glass. A supervisor starts the bot again where
//! it ended. Then the judge reads the target's log: given once, not cut short, gone in the end; and what was acknowledged
//! was carried out.
//!
//! Here one hit of each point with each action, and a few places of broken glass; all hits in `make soak`.

mod glass;
mod onlookers;
mod target;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use regex::Regex;
use slack_sandbox::RequestUrls;
use tokio::sync::watch;
use tokio::task::JoinError;

use crate::support::Database;
use crate::support::judge::{self, LEASE, Plan, lease_of};
use crate::support::patience::{approves, asks, end_is_told, eventually, shown};
use crate::support::soak;
use crate::support::world::World;

use onlookers::Onlookers;

const POINTS: [&str; 12] = [
    "store::commit::before",
    "store::commit::after",
    "backend::webhook::before",
    "backend::webhook::after",
    "slack::call::before",
    "slack::call::after",
    "audit::anchor::before",
    "audit::anchor::after",
    "audit::sink::before",
    "audit::sink::after",
    HEARTBEAT[0],
    HEARTBEAT[1],
];
/// Called some seconds after the start, when a story is over already.
const HEARTBEAT: [&str; 2] = ["heartbeat::call::before", "heartbeat::call::after"];
/// How long the access of the story lasts.
const LENGTH: Duration = Duration::from_secs(1);
/// How long each step of the story may take, however often the bot ends in it.
const STEP: Duration = Duration::from_secs(90);
/// Stories that are told at the same time.
const AT_ONCE: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Abort,
    Error,
    Delay,
    Panic,
}

const ACTIONS: [Action; 4] = [Action::Abort, Action::Error, Action::Delay, Action::Panic];

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    Approved,
    BrokenGlass,
}

/// What goes wrong in one story: the `nth` time that a point is passed.
#[derive(Debug, Clone, Copy)]
struct Case {
    story: Story,
    database: Database,
    point: &'static str,
    action: Action,
    nth: usize,
}

impl Case {
    /// Longer than a person waits for an answer; for outbound calls longer than their limit.
    fn delay(&self) -> Duration {
        match (self.action, self.point.starts_with("store")) {
            (Action::Delay, true) => Duration::from_secs(3),
            (Action::Delay, false) => Duration::from_secs(6),
            (Action::Abort | Action::Error | Action::Panic, _) => Duration::ZERO,
        }
    }

    /// How much later an end may be: a process that dies leaves claims that must run out, unless it was alone; one that
    /// lives and doesn't know what came of a commit waits for its own. Who panics may do either.
    fn adds(&self) -> Duration {
        match self.action {
            Action::Abort => lease_of(self.database),
            Action::Error | Action::Delay | Action::Panic => LEASE + self.delay(),
        }
    }

    /// For the variable `FAILPOINTS`.
    fn told(&self) -> String {
        let action = match self.action {
            Action::Abort => "abort".to_owned(),
            Action::Error => "error".to_owned(),
            Action::Panic => "panic".to_owned(),
            Action::Delay => self.delay().as_millis().to_string(),
        };
        let before = match self.nth {
            0 | 1 => String::new(),
            nth => format!("{}*off->", nth - 1),
        };
        format!("{}={before}1*return({action})", self.point)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            story, database, ..
        } = self;
        write!(out, "{story:?}, {database:?}, {}", self.told())
    }
}

/// What the supervisor saw.
#[derive(Default)]
struct Seen {
    logs: Vec<watch::Receiver<Vec<String>>>,
    /// How long nobody served, in all.
    away: Duration,
}

impl Seen {
    fn lines(&self, text: &str) -> Vec<String> {
        let logs = self.logs.iter();
        logs.flat_map(|log| log.borrow().clone())
            .filter(|line| line.contains(text))
            .collect()
    }
}

/// Starts the bot again whenever it ends, the first time with the fault.
async fn kept(world: &World, fault: Option<&Case>, seen: &Mutex<Seen>) -> Infallible {
    let mut fault = fault;
    let mut away: Option<Instant> = None;
    loop {
        let mut command = world.hallpass(&["serve"]);
        command.env("RUST_LOG", "info,hallpass::points=trace");
        if let Some(case) = fault.take() {
            command.env("FAILPOINTS", case.told());
        }
        let mut bot = World::watched(command);
        seen.lock().unwrap().logs.push(bot.log.clone());
        if let Some(address) = bot.says_or_ends(r"serving address=(\S+)").await {
            let urls = RequestUrls::under(&format!("http://{address}"));
            world.slack.set_request_urls(urls);
            if let Some(away) = away.take() {
                seen.lock().unwrap().away += away.elapsed();
            }
        }
        bot.ended().await;
        away.get_or_insert_with(Instant::now);
    }
}

/// What came of one story.
struct Told {
    fired: bool,
    hits: Hits,
    /// Those of them before anybody asked.
    before: Hits,
}

type Hits = BTreeMap<&'static str, usize>;

fn hits(seen: &Seen) -> Hits {
    let point = Regex::new(r#"point="?([a-z:]+)"#).unwrap();
    let mut hits = Hits::new();
    for line in &seen.lines("passed") {
        let name = &point.captures(line).unwrap()[1];
        let name = POINTS.iter().find(|point| **point == name).unwrap();
        *hits.entry(*name).or_default() += 1;
    }
    hits
}

fn fired(seen: &Seen) -> bool {
    !seen.lines("a fail point fired").is_empty()
}

async fn approved(world: &World) {
    let (slack, gate) = (&world.slack, &world.gate);
    let short = asks(
        slack,
        "alice",
        "/prod-access db-admin 1s orders stuck",
        STEP,
    )
    .await;
    approves(slack, gate, "bob", &short, STEP).await;
    let gone = || gate.holders("orders_admin").is_empty() && !gate.done("revoke").is_empty();
    let calls = || format!("gone: {:#?}", gate.calls());
    eventually(calls, STEP, || gone().then_some(())).await;
    let said = || format!("the end of {short} in {:#?}", shown(slack));
    eventually(said, STEP, || end_is_told(slack, &short).then_some(())).await;
}

/// One story from beginning to end; answers what was passed before it, and what by its end.
async fn tells(
    story: Story,
    case: Option<&Case>,
    world: &World,
    onlookers: &Onlookers,
    seen: &Mutex<Seen>,
) -> (Hits, Hits) {
    if case.is_some_and(|case| HEARTBEAT.contains(&case.point)) {
        let called = || fired(&seen.lock().unwrap()).then_some(());
        eventually(|| "the heartbeat".into(), STEP, called).await;
    }
    let serves = || (!seen.lock().unwrap().lines("serving").is_empty()).then_some(());
    eventually(|| "it serves".into(), STEP, serves).await;
    let before = hits(&seen.lock().unwrap());
    match story {
        Story::Approved => approved(world).await,
        Story::BrokenGlass => glass::story(world).await,
    }
    let kept = || onlookers.keep_the_same(world).then_some(());
    eventually(|| "anchor and bucket keep the same".into(), STEP, kept).await;
    let told = hits(&seen.lock().unwrap());
    if case.is_none() {
        let passed = || hits(&seen.lock().unwrap()).contains_key(HEARTBEAT[1]);
        let heard = || (onlookers.heard() > 0 && passed()).then_some(());
        eventually(|| "the heartbeat".into(), STEP, heard).await;
    }
    (before, told)
}

async fn told(story: Story, database: Database, case: Option<Case>) -> Told {
    let mut world = World::on(database).await;
    let onlookers = Onlookers::of(&mut world).await;
    let seen = Mutex::new(Seen::default());
    let (before, mut told) = tokio::select! {
        never = kept(&world, case.as_ref(), &seen) => match never {},
        passed = tells(story, case.as_ref(), &world, &onlookers, &seen) => passed,
    };
    let seen = seen.into_inner().unwrap();
    // The heartbeat comes after it.
    for (point, last) in hits(&seen) {
        told.entry(point).or_insert(last);
    }
    let plan = Plan {
        length: LENGTH,
        delayed: seen.away + case.map_or(Duration::ZERO, |case| case.adds()),
    };
    let judged = match story {
        Story::Approved => plan.judge(&judge::spans(&world.gate)),
        Story::BrokenGlass => glass::judged(&world, plan),
    };
    if let Err(wrong) = judged {
        let log = seen.lines("").join("\n");
        panic!("{wrong}\ncalls: {:#?}\n{log}", world.gate.calls());
    }
    assert!(world.gate.most_at_once() <= 1, "one call at a time");
    assert_eq!(world.gate.forged(), 0);
    Told {
        fired: fired(&seen),
        hits: told,
        before,
    }
}

/// Which hits of each point are tried: all of them in the long form, else one each, spread over the story.
fn cases(story: Story, database: Database, calm: &Told) -> Vec<Case> {
    let mut all = Vec::new();
    for (at, (point, hits)) in calm.hits.iter().enumerate() {
        for (action_at, action) in ACTIONS.into_iter().enumerate() {
            let one = 1 + (at * 5 + action_at * 7 + 2) % hits;
            let short = match story {
                Story::Approved => vec![one],
                Story::BrokenGlass => of_the_order(point, action, calm),
            };
            let tried = soak::long_or((1..=*hits).collect(), short);
            all.extend(tried.into_iter().map(|nth| Case {
                story,
                database,
                point,
                action,
                nth,
            }));
        }
    }
    all
}

/// The few places of broken glass in the short form: the commits that follow the order, and the first call of the target.
fn of_the_order(point: &str, action: Action, calm: &Told) -> Vec<usize> {
    let before = calm.before.get(point).copied().unwrap_or_default();
    match (point, action) {
        ("store::commit::before" | "store::commit::after", Action::Abort) => {
            vec![before + 1, before + 2]
        }
        ("store::commit::after", Action::Error) | ("backend::webhook::after", Action::Abort) => {
            vec![before + 1]
        }
        _ => Vec::new(),
    }
}

/// Why stories failed, of those that did.
fn reasons<T>(ends: Vec<(Case, Result<T, JoinError>)>) -> Vec<String> {
    let failed = ends.into_iter().filter_map(|(case, told)| {
        let why = told.err()?.into_panic();
        let why = why.downcast_ref::<String>().map_or("?", String::as_str);
        Some(format!("{case}: {why}"))
    });
    failed.collect()
}

async fn every_point(story: Story, database: Database) {
    let calm = told(story, database, None).await;
    assert_eq!(calm.hits.len(), POINTS.len(), "{:?}", calm.hits);
    let cases = cases(story, database, &calm);
    let stories = stream::iter(cases.clone()).map(async |case| {
        let told = tokio::spawn(told(case.story, case.database, Some(case))).await;
        (case, told)
    });
    let ends: Vec<_> = stories.buffer_unordered(AT_ONCE).collect().await;
    let fired = ends
        .iter()
        .filter(|(_, told)| told.as_ref().is_ok_and(|told| told.fired));
    let fired = fired.count();
    let wrong = reasons(ends);
    soak::figure(
        "crash points",
        &format!(
            "{story:?}, {database:?}: {} stories, {fired} faults fired, {} wrong; hits in a calm story: {:?}",
            cases.len(),
            wrong.len(),
            calm.hits
        ),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    // The last hits of a story aren't the same ones each time.
    assert!(fired * 10 >= cases.len() * 8, "{fired} of {}", cases.len());
}

#[tokio::test]
async fn any_point_may_fail_on_sqlite() {
    every_point(Story::Approved, Database::Sqlite).await;
}

#[tokio::test]
async fn any_point_may_fail_on_postgres() {
    every_point(Story::Approved, Database::Postgres).await;
}

#[tokio::test]
async fn any_point_may_fail_while_the_glass_is_broken_on_sqlite() {
    every_point(Story::BrokenGlass, Database::Sqlite).await;
}

#[tokio::test]
async fn any_point_may_fail_while_the_glass_is_broken_on_postgres() {
    every_point(Story::BrokenGlass, Database::Postgres).await;
}
