//! People who take turns: the first from `starts` on, the next after `every`, and so on round and round.
//!
//! Turns are counted on the wall clock of the schedule's time zone, so that a hand-over at 09:00 stays at 09:00 when
//! the clocks change: a turn of a day is then 23 or 25 hours long. A hand-over at a time that is skipped
//! comes at the first moment after the gap; one at a time that comes twice, at its first coming.
//! Before `starts` nobody is on call.

use async_trait::async_trait;
use chrono::offset::LocalResult;
use chrono::{NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::{GapInfo, Tz};
use hallpass_domain::role::ScheduleName;
use hallpass_domain::{Duration, Time, Who};

use crate::ports::{OnCall, OnCallError};

#[cfg(test)]
mod tests;

/// `kind = "rotation"`.
#[derive(Debug, Clone)]
pub struct Rotation {
    name: ScheduleName,
    people: Vec<Who>,
    starts: NaiveDateTime,
    every: Duration,
    time_zone: Tz,
}

impl Rotation {
    /// `every` of no length is taken for one second.
    pub fn new(
        name: ScheduleName,
        people: Vec<Who>,
        starts: NaiveDateTime,
        every: Duration,
        time_zone: Tz,
    ) -> Self {
        Self {
            name,
            people,
            starts,
            every: every.max(Duration::from_secs(1)),
            time_zone,
        }
    }

    /// When turn `n` begins; none beyond what a calendar can say.
    fn hand_over(&self, n: i64) -> Option<Time> {
        let seconds = n.checked_mul(i64::from(self.every.as_secs()))?;
        let wall = self
            .starts
            .checked_add_signed(TimeDelta::try_seconds(seconds)?)?;
        moment(wall, self.time_zone)
    }

    /// The turn that `at` belongs to: the last that has begun. A turn that lies in a gap is over as it begins.
    fn turn(&self, at: Time) -> Option<i64> {
        if at < self.hand_over(0)? {
            return None;
        }
        let wall = at.with_timezone(&self.time_zone).naive_local();
        let elapsed = (wall - self.starts).num_seconds();
        let mut n = elapsed.div_euclid(i64::from(self.every.as_secs())).max(0);
        // Around a change of the clocks the wall clock alone is off by a few turns.
        while n > 0 && self.hand_over(n).is_none_or(|begins| begins > at) {
            n -= 1;
        }
        while self.hand_over(n + 1).is_some_and(|begins| begins <= at) {
            n += 1;
        }
        Some(n)
    }

    fn whose(&self, turn: i64) -> Option<&Who> {
        let people = i64::try_from(self.people.len()).ok()?;
        let index = turn.checked_rem_euclid(people)?;
        self.people.get(usize::try_from(index).ok()?)
    }
}

/// The moment when a wall clock in `zone` shows `wall`.
fn moment(wall: NaiveDateTime, zone: Tz) -> Option<Time> {
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.to_utc()),
        LocalResult::None => Some(GapInfo::new(&wall, &zone)?.end?.to_utc()),
    }
}

#[async_trait]
impl OnCall for Rotation {
    fn name(&self) -> &ScheduleName {
        &self.name
    }

    async fn on_call(&self, at: Time) -> Result<Vec<Who>, OnCallError> {
        let whose = self.turn(at).and_then(|turn| self.whose(turn));
        Ok(whose.cloned().into_iter().collect())
    }

    fn next_change(&self, at: Time) -> Option<Time> {
        let Some(turn) = self.turn(at) else {
            return self.hand_over(0).filter(|_| !self.people.is_empty());
        };
        let now = self.whose(turn)?;
        if self.people.iter().all(|person| person == now) {
            return None;
        }
        let mut next = turn;
        loop {
            let begins = self.hand_over(next + 1)?;
            // Several hand-overs fall on one moment where a gap swallowed the turns between them.
            next = self.turn(begins)?;
            if self.whose(next)? != now {
                return Some(begins);
            }
        }
    }

    fn everybody(&self) -> Vec<Who> {
        self.people.clone()
    }
}
