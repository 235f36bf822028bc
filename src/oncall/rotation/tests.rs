//! Turns, told by the wall clock.

use chrono::{NaiveDateTime, TimeDelta};
use chrono_tz::Tz;
use hallpass_domain::role::ScheduleName;
use hallpass_domain::{Duration, SlackId, Time, Who};
use proptest::prelude::*;

use super::{Rotation, moment};
use crate::ports::OnCall;

const DAY: Duration = Duration::from_hours(24);

fn wall(text: &str) -> NaiveDateTime {
    text.parse().unwrap()
}

fn utc(text: &str) -> Time {
    text.parse().unwrap()
}

fn person(n: usize) -> Who {
    Who::Account(SlackId::parse(&format!("U0PERSON{n}")).unwrap())
}

fn rotation(people: usize, starts: &str, every: Duration, zone: Tz) -> Rotation {
    let people = (0..people).map(person).collect();
    Rotation::new(ScheduleName::new("dba"), people, wall(starts), every, zone)
}

fn at(rotation: &Rotation, at: Time) -> Vec<Who> {
    futures_util::FutureExt::now_or_never(rotation.on_call(at))
        .expect("a rotation asks nobody")
        .unwrap()
}

#[test]
fn the_first_in_the_list_is_on_call_from_the_start_and_nobody_before() {
    let weekly = rotation(
        2,
        "2026-01-05T09:00:00",
        Duration::from_hours(24 * 7),
        Tz::Europe__Berlin,
    );
    let start = utc("2026-01-05T08:00:00Z");
    assert_eq!(at(&weekly, start - TimeDelta::seconds(1)), []);
    assert_eq!(
        weekly.next_change(start - TimeDelta::days(400)),
        Some(start)
    );
    assert_eq!(at(&weekly, start), [person(0)]);
    assert_eq!(weekly.next_change(start), Some(start + TimeDelta::days(7)));
    assert_eq!(
        at(&weekly, start + TimeDelta::days(7) - TimeDelta::seconds(1)),
        [person(0)]
    );
    assert_eq!(at(&weekly, start + TimeDelta::days(7)), [person(1)]);
    assert_eq!(at(&weekly, start + TimeDelta::days(14)), [person(0)]);
}

#[test]
fn a_hand_over_at_nine_stays_at_nine_when_the_clocks_change() {
    let daily = rotation(2, "2026-03-27T09:00:00", DAY, Tz::Europe__Berlin);
    // Clocks go forward in the night to Sunday the 29th.
    assert_eq!(
        daily.next_change(utc("2026-03-27T08:00:00Z")),
        Some(utc("2026-03-28T08:00:00Z"))
    );
    assert_eq!(
        daily.next_change(utc("2026-03-28T08:00:00Z")),
        Some(utc("2026-03-29T07:00:00Z"))
    );
    assert_eq!(at(&daily, utc("2026-03-29T06:59:59Z")), [person(1)]);
    assert_eq!(at(&daily, utc("2026-03-29T07:00:00Z")), [person(0)]);
    // And back in the night to Sunday, October 25th.
    assert_eq!(
        daily.next_change(utc("2026-10-24T07:00:00Z")),
        Some(utc("2026-10-25T08:00:00Z"))
    );
}

#[test]
fn a_hand_over_in_the_gap_comes_right_after_it() {
    let daily = rotation(2, "2026-03-28T02:30:00", DAY, Tz::Europe__Berlin);
    let after_the_gap = utc("2026-03-29T01:00:00Z"); // 02:00 CET is 03:00 CEST
    assert_eq!(
        daily.next_change(utc("2026-03-28T12:00:00Z")),
        Some(after_the_gap)
    );
    assert_eq!(
        at(&daily, after_the_gap - TimeDelta::seconds(1)),
        [person(0)]
    );
    assert_eq!(at(&daily, after_the_gap), [person(1)]);
    assert_eq!(
        daily.next_change(after_the_gap),
        Some(utc("2026-03-30T00:30:00Z"))
    );
}

#[test]
fn a_hand_over_at_a_time_that_comes_twice_is_at_the_first() {
    let daily = rotation(2, "2026-10-24T02:30:00", DAY, Tz::Europe__Berlin);
    let first = utc("2026-10-25T00:30:00Z"); // 02:30 CEST; 02:30 CET is an hour later
    assert_eq!(daily.next_change(utc("2026-10-24T12:00:00Z")), Some(first));
    for minutes in [0, 30, 59, 60, 90] {
        assert_eq!(at(&daily, first + TimeDelta::minutes(minutes)), [person(1)]);
    }
    assert_eq!(at(&daily, first - TimeDelta::seconds(1)), [person(0)]);
}

#[test]
fn turns_that_a_gap_swallows_are_nobodys() {
    // Half-hour turns: those of 02:00 and 02:30 never come; 03:00 is turn 4, the first person's.
    let short = rotation(
        3,
        "2026-03-29T01:00:00",
        Duration::from_mins(30),
        Tz::Europe__Berlin,
    );
    let last_before = utc("2026-03-29T00:30:00Z");
    assert_eq!(at(&short, last_before), [person(1)]);
    assert_eq!(at(&short, utc("2026-03-29T01:00:00Z")), [person(1)]);
    // 03:00 is turn 4, and 4 mod 3 is the same person: the answer holds half an hour longer.
    assert_eq!(
        short.next_change(last_before),
        Some(utc("2026-03-29T01:30:00Z"))
    );
}

