//! Later starts: what was typed, where, when, and which moment that is.

use chrono_tz::Tz;
use hallpass_domain::Time;

use super::{Planned, read};

fn time(text: &str) -> Time {
    text.parse().expect("a time")
}

fn zone(name: &str) -> Tz {
    name.parse().expect("a zone")
}

fn typed(text: &str, name: &str, now: &str) -> Result<Planned, String> {
    read(text, zone(name), time(now))
}

fn at(text: &str, name: &str, now: &str) -> (Time, String, Option<String>) {
    let planned = typed(text, name, now).expect("a later start");
    (planned.at, planned.when, planned.note)
}

const EVENING: &str = "2026-11-21T20:00:00Z";

#[test]
fn a_clock_time_is_the_next_one_in_the_askers_zone() {
    let none = None;
    for (text, name, moment, when) in [
        (
            "22:00",
            "Europe/Berlin",
            "2026-11-21T21:00:00Z",
            "today 22:00",
        ),
        (
            "21:00",
            "Europe/Berlin",
            "2026-11-22T20:00:00Z",
            "tomorrow 21:00",
        ),
        (
            "3:05",
            "Europe/Berlin",
            "2026-11-22T02:05:00Z",
            "tomorrow 03:05",
        ),
        ("22:00", "UTC", "2026-11-21T22:00:00Z", "today 22:00"),
        (
            "6:30",
            "Asia/Kolkata",
            "2026-11-22T01:00:00Z",
            "today 06:30",
        ),
        (
            "23:59",
            "America/New_York",
            "2026-11-22T04:59:00Z",
            "today 23:59",
        ),
        (
            "8:00",
            "Pacific/Kiritimati",
            "2026-11-22T18:00:00Z",
            "today 08:00",
        ),
    ] {
        // On Kiritimati it is the 22nd, 10:00 already: eight is tomorrow there.
        let when = if name == "Pacific/Kiritimati" {
            "tomorrow 08:00"
        } else {
            when
        };
        assert_eq!(
            at(text, name, EVENING),
            (time(moment), when.into(), none.clone()),
            "{text} {name}"
        );
    }
}

#[test]
fn an_iso_time_is_local_unless_it_says_otherwise() {
    for (text, moment, when) in [
        (
            "2026-11-23T03:05",
            "2026-11-23T02:05:00Z",
            "Mon 23 Nov 03:05",
        ),
        (
            "2026-11-23t03:05:30",
            "2026-11-23T02:05:30Z",
            "Mon 23 Nov 03:05:30",
        ),
        (
            "2026-11-23T03:05Z",
            "2026-11-23T03:05:00Z",
            "Mon 23 Nov 04:05",
        ),
        (
            "2026-11-23T03:05-05:00",
            "2026-11-23T08:05:00Z",
            "Mon 23 Nov 09:05",
        ),
        (
            "2026-11-23T03:05+0530",
            "2026-11-22T21:35:00Z",
            "tomorrow 22:35",
        ),
        ("2026-11-21T22:00", "2026-11-21T21:00:00Z", "today 22:00"),
    ] {
        let (moment, when) = (time(moment), when.to_owned());
        assert_eq!(
            at(text, "Europe/Berlin", EVENING),
            (moment, when, None),
            "{text}"
        );
    }
    let (_, when, _) = at("2027-01-02T08:00", "Europe/Berlin", "2026-12-21T20:00:00Z");
    assert_eq!(when, "Sat 2 Jan 2027 08:00");
}

