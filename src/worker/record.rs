//! Recording what came of an effect: the change and the end of the effect that caused it in one commit.
//! Where a row changed meanwhile neither is written, and the effect is due again at once, to be looked at anew.

use std::time::Duration;

use hallpass_domain::effect::Subject;
use hallpass_domain::grant::{EndReason, State};
use hallpass_domain::planted::{Fault, planted};
use hallpass_domain::{Change, EffectKind, HoldingId, Lane, Time, Urgency, Write};

use crate::app::{Carried, Seen};
use crate::store::{Applied, Claimed, Failure, Finish, StoreError};

use super::circuit::PROBE;
use super::{Worker, lane_label, retry};

/// A store that fails for a moment shouldn't cost the record of a call that was made.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);
/// How often an outcome is decided anew on rows that changed meanwhile: as often as a grant may have other parts.
const ANEW: u32 = 16;

pub(super) async fn outcomes(worker: &Worker, lane: &Lane, carried: Vec<(Claimed, Carried)>) {
    let label = lane_label(lane);
    let mut changes: Vec<Recorded> = Vec::new();
    let (mut bare, mut doubtful, mut failing) = (Vec::new(), Vec::new(), Vec::new());
    for (claimed, outcome) in carried {
        match outcome {
            Carried::Done(change) => changes.push(Recorded::new(claimed, change, None)),
            Carried::Settled(settled) => {
                let (change, seen) = *settled;
                changes.push(Recorded::new(claimed, change, Some(seen)));
            }
            Carried::Again => {
                worker.parts.metrics.effect(&label, "given_back");
                doubtful.extend(holding_of(&claimed));
                bare.push(moved(worker, claimed));
            }
            Carried::Retry {
                after: Some(after), ..
            } if *lane == Lane::Slack => bare.push(put_off(worker, &label, claimed, after)),
            Carried::Retry { after, why } => {
                doubtful.extend(holding_of(&claimed));
                failing.extend(holding_of(&claimed));
                let why = (Failure::Failed, why);
                bare.push(later(worker, &label, claimed, after, why));
            }
            // Nothing was called that could have changed anything.
            Carried::Away { after, why } => {
                failing.extend(holding_of(&claimed));
                let why = (Failure::Silent, why);
                bare.push(later(worker, &label, claimed, after, why));
            }
        }
    }
    for (claimed, why) in done(worker, &label, changes).await {
        doubtful.extend(holding_of(&claimed));
        bare.push(match why {
            Unrecorded::Moved => {
                worker.parts.metrics.effect(&label, "given_back");
                moved(worker, claimed)
            }
            Unrecorded::Failed(error) => {
                tracing::error!(lane = label, kind = ?claimed.kind, subject = ?claimed.subject, %error, "an outcome could not be recorded; its effect will be done again");
                let why = (Failure::Failed, error.to_string());
                later(worker, &label, claimed, None, why)
            }
        });
    }
    // Before they are ended: an end takes the token out of what it finishes.
    doubt_what_was_lost(worker, &label, doubtful).await;
    finish(worker, &label, bare).await;
    // After them: who reads it finds that they failed.
    for (claimed, id) in failing {
        if let Err(error) = worker.parts.app.try_failed(&id, claimed.attempts).await {
            tracing::error!(lane = label, holding = %id, %error, "its cards don't say that it fails");
        }
    }
}

/// What is to be written for an effect that was carried out.
struct Recorded {
    claimed: Claimed,
    change: Change,
    /// What the backend said, where the change was decided by that: it can be decided anew without another call.
    seen: Option<Seen>,
    anew: u32,
}

impl Recorded {
    fn new(claimed: Claimed, change: Change, seen: Option<Seen>) -> Self {
        Self {
            claimed,
            change,
            seen,
            anew: 0,
        }
    }
}

/// Why something isn't on record.
enum Unrecorded {
    /// The rows changed meanwhile, or the claim is another's.
    Moved,
    Failed(StoreError),
}

/// The claim, where it was to call a backend.
fn holding_of(claimed: &Claimed) -> Option<(Claimed, HoldingId)> {
    match (&claimed.subject, &claimed.kind) {
        (Subject::Holding(id), EffectKind::SyncHolding) => Some((claimed.clone(), id.clone())),
        _ => None,
    }
}

/// A call whose record isn't taken (the claim went to another process meanwhile) may have changed something that nobody
/// knows of: its holding is looked at again.
async fn doubt_what_was_lost(worker: &Worker, label: &str, made: Vec<(Claimed, HoldingId)>) {
    if made.is_empty() {
        return;
    }
    let (claimed, holdings): (Vec<Claimed>, Vec<HoldingId>) = made.into_iter().unzip();
    let ours = tried(|| worker.parts.store.still_ours(&claimed)).await;
    let ours = ours.unwrap_or_else(|error| {
        tracing::error!(lane = label, %error, "whether claims are still ours could not be read");
        vec![true; claimed.len()]
    });
    for (id, _) in holdings.iter().zip(ours).filter(|(_, ours)| !ours) {
        worker.parts.metrics.leases_lost(1);
        if let Err(error) = tried(|| worker.parts.app.doubt(id)).await {
            tracing::error!(lane = label, holding = %id, %error, "what a lost claim did could not be looked at again");
        }
    }
}

