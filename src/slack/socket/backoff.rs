//! How long to wait before the next try to connect: longer each time, and never as long as another process's.

use std::time::Duration;

use crate::ports::Entropy;

const FIRST: Duration = Duration::from_millis(500);

/// Of one connection.
pub(super) struct Backoff {
    most: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(most: Duration) -> Self {
        Self { most, failures: 0 }
    }

    /// It works again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Before the next try: anything up to a bound that doubles.
    pub(super) fn next(&mut self, entropy: &dyn Entropy) -> Duration {
        let doubled = FIRST.saturating_mul(1 << self.failures.min(16));
        self.failures += 1;
        jittered(doubled.min(self.most), entropy)
    }

    /// Before asking again for what was refused: near the bound.
    pub(super) fn long(&self, entropy: &dyn Entropy) -> Duration {
        self.most / 2 + jittered(self.most / 2, entropy)
    }
}

fn jittered(bound: Duration, entropy: &dyn Entropy) -> Duration {
    let mut dice = [0];
    entropy.fill(&mut dice);
    bound.mul_f64(f64::from(dice[0]) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Dice(u8);

    impl Entropy for Dice {
        fn id(&self) -> String {
            String::new()
        }

        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn it_doubles_up_to_its_bound_and_the_dice_spread_it() {
        let most = Duration::from_secs(4);
        let mut backoff = Backoff::new(most);
        let waits: Vec<u128> = (0..6)
            .map(|_| backoff.next(&Dice(255)).as_millis())
            .collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 4_000, 4_000]);
        assert_eq!(backoff.next(&Dice(0)), Duration::ZERO);
        assert_eq!(backoff.long(&Dice(0)), most / 2);
        backoff.reset();
        assert_eq!(backoff.next(&Dice(255)), FIRST);
    }
}
