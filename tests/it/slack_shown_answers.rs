//! Answers to render, from the story of `slack_shown`.

use hallpass::app::answer::{
    Answer, AskedShown, ExtendedShown, HelpShown, HistoryLine, LaterShown, OnCallShown,
    ParameterShown, Problems, RoleShown, WhyShown,
};
use hallpass::domain::{Duration, Refusal, RefusalKind};
use hallpass::ports::chat::{EndShown, GrantStateShown, HeldShown, PostUseShown, RequestShown};

use crate::slack_shown::{
    active, at, bob, break_glass, carol, denied, ended, eve, extension, for_later, glass_active,
    request, rita, scheduled, second_stage, started, stuck,
};

/// The same again, while it lasts.
pub(crate) fn beside() -> RequestShown {
    RequestShown {
        held: Some(HeldShown {
            short: "R-9XYZ".into(),
            ends_at: at(30),
            extend: "/prod-access extend R-9XYZ 1h".into(),
        }),
        ..request()
    }
}

fn asked(request: RequestShown, repeated: bool) -> Answer {
    Answer::Asked(Box::new(AskedShown {
        request,
        repeated,
        commanders: vec![carol()],
        instead_of: None,
    }))
}

pub(crate) fn done() -> Answer {
    Answer::Done {
        sentence: "You approved it.".into(),
        request: Box::new(started(GrantStateShown::Provisioning)),
    }
}

fn refused(kind: RefusalKind, sentence: &str, allowed: &str, decided: bool) -> Answer {
    Answer::Refused {
        refusal: Refusal::new(kind, sentence).allowed(allowed),
        decided: decided.then(|| Box::new(active())),
    }
}

fn roles() -> Vec<RoleShown> {
    let role = RoleShown {
        name: "db-admin".into(),
        description: "Read and write orders".into(),
        environment: Some("prod".into()),
        max_duration: Duration::from_hours(4),
        default_duration: Some(Duration::from_hours(1)),
        parameters: Vec::new(),
        ticket_example: Some("INC-4711".into()),
        yours: true,
        decided_by: vec!["DBA on call".into(), "security".into()],
    };
    let logs = RoleShown {
        name: "logs".into(),
        description: "Read application logs on one node".into(),
        environment: None,
        default_duration: None,
        parameters: vec![ParameterShown {
            name: "node".into(),
            required: true,
            example: Some("web-3".into()),
        }],
        ticket_example: None,
        decided_by: Vec::new(),
        ..role.clone()
    };
    let foreign = RoleShown {
        name: "billing".into(),
        description: "Change invoices".into(),
        yours: false,
        ..role.clone()
    };
    vec![role, logs, foreign]
}

fn extended(left: u32, repeated: bool) -> Box<ExtendedShown> {
    Box::new(ExtendedShown {
        request: active(),
        by: Duration::from_hours(1),
        ends_at: Some(at(184)),
        left,
        repeated,
    })
}

fn why(allowed: bool) -> Box<WhyShown> {
    let (sentences, rules) = if allowed {
        (
            vec!["Decided by dba on call (if nobody answers: security).".into()],
            vec!["base.cedar:37 requesters-may-ask".into()],
        )
    } else {
        (
            vec!["It is given for 4 h at most.".into()],
            vec!["base.cedar:41 not-longer-than-the-role-allows".into()],
        )
    };
    let duration = Duration::from_hours(if allowed { 2 } else { 9 });
    Box::new(WhyShown {
        role: "db-admin".into(),
        duration,
        allowed,
        sentences,
        rules,
        nearest: if allowed {
            Vec::new()
        } else {
            vec!["db-reader".into()]
        },
        would_do: Some(format!(
            "/prod-access db-admin {}h INC-4711 why you need it",
            if allowed { 2 } else { 4 }
        )),
        ask: vec![bob()],
    })
}

fn history() -> Vec<HistoryLine> {
    vec![
        HistoryLine {
            at: at(0),
            who: Some(rita()),
            what: "asked for db-admin for 2 h".into(),
        },
        HistoryLine {
            at: at(3),
            who: Some(bob()),
            what: "approved it".into(),
        },
        HistoryLine {
            at: at(4),
            who: None,
            what: "orders_admin was granted in orders-db".into(),
        },
    ]
}

