//! `chat.*`: what an app says, changes and takes back. Also used by `response_url`s.

use serde_json::{Value, json};

use super::{Answer, ApiError, Args, Context, auth};
use crate::blocks;
use crate::deliver::commands::with_ids;
use crate::message::Message;
use crate::mrkdwn;
use crate::state::{Conversation, ConversationKind, State};

/// `chat.update` and `chat.postEphemeral` refuse longer texts.
const SHORT_TEXT: usize = 4_000;
/// `chat.postMessage` cuts longer ones; here they are refused, since nobody wants half a message.
const LONG_TEXT: usize = 40_000;
/// One message a second per channel, where posting is limited; how large a burst Slack would bear it doesn't say.
const POST_INTERVAL_MICROS: i64 = 1_000_000;

/// Text and blocks of a call, checked.
pub(crate) struct Content {
    pub(crate) text: String,
    pub(crate) blocks: Vec<Value>,
    pub(crate) metadata: Option<Value>,
}

impl Content {
    pub(crate) fn read(args: &Args, longest: usize) -> Result<Self, ApiError> {
        let text = args.text("text").unwrap_or_default();
        let blocks = match args.json("blocks") {
            None => Vec::new(),
            Some(Ok(Value::Array(blocks))) => blocks,
            Some(_) => return Err(ApiError::new("invalid_blocks_format")),
        };
        let attachments = match args.json("attachments") {
            None => false,
            Some(Ok(Value::Array(list))) if list.len() <= 100 => !list.is_empty(),
            Some(Ok(Value::Array(_))) => return Err(ApiError::new("too_many_attachments")),
            Some(_) => return Err(ApiError::new("invalid_attachments")),
        };
        if let Some(markdown) = args.text("markdown_text") {
            if !text.is_empty() || !blocks.is_empty() {
                return Err(ApiError::new("markdown_text_conflict"));
            }
            return Self::markdown(&markdown);
        }
        if text.trim().is_empty() && blocks.is_empty() && !attachments {
            return Err(ApiError::new("no_text"));
        }
        if text.chars().count() > longest {
            return Err(ApiError::new("msg_too_long"));
        }
        let mistakes = blocks::check_message(&blocks);
        if !mistakes.is_empty() {
            return Err(ApiError::blocks(mistakes));
        }
        let metadata = metadata(args)?;
        Ok(Self {
            text: mrkdwn::normalise(&text),
            blocks: blocks::stored(blocks),
            metadata,
        })
    }

    fn markdown(text: &str) -> Result<Self, ApiError> {
        if text.chars().count() > 12_000 {
            return Err(ApiError::new("msg_too_long"));
        }
        let blocks = vec![json!({ "type": "markdown", "text": text })];
        Ok(Self {
            text: mrkdwn::escape(text),
            blocks: blocks::stored(blocks),
            metadata: None,
        })
    }
}

fn metadata(args: &Args) -> Result<Option<Value>, ApiError> {
    match args.json("metadata") {
        None => Ok(None),
        Some(Ok(value @ Value::Object(_))) => {
            if !value["event_type"].is_string() || !value["event_payload"].is_object() {
                return Err(ApiError::new("invalid_metadata_schema"));
            }
            Ok(Some(value))
        }
        Some(_) => Err(ApiError::new("invalid_metadata_format")),
    }
}

/// The conversation an app may see: its own DMs, public channels, private ones it is in.
pub(crate) fn visible<'a>(state: &'a State, which: &str) -> Result<&'a Conversation, ApiError> {
    let bot = &state.workspace.app.bot_user_id;
    state
        .find_conversation(which)
        .filter(|found| found.kind == ConversationKind::Public || found.has(bot))
        .ok_or_else(|| ApiError::new("channel_not_found"))
}

