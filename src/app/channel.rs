//! A channel that takes nothing from us any more: archived, deleted, or the bot was removed from it. Cards that wait there
//! for a decision can't be pressed any more, so they move at once, and not with the next word about them.

use hallpass_domain::{Change, Effect, RequestId, Role};

use super::App;
use super::sync_card::root;
use crate::store::{RequestFilter, StoreError};

/// How many requests of a kind are looked at; those beyond move with the next word about them.
const READ_AT_MOST: u32 = 500;

impl App {
    /// Whether the configuration sends something there.
    pub fn uses_channel(&self, channel: &str) -> bool {
        let own = |role: &Role| role.channel.as_deref() == Some(channel);
        self.security_channels().any(|one| one == channel) || self.settings.roles.values().any(own)
    }

    /// Moves what waits or lives there; answers how many cards leave.
    pub async fn channel_closed(&self, channel: &str) -> Result<usize, StoreError> {
        let mut moved = 0;
        for filter in [
            RequestFilter::Pending,
            RequestFilter::Scheduled,
            RequestFilter::LiveGrants,
        ] {
            for request in self.store.requests(filter, READ_AT_MOST).await? {
                moved += usize::from(self.leaves(&request.id, channel).await?);
            }
        }
        if moved > 0 {
            tracing::warn!(
                channel,
                moved,
                "a channel is closed; its cards are posted elsewhere"
            );
        }
        Ok(moved)
    }

    /// Whether its card stood there, and leaves.
    async fn leaves(&self, id: &RequestId, channel: &str) -> Result<bool, StoreError> {
        let _turn = self.posting.of(id).await;
        let card = root(&self.store.cards(id).await?);
        if card.is_none_or(|card| card.channel != channel) {
            return Ok(false);
        }
        self.leave_channel(id).await?;
        let sync = Effect::sync_card(id, self.now());
        self.store
            .apply_one(Change::default().schedule(sync))
            .await?;
        Ok(true)
    }
}
