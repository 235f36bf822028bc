//! The bot without a process of its own: the real use cases, store and worker, with ports that answer at once. What is
//! measured here is Hallpass and its database, and nothing of Slack, HTTP or a target.

mod ports;
mod watch;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;
use hallpass::app::answer::Answer;
use hallpass::app::{App, Caller, Parts, Press, ReviewKey};
use hallpass::audit::checkpoint::CheckpointKey;
use hallpass::audit::{self, Keeper, Sealer};
use hallpass::config::Config;
use hallpass::config::env::Env;
use hallpass::domain::command::Command;
use hallpass::domain::{BackendName, EventKind, Lane, RequestId, SlackId};
use hallpass::ports::{Backend as _, Clock, Entropy};
use hallpass::store::{ServingLock, Span, Store};
use hallpass::telemetry::{Health, Metrics};
use hallpass::wiring::{self, MovableClock, SystemEntropy};
use hallpass::worker::{self, Limits, Worker};
use secrecy::ExposeSecret;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use ports::{Mailbox, Target};
pub(crate) use watch::Watch;

use super::cycles::CROWD;
use super::workplace::{self, ROLE};

/// How long it may take until all is done.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a delete beside the bot's own writing is tried.
const DELETES: u32 = 5;
/// What isn't confirmed in two seconds, on a machine that others load, is done once more by the same delivery.
const TRIES: usize = 10;
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The bot, at work in this process.
pub(crate) struct Inside {
    pub(crate) app: Arc<App>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<MovableClock>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) watch: Watch,
    asked: AtomicUsize,
    /// The position up to which all was seen to be sealed.
    sealed: AtomicI64,
    stop: CancellationToken,
    working: JoinHandle<()>,
    /// It outlives the worker, as in `serve`.
    seal_no_more: CancellationToken,
    sealing: JoinHandle<()>,
    _lock: ServingLock,
}

