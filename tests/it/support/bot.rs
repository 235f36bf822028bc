//! A running bot: the real router, worker and database, Slack over HTTP from the sandbox, a target with its own log,
//! and a clock that is moved. Here it is started, stopped and waited for; nothing sleeps. `acts`: what people do with it,
//! `seen`: what is to be seen then.

mod acts;
mod seen;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use hallpass::app::App;
use hallpass::domain::ShortId;
use hallpass::ports::{Clock, Entropy};
use hallpass::slack::socket::CONNECTIONS;
use hallpass::store::Store;
use hallpass::telemetry;
use hallpass::wiring::{self, MovableClock, Outside, SystemEntropy};
use hallpass::worker::Circuits;
use slack_sandbox::{RequestUrls, Sandbox, Workspace};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::gate::{self, Gate};
use super::postgres::Postgres;
use super::workplace;

/// How long `settle` waits at most.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

pub(crate) fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

pub(crate) fn seconds(seconds: i64) -> TimeDelta {
    TimeDelta::seconds(seconds)
}

/// Tells the same story on both databases.
pub(crate) async fn everywhere(story: impl AsyncFn(&TestBot)) {
    TestBot::on(Database::Sqlite, &story).await;
    TestBot::on(Database::Postgres, &story).await;
}

/// The bot's clock and the sandbox's, moved together.
pub(crate) struct Time {
    clock: Arc<MovableClock>,
    slack: Sandbox,
    standing: bool,
}

impl Time {
    pub(crate) fn advance(&self, by: TimeDelta) {
        self.clock.advance(by);
        if self.standing {
            self.slack
                .stand_clock_at(self.clock.now().timestamp_micros());
        } else {
            self.slack
                .set_clock_offset(self.clock.offset().num_seconds());
        }
    }

    pub(crate) fn now(&self) -> hallpass::domain::Time {
        self.clock.now()
    }

    /// The clock of the bot's machine jumps.
    pub(crate) fn machine_jumps(&self, by: TimeDelta) {
        self.clock.machine_jumps(by);
    }
}

/// A request that was asked: its letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// `R-7K2M`
    pub short: String,
}

impl Request {
    pub(crate) fn letters(&self) -> ShortId {
        ShortId::parse(&self.short).unwrap()
    }
}

/// What differs from story to story.
pub(crate) struct Setting {
    pub database: Database,
    pub workspace: Workspace,
    /// Changes the stories' configuration.
    pub edit: Box<dyn Fn(String) -> String>,
    pub variables: Vec<(String, String)>,
    /// How much the machine's clock is wrong.
    pub machine_off: TimeDelta,
    /// Time stands still but for being moved, the bot's and the sandbox's.
    pub standing: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            database: Database::Sqlite,
            workspace: workplace::workspace(),
            edit: Box::new(|text| text),
            variables: Vec::new(),
            machine_off: TimeDelta::zero(),
            standing: false,
        }
    }
}

/// What outlives a bot that is started anew, and may change while none serves.
pub(crate) struct Ground {
    pub slack: Sandbox,
    pub backend: Gate,
    clock: Arc<MovableClock>,
    standing: bool,
    socket_mode: bool,
    database_url: String,
    variables: Vec<(String, String)>,
    dir: TempDir,
}

impl Ground {
    /// Changes the configuration.
    pub(crate) fn rewrites(&self, edit: impl FnOnce(String) -> String) {
        let config = self.dir.path().join("hallpass.toml");
        let text = edit(std::fs::read_to_string(&config).unwrap());
        std::fs::write(config, text).unwrap();
    }
}

pub(crate) struct TestBot {
    pub slack: Sandbox,
    pub backend: Gate,
    pub clock: Time,
    pub store: Store,
    pub app: Arc<App>,
    pub base: String,
    pub database_url: String,
    variables: Vec<(String, String)>,
    socket_mode: bool,
    resting: watch::Receiver<Option<u64>>,
    circuits: Arc<Circuits>,
    after: TaskTracker,
    stop: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
    dir: TempDir,
}

