//! A cursor over what was typed, word by word, which knows what is left.

use super::rest::Rest;
use super::text::Typed;
use crate::SlackId;

/// Quotes that open a value, and which ones close it: keyboards make them smart.
const QUOTES: [(&str, &str); 2] = [("\"“”„‟«»", "\"“”‟«»"), ("'‘’‚‛", "'‘’‛")];

#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    typed: &'a Typed,
    /// Where the next word begins, white space passed.
    at: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(typed: &'a Typed) -> Self {
        let mut words = Self { typed, at: 0 };
        words.skip(0);
        words
    }

    pub(super) fn peek(&self) -> Option<&'a str> {
        self.left()
            .split(' ')
            .next()
            .filter(|word| !word.is_empty())
    }

    pub(super) fn take(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.skip(word.len());
        Some(word)
    }

    /// Whoever is mentioned right here; a mention may hold spaces.
    pub(super) fn take_mention(&mut self) -> Option<SlackId> {
        let mentions = &self.typed.mentions;
        let found = mentions
            .binary_search_by_key(&self.at, |(range, _)| range.start)
            .ok()?;
        let (range, account) = &mentions[found];
        self.skip(range.len());
        Some(account.clone())
    }

    /// `NAME=VALUE`; a value may be quoted, and then hold spaces. A quote that isn't closed is part of its word.
    pub(super) fn take_parameter(&mut self) -> Option<(String, String)> {
        let (name, start) = self.peek()?.split_once('=')?;
        let mut letters = name.chars();
        let named = letters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
        if !named {
            return None;
        }
        let value = &self.left()[name.len() + 1..];
        let (value, length) = quoted(value).unwrap_or((start, start.len()));
        let parameter = (name.to_owned(), value.to_owned());
        self.skip(name.len() + 1 + length);
        Some(parameter)
    }

    /// All that is left, unchanged.
    pub(super) fn rest(&self) -> String {
        self.left().trim_end().to_owned()
    }

    /// All that is left, with whom it mentions.
    pub(super) fn rest_of(&self) -> Rest {
        let mentions = self.typed.mentions.iter();
        let ahead = mentions.filter(|(range, _)| range.start >= self.at);
        let moved = |range: &std::ops::Range<usize>| range.start - self.at..range.end - self.at;
        Rest::new(Typed {
            text: self.left().to_owned(),
            mentions: ahead
                .map(|(range, account)| (moved(range), account.clone()))
                .collect(),
        })
    }

    /// How much was typed before the next word.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What was typed from here up to where `later` stands.
    pub(super) fn until(&self, later: &Self) -> &'a str {
        self.typed.text[self.at..later.at].trim_end()
    }

    fn left(&self) -> &'a str {
        &self.typed.text[self.at..]
    }

    fn skip(&mut self, length: usize) {
        let after = &self.typed.text[self.at + length..];
        self.at = self.typed.text.len() - after.trim_start_matches(' ').len();
    }
}

/// The value within the quotes that `text` begins with, and how long it is with them.
fn quoted(text: &str) -> Option<(&str, usize)> {
    let open = text.chars().next()?;
    let (_, closing) = QUOTES.iter().find(|(opening, _)| opening.contains(open))?;
    let inner = &text[open.len_utf8()..];
    let (end, close) = inner
        .char_indices()
        .find(|(_, letter)| closing.contains(*letter))?;
    let length = open.len_utf8() + end + close.len_utf8();
    let ends_word = text[length..].chars().next().is_none_or(|next| next == ' ');
    ends_word.then_some((&inner[..end], length))
}
