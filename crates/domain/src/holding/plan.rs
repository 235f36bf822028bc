//! What to do next for one holding: observe, compare, call, read back, settle.
//! What the principal holds without us is left alone, whether we give or take.

use super::{Attempt, Given, Holding, Known, Observation, Outcome, Step, Wanted};
use crate::Time;
use crate::planted::{Fault, planted};

impl Holding {
    /// What to do next, given what was observed and done in this attempt. Ends with [`Step::Settle`], or with
    /// [`Step::Fail`] where a call had no effect.
    pub fn plan(&self, attempt: &Attempt) -> Step {
        let Some(observed) = &attempt.observed else {
            return Step::Observe;
        };
        let (Some(called), wanted) = (&attempt.called, self.wanted()) else {
            return match self.wanted() {
                Wanted::Held { until } => self.plan_to_hold(observed, until, attempt.tracks_expiry),
                Wanted::Absent => plan_to_end(observed),
            };
        };
        let Some(read_back) = &attempt.read_back else {
            return Step::Observe;
        };
        match wanted {
            Wanted::Held { until } if read_back.ours => Step::Settle(Outcome::Held {
                until: attempt.tracks_expiry.then_some(until),
                receipt: called.receipt.clone(),
                given: if observed.ours {
                    Given::Before
                } else {
                    Given::Now
                },
            }),
            Wanted::Held { .. } => Step::Fail {
                why: format!(
                    "{} said that it granted {}, but it isn't there",
                    self.backend,
                    self.entitlement.shown()
                ),
            },
            Wanted::Absent if read_back.ours => Step::Fail {
                why: format!(
                    "{} said that it revoked {}, but it is still there",
                    self.backend,
                    self.entitlement.shown()
                ),
            },
            Wanted::Absent => Step::Settle(Outcome::Absent {
                receipt: called.receipt.clone(),
                sessions_closed: called.sessions_closed,
                note: called.note.clone(),
                others: read_back.others.clone(),
            }),
        }
    }

    fn plan_to_hold(&self, seen: &Observation, until: Time, tracks_expiry: bool) -> Step {
        match (seen.ours, &seen.others) {
            (true, _) if !tracks_expiry || self.is_known_until(until) => {
                Step::Settle(Outcome::Held {
                    until: tracks_expiry.then_some(until),
                    receipt: None,
                    given: Given::Before,
                })
            }
            (true, _) | (false, None) => Step::Grant { until },
            (false, Some(whose)) => Step::Settle(Outcome::Standing {
                note: Some(whose.clone()),
            }),
        }
    }

    fn is_known_until(&self, until: Time) -> bool {
        match &self.known {
            Known::Held { until: known, .. } => *known == Some(until),
            Known::Unknown | Known::Absent { .. } | Known::Standing { .. } => false,
        }
    }
}

fn plan_to_end(seen: &Observation) -> Step {
    match (seen.ours, &seen.others) {
        (true, _) => Step::Revoke,
        (false, Some(whose)) => Step::Settle(Outcome::Standing {
            note: Some(whose.clone()),
        }),
        // What isn't there can't be taken away: an error, tried again for ever.
        (false, None) if planted(Fault::GoneAlreadyLoops) => Step::Fail {
            why: "there is nothing to revoke".into(),
        },
        (false, None) => Step::Settle(Outcome::Absent {
            receipt: None,
            sessions_closed: None,
            note: None,
            others: None,
        }),
    }
}
