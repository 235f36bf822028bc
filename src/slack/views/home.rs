//! App Home: the most pressing first, a page of each list, and buttons only where its reader may press them.
//! An empty list says what would fill it; times are in the reader's own zone, and it says as of when they are true.

use serde_json::{Value, json};
use slack_morphism::prelude::SlackBlock;

use super::answers::cancel_button;
use super::blocks::{self, Button, Confirm};
use super::break_glass;
use super::card;
use super::lasting::extend_button;
use super::limits;
use super::lists::{entry, is_open};
use super::notices::end_now_button;
use super::state;
use super::text::Line;
use super::{Audience, Rendered};
use crate::domain::Time;
use crate::ports::chat::{KindShown, MoreTime, PostUseShown, RequestShown, StateShown};
use crate::ports::home::{
    ActiveShown, HeldShown, HomeList, HomeOpen, HomeShown, OwedShown, Page, RoleOffered, WatchShown,
};
use crate::slack::inbound::action;

/// What stands above the lists besides the title: the answer to a press, cut so that the rest has room.
const SAID: usize = 8;

/// The view that `views.publish` takes. `said`: the answer to the press that it follows.
pub fn home(home: &HomeShown, at: Time, said: Option<&Rendered>) -> Value {
    let mut out = Vec::new();
    if let Some(said) = said {
        let first = said.blocks.iter().take(SAID);
        out.extend(first.cloned());
        out.push(blocks::divider());
    }
    match home {
        HomeShown::Closed { why } => {
            out.push(blocks::header("Production access"));
            out.push(blocks::words("", why));
        }
        HomeShown::Open(home) => open(home, at, &mut out),
    }
    out.truncate(limits::VIEW_BLOCKS);
    json!({ "type": "home", "callback_id": "home", "blocks": out })
}

fn open(home: &HomeOpen, at: Time, out: &mut Vec<SlackBlock>) {
    out.push(blocks::header("Production access"));
    // Whoever may ask for nothing isn't invited to.
    let ask = (home.roles.all > 0).then(|| Button::new(action::ASK, "Request access", "-"));
    let refresh = Button::new(action::HOME_REFRESH, "Refresh", "home");
    out.push(blocks::actions(
        ask.map(Button::primary)
            .into_iter()
            .chain([refresh])
            .collect(),
    ));
    waits(&home.waits, out);
    if let Some(watch) = &home.watch {
        owed(&watch.owed, out);
    }
    commander(home, out);
    holds(&home.holds, out);
    asked(&home.asked, out);
    roles(&home.roles, out);
    if let Some(watch) = &home.watch {
        active(watch, out);
    }
    out.push(blocks::context(vec![
        Line::of("As of ")
            .time(at)
            .say(". Everything here also works by command: ")
            .code(&format!("{} help", home.command))
            .say("."),
    ]));
}

/// What a commander can do at 03:12, and where it is typed.
fn commander(home: &HomeOpen, out: &mut Vec<SlackBlock>) {
    if home.breaks.is_empty() {
        return;
    }
    out.push(blocks::divider());
    out.push(blocks::header("Break-glass"));
    out.push(blocks::section(
        Line::of("You are commander now, for ")
            .names(&home.breaks)
            .say(". In an emergency you give access at once, to yourself or to somebody else:\n")
            .code(&format!(
                "{} break-glass ROLE for @PERSON 30m INC-4711 why",
                home.command
            ))
            .say("\nWhoever is skipped is told and can revoke it; its use is reviewed afterwards."),
    ));
}

/// A line, the list's title with how many there are; a sentence where there are none.
fn title<T>(
    name: &'static str,
    page: &Page<T>,
    none: &'static str,
    out: &mut Vec<SlackBlock>,
) -> bool {
    let count = match (page.all, page.more) {
        (0, _) => String::new(),
        (all, false) => format!(" ({all})"),
        (all, true) => format!(" ({all} or more)"),
    };
    out.push(blocks::divider());
    out.push(blocks::header(&format!("{name}{count}")));
    if page.all == 0 {
        out.push(blocks::context(vec![Line::of(none)]));
    }
    page.all > 0
}