#[test]
fn a_rotation_of_one_never_changes_and_of_none_is_empty() {
    let alone = rotation(1, "2026-01-05T09:00:00", DAY, Tz::UTC);
    assert_eq!(alone.next_change(utc("2026-02-01T00:00:00Z")), None);
    assert_eq!(
        alone.next_change(utc("2026-01-01T00:00:00Z")),
        Some(utc("2026-01-05T09:00:00Z"))
    );
    let empty = rotation(0, "2026-01-05T09:00:00", DAY, Tz::UTC);
    assert_eq!(at(&empty, utc("2026-02-01T00:00:00Z")), []);
    assert_eq!(empty.next_change(utc("2026-01-01T00:00:00Z")), None);
}

#[test]
fn the_end_of_the_calendar_is_survived() {
    let long = rotation(
        2,
        "2026-01-05T09:00:00",
        Duration::from_secs(u32::MAX),
        Tz::Asia__Kolkata,
    );
    assert_eq!(at(&long, Time::MAX_UTC - TimeDelta::days(2)).len(), 1);
    assert_eq!(long.next_change(Time::MAX_UTC - TimeDelta::days(2)), None);
    assert_eq!(at(&long, Time::MIN_UTC + TimeDelta::days(2)), []);
}

const ZONES: [Tz; 7] = [
    Tz::Europe__Berlin,
    Tz::America__New_York,
    Tz::Australia__Lord_Howe, // half an hour of DST
    Tz::Asia__Kathmandu,
    Tz::America__Sao_Paulo, // clocks change at midnight
    Tz::Africa__Casablanca,
    Tz::UTC,
];

/// A rotation that starts somewhere in 2015 to 2027, with turns of 5 minutes to 10 days.
fn any_rotation() -> impl Strategy<Value = Rotation> {
    let day = 24 * 60;
    (
        1_420_070_400_i64..1_830_000_000,
        1_usize..6,
        0..ZONES.len(),
        prop_oneof![1_u32..14, Just(12), Just(8)],
        any::<bool>(),
    )
        .prop_map(move |(starts, people, zone, length, days)| {
            let starts = Time::from_timestamp(starts, 0).unwrap().naive_utc();
            let every = Duration::from_mins(if days { length * day } else { length * 5 });
            let people = (0..people).map(person).collect();
            Rotation::new(ScheduleName::new("any"), people, starts, every, ZONES[zone])
        })
}

proptest! {
    #[test]
    fn exactly_one_is_on_call_at_each_moment_after_the_start(
        rotation in any_rotation(),
        seconds in 0_i64..400 * 86_400,
    ) {
        let start = moment(rotation.starts, rotation.time_zone).unwrap();
        let now = start + TimeDelta::seconds(seconds);
        let on_call = at(&rotation, now);
        prop_assert_eq!(on_call.len(), 1);
        prop_assert!(rotation.people.contains(&on_call[0]));
        prop_assert_eq!(at(&rotation, start - TimeDelta::seconds(1 + seconds)).len(), 0);
    }

    #[test]
    fn the_answer_holds_until_the_next_change_and_not_beyond(
        rotation in any_rotation(),
        seconds in 0_i64..400 * 86_400,
        part in 0.0_f64..1.0,
    ) {
        let start = moment(rotation.starts, rotation.time_zone).unwrap();
        let now = start + TimeDelta::seconds(seconds);
        match rotation.next_change(now) {
            None => prop_assert_eq!(rotation.people.len(), 1),
            Some(change) => {
                prop_assert!(change > now);
                #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a share of some days")]
                let within = (((change - now).num_seconds() as f64) * part) as i64;
                prop_assert_eq!(at(&rotation, now + TimeDelta::seconds(within)), at(&rotation, now));
                prop_assert_eq!(at(&rotation, change - TimeDelta::seconds(1)), at(&rotation, now));
                prop_assert_ne!(at(&rotation, change), at(&rotation, now));
            }
        }
    }

    /// Each turn is `every` long on the wall clock, whatever the clocks do; its ends lie where the wall clock says.
    #[test]
    fn turns_are_equal_on_the_wall_clock(rotation in any_rotation(), n in 0_i64..500) {
        let wall_of = |n: i64| rotation.starts + TimeDelta::seconds(n * i64::from(rotation.every.as_secs()));
        let begins = rotation.hand_over(n).unwrap();
        let shown = begins.with_timezone(&rotation.time_zone).naive_local();
        let gap = chrono_tz::GapInfo::new(&wall_of(n), &rotation.time_zone);
        match gap {
            None => prop_assert_eq!(shown, wall_of(n)),
            Some(gap) => prop_assert_eq!(Some(begins), gap.end.map(|end| end.to_utc())),
        }
        prop_assert!(rotation.hand_over(n + 1).unwrap() >= begins);
        // Its person is next but the whole round later, on the wall clock.
        prop_assert_eq!(rotation.whose(n), rotation.whose(n + i64::try_from(rotation.people.len()).unwrap()));
    }
}
