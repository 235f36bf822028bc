//! One gate: at most so many at once and then one after another, those who wait in the order of their priority and their
//! coming. Who is told to come again keeps its place; who doesn't come loses it.

use std::time::Duration;

use chrono::TimeDelta;

use super::tiers::Limit;
use super::turn::Priority;
use crate::domain::Time;

/// Who comes later than this past its moment holds up nobody.
const LATE: TimeDelta = TimeDelta::milliseconds(500);
/// Who comes later than this has lost its place.
const LOST: TimeDelta = TimeDelta::seconds(30);
/// A call takes a while to arrive; so much of it counts, so that two don't arrive closer than they were sent.
const ON_ITS_WAY: TimeDelta = TimeDelta::milliseconds(30);
/// Answers go in any case; what they take from the others is paid back for so long at most.
const DEBT: TimeDelta = TimeDelta::seconds(60);
/// Nobody is told to come again sooner.
const SOONEST: Duration = Duration::from_millis(1);

pub(super) struct Gate {
    limit: Limit,
    /// When all that went would have gone, one every `limit.every`; none before the first.
    next: Option<Time>,
    /// When the last one went, until it is answered.
    sent: Option<Time>,
    /// Slack said "not before".
    held: Option<Time>,
    waiting: Vec<Waiting>,
    tickets: u64,
}

struct Waiting {
    key: u64,
    priority: Priority,
    ticket: u64,
    /// When it was told to come again.
    promised: Time,
}

impl Gate {
    pub(super) fn new(limit: Limit) -> Self {
        Self {
            limit,
            next: None,
            sent: None,
            held: None,
            waiting: Vec::new(),
            tickets: 0,
        }
    }

    /// Passes, or says how long to stay away.
    pub(super) fn enter(
        &mut self,
        key: u64,
        priority: Priority,
        now: Time,
    ) -> Result<(), Duration> {
        self.waiting.retain(|one| one.promised + LOST >= now);
        let ticket = self.ticket(key);
        if let Some(left) = self.held(now) {
            return Err(self.told(key, (priority, ticket), now, left));
        }
        if priority == Priority::Answer {
            self.pass(key, now);
            return Ok(());
        }
        let ahead =
            |one: &&Waiting| one.key != key && (one.priority, one.ticket) < (priority, ticket);
        let free = self.free(priority, now);
        let present = |one: &&Waiting| one.promised <= now && one.promised + LATE >= now;
        let mut before = self.waiting.iter().filter(ahead);
        if free <= now && !before.any(|one| present(&&*one)) {
            self.pass(key, now);
            return Ok(());
        }
        let before = self.waiting.iter().filter(ahead).count();
        let queue = self.limit.every * i32::try_from(before).unwrap_or(i32::MAX / 1_000);
        let left = (free.max(now) + queue - now).to_std().unwrap_or(SOONEST);
        Err(self.told(key, (priority, ticket), now, left))
    }

    /// How long nobody goes, because Slack said so.
    pub(super) fn held(&self, now: Time) -> Option<Duration> {
        let left = (self.held? - now).to_std().ok();
        left.filter(|left| !left.is_zero())
    }

    /// Nobody goes before this.
    pub(super) fn hold(&mut self, until: Time) {
        self.held = self.held.max(Some(until));
    }

    /// Who was refused by Slack goes before all others.
    pub(super) fn first(&mut self, key: u64, priority: Priority, promised: Time) {
        self.waiting.retain(|one| one.key != key);
        self.waiting.push(Waiting {
            key,
            priority,
            ticket: 0,
            promised,
        });
    }

    /// The last one has surely arrived.
    pub(super) fn answered(&mut self, now: Time) {
        if let (Some(sent), Some(next)) = (self.sent.take(), self.next) {
            let on_its_way = (now - sent).clamp(TimeDelta::zero(), ON_ITS_WAY);
            self.next = Some(next + on_its_way);
        }
    }

    /// Nobody waits, and what went is long gone.
    pub(super) fn is_idle(&self, now: Time) -> bool {
        self.waiting.is_empty()
            && self.held(now).is_none()
            && self.next.is_none_or(|next| next <= now)
    }

    fn pass(&mut self, key: u64, now: Time) {
        self.waiting.retain(|one| one.key != key);
        let from = self.next.map_or(now, |next| next.clamp(now, now + DEBT));
        self.next = Some(from + self.limit.every);
        self.sent = (self.limit.burst == 1).then_some(now);
    }

    /// When there is room for one of this priority; the last third of a burst is kept from decoration.
    fn free(&self, priority: Priority, now: Time) -> Time {
        let kept = match priority {
            Priority::Answer | Priority::Decision => 0,
            Priority::Decoration => self.limit.burst / 3,
        };
        let room = (self.limit.burst - 1 - kept).max(0);
        self.next.map_or(now, |next| next - self.limit.every * room)
    }

    fn ticket(&mut self, key: u64) -> u64 {
        let known = self.waiting.iter().find(|one| one.key == key);
        known.map_or_else(
            || {
                self.tickets += 1;
                self.tickets
            },
            |one| one.ticket,
        )
    }

