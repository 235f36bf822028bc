//! The ledger, looked at for what lost its timer or its authority: every live grant within one scan, a page at a time.
//! What must still happen gets its effect again; a live grant that its reviews don't prove is ended. Where everything is
//! written in one commit nothing of this is ever found; it is for the commit that wasn't one, and for rows that somebody
//! else wrote.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use hallpass_domain::announcement::{Drift, DriftDone, DriftKind};
use hallpass_domain::effect::Subject;
use hallpass_domain::grant::{EndReason, PartStatus, State};
use hallpass_domain::request::State as RequestState;
use hallpass_domain::{
    Actor, BackendName, Change, Effect, EffectKind, Event, EventKind, Grant, Holding, HoldingId,
    Lane, Request, Time, Urgency,
};

use super::overdue::readable;
use super::reconcile::announced;
use super::{App, Carried};
use crate::store::StoreError;

/// The look at the ledger, as its place is kept.
const SCAN: &str = "ledger";

/// How many grants are looked at in one turn; the internal lane waits for it.
const PAGE: u32 = 200;

/// How many requests get their timers again in one turn.
const REQUESTS: u32 = 200;

/// Between two looks at everything.
const PAUSE: TimeDelta = TimeDelta::minutes(1);

/// Between two turns of one look.
const BREATH: TimeDelta = TimeDelta::milliseconds(200);

/// The effect that looks at the ledger.
pub(super) fn effect(due: Time) -> Effect {
    Effect {
        subject: Subject::Ledger,
        kind: EffectKind::CheckLedger,
        lane: Lane::Internal,
        urgency: Urgency::Later,
        due,
    }
}

/// What was found without a timer.
#[derive(Default)]
struct Lost {
    change: Change,
    told: BTreeMap<BackendName, Vec<Drift>>,
}

impl App {
    pub(super) async fn check_ledger(&self) -> Result<Carried, StoreError> {
        let after = self.store.scan_place(SCAN).await?;
        let page = self.store.live_grants_after(&after, PAGE).await?.logged();
        let through = page.next.is_none();
        let mut lost = Lost::default();
        self.look_at_grants(page.rows, &mut lost).await?;
        if through {
            self.look_at_requests(&mut lost).await?;
        }
        self.store
            .keep_scan_place(SCAN, &page.next.unwrap_or_default())
            .await?;
        let pause = if through { PAUSE } else { BREATH };
        let change = lost.into_change();
        Ok(Carried::Done(change.schedule(effect(self.now() + pause))))
    }

