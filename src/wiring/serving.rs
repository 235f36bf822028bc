//! Everything that serves: the parts, the worker and the routes, with the lock that lets one process do so per file.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use axum::Router;
use hallpass_domain::planted::{Fault, planted};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::audit::Broken;
use crate::config::env::{Env, require_secret};
use crate::config::{Environment, Loaded};
use crate::domain::BackendName;
use crate::http::{self, Front};
use crate::panics::sound;
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
    ///
    /// # Errors
    /// Where the server or a part that must go on was lost: then all stops, and whoever keeps the process running starts
    /// another.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
        if let Some(Broken { anchored, found }) = self.proof.broken {
            let app = Arc::clone(&self.app);
            tokio::spawn(async move { app.tell_restored(anchored, found).await });
        }
        let (working, keeping) = (stop.clone(), stop.clone());
        let mut parts = vec![
            Part::start("worker", &stop, self.worker.run(working)),
            Part::start("timekeeper", &stop, self.timekeeper.run(keeping)),
        ];
        if let Some(socket) = self.socket {
            parts.push(Part::start("Socket Mode", &stop, socket.run(stop.clone())));
        }
        if let Some(heartbeat) = self.heartbeat {
            parts.push(Part::start("heartbeat", &stop, heartbeat.run(stop.clone())));
        }
        // It outlives the worker, so that what that did last is sealed, too.
        let sealed_up = CancellationToken::new();
        let sealer = self
            .proof
            .sealer(&self.app, &self.store, &self.clock, &self.metrics);
        let sealing = Part::start("sealer", &stop, sealer.run(sealed_up.clone()));
        let told = stop.clone();
        let served = axum::serve(listener, self.router)
            .with_graceful_shutdown(async move { told.cancelled().await });
        let served = tokio::select! {
            served = served.into_future() => served,
            () = past(&stop, LAST_ANSWERS) => {
                tracing::warn!("connections were still open at the stop");
                Ok(())
            }
            () = self.store.writer_is_lost() => {
                tracing::error!(part = "writer", "a part was lost: the process ends");
                Err(io::Error::other("nothing can be written any more"))
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
        let mut ends = Vec::new();
        for part in parts {
            ends.push(part.ended().await);
        }
        sealed_up.cancel();
        ends.push(sealing.ended().await);
        self.store.close().await;
        drop(self.lock);
        ends.into_iter().collect::<anyhow::Result<()>>()?;
        served.context("the server failed")
    }
}

/// A part without which the process must not go on: one that goes on without its worker would still say yes.
struct Part {
    name: &'static str,
    task: JoinHandle<Result<(), String>>,
}

impl Part {
    /// Where it is lost, it has the others stop.
    fn start(
        name: &'static str,
        stop: &CancellationToken,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let stop = stop.clone();
        let task = tokio::spawn(async move {
            let mut ended = sound(work).await;
            if ended.is_ok() && !stop.is_cancelled() {
                ended = Err("it ended by itself".into());
            }
            if let Err(why) = &ended {
                tracing::error!(part = name, why, "a part was lost: the process ends");
                stop.cancel();
            }
            ended
        });
        Self { name, task }
    }

    async fn ended(self) -> anyhow::Result<()> {
        let ended = self.task.await.map_err(|error| error.to_string());
        let lost = |why| anyhow!("the {} was lost: {why}", self.name);
        ended.flatten().map_err(lost)
    }
}

/// Returns so long after the stop.
async fn past(stop: &CancellationToken, limit: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(limit).await;
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::Part;

    #[tokio::test]
    async fn where_a_part_is_lost_all_stop() {
        let stop = CancellationToken::new();
        let other = Part::start("sealer", &stop, {
            let stop = stop.clone();
            async move { stop.cancelled().await }
        });
        let lost = Part::start("worker", &stop, async { panic!("a bug") });
        assert_eq!(
            lost.ended().await.unwrap_err().to_string(),
            "the worker was lost: it panicked: a bug"
        );
        assert!(stop.is_cancelled());
        assert!(other.ended().await.is_ok());
        let stop = CancellationToken::new();
        let over = Part::start("heartbeat", &stop, async {});
        assert_eq!(
            over.ended().await.unwrap_err().to_string(),
            "the heartbeat was lost: it ended by itself"
        );
        assert!(stop.is_cancelled());
    }
}
