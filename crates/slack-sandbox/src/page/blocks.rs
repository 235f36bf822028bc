//! Blocks and their elements as HTML.

use maud::{Markup, html};
use serde_json::Value;

use super::fields;
use super::{Seat, text};
use crate::message::Message;
use crate::view::View;

/// Where an element's actions go.
#[derive(Clone, Copy)]
pub(crate) enum Owner<'a> {
    Message(&'a Message),
    View(&'a View),
}

impl Owner<'_> {
    /// What an element holds now.
    pub(crate) fn value(&self, block_id: &str, element: &Value) -> Value {
        let action_id = element["action_id"].as_str().unwrap_or_default();
        let held = match self {
            Self::Message(_) => None,
            Self::View(view) => view
                .state
                .get(block_id)
                .and_then(|block| block.get(action_id)),
        };
        held.cloned()
            .unwrap_or_else(|| crate::blocks::values::initial(element))
    }

    pub(crate) fn error(&self, block_id: &str) -> Option<&str> {
        match self {
            Self::Message(_) => None,
            Self::View(view) => view.errors.get(block_id).and_then(Value::as_str),
        }
    }
}

pub(crate) fn all(seat: &Seat<'_>, owner: Owner<'_>, blocks: &[Value]) -> Markup {
    html! {
        @for block in blocks { (one(seat, owner, block)) }
    }
}

fn one(seat: &Seat<'_>, owner: Owner<'_>, block: &Value) -> Markup {
    let id = block["block_id"].as_str().unwrap_or_default();
    match block["type"].as_str().unwrap_or_default() {
        "divider" => html! { hr; },
        "header" => {
            html! { h3.block-header { (block["text"]["text"].as_str().unwrap_or_default()) } }
        }
        "section" => section(seat, owner, id, block),
        "context" => html! {
            div.context {
                @for element in list(&block["elements"]) {
                    @if element["type"] == "image" { (image(element)) }
                    @else { span { (text::label(seat, element)) } }
                }
            }
        },
        "actions" => html! {
            div.actions {
                @for element in list(&block["elements"]) {
                    (self::element(seat, owner, id, element))
                }
            }
        },
        "input" => fields::input(seat, owner, block),
        "image" => image(block),
        "markdown" => text::literal(block["text"].as_str().unwrap_or_default()),
        "rich_text" => html! { @for part in list(&block["elements"]) { (rich(seat, part)) } },
        other => html! { p.quiet { "A " (other) " block, which this page can't show." } },
    }
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn section(seat: &Seat<'_>, owner: Owner<'_>, id: &str, block: &Value) -> Markup {
    html! {
        div.section {
            div.words {
                @if block["text"].is_object() { (text::object(seat, &block["text"])) }
                @if block["fields"].is_array() {
                    div.fields {
                        @for field in list(&block["fields"]) {
                            div { (text::object(seat, field)) }
                        }
                    }
                }
            }
            @if block["accessory"].is_object() {
                div.accessory { (element(seat, owner, id, &block["accessory"])) }
            }
        }
    }
}

/// Nothing is loaded from elsewhere, so an image is its words and a link.
fn image(block: &Value) -> Markup {
    let alt = block["alt_text"].as_str().unwrap_or_default();
    let url = block["image_url"].as_str().unwrap_or_default();
    html! {
        a.image href=(url) target="_blank" rel="noopener noreferrer" { "Image: " (alt) }
    }
}

/// A button, or anything that can be chosen from.
fn element(seat: &Seat<'_>, owner: Owner<'_>, block_id: &str, element: &Value) -> Markup {
    match element["type"].as_str().unwrap_or_default() {
        "button" => button(owner, block_id, element),
        "image" => image(element),
        "overflow" => html! {
            details.overflow {
                summary aria-label="More actions" { "⋯" }
                div.menu {
                    @for option in list(&element["options"]) {
                        button.btn type="button" data-act data-value=(option["value"].as_str().unwrap_or_default())
                            data-url=[option["url"].as_str()] data-confirm=[confirm(element)]
                            data-block=(block_id) data-action=(id(element)) {
                            (option["text"]["text"].as_str().unwrap_or_default())
                        }
                    }
                }
            }
        },
        _ => html! {
            div.choice data-choice data-confirm=[confirm(element)] {
                (fields::field(seat, owner, block_id, element, None))
            }
        },
    }
}

pub(crate) fn id(element: &Value) -> &str {
    element["action_id"].as_str().unwrap_or_default()
}

/// The confirm dialog's words for the script.
fn confirm(element: &Value) -> Option<String> {
    element["confirm"]
        .is_object()
        .then(|| element["confirm"].to_string())
}

fn button(owner: Owner<'_>, block_id: &str, element: &Value) -> Markup {
    let style = match element["style"].as_str() {
        Some("primary") => "btn primary",
        Some("danger") => "btn danger",
        _ => "btn",
    };
    let key = match owner {
        Owner::Message(message) => &message.ts,
        Owner::View(view) => &view.id,
    };
    html! {
        button class=(style) type="button" data-act data-block=(block_id) data-action=(id(element))
            data-key={ (key) "/" (block_id) "/" (id(element)) }
            data-url=[element["url"].as_str()] data-confirm=[confirm(element)]
            aria-label=[element["accessibility_label"].as_str()] {
            (element["text"]["text"].as_str().unwrap_or_default())
        }
    }
}

fn rich(seat: &Seat<'_>, part: &Value) -> Markup {
    let inside = html! { @for one in list(&part["elements"]) { (rich_inline(seat, one)) } };
    match part["type"].as_str().unwrap_or_default() {
        "rich_text_preformatted" => html! { pre { code { (inside) } } },
        "rich_text_quote" => html! { blockquote { (inside) } },
        "rich_text_list" => html! {
            ul { @for item in list(&part["elements"]) { li { (rich(seat, item)) } } }
        },
        _ => html! { p { (inside) } },
    }
}

fn rich_inline(seat: &Seat<'_>, one: &Value) -> Markup {
    let words = one["text"]
        .as_str()
        .or(one["url"].as_str())
        .unwrap_or_default();
    match one["type"].as_str().unwrap_or_default() {
        "link"
            if one["url"]
                .as_str()
                .is_some_and(|url| url.starts_with("http")) =>
        {
            html! {
                a href=(one["url"].as_str().unwrap_or_default()) target="_blank"
                    rel="noopener noreferrer" { (words) }
            }
        }
        "user" => html! {
            span.mention { "@" (seat.name_of(one["user_id"].as_str().unwrap_or_default())) }
        },
        "broadcast" => {
            html! { span.mention.mine { "@" (one["range"].as_str().unwrap_or("here")) } }
        }
        _ if one["style"]["code"] == true => html! { code { (words) } },
        _ if one["style"]["bold"] == true => html! { strong { (words) } },
        _ if one["style"]["italic"] == true => html! { em { (words) } },
        _ => html! { (words) },
    }
}
