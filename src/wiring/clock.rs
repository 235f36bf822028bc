//! Time: the one place where the system's clock is read, and the clock that a demo or a test moves.

use std::sync::atomic::{AtomicI64, Ordering};
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
/// Two clocks that are read within this time are read at the same moment.
const AT_ONCE: Duration = Duration::from_millis(10);
/// Whoever is paused between them reads them again, so often.
const READINGS: usize = 8;

/// The system's clock. Where it jumps back, time goes on from the last moment seen, by the monotonic clock, until it has
/// caught up; a jump forward is believed. Told to follow another one, time goes on from that by the monotonic clock, and
/// what the system's says is nobody's business. Jumps are told either way.
#[derive(Debug)]
pub struct SystemClock {
    seen: Mutex<Seen>,
    /// By how many microseconds this machine is wrong: for the tests.
    off: AtomicI64,
}

#[derive(Debug)]
struct Seen {
    /// What was answered last.
    last: Time,
    /// What the system said then.
    system: Time,
    at: Instant,
    /// From when the monotonic clock counts, and what the system said at that moment.
    began: (Instant, Time),
    /// How much what it follows is ahead of [`Seen::steady`]; none where it follows nothing.
    ahead: Option<TimeDelta>,
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

fn between(earlier: Instant, later: Instant) -> TimeDelta {
    TimeDelta::from_std(later.saturating_duration_since(earlier)).unwrap_or(TimeDelta::zero())
}

impl Seen {
    fn new(system: Time, at: Instant) -> Self {
        Self {
            last: system,
            system,
            at,
            began: (at, system),
            ahead: None,
            jumps: Vec::new(),
        }
    }

    /// What to take for now, when the system says `system` at that moment.
    fn read(&mut self, system: Time, at: Instant) -> Time {
        let since = between(self.at, at);
        let jump = system - (self.system + since);
        if jump > FORWARD || jump < -BACK {
            let time = match self.ahead {
                Some(_) => "what is followed goes on",
                None if jump > FORWARD => "it is believed",
                None => "it isn't believed",
            };
            tracing::error!(by_seconds = jump.num_seconds(), to = %system, time, "the system's clock jumped");
            self.jumps.truncate(JUMPS_AT_MOST - 1);
            self.jumps.push(jump);
        }
        let says = match self.ahead {
            Some(ahead) => self.steady(at) + ahead,
            None => system,
        };
        self.last = believed(self.last, since, says);
        self.system = system;
        self.at = at;
        self.last
    }

    /// What the system would say, had it gone on evenly since the start. The kernel slews both clocks alike, so only
    /// jumps are missing, and the time for which the whole machine slept.
    fn steady(&self, at: Instant) -> Time {
        let (since, system) = self.began;
        system + between(since, at)
    }

    /// With the first one, what was said before doesn't count: nobody acted on it. Later ones are never gone back for.
    fn follow(&mut self, ahead: TimeDelta) {
        if self.ahead.replace(ahead).is_none() {
            self.last = self.steady(self.at) + ahead;
        }
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
        Self {
            seen: Mutex::new(Seen::new(system_now() + off, Instant::now())),
            off: AtomicI64::new(off.num_microseconds().unwrap_or(i64::MAX)),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Both clocks at the same moment. A pause between them would look like a jump, and like one back the next time.
    fn both(&self) -> (Time, Instant) {
        for _ in 1..READINGS {
            let at = Instant::now();
            let system = self.machine();
            if at.elapsed() < AT_ONCE {
                return (system, at);
            }
        }
        (self.machine(), Instant::now())
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Time {
        let mut seen = self.seen();
        let (system, at) = self.both();
        seen.read(system, at)
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
        system_now() + TimeDelta::microseconds(self.off.load(Ordering::Relaxed))
    }

    fn steady(&self) -> Time {
        self.seen().steady(Instant::now())
    }

    fn follow(&self, ahead: TimeDelta) {
        self.now();
        self.seen().follow(ahead);
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

    /// The clock of its machine jumps by so much.
    pub fn machine_jumps(&self, by: TimeDelta) {
        let micros = by.num_microseconds().unwrap_or(0);
        self.system.off.fetch_add(micros, Ordering::Relaxed);
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

    fn steady(&self) -> Time {
        self.system.steady()
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
mod tests;
