//! The use cases: one file per thing that can be caused. Each reads what the decision needs, asks the core, and hands
//! the store one change. No SQL, no Block Kit, no HTTP may enter.
//!
//! A command or a press is answered within two seconds, whatever goes wrong; an effect is carried out for the worker,
//! which finishes it in the same commit as the change.

mod again;
mod alarm;
mod anew;
mod announce;
pub mod answer;
mod ask_more;
mod authorise;
mod break_glass;
mod channel;
mod check_ask;
mod configuration;
mod copies;
mod crowd;
mod drill;
mod effects;
mod end;
mod erase;
mod explain;
mod extend;
mod facts;
mod forget;
mod form;
mod form_roles;
mod form_sent;
pub mod form_shown;
mod glass_check;
mod glass_form;
mod glass_words;
mod held;
mod home;
mod home_read;
mod incident;
mod key;
mod later;
mod lease;
mod leave;
mod ledger;
mod lists;
mod mode;
mod notices;
mod one_message;
mod opening;
mod operator;
mod overdue;
mod panels;
mod past;
mod people;
mod reached;
mod read;
mod read_grant;
mod reconcile;
mod retain;
mod retired;
mod review;
mod review_use;
mod say;
mod schedule;
mod security;
mod settings;
mod status;
mod stop;
mod submit;
mod sync_card;
mod sync_holding;
mod targets;
mod tell_checkpoint;
mod timers;
mod unanswered;
mod unclear;
mod why;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration as StdDuration;

use hallpass_domain::command::Command;
use hallpass_domain::role::ScheduleName;
use hallpass_domain::{BackendName, Email, SlackId, Time};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use crate::policy::{Policy, PolicyError};
use crate::ports::{Backend, Chat, Clock, Directory, Entropy, OnCall, Posted};
use crate::store::Store;
use answer::Answer;
use crowd::Crowd;
use schedule::Taken;
use stop::Stop;

pub use configuration::Loaded;
pub use drill::{DrillGrant, DrillTimes};
pub use erase::Erased;
pub use explain::Explained;
pub use key::ReviewKey;
pub use lease::{LEASE, Lease};
pub use mode::Mode;
pub use operator::GrantLine;
pub use retired::{Living, living_in};
pub use settings::{Caller, Carried, Less, MappedPerson, Press, Settings, Use};
pub use sync_holding::Seen;

/// What a command may take before it is answered "not confirmed" (Slack gives three seconds).
pub const ANSWER_WITHIN: StdDuration = StdDuration::from_secs(2);

/// What wiring hands in.
pub struct Parts {
    pub store: Store,
    pub directory: Arc<dyn Directory>,
    pub on_call: BTreeMap<ScheduleName, Arc<dyn OnCall>>,
    pub backends: BTreeMap<BackendName, Arc<dyn Backend>>,
    pub chat: Arc<dyn Chat>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub key: ReviewKey,
    pub settings: Settings,
    /// Rule files of the user: name and text.
    pub rules: Vec<(String, String)>,
}

pub struct App {
    store: Store,
    policy: Policy,
    directory: Arc<dyn Directory>,
    on_call: BTreeMap<ScheduleName, Arc<dyn OnCall>>,
    backends: BTreeMap<BackendName, Arc<dyn Backend>>,
    chat: Arc<dyn Chat>,
    answers: Arc<reached::Answers>,
    alarms: StdMutex<alarm::Raised>,
    away: targets::Away,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    key: ReviewKey,
    settings: Settings,
    mode: mode::Present,
    /// Differences of identity that were told since the start.
    alarmed: StdMutex<HashSet<(SlackId, Option<Email>)>>,
    /// One ask of a person at a time, so that two identical ones in the same instant are one.
    asking: Turns,
    /// The same order to break the glass at a time, beside whatever else is asked.
    breaking: Turns,
    crowd: Crowd,
    /// One writer of a request's messages at a time, so that none is posted twice.
    posting: Turns,
    /// How far today's round of retention has come.
    retained: StdMutex<retain::Progress>,
}

