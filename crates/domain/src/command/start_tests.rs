//! Words of time: where they are told, and where they are a reason's.

use chrono::Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};

use super::super::{Ask, Command};
use super::{Clock, Day, StartWords};
use crate::Duration;

fn ask(text: &str) -> Ask {
    let parsed = Command::parse(text);
    let Command::Ask(ask) = parsed else {
        panic!("{text} is {parsed:?}");
    };
    ask
}

fn told(text: &str) -> StartWords {
    let ask = ask(text);
    *ask.unclear.unwrap_or_else(|| panic!("{text} isn't told"))
}

#[test]
fn words_of_time_where_a_start_would_stand_are_told() {
    for (words, rest) in [
        ("tomorrow", "orders stuck"),
        ("tomorrow", ""),
        ("tomorrow 9:00", "orders stuck"),
        ("Tomorrow, at 9", "orders stuck"),
        ("tomorrow at 9am", "migrate"),
        ("tomorrow 9 am", "migrate"),
        ("tomorrow morning", "migrate"),
        ("for tomorrow", "migrate"),
        ("tonight", "migrate"),
        ("tonight 22:00", "migrate"),
        ("monday", "migrate"),
        ("on Monday at 10:30", "migrate"),
        ("mon 9:00", "migrate"),
        ("next week", "migrate"),
        ("next friday", "migrate"),
        ("this evening", "migrate"),
        ("in the morning", "migrate"),
        ("in 2 hours", "migrate"),
        ("in 30m", "migrate"),
        ("in an hour", "migrate"),
        ("today 18:00", "migrate"),
        ("later today", "migrate"),
        ("at 22:00 tomorrow", "migrate"),
        ("22:00", "migrate"),
        ("9:30pm", "migrate"),
        ("22:00 UTC", "migrate"),
        ("at 9am", "migrate"),
        ("at 9", "migrate"),
        ("at noon", "migrate"),
        ("at 2026-11-22 09:00", "migrate"),
        ("2026-11-22 09:00", "migrate"),
        ("2026-11-22", "migrate"),
        ("on Nov 22", "migrate"),
        ("22 November 9:00", "migrate"),
        ("starting at 22:00 tomorrow", "migrate"),
        ("from 22:00", "migrate"),
        ("@22:00", "migrate"),
    ] {
        let start = told(&format!("db 2h {words} {rest}"));
        assert_eq!((start.typed.as_str(), start.rest.as_str()), (words, rest));
        let before = told(&format!("db {words} 2h {rest}"));
        assert_eq!(before.typed, words, "before the duration");
        assert_eq!(before.rest, rest);
        let duration = before.duration.expect("the duration behind");
        assert_eq!(duration.1, "2h");
    }
}

/// Of days and of clocks the first counts; what doesn't go with it begins the reason.
#[test]
fn a_second_day_or_clock_is_the_reasons() {
    for (words, rest) in [
        ("tomorrow", "friday report"),
        ("tomorrow", "tonight report"),
        ("9:00", "tonight report"),
        ("tomorrow 9:00", "morning report"),
        ("tomorrow 9:00", "10:00 report"),
        ("tomorrow", "UTC report"),
        ("22:00 UTC", "UTC report"),
    ] {
        let start = told(&format!("db 2h {words} {rest}"));
        assert_eq!((start.typed.as_str(), start.rest.as_str()), (words, rest));
    }
}

