//! How soon the worker looks again at what is due. Every commit and every outcome calls it, and under load most of those
//! looks would find nothing new: after each, four times what it took is for the work itself, but for no longer than a call
//! may go unheard. A moment that is known, and a lane that was full, wait for nothing.

use std::time::Duration;

use tokio::time::Instant;

/// Between two looks passes so many times what one takes.
const APART: u32 = 4;
/// The timer knows nothing shorter: looks that are so quick follow each other as they are called, so that one request after
/// the other waits for none.
const SHORTEST: Duration = Duration::from_millis(1);
/// However long one takes, a call is heard after this.
const LONGEST: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy)]
pub(super) struct Looks {
    again: Instant,
}

impl Looks {
    /// The first is made at once.
    pub(super) fn new() -> Self {
        Self {
            again: Instant::now(),
        }
    }

    /// One took from then to then.
    pub(super) fn took(&mut self, from: Instant, to: Instant) {
        let apart = to.duration_since(from) * APART;
        let apart = if apart < SHORTEST {
            Duration::ZERO
        } else {
            apart
        };
        self.again = to + apart.min(LONGEST);
    }

    /// Who is called before this moment waits for it.
    pub(super) fn again(&self) -> Instant {
        self.again
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{LONGEST, Looks};

    /// How long nobody looks after a look that takes so long.
    fn apart(takes: Duration) -> Duration {
        let (mut looks, from) = (Looks::new(), Instant::now());
        assert!(looks.again() <= from, "the first is made at once");
        looks.took(from, from + takes);
        looks.again() - (from + takes)
    }

    #[test]
    fn a_look_leaves_four_times_what_it_took_to_the_work() {
        let two = Duration::from_millis(2);
        assert_eq!(apart(two), two * 4);
    }

    #[test]
    fn quick_looks_wait_for_nothing() {
        assert_eq!(apart(Duration::from_micros(249)), Duration::ZERO);
        assert_eq!(apart(Duration::from_micros(250)), Duration::from_millis(1));
    }

    #[test]
    fn a_slow_look_does_not_make_it_deaf() {
        assert_eq!(apart(Duration::from_secs(9)), LONGEST);
    }
}
