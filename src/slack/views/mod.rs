//! Read model to Block Kit: what people see. One file per family of messages; `text` makes words harmless, `blocks` keeps
//! Slack's limits. Nothing is decided and nothing is read here: the same read model gives the same message.
//!
//! Every message has blocks and a text that says the same in a full sentence, for screen readers and notifications.

mod alarm;
mod announcements;
mod answers;
mod blocks;
mod break_glass;
mod card;
mod clean;
mod fields;
mod form;
mod form_glass;
mod form_review;
mod handled;
mod home;
mod lasting;
mod later;
mod limits;
mod lists;
mod notices;
mod progress;
mod state;
mod text;
mod why;

pub use form::{one_moment, request_form};
pub use form_glass::glass_form;
pub use form_review::{deny_form, in_modal, less_form, note_form, use_form};
use serde_json::{Value, json};
use slack_morphism::prelude::SlackBlock;

use crate::app::answer::{Answer, Problems};
use crate::domain::SlackId;
use crate::ports::chat::{Message, Whisper};
pub use home::home;
use text::Line;

/// Who reads it: whoever is in a channel, or the one person it is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    Channel,
    Person(&'a SlackId),
}

/// A message as Slack takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// A full sentence; what screen readers and notifications say.
    pub text: String,
    /// At least one.
    pub blocks: Vec<SlackBlock>,
}

impl Rendered {
    fn new(text: Line, mut blocks: Vec<SlackBlock>) -> Self {
        blocks.truncate(limits::BLOCKS);
        let mut text = text.finish(limits::TEXT);
        if text.trim().is_empty() {
            // Slack refuses a message without text; this happens where all of somebody's words were invisible.
            text = "–".into();
        }
        Self { text, blocks }
    }

    /// The line as text and as the only block.
    fn line(line: Line) -> Self {
        Self::new(line.clone(), vec![blocks::section(line)])
    }

    /// A sentence that may hold anybody's words.
    fn sentence(sentence: &str) -> Self {
        Self::new(
            Line::new().words(sentence, limits::TEXT),
            vec![blocks::words("", sentence)],
        )
    }

    /// `{"text": …, "blocks": […]}`
    pub fn json(&self) -> Value {
        json!({ "text": self.text, "blocks": self.blocks })
    }
}

/// What is said in a channel, a thread or a direct message.
pub fn message(message: &Message, audience: Audience<'_>) -> Rendered {
    match message {
        Message::Card { request, buttons } => card::card(request, *buttons),
        Message::BreakGlass { request, buttons } => break_glass::card(request, *buttons),
        Message::PostUseReviewed { request } => break_glass::reviewed(request),
        Message::PostUseOverdue { request } => break_glass::overdue(request),
        Message::Reminder { request } => notices::reminder(request),
        Message::Climbed { request } => notices::climbed(request),
        Message::Decided { request } => notices::decided(request, audience),
        Message::Handled { request } => handled::handled(request),
        Message::Reopened { request } => notices::reopened(request, audience),
        Message::Granted { request } => notices::granted(request),
        Message::GrantFailed { request } => notices::grant_failed(request, audience),
        Message::Warning {
            request,
            left,
            ends_at,
            more,
        } => lasting::warning(request, *left, *ends_at, more, audience),
        Message::RevokeStuck { request } => notices::revoke_stuck(request, audience),
        Message::Ended { request, since } => notices::ended(request, *since, audience),
        Message::Extended { request, ends_at } => lasting::extended(request, *ends_at, audience),
        Message::Past { access, now } => lasting::past(access, *now, audience),
        Message::Stands { request } => notices::stands(request, audience),
        Message::Addressed {
            reader,
            message: said,
        } => self::message(said, Audience::Person(reader)),
        Message::StandingAccess { request } => notices::standing_access(request, audience),
        Message::Overdue { alarm } => alarm::overdue(alarm),
        Message::OverdueNoMore {
            backend,
            since,
            over,
        } => alarm::no_more(backend.as_deref(), *since, *over),
        Message::OverdueIsOver {
            backend,
            since,
            over,
        } => alarm::is_over(backend.as_deref(), *since, *over),
        Message::Announcement { announcement } => announcements::announcement(announcement),
        Message::Instead { message: told } => announcements::instead(self::message(told, audience)),
        Message::Late { at, message: late } => {
            announcements::late(self::message(late, audience), *at)
        }
    }
}

/// What is answered to who typed or pressed.
pub fn answer(answer: &Answer) -> Rendered {
    match answer {
        Answer::Asked(asked) => answers::asked(asked),
        Answer::Later(offer) => later::offered(offer),
        Answer::Problems(problems) | Answer::Form(problems) => answers::problems(problems),
        Answer::Refused { refusal, decided } => answers::refused(refusal, decided.as_deref()),
        Answer::Done { sentence, request } => answers::done(sentence, request),
        Answer::Extended(extended) => lasting::answer(extended),
        Answer::Why(why) => why::why(why),
        Answer::Help(help) => answers::help(help),
        Answer::NotConfirmed => answers::not_confirmed(),
        Answer::Roles(roles) => lists::roles(roles),
        Answer::Mine(requests) => lists::mine(requests),
        Answer::Pending { for_you, others } => lists::pending(for_you, others),
        Answer::Active { now, later } => lists::active(now, later),
        Answer::OnCall(schedules) => lists::on_call(schedules),
        Answer::Status { request, history } => lists::status(request, history),
    }
}

/// A short word to who typed or pressed.
pub fn whisper(whisper: &Whisper) -> Rendered {
    match whisper {
        Whisper::Text(text) => Rendered::sentence(text),
        Whisper::Refused(refusal) => answers::refused(refusal, None),
    }
}

/// What was sent can't be read as a command.
pub(super) fn unreadable(why: &str) -> Rendered {
    answers::problems(&Problems {
        sentences: vec![why.into()],
        ..Problems::default()
    })
}
