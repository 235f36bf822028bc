//! From a verified body to an answer: parse, ask the use case, render. Runs after `verify`, before any HTTP framework.
//! Business errors are answers with status 200; nothing here decides who may do what.

mod at_home;
mod channels;
mod modals;
mod screen;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::StatusCode;
use serde_json::json;

use self::modals::{Newest, Opens};
use self::screen::Screen;
use super::client::Client;
use super::forms::Forms;
use super::health::Health;
use super::inbound::{
    self, Event, Interaction, MOST_TEXT, Malformed, Origin, Pressed, Shortcut, SlashCommand,
    action, field,
};
use super::replies::Replies;
use super::views::{self, Rendered};
use crate::app::answer::{Answer, Problems};
use crate::app::form_shown::FormFor;
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
    forms: Forms,
    newest: Newest,
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
            forms: Forms::new(client.clone()),
            newest: Newest::default(),
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

/// `POST /slack/commands`: the answer is in the response; a form is opened after it.
pub async fn command(app: &Arc<App>, desk: &Desk, body: &[u8]) -> Handled {
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
        Some(caller) => return typed(app, desk, caller, &command).await,
    };
    HttpAnswer::ephemeral(&rendered).into()
}

async fn typed(app: &Arc<App>, desk: &Desk, caller: Caller, command: &SlashCommand) -> Handled {
    let screen = Screen::of_command(command);
    let parsed = Command::parse(&command.text);
    let (wanted, late) = if parsed == Command::Form && screen.takes_modals() {
        // Nothing is read before the answer: right after a cold start the trigger has to last.
        let late = modals::problem(
            "Slack waited too long, so the form didn't open. Type the command again, or write what you need behind it.",
        );
        (FormFor::Blank, late)
    } else {
        let delivery = command.delivery();
        let answer = app.command(&caller, parsed, delivery.as_deref()).await;
        let draft = if let Answer::Form(problems) = &answer
            && screen.takes_modals()
        {
            problems.draft.clone()
        } else {
            return HttpAnswer::ephemeral(&views::answer(&answer)).into();
        };
        (draft.map_or(FormFor::Blank, FormFor::Draft), answer)
    };
    Handled {
        answer: HttpAnswer::empty(),
        after: Some(modals::open_form(
            Arc::clone(app),
            desk.clone(),
            caller,
            screen,
            wanted,
            late,
        )),
    }
}

/// `POST /slack/interactions`: acknowledged with an empty 200; what there is to say follows by `response_url`, in a modal,
/// or, for a modal that was sent, in the response.
pub async fn interaction(app: &Arc<App>, desk: &Desk, body: &[u8]) -> Handled {
    match inbound::interaction(body) {
        Ok(Interaction::Press(press)) => pressed(app, desk, press).await,
        Ok(Interaction::Submitted(sent)) => modals::submitted(app, desk, &sent).await,
        Ok(Interaction::Shortcut(shortcut)) => begun(app, desk, &shortcut),
        Ok(Interaction::Closed) => HttpAnswer::empty().into(),
        Ok(Interaction::Ignored { kind }) => {
            tracing::debug!(kind, "an interaction that means nothing here");
            HttpAnswer::empty().into()
        }
        Err(malformed) => HttpAnswer::refused(malformed).into(),
    }
}

