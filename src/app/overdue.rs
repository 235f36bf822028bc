//! Access that is overdue to end, whatever the reason: its backend is away, or slow, or nobody could decide the end. Not
//! all of that fails, so it is looked for every minute, and opens the alarm (`alarm`). What is overdue is read from
//! what is due, never from what was tried.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use hallpass_domain::effect::Subject;
use hallpass_domain::grant::State;
use hallpass_domain::request::Kind;
use hallpass_domain::{
    BackendName, Change, Effect, EffectKind, Grant, GrantId, Holding, HoldingId, Lane, Request,
    RequestId, ShortId, Time, Urgency,
};

use super::alarm::{OVERDUE_AFTER, alarm_effect};
use super::{App, Carried};
use crate::ports::chat::{AlarmShown, Delay, OverdueShown, Said};
use crate::store::{AlarmRow, Failure, OverdueHolding, StoreError};

/// Between two looks.
const EVERY: TimeDelta = TimeDelta::minutes(1);
/// What was overdue only because Hallpass was away is done by then, and isn't told.
const TOLD_AFTER: TimeDelta = TimeDelta::seconds(10);
/// How many holdings are counted.
const COUNTED: u32 = 1_000;
/// How many ends that nobody decided are read: each by itself, since a row of it may be broken.
const ENDS: u32 = 100;
/// How many grants are named.
const NAMED: usize = 10;

/// The effect that looks for it.
pub(super) fn effect(due: Time) -> Effect {
    Effect {
        subject: Subject::Ledger,
        kind: EffectKind::CheckOverdue,
        lane: Lane::Internal,
        urgency: Urgency::Normal,
        due,
    }
}

/// A grant that should be gone.
struct Late {
    grant: Grant,
    since: Time,
    break_glass: bool,
}

/// Ends whose time is up for long, and that aren't decided.
#[derive(Default)]
struct Undecided {
    known: Vec<(Late, BTreeSet<BackendName>)>,
    /// Their rows can't be read, so nobody knows where they hold what.
    unknown: Vec<(GrantId, Time)>,
    /// There are more than were read.
    more: bool,
}

/// What waits in a backend's lane, as far as it is overdue.
#[derive(Default)]
struct Waiting {
    late: Vec<Late>,
    /// When access was due to go for which no readable grant stands.
    others: Vec<Time>,
    /// How the last try of each came out, where it can be tried.
    tries: Vec<Option<Failure>>,
    more: bool,
}

impl App {
    /// Opens the alarm of every backend where access is overdue to end, unless it is open.
    pub(super) async fn check_overdue(&self) -> Result<Carried, StoreError> {
        let now = self.now();
        let mut late: BTreeSet<Option<BackendName>> = BTreeSet::new();
        for (lane, due) in self.store.due().await? {
            let Lane::Backend(backend) = lane else {
                continue;
            };
            if due.revoking.is_some() && self.is_overdue(&backend, now).await? {
                late.insert(Some(backend));
            }
        }
        let undecided = self.undecided(now).await?;
        if !undecided.unknown.is_empty() {
            late.insert(None);
        }
        late.extend(undecided.known.into_iter().flat_map(|(_, of)| of).map(Some));
        for of in &late {
            self.keep_alarm(of.as_ref(), now).await?;
        }
        Ok(Carried::Done(
            Change::default().schedule(effect(now + EVERY)),
        ))
    }

    async fn is_overdue(&self, backend: &BackendName, now: Time) -> Result<bool, StoreError> {
        let by = now - OVERDUE_AFTER;
        let oldest = self.store.overdue_holdings(backend, by, now, 1).await?;
        Ok(!oldest.is_empty())
    }

    /// An alarm that has its effect looks after itself.
    async fn keep_alarm(&self, of: Option<&BackendName>, now: Time) -> Result<(), StoreError> {
        let effect = alarm_effect(of, now + TOLD_AFTER);
        if self.store.has_effect(&effect.subject, &effect.kind).await? {
            return Ok(());
        }
        self.store.keep_alarm_open(of, now).await?;
        let change = Change::default().schedule(effect);
        self.store.apply_one(change).await.map(drop)
    }

