//! Words of time: where they are told, and where they are a reason's.

use super::super::{Ask, Command};
use super::{Clock, Day, StartWords};

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
    let both = |text: &str| {
        let start = told(&format!("db 2h {text} x"));
        (start.day, start.clock)
    };
    assert_eq!(
        both("tomorrow 9:00"),
        (Some(Day::Tomorrow), Some(Clock::At(9, 0)))
    );
    assert_eq!(
        both("tomorrow 9 pm"),
        (Some(Day::Tomorrow), Some(Clock::At(21, 0)))
    );
    assert_eq!(both("at 12am"), (None, Some(Clock::At(0, 0))));
    assert_eq!(
        both("at 12pm tomorrow"),
        (Some(Day::Tomorrow), Some(Clock::At(12, 0)))
    );
    assert_eq!(both("tonight"), (Some(Day::Today), Some(Clock::Night)));
    assert_eq!(both("on 22nd Nov"), (Some(Day::OfMonth(11, 22)), None));
    assert_eq!(both("monday morning 9:15").1, Some(Clock::At(9, 15)));
    assert!(told("db 2h 2026-11-22 x").perhaps_past);
    assert!(!told("db 2h on 2026-11-22 x").perhaps_past);
    assert!(told("db 2h tomorrow 9:00 UTC x").utc);
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
        "march of errors",
        "may be stuck",
        "9 nodes down",
        "22 nodes down",
        "99:99 is odd",
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
