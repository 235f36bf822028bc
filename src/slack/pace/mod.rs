//! How fast Slack may be called: a gate for each method, for posts one for each channel, by Slack's tiers once it has said
//! "too fast". Nobody is made to wait here: who comes too early is told when to come again, and keeps its place until then.
//!
//! Answers to people are held back by nothing but Slack's own "not before"; decisions go before decoration. Nothing of
//! what is said may enter: a turn is a number, a place and a priority.

mod gate;
mod tiers;
mod turn;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::Time;
use crate::ports::Clock;
use gate::Gate;

pub(super) use turn::Turn;

/// Gates that nobody passes and nobody waits at are forgotten beyond so many.
const MOST_GATES: usize = 1_000;

/// All gates of one token.
pub(super) struct Pace {
    clock: Arc<dyn Clock>,
    gates: Mutex<Gates>,
}

#[derive(Default)]
struct Gates {
    by_place: HashMap<Door, Gate>,
    /// The last channel whose posts Slack refused, and until when: a second one meanwhile means the workspace.
    refused: Option<(Door, Time)>,
}

/// What is counted together: a method, and for posts the channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Door {
    method: String,
    channel: Option<String>,
}

impl Door {
    fn of(turn: &Turn) -> Self {
        Self {
            method: turn.method.clone(),
            channel: turn.channel.clone(),
        }
    }

    /// All channels of the same method.
    fn whole(&self) -> Self {
        Self {
            method: self.method.clone(),
            channel: None,
        }
    }
}

impl Pace {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            gates: Mutex::default(),
        }
    }

    /// Passes, or says how long to stay away.
    pub(super) fn enter(&self, turn: &Turn) -> Result<(), Duration> {
        let now = self.clock.now();
        let mut gates = self.gates();
        let door = Door::of(turn);
        if door.channel.is_some()
            && let Some(whole) = gates.by_place.get(&door.whole())
            && let Some(left) = whole.held(now)
        {
            return Err(left);
        }
        gates.make_room(now);
        let limit = tiers::limit(&turn.method);
        let gate = gates
            .by_place
            .entry(door)
            .or_insert_with(|| Gate::new(limit));
        gate.enter(turn.key, turn.priority, now)
    }

    /// Slack answered a call that had passed, whatever it said but "too fast".
    pub(super) fn answered(&self, turn: &Turn) {
        let now = self.clock.now();
        if let Some(gate) = self.gates().by_place.get_mut(&Door::of(turn)) {
            gate.answered(now);
        }
    }

    /// Slack said "too fast" to a call that had passed: nobody goes before `after`, and that one goes first.
    pub(super) fn refused(&self, turn: &Turn, after: Duration) {
        let now = self.clock.now();
        let Ok(after) = TimeDelta::from_std(after) else {
            return;
        };
        let until = now + after;
        let mut gates = self.gates();
        let door = Door::of(turn);
        let everywhere = door.channel.is_some()
            && gates
                .refused
                .as_ref()
                .is_some_and(|(other, until)| *other != door && *until > now);
        let limit = tiers::limit(&turn.method);
        if everywhere {
            tracing::warn!(method = %turn.method, ?after, "Slack holds back a method everywhere");
            let whole = gates.by_place.entry(door.whole());
            whole.or_insert_with(|| Gate::new(limit)).hold(until);
        }
        let gate = gates.by_place.entry(door.clone());
        let gate = gate.or_insert_with(|| Gate::new(limit));
        gate.hold(until);
        gate.first(turn.key, turn.priority, until);
        gates.refused = Some((door, until));
    }

    fn gates(&self) -> MutexGuard<'_, Gates> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gates {
    fn make_room(&mut self, now: Time) {
        if self.by_place.len() >= MOST_GATES {
            self.by_place.retain(|_, gate| !gate.is_idle(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::turn::Priority;
    use super::*;

    struct Hand(Mutex<Time>);

    #[async_trait]
    impl Clock for Hand {
        fn now(&self) -> Time {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        async fn wait_until(&self, _moment: Time) {
            std::future::pending::<()>().await;
        }
    }

    fn post(channel: &str, key: u64) -> Turn {
        Turn {
            method: "chat.postMessage".into(),
            channel: Some(channel.into()),
            key,
            priority: Priority::Decision,
        }
    }

    #[test]
    fn channels_wait_for_themselves_until_slack_refuses_two() {
        let start: Time = "2026-01-05T09:00:00Z".parse().expect("a time");
        let pace = Pace::new(Arc::new(Hand(Mutex::new(start))));
        let wait = Duration::from_secs(30);
        assert_eq!(pace.enter(&post("C0A", 1)), Ok(()));
        assert_eq!(pace.enter(&post("C0B", 2)), Ok(()));
        pace.refused(&post("C0A", 1), wait);
        let second = wait + Duration::from_secs(1);
        assert_eq!(pace.enter(&post("C0A", 3)), Err(second));
        assert_eq!(
            pace.enter(&post("C0C", 4)),
            Ok(()),
            "another channel goes on"
        );
        pace.refused(&post("C0B", 2), wait);
        assert_eq!(
            pace.enter(&post("C0D", 5)),
            Err(wait),
            "now it is everybody"
        );
    }
}
