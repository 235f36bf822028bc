//! Follows the chain record by record, and holds it to checkpoints and anchors where they stand.

use std::collections::BTreeMap;

use super::erased::{Account, Known, Standing};
use super::outside::{self, Outside};
use super::record::{self, Alone};
use super::{Against, Signed, Verified, Wrong};
use crate::audit::chain::{link, parse_hash};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::erasure::Erasure;

/// A record as it is claimed.
pub(super) struct Claimed<'a> {
    pub(super) sequence: u64,
    /// Hex.
    pub(super) hash: &'a str,
    pub(super) body: &'a [u8],
    pub(super) alone: Alone,
}

/// How going through a record ended.
pub(super) enum Ended {
    Whole(Box<Verified>),
    /// Fields are missing that only another look explains, or names.
    Again(Known),
}

pub(super) struct Chain {
    /// The sequence that comes next.
    next: u64,
    hash: [u8; 32],
    /// The sequence up to which a signature vouches.
    vouched: u64,
    against: Against,
    anchored: BTreeMap<u64, Vec<Checkpoint>>,
    account: Account,
    outside: Option<Outside>,
    found: Verified,
}

impl Chain {
    /// # Errors
    /// Where an anchor's line isn't authentic.
    pub(super) fn new(
        first: u64,
        previous: [u8; 32],
        mut against: Against,
        known: Known,
    ) -> Result<Self, Wrong> {
        let mut anchored: BTreeMap<u64, Vec<Checkpoint>> = BTreeMap::new();
        for line in std::mem::take(&mut against.anchored) {
            anchored.entry(line.sequence).or_default().push(line);
        }
        let mut chain = Self {
            next: first,
            hash: previous,
            vouched: first - 1,
            found: Verified {
                pinned: !against.keys.is_empty(),
                ..Verified::default()
            },
            against,
            anchored,
            account: Account::new(known),
            outside: None,
        };
        // What was anchored before the first record there is says nothing about this one.
        let before = chain.anchored.split_off(&first);
        let mut before = std::mem::replace(&mut chain.anchored, before);
        for line in before.remove(&(first - 1)).into_iter().flatten() {
            chain.signed(&line, "the anchor")?;
        }
        Ok(chain)
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The next record; `event` names it where something is wrong.
    pub(super) fn follow(
        &mut self,
        record: Claimed<'_>,
        event: impl Fn() -> Option<String>,
    ) -> Result<(), Wrong> {
        let wrong = |sequence: u64, why: String| Wrong::Record {
            sequence,
            event: event(),
            why,
        };
        let expected = self.next;
        if record.sequence != expected {
            return Err(self.misplaced(record.sequence));
        }
        let Alone {
            digest,
            fields,
            missing,
            erasure,
            wrong: alone,
        } = record.alone;
        let hash = link(&self.hash, &digest);
        if parse_hash(record.hash) != Some(hash) {
            let why = "its content isn't what was sealed: it, or its hash, was changed";
            return Err(wrong(expected, why.into()));
        }
        if let Some(why) = alone {
            return Err(wrong(expected, why));
        }
        if let Err(place) = self.account.missing(expected, &missing, &event) {
            return Err(wrong(expected, deleted(record.body, place)));
        }
        if let Some(erasure) = erasure {
            self.account.erasure(*erasure, Standing::Sealed);
        }
        self.hash = hash;
        self.next += 1;
        let found = &mut self.found;
        found.span = Some((found.span.map_or(expected, |(first, _)| first), expected));
        found.fields += u64::from(fields);
        found.erased += missing.len() as u64;
        found.erased_in += u64::from(!missing.is_empty());
        while let Some(first) = self.anchored.first_entry()
            && *first.key() <= expected
        {
            for line in first.remove() {
                self.signed(&line, "the anchor")?;
                self.found.anchored = Some(Signed {
                    sequence: line.sequence,
                    at: line.at,
                });
            }
        }
        Ok(())
    }

    fn misplaced(&self, sequence: u64) -> Wrong {
        let expected = self.next;
        let why = if sequence > expected {
            format!("it is missing; record {sequence} follows in its place")
        } else {
            format!("it isn't in its place; record {sequence} stands there")
        };
        Wrong::Record {
            sequence: expected,
            event: None,
            why,
        }
    }

    /// A checkpoint that stands beside the record, after the record that it signs.
    pub(super) fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<(), Wrong> {
        let Some(outside) = self.outside.take() else {
            return self.signed(checkpoint, "a checkpoint");
        };
        self.require_key(checkpoint, "a checkpoint")?;
        let Some(erasures) = outside.proven(checkpoint) else {
            let why = "an erasure outside of this stretch isn't what a checkpoint signed";
            return Err(at(checkpoint.sequence, why.into()));
        };
        self.found.keys.insert(checkpoint.key.clone());
        for erasure in erasures {
            self.account.erasure(erasure, Standing::Sealed);
        }
        Ok(())
    }

    /// A line about an erasure outside of the stretch.
    pub(super) fn outside(&mut self, line: outside::Line) -> Result<(), Wrong> {
        match (line, &mut self.outside) {
            (outside::Line::After { sequence, hash }, _) => {
                self.outside = Some(Outside::after(sequence, hash));
            }
            (outside::Line::Passed(digest), Some(outside)) => outside.passes(&digest, None),
            (outside::Line::Erasure { digest, erasure }, Some(outside)) => {
                outside.passes(&digest, erasure);
            }
            (outside::Line::NotSealed(erasure), _) => self.not_sealed(erasure),
            (outside::Line::Passed(_) | outside::Line::Erasure { .. }, None) => {
                let why = "The file tells of an erasure and not where in the chain it stands.";
                return Err(Wrong::Unreadable(why.into()));
            }
        }
        Ok(())
    }

    /// An erasure whose own event isn't in the chain yet.
    pub(super) fn not_sealed(&mut self, erasure: Option<Box<Erasure>>) {
        if let Some(erasure) = erasure {
            self.account.erasure(*erasure, Standing::NotSealed);
        }
    }

    /// Whether personal fields are missing that nothing explains so far.
    pub(super) fn is_open(&self) -> bool {
        self.account.is_open()
    }

    /// Its signature is right, and that of a key that was pinned.
    fn require_key(&self, checkpoint: &Checkpoint, what: &str) -> Result<(), Wrong> {
        let sequence = checkpoint.sequence;
        if !checkpoint.is_authentic() {
            let why = format!("{what} of it isn't authentic: its signature doesn't hold");
            return Err(at(sequence, why));
        }
        if self.found.pinned && !self.against.keys.contains(&checkpoint.key) {
            let why = format!(
                "{what} of it is signed by {}, which isn't the key that was pinned (after a change of HALLPASS_KEY, pin both)",
                checkpoint.key
            );
            return Err(at(sequence, why));
        }
        Ok(())
    }

    fn signed(&mut self, checkpoint: &Checkpoint, what: &str) -> Result<(), Wrong> {
        self.require_key(checkpoint, what)?;
        let sequence = checkpoint.sequence;
        if sequence != self.next - 1 {
            let why = format!(
                "{what} of it stands after record {} and not after it",
                self.next - 1
            );
            return Err(at(sequence, why));
        }
        if parse_hash(&checkpoint.hash) != Some(self.hash) {
            let first = self.vouched + 1;
            let why = if first >= sequence {
                format!("it isn't what {what} signed: the chain was made anew")
            } else {
                format!(
                    "the chain was made anew: {what} signed record {sequence} with another hash, so a record from {first} to {sequence} was changed, added or removed"
                )
            };
            return Err(at(first.min(sequence), why));
        }
        self.vouched = sequence;
        self.found.keys.insert(checkpoint.key.clone());
        self.found.signed = Some(Signed {
            sequence,
            at: checkpoint.at,
        });
        Ok(())
    }

    /// There are no more records.
    pub(super) fn end(mut self, unsealed: u64) -> Result<Ended, Wrong> {
        if let Some((sequence, _)) = self.anchored.last_key_value() {
            let last = self.next - 1;
            let why = format!(
                "it is missing: the record ends at {last}, and the anchor proves it until {sequence}; what followed was cut off, or this was made before"
            );
            return Err(at(self.next, why));
        }
        self.found.unsealed = unsealed;
        match self.account.end() {
            Ok(erasures) => {
                self.found.erasures = erasures;
                Ok(Ended::Whole(Box::new(self.found)))
            }
            Err(known) => Ok(Ended::Again(known)),
        }
    }
}

fn at(sequence: u64, why: String) -> Wrong {
    Wrong::Record {
        sequence,
        event: None,
        why,
    }
}

fn deleted(body: &[u8], place: u32) -> String {
    let field = record::field_name(body, place);
    let field = field.map_or_else(String::new, |name| format!(" “{name}”"));
    format!(
        "its personal field{field} is missing, and no erasure on record took it: it was deleted from the database by hand"
    )
}
