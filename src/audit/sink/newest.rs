//! The newest checkpoint that a bucket keeps, found without reading all of it: names sort by sequence, so a listing that
//! begins after the record's head shows at once whether there is more than the record has.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::{S3, SinkError};
use crate::audit::checkpoint::Checkpoint;

/// For all of it: a start waits so long at most.
const IN_ALL: Duration = Duration::from_secs(5);
/// Names that are looked at in one listing; further ones only prove the same.
const LISTED: usize = 5_000;
/// Of those, the newest that are read: somebody may have put there what is no checkpoint of ours.
const READ: usize = 8;
/// How far before the head is looked first, and by how much further each time.
const STEP: u64 = 1 << 10;
const FURTHER: u64 = 8;

impl S3 {
    /// The newest checkpoint that this key signed: one after `head`, where there is any, else the newest up to it.
    ///
    /// # Errors
    /// Where the bucket can't be read, or not within some seconds.
    pub async fn newest(&self, head: u64, key: &str) -> Result<Option<Checkpoint>, SinkError> {
        let found = tokio::time::timeout(IN_ALL, self.search(head, key)).await;
        found.unwrap_or_else(|_| {
            let seconds = IN_ALL.as_secs();
            let name = &self.name;
            let what = format!("{name} doesn't answer within {seconds} s");
            Err(SinkError::new(what))
        })
    }

    async fn search(&self, head: u64, key: &str) -> Result<Option<Checkpoint>, SinkError> {
        let after = self.listed(head, u64::MAX).await?;
        if let Some(found) = self.of_key(after, key).await? {
            return Ok(Some(found));
        }
        let (mut up_to, mut step) = (head, STEP);
        while up_to > 0 {
            let after = up_to.saturating_sub(step);
            let there = self.listed(after, up_to).await?;
            if let Some(found) = self.of_key(there, key).await? {
                return Ok(Some(found));
            }
            (up_to, step) = (after, step.saturating_mul(FURTHER));
        }
        Ok(None)
    }

    /// The newest of the objects above a sequence, up to and with another; the oldest first.
    async fn listed(&self, after: u64, up_to: u64) -> Result<Vec<(u64, ObjectMeta)>, SinkError> {
        let mut names = self
            .bucket
            .list_with_offset(Some(&self.folder()), &self.place(after));
        let mut newest = VecDeque::new();
        for _ in 0..LISTED {
            let next = names.try_next().await;
            let Some(meta) = next.map_err(|error| self.failed(&error))? else {
                break;
            };
            match sequence_of(&meta.location) {
                Some(sequence) if sequence > up_to => break,
                Some(sequence) => newest.push_back((sequence, meta)),
                None => {}
            }
            if newest.len() > READ {
                newest.pop_front();
            }
        }
        Ok(newest.into())
    }

    /// The last of them that this key signed.
    async fn of_key(
        &self,
        objects: Vec<(u64, ObjectMeta)>,
        key: &str,
    ) -> Result<Option<Checkpoint>, SinkError> {
        for (sequence, object) in objects.into_iter().rev() {
            match self.read(&object.location, object.size).await {
                Ok(found)
                    if found.sequence == sequence && found.key == key && found.is_authentic() =>
                {
                    return Ok(Some(found));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "what stands among the checkpoints can't be read");
                }
            }
        }
        Ok(None)
    }
}

/// As its name says.
fn sequence_of(place: &Path) -> Option<u64> {
    let name = place.filename()?.strip_suffix(".json")?;
    (name.len() == 20).then(|| name.parse().ok()).flatten()
}
