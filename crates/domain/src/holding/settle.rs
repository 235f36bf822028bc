//! An attempt's outcome, recorded: the holding's grants move on, and what they need next is scheduled.
//! A grant becomes active only when all its parts are held, and is over only when all are released.

use std::collections::{BTreeMap, BTreeSet};

use super::{Given, Holding, Known, Outcome, Stale, Wanted};
use crate::effect::{Notice, Subject};
use crate::grant::{EndReason, PartStatus, Release, State};
use crate::{Actor, Change, Effect, EffectKind, Event, EventKind, Grant, GrantId, HoldingId, Time};

impl Holding {
    /// Records an outcome: the grants that claim or wait for this holding move on (active, ended, failed, taken back).
    /// `grants` are those of `claims` and `releasing`; `siblings` the other holdings of those grants.
    /// Authority of every grant that this may make active was checked by the shell, also where no call was needed.
    ///
    /// # Errors
    /// Stale where `generation` is no longer the holding's, or the outcome isn't what it wants.
    pub fn settle(
        self,
        generation: i64,
        outcome: Outcome,
        grants: Vec<Grant>,
        siblings: Vec<Self>,
        now: Time,
    ) -> Result<Change, Stale> {
        if generation != self.generation {
            return Err(Stale);
        }
        let wanted = self.wanted();
        let mut settling = Settling::new(self, grants, siblings, now);
        match (outcome, wanted) {
            (
                Outcome::Held {
                    until,
                    receipt,
                    given,
                },
                Wanted::Held { until: latest },
            ) => {
                let since = settling.held_since(given);
                settling.held(until.unwrap_or(latest), receipt.as_deref(), since);
                settling.know(Known::Held { at: now, until });
                settling.advance();
            }
            (Outcome::Standing { note }, Wanted::Held { .. }) => settling.standing(note.as_deref()),
            (Outcome::Standing { note }, Wanted::Absent) => settling.left_standing(note),
            (
                Outcome::Absent {
                    receipt,
                    sessions_closed,
                    note,
                    others,
                },
                Wanted::Absent,
            ) => settling.absent(receipt.as_deref(), sessions_closed, note, others.as_deref()),
            (Outcome::Refused { why }, Wanted::Held { .. }) => settling.refused(&why),
            (Outcome::Held { .. } | Outcome::Refused { .. }, Wanted::Absent)
            | (Outcome::Absent { .. }, Wanted::Held { .. }) => return Err(Stale),
        }
        Ok(settling.finish())
    }
}

/// The rows that one outcome may touch, by id, and what was written so far.
struct Settling {
    id: HoldingId,
    holdings: BTreeMap<HoldingId, Holding>,
    /// Holdings whose claims changed.
    moved: BTreeSet<HoldingId>,
    /// Those of them that a backend must hear of.
    told: BTreeSet<HoldingId>,
    grants: BTreeMap<GrantId, Grant>,
    before: BTreeMap<GrantId, Grant>,
    change: Change,
    now: Time,
}

impl Settling {
    fn new(holding: Holding, grants: Vec<Grant>, siblings: Vec<Holding>, now: Time) -> Self {
        let id = holding.id.clone();
        let mut holdings: BTreeMap<HoldingId, Holding> = siblings
            .into_iter()
            .map(|sibling| (sibling.id.clone(), sibling))
            .collect();
        holdings.insert(id.clone(), holding);
        let grants: BTreeMap<GrantId, Grant> = grants
            .into_iter()
            .map(|grant| (grant.id.clone(), grant))
            .collect();
        Self {
            id,
            holdings,
            moved: BTreeSet::new(),
            told: BTreeSet::new(),
            before: grants.clone(),
            grants,
            change: Change::default(),
            now,
        }
    }

