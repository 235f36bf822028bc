//! What the worker hands over: one claimed effect, carried out up to its finishing. Errors of the store mean later.

use hallpass_domain::effect::Subject;
use hallpass_domain::{EffectKind, Notice};

use super::people::with_patience;
use super::{App, Carried, Lease};
use crate::ports::directory::in_background;
use crate::store::{Claimed, StoreError};

impl App {
    /// Carries out one claimed effect: everything but the finishing, which the worker does in the same commit.
    /// `lease`: no backend is called when it isn't surely ours any more.
    pub async fn carry_out(&self, claimed: &Claimed, lease: &Lease) -> Carried {
        let carried = match (&claimed.subject, &claimed.kind) {
            (Subject::Holding(id), EffectKind::SyncHolding) => {
                Box::pin(self.sync_holding(claimed, lease, id)).await
            }
            (Subject::Backend(name), EffectKind::SyncAlarm) => self.sync_alarm(Some(name)).await,
            (Subject::Ledger, EffectKind::SyncAlarm) => self.sync_alarm(None).await,
            (Subject::Ledger, EffectKind::CheckOverdue) => self.check_overdue().await,
            (Subject::Request(id), EffectKind::SyncCard) => self.sync_card(id).await,
            // The cards themselves are the asking: they are posted to everybody who is asked.
            (Subject::Request(_), EffectKind::Say(Notice::Asked)) => Ok(Carried::nothing()),
            (Subject::Request(id), EffectKind::Say(notice)) => {
                self.say_of_request(id, *notice, claimed).await
            }
            (Subject::Grant(id), EffectKind::Say(notice)) => {
                self.say_of_grant(id, *notice, claimed).await
            }
            (Subject::Grant(id), EffectKind::Warn(before)) => self.warn(id, *before, claimed).await,
            (Subject::Announcement(id), EffectKind::Announce) => self.say_announcement(id).await,
            (Subject::Backend(name), EffectKind::Reconcile) => self.reconcile(name, lease).await,
            (Subject::Ledger, EffectKind::CheckLedger) => self.check_ledger().await,
            (Subject::Ledger, EffectKind::CheckPeople) => {
                in_background(Box::pin(self.check_people())).await
            }
            (Subject::Request(id), kind) => {
                with_patience(Box::pin(self.request_timer(id, kind))).await
            }
            (Subject::Grant(id), kind) => self.grant_timer(id, kind).await,
            (Subject::Ledger, EffectKind::Retain) => self.retain().await,
            (Subject::Person(id), EffectKind::SyncHome) => {
                with_patience(Box::pin(self.sync_home(id))).await
            }
            (Subject::Ledger, EffectKind::TellCheckpoint) => self.tell_checkpoint().await,
            (
                subject @ (Subject::Holding(_)
                | Subject::Backend(_)
                | Subject::Announcement(_)
                | Subject::Person(_)
                | Subject::Ledger),
                kind,
            ) => {
                tracing::error!(
                    ?subject,
                    ?kind,
                    "an effect that its subject can't have is dropped"
                );
                Ok(Carried::nothing())
            }
        };
        or_later(carried)
    }
}

fn or_later(carried: Result<Carried, StoreError>) -> Carried {
    carried.unwrap_or_else(|error| {
        tracing::error!(%error, "the store failed while an effect was carried out");
        Carried::later(&error)
    })
}