/// Buttons to the pages before and after, and which one this is; nothing where there is one.
fn pager<T>(list: HomeList, page: &Page<T>, out: &mut Vec<SlackBlock>) {
    if page.pages < 2 {
        return;
    }
    let to = |number: usize| format!("{}.{number}", list.as_str());
    let kind = |step: &str| format!("{}:{}-{step}", action::HOME_PAGE, list.as_str());
    let (number, pages) = (page.page, page.pages);
    let mut buttons = Vec::new();
    if number > 0 {
        let label = format!("‹ Page {number} of {pages}");
        buttons.push(Button::new(&kind("before"), label, &to(number - 1)));
    }
    if number + 1 < pages {
        let label = format!("Page {} of {pages} ›", number + 2);
        buttons.push(Button::new(&kind("after"), label, &to(number + 1)));
    }
    out.push(blocks::actions(buttons));
}

fn waits(page: &Page<RequestShown>, out: &mut Vec<SlackBlock>) {
    let none = "Nothing waits for your decision. A request that asks you stands here.";
    title("Waiting for you", page, none, out);
    for (place, request) in page.items.iter().enumerate() {
        out.push(blocks::section(asking(request)));
        out.push(blocks::words(
            "Reason, in the requester’s words",
            &request.reason,
        ));
        out.push(card::decide(request, Some(place)));
    }
    pager(HomeList::Waits, page, out);
}

/// `R-7K2M @rita · rita@example.com asks for db-admin for 2 hours`, what it permits, until when it waits.
fn asking(request: &RequestShown) -> Line {
    let line = Line::new()
        .code(&request.short)
        .say(" ")
        .line(card::asks_in_full(request));
    let line = line.say(".");
    let line = if request.first_use {
        line.say(" ").line(card::unusual(request))
    } else {
        line
    };
    let line = line.say("\n").words(&request.permits, limits::QUOTE);
    let line = match &request.environment {
        Some(environment) if request.high_risk => line
            .say(", *")
            .words(environment, limits::NAME)
            .say("* (high risk)"),
        Some(environment) => line.say(", ").words(environment, limits::NAME),
        None => line,
    };
    let line = match &request.ticket {
        Some(ticket) => line.say(" · ").code(ticket),
        None => line,
    };
    let line = match &request.state {
        StateShown::Pending(stage) => state::approvals(line.say(" · "), stage),
        StateShown::Scheduled { .. }
        | StateShown::Approved
        | StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. }
        | StateShown::Started(_) => line,
    };
    line.say(" · open until ").time(request.deadline)
}

fn holds(page: &Page<HeldShown>, out: &mut Vec<SlackBlock>) {
    let none = "You have no access now. What you are granted stands here until it ends.";
    title("Your access now", page, none, out);
    for (place, held) in page.items.iter().enumerate() {
        let HeldShown { request, more, .. } = held;
        let line = entry(request).line(soon(held));
        out.push(blocks::section(match more {
            Some(MoreTime::Waits { short }) => {
                let line = line.say(" More time was asked for (").code(short);
                line.say(") and isn’t decided yet.")
            }
            Some(MoreTime::Agreed { .. } | MoreTime::Asked { .. }) | None => line,
        }));
        if request.state.is_live() {
            let reader = Audience::Person(&request.holder.account);
            let more = more
                .as_ref()
                .and_then(|more| extend_button(request, more, reader));
            let buttons = more.into_iter().chain([end_now_button(request)]);
            let buttons = buttons.map(|button| button.numbered(place));
            out.push(blocks::actions(buttons.collect()));
        }
    }
    pager(HomeList::Holds, page, out);
}

