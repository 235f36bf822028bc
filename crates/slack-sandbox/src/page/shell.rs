//! The frame: sidebar, head, composer, thread, and where the rest goes.
//!
//! Every part with `data-live` is exchanged by the script when it changed.

use maud::{DOCTYPE, Markup, html};

use super::{Seat, modal, stream};
use crate::state::{Conversation, dm_id};

pub(crate) fn page(seat: &Seat<'_>) -> Markup {
    let thread = seat.asked.thread.as_deref();
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&format!("{} · {}", seat.title_of(seat.channel), seat.state.workspace.name)))
            body.embedded[seat.asked.embedded()].with-thread[thread.is_some()]
                data-as=(seat.me.id) data-channel=(seat.channel.id)
                data-thread=[thread] data-home[seat.home_tab()] {
                @if seat.home_tab() { a.skip href="#stream" { "Skip to the home" } }
                @else { a.skip href="#composer" { "Skip to the composer" } }
                div #banner data-live data-offset=(seat.offset_seconds) { (banner(seat)) }
                div.frame {
                    nav #sidebar aria-label="Conversations" { (sidebar(seat)) }
                    main {
                        div #head data-live { (title(seat)) }
                        @if seat.home_tab() {
                            div #stream.stream data-live tabindex="0" { (modal::home(seat)) }
                        } @else {
                            div #stream.stream data-live role="log" tabindex="0" aria-label="Messages" {
                                (stream::channel(seat))
                            }
                            (composer(seat, None))
                        }
                    }
                    @if let Some(ts) = thread {
                        aside #thread aria-label="Thread" {
                            header.bar {
                                h2 { "Thread" }
                                a.icon href=(seat.address(&seat.channel.id, &[])) aria-label="Close the thread" data-leave { "✕" }
                            }
                            div #replies.stream data-live role="log" tabindex="0" aria-label="Replies" {
                                (stream::thread(seat, ts))
                            }
                            (composer(seat, Some(ts)))
                        }
                    }
                }
                dialog #modal aria-label="Form" { div #modal-content data-live { (modal::top(seat)) } }
                dialog #confirm aria-labelledby="confirm-title" {
                    form.modal method="dialog" {
                        header { h2 #confirm-title {} }
                        div.modal-body { p #confirm-text {} }
                        footer {
                            button.btn type="submit" value="no" #confirm-no {}
                            button.btn.primary type="submit" value="yes" #confirm-yes {}
                        }
                    }
                }
                div #toast role="alert" {}
            }
        }
    }
}

fn head(title: &str) -> Markup {
    page_head(
        title,
        &html! {
            link rel="stylesheet" href="/assets/page.css";
            script defer src="/assets/page.js" {}
        },
    )
}

/// The head of every page of ours: readable on a phone, light and dark, no icon that isn't there. `assets`: its style and
/// script.
pub fn page_head(title: &str, assets: &Markup) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) }
            link rel="icon" href="data:,";
            (assets)
        }
    }
}

/// A workspace without anybody in it.
pub(crate) fn nobody() -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head("Empty workspace"))
            body { div.empty { p { "This workspace has no people yet." } p { "Add some where it is described, then start it again." } } }
        }
    }
}

fn banner(seat: &Seat<'_>) -> Markup {
    let direction = if seat.offset_seconds < 0 {
        "back"
    } else {
        "ahead"
    };
    html! {
        @if seat.offset_seconds != 0 {
            p.banner {
                "The clock was moved " (direction) " by " (length(seat.offset_seconds.abs()))
                ". Times here are not the real ones."
            }
        }
        @if seat.state.faults.down() {
            p.banner.bad { "Slack is down: a fault was switched on. Nothing can be sent." }
        }
        @if seat.me.deleted {
            p.banner.bad {
                (seat.me.real_name) "'s account is deactivated. Nothing can be sent or pressed."
            }
        }
        p #offline.banner.bad hidden { "The sandbox doesn't answer. Trying again …" }
    }
}

