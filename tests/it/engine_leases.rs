//! Who lost a claim records nothing, calls nothing more, and what it did is found.

use std::time::Duration;

use hallpass::domain::{BackendName, Lane};
use hallpass::store::{Claimed, Finish};
use tokio::process::Command;

use crate::support::gate::Gate;
use crate::support::world::World;
use crate::support::{Database, TestBot, everywhere, seconds};

const LEASE: Duration = Duration::from_secs(10);

fn lane() -> Lane {
    Lane::Backend(BackendName::new("gate"))
}

/// Another replica, whose clock says that the lease is over, takes what is claimed.
async fn another_takes_it(bot: &TestBot) -> Claimed {
    let later = bot.clock.now() + seconds(11);
    let taken = bot.store.claim(&lane(), later, LEASE, 1).await.unwrap();
    let [taken] = taken.as_slice() else {
        panic!("one effect is taken over, not {taken:?}");
    };
    taken.clone()
}

fn given(gate: &Gate) -> Option<()> {
    let given = gate
        .done("grant")
        .iter()
        .any(|call| call.permission == "orders_admin");
    given.then_some(())
}

#[tokio::test]
async fn a_call_whose_claim_was_lost_is_cut_off_and_looked_at_again() {
    everywhere(async |bot| {
        bot.backend.holds_next("grant");
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        let card = bot.card(&request);
        bot.presses_on("bob", &card, "Approve").await;
        bot.backend.until("the grant", given).await;
        let taken = another_takes_it(bot).await;
        // The holder finds out with its next renewal, gives the call up, and says that somebody has to look again.
        let again = async {
            loop {
                let metrics = reqwest::get(format!("{}/metrics", bot.base)).await.unwrap();
                let metrics = metrics.text().await.unwrap();
                if !metrics.contains("hallpass_leases_lost_total 0") {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(15), again)
            .await
            .unwrap();
        assert!(
            !bot.record(&request).await.contains(&"grant.active"),
            "nothing is recorded by who lost it"
        );
        bot.store
            .finish(vec![Finish::GiveBack(taken)])
            .await
            .unwrap();
        bot.backend.release();
        bot.settle().await;
        // Whoever met the call that was still under way tries again.
        bot.clock.advance(seconds(10));
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert!(
            bot.record(&request).await.contains(&"grant.active"),
            "found, and taken over"
        );
    })
    .await;
}

/// A replica is stopped in the middle of a call; others give up on it, the access ends; then it wakes up and its call
/// lands. `SIGSTOP` stops everything of it but the clock.
#[tokio::test]
async fn what_a_paused_replica_does_late_is_undone() {
    let world = World::on(Database::Postgres).await;
    let paused = world.serve().await;
    let letters = world
        .asks("alice", "/prod-access db-admin 30m orders stuck")
        .await;
    world.gate.holds_next("grant");
    world.approves("bob", &letters).await;
    world.held("orders_admin").await;
    signal("-STOP", &paused).await;

    let other = world.serve().await;
    let grant = letters.replace("R-", "G-");
    let revoked = world
        .hallpass(&["revoke", &grant, "--reason", "no longer needed"])
        .output()
        .await
        .unwrap();
    assert!(revoked.status.success(), "{revoked:?}");
    world.gone("orders_admin").await;

    // Its call lands now; nobody who is awake knows of it.
    world.gate.lands("alice", "orders_admin");
    let before = world.gate.done("revoke").len();
    world.gate.release();
    signal("-CONT", &paused).await;
    world
        .gate
        .until("it is undone", |gate| {
            let undone = gate.done("revoke").len() > before;
            (undone && gate.holders("orders_admin").is_empty()).then_some(())
        })
        .await;
    assert!(other.stops().await.1);
    assert!(paused.stops().await.1);
}

async fn signal(name: &str, bot: &crate::support::world::Bot) {
    let sent = Command::new("kill")
        .args([name, &bot.id().to_string()])
        .status()
        .await;
    assert!(sent.unwrap().success());
}
