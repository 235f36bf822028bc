//! The topmost modal, and the App Home.

use maud::{Markup, html};
use serde_json::Value;

use super::Seat;
use super::blocks::{self, Owner};
use crate::view::View;

/// What the dialog holds; empty when no modal is open.
pub(crate) fn top(seat: &Seat<'_>) -> Markup {
    let stack = seat.state.stacks.get(&seat.me.id);
    let Some(view) = stack.and_then(|stack| stack.last()) else {
        return html! {};
    };
    form(seat, view, stack.is_some_and(|stack| stack.len() > 1))
}

/// One modal; `below`: it covers another.
pub(crate) fn form(seat: &Seat<'_>, view: &View, below: bool) -> Markup {
    let words = |key: &str| view.source[key]["text"].as_str();
    html! {
        form.modal data-view=(view.id) data-hash=(view.hash) novalidate {
            header {
                h2 { (view.title()) }
                button.icon type="button" data-close aria-label="Close" { "✕" }
            }
            div.modal-body { (blocks::all(seat, Owner::View(view), view.blocks())) }
            footer {
                p.error data-problem role="alert" {}
                button.btn type="button" data-close {
                    (words("close").unwrap_or(if below { "Back" } else { "Close" }))
                }
                @if let Some(submit) = words("submit") {
                    button.btn.primary type="submit" data-key="submit" disabled[view.source["submit_disabled"] == Value::Bool(true)] {
                        (submit)
                    }
                }
            }
        }
    }
}

pub(crate) fn home(seat: &Seat<'_>) -> Markup {
    let Some(view) = seat.state.homes.get(&seat.me.id) else {
        return html! {
            div.empty {
                p { (seat.state.workspace.app.name) " has not published a Home for you yet." }
                p { "It was told that you opened this tab (app_home_opened)." }
            }
        };
    };
    html! {
        div.home data-view=(view.id) {
            (blocks::all(seat, Owner::View(view), view.blocks()))
        }
    }
}
