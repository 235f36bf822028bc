//! The heartbeat by itself: whoever works doesn't go round, or no longer does, and nobody is called.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use hallpass::ports::Clock;
use hallpass::telemetry::{Health, Ledger, Metrics};
use hallpass::wiring::MovableClock;
use hallpass::worker::{Heartbeat, Watched};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::store::{Fresh, on_both};
use crate::support::minutes;
use crate::support::proof::until;

on_both!(a_worker_that_does_not_go_round_has_no_heartbeat);

/// An address that counts how often it is called.
async fn counting() -> (Arc<AtomicUsize>, SecretString) {
    async fn called(count: State<Arc<AtomicUsize>>) {
        count.fetch_add(1, Ordering::SeqCst);
    }
    let count = Arc::<AtomicUsize>::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/beat", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/beat", get(called))
        .with_state(Arc::clone(&count));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (count, SecretString::from(url))
}

/// How often an outcome was counted.
fn counted(metrics: &Metrics, outcome: &str) -> usize {
    let line = format!("hallpass_heartbeat_total{{outcome=\"{outcome}\"}} ");
    let text = metrics.text(&Ledger::default()).unwrap();
    let found = text.lines().find_map(|one| one.strip_prefix(&line));
    found.map_or(0, |number| number.parse().unwrap())
}

async fn a_worker_that_does_not_go_round_has_no_heartbeat(fresh: Fresh) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (calls, url) = counting().await;
    let (health, metrics) = (Arc::<Health>::default(), Arc::<Metrics>::default());
    let clock = Arc::new(MovableClock::standing());
    let watched = Watched {
        store: fresh.store.clone(),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        health: Arc::clone(&health),
        metrics: Arc::clone(&metrics),
    };
    let stop = CancellationToken::new();
    let heartbeat = Heartbeat::new(&url, watched).unwrap();
    let beating = tokio::spawn(heartbeat.run(stop.clone()));
    // It has begun to wait.
    tokio::task::yield_now().await;
    let ago = |seconds| {
        let ago = Instant::now().checked_sub(Duration::from_secs(seconds));
        ago.expect("this machine is up for longer")
    };
    // It never went round; it did a moment ago; it did long ago; it does again.
    for (progressed, withheld, sent) in [
        (None, 1, 0),
        (Some(ago(0)), 1, 1),
        (Some(ago(31)), 2, 1),
        (Some(ago(3_600)), 3, 1),
        (Some(ago(0)), 3, 2),
    ] {
        if let Some(moment) = progressed {
            health.progressed_at(moment);
        }
        clock.advance(minutes(1));
        until("the next outcome", async || {
            counted(&metrics, "withheld") + counted(&metrics, "sent") == withheld + sent
        })
        .await;
        assert_eq!(counted(&metrics, "withheld"), withheld);
        assert_eq!(calls.load(Ordering::SeqCst), sent, "silence is the alarm");
    }
    assert_eq!(counted(&metrics, "failed"), 0);
    stop.cancel();
    beating.await.unwrap();
}
