//! Requests, grants and holdings against a reference that knows only what people may expect: who decided first, what is
//! over, whose account it is, and how long it may last. `HALLPASS_TRANSITIONS` says how many transitions are tried.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use super::sequences::{Act, Story, happening};
use crate::grant::State as GrantState;
use crate::request::State as RequestState;
use crate::testing::{bob_dana_then_eve, no, review, who, yes};
use crate::{EventKind, GrantId, HoldingId, RequestId};

/// Transitions of a short run.
const SHORT: usize = 30_000;
/// The longest story.
const LONGEST: usize = 80;

/// What happens: what people decide, and everything else that may happen meanwhile.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Asks(usize),
    Approves(usize, &'static str),
    Denies(usize, &'static str),
    Cancels(usize),
    TimesOut(usize),
    Else(Act),
}

/// What became of a request as far as people can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Fate {
    #[default]
    Unasked,
    Waits,
    Approved,
    /// Denied, cancelled, timed out: no access ever.
    Closed,
}

/// Who asks. All want the same of the orders database, where one account serves everybody: it is of whoever is granted
/// first, and nobody else gets it.
const HOLDERS: [&str; 3] = ["rita", "rita", "sam"];

/// The reference.
#[derive(Debug, Clone, Default)]
struct Expected {
    fates: [Fate; 3],
    /// Ended by order or by its holder: never to be active again.
    ordered: [bool; 3],
    /// Whose the account is.
    owner: Option<&'static str>,
    tracks_expiry: bool,
}

impl ReferenceStateMachine for Expected {
    type State = Self;
    type Transition = Turn;

    fn init_state() -> BoxedStrategy<Self> {
        any::<bool>()
            .prop_map(|tracks_expiry| Self {
                tracks_expiry,
                ..Self::default()
            })
            .boxed()
    }

    fn transitions(_state: &Self) -> BoxedStrategy<Turn> {
        let which = 0..HOLDERS.len();
        let decider = prop_oneof![Just("bob"), Just("dana"), Just("eve")];
        prop_oneof![
            3 => which.clone().prop_map(Turn::Asks),
            3 => (which.clone(), decider.clone()).prop_map(|(which, by)| Turn::Approves(which, by)),
            1 => (which.clone(), decider).prop_map(|(which, by)| Turn::Denies(which, by)),
            1 => which.clone().prop_map(Turn::Cancels),
            1 => which.prop_map(Turn::TimesOut),
            20 => happening(HOLDERS.len()).prop_map(Turn::Else),
        ]
        .boxed()
    }

    fn apply(mut state: Self, turn: &Turn) -> Self {
        let fate = |state: &mut Self, which: usize, from: Fate, to: Fate| {
            if state.fates[which] == from {
                state.fates[which] = to;
            }
        };
        match turn {
            Turn::Asks(which) => fate(&mut state, *which, Fate::Unasked, Fate::Waits),
            Turn::Approves(which, _) => {
                let holder = HOLDERS[*which];
                if state.owner.is_none_or(|owner| owner == holder)
                    && state.fates[*which] == Fate::Waits
                {
                    state.fates[*which] = Fate::Approved;
                    state.owner = Some(holder);
                }
            }
            Turn::Denies(which, _) | Turn::Cancels(which) | Turn::TimesOut(which) => {
                fate(&mut state, *which, Fate::Waits, Fate::Closed);
            }
            Turn::Else(Act::Drop(which)) => {
                state.ordered[*which] |= state.fates[*which] == Fate::Approved;
            }
            Turn::Else(_) => {}
        }
        state
    }
}

/// The core, in a world that keeps its rows.
struct Core {
    story: Story,
    /// Grants that were seen to be over.
    over: BTreeSet<GrantId>,
}

impl Core {
    fn turns(&mut self, turn: Turn) {
        let now = self.story.now();
        match turn {
            Turn::Asks(which) => self.story.asks_for_approval(which, HOLDERS[which]),
            Turn::Approves(which, by) => self.decides(which, by, yes()),
            Turn::Denies(which, by) => self.decides(which, by, no()),
            Turn::Cancels(which) => {
                if let Some(request) = self.request(which)
                    && let Ok(change) = request.cancel(&who(HOLDERS[which]), now)
                {
                    self.story.world.apply(change);
                }
            }
            Turn::TimesOut(which) => {
                if let Some(request) = self.request(which)
                    && let Ok(change) = request.time_out(now)
                {
                    self.story.world.apply(change);
                }
            }
            Turn::Else(act) => self.story.does(act),
        }
    }

