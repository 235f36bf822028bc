//! When something is tried again: revocations for ever and soon, everything else with growing patience.
//! The delay is stored with the effect, so that a restart neither forgets it nor starts all at once.

use std::time::Duration;

use hallpass_domain::Urgency;

const FIRST: Duration = Duration::from_secs(1);
/// An end must be noticed within 30 s of the backend's return, so it is probed at most so far apart.
const REVOKE_MOST: Duration = Duration::from_secs(10);
const MOST: Duration = Duration::from_secs(300);
/// Between what conflicts again and again.
const CONFLICT: Duration = Duration::from_millis(100);
const CONFLICT_MOST: Duration = Duration::from_secs(5);
/// What a target says of itself is believed, up to here.
const AFTER_MOST: Duration = Duration::from_secs(3_600);

/// `failures`: how often it failed before this time. `dice`: one random byte; takes up to a quarter off, so
/// that what failed together doesn't come back together, and is never later than the bound.
pub(super) fn delay(
    urgency: Urgency,
    failures: u32,
    after: Option<Duration>,
    dice: u8,
) -> Duration {
    let most = match urgency {
        Urgency::First => REVOKE_MOST,
        Urgency::Normal | Urgency::Later => MOST,
    };
    let doubled = FIRST.saturating_mul(1 << failures.min(16)).min(most);
    let jittered = doubled.mul_f64(1.0 - f64::from(dice) / 255.0 / 4.0);
    // Not before the target said, whatever the dice say; a revocation asks all the same every ten seconds, one for its
    // whole lane (the circuit).
    let after_most = match urgency {
        Urgency::First => REVOKE_MOST,
        Urgency::Normal | Urgency::Later => AFTER_MOST,
    };
    after.map_or(jittered, |after| jittered.max(after.min(after_most)))
}

/// After the rows changed while it was carried out, for the `attempts`th time in a row.
pub(super) fn conflict_delay(attempts: u32) -> Duration {
    match attempts.checked_sub(3) {
        None => Duration::ZERO,
        Some(more) => CONFLICT
            .saturating_mul(1 << more.min(16))
            .min(CONFLICT_MOST),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hallpass_domain::Urgency;

    use super::{conflict_delay, delay};

    #[test]
    fn what_always_conflicts_is_tried_less_and_less() {
        let millis: Vec<u128> = (1..=12).map(|n| conflict_delay(n).as_millis()).collect();
        assert_eq!(
            millis,
            [0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000]
        );
    }

    #[test]
    fn revocations_are_never_more_than_ten_seconds_apart() {
        let seconds = |failures| delay(Urgency::First, failures, None, 0).as_secs();
        let delays: Vec<u64> = (0..6).map(seconds).collect();
        assert_eq!(delays, [1, 2, 4, 8, 10, 10]);
        assert_eq!(seconds(u32::MAX), 10);
    }

    #[test]
    fn the_rest_grows_to_five_minutes() {
        assert_eq!(delay(Urgency::Normal, 0, None, 0).as_secs(), 1);
        assert_eq!(delay(Urgency::Later, 8, None, 0).as_secs(), 256);
        assert_eq!(delay(Urgency::Normal, 60, None, 0).as_secs(), 300);
    }

    #[test]
    fn the_dice_only_shorten() {
        for dice in [0, 1, 128, 255] {
            let delay = delay(Urgency::First, 9, None, dice);
            assert!(delay <= Duration::from_secs(10), "{delay:?}");
            assert!(delay >= Duration::from_millis(7_500), "{delay:?}");
        }
    }

    #[test]
    fn what_the_target_asks_for_is_obeyed() {
        let asked = Some(Duration::from_secs(45));
        assert_eq!(delay(Urgency::Normal, 0, asked, 255).as_secs(), 45);
        assert_eq!(delay(Urgency::First, 0, asked, 255).as_secs(), 10);
        let absurd = Some(Duration::from_secs(1_000_000));
        assert_eq!(delay(Urgency::Normal, 0, absurd, 0).as_secs(), 3_600);
    }
}