async fn pressed(app: &Arc<App>, desk: &Desk, pressed: Box<Pressed>) -> Handled {
    if at_home::is_home(&pressed) && Opens::of(&pressed).is_none() {
        return at_home::pressed(app, desk, &pressed).await;
    }
    let screen = Screen::of_press(&pressed);
    let (app, desk) = (Arc::clone(app), desk.clone());
    let Some(caller) = desk.caller(&pressed.origin) else {
        return told_after(desk, screen, stranger());
    };
    let after = if let Some(opens) = Opens::of(&pressed) {
        modals::open(app, desk, caller, pressed, opens)
    } else if let Some(press) = press(&pressed) {
        let delivery = pressed.delivery();
        let offered = matches!(press, Press::Schedule(_) | Press::StartNow(_));
        let card = pressed.card.clone();
        let answer = app.press(&caller, press, delivery.as_deref(), card).await;
        let sent = offered && matches!(answer, Answer::Asked(_));
        let rendered = views::answer(&answer);
        // The offer's buttons have done their work.
        return if sent {
            told_instead(desk, screen, rendered)
        } else {
            told_after(desk, screen, rendered)
        };
    } else if pressed.view.is_some() {
        if ![field::ROLE, field::FIND].contains(&pressed.action_id.as_str()) {
            return HttpAnswer::empty().into();
        }
        modals::another_role(app, desk, caller, pressed)
    } else {
        return told_after(desk, screen, of_another_version());
    };
    Handled {
        answer: HttpAnswer::empty(),
        after: Some(after),
    }
}

fn told_after(desk: Desk, screen: Screen, rendered: Rendered) -> Handled {
    Handled {
        answer: HttpAnswer::empty(),
        after: Some(Box::pin(async move {
            screen.tell(&desk, "Hallpass", &rendered).await;
        })),
    }
}

/// In the place of the message that was pressed.
fn told_instead(desk: Desk, screen: Screen, rendered: Rendered) -> Handled {
    Handled {
        answer: HttpAnswer::empty(),
        after: Some(Box::pin(async move {
            screen.tell_instead(&desk, "Hallpass", &rendered).await;
        })),
    }
}

/// A global shortcut: nobody's channel, so what there is to say stands in a modal.
fn begun(app: &Arc<App>, desk: &Desk, shortcut: &Shortcut) -> Handled {
    if shortcut.callback_id != field::callback::ASK {
        return HttpAnswer::empty().into();
    }
    let screen = Screen::of_shortcut(shortcut);
    let Some(caller) = desk.caller(&shortcut.origin) else {
        return told_after(desk.clone(), screen, stranger());
    };
    let late = modals::problem("Slack waited too long, so the form didn't open. Try again.");
    let (app, desk) = (Arc::clone(app), desk.clone());
    Handled {
        answer: HttpAnswer::empty(),
        after: Some(modals::open_form(
            app,
            desk,
            caller,
            screen,
            FormFor::Blank,
            late,
        )),
    }
}

/// `POST /slack/events`: acknowledged once it is carried out, so that Slack sends again what was not.
pub async fn event(app: &Arc<App>, desk: &Desk, body: &[u8]) -> Handled {
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
        Ok(Event::HomeOpened {
            team,
            enterprise,
            account,
        }) => {
            let origin = Origin {
                user: account,
                team,
                enterprise,
                channel: None,
            };
            match desk.caller(&origin) {
                Some(caller) => at_home::shown(app, desk, caller, None, None),
                None => HttpAnswer::empty().into(),
            }
        }
        Ok(Event::ChannelClosed {
            team,
            channel,
            refusal,
        }) if desk.serves(team.as_deref(), None) => {
            channels::closed(app, desk, &channel, refusal).await.into()
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
            | Event::ChannelClosed { .. }
            | Event::TokensRevoked { .. }
            | Event::Uninstalled { .. }
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

/// A button that this version never made, or carries what it can't: nothing is guessed.
fn of_another_version() -> Rendered {
    views::answer(&Answer::Problems(Problems {
        sentences: vec![
            "Nothing was done: this button is of another version of Hallpass. Look at the request's newest card, or type the command.".into(),
        ],
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
        action::REVOKE => Some(Press::Revoke(id())),
        action::CANCEL => Some(Press::Cancel(id())),
        action::END_NOW => Some(Press::EndNow(id())),
        action::SCHEDULE => Some(Press::Schedule(pressed.value.clone())),
        action::START_NOW => Some(Press::StartNow(pressed.value.clone())),
        action::EXTEND => Some(Press::Extend(id())),
        _ => None,
    }
}