    async fn look_at_grants(&self, grants: Vec<Grant>, lost: &mut Lost) -> Result<(), StoreError> {
        let parts: BTreeSet<&HoldingId> = grants
            .iter()
            .flat_map(|grant| grant.parts.iter().map(|part| &part.holding))
            .collect();
        let ids: Vec<HoldingId> = parts.into_iter().cloned().collect();
        let subjects: Vec<Subject> = grants
            .iter()
            .map(|grant| Subject::Grant(grant.id.clone()))
            .chain(ids.iter().map(|id| Subject::Holding(id.clone())))
            .collect();
        // The rows before what is scheduled for them: what moves on in between has its effect.
        let holdings = self.store.readable_holdings(&ids).await?.logged().rows;
        let holdings: BTreeMap<HoldingId, Holding> = holdings
            .into_iter()
            .map(|holding| (holding.id.clone(), holding))
            .collect();
        let scheduled = self.store.scheduled(&subjects).await?;
        let scheduled: BTreeSet<(Subject, EffectKind)> = scheduled.into_iter().collect();
        for grant in grants {
            let parts: Vec<Holding> = grant
                .parts
                .iter()
                .filter_map(|part| holdings.get(&part.holding).cloned())
                .collect();
            match self.end_where_unproven(&grant, &parts).await {
                Ok(true) => continue,
                Ok(false) => {}
                // Its end is certain all the same, and alarmed of where it can't be decided.
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(grant = %grant.short, %error, "whether a live grant is proven can't be read");
                }
                Err(error) => return Err(error),
            }
            let timer = timer_of(&grant, self.now())
                .filter(|timer| !scheduled.contains(&(timer.subject.clone(), timer.kind.clone())));
            let stalled = unfinished(&grant).filter_map(|id| {
                let key = (Subject::Holding(id.clone()), EffectKind::SyncHolding);
                holdings.get(id).filter(|_| !scheduled.contains(&key))
            });
            let stalled: Vec<&Holding> = stalled.collect();
            if timer.is_some() || !stalled.is_empty() {
                self.remedy(&grant, timer, &stalled, &parts, lost).await?;
            }
        }
        Ok(())
    }

    /// Looks once more, since the page may be old by now; then the effects are there again.
    async fn remedy(
        &self,
        grant: &Grant,
        timer: Option<Effect>,
        stalled: &[&Holding],
        parts: &[Holding],
        lost: &mut Lost,
    ) -> Result<(), StoreError> {
        let now = self.store.grant(&grant.id).await?;
        if now.is_none_or(|now| now.version != grant.version) {
            return Ok(());
        }
        let what = Lapse {
            event: Event::new(EventKind::Rescheduled, Actor::Hallpass, self.now())
                .request(&grant.request)
                .grant(&grant.id),
            principal: parts.first().map(|part| part.principal.clone()),
            entitlement: parts.first().map(|part| part.entitlement.shown()),
            backend: parts.first().map(|part| part.backend.clone()),
            grant: Some(grant),
        };
        if let Some(timer) = timer {
            lost.again(&what, timer);
        }
        for holding in stalled {
            // One that no longer knows that this grant waits for it would never let it go.
            let forgotten = matches!(grant.state, State::Revoking { .. })
                && !holding.releasing.contains(&grant.id);
            if forgotten {
                let released = (*holding).clone().release(&grant.id);
                let sync = released.sync(self.now());
                let change = Change::default().holding(released).schedule(sync);
                self.store.apply_one(change).await?;
            }
            lost.again(&what, holding.sync(self.now()));
        }
        Ok(())
    }

    /// Whether it was. All of its parts are read once more: an end that left one out would leave its access.
    async fn end_where_unproven(
        &self,
        grant: &Grant,
        parts: &[Holding],
    ) -> Result<bool, StoreError> {
        let Some(why) = self.unproven(grant, parts).await? else {
            return Ok(false);
        };
        let parts = self.parts_of(grant).await?;
        self.end_unproven(grant.clone(), parts, why).await?;
        Ok(true)
    }

    /// Ends a live grant that the record doesn't prove; what it gave is taken away by its parts.
    async fn end_unproven(
        &self,
        grant: Grant,
        parts: Vec<Holding>,
        why: String,
    ) -> Result<(), StoreError> {
        tracing::error!(grant = %grant.short, why, "a live grant that nothing proves: ended");
        let first = parts.first().cloned();
        let drift = Drift {
            kind: DriftKind::Unproven,
            principal: first
                .as_ref()
                .map_or_else(String::new, |part| part.principal.clone()),
            entitlement: first
                .as_ref()
                .map_or_else(String::new, |part| part.entitlement.shown()),
            grant: Some(grant.short.clone()),
            done: DriftDone::Ending,
        };
        let backend = first.as_ref().map(|part| part.backend.clone());
        let event = Event::new(EventKind::DriftFound, Actor::Hallpass, self.now())
            .request(&grant.request)
            .grant(&grant.id)
            .fact("kind", serde_json::json!(drift.kind))
            .fact("done", serde_json::json!(drift.done))
            .personal("principal", drift.principal.as_str())
            .personal("why", why.as_str());
        let reason = EndReason::AuthorityGone { why };
        let Ok(change) = grant.end(reason, Actor::Hallpass, parts, self.now()) else {
            return Ok(());
        };
        let told = backend.and_then(|backend| announced(&backend, vec![drift]));
        let change = told.into_iter().fold(change.event(event), Change::announce);
        // On a conflict it moved on meanwhile, and is looked at again in a minute.
        self.store.apply_one(change).await?;
        Ok(())
    }

    async fn look_at_requests(&self, lost: &mut Lost) -> Result<(), StoreError> {
        let page = self.store.untimed_requests(REQUESTS).await?.logged();
        for request in page.rows {
            let Some(timer) = timer_of_request(&request) else {
                continue;
            };
            let entitlement = request.terms.entitlements.first();
            let what = Lapse {
                event: Event::new(EventKind::Rescheduled, Actor::Hallpass, self.now())
                    .request(&request.id),
                principal: readable(self.store.person(&request.holder).await)?
                    .flatten()
                    .and_then(|holder| holder.email)
                    .map(|email| email.to_string()),
                entitlement: Some(request.terms.role.name.to_string()),
                backend: entitlement.map(|entitlement| entitlement.backend.clone()),
                grant: None,
            };
            lost.again(&what, timer);
        }
        Ok(())
    }
}

