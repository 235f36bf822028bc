//! The same ask again: a delivery that Slack repeats, or the same words within a minute. It is the first request.
//! Also how many requests of one person may wait.

use chrono::TimeDelta;
use futures_util::future::join_all;
use hallpass_domain::grant::State as GrantState;
use hallpass_domain::planted::{Fault, planted};
use hallpass_domain::request::{self, Kind, Start, State};
use hallpass_domain::role::Terms;
use hallpass_domain::{Person, Request, RequestId};

use super::check_ask::Checked;
use super::facts::Facts;
use super::stop::Stop;
use super::{App, Turn};
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

    /// The person's turn to ask, and the same ask where they made it just now.
    pub(super) async fn turn_to_ask(
        &self,
        me: &Person,
        terms: &Terms,
        checked: &Checked,
        reason: &str,
        start: Start,
    ) -> Result<(Turn, Option<Request>), Stop> {
        let turn = self.asking.of(&me.id).await;
        match self.asked_before(me, terms, checked, reason, start).await {
            // Planted, only a delivery that Slack repeats is known again, not a person who does.
            Ok(first) => Ok((turn, first.filter(|_| !planted(Fault::RepeatedAskTwice)))),
            Err(stop) => {
                if planted(Fault::GuardStaysStuck) {
                    // Who fails keeps the turn.
                    std::mem::forget(turn);
                }
                Err(stop)
            }
        }
    }

    /// The same ask, less than a minute ago and not over yet. More than enough waiting requests are refused here.
    async fn asked_before(
        &self,
        me: &Person,
        terms: &Terms,
        checked: &Checked,
        reason: &str,
        start: Start,
    ) -> Result<Option<Request>, Stop> {
        let waiting = self.store.count_waiting(&me.id, PENDING_AT_MOST).await?;
        let same = self
            .just_now(me, reason, |request| {
                request.kind == Kind::Access
                    && request.terms.digest == terms.digest
                    && request.duration == checked.duration
                    && request.start == start
            })
            .await?;
        if same.is_none() && waiting >= PENDING_AT_MOST {
            return Err(Stop::problem(format!(
                "{PENDING_AT_MOST} of your requests are waiting for an answer; that is as many as can wait. Cancel one first: {} mine lists them.",
                self.settings.command
            )));
        }
        Ok(same)
    }

    /// The same order to break the glass, less than a minute ago and not over yet: given twice, it would be announced
    /// and owed a review twice.
    pub(super) async fn broken_before(
        &self,
        me: &Person,
        order: &request::Ask,
    ) -> Result<Option<Request>, Stop> {
        self.just_now(me, &order.reason, |request| {
            request.kind == order.kind
                && request.holder == order.holder
                && request.terms.digest == order.terms.digest
                && request.duration == order.duration
        })
        .await
    }

    /// What they asked for less than a minute ago with these words as the reason, is not over yet, and is the same.
    async fn just_now(
        &self,
        me: &Person,
        reason: &str,
        same: impl Fn(&Request) -> bool,
    ) -> Result<Option<Request>, Stop> {
        let since = self.now() - SAME_WITHIN;
        let worded = self
            .store
            .asked_with_reason(&me.id, since, reason.trim(), PENDING_AT_MOST * 5)
            .await?;
        // Read together: the same words may have been said of many roles.
        let read = join_all(worded.iter().map(|id| self.store.request(id))).await;
        let read: Result<Vec<Option<Request>>, StoreError> = read.into_iter().collect();
        for request in read?.into_iter().flatten() {
            if same(&request) && self.still_there(&request).await? {
                return Ok(Some(request));
            }
        }
        Ok(None)
    }

    /// What is being taken away isn't there: who asks again wants it back.
    async fn still_there(&self, request: &Request) -> Result<bool, StoreError> {
        let grant = match &request.state {
            State::Pending(_) | State::Scheduled { .. } | State::Approved { .. } => {
                return Ok(true);
            }
            State::Started { grant, .. } => self.store.grant(grant).await?,
            State::Denied { .. }
            | State::Cancelled { .. }
            | State::TimedOut { .. }
            | State::Void { .. } => None,
        };
        Ok(grant.is_some_and(|grant| match &grant.state {
            GrantState::Provisioning { .. } => true,
            GrantState::Active { ends_at, .. } => *ends_at > self.now(),
            GrantState::Revoking { .. } | GrantState::Ended { .. } | GrantState::Failed { .. } => {
                false
            }
        }))
    }
}
