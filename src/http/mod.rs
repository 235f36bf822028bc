//! The HTTP server: Slack's routes, health and metrics. It reads bounded bodies, checks signatures over the raw bytes,
//! and hands what it got to `slack`; it decides nothing. No store, no port and no configuration may enter: what it needs
//! of them is handed in by `wiring` as [`Front`].

mod deliveries;
mod health;
mod limits;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use hallpass_domain::Time;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;

use crate::app::App;
use crate::slack::{Desk, SigningSecrets};
use crate::telemetry::{Ledger, Metrics};

/// What health and metrics ask of the rest of the program.
#[async_trait]
pub trait Vitals: Send + Sync {
    /// Each answers with a sentence where something is wrong.
    async fn database(&self) -> Result<(), String>;
    async fn slack(&self) -> Result<(), String>;
    fn worker(&self) -> Result<(), String>;
    /// Socket Mode, where it is on: how its connections stand.
    fn socket(&self) -> Option<Result<(), String>>;
    /// Channels that refuse messages for good. Somebody must see to them, but the bot does its work without.
    async fn channels(&self) -> Result<(), String>;
    /// Targets that are away for now. The bot goes on without, and asks them again.
    fn lanes(&self) -> Result<(), String>;
    /// Whether the record is what was anchored of it; where it isn't, nothing is granted, and everything is ended as always.
    fn record(&self) -> Result<(), String>;
    /// How many requests and grants there are; none where the store doesn't answer.
    async fn ledger(&self) -> Option<Ledger>;
}

/// What the routes work with.
pub struct Front {
    pub app: Arc<App>,
    pub desk: Desk,
    /// None where Slack reaches the bot by Socket Mode alone: then nothing that comes here is Slack's.
    pub signing_secrets: Option<SigningSecrets>,
    /// The moment, by the clock that everything else goes by.
    pub now: Box<dyn Fn() -> Time + Send + Sync>,
    pub vitals: Arc<dyn Vitals>,
    pub metrics: Arc<Metrics>,
    /// What goes on after an answer was given; waited for at a stop.
    pub after: TaskTracker,
}

/// Every route there is; all else is 404.
pub fn router(front: Arc<Front>) -> Router {
    Router::new()
        .route("/slack/commands", post(deliveries::command))
        .route("/slack/interactions", post(deliveries::interaction))
        .route("/slack/events", post(deliveries::event))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .layer(limits::of_bodies())
        .layer(CatchPanicLayer::new())
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(limits::span)
                .on_request(())
                .on_failure(()),
        )
        .layer(middleware::from_fn_with_state(
            Arc::clone(&front),
            limits::measure,
        ))
        .with_state(front)
}
