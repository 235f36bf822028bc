//! What people, timers and replicas do, step by step; each step is one commit, one look at the backend, or one call.

use std::sync::Arc;

use super::state::{Action, Call, Due, Held, Luck, Running, World, asked};
use crate::change::Write;
use crate::effect::Subject;
use crate::grant::{EndReason, State};
use crate::holding::{Attempt, Called, Known, Observation, Outcome, Step};
use crate::request::{Opening, State as RequestState};
use crate::testing::{at, bob_dana_then_eve, minutes, review, who, yes};
use crate::{
    Actor, Change, EffectChange, EffectKind, Grant, GrantId, Holding, Refusal, Request, Time,
};

/// Longer than anything that was asked for.
const LONG: i64 = 1_000;
/// When every call that is under way is over, by a clock that stands.
const LONGER: i64 = 2_000;

impl World {
    /// Everything that can happen now, in a fixed order.
    pub(super) fn offers(&self, actions: &mut Vec<Action>) {
        for which in 0..2 {
            self.offers_people(which, actions);
            self.offers_replica(which, actions);
        }
        if self.now == at(0) && self.requests.iter().any(Option::is_some) {
            actions.push(Action::Pass);
        }
        let crashed = self.work.held == Held::Dead;
        let leased = self.work.held != Held::Nobody && !self.work.lapsed;
        if leased && (crashed || self.lease_left) {
            actions.push(Action::LeaseEnds);
        }
        actions.extend(self.air.map(Action::Land));
    }

    fn offers_people(&self, which: usize, actions: &mut Vec<Action>) {
        let Some(request) = &self.requests[which] else {
            // The second is asked after the first: who asks first makes no difference.
            if which == 0 || self.requests[0].is_some() {
                actions.push(Action::Ask(which));
            }
            return;
        };
        if matches!(request.state, RequestState::Pending(_)) {
            let closes = [Action::Cancel, Action::TimeOut][which];
            actions.extend([Action::Approve(which), closes]);
        }
        let given = |grant: &Arc<Grant>| matches!(grant.state, State::Provisioning { .. });
        if self.grants[which].as_ref().is_some_and(given) {
            actions.push([Action::Drop, Action::GiveUp][which]);
        }
        if self.expire[which] {
            actions.push(Action::Expire(which));
        }
    }

    fn offers_replica(&self, which: usize, actions: &mut Vec<Action>) {
        let Some(running) = &self.running[which] else {
            let due = match self.work.due {
                Due::Never => false,
                Due::Now => true,
                Due::Later => !self.strays(),
            };
            // Replicas are alike: where both are idle the first one takes it.
            let first = which == 0 || self.running[0].is_some();
            let free = self.work.held == Held::Nobody || self.work.lapsed;
            if due && free && first {
                actions.push(Action::Claim(which));
            }
            return;
        };
        match running.calling {
            None => actions.push(Action::Step(which)),
            Some(call) => {
                actions.push(Action::Answer(which, Luck::Well));
                if self.fault_left {
                    let faults = [Luck::Lost, Luck::Late, Luck::Lies];
                    actions.extend(faults.map(|luck| Action::Answer(which, luck)));
                    if call == Call::Grant {
                        actions.push(Action::Answer(which, Luck::Refused));
                    }
                }
            }
        }
        if self.fault_left {
            actions.push(Action::Crash(which));
        }
    }

    /// False where nothing came of it.
    pub(super) fn does(&mut self, action: Action) -> bool {
        match action {
            Action::Ask(which) => self.asks(which),
            Action::Approve(which) => self.approves(which),
            Action::Cancel => {
                let now = self.now;
                self.request(0, |request| request.cancel(&who("rita"), now))
            }
            Action::TimeOut => {
                let now = self.now;
                self.time_out[1] && self.request(1, |request| request.time_out(now))
            }
            Action::Drop => self.ends(0, EndReason::dropped()),
            Action::Expire(which) => {
                self.expire[which] = false;
                self.ends(which, EndReason::Expired);
                true
            }
            Action::GiveUp => {
                let Some(grant) = self.grants[1].clone().filter(|_| self.give_up[1]) else {
                    return false;
                };
                let holdings = vec![self.holding.as_ref().clone()];
                self.takes(grant.as_ref().clone().give_up(holdings, self.now))
            }
            Action::Pass => {
                self.now = at(LONG);
                true
            }
            Action::Claim(which) => {
                self.claims(which);
                true
            }
            Action::Step(which) => {
                self.steps(which);
                true
            }
            Action::Answer(which, luck) => {
                self.answers(which, luck);
                true
            }
            Action::Crash(which) => {
                self.crashes(which);
                true
            }
            Action::LeaseEnds => {
                if self.work.held != Held::Dead {
                    self.lease_left = false;
                }
                self.work.lapsed = true;
                true
            }
            Action::Land(call) => {
                self.air = None;
                self.lands(call);
                true
            }
        }
    }

