//! A part of the proof that fails again and again. It is tried for ever; after some minutes the security channel is told,
//! once, until it goes on again.

use chrono::TimeDelta;
use hallpass_domain::{Announcement, Change, Time};

use crate::store::{Store, StoreError};

/// Told to people after so long.
const TOLD_AFTER: TimeDelta = TimeDelta::seconds(180);

#[derive(Default)]
pub(super) struct Failing(Option<Since>);

struct Since {
    at: Time,
    told: bool,
}

impl Failing {
    /// One more failure; answers whether it is the first.
    pub(super) fn again(&mut self, now: Time) -> bool {
        let first = self.0.is_none();
        self.0.get_or_insert(Since {
            at: now,
            told: false,
        });
        first
    }

    /// Whether people should hear of it now.
    pub(super) fn is_to_be_told(&self, now: Time) -> bool {
        let long = |since: &Since| !since.told && now - since.at >= TOLD_AFTER;
        self.0.as_ref().is_some_and(long)
    }

    /// `why`: a sentence for people.
    ///
    /// # Errors
    /// Where it can't be put down; then it is to be told still.
    pub(super) async fn tell(&mut self, store: &Store, why: String) -> Result<(), StoreError> {
        let announcement = Announcement::RecordBroken {
            sequence: None,
            why,
        };
        let change = Change::default().announce(announcement);
        store.apply_one(change).await?;
        self.is_told();
        Ok(())
    }

    pub(super) fn is_told(&mut self) {
        if let Some(since) = &mut self.0 {
            since.told = true;
        }
    }

    pub(super) fn was_told(&self) -> bool {
        self.0.as_ref().is_some_and(|since| since.told)
    }

    /// It goes on; answers whether it had failed.
    pub(super) fn ends(&mut self) -> bool {
        self.0.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::{Failing, TOLD_AFTER};

    #[test]
    fn after_some_minutes_it_is_to_be_told_until_it_goes_on() {
        let began = DateTime::from_timestamp_nanos(1_795_240_800_000_000_000);
        let mut failing = Failing::default();
        assert!(!failing.is_to_be_told(began) && !failing.ends());
        assert!(failing.again(began));
        let almost = began + TOLD_AFTER - chrono::TimeDelta::milliseconds(1);
        assert!(!failing.again(almost) && !failing.is_to_be_told(almost));
        assert!(failing.is_to_be_told(began + TOLD_AFTER) && !failing.was_told());
        failing.is_told();
        assert!(!failing.is_to_be_told(began + TOLD_AFTER) && failing.was_told());
        assert!(failing.ends() && !failing.is_to_be_told(began + TOLD_AFTER));
        assert!(failing.again(almost), "another time");
    }
}
