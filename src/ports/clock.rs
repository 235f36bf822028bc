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

    /// The machine's reading as it would be without the jumps that its clock made since the start: what another clock is
    /// measured against.
    fn steady(&self) -> Time {
        self.machine()
    }

    /// From now on follows a clock that is so much ahead of [`Clock::steady`] (behind where negative). Jumps of the
    /// machine's clock move it no more, and it never goes back but for the first one.
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