/// What had lost its timer.
struct Lapse<'a> {
    event: Event,
    principal: Option<String>,
    entitlement: Option<String>,
    backend: Option<BackendName>,
    grant: Option<&'a Grant>,
}

impl Lost {
    fn again(&mut self, what: &Lapse<'_>, effect: Effect) {
        tracing::error!(subject = ?effect.subject, kind = ?effect.kind, "it had lost its timer");
        let mut event = what
            .event
            .clone()
            .fact("effect", format!("{:?}", effect.kind));
        if let Subject::Holding(id) = &effect.subject {
            event = event.holding(id);
        }
        self.change = std::mem::take(&mut self.change)
            .event(event)
            .schedule(effect);
        if let Some(backend) = &what.backend {
            let drift = Drift {
                kind: DriftKind::Unscheduled,
                principal: what.principal.clone().unwrap_or_default(),
                entitlement: what.entitlement.clone().unwrap_or_default(),
                grant: what.grant.map(|grant| grant.short.clone()),
                done: DriftDone::Rescheduled,
            };
            let told = self.told.entry(backend.clone()).or_default();
            if !told.contains(&drift) {
                told.push(drift);
            }
        }
    }

    fn into_change(self) -> Change {
        self.told
            .into_iter()
            .filter_map(|(backend, found)| announced(&backend, found))
            .fold(self.change, Change::announce)
    }
}

/// The timer that a live grant must have.
fn timer_of(grant: &Grant, now: Time) -> Option<Effect> {
    let subject = Subject::Grant(grant.id.clone());
    match &grant.state {
        State::Provisioning { give_up_at, .. } => {
            Some(Effect::timer(subject, EffectKind::GiveUp, *give_up_at))
        }
        State::Active { ends_at, .. } => Some(Effect::timer(
            subject,
            EffectKind::Expire,
            (*ends_at).max(now),
        )),
        State::Revoking { .. } | State::Ended { .. } | State::Failed { .. } => None,
    }
}

/// The parts on which something must still happen.
fn unfinished(grant: &Grant) -> impl Iterator<Item = &HoldingId> {
    let waits = grant.parts.iter().filter(|part| match &part.status {
        // A part that was refused, too, is released only by a read-back.
        PartStatus::Wanted | PartStatus::Releasing | PartStatus::Refused { .. } => true,
        PartStatus::Held { .. } | PartStatus::Released { .. } => false,
    });
    waits.map(|part| &part.holding)
}

fn timer_of_request(request: &Request) -> Option<Effect> {
    let subject = Subject::Request(request.id.clone());
    match &request.state {
        RequestState::Pending(_) => Some(Effect::timer(
            subject,
            EffectKind::TimeOut,
            request.deadline,
        )),
        RequestState::Scheduled { starts_at, .. } => {
            Some(Effect::timer(subject, EffectKind::Start, *starts_at))
        }
        RequestState::Approved { .. }
        | RequestState::Started { .. }
        | RequestState::Denied { .. }
        | RequestState::Cancelled { .. }
        | RequestState::TimedOut { .. }
        | RequestState::Void { .. } => None,
    }
}
