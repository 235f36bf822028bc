//! The newest signed checkpoint, told to the security channel every morning: one more place where it is kept, though a
//! message alone proves nothing, since who owns the workspace can edit it.

use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use hallpass_domain::effect::Subject;
use hallpass_domain::{Announcement, Change, Effect, EffectKind, Time};

use super::{App, Carried};
use crate::store::StoreError;

impl App {
    /// Makes sure that the next one is scheduled.
    pub async fn schedule_checkpoint(&self) -> Result<(), StoreError> {
        let kind = EffectKind::TellCheckpoint;
        if !self.store.has_effect(&Subject::Ledger, &kind).await? {
            let next = Change::default().schedule(self.next_checkpoint());
            self.store.apply_one(next).await?;
        }
        Ok(())
    }

    pub(super) async fn tell_checkpoint(&self) -> Result<Carried, StoreError> {
        let mut change = Change::default().schedule(self.next_checkpoint());
        if let Some(newest) = self.store.newest_checkpoint().await? {
            change = change.announce(Announcement::Checkpoint {
                sequence: newest.sequence,
                hash: newest.hash,
                key: newest.key,
                at: newest.at,
            });
        }
        Ok(Carried::Done(change))
    }

    fn next_checkpoint(&self) -> Effect {
        let due = next_morning(self.now(), self.settings.time_zone);
        Effect::timer(Subject::Ledger, EffectKind::TellCheckpoint, due)
    }
}

/// The next nine o'clock on the wall.
fn next_morning(now: Time, zone: Tz) -> Time {
    let local = now.with_timezone(&zone);
    let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default();
    let today = local.date_naive();
    [Some(today), today.succ_opt()]
        .into_iter()
        .flatten()
        .filter_map(|day| zone.from_local_datetime(&day.and_time(nine)).earliest())
        .map(|moment: DateTime<Tz>| moment.to_utc())
        .find(|moment| *moment > now)
        // A day that has no nine o'clock.
        .unwrap_or_else(|| now + TimeDelta::days(1))
}

#[cfg(test)]
mod tests {
    use super::next_morning;

    #[test]
    fn it_is_nine_on_the_wall_in_summer_and_winter() {
        let zone = chrono_tz::Europe::Berlin;
        for (now, next) in [
            ("2026-11-21T07:59:59Z", "2026-11-21T08:00:00Z"),
            ("2026-11-21T08:00:00Z", "2026-11-22T08:00:00Z"),
            ("2026-03-28T20:00:00Z", "2026-03-29T07:00:00Z"),
        ] {
            let now = now.parse().expect("a time");
            let next: hallpass_domain::Time = next.parse().expect("a time");
            assert_eq!(next_morning(now, zone), next);
        }
    }
}
