//! Time that replicas agree on. With `PostgreSQL` every process follows the database's clock, since leases and ends are
//! compared between them; what a machine's own clock does moves none of them. A process starts
//! no earlier than the newest event on record. Jumps and skew are told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
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
        let newest = self.store.newest_moment().await?;
        self.measure(SAMPLES_AT_START).await?;
        let now = self.clock.now();
        let Some(latest) = newest.filter(|newest| *newest > now) else {
            return Ok(());
        };
        let time = if latest - now <= AHEAD_AT_MOST || is_wrong(now) {
            self.clock.not_before(latest);
            TimeAfter::Later
        } else {
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
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
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
        }
    }

    fn time_after_jumps(&self) -> TimeAfter {
        match self.following {
            Some(_) => TimeAfter::Followed,
            None => TimeAfter::Later,
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
mod tests {
    use std::sync::Arc;

    use chrono::TimeDelta;

    use super::Timekeeper;
    use crate::domain::{Actor, Change, Event, EventKind, Time};
    use crate::ports::Clock;
    use crate::store::Store;
    use crate::telemetry::Metrics;
    use crate::wiring::{SystemClock, SystemEntropy};

    /// A store whose newest event is so much ahead of this machine; the clock after the start, and what is on record.
    async fn started(ahead: TimeDelta) -> (Time, Time, Vec<&'static str>) {
        let dir = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", dir.path().join("hallpass.db").display());
        let store = Store::open(&url, Arc::new(SystemEntropy))
            .await
            .expect("a store");
        store.migrate().await.expect("its tables");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let newest = clock.now() + ahead;
        let event = Event::new(EventKind::Warned, Actor::Hallpass, newest);
        let written = store.apply_one(Change::default().event(event)).await;
        written.expect("an event");
        let metrics = Arc::new(Metrics::default());
        let mut keeper = Timekeeper::new(&store, &clock, &metrics);
        keeper.begin().await.expect("a beginning");
        let events = store.events_after(0, 10).await.expect("the record");
        store.close().await;
        let kinds = events.iter().map(|one| one.event.kind.as_str()).collect();
        (clock.now(), newest, kinds)
    }

    #[tokio::test]
    async fn a_start_on_a_machine_that_is_behind_goes_on_from_the_record() {
        let (now, newest, kinds) = started(TimeDelta::hours(3)).await;
        assert!(now >= newest, "{now} before {newest}");
        assert_eq!(kinds, ["grant.warned", "clock.jumped"]);
    }

    #[tokio::test]
    async fn a_record_from_far_ahead_is_told_and_not_believed() {
        let (now, newest, kinds) = started(TimeDelta::days(400)).await;
        assert!(now < newest - TimeDelta::days(399));
        assert_eq!(kinds, ["grant.warned", "clock.jumped"]);
    }

    #[tokio::test]
    async fn a_little_is_nobodys_business() {
        let (now, newest, kinds) = started(TimeDelta::seconds(2)).await;
        assert!(now >= newest);
        assert_eq!(kinds, ["grant.warned"]);
    }
}