    fn asks(&mut self, which: usize) -> bool {
        let asked = Request::ask(asked(which), &bob_dana_then_eve(), None, self.now);
        self.takes(asked.map(|asked| asked.change))
    }

    fn approves(&mut self, which: usize) -> bool {
        let now = self.now;
        let opening = Opening::New {
            grant: grant_id(which),
            holdings: vec![self.holding.as_ref().clone()],
        };
        self.request(which, |request| {
            let review = review(&request, 0, "bob", yes());
            request.review(review, &bob_dana_then_eve(), Some(opening), now)
        })
    }

    fn request(
        &mut self,
        which: usize,
        transition: impl FnOnce(Request) -> Result<Change, Refusal>,
    ) -> bool {
        let Some(request) = self.requests[which].clone() else {
            return false;
        };
        self.takes(transition(request.as_ref().clone()))
    }

    fn ends(&mut self, which: usize, reason: EndReason) -> bool {
        let Some(grant) = self.grants[which].clone() else {
            return false;
        };
        let holdings = vec![self.holding.as_ref().clone()];
        let change = grant
            .as_ref()
            .clone()
            .end(reason, Actor::Hallpass, holdings, self.now);
        self.takes(change)
    }

    fn takes(&mut self, change: Result<Change, Refusal>) -> bool {
        match change {
            Ok(change) => {
                self.apply(change);
                true
            }
            Err(_) => false,
        }
    }

    /// Writes a change as the store does; every step reads and writes in one, so that no version is ever old.
    fn apply(&mut self, change: Change) {
        for write in change.writes {
            match write {
                Write::Request(row) => {
                    let which = usize::from(row.id.as_str() == "r1");
                    self.moved_after_decision |= can_be_moved(&row, self.now);
                    self.requests[which] = Some(Arc::new(*row));
                }
                Write::Grant(row) => {
                    let which = usize::from(row.id == grant_id(1));
                    let fresh = matches!(row.state, State::Provisioning { .. });
                    self.moved_after_decision |= fresh && self.grants[which].is_some();
                    self.over[which] |= !row.is_live();
                    self.moved_after_decision |= can_be_extended(&row, self.now);
                    self.grants[which] = Some(Arc::new(*row));
                }
                Write::Holding(row) => self.holding = Arc::new(*row),
                Write::Person(_) => unreachable!("no transition here writes people"),
            }
        }
        for effect in change.effects {
            let (subject, kind) = effect.about();
            let on = matches!(effect, EffectChange::Schedule(_));
            match (subject, kind) {
                (Subject::Request(id), EffectKind::TimeOut) => {
                    self.time_out[usize::from(id.as_str() == "r1")] = on;
                }
                (Subject::Grant(id), EffectKind::GiveUp) => {
                    self.give_up[usize::from(*id == grant_id(1))] = on;
                }
                (Subject::Grant(id), EffectKind::Expire) => {
                    self.expire[usize::from(*id == grant_id(1))] = on;
                }
                (Subject::Holding(_), EffectKind::SyncHolding) => {
                    let later =
                        matches!(&effect, EffectChange::Schedule(effect) if effect.due > self.now);
                    self.schedule(if later { Due::Later } else { Due::Now });
                }
                _ => {}
            }
        }
    }

    fn schedule(&mut self, due: Due) {
        if self.work.held == Held::Nobody {
            self.work.due = due;
            self.work.tried = false;
        } else {
            self.work.again = Some(due);
        }
    }

    fn claims(&mut self, which: usize) {
        let again = self.work.again.take();
        self.work.due = again.unwrap_or(self.work.due);
        self.work.held = Held::By(which);
        self.work.lapsed = false;
        let mut holding = self.holding.as_ref().clone();
        if self.work.tried {
            holding = holding.unanswered(at(LONGER));
        }
        if !self.strays() {
            // That long has passed.
            holding.stray_until = None;
        }
        self.holding = Arc::new(holding);
        self.running[which] = Some(Running {
            snapshot: Arc::clone(&self.holding),
            attempt: Attempt {
                tracks_expiry: self.bounds.tracks_expiry,
                ..Attempt::default()
            },
            calling: None,
        });
        self.work.tried = true;
    }

    fn crashes(&mut self, which: usize) {
        self.fault_left = false;
        let running = self.running[which].take();
        self.air = self.air.or(running.and_then(|running| running.calling));
        if self.is_valid(which) {
            self.work.held = Held::Dead;
        }
    }

    fn steps(&mut self, which: usize) {
        let Some(mut running) = self.running[which].take() else {
            return;
        };
        // As the shell looks right before it calls: what moved on is begun anew.
        let moved = running.snapshot.generation != self.holding.generation;
        match running.snapshot.plan(&running.attempt) {
            Step::Observe => running.attempt.saw(self.seen()),
            Step::Grant { .. } | Step::Revoke if moved || !self.is_valid(which) => {
                return self.again(which);
            }
            Step::Grant { .. } => running.calling = Some(Call::Grant),
            Step::Revoke => running.calling = Some(Call::Revoke),
            Step::Settle(outcome) => return self.settles(which, &running, outcome),
            Step::Fail { .. } => return self.again(which),
        }
        self.running[which] = Some(running);
    }