    /// What an alarm tells; none where nothing is overdue.
    pub(super) async fn overdue(
        &self,
        of: Option<&BackendName>,
        row: &AlarmRow,
        now: Time,
    ) -> Result<Option<AlarmShown>, StoreError> {
        let undecided = self.undecided(now).await?;
        let Some(backend) = of else {
            return self.unreadable(undecided).await;
        };
        let mut waiting = self.waiting(backend, now).await?;
        let why = self.delay(backend, row.said, &waiting.tries);
        waiting.more |= undecided.more;
        let of_it = undecided
            .known
            .into_iter()
            .filter(|(_, of)| of.contains(backend));
        waiting.late.extend(of_it.map(|(late, _)| late));
        let sinces = waiting.late.iter().map(|late| late.since);
        let Some(since) = sinces.chain(waiting.others.iter().copied()).min() else {
            return Ok(None);
        };
        Ok(Some(AlarmShown {
            backend: Some(backend.to_string()),
            grants: waiting.late.len(),
            others: waiting.others.len(),
            more: waiting.more,
            since,
            named: self.named(waiting.late).await?,
            unread: Vec::new(),
            why,
        }))
    }

    async fn unreadable(&self, undecided: Undecided) -> Result<Option<AlarmShown>, StoreError> {
        let Some(since) = undecided.unknown.iter().map(|(_, due)| *due).min() else {
            return Ok(None);
        };
        let (ids, _): (Vec<GrantId>, Vec<Time>) = undecided.unknown.into_iter().unzip();
        let letters = self.store.letters(&ids).await?;
        Ok(Some(AlarmShown {
            backend: None,
            grants: ids.len(),
            others: 0,
            more: undecided.more,
            since,
            named: Vec::new(),
            unread: letters.iter().map(ShortId::of_request).collect(),
            why: Delay::Ours,
        }))
    }

    /// Why it takes so long. `said`: to the last attempt that failed, whenever that was.
    fn delay(&self, backend: &BackendName, said: Option<Said>, tries: &[Option<Failure>]) -> Delay {
        let silent = self.is_away(backend) || tries.contains(&Some(Failure::Silent));
        match said {
            _ if tries.is_empty() => Delay::Ours,
            _ if !silent && tries.iter().all(Option::is_none) => Delay::Behind,
            Some(said) => Delay::Backend(said),
            None if silent => Delay::Backend(Said::Nothing),
            None => Delay::Ours,
        }
    }

    async fn waiting(&self, backend: &BackendName, now: Time) -> Result<Waiting, StoreError> {
        let due = self
            .store
            .overdue_holdings(backend, now, now, COUNTED)
            .await?;
        let ids: Vec<HoldingId> = due.iter().map(|one| one.id.clone()).collect();
        let holdings = self.store.readable_holdings(&ids).await?.rows;
        let holdings: BTreeMap<HoldingId, Holding> = holdings
            .into_iter()
            .map(|holding| (holding.id.clone(), holding))
            .collect();
        let releasing = holdings.values().flat_map(|holding| &holding.releasing);
        let releasing: BTreeSet<GrantId> = releasing.cloned().collect();
        let releasing: Vec<GrantId> = releasing.into_iter().collect();
        let grants = self.store.readable_grants(&releasing).await?.rows;
        let mut waiting = Waiting {
            more: due.len() >= COUNTED as usize,
            ..Waiting::default()
        };
        let (mut revoking, mut late) = (BTreeSet::new(), BTreeSet::new());
        for grant in grants {
            let Some(since) = revoked_since(&grant) else {
                continue;
            };
            revoking.insert(grant.id.clone());
            if is_stuck(&grant) || now - since >= OVERDUE_AFTER {
                late.insert(grant.id.clone());
                waiting.late.push(Late {
                    break_glass: self.is_break_glass(&grant.request).await?,
                    grant,
                    since,
                });
            }
        }
        for OverdueHolding { id, due, failure } in due {
            let holding = holdings.get(&id);
            let has = |some: &BTreeSet<GrantId>| {
                holding.is_some_and(|one| one.releasing.iter().any(|id| some.contains(id)))
            };
            let of_nobody = !has(&revoking) && now - due >= OVERDUE_AFTER;
            if of_nobody {
                waiting.others.push(due);
            }
            if has(&late) || of_nobody && holding.is_some() {
                waiting.tries.push(failure);
            }
        }
        Ok(waiting)
    }

