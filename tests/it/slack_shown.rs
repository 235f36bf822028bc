//! Read models to render: one story (Rita asks for db-admin, Bob decides), and every message told about it (its answers: `slack_shown_answers`).

use std::sync::LazyLock;

use hallpass::domain::{Duration, Email, SlackId, Time};
use hallpass::ports::chat::{
    AccessShown, Buttons, EndShown, GrantShown, GrantStateShown, KindShown, Message, MoreTime,
    Past, PostUseShown, RequestShown, ReviewShown, Shown, StageShown, StateShown, StepShown,
};
use hallpass::slack::views::Audience::{self, Channel, Person};

use crate::slack_shown_answers::beside;

/// Who asks and holds.
static RITA: LazyLock<SlackId> = LazyLock::new(|| SlackId::parse("U0RITA").unwrap());

/// Who decides.
static BOB: LazyLock<SlackId> = LazyLock::new(|| SlackId::parse("U0BOB").unwrap());

/// 2026-01-15 02:12 UTC, and so many minutes later.
pub(crate) fn at(minutes: i64) -> Time {
    Time::from_timestamp(1_768_443_120 + minutes * 60, 0).unwrap()
}

pub(crate) fn shown(account: &str, email: &str) -> Shown {
    Shown {
        account: SlackId::parse(account).unwrap(),
        email: Email::parse(email),
    }
}

pub(crate) fn rita() -> Shown {
    shown("U0RITA", "rita@example.com")
}

pub(crate) fn bob() -> Shown {
    shown("U0BOB", "bob@example.com")
}

pub(crate) fn carol() -> Shown {
    shown("U0CAROL", "carol@example.com")
}

pub(crate) fn eve() -> Shown {
    shown("U0EVE", "eve@example.com")
}

fn stage() -> StageShown {
    StageShown {
        number: 1,
        of: 1,
        approvals: 0,
        quorum: 1,
        asked: vec![bob()],
        asked_as: vec!["DBA on call".into()],
        steps: Vec::new(),
        next: Some((vec!["security".into()], at(10))),
        climbed_at_once: false,
    }
}

/// Pending: Bob is asked.
pub(crate) fn request() -> RequestShown {
    RequestShown {
        id: "01980000-0000-7000-8000-000000000001".into(),
        short: "R-7K2M".into(),
        role: "db-admin".into(),
        permits: "Read and write orders".into(),
        entitlements: vec![("orders_admin".into(), "orders-db".into())],
        environment: Some("prod".into()),
        high_risk: true,
        parameters: Vec::new(),
        requester: rita(),
        holder: rita(),
        reason: "orders stuck".into(),
        ticket: Some("INC-4711".into()),
        duration: Duration::from_hours(2),
        asked_at: at(0),
        deadline: at(60),
        starts_at: None,
        kind: KindShown::Access,
        held: None,
        state: StateShown::Pending(stage()),
        reviews: Vec::new(),
    }
}

fn review(reviewer: Shown, approved: bool, reason: Option<&str>) -> ReviewShown {
    ReviewShown {
        reviewer,
        stage: 0,
        approved,
        at_most: None,
        reason: reason.map(Into::into),
        at: at(3),
    }
}

fn past(now: Past, holder: Option<Shown>) -> Message {
    let access = AccessShown {
        id: request().id,
        short: request().short,
        role: request().role,
        holder,
    };
    Message::Past { access, now }
}

/// Approved by Bob, with a grant in this state.
pub(crate) fn started(state: GrantStateShown) -> RequestShown {
    RequestShown {
        state: StateShown::Started(GrantShown {
            id: "01980000-0000-7000-8000-000000000002".into(),
            short: "G-7K2M".into(),
            state,
            notes: Vec::new(),
        }),
        reviews: vec![review(bob(), true, None)],
        ..request()
    }
}

pub(crate) fn active() -> RequestShown {
    started(GrantStateShown::Active {
        since: at(4),
        ends_at: at(124),
    })
}

pub(crate) fn ended(why: EndShown) -> RequestShown {
    started(GrantStateShown::Ended {
        why,
        at: at(124),
        verified_at: at(125),
        sessions_closed: Some(2),
    })
}

pub(crate) fn stuck() -> RequestShown {
    started(GrantStateShown::Revoking {
        why: EndShown::Expired,
        stuck: vec!["orders-db".into()],
    })
}

fn failed() -> RequestShown {
    started(GrantStateShown::Failed {
        why: "orders-db knows no user rita. Ask whoever runs it to create one.".into(),
    })
}

fn with_notes(mut request: RequestShown) -> RequestShown {
    if let StateShown::Started(grant) = &mut request.state {
        grant.notes =
            vec!["orders_admin in orders-db was held before this grant, so it stays.".into()];
    }
    request
}

pub(crate) fn denied() -> RequestShown {
    RequestShown {
        state: StateShown::Denied {
            by: bob(),
            reason: Some("Use the read replica".into()),
        },
        reviews: vec![review(bob(), false, Some("Use the read replica"))],
        ..request()
    }
}

fn in_state(state: StateShown) -> RequestShown {
    RequestShown { state, ..request() }
}

/// Waits for its approval, and for its start.
pub(crate) fn for_later() -> RequestShown {
    RequestShown {
        starts_at: Some(at(600)),
        ..request()
    }
}

