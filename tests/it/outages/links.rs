//! A proxy in each of the bot's links: to its database, to the target, to Slack.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use hallpass::store::{Store, StoreError};
use hallpass::wiring::SystemEntropy;

use super::{AFTER_RETURN, STEP, given};
use crate::support::Database;
use crate::support::judge::{self, LEASE, Plan};
use crate::support::patience::{approves, asks, end_is_told, eventually, open_card};
use crate::support::postgres::Postgres;
use crate::support::proxy::{Fault, Proxy};
use crate::support::soak;
use crate::support::world::World;

/// A world in which every link goes through a proxy.
struct Linked {
    world: World,
    database: Proxy,
    gate: Proxy,
    slack: Proxy,
}

impl Linked {
    async fn new() -> Self {
        let mut world = World::on(Database::Postgres).await;
        let server = Postgres::shared().await;
        let port = server.port();
        let database = Proxy::to(SocketAddr::from(([127, 0, 0, 1], port))).await;
        let gate = Proxy::to(world.gate.address()).await;
        let slack = Proxy::to(world.slack.addr()).await;
        let through = database.address().port();
        let url = server.fresh_database().await;
        let url = url.replace(&format!(":{port}/"), &format!(":{through}/"));
        world.variables.push(("DATABASE_URL", url));
        let api = format!("http://{}/api", slack.address());
        world.variables.push(("SLACK_API_URL", api));
        world.configures(&format!("http://{}/hallpass", gate.address()), "");
        Self {
            world,
            database,
            gate,
            slack,
        }
    }

    async fn ends(&self, short: &str, plan: Plan) {
        let gate = &self.world.gate;
        let gone = || gate.holders("orders_admin").is_empty() && !gate.done("revoke").is_empty();
        let what = || format!("it is gone: {:#?}", gate.calls());
        eventually(what, STEP, || gone().then_some(())).await;
        let told = || end_is_told(&self.world.slack, short).then_some(());
        eventually(|| format!("the end of {short} is told"), STEP, told).await;
        if let Err(wrong) = plan.judge(&judge::spans(gate)) {
            panic!("{wrong}\n{:#?}", gate.calls());
        }
        assert!(gate.most_at_once() <= 1);
    }
}

/// The answer of a commit never arrives; whether it was committed is found by reading.
#[tokio::test]
async fn the_answer_of_a_commit_is_lost() {
    for at in ["ask", "approval", "end"] {
        let linked = Linked::new().await;
        let (world, commit) = (&linked.world, Fault::NoAnswerTo(b"COMMIT\0"));
        let bot = world.serve().await;
        let armed = |moment| {
            if at == moment {
                linked.database.does(commit.clone());
            }
        };
        armed("ask");
        let ask = "/prod-access db-admin 2s orders stuck";
        let short = asks(&world.slack, "alice", ask, STEP).await;
        armed("approval");
        approves(&world.slack, &world.gate, "bob", &short, STEP).await;
        armed("end");
        let plan = Plan {
            length: Duration::from_secs(2),
            delayed: LEASE * 2,
        };
        linked.ends(&short, plan).await;
        assert_eq!(linked.database.fired(), 1, "the answer was kept back: {at}");
        assert!(bot.stops().await.1);
    }
}

/// Fault 20: nothing is heard of other processes' commits any more, and no error says so.
#[tokio::test]
async fn the_listening_connection_is_silently_dead() {
    let linked = Linked::new().await;
    let world = &linked.world;
    let bot = world.serve().await;
    let short = given(world, 600).await;
    let silenced = linked
        .database
        .silences_who_said("LISTEN \"hallpass_changed\"");
    assert_eq!(silenced, 1, "the connection that listens");
    let asked = Instant::now();
    let revoked = world
        .hallpass(&["revoke", &short, "--reason", "enough"])
        .output();
    let revoked = revoked.await.unwrap();
    let said = String::from_utf8_lossy(&revoked.stderr);
    assert!(revoked.status.success(), "{said}");
    let taken = || world.gate.done("revoke").first().map(|call| call.at);
    let at = eventually(|| "it is taken".into(), STEP, taken).await;
    let took = at - asked;
    assert!(took < Duration::from_secs(15), "noticed after {took:?}");
    let figure = format!(
        "LISTEN silently dead: noticed after {:.2} s",
        took.as_secs_f32()
    );
    soak::figure("proxy", &figure);
    assert!(bot.stops().await.1);
}

