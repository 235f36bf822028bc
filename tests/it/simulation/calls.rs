//! The calls of the worker that are under way: each waits until the seed says that it goes on, so that many are under way
//! at a time and come out in any order. What waits longer than a call may is given up, as the bot would by its own limit,
//! which is real time and never up here.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::Id;

use super::outside::{Outside, State};
use super::ports::LIMIT;
use hallpass::domain::Time;

/// What becomes of a call that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    GoesOn,
    /// Nobody waits for it any more.
    GivenUp,
}

struct Call {
    number: u64,
    task: Id,
    since: Time,
    turn: oneshot::Sender<Turn>,
}

#[derive(Default)]
pub(super) struct Calls {
    waiting: Vec<Call>,
    number: u64,
    /// People wait for nobody: what is called for them goes on at once.
    pub(super) free: bool,
    /// The bot dies over one of them.
    pub(super) dies: bool,
}

impl Calls {
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The tasks that wait, each once however many of its calls do.
    pub(super) fn tasks(&self) -> usize {
        let mut tasks: Vec<Id> = self.waiting.iter().map(|call| call.task).collect();
        tasks.sort();
        tasks.dedup();
        tasks.len()
    }
}

/// Takes the call out where its caller goes away.
struct Leaves<'a>(&'a Outside, u64);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        let calls = &mut self.0.state().calls;
        calls.waiting.retain(|call| call.number != self.1);
    }
}

impl Outside {
    /// A call of the worker waits here.
    pub(super) async fn turn(self: &Arc<Self>) -> Turn {
        // Who isn't a task of the worker is a person.
        let Some(task) = tokio::task::try_id() else {
            return Turn::GoesOn;
        };
        let (turn, comes) = oneshot::channel();
        let number = {
            let mut state = self.state();
            if state.calls.free {
                return Turn::GoesOn;
            }
            let since = state.now;
            state.calls.number += 1;
            let number = state.calls.number;
            state.calls.waiting.push(Call {
                number,
                task,
                since,
                turn,
            });
            number
        };
        let _leaves = Leaves(self, number);
        comes.await.unwrap_or(Turn::GivenUp)
    }

    /// The same, for one in so many.
    pub(super) async fn perhaps_turn(self: &Arc<Self>, sides: u64) -> Turn {
        let waits = self.state().ports.below(sides) == 0;
        if waits {
            self.turn().await
        } else {
            Turn::GoesOn
        }
    }

    /// One of the calls goes on; `choice` says which.
    pub(super) fn goes_on(&self, choice: u64) {
        let mut state = self.state();
        let Some(at) = choice.checked_rem(state.calls.waiting.len() as u64) else {
            return;
        };
        let call = state.calls.waiting.remove(usize::try_from(at).unwrap());
        drop(state);
        // Who is gone already hears nothing.
        let _ = call.turn.send(Turn::GoesOn);
    }
}

impl State {
    /// What waits for longer than a call may.
    pub(super) fn gives_up(&mut self) {
        let limit = chrono::TimeDelta::from_std(LIMIT).unwrap();
        let over = self.now - limit;
        let (up, waiting) = std::mem::take(&mut self.calls.waiting)
            .into_iter()
            .partition(|call| call.since <= over);
        self.calls.waiting = waiting;
        let up: Vec<Call> = up;
        for call in up {
            let _ = call.turn.send(Turn::GivenUp);
        }
    }
}
