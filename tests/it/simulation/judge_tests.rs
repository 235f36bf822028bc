//! The judge itself: what it must find, and what it must let pass.

use std::sync::Arc;

use chrono::TimeDelta;
use hallpass::domain::RequestId;

use super::judge::{Approved, Judge};
use super::outside::{Call, Key, Outside, Setback};
use super::world::Asked;
use crate::support::Database;

const LENGTH: TimeDelta = TimeDelta::minutes(2);

/// Alice has had an access for as long as it was to last; it is still there.
struct Scene {
    outside: Arc<Outside>,
    judge: Judge,
}

fn key() -> Key {
    ["orders", "alice", "vault"].map(str::to_owned).into()
}

impl Scene {
    fn over_on(database: Database) -> Self {
        let mut scene = Self {
            outside: Outside::new(1),
            judge: Judge::of(database),
        };
        scene.is_approved();
        {
            let mut state = scene.outside.state();
            state.lands(key(), Call::Grant, false);
            state.tells_held(key());
        }
        scene.judge.looks(&scene.outside);
        scene.passes(LENGTH);
        scene
    }

    fn over() -> Self {
        Self::over_on(Database::Sqlite)
    }

    fn is_approved(&mut self) {
        let mut state = self.outside.state();
        let approved = Approved {
            request: RequestId::new("r1"),
            at: state.now,
            number: state.counts(),
            keys: vec![key()],
            duration: LENGTH,
            sure: true,
            stands_since: None,
            ended: None,
            perhaps_ended: None,
        };
        drop(state);
        self.judge.approved(&approved);
    }

    fn passes(&mut self, time: TimeDelta) {
        self.outside.advance(time);
        self.judge.looks(&self.outside);
    }

    fn is_sound(&self) -> bool {
        self.judge.found.is_empty()
    }

    fn befalls(&self, setback: Setback) {
        self.outside.state().sets_back(setback);
    }
}

fn seconds(seconds: i64) -> TimeDelta {
    TimeDelta::seconds(seconds)
}

#[test]
fn what_is_gone_in_time_is_well_and_counted() {
    let mut scene = Scene::over();
    let mut state = scene.outside.state();
    state.lands(key(), Call::Revoke, false);
    drop(state);
    scene.passes(seconds(6));
    assert!(scene.is_sound(), "{:?}", scene.judge.found);
    assert_eq!(scene.judge.held_to(), 1);
}

#[test]
fn five_seconds_are_the_limit_of_an_end() {
    let mut scene = Scene::over();
    scene.passes(seconds(5));
    assert!(scene.is_sound());
    scene.passes(seconds(1));
    assert!(scene.judge.found[0].contains("still there"));
}

#[test]
fn an_outage_excuses_thirty_seconds_after_its_return_and_of_its_own_backend_alone() {
    let mut scene = Scene::over();
    scene.outside.state().down.insert("orders".into());
    scene.passes(TimeDelta::minutes(20));
    scene.outside.state().heals();
    scene.passes(seconds(30));
    assert!(scene.is_sound());
    scene.passes(seconds(1));
    assert!(!scene.is_sound());

    let mut scene = Scene::over();
    scene.outside.state().down.insert("gate".into());
    scene.passes(seconds(6));
    assert!(!scene.is_sound());
}

#[test]
fn nothing_that_befalls_slack_excuses_an_end() {
    let mut scene = Scene::over();
    let mut state = scene.outside.state();
    state.chat_down = true;
    state.directory_down = true;
    state.fires("chat down");
    drop(state);
    scene.passes(seconds(6));
    assert!(!scene.is_sound());
}

#[test]
fn a_crash_adds_a_lease_where_replicas_share_a_database() {
    for (database, allowed) in [(Database::Sqlite, 5), (Database::Postgres, 15)] {
        let mut scene = Scene::over_on(database);
        scene.befalls(Setback::Start);
        scene.passes(seconds(allowed));
        assert!(scene.is_sound(), "{database:?}");
        scene.passes(seconds(1));
        assert!(!scene.is_sound(), "{database:?}");
    }
}

#[test]
fn what_was_not_surely_on_record_may_have_been_given_again() {
    let mut scene = Scene {
        outside: Outside::new(1),
        judge: Judge::of(Database::Sqlite),
    };
    scene.is_approved();
    let mut state = scene.outside.state();
    state.lands(key(), Call::Grant, false);
    state.tells_held(key());
    state.sets_back(Setback::Start);
    drop(state);
    scene.passes(seconds(10));
    scene.passes(LENGTH);
    assert!(scene.is_sound());
    // By then it was tried again, whatever the pauses.
    scene.passes(seconds(240));
    scene.passes(LENGTH + seconds(6));
    assert!(!scene.is_sound());
}

#[test]
fn what_its_holder_dropped_is_over_then() {
    let mut scene = Scene {
        outside: Outside::new(1),
        judge: Judge::of(Database::Sqlite),
    };
    scene.is_approved();
    scene.outside.state().lands(key(), Call::Grant, false);
    let dropped = Asked {
        id: RequestId::new("r1"),
        short: "R-7K2M".into(),
        by: "alice",
        role: "two-keys",
        minutes: 2,
    };
    let now = scene.outside.state().now;
    scene.judge.ended(&dropped, now, true);
    scene.passes(seconds(5));
    assert!(scene.is_sound());
    scene.passes(seconds(1));
    assert!(!scene.is_sound());
}
