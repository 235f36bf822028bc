//! Time that replicas agree on. With `PostgreSQL` every process follows the database's clock, since leases and ends are
//! compared between them; what a machine's own clock does moves none of them. How far time had come is kept in the store:
//! a process starts no earlier than that, nor than the newest event on record. Jumps and skew are told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::domain::announcement::TimeAfter;
use crate::domain::{Actor, Announcement, Change, Event, EventKind, Time};
use crate::ports::Clock;
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;

/// How often the machine's clock is looked at for jumps.
const LOOK: Duration = Duration::from_secs(1);
/// How often the database is asked for its time.
const MEASURE: Duration = Duration::from_secs(10);
/// At the start the best of so many measurements counts, later of so many.
const SAMPLES_AT_START: u32 = 5;
const SAMPLES: u32 = 3;
/// A round trip that takes longer says nothing of the time.
const ROUND_TRIP: Duration = Duration::from_millis(500);
/// What it may be off without being followed anew: less than a round trip can tell.
const STEADY: TimeDelta = TimeDelta::milliseconds(2);
/// More than this is told; and again when it changed by as much.
const SKEWED: TimeDelta = TimeDelta::seconds(2);
/// A machine that is this much behind the record is told.
const BEHIND: TimeDelta = TimeDelta::seconds(10);
/// A record that is further ahead of a machine whose clock may be right isn't believed: it was written while a clock was
/// wrong, and nobody could ever leave its time again.
const AHEAD_AT_MOST: TimeDelta = TimeDelta::days(1);
/// No clock is right that says an earlier year than this was written in.
const WRITTEN: &str = "2026-01-01T00:00:00Z";
/// The machine's clock moved by more than this against the monotonic one: the database is asked at once.
const STEP: TimeDelta = TimeDelta::milliseconds(100);
/// How often it is noted how far time has come. With a look that comes late it is less than a lease, which is what a jump
/// back across a restart may add to an end.
const KEEP: Duration = Duration::from_secs(8);
/// A database that doesn't take it within this time keeps nobody from looking at his clock.
const KEPT_WITHIN: Duration = Duration::from_secs(2);

pub(super) struct Timekeeper {
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    /// The skew that was told last.
    told: Option<TimeDelta>,
    /// How much the database's clock is ahead of the machine's steady one; none where there is none to follow.
    following: Option<TimeDelta>,
    /// How far the machine's clock was from its steady one when all was well.
    apart: TimeDelta,
}

impl Timekeeper {
    pub(super) fn new(store: &Store, clock: &Arc<dyn Clock>, metrics: &Arc<Metrics>) -> Self {
        Self {
            store: store.clone(),
            clock: Arc::clone(clock),
            metrics: Arc::clone(metrics),
            told: None,
            following: None,
            apart: clock.machine() - clock.steady(),
        }
    }

    /// Before anything is claimed: agrees with the database and with the record.
    pub(super) async fn begin(&mut self) -> Result<(), StoreError> {
        // Read first: what measuring tells is on record after it.
        let record = [
            self.store.newest_moment().await?,
            self.store.kept_moment().await?,
        ];
        let record = record.into_iter().flatten();
        self.measure(SAMPLES_AT_START).await?;
        let now = self.clock.now();
        let believed = |moment: &Time| *moment - now <= AHEAD_AT_MOST || is_wrong(now);
        let latest = record.clone().max().filter(|latest| *latest > now);
        let Some(latest) = latest else {
            return Ok(());
        };
        if let Some(floor) = record.filter(believed).max() {
            self.clock.not_before(floor);
        }
        let time = if believed(&latest) {
            TimeAfter::Later
        } else {
            // Else nothing that is kept from now on would be later.
            self.store.correct_moment(self.clock.now()).await?;
            TimeAfter::Earlier
        };
        let behind = latest - now;
        if behind > BEHIND {
            tracing::error!(behind_s = behind.num_seconds(), record = %latest, "the clock is behind the record");
            self.jumped(-behind, time).await;
        }
        Ok(())
    }

