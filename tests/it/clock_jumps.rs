//! The system's clock jumps under the real binary (libfaketime; monotonic time goes on truly): an access ends when it
//! should all the same, judged by the target's log and true time.

use std::ops::RangeFrom;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hallpass::ports::Clock as _;
use hallpass::store::Store;
use hallpass::wiring::{SystemClock, SystemEntropy};
use slack_sandbox::RequestUrls;
use tokio::process::Command;

use crate::support::Database;
use crate::support::judge::{LATE, LEASE, Plan, Span, spans};
use crate::support::patience::{approves, asks, eventually};
use crate::support::soak;
use crate::support::world::{Bot, World};

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
const MISSING: &str = "libfaketime is missing. Run scripts/test-needs.sh, which installs what the tests need \
                       (Debian: apt-get install faketime)";
const STEP: Duration = Duration::from_secs(60);
/// Reading the file with the offset, and a busy machine.
const BLUR: Duration = Duration::from_millis(500);
const HOUR: i64 = 3_600;

/// A system clock of one process: the true one and an offset that is changed while it runs.
struct Clock(PathBuf);

impl Clock {
    fn new(world: &World, name: &str) -> Self {
        assert!(PathBuf::from(LIBRARY).is_file(), "{MISSING}");
        let clock = Self(world.dir.path().join(name));
        clock.is_off_by(0);
        clock
    }

    /// At once, also for a process that runs.
    fn is_off_by(&self, seconds: i64) {
        let next = self.0.with_extension("next");
        std::fs::write(&next, format!("{seconds:+}\n")).unwrap();
        // Never half of it.
        std::fs::rename(next, &self.0).unwrap();
    }

    fn rules(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", LIBRARY)
            .env("FAKETIME_TIMESTAMP_FILE", &self.0)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }

    async fn serves(&self, world: &World) -> Bot {
        let mut command = world.hallpass(&["serve"]);
        self.rules(&mut command);
        let bot = World::watched(command);
        let said = bot.says(r"serving address=(\S+)").await;
        let urls = RequestUrls::under(&format!("http://{said}"));
        world.slack.set_request_urls(urls);
        bot
    }
}

async fn given(world: &World, length: &str) -> String {
    let ask = format!("/prod-access db-admin {length} orders stuck");
    let short = asks(&world.slack, "alice", &ask, STEP).await;
    approves(&world.slack, &world.gate, "bob", &short, STEP).await;
    // Its end was moved to what it is: the grant is active, and on record.
    let active = || (world.gate.done("grant").len() > 1).then_some(());
    eventually(|| "it is active".into(), STEP, active).await;
    short
}

/// How long the only access lasted, once it is over.
async fn lasted(world: &World) -> Duration {
    let over = || spans(&world.gate).first().and_then(Span::lasted);
    let lasted = eventually(|| "it is gone".into(), STEP, over).await;
    assert_eq!(spans(&world.gate).len(), 1, "given once");
    lasted
}

/// The target was told the end at which it was taken, by true time.
fn was_promised_truly(span: &Span) {
    let (promised, ended) = (span.promised.unwrap(), span.ended_at.unwrap());
    let off = (promised - ended).abs().to_std().unwrap();
    assert!(off <= LATE + BLUR, "promised {off:?} off: {span:#?}");
}

fn figure(what: &str, lasted: Duration) {
    let line = format!("{what}: lasted {:.2} s", lasted.as_secs_f32());
    soak::figure("clocks", &line);
}

/// Where no other clock can be asked, the machine's is the time.
#[tokio::test]
async fn a_jump_forward_is_believed_on_sqlite() {
    let world = World::on(Database::Sqlite).await;
    let clock = Clock::new(&world, "clock");
    let bot = clock.serves(&world).await;
    given(&world, "50m").await;
    let jumped = Instant::now();
    clock.is_off_by(HOUR);
    let over = || spans(&world.gate).first().and_then(|span| span.ended);
    let ended = eventually(|| "it is gone".into(), STEP, over).await;
    assert_eq!(spans(&world.gate).len(), 1, "given once");
    let took = ended - jumped;
    assert!(took <= LATE + BLUR, "believed after {took:?}");
    bot.says("(clock jumped)").await;
    figure("Sqlite, 1 h forward in a grant of 50 min, ended", took);
    assert!(bot.stops().await.1);
}

/// How many effects this process has carried out.
async fn carried_out(bot: &Bot) -> f64 {
    counted(bot, "hallpass_effects_total").await
}

