//! The place and the bot in it: started, killed and started again over the same file.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use hallpass::app::{App, Parts, ReviewKey};
use hallpass::config::Loaded;
use hallpass::config::env::Env;
use hallpass::domain::{BackendName, RequestId, Time};
use hallpass::ports::{Backend, Clock, Entropy};
use hallpass::store::{RequestFilter, ServingLock, Store};
use hallpass::telemetry::{Health, Metrics};
use hallpass::wiring;
use hallpass::worker::{self, Limits, Worker};
use tempfile::TempDir;

use super::Run;
use super::judge::Judge;
use super::outside::{Dice, Outside};
use super::ports::{LIMIT, People, Talk, Target};
use crate::support::Database;
use crate::support::postgres::Postgres;

/// At one moment nothing takes more effects than this.
const AT_ONE_MOMENT: usize = 3_000;
const A_MOMENT: TimeDelta = TimeDelta::milliseconds(500);
/// An outbox that others can be reached from drains.
const DRAINED_WITHIN: TimeDelta = TimeDelta::minutes(10);
/// Hours: longer than any request waits and any grant lasts.
const AFTERWARDS: i64 = 4;

pub(super) struct Bot {
    pub(super) app: Arc<App>,
    pub(super) store: Store,
    pub(super) worker: Arc<Worker>,
    _lock: ServingLock,
}

/// A request that somebody made.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) id: RequestId,
    pub(super) short: String,
    pub(super) by: &'static str,
    pub(super) role: &'static str,
    pub(super) minutes: i64,
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) outside: Arc<Outside>,
    pub(super) bot: Option<Bot>,
    pub(super) asked: Vec<Asked>,
    pub(super) judge: Judge,
    pub(super) deliveries: u64,
    /// Every other seed does without the reconciler, which would repair what should never have gone wrong.
    scans: bool,
    loaded: Loaded,
    env: Env,
    url: String,
    _dir: TempDir,
}

impl World {
    pub(super) async fn new(database: Database, seed: u64) -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let dir = if memory.is_dir() {
            tempfile::tempdir_in(memory).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        };
        let config = dir.path().join("hallpass.toml");
        std::fs::write(&config, CONFIGURATION).unwrap();
        let variables: BTreeMap<String, String> = [
            ("HALLPASS_CONFIG", config.display().to_string()),
            ("SLACK_BOT_TOKEN", "xoxb-none".to_owned()),
            ("SLACK_SIGNING_SECRET", "none-at-all".to_owned()),
            ("GATE_SECRET", "none-at-all".to_owned()),
            (
                "ORDERS_URL",
                "postgres://nobody@127.0.0.1:1/none".to_owned(),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let env = wiring::environment(&variables, dir.path()).unwrap();
        let loaded = wiring::configuration(&env.settings, &variables).unwrap();
        let url = match database {
            Database::Sqlite => format!("sqlite://{}", dir.path().join("hallpass.db").display()),
            Database::Postgres => Postgres::shared().await.fresh_database().await,
        };
        let outside = Outside::new(seed);
        let standing = ["gate", "dana", "orders_admin"].map(str::to_owned);
        outside.state().others.insert(standing.into());
        let mut world = Self {
            dice: Dice::new(seed),
            outside,
            bot: None,
            asked: Vec::new(),
            judge: Judge::default(),
            deliveries: 0,
            scans: seed.is_multiple_of(2),
            loaded,
            env,
            url,
            _dir: dir,
        };
        world.starts().await;
        world
    }

    pub(super) fn now(&self) -> Time {
        self.outside.now()
    }

    pub(super) async fn starts(&mut self) {
        let clock = Arc::clone(&self.outside) as Arc<dyn Clock>;
        let entropy = Arc::clone(&self.outside) as Arc<dyn Entropy>;
        let store = Store::open(&self.url, Arc::clone(&entropy)).await.unwrap();
        let lock = store.lock_for_serving().unwrap();
        store.migrate().await.unwrap();
        store.void_leases(&lock).await.unwrap();
        let target = |name: &str, tracks_expiry| {
            let target = Target {
                name: BackendName::new(name),
                tracks_expiry,
                outside: Arc::clone(&self.outside),
            };
            (target.name.clone(), Arc::new(target) as Arc<dyn Backend>)
        };
        let backends: BTreeMap<_, _> = [target("gate", true), target("orders", false)].into();
        let limits = Limits {
            concurrency: 4,
            call: LIMIT,
        };
        let limits = backends.keys().map(|name| (name.clone(), limits)).collect();
        let (config, team) = (&self.loaded.config, Some("T0ACME".to_owned()));
        let app = App::new(Parts {
            store: store.clone(),
            directory: Arc::new(People(Arc::clone(&self.outside))),
            on_call: wiring::on_call(config),
            backends,
            chat: Arc::new(Talk(Arc::clone(&self.outside))),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            key: ReviewKey::new([7; 32]),
            settings: wiring::settings(config, &self.env.settings, team),
            rules: Vec::new(),
        });
        let app = Arc::new(app.unwrap());
        let (digest, text) = (&self.loaded.digest, &self.loaded.text);
        app.load_configuration(digest, text).await.unwrap();
        if self.scans {
            app.look_at_everything().await.unwrap();
        }
        let worker = Worker::new(worker::Parts {
            app: Arc::clone(&app),
            store: store.clone(),
            clock,
            entropy,
            backends: limits,
            health: Arc::new(Health::default()),
            metrics: Arc::new(Metrics::default()),
        });
        self.outside.state().says("bot starts");
        self.bot = Some(Bot {
            app,
            store,
            worker,
            _lock: lock,
        });
    }

    /// Without a goodbye: what was under way is lost.
    pub(super) async fn dies(&mut self) {
        if let Some(bot) = self.bot.take() {
            self.outside.state().says("bot dies");
            let store = bot.store.clone();
            drop(bot);
            // Only so that no thread of the driver holds the file any more.
            store.close().await;
        }
    }

    /// Does it, unless the bot dies over it.
    pub(super) async fn unless_it_dies<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let outside = Arc::clone(&self.outside);
        let done = tokio::select! {
            biased;
            () = outside.dies.notified() => None,
            done = work => Some(done),
        };
        if done.is_none() {
            self.dies().await;
        }
        done
    }

