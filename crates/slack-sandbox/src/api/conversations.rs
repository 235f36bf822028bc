//! `conversations.*`: where people talk, who is there, what was said.

use serde_json::{Value, json};

use super::auth::{has_scope, require_scope};
use super::chat::visible;
use super::{Answer, ApiError, Args, Context};
use crate::message::Message;
use crate::state::{Conversation, ConversationKind, State};

fn scope(kind: ConversationKind, what: &str) -> String {
    let family = match kind {
        ConversationKind::Public => "channels",
        ConversationKind::Private => "groups",
        ConversationKind::Im => "im",
        ConversationKind::Mpim => "mpim",
    };
    format!("{family}:{what}")
}

fn show(state: &State, conversation: &Conversation) -> Value {
    let bot = &state.workspace.app.bot_user_id;
    let kind = conversation.kind;
    if kind == ConversationKind::Im {
        let user = conversation.members.iter().find(|member| *member != bot);
        let deleted = user
            .and_then(|user| state.person(user))
            .is_some_and(|user| user.deleted);
        return json!({
            "id": conversation.id, "created": conversation.created, "is_archived": false,
            "is_im": true, "is_org_shared": false, "user": user, "is_user_deleted": deleted,
            "context_team_id": state.workspace.team_id,
        });
    }
    let private = kind != ConversationKind::Public;
    let mut shared = conversation
        .members
        .iter()
        .filter_map(|member| state.person(member));
    let shared = shared.any(|person| person.team_id.is_some());
    let nothing = json!({ "value": "", "creator": "", "last_set": 0 });
    json!({
        "id": conversation.id, "name": conversation.name, "name_normalized": conversation.name,
        "created": conversation.created, "creator": "USLACKBOT",
        "is_channel": !private, "is_group": kind == ConversationKind::Private, "is_im": false,
        "is_mpim": kind == ConversationKind::Mpim, "is_private": private,
        "is_archived": conversation.archived, "is_general": conversation.name == "general",
        "is_member": conversation.has(bot), "is_shared": shared, "is_ext_shared": shared,
        "is_org_shared": false, "is_pending_ext_shared": false, "pending_shared": [],
        "previous_names": [], "unlinked": 0, "topic": nothing, "purpose": nothing,
        "context_team_id": state.workspace.team_id,
    })
}

pub(crate) fn open(state: &mut State, context: &Context<'_>, args: &Args) -> Answer {
    if let Some(channel) = args.text("channel") {
        let conversation = visible(state, &channel)?;
        if !conversation.is_direct() {
            return Err(ApiError::new("method_not_supported_for_channel_type"));
        }
        return Ok(json!({ "channel": { "id": conversation.id } }));
    }
    let users = args
        .list("users")
        .ok_or_else(|| ApiError::new("users_list_not_supplied"))?;
    if users.len() > 8 {
        return Err(ApiError::new("too_many_users"));
    }
    for user in &users {
        match state.person(user) {
            None => return Err(ApiError::new("user_not_found")),
            Some(person) if person.deleted => return Err(ApiError::new("user_disabled")),
            Some(person) if person.is_bot => {
                return Err(ApiError::new("invalid_user_combination"));
            }
            Some(_) => {}
        }
    }
    match users.as_slice() {
        [] => Err(ApiError::new("not_enough_users")),
        [user] => {
            require_scope(state, &["im:write"])?;
            let existed = state.conversation(&crate::state::dm_id(user)).is_some();
            let id = state.dm_with_app(user, context.seconds());
            opened(state, &id, existed, args)
        }
        _ => {
            require_scope(state, &["mpim:write"])?;
            group_dm(state, context, args, users)
        }
    }
}

fn opened(state: &State, id: &str, existed: bool, args: &Args) -> Answer {
    let conversation = state
        .conversation(id)
        .ok_or_else(|| ApiError::new("channel_not_found"))?;
    let full = args.flag("return_im");
    let channel = if full {
        show(state, conversation)
    } else {
        json!({ "id": id })
    };
    let mut answer = json!({ "channel": channel });
    if existed {
        answer["no_op"] = json!(true);
        answer["already_open"] = json!(true);
    }
    Ok(answer)
}

fn group_dm(
    state: &mut State,
    context: &Context<'_>,
    args: &Args,
    mut members: Vec<String>,
) -> Answer {
    members.push(state.workspace.app.bot_user_id.clone());
    members.sort();
    members.dedup();
    let known = state.conversations.iter().find(|conversation| {
        conversation.kind == ConversationKind::Mpim && conversation.members == members
    });
    if let Some(known) = known {
        return opened(state, &known.id, true, args);
    }
    let names: Vec<_> = members
        .iter()
        .filter_map(|id| state.person(id))
        .map(|p| p.name.clone())
        .collect();
    let id = state.new_id("G");
    state.conversations.push(Conversation {
        id: id.clone(),
        name: format!("mpdm-{}-1", names.join("--")),
        kind: ConversationKind::Mpim,
        archived: false,
        members,
        created: context.seconds(),
    });
    opened(state, &id, false, args)
}

pub(crate) fn info(state: &State, args: &Args) -> Answer {
    let conversation = visible(state, &args.require("channel")?)?;
    require_scope(state, &[&scope(conversation.kind, "read")])?;
    let mut channel = show(state, conversation);
    if args.flag("include_num_members") {
        channel["num_members"] = json!(conversation.members.len());
    }
    if args.flag("include_locale") {
        channel["locale"] = json!("en-US");
    }
    Ok(json!({ "channel": channel }))
}

