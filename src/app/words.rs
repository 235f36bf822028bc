//! Small pieces of sentences: a person's words quoted short, lists of names, a whole command that would do.
//! Whatever comes from a person is cut and freed of control characters; how it is escaped is the chat's business.

/// At most 40 characters of what somebody typed, in quotation marks.
pub(super) fn quoted(text: &str) -> String {
    let clean = one_line(text);
    let short: String = clean.chars().take(40).collect();
    let more = if short.len() < clean.len() { "…" } else { "" };
    format!("“{short}{more}”")
}

/// What somebody typed on one line, without control characters and without those that turn the writing direction
/// or take no room.
fn one_line(text: &str) -> String {
    let hidden = |letter: char| {
        letter.is_control()
            || matches!(
                letter,
                '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{feff}'
            )
            || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    let spaced = text.replace(['\n', '\r', '\t'], " ");
    spaced.chars().filter(|letter| !hidden(*letter)).collect()
}

/// `a, b and c`
pub(super) fn enumerated(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [many @ .., last] => format!("{} and {last}", many.join(", ")),
    }
}

/// Stands in a command where the person's own words belong.
pub(super) const YOUR_REASON: &str = "why you need it";
/// The same, where the glass is broken.
pub(super) const YOUR_EMERGENCY: &str = "why it can't wait";

/// Whether these are our words, sent back as they stood in a command of ours: nobody's reason.
pub(super) fn is_placeholder(reason: &str) -> bool {
    let bare = reason.trim_matches(|letter: char| !letter.is_alphanumeric());
    let bare = bare.replace('’', "'").to_lowercase();
    [YOUR_REASON, YOUR_EMERGENCY, "reason", "reason…"].contains(&bare.as_str())
}

/// A command to ask with, as a person would type it: what they typed, and what was wrong put right.
pub(super) struct AskWords<'a> {
    /// With the subcommand, where there is one.
    pub(super) command: &'a str,
    pub(super) role: &'a str,
    /// In the order in which they were typed.
    pub(super) parameters: &'a [(String, String)],
    /// Whom it is for, as they are mentioned.
    pub(super) person: Option<&'a str>,
    pub(super) duration: Option<String>,
    /// A later start, as typed.
    pub(super) at: Option<&'a str>,
    /// A ticket or incident that stands before the reason.
    pub(super) ticket: Option<&'a str>,
    pub(super) reason: &'a str,
    /// Where there is no reason.
    pub(super) placeholder: &'a str,
}

impl AskWords<'_> {
    pub(super) fn line(&self) -> String {
        let mut words = vec![self.command.to_owned(), self.role.to_owned()];
        let parameters = self.parameters.iter();
        words.extend(parameters.map(|(name, value)| format!("{name}={}", as_value(value))));
        words.extend(self.person.map(|person| format!("for {person}")));
        words.extend(self.duration.clone());
        words.extend(self.at.map(|at| format!("at {}", one_line(at))));
        words.extend(self.ticket.map(str::to_owned));
        let reason = one_line(self.reason.trim());
        words.push(if reason.is_empty() || is_placeholder(&reason) {
            self.placeholder.to_owned()
        } else {
            reason
        });
        words.join(" ")
    }
}

/// A parameter's value, in quotes where it needs them: in those that it doesn't hold itself.
fn as_value(value: &str) -> String {
    let value = one_line(value);
    let begins_quoted =
        value.starts_with(['"', '\'', '“', '”', '„', '‟', '«', '»', '‘', '’', '‚', '‛']);
    if !begins_quoted && !value.contains(' ') {
        return value;
    }
    if value.contains(['"', '“', '”', '‟', '«', '»']) {
        format!("'{value}'")
    } else {
        format!("\"{value}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::{is_placeholder, quoted};

    #[test]
    fn our_own_words_are_nobodys_reason() {
        for words in [
            "why you need it",
            "Why you need it.",
            "REASON",
            "“why it can’t wait”",
        ] {
            assert!(is_placeholder(words), "{words}");
        }
        for words in ["why you need it is beyond me", "orders stuck", ""] {
            assert!(!is_placeholder(words), "{words}");
        }
    }

    #[test]
    fn what_was_typed_is_cut_and_freed_of_control_characters() {
        assert_eq!(quoted("a\u{7}b\nc"), "“ab c”");
        assert_eq!(quoted("a\u{202e}b\u{200b}c"), "“abc”");
        assert_eq!(quoted(&"x".repeat(50)), format!("“{}…”", "x".repeat(40)));
    }
}
