//! When the next thing is due: for the demo's button that moves time to it.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;

use crate::domain::EffectKind;
use crate::ports::Clock;
use crate::store::Store;

/// What is due already is being carried out; only what lies ahead by more than this is an event to move to.
const AHEAD: TimeDelta = TimeDelta::milliseconds(500);

/// How long to wait for what is in flight.
const AT_WORK: Duration = Duration::from_secs(2);

/// Looks ahead in the timers of a running bot.
pub struct NextEvent {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    /// Says when the worker has nothing in flight.
    pub(super) resting: watch::Receiver<Option<u64>>,
}

impl NextEvent {
    /// What is due next, in words, and in how long; none when nothing is scheduled, or the store doesn't answer.
    /// Waits a moment for the worker to rest: a lease of what is in flight would look like something that is due.
    pub async fn left(&self) -> Option<(&'static str, TimeDelta)> {
        let mut resting = self.resting.clone();
        // Where it doesn't come to rest, what is known by then must do.
        drop(tokio::time::timeout(AT_WORK, resting.wait_for(Option::is_some)).await);
        let now = self.clock.now();
        let next = self.store.next_for_people(now + AHEAD).await.ok()?;
        next.map(|(kind, due)| (named(&kind), due - now))
    }
}

/// What happens then, as whoever presses the button calls it.
fn named(kind: &EffectKind) -> &'static str {
    match kind {
        EffectKind::Remind => "the reminder",
        EffectKind::Climb => "the next are asked",
        EffectKind::TimeOut => "the request times out",
        EffectKind::Start => "the access starts",
        EffectKind::Warn(_) => "the warning",
        EffectKind::Expire => "the access ends",
        EffectKind::ReviewDue => "the review is due",
        EffectKind::SyncHolding => "another try at the target",
        EffectKind::GiveUp => "setting up is given up",
        EffectKind::SyncCard
        | EffectKind::Say(_)
        | EffectKind::Announce
        | EffectKind::SyncAlarm
        | EffectKind::SyncHome => "another try at Slack",
        EffectKind::Reconcile
        | EffectKind::CheckLedger
        | EffectKind::CheckOverdue
        | EffectKind::CheckPeople
        | EffectKind::Retain
        | EffectKind::TellCheckpoint => "a look around",
    }
}