#[tokio::test]
async fn the_target_says_nothing_while_an_access_is_to_end() {
    let linked = Linked::new().await;
    let world = &linked.world;
    let bot = world.serve().await;
    let short = given(world, 2).await;
    linked.gate.does(Fault::BlackHole);
    let silence = soak::long_or(Duration::from_secs(60), Duration::from_secs(12));
    let began = Instant::now();
    let silent = || (began.elapsed() > silence && bot.said("not carried out") > 0).then_some(());
    eventually(|| "its end is tried".into(), silence + STEP, silent).await;
    linked.gate.does(Fault::None);
    let back = Instant::now();
    let plan = Plan {
        length: Duration::from_secs(2),
        delayed: silence + AFTER_RETURN,
    };
    linked.ends(&short, plan).await;
    let gone = judge::spans(&world.gate)[0].ended.unwrap() - back;
    assert!(gone <= AFTER_RETURN, "{gone:?} after its return");
    let figure = format!(
        "target black-holed for {silence:?} at the end: gone {:.2} s after its return",
        gone.as_secs_f32()
    );
    soak::figure("proxy", &figure);
    assert!(bot.stops().await.1);
}

/// One link in one mood, from the approval until the access should be gone; then it is well again.
async fn strained(link: &str, fault: Fault) {
    let linked = Linked::new().await;
    let world = &linked.world;
    let (slack, gate) = (&world.slack, &world.gate);
    let bot = world.serve().await;
    let ask = "/prod-access db-admin 2s orders stuck";
    let short = asks(slack, "alice", ask, STEP).await;
    let card = || open_card(slack, &short);
    eventually(|| "the card".into(), STEP, card).await;
    let proxy = match link {
        "database" => &linked.database,
        "gate" => &linked.gate,
        _ => &linked.slack,
    };
    let began = Instant::now();
    proxy.does(fault.clone());
    let time = Duration::from_secs(4);
    let well_again = async {
        tokio::time::sleep(time).await;
        proxy.does(Fault::None);
    };
    tokio::join!(well_again, approves(slack, gate, "bob", &short, STEP));
    let plan = Plan {
        length: Duration::from_secs(2),
        delayed: AFTER_RETURN + time,
    };
    linked.ends(&short, plan).await;
    let fired = proxy.fired();
    assert!(fired > 0, "{link} {fault:?} did nothing");
    let took = began.elapsed().as_secs_f32();
    let figure = format!("{link}, {fault:?}: fired {fired} times, all over after {took:.1} s");
    soak::figure("proxy", &figure);
    assert!(bot.stops().await.1);
}

async fn every_strain(link: &str) {
    let faults = [
        Fault::Delay(Duration::from_millis(300)),
        Fault::CutAfter(60),
        Fault::BlackHole,
        Fault::Reset,
    ];
    join_all(faults.map(|fault| strained(link, fault))).await;
}

#[tokio::test]
async fn the_link_to_the_database_bears_every_strain() {
    every_strain("database").await;
}

#[tokio::test]
async fn the_link_to_the_target_bears_every_strain() {
    every_strain("gate").await;
}

#[tokio::test]
async fn the_link_to_slack_bears_every_strain() {
    every_strain("slack").await;
}

/// Whoever keeps the time would otherwise wait for ever, and see no jump of his own clock.
#[tokio::test]
async fn a_silent_database_keeps_nobody_waiting_for_its_time() {
    let server = Postgres::shared().await;
    let proxy = Proxy::to(SocketAddr::from(([127, 0, 0, 1], server.port()))).await;
    let url = server.fresh_database().await;
    let through = format!(":{}/", proxy.address().port());
    let url = url.replace(&format!(":{}/", server.port()), &through);
    let store = Store::open(&url, Arc::new(SystemEntropy)).await.unwrap();
    assert!(matches!(store.server_now().await, Ok(Some(_))));
    proxy.does(Fault::BlackHole);
    let answer = tokio::time::timeout(STEP, store.server_now()).await;
    assert!(
        matches!(answer, Ok(Err(StoreError::Unavailable(_)))),
        "{answer:?}"
    );
    assert!(proxy.fired() > 0);
}