/// The rows changed meanwhile: again at once, and from the third time on after a pause that grows, so that what
/// always conflicts doesn't spin. Its attempts go on being counted.
fn moved(worker: &Worker, claimed: Claimed) -> Finish {
    let now = worker.parts.clock.now();
    let pause = retry::conflict_delay(claimed.attempts);
    if claimed.attempts > 5 {
        tracing::warn!(subject = ?claimed.subject, kind = ?claimed.kind, attempts = claimed.attempts, "its rows change whenever it is carried out");
    }
    let at = now + chrono::TimeDelta::from_std(pause).unwrap_or_default();
    Finish::Retry {
        claimed,
        at,
        error: "the rows changed meanwhile".into(),
        failure: None,
    }
}

/// Puts an effect off, and says so once in the log.
fn later(
    worker: &Worker,
    label: &str,
    claimed: Claimed,
    after: Option<Duration>,
    (failure, error): (Failure, String),
) -> Finish {
    // Planted, there are only so many tries; or the order to take access away is forgotten with the first that fails.
    let tried_enough = planted(Fault::RetriesRunOut) && claimed.attempts >= 5;
    let revoking = claimed.urgency == Urgency::First;
    if tried_enough || revoking && planted(Fault::FailedRevokeForgotten) {
        return Finish::Done(claimed);
    }
    let mut dice = [0];
    worker.parts.entropy.fill(&mut dice);
    let failures = claimed.failures;
    let mut delay = retry::delay(claimed.urgency, failures, after, dice[0]);
    if after.is_none() && worker.circuits.is_away(&claimed.lane) {
        // The lane itself is patient; there must be one that asks at its next probe.
        delay = delay.min(PROBE);
    }
    tracing::warn!(
        lane = label, kind = ?claimed.kind, subject = ?claimed.subject, failures = failures + 1,
        again_in_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), why = %error,
        "not carried out"
    );
    worker.parts.metrics.effect(label, "retried");
    let at = from_now(worker, delay);
    Finish::Retry {
        claimed,
        at,
        error,
        failure: Some(failure),
    }
}

/// Slack says when it is this one's turn: it waits until then, and no try of its own has failed.
fn put_off(worker: &Worker, label: &str, claimed: Claimed, after: Duration) -> Finish {
    tracing::debug!(
        lane = label, kind = ?claimed.kind, subject = ?claimed.subject,
        after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX), "not its turn yet"
    );
    worker.parts.metrics.effect(label, "put_off");
    let at = from_now(worker, after);
    Finish::PutOff { claimed, at }
}

fn from_now(worker: &Worker, delay: Duration) -> Time {
    let delay = chrono::TimeDelta::from_std(delay).unwrap_or(chrono::TimeDelta::MAX);
    let now = worker.parts.clock.now();
    now.checked_add_signed(delay).unwrap_or(now)
}

/// Writes them together; each stands or falls by itself. Answers those that aren't on record.
async fn done(worker: &Worker, label: &str, mut left: Vec<Recorded>) -> Vec<(Claimed, Unrecorded)> {
    let mut unrecorded = Vec::new();
    let mut failures = 0;
    while !left.is_empty() {
        let work = left.iter();
        let work = work.map(|one| (one.change.clone(), Finish::Done(one.claimed.clone())));
        let applied = worker.parts.store.apply_finishing(work.collect()).await;
        let (mut again, mut away) = (Vec::new(), false);
        for (one, applied) in left.into_iter().zip(applied) {
            match applied {
                Ok(Applied::Done | Applied::Delivered(_)) => told_of(worker, label, &one.change),
                Ok(Applied::Conflict) => match decided_anew(worker, one).await {
                    Ok(one) => again.push(one),
                    Err(claimed) => unrecorded.push((claimed, Unrecorded::Moved)),
                },
                Err(StoreError::Unavailable(_)) if failures + 1 < TRIES => {
                    away = true;
                    again.push(one);
                }
                Err(error) => unrecorded.push((one.claimed, Unrecorded::Failed(error))),
            }
        }
        left = again;
        if away {
            failures += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
    unrecorded
}

/// Another part of the same grant was recorded in between, or somebody extended it: what the backend said is as true as
/// before, so it is decided on the rows as they are now, without another call.
async fn decided_anew(worker: &Worker, one: Recorded) -> Result<Recorded, Claimed> {
    let Recorded {
        claimed,
        seen: Some(seen),
        anew,
        ..
    } = one
    else {
        return Err(one.claimed);
    };
    let store = &worker.parts.store;
    let ours = store.still_ours(std::slice::from_ref(&claimed)).await;
    if anew == ANEW || ours != Ok(vec![true]) {
        return Err(claimed);
    }
    match worker.parts.app.settle_anew(&seen).await {
        Ok(Carried::Settled(settled)) => {
            let (change, seen) = *settled;
            Ok(Recorded {
                claimed,
                change,
                seen: Some(seen),
                anew: anew + 1,
            })
        }
        Ok(Carried::Done(_) | Carried::Retry { .. } | Carried::Away { .. } | Carried::Again) => {
            Err(claimed)
        }
        Err(error) => {
            tracing::info!(%error, subject = ?claimed.subject, "an outcome could not be decided anew");
            Err(claimed)
        }
    }
}

fn told_of(worker: &Worker, label: &str, change: &Change) {
    worker.parts.metrics.effect(label, "done");
    if let Some(lateness) = lateness(change) {
        worker.parts.metrics.ended_late_by(lateness);
    }
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