    /// Since when the access is there. Where nothing on record says that it was given, a call landed and its record was
    /// lost: at the earliest when the grant was intended, so it counts from there, and losing a record makes nothing
    /// last longer. Where several grants claim it, nobody can tell whose call it was, and the others cover it.
    fn held_since(&self, given: Given) -> Time {
        let own = self.own();
        let lost = match &own.known {
            Known::Held { .. } => false,
            Known::Unknown | Known::Absent { .. } | Known::Standing { .. } => {
                given == Given::Before
            }
        };
        let mut claims = own.claims.keys();
        let (Some(claim), None, true) = (claims.next(), claims.next(), lost) else {
            return self.now;
        };
        match self.grants.get(claim).map(|grant| &grant.state) {
            Some(State::Provisioning { since, .. }) => *since,
            Some(
                State::Active { .. }
                | State::Revoking { .. }
                | State::Ended { .. }
                | State::Failed { .. },
            )
            | None => self.now,
        }
    }

    fn held(&mut self, until: Time, receipt: Option<&str>, since: Time) {
        let newly = self.hold_parts(false, since);
        let kind = if newly.is_empty() {
            EventKind::HoldingVerified
        } else {
            EventKind::HoldingGranted
        };
        self.record(&newly, kind, |event| {
            let event = event.fact("held", true).fact("until", until.to_rfc3339());
            with_receipt(event, receipt)
        });
        self.release_covered();
    }

    fn standing(&mut self, note: Option<&str>) {
        self.know(Known::Standing {
            at: self.now,
            note: note.map(Into::into),
        });
        let newly = self.hold_parts(true, self.now);
        self.record_standing(&newly, note);
        self.release_covered();
        self.advance();
    }

    fn left_standing(&mut self, note: Option<String>) {
        let untold = self.untold_of_standing();
        self.know(Known::Standing {
            at: self.now,
            note: note.clone(),
        });
        self.record_standing(&untold, note.as_deref());
        let released = self.release_waiting(&Release::Standing { note });
        self.record(&released, EventKind::HoldingVerified, |event| {
            event.fact("held", false).fact("standing", true)
        });
        self.advance();
    }

    fn absent(
        &mut self,
        receipt: Option<&str>,
        sessions_closed: Option<u32>,
        note: Option<String>,
        others: Option<&str>,
    ) {
        let was_held = matches!(self.own().known, Known::Held { .. });
        let untold = self.untold_of_standing();
        let at = self.now;
        self.know(match others {
            Some(whose) => Known::Standing {
                at,
                note: Some(whose.into()),
            },
            None => Known::Absent { at },
        });
        let note = match (note, others) {
            (Some(note), Some(whose)) => Some(format!("{note}; still held without us: {whose}")),
            (None, Some(whose)) => Some(format!("still held without us: {whose}")),
            (note, None) => note,
        };
        let released = self.release_waiting(&Release::Removed {
            sessions_closed,
            note: note.clone(),
        });
        if was_held || receipt.is_some() || sessions_closed.is_some() {
            self.record(&released, EventKind::HoldingRevoked, |event| {
                with_receipt(event, receipt)
            });
        }
        if let Some(count) = sessions_closed.filter(|count| *count > 0) {
            self.record(&released, EventKind::SessionsEnded, |event| {
                event.fact("sessions", count)
            });
        }
        if others.is_some() {
            self.record_standing(&untold, others);
        }
        self.record(&released, EventKind::HoldingVerified, |event| {
            let event = event.fact("held", false);
            match &note {
                Some(note) => event.personal("note", note.as_str()),
                None => event,
            }
        });
        self.advance();
    }