    async fn undecided(&self, now: Time) -> Result<Undecided, StoreError> {
        let by = now - OVERDUE_AFTER;
        let ends = self.store.overdue_ends(by, now, ENDS).await?;
        let mut undecided = Undecided {
            more: ends.len() >= ENDS as usize,
            ..Undecided::default()
        };
        for (id, due) in ends {
            let grant = match readable(self.store.grant(&id).await)? {
                Some(None) => continue,
                Some(Some(grant)) => grant,
                None => {
                    undecided.unknown.push((id, due));
                    continue;
                }
            };
            // It may have been given more time.
            let Some(since) = goes_at(&grant).filter(|goes_at| *goes_at <= by) else {
                continue;
            };
            let Some(Some(request)) = readable(self.store.request(&grant.request).await)? else {
                undecided.unknown.push((id, due));
                continue;
            };
            let entitlements = &request.terms.entitlements;
            let of = entitlements.iter().map(|one| one.backend.clone()).collect();
            let late = Late {
                break_glass: broke_glass(&request),
                grant,
                since,
            };
            undecided.known.push((late, of));
        }
        Ok(undecided)
    }

    /// Break-glass first, then the oldest.
    async fn named(&self, mut late: Vec<Late>) -> Result<Vec<OverdueShown>, StoreError> {
        let rank = |one: &Late| (!one.break_glass, one.since, one.grant.short.clone());
        late.sort_by_key(rank);
        late.truncate(NAMED);
        let holders = late.iter().map(|one| one.grant.holder.clone());
        let faces = self.faces(holders.collect()).await?;
        let named = late.iter().map(|one| OverdueShown {
            short: one.grant.short.of_request(),
            role: one.grant.role.to_string(),
            holder: faces.shown(&one.grant.holder),
            since: one.since,
            break_glass: one.break_glass,
        });
        Ok(named.collect())
    }

    async fn is_break_glass(&self, id: &RequestId) -> Result<bool, StoreError> {
        let request = readable(self.store.request(id).await)?.flatten();
        Ok(request.as_ref().is_some_and(broke_glass))
    }
}

/// When it goes unless somebody acts: at its end, or when setting it up, of which a part may be held, is given up.
fn goes_at(grant: &Grant) -> Option<Time> {
    match &grant.state {
        State::Provisioning { give_up_at, .. } => Some(*give_up_at),
        State::Active { ends_at, .. } => Some(*ends_at),
        State::Revoking { .. } | State::Ended { .. } | State::Failed { .. } => None,
    }
}

/// None where a row is broken: whoever must act on it says so in the log.
pub(super) fn readable<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(StoreError::Corrupt { .. }) => Ok(None),
        Err(error @ (StoreError::Unavailable(_) | StoreError::Refused(_))) => Err(error),
    }
}

fn broke_glass(request: &Request) -> bool {
    matches!(request.kind, Kind::BreakGlass { .. })
}

/// Since when it should be gone: it was ended, or its time was up and nobody had decided that yet. None where it isn't
/// being revoked.
fn revoked_since(grant: &Grant) -> Option<Time> {
    match &grant.state {
        State::Revoking {
            since,
            active_since,
            ..
        } => {
            let time_up = active_since.map(|active| active + grant.duration.to_delta());
            Some(time_up.map_or(*since, |time_up| time_up.min(*since)))
        }
        State::Provisioning { .. }
        | State::Active { .. }
        | State::Ended { .. }
        | State::Failed { .. } => None,
    }
}

/// Whether people were told already that the backend doesn't let go.
fn is_stuck(grant: &Grant) -> bool {
    match &grant.state {
        State::Revoking { stuck_since, .. } => stuck_since.is_some(),
        State::Provisioning { .. }
        | State::Active { .. }
        | State::Ended { .. }
        | State::Failed { .. } => false,
    }
}
