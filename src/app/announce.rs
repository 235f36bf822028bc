//! What the security channel is told that belongs to no request: identities and authority. Nothing waits for it.

use std::time::Duration as StdDuration;

use tokio::time::{sleep, timeout};

use super::App;
use crate::ports::chat::Message;
use crate::ports::{ChatError, Place};

/// How long one attempt to post may take, beside the adapter's own limit.
pub(super) const POST_WITHIN: StdDuration = StdDuration::from_secs(20);

impl App {
    /// Posts to the security channel in the background, until it is said or never will be.
    pub(super) fn announce(&self, message: Message) {
        tokio::spawn(self.told_security(message));
    }

    /// Returns once the security channel was told, or never will be; goes on while Slack doesn't answer.
    pub(super) fn told_security(
        &self,
        message: Message,
    ) -> impl Future<Output = ()> + Send + 'static {
        let chat = self.chat.clone();
        let place = Place::Channel(self.settings.security_channel.clone());
        async move {
            let mut pause = StdDuration::from_secs(1);
            loop {
                let wait = match timeout(POST_WITHIN, chat.post(&place, &message)).await {
                    Ok(Ok(_)) => return,
                    Ok(Err(error @ (ChatError::Permanent(_) | ChatError::Gone))) => {
                        tracing::error!(%error, "the security channel can't be told");
                        return;
                    }
                    Ok(Err(ChatError::RateLimited { after })) => after,
                    Ok(Err(ChatError::Unavailable(_) | ChatError::Token(_))) | Err(_) => pause,
                };
                pause = (pause * 2).min(StdDuration::from_secs(300));
                sleep(wait.max(StdDuration::from_millis(100))).await;
            }
        }
    }
}