    fn answers(&mut self, which: usize, luck: Luck) {
        let Some(mut running) = self.running[which].take() else {
            return;
        };
        let Some(call) = running.calling.take() else {
            return;
        };
        self.fault_left &= luck == Luck::Well;
        match luck {
            Luck::Well => self.lands_well(which, call),
            Luck::Lost => {
                self.lands(call);
                return self.unanswered(which);
            }
            Luck::Late => {
                self.air = Some(call);
                return self.unanswered(which);
            }
            Luck::Lies => {}
            Luck::Refused => {
                let why = "no such user".to_owned();
                return self.settles(which, &running, Outcome::Refused { why });
            }
        }
        running.attempt.called = Some(Called::default());
        self.running[which] = Some(running);
    }

    fn lands_well(&mut self, which: usize, call: Call) {
        if call == Call::Revoke && self.is_valid(which) {
            let active = |grant: &Arc<Grant>| matches!(grant.state, State::Active { .. });
            self.cut_off |= self.grants.iter().flatten().any(active);
        }
        self.lands(call);
    }

    fn lands(&mut self, call: Call) {
        self.backend.ours = call == Call::Grant;
    }

    fn seen(&self) -> Observation {
        Observation {
            ours: self.backend.ours,
            others: self.backend.others.then(|| "granted by root".into()),
        }
    }

    /// It is tried again; where it was scheduled anew meanwhile, as if for the first time.
    fn again(&mut self, which: usize) {
        if self.is_valid(which) {
            self.frees();
            if let Some(due) = self.work.again.take() {
                self.work.due = due;
                self.work.tried = false;
            }
        } else {
            self.doubts();
        }
    }

    fn frees(&mut self) {
        self.work.held = Held::Nobody;
        self.work.lapsed = false;
    }

    /// A call's answer didn't come: a commit of its own, whoever holds the claim now.
    fn unanswered(&mut self, which: usize) {
        let holding = self.holding.as_ref().clone();
        self.holding = Arc::new(holding.unanswered(at(LONGER)));
        self.again(which);
    }

    /// What somebody did whose claim was lost stands on no record: it is looked at again.
    fn doubts(&mut self) {
        let mut holding = self.holding.as_ref().clone();
        holding.known = Known::Unknown;
        self.holding = Arc::new(holding);
        self.schedule(Due::Now);
    }

    /// The change and the end of the claim in one commit; whoever lost the claim records nothing.
    fn settles(&mut self, which: usize, running: &Running, outcome: Outcome) {
        if !self.is_valid(which) {
            return self.doubts();
        }
        let holding: Holding = self.holding.as_ref().clone();
        let unsure = match &holding.known {
            Known::Unknown | Known::Absent { .. } | Known::Standing { .. } => true,
            Known::Held { .. } => false,
        };
        let look =
            unsure && matches!(outcome, Outcome::Absent { .. }) && !holding.releasing.is_empty();
        let active = |grant: &Arc<Grant>| matches!(grant.state, State::Active { .. });
        let refused = matches!(outcome, Outcome::Refused { .. });
        self.refused |= refused && self.grants.iter().flatten().any(active);
        let grants: Vec<Grant> = holding
            .claims
            .keys()
            .chain(&holding.releasing)
            .filter_map(|id| {
                self.grants[usize::from(*id == grant_id(1))]
                    .as_deref()
                    .cloned()
            })
            .collect();
        let generation = running.snapshot.generation;
        let settled = holding.settle(generation, outcome, grants, vec![], self.now);
        let Ok(change) = settled else {
            return self.again(which);
        };
        self.apply(change);
        if look {
            self.schedule(Due::Later);
        }
        self.frees();
        self.work.tried = false;
        self.work.due = self.work.again.take().unwrap_or(Due::Never);
    }
}

/// I6: a decision that comes again changes nothing, whoever makes it.
fn can_be_moved(request: &Request, now: Time) -> bool {
    let again = review(request, 0, "dana", yes());
    let again = request
        .clone()
        .review(again, &bob_dana_then_eve(), None, now);
    !matches!(request.state, RequestState::Pending(_)) && again.is_ok()
}

/// I8: what is over or to be over gets no more time.
fn can_be_extended(grant: &Grant, now: Time) -> bool {
    let extended = grant
        .clone()
        .extend(minutes(5), None, Actor::Hallpass, vec![], now);
    !matches!(grant.state, State::Active { .. }) && extended.is_ok()
}

fn grant_id(which: usize) -> GrantId {
    GrantId::new(["g0", "g1"][which])
}