pub(crate) fn list(state: &State, args: &Args) -> Answer {
    let types = args
        .list("types")
        .unwrap_or_else(|| vec!["public_channel".into()]);
    let mut kinds = Vec::new();
    for name in &types {
        let kind = match name.as_str() {
            "public_channel" => ConversationKind::Public,
            "private_channel" => ConversationKind::Private,
            "im" => ConversationKind::Im,
            "mpim" => ConversationKind::Mpim,
            _ => return Err(ApiError::new("invalid_types")),
        };
        require_scope(state, &[&scope(kind, "read")])?;
        kinds.push(kind);
    }
    let bot = &state.workspace.app.bot_user_id;
    let skip_archived = args.flag("exclude_archived");
    let channels = state
        .conversations
        .iter()
        .filter(|one| kinds.contains(&one.kind) && !(one.archived && skip_archived))
        .filter(|one| one.kind == ConversationKind::Public || one.has(bot))
        .map(|one| {
            let mut shown = show(state, one);
            if !one.is_direct() {
                shown["num_members"] = json!(one.members.len());
            }
            shown
        })
        .collect();
    let (channels, metadata) = args.page(channels, 100)?;
    Ok(json!({ "channels": channels, "response_metadata": metadata }))
}

pub(crate) fn members(state: &State, args: &Args) -> Answer {
    let conversation = visible(state, &args.require("channel")?)?;
    require_scope(state, &[&scope(conversation.kind, "read")])?;
    let members = conversation.members.iter().map(|id| json!(id)).collect();
    let (members, metadata) = args.page(members, 100)?;
    Ok(json!({ "members": members, "response_metadata": metadata }))
}

/// The conversation whose messages the app may read.
fn readable<'a>(state: &'a State, args: &Args) -> Result<&'a Conversation, ApiError> {
    let conversation = visible(state, &args.require("channel")?)?;
    require_scope(state, &[&scope(conversation.kind, "history")])?;
    let member = conversation.has(&state.workspace.app.bot_user_id);
    let public = has_scope(state, "channels:history");
    let open = public && conversation.kind == ConversationKind::Public;
    if !member && !open {
        return Err(ApiError::new("not_in_channel"));
    }
    Ok(conversation)
}

/// `oldest` < ts < `latest`, the ends included where `inclusive`.
fn within(args: &Args, message: &Message) -> bool {
    let inclusive = args.flag("inclusive");
    let ts = message.ts.as_str();
    let after = |oldest: &str| ts > oldest || (inclusive && ts == oldest);
    let before = |latest: &str| ts < latest || (inclusive && ts == latest);
    args.text("oldest")
        .is_none_or(|oldest| oldest == "0" || after(&oldest))
        && args.text("latest").is_none_or(|latest| before(&latest))
}

fn check_range(args: &Args) -> Result<(), ApiError> {
    for (key, error) in [
        ("oldest", "invalid_ts_oldest"),
        ("latest", "invalid_ts_latest"),
    ] {
        if args.text(key).is_some_and(|ts| ts.parse::<f64>().is_err()) {
            return Err(ApiError::new(error));
        }
    }
    Ok(())
}

pub(crate) fn history(state: &State, args: &Args) -> Answer {
    let channel = readable(state, args)?;
    check_range(args)?;
    let messages: Vec<_> = state
        .messages
        .iter()
        .rev()
        .filter(|message| message.channel == channel.id && message.ephemeral_to.is_none())
        .filter(|message| !message.is_reply() || message.broadcast)
        .filter(|message| within(args, message))
        .map(|message| with_thread(state, message))
        .collect();
    let (messages, metadata) = args.page(messages, 100)?;
    let more = metadata["next_cursor"] != "";
    Ok(json!({ "messages": messages, "has_more": more, "response_metadata": metadata }))
}

pub(crate) fn replies(state: &State, args: &Args) -> Answer {
    let channel = readable(state, args)?;
    check_range(args)?;
    let ts = args.require("ts")?;
    let asked = state
        .message(&channel.id, &ts)
        .filter(|message| message.ephemeral_to.is_none());
    let asked = asked.ok_or_else(|| ApiError::new("thread_not_found"))?;
    let parent = asked.thread_ts.as_ref().unwrap_or(&asked.ts);
    let messages = state
        .messages
        .iter()
        .filter(|one| one.channel == channel.id && one.ephemeral_to.is_none())
        .filter(|one| one.ts == *parent || one.thread_ts.as_ref() == Some(parent))
        .filter(|one| one.ts == *parent || within(args, one))
        .map(|one| with_thread(state, one))
        .collect();
    let (messages, metadata) = args.page(messages, 100)?;
    let more = metadata["next_cursor"] != "";
    Ok(json!({ "messages": messages, "has_more": more, "response_metadata": metadata }))
}

/// A parent says how many replies it has and by whom.
fn with_thread(state: &State, message: &Message) -> Value {
    let mut shown = state.message_json(message);
    if message.thread_ts.as_ref() == Some(&message.ts) {
        let replies: Vec<_> = state
            .messages
            .iter()
            .filter(|one| one.channel == message.channel && one.ephemeral_to.is_none())
            .filter(|one| one.is_reply() && one.thread_ts == message.thread_ts)
            .collect();
        let mut users: Vec<_> = replies.iter().map(|reply| reply.user.as_str()).collect();
        users.sort_unstable();
        users.dedup();
        shown["reply_count"] = json!(replies.len());
        shown["reply_users"] = json!(users);
        shown["reply_users_count"] = json!(users.len());
        shown["latest_reply"] = json!(replies.last().map(|reply| &reply.ts));
    }
    shown
}
