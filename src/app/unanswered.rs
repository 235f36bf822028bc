//! Calls whose answer nobody has: they may take effect after whatever was seen since, so the holding remembers until when.
//! The core then has it looked at again.

use std::time::Duration;

use chrono::TimeDelta;
use hallpass_domain::{Change, HoldingId};

use super::App;
use super::people::ATTEMPTS;
use crate::store::{Applied, StoreError};

impl App {
    /// `over`: how long such a call may still take. Where most of that stands on record already, nothing is written.
    pub(super) async fn unanswered(
        &self,
        id: &HoldingId,
        over: Duration,
    ) -> Result<(), StoreError> {
        let over = TimeDelta::from_std(over).unwrap_or(TimeDelta::MAX);
        for _ in 0..ATTEMPTS {
            let Some(holding) = self.store.holding(id).await? else {
                return Ok(());
            };
            let now = self.now();
            if holding
                .stray_until
                .is_some_and(|until| until - now > over / 2)
            {
                return Ok(());
            }
            let Some(until) = now.checked_add_signed(over) else {
                return Ok(());
            };
            let change = Change::default().holding(holding.unanswered(until));
            if self.store.apply_one(change).await? == Applied::Done {
                return Ok(());
            }
        }
        tracing::error!(holding = %id, "it changes too fast to write down that a call wasn't answered");
        Ok(())
    }
}
