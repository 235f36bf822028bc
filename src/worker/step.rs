//! One step at a time, for whoever chooses the order itself: the simulation, in which a seed decides what comes next.

use hallpass_domain::Time;
use tokio::time::Instant;

use super::{Worker, record, run};
use crate::app::{LEASE, Lease};
use crate::store::StoreError;

impl Worker {
    /// Claims one effect that is due, carries it out and records it, all before it answers; false where none is due.
    /// `choice` says of which lane, where several have something due.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub async fn step(&self, now: Time, choice: usize) -> Result<bool, StoreError> {
        let mut lanes = self.parts.store.lanes().await?;
        lanes.retain(|(_, due)| *due <= now);
        lanes.sort();
        let first = choice.checked_rem(lanes.len()).unwrap_or(0);
        lanes.rotate_left(first);
        for (lane, _) in lanes {
            let lease = Lease::since(Instant::now());
            let claimed = self.parts.store.claim(&lane, now, LEASE, 1).await?;
            if claimed.is_empty() {
                continue;
            }
            let carried = run::carry_out(self, &lane, &claimed, &lease).await;
            record::outcomes(self, &lane, claimed.into_iter().zip(carried).collect()).await;
            return Ok(true);
        }
        Ok(false)
    }
}
