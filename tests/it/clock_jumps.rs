//! The system's clock jumps under the real binary (libfaketime; monotonic time goes on truly): an access ends when it
//! should all the same, judged by the target's log and true time.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use slack_sandbox::RequestUrls;
use tokio::process::Command;

use crate::support::Database;
use crate::support::judge::{LATE, LEASE, Span, spans};
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

fn figure(what: &str, lasted: Duration) {
    let line = format!("{what}: lasted {:.2} s", lasted.as_secs_f32());
    soak::figure("clocks", &line);
}

async fn forward(database: Database) {
    let world = World::on(database).await;
    let clock = Clock::new(&world, "clock");
    let bot = clock.serves(&world).await;
    given(&world, "50m").await;
    let jumped = Instant::now();
    clock.is_off_by(HOUR);
    lasted(&world).await;
    let took = spans(&world.gate)[0].ended.unwrap() - jumped;
    assert!(took <= LATE + BLUR, "believed after {took:?}");
    bot.says("(clock jumped)").await;
    figure(
        &format!("{database:?}, 1 h forward in a grant of 50 min, ended"),
        took,
    );
    assert!(bot.stops().await.1);
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
    figure(&format!("{database:?}, 1 h back in a grant of 4 s"), lasted);
    assert!(bot.stops().await.1);
}

#[tokio::test]
async fn a_jump_forward_is_believed_on_sqlite() {
    forward(Database::Sqlite).await;
}

#[tokio::test]
async fn a_jump_forward_is_believed_on_postgres() {
    forward(Database::Postgres).await;
}

#[tokio::test]
async fn a_jump_back_delays_no_end_on_sqlite() {
    back(Database::Sqlite).await;
}

#[tokio::test]
async fn a_jump_back_delays_no_end_on_postgres() {
    back(Database::Postgres).await;
}

/// How long it took to be there again isn't the clock's doing.
async fn back_across_a_restart(database: Database) {
    let world = World::on(database).await;
    let clock = Clock::new(&world, "clock");
    let bot = clock.serves(&world).await;
    given(&world, "4s").await;
    bot.dies().await;
    let died = Instant::now();
    clock.is_off_by(-HOUR);
    let bot = clock.serves(&world).await;
    let away = died.elapsed();
    let lasted = lasted(&world).await;
    let most = Duration::from_secs(4) + LATE + LEASE + away;
    let least = Duration::from_secs(4);
    assert!(
        lasted + BLUR >= least && lasted <= most,
        "{lasted:?}, at most {most:?}"
    );
    figure(
        &format!("{database:?}, 1 h back across a restart in a grant of 4 s"),
        lasted,
    );
    assert!(bot.stops().await.1);
}

#[tokio::test]
async fn a_jump_back_across_a_restart_delays_no_end_on_sqlite() {
    back_across_a_restart(Database::Sqlite).await;
}

#[tokio::test]
async fn a_jump_back_across_a_restart_delays_no_end_on_postgres() {
    back_across_a_restart(Database::Postgres).await;
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
