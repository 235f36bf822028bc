//! The Events API: what happened in the workspace, told to the app, with Slack's retries.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Failure, Outcome, Payload, send};
use crate::api;
use crate::message::Message;
use crate::shared::Shared;
use crate::state::{ConversationKind, State, dm_id};

/// After the first attempt: at once, one minute, five minutes.
const RETRIES: [i64; 3] = [0, 60, 300];

/// Queues an event, if the app has subscribed to it.
pub(crate) fn raise(shared: &Shared, subscription: &str, event: Value) {
    let callback = shared.write(|state| {
        let app = &state.workspace.app;
        let reachable = app.socket_mode || app.urls.events.is_some();
        if !reachable || !app.events.iter().any(|name| name == subscription) {
            return None;
        }
        Some(callback(state, shared, event))
    });
    let (Some(callback), Some(shared)) = (callback, shared.handle()) else {
        return;
    };
    tokio::spawn(async move {
        tokio::select! {
            () = shared.stopped.cancelled() => {}
            () = deliver(&shared, callback) => {}
        }
    });
}

fn callback(state: &mut State, shared: &Shared, mut event: Value) -> Value {
    let event_id = state.new_id("Ev");
    event["event_ts"] = json!(state.new_ts(shared.clock.micros()));
    let workspace = &state.workspace;
    let app = &workspace.app;
    json!({
        "token": app.verification_token,
        "team_id": workspace.team_id,
        "api_app_id": app.id,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": shared.clock.seconds(),
        "authorizations": [{
            "enterprise_id": null, "team_id": workspace.team_id, "user_id": app.bot_user_id,
            "is_bot": true, "is_enterprise_install": false,
        }],
        "is_ext_shared_channel": false,
        "event_context": format!("4-{event_id}"),
    })
}

async fn deliver(shared: &Arc<Shared>, callback: Value) {
    let payload = Payload::Event(callback);
    let mut due = shared.clock.micros();
    let mut retry = None;
    for number in 1.. {
        let (answered, _) = send(shared, &payload, retry).await;
        let reason = match &answered {
            Ok(answered) if (200..300).contains(&answered.status) || answered.no_retry => return,
            Ok(_) => "http_error",
            Err(Failure::OperationTimeout) => "http_timeout",
            Err(Failure::DispatchFailed) => "connection_failed",
        };
        let Some(after) = RETRIES.get(usize::from(number) - 1) else {
            return;
        };
        due = due.max(shared.clock.micros()) + after * 1_000_000;
        shared.clock.sleep_until(due).await;
        retry = Some((number, reason.to_owned()));
    }
}

/// A person's message, for `message.*` and `app_mention`.
pub(crate) fn message_posted(shared: &Shared, message: &Message) {
    let (kind, subscription, bot, is_member) = {
        let state = shared.read();
        let Some(conversation) = state.conversation(&message.channel) else {
            return;
        };
        let (kind, subscription) = match conversation.kind {
            ConversationKind::Public => ("channel", "message.channels"),
            ConversationKind::Private => ("group", "message.groups"),
            ConversationKind::Im => ("im", "message.im"),
            ConversationKind::Mpim => ("mpim", "message.mpim"),
        };
        let bot = state.workspace.app.bot_user_id.clone();
        let is_member = conversation.has(&bot);
        (kind, subscription, bot, is_member)
    };
    if !is_member {
        return;
    }
    let mut event = shared.read().message_json(message);
    event["channel"] = json!(message.channel);
    event["channel_type"] = json!(kind);
    raise(shared, subscription, event.clone());
    let mentioned = [format!("<@{bot}>"), format!("<@{bot}|")];
    if mentioned
        .iter()
        .any(|mention| message.text.contains(mention))
    {
        event["type"] = json!("app_mention");
        raise(shared, "app_mention", event);
    }
}

/// A profile or an account changed.
pub(crate) fn person_changed(shared: &Shared, person: &str) {
    let user = {
        let state = shared.read();
        let now = shared.clock.seconds();
        state
            .person(person)
            .map(|person| api::user_object(&state, person, now))
    };
    if let Some(user) = user {
        raise(
            shared,
            "user_change",
            json!({ "type": "user_change", "user": user }),
        );
    }
}

/// Something happened to a channel that the app's bot was in: `archive`, `left`; for private ones it is `group_…`.
pub(crate) fn channel_changed(shared: &Shared, channel: &str, what: &str) {
    let Some(kind) = shared.read().conversation(channel).map(|one| one.kind) else {
        return;
    };
    let of = match kind {
        ConversationKind::Public => "channel",
        ConversationKind::Private => "group",
        ConversationKind::Im | ConversationKind::Mpim => return,
    };
    let name = format!("{of}_{what}");
    raise(shared, &name, json!({ "type": name, "channel": channel }));
}

/// A person opens the app's Home tab; Slack says so on every opening.
pub(crate) fn home_opened(shared: &Shared, person: &str) {
    let (home, channel) = shared.write(|state| {
        state.dm_with_app(person, shared.clock.seconds());
        let home = state.homes.get(person).map(|view| state.view_json(view));
        (home, dm_id(person))
    });
    let mut event =
        json!({ "type": "app_home_opened", "user": person, "channel": channel, "tab": "home" });
    if let Some(home) = home {
        event["view"] = home;
    }
    raise(shared, "app_home_opened", event);
}

/// `url_verification`, as when a request URL is entered: the challenge must come back.
pub(crate) async fn verify_url(shared: &Shared) -> Outcome {
    let (token, challenge) = shared.write(|state| {
        (
            state.workspace.app.verification_token.clone(),
            state.secret(),
        )
    });
    let body = json!({ "token": token, "challenge": challenge, "type": "url_verification" });
    let (answered, took) = send(shared, &Payload::Event(body), None).await;
    let mut outcome = Outcome::of(answered, took);
    let json: Value = serde_json::from_str(&outcome.body).unwrap_or_default();
    let form = format!("challenge={challenge}");
    let echoed = outcome.body.trim();
    if outcome.is_ok() && echoed != challenge && echoed != form && json["challenge"] != challenge {
        outcome.error = Some("challenge_failed".into());
    }
    // The limit on the answer is the same three seconds as everywhere.
    debug_assert!(outcome.took < Duration::from_secs(10));
    outcome
}
