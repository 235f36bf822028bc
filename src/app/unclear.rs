//! A start in other words than `at` and a time: nothing is sent, and the person is asked back with the moment that they
//! seem to mean, written so that it is understood. Access that begins now because “tomorrow” was taken for a reason
//! must never be.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use chrono_tz::Tz;
use hallpass_domain::command::{Ask, Clock, Day, StartWords};
use hallpass_domain::{Person, Time};

use super::App;
use super::later;
use super::stop::Stop;
use super::submit::{EXAMPLE_START, When};
use super::words::quoted;
use crate::app::answer::Answer;

/// What those words seem to mean.
struct Meant {
    /// As it would be typed after `at`.
    at: String,
    /// The time of day was theirs, too, or is our guess.
    clock_typed: bool,
}

impl App {
    /// Asks back, where there is something to ask; none where the words belong to the reason after all.
    pub(super) async fn asked_back(
        &self,
        me: &Person,
        ask: &Ask,
        delivery: Option<&str>,
    ) -> Result<Option<Answer>, Stop> {
        let Some(words) = &ask.unclear else {
            return Ok(None);
        };
        let (zone, now) = (self.zone_of(me).await, self.now());
        let meant = meant(words, zone, now);
        let planned = meant
            .as_ref()
            .map(|meant| later::read(&meant.at, zone, now));
        let ahead = matches!(planned, Some(Ok(_)));
        if words.perhaps_past && !ahead {
            // “2026-03-01 backup is broken”
            return Ok(None);
        }
        let meant = meant.filter(|_| ahead);
        let right = put_right(ask, words, meant.as_ref());
        let told = sentence(words, meant.as_ref());
        let mut answer = self
            .submit_when(me, right.clone(), When::Typed(Err(told)), delivery)
            .await?;
        if let Answer::Problems(problems) = &mut answer {
            let note = format!(
                "You wrote {}: look at “Start later” below, and send it when that is right.",
                quoted(&words.typed)
            );
            let note = meant.is_some().then_some(note);
            problems.draft = Some(self.keep_typed(me, &right, note).await?);
        }
        Ok(Some(answer))
    }
}

fn sentence(words: &StartWords, meant: Option<&Meant>) -> String {
    let typed = quoted(&words.typed);
    let write = match meant {
        Some(meant) if meant.clock_typed => format!("write at {}", meant.at),
        Some(meant) => format!("write the time, too, like at {}", meant.at),
        None => format!("write a time that is ahead, like at {EXAMPLE_START}"),
    };
    format!(
        "{typed} looks like a start. For a start, {write}. If it is part of the reason, put a word before it, like {}.",
        quoted(&format!("because {}", words.typed))
    )
}

/// The same ask with its start written as one.
fn put_right(ask: &Ask, words: &StartWords, meant: Option<&Meant>) -> Ask {
    let mut right = ask.clone();
    right.unclear = None;
    right.at = Some(meant.map_or_else(|| EXAMPLE_START.to_owned(), |meant| meant.at.clone()));
    right.reason.clone_from(&words.rest);
    if let Some((duration, spelled)) = &words.duration {
        right.duration = Some(duration.clone());
        right.spelled = Some(spelled.clone());
    }
    right
}

fn meant(words: &StartWords, zone: Tz, now: Time) -> Option<Meant> {
    let local = now.with_timezone(&zone);
    if let Some(moment) = from_now(words.day, local) {
        return Some(Meant {
            at: written(moment),
            clock_typed: matches!(words.day, Some(Day::In(_))),
        });
    }
    let clock_typed = matches!(
        words.clock,
        Some(Clock::At(..) | Clock::Noon | Clock::Midnight)
    );
    let (hour, minute) = hour(words.clock);
    let time = NaiveTime::from_hms_opt(hour, minute, 0)?;
    if words.utc {
        let today = now.date_naive();
        let moment = moment(words, today, time, now.naive_utc())?;
        let at = format!("{}Z", written(moment));
        return Some(Meant { at, clock_typed });
    }
    let moment = moment(words, local.date_naive(), time, local.naive_local())?;
    Some(Meant {
        at: written(moment),
        clock_typed,
    })
}

fn written(moment: NaiveDateTime) -> String {
    moment.format("%Y-%m-%dT%H:%M").to_string()
}

fn from_now(day: Option<Day>, local: DateTime<Tz>) -> Option<NaiveDateTime> {
    match day? {
        Day::In(duration) => Some((local + duration.to_delta()).naive_local()),
        Day::Later => {
            let hour = local.naive_local().with_minute(0)?.with_second(0)?;
            Some(hour + chrono::TimeDelta::hours(2))
        }
        Day::Today
        | Day::Tomorrow
        | Day::Weekday(_)
        | Day::NextWeek
        | Day::Date(_)
        | Day::OfMonth(..) => None,
    }
}

/// A usual hour, where only a part of the day was said.
fn hour(clock: Option<Clock>) -> (u32, u32) {
    match clock {
        Some(Clock::At(hour, minute)) => (hour, minute),
        Some(Clock::Morning) | None => (9, 0),
        Some(Clock::Noon) => (12, 0),
        Some(Clock::Afternoon) => (14, 0),
        Some(Clock::Evening) => (19, 0),
        Some(Clock::Night) => (22, 0),
        // The one that ends the day that was said.
        Some(Clock::Midnight) => (0, 0),
    }
}

