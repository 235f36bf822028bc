//! What a person types: a slash command for the app, or a message for everybody.

use serde_json::{Map, Value, json};

use super::{Outcome, Payload, actions, events, send};
use crate::api::chat::{Content, Place};
use crate::api::{Args, Context, chat};
use crate::message::Message;
use crate::mrkdwn;
use crate::shared::Shared;
use crate::state::{SLACKBOT, State};
use crate::workspace::Command;

/// Longer input isn't taken by Slack's composer.
const COMPOSER: usize = 12_000;

/// A command when it begins with a slash, otherwise a message.
pub(crate) async fn typed(
    shared: &Shared,
    person: &str,
    channel: &str,
    text: &str,
    thread_ts: Option<&str>,
) -> Outcome {
    let place = shared.write(|state| place(state, person, channel, shared.clock.seconds()));
    let (person, channel) = match place {
        Ok(place) => place,
        Err(error) => return Outcome::refused(error),
    };
    if text.chars().count() > COMPOSER {
        return Outcome::refused("msg_too_long");
    }
    if !text.starts_with('/') {
        return say(shared, &person, &channel, text, thread_ts);
    }
    let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let command = {
        let state = shared.read();
        state
            .workspace
            .app
            .commands
            .iter()
            .find(|command| command.name == name)
            .cloned()
    };
    match (command, thread_ts) {
        (None, _) => notice(
            shared,
            &person,
            &channel,
            thread_ts,
            "unknown_command",
            &format!(
                "{} is not a valid command. In Slack it would have to be one of the installed app's.",
                mrkdwn::escape(name)
            ),
        ),
        (Some(_), Some(_)) => notice(
            shared,
            &person,
            &channel,
            thread_ts,
            "not_supported_in_threads",
            &format!("{name} is not supported in threads. Sorry!"),
        ),
        (Some(command), None) => run(shared, &person, &channel, &command, rest).await,
    }
}

/// Who types where, or why they can't. Opens the DM with the app when it is asked for.
pub(crate) fn place(
    state: &mut State,
    person: &str,
    channel: &str,
    now_seconds: i64,
) -> Result<(String, String), &'static str> {
    if state.faults.down() {
        return Err("slack_is_down");
    }
    let person = state.find_person(person).ok_or("user_not_found")?;
    if person.deleted {
        return Err("account_inactive");
    }
    let person = person.id.clone();
    if channel == crate::state::dm_id(&person) {
        state.dm_with_app(&person, now_seconds);
    }
    let conversation = state
        .find_conversation(channel)
        .ok_or("channel_not_found")?;
    match (conversation.has(&person), conversation.archived) {
        (false, _) => Err("not_in_channel"),
        (true, true) => Err("is_archived"),
        (true, false) => Ok((person, conversation.id.clone())),
    }
}

/// A line by Slackbot that only this person sees.
fn notice(
    shared: &Shared,
    person: &str,
    channel: &str,
    thread_ts: Option<&str>,
    error: &str,
    text: &str,
) -> Outcome {
    let shown = shared.write(|state| {
        let message = Message {
            channel: channel.into(),
            ts: state.new_ts(shared.clock.micros()),
            thread_ts: thread_ts.map(Into::into),
            user: SLACKBOT.into(),
            bot_id: None,
            text: text.into(),
            blocks: Vec::new(),
            metadata: None,
            ephemeral_to: Some(person.into()),
            edited: None,
            broadcast: false,
        };
        state.add(message.clone());
        message
    });
    Outcome {
        error: Some(error.into()),
        shown: Some(shown),
        ..Outcome::default()
    }
}

async fn run(
    shared: &Shared,
    person: &str,
    channel: &str,
    command: &Command,
    rest: &str,
) -> Outcome {
    let now = shared.clock.micros();
    let payload = shared.write(|state| {
        let text = written(state, rest.trim(), command.should_escape);
        let trigger = state.new_trigger(person, None, now);
        let url = actions::new_response_url(state, shared, "commands", person, channel, None);
        fields(state, person, channel, &command.name, text, url, trigger)
    });
    let (answered, took) = send(shared, &Payload::Command(payload), None).await;
    let mut outcome = Outcome::of(answered, took);
    if let Some(error) = outcome.error.clone() {
        let text = format!("{} failed with the error \"{error}\"", command.name);
        outcome.shown = notice(shared, person, channel, None, &error, &text).shown;
        return outcome;
    }
    let typed = format!("{} {rest}", command.name);
    match answer(shared, person, channel, &typed, &outcome.body) {
        Ok(shown) => outcome.shown = shown,
        Err(error) => {
            let text = format!("{} failed with the error \"{error}\"", command.name);
            outcome.shown = notice(shared, person, channel, None, &error, &text).shown;
            outcome.error = Some(error);
        }
    }
    outcome
}

