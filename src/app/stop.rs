//! Why a use case stops early: it has its answer already, or the store failed. The one translation of both into answers.

use hallpass_domain::{Refusal, RefusalKind};

use crate::app::answer::{Answer, Problems};
use crate::store::StoreError;

/// Carried by `?` through a use case.
#[derive(Debug)]
pub(super) enum Stop {
    Answer(Box<Answer>),
    Store(StoreError),
}

impl Stop {
    pub(super) fn refused(kind: RefusalKind, sentence: impl Into<String>) -> Self {
        Refusal::new(kind, sentence).into()
    }

    pub(super) fn problem(sentence: impl Into<String>) -> Self {
        Answer::Problems(Problems {
            sentences: vec![sentence.into()],
            ..Problems::default()
        })
        .into()
    }

    /// Read again and asked again, too often: somebody else is always faster.
    pub(super) fn busy() -> Self {
        Self::refused(
            RefusalKind::WrongState,
            "This is changing right now, so nothing was done. Try again in a moment.",
        )
    }

    /// Somebody wanted what is not theirs to do: that goes on record.
    pub(super) fn is_about_authority(&self) -> bool {
        match self {
            Self::Store(_) => false,
            Self::Answer(answer) => {
                matches!(&**answer, Answer::Refused { refusal, .. }
                    if matches!(refusal.kind, RefusalKind::NotAllowed | RefusalKind::OwnRequest))
            }
        }
    }

    /// For whoever reads plain text: the command line.
    pub(super) fn into_sentence(self) -> String {
        match self {
            Self::Store(error) => format!("{error}."),
            Self::Answer(answer) => {
                if let Answer::Refused { refusal, .. } = &*answer {
                    refusal.to_string()
                } else if let Answer::Problems(problems) = &*answer {
                    problems.sentences.join(" ")
                } else {
                    "It couldn't be done just now.".into()
                }
            }
        }
    }

    pub(super) fn into_answer(self) -> Answer {
        match self {
            Self::Answer(answer) => *answer,
            Self::Store(error) => {
                tracing::error!(%error, "the store failed during a command");
                Answer::NotConfirmed
            }
        }
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Answer> for Stop {
    fn from(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Answer::Refused {
            refusal,
            decided: None,
        }
        .into()
    }
}
