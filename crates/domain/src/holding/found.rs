//! What is found where nobody ordered anything: a backend that says other than the ledger, access that no grant gave.
//! Nothing here gives or takes: it writes down what was seen, or makes the holding run again.

use serde::{Deserialize, Serialize};

use super::{Holding, Known};
use crate::role::Sharing;
use crate::{BackendName, Entitlement, HoldingId, PersonId, Time};

/// What is done with access that bears our mark though no grant on record gave it. What others gave is always only told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownAccess {
    #[default]
    Report,
    Revoke,
}

/// Whose access is that was found without a grant; no person has this id.
const NOBODY: &str = "nobody";

impl Holding {
    /// Access that no grant gave, so that it is told once and can be taken. It is nobody's, until somebody with that
    /// principal asks for the entitlement.
    pub fn found(
        id: HoldingId,
        backend: BackendName,
        principal: String,
        entitlement: Entitlement,
        known: Known,
    ) -> Self {
        let nobody = PersonId::new(NOBODY);
        let sharing = Sharing::Shared;
        let holding = Self::new(id, backend, principal, nobody, entitlement, sharing, None);
        Self { known, ..holding }
    }

    /// Whether no person stands behind it.
    pub fn is_nobodys(&self) -> bool {
        self.person.as_str() == NOBODY
    }

    /// Where it was nobody's, the principal becomes this person's; else nothing changes.
    #[must_use]
    pub fn adopted_by(mut self, person: &PersonId) -> Self {
        if self.is_nobodys() && self.claims.is_empty() && self.releasing.is_empty() {
            self.person = person.clone();
            self.adopted = true;
        }
        self
    }

    /// Writes down what the backend said of it, while nothing is wanted anew.
    #[must_use]
    pub fn learn(mut self, known: Known) -> Self {
        self.known = known;
        self
    }

    /// Makes it run again though what is wanted is the same: raises the generation. [`Holding::sync`] is the effect to
    /// schedule.
    #[must_use]
    pub fn again(mut self) -> Self {
        self.generation += 1;
        self
    }

    /// The backend saw a higher generation than this one, and nobody raised it since: the record is older than what was
    /// ordered (a database that was restored). It goes on above whatever was: generations count from one, so the
    /// seconds since 1970 are higher. None where that was done already.
    #[must_use]
    pub fn leap(mut self, now: Time) -> Option<Self> {
        if self.generation >= now.timestamp() / 2 {
            return None;
        }
        self.generation = now.timestamp();
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Holding, Known};
    use crate::{BackendName, Entitlement, GrantId, HoldingId, PersonId, Time};

    fn found() -> Holding {
        found_as(Known::Unknown)
    }

    fn found_as(known: Known) -> Holding {
        let backend = BackendName::new("gate");
        let entitlement = Entitlement {
            backend: backend.clone(),
            attributes: BTreeMap::new(),
        };
        Holding::found(
            HoldingId::new("h"),
            backend,
            "alice".into(),
            entitlement,
            known,
        )
    }

    #[test]
    fn what_was_seen_where_it_was_found_is_written_down() {
        let at: Time = "2026-01-05T09:00:00Z".parse().expect("a time");
        let seen = Known::Held { at, until: None };
        assert_eq!(found_as(seen.clone()).known, seen);
    }

    #[test]
    fn only_what_is_nobodys_is_adopted() {
        let (alice, bob) = (PersonId::new("alice"), PersonId::new("bob"));
        let hers = found().adopted_by(&alice);
        assert_eq!((&hers.person, hers.adopted), (&alice, true));
        let still = Holding {
            adopted: false,
            ..hers
        }
        .adopted_by(&bob);
        assert_eq!((&still.person, still.adopted), (&alice, false));
        let being_taken = found().release(&GrantId::new("g"));
        assert!(being_taken.adopted_by(&alice).is_nobodys());
    }

    #[test]
    fn a_generation_leaps_once_above_whatever_was_counted() {
        let now: Time = "2026-01-05T09:00:00Z".parse().expect("a time");
        let leapt = found().again().leap(now).expect("it counts from one");
        assert_eq!(leapt.generation, now.timestamp());
        assert_eq!(leapt.again().leap(now), None, "it wasn't that");
    }
}
