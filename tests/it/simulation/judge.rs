//! The judge: what people were promised against what the backends' own log says happened. It asks the bot nothing.

use chrono::TimeDelta;
use hallpass::domain::{RequestId, Time};
use hallpass::ports::Clock;

use super::outside::{Call, Key, Outside};
use super::world::Asked;

/// How long setting up may take before it is taken back.
const PROVISIONING: TimeDelta = TimeDelta::minutes(15);
/// After trouble: the next probe, a call's limit, a lease, and another look.
const SETTLED: TimeDelta = TimeDelta::seconds(60);
/// The patience of what gives access is longer.
const GIVEN_AGAIN: TimeDelta = TimeDelta::seconds(360);
const AT_THE_END: TimeDelta = TimeDelta::seconds(5);

/// Access that somebody was promised.
#[derive(Debug, Clone)]
pub(super) struct Approved {
    pub(super) request: RequestId,
    pub(super) at: Time,
    pub(super) keys: Vec<Key>,
    pub(super) duration: TimeDelta,
    /// Whoever approved was told so.
    pub(super) sure: bool,
    pub(super) ended: Option<Time>,
    /// Ordered, and nobody knows whether it was heard.
    pub(super) perhaps_ended: Option<Time>,
}

#[derive(Default)]
pub(super) struct Judge {
    pub(super) found: Vec<String>,
    approved: Vec<Approved>,
    left: Vec<Time>,
    /// How much of the backends' log was read.
    read: usize,
}

impl Judge {
    pub(super) fn finds(&mut self, what: impl Into<String>) {
        self.found.push(what.into());
    }

    pub(super) fn approved(&mut self, new: &Approved) {
        match self
            .approved
            .iter_mut()
            .find(|known| known.request == new.request)
        {
            Some(known) if known.sure || !new.sure => {}
            Some(known) => known.sure = true,
            None => self.approved.push(new.clone()),
        }
    }

    pub(super) fn ended(&mut self, asked: &Asked, at: Time, sure: bool) {
        for known in &mut self.approved {
            if known.request == asked.id {
                known.perhaps_ended = known.perhaps_ended.or(Some(at));
                if sure {
                    known.ended = known.ended.or(Some(at));
                }
            }
        }
    }

    /// Asked for, and nobody knows whether it was heard: it may be given without anybody having to agree.
    pub(super) fn perhaps_asked(&mut self, unsure: Approved) {
        self.approved.push(unsure);
    }

    pub(super) fn somebody_left(&mut self, at: Time) {
        self.left.push(at);
    }

    /// Everything that was due has been done.
    pub(super) fn looks(&mut self, outside: &Outside) {
        let now = outside.now();
        let state = outside.state();
        let quiet_for = if state.is_well() {
            now - state.trouble
        } else {
            TimeDelta::zero()
        };
        let mut wrong = Vec::new();
        for landed in &state.landed[self.read..] {
            if landed.call == Call::Revoke && !landed.late {
                wrong.extend(self.too_early(&landed.key, landed.at, &state.refused));
            }
        }
        self.read = state.landed.len();
        if quiet_for >= SETTLED {
            for key in &state.ours {
                if !self.may_have(key, now) {
                    wrong.push(format!("{key:?} is still there at {now}"));
                }
            }
        }
        if quiet_for >= GIVEN_AGAIN {
            for approved in &self.approved {
                let missing = approved.keys.iter().find(|key| {
                    let theirs = state.ours.contains(*key) || state.others.contains(*key);
                    !theirs && self.must_have(approved, now, &state.refused, &state.troubles)
                });
                if let Some(key) = missing {
                    wrong.push(format!("{key:?} is missing at {now}: {approved:?}"));
                }
            }
        }
        drop(state);
        // Once is enough: it would be found again at every look.
        if self.found.is_empty() {
            self.found.append(&mut wrong);
        }
    }

    /// Whether somebody's approval still stands for it, however late it was set up.
    fn may_have(&self, key: &Key, now: Time) -> bool {
        self.approved.iter().any(|approved| {
            let end = approved.at + PROVISIONING + approved.duration + AT_THE_END;
            let ordered = approved.ended.is_some_and(|at| now > at + SETTLED);
            approved.keys.contains(key) && now < end && !ordered
        })
    }

    fn too_early(&self, key: &Key, at: Time, refused: &[Time]) -> Option<String> {
        let early = self.approved.iter().find(|approved| {
            approved.keys.contains(key)
                && at < approved.at + PROVISIONING
                // In one and the same moment the call may have been the first of the two.
                && at > approved.at
                && self.must_have(approved, at, refused, &[])
        })?;
        Some(format!("{key:?} is revoked too early at {at}: {early:?}"))
    }

    /// Whether an approval surely stands at that moment, with nothing that may have ended it.
    fn must_have(
        &self,
        approved: &Approved,
        at: Time,
        refused: &[Time],
        troubles: &[Time],
    ) -> bool {
        let since = |moments: &[Time]| moments.iter().any(|moment| *moment >= approved.at);
        approved.sure
            && (approved.at..approved.at + approved.duration).contains(&at)
            && approved.perhaps_ended.is_none_or(|ended| at < ended)
            && self.left.is_empty()
            && !since(refused)
            && !(at >= approved.at + PROVISIONING && since(troubles))
    }
}
