//! mrkdwn and text objects as HTML. Everything is escaped by maud; links are http(s) or mailto.

use maud::{Markup, html};
use serde_json::Value;

use super::Seat;
use crate::mrkdwn::{Inline, Part, parse};

/// Stored mrkdwn.
pub(crate) fn mrkdwn(seat: &Seat<'_>, text: &str) -> Markup {
    html! {
        @for part in parse(text) {
            @match part {
                Part::Lines(inlines) => p { (inline(seat, &inlines)) },
                Part::Quote(inlines) => blockquote { (inline(seat, &inlines)) },
                Part::Pre(code) => pre { code { (code) } },
            }
        }
    }
}

/// Words that are shown as they are.
pub(crate) fn literal(text: &str) -> Markup {
    html! { p.literal { (text) } }
}

/// A text object of either type.
pub(crate) fn object(seat: &Seat<'_>, object: &Value) -> Markup {
    let text = object["text"].as_str().unwrap_or_default();
    if object["type"] == "mrkdwn" {
        mrkdwn(seat, text)
    } else {
        literal(text)
    }
}

/// A text object inside a line.
pub(crate) fn label(seat: &Seat<'_>, object: &Value) -> Markup {
    let text = object["text"].as_str().unwrap_or_default();
    if object["type"] != "mrkdwn" {
        return html! { (text) };
    }
    html! {
        @for part in parse(text) {
            @match part {
                Part::Lines(inlines) | Part::Quote(inlines) => (inline(seat, &inlines)),
                Part::Pre(code) => code { (code) },
            }
        }
    }
}

fn inline(seat: &Seat<'_>, inlines: &[Inline]) -> Markup {
    html! {
        @for one in inlines {
            @match one {
                Inline::Text(text) => (text),
                Inline::Bold(inner) => strong { (inline(seat, inner)) },
                Inline::Italic(inner) => em { (inline(seat, inner)) },
                Inline::Strike(inner) => s { (inline(seat, inner)) },
                Inline::Code(code) => code { (code) },
                Inline::Link { url, label, .. } => (link(url, label.as_deref().unwrap_or(url))),
                Inline::Mention { target, label, .. } => (mention(seat, target, label.as_deref())),
                Inline::Date { unix, format, link: url, fallback } => {
                    @if let Some(url) = url.as_ref().filter(|url| url.starts_with("http")) {
                        a href=(url) target="_blank" rel="noopener noreferrer" {
                            time data-unix=(unix) data-format=(format) { (fallback) }
                        }
                    } @else {
                        time data-unix=(unix) data-format=(format) { (fallback) }
                    }
                },
                Inline::Break => br;,
            }
        }
    }
}

fn link(url: &str, label: &str) -> Markup {
    html! { a href=(url) target="_blank" rel="noopener noreferrer" { (label) } }
}

fn mention(seat: &Seat<'_>, target: &str, label: Option<&str>) -> Markup {
    let (sign, id) = target.split_at(1);
    match sign {
        "@" => {
            let mine = id == seat.me.id;
            html! { span.mention.mine[mine] { "@" (seat.name_of(id)) } }
        }
        "#" => channel(seat, id, label),
        _ => group(seat, id),
    }
}

fn channel(seat: &Seat<'_>, id: &str, label: Option<&str>) -> Markup {
    if let Some(channel) = seat.state.conversation(id) {
        html! { a.mention href=(seat.address(id, &[])) { "#" (channel.name) } }
    } else {
        html! { span.mention { "#" (label.unwrap_or(id)) } }
    }
}

/// `subteam^S…`, or `here` and the like.
fn group(seat: &Seat<'_>, id: &str) -> Markup {
    let Some((_, group)) = id.split_once('^') else {
        return html! { span.mention.mine { "@" (id) } };
    };
    let found = seat.state.group(group);
    let handle = found.map_or(group, |group| &group.handle);
    let mine = found.is_some_and(|group| group.users.contains(&seat.me.id));
    html! { span.mention.mine[mine] { "@" (handle) } }
}

/// The moment of a message: the reader's zone by script, UTC without.
pub(crate) fn moment(ts: &str) -> Markup {
    let unix = ts
        .split('.')
        .next()
        .and_then(|text| text.parse::<i64>().ok())
        .unwrap_or_default();
    let utc = chrono::DateTime::from_timestamp(unix, 0).unwrap_or_default();
    let (exact, short) = (utc.format("%Y-%m-%dT%H:%M:%SZ"), utc.format("%H:%M UTC"));
    html! { time datetime=(exact) data-unix=(unix) data-format="{time}" { (short) } }
}
