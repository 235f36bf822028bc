//! What people type after `/prod-access`, parsed into one enum. The grammar is the command contract's.
//! Parsing never fails: what is missing or wrong stays in the words, and is told in one answer by the use case.

mod ask;
mod break_glass;
mod extend;
mod rest;
mod span;
mod start;
#[cfg(test)]
mod tests;
mod text;
mod words;

use self::words::Words;
use crate::duration::NotADuration;
use crate::{Duration, ShortId, SlackId};

pub use self::ask::parameters_in;
pub use self::rest::{Rest, Sorted};
pub use self::start::{Clock, Day, StartWords};
pub use self::text::plain;

/// A duration in a field of its own, as it may be typed in a command: the whole text is one, or it is none.
///
/// # Errors
/// What is wrong, naming what was typed.
pub fn duration(text: &str) -> DurationWord {
    let typed = text::Typed::read(text);
    let mut words = Words::new(&typed);
    let read = span::read(&mut words);
    let rest = words.rest();
    match read {
        Some(duration) if rest.is_empty() => duration,
        Some(_) | None => Err(NotADuration::Shape(text.trim().to_owned())),
    }
}

/// One command, as understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// No words at all: the request form.
    Form,
    Help,
    Roles,
    Mine,
    Pending,
    Active,
    OnCall,
    Ask(Ask),
    BreakGlass(BreakGlass),
    Status(IdWord),
    Cancel(IdWord),
    /// Without an id: the only active grant. What stands behind the id is why; it may be left out.
    Drop {
        id: Option<IdWord>,
        reason: String,
    },
    Revoke {
        id: IdWord,
        reason: String,
    },
    Extend {
        id: Option<IdWord>,
        duration: Option<DurationWord>,
        reason: String,
    },
    Why {
        role: Option<String>,
        duration: Option<DurationWord>,
    },
}

/// An id as typed: read, missing (empty) or not an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdWord {
    Id(ShortId),
    Missing,
    Wrong(String),
}

/// A duration as typed.
pub type DurationWord = Result<Duration, NotADuration>;

/// `ROLE [PARAM=VALUE …] [DURATION] [at TIME] REASON…`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ask {
    /// As typed, lower-cased; empty where missing (`request` alone).
    pub role: String,
    pub parameters: Vec<(String, String)>,
    pub duration: Option<DurationWord>,
    /// The duration as it was typed: `90 min`.
    pub spelled: Option<String>,
    /// The word after `at`, where it has the shape of a time.
    pub at: Option<String>,
    /// Words of time at the beginning of the reason, where a start would stand: whoever wrote them is asked what they mean.
    pub unclear: Option<Box<StartWords>>,
    /// The rest, unchanged but for Slack's escapes, which are undone.
    pub reason: String,
}

/// `break-glass ROLE [for @PERSON] DURATION INCIDENT REASON…` or `break-glass R-ID INCIDENT REASON…`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreakGlass {
    Role {
        role: String,
        parameters: Vec<(String, String)>,
        /// `for @PERSON`; `Err` holds what was typed where it is nobody's mention.
        person: Option<Result<SlackId, String>>,
        duration: Option<DurationWord>,
        /// The duration as it was typed.
        spelled: Option<String>,
        /// Words of time before the incident: broken glass starts at once.
        unclear: Option<Box<StartWords>>,
        incident: String,
        reason: String,
        /// All that stands behind role and parameters, for a suggestion in the right order.
        rest: Rest,
    },
    Pending {
        id: ShortId,
        incident: String,
        reason: String,
        /// All that stands behind the id.
        rest: Rest,
    },
}

impl Command {
    /// Reads the text of a slash command as Slack delivers it (`&amp;` escapes, `<@U…|name>` mentions), in time that
    /// grows with its length only.
    pub fn parse(text: &str) -> Self {
        let typed = text::Typed::read(text);
        let mut words = Words::new(&typed);
        let Some(first) = words.peek() else {
            return Self::Form;
        };
        let read: Option<fn(&mut Words<'_>) -> Self> = match first.to_ascii_lowercase().as_str() {
            "help" | "--help" | "-h" | "?" => Some(|_| Self::Help),
            "roles" => Some(|_| Self::Roles),
            "mine" => Some(|_| Self::Mine),
            "pending" => Some(|_| Self::Pending),
            "active" => Some(|_| Self::Active),
            "oncall" => Some(|_| Self::OnCall),
            "request" => Some(|words| Self::Ask(Ask::read(words))),
            "break-glass" => Some(|words| Self::BreakGlass(BreakGlass::read(words))),
            "status" => Some(|words| Self::Status(IdWord::read(words))),
            "cancel" => Some(|words| Self::Cancel(IdWord::read(words))),
            "drop" => Some(|words| Self::Drop {
                id: IdWord::read(words).given(),
                reason: words.rest(),
            }),
            "revoke" => Some(|words| Self::Revoke {
                id: IdWord::read(words),
                reason: words.rest(),
            }),
            "extend" => Some(extend::read),
            "why" => Some(|words| Self::Why {
                role: words.take().map(str::to_lowercase),
                duration: span::read(words),
            }),
            _ => None,
        };
        match read {
            Some(read) => {
                words.take();
                read(&mut words)
            }
            None => Self::Ask(Ask::read(&mut words)),
        }
    }
}

impl IdWord {
    fn read(words: &mut Words<'_>) -> Self {
        match words.take() {
            None => Self::Missing,
            Some(word) => ShortId::parse(word).map_or_else(|| Self::Wrong(word.into()), Self::Id),
        }
    }

    /// None where it is missing.
    fn given(self) -> Option<Self> {
        match self {
            Self::Missing => None,
            Self::Id(_) | Self::Wrong(_) => Some(self),
        }
    }
}
