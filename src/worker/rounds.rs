//! Rounds one at a time, for whoever chooses itself what comes next: the simulation, in which a seed decides when the
//! worker goes round, which of the calls that are under way is answered, and when time passes. The rounds are those of
//! `serve`; only when leases are renewed is told by the port's clock, since no time passes by itself.

use std::sync::Arc;

use chrono::TimeDelta;
use hallpass_domain::Time;

use super::round::Round;
use super::{RENEW, Worker};
use crate::store::StoreError;

/// What of the worker is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnderWay {
    /// Tasks that carry something out.
    pub running: usize,
    /// What is called already and not on record yet.
    pub recording: usize,
}

/// Dropped with all that is under way, as by a crash.
pub struct Rounds {
    round: Round,
    renewed: Time,
}

impl Worker {
    /// `now`: by the port's clock.
    pub fn rounds(self: &Arc<Self>, now: Time) -> Rounds {
        Rounds {
            round: Round::new(Arc::clone(self)),
            renewed: now,
        }
    }
}

impl Rounds {
    /// Claims and starts what is due, as far as each lane's limits allow. Answers when the next is due.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub async fn next(&mut self, now: Time) -> Result<Option<Time>, StoreError> {
        let every = TimeDelta::from_std(RENEW).unwrap_or(TimeDelta::MAX);
        if now - self.renewed >= every {
            self.renewed = now;
            self.round.renew(now).await?;
        }
        self.round.claim(now).await
    }

    pub fn under_way(&mut self) -> UnderWay {
        self.round.under_way()
    }
}