impl TestBot {
    /// Tells a story on `SQLite`.
    pub(crate) async fn run(story: impl AsyncFnOnce(&TestBot)) {
        Self::in_setting(Setting::default(), story).await;
    }

    pub(crate) async fn on(database: Database, story: impl AsyncFnOnce(&TestBot)) {
        let setting = Setting {
            database,
            ..Setting::default()
        };
        Self::in_setting(setting, story).await;
    }

    pub(crate) async fn in_setting(setting: Setting, story: impl AsyncFnOnce(&TestBot)) {
        let bot = Self::start(setting).await;
        bot.settle().await;
        story(&bot).await;
        bot.finish().await;
    }

    /// Tells a story in two parts: between them the bot is stopped, its configuration changed, and started anew.
    pub(crate) async fn across<T>(
        setting: Setting,
        before: impl AsyncFnOnce(&TestBot) -> T,
        edit: impl FnOnce(String) -> String,
        after: impl AsyncFnOnce(&TestBot, T),
    ) {
        Self::restarted(setting, before, |ground| ground.rewrites(edit), after).await;
    }

    /// The same, with whatever happens in between.
    pub(crate) async fn restarted<T>(
        setting: Setting,
        before: impl AsyncFnOnce(&TestBot) -> T,
        meanwhile: impl FnOnce(&Ground),
        after: impl AsyncFnOnce(&TestBot, T),
    ) {
        let mut bot = Self::start(setting).await;
        bot.settle().await;
        let kept = before(&bot).await;
        bot.stop.cancel();
        let stopped = tokio::time::timeout(PATIENCE, bot.serving).await;
        stopped.expect("it stops in time").unwrap().unwrap();
        drop((bot.app, bot.store));
        let ground = Ground {
            slack: bot.slack,
            backend: bot.backend,
            clock: bot.clock.clock,
            standing: bot.clock.standing,
            socket_mode: bot.socket_mode,
            database_url: bot.database_url,
            variables: bot.variables,
            dir: bot.dir,
        };
        meanwhile(&ground);
        bot = Self::begin(ground).await;
        bot.settle().await;
        after(&bot, kept).await;
        bot.finish().await;
    }