/// Answers to an ask and to a press.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn answers() -> Vec<(&'static str, Answer)> {
    vec![
        ("asked", asked(request(), false)),
        ("asked_again", asked(request(), true)),
        ("asked_beside", asked(beside(), false)),
        ("asked_own_stage", asked(second_stage(), false)),
        (
            "asked_break_glass",
            asked(
                break_glass(PostUseShown::Owed, GrantStateShown::Provisioning),
                false,
            ),
        ),
        (
            "asked_break_glass_again",
            asked(
                break_glass(PostUseShown::Owed, GrantStateShown::Provisioning),
                true,
            ),
        ),
        ("offered", Answer::Later(Box::new(offered(None)))),
        (
            "offered_at_night",
            Answer::Later(Box::new(offered(Some(
                "02:30 doesn't exist on 28 March in Europe/Berlin, as clocks go forward then: 03:30 is taken.",
            )))),
        ),
        ("asked_for_later", asked(for_later(), false)),
        (
            "problems",
            Answer::Problems(Problems {
                sentences: vec![
                    "db-admin allows 4 h; you wrote 9 h.".into(),
                    "The reason needs an incident, like INC-4711.".into(),
                ],
                would_do: Some("/prod-access db-admin 4h INC-4711 orders stuck".into()),
                draft: Some("01980000-0000-7000-8000-000000000009".into()),
                ..Problems::default()
            }),
        ),
        (
            "problems_not_eligible",
            Answer::Problems(Problems {
                sentences: vec!["You can't ask for billing; that is for finance.".into()],
                ask: vec![eve()],
                ..Problems::default()
            }),
        ),
        (
            "refused_already_decided",
            refused(
                RefusalKind::AlreadyDecided,
                "This was decided a moment before you pressed.",
                "There is nothing left to do.",
                true,
            ),
        ),
        (
            "refused_own",
            refused(
                RefusalKind::OwnRequest,
                "Nobody approves their own request.",
                "Bob or security can.",
                false,
            ),
        ),
        ("done", done()),
        (
            "help",
            Answer::Help(HelpShown {
                command: "/prod-access".into(),
                example: Some("db-admin".into()),
                commanders: vec![carol()],
            }),
        ),
        ("asked_extension", asked(extension(Some(at(124))), false)),
        ("extended_answer", Answer::Extended(extended(1, false))),
        ("extended_last", Answer::Extended(extended(0, false))),
        ("extended_again", Answer::Extended(extended(1, true))),
        ("why_yes", Answer::Why(why(true))),
        ("why_no", Answer::Why(why(false))),
        ("not_confirmed", Answer::NotConfirmed),
    ]
}

/// A start that was understood and isn't sent yet.
fn offered(note: Option<&str>) -> LaterShown {
    LaterShown {
        draft: "01980000-0000-7000-8000-0000000000d1".into(),
        role: "db-admin".into(),
        parameters: vec![("node".into(), "web-3".into())],
        duration: Duration::from_hours(2),
        reason: "INC-4711 orders stuck".into(),
        when: "tomorrow 03:05".into(),
        zone: "Europe/Berlin".into(),
        note: note.map(str::to_owned),
        good_for: Duration::from_hours(1),
    }
}

/// Answers that list.
pub(crate) fn lists() -> Vec<(&'static str, Answer)> {
    let mut all = lists_of_access();
    all.extend(other_lists());
    all
}

fn lists_of_access() -> Vec<(&'static str, Answer)> {
    vec![
        (
            "active",
            Answer::Active {
                now: vec![active(), glass_active(PostUseShown::Owed), stuck()],
                later: Vec::new(),
            },
        ),
        (
            "active_later",
            Answer::Active {
                now: vec![active()],
                later: vec![scheduled()],
            },
        ),
        (
            "active_none",
            Answer::Active {
                now: Vec::new(),
                later: Vec::new(),
            },
        ),
    ]
}

fn other_lists() -> Vec<(&'static str, Answer)> {
    vec![
        ("roles", Answer::Roles(roles())),
        ("roles_none", Answer::Roles(Vec::new())),
        (
            "mine",
            Answer::Mine(vec![
                active(),
                request(),
                denied(),
                ended(EndShown::Expired),
            ]),
        ),
        ("mine_none", Answer::Mine(Vec::new())),
        (
            "pending",
            Answer::Pending {
                for_you: vec![request()],
                others: vec![second_stage()],
            },
        ),
        (
            "pending_none",
            Answer::Pending {
                for_you: Vec::new(),
                others: Vec::new(),
            },
        ),
        (
            "on_call",
            Answer::OnCall(vec![
                OnCallShown {
                    schedule: "dba".into(),
                    people: vec![bob()],
                    until: Some(at(7 * 24 * 60)),
                    problem: None,
                },
                OnCallShown {
                    schedule: "incident-commander".into(),
                    people: Vec::new(),
                    until: None,
                    problem: Some("The schedule couldn't be read.".into()),
                },
            ]),
        ),
        (
            "status",
            Answer::Status {
                request: Box::new(active()),
                history: history(),
            },
        ),
    ]
}
