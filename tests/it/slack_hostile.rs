//! Whatever people write: every message keeps Slack's limits, and nothing of theirs becomes a mention, a link or a control
//! character. Judged by `slack_checker` and by the sandbox.

use hallpass::app::answer::Answer;
use hallpass::domain::announcement::Drift;
use hallpass::domain::{Actor, Announcement, BackendName, Email};
use hallpass::ports::chat::{
    AccessShown, EndShown, GrantStateShown, KindShown, Message, MoreTime, PostUseShown,
    RequestShown, Shown, StateShown,
};
use hallpass::slack::views;
use proptest::prelude::*;
use serde_json::Value;

use crate::slack_checker::Checker;
use crate::{slack_shown, slack_shown_announcements, slack_shown_answers, slack_shown_notices};

/// The same request with `text` wherever somebody's words, or a configuration's, can stand, and `many` of everything.
pub(crate) fn poisoned(mut request: RequestShown, text: &str, many: usize) -> RequestShown {
    let texts = || vec![text.to_owned(); many];
    let pairs = || vec![(text.to_owned(), text.to_owned()); many];
    request.role = text.into();
    request.permits = text.into();
    request.short = text.into();
    request.reason = text.into();
    request.ticket = Some(text.into());
    request.environment = Some(text.into());
    request.entitlements = pairs();
    request.parameters = pairs();
    request.requester = poisoned_person(request.requester, text);
    for review in &mut request.reviews {
        review.reason = Some(text.into());
    }
    if let Some(review) = request.reviews.first().cloned() {
        request.reviews = vec![review; many.max(1)];
    }
    match &mut request.state {
        StateShown::Pending(stage) => {
            stage.asked_as = texts();
            for step in &mut stage.steps {
                step.asked_as = texts();
            }
            stage.asked = vec![slack_shown::bob(); many];
            if let Some((who, _)) = &mut stage.next {
                *who = texts();
            }
        }
        StateShown::Denied { reason, .. } => *reason = Some(text.into()),
        StateShown::Void { why } => *why = text.into(),
        StateShown::Started(grant) => {
            grant.notes = texts();
            for one in &mut grant.trouble {
                one.backend = text.into();
            }
            grant.trouble = grant.trouble.iter().cycle().take(many).cloned().collect();
            poison_grant(&mut grant.state, text, many);
        }
        StateShown::Scheduled { .. }
        | StateShown::Approved
        | StateShown::Cancelled
        | StateShown::TimedOut => {}
    }
    if let KindShown::BreakGlass {
        incident,
        review_by,
        skipped,
        review,
        ..
    } = &mut request.kind
    {
        if let PostUseShown::Reviewed { note, .. } = &mut **review {
            *note = Some(text.into());
        }
        *incident = text.into();
        *review_by = texts();
        *skipped = vec![slack_shown::eve(); many];
    }
    request
}

fn poison_grant(state: &mut GrantStateShown, text: &str, many: usize) {
    match state {
        GrantStateShown::Revoking { why, stuck } => {
            *stuck = vec![text.to_owned(); many];
            poison_end(why, text);
        }
        GrantStateShown::Ended { why, .. } => poison_end(why, text),
        GrantStateShown::Failed { why } => *why = text.into(),
        GrantStateShown::Provisioning | GrantStateShown::Active { .. } => {}
    }
}

fn poison_end(why: &mut EndShown, text: &str) {
    match why {
        EndShown::Revoked {
            operator, reason, ..
        } => {
            *operator = operator.as_ref().map(|_| text.into());
            *reason = Some(text.into());
        }
        EndShown::Dropped { reason } => *reason = Some(text.into()),
        EndShown::Failed { why } => *why = text.into(),
        EndShown::Expired => {}
    }
}

/// An e-mail takes more than one would think.
fn poisoned_person(person: Shown, text: &str) -> Shown {
    let local: String = text
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    let local: String = local.chars().take(60).collect();
    Shown {
        email: Email::parse(&format!("{local}@example.com")).or(person.email),
        account: person.account,
    }
}

