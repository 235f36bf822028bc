//! What people type after `/prod-access`, parsed into one enum. The grammar is the command contract's.
//! Parsing never fails: what is missing or wrong stays in the words, and is told in one answer by the use case.

use crate::duration::NotADuration;
use crate::{Duration, ShortId, SlackId};

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
    /// Without an id: the only active grant.
    Drop(Option<IdWord>),
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
    /// The word after `at`, where it has the shape of a time.
    pub at: Option<String>,
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
        incident: String,
        reason: String,
    },
    Pending {
        id: ShortId,
        incident: String,
        reason: String,
    },
}

impl Command {
    /// Reads the text of a slash command as Slack delivers it (`&amp;` escapes, `<@U…|name>` mentions).
    pub fn parse(text: &str) -> Self {
        let _ = text;
        unimplemented!()
    }
}