impl Inside {
    /// `folder` is where its configuration and its anchor get a folder; the database must be empty or one of an earlier
    /// `Inside`.
    pub(crate) async fn start(folder: &Path, database: &str) -> Result<Self> {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let clock = Arc::new(MovableClock::default());
        let store = Store::open(database, Arc::clone(&entropy)).await?;
        let lock = store.lock_for_serving()?;
        store.migrate().await?;
        store.void_leases(&lock).await?;
        let target = Arc::new(Target::new(BackendName::new("orders")));
        let mailbox = Arc::new(Mailbox::default());
        let bot = Configured::new(folder, database)?;
        let app = Arc::new(App::new(Parts {
            store: store.clone(),
            directory: Arc::new(ports::Everybody),
            on_call: wiring::on_call(&bot.config),
            backends: BTreeMap::from([(target.name().clone(), target.clone() as _)]),
            chat: mailbox.clone(),
            clock: Arc::clone(&clock) as _,
            entropy: Arc::clone(&entropy),
            key: ReviewKey::new(*bot.env.key.expose_secret()),
            settings: wiring::settings(
                &bot.config,
                &bot.env.settings,
                Some(workplace::TEAM.into()),
            ),
            rules: Vec::new(),
        })?);
        let limits = Limits {
            concurrency: target.concurrency(),
            call: target.timeout(),
        };
        let metrics = Arc::new(Metrics::default());
        let worker = Worker::new(worker::Parts {
            app: Arc::clone(&app),
            store: store.clone(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy,
            backends: BTreeMap::from([(target.name().clone(), limits)]),
            health: Arc::new(Health::default()),
            metrics: Arc::clone(&metrics),
        });
        let sealer = bot.sealer(&store, &clock, metrics)?;
        let (stop, seal_no_more) = (CancellationToken::new(), CancellationToken::new());
        let watch = Watch::start(database, &store, stop.clone()).await?;
        Ok(Self {
            app,
            clock,
            mailbox,
            watch,
            asked: AtomicUsize::new(0),
            sealed: AtomicI64::new(store.sealed_up_to().await?),
            store,
            working: tokio::spawn(worker.run(stop.clone())),
            stop,
            sealing: tokio::spawn(sealer.run(seal_no_more.clone())),
            seal_no_more,
            _lock: lock,
        })
    }

    /// The first sight of a person is a commit of its own.
    pub(crate) async fn meet(self: &Arc<Self>, people: usize) -> Result<()> {
        self.app.command(&approver()?, Command::Help, None).await;
        let meet = |inside: Arc<Self>, person| async move {
            let me = caller(person)?;
            inside.app.command(&me, Command::Help, None).await;
            Ok(())
        };
        self.for_each(people, meet).await
    }

    /// Gives one grant to each of so many people.
    pub(crate) async fn give(self: &Arc<Self>, people: usize, length: &'static str) -> Result<()> {
        let give = move |inside: Arc<Self>, person| async move {
            inside.grant(&caller(person)?, length).await.map(drop)
        };
        self.for_each(people, give).await
    }

    /// Works for each number below `count`, [`CROWD`] at a time.
    pub(crate) async fn for_each<F>(
        self: &Arc<Self>,
        count: usize,
        work: impl Fn(Arc<Self>, usize) -> F + Clone + Send + 'static,
    ) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send,
    {
        let working = (0..CROWD).map(|one| {
            let (inside, work) = (Arc::clone(self), work.clone());
            tokio::spawn(async move {
                for number in (one..count).step_by(CROWD) {
                    work(Arc::clone(&inside), number).await?;
                }
                anyhow::Ok(())
            })
        });
        let worked = try_join_all(working).await?;
        worked.into_iter().collect()
    }

    /// One whole cycle of one person: asked, approved, given, ended, and seen to be gone.
    pub(crate) async fn cycle(&self, person: usize) -> Result<()> {
        let me = caller(person)?;
        let id = self.grant(&me, "1h").await?;
        let ended = self.watch.of(&id, EventKind::GrantEnded);
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let press = Press::EndNow(id.clone());
        self.press(&me, &press, &format!("end-{number}")).await?;
        ended.await.context("the end of a grant")
    }

    /// Asked, approved, and there.
    pub(crate) async fn grant(&self, me: &Caller, length: &str) -> Result<RequestId> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let id = self.ask(me, length, number).await?;
        let active = self.watch.of(&id, EventKind::GrantActive);
        let press = Press::Approve(id.clone());
        let delivery = format!("approve-{number}");
        self.press(&approver()?, &press, &delivery).await?;
        active.await.context("a grant's begin")?;
        Ok(id)
    }

    async fn ask(&self, me: &Caller, length: &str, number: usize) -> Result<RequestId> {
        let text = format!("{ROLE} {length} order {number} is stuck, INC-4711");
        let delivery = format!("ask-{number}");
        for _ in 0..TRIES {
            let command = Command::parse(&text);
            let answer = self.app.command(me, command, Some(&delivery)).await;
            if let Answer::Asked(asked) = answer {
                return Ok(RequestId::new(asked.request.id));
            }
            if !matches!(answer, Answer::NotConfirmed) {
                bail!("an ask was answered: {answer:?}");
            }
        }
        bail!("an ask couldn't be confirmed {TRIES} times")
    }

    async fn press(&self, who: &Caller, press: &Press, delivery: &str) -> Result<()> {
        for tried in 0..TRIES {
            let press = press.clone();
            let answer = self.app.press(who, press, Some(delivery), None).await;
            // Refused later: the press before took effect, which is waited for.
            let counted = tried > 0 && matches!(answer, Answer::Refused { .. });
            if counted || matches!(answer, Answer::Done { .. }) {
                return Ok(());
            }
            if !matches!(answer, Answer::NotConfirmed) {
                bail!("a press was answered: {answer:?}");
            }
        }
        bail!("a press couldn't be confirmed {TRIES} times")
    }

