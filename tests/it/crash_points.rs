//! Every commit and every outbound call dies, fails or takes long, right before and right after, at each of its hits in
//! the story ask → approve → active → time up → gone. A supervisor starts the bot again where it ended. Then the judge
//! reads the target's log: given once, not cut short, gone in the end; and what was acknowledged was carried out.
//!
//! Here one hit of each point with each action; all hits in `make soak`.

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
use crate::support::judge::{self, LEASE, Plan};
use crate::support::patience::{approves, asks, end_is_told, eventually, shown};
use crate::support::soak;
use crate::support::world::World;

const POINTS: [&str; 6] = [
    "store::commit::before",
    "store::commit::after",
    "backend::webhook::before",
    "backend::webhook::after",
    "slack::call::before",
    "slack::call::after",
];
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
}

/// What goes wrong in one story: the `nth` time that a point is passed.
#[derive(Debug, Clone, Copy)]
struct Case {
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
            (Action::Abort | Action::Error, _) => Duration::ZERO,
        }
    }

    /// For the variable `FAILPOINTS`.
    fn told(&self) -> String {
        let action = match self.action {
            Action::Abort => "abort".to_owned(),
            Action::Error => "error".to_owned(),
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
        write!(out, "{:?}, {}", self.database, self.told())
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
    hits: BTreeMap<&'static str, usize>,
}

async fn story(world: &World) {
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

async fn told(database: Database, case: Option<Case>) -> Told {
    let world = World::on(database).await;
    let seen = Mutex::new(Seen::default());
    tokio::select! {
        never = kept(&world, case.as_ref(), &seen) => match never {},
        () = story(&world) => {}
    }
    let seen = seen.into_inner().unwrap();
    let log = || seen.lines("").join("\n");
    let plan = Plan {
        length: LENGTH,
        delayed: LEASE + seen.away + case.map_or(Duration::ZERO, |case| case.delay()),
    };
    if let Err(wrong) = plan.judge(&judge::spans(&world.gate)) {
        panic!("{wrong}\ncalls: {:#?}\n{}", world.gate.calls(), log());
    }
    assert!(world.gate.most_at_once() <= 1, "one call at a time");
    assert_eq!(world.gate.forged(), 0);
    let passed = seen.lines("passed");
    let point = Regex::new(r#"point="?([a-z:]+)"#).unwrap();
    let mut hits = BTreeMap::new();
    for line in &passed {
        let name = &point.captures(line).unwrap()[1];
        let name = POINTS.iter().find(|point| **point == name).unwrap();
        *hits.entry(*name).or_default() += 1;
    }
    Told {
        fired: !seen.lines("a fail point fired").is_empty(),
        hits,
    }
}

/// Which hits of each point are tried: all of them in the long form, else one each, spread over the story.
fn cases(database: Database, hits: &BTreeMap<&'static str, usize>) -> Vec<Case> {
    let mut all = Vec::new();
    for (at, (point, hits)) in hits.iter().enumerate() {
        for (action_at, action) in [Action::Abort, Action::Error, Action::Delay]
            .into_iter()
            .enumerate()
        {
            let one = 1 + (at * 5 + action_at * 7 + 2) % hits;
            let tried = soak::long_or((1..=*hits).collect(), vec![one]);
            all.extend(tried.into_iter().map(|nth| Case {
                database,
                point,
                action,
                nth,
            }));
        }
    }
    all
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

async fn every_point(database: Database) {
    let calm = told(database, None).await;
    assert_eq!(calm.hits.len(), POINTS.len(), "{:?}", calm.hits);
    let cases = cases(database, &calm.hits);
    let stories = stream::iter(cases.clone()).map(async |case| {
        let told = tokio::spawn(told(case.database, Some(case))).await;
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
            "{database:?}: {} stories, {fired} faults fired, {} wrong; hits in a calm story: {:?}",
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
    every_point(Database::Sqlite).await;
}

#[tokio::test]
async fn any_point_may_fail_on_postgres() {
    every_point(Database::Postgres).await;
}
