//! One gate. Slack bears bursts, how large it doesn't say; so it stands open until Slack has refused somebody, and then for
//! a while one goes after another, those who wait in the order of their priority and their coming. Who is told to come
//! again keeps its place; who doesn't come loses it.

use std::time::Duration;

use chrono::TimeDelta;

use super::tiers::Limit;
use super::turn::Priority;
use crate::domain::Time;

/// After Slack refused somebody, the pace is kept for so long.
const STRICT: TimeDelta = TimeDelta::minutes(10);
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
    /// When all that went would have gone, one after another; none before the first.
    next: Option<Time>,
    /// When the last one went, until it is answered.
    sent: Option<Time>,
    /// Slack said "not before".
    held: Option<Time>,
    /// Slack refused somebody not long ago.
    strict: Option<Time>,
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
            strict: None,
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
        let held = self.held(now);
        let spared = self.limit.spared && priority == Priority::Decoration;
        if priority == Priority::Answer || !self.is_strict(now) && !spared {
            // Who waits for an answer doesn't come again.
            return held.map_or_else(|| self.pass(key, now), Err);
        }
        let ticket = self.ticket(key);
        let ahead =
            |one: &&Waiting| one.key != key && (one.priority, one.ticket) < (priority, ticket);
        let free = self.free(priority, now).max(now);
        // Who is about to come counts, too: a store rounds its moments, a machine isn't that exact.
        let every = self.every(now);
        let soon = now + every / 4;
        let present = |one: &Waiting| one.promised <= soon && one.promised + LATE >= now;
        let mut before = self.waiting.iter().filter(ahead);
        if free <= now && held.is_none() && !before.any(present) {
            return self.pass(key, now);
        }
        let before = self.waiting.iter().filter(ahead).count();
        let queue = every * i32::try_from(before).unwrap_or(i32::MAX / 1_000);
        let free = held.map_or(free, |_| free.max(self.held.unwrap_or(now)));
        let left = (free + queue - now).to_std().unwrap_or(SOONEST);
        Err(self.told(key, (priority, ticket), now, left))
    }

    /// How long nobody goes, because Slack said so.
    pub(super) fn held(&self, now: Time) -> Option<Duration> {
        let left = (self.held? - now).to_std().ok();
        left.filter(|left| !left.is_zero())
    }

    /// Slack refused somebody: nobody goes before this, and then one after another.
    pub(super) fn hold(&mut self, until: Time) {
        self.held = self.held.max(Some(until));
        self.next = self.held;
        self.strict = Some(until + STRICT);
    }

    /// Between two, on the average.
    fn every(&self, now: Time) -> TimeDelta {
        if self.is_strict(now) {
            self.limit.evenly
        } else {
            self.limit.every
        }
    }

    fn is_strict(&self, now: Time) -> bool {
        self.strict.is_some_and(|until| now < until)
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
        if let (Some(sent), Some(next), true) = (self.sent.take(), self.next, self.is_strict(now)) {
            let on_its_way = (now - sent).clamp(TimeDelta::zero(), ON_ITS_WAY);
            self.next = Some(next + on_its_way);
        }
    }

    /// Nobody waits, and what went is long gone.
    pub(super) fn is_idle(&self, now: Time) -> bool {
        self.waiting.is_empty() && !self.is_strict(now) && self.next.is_none_or(|next| next <= now)
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "one of the two ways in which `enter` ends"
    )]
    fn pass(&mut self, key: u64, now: Time) -> Result<(), Duration> {
        self.waiting.retain(|one| one.key != key);
        let from = self.next.map_or(now, |next| next.clamp(now, now + DEBT));
        self.next = Some(from + self.every(now));
        self.sent = Some(now);
        Ok(())
    }

    /// When there is room for one of this priority; the last third of a burst is kept from decoration.
    fn free(&self, priority: Priority, now: Time) -> Time {
        let kept = match priority {
            Priority::Answer | Priority::Decision => 0,
            Priority::Decoration => self.limit.burst / 3,
        };
        let room = if self.is_strict(now) {
            0
        } else {
            (self.limit.burst - 1 - kept).max(0)
        };
        self.next.map_or(now, |next| next - self.every(now) * room)
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

    /// Slack refused somebody just before.
    fn channel() -> Gate {
        let mut gate = Gate::new(limit("chat.postMessage"));
        gate.hold(at(0));
        gate
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
        assert_eq!(gate.enter(2, CARD, at(1_000)), waits(30_000));
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

    fn at_once(gate: &mut Gate, priority: Priority, from: u64) -> usize {
        let went = (from..from + 50).filter(|key| gate.enter(*key, priority, at(0)).is_ok());
        went.count()
    }

    #[test]
    fn before_slack_refuses_only_what_people_wait_for_is_spared() {
        let mut gate = Gate::new(limit("chat.update"));
        assert_eq!(at_once(&mut gate, NOTE, 0), 50);
        assert_eq!(at_once(&mut gate, CARD, 100), 50);

        let mut gate = Gate::new(limit("users.info"));
        assert_eq!(at_once(&mut gate, NOTE, 0), 20, "of a burst of thirty");
        assert_eq!(at_once(&mut gate, Priority::Answer, 200), 50);
    }

    #[test]
    fn the_pace_is_kept_for_ten_minutes() {
        let mut gate = channel();
        assert_eq!(at_once(&mut gate, CARD, 0), 1);
        let later = STRICT.num_milliseconds() - 1;
        assert_eq!(gate.enter(100, CARD, at(later)), Ok(()));
        assert_eq!(gate.enter(101, CARD, at(later)), waits(1_000));
        assert_eq!(gate.enter(101, CARD, at(later + 1)), Ok(()));
        assert_eq!(gate.enter(102, CARD, at(later + 1)), Ok(()));
    }
}
