//! The sandbox's time: the machine's clock moved by an offset.
//!
//! Every timestamp, expiry and signature asks here, so that a demo can move time and all of it
//! stays consistent. Waiting follows the moved time too.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Clock {
    offset_micros: AtomicI64,
    /// Where it stands still: at this moment; 0 where it goes.
    standing_micros: AtomicI64,
    moved: Notify,
}

impl Clock {
    /// Microseconds since 1970.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the sandbox's one adapter to real time"
    )]
    pub(crate) fn micros(&self) -> i64 {
        match self.standing_micros.load(Ordering::SeqCst) {
            0 => chrono::Utc::now().timestamp_micros() + self.offset_micros.load(Ordering::SeqCst),
            standing => standing,
        }
    }

    /// Stands still at this moment until it is set again.
    pub(crate) fn stand_at(&self, micros: i64) {
        self.standing_micros.store(micros, Ordering::SeqCst);
        self.moved.notify_waiters();
    }

    pub(crate) fn seconds(&self) -> i64 {
        self.micros().div_euclid(1_000_000)
    }

    pub(crate) fn offset_seconds(&self) -> i64 {
        self.offset_micros.load(Ordering::SeqCst) / 1_000_000
    }

    /// Sets (does not add) the offset.
    pub(crate) fn set_offset(&self, seconds: i64) {
        // A thousand years either way keeps every sum inside i64.
        let seconds = seconds.clamp(-31_536_000_000, 31_536_000_000);
        self.offset_micros
            .store(seconds * 1_000_000, Ordering::SeqCst);
        self.moved.notify_waiters();
    }

    /// Returns once the moved time has reached `due` (microseconds since 1970).
    pub(crate) async fn sleep_until(&self, due: i64) {
        loop {
            let moved = self.moved.notified();
            let left = due - self.micros();
            let Ok(left @ 1..) = u64::try_from(left) else {
                return;
            };
            let goes = self.standing_micros.load(Ordering::SeqCst) == 0;
            tokio::select! {
                () = tokio::time::sleep(Duration::from_micros(left)), if goes => {}
                () = moved => {}
            }
        }
    }
}
