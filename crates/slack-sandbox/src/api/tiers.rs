//! How often an app may call each method, by the methods' own pages: <https://docs.slack.dev/reference/methods>. "50+ per
//! minute" is taken as 50 in any sixty seconds; what is refused doesn't count. How often a channel may be posted to is
//! `chat`'s.

use super::{ApiError, Context};
use crate::state::State;

const MINUTE_MICROS: i64 = 60_000_000;
const SECOND_MICROS: i64 = 1_000_000;

/// Calls a minute; none where nothing is said.
fn a_minute(method: &str) -> Option<usize> {
    Some(match method {
        // Tier 2.
        "conversations.list" | "usergroups.list" | "usergroups.users.list" | "users.list" => 20,
        // Tier 3.
        "apps.connections.open"
        | "chat.delete"
        | "chat.update"
        | "conversations.history"
        | "conversations.info"
        | "conversations.open"
        | "conversations.replies"
        | "users.lookupByEmail" => 50,
        // Tier 4.
        "chat.postEphemeral"
        | "conversations.members"
        | "users.info"
        | "views.open"
        | "views.publish"
        | "views.push"
        | "views.update" => 100,
        // "Several hundred messages per minute" in the whole workspace; hundreds for the others.
        "auth.test" | "chat.getPermalink" | "chat.postMessage" => 300,
        _ => return None,
    })
}

/// Counts the call, or says when to come again.
pub(super) fn keep(state: &mut State, context: &Context<'_>) -> Result<(), ApiError> {
    let (true, Some(most)) = (state.workspace.limit_posting, a_minute(context.method)) else {
        return Ok(());
    };
    let called = state.called.entry(context.method.to_owned()).or_default();
    while called
        .front()
        .is_some_and(|at| context.now - at >= MINUTE_MICROS)
    {
        called.pop_front();
    }
    if let Some(first) = called.front().filter(|_| called.len() >= most) {
        let left = first + MINUTE_MICROS - context.now;
        let seconds = left.max(1).div_euclid(SECOND_MICROS) + 1;
        return Err(ApiError::too_fast(seconds.unsigned_abs()));
    }
    called.push_back(context.now);
    Ok(())
}
