//! One holding beside what its backend says. Pure: what follows is decided by who asks.

use hallpass_domain::holding::{Known, Observation, UnknownAccess, Wanted};
use hallpass_domain::{Holding, Time};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Agrees,
    /// Nothing is wrong; what is known of it changes.
    Learn(Known),
    /// It isn't at rest, or should be looked at by who can act; nothing to tell.
    Sync,
    /// A live grant's access isn't there; `others`: the principal holds it without us by now.
    Missing {
        others: bool,
    },
    /// Ours, and no live grant wants it any more.
    LeftOver,
    /// Nobody's grant gave it. `ours`: it bears our mark all the same.
    Unknown {
        ours: bool,
        note: String,
    },
}

/// Of a holding that nothing is scheduled for.
pub(super) fn compare(
    holding: &Holding,
    seen: &Observation,
    rule: UnknownAccess,
    now: Time,
) -> Verdict {
    match holding.wanted() {
        Wanted::Held { until } => beside_claims(&holding.known, seen, until),
        Wanted::Absent if !holding.releasing.is_empty() => Verdict::Sync,
        Wanted::Absent => beside_nothing(holding, seen, rule, now),
    }
}

fn beside_claims(known: &Known, seen: &Observation, wanted: Time) -> Verdict {
    match (known, seen.ours, &seen.others) {
        (Known::Held { until, .. }, true, _) if until.is_none_or(|told| told == wanted) => {
            Verdict::Agrees
        }
        (Known::Standing { .. }, false, Some(_)) => Verdict::Agrees,
        (Known::Held { .. }, false, Some(_)) => Verdict::Missing { others: true },
        (Known::Held { .. } | Known::Standing { .. }, false, None) => {
            Verdict::Missing { others: false }
        }
        (
            Known::Held { .. } | Known::Standing { .. } | Known::Absent { .. } | Known::Unknown,
            _,
            _,
        ) => Verdict::Sync,
    }
}

