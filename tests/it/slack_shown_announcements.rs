//! Every announcement to the security channel, as it is rendered.

use hallpass::domain::announcement::{Drift, DriftDone, DriftKind, TimeAfter};
use hallpass::domain::{Actor, Announcement, BackendName, Email, ShortId, SlackId};
use hallpass::ports::chat::Message;

use crate::slack_shown::at;

fn drift(kind: DriftKind, grant: Option<&str>, done: DriftDone) -> Drift {
    Drift {
        kind,
        principal: "rita".into(),
        entitlement: "orders_admin".into(),
        grant: grant.and_then(ShortId::parse),
        done,
    }
}

fn every_drift() -> Vec<Drift> {
    vec![
        drift(DriftKind::Missing, Some("7K2M"), DriftDone::GivingAgain),
        drift(DriftKind::LeftOver, Some("7K2M"), DriftDone::Removing),
        drift(DriftKind::Unknown, None, DriftDone::Told),
        drift(DriftKind::Unproven, Some("9QPX"), DriftDone::Ending),
        drift(DriftKind::Unscheduled, Some("9QPX"), DriftDone::Rescheduled),
    ]
}

fn retired(grants: &[&str], reachable: bool) -> Announcement {
    Announcement::BackendRetired {
        backend: BackendName::new("orders-db"),
        grants: grants.iter().filter_map(|id| ShortId::parse(id)).collect(),
        reachable,
    }
}

pub(crate) fn announcements() -> Vec<(&'static str, Message)> {
    let mut all: Vec<(&'static str, Message)> = facts()
        .into_iter()
        .map(|(name, announcement)| (name, Message::Announcement { announcement }))
        .collect();
    all.push((
        "announced_elsewhere",
        Message::Instead {
            message: Box::new(Message::Announcement {
                announcement: retired(&["7K2M"], true),
            }),
        },
    ));
    all.push((
        "announced_late",
        Message::Late {
            at: at(3),
            message: Box::new(Message::Announcement {
                announcement: retired(&["7K2M"], true),
            }),
        },
    ));
    all
}

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
fn facts() -> Vec<(&'static str, Announcement)> {
    vec![
        (
            "announced_authority",
            Announcement::AuthorityChanged {
                digest: "9f86d081884c7d659a2feaa0c55ad015".into(),
                gained: vec!["U0MALLORY may now approve db-admin".into()],
                lost: vec!["group:backend may no longer ask for logs".into()],
            },
        ),
        (
            "announced_first_configuration",
            Announcement::AuthorityChanged {
                digest: "9f86d081884c7d659a2feaa0c55ad015".into(),
                gained: ["U0PAT runs Hallpass (operator)".into()]
                    .into_iter()
                    .chain((1..34).map(|n| format!("U0{n} may ask for db-admin")))
                    .collect(),
                lost: Vec::new(),
            },
        ),
        (
            "announced_identity",
            Announcement::IdentityChanged {
                account: SlackId::parse("U0RITA").unwrap(),
                pinned: Email::parse("rita@example.com"),
                now: Email::parse("root@example.com"),
            },
        ),
        (
            "announced_drift",
            Announcement::Drift {
                backend: BackendName::new("orders-db"),
                found: every_drift(),
                more: 12,
            },
        ),
        (
            "announced_one_drift",
            Announcement::Drift {
                backend: BackendName::new("orders-db"),
                found: vec![drift(DriftKind::Unknown, None, DriftDone::Removing)],
                more: 0,
            },
        ),
        ("announced_retired", retired(&["7K2M", "9QPX"], true)),
        ("announced_retired_for_good", retired(&["7K2M"], false)),
        (
            "announced_jump_forward",
            Announcement::ClockJumped {
                by_seconds: 5_400,
                at: at(0),
                time: TimeAfter::Later,
            },
        ),
        (
            "announced_jump_back",
            Announcement::ClockJumped {
                by_seconds: -90,
                at: at(0),
                time: TimeAfter::Later,
            },
        ),
        (
            "announced_jump_of_one",
            Announcement::ClockJumped {
                by_seconds: 5_400,
                at: at(0),
                time: TimeAfter::Followed,
            },
        ),
        (
            "announced_record_ahead",
            Announcement::ClockJumped {
                by_seconds: -35_000_000,
                at: at(0),
                time: TimeAfter::Earlier,
            },
        ),
        (
            "announced_skew",
            Announcement::ClockSkewed {
                by_millis: -2_300,
                at: at(0),
            },
        ),
        (
            "announced_restored",
            Announcement::Restored {
                anchored: 4_711,
                found: 4_200,
                at: at(0),
            },
        ),
        (
            "announced_accepted",
            Announcement::RestoreAccepted {
                by: Actor::Operator("cli:dana@host-1".into()),
                at: at(5),
            },
        ),
        (
            "announced_checkpoint",
            Announcement::Checkpoint {
                sequence: 4_711,
                hash: "9f86d081884c7d659a2feaa0c55ad0159f86d081884c7d659a2feaa0c55ad015".into(),
                key: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a".into(),
                at: at(0),
            },
        ),
        (
            "announced_not_compared",
            Announcement::NotCompared {
                backend: BackendName::new("gate"),
                since: at(0),
                until: None,
            },
        ),
        (
            "announced_compared_again",
            Announcement::NotCompared {
                backend: BackendName::new("gate"),
                since: at(0),
                until: Some(at(90)),
            },
        ),
        (
            "announced_broken",
            Announcement::RecordBroken {
                sequence: Some(17),
                why: "its digest isn't the one that was sealed".into(),
            },
        ),
    ]
}
