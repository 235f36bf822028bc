//! What a person typed, out of what Slack delivered: escapes undone, odd spaces made plain, invisible characters
//! that could deceive taken out. Source of the escapes: Slack's “Formatting text for app surfaces”.

use std::ops::Range;

use crate::SlackId;

/// The text, and where in it somebody was mentioned.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) text: String,
    /// In the order of the text.
    pub(super) mentions: Vec<(Range<usize>, SlackId)>,
}

impl Typed {
    pub(super) fn read(raw: &str) -> Self {
        let mut typed = Self::default();
        let mut rest = raw;
        while let Some(at) = rest.find('<') {
            typed.push_unescaped(&rest[..at]);
            let after = &rest[at + 1..];
            // Slack's own tags hold neither bracket; what else begins with one is text.
            match after.find(['<', '>']) {
                Some(end) if after[end..].starts_with('>') => {
                    typed.push_tag(&after[..end]);
                    rest = &after[end + 1..];
                }
                Some(_) | None => {
                    typed.text.push('<');
                    rest = after;
                }
            }
        }
        typed.push_unescaped(rest);
        typed
    }

    fn push_tag(&mut self, tag: &str) {
        let (target, label) = tag.split_once('|').map_or((tag, None), |(target, label)| {
            (target, Some(label).filter(|label| !label.is_empty()))
        });
        let start = self.text.len();
        if let Some(id) = target.strip_prefix('@') {
            self.push_named('@', label.unwrap_or(id));
            if let Some(account) = SlackId::parse(id) {
                self.mentions.push((start..self.text.len(), account));
            }
        } else if let Some(id) = target.strip_prefix('#') {
            self.push_named('#', label.unwrap_or(id));
        } else if let Some(special) = target.strip_prefix('!') {
            match (label, special.strip_prefix("subteam^")) {
                (Some(label), Some(_)) => self.push_named('@', label),
                (Some(label), None) => self.push_unescaped(label),
                (None, team) => self.push_named('@', team.unwrap_or(special)),
            }
        } else if is_link(target) {
            self.push_link(target, label);
        } else {
            self.text.push('<');
            self.push_unescaped(tag);
            self.text.push('>');
        }
    }

    fn push_named(&mut self, sign: char, name: &str) {
        if !name.starts_with(sign) {
            self.text.push(sign);
        }
        self.push_unescaped(name);
    }

    /// Slack makes links of what looks like one: then the label is what was typed. A label that says something else
    /// than its target stands beside it, so that it can't hide where the link goes.
    fn push_link(&mut self, target: &str, label: Option<&str>) {
        let bare = target
            .split_once("://")
            .map_or(target, |(_, bare)| bare)
            .trim_start_matches("mailto:")
            .trim_start_matches("tel:")
            .trim_end_matches('/');
        match label {
            None => self.push_unescaped(target),
            Some(label) if label == target || label.trim_end_matches('/') == bare => {
                self.push_unescaped(label);
            }
            Some(label) => {
                self.push_unescaped(label);
                self.text.push_str(" (");
                self.push_unescaped(target);
                self.text.push(')');
            }
        }
    }

    fn push_unescaped(&mut self, escaped: &str) {
        let mut rest = escaped;
        while let Some(at) = rest.find('&') {
            self.push_plain(&rest[..at]);
            let (letter, length) = if rest[at..].starts_with("&amp;") {
                ('&', 5)
            } else if rest[at..].starts_with("&lt;") {
                ('<', 4)
            } else if rest[at..].starts_with("&gt;") {
                ('>', 4)
            } else {
                ('&', 1)
            };
            self.text.push(letter);
            rest = &rest[at + length..];
        }
        self.push_plain(rest);
    }

    fn push_plain(&mut self, text: &str) {
        self.text.extend(text.chars().filter_map(plain_char));
    }
}

/// A text from a person without what can't be seen: every white space becomes a space, control characters, marks of
/// direction and invisible ones go. For texts that don't come through [`super::Command::parse`] (forms).
pub fn plain(text: &str) -> String {
    let plain: String = text.chars().filter_map(plain_char).collect();
    plain.trim().into()
}

fn plain_char(letter: char) -> Option<char> {
    if letter.is_whitespace() {
        return Some(' ');
    }
    let invisible = letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}');
    (!invisible).then_some(letter)
}

fn is_link(target: &str) -> bool {
    ["http://", "https://", "mailto:", "tel:"]
        .iter()
        .any(|scheme| target.starts_with(scheme))
}
