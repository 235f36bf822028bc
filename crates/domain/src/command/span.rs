//! Where a duration is read: one word (`1h30m`) or pairs of number and unit word (`1 hour 30 minutes`), not mixed.
//!
//! A word is taken for a duration, right or wrong, by its shape: an optional sign, a digit, then digits, letters and
//! decimal points, a letter at the end (`2h`, `2x`, `-2h`, `1.5h`); or like `1h30`. Ordinals and status classes (`2nd`,
//! `5xx`) are none. What has that shape and isn't one is told; everything else (`2 nodes are down`) begins the reason.

use super::DurationWord;
use super::words::Words;
use crate::Duration;
use crate::duration::NotADuration;

/// Takes a duration, if one is written here.
pub(super) fn read(words: &mut Words<'_>) -> Option<DurationWord> {
    let start = words.clone();
    let first = trimmed(words.peek()?);
    if is_word_shaped(first) {
        words.take();
        return Some(Duration::parse_word(first));
    }
    let mut joined = String::new();
    let mut wrong = false;
    while let Some((number, unit, after)) = pair(words) {
        wrong |= !number.bytes().all(|byte| byte.is_ascii_digit());
        joined.push_str(number);
        joined.push(unit);
        *words = after;
    }
    if joined.is_empty() {
        return None;
    }
    let typed = trimmed(start.until(words)).to_owned();
    if wrong {
        return Some(Err(NotADuration::Shape(typed)));
    }
    Some(Duration::parse_word(&joined).map_err(|error| match error {
        NotADuration::Shape(_) => NotADuration::Shape(typed),
        NotADuration::Order(_) => NotADuration::Order(typed),
        NotADuration::Zero(_) => NotADuration::Zero(typed),
        NotADuration::TooLong(_) => NotADuration::TooLong(typed),
    }))
}

/// A number and a unit word, and where it goes on after them.
fn pair<'a>(words: &Words<'a>) -> Option<(&'a str, char, Words<'a>)> {
    let mut after = words.clone();
    let number = after.take()?;
    let digits = unsigned(number);
    let numeric = digits.starts_with(|first: char| first.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
    let unit = unit(trimmed(after.take()?))?;
    numeric.then_some((number, unit, after))
}

fn unit(word: &str) -> Option<char> {
    match word.to_ascii_lowercase().as_str() {
        "week" | "weeks" | "wk" | "wks" => Some('w'),
        "day" | "days" => Some('d'),
        "hour" | "hours" | "hr" | "hrs" => Some('h'),
        "minute" | "minutes" | "min" | "mins" => Some('m'),
        "second" | "seconds" | "sec" | "secs" => Some('s'),
        _ => None,
    }
}

fn is_word_shaped(word: &str) -> bool {
    let body = unsigned(word);
    let shaped = body.starts_with(|first: char| first.is_ascii_digit())
        && body
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b','));
    let letters = body.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let lower = letters.to_ascii_lowercase();
    let named = matches!(lower.as_str(), "st" | "nd" | "rd" | "th" | "xx");
    let unitless_end = lower.starts_with(['w', 'd', 'h', 'm', 's'])
        && lower[1..].bytes().all(|byte| byte.is_ascii_digit());
    let lettered_end = body.ends_with(|last: char| last.is_ascii_alphabetic());
    shaped && !named && (lettered_end || unitless_end)
}

fn unsigned(word: &str) -> &str {
    word.strip_prefix(['-', '+', '\u{2212}', '\u{2013}'])
        .unwrap_or(word)
}

/// `2h,` is `2h`.
fn trimmed(word: &str) -> &str {
    word.trim_end_matches([',', ';'])
}
