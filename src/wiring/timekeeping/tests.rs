use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::Timekeeper;
use crate::domain::{Actor, Change, Event, EventKind, Time};
use crate::ports::Clock;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::wiring::{SystemClock, SystemEntropy};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A store, and a process that was started on it.
struct Started {
    store: Store,
    clock: Arc<dyn Clock>,
    keeper: Timekeeper,
    folder: TempDir,
}

impl Started {
    /// A clock that nobody has read yet, on a store that somebody else has written to.
    async fn on(store: Store, folder: TempDir) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let metrics = Arc::new(Metrics::default());
        let mut keeper = Timekeeper::new(&store, &clock, &metrics);
        keeper.begin().await.expect("a beginning");
        Self {
            store,
            clock,
            keeper,
            folder,
        }
    }

    async fn kinds(&self) -> Vec<&'static str> {
        let events = self.store.events_after(0, 10).await.expect("the record");
        events.iter().map(|one| one.event.kind.as_str()).collect()
    }

    async fn again(self) -> Self {
        Self::on(self.store, self.folder).await
    }
}

async fn fresh() -> (Store, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("hallpass.db").display());
    let store = Store::open(&url, Arc::new(SystemEntropy))
        .await
        .expect("a store");
    store.migrate().await.expect("its tables");
    (store, folder)
}

fn right() -> Time {
    SystemClock::default().now()
}

/// Whose newest event is so much ahead of this machine.
async fn on_record(ahead: TimeDelta) -> (Started, Time) {
    let (store, folder) = fresh().await;
    let newest = right() + ahead;
    let event = Event::new(EventKind::Warned, Actor::Hallpass, newest);
    let written = store.apply_one(Change::default().event(event)).await;
    written.expect("an event");
    (Started::on(store, folder).await, newest)
}

/// On which nothing happened, but somebody served until so much ahead of this machine.
async fn kept(ahead: TimeDelta) -> (Started, Time) {
    let (store, folder) = fresh().await;
    let kept = right() + ahead;
    store.keep_moment(kept).await.expect("a moment");
    (Started::on(store, folder).await, kept)
}

#[tokio::test]
async fn a_start_on_a_machine_that_is_behind_goes_on_from_the_record() {
    let (started, newest) = on_record(TimeDelta::hours(3)).await;
    let now = started.clock.now();
    assert!(now >= newest, "{now} before {newest}");
    assert_eq!(started.kinds().await, ["grant.warned", "clock.jumped"]);
}

#[tokio::test]
async fn a_record_from_far_ahead_is_told_and_not_believed() {
    let (started, newest) = on_record(TimeDelta::days(400)).await;
    assert!(started.clock.now() < newest - TimeDelta::days(399));
    assert_eq!(started.kinds().await, ["grant.warned", "clock.jumped"]);
}

#[tokio::test]
async fn a_little_is_nobodys_business() {
    let (started, newest) = on_record(TimeDelta::seconds(2)).await;
    assert!(started.clock.now() >= newest);
    assert_eq!(started.kinds().await, ["grant.warned"]);
}

/// A quiet hour leaves no event to begin after.
#[tokio::test]
async fn a_start_after_a_quiet_time_goes_on_from_when_somebody_served() {
    let (started, kept) = kept(TimeDelta::hours(3)).await;
    let now = started.clock.now();
    assert!(now >= kept, "{now} before {kept}");
    assert_eq!(started.kinds().await, ["clock.jumped"]);
}

#[tokio::test]
async fn a_moment_from_far_ahead_is_told_once_and_given_up() {
    let (started, kept) = kept(TimeDelta::days(400)).await;
    assert!(started.clock.now() < kept - TimeDelta::days(399));
    let started = started.again().await;
    assert_eq!(started.kinds().await, ["clock.jumped"]);
    let kept = started.store.kept_moment().await.expect("a moment");
    assert!(kept.is_some_and(|kept| kept <= started.clock.now()));
}

/// What can be believed counts, also beside what can't.
#[tokio::test]
async fn a_moment_from_far_ahead_does_not_hide_the_record() {
    let (started, newest) = on_record(TimeDelta::hours(3)).await;
    let far = newest + TimeDelta::days(400);
    started.store.keep_moment(far).await.expect("a moment");
    let started = started.again().await;
    let now = started.clock.now();
    assert!(now >= newest && now < newest + TimeDelta::hours(1), "{now}");
}

#[tokio::test]
async fn whoever_serves_keeps_how_late_it_is() {
    let (store, folder) = fresh().await;
    let started = Started::on(store, folder).await;
    let began = started.clock.now();
    let stop = CancellationToken::new();
    let running = tokio::spawn(started.keeper.run(stop.clone()));
    let look = async {
        loop {
            let kept = started.store.kept_moment().await.expect("a moment");
            if let Some(kept) = kept {
                return kept;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let kept = tokio::time::timeout(PATIENCE, look).await.expect("in time");
    assert!(kept >= began && kept <= started.clock.now(), "{kept}");
    stop.cancel();
    running.await.expect("it stops");
}
