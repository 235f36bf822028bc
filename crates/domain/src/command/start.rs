//! Words of time where a start would stand: `tomorrow 9:00`, `tonight`, `on monday`, `at 9am`. A start is only `at` before
//! `HH:MM` or an ISO time, so these are words of the reason. Nobody who writes them wants access now: what they seem to say
//! is kept beside the reason, so that it can be asked back. A reason may hold them anywhere but at its beginning.

use chrono::{NaiveDate, Weekday};

use super::words::Words;
use super::{DurationWord, span};
use crate::Duration;

/// What was written where a start would stand, and isn't one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartWords {
    /// `tomorrow 9:00`
    pub typed: String,
    pub day: Option<Day>,
    pub clock: Option<Clock>,
    /// `9:00 UTC`
    pub utc: bool,
    /// A date without a word before it may be any date: it is a start only where it is ahead.
    pub perhaps_past: bool,
    /// The duration behind them, where none stood before, and as it was typed.
    pub duration: Option<(DurationWord, String)>,
    /// The reason without them.
    pub rest: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    Today,
    Tomorrow,
    Weekday(Weekday),
    NextWeek,
    Date(NaiveDate),
    /// Month and day, of the year in which it comes next.
    OfMonth(u32, u32),
    /// So long from now.
    In(Duration),
    Later,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Hour and minute, both as clocks show them.
    At(u32, u32),
    Morning,
    Noon,
    Afternoon,
    Evening,
    Night,
    Midnight,
}

/// Pieces found so far.
#[derive(Default)]
struct Found {
    lead: Lead,
    /// One of them means a start also where it stands alone.
    strong: bool,
    day: Option<Day>,
    clock: Option<Clock>,
    utc: bool,
}

/// A word before them that says that a start follows.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Lead {
    #[default]
    None,
    /// `on`, `from`
    Word,
    /// `at`: a number alone is an hour then.
    At,
}

enum Piece {
    Day(Day),
    /// Means a start only beside something else.
    WeakDay(Day),
    Clock(Clock),
    /// `morning`, `noon`: only beside something else.
    Part(Clock),
    /// `tonight`
    Both(Day, Clock),
    Utc,
}

/// Reads ahead; the words themselves stay where they are. `duration`: whether one may follow.
pub(super) fn read(words: &Words<'_>, duration: bool) -> Option<Box<StartWords>> {
    let mut after = words.clone();
    let mut found = Found::default();
    while let Some(lead) = lead(&mut after, found.lead) {
        found.lead = lead;
    }
    let mut begun = false;
    loop {
        let mut next = after.clone();
        let connected = begun && connect(&mut next);
        let bare = connected || (!begun && found.lead == Lead::At);
        let Some(piece) = piece(&mut next, bare) else {
            break;
        };
        if !found.add(&piece) {
            break;
        }
        begun = true;
        after = next;
    }
    if !begun || !found.is_start() {
        return None;
    }
    let typed = words.until(&after).trim_end_matches([',', ';', '.', ':']);
    let follows = |after: &mut Words<'_>| {
        let before = after.clone();
        let read = span::read(after)?;
        Some((read, before.until(after).to_owned()))
    };
    let duration = if duration { follows(&mut after) } else { None };
    Some(Box::new(StartWords {
        typed: typed.to_owned(),
        perhaps_past: matches!(found.day, Some(Day::Date(_))) && found.lead == Lead::None,
        day: found.day,
        clock: found.clock,
        utc: found.utc,
        duration,
        rest: after.rest(),
    }))
}

impl Found {
    /// False where it doesn't go with what is there.
    fn add(&mut self, piece: &Piece) -> bool {
        match piece {
            Piece::Day(day) | Piece::WeakDay(day) if self.day.is_none() => {
                self.day = Some(*day);
                self.strong |= matches!(piece, Piece::Day(_));
            }
            Piece::Clock(clock) | Piece::Part(clock) if self.clock.is_none() => {
                self.clock = Some(*clock);
                self.strong |= matches!(piece, Piece::Clock(_));
            }
            // `monday morning 9:00`
            Piece::Clock(clock @ Clock::At(..)) if !matches!(self.clock, Some(Clock::At(..))) => {
                self.clock = Some(*clock);
            }
            Piece::Both(day, clock) if self.day.is_none() && self.clock.is_none() => {
                (self.day, self.clock) = (Some(*day), Some(*clock));
                self.strong = true;
            }
            Piece::Utc if !self.utc && matches!(self.clock, Some(Clock::At(..))) => self.utc = true,
            Piece::Day(_)
            | Piece::WeakDay(_)
            | Piece::Clock(_)
            | Piece::Part(_)
            | Piece::Both(..)
            | Piece::Utc => return false,
        }
        true
    }