    /// The grants that still waited for it fail: all their holdings are released, this one too, since only a
    /// read-back tells that nothing was left behind. Grants that hold it already keep it.
    fn refused(&mut self, why: &str) {
        let failing: Vec<GrantId> = self
            .own()
            .claims
            .keys()
            .filter(|id| {
                self.grants
                    .get(*id)
                    .is_some_and(|grant| grant.part(&self.id) == Some(&PartStatus::Wanted))
            })
            .cloned()
            .collect();
        let concerned = if failing.is_empty() {
            self.own().claims.keys().cloned().collect()
        } else {
            failing.clone()
        };
        self.record(&concerned, EventKind::HoldingRefused, |event| {
            event.personal("why", why)
        });
        for id in failing {
            let Some(mut grant) = self.grants.remove(&id) else {
                continue;
            };
            grant.set_part(&self.id, &PartStatus::Refused { why: why.into() });
            let (grant, change) = grant.revoking(
                EndReason::Failed { why: why.into() },
                Actor::Hallpass,
                self.now,
            );
            self.change = std::mem::take(&mut self.change).and(change);
            self.release_parts(&grant);
            self.grants.insert(id, grant);
        }
        if !self.own().claims.is_empty() {
            self.release_covered();
        }
        self.advance();
    }

    /// The parts of the grants that claim it are held now; answers those whose part wasn't, or was otherwise.
    fn hold_parts(&mut self, standing: bool, since: Time) -> Vec<GrantId> {
        let id = self.id.clone();
        let claims: Vec<GrantId> = self.own().claims.keys().cloned().collect();
        claims
            .into_iter()
            .filter(|claim| {
                let Some(grant) = self.grants.get_mut(claim) else {
                    return false;
                };
                let newly = match grant.part(&id) {
                    Some(PartStatus::Held {
                        standing: known, ..
                    }) => *known != standing,
                    Some(PartStatus::Wanted) => true,
                    Some(
                        PartStatus::Refused { .. }
                        | PartStatus::Releasing
                        | PartStatus::Released { .. },
                    )
                    | None => false,
                };
                if newly {
                    grant.set_part(
                        &id,
                        &PartStatus::Held {
                            at: since,
                            standing,
                        },
                    );
                }
                newly
            })
            .collect()
    }

    /// Another live grant covers it: those that wait are released without anything being taken away (I7).
    fn release_covered(&mut self) {
        let released = self.release_waiting(&Release::StillCovered);
        if !released.is_empty() {
            self.record(&released, EventKind::HoldingVerified, |event| {
                event.fact("still_covered", true)
            });
        }
    }

    fn release_waiting(&mut self, how: &Release) -> Vec<GrantId> {
        let (id, at) = (self.id.clone(), self.now);
        let Some(own) = self.holdings.get_mut(&id) else {
            return Vec::new();
        };
        let waiting: Vec<GrantId> = std::mem::take(&mut own.releasing).into_iter().collect();
        if own.claims.is_empty() {
            own.opened_by = None;
        }
        for grant in &waiting {
            if let Some(grant) = self.grants.get_mut(grant) {
                let how = how.clone();
                grant.set_part(&id, &PartStatus::Released { at, how });
            }
        }
        waiting
    }

    /// Every part of a grant that is to end is to be released.
    fn release_parts(&mut self, grant: &Grant) {
        for part in &grant.parts {
            if let Some(holding) = self.holdings.remove(&part.holding) {
                self.holdings
                    .insert(part.holding.clone(), holding.release(&grant.id));
                self.moved.insert(part.holding.clone());
                self.told.insert(part.holding.clone());
            }
        }
    }

    /// Lets every grant take the step that its parts now permit; what became active claims its exact end, and ends where
    /// its time is up already.
    fn advance(&mut self) {
        for (id, grant) in std::mem::take(&mut self.grants) {
            let was_active = matches!(grant.state, State::Active { .. });
            let (grant, change) = grant.advance(self.now);
            self.change = std::mem::take(&mut self.change).and(change);
            let grant = match (was_active, grant.ends_at()) {
                (false, Some(ends_at)) if ends_at <= self.now => {
                    let (grant, change) =
                        grant.revoking(EndReason::Expired, Actor::Hallpass, self.now);
                    // That it was there is no news any more.
                    let untold = EffectKind::Say(Notice::Granted);
                    self.change = std::mem::take(&mut self.change)
                        .and(change)
                        .cancel(grant.subject(), untold);
                    self.release_parts(&grant);
                    grant
                }
                (false, Some(ends_at)) => {
                    self.claim_parts(&grant, ends_at);
                    grant
                }
                (true, _) | (false, None) => grant,
            };
            self.grants.insert(id, grant);
        }
    }

