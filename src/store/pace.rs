//! How many are done together: as many as are quick together. What is slow as a whole holds up whoever comes next, and
//! outlives the lease under which it was claimed, so the next are fewer, until they are quick again.
//!
//! Shared by whoever does them at the same time; remembered for as long as the process runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What takes longer is too much at once: a part of a lease, and of the patience of whoever waits.
const LONG: Duration = Duration::from_secs(2);
/// What takes no longer may be more the next time.
const QUICK: Duration = Duration::from_millis(400);
/// Where a fixed cost is slow and not each of them, fewer than this don't make it faster.
const FEWEST: usize = 8;

#[derive(Debug)]
pub struct Pace {
    limit: usize,
    most: AtomicUsize,
}

impl Pace {
    /// At most `limit` together.
    pub fn up_to(limit: usize) -> Self {
        Self {
            limit,
            most: AtomicUsize::new(limit),
        }
    }

    /// So many together now.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// So many together took so long.
    pub fn took(&self, together: usize, time: Duration) {
        let most = self.most();
        if time > LONG {
            let fewer = (together / 2).max(FEWEST);
            self.most.fetch_min(fewer, Ordering::Relaxed);
        } else if (time <= QUICK || most <= FEWEST) && together >= most && most < self.limit {
            let more = most.saturating_mul(2).min(self.limit);
            self.most.store(more, Ordering::Relaxed);
        }
    }

    /// So many together were cut off unfinished.
    pub fn cut(&self, together: usize) {
        let fewer = (together / 4).max(1);
        self.most.fetch_min(fewer, Ordering::Relaxed);
        tracing::warn!(
            together,
            next = self.most(),
            "too slow together: fewer at a time from now on"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pace;

    const TENTH: Duration = Duration::from_millis(100);

    /// As a database does them that needs a tenth of a second for each.
    fn rounds(pace: &Pace, each: Duration, rounds: usize) -> Vec<usize> {
        let all = (0..rounds).map(|_| {
            let together = pace.most();
            let together_u32 = u32::try_from(together).expect("a small number");
            pace.took(together, each * together_u32);
            together
        });
        all.collect()
    }

    #[test]
    fn what_is_slow_as_a_whole_is_halved_until_it_is_quick() {
        let pace = Pace::up_to(256);
        assert_eq!(rounds(&pace, TENTH, 6), [256, 128, 64, 32, 16, 16]);
    }

    #[test]
    fn what_is_quick_again_grows_to_its_limit() {
        let pace = Pace::up_to(256);
        rounds(&pace, TENTH, 6);
        let quick = Duration::from_micros(100);
        assert_eq!(rounds(&pace, quick, 6), [16, 32, 64, 128, 256, 256]);
        // A few that are quick say nothing of many.
        pace.cut(256);
        pace.took(3, quick);
        assert_eq!(pace.most(), 64);
    }

    #[test]
    fn what_was_cut_off_is_quartered_down_to_one() {
        let pace = Pace::up_to(256);
        let mut seen = Vec::new();
        for _ in 0..5 {
            pace.cut(pace.most());
            seen.push(pace.most());
        }
        assert_eq!(seen, [64, 16, 4, 1, 1]);
    }

    #[test]
    fn a_fixed_cost_does_not_keep_it_at_one() {
        let pace = Pace::up_to(256);
        for _ in 0..5 {
            pace.cut(pace.most());
        }
        for _ in 0..9 {
            pace.took(pace.most(), Duration::from_millis(500));
        }
        assert!(pace.most() > 8, "{}", pace.most());
    }

    #[test]
    fn a_slow_commit_does_not_make_it_one_at_a_time() {
        let pace = Pace::up_to(256);
        for _ in 0..20 {
            pace.took(pace.most(), Duration::from_secs(3));
        }
        assert_eq!(pace.most(), 8);
    }
}
