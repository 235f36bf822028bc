//! The alarm about overdue revocations, to render: few and many, each thing that a backend can answer, and its end.

use hallpass::ports::chat::{AlarmShown, Message, OverdueShown, Said};
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
        backend: "orders-db".into(),
        grants: 1,
        more: false,
        since: at(0),
        named: vec![overdue("R-7K2M", false, 0)],
        said,
    }
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
    let (backend, since, over) = ("orders-db".to_owned(), at(0), at(95));
    vec![
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
    ]
}