#[test]
fn a_time_that_clocks_pass_over_is_moved_on_and_told() {
    let before = "2027-03-27T22:00:00Z";
    let (moment, when, note) = at("02:30", "Europe/Berlin", before);
    assert_eq!(moment, time("2027-03-28T01:30:00Z"));
    assert_eq!(when, "tomorrow 03:30");
    assert_eq!(
        note.as_deref(),
        Some(
            "02:30 doesn't exist on 28 March in Europe/Berlin, as clocks go forward then: 03:30 is taken."
        )
    );
    // The same, by date; and the hours around it are what they are.
    assert_eq!(at("2027-03-28T02:30", "Europe/Berlin", before).0, moment);
    assert_eq!(
        at("01:59", "Europe/Berlin", before).0,
        time("2027-03-28T00:59:00Z")
    );
    assert_eq!(
        at("03:00", "Europe/Berlin", before).0,
        time("2027-03-28T01:00:00Z")
    );
    // By half an hour only.
    let (moment, when, note) = at("02:15", "Australia/Lord_Howe", "2026-10-03T12:00:00Z");
    assert_eq!(moment, time("2026-10-03T15:45:00Z"));
    assert_eq!(when, "tomorrow 02:45");
    assert!(note.is_some());
}

#[test]
fn of_a_time_that_comes_twice_the_first_ahead_is_taken_and_told() {
    let before = "2027-10-30T20:00:00Z";
    let (moment, when, note) = at("02:30", "Europe/Berlin", before);
    assert_eq!(moment, time("2027-10-31T00:30:00Z"));
    assert_eq!(when, "tomorrow 02:30 (UTC+2)");
    let note = note.expect("told");
    assert!(note.contains("comes twice on 31 October"), "{note}");
    let second = "2027-10-31T02:30+01:00";
    assert!(
        note.ends_with(&format!("For the second write at {second}.")),
        "{note}"
    );
    // What it offers does what it says.
    let (moment, when, note) = at(second, "Europe/Berlin", before);
    assert_eq!(moment, time("2027-10-31T01:30:00Z"));
    assert_eq!(when, "tomorrow 02:30 (UTC+1)");
    assert_eq!(note, None);
    // Between the two.
    for text in ["02:30", "2027-10-31T02:30"] {
        let (moment, when, note) = at(text, "Europe/Berlin", "2027-10-31T00:45:00Z");
        assert_eq!(moment, time("2027-10-31T01:30:00Z"), "{text}");
        assert_eq!(when, "today 02:30 (UTC+1)");
        assert!(note.is_some_and(|note| note.contains("the first is over")));
    }
}

#[test]
fn what_is_past_too_far_or_no_time_is_told() {
    for (text, told) in [
        (
            "25:00",
            "“25:00” isn't a time: write at 22:00, or at 2026-11-21T22:00.",
        ),
        ("12:60", "“12:60” isn't a time"),
        ("2026-13-01T10:00", "isn't a time"),
        ("2026-02-30T10:00", "isn't a time"),
        (
            "2026-11-21T20:59",
            "“2026-11-21T20:59” is past already: it is 2026-11-21 21:00 in Europe/Berlin.",
        ),
        ("2026-11-21T20:00Z", "is past already"),
        (
            "2026-12-21T21:01",
            "A start can be 30 days ahead at most, until 2026-12-21 21:00 in Europe/Berlin; you wrote “2026-12-21T21:01”.",
        ),
        ("+999999-01-01T00:00", "isn't a time"),
    ] {
        let sentence = typed(text, "Europe/Berlin", EVENING).expect_err(text);
        assert!(sentence.contains(told), "{text}: {sentence}");
    }
    assert!(
        typed("2026-12-21T21:00", "Europe/Berlin", EVENING).is_ok(),
        "just within"
    );
}

#[test]
fn every_local_minute_of_two_years_has_an_answer_that_is_ahead() {
    let mut now = time("2026-01-01T00:00:00Z");
    let zones = [
        "Europe/Berlin",
        "America/St_Johns",
        "Africa/Casablanca",
        "Pacific/Chatham",
    ];
    let end = time("2028-01-01T00:00:00Z");
    while now < end {
        for name in zones {
            for text in ["00:00", "01:30", "02:30", "03:15", "12:00"] {
                let planned = read(text, zone(name), now).expect("always");
                let ahead = planned.at - now;
                assert!(planned.at > now, "{text} {name} {now}");
                assert!(
                    ahead <= chrono::TimeDelta::hours(26),
                    "{text} {name} {now}: {ahead}"
                );
            }
        }
        now += chrono::TimeDelta::minutes(47 * 3);
    }
}