/// `1 d 2 h 10 min`, without the parts that are nothing.
fn length(seconds: i64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let told = parts.iter().filter(|(count, _)| *count > 0);
    told.map(|(count, unit)| format!("{count} {unit}"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn sidebar(seat: &Seat<'_>) -> Markup {
    let workspace = &seat.state.workspace;
    html! {
        header.bar {
            h1 { (workspace.name) }
            button.icon.only-narrow type="button" data-menu aria-label="Close the list" { "✕" }
        }
        div.who {
            @if seat.asked.embedded() {
                p { span.quiet { "You are " } strong { (seat.me.real_name) } }
            } @else {
                label for="who" { "You are" }
                select #who {
                    @for person in workspace.people.iter().filter(|person| !person.is_bot) {
                        option value=(person.id) selected[person.id == seat.me.id] {
                            (person.real_name)
                            @if person.deleted { " (left)" }
                        }
                    }
                }
            }
        }
        div #conversations data-live { (conversations(seat)) }
        p.foot { "A sandbox. Simulated people, no real Slack." }
    }
}

fn conversations(seat: &Seat<'_>) -> Markup {
    let channels = seat
        .state
        .conversations
        .iter()
        .filter(|one| !one.is_direct());
    let (mine, others): (Vec<_>, Vec<_>) = channels.partition(|one| one.has(&seat.me.id));
    let others: Vec<_> = others
        .into_iter()
        .filter(|one| one.kind == crate::state::ConversationKind::Public)
        .collect();
    let direct = seat.state.conversations.iter();
    let direct = direct.filter(|one| one.is_direct() && one.has(&seat.me.id));
    html! {
        h2 { "Channels" }
        ul { @for one in mine { (entry(seat, one)) } }
        h2 { "Apps and direct messages" }
        ul { @for one in direct { (entry(seat, one)) } }
        @if !others.is_empty() {
            h2 { "You are not in" }
            ul { @for one in others { (entry(seat, one)) } }
        }
    }
}

fn entry(seat: &Seat<'_>, one: &Conversation) -> Markup {
    let here = one.id == seat.channel.id;
    let unread = unread(seat, one);
    let private = one.kind == crate::state::ConversationKind::Private;
    html! {
        li {
            a.unread[unread > 0] href=(seat.address(&one.id, &[])) aria-current=[here.then_some("page")]
                data-key={ "to/" (one.id) } {
                span.sign aria-hidden="true" {
                    @if one.is_direct() { "●" } @else if private { "◆" } @else { "#" }
                }
                span.name { (seat.title_of(one)) }
                @if private { span.sr { " (private)" } }
                @if one.archived { span.quiet { " archived" } }
                @if unread > 0 { span.count { (unread) span.sr { " unread" } } }
            }
        }
    }
}

fn unread(seat: &Seat<'_>, one: &Conversation) -> usize {
    if one.id == seat.channel.id || !one.has(&seat.me.id) {
        return 0;
    }
    let read = seat.state.read.get(&(seat.me.id.clone(), one.id.clone()));
    let messages = seat
        .state
        .messages
        .iter()
        .filter(|message| message.channel == one.id);
    messages
        .filter(|message| message.user != seat.me.id && (!message.is_reply() || message.broadcast))
        .filter(|message| {
            message
                .ephemeral_to
                .as_ref()
                .is_none_or(|only| *only == seat.me.id)
        })
        .filter(|message| read.is_none_or(|read| message.ts > *read))
        .count()
}

fn title(seat: &Seat<'_>) -> Markup {
    let channel = seat.channel;
    let count = channel.members.len();
    html! {
        header.bar {
            button.icon.only-narrow type="button" data-menu data-key="menu" aria-controls="sidebar" aria-label="Conversations" { "☰" }
            h2 {
                @if !channel.is_direct() { span.sign aria-hidden="true" { "# " } }
                (seat.title_of(channel))
            }
            @if seat.in_app_dm() {
                div.tabs {
                    a href=(seat.address(&channel.id, &[("tab", "home")])) aria-current=[seat.home_tab().then_some("page")] { "Home" }
                    a href=(seat.address(&channel.id, &[])) aria-current=[(!seat.home_tab()).then_some("page")] { "Messages" }
                }
            } @else {
                span.quiet.members { (count) @if count == 1 { " member" } @else { " members" } }
            }
        }
    }
}

fn composer(seat: &Seat<'_>, thread: Option<&str>) -> Markup {
    let channel = seat.channel;
    let blocked = match (seat.me.deleted, channel.archived, channel.has(&seat.me.id)) {
        (true, _, _) => Some("This account is deactivated."),
        (_, true, _) => Some("This channel is archived."),
        (_, _, false) => {
            Some("You can read this channel; to write in it you'd have to be a member.")
        }
        _ => None,
    };
    if let Some(why) = blocked {
        return html! { p.composer.blocked { (why) } };
    }
    let to = if channel.is_direct() {
        seat.title_of(channel)
    } else {
        format!("#{}", channel.name)
    };
    let label = if thread.is_some() {
        "Reply".into()
    } else {
        format!("Message {to}")
    };
    let id = if thread.is_some() {
        "reply"
    } else {
        "composer"
    };
    html! {
        form.composer data-composer data-thread=[thread] autocomplete="off" {
            @if thread.is_none() { (commands(seat)) }
            label.sr for=(id) { (label) }
            textarea id=(id) rows="1" placeholder=(label) {}
            button.send type="submit" aria-label="Send" {
                svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" {
                    path fill="currentColor" d="M1.5 2.2 15 8 1.5 13.8 3.2 8.9 9.5 8 3.2 7.1Z";
                }
            }
        }
    }
}

fn commands(seat: &Seat<'_>) -> Markup {
    let in_app = dm_id(&seat.me.id);
    html! {
        ul #commands.commands role="listbox" aria-label="Commands" hidden data-dm=(in_app) {
            @for command in &seat.state.workspace.app.commands {
                li role="option" data-name=(command.name) {
                    strong { (command.name) } " " span.usage { (command.usage_hint) }
                    span.quiet { (command.description) }
                }
            }
        }
    }
}
