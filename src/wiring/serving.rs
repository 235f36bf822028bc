//! Everything that serves: the parts, the worker and the routes, with the lock that lets one process do so per file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use axum::Router;
use hallpass_domain::planted::{Fault, planted};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::audit::Broken;
use crate::config::env::{Env, require_secret};
use crate::config::{Environment, Loaded};
use crate::domain::BackendName;
use crate::http::{self, Front};
use crate::ports::Clock;
use crate::slack;
use crate::store::{ServingLock, Store};
use crate::telemetry::{Health, Metrics};
use crate::worker::{self, Heartbeat, Limits, Worker};

use super::begin::begin;
use super::parts::{Parts, to_serve};
use super::proof::Proof;
use super::retired::{reachable, retired};
use super::timekeeping::Timekeeper;
use super::vitals::Pulse;
use super::{NextEvent, Outside, open_store};

/// Answers under way at a stop get so long.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Wired up and not running yet.
pub struct Wired {
    pub app: Arc<App>,
    pub store: Store,
    pub worker: Arc<Worker>,
    pub router: Router,
    /// Socket Mode, where it is on.
    socket: Option<slack::Socket>,
    /// What goes on after an answer was given.
    pub after: TaskTracker,
    clock: Arc<dyn Clock>,
    timekeeper: Timekeeper,
    heartbeat: Option<Heartbeat>,
    proof: Proof,
    metrics: Arc<Metrics>,
    lock: ServingLock,
}

/// Takes the lock, brings the tables up to date, takes over what a dead process left, loads the configuration.
pub async fn serving(
    loaded: Loaded,
    env: &Env,
    variables: &dyn Environment,
    outside: Outside,
) -> anyhow::Result<Wired> {
    if env.signing_secrets.is_empty() && env.app_token.is_none() {
        bail!("neither SLACK_SIGNING_SECRET nor SLACK_APP_TOKEN is set: Slack can't reach the bot");
    }
    let store = open_store(&env.settings, Arc::clone(&outside.entropy)).await?;
    let lock = store.lock_for_serving()?;
    store.migrate().await?;
    let metrics = match env.app_token {
        Some(_) => Metrics::default().of_socket_mode(),
        None => Metrics::default(),
    };
    let (health, metrics) = (Arc::new(Health::default()), Arc::new(metrics));
    let mut timekeeper = Timekeeper::new(&store, &outside.clock, &metrics);
    timekeeper.begin().await?;
    store.void_leases(&lock).await?;
    if planted(Fault::RestartReadsEverything) {
        // Every live grant is read before anybody is served.
        for grant in store.live_grants(u32::MAX).await? {
            store.grant(&grant.id).await?;
        }
    }
    let retired = retired(&loaded.config, &store, variables, &outside.clock).await?;
    let backends = reachable(&retired);
    let parts = to_serve(&loaded, env, variables, &outside, (store, backends)).await?;
    let proof = Proof::begin(&parts, &loaded.config, env, variables).await?;
    begin(&parts.app, &loaded, retired).await?;

    let heartbeat = heartbeat(
        &loaded,
        variables,
        &parts.store,
        &outside,
        (&health, &metrics),
    )?;
    let worker = Worker::new(worker::Parts {
        app: Arc::clone(&parts.app),
        store: parts.store.clone(),
        clock: Arc::clone(&outside.clock),
        entropy: Arc::clone(&outside.entropy),
        backends: limits(&parts),
        health: Arc::clone(&health),
        metrics: Arc::clone(&metrics),
    });
    let after = TaskTracker::new();
    let shown = (health, Arc::clone(&metrics));
    let (socket, links) = socket(&parts, &outside, &after).unzip();
    let front = front(&parts, env, &outside, shown, (links, after.clone()))?;
    Ok(Wired {
        app: parts.app,
        store: parts.store,
        worker,
        router: http::router(Arc::new(front)),
        socket,
        after,
        clock: outside.clock,
        timekeeper,
        heartbeat,
        proof,
        metrics,
        lock,
    })
}

fn front(
    parts: &Parts,
    env: &Env,
    outside: &Outside,
    (health, metrics): (Arc<Health>, Arc<Metrics>),
    (links, after): (Option<Arc<slack::Links>>, TaskTracker),
) -> anyhow::Result<Front> {
    let clock = Arc::clone(&outside.clock);
    let signing_secrets = match env.signing_secrets.as_slice() {
        [] => None,
        secrets => Some(slack::SigningSecrets::new(secrets.to_vec())?),
    };
    Ok(Front {
        app: Arc::clone(&parts.app),
        desk: slack::Desk::new(Arc::clone(&parts.client), Arc::clone(&parts.slack_health)),
        signing_secrets,
        now: Box::new(move || clock.now()),
        vitals: Arc::new(Pulse {
            store: parts.store.clone(),
            app: Arc::clone(&parts.app),
            clock: Arc::clone(&outside.clock),
            chat: Arc::clone(&parts.chat),
            slack_health: Arc::clone(&parts.slack_health),
            links,
            health,
            asked: Mutex::default(),
        }),
        metrics,
        after,
    })
}