    async fn start(setting: Setting) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        logs_where_asked();
        let dir = tempfile::tempdir().unwrap();
        let socket_mode = setting.workspace.app.socket_mode;
        let slack = Sandbox::start_local(setting.workspace).await.unwrap();
        let backend = Gate::start().await;
        let database_url = database_url(setting.database, &dir).await;
        let config = dir.path().join("hallpass.toml");
        let text = (setting.edit)(workplace::configuration(&backend.url()));
        std::fs::write(&config, text).unwrap();
        let clock = clock(setting.standing, setting.machine_off, &slack);
        Self::begin(Ground {
            slack,
            backend,
            clock,
            standing: setting.standing,
            socket_mode,
            database_url,
            variables: setting.variables,
            dir,
        })
        .await
    }

    async fn begin(ground: Ground) -> Self {
        let Ground {
            slack,
            backend,
            clock,
            standing,
            socket_mode,
            database_url,
            variables: more,
            dir,
        } = ground;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        slack.set_request_urls(RequestUrls::under(&base));

        let mut variables = variables(&dir, &slack, socket_mode);
        variables.insert("DATABASE_URL".into(), database_url.clone());
        variables.insert("HALLPASS_BASE_URL".into(), base.clone());
        variables.extend(more.iter().cloned());
        let outside = Outside {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(SystemEntropy) as Arc<dyn Entropy>,
        };
        let env = wiring::environment(&variables, dir.path()).unwrap();
        let loaded = wiring::configuration(&env.settings, &variables).unwrap();
        let wired = wiring::serving(loaded, &env, &variables, outside)
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let bot = Self {
            clock: Time {
                clock,
                slack: slack.clone(),
                standing,
            },
            store: wired.store.clone(),
            app: Arc::clone(&wired.app),
            resting: wired.worker.resting(),
            circuits: wired.worker.circuits(),
            after: wired.after.clone(),
            serving: tokio::spawn(wired.serve(listener, stop.clone())),
            slack,
            backend,
            base,
            database_url,
            variables: more,
            socket_mode,
            stop,
            dir,
        };
        // What is looked at after every start is due before the story begins.
        bot.clock.advance(seconds(1));
        if socket_mode {
            let all = |slack: &Sandbox| (slack.socket_connections() == CONNECTIONS).then_some(());
            bot.slack.until("all connections", all).await.unwrap();
        }
        bot
    }

    /// Stops as SIGTERM does, and what was signed and refused shows that no call was forged.
    async fn finish(self) {
        self.stop.cancel();
        let stopped = tokio::time::timeout(PATIENCE, self.serving).await;
        stopped.expect("it stops in time").unwrap().unwrap();
        assert_eq!(
            self.backend.forged(),
            0,
            "every call to the target was signed"
        );
        assert!(
            self.backend.most_at_once() <= 1,
            "one call per holding at a time"
        );
        assert_eq!(self.slack.socket_mistakes(), [""; 0]);
        drop(self.dir);
    }

    /// Carries out every due effect, until none is due and no answer is under way.
    pub(crate) async fn settle(&self) {
        let (changed, resting) = (self.store.changed(), self.resting.clone());
        let settled = async {
            loop {
                let answered = self.after.is_empty();
                let seen = *changed.borrow();
                let now = self.clock.now();
                let lanes = self.store.lanes().await.unwrap();
                // What waits for a target that is away is due, and nobody's work until its next probe.
                let waits = |lane| self.circuits.waits(lane, now);
                let nothing_due = lanes.iter().all(|(lane, due)| *due > now || waits(lane));
                // In this order: what was claimed before the lanes were read is in flight, or has committed since.
                if answered
                    && nothing_due
                    && *resting.borrow() == Some(seen)
                    && *changed.borrow() == seen
                {
                    return;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(PATIENCE, settled)
            .await
            .expect("every due effect is carried out in time");
    }
}

/// What the bot finds in its environment, but for where it serves.
fn variables(dir: &TempDir, slack: &Sandbox, socket_mode: bool) -> BTreeMap<String, String> {
    let in_dir = |name: &str| dir.path().join(name).display().to_string();
    let (name, secret) = if socket_mode {
        ("SLACK_APP_TOKEN", workplace::APP_TOKEN)
    } else {
        ("SLACK_SIGNING_SECRET", workplace::SIGNING_SECRET)
    };
    [
        ("HALLPASS_CONFIG", in_dir("hallpass.toml")),
        ("STATE_DIRECTORY", in_dir("state")),
        ("SLACK_BOT_TOKEN", workplace::TOKEN.to_owned()),
        ("SLACK_API_URL", slack.api_url()),
        ("GATE_SECRET", gate::SECRET.to_owned()),
        (name, secret.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn clock(standing: bool, machine_off: TimeDelta, slack: &Sandbox) -> Arc<MovableClock> {
    if !standing {
        return Arc::new(MovableClock::off_by(machine_off));
    }
    let clock = MovableClock::standing();
    slack.stand_clock_at(clock.now().timestamp_micros());
    Arc::new(clock)
}

/// For whoever looks for why a story fails: `RUST_LOG=debug`.
fn logs_where_asked() {
    if let Ok(filter) = std::env::var("RUST_LOG") {
        // Where another test started it already, that one goes on.
        drop(telemetry::start(&filter, telemetry::Format::Text));
    }
}

async fn database_url(database: Database, dir: &TempDir) -> String {
    match database {
        Database::Sqlite => format!("sqlite://{}", dir.path().join("hallpass.db").display()),
        Database::Postgres => Postgres::shared().await.fresh_database().await,
    }
}