#[expect(clippy::too_many_lines, reason = "one arm for each variant")]
fn poisoned_message(message: Message, text: &str, many: usize) -> Message {
    let poison = |request| poisoned(request, text, many);
    match message {
        Message::Card { request, buttons } => Message::Card {
            request: poison(request),
            buttons,
        },
        Message::Reminder { request } => Message::Reminder {
            request: poison(request),
        },
        Message::Climbed { request } => Message::Climbed {
            request: poison(request),
        },
        Message::Reopened { request } => Message::Reopened {
            request: poisoned(request, text, many),
        },
        Message::Decided { request } => Message::Decided {
            request: poison(request),
        },
        Message::Handled { request } => Message::Handled {
            request: poison(request),
        },
        Message::Granted { request } => Message::Granted {
            request: poison(request),
        },
        Message::GrantFailed { request } => Message::GrantFailed {
            request: poison(request),
        },
        Message::Warning {
            request,
            left,
            ends_at,
            more,
        } => Message::Warning {
            request: poison(request),
            left,
            ends_at,
            more: match more {
                MoreTime::Waits { .. } => MoreTime::Waits { short: text.into() },
                MoreTime::Agreed { .. } | MoreTime::Asked { .. } => more,
            },
        },
        Message::RevokeStuck { request } => Message::RevokeStuck {
            request: poison(request),
        },
        Message::Ended { request, since } => Message::Ended {
            request: poison(request),
            since,
        },
        Message::Extended { request, ends_at } => Message::Extended {
            request: poison(request),
            ends_at,
        },
        Message::StandingAccess { request } => Message::StandingAccess {
            request: poison(request),
        },
        Message::Past { access, now } => Message::Past {
            access: AccessShown {
                role: text.into(),
                ..access
            },
            now,
        },
        Message::Stands { request } => Message::Stands {
            request: poison(request),
        },
        Message::Addressed { reader, message } => Message::Addressed {
            reader,
            message: Box::new(poisoned_message(*message, text, many)),
        },
        Message::BreakGlass { request, buttons } => Message::BreakGlass {
            request: poison(request),
            buttons,
        },
        Message::PostUseReviewed { request } => Message::PostUseReviewed {
            request: poison(request),
        },
        Message::PostUseOverdue { request } => Message::PostUseOverdue {
            request: poison(request),
        },
        Message::Overdue { mut alarm } => {
            alarm.backend = alarm.backend.map(|_| text.into());
            alarm.unread = vec![text.into(); many.min(alarm.unread.len())];
            for one in &mut alarm.named {
                one.role = text.into();
                one.short = text.into();
                one.holder = poisoned_person(one.holder.clone(), text);
            }
            alarm.named = alarm.named.into_iter().cycle().take(many).collect();
            Message::Overdue { alarm }
        }
        Message::OverdueNoMore {
            backend,
            since,
            over,
        } => Message::OverdueNoMore {
            backend: backend.map(|_| text.into()),
            since,
            over,
        },
        Message::OverdueIsOver {
            backend,
            since,
            over,
        } => Message::OverdueIsOver {
            backend: backend.map(|_| text.into()),
            since,
            over,
        },
        Message::Announcement { announcement } => Message::Announcement {
            announcement: poisoned_announcement(announcement, text, many),
        },
        Message::Instead { message } => Message::Instead {
            message: Box::new(poisoned_message(*message, text, many)),
        },
        Message::Late { at, message } => Message::Late {
            at,
            message: Box::new(poisoned_message(*message, text, many)),
        },
    }
}

