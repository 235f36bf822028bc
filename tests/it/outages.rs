//! What the bot lives on breaks: its `PostgreSQL`, which one process or three share, is stopped in the middle of work as
//! by a crash, the target goes down while an access is to end, connections are cut, reset, slow or silent. A small TCP
//! proxy stands in between.

mod links;

use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

use crate::support::Database;
use crate::support::crowd::{Crowd, judged};
use crate::support::fleet::Fleet;
use crate::support::lateness::{Misfortune, Whom};
use crate::support::patience::{approves, asks, end_is_told, eventually};
use crate::support::postgres::{Server, Version};
use crate::support::soak::{self, Dice};
use crate::support::workplace::GENERAL;
use crate::support::world::World;

/// How long each step may take, whatever breaks.
const STEP: Duration = Duration::from_secs(60);
/// I1: after an outage, so long after the return of what was away.
const AFTER_RETURN: Duration = Duration::from_secs(30);
/// Slack waits so long for an answer.
const ANSWER: Duration = Duration::from_secs(3);

/// A world whose database is a server of its own.
async fn world_on(server: &Server) -> World {
    let mut world = World::new().await;
    let url = server.fresh_database().await;
    world.variables.push(("DATABASE_URL", url));
    world
}

/// So often, under as many replicas as share it. They stay up; who asks meanwhile is answered in time.
async fn its_database_crashes(replicas: usize, crashes: u32) {
    let mut server = Server::start(Version::Fifteen).await;
    let world = world_on(&server).await;
    let fleet = Fleet::start(&world, replicas, Dice::new(23)).await;
    let time = Duration::from_secs(6) * crashes;
    let crowd = Crowd::until(&world, Instant::now() + time);
    let mut misfortunes = Vec::new();
    let suffers = async {
        for _ in 0..crashes {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            let from = Instant::now();
            server.stops_immediately();
            let ask = "/prod-access db-admin 5s while nobody can write it down";
            let outcome = world.slack.type_command("frank", GENERAL, ask).await;
            assert!(outcome.took < ANSWER, "an answer in time: {outcome:?}");
            assert!(outcome.is_ok(), "an answer: {outcome:?}");
            server.starts_again().await;
            misfortunes.push(Misfortune {
                from,
                // Connections are opened again, and what was claimed waits for its lease.
                until: Instant::now() + Duration::from_secs(2),
                what: "crash of the database",
                whom: Whom::All,
            });
        }
    };
    tokio::join!(suffers, crowd.works(23));
    let who = format!("PostgreSQL of the bot, replicas: {replicas}");
    let befell = (&misfortunes[..], Database::Postgres);
    judged(&world, crowd, befell, ("outages", &who)).await;
    fleet.stops().await;
}

#[tokio::test]
async fn its_database_crashes_in_the_middle_of_work() {
    its_database_crashes(1, soak::long_or(12, 2)).await;
}

#[tokio::test]
async fn the_database_of_three_crashes_in_the_middle_of_work() {
    its_database_crashes(3, soak::long_or(12, 1)).await;
}

const ORDERS: &str = r#"
[backend.orders-db]
kind      = "postgres"
url_env   = "ORDERS_DB_ADMIN_URL"
principal = "{email_local}"
timeout   = "5s"

[role.orders-admin]
template     = "asked"
description  = "Read and write orders in PostgreSQL"
entitlements = [ { backend = "orders-db", role = "orders_admin" } ]
[[role.orders-admin.stages]]
approvers = ["group:dba"]
"#;

async fn has_role(url: &str) -> bool {
    let mut admin = PgConnection::connect(url).await.unwrap();
    let held = sqlx::query_scalar(
        "select exists (select from pg_auth_members where roleid = 'orders_admin'::regrole \
         and member = 'alice'::regrole)",
    );
    let held = held.fetch_one(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    held
}

async fn until_role_is(url: &str, wanted: bool) {
    let began = Instant::now();
    while has_role(url).await != wanted {
        assert!(began.elapsed() < STEP, "alice has the role: {}", !wanted);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_target_crashes_while_an_access_is_to_end() {
    let mut target = Server::start(Version::Fifteen).await;
    let prepare = "create role hallpass login; create role alice login; create role orders_admin; \
                   grant orders_admin to hallpass with admin option; grant pg_signal_backend to hallpass";
    target.execute(prepare).await;
    let mut world = World::new().await;
    world.configures(&world.gate.url(), ORDERS);
    let url = target.url("hallpass", "postgres");
    world.variables.push(("ORDERS_DB_ADMIN_URL", url));
    let bot = world.serve().await;
    let ask = "/prod-access orders-admin 3s orders stuck";
    let short = asks(&world.slack, "alice", ask, STEP).await;
    world.approves("dana", &short).await;
    until_role_is(&target.admin_url(), true).await;
    target.stops_immediately();
    // Until its end is over, and was tried in vain.
    let tried = || (bot.said("not carried out") > 0).then_some(());
    eventually(|| "its end is tried".into(), STEP, tried).await;
    target.starts_again().await;
    let back = Instant::now();
    until_role_is(&target.admin_url(), false).await;
    let gone = back.elapsed();
    assert!(gone <= AFTER_RETURN, "{gone:?} after its return");
    let told = || end_is_told(&world.slack, &short).then_some(());
    eventually(|| format!("the end of {short} is told"), STEP, told).await;
    let figure = format!(
        "PostgreSQL as target, crashed at the end: gone {:.2} s after its return",
        gone.as_secs_f32()
    );
    soak::figure("outages", &figure);
    assert!(bot.stops().await.1);
}

/// Asks for some seconds of `db-admin` and has it approved.
async fn given(world: &World, seconds: u64) -> String {
    let ask = format!("/prod-access db-admin {seconds}s orders stuck");
    let short = asks(&world.slack, "alice", &ask, STEP).await;
    approves(&world.slack, &world.gate, "bob", &short, STEP).await;
    short
}
