//! While access lasts: the warning before its end with what can be done about it, and more time that was added.
//! A button stands where its reader may press it, and in the thread, where many read: who may is looked up at the press.

use super::blocks::{self, Button, Confirm};
use super::notices::{end_now, end_now_button, is_holder, whose};
use super::text::{Line, in_words};
use super::{Audience, Rendered};
use crate::app::answer::ExtendedShown;
use crate::domain::{Duration, Time};
use crate::ports::chat::{AccessShown, MoreTime, Past, RequestShown};
use crate::slack::inbound::action;

pub(super) fn warning(
    request: &RequestShown,
    left: Duration,
    ends_at: Time,
    more: &MoreTime,
    audience: Audience<'_>,
) -> Rendered {
    let line = whose(request, audience)
        .say(" ends in ")
        .span(about(left))
        .say(", ")
        .time(ends_at)
        .say(". Open sessions will be closed; finish what is open.");
    let mut text = line.clone();
    let mut out = vec![blocks::section(line)];
    if let MoreTime::Waits { short } = more {
        let waits = Line::of("More time was asked for: ")
            .code(short)
            .say(" waits.");
        text = text.say(" ").line(waits.clone());
        out.push(blocks::context(vec![waits]));
    }
    out.push(blocks::actions(
        extend_button(request, more, audience)
            .into_iter()
            .chain([end_button(request, audience)])
            .collect(),
    ));
    Rendered::new(text, out)
}

/// As people say it: a warning that was due at 15 min and left a second later says 15 min.
fn about(left: Duration) -> Duration {
    let step = if left.as_secs() < 120 { 5 } else { 60 };
    let rounded = (left.as_secs() + step / 2) / step * step;
    Duration::from_secs(rounded)
}

/// Beyond what was agreed only the holder can ask, so others have no button for it in their own messages.
pub(super) fn extend_button(
    request: &RequestShown,
    more: &MoreTime,
    audience: Audience<'_>,
) -> Option<Button> {
    let label = match more {
        MoreTime::Agreed { by } => format!("Extend {by}"),
        MoreTime::Asked { by } if audience == Audience::Channel || is_holder(request, audience) => {
            format!("Ask for {by} more")
        }
        MoreTime::Asked { .. } | MoreTime::Waits { .. } => return None,
    };
    Some(Button::new(action::EXTEND, label, &request.id))
}

/// Its holder gives it back; anybody else takes it away from somebody, and is told so before.
fn end_button(request: &RequestShown, audience: Audience<'_>) -> Button {
    if is_holder(request, audience) {
        return end_now_button(request);
    }
    Button::new(action::END_NOW, "End now", &request.id).danger(Confirm {
        title: "End this access now?",
        text: format!(
            "This ends 1 grant: {} loses {} now. Open sessions are closed.",
            (request.holder.email.as_ref()).map_or("the holder", |email| email.as_str()),
            request.role
        ),
        yes: "End now",
        no: "Keep",
    })
}

pub(super) fn extended(request: &RequestShown, ends_at: Time, audience: Audience<'_>) -> Rendered {
    let line = whose(request, audience)
        .say(" was extended, to end ")
        .time(ends_at)
        .say(".");
    let mut rendered = Rendered::line(line);
    end_now(&mut rendered, request, audience);
    rendered
}

/// `Your db-admin (R-7K2M) is over.` where a warning stood.
pub(super) fn past(access: &AccessShown, now: Past, audience: Audience<'_>) -> Rendered {
    let line = if audience == Audience::Person(&access.holder.account) {
        Line::of("Your ")
    } else {
        Line::new().person(&access.holder).say("’s ")
    };
    let line = line.code(&access.role).say(" (").code(&access.short);
    Rendered::line(line.say(match now {
        Past::Newer => "): a newer message below says how it is now.",
        Past::Extended => ") was extended since this warning.",
        Past::BeingTaken => ") is being taken away.",
        Past::Over => ") is over.",
        Past::LetGo => ") was late to go: its backend didn’t let go at first. It is gone now, and that was checked.",
        Past::Decided => ") was asked here, and is decided.",
    }))
}

/// `Extended by 1 h: db-admin (R-7K2M) now ends 06:12. 1 more extension is agreed.`
pub(super) fn answer(extended: &ExtendedShown) -> Rendered {
    let request = &extended.request;
    let line = if extended.repeated {
        Line::of("It was extended a moment ago, so nothing was added: ")
    } else {
        Line::of("*Extended* by ")
            .words(&in_words(extended.by), super::limits::NAME)
            .say(": ")
    };
    let line = line.code(&request.role).say(" (").code(&request.short);
    let line = match extended.ends_at {
        Some(ends_at) => line.say(") now ends ").time(ends_at).say("."),
        None => line.say(") has ended meanwhile."),
    };
    let line = match extended.left {
        0 => line
            .say(" No further extension is agreed; beyond this those who approve the role decide."),
        1 => line.say(" 1 more extension is agreed."),
        left => line
            .say(" ")
            .number(left)
            .say(" more extensions are agreed."),
    };
    Rendered::line(line)
}
