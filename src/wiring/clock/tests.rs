use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use hallpass_domain::Time;

use super::{Clock, MovableClock, Seen, SystemClock};

const HOUR: TimeDelta = TimeDelta::hours(1);
const SECOND: TimeDelta = TimeDelta::seconds(1);

fn start() -> Time {
    "2026-01-05T09:00:00Z".parse().expect("a time")
}

/// A clock that is read again and again.
struct Read {
    seen: Seen,
    at: Instant,
    /// What has gone by in truth.
    gone: TimeDelta,
}

impl Read {
    fn new() -> Self {
        let at = Instant::now();
        Self {
            seen: Seen::new(start(), at),
            at,
            gone: TimeDelta::zero(),
        }
    }

    /// On a machine whose clock is right at first, following one that is so much ahead.
    fn following(ahead: TimeDelta) -> Self {
        let mut read = Self::new();
        read.seen.follow(ahead);
        read
    }

    /// So much later, while the machine's clock is off by so much.
    fn after(&mut self, later: TimeDelta, off: TimeDelta) -> Time {
        self.at += later.to_std().expect("later");
        self.gone += later;
        let last = self.seen.last;
        let now = self.seen.read(start() + self.gone + off, self.at);
        assert!(now >= last, "{now} after {last}");
        now
    }

    fn truth(&self) -> Time {
        start() + self.gone
    }
}

#[test]
fn a_jump_back_is_not_believed_and_told_once() {
    let mut clock = Read::new();
    for second in 1..=30 {
        let gone = TimeDelta::seconds(second);
        assert_eq!(clock.after(SECOND, -HOUR), start() + gone);
    }
    assert_eq!(clock.seen.jumps, [-HOUR]);
    // It is set right: what was gained is not lost again.
    assert_eq!(clock.after(SECOND, TimeDelta::zero()), clock.truth());
    assert_eq!(clock.seen.jumps, [-HOUR, HOUR]);
}

#[test]
fn a_jump_forward_is_believed_and_told_once() {
    let mut clock = Read::new();
    assert_eq!(clock.after(SECOND, HOUR), clock.truth() + HOUR);
    assert_eq!(clock.after(SECOND, HOUR), clock.truth() + HOUR);
    assert_eq!(clock.seen.jumps, [HOUR]);
}

/// The machine of one replica must not take it out of the time that all of them share.
#[test]
fn what_is_followed_goes_on_whatever_the_machine_says() {
    let ahead = TimeDelta::seconds(5);
    let mut clock = Read::following(ahead);
    for off in [HOUR, -HOUR, TimeDelta::zero(), TimeDelta::milliseconds(90)] {
        for _ in 0..20 {
            let now = clock.after(SECOND, off);
            assert_eq!(now, clock.truth() + ahead, "off by {off}");
        }
    }
    assert_eq!(clock.seen.jumps, [HOUR, -HOUR * 2, HOUR]);
    // It is measured anew, and a little off.
    let ahead = ahead + TimeDelta::milliseconds(40);
    clock.seen.follow(ahead);
    assert_eq!(clock.after(SECOND, HOUR), clock.truth() + ahead);
}

/// Whoever is paused between two clocks sees the one jump, and jump back.
#[test]
fn pauses_between_its_readings_move_nothing_that_is_followed() {
    let mut clock = Read::following(TimeDelta::zero());
    for late in [200, 0, 3_000, 0, 0, 45_000, 45_000, 0] {
        clock.after(SECOND, TimeDelta::milliseconds(late));
        assert_eq!(clock.seen.last, clock.truth());
    }
}

/// The monotonic clock stands still while a machine sleeps.
#[test]
fn a_machine_that_slept_is_told_the_time_by_what_it_follows() {
    let mut clock = Read::following(TimeDelta::zero());
    let slept = TimeDelta::seconds(40);
    assert_eq!(clock.after(SECOND, slept), clock.truth());
    clock.seen.follow(slept);
    assert_eq!(clock.after(SECOND, slept), clock.truth() + slept);
}

#[test]
fn it_agrees_with_what_it_follows_without_ever_going_back() {
    let mut clock = Read::following(TimeDelta::seconds(5));
    let off = TimeDelta::zero();
    let five = TimeDelta::seconds(5);
    assert_eq!(clock.after(SECOND, off), clock.truth() + five);
    let less = TimeDelta::milliseconds(4_600);
    clock.seen.follow(less);
    for _ in 0..20 {
        clock.after(TimeDelta::milliseconds(100), off);
    }
    assert_eq!(clock.seen.last, clock.truth() + less);
    // Much less: that one went back, and isn't believed.
    clock.seen.follow(-HOUR);
    assert_eq!(clock.after(SECOND, off), clock.truth() + less);
    assert!(clock.seen.jumps.is_empty());
}

/// Else a replica on a machine that is ahead would stay ahead of all others.
#[test]
fn what_was_said_before_it_followed_anything_does_not_count() {
    for off in [-9, 9] {
        let clock = MovableClock::off_by(TimeDelta::seconds(off));
        clock.now();
        clock.follow(TimeDelta::seconds(-off));
        let wrong = (clock.now() - SystemClock::default().now()).abs();
        assert!(wrong < TimeDelta::seconds(5), "still wrong by {wrong}");
    }
}

#[test]
fn a_jump_of_the_machine_is_in_its_reading_and_not_in_the_steady_one() {
    let clock = MovableClock::default();
    clock.machine_jumps(HOUR);
    let apart = clock.machine() - clock.steady();
    assert!((apart - HOUR).abs() < SECOND * 5, "{apart}");
    clock.now();
    let jumps = clock.jumps();
    assert_eq!(jumps.len(), 1, "{jumps:?}");
    assert_eq!(clock.jumps(), []);
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
    let moment = clock.now() + HOUR;
    let waiting = tokio::spawn({
        let clock = Arc::clone(&clock);
        async move { clock.wait_until(moment).await }
    });
    clock.advance(HOUR * 2);
    tokio::time::timeout(Duration::from_secs(5), waiting)
        .await
        .expect("it woke up")
        .unwrap();
    assert!(clock.now() > moment);
}