    /// One effect; false where none is due or nobody is there.
    pub(super) async fn steps(&mut self) -> bool {
        let Some(bot) = &self.bot else {
            return false;
        };
        let (worker, now) = (Arc::clone(&bot.worker), self.now());
        let choice = usize::try_from(self.dice.below(8)).unwrap();
        let work = async move { worker.step(now, choice).await.unwrap() };
        self.unless_it_dies(work).await.unwrap_or(false)
    }

    /// Everything that is due now, and then the judge looks.
    pub(super) async fn quiet(&mut self) {
        for _ in 0..AT_ONE_MOMENT {
            if !self.steps().await {
                if self.bot.is_some() {
                    self.judge.looks(&self.outside);
                }
                return;
            }
        }
        self.judge.finds("it never comes to rest at one moment");
    }

    /// Nobody does anything more, everything is well, and time passes until nothing is left to happen.
    pub(super) async fn comes_to_rest(&mut self) {
        self.outside.state().heals();
        self.outside.state().says("all is well");
        if self.bot.is_none() {
            self.starts().await;
        }
        let until = self.now() + TimeDelta::hours(AFTERWARDS);
        let mut moved = self.now();
        while self.now() < until {
            self.quiet().await;
            let Some(bot) = &self.bot else {
                return self.judge.finds("it died by itself");
            };
            let mut lanes = bot.store.lanes().await.unwrap();
            lanes.sort_by_key(|(_, due)| *due);
            let next = lanes.first().map_or(until, |(_, due)| *due).min(until);
            if next > self.now() {
                moved = self.now();
            } else if self.now() - moved > DRAINED_WITHIN {
                return self
                    .judge
                    .finds(format!("left undone since {moved}: {lanes:?}"));
            }
            // What is due already waits for its backend's next probe.
            self.outside.advance((next - self.now()).max(A_MOMENT));
        }
        self.quiet().await;
    }

    pub(super) async fn finish(mut self) -> Run {
        if let Some(bot) = &self.bot {
            let pending = bot
                .store
                .requests(RequestFilter::Pending, 10)
                .await
                .unwrap();
            let live = bot
                .store
                .requests(RequestFilter::LiveGrants, 10)
                .await
                .unwrap();
            for request in pending.iter().chain(&live) {
                let short = request.short.of_request();
                self.judge
                    .finds(format!("{short} is left {}", request.state.name()));
            }
        }
        self.dies().await;
        if let Some((_, name)) = self
            .url
            .rsplit_once('/')
            .filter(|(_, name)| name.starts_with("fresh_"))
        {
            // Thousands of them would fill the disk.
            let drop = format!("drop database {name} with (force)");
            Postgres::shared().await.execute(&drop).await;
        }
        let mut state = self.outside.state();
        let left: Vec<_> = state.ours.iter().cloned().collect();
        let mut violations = self.judge.found;
        if !left.is_empty() {
            violations.push(format!("access is left behind: {left:?}"));
        }
        violations.append(&mut state.wrong);
        Run {
            log: std::mem::take(&mut state.log),
            fired: std::mem::take(&mut state.fired),
            violations,
        }
    }
}

/// What a role gives, as the backends name it.
pub(super) fn gives(role: &str) -> &'static [(&'static str, &'static str)] {
    match role {
        "db-admin" => &[("gate", "orders_admin")],
        "db-owner" => &[("gate", "orders_admin"), ("orders", "orders_owner")],
        "two-keys" => &[("orders", "vault")],
        _ => &[("orders", "logs")],
    }
}

const CONFIGURATION: &str = concat!(
    include_str!("../../acme.toml"),
    r#"
[groups]
backend  = ["U0ALICE", "U0RITA", "U0DANA"]
dba      = ["U0BOB", "U0DANA", "U0FRANK"]
security = ["U0EVE"]

[backend.gate]
kind       = "webhook"
url        = "http://127.0.0.1:1/"
secret_env = "GATE_SECRET"
principal  = "{email_local}"

[backend.orders]
kind      = "postgres"
url_env   = "ORDERS_URL"
principal = "{email_local}"

[defaults.role]
requesters = ["group:backend"]

[role.db-admin]
template     = "asked"
description  = "Read and write orders"
entitlements = [ { backend = "gate", permission = "orders_admin" } ]
[[role.db-admin.stages]]
approvers = ["group:dba"]
ladder    = [ { after = "20m", ask = ["group:security"] } ]

[role.db-owner]
template     = "asked"
description  = "Own the orders database"
entitlements = [ { backend = "gate", permission = "orders_admin" }, { backend = "orders", role = "orders_owner" } ]
[[role.db-owner.stages]]
approvers = ["group:dba"]

[role.two-keys]
template     = "asked"
description  = "What two DBAs must agree to"
entitlements = [ { backend = "orders", role = "vault" } ]
[[role.two-keys.stages]]
approvers = ["group:dba", "group:security"]
quorum    = 2

[role.logs]
template     = "asked"
description  = "Read the logs"
entitlements = [ { backend = "orders", role = "logs" } ]
stages       = []
"#
);
