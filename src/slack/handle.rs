//! From a verified body to an answer: parse, ask the use case, render. Runs after `verify`, before any HTTP framework.
//! Business errors are answers with status 200; nothing here decides who may do what.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::StatusCode;
use serde_json::json;

use super::client::Client;
use super::health::Health;
use super::inbound::{self, Event, Interaction, MOST_TEXT, Malformed, Origin, Pressed, action};
use super::replies::Replies;
use super::views::{self, Rendered};
use crate::app::answer::{Answer, Problems};
use crate::app::{App, Caller, Press};
use crate::domain::command::Command;
use crate::domain::{RequestId, SlackId};

/// How long a changed person may take; then Slack is asked to send the event again.
const EVENT_BUDGET: Duration = Duration::from_secs(2);

/// What goes back over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    pub status: StatusCode,
    /// None where the body is empty.
    pub content_type: Option<&'static str>,
    pub body: String,
}

/// What is still to be done once the answer is out.
pub type After = BoxFuture<'static, ()>;

/// An answer, and what follows it: spawn it, don't wait for it before answering.
pub struct Handled {
    pub answer: HttpAnswer,
    pub after: Option<After>,
}

/// What the handlers need besides the use cases.
#[derive(Clone)]
pub struct Desk {
    client: Arc<Client>,
    replies: Replies,
    health: Arc<Health>,
}

impl HttpAnswer {
    /// Slack wants 200 and nothing else; for a closed view exactly this.
    pub fn empty() -> Self {
        Self::bare(StatusCode::OK)
    }

    fn bare(status: StatusCode) -> Self {
        Self {
            status,
            content_type: None,
            body: String::new(),
        }
    }

    fn json(body: &serde_json::Value) -> Self {
        Self {
            status: StatusCode::OK,
            content_type: Some("application/json; charset=utf-8"),
            body: body.to_string(),
        }
    }

    /// What only the person sees who typed.
    fn ephemeral(rendered: &Rendered) -> Self {
        Self::json(&json!({
            "response_type": "ephemeral",
            "text": rendered.text,
            "blocks": rendered.blocks,
            "unfurl_links": false,
            "unfurl_media": false,
        }))
    }

    fn refused(malformed: Malformed) -> Self {
        tracing::warn!(why = %malformed, "a signed body couldn't be read");
        Self::bare(match malformed {
            Malformed::DuplicateKey => StatusCode::UNAUTHORIZED,
            Malformed::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Malformed::NotJson | Malformed::NoPayload => StatusCode::BAD_REQUEST,
        })
    }
}

impl From<HttpAnswer> for Handled {
    fn from(answer: HttpAnswer) -> Self {
        Self {
            answer,
            after: None,
        }
    }
}

impl Desk {
    pub fn new(client: Arc<Client>, health: Arc<Health>) -> Self {
        Self {
            replies: Replies::new(client.clone()),
            client,
            health,
        }
    }

    /// Before Slack has said who we are everybody is let through: the directory knows nobody then either.
    fn serves(&self, team: Option<&str>, enterprise: Option<&str>) -> bool {
        self.client
            .known_identity()
            .is_none_or(|own| own.serves(team, enterprise))
    }

    /// None for people whom this installation doesn't serve.
    fn caller(&self, origin: &Origin) -> Option<Caller> {
        if !self.serves(origin.team.as_deref(), origin.enterprise.as_deref()) {
            return None;
        }
        // On Grid another workspace of the organisation is served too: there the directory decides, not the team's id.
        let team = self
            .client
            .known_identity()
            .map(|own| own.team.clone())
            .or_else(|| origin.team.clone());
        Some(Caller {
            account: origin.user.clone()?,
            team,
            channel: origin.channel.clone(),
        })
    }
}

/// `POST /slack/commands`: the answer is in the response.
pub async fn command(app: &App, desk: &Desk, body: &[u8]) -> Handled {
    let command = match inbound::command(body) {
        Ok(command) => command,
        Err(malformed) => return HttpAnswer::refused(malformed).into(),
    };
    if command.ssl_check {
        return HttpAnswer::empty().into();
    }
    let rendered = match desk.caller(&command.origin) {
        None => stranger(),
        Some(_) if command.text.chars().count() > MOST_TEXT => views::unreadable(
            "This is too long to be a command. Write the role, how long, and why in a sentence.",
        ),
        Some(caller) => {
            let parsed = Command::parse(&command.text);
            let delivery = command.delivery();
            views::answer(&app.command(&caller, parsed, delivery.as_deref()).await)
        }
    };
    HttpAnswer::ephemeral(&rendered).into()
}