#[test]
fn what_they_say_is_understood() {
    let (today, tomorrow) = (Some(Day::Today), Some(Day::Tomorrow));
    let at = |hour, minute| Some(Clock::At(hour, minute));
    let hours = |hours| Some(Day::In(Duration::from_hours(hours)));
    for (words, day, clock) in [
        ("tomorrow 9:00", tomorrow, at(9, 0)),
        ("tomorrow 9am", tomorrow, at(9, 0)),
        ("tomorrow 9 pm", tomorrow, at(21, 0)),
        ("tomorrow at 23", tomorrow, at(23, 0)),
        ("at 12am", None, at(0, 0)),
        ("at 12pm tomorrow", tomorrow, at(12, 0)),
        ("0:30am", None, at(0, 30)),
        ("22:00pm", None, at(22, 0)),
        ("23:59", None, at(23, 59)),
        ("monday morning 9:15", Some(Day::Weekday(Mon)), at(9, 15)),
        ("tomorrow morning", tomorrow, Some(Clock::Morning)),
        ("tomorrow afternoon", tomorrow, Some(Clock::Afternoon)),
        ("tomorrow evening", tomorrow, Some(Clock::Evening)),
        ("tomorrow night", tomorrow, Some(Clock::Night)),
        ("tonight", today, Some(Clock::Night)),
        ("in the morning", tomorrow, Some(Clock::Morning)),
        ("in the evening", today, Some(Clock::Evening)),
        ("this evening", today, Some(Clock::Evening)),
        ("next morning", None, Some(Clock::Morning)),
        ("coming night", None, Some(Clock::Night)),
        ("in an hour", hours(1), None),
        ("in 2 hours", hours(2), None),
        ("next hour", Some(Day::Later), None),
        ("next week", Some(Day::NextWeek), None),
        ("coming week", Some(Day::NextWeek), None),
        ("this weekend", Some(Day::Weekday(Sat)), None),
        ("on 22nd Nov", Some(Day::OfMonth(11, 22)), None),
    ] {
        let start = told(&format!("db 2h {words} x"));
        assert_eq!((start.day, start.clock), (day, clock), "{words}");
        assert_eq!(start.rest, "x", "{words}");
    }
    assert!(told("db 2h 2026-11-22 x").perhaps_past);
    assert!(!told("db 2h on 2026-11-22 x").perhaps_past);
    assert!(told("db 2h tomorrow 9:00 UTC x").utc);
}

#[test]
fn a_weekday_is_whole_or_short() {
    for (day, names) in [
        (Mon, "monday mon"),
        (Tue, "tuesday tue tues"),
        (Wed, "wednesday wed weds"),
        (Thu, "thursday thu thur thurs"),
        (Fri, "friday fri"),
        (Sat, "saturday sat"),
        (Sun, "sunday sun"),
    ] {
        for name in names.split(' ') {
            let start = told(&format!("db 2h on {name} x"));
            assert_eq!(start.day, Some(Day::Weekday(day)), "{name}");
        }
    }
}

#[test]
fn a_reason_may_hold_them_elsewhere() {
    for reason in [
        "orders stuck, migrate tomorrow",
        "the release is tomorrow 9:00",
        "because tomorrow is the audit",
        "tomorrow's release",
        "monday's deploy failed",
        "mon is down",
        "sun certificate expires",
        "today orders are stuck",
        "noon batch failed",
        "midnight batch failed",
        "at last",
        "at the office",
        "at night the batch",
        "in production",
        "in the logs",
        "from backup",
        "for Rita",
        "next release",
        "this is broken",
        "this week orders are stuck",
        "this hour nothing arrived",
        "march of errors",
        "may be stuck",
        "9 nodes down",
        "22 nodes down",
        "99:99 is odd",
        "24:30 is odd",
        "1:60 scale is lost",
        "+5:30 offset is lost",
        "1 2am job failed",
        "at 24 nodes it stalls",
        "start the service",
        "starting point",
        "now",
        "later versions fail",
        "for today",
        "for 2 nodes",
        "on 3 nodes",
        "from 9 to 5",
    ] {
        let ask = ask(&format!("db 2h {reason}"));
        assert_eq!(ask.unclear, None, "{reason}");
        assert_eq!(ask.reason, reason);
    }
    let later = ask("db 2h at 22:00 because tomorrow is too late");
    assert_eq!((later.at.as_deref(), later.unclear), (Some("22:00"), None));
}

#[test]
fn the_reason_stays_as_it_was_typed() {
    let ask = ask("db 2h tomorrow 9:00 orders  stuck");
    assert_eq!(ask.reason, "tomorrow 9:00 orders  stuck");
    assert_eq!(ask.unclear.expect("told").rest, "orders  stuck");
}