/// Approved by Bob for a later start.
pub(crate) fn scheduled() -> RequestShown {
    RequestShown {
        starts_at: Some(at(600)),
        reviews: vec![review(bob(), true, None)],
        ..in_state(StateShown::Scheduled { starts_at: at(600) })
    }
}

/// Stage 2 of 2, one approval in, the requester's own stage skipped upwards.
pub(crate) fn second_stage() -> RequestShown {
    RequestShown {
        state: StateShown::Pending(StageShown {
            number: 2,
            of: 2,
            approvals: 1,
            quorum: 2,
            asked: vec![eve(), carol()],
            asked_as: vec!["security".into()],
            steps: vec![
                StepShown {
                    asked_as: vec!["DBA on call".into()],
                    approvals: 1,
                    quorum: 1,
                },
                StepShown {
                    asked_as: vec!["security".into()],
                    approvals: 1,
                    quorum: 2,
                },
            ],
            next: None,
            climbed_at_once: true,
        }),
        parameters: vec![("node".into(), "web-3".into())],
        reviews: vec![ReviewShown {
            at_most: Some(Duration::from_hours(1)),
            ..review(bob(), true, Some("One hour is plenty"))
        }],
        ..request()
    }
}

pub(crate) fn break_glass(review: PostUseShown, state: GrantStateShown) -> RequestShown {
    RequestShown {
        kind: KindShown::BreakGlass {
            commander: carol(),
            incident: "INC-4711".into(),
            checked_at: at(0),
            skipped: vec![bob()],
            review_by: vec!["security".into()],
            review_due: at(24 * 60),
            review,
        },
        duration: Duration::from_hours(1),
        reviews: Vec::new(),
        ..started(state)
    }
}

pub(crate) fn glass_active(review: PostUseShown) -> RequestShown {
    break_glass(
        review,
        GrantStateShown::Active {
            since: at(1),
            ends_at: at(61),
        },
    )
}

fn reviewed() -> PostUseShown {
    PostUseShown::Reviewed {
        by: eve(),
        at: at(90),
    }
}

/// The cards, by a name for each.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn cards() -> Vec<(&'static str, Message, Audience<'static>)> {
    let card = |request, buttons| Message::Card { request, buttons };
    let plain = |request| card(request, Buttons::None);
    let starts_at = at(20 * 60);
    vec![
        ("card_pending", card(request(), Buttons::Decide), Channel),
        ("card_beside", card(beside(), Buttons::Decide), Channel),
        (
            "card_second_stage",
            card(second_stage(), Buttons::Decide),
            Person(&RITA),
        ),
        (
            "card_approved",
            plain(started(GrantStateShown::Provisioning)),
            Channel,
        ),
        ("card_active", plain(with_notes(active())), Channel),
        ("card_denied", plain(denied()), Channel),
        (
            "card_cancelled",
            plain(in_state(StateShown::Cancelled)),
            Channel,
        ),
        (
            "card_timed_out",
            plain(in_state(StateShown::TimedOut)),
            Channel,
        ),
        (
            "card_void",
            plain(in_state(StateShown::Void {
                why: "Rita left the workspace.".into(),
            })),
            Channel,
        ),
        (
            "card_scheduled",
            plain(RequestShown {
                starts_at: Some(starts_at),
                ..in_state(StateShown::Scheduled { starts_at })
            }),
            Channel,
        ),
        (
            "card_for_later",
            card(for_later(), Buttons::Decide),
            Channel,
        ),
        (
            "card_scheduled_approved",
            card(scheduled(), Buttons::Withdraw),
            Channel,
        ),
        ("card_ended", plain(ended(EndShown::Expired)), Channel),
        ("card_stuck", plain(stuck()), Channel),
        ("card_failed", plain(failed()), Channel),
        (
            "card_extension",
            card(extension(Some(at(124))), Buttons::Decide),
            Channel,
        ),
        (
            "card_extended",
            plain(RequestShown {
                state: StateShown::Approved,
                reviews: vec![review(bob(), true, None)],
                ..extension(Some(at(184)))
            }),
            Channel,
        ),
        (
            "card_extension_void",
            plain(RequestShown {
                state: StateShown::Void {
                    why: "The access that was to be extended has ended.".into(),
                },
                ..extension(None)
            }),
            Channel,
        ),
        (
            "card_break_glass",
            card(glass_active(PostUseShown::Owed), Buttons::BreakGlass),
            Channel,
        ),
        (
            "card_break_glass_over",
            card(
                break_glass(
                    reviewed(),
                    GrantStateShown::Ended {
                        why: EndShown::Revoked {
                            by: Some(bob()),
                            operator: None,
                            reason: Some("The incident is over".into()),
                        },
                        at: at(30),
                        verified_at: at(30),
                        sessions_closed: None,
                    },
                ),
                Buttons::BreakGlass,
            ),
            Channel,
        ),
    ]
}

/// One hour more for the access that ends then.
pub(crate) fn extension(ends_at: Option<Time>) -> RequestShown {
    RequestShown {
        short: "R-9XYZ".into(),
        kind: KindShown::Extend {
            grant: "G-7K2M".into(),
            ends_at,
        },
        duration: Duration::from_hours(1),
        ..request()
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
            Person(&RITA),
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
            "granted_holder",
            Message::Granted {
                request: with_notes(active()),
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
        ("past_extended", past(Past::Extended, Some(rita())), Channel),
        (
            "past_being_taken",
            past(Past::BeingTaken, Some(rita())),
            Channel,
        ),
        ("past_over", past(Past::Over, None), Channel),
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
