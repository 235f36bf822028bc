//! What an export adds where its stretch lacks fields that were erased by an event outside of it: that erasure, and what
//! proves it, so that whoever verifies the file can tell erased from deleted. Most exports add nothing.

use std::io::Write;

use super::ExportError;
use crate::audit::chain::event_digest;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::erasure::Erasure;
use crate::store::{ErasureOutside, SealedRecord, Span, Store, StoreError};

/// Positions of events that are looked through at once.
const WINDOW: i64 = 20_000;
/// Records whose digests are read at once.
const PAGE: u32 = 500;

/// A stretch of the chain being written, up to the checkpoint that proves it.
struct Walk {
    /// The last record that was written of it.
    at: u64,
    until: Checkpoint,
}

/// Writes them, for the records from the first to the last.
pub(super) async fn write(
    store: &Store,
    stretch: (u64, u64),
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    // Whoever erased before a field was read is among these.
    let highest = store.horizon().await?.highest;
    let (mut after, mut walk) = (0, None);
    while after < highest {
        let up_to = highest.min(after + WINDOW);
        let span = Span { after, up_to };
        for outside in store.erasures_outside(stretch, span).await? {
            if concerns(store, &outside, stretch).await? {
                walk = one(store, walk, outside, out).await?;
            }
        }
        after = up_to;
    }
    finish(store, walk, out).await
}

async fn concerns(
    store: &Store,
    outside: &ErasureOutside,
    stretch: (u64, u64),
) -> Result<bool, StoreError> {
    let Some(erasure) = Erasure::read(outside.body.as_bytes()) else {
        return Ok(false);
    };
    let ids = erasure.ids();
    let by_number = erasure.reaches(stretch);
    Ok(by_number || (!ids.is_empty() && store.any_within(&ids, stretch).await?))
}

/// Onto the walk that leads to it, or a new one.
async fn one(
    store: &Store,
    walk: Option<Walk>,
    outside: ErasureOutside,
    out: &mut dyn Write,
) -> Result<Option<Walk>, ExportError> {
    let ErasureOutside { sequence, body } = outside;
    let proven = match sequence {
        None => None,
        Some(sequence) => signed_after(store, sequence)
            .await?
            .map(|until| (sequence, until)),
    };
    let Some((sequence, until)) = proven else {
        writeln!(out, r#"{{"not_sealed":{body}}}"#)?;
        return Ok(walk);
    };
    let mut walk = match walk {
        Some(walk) if walk.at < sequence && sequence <= walk.until.sequence => walk,
        other => {
            finish(store, other, out).await?;
            begin(store, sequence, until, out).await?
        }
    };
    pass(store, &mut walk, sequence - 1, out).await?;
    writeln!(out, r#"{{"erasure":{body}}}"#)?;
    walk.at = sequence;
    Ok(Some(walk))
}

/// The first checkpoint that covers a record.
async fn signed_after(store: &Store, sequence: u64) -> Result<Option<Checkpoint>, StoreError> {
    let first = store.checkpoints(sequence - 1, 1).await?.pop();
    Ok(first.map(Checkpoint::from))
}

async fn begin(
    store: &Store,
    sequence: u64,
    until: Checkpoint,
    out: &mut dyn Write,
) -> Result<Walk, ExportError> {
    let at = sequence - 1;
    let hash = match at {
        0 => hex::encode(crate::audit::chain::GENESIS),
        at => {
            let there = store.hash_at(at).await?;
            there.ok_or_else(|| gone(at))?
        }
    };
    writeln!(out, r#"{{"outside":{{"after":{at},"hash":"{hash}"}}}}"#)?;
    Ok(Walk { at, until })
}

fn gone(sequence: u64) -> ExportError {
    ExportError::Unreadable {
        sequence,
        why: "its seal is gone".into(),
    }
}

/// The digests of the records up to one.
async fn pass(
    store: &Store,
    walk: &mut Walk,
    up_to: u64,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    while walk.at < up_to {
        let left = u32::try_from(up_to - walk.at).unwrap_or(PAGE).min(PAGE);
        let page: Vec<SealedRecord> = store.sealed(walk.at, left).await?;
        let Some(last) = page.last() else {
            return Err(gone(walk.at + 1));
        };
        for record in &page {
            let digest = hex::encode(event_digest(record.body.as_bytes()));
            writeln!(out, r#"{{"passed":"{digest}"}}"#)?;
        }
        walk.at = last.sequence;
    }
    Ok(())
}

async fn finish(store: &Store, walk: Option<Walk>, out: &mut dyn Write) -> Result<(), ExportError> {
    let Some(mut walk) = walk else {
        return Ok(());
    };
    let until = walk.until.sequence;
    pass(store, &mut walk, until, out).await?;
    writeln!(out, "{}", walk.until.line())?;
    Ok(())
}
