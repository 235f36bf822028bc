//! Durations as people write them (`1h30m`, `2 hours`) and as they are shown (`1 h 30 min`).
//! The grammar is the command contract's; nothing here knows the time of day.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A length of time in whole seconds; `1d` is 24 h, whatever the calendar does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Duration(u32);

/// Why a word isn't a duration; the text is a sentence for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotADuration {
    /// It doesn't have the shape of a duration at all.
    #[error("“{0}” is not a duration. Write it like 90s, 45m, 1h30m or 1d")]
    Shape(String),
    /// Units must fall: `1h30m`, not `30m1h`, each once.
    #[error("“{0}” mixes up its units. Write the larger unit first and each once, like 1h30m")]
    Order(String),
    /// It is zero.
    #[error("“{0}” is too short. Write a time like 30m")]
    Zero(String),
    /// Larger than about 136 years.
    #[error("“{0}” is longer than anything that can be granted")]
    TooLong(String),
}

impl NotADuration {
    /// What was typed.
    pub fn typed(&self) -> &str {
        match self {
            Self::Shape(typed) | Self::Order(typed) | Self::Zero(typed) | Self::TooLong(typed) => {
                typed
            }
        }
    }
}

const UNITS: [(char, u64); 5] = [
    ('w', 604_800),
    ('d', 86_400),
    ('h', 3_600),
    ('m', 60),
    ('s', 1),
];

impl Duration {
    pub const fn from_secs(seconds: u32) -> Self {
        Self(seconds)
    }

    pub const fn from_mins(minutes: u32) -> Self {
        Self(minutes * 60)
    }

    pub const fn from_hours(hours: u32) -> Self {
        Self(hours * 3_600)
    }

    /// Whole seconds.
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    pub fn to_delta(self) -> chrono::TimeDelta {
        chrono::TimeDelta::seconds(i64::from(self.0))
    }

    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    #[must_use]
    pub fn saturating_mul(self, times: u32) -> Self {
        Self(self.0.saturating_mul(times))
    }

    /// The word form: `90s`, `1h30m`; what is typed into a command again.
    pub fn word(self) -> String {
        let mut rest = u64::from(self.0);
        let mut out = String::new();
        for (unit, size) in UNITS {
            if unit != 'w' && rest >= size {
                out.push_str(&(rest / size).to_string());
                out.push(unit);
                rest %= size;
            }
        }
        if out.is_empty() { "0s".into() } else { out }
    }

    /// Reads one word: units w d h m s, falling, each once.
    pub fn parse_word(word: &str) -> Result<Self, NotADuration> {
        let shape = || NotADuration::Shape(word.into());
        let mut total: u64 = 0;
        let mut digits = String::new();
        let mut last = None;
        for letter in word.chars().map(|letter| letter.to_ascii_lowercase()) {
            if letter.is_ascii_digit() {
                digits.push(letter);
                continue;
            }
            let at = UNITS
                .iter()
                .position(|(unit, _)| *unit == letter)
                .ok_or_else(shape)?;
            if digits.is_empty() {
                return Err(shape());
            }
            if last.is_some_and(|last| at <= last) {
                return Err(NotADuration::Order(word.into()));
            }
            let too_long = || NotADuration::TooLong(word.into());
            let count: u64 = digits.parse().map_err(|_| too_long())?;
            total = count
                .checked_mul(UNITS[at].1)
                .and_then(|seconds| total.checked_add(seconds))
                .ok_or_else(too_long)?;
            last = Some(at);
            digits.clear();
        }
        if !digits.is_empty() || last.is_none() {
            return Err(shape());
        }
        if total == 0 {
            return Err(NotADuration::Zero(word.into()));
        }
        u32::try_from(total)
            .map(Self)
            .map_err(|_| NotADuration::TooLong(word.into()))
    }
}

impl fmt::Display for Duration {
    /// `2 h`, `1 h 30 min`, `45 min`, `90 s` becomes `1 min 30 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
        let mut rest = self.0;
        let mut first = true;
        for (size, name) in names {
            let count = rest / size;
            rest %= size;
            if count > 0 {
                write!(f, "{}{count} {name}", if first { "" } else { " " })?;
                first = false;
            }
        }
        if first { f.write_str("0 s") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, NotADuration};

    #[test]
    fn a_word_is_read_and_written_back() {
        for (word, seconds, shown) in [
            ("90s", 90, "1 min 30 s"),
            ("45m", 2_700, "45 min"),
            ("1h30m", 5_400, "1 h 30 min"),
            ("1d", 86_400, "1 d"),
            ("1w2d", 777_600, "9 d"),
            ("2H", 7_200, "2 h"),
        ] {
            let duration = Duration::parse_word(word).expect(word);
            assert_eq!(duration.as_secs(), seconds, "{word}");
            assert_eq!(duration.to_string(), shown);
            assert_eq!(Duration::parse_word(&duration.word()), Ok(duration));
        }
    }

    #[test]
    fn what_is_no_duration_is_told_why() {
        for bad in ["", "h", "2", "2x", "1.5h", "-2h", "2h30"] {
            assert!(
                matches!(Duration::parse_word(bad), Err(NotADuration::Shape(_))),
                "{bad}"
            );
        }
        assert!(matches!(
            Duration::parse_word("30m1h"),
            Err(NotADuration::Order(_))
        ));
        assert!(matches!(
            Duration::parse_word("1h1h"),
            Err(NotADuration::Order(_))
        ));
        assert!(matches!(
            Duration::parse_word("0s"),
            Err(NotADuration::Zero(_))
        ));
        assert!(matches!(
            Duration::parse_word("99999999999999999999w"),
            Err(NotADuration::TooLong(_))
        ));
        assert!(matches!(
            Duration::parse_word("9999999w"),
            Err(NotADuration::TooLong(_))
        ));
    }

    #[test]
    fn what_was_typed_is_said_again() {
        for bad in ["2x", "30m1h", "0s", "9999999w"] {
            let why = Duration::parse_word(bad).expect_err(bad);
            assert_eq!(why.typed(), bad);
            assert!(why.to_string().contains(bad), "{why}");
        }
    }

    #[test]
    fn it_counts_in_seconds_and_stops_at_the_longest() {
        assert_eq!(Duration::from_mins(2), Duration::from_secs(120));
        assert_eq!(Duration::from_hours(2), Duration::from_secs(7_200));
        let (minute, most) = (Duration::from_mins(1), Duration::from_secs(u32::MAX));
        assert_eq!(minute.to_delta(), chrono::TimeDelta::seconds(60));
        assert_eq!(minute.saturating_add(minute), Duration::from_mins(2));
        assert_eq!(most.saturating_add(minute), most);
        assert_eq!(minute.saturating_mul(3), Duration::from_mins(3));
        assert_eq!(most.saturating_mul(2), most);
    }

    #[test]
    fn the_largest_unit_that_fits_is_written() {
        for (seconds, word, shown) in [
            (0, "0s", "0 s"),
            (59, "59s", "59 s"),
            (60, "1m", "1 min"),
            (3_599, "59m59s", "59 min 59 s"),
            (3_600, "1h", "1 h"),
            (86_399, "23h59m59s", "23 h 59 min 59 s"),
            (86_400, "1d", "1 d"),
            (7 * 86_400, "7d", "7 d"),
            (90_061, "1d1h1m1s", "1 d 1 h 1 min 1 s"),
        ] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(duration.word(), word);
            assert_eq!(duration.to_string(), shown);
        }
        assert_eq!(
            Duration::parse_word(&format!("{}s", u32::MAX)).map(Duration::as_secs),
            Ok(u32::MAX)
        );
    }
}
