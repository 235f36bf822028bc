//! A circuit for each lane that leads outside: a target that is away is left in peace but for a probe, and what waits
//! for it takes no place and no time. Each process finds out by itself; nothing here is lost with it, since every
//! effect keeps its own next try.
//!
//! Time is the port's, so that a moved clock moves it too.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use hallpass_domain::{Lane, Time};

/// So many silences in a row, and the target counts as away.
const SILENCES: u32 = 5;
/// How often one that is away is asked whether it is back.
pub(super) const PROBE: Duration = Duration::from_secs(5);
/// One that asks for peace is asked so often all the same while access waits to be taken away (I1).
const PROBE_AT_MOST: Duration = Duration::from_secs(10);
/// What a target says of itself is believed, up to here.
const PEACE_AT_MOST: Duration = Duration::from_secs(3_600);
/// Each so many-th probe fills the lane's places, so that effects that fail by themselves can't keep the lane shut.
const WIDE: u32 = 6;

/// What may be claimed of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    /// Nothing before then.
    Shut(Time),
    /// One effect; `gives`: also such as don't take access away. `wide`: as many as the lane has places.
    Probe {
        gives: bool,
        wide: bool,
    },
}

/// What an outcome changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    Nothing,
    /// The target counts as away from now on.
    Away,
    /// It is back, having been away since then.
    Back {
        since: Time,
    },
}

#[derive(Debug, Default)]
pub struct Circuits(Mutex<BTreeMap<Lane, Circuit>>);

#[derive(Debug, Default)]
struct Circuit {
    silences: u32,
    away: Option<Away>,
}

#[derive(Debug)]
struct Away {
    since: Time,
    probe_at: Time,
    probes: u32,
    /// Until when it asked for peace.
    peace_until: Option<Time>,
}

