//! `users.*` and `usergroups.*`.

use chrono::{Offset, TimeZone};
use serde_json::{Value, json};

use super::auth::has_scope;
use super::{Answer, ApiError, Args, Context};
use crate::state::State;
use crate::workspace::{Person, UserGroup};

/// The user object; the e-mail only with its scope. Also the payload of `user_change`.
pub(crate) fn show(state: &State, person: &Person, now_seconds: i64) -> Value {
    let zone: chrono_tz::Tz = person.tz.parse().unwrap_or(chrono_tz::UTC);
    let offset = chrono::DateTime::from_timestamp(now_seconds, 0).map_or(0, |now| {
        zone.offset_from_utc_datetime(&now.naive_utc())
            .fix()
            .local_minus_utc()
    });
    let team = person.team_id.as_ref().unwrap_or(&state.workspace.team_id);
    let mut profile = json!({
        "real_name": person.real_name, "real_name_normalized": person.real_name,
        "display_name": person.name, "display_name_normalized": person.name,
        "status_text": "", "status_emoji": "", "team": team,
    });
    if has_scope(state, "users:read.email")
        && let Some(email) = &person.email
        && !person.deleted
    {
        profile["email"] = json!(email);
    }
    if person.is_bot {
        profile["bot_id"] = json!(state.workspace.app.bot_id);
        profile["api_app_id"] = json!(state.workspace.app.id);
    }
    let mut user = json!({
        "id": person.id, "team_id": team, "name": person.name, "deleted": person.deleted,
        "profile": profile, "is_bot": person.is_bot, "is_app_user": false, "updated": now_seconds,
    });
    if !person.deleted {
        // A deactivated account loses these.
        user["real_name"] = json!(person.real_name);
        user["tz"] = json!(person.tz);
        user["tz_label"] = json!(person.tz);
        user["tz_offset"] = json!(offset);
        user["is_admin"] = json!(false);
        user["is_owner"] = json!(false);
        user["is_primary_owner"] = json!(false);
        user["is_restricted"] = json!(person.is_restricted);
        user["is_ultra_restricted"] = json!(person.is_ultra_restricted);
        user["is_email_confirmed"] = json!(person.email_confirmed);
    }
    user
}

pub(crate) fn info(state: &State, context: &Context<'_>, args: &Args) -> Answer {
    let id = args.require("user")?;
    let person = state
        .person(&id)
        .ok_or_else(|| ApiError::new("user_not_found"))?;
    let mut user = show(state, person, context.seconds());
    if args.flag("include_locale") {
        user["locale"] = json!("en-US");
    }
    Ok(json!({ "user": user }))
}

pub(crate) fn list(state: &State, context: &Context<'_>, args: &Args) -> Answer {
    let people = &state.workspace.people;
    let members = people
        .iter()
        .map(|person| show(state, person, context.seconds()))
        .collect();
    let (members, metadata) = args.page(members, 1000)?;
    Ok(json!({
        "members": members, "cache_ts": context.seconds(), "response_metadata": metadata,
    }))
}

pub(crate) fn by_email(state: &State, context: &Context<'_>, args: &Args) -> Answer {
    let email = args.require("email")?;
    let person = state.workspace.people.iter().find(|person| {
        let same = |own: &String| own.eq_ignore_ascii_case(&email);
        !person.deleted && person.email.as_ref().is_some_and(same)
    });
    let person = person.ok_or_else(|| ApiError::new("users_not_found"))?;
    Ok(json!({ "user": show(state, person, context.seconds()) }))
}

/// People in the group who are still there: Slack takes deactivated ones out.
fn active(state: &State, group: &UserGroup) -> Vec<String> {
    let there = |id: &&String| state.person(id).is_some_and(|person| !person.deleted);
    group.users.iter().filter(there).cloned().collect()
}

pub(crate) fn groups(state: &State, args: &Args) -> Value {
    let groups = state.workspace.user_groups.iter();
    let groups: Vec<_> = groups
        .filter(|group| args.flag("include_disabled") || !group.disabled)
        .map(|group| {
            let users = active(state, group);
            let mut shown = json!({
                "id": group.id, "team_id": state.workspace.team_id, "is_usergroup": true,
                "is_subteam": true, "name": group.name, "description": "",
                "handle": group.handle, "is_external": false, "auto_type": null,
                "date_create": 0, "date_update": 0, "date_delete": i32::from(group.disabled),
                "prefs": { "channels": [], "groups": [] },
            });
            if args.flag("include_count") {
                shown["user_count"] = json!(users.len());
            }
            if args.flag("include_users") {
                shown["users"] = json!(users);
            }
            shown
        })
        .collect();
    json!({ "usergroups": groups })
}

pub(crate) fn group_users(state: &State, args: &Args) -> Answer {
    let id = args.require("usergroup")?;
    let group = state
        .group(&id)
        .filter(|group| !group.disabled || args.flag("include_disabled"));
    let group = group.ok_or_else(|| ApiError::new("no_such_subteam"))?;
    Ok(json!({ "users": active(state, group) }))
}
