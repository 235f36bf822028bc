//! Everything an app shows on one page, for people to look at: messages, modals and homes side by side, each with what a
//! screen reader says of it. Static HTML, nothing is sent anywhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::{Map, Value};

use super::blocks::{self, Owner};
use super::modal;
use super::shell::page_head;
use super::text;
use super::{Asked, Seat};
use crate::message::Message;
use crate::state::State;
use crate::view::View;
use crate::workspace::{Channel, Workspace};

/// One thing to look at: a message (`{"text": …, "blocks": […]}`) or a view (`{"type": "modal" | "home", …}`).
#[derive(Clone, Debug)]
pub struct Exhibit {
    /// What it is called on the page, and its anchor there.
    pub name: String,
    pub shown: Value,
}

/// In the order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Home,
    Modal,
    Message,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Home, Self::Modal, Self::Message];

    fn of(shown: &Value) -> Self {
        match shown["type"].as_str() {
            Some("home") => Self::Home,
            Some("modal") => Self::Modal,
            Some(_) | None => Self::Message,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Home => "Homes",
            Self::Modal => "Modals",
            Self::Message => "Messages",
        }
    }
}

/// The page. Who is mentioned is called by the people of the workspace; its first one looks.
pub fn gallery(mut workspace: Workspace, exhibits: &[Exhibit]) -> String {
    if workspace.channels.is_empty() {
        workspace = workspace.channel(Channel::new("C0GALLERY", "gallery", &[]));
    }
    let title = format!("{}: all that people see", workspace.app.name);
    let state = State::new(workspace, 0);
    let (Some(me), Some(channel)) = (state.workspace.people.first(), state.conversations.first())
    else {
        return String::new();
    };
    let asked = Asked::default();
    let seat = Seat {
        state: &state,
        me,
        channel,
        asked: &asked,
        offset_seconds: 0,
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            (page_head(&title, &html! {
                style { (PreEscaped(include_str!("page.css"))) (PreEscaped(include_str!("gallery.css"))) }
            }))
            body.gallery {
                h1 { (title) }
                nav aria-label="What there is" { (contents(exhibits)) }
                @for kind in Kind::ALL { (section(&seat, kind, exhibits)) }
            }
        }
    }
    .into_string()
}

fn contents(exhibits: &[Exhibit]) -> Markup {
    html! {
        @for kind in Kind::ALL {
            p {
                strong { (kind.title()) }
                @for one in of_kind(kind, exhibits) { " " a href={ "#" (one.name) } { (one.name) } }
            }
        }
    }
}

fn of_kind(kind: Kind, exhibits: &[Exhibit]) -> impl Iterator<Item = &Exhibit> {
    let all = exhibits.iter();
    all.filter(move |one| Kind::of(&one.shown) == kind)
}

fn section(seat: &Seat<'_>, kind: Kind, exhibits: &[Exhibit]) -> Markup {
    html! {
        h2 { (kind.title()) }
        div.exhibits {
            @for one in of_kind(kind, exhibits) {
                figure id=(one.name) {
                    figcaption { a href={ "#" (one.name) } { (one.name) } }
                    (shown(seat, kind, &one.shown))
                }
            }
        }
    }
}

fn shown(seat: &Seat<'_>, kind: Kind, shown: &Value) -> Markup {
    match kind {
        Kind::Message => {
            let message = message(shown);
            html! {
                div.message { div.body { div.content {
                    (blocks::all(seat, Owner::Message(&message), &message.blocks))
                } } }
                div.quiet.aloud { "Read aloud: " (text::mrkdwn(seat, &message.text)) }
            }
        }
        Kind::Modal => html! { div.sheet { (modal::form(seat, &view(shown), false)) } },
        Kind::Home => {
            let view = view(shown);
            html! { div.home { (blocks::all(seat, Owner::View(&view), view.blocks())) } }
        }
    }
}

fn message(shown: &Value) -> Message {
    Message {
        channel: String::new(),
        ts: String::new(),
        thread_ts: None,
        user: String::new(),
        bot_id: None,
        text: shown["text"].as_str().unwrap_or_default().to_owned(),
        blocks: shown["blocks"].as_array().cloned().unwrap_or_default(),
        metadata: None,
        ephemeral_to: None,
        edited: None,
        broadcast: false,
    }
}

fn view(shown: &Value) -> View {
    View {
        id: String::new(),
        person: String::new(),
        root_view_id: String::new(),
        previous_view_id: None,
        kind: shown["type"].as_str().unwrap_or_default().to_owned(),
        hash: String::new(),
        source: shown.clone(),
        state: Map::new(),
        errors: shown["errors"].as_object().cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Exhibit, gallery};
    use crate::workspace::{Person, Workspace};

    #[test]
    fn everything_stands_there_with_its_buttons_and_what_is_read_aloud() {
        let section =
            |text: &str| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } });
        let button = json!({ "type": "actions", "elements": [
            { "type": "button", "action_id": "go", "text": { "type": "plain_text", "text": "Go on" } }
        ] });
        let exhibits = [
            ("told", json!({ "text": "<@U1> is told", "blocks": [section("for <@U1>"), button] })),
            ("sheet", json!({ "type": "modal", "title": { "type": "plain_text", "text": "A sheet" }, "blocks": [section("in it <b>")] })),
            ("start", json!({ "type": "home", "blocks": [section("at home")] })),
        ]
        .map(|(name, shown)| Exhibit { name: name.into(), shown });
        let mut workspace = Workspace::new("T1", "acme", "Acme");
        workspace.people = vec![Person::new("U1", "ann", "Ann", "ann@example.com")];
        let page = gallery(workspace, &exhibits);
        for part in [
            "for <",
            "@Ann",
            "Go on",
            "Read aloud: ",
            "A sheet",
            "in it &lt;b&gt;",
            "at home",
            "id=\"told\"",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<script"), "{page}");
    }
}
