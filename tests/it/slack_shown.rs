//! Read models to render: one story (Rita asks for db-admin, Bob decides), in every state, and its cards. What is said
//! about it once is `slack_shown_notices`'s, its answers `slack_shown_answers`'s.

use std::sync::LazyLock;

use hallpass::domain::request::Found;
use hallpass::domain::{Duration, Email, SlackId, Time};
use hallpass::ports::chat::{
    Buttons, EndShown, GrantShown, GrantStateShown, KindShown, Message, PostUseShown, RequestShown,
    ReviewShown, Shown, StageShown, StateShown, StepShown, Trouble, TroubleShown,
};
use hallpass::slack::views::Audience::{self, Channel, Person};

use crate::slack_shown_answers::beside;

/// Who asks and holds.
pub(crate) static RITA: LazyLock<SlackId> = LazyLock::new(|| SlackId::parse("U0RITA").unwrap());

/// Who decides.
pub(crate) static BOB: LazyLock<SlackId> = LazyLock::new(|| SlackId::parse("U0BOB").unwrap());

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
        first_use: false,
    }
}

/// It was never asked for before, and is now.
pub(crate) fn first_use() -> RequestShown {
    RequestShown {
        first_use: true,
        ..request()
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

/// Approved by Bob, with a grant in this state.
pub(crate) fn started(state: GrantStateShown) -> RequestShown {
    RequestShown {
        state: StateShown::Started(GrantShown {
            id: "01980000-0000-7000-8000-000000000002".into(),
            short: "G-7K2M".into(),
            state,
            notes: Vec::new(),
            trouble: Vec::new(),
            tried_until: None,
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

/// A backend that keeps it from being given or taken.
fn troubled(mut request: RequestShown, how: Trouble) -> RequestShown {
    if let StateShown::Started(grant) = &mut request.state {
        let backend = "orders-db".into();
        grant.trouble = vec![TroubleShown { backend, how }];
        let coming = grant.state == GrantStateShown::Provisioning;
        grant.tried_until = coming.then(|| at(19));
    }
    request
}

/// It should be there, and the backend doesn't answer.
pub(crate) fn late() -> RequestShown {
    troubled(started(GrantStateShown::Provisioning), Trouble::Silent)
}

/// It should be gone, and the backend doesn't answer; not for long yet.
pub(crate) fn late_to_go() -> RequestShown {
    let going = GrantStateShown::Revoking {
        why: EndShown::Expired,
        stuck: Vec::new(),
    };
    troubled(started(going), Trouble::Silent)
}

/// For so long that security was told.
pub(crate) fn stuck() -> RequestShown {
    stuck_by(Trouble::Silent)
}

fn stuck_by(how: Trouble) -> RequestShown {
    let going = GrantStateShown::Revoking {
        why: EndShown::Expired,
        stuck: vec!["orders-db".into()],
    };
    troubled(started(going), how)
}

pub(crate) fn failed() -> RequestShown {
    started(GrantStateShown::Failed {
        why: "orders-db knows no user rita. Ask whoever runs it to create one.".into(),
    })
}

pub(crate) fn with_notes(mut request: RequestShown) -> RequestShown {
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

pub(crate) fn in_state(state: StateShown) -> RequestShown {
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
            reviewers: Some(vec![eve()]),
            review_due: at(24 * 60),
            review: Box::new(review),
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

pub(crate) fn reviewed() -> PostUseShown {
    PostUseShown::Reviewed {
        by: eve(),
        at: at(90),
        found: Some(Found::NeedsFollowUp),
        note: Some("A table was dropped".into()),
    }
}

/// Revoked by Bob, and looked at by Eve.
pub(crate) fn glass_over() -> RequestShown {
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
    )
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
        (
            "card_first_use",
            card(first_use(), Buttons::Decide),
            Channel,
        ),
        ("card_late", plain(late()), Channel),
        ("card_late_to_go", plain(late_to_go()), Channel),
        ("card_stuck", plain(stuck()), Channel),
        (
            "card_refused_to_go",
            plain(stuck_by(Trouble::Refuses)),
            Channel,
        ),
        ("card_kept", plain(stuck_by(Trouble::KeepsIt)), Channel),
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
            card(glass_active(PostUseShown::Owed), Buttons::Revoke),
            Channel,
        ),
        (
            "card_break_glass_over",
            card(glass_over(), Buttons::Revoke),
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