    fn is_start(&self) -> bool {
        let led = self.lead != Lead::None
            && match (self.day, self.clock) {
                // “for today”, “at night”.
                (Some(Day::Today), None) => false,
                (None, Some(clock)) => {
                    matches!(clock, Clock::At(..) | Clock::Noon | Clock::Midnight)
                }
                (Some(_), _) | (None, None) => true,
            };
        let only_a_date = matches!(self.day, Some(Day::Date(_)));
        let both = self.day.is_some() && self.clock.is_some();
        self.strong || led || both || only_a_date
    }
}

/// The next word in lower case, without what ends a clause.
fn word(words: &mut Words<'_>) -> Option<String> {
    let word = words.take()?.trim_end_matches([',', ';', '.', ':']);
    Some(word.to_ascii_lowercase().replace('’', "'"))
}

fn taken(words: &mut Words<'_>, those: &[&str]) -> bool {
    let mut after = words.clone();
    let found = word(&mut after).is_some_and(|word| those.contains(&word.as_str()));
    if found {
        *words = after;
    }
    found
}

/// `at`, `on`, `from`, `starting at`.
fn lead(words: &mut Words<'_>, before: Lead) -> Option<Lead> {
    let first = ["for", "start", "starts", "starting", "begin", "beginning"];
    if taken(words, &["at", "@"]) {
        return Some(Lead::At);
    }
    let led = taken(words, &["on", "from"]) || (before == Lead::None && taken(words, &first));
    led.then_some(Lead::Word)
}

/// Between a day and a clock.
fn connect(words: &mut Words<'_>) -> bool {
    taken(words, &["at", "@", "from"])
}

/// `bare`: a number alone is an hour here.
fn piece(words: &mut Words<'_>, bare: bool) -> Option<Piece> {
    let mut after = words.clone();
    let first = word(&mut after)?;
    let first = first.strip_prefix('@').unwrap_or(&first);
    let found = match first {
        "in" => return relative(words),
        "tomorrow" | "tomorow" | "tommorow" | "tommorrow" | "tmrw" | "tmr" => {
            Piece::Day(Day::Tomorrow)
        }
        "tonight" | "tonite" => Piece::Both(Day::Today, Clock::Night),
        "today" => Piece::WeakDay(Day::Today),
        "later" => {
            // “later versions” is no time.
            let alone = after.peek().is_none();
            if !alone && !taken(&mut after, &["today", "tonight"]) {
                return None;
            }
            Piece::Day(Day::Later)
        }
        "this" | "next" | "coming" => return named(words, first != "this"),
        "utc" | "gmt" => Piece::Utc,
        "noon" => Piece::Part(Clock::Noon),
        "midnight" => Piece::Part(Clock::Midnight),
        other => match part(other) {
            Some(part) => Piece::Part(part),
            None => return dated(words, other, bare),
        },
    };
    *words = after;
    Some(found)
}

fn part(word: &str) -> Option<Clock> {
    match word {
        "morning" => Some(Clock::Morning),
        "afternoon" => Some(Clock::Afternoon),
        "evening" => Some(Clock::Evening),
        "night" => Some(Clock::Night),
        _ => None,
    }
}

/// `in 2 hours`, `in an hour`, `in the morning`.
fn relative(words: &mut Words<'_>) -> Option<Piece> {
    let mut after = words.clone();
    after.take()?;
    let mut told = after.clone();
    if let Some(Ok(duration)) = span::read(&mut told) {
        *words = told;
        return Some(Piece::Day(Day::In(duration)));
    }
    let article = word(&mut after)?;
    let noun = word(&mut after)?;
    let found = match (article.as_str(), noun.as_str()) {
        ("an" | "one", "hour") => Piece::Day(Day::In(Duration::from_hours(1))),
        ("the", noun) => {
            let part = part(noun)?;
            let day = if part == Clock::Morning {
                Day::Tomorrow
            } else {
                Day::Today
            };
            Piece::Both(day, part)
        }
        _ => return None,
    };
    *words = after;
    Some(found)
}

/// `this evening`, `next monday`, `coming week`.
fn named(words: &mut Words<'_>, next: bool) -> Option<Piece> {
    let mut after = words.clone();
    after.take()?;
    let noun = word(&mut after)?;
    let found = match noun.as_str() {
        "week" if next => Piece::Day(Day::NextWeek),
        "weekend" => Piece::Day(Day::Weekday(Weekday::Sat)),
        "hour" if next => Piece::Day(Day::Later),
        noun => match (weekday(noun), part(noun)) {
            (Some((day, _)), _) => Piece::Day(Day::Weekday(day)),
            // Whichever day it comes on.
            (None, Some(part)) if next => Piece::Clock(part),
            (None, Some(part)) => Piece::Both(Day::Today, part),
            (None, None) => return None,
        },
    };
    *words = after;
    Some(found)
}

