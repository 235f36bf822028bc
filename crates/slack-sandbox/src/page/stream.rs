//! The messages of a conversation or a thread.

use maud::{Markup, html};

use super::blocks::{self, Owner};
use super::{Seat, text};
use crate::message::Message;
use crate::state::SLACKBOT;

/// Messages of one author within this many seconds stand together.
const TOGETHER: f64 = 300.0;

pub(crate) fn channel(seat: &Seat<'_>) -> Markup {
    let messages: Vec<_> = seat
        .state
        .messages
        .iter()
        .filter(|message| message.channel == seat.channel.id && mine_or_all(seat, message))
        .filter(|message| !message.is_reply() || message.broadcast)
        .collect();
    if messages.is_empty() {
        return empty(seat);
    }
    list(seat, &messages, true)
}

pub(crate) fn thread(seat: &Seat<'_>, ts: &str) -> Markup {
    let messages: Vec<_> = seat
        .state
        .messages
        .iter()
        .filter(|message| message.channel == seat.channel.id && mine_or_all(seat, message))
        .filter(|message| message.ts == ts || message.thread_ts.as_deref() == Some(ts))
        .collect();
    if messages.iter().any(|message| message.ts == ts) {
        list(seat, &messages, false)
    } else {
        html! { p.empty { "This message was deleted." } }
    }
}

fn mine_or_all(seat: &Seat<'_>, message: &Message) -> bool {
    message
        .ephemeral_to
        .as_ref()
        .is_none_or(|only| *only == seat.me.id)
}

fn empty(seat: &Seat<'_>) -> Markup {
    let command = seat
        .state
        .workspace
        .app
        .commands
        .first()
        .map(|command| &command.name);
    html! {
        div.empty {
            p { "Nothing here yet." }
            @if let Some(command) = command.filter(|_| !seat.me.deleted) {
                p { "Type " code { (command) } " below, or a message." }
            }
        }
    }
}

fn list(seat: &Seat<'_>, messages: &[&Message], threads: bool) -> Markup {
    let mut before: Option<&Message> = None;
    html! {
        @for message in messages {
            (one(seat, message, follows(before, message), threads))
            @let () = before = Some(message);
        }
    }
}

fn follows(before: Option<&Message>, message: &Message) -> bool {
    let seconds = |message: &Message| message.ts.parse::<f64>().unwrap_or_default();
    before.is_some_and(|before| {
        before.user == message.user
            && before.ephemeral_to == message.ephemeral_to
            && before.thread_ts.is_none()
            && message.blocks.is_empty()
            && seconds(message) - seconds(before) < TOGETHER
    })
}

fn one(seat: &Seat<'_>, message: &Message, follows: bool, threads: bool) -> Markup {
    let ephemeral = message.ephemeral_to.is_some();
    let name = seat.name_of(&message.user);
    let bot = message.bot_id.is_some() || message.user == SLACKBOT;
    html! {
        article.message.ephemeral[ephemeral].follows[follows] tabindex="-1" data-ts=(message.ts)
            data-channel=(message.channel) aria-label={ "Message by " (name) } {
            div.side {
                @if follows { (text::moment(&message.ts)) } @else { (avatar(&name, bot)) }
            }
            div.body {
                @if !follows {
                    p.by {
                        strong { (name) }
                        @if bot { span.badge { "App" } }
                        (text::moment(&message.ts))
                    }
                }
                @if ephemeral { p.only { (eye()) "Only visible to you" } }
                div.content {
                    @if message.blocks.is_empty() { (text::mrkdwn(seat, &message.text)) }
                    @else { (blocks::all(seat, Owner::Message(message), &message.blocks)) }
                }
                @if message.edited.is_some() { span.quiet.edited { "(edited)" } }
                @if threads && !ephemeral { (replies(seat, message)) }
            }
        }
    }
}

/// Initials on one of eight quiet colours.
pub(crate) fn avatar(name: &str, bot: bool) -> Markup {
    let initials: String = name
        .split_whitespace()
        .filter_map(|word| word.chars().next())
        .take(2)
        .collect();
    let shade = name
        .bytes()
        .fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte))
        % 8;
    let form = if bot { " square" } else { "" };
    html! {
        span class={ "avatar shade-" (shade) (form) } aria-hidden="true" { (initials) }
    }
}

fn eye() -> Markup {
    html! {
        svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" {
            path fill="none" stroke="currentColor" stroke-width="1.4"
                d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8Z";
            circle cx="8" cy="8" r="2" fill="currentColor";
        }
    }
}

fn replies(seat: &Seat<'_>, message: &Message) -> Markup {
    let replies: Vec<_> = seat
        .state
        .messages
        .iter()
        .filter(|one| one.channel == message.channel && one.is_reply())
        .filter(|one| one.thread_ts.as_ref() == Some(&message.ts) && mine_or_all(seat, one))
        .collect();
    let parent = message.thread_ts.as_deref().unwrap_or(&message.ts);
    let address = seat.address(&message.channel, &[("thread", parent)]);
    html! {
        @match replies.last() {
            Some(last) => a.replies href=(address) data-key={ "thread/" (message.ts) } {
                @if replies.len() == 1 { "1 reply" } @else { (replies.len()) " replies" }
                span.quiet { " last " (text::moment(&last.ts)) }
            },
            None => a.reply href=(address) data-key={ "thread/" (message.ts) } { "Reply in thread" },
        }
    }
}
