//! A review: one approver's decision on one stage, with its strength and the MAC that proves it.
//! The MAC is made and checked by the shell, whose key is outside the database; here is only what it covers.

use serde::{Deserialize, Serialize};

use crate::{Duration, PersonId, RequestId, ReviewId, Time};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// `at_most`: approve for less; never raises what was asked.
    Approve {
        at_most: Option<Duration>,
        note: Option<String>,
    },
    Deny {
        reason: Option<String>,
    },
}

/// How sure we are that it was this person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// A signed click from Slack.
    Slack,
    /// A passkey over the request's digest.
    Passkey,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    pub id: ReviewId,
    pub request: RequestId,
    /// Which stage it counts for, from 0.
    pub stage: usize,
    pub reviewer: PersonId,
    pub verdict: Verdict,
    pub strength: Strength,
    pub at: Time,
    /// The policy rules that let this person decide.
    pub rules: Vec<String>,
    /// Hex HMAC-SHA256 over [`Review::statement`].
    pub mac: String,
}

impl Review {
    /// The bytes that the MAC covers: the request, the digest of its terms, the stage, the person, the
    /// decision, the strength and the time. Two different reviews never share a statement.
    pub fn statement(&self, digest: &str) -> Vec<u8> {
        serde_json::json!([
            "hallpass-review-v1",
            self.request,
            digest,
            self.stage,
            self.reviewer,
            self.verdict,
            self.strength,
            self.at.timestamp_micros(),
        ])
        .to_string()
        .into_bytes()
    }

    pub fn approves(&self) -> bool {
        matches!(self.verdict, Verdict::Approve { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::{Review, Strength, Verdict};
    use crate::testing::{at, minutes, who};
    use crate::{RequestId, ReviewId};

    fn yes() -> Verdict {
        Verdict::Approve {
            at_most: None,
            note: None,
        }
    }

    fn review() -> Review {
        Review {
            id: ReviewId::new("v1"),
            request: RequestId::new("r1"),
            stage: 0,
            reviewer: who("bob"),
            verdict: yes(),
            strength: Strength::Slack,
            at: at(1),
            rules: vec![],
            mac: String::new(),
        }
    }

    #[test]
    fn only_an_approval_approves() {
        let mut review = review();
        assert!(review.approves());
        review.verdict = Verdict::Deny { reason: None };
        assert!(!review.approves());
    }

    /// Its MAC proves one decision: whatever is changed in a row, it isn't the statement that was proven.
    #[test]
    fn whatever_decides_is_in_the_statement() {
        let said = review().statement("digest");
        assert_eq!(review().statement("digest"), said);
        assert_ne!(review().statement("other terms"), said);
        let changes: [fn(&mut Review); 7] = [
            |review| review.request = RequestId::new("r2"),
            |review| review.stage = 1,
            |review| review.reviewer = who("eve"),
            |review| review.verdict = Verdict::Deny { reason: None },
            |review| {
                review.verdict = Verdict::Approve {
                    at_most: Some(minutes(5)),
                    note: None,
                };
            },
            |review| review.strength = Strength::Passkey,
            |review| review.at = at(2),
        ];
        for change in changes {
            let mut other = review();
            change(&mut other);
            assert_ne!(other.statement("digest"), said, "{other:?}");
        }
    }
}
