//! A store in memory, as strict about versions as the real one, and a backend with a state of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::fresh_holding;
use crate::change::Write;
use crate::effect::{Notice, Subject};
use crate::holding::{Attempt, Called, Observation, Outcome, Step};
use crate::request::{Ask, Opening, Panel};
use crate::{
    Change, Effect, EffectChange, EffectKind, Event, Grant, GrantId, Holding, HoldingId, Refusal,
    Request, RequestId, Review, Time,
};

/// Who holds what in the target, by holding: through us, or through others.
#[derive(Debug, Default)]
pub(crate) struct Backend {
    pub(crate) ours: BTreeSet<HoldingId>,
    pub(crate) others: BTreeSet<HoldingId>,
    /// Holdings that it refuses to grant, for good.
    pub(crate) refuses: BTreeSet<HoldingId>,
    pub(crate) tracks_expiry: bool,
    pub(crate) calls: Vec<String>,
}

/// An attempt under way: what was read when it began.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    snapshot: Holding,
    attempt: Attempt,
}

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) requests: BTreeMap<RequestId, Request>,
    pub(crate) grants: BTreeMap<GrantId, Grant>,
    pub(crate) holdings: BTreeMap<HoldingId, Holding>,
    pub(crate) effects: BTreeMap<(Subject, EffectKind), Effect>,
    pub(crate) events: Vec<Event>,
    pub(crate) said: Vec<Notice>,
    pub(crate) backend: Backend,
    pub(crate) running: BTreeMap<HoldingId, Running>,
}

impl World {
    /// Writes a change as the store does: each row once, and only where its version is the one that was read.
    pub(crate) fn apply(&mut self, change: Change) {
        let mut written = BTreeSet::new();
        for write in change.writes {
            let fresh = match write {
                Write::Request(row) => {
                    let mut row = *row;
                    let known = self.requests.get(&row.id).map_or(0, |row| row.version);
                    assert_eq!(row.version, known, "stale {}", row.id);
                    row.version += 1;
                    let fresh = written.insert(row.id.to_string());
                    self.requests.insert(row.id.clone(), row);
                    fresh
                }
                Write::Grant(row) => {
                    let mut row = *row;
                    let known = self.grants.get(&row.id).map_or(0, |row| row.version);
                    assert_eq!(row.version, known, "stale {}", row.id);
                    row.version += 1;
                    let fresh = written.insert(row.id.to_string());
                    self.grants.insert(row.id.clone(), row);
                    fresh
                }
                Write::Holding(row) => {
                    let mut row = *row;
                    let known = self.holdings.get(&row.id).map_or(0, |row| row.version);
                    assert_eq!(row.version, known, "stale {}", row.id);
                    row.version += 1;
                    let fresh = written.insert(row.id.to_string());
                    self.holdings.insert(row.id.clone(), row);
                    fresh
                }
                Write::Person(_) => unreachable!("no transition here writes people"),
            };
            assert!(fresh, "one change writes a row once");
        }
        for effect in change.effects {
            match effect {
                EffectChange::Schedule(effect) => {
                    if let EffectKind::Say(notice) = effect.kind {
                        self.said.push(notice);
                    } else {
                        let key = (effect.subject.clone(), effect.kind.clone());
                        self.effects.insert(key, effect);
                    }
                }
                EffectChange::Cancel { subject, kind } => {
                    self.effects.remove(&(subject, kind));
                }
            }
        }
        self.events.extend(change.events);
    }

    /// Asks, with the rows that there are.
    pub(crate) fn asks(&mut self, ask: Ask, grant: &str, panels: &[Panel], now: Time) -> Request {
        let opening = self.opening_of(&ask, grant);
        let asked = Request::ask(ask, panels, Some(opening), now).expect("the ask is taken");
        let id = asked.request.id.clone();
        self.apply(asked.change);
        self.requests[&id].clone()
    }

    pub(crate) fn reviews(
        &mut self,
        review: Review,
        grant: &str,
        panels: &[Panel],
        now: Time,
    ) -> Result<Request, Refusal> {
        let request = self.requests[&review.request].clone();
        let opening = Opening::New {
            grant: GrantId::new(grant),
            holdings: self.rows_for(&request.terms.entitlements, &request.holder),
        };
        let id = request.id.clone();
        self.apply(request.review(review, panels, Some(opening), now)?);
        Ok(self.requests[&id].clone())
    }

    pub(crate) fn opening_of(&self, ask: &Ask, grant: &str) -> Opening {
        Opening::New {
            grant: GrantId::new(grant),
            holdings: self.rows_for(&ask.terms.entitlements, &ask.holder),
        }
    }