/// The moment on that day; without a day, or on a day that comes every week or year, the next one.
fn moment(
    words: &StartWords,
    today: NaiveDate,
    time: NaiveTime,
    now: NaiveDateTime,
) -> Option<NaiveDateTime> {
    let after = |date: NaiveDate, days| date.checked_add_days(Days::new(days));
    let date = match words.day {
        Some(Day::Today) if words.clock == Some(Clock::Midnight) => after(today, 1)?,
        Some(Day::Today) => today,
        Some(Day::Tomorrow) if words.clock == Some(Clock::Midnight) => after(today, 2)?,
        Some(Day::Tomorrow) => after(today, 1)?,
        Some(Day::Date(date)) => date,
        Some(Day::Weekday(weekday)) => {
            let ahead = |date: &NaiveDate| date.weekday() == weekday && date.and_time(time) > now;
            (0..=7).filter_map(|days| after(today, days)).find(ahead)?
        }
        Some(Day::NextWeek) => {
            let monday = |date: &NaiveDate| date.weekday() == chrono::Weekday::Mon;
            (1..=7).filter_map(|days| after(today, days)).find(monday)?
        }
        Some(Day::OfMonth(month, day)) => {
            let of = |year| NaiveDate::from_ymd_opt(year, month, day);
            let years = [today.year(), today.year() + 1];
            let mut dates = years.into_iter().filter_map(of);
            dates.find(|date| date.and_time(time) > now)?
        }
        Some(Day::In(_) | Day::Later) | None => {
            let ahead = |date: &NaiveDate| date.and_time(time) > now;
            (0..=1).filter_map(|days| after(today, days)).find(ahead)?
        }
    };
    Some(date.and_time(time))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use hallpass_domain::command::{Ask, Command};

    use super::{meant, put_right, sentence};

    /// A Saturday afternoon in Berlin.
    const NOW: &str = "2026-11-21T13:30:00Z";

    fn ask(text: &str) -> Ask {
        let parsed = Command::parse(text);
        let Command::Ask(ask) = parsed else {
            panic!("{text} is {parsed:?}");
        };
        ask
    }

    fn at(words: &str) -> (String, bool) {
        let ask = ask(&format!("db-admin 2h {words} orders stuck"));
        let words = ask.unclear.expect("told");
        let zone: Tz = "Europe/Berlin".parse().expect("a zone");
        let meant = meant(&words, zone, NOW.parse().expect("a time")).expect("a moment");
        (meant.at, meant.clock_typed)
    }

    #[test]
    fn the_moment_that_they_seem_to_mean_is_offered() {
        for (words, moment, clock_typed) in [
            ("tomorrow 9:00", "2026-11-22T09:00", true),
            ("tomorrow at 9pm", "2026-11-22T21:00", true),
            ("tomorrow", "2026-11-22T09:00", false),
            ("tonight", "2026-11-21T22:00", false),
            ("tonight 23:30", "2026-11-21T23:30", true),
            ("monday", "2026-11-23T09:00", false),
            ("saturday 9:00", "2026-11-28T09:00", true),
            ("saturday 18:00", "2026-11-21T18:00", true),
            ("next week", "2026-11-23T09:00", false),
            ("this weekend", "2026-11-28T09:00", false),
            ("in the morning", "2026-11-22T09:00", false),
            ("next morning", "2026-11-22T09:00", false),
            ("coming evening", "2026-11-21T19:00", false),
            ("in 2 hours", "2026-11-21T16:30", true),
            ("22:00", "2026-11-21T22:00", true),
            ("9:00", "2026-11-22T09:00", true),
            ("at 9", "2026-11-22T09:00", true),
            ("at midnight", "2026-11-22T00:00", true),
            ("later today", "2026-11-21T16:00", false),
            ("22:00 UTC", "2026-11-21T22:00Z", true),
            ("at 2026-11-22 09:00", "2026-11-22T09:00", true),
            ("on Nov 25", "2026-11-25T09:00", false),
            ("on 3 Jan", "2027-01-03T09:00", false),
            ("at 22:00 tomorrow", "2026-11-22T22:00", true),
        ] {
            assert_eq!(at(words), (moment.to_owned(), clock_typed), "{words}");
        }
    }

    #[test]
    fn it_is_said_how_to_write_either() {
        let ask = ask("db-admin 2h tomorrow 9:00 orders stuck");
        let words = ask.unclear.clone().expect("told");
        let zone: Tz = "Europe/Berlin".parse().expect("a zone");
        let meant = meant(&words, zone, NOW.parse().expect("a time"));
        assert_eq!(
            sentence(&words, meant.as_ref()),
            "“tomorrow 9:00” looks like a start. For a start, write at 2026-11-22T09:00. If it is part of the reason, put a word before it, like “because tomorrow 9:00”."
        );
        let right = put_right(&ask, &words, meant.as_ref());
        assert_eq!(right.reason, "orders stuck");
        assert_eq!(right.at.as_deref(), Some("2026-11-22T09:00"));
        assert_eq!(right.spelled.as_deref(), Some("2h"));
    }
}
