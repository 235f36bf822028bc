//! `[request] ROLE [PARAM=VALUE …] [DURATION] [at TIME] REASON…`, from left to right.

use super::text::Typed;
use super::words::Words;
use super::{Ask, DurationWord, span, start};

impl Ask {
    pub(super) fn read(words: &mut Words<'_>) -> Self {
        let role = words.take().map(str::to_lowercase).unwrap_or_default();
        let parameters = parameters(words);
        let (duration, spelled) = spelled(words);
        let before = words.clone();
        let at = at(words);
        let unclear = start::read(&before, duration.is_none());
        // `at 22:00` is a start; `at 22:00 tomorrow` says more than was understood.
        let unclear = unclear.filter(|start| at.is_none() || start.day.is_some());
        Self {
            role,
            parameters,
            duration,
            spelled,
            at,
            unclear,
            reason: words.rest(),
        }
    }
}

/// The duration, and its words.
pub(super) fn spelled(words: &mut Words<'_>) -> (Option<DurationWord>, Option<String>) {
    let before = words.clone();
    let duration = span::read(words);
    let typed = before.until(words).trim_end_matches([',', ';']);
    let spelled = duration.is_some().then(|| typed.to_owned());
    (duration, spelled)
}

/// Words of a reason that are `NAME=VALUE`, of names that are `open`, each once; with them the reason without them.
pub fn parameters_in(reason: &str, open: impl Fn(&str) -> bool) -> (Vec<(String, String)>, String) {
    let typed = Typed {
        text: reason.to_owned(),
        mentions: Vec::new(),
    };
    let (mut words, mut found, mut left) = (Words::new(&typed), Vec::new(), String::new());
    while words.peek().is_some() {
        let before = words.clone();
        let parameter = words.take_parameter().filter(|(name, _)| {
            let known = |(known, _): &(String, String)| known == name;
            open(name) && !found.iter().any(known)
        });
        if let Some((name, value)) = parameter {
            let value = value.trim_end_matches([',', ';']).to_owned();
            found.push((name, value));
        } else {
            words = before.clone();
            words.take();
            left.push_str(&reason[before.at()..words.at()]);
        }
    }
    (found, left.trim_end().to_owned())
}

pub(super) fn parameters(words: &mut Words<'_>) -> Vec<(String, String)> {
    std::iter::from_fn(|| words.take_parameter()).collect()
}

/// `at` counts only right before what has the shape of a time; else it is a word of the reason.
fn at(words: &mut Words<'_>) -> Option<String> {
    let mut after = words.clone();
    if !after.take()?.eq_ignore_ascii_case("at") {
        return None;
    }
    let time = after.take()?.trim_end_matches([',', ';']);
    if !is_time_shaped(time) {
        return None;
    }
    *words = after;
    Some(time.to_owned())
}

/// `22:00`, or an ISO time like `2026-03-01T22:00`, with or without seconds and offset.
fn is_time_shaped(word: &str) -> bool {
    let is_clock = |text: &str| {
        text.split_once(':').is_some_and(|(hours, minutes)| {
            (1..=2).contains(&hours.len())
                && minutes.len() == 2
                && (hours.bytes().chain(minutes.bytes())).all(|byte| byte.is_ascii_digit())
        })
    };
    let is_date = |text: &str| {
        text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    };
    is_clock(word)
        || word
            .split_once(['T', 't'])
            .is_some_and(|(date, clock)| is_date(date) && clock.get(..5).is_some_and(is_clock))
}
