//! Calling a backend for one holding: only while the claim is surely ours, within the backend's limit, and cut off
//! where the lease runs out or a revocation waits for the place. What a call did whose claim was lost is looked at
//! again.

use hallpass_domain::HoldingId;
use hallpass_domain::holding::{Called, Observation};
use tokio::time::{Instant, timeout};

use super::{Failure, Work};
use crate::app::lease::Cut;
use crate::app::people::ATTEMPTS;
use crate::app::{App, LEASE};
use crate::ports::{Backend, BackendError, Receipt};
use crate::store::{Applied, StoreError};

/// Receipts are kept on record; longer ones are cut.
const RECEIPT_AT_MOST: usize = 4_096;

impl Work<'_> {
    /// What a failure says of the backend: nothing, where we ourselves cut the call off.
    pub(super) fn failure(&self, found: Failure) -> Failure {
        if self.lease.may_call() {
            found
        } else {
            Failure::Here
        }
    }
}

impl App {
    /// Whether the claim is still ours for long enough to begin a call. Where much of the lease has passed, it is
    /// renewed and looked at first: a process that was paused, or a store that was away, must not call for somebody
    /// else.
    pub(super) async fn may_call(&self, work: &Work<'_>) -> Result<bool, StoreError> {
        if !work.lease.is_sure() {
            let (asked, claimed) = (Instant::now(), std::slice::from_ref(work.claimed));
            self.store.renew(claimed, self.now(), LEASE).await?;
            if self.store.still_ours(claimed).await? == [true] {
                work.lease.renewed(asked);
            } else {
                work.lease.lose();
            }
        }
        let may = work.lease.may_call();
        if !may {
            tracing::warn!(subject = ?work.claimed.subject, "not called: the claim isn't surely ours any more");
        }
        Ok(may)
    }

    pub(super) async fn observed(&self, work: &Work<'_>) -> Result<Observation, BackendError> {
        self.bounded(work, work.backend.observe(&work.order)).await
    }

    /// One call that changes something.
    pub(super) async fn called(
        &self,
        work: &Work<'_>,
        call: impl Future<Output = Result<Receipt, BackendError>>,
    ) -> Result<Called, BackendError> {
        let receipt = self.bounded(work, call).await?;
        Ok(Called {
            receipt: receipt
                .text
                .map(|text| text.chars().take(RECEIPT_AT_MOST).collect()),
            sessions_closed: receipt.sessions_closed,
            note: receipt.note,
        })
    }

    /// By the backend's limit and by the lease.
    async fn bounded<T>(
        &self,
        work: &Work<'_>,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let backend = work.backend;
        let Some(_calling) = work.lease.begin_call() else {
            return Err(BackendError::retry(Cut::GivesWay.to_string()));
        };
        let answered = tokio::select! {
            biased;
            answered = timeout(backend.timeout(), call) => {
                answered.unwrap_or_else(|_| Err(no_answer(backend)))
            }
            cut = work.lease.cut() => Err(BackendError::retry(cut.to_string())),
        };
        self.answers.of_backend(backend.name(), &answered);
        answered
    }

    /// The claim was lost while a backend was called, so what that call did stands on no record: it is looked at again,
    /// at once, by whoever serves.
    pub async fn doubt(&self, id: &HoldingId) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            let Some(holding) = self.store.holding(id).await? else {
                return Ok(());
            };
            tracing::warn!(holding = %id, "its claim was lost while it was carried out: looked at again");
            if self.store.apply_one(holding.doubt(self.now())).await? == Applied::Done {
                return Ok(());
            }
        }
        tracing::error!(holding = %id, "it changes too fast to be looked at again");
        Ok(())
    }
}

pub(in crate::app) fn no_answer(backend: &dyn Backend) -> BackendError {
    let seconds = backend.timeout().as_secs_f32();
    BackendError::retry(format!("{} gave no answer in {seconds} s", backend.name()))
}
