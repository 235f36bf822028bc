//! Time and randomness as the core gets them: passed in, so that tests move the one and replay the other.

use async_trait::async_trait;
use hallpass_domain::Time;

#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Time;

    /// Returns once `now()` is `moment` or later, also when a test or a demo moves the clock.
    async fn wait_until(&self, moment: Time);
}

pub trait Entropy: Send + Sync {
    /// A UUID v7 as text.
    fn id(&self) -> String;

    /// Unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}
