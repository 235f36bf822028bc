//! Keeping the leases of what runs, so that a lease can be short and a call long. What was lost is cut off.

use hallpass_domain::Time;
use tokio::time::Instant;

use super::Worker;
use super::in_flight::InFlight;
use crate::app::LEASE;
use crate::store::StoreError;

pub(super) async fn renew(
    worker: &Worker,
    in_flight: &InFlight,
    now: Time,
) -> Result<(), StoreError> {
    let asked = Instant::now();
    let (store, running) = (&worker.parts.store, in_flight.all());
    store.renew(&running, now, LEASE).await?;
    let ours = store.still_ours(&running).await?;
    let lost = in_flight.renewed(asked, &running, &ours);
    if lost > 0 {
        tracing::warn!(
            lost,
            "leases were lost to another process: what runs under them is cut off"
        );
        worker.parts.metrics.leases_lost(lost);
    }
    Ok(())
}
