//! What stands outside of the bot: the clock, chance, the backends' own truth and log, and how well everything feels.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use chrono::TimeDelta;
use hallpass::domain::Time;
use hallpass::ports::{Clock, Entropy, HoldingRef};

use super::calls::Calls;

/// Steele, Lea and Flood's `SplitMix64`: small, and the same everywhere.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let at = self.below(all.len() as u64);
        &all[usize::try_from(at).unwrap()]
    }
}

/// Who holds what: backend, principal, permission.
pub(super) type Key = (String, String, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Grant,
    Revoke,
}

/// How the next call comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Luck {
    Lost,
    Late,
    Refused,
    Lies,
    DiesBefore,
    DiesAfter,
    DiesMeanwhile,
}

/// What the world did by which an end may be late, by I1; whatever befell chat and directory isn't among it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Setback {
    /// A backend was away and came back, or what became of a call to it isn't known or wasn't true.
    Backend(String),
    /// The bot had died, and starts.
    Start,
    /// Its own database didn't answer.
    Database,
}

/// When something happened last: its place among all that happened, and the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Last {
    pub(super) number: u64,
    pub(super) at: Time,
}

/// A change of who holds what, in the backend's own log.
#[derive(Debug, Clone)]
pub(super) struct Landed {
    pub(super) at: Time,
    pub(super) key: Key,
    pub(super) call: Call,
    /// Nobody waited for it any more.
    pub(super) late: bool,
}

pub(super) struct State {
    pub(super) now: Time,
    /// The program's randomness, apart from what chooses the steps.
    entropy: Dice,
    pub(super) ours: BTreeSet<Key>,
    pub(super) others: BTreeSet<Key>,
    pub(super) down: BTreeSet<String>,
    pub(super) luck: Option<Luck>,
    /// What decides of calls alone.
    pub(super) ports: Dice,
    pub(super) calls: Calls,
    pub(super) air: Vec<(Time, Key, Call)>,
    pub(super) landed: Vec<Landed>,
    pub(super) in_flight: BTreeSet<Key>,
    pub(super) chat_down: bool,
    pub(super) directory_down: bool,
    pub(super) left: BTreeSet<String>,
    pub(super) posted: u64,
    pub(super) fired: BTreeMap<&'static str, u64>,
    pub(super) log: Vec<String>,
    pub(super) wrong: Vec<String>,
    /// When something was last not well.
    pub(super) trouble: Time,
    pub(super) troubles: Vec<Time>,
    /// When a look at it was last cut off: whoever gives it made way for a revocation, and comes again.
    pub(super) cut_off: BTreeMap<Key, Time>,
    /// When a backend refused for good.
    pub(super) refused: Vec<Time>,
    /// How much happened.
    number: u64,
    pub(super) setbacks: BTreeMap<Setback, Last>,
    /// When a backend last told the bot that somebody holds something, by us or by others.
    pub(super) told_held: BTreeMap<Key, u64>,
}

/// Shared by the ports, the world and the judge.
pub(super) struct Outside {
    state: Mutex<State>,
}

