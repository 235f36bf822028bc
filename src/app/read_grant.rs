//! Read models of a grant: its state, why it ended, what was left alone. Pure.

use hallpass_domain::grant::{EndReason, PartStatus, Release, State as GrantState};
use hallpass_domain::{Actor, Entitlement, Grant, Time};

use super::end::PRESSED;
use super::read::Faces;
use crate::ports::chat::{EndShown, GrantShown, GrantStateShown, TroubleShown};

pub(super) fn end_reason(grant: &Grant) -> Option<&EndReason> {
    match &grant.state {
        GrantState::Revoking { reason, .. }
        | GrantState::Ended { reason, .. }
        | GrantState::Failed { reason, .. } => Some(reason),
        GrantState::Provisioning { .. } | GrantState::Active { .. } => None,
    }
}

pub(super) fn granted(
    grant: &Grant,
    entitlements: &[Entitlement],
    trouble: Vec<TroubleShown>,
    faces: &Faces,
) -> GrantShown {
    GrantShown {
        id: grant.id.as_str().to_owned(),
        short: grant.short.of_grant(),
        state: grant_state(grant, entitlements, faces),
        notes: notes(grant, entitlements),
        trouble,
        tried_until: match &grant.state {
            GrantState::Provisioning { give_up_at, .. } => Some(*give_up_at),
            GrantState::Active { .. }
            | GrantState::Revoking { .. }
            | GrantState::Ended { .. }
            | GrantState::Failed { .. } => None,
        },
    }
}

fn grant_state(grant: &Grant, entitlements: &[Entitlement], faces: &Faces) -> GrantStateShown {
    match &grant.state {
        GrantState::Provisioning { .. } => GrantStateShown::Provisioning,
        GrantState::Active { since, ends_at } => GrantStateShown::Active {
            since: *since,
            ends_at: *ends_at,
        },
        GrantState::Revoking {
            reason,
            stuck_since,
            ..
        } => GrantStateShown::Revoking {
            why: ended_because(reason, faces),
            stuck: if stuck_since.is_some() {
                holding_on(grant, entitlements)
            } else {
                Vec::new()
            },
        },
        GrantState::Ended {
            reason,
            at,
            active_since,
        } => GrantStateShown::Ended {
            why: ended_because(reason, faces),
            at: planned_end(grant, reason, *active_since).map_or(*at, |end| end.min(*at)),
            verified_at: *at,
            sessions_closed: sessions_closed(grant),
        },
        GrantState::Failed { reason, .. } => GrantStateShown::Failed {
            why: match reason {
                EndReason::Failed { why } | EndReason::AuthorityGone { why } => why.clone(),
                EndReason::Expired | EndReason::Dropped { .. } | EndReason::Revoked { .. } => {
                    "It ended before it was there.".into()
                }
            },
        },
    }
}

/// Where its time was up, that was the end; the rest was the taking away.
fn planned_end(grant: &Grant, reason: &EndReason, since: Option<Time>) -> Option<Time> {
    match reason {
        EndReason::Expired => since.map(|since| since + grant.duration.to_delta()),
        EndReason::Dropped { .. }
        | EndReason::Revoked { .. }
        | EndReason::Failed { .. }
        | EndReason::AuthorityGone { .. } => None,
    }
}

fn ended_because(reason: &EndReason, faces: &Faces) -> EndShown {
    match reason {
        EndReason::Expired => EndShown::Expired,
        EndReason::Dropped { reason } => EndShown::Dropped {
            reason: reason.clone(),
        },
        EndReason::Revoked { by, reason } => EndShown::Revoked {
            by: match by {
                Actor::Person(id) => Some(faces.shown(id)),
                Actor::Hallpass | Actor::Operator(_) => None,
            },
            operator: match by {
                Actor::Operator(name) => Some(name.clone()),
                Actor::Hallpass | Actor::Person(_) => None,
            },
            reason: (!PRESSED.contains(&reason.as_str())).then(|| reason.clone()),
        },
        EndReason::Failed { why } | EndReason::AuthorityGone { why } => {
            EndShown::Failed { why: why.clone() }
        }
    }
}

/// The backends that haven't let go.
fn holding_on(grant: &Grant, entitlements: &[Entitlement]) -> Vec<String> {
    let mut backends: Vec<String> = Vec::new();
    for (part, entitlement) in grant.parts.iter().zip(entitlements) {
        let released = matches!(part.status, PartStatus::Released { .. });
        let backend = entitlement.backend.to_string();
        if !released && !backends.contains(&backend) {
            backends.push(backend);
        }
    }
    backends
}

fn sessions_closed(grant: &Grant) -> Option<u32> {
    let closed = grant.parts.iter().filter_map(|part| match &part.status {
        PartStatus::Released {
            how: Release::Removed {
                sessions_closed, ..
            },
            ..
        } => *sessions_closed,
        PartStatus::Wanted
        | PartStatus::Held { .. }
        | PartStatus::Refused { .. }
        | PartStatus::Releasing
        | PartStatus::Released { .. } => None,
    });
    closed.reduce(u32::saturating_add)
}

fn notes(grant: &Grant, entitlements: &[Entitlement]) -> Vec<String> {
    let parts = grant.parts.iter().zip(entitlements);
    parts
        .filter_map(|(part, entitlement)| {
            let (what, backend) = (entitlement.shown(), &entitlement.backend);
            match &part.status {
                PartStatus::Held { standing: true, .. } => Some(format!(
                    "{what} in {backend} was held before, without a grant: it is left alone."
                )),
                PartStatus::Released { how, .. } => match how {
                    Release::Standing { note } => Some(match note {
                        Some(note) => {
                            format!("{what} in {backend} is still held without a grant: {note}")
                        }
                        None => format!("{what} in {backend} is still held without a grant."),
                    }),
                    Release::StillCovered => Some(format!(
                        "{what} in {backend} stays: another grant covers it."
                    )),
                    Release::Removed { note, .. } => note.clone(),
                },
                PartStatus::Wanted
                | PartStatus::Held { .. }
                | PartStatus::Refused { .. }
                | PartStatus::Releasing => None,
            }
        })
        .collect()
}