fn beside_nothing(
    holding: &Holding,
    seen: &Observation,
    rule: UnknownAccess,
    now: Time,
) -> Verdict {
    let takes = seen.ours && rule == UnknownAccess::Revoke;
    if seen.ours && !holding.is_nobodys() {
        return Verdict::LeftOver;
    }
    let unknown = |note: String| match &holding.known {
        // Told before, in the same words.
        Known::Standing {
            note: Some(known), ..
        } if *known == note && !takes => Verdict::Agrees,
        Known::Standing { note: None, .. } if !takes => Verdict::Learn(Known::Standing {
            at: now,
            note: Some(note),
        }),
        Known::Standing { .. } | Known::Unknown | Known::Absent { .. } | Known::Held { .. } => {
            Verdict::Unknown {
                ours: seen.ours,
                note,
            }
        }
    };
    match (seen.ours, &seen.others) {
        (true, _) => unknown(format!(
            "{} holds {} by Hallpass's own mark, and no grant is on record.",
            holding.principal,
            holding.entitlement.shown()
        )),
        (false, Some(whose)) => unknown(whose.clone()),
        (false, None) => match &holding.known {
            Known::Absent { .. } => Verdict::Agrees,
            Known::Unknown | Known::Held { .. } | Known::Standing { .. } => {
                Verdict::Learn(Known::Absent { at: now })
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hallpass_domain::holding::{Known, Observation, UnknownAccess};
    use hallpass_domain::role::Sharing;
    use hallpass_domain::{BackendName, Entitlement, GrantId, Holding, HoldingId, PersonId, Time};

    use super::Verdict;

    fn compare(holding: &Holding, seen: &Observation, now: Time) -> Verdict {
        super::compare(holding, seen, UnknownAccess::Report, now)
    }

    fn now() -> Time {
        "2026-01-05T09:00:00Z".parse().expect("a time")
    }

    fn until() -> Time {
        "2026-01-05T10:00:00Z".parse().expect("a time")
    }

    fn held() -> Known {
        Known::Held {
            at: now(),
            until: Some(until()),
        }
    }

    fn standing(note: &str) -> Known {
        Known::Standing {
            at: now(),
            note: Some(note.into()),
        }
    }

    fn absent() -> Known {
        Known::Absent { at: now() }
    }

    fn holding(known: Known) -> Holding {
        let backend = BackendName::new("gate");
        let entitlement = Entitlement {
            backend: backend.clone(),
            attributes: BTreeMap::from([("permission".into(), "logs".into())]),
        };
        Holding::new(
            HoldingId::new("h"),
            backend,
            "alice".into(),
            PersonId::new("alice"),
            entitlement,
            Sharing::Shared,
            None,
        )
        .learn(known)
    }

    fn claimed(known: Known) -> Holding {
        holding(known).claim(&GrantId::new("g"), until())
    }

    fn seen(ours: bool, others: Option<&str>) -> Observation {
        Observation {
            ours,
            others: others.map(Into::into),
        }
    }

    #[test]
    fn a_live_grants_access_is_there_or_missing() {
        let verdict = |known, seen| compare(&claimed(known), &seen, now());
        assert_eq!(verdict(held(), seen(true, None)), Verdict::Agrees);
        assert_eq!(verdict(held(), seen(true, Some("eve"))), Verdict::Agrees);
        let gone = Verdict::Missing { others: false };
        assert_eq!(verdict(held(), seen(false, None)), gone);
        assert_eq!(verdict(standing("eve"), seen(false, None)), gone);
        let replaced = Verdict::Missing { others: true };
        assert_eq!(verdict(held(), seen(false, Some("eve"))), replaced);
        assert_eq!(
            verdict(standing("eve"), seen(false, Some("eve"))),
            Verdict::Agrees
        );
        // Told before: it is tried again without another word.
        assert_eq!(verdict(absent(), seen(false, None)), Verdict::Sync);
        let moved = claimed(held()).claim(
            &GrantId::new("other"),
            until() + chrono::TimeDelta::hours(1),
        );
        assert_eq!(compare(&moved, &seen(true, None), now()), Verdict::Sync);
    }

    #[test]
    fn what_no_grant_wants_is_left_over_or_unknown_or_known() {
        let verdict = |known, seen| compare(&holding(known), &seen, now());
        assert_eq!(verdict(absent(), seen(false, None)), Verdict::Agrees);
        assert_eq!(verdict(absent(), seen(true, None)), Verdict::LeftOver);
        assert_eq!(
            verdict(standing("eve"), seen(true, Some("eve"))),
            Verdict::LeftOver
        );
        assert_eq!(
            verdict(standing("eve"), seen(false, Some("eve"))),
            Verdict::Agrees
        );
        for known in [absent(), standing("bob"), Known::Unknown] {
            assert_eq!(
                verdict(known, seen(false, Some("eve"))),
                Verdict::Unknown {
                    ours: false,
                    note: "eve".into()
                }
            );
        }
        assert_eq!(
            verdict(standing("eve"), seen(false, None)),
            Verdict::Learn(absent())
        );
    }

    #[test]
    fn what_bears_our_mark_without_a_grant_is_told_once() {
        let backend = BackendName::new("gate");
        let entitlement = holding(absent()).entitlement;
        let id = HoldingId::new("f");
        let found = Holding::found(id, backend, "alice".into(), entitlement, absent());
        let Verdict::Unknown { ours: true, note } = compare(&found, &seen(true, None), now())
        else {
            panic!("it is unknown");
        };
        let told = found.learn(standing(&note));
        assert_eq!(compare(&told, &seen(true, None), now()), Verdict::Agrees);
        // The rule changed meanwhile.
        let taken = super::compare(&told, &seen(true, None), UnknownAccess::Revoke, now());
        assert!(
            matches!(taken, Verdict::Unknown { ours: true, .. }),
            "{taken:?}"
        );
    }
}
