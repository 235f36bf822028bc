//! Text that can't lie: what people wrote is made harmless before it meets mrkdwn, and cut between characters.
//! `Line` is the only way to mrkdwn; it takes our own words as `&'static str` alone, so that nobody's text gets in unchanged.

use std::fmt::Write as _;

use super::clean::{calm, clean, escape};
use super::limits;
use crate::domain::{Duration, Time};
use crate::ports::chat::Shown;

/// A line of mrkdwn, kept as pieces that are never cut apart.
#[derive(Debug, Clone, Default)]
pub(super) struct Line(Vec<String>);

impl Line {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Starts with our own words.
    pub(super) fn of(ours: &'static str) -> Self {
        Self::new().say(ours)
    }

    /// Our own words, as they are.
    #[must_use]
    pub(super) fn say(mut self, ours: &'static str) -> Self {
        self.0.push(ours.into());
        self
    }

    /// A number of ours.
    #[must_use]
    pub(super) fn number(mut self, number: impl Into<u64>) -> Self {
        self.0.push(number.into().to_string());
        self
    }

    /// Anybody's words, made harmless, at most `most` units of them.
    #[must_use]
    pub(super) fn words(mut self, text: &str, most: usize) -> Self {
        let atoms: Vec<String> = calm(&clean(text))
            .chars()
            .map(|letter| {
                let mut atom = String::new();
                escape(letter, &mut atom);
                atom
            })
            .collect();
        if atoms.iter().map(|atom| units(atom)).sum::<usize>() <= most {
            self.0.extend(atoms);
            return self;
        }
        let mut room = most.saturating_sub(1);
        for atom in atoms {
            let size = units(&atom);
            if size > room {
                break;
            }
            room -= size;
            self.0.push(atom);
        }
        self.0.push("…".into());
        self
    }

    /// An id, a role, a value: in a code span, where no formatting and no emoji is read.
    #[must_use]
    pub(super) fn code(mut self, text: &str) -> Self {
        let clean = clean(text).replace('`', "'");
        let mut span = String::from("`");
        for letter in cut(&clean, limits::NAME).chars() {
            escape(letter, &mut span);
        }
        if span.len() == 1 {
            span.push('–');
        }
        span.push('`');
        self.0.push(span);
        self
    }

    /// The mention.
    #[must_use]
    pub(super) fn person(mut self, person: &Shown) -> Self {
        self.0.push(format!("<@{}>", person.account));
        self
    }

    /// The mention and the pinned e-mail: display names can be anybody's.
    #[must_use]
    pub(super) fn person_in_full(self, person: &Shown) -> Self {
        let line = self.person(person);
        match &person.email {
            Some(email) => line.say(" · ").words(email.as_str(), limits::QUOTE),
            None => line,
        }
    }

    /// The same within a sentence: `@rita (rita@example.com)`.
    #[must_use]
    pub(super) fn person_and_email(self, person: &Shown) -> Self {
        let line = self.person(person);
        match &person.email {
            Some(email) => line.say(" (").words(email.as_str(), limits::QUOTE).say(")"),
            None => line,
        }
    }

    /// `@a, @b and 3 more`; "nobody" where there is none.
    #[must_use]
    pub(super) fn people(mut self, people: &[Shown]) -> Self {
        if people.is_empty() {
            return self.say("nobody");
        }
        for (place, person) in people.iter().take(limits::PEOPLE).enumerate() {
            if place > 0 {
                self = self.say(", ");
            }
            self = self.person(person);
        }
        let rest = people.len().saturating_sub(limits::PEOPLE);
        if rest > 0 {
            self = self.say(" and ").number(rest as u64).say(" more");
        }
        self
    }

    /// Names of ours or of the configuration, joined by commas.
    #[must_use]
    pub(super) fn names(mut self, names: &[String]) -> Self {
        for (place, name) in names.iter().take(limits::PEOPLE).enumerate() {
            if place > 0 {
                self = self.say(", ");
            }
            self = self.words(name, limits::NAME);
        }
        let rest = names.len().saturating_sub(limits::PEOPLE);
        if rest > 0 {
            self = self.say(" and ").number(rest as u64).say(" more");
        }
        self
    }

    /// A moment in each reader's own zone; UTC where Slack can't.
    #[must_use]
    pub(super) fn time(mut self, time: Time) -> Self {
        self.0.push(format!(
            "<!date^{}^{{date_short_pretty}} {{time}}|{}>",
            time.timestamp(),
            time.format("%Y-%m-%d %H:%M UTC"),
        ));
        self
    }

