//! The page: one person's Slack in the browser.
//!
//! Rendered here, kept fresh by a little script that fetches the same address again after every
//! change. `text`, `blocks` and `fields` turn Block Kit into HTML, `stream`, `modal` and `shell`
//! put it in its place; `gallery` shows everything at once. Nothing is loaded from elsewhere.

mod blocks;
mod fields;
pub(crate) mod gallery;
mod modal;
pub(crate) mod shell;
mod stream;
mod text;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State as Extract};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;
use serde::Deserialize;
use url::form_urlencoded;

use crate::shared::Shared;
use crate::state::{Conversation, ConversationKind, State, dm_id};
use crate::workspace::Person;

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
    img-src 'self' data:; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'self' http://127.0.0.1:* http://localhost:*";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(serve))
        .route("/assets/page.css", get(style))
        .route("/assets/page.js", get(script))
}

async fn style() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
        include_str!("page.css"),
    )
}

async fn script() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")],
        include_str!("page.js"),
    )
}

/// The address: whose Slack, and what is open in it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(rename = "as")]
    person: Option<String>,
    channel: Option<String>,
    thread: Option<String>,
    tab: Option<String>,
    embed: Option<String>,
}

impl Asked {
    fn embedded(&self) -> bool {
        self.embed.is_some()
    }
}

/// Who looks, at what.
pub(crate) struct Seat<'a> {
    pub(crate) state: &'a State,
    pub(crate) me: &'a Person,
    pub(crate) channel: &'a Conversation,
    pub(crate) asked: &'a Asked,
    pub(crate) offset_seconds: i64,
}

impl Seat<'_> {
    pub(crate) fn home_tab(&self) -> bool {
        self.in_app_dm() && self.asked.tab.as_deref() == Some("home")
    }

    pub(crate) fn in_app_dm(&self) -> bool {
        self.channel.id == dm_id(&self.me.id)
    }

    pub(crate) fn address(&self, channel: &str, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::from("/?"));
        query
            .append_pair("as", &self.me.id)
            .append_pair("channel", channel);
        for (key, value) in more {
            query.append_pair(key, value);
        }
        if self.asked.embedded() {
            query.append_pair("embed", "1");
        }
        query.finish()
    }

    /// What a person or bot is called.
    pub(crate) fn name_of(&self, user: &str) -> String {
        match self.state.person(user) {
            Some(person) if person.is_bot => self.state.workspace.app.name.clone(),
            Some(person) => person.real_name.clone(),
            None if user == self.state.workspace.app.bot_user_id => {
                self.state.workspace.app.name.clone()
            }
            None if user == crate::state::SLACKBOT => "Slackbot".into(),
            None => user.to_owned(),
        }
    }

    /// What a conversation is called, without its `#`.
    pub(crate) fn title_of(&self, conversation: &Conversation) -> String {
        if conversation.kind == ConversationKind::Im {
            return self.state.workspace.app.name.clone();
        }
        conversation.name.clone()
    }
}

async fn serve(Extract(shared): Extract<Arc<Shared>>, Query(asked): Query<Asked>) -> Response {
    let mut state = shared.quietly();
    let Some(person) = who(&state, &asked) else {
        return framed(shell::nobody());
    };
    state.dm_with_app(&person, shared.clock.seconds());
    let channel = which(&state, &asked, &person);
    if let Some(last) = state
        .messages
        .iter()
        .rev()
        .find(|message| message.channel == channel)
    {
        let last = last.ts.clone();
        state.read.insert((person.clone(), channel.clone()), last);
    }
    let (Some(me), Some(conversation)) = (state.person(&person), state.conversation(&channel))
    else {
        return framed(shell::nobody());
    };
    let seat = Seat {
        state: &state,
        me,
        channel: conversation,
        asked: &asked,
        offset_seconds: shared.clock.offset_seconds(),
    };
    framed(shell::page(&seat))
}

fn framed(page: maud::Markup) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, page).into_response()
}

/// The person asked for, otherwise the first who is active.
fn who(state: &State, asked: &Asked) -> Option<String> {
    let named = asked
        .person
        .as_deref()
        .and_then(|who| state.find_person(who));
    let first = || {
        state
            .workspace
            .people
            .iter()
            .find(|person| !person.is_bot && !person.deleted)
    };
    named.or_else(first).map(|person| person.id.clone())
}

/// The conversation asked for if this person may see it, otherwise one they are in.
fn which(state: &State, asked: &Asked, person: &str) -> String {
    let may = |one: &&Conversation| one.kind == ConversationKind::Public || one.has(person);
    let asked = asked
        .channel
        .as_deref()
        .and_then(|which| state.find_conversation(which));
    let own = || {
        state
            .conversations
            .iter()
            .find(|one| !one.is_direct() && one.has(person))
    };
    asked
        .filter(may)
        .or_else(own)
        .map_or_else(|| dm_id(person), |found| found.id.clone())
}
