//! The place and the bot in it: started, killed and started again over the same file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use hallpass::app::{App, Parts, ReviewKey};
use hallpass::config::Loaded;
use hallpass::config::env::Env;
use hallpass::domain::{BackendName, RequestId, Time};
use hallpass::ports::{Backend, Clock, Entropy};
use hallpass::store::{RequestFilter, ServingLock, Store, StoreError};
use hallpass::telemetry::{Health, Metrics};
use hallpass::wiring;
use hallpass::worker::{self, Limits, Rounds, Worker};
use tempfile::TempDir;

use super::Run;
use super::judge::Judge;
use super::outside::{Dice, Outside, Setback};
use super::ports::{LIMIT, People, Talk, Target};
use crate::support::Database;
use crate::support::postgres::Postgres;

/// At one moment nothing takes more rounds and calls than this.
const AT_ONE_MOMENT: usize = 12_000;
/// So often whoever can go on is let go on, where not all wait.
const ENOUGH: usize = 40;
/// The same where another process answers.
const A_WHILE: Duration = Duration::from_millis(30);
/// What is answered by another process may take so long, or it isn't there.
const PATIENCE: Duration = Duration::from_secs(30);
const A_MOMENT: TimeDelta = TimeDelta::milliseconds(500);
/// An outbox that others can be reached from drains.
const DRAINED_WITHIN: TimeDelta = TimeDelta::minutes(10);
/// Hours: longer than any request waits and any grant lasts.
const AFTERWARDS: i64 = 4;

