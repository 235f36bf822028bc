//! Many changes in few transactions: each stands or falls by itself, though they are written together. What can't be
//! written is found out, taken back and left out; no statement stands here.

use std::collections::HashSet;

use super::error::{Applied, Failed, StoreError};
use super::pace::Pace;
use super::prepared::Prepared;
use super::write;

/// Changes written together, at most. A commit and a dozen round trips are shared by so many; whoever comes meanwhile
/// waits for the one chunk that is under way, some tens of milliseconds.
pub(super) const CHUNK: usize = 256;

/// Changes and what became of them.
pub(super) struct Chunks<'a> {
    changes: &'a [&'a Prepared],
    verdicts: Vec<Option<Result<Applied, StoreError>>>,
    most: usize,
    pace: &'a Pace,
}

/// What to do with the transaction in which a chunk was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// All of it stands.
    Keep,
    /// Something in it can't be written: the rest comes again.
    TakeBack,
}

impl<'a> Chunks<'a> {
    pub(super) fn of(changes: &'a [&'a Prepared], pace: &'a Pace) -> Self {
        Self {
            changes,
            verdicts: vec![None; changes.len()],
            most: CHUNK,
            pace,
        }
    }

    /// The first changes without a verdict, up to one that writes what another of them writes; none once all have one.
    pub(super) fn next(&self) -> Vec<usize> {
        let mut seen = HashSet::new();
        (0..self.changes.len())
            .filter(|at| self.verdicts[*at].is_none())
            .take(self.most.min(self.pace.most()))
            .take_while(|at| self.changes[*at].keys().all(|key| seen.insert(key)))
            .collect()
    }

    pub(super) fn batch(&self, chunk: &[usize]) -> Vec<&'a Prepared> {
        chunk.iter().map(|at| self.changes[*at]).collect()
    }

    /// Takes what became of a chunk.
    ///
    /// # Errors
    /// What isn't the fault of a change.
    pub(super) fn wrote(
        &mut self,
        chunk: &[usize],
        answers: Result<Vec<Applied>, Failed>,
    ) -> Result<Chunk, Failed> {
        match answers {
            Ok(answers) if write::all_well(&answers) => {
                for at in chunk {
                    self.verdicts[*at] = Some(Ok(Applied::Done));
                }
                self.most = CHUNK.min(self.most * 2);
                return Ok(Chunk::Keep);
            }
            Ok(answers) => {
                for (at, answer) in chunk.iter().zip(answers) {
                    if answer != Applied::Done {
                        self.verdicts[*at] = Some(Ok(answer));
                    }
                }
            }
            // Together it takes too long: fewer then, also of what comes after.
            Err(error) if error.is_too_slow() && error.is_of_a_statement() && chunk.len() > 1 => {
                self.pace.cut(chunk.len());
            }
            // Which change it was isn't said: it is looked for in halves.
            Err(error) if error.is_of_a_statement() && chunk.len() > 1 => {
                self.most = chunk.len() / 2;
            }
            Err(error) if error.is_of_a_statement() => {
                let conflict = error.is_unique_violation();
                let verdict = if conflict {
                    Ok(Applied::Conflict)
                } else if error.is_too_slow() {
                    Err(StoreError::unavailable(&error))
                } else {
                    Err(StoreError::refused(&error))
                };
                self.verdicts[chunk[0]] = Some(verdict);
            }
            Err(error) => {
                // A server that says nothing isn't asked for the rest; whoever comes again comes in smaller chunks.
                if error.is_too_slow() {
                    self.pace.cut(chunk.len());
                }
                return Err(error);
            }
        }
        Ok(Chunk::TakeBack)
    }

    /// In the order of the changes; `error` for those that were never written.
    pub(super) fn verdicts(self, error: Option<&Failed>) -> Vec<Result<Applied, StoreError>> {
        let missing = || error.map_or_else(StoreError::closed, StoreError::unavailable);
        let verdicts = self.verdicts.into_iter();
        verdicts
            .map(|verdict| verdict.unwrap_or_else(|| Err(missing())))
            .collect()
    }
}
