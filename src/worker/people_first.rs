//! While a crowd waits for answers, what is to be said in Slack waits too, a moment at a time: whoever asks is answered
//! within three seconds, a card may come half a second later. Access is given and taken away all the same.

use chrono::TimeDelta;
use hallpass_domain::Time;

/// How long what is to be said waits for a crowd, at most; then it goes out for as long, whoever waits.
const AT_MOST: TimeDelta = TimeDelta::milliseconds(500);
/// How soon it is looked again whether there still is one.
const LOOK_AGAIN: TimeDelta = TimeDelta::milliseconds(25);

#[derive(Debug, Default)]
pub(super) struct PeopleFirst {
    since: Option<Time>,
}

impl PeopleFirst {
    /// When to look again, where people go first at `now`.
    pub(super) fn look_again(&mut self, crowded: bool, now: Time) -> Option<Time> {
        if !crowded {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(now);
        // A clock that went back is no reason to wait longer.
        let waited = (now - since).abs();
        if waited < AT_MOST {
            return Some(now + LOOK_AGAIN);
        }
        if waited >= AT_MOST * 2 {
            self.since = None;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use hallpass_domain::Time;

    use super::PeopleFirst;

    fn at(millis: i64) -> Time {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis)
    }

    #[test]
    fn what_is_to_be_said_waits_for_a_crowd_but_not_for_ever() {
        let mut first = PeopleFirst::default();
        assert_eq!(first.look_again(false, at(0)), None);
        assert_eq!(first.look_again(true, at(10)), Some(at(35)));
        assert_eq!(first.look_again(true, at(509)), Some(at(534)));
        assert_eq!(first.look_again(true, at(510)), None, "it goes out");
        assert_eq!(first.look_again(true, at(1_009)), None, "for as long");
        assert_eq!(first.look_again(true, at(1_010)), None);
        assert_eq!(first.look_again(true, at(1_011)), Some(at(1_036)), "anew");
        assert_eq!(first.look_again(false, at(1_012)), None);
        assert_eq!(first.look_again(true, at(2_000)), Some(at(2_025)));
    }

    #[test]
    fn a_clock_that_goes_back_delays_nothing() {
        let mut first = PeopleFirst::default();
        assert!(first.look_again(true, at(60_000)).is_some());
        assert_eq!(first.look_again(true, at(0)), None);
    }
}
