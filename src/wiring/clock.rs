//! Time: the one place where the system's clock is read, and the clock that a demo or a test moves.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::TimeDelta;
use hallpass_domain::Time;
use hallpass_domain::planted::{Fault, planted};
use tokio::sync::watch;

use crate::ports::Clock;

/// A jump of the system's clock becomes visible to a sleeper within this time.
const SLICE: Duration = Duration::from_secs(1);
/// A jump forward by more than this is told.
const FORWARD: TimeDelta = TimeDelta::seconds(60);
/// A jump back by more than this is told.
const BACK: TimeDelta = TimeDelta::seconds(10);
/// What it is ahead by less than this is given up slowly, so that it agrees again with what it follows.
const SLEWED: TimeDelta = TimeDelta::seconds(1);
/// Jumps that nobody asked for are kept, so many at most.
const JUMPS_AT_MOST: usize = 16;

/// The system's clock, or the one that it was told to follow. Where that jumps back, time goes on from the last moment
/// seen, by the monotonic clock, until it has caught up; a jump forward is believed. Both are told.
#[derive(Debug)]
pub struct SystemClock {
    seen: Mutex<Seen>,
    /// How much this machine is wrong: for the tests.
    off: TimeDelta,
}

#[derive(Debug)]
struct Seen {
    /// What was answered last.
    last: Time,
    /// What the system said then.
    system: Time,
    at: Instant,
    /// How much what it follows is ahead of the system.
    ahead: TimeDelta,
    jumps: Vec<TimeDelta>,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::off_by(TimeDelta::zero())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the adapter that the ban speaks of"
)]
fn system_now() -> Time {
    chrono::Utc::now()
}

impl Seen {
    /// What to take for now, when the system says `system`, so long after it was asked last.
    fn read(&mut self, system: Time, since: Duration, at: Instant) -> Time {
        let since = TimeDelta::from_std(since).unwrap_or(TimeDelta::zero());
        let jump = system - (self.system + since);
        if jump > FORWARD || jump < -BACK {
            tracing::error!(by_seconds = jump.num_seconds(), to = %system, "the system's clock jumped; forward it is believed, back it isn't");
            self.jumps.truncate(JUMPS_AT_MOST - 1);
            self.jumps.push(jump);
        }
        self.last = believed(self.last, since, system + self.ahead);
        self.system = system;
        self.at = at;
        self.last
    }
}

/// What to take for now, having answered `last` so long ago, when what it goes by says `says`.
fn believed(last: Time, since: TimeDelta, says: Time) -> Time {
    // Planted, whatever the machine says is the time.
    if says >= last || planted(Fault::ClockBelieved) {
        return says;
    }
    // A little ahead of what it follows: slower for a while. Much: the other clock went back, and that isn't believed.
    if last + since - says < SLEWED {
        last + since / 2
    } else {
        last + since
    }
}

impl SystemClock {
    /// On a machine whose clock is wrong by so much: for the tests.
    fn off_by(off: TimeDelta) -> Self {
        let now = system_now() + off;
        let seen = Mutex::new(Seen {
            last: now,
            system: now,
            at: Instant::now(),
            ahead: TimeDelta::zero(),
            jumps: Vec::new(),
        });
        Self { seen, off }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Time {
        let mut seen = self.seen();
        let (since, at) = (seen.at.elapsed(), Instant::now());
        seen.read(system_now() + self.off, since, at)
    }

    async fn wait_until(&self, moment: Time) {
        while let Ok(left) = (moment - self.now()).to_std() {
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(SLICE)).await;
        }
    }

    fn machine(&self) -> Time {
        system_now() + self.off
    }

    fn follow(&self, ahead: TimeDelta) {
        self.seen().ahead = ahead;
    }

    fn not_before(&self, moment: Time) {
        self.now();
        let mut seen = self.seen();
        seen.last = seen.last.max(moment);
    }

    fn jumps(&self) -> Vec<TimeDelta> {
        std::mem::take(&mut self.seen().jumps)
    }
}

/// The system's clock plus an offset that can be moved forward: for the demo and the tests, never for `serve`.
#[derive(Debug)]
pub struct MovableClock {
    system: SystemClock,
    /// Where it stands still but for being moved: since when.
    standing: Option<Time>,
    offset: watch::Sender<TimeDelta>,
}

