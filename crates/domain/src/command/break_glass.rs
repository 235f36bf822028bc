//! `break-glass ROLE [PARAM=VALUE …] [for @PERSON] DURATION INCIDENT REASON…`, or `break-glass R-ID INCIDENT REASON…`.

use super::words::Words;
use super::{BreakGlass, ask, span, start};
use crate::{ShortId, SlackId};

impl BreakGlass {
    pub(super) fn read(words: &mut Words<'_>) -> Self {
        if let Some(id) = words.peek().and_then(pending_id) {
            words.take();
            return Self::Pending {
                id,
                rest: words.rest_of(),
                incident: incident(words),
                reason: words.rest(),
            };
        }
        let role = words.take().map(str::to_lowercase).unwrap_or_default();
        let parameters = ask::parameters(words);
        let rest = words.rest_of();
        let person = person(words);
        let (duration, spelled) = ask::spelled(words);
        Self::Role {
            role,
            parameters,
            person,
            unclear: start::read(words, duration.is_none()),
            duration,
            spelled,
            incident: incident(words),
            reason: words.rest(),
            rest,
        }
    }
}

/// An id here needs its prefix, or a digit first: anything else could be a role's name.
fn pending_id(word: &str) -> Option<ShortId> {
    let prefixed = word.get(..2).is_some_and(|prefix| {
        prefix.eq_ignore_ascii_case("r-") || prefix.eq_ignore_ascii_case("g-")
    });
    let digit_first = word.starts_with(|first: char| first.is_ascii_digit());
    ShortId::parse(word).filter(|_| prefixed || digit_first)
}

/// `for` and whom: a mention, a Slack id, or what was typed where it is neither.
fn person(words: &mut Words<'_>) -> Option<Result<SlackId, String>> {
    if !words.peek()?.eq_ignore_ascii_case("for") {
        return None;
    }
    words.take();
    if let Some(account) = words.take_mention() {
        return Some(Ok(account));
    }
    if span::read(&mut words.clone()).is_some() {
        return Some(Err(String::new()));
    }
    let word = words.take().unwrap_or_default();
    Some(SlackId::parse(word).ok_or_else(|| word.to_owned()))
}

fn incident(words: &mut Words<'_>) -> String {
    words
        .take()
        .unwrap_or_default()
        .trim_end_matches([',', ';', ':'])
        .to_owned()
}