/// Socket Mode, with how its connections stand; none without the app's token.
fn socket(
    parts: &Parts,
    outside: &Outside,
    after: &TaskTracker,
) -> Option<(slack::Socket, Arc<slack::Links>)> {
    let client = parts.app_client.clone()?;
    let links = Arc::new(slack::Links::new());
    let desk = slack::Desk::new(Arc::clone(&parts.client), Arc::clone(&parts.slack_health));
    let socket = slack::Socket::new(slack::socket::Parts {
        client,
        receive: Arc::new(slack::socket::Handlers {
            app: Arc::clone(&parts.app),
            desk,
        }),
        replies: slack::Replies::new(Arc::clone(&parts.client)),
        links: Arc::clone(&links),
        entropy: Arc::clone(&outside.entropy),
        after: after.clone(),
        timing: slack::socket::Timing::default(),
    });
    Some((socket, links))
}

fn heartbeat(
    loaded: &Loaded,
    variables: &dyn Environment,
    store: &Store,
    outside: &Outside,
    (health, metrics): (&Arc<Health>, &Arc<Metrics>),
) -> anyhow::Result<Option<Heartbeat>> {
    let Some(name) = &loaded.config.access.heartbeat_url_env else {
        return Ok(None);
    };
    let url = require_secret(variables, name).map_err(|why| anyhow!(why))?;
    let heartbeat = Heartbeat::new(
        &url,
        worker::Watched {
            store: store.clone(),
            clock: Arc::clone(&outside.clock),
            health: Arc::clone(health),
            metrics: Arc::clone(metrics),
        },
    );
    heartbeat.map(Some).map_err(|why| anyhow!("{name} {why}"))
}

fn limits(parts: &Parts) -> BTreeMap<BackendName, Limits> {
    let limits = parts.backends.iter().map(|(name, backend)| {
        let limits = Limits {
            concurrency: backend.concurrency(),
            call: backend.timeout(),
        };
        (name.clone(), limits)
    });
    limits.collect()
}

impl Wired {
    /// Looks ahead in its timers, also while it serves.
    pub fn next_event(&self) -> NextEvent {
        NextEvent {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            resting: self.worker.resting(),
        }
    }

    /// Takes the record as it is, where it isn't what was anchored; answers whether it wasn't.
    pub async fn accept_restored(&mut self, by: &str) -> anyhow::Result<bool> {
        if self.proof.broken.is_none() {
            return Ok(false);
        }
        self.app.accept_restored(by).await?;
        let Proof {
            anchor,
            key,
            bucket,
            ..
        } = &self.proof;
        anchor
            .start_over(&self.store, key, by, self.clock.now())
            .await
            .context("the anchor can't start over")?;
        if bucket.is_some() {
            tracing::warn!(
                "what the write-once bucket keeps is of the record as it was, for good: give [audit.s3] another prefix"
            );
        }
        self.proof.broken = None;
        Ok(true)
    }

    /// Serves until `stop`; then no more is claimed or accepted, and what runs is finished or given back.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
        if let Some(Broken { anchored, found }) = self.proof.broken {
            let app = Arc::clone(&self.app);
            tokio::spawn(async move { app.tell_restored(anchored, found).await });
        }
        let working = tokio::spawn(self.worker.run(stop.clone()));
        let beside = TaskTracker::new();
        beside.spawn(self.timekeeper.run(stop.clone()));
        if let Some(socket) = self.socket {
            beside.spawn(socket.run(stop.clone()));
        }
        if let Some(heartbeat) = self.heartbeat {
            beside.spawn(heartbeat.run(stop.clone()));
        }
        beside.close();
        // It outlives the worker, so that what that did last is sealed, too.
        let sealed_up = CancellationToken::new();
        let sealer = self
            .proof
            .sealer(&self.app, &self.store, &self.clock, &self.metrics);
        let sealing = tokio::spawn(sealer.run(sealed_up.clone()));
        let told = stop.clone();
        let served = axum::serve(listener, self.router)
            .with_graceful_shutdown(async move { told.cancelled().await });
        let served = tokio::select! {
            served = served.into_future() => served,
            () = past(&stop, LAST_ANSWERS) => {
                tracing::warn!("connections were still open at the stop");
                Ok(())
            }
        };
        // Where the server ended by itself, the worker must not go on alone.
        stop.cancel();
        self.after.close();
        if tokio::time::timeout(LAST_ANSWERS, self.after.wait())
            .await
            .is_err()
        {
            tracing::warn!("answers were still under way at the stop");
        }
        let worked = working.await;
        beside.wait().await;
        sealed_up.cancel();
        if let Err(error) = sealing.await {
            tracing::error!(%error, "the sealer was lost");
        }
        self.store.close().await;
        drop(self.lock);
        worked.context("the worker was lost")?;
        served.context("the server failed")
    }
}

/// Returns so long after the stop.
async fn past(stop: &CancellationToken, limit: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(limit).await;
}
