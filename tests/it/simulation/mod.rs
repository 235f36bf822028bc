//! The whole shell in one thread, in an order that a seed chooses: the real use cases, store and rounds of the worker over
//! people, backends and a chat that are well or not. Calls stay under way while people act and time passes; the seed says
//! which of them goes on. The judge reads the backends' own log. On `SQLite` a seed replays exactly; on `PostgreSQL`,
//! whose driver has tasks of its own, nearly.
//!
//! `HALLPASS_SEEDS=200` runs so many seeds (a quarter of them on `PostgreSQL`), `HALLPASS_FIRST_SEED=201` others,
//! `HALLPASS_SEED=17` one alone and prints what happened.

mod calls;
mod judge;
mod judge_tests;
mod outside;
mod ports;
mod steps;
mod world;

use std::collections::BTreeMap;

use crate::support::{Database, soak};

use world::World;

/// So many in a short run.
const SHORT: u64 = 8;
/// Seeds that found something once: notices that waited for others were all that was ever tried of a Slack that was away.
const FOUND: [u64; 1] = [235];
/// What people and chance do in one seed.
const STEPS: usize = 160;

/// What came of one seed.
struct Run {
    log: Vec<String>,
    fired: BTreeMap<&'static str, u64>,
    /// How many ends were held to I1's bound.
    held_to: usize,
    violations: Vec<String>,
}

fn run(database: Database, seed: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(database, seed).await;
        for _ in 0..STEPS {
            world.does_something().await;
        }
        world.comes_to_rest().await;
        world.finish().await
    })
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn seeds_leave_nothing_behind() {
    let seeds = variable("HALLPASS_SEEDS").unwrap_or(SHORT);
    leaves_nothing_behind(Database::Sqlite, seeds);
}

#[test]
fn seeds_leave_nothing_behind_on_postgres() {
    let seeds = variable("HALLPASS_SEEDS").unwrap_or(SHORT);
    leaves_nothing_behind(Database::Postgres, seeds / 4);
}

fn leaves_nothing_behind(database: Database, seeds: u64) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Ok(filter) = std::env::var("RUST_LOG") {
        drop(hallpass::telemetry::start(
            &filter,
            hallpass::telemetry::Format::Text,
        ));
    }
    let only = variable("HALLPASS_SEED");
    let first = variable("HALLPASS_FIRST_SEED").unwrap_or(1);
    let chosen: Vec<u64> = match only {
        Some(seed) => vec![seed],
        None => FOUND.into_iter().chain(first..first + seeds).collect(),
    };
    let mut fired: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut failed = Vec::new();
    let mut held_to = 0;
    for seed in &chosen {
        let seed = *seed;
        let run = run(database, seed);
        for (fault, times) in run.fired {
            *fired.entry(fault).or_default() += times;
        }
        held_to += run.held_to;
        if only.is_some() {
            soak::figure("simulation", &run.log.join("\n"));
        }
        if !run.violations.is_empty() {
            let last = run.log.len().saturating_sub(60);
            let log = run.log[last..].join("\n");
            failed.push(format!("seed {seed}: {}\n{log}", run.violations.join("; ")));
        }
    }
    let total: u64 = fired.values().sum();
    soak::figure(
        "simulation",
        &format!(
            "{database:?}, {} seeds from {first}, {total} faults fired ({fired:?}), {held_to} ends held to the second, \
             {} violations",
            chosen.len(),
            failed.len()
        ),
    );
    assert!(
        failed.is_empty(),
        "{}",
        failed[..failed.len().min(3)].join("\n\n")
    );
    // Where the world excuses everything nothing was judged.
    assert!(only.is_some() || held_to > chosen.len());
}

#[test]
fn a_seed_replays_exactly() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let run = |seed| run(Database::Sqlite, seed);
    let (one, again, other) = (run(3), run(3), run(4));
    for (line, same) in one.log.iter().zip(&again.log) {
        assert_eq!(line, same);
    }
    assert_eq!(one.log.len(), again.log.len());
    assert_ne!(one.log, other.log, "another seed is another story");
}