/// Weekdays, dates and clocks.
fn dated(words: &mut Words<'_>, first: &str, bare: bool) -> Option<Piece> {
    let mut after = words.clone();
    after.take()?;
    if let Some((day, short)) = weekday(first) {
        *words = after;
        let day = Day::Weekday(day);
        // `sun`, `mon` and `sat` are words of their own, too.
        return Some(if short {
            Piece::WeakDay(day)
        } else {
            Piece::Day(day)
        });
    }
    if let Some(date) = date(first) {
        *words = after;
        return Some(Piece::WeakDay(Day::Date(date)));
    }
    let mut second = after.clone();
    let next = word(&mut second).unwrap_or_default();
    if let Some((month, day)) = of_month(first, &next) {
        *words = second;
        return Some(Piece::WeakDay(Day::OfMonth(month, day)));
    }
    if let Some((hour, minute)) = clock(&format!("{first}{next}")).filter(|_| is_half(&next)) {
        *words = second;
        return Some(Piece::Clock(Clock::At(hour, minute)));
    }
    let read = clock(first).or_else(|| {
        let hour: u32 = first.parse().ok()?;
        (bare && first.len() <= 2 && hour < 24).then_some((hour, 0))
    });
    let (hour, minute) = read?;
    *words = after;
    Some(Piece::Clock(Clock::At(hour, minute)))
}

fn is_half(word: &str) -> bool {
    matches!(word, "am" | "pm")
}

/// `22:00`, `9:30pm`, `9am`. Where hour and half contradict each other (`22:00pm`, `0:30am`), the hour counts: whoever typed
/// it is asked back in any case.
fn clock(word: &str) -> Option<(u32, u32)> {
    let half = ["am", "pm"].into_iter().find(|half| word.ends_with(half));
    let time = word.strip_suffix(half.unwrap_or_default()).unwrap_or(word);
    let (hour, minute) = match time.split_once(':') {
        Some((hour, minutes)) => {
            let minutes = minutes.strip_suffix(":00").unwrap_or(minutes);
            (hour, (minutes.len() == 2).then_some(minutes)?)
        }
        None => (time, half.map(|_| "00")?),
    };
    let digits = |text: &str| {
        let numeric = text.bytes().all(|byte| byte.is_ascii_digit());
        (numeric && (1..=2).contains(&text.len())).then(|| text.parse::<u32>().ok())?
    };
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    let hour = match half {
        Some("am") if hour == 12 => 0,
        Some("pm") if hour < 12 => hour + 12,
        _ => hour,
    };
    (hour < 24 && minute < 60).then_some((hour, minute))
}

/// Whether it is the short form, too.
fn weekday(word: &str) -> Option<(Weekday, bool)> {
    let (day, long) = match word {
        "mon" | "monday" => (Weekday::Mon, "monday"),
        "tue" | "tues" | "tuesday" => (Weekday::Tue, "tuesday"),
        "wed" | "weds" | "wednesday" => (Weekday::Wed, "wednesday"),
        "thu" | "thur" | "thurs" | "thursday" => (Weekday::Thu, "thursday"),
        "fri" | "friday" => (Weekday::Fri, "friday"),
        "sat" | "saturday" => (Weekday::Sat, "saturday"),
        "sun" | "sunday" => (Weekday::Sun, "sunday"),
        _ => return None,
    };
    Some((day, word != long))
}

/// `2026-11-22`, `22.11.2026`.
fn date(word: &str) -> Option<NaiveDate> {
    let shaped = |lengths: [usize; 3], sign| {
        let parts: Vec<&str> = word.split(sign).collect();
        let fits = parts.iter().map(|part| part.len()).eq(lengths);
        fits.then_some(parts)
    };
    let number = |text: &str| text.parse::<u32>().ok();
    let (year, month, day) = if let Some(parts) = shaped([4, 2, 2], '-') {
        (parts[0], parts[1], parts[2])
    } else {
        let parts = shaped([2, 2, 4], '.')?;
        (parts[2], parts[1], parts[0])
    };
    NaiveDate::from_ymd_opt(year.parse().ok()?, number(month)?, number(day)?)
}

/// `nov 22`, `22 november`, `22nd november`.
fn of_month(first: &str, second: &str) -> Option<(u32, u32)> {
    let month = |word: &str| {
        let names = [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ];
        let at = names.iter().position(|name| {
            *name == word || (word.len() >= 3 && word.len() <= 4 && name.starts_with(word))
        })?;
        u32::try_from(at + 1).ok()
    };
    let day = |word: &str| {
        let bare = ["st", "nd", "rd", "th"]
            .iter()
            .find_map(|end| word.strip_suffix(end));
        let day: u32 = bare.unwrap_or(word).parse().ok()?;
        (1..=31).contains(&day).then_some(day)
    };
    let read = |one, other| Some((month(one)?, day(other)?));
    read(first, second).or_else(|| read(second, first))
}

#[cfg(test)]
#[path = "start_tests.rs"]
mod tests;