/// `POST /slack/interactions`: acknowledged with an empty 200; what there is to say follows by `response_url`.
pub async fn interaction(app: &App, desk: &Desk, body: &[u8]) -> Handled {
    let pressed = match inbound::interaction(body) {
        Ok(Interaction::Press(pressed)) => pressed,
        Ok(Interaction::Submitted(_) | Interaction::Closed | Interaction::Shortcut(_)) => {
            return HttpAnswer::empty().into();
        }
        Ok(Interaction::Ignored { kind }) => {
            tracing::debug!(kind, "an interaction that means nothing here");
            return HttpAnswer::empty().into();
        }
        Err(malformed) => return HttpAnswer::refused(malformed).into(),
    };
    let Some(press) = press(&pressed) else {
        return HttpAnswer::empty().into();
    };
    let rendered = match desk.caller(&pressed.origin) {
        None => stranger(),
        Some(caller) => {
            let delivery = pressed.delivery();
            let answer = app
                .press(&caller, press, delivery.as_deref(), pressed.card.clone())
                .await;
            views::answer(&answer)
        }
    };
    let replies = desk.replies.clone();
    Handled {
        answer: HttpAnswer::empty(),
        after: Some(Box::pin(async move {
            replies
                .whisper(pressed.response_url.as_deref(), &rendered)
                .await;
        })),
    }
}

/// `POST /slack/events`: acknowledged once it is carried out, so that Slack sends again what was not.
pub async fn event(app: &App, desk: &Desk, body: &[u8]) -> Handled {
    match inbound::event(body) {
        Ok(Event::UrlVerification { challenge }) => {
            HttpAnswer::json(&json!({ "challenge": challenge })).into()
        }
        Ok(Event::UserChanged {
            team,
            enterprise,
            account,
            ..
        }) if desk.serves(team.as_deref(), enterprise.as_deref()) => {
            person_changed(app, &account).await.into()
        }
        Ok(Event::TokensRevoked { team }) if desk.serves(team.as_deref(), None) => {
            desk.health.token_refused("token_revoked");
            HttpAnswer::empty().into()
        }
        Ok(Event::Uninstalled { team }) if desk.serves(team.as_deref(), None) => {
            desk.health.token_refused("app_uninstalled");
            HttpAnswer::empty().into()
        }
        Ok(
            Event::UserChanged { .. }
            | Event::TokensRevoked { .. }
            | Event::Uninstalled { .. }
            | Event::HomeOpened { .. }
            | Event::Ignored { .. },
        ) => HttpAnswer::empty().into(),
        Err(malformed) => HttpAnswer::refused(malformed).into(),
    }
}

async fn person_changed(app: &App, account: &SlackId) -> HttpAnswer {
    let work = app.person_changed(account);
    if let Ok(true) = tokio::time::timeout(EVENT_BUDGET, work).await {
        return HttpAnswer::empty();
    }
    tracing::warn!(%account, "a changed person couldn't be looked at in time; Slack will send it again");
    HttpAnswer::bare(StatusCode::SERVICE_UNAVAILABLE)
}

/// Another workspace, or nobody: answered as if there were nothing.
fn stranger() -> Rendered {
    views::answer(&Answer::Problems(Problems {
        sentences: vec!["There is nothing here for this workspace.".into()],
        ..Problems::default()
    }))
}

/// What one of our buttons means; none for a button that isn't ours.
fn press(pressed: &Pressed) -> Option<Press> {
    let id = || RequestId::new(pressed.value.as_str());
    if pressed.value.is_empty() || pressed.value.len() > 100 {
        return None;
    }
    match pressed.action() {
        action::APPROVE => Some(Press::Approve(id())),
        action::DENY => Some(Press::Deny(id())),
        action::REVOKE => Some(Press::Revoke(id())),
        action::REVIEWED => Some(Press::Reviewed(id())),
        action::CANCEL => Some(Press::Cancel(id())),
        action::END_NOW => Some(Press::EndNow(id())),
        _ => None,
    }
}
