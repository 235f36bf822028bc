//! Carrying out what was claimed: bounded in time, and a panic in one effect is that effect's failure alone.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use hallpass_domain::Lane;

use crate::app::{Carried, Lease};
use crate::store::Claimed;

use super::Worker;

/// Carries out one effect, or the internal lane's whole batch; an outcome for each, in their order.
pub(super) async fn carry_out(
    worker: &Worker,
    lane: &Lane,
    claimed: &[Claimed],
    lease: &Lease,
) -> Vec<Carried> {
    match lane {
        Lane::Internal => decide(worker, claimed, lease).await,
        Lane::Slack | Lane::Backend(_) => each(worker, lane, claimed, lease).await,
    }
}

/// Timers that only transition: decided together. Where the batch as a whole fails, each is tried again later.
async fn decide(worker: &Worker, claimed: &[Claimed], lease: &Lease) -> Vec<Carried> {
    let limit = worker.bounds(&Lane::Internal).effect;
    let decided = guarded(limit, Box::pin(worker.parts.app.decide(claimed, lease))).await;
    let why = match decided {
        Ok(carried) if carried.len() == claimed.len() => return carried,
        Ok(carried) => format!("{} outcomes for {} effects", carried.len(), claimed.len()),
        Err(why) => why,
    };
    let again = |_| Carried::Retry {
        after: None,
        why: why.clone(),
    };
    claimed.iter().map(again).collect()
}

async fn each(worker: &Worker, lane: &Lane, claimed: &[Claimed], lease: &Lease) -> Vec<Carried> {
    let limit = worker.bounds(lane).effect;
    let mut carried = Vec::with_capacity(claimed.len());
    for one in claimed {
        let outcome = guarded(limit, Box::pin(worker.parts.app.carry_out(one, lease))).await;
        carried.push(outcome.unwrap_or_else(|why| Carried::Retry { after: None, why }));
    }
    carried
}

/// Work that can neither hang nor tear down who waits for it; the error is a sentence for the log.
async fn guarded<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, String> {
    let work = AssertUnwindSafe(work).catch_unwind();
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(panic)) => Err(panicked(panic.as_ref())),
        Err(_) => Err(format!("not done within {} s", limit.as_secs())),
    }
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let said = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!(
        "it panicked: {}",
        said.unwrap_or_else(|| "without a word".into())
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::guarded;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_panic_is_an_outcome() {
        let why = guarded(LONG, async { panic!("a bug of {}", "one effect") }).await;
        let why: Result<(), String> = why;
        assert_eq!(why, Err("it panicked: a bug of one effect".into()));
        assert_eq!(guarded(LONG, async { 7 }).await, Ok(7));
    }

    #[tokio::test]
    async fn what_hangs_is_given_up() {
        let hanging = guarded(Duration::from_millis(1), std::future::pending::<()>()).await;
        assert_eq!(hanging, Err("not done within 0 s".into()));
    }
}