/// The fields of a command in Slack's order.
fn fields(
    state: &State,
    person: &str,
    channel: &str,
    command: &str,
    text: String,
    response_url: String,
    trigger_id: String,
) -> Vec<(String, String)> {
    let workspace = &state.workspace;
    let app = &workspace.app;
    let user = state.user_json(person);
    let fields = [
        ("token", app.verification_token.clone()),
        (
            "team_id",
            user["team_id"]
                .as_str()
                .unwrap_or(&workspace.team_id)
                .to_owned(),
        ),
        ("team_domain", workspace.domain.clone()),
        ("channel_id", channel.to_owned()),
        ("channel_name", state.channel_name(channel)),
        ("user_id", person.to_owned()),
        (
            "user_name",
            user["name"].as_str().unwrap_or_default().to_owned(),
        ),
        ("command", command.to_owned()),
        ("text", text),
        ("api_app_id", app.id.clone()),
        ("is_enterprise_install", "false".to_owned()),
        ("response_url", response_url),
        ("trigger_id", trigger_id),
    ];
    fields.map(|(name, value)| (name.to_owned(), value)).into()
}

/// What the app reads: `&<>` escaped, names turned into ids where the command wants that.
fn written(state: &State, text: &str, ids: bool) -> String {
    let escaped = mrkdwn::escape(text);
    if ids {
        with_ids(state, &escaped)
    } else {
        escaped
    }
}

/// `@bob` becomes `<@U0BOB|bob>`, `#ops` `<#C0OPS|ops>`, a URL `<https://…>`.
pub(crate) fn with_ids(state: &State, text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let bare = word.trim_end();
            let core = bare.trim_end_matches([',', '.', ':', ';', '!', '?']);
            let tail = &word[core.len()..];
            let person = core.strip_prefix('@').and_then(|name| {
                state
                    .workspace
                    .people
                    .iter()
                    .find(|person| person.name == name)
            });
            let channel = core
                .strip_prefix('#')
                .and_then(|name| state.find_conversation(name));
            match (person, channel) {
                (Some(person), _) => format!("<@{}|{}>{tail}", person.id, person.name),
                (None, Some(channel)) => format!("<#{}|{}>{tail}", channel.id, channel.name),
                (None, None) if ["@channel", "@here", "@everyone"].contains(&core) => {
                    format!("<!{}>{tail}", &core[1..])
                }
                (None, None) if core.starts_with("https://") || core.starts_with("http://") => {
                    format!("<{core}>{tail}")
                }
                (None, None) => word.to_owned(),
            }
        })
        .collect()
}

/// What a command's answer in the HTTP body becomes.
fn answer(
    shared: &Shared,
    person: &str,
    channel: &str,
    typed: &str,
    body: &str,
) -> Result<Option<Message>, String> {
    if body.trim().is_empty() {
        return Ok(None);
    }
    let given = match serde_json::from_str::<Value>(body) {
        Ok(Value::Object(given)) => given,
        Ok(_) | Err(_) if body.trim_start().starts_with(['{', '[']) => {
            return Err("invalid_command_response".into());
        }
        Ok(_) | Err(_) => Map::from_iter([("text".to_owned(), json!(body))]),
    };
    if given.is_empty() {
        return Ok(None);
    }
    let in_channel = given
        .get("response_type")
        .is_some_and(|kind| kind == "in_channel");
    let body = Content::read(&Args::of(given), 40_000).map_err(|error| error.error)?;
    let only = (!in_channel).then(|| person.to_owned());
    let context = Context {
        now: shared.clock.micros(),
        base: &shared.base,
        method: "command",
    };
    Ok(Some(shared.write(|state| {
        if in_channel {
            // Slack then shows the command itself too.
            add_by_person(
                state,
                context.now,
                person,
                channel,
                &mrkdwn::escape(typed.trim()),
                None,
            );
        }
        let place = Place {
            thread_ts: None,
            broadcast: false,
            only,
        };
        chat::add(state, &context, channel, body, place)
    })))
}

fn add_by_person(
    state: &mut State,
    now: i64,
    person: &str,
    channel: &str,
    text: &str,
    thread_ts: Option<&str>,
) -> Message {
    let message = Message {
        channel: channel.into(),
        ts: state.new_ts(now),
        thread_ts: thread_ts.map(Into::into),
        user: person.into(),
        bot_id: None,
        text: text.into(),
        blocks: Vec::new(),
        metadata: None,
        ephemeral_to: None,
        edited: None,
        broadcast: false,
    };
    state.add(message.clone());
    message
}

/// A person's message, and the events that it causes.
fn say(
    shared: &Shared,
    person: &str,
    channel: &str,
    text: &str,
    thread_ts: Option<&str>,
) -> Outcome {
    if text.trim().is_empty() {
        return Outcome::refused("no_text");
    }
    let message = shared.write(|state| {
        if thread_ts.is_some_and(|parent| state.message(channel, parent).is_none()) {
            return None;
        }
        let text = with_ids(state, &mrkdwn::escape(text));
        Some(add_by_person(
            state,
            shared.clock.micros(),
            person,
            channel,
            &text,
            thread_ts,
        ))
    });
    let Some(message) = message else {
        return Outcome::refused("thread_not_found");
    };
    events::message_posted(shared, &message);
    Outcome {
        status: 200,
        shown: Some(message),
        ..Outcome::default()
    }
}
