//! Time and randomness as the core gets them: passed in, so that tests move the one and replay the other.

use async_trait::async_trait;
use chrono::TimeDelta;
use hallpass_domain::Time;

#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Time;

    /// Returns once `now()` is `moment` or later, also when a test or a demo moves the clock.
    async fn wait_until(&self, moment: Time);

    /// The machine's own reading, which a skew is measured against.
    fn machine(&self) -> Time {
        self.now()
    }

    /// From now on follows a clock that is so much ahead of the machine's (behind where negative), and never goes back.
    fn follow(&self, _ahead: TimeDelta) {}

    /// It is later than this already: time goes on from there until the machine's clock has caught up.
    fn not_before(&self, _moment: Time) {}

    /// By how much the machine's clock jumped since this was asked last, each jump once; back where negative.
    fn jumps(&self) -> Vec<TimeDelta> {
        Vec::new()
    }
}

pub trait Entropy: Send + Sync {
    /// A UUID v7 as text.
    fn id(&self) -> String;

    /// Unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}
