//! Replicas killed with SIGKILL and paused longer than a lease, at random moments, under a steady stream of asks,
//! approvals and drops; judged by the target's log.

use std::time::{Duration, Instant};

use crate::support::Database;
use crate::support::crowd::{Crowd, judged};
use crate::support::fleet::Fleet;
use crate::support::soak::{self, Dice};
use crate::support::world::World;

async fn survives(database: Database, replicas: usize, time: Duration, seed: u64) {
    let world = World::on(database).await;
    let mut fleet = Fleet::start(&world, replicas, Dice::new(seed)).await;
    let until = Instant::now() + time;
    let crowd = Crowd::until(&world, until);
    tokio::join!(fleet.suffers(until), crowd.works(seed));
    let who = format!("{database:?}, {replicas} replicas, seed {seed}");
    let befell = (&fleet.misfortunes[..], database);
    judged(&world, crowd, befell, ("processes", &who)).await;
    fleet.stops().await;
}

/// In the long form several worlds, one after the other: as they grow, looking at them takes what the bot needs.
fn seeds(first: u64, rounds: u64) -> std::ops::Range<u64> {
    let first = soak::seed(first);
    first..first + soak::long_or(rounds, 1)
}

#[tokio::test]
async fn three_replicas_are_killed_and_paused_under_load() {
    let time = soak::long_or(Duration::from_secs(240), Duration::from_secs(14));
    for seed in seeds(7, 4) {
        survives(Database::Postgres, 3, time, seed).await;
    }
}

#[tokio::test]
async fn one_process_is_killed_under_load() {
    let time = soak::long_or(Duration::from_secs(120), Duration::from_secs(8));
    for seed in seeds(11, 2) {
        survives(Database::Sqlite, 1, time, seed).await;
    }
}
