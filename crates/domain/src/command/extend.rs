//! `extend [ID] DURATION [REASON…]`: an id may look like a duration, so what follows decides.

use super::words::Words;
use super::{Command, IdWord, span};
use crate::ShortId;
use crate::duration::NotADuration;

pub(super) fn read(words: &mut Words<'_>) -> Command {
    let id = id(words);
    Command::Extend {
        id,
        duration: span::read(words),
        reason: words.rest(),
    }
}

fn id(words: &mut Words<'_>) -> Option<IdWord> {
    let mut after = words.clone();
    let word = after.take()?;
    let read = ShortId::parse(word);
    let prefixed = word.contains('-') && word.starts_with(|first: char| first.is_alphabetic());
    let then_duration = span::read(&mut after.clone()).is_some();
    let is_id = match span::read(&mut words.clone()) {
        // `120m` alone is a time; `7K2M` alone, or with a time after it, is an id.
        Some(Ok(_)) => false,
        Some(Err(NotADuration::Shape(_))) => read.is_some(),
        Some(Err(NotADuration::Order(_) | NotADuration::Zero(_) | NotADuration::TooLong(_))) => {
            read.is_some() && then_duration
        }
        None => then_duration || (prefixed && read.is_some()),
    };
    if !is_id {
        return None;
    }
    *words = after;
    Some(read.map_or_else(|| IdWord::Wrong(word.to_owned()), IdWord::Id))
}
