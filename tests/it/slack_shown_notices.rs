//! What is said once about the story of `slack_shown`, and what it is edited into.

use hallpass::domain::{Duration, SlackId};
use hallpass::ports::chat::{
    AccessShown, Buttons, EndShown, GrantStateShown, Message, MoreTime, Past, PostUseShown,
    StateShown,
};
use hallpass::slack::views::Audience::{self, Channel, Person};

use crate::slack_shown::{
    BOB, RITA, active, at, bob, denied, ended, failed, for_later, glass_active, glass_over,
    in_state, late, late_to_go, request, reviewed, scheduled, second_stage, started, stuck,
    with_notes,
};

fn past(now: Past) -> Message {
    let request = request();
    let access = AccessShown {
        id: request.id,
        short: request.short,
        role: request.role,
        holder: request.holder,
    };
    Message::Past { access, now }
}

/// Edited in somebody's direct messages.
fn to(reader: &SlackId, message: Message) -> Message {
    Message::Addressed {
        reader: reader.clone(),
        message: Box::new(message),
    }
}

/// What is said once.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn notices() -> Vec<(&'static str, Message, Audience<'static>)> {
    let (left, ends_at) = (Duration::from_mins(15), at(124));
    let mut revoked = ended(EndShown::Revoked {
        by: Some(bob()),
        operator: None,
        reason: Some("The incident is over".into()),
    });
    let by_operator = ended(EndShown::Revoked {
        by: None,
        operator: Some("cli:pat@ops-1".into()),
        reason: Some("Laptop lost".into()),
    });
    let (by, reason) = (Duration::from_hours(1), Some("All fixed".into()));
    let dropped = EndShown::Dropped { reason };
    let warning = |more: MoreTime| Message::Warning {
        request: active(),
        left,
        ends_at,
        more,
    };
    revoked.short = "R-7K2N".into();
    vec![
        (
            "reminder",
            Message::Reminder { request: request() },
            Channel,
        ),
        (
            "climbed",
            Message::Climbed {
                request: second_stage(),
            },
            Channel,
        ),
        (
            "handled",
            Message::Handled {
                request: started(GrantStateShown::Provisioning),
            },
            Person(&RITA),
        ),
        (
            "handled_denied",
            Message::Handled { request: denied() },
            Person(&RITA),
        ),
        (
            "handled_stage",
            Message::Handled {
                request: second_stage(),
            },
            Person(&RITA),
        ),
        (
            "decided_denied",
            Message::Decided { request: denied() },
            Person(&RITA),
        ),
        (
            "decided_timed_out",
            Message::Decided {
                request: in_state(StateShown::TimedOut),
            },
            Channel,
        ),
        (
            "decided_scheduled",
            Message::Decided {
                request: scheduled(),
            },
            Channel,
        ),
        (
            "reopened",
            Message::Reopened {
                request: for_later(),
            },
            Person(&RITA),
        ),
        (
            "granted_thread",
            Message::Granted { request: active() },
            Channel,
        ),
        (
            "stands_active",
            Message::Stands {
                request: with_notes(active()),
            },
            Person(&RITA),
        ),
        (
            "stands_decider",
            Message::Stands { request: active() },
            Person(&BOB),
        ),
        (
            "stands_late",
            Message::Stands { request: late() },
            Person(&RITA),
        ),
        (
            "stands_late_to_go",
            Message::Stands {
                request: late_to_go(),
            },
            Person(&RITA),
        ),
        (
            "stands_ended",
            Message::Stands {
                request: ended(EndShown::Expired),
            },
            Person(&RITA),
        ),
        (
            "stands_scheduled",
            Message::Stands {
                request: scheduled(),
            },
            Person(&RITA),
        ),
        (
            "grant_failed",
            Message::GrantFailed { request: failed() },
            Person(&RITA),
        ),
        ("warning_thread", warning(MoreTime::Agreed { by }), Channel),
        (
            "warning_holder",
            warning(MoreTime::Agreed { by }),
            Person(&RITA),
        ),
        (
            "warning_decider",
            warning(MoreTime::Agreed { by }),
            Person(&BOB),
        ),
        (
            "warning_holder_beyond",
            warning(MoreTime::Asked { by }),
            Person(&RITA),
        ),
        (
            "warning_decider_beyond",
            warning(MoreTime::Asked { by }),
            Person(&BOB),
        ),
        (
            "warning_waits",
            warning(MoreTime::Waits {
                short: "R-9XYZ".into(),
            }),
            Person(&RITA),
        ),
        (
            "ended_by_operator",
            Message::Ended {
                request: by_operator,
                since: None,
            },
            Person(&RITA),
        ),
        (
            "revoke_stuck",
            Message::RevokeStuck { request: stuck() },
            Channel,
        ),
        (
            "ended",
            Message::Ended {
                request: ended(EndShown::Expired),
                since: None,
            },
            Channel,
        ),
        (
            "ended_revoked",
            Message::Ended {
                request: revoked,
                since: None,
            },
            Person(&RITA),
        ),
        (
            "ended_dropped",
            Message::Ended {
                request: with_notes(ended(dropped)),
                since: None,
            },
            Channel,
        ),
        (
            "ended_untold",
            Message::Ended {
                request: ended(EndShown::Expired),
                since: Some(at(4)),
            },
            Channel,
        ),
        (
            "extended",
            Message::Extended {
                request: active(),
                ends_at: at(184),
            },
            Person(&RITA),
        ),
        ("past_extended", past(Past::Extended), Channel),
        ("past_being_taken", past(Past::BeingTaken), Channel),
        ("past_let_go", past(Past::LetGo), Channel),
        ("past_over", past(Past::Over), Channel),
        ("past_newer", to(&RITA, past(Past::Newer)), Channel),
        ("past_newer_decider", to(&BOB, past(Past::Newer)), Channel),
        ("past_decided", to(&BOB, past(Past::Decided)), Channel),
        (
            "standing_access",
            Message::StandingAccess {
                request: with_notes(active()),
            },
            Channel,
        ),
        (
            "break_glass_alarm",
            Message::BreakGlass {
                request: glass_active(PostUseShown::Owed),
                buttons: Buttons::BreakGlass,
            },
            Channel,
        ),
        (
            "break_glass_over",
            Message::BreakGlass {
                request: glass_over(),
                buttons: Buttons::BreakGlass,
            },
            Channel,
        ),
        (
            "break_glass_reviewed",
            Message::PostUseReviewed {
                request: glass_active(reviewed()),
            },
            Channel,
        ),
        (
            "break_glass_overdue",
            Message::PostUseOverdue {
                request: glass_active(PostUseShown::Overdue),
            },
            Channel,
        ),
    ]
}
