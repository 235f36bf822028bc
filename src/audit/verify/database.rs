//! On the database: a page of records at a time, beside a running `serve`.

use std::collections::VecDeque;

use super::chain::{Chain, Claimed, Ended};
use super::erased::Known;
use super::record::{self, Field};
use super::{Against, LOOKS, Verified, Wrong};
use crate::audit::chain::GENESIS;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::erasure::Erasure;
use crate::store::{SealedRecord, Span, Store, StoreError};

/// Records, or checkpoints, in memory at a time.
const PAGE: u32 = 1_000;
/// Positions that are looked through for events without a seal at a time.
const WINDOW: i64 = 20_000;

/// Checkpoints in their order, a page at a time.
struct Checkpoints<'a> {
    store: &'a Store,
    page: VecDeque<Checkpoint>,
    last: Option<u64>,
}

/// The anchor must have been read before, so that the database is at least as new.
///
/// # Errors
/// Outside where the database can't be read; inside what is wrong with the record.
pub async fn verify_database(
    store: &Store,
    against: Against,
) -> Result<Result<Verified, Wrong>, StoreError> {
    let mut known = Known::default();
    for _ in 0..LOOKS {
        match look(store, against.clone(), known).await? {
            Ok(Ended::Whole(verified)) => return Ok(Ok(*verified)),
            Ok(Ended::Again(learned)) => known = learned,
            Err(wrong) => return Ok(Err(wrong)),
        }
    }
    Ok(Err(super::never_at_rest()))
}

async fn look(
    store: &Store,
    against: Against,
    known: Known,
) -> Result<Result<Ended, Wrong>, StoreError> {
    let mut chain = match Chain::new(1, GENESIS, against, known) {
        Ok(chain) => chain,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let mut checkpoints = Checkpoints {
        store,
        page: VecDeque::new(),
        last: Some(0),
    };
    loop {
        let after = chain.next() - 1;
        let page = match store.sealed(after, PAGE).await {
            Ok(page) => page,
            Err(gone @ StoreError::Corrupt { .. }) => {
                return unreadable(store, chain.next(), &gone).await.map(Err);
            }
            Err(error) => return Err(error),
        };
        if page.is_empty() {
            break;
        }
        for record in &page {
            let followed = follow(&mut chain, record);
            if let Err(wrong) = followed {
                return Ok(Err(wrong));
            }
            while let Some(checkpoint) = checkpoints.up_to(chain.next() - 1).await? {
                if let Err(wrong) = chain.checkpoint(&checkpoint) {
                    return Ok(Err(wrong));
                }
            }
        }
    }
    // One that was made while the last page was read is for records after it.
    let last = chain.next() - 1;
    if let Some(beyond) = checkpoints.up_to(u64::MAX).await?
        && store.head().await?.map_or(0, |(head, _)| head) == last
    {
        let why = format!(
            "it is missing: the record ends at {last}, and a checkpoint signed it until {}",
            beyond.sequence
        );
        return Ok(Err(Wrong::Record {
            sequence: last + 1,
            event: None,
            why,
        }));
    }
    if chain.is_open() {
        tail(store, &mut chain).await?;
    }
    let unsealed = unsealed(store).await?;
    Ok(chain.end(unsealed))
}

/// Erasures that aren't sealed yet, or only since the last page was read.
async fn tail(store: &Store, chain: &mut Chain) -> Result<(), StoreError> {
    let highest = store.horizon().await?.highest;
    let read = (1, chain.next() - 1);
    let mut after = 0;
    while after < highest {
        let up_to = highest.min(after + WINDOW);
        for late in store.erasures_outside(read, Span { after, up_to }).await? {
            let erasure = Erasure::read(late.body.as_bytes()).map(Box::new);
            chain.not_sealed(erasure);
        }
        after = up_to;
    }
    Ok(())
}

/// The first record of a page can't be read: it isn't there, or its event isn't.
async fn unreadable(store: &Store, next: u64, gone: &StoreError) -> Result<Wrong, StoreError> {
    let why = match (store.hash_at(next).await?, gone) {
        (None, _) => "it is missing".to_owned(),
        (Some(_), StoreError::Corrupt { table, row, why }) => {
            format!("the {table} {row} is broken: {why}")
        }
        (Some(_), StoreError::Unavailable(why) | StoreError::Refused(why)) => why.clone(),
    };
    Ok(Wrong::Record {
        sequence: next,
        event: None,
        why,
    })
}

fn follow(chain: &mut Chain, record: &SealedRecord) -> Result<(), Wrong> {
    let fields: Vec<Field<'_>> = record
        .personal
        .iter()
        .map(|row| Field {
            // A negative position is one that no body has.
            position: usize::try_from(row.position).unwrap_or(usize::MAX),
            salt: row.salt.as_str().into(),
            value: row.value.as_str().into(),
        })
        .collect();
    let mut alone = record::look(record.body.as_bytes(), &fields);
    if alone.wrong.is_none() && !record.columns_agree {
        alone.wrong = Some("its columns and its body disagree: one of them was changed".into());
    }
    let claimed = Claimed {
        sequence: record.sequence,
        hash: &record.hash,
        body: record.body.as_bytes(),
        alone,
    };
    chain.follow(claimed, || Some(record.event.clone()))
}

impl Checkpoints<'_> {
    /// The next one, where it is for this record or one before.
    async fn up_to(&mut self, sequence: u64) -> Result<Option<Checkpoint>, StoreError> {
        if let (true, Some(last)) = (self.page.is_empty(), self.last) {
            let page = self.store.checkpoints(last, PAGE).await?;
            self.last = page.last().map(|last| last.sequence);
            self.page = page.into_iter().map(Checkpoint::from).collect();
        }
        let due = self
            .page
            .front()
            .is_some_and(|next| next.sequence <= sequence);
        Ok(due.then(|| self.page.pop_front()).flatten())
    }
}

async fn unsealed(store: &Store) -> Result<u64, StoreError> {
    let highest = store.horizon().await?.highest;
    let (mut after, mut count) = (0, 0);
    while after < highest {
        let up_to = highest.min(after + WINDOW);
        count += store.count_unsealed(Span { after, up_to }).await?;
        after = up_to;
    }
    Ok(count)
}
