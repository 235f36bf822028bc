//! The demo's page: two people's Slack side by side, the target's own strip below, and the controls above.
//! It shows frames of the sandbox and of the target; it has no data of its own but the clock and what is broken.

use std::convert::Infallible;

use axum::response::Response;
use axum::response::sse::Event;
use futures_util::{Stream, stream};
use http::{HeaderMap, HeaderValue, header};
use maud::{DOCTYPE, Markup, html};
use slack_sandbox::page_head;
use tokio::sync::watch;

use super::world::{CHARACTERS, Character};

/// Where the frames come from.
pub(super) struct Frames {
    pub(super) slack: String,
    pub(super) target: String,
}

/// The whole page.
pub(super) fn page(frames: &Frames, command: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (page_head("Hallpass demo", &html! {
                link rel="stylesheet" href="/demo.css";
                script src="/demo.js" defer {}
            }))
            body data-slack=(frames.slack) {
                (heading(command))
                main {
                    (phone("left", "Requester", "rita", "C0GENERAL"))
                    (phone("right", "Approver, on a phone", "bob", "C0APPROVE"))
                }
                iframe.target title="The orders service, the target system" src=(frames.target) {}
            }
        }
    }
}

fn heading(command: &str) -> Markup {
    html! {
        header {
            div.title {
                h1 { "Hallpass demo" }
                p { "The bot is the real one. Slack, the people and the orders service are simulated." }
            }
            ol.coach {
                li { "As Rita, type " code { (command) } button.copy type="button" data-copy=(command) { "Copy" } }
                li { "As Bob, press " strong { "Approve" } ". Then press " strong { "Next event" } " until Rita’s access is gone." }
                li { "Try to cheat: approve as Rita, approve as Carol, ask as Gus the guest." }
                li { "As Carol, break the glass: " code { "/prod-access break-glass db-admin for @rita 10m INC-4711 stuck" } ". Review it as Eve." }
            }
            div.panel {
                div.controls role="group" aria-label="Time" {
                    output #clock { "Real time" }
                    button type="button" data-post="/clock/forward" { "+10 min" }
                    button.next #next type="button" data-post="/clock/next" aria-describedby="upcoming" { "Next event" }
                    output #upcoming { "Nothing is scheduled yet" }
                }
                div.controls role="group" aria-label="Break something" {
                    span.label { "Break something" }
                    button type="button" data-post="/break/slack" aria-pressed="false" { "Slack down" }
                    button type="button" data-post="/break/target" aria-pressed="false" { "Target down" }
                    button type="button" data-post="/break/bot" aria-pressed="false" { "Kill the bot" }
                }
            }
            p #said role="status" {}
        }
    }
}

/// One person's Slack, with a switch to the others.
fn phone(id: &str, label: &str, chosen: &str, channel: &str) -> Markup {
    let frame = format!("{id}-frame");
    html! {
        section aria-labelledby=(id) {
            div.who {
                label #(id) for={ (id) "-who" } { (label) }
                select #{ (id) "-who" } data-frame=(frame) data-channel=(channel) {
                    @for Character { account, name, part, .. } in CHARACTERS {
                        option value=(account) selected[*name == chosen] { (shown(name)) ", " (part) }
                    }
                }
            }
            iframe #(frame) title={ (label) ": Slack" } {}
        }
    }
}

fn shown(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// Server-sent events that say only "look again", once at the start and at every change.
pub(super) fn ticks(
    changed: watch::Receiver<u64>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold((changed, true), |(mut changed, first)| async move {
        if !first {
            changed.changed().await.ok()?;
        }
        let count = *changed.borrow_and_update();
        Some((
            Ok(Event::default().data(count.to_string())),
            (changed, false),
        ))
    })
}

/// Other sites' pages may not press the demo's buttons. Browsers send `Sec-Fetch-Site` (Fetch Metadata, W3C).
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_none_or(|site| site == HeaderValue::from_static("same-origin"))
}

/// Nothing from elsewhere; frames only of and on this machine.
pub(super) async fn harden(mut response: Response) -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
         frame-src http://127.0.0.1:*; frame-ancestors 'self' http://127.0.0.1:*; base-uri 'none'; form-action 'none'";
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