    fn decides(&mut self, which: usize, by: &str, verdict: crate::review::Verdict) {
        if let Some(request) = self.request(which) {
            let now = self.story.now();
            let review = review(&request, 0, by, verdict);
            let grant = format!("g{which}");
            let world = &mut self.story.world;
            // Refused where it was decided before; the reference says whether it was.
            drop(world.reviews(review, &grant, &bob_dana_then_eve(), now));
        }
    }

    fn request(&self, which: usize) -> Option<crate::Request> {
        let id = RequestId::new(format!("r{which}"));
        self.story.world.requests.get(&id).cloned()
    }
}

impl StateMachineTest for Core {
    type SystemUnderTest = Self;
    type Reference = Expected;

    fn init_test(expected: &Expected) -> Self {
        let mut story = Story::default();
        story.world.backend.tracks_expiry = expected.tracks_expiry;
        Self {
            story,
            over: BTreeSet::new(),
        }
    }

    fn apply(mut core: Self, _expected: &Expected, turn: Turn) -> Self {
        core.turns(turn);
        let grants = core.story.world.grants.values();
        core.over.extend(
            grants
                .filter(|grant| !grant.is_live())
                .map(|grant| grant.id.clone()),
        );
        core
    }

    fn check_invariants(core: &Self, expected: &Expected) {
        core.story.holds();
        for (which, fate) in expected.fates.iter().enumerate() {
            let state = core.request(which).map(|request| request.state);
            let grant = core
                .story
                .world
                .grants
                .get(&GrantId::new(format!("g{which}")));
            match (fate, &state) {
                (Fate::Unasked, None) | (Fate::Waits, Some(RequestState::Pending(_))) => {
                    assert!(grant.is_none(), "nothing without a decision");
                }
                (Fate::Approved, Some(RequestState::Started { .. })) => {
                    let grant = grant.expect("I6: one decision, one grant");
                    assert_eq!(grant.holder, who(HOLDERS[which]));
                    if let GrantState::Active { since, ends_at } = grant.state {
                        assert!(!expected.ordered[which], "I8: an order stands");
                        let minutes = 30 + 20 * core.extended(&grant.id);
                        assert_eq!((ends_at - since).num_minutes(), minutes, "I6, I7");
                        assert!(grant.extensions <= 2, "no more than the role allows");
                    }
                }
                (
                    Fate::Closed,
                    Some(
                        RequestState::Denied { .. }
                        | RequestState::Cancelled { .. }
                        | RequestState::TimedOut { .. },
                    ),
                ) => assert!(grant.is_none(), "what was closed gives nothing"),
                (Fate::Unasked | Fate::Waits | Fate::Approved | Fate::Closed, state) => {
                    panic!("{fate:?} was expected of r{which}, and it is {state:?}")
                }
            }
        }
        for id in &core.over {
            assert!(!core.story.world.grants[id].is_live(), "I8: over is over");
        }
        for id in &core.story.world.backend.ours {
            assert!(
                core.is_looked_after(id),
                "I8: {id} is there and nobody looks"
            );
        }
    }

    fn teardown(core: Self, _expected: Expected) {
        core.story.rests();
    }
}

impl Core {
    /// How often somebody was told that it lasts longer.
    fn extended(&self, id: &GrantId) -> i64 {
        let told = self.story.world.events.iter().filter(|event| {
            event.kind == EventKind::GrantExtended && event.grant.as_ref() == Some(id)
        });
        told.map(|_| 1).sum()
    }

    /// Access that is there is claimed, or somebody is about to look.
    fn is_looked_after(&self, id: &HoldingId) -> bool {
        let holding = &self.story.world.holdings[id];
        !holding.claims.is_empty() || self.story.is_planned(id)
    }
}

/// Said when this is built: the core reads no environment, its tests neither.
fn wanted() -> usize {
    option_env!("HALLPASS_TRANSITIONS").map_or(SHORT, |count| {
        count.parse().expect("HALLPASS_TRANSITIONS is a number")
    })
}

#[test]
#[expect(clippy::print_stderr, reason = "the figure is what this is run for")]
fn whatever_happens_the_core_is_as_people_expect() {
    let stories = wanted().div_ceil(LONGEST / 2);
    let config = Config {
        cases: stories.try_into().expect("a count of stories"),
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config.clone());
    let transitions = std::cell::Cell::new(0_usize);
    let stories = Expected::sequential_strategy(1..=LONGEST);
    let run = runner.run(&stories, |(expected, turns, seen)| {
        transitions.set(transitions.get() + turns.len());
        Core::test_sequential(config.clone(), expected, turns, seen);
        Ok(())
    });
    run.expect("no story breaks the core");
    eprintln!("properties: {} transitions, none broken", transitions.get());
}
