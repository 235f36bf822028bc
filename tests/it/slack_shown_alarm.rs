//! The alarm about overdue revocations, to render: few and many, each thing that a backend can answer, and its end.

use hallpass::ports::chat::{AlarmShown, Delay, Message, OverdueShown, Said};
use hallpass::slack::views::Audience::{self, Channel};

use crate::slack_shown::{at, bob, carol, rita};

fn overdue(short: &str, break_glass: bool, minutes: i64) -> OverdueShown {
    OverdueShown {
        short: short.into(),
        role: "db-admin".into(),
        holder: if break_glass { carol() } else { rita() },
        since: at(minutes),
        break_glass,
    }
}

fn alarm(said: Said) -> AlarmShown {
    AlarmShown {
        backend: Some("orders-db".into()),
        grants: 1,
        others: 0,
        more: false,
        since: at(0),
        named: vec![overdue("R-7K2M", false, 0)],
        unread: Vec::new(),
        why: Delay::Backend(said),
    }
}

/// What is late though no backend refuses or is away.
fn late() -> Vec<(&'static str, Message, Audience<'static>)> {
    let overdue = |alarm: AlarmShown| Message::Overdue { alarm };
    let behind = AlarmShown {
        grants: 12,
        why: Delay::Behind,
        ..alarm(Said::Nothing)
    };
    let ours = AlarmShown {
        why: Delay::Ours,
        ..alarm(Said::Nothing)
    };
    let unnamed = AlarmShown {
        grants: 0,
        others: 2,
        named: Vec::new(),
        ..alarm(Said::Nothing)
    };
    let unread = AlarmShown {
        backend: None,
        grants: 2,
        named: Vec::new(),
        unread: vec!["R-7K2M".into()],
        ..ours.clone()
    };
    let (backend, since, over) = (None, at(0), at(95));
    vec![
        ("behind", overdue(behind), Channel),
        ("ours", overdue(ours), Channel),
        ("unnamed", overdue(unnamed), Channel),
        ("unread", overdue(unread), Channel),
        (
            "unread_no_more",
            Message::OverdueNoMore {
                backend: backend.clone(),
                since,
                over,
            },
            Channel,
        ),
        (
            "unread_is_over",
            Message::OverdueIsOver {
                backend,
                since,
                over,
            },
            Channel,
        ),
    ]
}

pub(crate) fn alarms() -> Vec<(&'static str, Message, Audience<'static>)> {
    let many = AlarmShown {
        grants: 1_000,
        more: true,
        named: vec![
            overdue("R-9QQ2", true, 3),
            overdue("R-7K2M", false, 0),
            OverdueShown {
                holder: bob(),
                ..overdue("R-4F4F", false, 1)
            },
        ],
        ..alarm(Said::Nothing)
    };
    let (backend, since, over) = (Some("orders-db".to_owned()), at(0), at(95));
    let mut all = vec![
        (
            "one",
            Message::Overdue {
                alarm: alarm(Said::Nothing),
            },
            Channel,
        ),
        ("many", Message::Overdue { alarm: many }, Channel),
        (
            "refuses",
            Message::Overdue {
                alarm: alarm(Said::Refuses),
            },
            Channel,
        ),
        (
            "keeps_it",
            Message::Overdue {
                alarm: alarm(Said::KeepsIt),
            },
            Channel,
        ),
        (
            "no_more",
            Message::OverdueNoMore {
                backend: backend.clone(),
                since,
                over,
            },
            Channel,
        ),
        (
            "is_over",
            Message::OverdueIsOver {
                backend,
                since,
                over,
            },
            Channel,
        ),
    ];
    all.extend(late());
    all
}
