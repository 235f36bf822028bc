//! Time: the one place where the system's clock is read, and the clock that a demo or a test moves.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::TimeDelta;
use hallpass_domain::Time;
use tokio::sync::watch;

use crate::ports::Clock;

/// A jump of the system's clock becomes visible to a sleeper within this time.
const SLICE: Duration = Duration::from_secs(1);
/// A forward jump by more than this is told.
const JUMP: TimeDelta = TimeDelta::seconds(60);

/// The system's clock. Where it jumps back, time goes on from the last moment seen, by the monotonic clock, until the
/// system has caught up; a jump forward is believed and told.
#[derive(Debug)]
pub struct SystemClock {
    last: Mutex<(Time, Instant)>,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            last: Mutex::new((system_now(), Instant::now())),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the adapter that the ban speaks of"
)]
fn system_now() -> Time {
    chrono::Utc::now()
}

/// What to take for now, having seen `last` so long ago, when the system says `system`.
fn believed(last: Time, since: Duration, system: Time) -> Time {
    let steady = last + TimeDelta::from_std(since).unwrap_or(TimeDelta::zero());
    if system < last {
        return steady;
    }
    if system - steady > JUMP {
        tracing::error!(from = %steady, to = %system, "the system's clock jumped forward; it is believed");
    }
    system
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Time {
        let mut last = match self.last.lock() {
            Ok(last) => last,
            Err(poisoned) => poisoned.into_inner(),
        };
        let now = believed(last.0, last.1.elapsed(), system_now());
        *last = (now, Instant::now());
        now
    }

    async fn wait_until(&self, moment: Time) {
        while let Ok(left) = (moment - self.now()).to_std() {
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(SLICE)).await;
        }
    }
}

/// The system's clock plus an offset that can be moved forward: for the demo and the tests, never for `serve`.
#[derive(Debug)]
pub struct MovableClock {
    system: SystemClock,
    offset: watch::Sender<TimeDelta>,
}

impl Default for MovableClock {
    fn default() -> Self {
        Self {
            system: SystemClock::default(),
            offset: watch::Sender::new(TimeDelta::zero()),
        }
    }
}

impl MovableClock {
    /// Moves time forward and wakes who waits. Time never goes back.
    pub fn advance(&self, by: TimeDelta) {
        self.offset
            .send_modify(|offset| *offset += by.max(TimeDelta::zero()));
    }

    /// As [`Clock::now`], for rooms that don't know the port.
    pub fn moved_now(&self) -> Time {
        self.now()
    }

    /// How far it was moved.
    pub fn offset(&self) -> TimeDelta {
        *self.offset.borrow()
    }
}

#[async_trait]
impl Clock for MovableClock {
    fn now(&self) -> Time {
        self.system.now() + self.offset()
    }

    async fn wait_until(&self, moment: Time) {
        let mut moved = self.offset.subscribe();
        loop {
            let offset = *moved.borrow_and_update();
            if self.system.now() + offset >= moment {
                return;
            }
            tokio::select! {
                () = self.system.wait_until(moment - offset) => {}
                _ = moved.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use chrono::TimeDelta;

    use super::{Clock, MovableClock, believed, system_now};

    #[test]
    fn a_jump_back_is_not_believed() {
        let last = system_now();
        let now = believed(last, Duration::from_secs(3), last - TimeDelta::hours(1));
        assert_eq!(now, last + TimeDelta::seconds(3));
    }

    #[test]
    fn a_jump_forward_is_believed() {
        let last = system_now();
        let ahead = last + TimeDelta::hours(1);
        assert_eq!(believed(last, Duration::from_secs(3), ahead), ahead);
    }

    #[tokio::test]
    async fn moving_the_clock_wakes_who_waits() {
        let clock = Arc::new(MovableClock::default());
        let moment = clock.now() + TimeDelta::hours(1);
        let waiting = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move { clock.wait_until(moment).await }
        });
        clock.advance(TimeDelta::hours(2));
        tokio::time::timeout(Duration::from_secs(5), waiting)
            .await
            .expect("it woke up")
            .unwrap();
        assert!(clock.now() > moment);
    }
}
