//! A replica dies while the target has its call: another one that lives takes the work over within one lease, counted
//! from the death. Who made the call is told by the kernel's table of connections; all else by the target's own log.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use slack_sandbox::RequestUrls;

use crate::support::Database;
use crate::support::gate::Gate;
use crate::support::judge::{self, LEASE, Plan};
use crate::support::patience::{end_is_told, eventually};
use crate::support::soak;
use crate::support::world::{Bot, PATIENCE, World};

/// Beyond the lease: to look, to claim, to ask who everybody is, and to call, on a machine that does other things, too.
const ROOM: Duration = Duration::from_secs(3);
/// A lease is renewed long before this is all that is left of it: nobody may call sooner.
const STILL_HELD: Duration = Duration::from_secs(5);

struct Replica {
    bot: Bot,
    address: String,
}

impl Replica {
    async fn of(world: &World) -> Self {
        let bot = world.spawn();
        let address = bot.says(r"serving address=(\S+)").await;
        Self { bot, address }
    }

    /// As a load balancer would.
    fn hears_slack(&self, world: &World) {
        let urls = RequestUrls::under(&format!("http://{}", self.address));
        world.slack.set_request_urls(urls);
    }
}

/// Whether a process has this end of a connection to `other`, by the kernel's own tables (proc(5)).
fn has_connection(process: u32, end: SocketAddr, other: SocketAddr) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let [end, other] = [end, other].map(|one| format!("0100007F:{:04X}", one.port()));
    let inode = table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        (columns.get(1..3) == Some(&[&*end, &*other])).then(|| columns[9].to_owned())
    });
    let socket = format!("socket:[{}]", inode.unwrap_or_default());
    let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    open.filter_map(|file| fs::read_link(file.unwrap().path()).ok())
        .any(|link| link.to_string_lossy() == socket)
}

/// Kills whoever waits for the answer of the call that is held back; the other one lives.
async fn caller_dies(world: &World, both: [Replica; 2]) -> (Replica, Instant) {
    let caller = world.gate.held_back().expect("a call is held back");
    let waits = |one: &Replica| has_connection(one.bot.id(), caller, world.gate.address());
    let callers = both.iter().filter(|one| waits(one)).count();
    assert_eq!(callers, 1, "one of the two has {caller}");
    let [first, second] = both;
    let (dead, living) = if waits(&first) {
        (first, second)
    } else {
        (second, first)
    };
    living.hears_slack(world);
    let killed = Instant::now();
    dead.bot.dies().await;
    world.gate.release();
    (living, killed)
}

/// Two replicas; the answer of the first call of `action` for an access of `length` is held back, and whoever waits for
/// it dies. Answers who lives, and what the holder asked for.
async fn taken_over(world: &World, action: &str, length: Duration) -> (Replica, String) {
    let both = [Replica::of(world).await, Replica::of(world).await];
    both[0].hears_slack(world);
    world.gate.holds_next(action);
    let ask = format!("/prod-access db-admin {}s orders stuck", length.as_secs());
    let short = world.asks("alice", &ask).await;
    world.approves("bob", &short).await;
    let held = |gate: &Gate| gate.held_back();
    world.gate.until("a call that is held back", held).await;
    let (living, killed) = caller_dies(world, both).await;

    let before = world.gate.calls().len();
    let again = world.gate.until("it is looked at again", |gate| {
        gate.calls().get(before).cloned()
    });
    let again = again.await;
    let took = again.at - killed;
    assert_eq!(again.action, "observe", "whoever can't know looks first");
    assert!(took <= LEASE + ROOM, "taken over {took:?} after the death");
    assert!(took >= STILL_HELD, "called under another's lease: {took:?}");
    let figure = format!(
        "a replica died while the target had its {action}: taken over by a living one after {:.2} s",
        took.as_secs_f32()
    );
    soak::figure("processes", &figure);
    (living, short)
}

/// Given once, not cut short, gone on time, and told to be over.
async fn is_over(world: &World, living: Replica, short: &str, plan: Plan) {
    world.gone("orders_admin").await;
    let told = || end_is_told(&world.slack, short).then_some(());
    eventually(|| format!("the end of {short} is told"), PATIENCE, told).await;
    let calls = world.gate.calls();
    if let Err(wrong) = plan.judge(&judge::spans(&world.gate)) {
        panic!("{wrong}\n{calls:#?}");
    }
    assert_eq!(world.gate.done("revoke").len(), 1, "{calls:#?}");
    assert!(world.gate.most_at_once() <= 1);
    assert!(living.bot.stops().await.1);
}

/// It is there, and nothing says so yet: it is found, not given again, and ends when it should have.
#[tokio::test]
async fn a_grant_of_a_dead_replica_is_taken_over_by_a_living_one() {
    let world = World::on(Database::Postgres).await;
    // It ends after the lease of whoever died.
    let length = LEASE + ROOM + Duration::from_secs(2);
    let (living, short) = taken_over(&world, "grant", length).await;
    assert_eq!(world.gate.holders("orders_admin"), ["alice"]);
    let plan = Plan {
        length,
        delayed: Duration::ZERO,
    };
    is_over(&world, living, &short, plan).await;
}

/// It is gone, and nothing says so yet: it is found, and not taken a second time.
#[tokio::test]
async fn a_revocation_of_a_dead_replica_is_taken_over_by_a_living_one() {
    let world = World::on(Database::Postgres).await;
    let length = Duration::from_secs(2);
    let (living, short) = taken_over(&world, "revoke", length).await;
    assert!(world.gate.holders("orders_admin").is_empty());
    let plan = Plan {
        length,
        delayed: Duration::ZERO,
    };
    is_over(&world, living, &short, plan).await;
}
