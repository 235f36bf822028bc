//! When a later start is: what was typed after `at`, read in the asker's time zone. Pure: the moment, the zone and the
//! text come in. Nights on which clocks change have one answer, and it is told:
//! a time that doesn't exist is moved on by as much as the clocks are (as in RFC 5545, 3.3.5), of a time that comes
//! twice the first that is still ahead is taken.

use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta,
    TimeZone, Timelike,
};
use chrono_tz::Tz;
use hallpass_domain::Time;

use super::words::quoted;

/// How far ahead a start may lie: what is approved now is still known by then to who approved it.
pub(super) const FARTHEST_DAYS: u16 = 30;

/// A later start, as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) at: Time,
    /// `tomorrow 03:05`, in the asker's zone.
    pub(super) when: String,
    /// `Europe/Berlin`
    pub(super) zone: String,
    /// What must be told of the clocks that night, as a sentence.
    pub(super) note: Option<String>,
}

/// Reads `HH:MM` or an ISO time, with or without an offset.
///
/// # Errors
/// A sentence: what was wrong and what would do.
pub(super) fn read(typed: &str, zone: Tz, now: Time) -> Result<Planned, String> {
    let text = typed.trim().to_ascii_uppercase();
    if let Ok(exact) = DateTime::parse_from_rfc3339(&with_seconds(&text)) {
        return planned(typed, exact.to_utc(), None, zone, now);
    }
    if let Some(time) = clock(&text) {
        return next(typed, time, zone, now);
    }
    let local = (text.split_once('T'))
        .and_then(|(date, time)| Some((date.parse::<NaiveDate>().ok()?, clock(time)?)));
    let Some((date, time)) = local else {
        return Err(format!(
            "{} isn't a time: write at 22:00, or at {}T22:00.",
            quoted(typed),
            local_date(zone, now)
        ));
    };
    let readings = readings(date.and_time(time), zone);
    let reading = readings.iter().find(|reading| reading.at > now);
    let reading = reading.or(readings.last());
    match reading {
        Some(reading) => planned(typed, reading.at, reading.note.clone(), zone, now),
        None => Err(format!("{} can't be told in {zone}.", quoted(typed))),
    }
}

/// `2026-11-21T22:00Z` is what people write; RFC 3339 wants seconds.
fn with_seconds(text: &str) -> String {
    let Some((date, time)) = text.split_once('T') else {
        return text.into();
    };
    let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone);
    let seconds = if clock.matches(':').count() == 1 {
        ":00"
    } else {
        ""
    };
    // `+0200` and `+02` are offsets, too.
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let zone = match (zone.get(..1), digits.len()) {
        (Some(sign @ ("+" | "-")), 2) => format!("{sign}{digits}:00"),
        (Some(sign @ ("+" | "-")), 4) => format!("{sign}{}:{}", &digits[..2], &digits[2..]),
        _ => zone.to_owned(),
    };
    format!("{date}T{clock}{seconds}{zone}")
}

fn clock(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text, "%H:%M")
        .or_else(|_| NaiveTime::parse_from_str(text, "%H:%M:%S%.f"))
        .ok()
        // A leap second is no time to start at.
        .filter(|time| time.nanosecond() < 1_000_000_000)
}

/// The next time that clocks show it.
fn next(typed: &str, time: NaiveTime, zone: Tz, now: Time) -> Result<Planned, String> {
    let today = local_date(zone, now);
    let ahead = (0..=2)
        .filter_map(|days| today.checked_add_days(Days::new(days)))
        .flat_map(|date| readings(date.and_time(time), zone))
        .filter(|reading| reading.at > now)
        .min_by_key(|reading| reading.at);
    match ahead {
        Some(reading) => planned(typed, reading.at, reading.note, zone, now),
        None => Err(format!("{} can't be told in {zone}.", quoted(typed))),
    }
}

/// One moment that a local time can mean, in the order of time.
struct Reading {
    at: Time,
    note: Option<String>,
}