impl App {
    /// # Errors
    /// Where a rule file or the lists of the configuration can't be used.
    pub fn new(parts: Parts) -> Result<Self, PolicyError> {
        let settings = parts.settings;
        let policy = Policy::new(&settings.roles, &settings.groups, &parts.rules)?
            .with_operators(&settings.operators)?;
        let answers = Arc::<reached::Answers>::default();
        let chat = reached::Counted {
            chat: parts.chat,
            answers: Arc::clone(&answers),
        };
        Ok(Self {
            store: parts.store,
            policy,
            directory: parts.directory,
            on_call: parts.on_call,
            backends: parts.backends,
            chat: Arc::new(chat),
            answers,
            alarms: StdMutex::default(),
            away: targets::Away::default(),
            clock: parts.clock,
            entropy: parts.entropy,
            key: parts.key,
            settings,
            mode: mode::Present::default(),
            alarmed: StdMutex::default(),
            asking: Turns::default(),
            breaking: Turns::default(),
            crowd: Crowd::default(),
            posting: Turns::default(),
            retained: StdMutex::default(),
        })
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn now(&self) -> Time {
        self.clock.now()
    }

    /// Answers what somebody typed. Never fails: what goes wrong is an answer.
    pub async fn command(
        &self,
        caller: &Caller,
        command: Command,
        delivery: Option<&str>,
    ) -> Answer {
        let _one = self.crowd.joined();
        answered(Box::pin(self.dispatch(caller, command, delivery))).await
    }

    /// Answers a pressed button. `card`: the message that it stood on, adopted where it wasn't known.
    pub async fn press(
        &self,
        caller: &Caller,
        press: Press,
        delivery: Option<&str>,
        card: Option<Posted>,
    ) -> Answer {
        let _one = self.crowd.joined();
        let delivery = delivery.map(|key| format!("press:{key}"));
        answered(Box::pin(self.dispatch_press(caller, press, delivery, card))).await
    }

    async fn dispatch(
        &self,
        caller: &Caller,
        command: Command,
        delivery: Option<&str>,
    ) -> Result<Answer, Stop> {
        let me = self.caller(caller).await?;
        if matches!(
            command,
            Command::Ask(_) | Command::BreakGlass(_) | Command::Extend { .. }
        ) {
            self.require_giving().await?;
        }
        match command {
            Command::Form => self.how_to_ask(&me).await,
            Command::Help => self.help(&me).await,
            Command::Roles => self.roles(&me).await,
            Command::Mine => self.mine(&me).await,
            Command::Pending => self.pending(&me).await,
            Command::Active => self.active(&me).await,
            Command::OnCall => self.who_is_on_call().await,
            Command::Ask(ask) => self.ask_typed(&me, ask, delivery).await,
            Command::BreakGlass(glass) => self.break_glass(&me, glass, delivery).await,
            Command::Status(id) => self.status(&me, &id).await,
            Command::Cancel(id) => self.cancel_by_id(&me, &id).await,
            Command::Drop { id, reason } => self.drop_by_id(&me, id.as_ref(), &reason).await,
            Command::Revoke { id, reason } => self.revoke_by_id(&me, &id, &reason).await,
            Command::Extend {
                id,
                duration,
                reason,
            } => {
                self.extend_typed(&me, id.as_ref(), duration, &reason, delivery)
                    .await
            }
            Command::Why { role, duration } => self.why(&me, role.as_deref(), duration).await,
        }
    }

    async fn dispatch_press(
        &self,
        caller: &Caller,
        press: Press,
        delivery: Option<String>,
        card: Option<Posted>,
    ) -> Result<Answer, Stop> {
        let me = self.caller(caller).await?;
        if let (Some(card), Some(id)) = (card, press.request()) {
            self.adopt(id, &card).await?;
        }
        if press.may_give() {
            self.require_giving().await?;
        }
        let id = press.request();
        let answer = match &press {
            Press::Approve(id) => self.approve(&me, id, delivery).await,
            Press::ApproveFor(id, less) => self.approve_for(&me, id, less, delivery).await,
            Press::Deny(id, reason) => self.deny(&me, id, reason, delivery).await,
            Press::Revoke(id) => self.revoke_pressed(&me, id).await,
            Press::Reviewed(id, seen) => self.post_use_reviewed(&me, id, seen).await,
            Press::Cancel(id) => self.cancel(&me, id).await,
            Press::EndNow(id) => self.end_pressed(&me, id).await,
            Press::Extend(id) => self.extend_pressed(&me, id, delivery.as_deref()).await,
            Press::Schedule(draft) => self.take(&me, draft, Taken::Later).await,
            Press::StartNow(draft) => self.take(&me, draft, Taken::Now).await,
        };
        if let Err(stop) = &answer
            && stop.is_about_authority()
        {
            self.record_refusal(&me, press.verb(), id).await?;
        }
        answer
    }
}

async fn answered(work: impl Future<Output = Result<Answer, Stop>>) -> Answer {
    match in_time(work).await {
        Ok(Ok(answer) | Err(answer)) => answer,
        Err(TooLong) => Answer::NotConfirmed,
    }
}

/// It wasn't done within [`ANSWER_WITHIN`].
struct TooLong;

/// Within the time that an answer may take; a stop is the answer then.
async fn in_time<T>(
    work: impl Future<Output = Result<T, Stop>>,
) -> Result<Result<T, Answer>, TooLong> {
    let done = timeout(ANSWER_WITHIN, people::with_patience(work)).await;
    let done = done.map_err(|_| {
        tracing::warn!("a command wasn't decided in time");
        TooLong
    })?;
    Ok(done.map_err(Stop::into_answer))
}

/// Locks by key, a fixed number of them: whoever shares one waits for the other's turn, nothing grows.
struct Turns([Arc<Mutex<()>>; TURNS]);

/// More than people who ask in the same instant.
const TURNS: usize = 256;

/// Over when it is dropped.
type Turn = OwnedMutexGuard<()>;

impl Default for Turns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Arc::default()))
    }
}

impl Turns {
    async fn of(&self, key: &impl Hash) -> Turn {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let index = hasher.finish() % TURNS as u64;
        let lock = &self.0[usize::try_from(index).unwrap_or(0)];
        Arc::clone(lock).lock_owned().await
    }
}

/// Every name in the lists of all roles, once.
fn all_lists(settings: &Settings) -> Vec<hallpass_domain::Who> {
    let roles = settings.roles.values().flat_map(facts::lists_of);
    let all: BTreeSet<_> = roles.chain(settings.operators.iter().cloned()).collect();
    all.into_iter().collect()
}
