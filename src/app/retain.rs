//! Retention: personal fields that are older than the configuration lets them be are erased, and so are the words in rows
//! that are over. Daily, a small step at a time, so that neither a transaction nor a timer behind it waits for it.

use chrono::TimeDelta;
use hallpass_domain::effect::Subject;
use hallpass_domain::grant::State as GrantState;
use hallpass_domain::{
    Actor, Change, Effect, EffectKind, Event, EventKind, Lane, Request, RequestId, Time, Urgency,
};

use super::erase::{WINDOW, in_batches, told};
use super::read::grant_of;
use super::{App, Carried, forget};
use crate::store::{Span, StoreError};

/// How often it is looked for what is old enough.
const EVERY: TimeDelta = TimeDelta::days(1);
/// Requests of one step.
const REQUESTS: u32 = 25;

/// How far today's round has come. Only in memory: after a restart it begins again, which costs reading alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// Events up to this position were looked at.
    events: i64,
    /// Requests up to this one.
    requests: Option<(Time, RequestId)>,
}

impl App {
    /// Begins retention, where the configuration asks for it.
    pub async fn begin_retention(&self) -> Result<(), StoreError> {
        if self.settings.keep_personal.is_none() {
            return Ok(());
        }
        let change = Change::default().schedule(effect(self.now()));
        self.store.apply_one(change).await.map(drop)
    }

    /// One step of the daily round; comes again at once while there is more, and tomorrow after the last.
    pub(super) async fn retain(&self) -> Result<Carried, StoreError> {
        let Some(keep) = self.settings.keep_personal else {
            return Ok(Carried::nothing());
        };
        let now = self.now();
        let before = now - keep.to_delta();
        let progress = self.progress();
        let next = match self.retain_fields(before, progress.clone()).await? {
            Some(next) => Some(next),
            None => self.retain_requests(before, progress).await?,
        };
        let due = if next.is_some() { now } else { now + EVERY };
        *self
            .retained
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = next.unwrap_or_default();
        Ok(Carried::Done(Change::default().schedule(effect(due))))
    }

    fn progress(&self) -> Progress {
        let retained = self.retained.lock();
        retained
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// None where no events are left.
    async fn retain_fields(
        &self,
        before: Time,
        mut progress: Progress,
    ) -> Result<Option<Progress>, StoreError> {
        let highest = self.store.horizon().await?.highest;
        let after = progress.events;
        if after >= highest {
            return Ok(None);
        }
        let up_to = highest.min(after + WINDOW);
        let fields = self
            .store
            .fields_before(before, Span { after, up_to })
            .await?;
        let batches = in_batches(&fields);
        progress.events = up_to;
        if let Some(batch) = batches.first() {
            if batches.len() > 1 {
                progress.events = batch.last().map_or(up_to, |last| last.position);
            }
            self.erase_fields(told(self.by_age(before), batch), batch.to_vec())
                .await?;
        }
        Ok(Some(progress))
    }

    /// None where no requests are left.
    async fn retain_requests(
        &self,
        before: Time,
        mut progress: Progress,
    ) -> Result<Option<Progress>, StoreError> {
        let after = progress.requests.as_ref().map(|(at, id)| (*at, id));
        let page = self
            .store
            .requests_asked_before(before, after, REQUESTS)
            .await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        progress.requests = Some((last.asked_at, last.id.clone()));
        let mut bare = Vec::new();
        for request in page {
            if self.was_over(&request, before).await? {
                bare.push(forget::request(request));
            }
        }
        // On a conflict somebody is about to change one; tomorrow is early enough.
        self.rewrite(bare, self.by_age(before)).await?;
        Ok(Some(progress))
    }

    /// Whether it and its grant were over before that moment.
    async fn was_over(&self, request: &Request, before: Time) -> Result<bool, StoreError> {
        if !self.is_over(request).await? {
            return Ok(false);
        }
        let Some(id) = grant_of(request) else {
            return Ok(true);
        };
        let grant = self.store.grant(id).await?;
        Ok(grant.is_none_or(|grant| match grant.state {
            GrantState::Ended { at, .. } | GrantState::Failed { at, .. } => at < before,
            GrantState::Provisioning { .. }
            | GrantState::Active { .. }
            | GrantState::Revoking { .. } => false,
        }))
    }

    fn by_age(&self, before: Time) -> Event {
        Event::new(EventKind::Erased, Actor::Hallpass, self.now())
            .fact("because", "retention")
            .fact("before", before.to_rfc3339())
    }
}

fn effect(due: Time) -> Effect {
    Effect {
        subject: Subject::Ledger,
        kind: EffectKind::Retain,
        lane: Lane::Internal,
        urgency: Urgency::Later,
        due,
    }
}
