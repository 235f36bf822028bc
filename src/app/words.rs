//! Small pieces of sentences: a person's words quoted short, lists of names, a whole command that would do.
//! Whatever comes from a person is cut and freed of control characters; how it is escaped is the chat's business.

use std::collections::BTreeMap;

use hallpass_domain::Duration;

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

/// A command to ask with, as a person would type it.
pub(super) struct AskWords<'a> {
    pub(super) command: &'a str,
    pub(super) role: &'a str,
    pub(super) parameters: &'a BTreeMap<String, String>,
    pub(super) duration: Option<Duration>,
    /// A later start, as typed.
    pub(super) at: Option<&'a str>,
    /// An example that the reason lacks.
    pub(super) ticket: Option<&'a str>,
    pub(super) reason: &'a str,
}

impl AskWords<'_> {
    pub(super) fn line(&self) -> String {
        let mut words = vec![self.command.to_owned(), self.role.to_owned()];
        for (name, value) in self.parameters {
            let spaced = value.chars().any(char::is_whitespace);
            words.push(if spaced {
                format!("{name}=\"{value}\"")
            } else {
                format!("{name}={value}")
            });
        }
        words.extend(self.duration.map(Duration::word));
        words.extend(self.at.map(|at| format!("at {}", one_line(at))));
        words.extend(self.ticket.map(str::to_owned));
        let reason = one_line(self.reason.trim());
        words.push(if reason.is_empty() {
            "why you need it".to_owned()
        } else {
            reason
        });
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_was_typed_is_cut_and_freed_of_control_characters() {
        assert_eq!(quoted("a\u{7}b\nc"), "“ab c”");
        assert_eq!(quoted("a\u{202e}b\u{200b}c"), "“abc”");
        assert_eq!(quoted(&"x".repeat(50)), format!("“{}…”", "x".repeat(40)));
    }
}