pub(super) struct Bot {
    pub(super) app: Arc<App>,
    pub(super) store: Store,
    worker: Arc<Worker>,
    rounds: Rounds,
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
    /// How many calls at a time one of the backends bears. Where it is one, what gives access gives way.
    bears: usize,
    loaded: Loaded,
    env: Env,
    database: Database,
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
            judge: Judge::of(database),
            deliveries: 0,
            scans: seed.is_multiple_of(2),
            bears: if seed.is_multiple_of(3) { 1 } else { 4 },
            loaded,
            env,
            database,
            url,
            _dir: dir,
        };
        world.starts().await;
        world
    }

    pub(super) fn now(&self) -> Time {
        self.outside.now()
    }

    /// As often as it takes: a database that has no time for it is no fault of the bot.
    pub(super) async fn starts(&mut self) {
        let began = Instant::now();
        let bot = loop {
            match self.start().await {
                Ok(bot) => break bot,
                Err(error) => assert!(began.elapsed() < PATIENCE, "it doesn't start: {error}"),
            }
        };
        {
            let mut state = self.outside.state();
            state.sets_back(Setback::Start);
            state.says("bot starts");
        }
        self.bot = Some(bot);
    }

    async fn start(&self) -> Result<Bot, StoreError> {
        let clock = Arc::clone(&self.outside) as Arc<dyn Clock>;
        let entropy = Arc::clone(&self.outside) as Arc<dyn Entropy>;
        let store = Store::open(&self.url, Arc::clone(&entropy)).await?;
        let lock = store.lock_for_serving()?;
        store.migrate().await?;
        store.answers_here();
        store.void_leases(&lock).await?;
        let target = |name: &str, tracks_expiry, concurrency| {
            let target = Target {
                name: BackendName::new(name),
                tracks_expiry,
                concurrency,
                outside: Arc::clone(&self.outside),
            };
            (target.name.clone(), Arc::new(target) as Arc<dyn Backend>)
        };
        let backends: BTreeMap<_, _> =
            [target("gate", true, 4), target("orders", false, self.bears)].into();
        let limits = backends.values().map(|backend| {
            let limits = Limits {
                concurrency: backend.concurrency(),
                call: LIMIT,
            };
            (backend.name().clone(), limits)
        });
        let limits = limits.collect();
        let (config, team) = (&self.loaded.config, Some("T0ACME".to_owned()));
        let app = App::new(Parts {
            store: store.clone(),
            directory: Arc::new(People(Arc::clone(&self.outside))),
            on_call: wiring::on_call(config),
            backends,
            chat: Arc::new(Talk(Arc::clone(&self.outside))),
            clock,
            entropy,
            key: ReviewKey::new([7; 32]),
            settings: wiring::settings(config, &self.env.settings, team),
            rules: Vec::new(),
        });
        let app = Arc::new(app.unwrap());
        let (digest, text) = (&self.loaded.digest, &self.loaded.text);
        app.load_configuration(digest, text).await?;
        if self.scans {
            app.look_at_everything().await?;
        }
        let worker = self.worker(&app, &store, limits);
        Ok(Bot {
            app,
            store,
            rounds: worker.rounds(self.now()),
            worker,
            _lock: lock,
        })
    }

    fn worker(
        &self,
        app: &Arc<App>,
        store: &Store,
        backends: BTreeMap<BackendName, Limits>,
    ) -> Arc<Worker> {
        Worker::new(worker::Parts {
            app: Arc::clone(app),
            store: store.clone(),
            clock: Arc::clone(&self.outside) as Arc<dyn Clock>,
            entropy: Arc::clone(&self.outside) as Arc<dyn Entropy>,
            backends,
            health: Arc::new(Health::default()),
            metrics: Arc::new(Metrics::default()),
        })
    }

    /// Without a goodbye: what was under way is lost.
    pub(super) async fn dies(&mut self) {
        self.outside.state().calls.dies = false;
        if let Some(bot) = self.bot.take() {
            self.outside.state().says("bot dies");
            let store = bot.store.clone();
            drop(bot);
            // What was under way is dropped when its turn comes.
            for _ in 0..ENOUGH {
                if self.outside.state().calls.waiting() == 0 {
                    break;
                }
                tokio::task::yield_now().await;
            }
            // Only so that no thread of the driver holds the file any more.
            store.close().await;
        }
    }

    /// Somebody acts, while calls of the worker are under way.
    pub(super) async fn acts<T>(&mut self, work: impl Future<Output = T>) -> T {
        self.outside.state().calls.free = true;
        let done = work.await;
        self.outside.state().calls.free = false;
        self.comes_to_a_stand().await;
        done
    }

    /// Everything goes as far as it goes by itself: until each task waits for its turn. Where the bot died over that, it is
    /// gone.
    async fn comes_to_a_stand(&mut self) {
        let began = Instant::now();
        let mut passes = 0;
        while let Some(bot) = &mut self.bot {
            passes += 1;
            tokio::task::yield_now().await;
            let under_way = bot.rounds.under_way();
            let (dies, waiting) = {
                let calls = &self.outside.state().calls;
                (calls.dies, calls.tasks())
            };
            if dies {
                return self.dies().await;
            }
            if passes > 2 && under_way.running == waiting && under_way.recording == 0 {
                return;
            }
            // Behind a lock that another has who waits for its turn.
            let behind = waiting > 0 && under_way.recording == 0;
            match self.database {
                // Whoever can go on does so in each pass: the store answers at once.
                Database::Sqlite if behind && passes > ENOUGH => return,
                Database::Postgres if behind && began.elapsed() > A_WHILE => return,
                Database::Sqlite | Database::Postgres => {}
            }
            if began.elapsed() > PATIENCE {
                let hangs = format!("it hangs: {under_way:?}, {waiting} wait");
                return self.judge.finds(hangs);
            }
            if passes > ENOUGH {
                // The database, or a pause after it failed.
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
    }

    /// The worker goes round. A database that doesn't answer is no fault of the bot.
    async fn goes_round(&mut self) {
        let now = self.now();
        let Some(bot) = &mut self.bot else { return };
        if bot.rounds.next(now).await.is_err() {
            self.database_is_away();
        }
        self.comes_to_a_stand().await;
    }

    fn database_is_away(&self) {
        let mut state = self.outside.state();
        state.sets_back(Setback::Database);
        state.fires("database away");
    }

    async fn a_call_goes_on(&mut self) {
        let choice = self.dice.next();
        self.outside.goes_on(choice);
        self.comes_to_a_stand().await;
    }

    /// A round, or one of the calls goes on; false where nothing is under way after that.
    pub(super) async fn steps(&mut self) -> bool {
        let waiting = self.outside.state().calls.waiting();
        if waiting > 0 && self.dice.below(3) > 0 {
            self.a_call_goes_on().await;
            return self.bot.is_some();
        }
        self.goes_round().await;
        self.outside.state().calls.waiting() > 0
    }

    /// Whether nothing is due that anybody could do, and nothing is under way.
    async fn rests(&mut self) -> bool {
        let now = self.now();
        let Some(bot) = &mut self.bot else {
            return true;
        };
        let under_way = bot.rounds.under_way();
        if under_way.running + under_way.recording > 0 {
            return false;
        }
        let circuits = bot.worker.circuits();
        // What waits for a target that is away is due, and nobody's work until its next probe.
        let waits = |lane| circuits.waits(lane, now);
        match bot.store.lanes().await {
            Ok(lanes) => lanes.iter().all(|(lane, due)| *due > now || waits(lane)),
            Err(_) => false,
        }
    }

    /// Everything that is due now, and then the judge looks.
    pub(super) async fn quiet(&mut self) {
        for _ in 0..AT_ONE_MOMENT {
            let waiting = self.outside.state().calls.waiting();
            if waiting > 0 && self.dice.below(4) > 0 {
                self.a_call_goes_on().await;
                continue;
            }
            self.goes_round().await;
            if self.outside.state().calls.waiting() == 0 && self.rests().await {
                if self.bot.is_some() {
                    self.judge.looks(&self.outside);
                }
                return;
            }
        }
        self.judge.finds("it never comes to rest at one moment");
    }

    /// Time passes, and all is done that becomes due; the judge looks also when somebody's time and I1's bound are over.
    pub(super) async fn passes(&mut self, by: TimeDelta) {
        let until = self.now() + by;
        while let Some(moment) = self.judge.next_moment(self.now()) {
            if moment >= until || self.bot.is_none() {
                break;
            }
            self.outside.advance(moment - self.now());
            self.quiet().await;
        }
        self.outside.advance(until - self.now());
        self.quiet().await;
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
            let Ok(mut lanes) = bot.store.lanes().await else {
                self.database_is_away();
                continue;
            };
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
            let step = (next - self.now()).max(A_MOMENT);
            let moment = self.judge.next_moment(self.now());
            let looks = moment.map_or(step, |moment| moment - self.now());
            self.outside.advance(step.min(looks));
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
        let held_to = self.judge.held_to();
        let mut violations = self.judge.found;
        if !left.is_empty() {
            violations.push(format!("access is left behind: {left:?}"));
        }
        violations.append(&mut state.wrong);
        Run {
            log: std::mem::take(&mut state.log),
            fired: std::mem::take(&mut state.fired),
            held_to,
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