    /// Goes on until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut measured = Instant::now();
        let mut kept = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return self.keep().await,
                () = tokio::time::sleep(LOOK) => {}
            }
            // Looking is what finds a jump.
            self.clock.now();
            let apart = self.clock.machine() - self.clock.steady();
            let stepped = (apart - self.apart).abs() > STEP;
            // A machine that slept has lost that much of the time: it is asked for until it is known again.
            if stepped || measured.elapsed() >= MEASURE {
                measured = Instant::now();
                match self.measure(SAMPLES).await {
                    Ok(Measured::Well) => self.apart = apart,
                    Ok(Measured::TooSlow) => {}
                    Err(error) => {
                        tracing::warn!(%error, "the database's clock could not be read");
                    }
                }
            }
            for jump in self.clock.jumps() {
                self.jumped(jump, self.time_after_jumps()).await;
            }
            if kept.is_none_or(|kept: Instant| kept.elapsed() >= KEEP) {
                kept = Some(Instant::now());
                self.keep().await;
            }
        }
    }

    fn time_after_jumps(&self) -> TimeAfter {
        match self.following {
            Some(_) => TimeAfter::Followed,
            None => TimeAfter::Later,
        }
    }

    /// Notes how far time has come, for whoever is started next.
    async fn keep(&self) {
        let keeping = self.store.keep_moment(self.clock.now());
        match timeout(KEPT_WITHIN, keeping).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "how late it is could not be kept"),
            Err(_) => tracing::warn!("how late it is could not be kept in time"),
        }
    }

    async fn measure(&mut self, samples: u32) -> Result<Measured, StoreError> {
        let mut best: Option<(Duration, Offset)> = None;
        for _ in 0..samples {
            let asked = Instant::now();
            let Some(server) = self.store.server_now().await? else {
                return Ok(Measured::Well);
            };
            let (steady, machine) = (self.clock.steady(), self.clock.machine());
            let took = asked.elapsed();
            let server = server + TimeDelta::from_std(took / 2).unwrap_or_default();
            // At first, any measurement says more than the machine's clock.
            let tells = took <= ROUND_TRIP || self.following.is_none();
            if tells && best.is_none_or(|(least, _)| took < least) {
                let offset = Offset {
                    of_steady: server - steady,
                    of_machine: server - machine,
                };
                best = Some((took, offset));
            }
        }
        let Some((_, offset)) = best else {
            return Ok(Measured::TooSlow);
        };
        self.agree(offset).await;
        Ok(Measured::Well)
    }

    async fn agree(&mut self, offset: Offset) {
        let steady = offset.of_steady;
        let differs = |following: TimeDelta| (steady - following).abs() > STEADY;
        if self.following.is_none_or(differs) {
            self.clock.follow(steady);
            self.following = Some(steady);
        }
        let ahead = offset.of_machine;
        let micros = ahead.num_microseconds().unwrap_or(i64::MAX);
        let seconds = Duration::from_micros(micros.unsigned_abs()).as_secs_f64();
        self.metrics
            .clock_skew(if micros < 0 { -seconds } else { seconds });
        let changed = self.told.is_none_or(|told| (ahead - told).abs() > SKEWED);
        if ahead.abs() > SKEWED && changed {
            self.told = Some(ahead);
            self.skewed(ahead).await;
        } else if ahead.abs() < SKEWED / 2 && self.told.take().is_some() {
            tracing::info!("this machine's clock and the database's agree again");
        }
    }

    /// `ahead`: the database's clock less the machine's.
    async fn skewed(&self, ahead: TimeDelta) {
        // What is told is the machine's: behind where negative.
        let by_millis = -ahead.num_milliseconds();
        tracing::error!(
            by_millis,
            "this machine's clock and the database's differ; the database's is followed"
        );
        let at = self.clock.now();
        let event =
            Event::new(EventKind::ClockSkewed, Actor::Hallpass, at).fact("by_millis", by_millis);
        let announcement = Announcement::ClockSkewed { by_millis, at };
        self.tell(event, announcement).await;
    }

    async fn jumped(&self, by: TimeDelta, time: TimeAfter) {
        // Rounded: an hour is measured as a little more or less.
        let by_seconds = (by.num_milliseconds() + 500).div_euclid(1_000);
        self.metrics.clock_jumped(by_seconds);
        let at = self.clock.now();
        let event =
            Event::new(EventKind::ClockJumped, Actor::Hallpass, at).fact("by_seconds", by_seconds);
        let announcement = Announcement::ClockJumped {
            by_seconds,
            at,
            time,
        };
        self.tell(event, announcement).await;
    }

    async fn tell(&self, event: Event, announcement: Announcement) {
        let change = Change::default().event(event).announce(announcement);
        if let Err(error) = self.store.apply_one(change).await {
            tracing::error!(%error, "what is wrong with the clock could not be put on record");
        }
    }
}

/// What one look at the database's clock brought.
enum Measured {
    /// It is followed; or there is none to follow.
    Well,
    /// No answer came soon enough to say anything.
    TooSlow,
}

/// How much the database's clock is ahead of the machine's steady reading, and of its own.
#[derive(Clone, Copy)]
struct Offset {
    of_steady: TimeDelta,
    of_machine: TimeDelta,
}

/// Whether a clock can't be right, whatever the record says.
fn is_wrong(now: Time) -> bool {
    WRITTEN.parse::<Time>().is_ok_and(|written| now < written)
}

#[cfg(test)]
mod tests;
