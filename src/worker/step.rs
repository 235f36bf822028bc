//! One step at a time, for whoever chooses the order itself: the simulation, in which a seed decides what comes next.

use hallpass_domain::{Lane, Time};
use tokio::time::Instant;

use super::circuit::Gate;
use super::{Worker, heard, record, run};
use crate::app::{LEASE, Lease};
use crate::store::{Claimed, StoreError, Take};

impl Worker {
    /// Claims one effect that is due, carries it out and records it, all before it answers; false where none is due. Where
    /// a lane that is away is probed with several, they come one after the other.
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
            let (all, patient) = match self.circuits.gate(&lane, now) {
                Gate::Open => (1, 1),
                Gate::Shut(_) => continue,
                Gate::Probe { gives, wide } => {
                    self.circuits.probes(&lane, now);
                    let all = if wide { self.bounds(&lane).tasks } else { 1 };
                    (all, if gives { all } else { 0 })
                }
            };
            let asked = Instant::now();
            let store = &self.parts.store;
            let take = Take {
                revoking: all,
                patient,
                all,
            };
            let claimed = store.claim_within(&lane, now, LEASE, take).await?;
            let any = !claimed.is_empty();
            for one in claimed {
                self.take(&lane, one, asked).await;
            }
            if any {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn take(&self, lane: &Lane, claimed: Claimed, asked: Instant) {
        let lease = Lease::since(asked);
        let before = self.parts.app.answers(lane);
        let carried = run::carry_out(self, lane, std::slice::from_ref(&claimed), &lease).await;
        lease.leave();
        let answered = self.parts.app.answers(lane) > before;
        let outcomes: Vec<_> = [claimed].into_iter().zip(carried).collect();
        heard::take_note(self, lane, answered, &outcomes).await;
        record::outcomes(self, lane, outcomes).await;
    }
}
