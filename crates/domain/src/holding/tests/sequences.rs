use proptest::prelude::*;

use crate::effect::Subject;
use crate::grant::{EndReason, State};
use crate::holding::Wanted;
use crate::request::Ask;
use crate::role::Role;
use crate::testing::{World, ask, at, bob_dana_then_eve, db_admin, entitlement, minutes, who};
use crate::{Actor, EffectKind, GrantId, HoldingId, RequestId, Time};

#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    Ask(usize),
    Step(usize),
    Drop(usize),
    GiveUp(usize),
    /// Within its budget, or because somebody decided so.
    Extend(usize, bool),
    Pass(u32),
    Crash(usize),
    Refuse(usize, bool),
    OthersGrant(usize, bool),
}

const HOLDINGS: [&str; 4] = [
    "orders-db/orders_admin",
    "gate/first",
    "gate/second",
    "gate/third",
];

/// Asks for the first two, and all that may happen to them.
fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => (0_usize..2).prop_map(Act::Ask),
        20 => happening(2),
    ]
}

/// What may happen to so many grants besides being asked for.
pub(super) fn happening(grants: usize) -> impl Strategy<Value = Act> {
    let (grant, holding) = (0..grants, 0..=grants);
    prop_oneof![
        12 => holding.clone().prop_map(Act::Step),
        1 => grant.clone().prop_map(Act::Drop),
        1 => grant.clone().prop_map(Act::GiveUp),
        1 => (grant, any::<bool>()).prop_map(|(which, budget)| Act::Extend(which, budget)),
        2 => (1_u32..40).prop_map(Act::Pass),
        1 => holding.clone().prop_map(Act::Crash),
        1 => (holding.clone(), any::<bool>()).prop_map(|(which, on)| Act::Refuse(which, on)),
        1 => (holding, any::<bool>()).prop_map(|(which, on)| Act::OthersGrant(which, on)),
    ]
}

/// All share the orders database; each has a gate of its own.
fn role(grant: usize) -> Role {
    Role {
        stages: vec![],
        entitlements: vec![
            entitlement("orders-db", "orders_admin"),
            entitlement("gate", ["first", "second", "third"][grant]),
        ],
        ..db_admin()
    }
}

#[derive(Default)]
pub(super) struct Story {
    pub(super) world: World,
    minute: i64,
}

impl Story {
    pub(super) fn now(&self) -> Time {
        at(self.minute)
    }

    /// The holder asks, once, for what somebody has to approve.
    pub(super) fn asks_for_approval(&mut self, which: usize, holder: &str) {
        let id = RequestId::new(format!("r{which}"));
        if !self.world.requests.contains_key(&id) {
            let now = self.now();
            let asked = Ask {
                id,
                requester: who(holder),
                holder: who(holder),
                duration: minutes(30),
                ..ask(Role {
                    stages: db_admin().stages,
                    ..role(which)
                })
            };
            self.world
                .asks(asked, grant_id(which).as_str(), &bob_dana_then_eve(), now);
        }
    }

    /// Whether somebody looks at it now, or is about to.
    pub(super) fn is_planned(&self, id: &HoldingId) -> bool {
        let key = (Subject::Holding(id.clone()), EffectKind::SyncHolding);
        self.world.effects.contains_key(&key) || self.world.running.contains_key(id)
    }

    pub(super) fn does(&mut self, act: Act) {
        let now = at(self.minute);
        match act {
            Act::Ask(which) if !self.world.grants.contains_key(&grant_id(which)) => {
                let asked = Ask {
                    id: RequestId::new(format!("r{which}")),
                    duration: minutes(30),
                    ..ask(role(which))
                };
                self.world.asks(asked, grant_id(which).as_str(), &[], now);
            }
            Act::Ask(_) => {}
            Act::Step(which) => self.world.steps(&HoldingId::new(HOLDINGS[which]), now),
            Act::Drop(which) => self.ends(which, EndReason::dropped()),
            Act::GiveUp(which) => {
                if let Some(grant) = self.world.grants.get(&grant_id(which)).cloned() {
                    let holdings = self.world.parts_of(&grant);
                    if let Ok(change) = grant.give_up(holdings, now) {
                        self.world.apply(change);
                    }
                }
            }
            Act::Extend(which, budget) => {
                if let Some(grant) = self.world.grants.get(&grant_id(which)).cloned() {
                    let holdings = self.world.parts_of(&grant);
                    let budget = db_admin().extend.filter(|_| budget);
                    let change = grant.extend(minutes(20), budget, Actor::Hallpass, holdings, now);
                    if let Ok(change) = change {
                        self.world.apply(change);
                    }
                }
            }
            Act::Pass(minutes) => {
                self.minute += i64::from(minutes);
                self.fires();
            }
            Act::Crash(which) => {
                // The attempt is lost; its effect is claimed again when the lease is over.
                let id = HoldingId::new(HOLDINGS[which]);
                if self.world.running.remove(&id).is_some() {
                    let effect = self.world.holdings[&id].sync(now);
                    let key = (effect.subject.clone(), effect.kind.clone());
                    self.world.effects.insert(key, effect);
                }
            }
            Act::Refuse(which, on) => {
                let id = HoldingId::new(HOLDINGS[which]);
                toggle(&mut self.world.backend.refuses, id, on);
            }
            Act::OthersGrant(which, on) => {
                let id = HoldingId::new(HOLDINGS[which]);
                toggle(&mut self.world.backend.others, id, on);
            }
        }
    }