    fn claim_parts(&mut self, grant: &Grant, ends_at: Time) {
        for part in &grant.parts {
            if let Some(holding) = self.holdings.remove(&part.holding) {
                if holding.is_told_ends() {
                    self.told.insert(part.holding.clone());
                }
                self.holdings
                    .insert(part.holding.clone(), holding.claim(&grant.id, ends_at));
                self.moved.insert(part.holding.clone());
            }
        }
    }

    /// Those who wait and weren't told yet that the principal holds it without us.
    fn untold_of_standing(&self) -> Vec<GrantId> {
        match &self.own().known {
            Known::Standing { .. } => Vec::new(),
            Known::Unknown | Known::Absent { .. } | Known::Held { .. } => {
                self.own().releasing.iter().cloned().collect()
            }
        }
    }

    fn record_standing(&mut self, grants: &[GrantId], note: Option<&str>) {
        if grants.is_empty() {
            return;
        }
        self.record(grants, EventKind::StandingAccessFound, |event| match note {
            Some(note) => event.personal("note", note),
            None => event,
        });
        for grant in grants {
            let say = Effect::say(
                Subject::Grant(grant.clone()),
                Notice::StandingAccess,
                self.now,
            );
            self.change = std::mem::take(&mut self.change).schedule(say);
        }
    }

    /// One event for each of the grants, or one about the holding alone where there are none.
    fn record(&mut self, grants: &[GrantId], kind: EventKind, with: impl Fn(Event) -> Event) {
        let own = self.own();
        let about = |event: Event| {
            with(
                event
                    .holding(&own.id)
                    .fact("backend", own.backend.as_str())
                    .fact("entitlement", own.entitlement.shown())
                    .fact("generation", own.generation)
                    .personal("principal", own.principal.as_str()),
            )
        };
        let mut events: Vec<Event> = grants
            .iter()
            .filter_map(|grant| self.grants.get(grant))
            .map(|grant| about(grant.event(kind, Actor::Hallpass, self.now)))
            .collect();
        // Taken away with nobody waiting for it: a call that landed late.
        let alone = matches!(kind, EventKind::HoldingVerified | EventKind::HoldingRevoked);
        if grants.is_empty() && alone {
            events.push(about(Event::new(kind, Actor::Hallpass, self.now)));
        }
        self.change.events.extend(events);
    }

    /// A call that nobody waits for may undo what was seen now: it is looked at again once that is over.
    fn look_again(&mut self) {
        let Some(own) = self.holdings.get_mut(&self.id) else {
            return;
        };
        own.stray_until = own.stray_until.filter(|until| *until > self.now);
        if let Some(until) = own.stray_until {
            let look = own.sync(until);
            self.change = std::mem::take(&mut self.change).schedule(look);
        }
    }

    fn know(&mut self, known: Known) {
        if let Some(own) = self.holdings.get_mut(&self.id) {
            own.known = known;
        }
    }

    fn own(&self) -> &Holding {
        &self.holdings[&self.id]
    }

    /// Writes what changed: the grants, this holding, and the others whose wanted state moved.
    fn finish(mut self) -> Change {
        self.look_again();
        let mut rows = Change::default();
        for (id, grant) in self.grants {
            if self.before.get(&id) != Some(&grant) {
                rows = rows.grant(grant);
            }
        }
        self.change = rows.and(self.change);
        for (id, holding) in self.holdings {
            let moved = self.moved.contains(&id);
            if self.told.contains(&id) {
                self.change = self.change.schedule(holding.sync(self.now));
            }
            if moved || id == self.id {
                self.change = self.change.holding(holding);
            }
        }
        self.change
    }
}

fn with_receipt(event: Event, receipt: Option<&str>) -> Event {
    match receipt {
        Some(receipt) => event.fact("receipt", receipt),
        None => event,
    }
}