    fn told(
        &mut self,
        key: u64,
        (priority, ticket): (Priority, u64),
        now: Time,
        left: Duration,
    ) -> Duration {
        let left = left.max(SOONEST);
        self.waiting.retain(|one| one.key != key);
        self.waiting.push(Waiting {
            key,
            priority,
            ticket,
            promised: now + TimeDelta::from_std(left).unwrap_or_default(),
        });
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slack::pace::tiers::limit;

    fn at(millis: i64) -> Time {
        "2026-01-05T09:00:00Z".parse::<Time>().expect("a time") + TimeDelta::milliseconds(millis)
    }

    fn channel() -> Gate {
        Gate::new(limit("chat.postMessage"))
    }

    fn waits(millis: u64) -> Result<(), Duration> {
        Err(Duration::from_millis(millis))
    }

    const CARD: Priority = Priority::Decision;
    const NOTE: Priority = Priority::Decoration;

    #[test]
    fn in_a_channel_one_goes_each_second_in_the_order_of_their_coming() {
        let mut gate = channel();
        assert_eq!(gate.enter(1, CARD, at(0)), Ok(()));
        assert_eq!(gate.enter(2, CARD, at(0)), waits(1_000));
        assert_eq!(gate.enter(3, CARD, at(0)), waits(2_000));
        assert_eq!(
            gate.enter(2, CARD, at(400)),
            waits(600),
            "its place is kept"
        );
        // At its moment it goes, and a new one doesn't push in.
        assert_eq!(gate.enter(4, CARD, at(1_000)), waits(2_000));
        assert_eq!(gate.enter(2, CARD, at(1_010)), Ok(()));
        assert_eq!(gate.enter(3, CARD, at(2_010)), Ok(()));
        assert_eq!(gate.enter(4, CARD, at(3_010)), Ok(()));
    }

    #[test]
    fn decisions_go_before_decoration_and_answers_before_all() {
        let mut gate = channel();
        assert_eq!(gate.enter(1, NOTE, at(0)), Ok(()));
        assert_eq!(gate.enter(2, NOTE, at(0)), waits(1_000));
        assert_eq!(gate.enter(3, CARD, at(0)), waits(1_000));
        assert_eq!(
            gate.enter(2, NOTE, at(1_000)),
            waits(1_000),
            "the card is there"
        );
        assert_eq!(gate.enter(3, CARD, at(1_001)), Ok(()));
        assert_eq!(gate.enter(9, Priority::Answer, at(1_002)), Ok(()));
    }

    #[test]
    fn who_does_not_come_again_holds_up_nobody_for_long() {
        let mut gate = channel();
        assert_eq!(gate.enter(1, CARD, at(0)), Ok(()));
        assert_eq!(gate.enter(2, CARD, at(0)), waits(1_000));
        assert_eq!(gate.enter(3, CARD, at(0)), waits(2_000));
        assert_eq!(gate.enter(3, CARD, at(2_000)), Ok(()), "it was late");
        assert_eq!(gate.enter(4, CARD, at(40_000)), Ok(()));
        assert!(gate.waiting.is_empty());
    }

    #[test]
    fn what_slack_says_holds_for_all_and_who_was_refused_goes_first() {
        let mut gate = channel();
        assert_eq!(gate.enter(1, CARD, at(0)), Ok(()));
        assert_eq!(gate.enter(2, CARD, at(0)), waits(1_000));
        gate.hold(at(30_000));
        gate.first(1, CARD, at(30_000));
        assert_eq!(gate.enter(2, CARD, at(1_000)), waits(29_000));
        assert_eq!(gate.enter(9, Priority::Answer, at(1_000)), waits(29_000));
        assert_eq!(gate.enter(2, CARD, at(30_000)), waits(1_000));
        assert_eq!(gate.enter(1, CARD, at(30_000)), Ok(()));
    }

    #[test]
    fn two_do_not_arrive_closer_than_they_were_sent() {
        let mut gate = channel();
        assert_eq!(gate.enter(1, CARD, at(0)), Ok(()));
        gate.answered(at(10));
        assert_eq!(gate.enter(2, CARD, at(1_000)), waits(10));
        assert_eq!(gate.enter(2, CARD, at(1_010)), Ok(()));
        gate.answered(at(1_900));
        assert_eq!(
            gate.enter(3, CARD, at(2_040)),
            Ok(()),
            "a slow answer counts little"
        );
    }

    #[test]
    fn a_tier_has_its_burst_and_keeps_some_of_it_from_decoration() {
        let mut gate = Gate::new(limit("chat.update"));
        let at_once = |gate: &mut Gate, priority, from: u64| {
            let went = (from..from + 50).filter(|key| gate.enter(*key, priority, at(0)).is_ok());
            went.count()
        };
        assert_eq!(at_once(&mut gate, NOTE, 0), 10);
        assert_eq!(at_once(&mut gate, CARD, 100), 5);
        assert_eq!(at_once(&mut gate, Priority::Answer, 200), 50);
    }
}
