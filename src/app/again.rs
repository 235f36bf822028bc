//! The same ask again: a delivery that Slack repeats, or the same words within a minute. It is the first request.
//! Also how many requests of one person may wait.

use chrono::TimeDelta;
use futures_util::future::join_all;
use hallpass_domain::request::{Kind, Start, State};
use hallpass_domain::role::Terms;
use hallpass_domain::{Person, Request, RequestId};

use super::App;
use super::check_ask::Checked;
use super::facts::Facts;
use super::stop::Stop;
use crate::app::answer::Answer;
use crate::store::StoreError;

/// The same words within this time are the same ask.
const SAME_WITHIN: TimeDelta = TimeDelta::seconds(60);

/// How many requests of one person may wait at a time.
const PENDING_AT_MOST: u32 = 20;

impl App {
    pub(super) async fn delivered_before(
        &self,
        delivery: Option<&str>,
    ) -> Result<Option<Answer>, Stop> {
        let Some(key) = delivery else {
            return Ok(None);
        };
        match self.store.delivered(key).await? {
            Some(id) => self.first_request(&id).await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn first_request(&self, id: &RequestId) -> Result<Answer, Stop> {
        let Some(request) = self.store.request(id).await? else {
            return Ok(Answer::NotConfirmed);
        };
        self.asked(&request, true, &Facts::default()).await
    }

    /// The same ask, less than a minute ago and not over yet. More than enough waiting requests are refused here.
    pub(super) async fn asked_before(
        &self,
        me: &Person,
        terms: &Terms,
        checked: &Checked,
        reason: &str,
        start: Start,
    ) -> Result<Option<Request>, Stop> {
        let since = self.now() - SAME_WITHIN;
        let reason = reason.trim();
        let waiting = self.store.count_waiting(&me.id, PENDING_AT_MOST).await?;
        let worded = self
            .store
            .asked_with_reason(&me.id, since, reason, PENDING_AT_MOST * 5)
            .await?;
        // Read together: the same words may have been said of many roles.
        let read = join_all(worded.iter().map(|id| self.store.request(id))).await;
        let read: Result<Vec<Option<Request>>, StoreError> = read.into_iter().collect();
        let same = read?.into_iter().flatten().find(|request| {
            request.kind == Kind::Access
                && request.terms.digest == terms.digest
                && request.duration == checked.duration
                && request.start == start
                && is_open(&request.state)
        });
        if same.is_none() && waiting >= PENDING_AT_MOST {
            return Err(Stop::problem(format!(
                "{PENDING_AT_MOST} of your requests are waiting for an answer; that is as many as can wait. Cancel one first: {} mine lists them.",
                self.settings.command
            )));
        }
        Ok(match same {
            Some(request) if self.still_there(&request).await? => Some(request),
            _ => None,
        })
    }

    async fn still_there(&self, request: &Request) -> Result<bool, Stop> {
        let State::Started { grant, .. } = &request.state else {
            return Ok(true);
        };
        Ok(self
            .store
            .grant(grant)
            .await?
            .is_some_and(|grant| grant.is_live()))
    }
}

fn is_open(state: &State) -> bool {
    match state {
        State::Pending(_)
        | State::Scheduled { .. }
        | State::Approved { .. }
        | State::Started { .. } => true,
        State::Denied { .. }
        | State::Cancelled { .. }
        | State::TimedOut { .. }
        | State::Void { .. } => false,
    }
}