    /// `2 h`, `1 h 30 min`.
    #[must_use]
    pub(super) fn span(mut self, duration: Duration) -> Self {
        self.0.push(duration.to_string());
        self
    }

    /// `2 hours`, `1 hour 30 minutes`.
    #[must_use]
    pub(super) fn span_in_words(mut self, duration: Duration) -> Self {
        self.0.push(in_words(duration));
        self
    }

    #[must_use]
    pub(super) fn line(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As mrkdwn of at most `most` units, cut between its pieces.
    pub(super) fn finish(self, most: usize) -> String {
        let whole: usize = self.0.iter().map(|atom| units(atom)).sum();
        if whole <= most {
            return self.0.concat().trim_end().into();
        }
        let mut out = String::new();
        let mut room = most.saturating_sub(1);
        for atom in &self.0 {
            let size = units(atom);
            if size > room {
                break;
            }
            room -= size;
            out.push_str(atom);
        }
        out.push('…');
        out
    }
}

/// Plain text of at most `most` units: one line, nothing invisible, no markup, no link.
pub(super) fn plain(text: &str, most: usize) -> String {
    let clean = clean(text);
    let mut out = String::with_capacity(clean.len());
    let mut letters = clean.chars().peekable();
    while let Some(letter) = letters.next() {
        let opens = letters
            .peek()
            .is_some_and(|next| next.is_alphabetic() || "@!#/".contains(*next));
        out.push(if letter == '<' && opens {
            '‹'
        } else {
            letter
        });
    }
    cut(&out, most)
}

/// `2 hours`, `1 hour 30 minutes`.
pub(super) fn in_words(duration: Duration) -> String {
    let names = [
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let mut rest = duration.as_secs();
    let mut out = String::new();
    for (size, name) in names {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            let space = if out.is_empty() { "" } else { " " };
            let plural = if count == 1 { "" } else { "s" };
            // Writing to a String can't fail.
            let _ = write!(out, "{space}{count} {name}{plural}");
        }
    }
    if out.is_empty() {
        "0 seconds".into()
    } else {
        out
    }
}

/// Cuts between characters, with an ellipsis where something is left out.
pub(super) fn cut(text: &str, most: usize) -> String {
    if units(text) <= most {
        return text.into();
    }
    let mut room = most.saturating_sub(1);
    let mut out = String::new();
    for letter in text.chars() {
        let size = letter.len_utf16();
        if size > room {
            break;
        }
        room -= size;
        out.push(letter);
    }
    out.push('…');
    out
}

fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

#[cfg(test)]
mod tests {
    use super::{Line, in_words, plain, units};
    use crate::domain::Duration;

    #[test]
    fn nobody_can_write_markup() {
        let line = Line::new().words(
            "<@U1> & *bold* _it_ `code` a_b at 09:30 :x: https://evil.example",
            500,
        );
        assert_eq!(
            line.finish(500),
            "&lt;@U1&gt; &amp; ∗bold∗ ＿it＿ ˋcodeˋ a_b at 09:30 ∶x: https: //evil.example"
        );
        assert_eq!(plain("<!here> 1 < 2 <= 3", 99), "‹!here> 1 < 2 <= 3");
        assert_eq!(plain("a\r\nb\u{202e}c\u{200b}\td", 99), "a ↵ bc d");
        assert_eq!(
            plain(&format!("Z{}", "\u{301}".repeat(50)), 99)
                .chars()
                .count(),
            4
        );
        assert_eq!(Line::new().code("a`b<").finish(99), "`a'b&lt;`");
    }

    #[test]
    fn cuts_fall_between_characters_and_never_inside_an_escape() {
        for most in 1..40 {
            let line = Line::of("x").words("&<>😀&<>😀&<>😀", 30).finish(most);
            assert!(units(&line) <= most.max(1), "{line}");
            assert!(!line.trim_end_matches('…').ends_with("&a"), "{line}");
        }
        assert_eq!(plain("abcdef", 4), "abc…");
    }

    #[test]
    fn durations_are_said_in_words() {
        assert_eq!(in_words(Duration::from_hours(1)), "1 hour");
        assert_eq!(in_words(Duration::from_mins(150)), "2 hours 30 minutes");
    }
}
