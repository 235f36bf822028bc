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
