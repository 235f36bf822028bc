//! The model: every order in which people, timers and two replicas can act on two grants over one holding, explored state
//! by state with the real core in the middle.
//!
//! Bounds: 2 requests by one person for one entitlement, each asked once, approved or cancelled; 2 replicas; 1 fault (an
//! answer that is lost, a call that lands late, a crash, a refusal, a lie); 1 lease that runs out under a replica which
//! goes on; the clock stands, or a long time has passed. Timers ring whenever they like: state decides, not the time.
//!
//! Taken for granted: a commit is atomic, and what it read and writes is guarded by versions; a replica that lost its
//! claim can't record, and has looked at again what it did; a call is over within the call's limit and a lease, so that
//! whoever looks again looks after it. What lands late may undo something for that long; it may not stay.

mod state;
mod steps;

use stateright::{Checker, HasDiscoveries, Model, Path, Property};

use self::state::{Action, World};
use crate::grant::State;
use crate::holding::Wanted;

/// What differs from one exploration to the next.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Whether the backend keeps ends of its own.
    tracks_expiry: bool,
    /// Whether the principal holds it without us.
    standing: bool,
}

impl Model for Bounds {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(*self)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world.offers(actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        next.does(action).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("I2 one call of a holding at a time", |_, world: &World| {
                world.valid_calls() <= 1
            }),
            Property::always(
                "I4 what may give access has its end scheduled",
                |_, world: &World| world.ends_are_scheduled(),
            ),
            Property::always(
                "I6 one decision is one grant, its end unmoved",
                |_, world: &World| !world.moved_after_decision,
            ),
            Property::always(
                "I7 nothing is cut off that a grant covers",
                |_, world: &World| !world.cut_off,
            ),
            Property::always("I8 ended is final", |_, world: &World| {
                world.ended_stays_ended()
            }),
            Property::always("I8 no access while nobody looks", |_, world: &World| {
                world.access_is_looked_after()
            }),
            Property::always(
                "I11 at rest the backend is as the ledger",
                |_, world: &World| world.rests_in_order(),
            ),
            Property::always("standing access is left alone", |bounds, world: &World| {
                !bounds.standing || world.backend.others
            }),
            Property::sometimes("access is given", |bounds: &Bounds, world: &World| {
                world.backend.ours || bounds.standing
            }),
            Property::sometimes("both grants end", |_, world: &World| {
                world.grants.iter().flatten().count() == 2
                    && world
                        .grants
                        .iter()
                        .flatten()
                        .all(|grant| matches!(grant.state, State::Ended { .. }))
            }),
            Property::sometimes("one grant covers the other", |_, world: &World| {
                world.holding.claims.len() == 1
                    && !world.holding.releasing.is_empty()
                    && matches!(world.holding.wanted(), Wanted::Held { .. })
            }),
        ]
    }
}

#[expect(clippy::print_stderr, reason = "the figure is what this is run for")]
fn explore(bounds: Bounds) {
    let checker = bounds
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    eprintln!(
        "model: {bounds:?}: {} states, {} transitions, {} steps deep",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
    );
    for (name, path) in checker.discoveries() {
        let property = checker.model().property(name);
        assert!(
            !property.expectation.discovery_is_failure(),
            "{name}:\n{}\n{:#?}",
            story(&path),
            path.last_state()
        );
    }
    checker.assert_properties();
    assert!(checker.is_done());
}

fn story(path: &Path<World, Action>) -> String {
    let actions: Vec<String> = path
        .clone()
        .into_actions()
        .iter()
        .map(|action| format!("{action:?}"))
        .collect();
    actions.join("\n")
}

#[test]
fn every_order_of_two_grants_on_a_backend_that_keeps_no_ends() {
    explore(Bounds {
        tracks_expiry: false,
        standing: false,
    });
}

#[test]
fn every_order_of_two_grants_on_a_backend_that_keeps_ends() {
    explore(Bounds {
        tracks_expiry: true,
        standing: false,
    });
}

#[test]
fn every_order_of_two_grants_over_standing_access() {
    explore(Bounds {
        tracks_expiry: false,
        standing: true,
    });
}