    /// The timers that are due: they ask for a transition, the state decides.
    fn fires(&mut self) {
        let now = at(self.minute);
        let due: Vec<_> = self
            .world
            .effects
            .values()
            .filter(|effect| effect.due <= now)
            .filter(|effect| matches!(effect.kind, EffectKind::Expire | EffectKind::GiveUp))
            .cloned()
            .collect();
        for effect in due {
            let key = (effect.subject.clone(), effect.kind.clone());
            self.world.effects.remove(&key);
            if let Subject::Grant(id) = effect.subject {
                let which = (0..3).find(|which| id == grant_id(*which));
                let which = which.expect("one of ours");
                let why = "too slow".to_owned();
                self.ends(
                    which,
                    if effect.kind == EffectKind::Expire {
                        EndReason::Expired
                    } else {
                        EndReason::Failed { why }
                    },
                );
            }
        }
    }

    fn ends(&mut self, which: usize, reason: EndReason) {
        if let Some(grant) = self.world.grants.get(&grant_id(which)).cloned() {
            let holdings = self.world.parts_of(&grant);
            if let Ok(change) = grant.end(reason, Actor::Hallpass, holdings, at(self.minute)) {
                self.world.apply(change);
            }
        }
    }

    pub(super) fn holds(&self) {
        for grant in self.world.grants.values() {
            let timer = |kind: EffectKind| {
                let key = (Subject::Grant(grant.id.clone()), kind);
                self.world.effects.get(&key).map(|effect| effect.due)
            };
            match &grant.state {
                State::Provisioning { give_up_at, .. } => {
                    assert_eq!(timer(EffectKind::GiveUp), Some(*give_up_at), "I4");
                }
                State::Active { ends_at, .. } => {
                    assert!(grant.parts.iter().all(|part| part.status.is_held()));
                    assert_eq!(timer(EffectKind::Expire), Some(*ends_at), "I4");
                    assert_eq!(timer(EffectKind::GiveUp), None);
                    for holding in self.world.parts_of(grant) {
                        assert!(
                            holding
                                .claims
                                .get(&grant.id)
                                .is_some_and(|end| end == ends_at)
                        );
                        let Wanted::Held { until } = holding.wanted() else {
                            panic!("{} is active and not wanted", grant.id);
                        };
                        assert!(until >= *ends_at, "I7: nothing ends early");
                    }
                }
                State::Revoking { .. } | State::Ended { .. } | State::Failed { .. } => {
                    assert_eq!(timer(EffectKind::Expire), None);
                    assert_eq!(timer(EffectKind::GiveUp), None);
                }
            }
        }
        for holding in self.world.holdings.values() {
            for claim in holding.claims.keys() {
                let state = &self.world.grants[claim].state;
                assert!(
                    matches!(state, State::Provisioning { .. } | State::Active { .. }),
                    "{} is claimed by {claim}, which is {state:?}",
                    holding.id
                );
            }
            for waiting in &holding.releasing {
                let state = &self.world.grants[waiting].state;
                assert!(matches!(state, State::Revoking { .. }));
            }
            let owed = !holding.releasing.is_empty();
            let key = (
                Subject::Holding(holding.id.clone()),
                EffectKind::SyncHolding,
            );
            let planned = self.world.effects.contains_key(&key)
                || self.world.running.contains_key(&holding.id);
            assert!(planned || !owed, "{} waits for nobody", holding.id);
        }
    }

    /// Nobody does anything more, the backends are well: everything comes to rest, and what we hold is what is wanted.
    pub(super) fn rests(mut self) {
        self.world.backend.refuses.clear();
        self.world.settles(at(self.minute));
        // A scan looks at every holding: what others gave may be gone.
        for holding in self.world.holdings.values() {
            let effect = holding.sync(at(self.minute));
            let key = (effect.subject.clone(), effect.kind.clone());
            self.world.effects.insert(key, effect);
        }
        self.world.settles(at(self.minute));
        self.holds();
        for holding in self.world.holdings.values() {
            let ours = self.world.backend.ours.contains(&holding.id);
            let others = self.world.backend.others.contains(&holding.id);
            match holding.wanted() {
                Wanted::Held { .. } => assert!(ours || others, "{} is missing", holding.id),
                Wanted::Absent => assert!(!ours, "{} is left behind", holding.id),
            }
        }
        self.minute += 1_000;
        self.fires();
        self.world.settles(at(self.minute));
        assert!(
            self.world.backend.ours.is_empty(),
            "nothing outlives its time"
        );
        assert!(self.world.grants.values().all(|grant| !grant.is_live()));
    }
}

fn grant_id(which: usize) -> GrantId {
    GrantId::new(format!("g{which}"))
}

fn toggle(set: &mut std::collections::BTreeSet<HoldingId>, id: HoldingId, on: bool) {
    if on {
        set.insert(id);
    } else {
        set.remove(&id);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn two_grants_over_one_holding(
        acts in proptest::collection::vec(act(), 1..80),
        tracks_expiry in any::<bool>(),
    ) {
        let mut story = Story { world: World::default(), minute: 0 };
        story.world.backend.tracks_expiry = tracks_expiry;
        for act in acts {
            story.does(act);
            story.holds();
        }
        story.rests();
    }
}
