//! The bot without a process of its own: the real use cases, store and worker, with ports that answer at once. What is
//! measured here is Hallpass and its database, and nothing of Slack, HTTP or a target.

mod ports;
mod watch;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use chrono::TimeDelta;
use hallpass::app::answer::Answer;
use hallpass::app::{App, Caller, Parts, Press, ReviewKey, Settings};
use hallpass::config::{Config, OnCallSection};
use hallpass::domain::command::Command;
use hallpass::domain::{BackendName, EventKind, Lane, RequestId, SlackId};
use hallpass::oncall::Static;
use hallpass::ports::{Backend as _, Clock, Entropy, OnCall};
use hallpass::store::{ServingLock, Store};
use hallpass::telemetry::{Health, Metrics};
use hallpass::wiring::{MovableClock, SystemEntropy};
use hallpass::worker::{self, Limits, Worker};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use ports::{Mailbox, Target};
pub(crate) use watch::Watch;

use super::workplace::{self, ROLE};

/// How long it may take until all is done.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The bot, at work in this process.
pub(crate) struct Inside {
    pub(crate) app: Arc<App>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<MovableClock>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) watch: Watch,
    asked: AtomicUsize,
    stop: CancellationToken,
    working: JoinHandle<()>,
    _lock: ServingLock,
}

impl Inside {
    /// `folder` is where the configuration is written; the database must be empty or one of an earlier `Inside`.
    pub(crate) async fn start(folder: &Path, database: &str) -> Result<Self> {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let clock = Arc::new(MovableClock::default());
        let store = Store::open(database, Arc::clone(&entropy)).await?;
        let lock = store.lock_for_serving()?;
        store.migrate().await?;
        store.void_leases(&lock).await?;
        let target = Arc::new(Target::new(BackendName::new("orders")));
        let mailbox = Arc::new(Mailbox::default());
        let config = configuration(folder)?;
        let app = Arc::new(App::new(Parts {
            store: store.clone(),
            directory: Arc::new(ports::Everybody),
            on_call: on_call(&config),
            backends: BTreeMap::from([(target.name().clone(), target.clone() as _)]),
            chat: mailbox.clone(),
            clock: Arc::clone(&clock) as _,
            entropy: Arc::clone(&entropy),
            key: ReviewKey::new([7; 32]),
            settings: settings(config),
            rules: Vec::new(),
        })?);
        let limits = Limits {
            concurrency: target.concurrency(),
            call: target.timeout(),
        };
        let worker = Worker::new(worker::Parts {
            app: Arc::clone(&app),
            store: store.clone(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy,
            backends: BTreeMap::from([(target.name().clone(), limits)]),
            health: Arc::new(Health::default()),
            metrics: Arc::new(Metrics::default()),
        });
        let stop = CancellationToken::new();
        let watch = Watch::start(database, &store, stop.clone()).await?;
        Ok(Self {
            app,
            store,
            clock,
            mailbox,
            watch,
            asked: AtomicUsize::new(0),
            working: tokio::spawn(worker.run(stop.clone())),
            stop,
            _lock: lock,
        })
    }

    /// The first sight of a person is a commit of its own.
    pub(crate) async fn meet(&self, people: usize) -> Result<()> {
        for number in 0..people {
            self.app
                .command(&caller(number)?, Command::Help, None)
                .await;
        }
        self.app.command(&approver()?, Command::Help, None).await;
        Ok(())
    }

    /// One whole cycle of one person: asked, approved, given, ended, and seen to be gone.
    pub(crate) async fn cycle(&self, person: usize) -> Result<()> {
        let me = caller(person)?;
        let id = self.grant(&me, "1h").await?;
        let ended = self.watch.of(&id, EventKind::GrantEnded);
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let delivery = format!("end-{number}");
        let press = Press::EndNow(id.clone());
        done(&self.app.press(&me, press, Some(&delivery), None).await)?;
        ended.await.context("the end of a grant")
    }

    /// Asked, approved, and there.
    pub(crate) async fn grant(&self, me: &Caller, length: &str) -> Result<RequestId> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let id = self.ask(me, length, number).await?;
        let active = self.watch.of(&id, EventKind::GrantActive);
        let delivery = format!("approve-{number}");
        let press = Press::Approve(id.clone());
        done(
            &self
                .app
                .press(&approver()?, press, Some(&delivery), None)
                .await,
        )?;
        active.await.context("a grant's begin")?;
        Ok(id)
    }