#[expect(clippy::too_many_lines, reason = "one arm for each variant")]
fn poisoned_announcement(announcement: Announcement, text: &str, many: usize) -> Announcement {
    match announcement {
        Announcement::AuthorityChanged { .. } => Announcement::AuthorityChanged {
            digest: text.into(),
            gained: vec![text.into(); many],
            lost: vec![text.into(); many],
        },
        Announcement::IdentityChanged {
            account, pinned, ..
        } => {
            let shown = Shown {
                account: account.clone(),
                email: pinned.clone(),
            };
            Announcement::IdentityChanged {
                account,
                pinned,
                now: poisoned_person(shown, text).email,
            }
        }
        Announcement::Drift { found, more, .. } => Announcement::Drift {
            backend: BackendName::new(text),
            found: found
                .into_iter()
                .cycle()
                .take(many)
                .map(|one| Drift {
                    principal: text.into(),
                    entitlement: text.into(),
                    ..one
                })
                .collect(),
            more,
        },
        Announcement::BackendRetired {
            grants, reachable, ..
        } => Announcement::BackendRetired {
            backend: BackendName::new(text),
            grants: grants.into_iter().cycle().take(many).collect(),
            reachable,
        },
        Announcement::NotCompared { since, until, .. } => Announcement::NotCompared {
            backend: BackendName::new(text),
            since,
            until,
        },
        Announcement::RestoreAccepted { at, .. } => Announcement::RestoreAccepted {
            by: Actor::Operator(text.into()),
            at,
        },
        Announcement::Checkpoint { sequence, at, .. } => Announcement::Checkpoint {
            sequence,
            hash: text.into(),
            key: text.into(),
            at,
        },
        Announcement::RecordBroken { sequence, .. } => Announcement::RecordBroken {
            sequence,
            why: text.into(),
        },
        one @ (Announcement::ClockJumped { .. }
        | Announcement::ClockSkewed { .. }
        | Announcement::Restored { .. }) => one,
    }
}

#[expect(clippy::too_many_lines, reason = "one arm for each variant")]
fn poisoned_answer(answer: Answer, text: &str, many: usize) -> Answer {
    let all = |requests: Vec<RequestShown>| -> Vec<RequestShown> {
        let poisoned = requests
            .into_iter()
            .map(|request| poisoned(request, text, many));
        poisoned.cycle().take(many).collect()
    };
    match answer {
        Answer::Asked(mut asked) => {
            asked.request = poisoned(asked.request, text, many);
            asked.commanders = vec![slack_shown::carol(); many];
            asked.instead_of = Some(text.into());
            Answer::Asked(asked)
        }
        Answer::Problems(mut problems) => {
            problems.sentences = vec![text.into(); many];
            problems.would_do = Some(text.into());
            problems.ask = vec![slack_shown::eve(); many];
            Answer::Problems(problems)
        }
        Answer::Form(problems) => poisoned_answer(Answer::Problems(problems), text, many),
        Answer::Refused {
            mut refusal,
            decided,
        } => {
            refusal.sentence = text.into();
            refusal.allowed = Some(text.into());
            let decided = decided.map(|request| Box::new(poisoned(*request, text, many)));
            Answer::Refused { refusal, decided }
        }
        Answer::Done { request, .. } => Answer::Done {
            sentence: text.into(),
            request: Box::new(poisoned(*request, text, many)),
        },
        Answer::Roles(mut roles) => {
            for role in &mut roles {
                role.name = text.into();
                role.description = text.into();
                role.environment = Some(text.into());
                role.ticket_example = Some(text.into());
                role.decided_by = vec![text.into(); many];
                for parameter in &mut role.parameters {
                    parameter.name = text.into();
                    parameter.example = Some(text.into());
                }
            }
            Answer::Roles(roles.into_iter().cycle().take(many).collect())
        }
        Answer::Mine(requests) => Answer::Mine(all(requests)),
        Answer::Pending { for_you, others } => Answer::Pending {
            for_you: all(for_you),
            others: all(others),
        },
        Answer::Active { now, later } => Answer::Active {
            now: all(now),
            later: all(later),
        },
        Answer::Later(mut offer) => {
            offer.role = text.into();
            offer.parameters = vec![(text.into(), text.into()); many];
            offer.reason = text.into();
            Answer::Later(offer)
        }
        Answer::OnCall(mut schedules) => {
            for schedule in &mut schedules {
                schedule.schedule = text.into();
                schedule.problem = Some(text.into());
                schedule.people = vec![slack_shown::bob(); many];
            }
            Answer::OnCall(schedules.into_iter().cycle().take(many).collect())
        }
        Answer::Status {
            request,
            mut history,
        } => {
            for line in &mut history {
                line.what = text.into();
            }
            Answer::Status {
                request: Box::new(poisoned(*request, text, many)),
                history: history.into_iter().cycle().take(many).collect(),
            }
        }
        Answer::Help(mut help) => {
            help.example = Some(text.into());
            Answer::Help(help)
        }
        Answer::Extended(mut extended) => {
            extended.request = poisoned(extended.request, text, many);
            Answer::Extended(extended)
        }
        Answer::Why(mut why) => {
            why.role = text.into();
            why.sentences = vec![text.into(); many];
            why.rules = vec![text.into(); many];
            why.nearest = vec![text.into(); many];
            why.would_do = Some(text.into());
            why.ask = vec![slack_shown::eve(); many];
            Answer::Why(why)
        }
        Answer::NotConfirmed => Answer::NotConfirmed,
    }
}