fn readings(local: NaiveDateTime, zone: Tz) -> Vec<Reading> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => vec![Reading {
            at: at.to_utc(),
            note: None,
        }],
        LocalResult::Ambiguous(first, second) => {
            let (first, second) = (first.min(second), first.max(second));
            let (time, day) = (local.format("%H:%M"), local.format("%-d %B"));
            let twice = format!("{time} comes twice on {day} in {zone}, as clocks go back then");
            let exact = format!(
                "{}{}",
                local.format("%Y-%m-%dT%H:%M"),
                second.offset().fix()
            );
            vec![
                Reading {
                    at: first.to_utc(),
                    note: Some(format!(
                        "{twice}: the first is taken ({}). For the second write at {exact}.",
                        offset(&first)
                    )),
                },
                Reading {
                    at: second.to_utc(),
                    note: Some(format!(
                        "{twice}: the first is over, so the second is taken ({}).",
                        offset(&second)
                    )),
                },
            ]
        }
        LocalResult::None => moved(local, zone).into_iter().collect(),
    }
}

/// The clocks pass over it: as long after the last moment before as it seems.
fn moved(local: NaiveDateTime, zone: Tz) -> Option<Reading> {
    // No zone ever left out more than a day.
    let before = (1..=26 * 4).find_map(|quarters| {
        let earlier = local - TimeDelta::minutes(15 * quarters);
        zone.from_local_datetime(&earlier).latest()
    })?;
    let offset = TimeDelta::seconds(before.offset().fix().local_minus_utc().into());
    let at = (local - offset).and_utc();
    let shown = at.with_timezone(&zone);
    let note = format!(
        "{} doesn't exist on {} in {zone}, as clocks go forward then: {} is taken.",
        local.format("%H:%M"),
        local.format("%-d %B"),
        shown.format("%H:%M"),
    );
    Some(Reading {
        at,
        note: Some(note),
    })
}

/// Within the bounds, and how it is called.
fn planned(
    typed: &str,
    at: Time,
    note: Option<String>,
    zone: Tz,
    now: Time,
) -> Result<Planned, String> {
    if at <= now {
        let now = now.with_timezone(&zone).format("%Y-%m-%d %H:%M");
        return Err(format!(
            "{} is past already: it is {now} in {zone}. Leave “at” out to start now.",
            quoted(typed)
        ));
    }
    if at > now + TimeDelta::days(FARTHEST_DAYS.into()) {
        let last = (now + TimeDelta::days(FARTHEST_DAYS.into())).with_timezone(&zone);
        return Err(format!(
            "A start can be {FARTHEST_DAYS} days ahead at most, until {} in {zone}; you wrote {}.",
            last.format("%Y-%m-%d %H:%M"),
            quoted(typed)
        ));
    }
    Ok(Planned {
        at,
        when: when(at, zone, now),
        zone: zone.name().into(),
        note,
    })
}

/// `today 22:00`, `tomorrow 03:05`, `Mon 23 Nov 03:05`; with the offset where the clock shows it twice.
pub(super) fn when(at: Time, zone: Tz, now: Time) -> String {
    let local = at.with_timezone(&zone);
    let days = (local.date_naive() - local_date(zone, now)).num_days();
    let day = match days {
        0 => "today".into(),
        1 => "tomorrow".into(),
        _ if local.year() == now.with_timezone(&zone).year() => {
            local.format("%a %-d %b").to_string()
        }
        _ => local.format("%a %-d %b %Y").to_string(),
    };
    let clock = if local.second() == 0 {
        local.format("%H:%M")
    } else {
        local.format("%H:%M:%S")
    };
    let twice = matches!(
        zone.from_local_datetime(&local.naive_local()),
        LocalResult::Ambiguous(..)
    );
    if twice {
        format!("{day} {clock} ({})", offset(&local))
    } else {
        format!("{day} {clock}")
    }
}

fn local_date(zone: Tz, now: Time) -> NaiveDate {
    now.with_timezone(&zone).date_naive()
}

/// `UTC+2`, `UTC-3:30`.
fn offset(at: &DateTime<Tz>) -> String {
    let minutes = at.offset().fix().local_minus_utc() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    match (minutes.abs() / 60, minutes.abs() % 60) {
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, rest) => format!("UTC{sign}{hours}:{rest:02}"),
    }
}

#[cfg(test)]
#[path = "later_tests.rs"]
mod tests;