/// Where an app wants to write; a user id means the DM.
fn writable(state: &mut State, context: &Context<'_>, which: &str) -> Result<String, ApiError> {
    match state.person(which) {
        Some(person) if person.deleted => return Err(ApiError::new("channel_not_found")),
        Some(person) if !person.is_bot => return Ok(state.dm_with_app(which, context.seconds())),
        Some(_) | None => {}
    }
    let conversation = visible(state, which)?;
    if conversation.archived {
        return Err(ApiError::new("is_archived"));
    }
    let member = conversation.has(&state.workspace.app.bot_user_id);
    let open = conversation.kind == ConversationKind::Public
        && auth::has_scope(state, "chat:write.public");
    let enough = open && context.method == "chat.postMessage";
    if !member && !enough {
        return Err(ApiError::new("not_in_channel"));
    }
    Ok(conversation.id.clone())
}

/// The thread that a reply goes to: its parent's `ts`.
fn thread(state: &State, channel: &str, args: &Args) -> Result<Option<String>, ApiError> {
    let Some(ts) = args.text("thread_ts") else {
        return Ok(None);
    };
    let parent = state
        .message(channel, &ts)
        .filter(|parent| parent.ephemeral_to.is_none());
    match parent {
        Some(parent) if !parent.is_reply() => Ok(Some(ts)),
        Some(parent) => Ok(parent.thread_ts.clone()),
        None => Err(ApiError::new("cannot_reply_to_message")),
    }
}

pub(crate) fn post(state: &mut State, context: &Context<'_>, args: &Args) -> Answer {
    let channel = writable(state, context, &args.require("channel")?)?;
    let mut body = Content::read(args, LONG_TEXT)?;
    let names = args.flag("link_names") || args.text("parse").is_some_and(|how| how == "full");
    if names {
        // Slack then makes mentions of bare names, wherever they come from.
        body.text = with_ids(state, &body.text);
    }
    let thread_ts = thread(state, &channel, args)?;
    limit_posting(state, context, &channel)?;
    let broadcast = thread_ts.is_some() && args.flag("reply_broadcast");
    let message = add(
        state,
        context,
        &channel,
        body,
        Place {
            thread_ts,
            broadcast,
            only: None,
        },
    );
    Ok(json!({ "channel": channel, "ts": message.ts, "message": state.message_json(&message) }))
}

fn limit_posting(state: &mut State, context: &Context<'_>, channel: &str) -> Result<(), ApiError> {
    let last = state.posted.insert(channel.into(), context.now);
    let early = last.is_some_and(|last| context.now - last < POST_INTERVAL_MICROS);
    if state.workspace.limit_posting && early {
        // A refused post doesn't count.
        state
            .posted
            .extend(last.map(|last| (channel.to_owned(), last)));
        return Err(ApiError::too_fast(1));
    }
    Ok(())
}

/// Where in a conversation a message goes.
pub(crate) struct Place {
    pub(crate) thread_ts: Option<String>,
    pub(crate) broadcast: bool,
    /// Only this person sees it.
    pub(crate) only: Option<String>,
}

/// Adds a message by the app.
pub(crate) fn add(
    state: &mut State,
    context: &Context<'_>,
    channel: &str,
    body: Content,
    place: Place,
) -> Message {
    let message = Message {
        channel: channel.into(),
        ts: state.new_ts(context.now),
        thread_ts: place.thread_ts,
        user: state.workspace.app.bot_user_id.clone(),
        bot_id: Some(state.workspace.app.bot_id.clone()),
        text: body.text,
        blocks: body.blocks,
        metadata: body.metadata,
        ephemeral_to: place.only,
        edited: None,
        broadcast: place.broadcast,
    };
    state.add(message.clone());
    message
}

pub(crate) fn post_ephemeral(state: &mut State, context: &Context<'_>, args: &Args) -> Answer {
    let channel = writable(state, context, &args.require("channel")?)?;
    let user = args.require("user")?;
    let present = state
        .conversation(&channel)
        .is_some_and(|channel| channel.has(&user));
    let active = state.person(&user).is_some_and(|person| !person.deleted);
    if !present || !active {
        return Err(ApiError::new("user_not_in_channel"));
    }
    let body = Content::read(args, SHORT_TEXT)?;
    let thread_ts = thread(state, &channel, args)?;
    let place = Place {
        thread_ts,
        broadcast: false,
        only: Some(user),
    };
    let message = add(state, context, &channel, body, place);
    Ok(json!({ "message_ts": message.ts }))
}