/// Every message and answer with `text` in it, checked.
fn problems_with(text: &str, many: usize) -> Vec<String> {
    let mut out = Vec::new();
    let mut check = |name: &str, json: &Value| {
        let mut found = Checker::new().message(json);
        let blocks = json["blocks"].as_array().map(Vec::as_slice);
        found.extend(slack_sandbox::check_message(blocks.unwrap_or_default()));
        out.extend(
            found
                .into_iter()
                .map(|problem| format!("{name}, {problem}")),
        );
    };
    let messages = slack_shown::cards()
        .into_iter()
        .chain(slack_shown_notices::notices())
        .chain(crate::slack_shown_alarm::alarms());
    let announcements = slack_shown_announcements::announcements()
        .into_iter()
        .map(|(name, message)| (name, message, views::Audience::Channel));
    let messages = messages.chain(announcements);
    for (name, message, audience) in messages {
        let message = poisoned_message(message, text, many);
        check(name, &views::message(&message, audience).json());
    }
    let answers = slack_shown_answers::answers()
        .into_iter()
        .chain(slack_shown_answers::lists());
    for (name, answer) in answers {
        let answer = poisoned_answer(answer, text, many);
        check(name, &views::answer(&answer).json());
    }
    out
}

/// Text as those write it who want to deceive.
fn hostile() -> impl Strategy<Value = String> {
    let tricks = prop::sample::select(vec![
        "<!channel>",
        "<!here>",
        "<!date^1^{date}|now>",
        "<@U0EVE>",
        "<@U0MALLORY|bob>",
        "<#C0SECRET>",
        "<https://evil.example|Approved>",
        "https://evil.example/login",
        "&lt;!channel&gt;",
        "&",
        "<",
        ">",
        "*",
        "_",
        "~",
        "`",
        "```",
        ":white_check_mark:",
        "\nFORGED",
        "\r\nFORGED",
        "\u{2028}FORGED",
        "\u{85}FORGED",
        "\u{0}",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{feff}",
        "\u{e0041}",
        ":/\u{200b}/",
        "😀",
        "é\u{301}\u{301}",
        " ",
        "a",
        "approved by @bob",
    ]);
    let woven = prop::collection::vec(tricks, 0..120).prop_map(|parts| parts.concat());
    prop_oneof![woven, any::<String>(), "\\PC{0,400}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn nobody_can_smuggle_anything_into_a_message(text in hostile(), many in 0_usize..14) {
        let problems = problems_with(&text, many);
        prop_assert!(problems.is_empty(), "{problems:#?}");
    }
}

#[test]
fn fifty_kilobytes_still_fit() {
    for unit in [
        "a",
        "&",
        "<",
        "😀",
        "\n",
        "<@U0EVE>",
        "`",
        "\u{202e}",
        "https://e.example ",
    ] {
        let text = unit.repeat(50_000 / unit.len());
        let problems = problems_with(&text, 2);
        assert!(problems.is_empty(), "{unit:?}: {problems:#?}");
    }
}

#[test]
fn hundreds_of_everything_still_fit() {
    for text in ["short", "<@U0EVE> & `x`"] {
        let problems = problems_with(text, 200);
        assert!(problems.is_empty(), "{text}: {problems:#?}");
    }
}
