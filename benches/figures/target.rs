//! The target of a bot in a process of its own: a webhook receiver that answers at once, and its own log of what it was
//! asked and told. It holds what it was told to hold, and what it held from the beginning.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What there is one permission of: who has it, who was looked at, and how often access was taken away.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) held: HashSet<String>,
    pub(crate) looked_at: HashSet<String>,
    pub(crate) taken: usize,
}

#[derive(Clone)]
struct Shared {
    log: Arc<Mutex<Log>>,
    changed: watch::Sender<()>,
}

pub(crate) struct Target {
    pub(crate) url: String,
    shared: Shared,
    serving: AbortHandle,
}

impl Target {
    pub(crate) async fn start(held: HashSet<String>) -> Result<Self> {
        let log = Log {
            held,
            ..Log::default()
        };
        let shared = Shared {
            log: Arc::new(Mutex::new(log)),
            changed: watch::Sender::new(()),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let router = Router::new()
            .route("/", post(ordered))
            .with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            url,
            shared,
            serving: serving.abort_handle(),
        })
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.shared.log()
    }

    /// Waits until its log says so, at most so long.
    pub(crate) async fn until(&self, patience: Duration, so: impl Fn(&Log) -> bool) -> Result<()> {
        let mut changed = self.shared.changed.subscribe();
        let waiting = async {
            while !so(&self.log()) {
                changed.changed().await?;
            }
            anyhow::Ok(())
        };
        let waited = tokio::time::timeout(patience, waiting).await;
        waited.context("what the target waited for didn't come in time")?
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Source of the shapes: `docs/backends/webhook.md`. Signatures are the tests' matter.
async fn ordered(State(shared): State<Shared>, Json(order): Json<Value>) -> Json<Value> {
    let who = order["principal"].as_str().unwrap_or_default().to_owned();
    let mut log = shared.log();
    let answer = match order["action"].as_str() {
        Some("grant") => {
            log.held.insert(who);
            json!({})
        }
        Some("revoke") => {
            log.taken += 1;
            log.held.remove(&who);
            json!({})
        }
        _ => {
            let held = log.held.contains(&who);
            log.looked_at.insert(who);
            json!({ "held": held, "by": "hallpass" })
        }
    };
    drop(log);
    shared.changed.send_replace(());
    Json(answer)
}