async fn counted(bot: &Bot, metric: &str) -> f64 {
    let address = bot.says(r"serving address=(\S+)").await;
    let page = reqwest::get(format!("http://{address}/metrics"))
        .await
        .unwrap();
    let page = page.text().await.unwrap();
    let of_it = page.lines().filter(|line| line.starts_with(metric));
    of_it
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

/// Each of them in turn is asked for short accesses, until each has carried out something; each access is as it should be.
async fn share(world: &World, bots: &[&Bot], nodes: &mut RangeFrom<u32>) {
    let began = Instant::now();
    let mut before = Vec::new();
    for bot in bots {
        before.push(carried_out(bot).await);
    }
    let mut idle = bots.len();
    while idle > 0 {
        assert!(began.elapsed() < STEP, "not all of them work");
        for bot in bots {
            let address = bot.says(r"serving address=(\S+)").await;
            let urls = RequestUrls::under(&format!("http://{address}"));
            world.slack.set_request_urls(urls);
            four_short_ones(world, nodes).await;
        }
        idle = 0;
        for (bot, before) in bots.iter().zip(&before) {
            idle += usize::from(carried_out(bot).await <= *before);
        }
    }
}

async fn four_short_ones(world: &World, nodes: &mut RangeFrom<u32>) {
    let plan = Plan {
        length: Duration::from_secs(3),
        delayed: Duration::ZERO,
    };
    let mut all = Vec::new();
    for node in nodes.take(4) {
        let ask = format!("/prod-access logs node=web-{node} 3s look");
        asks(&world.slack, "rita", &ask, STEP).await;
        all.push(format!("logs/web-{node}"));
    }
    for permission in all {
        let of_it = || {
            let all = spans(&world.gate).into_iter();
            let of_it = all.filter(|span| span.permission == permission);
            of_it.collect::<Vec<Span>>()
        };
        let over = || of_it().iter().all(|span| span.ended.is_some());
        let over = || (!of_it().is_empty() && over()).then_some(());
        eventually(|| format!("{permission} is gone"), STEP, over).await;
        assert_eq!(plan.judge(&of_it()), Ok(()), "{permission}");
        was_promised_truly(&of_it()[0]);
    }
}

/// One machine's clock jumps, and every process that serves goes on: what is held is held, nobody's claim is taken from
/// them, and whoever is given something is given the right end.
async fn one_machine_jumps(beside: usize) {
    let world = World::on(Database::Postgres).await;
    // Slow enough that a lease read by another clock would bring a second call.
    world.gate.takes(Duration::from_millis(300));
    let mut others = Vec::new();
    for number in 0..beside {
        let right = Clock::new(&world, &format!("right-{number}"));
        others.push(right.serves(&world).await);
    }
    let clock = Clock::new(&world, "jumps");
    let bot = clock.serves(&world).await;
    given(&world, "50m").await;
    let mut nodes = 1..;
    let all: Vec<&Bot> = others.iter().chain([&bot]).collect();
    for (off, says) in [
        (HOUR, "by_seconds=(3[56][0-9]{2}) "),
        (-HOUR, "by_seconds=(-7[12][0-9]{2}) "),
    ] {
        clock.is_off_by(off);
        bot.says(says).await;
        share(&world, &all, &mut nodes).await;
        let held = world.gate.holders("orders_admin");
        assert_eq!(held, ["alice"], "with {off} s");
    }
    let taken = world.gate.done("revoke").into_iter();
    let taken: Vec<_> = taken
        .filter(|call| call.permission == "orders_admin")
        .collect();
    assert!(taken.is_empty(), "{taken:#?}");
    assert!(world.gate.most_at_once() <= 1, "two calls at a time");
    for bot in &all {
        let lost = counted(bot, "hallpass_leases_lost_total").await;
        assert!(lost < 1.0, "{lost} claims were taken over");
    }
    for bot in others.into_iter().chain([bot]) {
        assert!(bot.stops().await.1);
    }
}

#[tokio::test]
async fn a_jump_ends_nothing_on_postgres() {
    one_machine_jumps(0).await;
}

#[tokio::test]
async fn a_jump_of_one_machine_moves_no_replica() {
    one_machine_jumps(1).await;
}

async fn back(database: Database) {
    let world = World::on(database).await;
    let clock = Clock::new(&world, "clock");
    let bot = clock.serves(&world).await;
    given(&world, "4s").await;
    clock.is_off_by(-HOUR);
    let lasted = lasted(&world).await;
    let (least, most) = (Duration::from_secs(4), Duration::from_secs(4) + LATE);
    assert!(
        lasted + BLUR >= least && lasted <= most + BLUR,
        "{lasted:?}"
    );
    was_promised_truly(&spans(&world.gate)[0]);
    figure(&format!("{database:?}, 1 h back in a grant of 4 s"), lasted);
    assert!(bot.stops().await.1);
}

#[tokio::test]
async fn a_jump_back_delays_no_end_on_sqlite() {
    back(Database::Sqlite).await;
}

#[tokio::test]
async fn a_jump_back_delays_no_end_on_postgres() {
    back(Database::Postgres).await;
}

/// Killed, and there again by a clock that is an hour behind: the only access, of this length, ends no earlier, and no
/// later than a lease. How long it took to be there again isn't the clock's doing.
async fn is_back_in_time(world: &World, clock: &Clock, bot: Bot, length: Duration, what: &str) {
    bot.dies().await;
    let died = Instant::now();
    clock.is_off_by(-HOUR);
    let bot = clock.serves(world).await;
    let away = died.elapsed();
    let lasted = lasted(world).await;
    let most = length + LATE + LEASE + away;
    assert!(
        lasted + BLUR >= length && lasted <= most,
        "{lasted:?}, at most {most:?}"
    );
    figure(what, lasted);
    assert!(bot.stops().await.1);
}

async fn back_across_a_restart(database: Database) {
    let world = World::on(database).await;
    let clock = Clock::new(&world, "clock");
    let bot = clock.serves(&world).await;
    given(&world, "4s").await;
    let what = format!("{database:?}, 1 h back across a restart in a grant of 4 s");
    is_back_in_time(&world, &clock, bot, Duration::from_secs(4), &what).await;
}

#[tokio::test]
async fn a_jump_back_across_a_restart_delays_no_end_on_sqlite() {
    back_across_a_restart(Database::Sqlite).await;
}

#[tokio::test]
async fn a_jump_back_across_a_restart_delays_no_end_on_postgres() {
    back_across_a_restart(Database::Postgres).await;
}

/// Returns once nothing has happened for so long.
async fn is_quiet_for(world: &World, quiet: Duration) {
    let url = world.database_url();
    let store = Store::open(&url, Arc::new(SystemEntropy)).await.unwrap();
    let quietly = async {
        loop {
            let newest = store.newest_moment().await.unwrap().unwrap();
            let since = SystemClock::default().now() - newest;
            if since.to_std().unwrap_or_default() >= quiet {
                return;
            }
            tokio::time::sleep(BLUR).await;
        }
    };
    tokio::time::timeout(STEP, quietly).await.expect("quiet");
    store.close().await;
}

/// No event says how late it was when the process died. The quiet time is longer than what an end may be late.
#[tokio::test]
async fn a_jump_back_across_a_restart_delays_no_end_after_a_quiet_time() {
    let world = World::on(Database::Sqlite).await;
    let clock = Clock::new(&world, "clock");
    let bot = clock.serves(&world).await;
    given(&world, "36s").await;
    is_quiet_for(&world, Duration::from_secs(22)).await;
    let what = "Sqlite, 1 h back across a restart, 22 s after the last event, in a grant of 36 s";
    is_back_in_time(&world, &clock, bot, Duration::from_secs(36), what).await;
}

/// The one whose clock is ahead would end what the other gave long before its time.
async fn skewed(seconds: i64) {
    let world = World::on(Database::Postgres).await;
    let (ahead, right) = (Clock::new(&world, "ahead"), Clock::new(&world, "right"));
    ahead.is_off_by(seconds);
    // Slow enough that a lease read by another clock would bring a second call.
    world.gate.takes(Duration::from_millis(300));
    let other = ahead.serves(&world).await;
    let bot = right.serves(&world).await;
    given(&world, "4s").await;
    let lasted = lasted(&world).await;
    let most = Duration::from_secs(4) + LATE + BLUR;
    let least = Duration::from_secs(4);
    assert!(
        lasted + BLUR >= least && lasted <= most,
        "{lasted:?}, at most {most:?}"
    );
    assert!(world.gate.most_at_once() <= 1, "two calls at a time");
    was_promised_truly(&spans(&world.gate)[0]);
    figure(
        &format!("two replicas {seconds} s apart, a grant of 4 s"),
        lasted,
    );
    assert!(bot.stops().await.1 && other.stops().await.1);
}

#[tokio::test]
async fn replicas_whose_clocks_differ_follow_the_database() {
    skewed(30).await;
    skewed(-30).await;
}
