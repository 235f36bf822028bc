//! What an outcome says of its lane's target: the circuit is opened and shut here, on record and in the log, and what
//! was put off is due at once when the target is back.

use std::time::Duration;

use hallpass_domain::{Actor, Change, Event, EventKind, Lane, Time};

use crate::app::Carried;
use crate::store::Claimed;

use super::circuit::Turn;
use super::{Worker, lane_label};

/// `answered`: the lane's target gave an answer while this was carried out.
pub(super) async fn take_note(
    worker: &Worker,
    lane: &Lane,
    answered: bool,
    outcomes: &[(Claimed, Carried)],
) {
    if *lane == Lane::Internal {
        return;
    }
    let now = worker.parts.clock.now();
    let turn = if answered {
        worker.circuits.answered(lane)
    } else {
        let mut turn = Turn::Nothing;
        if silences(outcomes).next().is_none() {
            worker.circuits.asked_nobody(lane, now);
        }
        for (after, why) in silences(outcomes) {
            if let Lane::Backend(name) = lane {
                worker.parts.app.target_silent(name);
            }
            if worker.circuits.silent(lane, after, now) == Turn::Away {
                turn = Turn::Away;
                let lane = lane_label(lane);
                tracing::error!(
                    lane,
                    why,
                    "the target is away: what waits for it is put off, and one effect asks every few seconds"
                );
            }
        }
        turn
    };
    match turn {
        Turn::Nothing => {}
        Turn::Away => away(worker, lane, now).await,
        Turn::Back { since } => back(worker, lane, since, now).await,
    }
}

fn silences(outcomes: &[(Claimed, Carried)]) -> impl Iterator<Item = (Option<Duration>, &str)> {
    outcomes.iter().filter_map(|(_, carried)| match carried {
        Carried::Away { after, why } => Some((*after, why.as_str())),
        Carried::Done(_) | Carried::Settled(..) | Carried::Retry { .. } | Carried::Again => None,
    })
}

async fn away(worker: &Worker, lane: &Lane, now: Time) {
    let label = lane_label(lane);
    worker.parts.metrics.lane_open(&label, true);
    worker.parts.health.lane_away(&label);
    if let Lane::Backend(name) = lane
        && let Err(error) = worker.parts.app.target_away(name).await
    {
        tracing::error!(lane = label, %error, "the cards of what waits for it don't say that it is away");
    }
    recorded(
        worker,
        lane,
        Event::new(EventKind::BackendDown, Actor::Hallpass, now),
    )
    .await;
}

async fn back(worker: &Worker, lane: &Lane, since: Time, now: Time) {
    let label = lane_label(lane);
    let seconds = (now - since).num_seconds().max(0);
    tracing::info!(
        lane = label,
        away_for_s = seconds,
        "the target is back: what was put off is due now"
    );
    worker.parts.metrics.lane_open(&label, false);
    worker.parts.health.lane_back(&label);
    if let Err(error) = worker.parts.store.wake(lane, now).await {
        tracing::error!(lane = label, %error, "what was put off could not be called back; it comes at its own time");
    }
    if let Lane::Backend(name) = lane
        && let Err(error) = worker.parts.app.target_back(name).await
    {
        tracing::error!(lane = label, %error, "the cards of what waited for it aren't brought to the present at once");
    }
    let event = Event::new(EventKind::BackendBack, Actor::Hallpass, now);
    recorded(worker, lane, event.fact("away_for_seconds", seconds)).await;
}

/// Slack is no backend: that it is away stands in the log and in the metrics.
async fn recorded(worker: &Worker, lane: &Lane, event: Event) {
    let Lane::Backend(name) = lane else { return };
    let event = event.fact("backend", name.as_str());
    let change = Change::default().event(event);
    if let Err(error) = worker.parts.store.apply_one(change).await {
        tracing::error!(%error, "that a backend went or came back could not be put on record");
    }
}
