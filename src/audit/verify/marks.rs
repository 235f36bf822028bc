//! A set of personal fields, by record and place, as bits: a record's field costs an eighth of a byte, so that memory
//! stays small whatever was erased.

use std::collections::BTreeMap;

const WORDS: usize = 16;
/// Records in a chunk.
const CHUNK: u64 = 64 * WORDS as u64;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marks(BTreeMap<(u32, u64), [u64; WORDS]>);

/// The chunk of a record, and in it word and bit.
fn place_of(sequence: u64) -> (u64, usize, u64) {
    let word = usize::try_from(sequence % CHUNK / 64).unwrap_or(0);
    (sequence / CHUNK, word, 1 << (sequence % 64))
}

/// The bits of a word that begins with record `from` that are within the stretch.
fn within(from: u64, (first, last): (u64, u64)) -> u64 {
    if last < from || first > from + 63 {
        return 0;
    }
    let lowest = u64::MAX << first.saturating_sub(from);
    let highest = u64::MAX >> 63_u64.saturating_sub(last - from);
    lowest & highest
}

impl Marks {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn set(&mut self, sequence: u64, place: u32) {
        let (chunk, word, bit) = place_of(sequence);
        self.0.entry((place, chunk)).or_insert([0; WORDS])[word] |= bit;
    }

    pub(super) fn has(&self, sequence: u64, place: u32) -> bool {
        let (chunk, word, bit) = place_of(sequence);
        let words = self.0.get(&(place, chunk));
        words.is_some_and(|words| words[word] & bit != 0)
    }

    /// Takes a field out of all records from the first to the last. Costs nothing for records without a mark.
    pub(super) fn clear(&mut self, (first, last): (u64, u64), place: u32) {
        if first > last {
            return;
        }
        let chunks = (place, first / CHUNK)..=(place, last / CHUNK);
        let mut empty = Vec::new();
        for (key, words) in self.0.range_mut(chunks) {
            for (number, word) in (0..).zip(words.iter_mut()) {
                *word &= !within(key.1 * CHUNK + number * 64, (first, last));
            }
            if words.iter().all(|word| *word == 0) {
                empty.push(*key);
            }
        }
        for key in empty {
            self.0.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::Marks;

    proptest! {
        #[test]
        fn they_are_a_set(
            set in proptest::collection::vec((0_u64..5_000, 0_u32..3), 0..60),
            cleared in proptest::collection::vec((0_u64..5_000, 0_u64..3_000, 0_u32..3), 0..8),
        ) {
            let (mut marks, mut plain) = (Marks::default(), BTreeSet::new());
            for (sequence, place) in set {
                marks.set(sequence, place);
                plain.insert((sequence, place));
            }
            for (first, more, place) in cleared {
                marks.clear((first, first + more), place);
                plain.retain(|(sequence, at)| *at != place || *sequence < first || *sequence > first + more);
            }
            prop_assert_eq!(marks.is_empty(), plain.is_empty());
            for sequence in 0..5_000 {
                for place in 0..3 {
                    prop_assert_eq!(marks.has(sequence, place), plain.contains(&(sequence, place)));
                }
            }
        }
    }

    #[test]
    fn a_stretch_to_the_end_of_numbers_costs_nothing() {
        let mut marks = Marks::default();
        marks.set(70, 0);
        marks.clear((1, u64::MAX), 1);
        assert!(marks.has(70, 0));
        marks.clear((1, u64::MAX), 0);
        assert!(marks.is_empty());
    }
}