pub(crate) fn update(state: &mut State, context: &Context<'_>, args: &Args) -> Answer {
    let conversation = visible(state, &args.require("channel")?)?;
    if conversation.archived {
        // Slack's word for a message in a frozen, archived or deleted channel.
        return Err(ApiError::new("is_inactive"));
    }
    let channel = conversation.id.clone();
    let ts = args.require("ts")?;
    let message = state
        .message(&channel, &ts)
        .ok_or_else(|| ApiError::new("message_not_found"))?;
    if message.ephemeral_to.is_some() {
        return Err(ApiError::new("message_not_found"));
    }
    if message.bot_id.as_deref() != Some(&state.workspace.app.bot_id) {
        return Err(ApiError::new("cant_update_message"));
    }
    let body = Content::read(args, SHORT_TEXT)?;
    let message = replace(state, context, &channel, &ts, body)
        .ok_or_else(|| ApiError::new("message_not_found"))?;
    let shown = state.message_json(&message);
    Ok(json!({ "channel": channel, "ts": ts, "text": message.text, "message": shown }))
}

/// Text without blocks removes the blocks.
pub(crate) fn replace(
    state: &mut State,
    context: &Context<'_>,
    channel: &str,
    ts: &str,
    body: Content,
) -> Option<Message> {
    let edited = state.new_ts(context.now);
    let message = state.message_mut(channel, ts)?;
    message.text = body.text;
    message.blocks = body.blocks;
    message.metadata = body.metadata.or_else(|| message.metadata.take());
    message.edited = Some(edited);
    Some(message.clone())
}

pub(crate) fn delete(state: &mut State, args: &Args) -> Answer {
    let channel = visible(state, &args.require("channel")?)?.id.clone();
    let ts = args.require("ts")?;
    let message = state
        .message(&channel, &ts)
        .filter(|message| message.ephemeral_to.is_none());
    let message = message.ok_or_else(|| ApiError::new("message_not_found"))?;
    if message.bot_id.as_deref() != Some(&state.workspace.app.bot_id) {
        return Err(ApiError::new("cant_delete_message"));
    }
    state
        .messages
        .retain(|message| !(message.channel == channel && message.ts == ts));
    Ok(json!({ "channel": channel, "ts": ts }))
}

pub(crate) fn permalink(state: &State, args: &Args) -> Answer {
    let channel = visible(state, &args.require("channel")?)?.id.clone();
    let ts = args.require("message_ts")?;
    let message = state
        .message(&channel, &ts)
        .ok_or_else(|| ApiError::new("message_not_found"))?;
    let domain = &state.workspace.domain;
    let mut link = format!(
        "https://{domain}.slack.com/archives/{channel}/p{}",
        ts.replace('.', "")
    );
    if let Some(parent) = message.thread_ts.as_ref().filter(|_| message.is_reply()) {
        use std::fmt::Write;
        let _ = write!(link, "?thread_ts={parent}&cid={channel}");
    }
    Ok(json!({ "channel": channel, "permalink": link }))
}

/// `blocks.validate`: a message's `blocks` or a `view`, checked and not kept.
pub(crate) fn validate(args: &Args) -> Answer {
    let mistakes = match (args.json("view"), args.json("blocks")) {
        (Some(Ok(view)), _) => blocks::check_view(&view),
        (None, Some(Ok(Value::Array(blocks)))) => blocks::check_message(&blocks),
        (None, None) => return Err(ApiError::missing("blocks")),
        _ => return Err(ApiError::new("invalid_blocks_format")),
    };
    if mistakes.is_empty() {
        Ok(json!({}))
    } else {
        Err(ApiError::blocks(mistakes))
    }
}
