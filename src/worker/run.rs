//! Carrying out what was claimed: bounded in time, and a panic in one effect is that effect's failure alone.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use hallpass_domain::Lane;
use tokio::time::timeout;

use crate::app::{Carried, Lease};
use crate::panics::sound;
use crate::store::Claimed;

use super::Worker;
use super::in_flight::is_taking;

/// How many timers of one batch are decided at the same time: some ask Slack and the schedules.
const DECIDED_AT_ONCE: usize = 16;

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

/// Timers that only transition: decided together. What isn't decided in time is tried again later, by itself: the
/// others stand as they were decided.
async fn decide(worker: &Worker, claimed: &[Claimed], lease: &Lease) -> Vec<Carried> {
    let limit = worker.bounds(&Lane::Internal).effect;
    // Ends ask nobody: all their rows are read together.
    let ends = claimed.iter().all(is_taking);
    let at_once = if ends {
        claimed.len().max(1)
    } else {
        DECIDED_AT_ONCE
    };
    let app = &worker.parts.app;
    // Collected first: a closure inside the stream would make the whole future too narrow to be sent.
    let work: Vec<_> = (claimed.iter().enumerate())
        .map(|(at, one)| numbered(at, Box::pin(app.carry_out(one, lease))))
        .collect();
    let (carried, in_time) = as_many_as_are_done(limit, at_once, work).await;
    if ends && !in_time {
        worker.ends.cut(claimed.len());
    }
    carried
}

/// The outcome of each, in their order; of what wasn't done within `limit`, that it comes again.
async fn as_many_as_are_done<F>(
    limit: Duration,
    at_once: usize,
    work: Vec<F>,
) -> (Vec<Carried>, bool)
where
    F: Future<Output = (usize, Result<Carried, String>)>,
{
    let mut done: Vec<Option<Carried>> = Vec::new();
    done.resize_with(work.len(), || None);
    let mut deciding = stream::iter(work).buffer_unordered(at_once);
    let all = async {
        while let Some((at, outcome)) = deciding.next().await {
            done[at] = Some(outcome.unwrap_or_else(again));
        }
    };
    let in_time = timeout(limit, all).await.is_ok();
    let carried = done.into_iter();
    let carried = carried.map(|one| one.unwrap_or_else(|| again(too_long(limit))));
    (carried.collect(), in_time)
}

async fn numbered(
    at: usize,
    work: impl Future<Output = Carried>,
) -> (usize, Result<Carried, String>) {
    (at, sound(work).await)
}

async fn each(worker: &Worker, lane: &Lane, claimed: &[Claimed], lease: &Lease) -> Vec<Carried> {
    let limit = worker.bounds(lane).effect;
    let mut carried = Vec::with_capacity(claimed.len());
    for one in claimed {
        let outcome = guarded(limit, Box::pin(worker.parts.app.carry_out(one, lease))).await;
        carried.push(outcome.unwrap_or_else(again));
    }
    carried
}

fn again(why: String) -> Carried {
    Carried::Retry { after: None, why }
}

/// Work that can neither hang nor tear down who waits for it; the error is a sentence for the log.
async fn guarded<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, String> {
    timeout(limit, sound(work))
        .await
        .unwrap_or_else(|_| Err(too_long(limit)))
}

fn too_long(limit: Duration) -> String {
    format!("not done within {} s", limit.as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::{Carried, as_many_as_are_done, guarded, numbered};

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_panic_is_an_outcome() {
        let why = guarded(LONG, async { panic!("a bug of {}", "one effect") }).await;
        let why: Result<(), String> = why;
        assert_eq!(why, Err("it panicked: a bug of one effect".into()));
        assert_eq!(guarded(LONG, async { 7 }).await, Ok(7));
    }

    /// One that hangs and one that panics, among others that are decided.
    #[tokio::test]
    async fn what_is_decided_in_time_stands_whatever_became_of_the_others() {
        let work = (0..9).map(|at| {
            let one = async move {
                match at {
                    2 => std::future::pending().await,
                    5 => panic!("a bug of one timer"),
                    _ => Carried::Again,
                }
            };
            numbered(at, one.boxed())
        });
        let limit = Duration::from_millis(50);
        let (carried, in_time) = as_many_as_are_done(limit, 9, work.collect()).await;
        assert!(!in_time);
        let why = |at: usize| {
            let Carried::Retry { after: None, why } = &carried[at] else {
                panic!("{at} comes again, not {:?}", carried[at]);
            };
            why.as_str()
        };
        assert_eq!(why(2), "not done within 0 s");
        assert_eq!(why(5), "it panicked: a bug of one timer");
        let decided = carried.iter().filter(|one| **one == Carried::Again);
        assert_eq!(decided.count(), 7);
    }

    #[tokio::test]
    async fn what_hangs_is_given_up() {
        let hanging = guarded(Duration::from_millis(1), std::future::pending::<()>()).await;
        assert_eq!(hanging, Err("not done within 0 s".into()));
    }
}
