//! A refusal: why a transition isn't taken, as a sentence for a person, with what would be allowed.
//! Refusals never name people; whoever shows them knows the reader and adds mentions.

use std::fmt;

/// What kind of "no" it is, so that the shell can add who decided, or a way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// It was decided, cancelled or ended before.
    AlreadyDecided,
    /// Not this person: not an approver, not the holder, not a commander.
    NotAllowed,
    /// The requester or the holder themself.
    OwnRequest,
    /// This person counted before, in this stage or an earlier one.
    AlreadyCounted,
    /// A value is outside what the role permits.
    OutOfBounds,
    /// Nobody is left who could decide.
    NobodyToAsk,
    /// The state doesn't permit it (extend while revoking).
    WrongState,
}

/// The sentence says what was wrong; `allowed` says what would do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    pub kind: RefusalKind,
    pub sentence: String,
    pub allowed: Option<String>,
}

impl Refusal {
    pub fn new(kind: RefusalKind, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            sentence: sentence.into(),
            allowed: None,
        }
    }

    #[must_use]
    pub fn allowed(mut self, what: impl Into<String>) -> Self {
        self.allowed = Some(what.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        self.allowed
            .as_ref()
            .map_or(Ok(()), |allowed| write!(f, " {allowed}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Refusal, RefusalKind};

    #[test]
    fn it_says_what_was_wrong_and_what_would_do() {
        let refused = Refusal::new(RefusalKind::OutOfBounds, "That is too long.");
        assert_eq!(refused.to_string(), "That is too long.");
        let refused = refused.allowed("At most 4 h.");
        assert_eq!(refused.allowed.as_deref(), Some("At most 4 h."));
        assert_eq!(refused.to_string(), "That is too long. At most 4 h.");
    }
}