impl Default for MovableClock {
    fn default() -> Self {
        Self {
            system: SystemClock::default(),
            standing: None,
            offset: watch::Sender::new(TimeDelta::zero()),
        }
    }
}

impl MovableClock {
    /// On a machine whose clock is wrong by so much.
    pub fn off_by(off: TimeDelta) -> Self {
        Self {
            system: SystemClock::off_by(off),
            ..Self::default()
        }
    }

    /// Stands still between its moves, so that what a machine takes doesn't count: for figures in moved time.
    pub fn standing() -> Self {
        Self {
            standing: Some(system_now()),
            ..Self::default()
        }
    }

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
        self.standing.unwrap_or_else(|| self.system.now()) + self.offset()
    }

    fn machine(&self) -> Time {
        self.system.machine()
    }

    fn follow(&self, ahead: TimeDelta) {
        self.system.follow(ahead);
    }

    fn jumps(&self) -> Vec<TimeDelta> {
        self.system.jumps()
    }

    async fn wait_until(&self, moment: Time) {
        let mut moved = self.offset.subscribe();
        loop {
            let offset = *moved.borrow_and_update();
            if self.standing.unwrap_or_else(|| self.system.now()) + offset >= moment {
                return;
            }
            tokio::select! {
                () = self.system.wait_until(moment - offset), if self.standing.is_none() => {}
                _ = moved.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use chrono::TimeDelta;
    use hallpass_domain::Time;

    use super::{Clock, MovableClock, Seen, SystemClock};

    fn seen(now: Time) -> Seen {
        Seen {
            last: now,
            system: now,
            at: Instant::now(),
            ahead: TimeDelta::zero(),
            jumps: Vec::new(),
        }
    }

    fn start() -> Time {
        "2026-01-05T09:00:00Z".parse().expect("a time")
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_jump_back_is_not_believed_and_told_once() {
        let mut seen = seen(start());
        let hour = TimeDelta::hours(1);
        let at = Instant::now();
        for second in 1..=30 {
            let gone = TimeDelta::seconds(second);
            assert_eq!(seen.read(start() - hour + gone, SECOND, at), start() + gone);
        }
        assert_eq!(seen.jumps, [-hour]);
        // It is set right: what was gained is not lost again.
        let right = start() + TimeDelta::seconds(31);
        assert_eq!(seen.read(right, SECOND, at), right);
        assert_eq!(seen.jumps, [-hour, hour]);
    }

    #[test]
    fn a_jump_forward_is_believed_and_told_once() {
        let mut seen = seen(start());
        let ahead = start() + TimeDelta::hours(1);
        let at = Instant::now();
        assert_eq!(seen.read(ahead, SECOND, at), ahead);
        let later = ahead + TimeDelta::seconds(1);
        assert_eq!(seen.read(later, SECOND, at), later);
        assert_eq!(seen.jumps, [TimeDelta::minutes(60) - TimeDelta::seconds(1)]);
    }

    #[test]
    fn it_agrees_with_what_it_follows_without_ever_going_back() {
        let mut seen = seen(start());
        let at = Instant::now();
        seen.ahead = TimeDelta::seconds(5);
        let mut system = start() + TimeDelta::seconds(1);
        assert_eq!(
            seen.read(system, SECOND, at),
            start() + TimeDelta::seconds(6)
        );
        seen.ahead = TimeDelta::milliseconds(4_600);
        let mut last = seen.last;
        for _ in 0..20 {
            system += TimeDelta::milliseconds(100);
            let now = seen.read(system, Duration::from_millis(100), at);
            assert!(now >= last, "{now} after {last}");
            last = now;
        }
        assert_eq!(last, system + seen.ahead);
        assert!(seen.jumps.is_empty());
    }

    #[test]
    fn time_begins_no_earlier_than_the_record() {
        let clock = SystemClock::default();
        let newest = clock.now() + TimeDelta::hours(2);
        clock.not_before(newest);
        let now = clock.now();
        assert!(
            now >= newest && now < newest + TimeDelta::minutes(1),
            "{now}"
        );
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
