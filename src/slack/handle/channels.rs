//! What happens to channels: one is archived or deleted, or the bot is removed from it. `/readyz` hears of it where the
//! configuration sends something there, before the first message is lost on its way.

use std::sync::Arc;

use http::StatusCode;

use super::{Desk, EVENT_BUDGET, HttpAnswer};
use crate::app::App;
use crate::ports::ChatError;

/// `refusal`: by which name Slack would refuse a message there now.
pub(super) async fn closed(
    app: &Arc<App>,
    desk: &Desk,
    channel: &str,
    refusal: &str,
) -> HttpAnswer {
    if app.uses_channel(channel) {
        let refused = ChatError::Permanent(refusal.into());
        desk.health.channel(channel, Err(&refused));
    }
    let moved = tokio::time::timeout(EVENT_BUDGET, app.channel_closed(channel)).await;
    if let Ok(Ok(_)) = moved {
        return HttpAnswer::empty();
    }
    tracing::warn!(
        channel,
        "a closed channel couldn't be looked at in time; Slack will send it again"
    );
    HttpAnswer::bare(StatusCode::SERVICE_UNAVAILABLE)
}
