//! Tokens, scopes, and the methods about the token itself.

use http::{HeaderMap, header};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::{Answer, ApiError, Args, Context};
use crate::state::State;

/// The scopes of which one is enough; empty where none is needed.
pub(crate) fn scopes_for(method: &str) -> &'static [&'static str] {
    match method {
        "chat.delete" | "chat.postEphemeral" | "chat.postMessage" | "chat.update" => {
            &["chat:write"]
        }
        "conversations.info" | "conversations.list" | "conversations.members" => {
            &["channels:read", "groups:read", "im:read", "mpim:read"]
        }
        "conversations.history" | "conversations.replies" => &[
            "channels:history",
            "groups:history",
            "im:history",
            "mpim:history",
        ],
        "conversations.open" => &["im:write", "mpim:write", "channels:manage", "groups:write"],
        "usergroups.list" | "usergroups.users.list" => &["usergroups:read"],
        "users.info" | "users.list" => &["users:read"],
        "users.lookupByEmail" => &["users:read.email"],
        "apps.connections.open" => &["connections:write"],
        _ => &[],
    }
}

pub(crate) fn check(
    state: &State,
    method: &str,
    headers: &HeaderMap,
    args: &Args,
) -> Result<(), ApiError> {
    if method == "api.test" {
        return Ok(());
    }
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(|token| token.trim().to_owned());
    let token = bearer
        .or_else(|| args.text("token"))
        .filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| ApiError::new("not_authed"))?;
    let app = &state.workspace.app;
    let same = |expected: &str| bool::from(token.as_bytes().ct_eq(expected.as_bytes()));
    let app_level = app.app_token.as_deref().is_some_and(same);
    match (
        method == "apps.connections.open",
        app_level,
        same(&app.bot_token),
    ) {
        (true, true, _) => Ok(()),
        (false, _, true) => {
            let scopes = scopes_for(method);
            if scopes.is_empty() {
                Ok(())
            } else {
                require_scope(state, scopes)
            }
        }
        (true, false, true) | (false, true, false) => Err(ApiError::new("not_allowed_token_type")),
        (_, false, false) => Err(ApiError::new("invalid_auth")),
    }
}

/// One of `scopes` must have been given to the app.
pub(crate) fn require_scope(state: &State, scopes: &[&str]) -> Result<(), ApiError> {
    let provided = &state.workspace.app.scopes;
    if scopes
        .iter()
        .any(|scope| provided.iter().any(|given| given == scope))
    {
        return Ok(());
    }
    Err(ApiError::new("missing_scope")
        .with("needed", json!(scopes.join(",")))
        .with("provided", json!(provided.join(","))))
}

pub(crate) fn has_scope(state: &State, scope: &str) -> bool {
    state
        .workspace
        .app
        .scopes
        .iter()
        .any(|given| given == scope)
}

pub(crate) fn auth_test(state: &State) -> Value {
    let workspace = &state.workspace;
    let app = &workspace.app;
    let name = state
        .person(&app.bot_user_id)
        .map_or(&app.name, |bot| &bot.name);
    json!({
        "url": format!("https://{}.slack.com/", workspace.domain),
        "team": workspace.name,
        "user": name,
        "team_id": workspace.team_id,
        "user_id": app.bot_user_id,
        "bot_id": app.bot_id,
        "is_enterprise_install": false,
    })
}

pub(crate) fn api_test(args: &Args) -> Answer {
    let given = args.without_token();
    match args.text("error") {
        Some(error) => Err(ApiError::named(error).with("args", given)),
        None => Ok(json!({ "args": given })),
    }
}

pub(crate) fn open_connection(state: &mut State, context: &Context<'_>) -> Answer {
    if !state.workspace.app.socket_mode {
        return Err(ApiError::new("forbidden_team"));
    }
    let ticket = state.secret();
    state.tickets.push((ticket.clone(), context.now));
    let base = context.base.replacen("http", "ws", 1);
    let app_id = &state.workspace.app.id;
    Ok(json!({ "url": format!("{base}/link?ticket={ticket}&app_id={app_id}") }))
}