    async fn ask(&self, me: &Caller, length: &str, number: usize) -> Result<RequestId> {
        let text = format!("{ROLE} {length} order {number} is stuck, INC-4711");
        let delivery = format!("ask-{number}");
        let command = Command::parse(&text);
        let answer = self.app.command(me, command, Some(&delivery)).await;
        let Answer::Asked(asked) = answer else {
            bail!("an ask was answered: {answer:?}");
        };
        Ok(RequestId::new(asked.request.id))
    }

    /// Waits until nothing but Slack's is due, and forgets that: it isn't part of what is measured, and telling it all
    /// takes longer.
    pub(crate) async fn settled(&self) -> Result<()> {
        let settled = async {
            loop {
                let now = self.clock.now();
                let lanes = self.store.lanes().await?;
                let mut others = lanes.iter().filter(|(lane, _)| *lane != Lane::Slack);
                if others.all(|(_, due)| *due > now) {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let settled = tokio::time::timeout(PATIENCE, settled).await;
        settled.context("the bot didn't come to rest")??;
        self.watch
            .execute("delete from effect where lane = 'slack'")
            .await
    }

    /// Stops the worker and closes the database.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        self.mailbox.open();
        self.working.await?;
        self.store.close().await;
        Ok(())
    }
}

fn done(answer: &Answer) -> Result<()> {
    let Answer::Done { .. } = answer else {
        bail!("a press was answered: {answer:?}");
    };
    Ok(())
}

pub(crate) fn caller(number: usize) -> Result<Caller> {
    account(&workplace::asker(number))
}

fn approver() -> Result<Caller> {
    account("U0BOB")
}

fn account(id: &str) -> Result<Caller> {
    Ok(Caller {
        account: SlackId::parse(id).context("a Slack id")?,
        team: Some(workplace::TEAM.into()),
        channel: Some(workplace::CHANNEL.into()),
    })
}

fn configuration(folder: &Path) -> Result<Config> {
    let path = folder.join("hallpass.toml");
    std::fs::write(&path, workplace::CONFIGURATION)?;
    let loaded = Config::load(&path, &BTreeMap::new()).map_err(|mistakes| anyhow!("{mistakes}"))?;
    Ok(loaded.config)
}

fn on_call(config: &Config) -> BTreeMap<hallpass::domain::role::ScheduleName, Arc<dyn OnCall>> {
    let schedules = config.on_call.iter().filter_map(|(name, section)| {
        let OnCallSection::Static { people } = section else {
            return None;
        };
        let schedule: Arc<dyn OnCall> = Arc::new(Static::new(name.clone(), people.clone()));
        Some((name.clone(), schedule))
    });
    schedules.collect()
}

fn settings(config: Config) -> Settings {
    Settings {
        command: config.slack.command,
        approvals_channel: config.slack.approvals_channel,
        security_channel: config.slack.security_channel,
        roles: config.roles,
        groups: config.groups,
        operators: config.operators,
        time_zone: config.access.time_zone,
        email_domains: config.people.email_domains,
        people: BTreeMap::new(),
        principal_templates: BTreeMap::from([(
            BackendName::new("orders"),
            "{email_local}".to_owned(),
        )]),
        unknown_access: BTreeMap::new(),
        reconcile_every: TimeDelta::hours(1),
        keep_personal: None,
        base_url: "http://127.0.0.1".into(),
        team: Some(workplace::TEAM.into()),
    }
}
