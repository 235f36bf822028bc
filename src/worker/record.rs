//! Recording what came of an effect: the change and the end of the effect that caused it in one commit.
//! Where a row changed meanwhile neither is written, and the effect is due again at once, to be looked at anew.

use std::time::Duration;

use hallpass_domain::grant::{EndReason, State};
use hallpass_domain::{Change, Lane, Time, Write};

use crate::app::Carried;
use crate::store::{Applied, Claimed, Finish, StoreError};

use super::{Worker, lane_label, retry};

/// A store that fails for a moment shouldn't cost the record of a call that was made.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn outcomes(worker: &Worker, lane: &Lane, carried: Vec<(Claimed, Carried)>) {
    let label = lane_label(lane);
    let mut changes: Vec<(Change, Finish)> = Vec::new();
    let mut bare = Vec::new();
    for (claimed, outcome) in carried {
        match outcome {
            Carried::Done(change) => changes.push((change, Finish::Done(claimed))),
            Carried::Again => {
                worker.parts.metrics.effect(&label, "given_back");
                bare.push(Finish::GiveBack(claimed));
            }
            Carried::Retry { after, why } => bare.push(later(worker, &label, claimed, after, why)),
        }
    }
    if !changes.is_empty() {
        done(worker, &label, changes).await;
    }
    finish(worker, &label, bare).await;
}

/// Puts an effect off, and says so once in the log.
fn later(
    worker: &Worker,
    label: &str,
    claimed: Claimed,
    after: Option<Duration>,
    error: String,
) -> Finish {
    let mut dice = [0];
    worker.parts.entropy.fill(&mut dice);
    // The store counts this one among the attempts.
    let failures = claimed.attempts.saturating_sub(1);
    let delay = retry::delay(claimed.urgency, failures, after, dice[0]);
    tracing::warn!(
        lane = label, kind = ?claimed.kind, subject = ?claimed.subject, failures = failures + 1,
        again_in_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), why = %error,
        "not carried out"
    );
    worker.parts.metrics.effect(label, "retried");
    let delay = chrono::TimeDelta::from_std(delay).unwrap_or(chrono::TimeDelta::MAX);
    let now = worker.parts.clock.now();
    let at = now.checked_add_signed(delay).unwrap_or(now);
    Finish::Retry { claimed, at, error }
}

async fn done(worker: &Worker, label: &str, changes: Vec<(Change, Finish)>) {
    let effects: Vec<Finish> = changes.iter().map(|(_, finish)| finish.clone()).collect();
    let lateness: Vec<Option<Duration>> =
        changes.iter().map(|(change, _)| lateness(change)).collect();
    let applied = match tried(|| worker.parts.store.apply_finishing(changes.clone())).await {
        Ok(applied) => applied,
        Err(error) => {
            tracing::error!(lane = label, %error, "an outcome could not be recorded; its effect will be done again");
            return;
        }
    };
    let mut back = Vec::new();
    for ((applied, finish), lateness) in applied.into_iter().zip(effects).zip(lateness) {
        match applied {
            Applied::Done | Applied::Delivered(_) => {
                worker.parts.metrics.effect(label, "done");
                if let Some(lateness) = lateness {
                    worker.parts.metrics.ended_late_by(lateness);
                }
            }
            Applied::Conflict => {
                worker.parts.metrics.effect(label, "given_back");
                if let Finish::Done(claimed) = finish {
                    back.push(Finish::GiveBack(claimed));
                }
            }
        }
    }
    finish(worker, label, back).await;
}

pub(super) async fn finish(worker: &Worker, label: &str, finished: Vec<Finish>) {
    if finished.is_empty() {
        return;
    }
    if let Err(error) = tried(|| worker.parts.store.finish(finished.clone())).await {
        tracing::error!(lane = label, %error, "effects could not be put off; their leases will end");
    }
}

/// Asks `work` for another try, where the store was away and tries are left.
async fn tried<T, F>(work: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 1..TRIES {
        match work().await {
            Err(StoreError::Unavailable(_)) => tokio::time::sleep(PAUSE).await,
            answered => return answered,
        }
    }
    work().await
}

/// How late the grant that ends in this change is gone, where its time was up.
fn lateness(change: &Change) -> Option<Duration> {
    change.writes.iter().find_map(|write| {
        let Write::Grant(grant) = write else {
            return None;
        };
        let State::Ended {
            reason: EndReason::Expired,
            at,
            active_since: Some(since),
        } = &grant.state
        else {
            return None;
        };
        let planned: Time = *since + grant.duration.to_delta();
        (*at - planned).to_std().ok()
    })
}
