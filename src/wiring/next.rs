//! When the next thing is due: for the demo's button that moves time to it.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::ports::Clock;
use crate::store::Store;

/// What is due already is being carried out; only what lies ahead by more than this is an event to move to.
const AHEAD: TimeDelta = TimeDelta::milliseconds(500);

/// Looks ahead in the timers of a running bot.
pub struct NextEvent {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
}

impl NextEvent {
    /// How long until the next thing is due; none when nothing is scheduled, or the store doesn't answer.
    pub async fn left(&self) -> Option<TimeDelta> {
        let now = self.clock.now();
        let lanes = self.store.lanes().await.ok()?;
        lanes
            .into_iter()
            .map(|(_, due)| due - now)
            .filter(|left| *left > AHEAD)
            .min()
    }
}