impl Circuits {
    fn all(&self) -> MutexGuard<'_, BTreeMap<Lane, Circuit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn gate(&self, lane: &Lane, now: Time) -> Gate {
        let all = self.all();
        let Some(away) = all.get(lane).and_then(|circuit| circuit.away.as_ref()) else {
            return Gate::Open;
        };
        if now < away.probe_at {
            return Gate::Shut(away.probe_at);
        }
        Gate::Probe {
            gives: away.peace_until.is_none_or(|until| until <= now),
            wide: away.probes % WIDE == WIDE - 1,
        }
    }

    /// Something was claimed to find out, or there was nothing to claim.
    pub(super) fn probes(&self, lane: &Lane, now: Time) {
        if let Some(away) = self.all().get_mut(lane).and_then(|one| one.away.as_mut()) {
            away.probes = away.probes.wrapping_add(1);
            away.probe_at = now + delta(PROBE);
        }
    }

    /// What was claimed as a probe never got as far as its target (a notice that waits for an earlier one): the next
    /// that is due is the probe, at once. Else a handful of those, each put off for no longer than it takes to probe,
    /// would be all that is ever tried.
    pub(super) fn asked_nobody(&self, lane: &Lane, now: Time) {
        if let Some(away) = self.all().get_mut(lane).and_then(|one| one.away.as_mut()) {
            away.probe_at = away.probe_at.min(now);
        }
    }

    /// The target gave no answer, or said "not now"; `after` where it said for how long.
    pub(super) fn silent(&self, lane: &Lane, after: Option<Duration>, now: Time) -> Turn {
        if *lane == Lane::Internal {
            return Turn::Nothing;
        }
        let mut all = self.all();
        let circuit = all.entry(lane.clone()).or_default();
        circuit.silences = circuit.silences.saturating_add(1);
        let peace = after.map(|after| now + delta(after.min(PEACE_AT_MOST)));
        let pause = after.map_or(PROBE, |after| after.clamp(PROBE, PROBE_AT_MOST));
        match &mut circuit.away {
            Some(away) => {
                away.probe_at = away.probe_at.max(now + delta(pause));
                away.peace_until = away.peace_until.max(peace);
                Turn::Nothing
            }
            None if circuit.silences >= SILENCES || after.is_some() => {
                circuit.away = Some(Away {
                    since: now,
                    probe_at: now + delta(pause),
                    probes: 0,
                    peace_until: peace,
                });
                Turn::Away
            }
            None => Turn::Nothing,
        }
    }

    /// The target gave an answer.
    pub(super) fn answered(&self, lane: &Lane) -> Turn {
        let circuit = self.all().remove(lane);
        match circuit.and_then(|circuit| circuit.away) {
            Some(away) => Turn::Back { since: away.since },
            None => Turn::Nothing,
        }
    }

    pub(super) fn is_away(&self, lane: &Lane) -> bool {
        self.all()
            .get(lane)
            .is_some_and(|circuit| circuit.away.is_some())
    }

    /// Whether what is due in this lane waits for the next probe; for whoever waits until all is done.
    pub fn waits(&self, lane: &Lane, now: Time) -> bool {
        matches!(self.gate(lane, now), Gate::Shut(_))
    }
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeDelta;
    use hallpass_domain::{BackendName, Lane, Time};

    use super::{Circuits, Gate, Turn};

    fn lane() -> Lane {
        Lane::Backend(BackendName::new("orders-db"))
    }

    fn at(seconds: i64) -> Time {
        "2026-01-05T09:00:00Z".parse::<Time>().expect("a time") + TimeDelta::seconds(seconds)
    }

    #[test]
    fn five_silences_shut_it_and_an_answer_opens_it() {
        let circuits = Circuits::default();
        for _ in 0..4 {
            assert_eq!(circuits.silent(&lane(), None, at(0)), Turn::Nothing);
        }
        circuits.answered(&lane());
        for _ in 0..4 {
            assert_eq!(circuits.silent(&lane(), None, at(0)), Turn::Nothing);
        }
        assert_eq!(circuits.gate(&lane(), at(0)), Gate::Open);
        assert_eq!(circuits.silent(&lane(), None, at(0)), Turn::Away);
        assert_eq!(circuits.gate(&lane(), at(4)), Gate::Shut(at(5)));
        let probe = Gate::Probe {
            gives: true,
            wide: false,
        };
        assert_eq!(circuits.gate(&lane(), at(5)), probe);
        circuits.probes(&lane(), at(5));
        assert_eq!(circuits.gate(&lane(), at(5)), Gate::Shut(at(10)));
        assert_eq!(circuits.answered(&lane()), Turn::Back { since: at(0) });
        assert_eq!(circuits.gate(&lane(), at(5)), Gate::Open);
    }

    #[test]
    fn one_that_asks_for_peace_is_asked_by_revocations_alone() {
        let circuits = Circuits::default();
        let minute = Some(Duration::from_secs(60));
        assert_eq!(circuits.silent(&lane(), minute, at(0)), Turn::Away);
        assert_eq!(circuits.gate(&lane(), at(9)), Gate::Shut(at(10)));
        assert_eq!(
            circuits.gate(&lane(), at(10)),
            Gate::Probe {
                gives: false,
                wide: false
            }
        );
        let Gate::Probe { gives, .. } = circuits.gate(&lane(), at(60)) else {
            panic!("it is shut");
        };
        assert!(gives);
    }

    #[test]
    fn a_probe_that_asked_nobody_is_none() {
        let circuits = Circuits::default();
        circuits.asked_nobody(&lane(), at(0));
        assert_eq!(circuits.gate(&lane(), at(0)), Gate::Open);
        for _ in 0..5 {
            circuits.silent(&lane(), None, at(0));
        }
        circuits.probes(&lane(), at(5));
        circuits.asked_nobody(&lane(), at(5));
        let Gate::Probe { .. } = circuits.gate(&lane(), at(5)) else {
            panic!("the next asks");
        };
        circuits.probes(&lane(), at(5));
        assert_eq!(circuits.gate(&lane(), at(5)), Gate::Shut(at(10)));
    }

    #[test]
    fn effects_that_fail_by_themselves_cannot_keep_it_shut() {
        let circuits = Circuits::default();
        for _ in 0..5 {
            circuits.silent(&lane(), None, at(0));
        }
        let mut wide = 0;
        for probe in 1..=12 {
            let now = at(probe * 5);
            match circuits.gate(&lane(), now) {
                Gate::Probe { wide: true, .. } => wide += 1,
                Gate::Probe { wide: false, .. } => {}
                Gate::Open | Gate::Shut(_) => panic!("it is time for a probe"),
            }
            circuits.probes(&lane(), now);
        }
        assert_eq!(wide, 2);
    }

    #[test]
    fn the_internal_lane_leads_nowhere() {
        let circuits = Circuits::default();
        for _ in 0..20 {
            assert_eq!(circuits.silent(&Lane::Internal, None, at(0)), Turn::Nothing);
        }
        assert_eq!(circuits.gate(&Lane::Internal, at(0)), Gate::Open);
    }
}