    /// Waits until all that is on record by now has its place in the chain.
    pub(crate) async fn sealed(&self) -> Result<()> {
        let up_to = self.store.horizon().await?.highest;
        let after = self.sealed.load(Ordering::Relaxed);
        let mut span = Span { after, up_to };
        let sealed = async {
            while let Some(first) = self.store.unsealed(span, 1).await?.pop() {
                span.after = first.position - 1;
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            anyhow::Ok(())
        };
        let sealed = tokio::time::timeout(PATIENCE, sealed).await;
        sealed.context("the record wasn't sealed")??;
        self.sealed.store(up_to, Ordering::Relaxed);
        Ok(())
    }

    /// Waits until nothing but Slack's is due and all is sealed. What is due in Slack's lane is forgotten: it isn't part of
    /// what is measured, and telling it all takes longer.
    pub(crate) async fn settled(&self) -> Result<()> {
        self.rested().await?;
        self.unsaid("delete from effect where lane = 'slack'").await
    }

    /// As [`Inside::settled`], but the warnings before the ends stay pending.
    pub(crate) async fn settled_to_last(&self) -> Result<()> {
        self.rested().await?;
        self.unsaid("delete from effect where lane = 'slack' and kind not like 'warn:%'")
            .await
    }

    /// What the bot writes at that moment may be locked the other way round: whom the database lets give up tries again.
    async fn unsaid(&self, delete: &'static str) -> Result<()> {
        for _ in 1..DELETES {
            if self.watch.execute(delete).await.is_ok() {
                return Ok(());
            }
        }
        self.watch.execute(delete).await
    }

    async fn rested(&self) -> Result<()> {
        let rested = async {
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
        let rested = tokio::time::timeout(PATIENCE, rested).await;
        rested.context("the bot didn't come to rest")??;
        self.sealed().await
    }

    /// Stops the worker and then the sealer, and closes the database.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        self.mailbox.open();
        self.working.await?;
        self.seal_no_more.cancel();
        self.sealing.await?;
        self.store.close().await;
        Ok(())
    }
}

pub(crate) fn caller(number: usize) -> Result<Caller> {
    account(&workplace::asker(number))
}

fn approver() -> Result<Caller> {
    account(workplace::APPROVER)
}

fn account(id: &str) -> Result<Caller> {
    Ok(Caller {
        account: SlackId::parse(id).context("a Slack id")?,
        team: Some(workplace::TEAM.into()),
        channel: Some(workplace::CHANNEL.into()),
    })
}

/// What `serve` reads of its folder and its environment.
struct Configured {
    config: Config,
    env: Env,
    variables: BTreeMap<String, String>,
}

impl Configured {
    fn new(folder: &Path, database: &str) -> Result<Self> {
        // The anchor belongs to one record.
        let name = database.rsplit('/').next().unwrap_or_default();
        let home = folder.join(format!("home-of-{name}"));
        std::fs::create_dir_all(&home)?;
        // Neither the target nor Slack is reached by an address here.
        let nowhere = "http://127.0.0.1:9/hallpass";
        workplace::configure(&home, nowhere)?;
        let variables = workplace::variables(&home, database, nowhere);
        let env = wiring::environment(&variables, &home)?;
        let config = wiring::configuration(&env.settings, &variables)?.config;
        Ok(Self {
            config,
            env,
            variables,
        })
    }

    /// With the anchor that `serve` would have.
    fn sealer(
        &self,
        store: &Store,
        clock: &Arc<MovableClock>,
        metrics: Arc<Metrics>,
    ) -> Result<Sealer> {
        let key = CheckpointKey::derive(&self.env.key);
        let anchor = wiring::anchor(&self.config, &self.variables, key.public())?;
        let clock = Arc::clone(clock);
        Ok(Sealer::new(audit::Parts {
            store: store.clone(),
            now: Arc::new(move || clock.now()),
            key,
            keepers: vec![Keeper::of(anchor)],
            metrics,
            broken: false,
            // Nobody restores or edits a record here.
            on_broken: Box::new(|_| {}),
        }))
    }
}