impl Outside {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        let now: Time = "2026-03-02T09:00:00Z".parse().unwrap();
        Arc::new(Self {
            state: Mutex::new(State {
                now,
                entropy: Dice::new(seed ^ 0x5eed),
                ours: BTreeSet::new(),
                others: BTreeSet::new(),
                down: BTreeSet::new(),
                luck: None,
                ports: Dice::new(seed ^ 0xca11),
                calls: Calls::default(),
                air: Vec::new(),
                landed: Vec::new(),
                in_flight: BTreeSet::new(),
                chat_down: false,
                directory_down: false,
                left: BTreeSet::new(),
                posted: 0,
                fired: BTreeMap::new(),
                log: Vec::new(),
                wrong: Vec::new(),
                trouble: now,
                troubles: Vec::new(),
                cut_off: BTreeMap::new(),
                refused: Vec::new(),
                number: 0,
                setbacks: BTreeMap::new(),
                told_held: BTreeMap::new(),
            }),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Moves the clock, and lets what is on its way arrive at its own moment.
    pub(super) fn advance(&self, by: TimeDelta) {
        let mut state = self.state();
        let until = state.now + by;
        while let Some(at) = state
            .air
            .iter()
            .map(|(at, ..)| *at)
            .filter(|at| *at <= until)
            .min()
        {
            let index = state.air.iter().position(|(due, ..)| *due == at).unwrap();
            let (_, key, call) = state.air.remove(index);
            state.now = state.now.max(at);
            state.sets_back(Setback::Backend(key.0.clone()));
            state.lands(key, call, true);
            state.trouble = state.now;
        }
        state.now = until;
        state.gives_up();
    }
}

impl State {
    /// The place of what happens now among all that happened.
    pub(super) fn counts(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    pub(super) fn sets_back(&mut self, whom: Setback) {
        let last = Last {
            number: self.counts(),
            at: self.now,
        };
        self.setbacks.insert(whom, last);
    }

    /// What last kept the bot from writing down what a backend said.
    pub(super) fn last_setback(&self, backend: &str) -> Option<Last> {
        let whom = [
            Setback::Backend(backend.to_owned()),
            Setback::Start,
            Setback::Database,
        ];
        let all = whom.iter().filter_map(|whom| self.setbacks.get(whom));
        all.max_by_key(|last| last.number).copied()
    }

    /// The bot was told that somebody holds this.
    pub(super) fn tells_held(&mut self, key: Key) {
        let number = self.counts();
        self.told_held.insert(key, number);
    }

    /// A fault of a backend.
    pub(super) fn fires_in(&mut self, backend: &str, fault: &'static str) {
        self.sets_back(Setback::Backend(backend.to_owned()));
        self.fires(fault);
    }

    pub(super) fn fires(&mut self, fault: &'static str) {
        *self.fired.entry(fault).or_default() += 1;
        self.trouble = self.now;
        self.troubles.push(self.now);
        if fault == "refused for good" {
            self.refused.push(self.now);
        }
        self.says(format!("! {fault}"));
    }

    pub(super) fn says(&mut self, line: impl AsRef<str>) {
        let line = format!("{} {}", self.now.format("%d %H:%M:%S%.3f"), line.as_ref());
        self.log.push(line);
    }

    pub(super) fn lands(&mut self, key: Key, call: Call, late: bool) {
        let changed = match call {
            Call::Grant => self.ours.insert(key.clone()),
            Call::Revoke => self.ours.remove(&key),
        };
        self.says(format!(
            "  {key:?} {call:?}{}",
            if late { " late" } else { "" }
        ));
        if changed {
            self.landed.push(Landed {
                at: self.now,
                key,
                call,
                late,
            });
        }
    }

    /// It arrives within the call's limit and a lease.
    pub(super) fn flies(&mut self, key: Key, call: Call) {
        let millis = i64::try_from(self.ports.below(13)).unwrap() * 1_000 + 700;
        let at = self.now + TimeDelta::milliseconds(millis);
        self.air.push((at, key, call));
    }

    /// Everything is well from now on.
    pub(super) fn heals(&mut self) {
        for back in std::mem::take(&mut self.down) {
            self.sets_back(Setback::Backend(back));
        }
        self.luck = None;
        self.chat_down = false;
        self.directory_down = false;
    }

    pub(super) fn is_well(&self) -> bool {
        self.down.is_empty()
            && self.luck.is_none()
            && self.air.is_empty()
            && !self.chat_down
            && !self.directory_down
    }
}

pub(super) fn key(backend: &str, holding: &HoldingRef) -> Key {
    let permission = holding.entitlement.attributes.values().next();
    (
        backend.to_owned(),
        holding.principal.clone(),
        permission.cloned().unwrap_or_default(),
    )
}

#[async_trait]
impl Clock for Outside {
    fn now(&self) -> Time {
        self.state().now
    }

    async fn wait_until(&self, _moment: Time) {
        std::future::pending::<()>().await;
    }
}

impl Entropy for Outside {
    fn id(&self) -> String {
        let mut random = [0; 10];
        self.fill(&mut random);
        let millis = u64::try_from(self.state().now.timestamp_millis()).unwrap();
        uuid::Builder::from_unix_timestamp_millis(millis, &random)
            .into_uuid()
            .to_string()
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.state();
        for byte in bytes {
            *byte = state.entropy.next().to_le_bytes()[0];
        }
    }
}
