//! The role or its rules changed since somebody asked: decided anew under the present ones, or void where they no longer
//! let it be asked. Reviews of the old terms don't count for the new ones.

use hallpass_domain::request::VoidReason;
use hallpass_domain::role::Terms;
use hallpass_domain::{Change, Refusal, Request};

use super::App;
use super::facts::Unread;
use super::people::Fresh;
use crate::store::StoreError;

impl App {
    /// The change that follows from `why` its terms are gone.
    pub(super) async fn decide_anew(
        &self,
        request: Request,
        why: VoidReason,
    ) -> Result<Result<Change, Refusal>, StoreError> {
        let now = self.now();
        let role = self.settings.roles.get(&request.terms.role.name);
        let (VoidReason::AuthorityGone, Some(role)) = (&why, role) else {
            return Ok(request.void(why, now));
        };
        let requester = self.current(&request.requester, Fresh::Recently).await?;
        let facts = self.facts_about(role, now).await;
        let memberships = facts.of(&requester, Unread::Nobody);
        let subject = memberships.subject(&requester);
        let decision = self.policy.may_ask(&subject, role, request.duration);
        if !decision.allowed {
            return Ok(request.void(VoidReason::NotEligible, now));
        }
        let parameters = request.terms.parameters.clone();
        let terms = Terms::new(role.clone(), parameters, decision.rule_ids());
        let panels = self.panels(role, &facts).await?;
        let reopened = request.clone().reopen(terms, &panels, now);
        let reopened = reopened.map(|change| self.with_own_order(change, &requester));
        Ok(reopened.or_else(|_| request.void(VoidReason::AuthorityGone, now)))
    }
}
