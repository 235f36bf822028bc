//! Erasures that happened outside of the stretch that a file holds: each with what proves it, the chain's digests from its
//! record to the next checkpoint; or, where its event isn't signed yet, by itself.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::audit::chain::{event_digest, link, parse_hash};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::erasure::Erasure;

const BEGINNINGS: [&[u8]; 4] = [
    br#"{"outside""#,
    br#"{"passed""#,
    br#"{"erasure""#,
    br#"{"not_sealed""#,
];

/// A line about records outside.
pub(super) enum Line {
    /// The chain had this hash at this sequence: the next lines follow it.
    After {
        sequence: u64,
        hash: [u8; 32],
    },
    /// The digest of a record that says nothing here.
    Passed([u8; 32]),
    Erasure {
        digest: [u8; 32],
        erasure: Option<Box<Erasure>>,
    },
    NotSealed(Option<Box<Erasure>>),
}

#[derive(Deserialize)]
struct Read<'a> {
    outside: Option<After<'a>>,
    #[serde(borrow)]
    passed: Option<Cow<'a, str>>,
    #[serde(borrow)]
    erasure: Option<&'a RawValue>,
    #[serde(borrow)]
    not_sealed: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct After<'a> {
    after: u64,
    #[serde(borrow)]
    hash: Cow<'a, str>,
}

/// Whether a line is one of these.
pub(super) fn is_one(line: &[u8]) -> bool {
    BEGINNINGS.iter().any(|begins| line.starts_with(begins))
}

/// None where it can't be read.
pub(super) fn read(line: &[u8]) -> Option<Line> {
    let read: Read<'_> = serde_json::from_slice(line).ok()?;
    let told = |body: &RawValue| Erasure::read(body.get().as_bytes()).map(Box::new);
    if let Some(After { after, hash }) = read.outside {
        let hash = parse_hash(&hash)?;
        return Some(Line::After {
            sequence: after,
            hash,
        });
    }
    if let Some(digest) = read.passed {
        return parse_hash(&digest).map(Line::Passed);
    }
    if let Some(body) = read.erasure {
        return Some(Line::Erasure {
            digest: event_digest(body.get().as_bytes()),
            erasure: told(body),
        });
    }
    Some(Line::NotSealed(told(read.not_sealed?)))
}

/// A stretch of the chain that a checkpoint has yet to prove.
pub(super) struct Outside {
    sequence: u64,
    hash: [u8; 32],
    erasures: Vec<Erasure>,
}

impl Outside {
    pub(super) fn after(sequence: u64, hash: [u8; 32]) -> Self {
        Self {
            sequence,
            hash,
            erasures: Vec::new(),
        }
    }

    pub(super) fn passes(&mut self, digest: &[u8; 32], erasure: Option<Box<Erasure>>) {
        self.hash = link(&self.hash, digest);
        self.sequence = self.sequence.saturating_add(1);
        self.erasures.extend(erasure.map(|erasure| *erasure));
    }

    /// The erasures, where an authentic checkpoint signed just this.
    pub(super) fn proven(self, checkpoint: &Checkpoint) -> Option<Vec<Erasure>> {
        let signed =
            checkpoint.sequence == self.sequence && parse_hash(&checkpoint.hash) == Some(self.hash);
        signed.then_some(self.erasures)
    }
}
