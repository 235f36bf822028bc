//! Follows the chain record by record, and holds it to checkpoints and anchors where they stand.

use std::collections::BTreeMap;

use super::record::Alone;
use super::{Against, Signed, Verified, Wrong};
use crate::audit::chain::{link, parse_hash};
use crate::audit::checkpoint::Checkpoint;

/// A record as it is claimed.
pub(super) struct Claimed<'a> {
    pub(super) sequence: u64,
    /// Hex.
    pub(super) hash: &'a str,
    pub(super) alone: Alone,
}

pub(super) struct Chain {
    /// The sequence that comes next.
    next: u64,
    hash: [u8; 32],
    /// The sequence up to which a signature vouches.
    vouched: u64,
    against: Against,
    anchored: BTreeMap<u64, Vec<Checkpoint>>,
    found: Verified,
}

impl Chain {
    /// # Errors
    /// Where an anchor's line isn't authentic.
    pub(super) fn new(first: u64, previous: [u8; 32], mut against: Against) -> Result<Self, Wrong> {
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
            erased,
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
        self.hash = hash;
        self.next += 1;
        let found = &mut self.found;
        found.span = Some((found.span.map_or(expected, |(first, _)| first), expected));
        found.fields += u64::from(fields);
        found.erased += u64::from(erased);
        found.erased_in += u64::from(erased > 0);
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
        self.signed(checkpoint, "a checkpoint")
    }

    fn signed(&mut self, checkpoint: &Checkpoint, what: &str) -> Result<(), Wrong> {
        let at = |sequence: u64, why: String| {
            Err(Wrong::Record {
                sequence,
                event: None,
                why,
            })
        };
        let sequence = checkpoint.sequence;
        if !checkpoint.is_authentic() {
            let why = format!("{what} of it isn't authentic: its signature doesn't hold");
            return at(sequence, why);
        }
        if self.found.pinned && !self.against.keys.contains(&checkpoint.key) {
            let why = format!(
                "{what} of it is signed by {}, which isn't the key that was pinned (after a change of HALLPASS_KEY, pin both)",
                checkpoint.key
            );
            return at(sequence, why);
        }
        if sequence + 1 != self.next {
            let why = format!(
                "{what} of it stands after record {} and not after it",
                self.next - 1
            );
            return at(sequence, why);
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
            return at(first.min(sequence), why);
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
    pub(super) fn end(mut self, unsealed: u64) -> Result<Verified, Wrong> {
        if let Some((sequence, _)) = self.anchored.last_key_value() {
            let last = self.next - 1;
            let why = format!(
                "it is missing: the record ends at {last}, and the anchor proves it until {sequence}; what followed was cut off, or this was made before"
            );
            return Err(Wrong::Record {
                sequence: self.next,
                event: None,
                why,
            });
        }
        self.found.unsealed = unsealed;
        Ok(self.found)
    }
}