/// ` Less than 15 min left.` of active access: true from when it is shown until the home is shown anew. A count of the
/// minutes would not be, because nothing in a home ticks.
fn soon(held: &HeldShown) -> Line {
    match held.within {
        Some(within) => Line::of(" *Less than ").span(within).say(" left.*"),
        None => Line::new(),
    }
}

fn asked(page: &Page<RequestShown>, out: &mut Vec<SlackBlock>) {
    let none =
        "You have asked for nothing else. What you ask for stands here, and what became of it.";
    title("What you asked for", page, none, out);
    for (place, request) in page.items.iter().enumerate() {
        let line = entry(request);
        out.push(if is_open(request) {
            blocks::section_with(line, cancel_button(request).numbered(place))
        } else {
            blocks::section(line)
        });
    }
    pager(HomeList::Asked, page, out);
}

fn roles(page: &Page<RoleOffered>, out: &mut Vec<SlackBlock>) {
    let none = "There is no role that you may ask for. Roles are defined in the configuration; whoever runs this bot can add you.";
    title("What you may ask for", page, none, out);
    for (place, role) in page.items.iter().enumerate() {
        let line = Line::of("*").code(&role.name).say("* ");
        let line = line.words(&role.description, limits::QUOTE);
        let line = match &role.environment {
            Some(environment) => line.say(" · ").words(environment, limits::NAME),
            None => line,
        };
        let line = line.say("\nUp to ").span(role.max_duration);
        let line = if role.at_once {
            line.say(" · granted at once")
        } else {
            line
        };
        let ask = Button::new(action::ASK, "Request", &role.name).numbered(place);
        out.push(blocks::section_with(line, ask));
    }
    pager(HomeList::Roles, page, out);
}

fn owed(page: &Page<OwedShown>, out: &mut Vec<SlackBlock>) {
    let none = "No review of break-glass is owed.";
    title("Reviews owed", page, none, out);
    for (place, owed) in page.items.iter().enumerate() {
        let request = &owed.request;
        out.push(blocks::section(due(request)));
        out.push(blocks::words("Reason, in their words", &request.reason));
        if owed.yours {
            let review = break_glass::review(request).map(|button| button.numbered(place));
            out.extend(review.map(|button| blocks::actions(vec![button])));
        }
    }
    pager(HomeList::Owed, page, out);
}

/// `R-7K2M db-admin …` with who broke the glass, and when the review is due.
fn due(request: &RequestShown) -> Line {
    let line = entry(request);
    let KindShown::BreakGlass {
        incident,
        review_due,
        review,
        ..
    } = &request.kind
    else {
        return line;
    };
    let line = line.say(" ").code(incident);
    let word = match &**review {
        PostUseShown::Overdue => " *The review is overdue* since ",
        PostUseShown::Owed | PostUseShown::Reviewed { .. } => " To be reviewed by ",
    };
    line.say(word).time(*review_due).say(".")
}

fn active(watch: &WatchShown, out: &mut Vec<SlackBlock>) {
    let none = "Nobody has access now. An approved request puts somebody here.";
    title("Everybody’s access now", &watch.active, none, out);
    for (place, ActiveShown { request, revocable }) in watch.active.items.iter().enumerate() {
        let line = entry(request);
        out.push(if *revocable {
            blocks::section_with(line, revoke(request, place))
        } else {
            blocks::section(line)
        });
    }
    pager(HomeList::Active, &watch.active, out);
}

fn revoke(request: &RequestShown, place: usize) -> Button {
    let holder = match &request.holder.email {
        Some(email) => email.to_string(),
        None => "Its holder".into(),
    };
    let confirm = Confirm {
        title: "Revoke access?",
        text: format!(
            "{holder} loses {} now. Open sessions are closed.",
            request.role
        ),
        yes: "Revoke access",
        no: "Keep",
    };
    Button::new(action::REVOKE, "Revoke", &request.id)
        .danger(confirm)
        .numbered(place)
}
