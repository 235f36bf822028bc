//! The judge: what people were promised against what the backends' own log says happened. It asks the bot nothing.
//!
//! An end counts from the moment at which all parts were there, the bot had been told so, and it had nothing left to do;
//! then I1 holds, but for what the world itself did to that backend or to the bot.

use chrono::TimeDelta;
use hallpass::domain::{RequestId, Time};
use hallpass::ports::Clock;

use super::outside::{Call, Key, Outside, Setback, State};
use super::world::Asked;
use crate::support::Database;

/// How long setting up may take before it is taken back.
const PROVISIONING: TimeDelta = TimeDelta::minutes(15);
/// The patience of what gives access is longer.
const GIVEN_AGAIN: TimeDelta = TimeDelta::seconds(360);
/// I1: gone so long after the end.
const AT_THE_END: TimeDelta = TimeDelta::seconds(5);
/// I1: so long after a backend's return; and I8, what lands late is undone within twice a lease and a call's limit.
const AFTER_RETURN: TimeDelta = TimeDelta::seconds(30);
/// I1: what a crash adds where a dead replica's claims have to run out.
const LEASE: TimeDelta = TimeDelta::seconds(10);
/// The first moment after a bound.
const JUST_AFTER: TimeDelta = TimeDelta::milliseconds(1);
/// A look so long after a bound holds nobody to it any more.
const SOON: TimeDelta = TimeDelta::seconds(60);

/// Access that somebody was promised.
#[derive(Debug, Clone)]
pub(super) struct Approved {
    pub(super) request: RequestId,
    pub(super) at: Time,
    /// Its place among all that happened.
    pub(super) number: u64,
    pub(super) keys: Vec<Key>,
    pub(super) duration: TimeDelta,
    /// Whoever approved was told so.
    pub(super) sure: bool,
    /// All its parts surely were there by then, and on record.
    pub(super) stands_since: Option<Time>,
    pub(super) ended: Option<Time>,
    /// Ordered, and nobody knows whether it was heard.
    pub(super) perhaps_ended: Option<Time>,
}

impl Approved {
    /// When it is over at the latest; whoever was never told that it stands may still have been setting it up.
    fn end(&self) -> Time {
        let since = self.stands_since.unwrap_or(self.at + PROVISIONING);
        let end = since + self.duration;
        self.ended.map_or(end, |ended| ended.min(end))
    }

    /// Whether its end is known to the second.
    fn is_exact(&self) -> bool {
        self.ended.is_some() || self.stands_since.is_some()
    }

    /// Whether all its parts are there and the bot was told so after it was approved, without anything in between that
    /// may have kept it from writing that down; or, whatever there was, it must have tried again since.
    fn stands(&self, state: &State) -> bool {
        let tried_again = state.now - self.at >= GIVEN_AGAIN;
        self.keys.iter().all(|key| {
            let last = state.last_setback(&key.0);
            let there = state.ours.contains(key) || state.others.contains(key);
            let told = state.told_held.get(key).copied().unwrap_or_default();
            let since = last.is_none_or(|last| last.number < told);
            let quiet = last.is_none_or(|last| state.now - last.at >= GIVEN_AGAIN);
            there && (told > self.number && since || tried_again && quiet)
        })
    }
}

pub(super) struct Judge {
    pub(super) found: Vec<String>,
    approved: Vec<Approved>,
    left: Vec<Time>,
    /// How much of the backends' log was read.
    read: usize,
    /// What a crash adds.
    lease: TimeDelta,
    /// Those whose end was looked at right after its bound, with nothing to excuse it.
    held_to: Vec<RequestId>,
}

impl Judge {
    pub(super) fn of(database: Database) -> Self {
        Self {
            found: Vec::new(),
            approved: Vec::new(),
            left: Vec::new(),
            read: 0,
            lease: match database {
                Database::Sqlite => TimeDelta::zero(),
                Database::Postgres => LEASE,
            },
            held_to: Vec::new(),
        }
    }

    pub(super) fn held_to(&self) -> usize {
        self.held_to.len()
    }

    /// When it wants to look next: right after a bound.
    pub(super) fn next_moment(&self, now: Time) -> Option<Time> {
        let bounds = self.approved.iter();
        let bounds = bounds.map(|approved| approved.end() + AT_THE_END + JUST_AFTER);
        bounds.filter(|bound| *bound > now).min()
    }

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
            // The first wasn't heard, or wasn't enough.
            Some(known) => *known = new.clone(),
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
        for approved in &mut self.approved {
            if approved.sure && approved.stands_since.is_none() && approved.stands(&state) {
                approved.stands_since = Some(now);
            }
        }
        self.holds_to_bounds(&state);
        for key in &state.ours {
            if !self.may_have(key, &state) {
                wrong.push(format!("{key:?} is still there at {now}"));
            }
        }
        if quiet_for >= GIVEN_AGAIN {
            for approved in &self.approved {
                let missing = approved.keys.iter().find(|key| {
                    let theirs = state.ours.contains(*key) || state.others.contains(*key);
                    let cut_off = state.cut_off.get(*key);
                    let made_way = cut_off.is_some_and(|cut| now - *cut < GIVEN_AGAIN);
                    let must = self.must_have(approved, now, &state.refused, &state.troubles);
                    !theirs && !made_way && must
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

    /// Whether somebody's approval still stands for it, or the world delays its end.
    fn may_have(&self, key: &Key, state: &State) -> bool {
        let stands = self.approved.iter().any(|approved| {
            approved.keys.contains(key) && state.now <= approved.end() + AT_THE_END
        });
        stands || self.is_excused(&key.0, state)
    }

    /// Whether an end in this backend may be late just now, by what the world did.
    fn is_excused(&self, backend: &str, state: &State) -> bool {
        let last = |whom: Setback, allowed: TimeDelta| {
            let last = state.setbacks.get(&whom);
            last.is_some_and(|last| state.now <= last.at + allowed)
        };
        state.down.contains(backend)
            || last(Setback::Backend(backend.to_owned()), AFTER_RETURN)
            || last(Setback::Start, self.lease + AT_THE_END)
            || last(Setback::Database, AFTER_RETURN)
    }

    fn holds_to_bounds(&mut self, state: &State) {
        let now = state.now;
        let held: Vec<RequestId> = self
            .approved
            .iter()
            .filter(|approved| {
                let late = now - approved.end() - AT_THE_END;
                let soon = late > TimeDelta::zero() && late <= SOON;
                let excused = |key: &Key| self.is_excused(&key.0, state);
                let known = self.held_to.contains(&approved.request);
                approved.is_exact() && soon && !known && !approved.keys.iter().any(excused)
            })
            .map(|approved| approved.request.clone())
            .collect();
        self.held_to.extend(held);
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