    fn rows_for(
        &self,
        entitlements: &[crate::Entitlement],
        holder: &crate::PersonId,
    ) -> Vec<Holding> {
        entitlements
            .iter()
            .map(|entitlement| {
                let fresh = fresh_holding(entitlement, holder);
                self.holdings.get(&fresh.id).cloned().unwrap_or(fresh)
            })
            .collect()
    }

    pub(crate) fn grant(&self, id: &str) -> Grant {
        self.grants[&GrantId::new(id)].clone()
    }

    pub(crate) fn parts_of(&self, grant: &Grant) -> Vec<Holding> {
        grant
            .parts
            .iter()
            .map(|part| self.holdings[&part.holding].clone())
            .collect()
    }

    /// Carries out every holding's effect until none is due.
    pub(crate) fn settles(&mut self, now: Time) {
        for _ in 0..1_000 {
            let Some(id) = self.next_holding() else {
                return;
            };
            self.steps(&id, now);
        }
        panic!("the holdings never settle");
    }

    fn next_holding(&self) -> Option<HoldingId> {
        self.running.keys().next().cloned().or_else(|| {
            self.effects
                .keys()
                .find_map(|(subject, kind)| match (subject, kind) {
                    (Subject::Holding(id), EffectKind::SyncHolding) => Some(id.clone()),
                    _ => None,
                })
        })
    }

    /// One step of one holding's work; between two steps anything else may happen.
    pub(crate) fn steps(&mut self, id: &HoldingId, now: Time) {
        let key = (Subject::Holding(id.clone()), EffectKind::SyncHolding);
        let mut running = match self.running.remove(id) {
            Some(running) => running,
            None if self.effects.remove(&key).is_some() => Running {
                snapshot: self.holdings[id].clone(),
                attempt: Attempt {
                    tracks_expiry: self.backend.tracks_expiry,
                    ..Attempt::default()
                },
            },
            None => return,
        };
        match running.snapshot.plan(&running.attempt) {
            Step::Observe => running.attempt.saw(Observation {
                ours: self.backend.ours.contains(id),
                others: self
                    .backend
                    .others
                    .contains(id)
                    .then(|| "granted by root".into()),
            }),
            Step::Grant { .. } if self.backend.refuses.contains(id) => {
                let why = "no such user".to_owned();
                self.settle(&running, Outcome::Refused { why }, now);
                return;
            }
            Step::Grant { .. } => {
                self.backend.ours.insert(id.clone());
                self.backend.calls.push(format!("grant {id}"));
                running.attempt.called = Some(Called::default());
            }
            Step::Revoke => {
                self.nobody_active_holds(id);
                self.backend.ours.remove(id);
                self.backend.calls.push(format!("revoke {id}"));
                running.attempt.called = Some(Called {
                    sessions_closed: Some(2),
                    ..Called::default()
                });
            }
            Step::Settle(outcome) => {
                self.settle(&running, outcome, now);
                return;
            }
            Step::Fail { why } => {
                assert!(!why.is_empty());
                let effect = running.snapshot.sync(now);
                self.effects.insert(key, effect);
                return;
            }
        }
        self.running.insert(id.clone(), running);
    }

    fn settle(&mut self, running: &Running, outcome: Outcome, now: Time) {
        let holding = self.holdings[&running.snapshot.id].clone();
        let grants: Vec<Grant> = holding
            .claims
            .keys()
            .chain(&holding.releasing)
            .map(|id| self.grants[id].clone())
            .collect();
        let siblings: BTreeMap<HoldingId, Holding> = grants
            .iter()
            .flat_map(|grant| self.parts_of(grant))
            .filter(|sibling| sibling.id != holding.id)
            .map(|sibling| (sibling.id.clone(), sibling))
            .collect();
        let siblings = siblings.into_values().collect();
        let again = holding.sync(now);
        let generation = running.snapshot.generation;
        if let Ok(change) = holding.settle(generation, outcome, grants, siblings, now) {
            self.apply(change);
        } else {
            // Given back, as the worker does: it is due again.
            let key = (again.subject.clone(), again.kind.clone());
            self.effects.entry(key).or_insert(again);
        }
    }

    /// I7: nothing is taken from an active grant.
    fn nobody_active_holds(&self, id: &HoldingId) {
        for grant in self.grants.values() {
            let active = grant.ends_at().is_some();
            assert!(
                !(active && grant.part(id).is_some()),
                "{id} is revoked while {} is active",
                grant.id
            );
        }
    }
}
