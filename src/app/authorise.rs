//! Authority, looked at again right before a backend is called to give (I5): the role and its rules are those that were
//! approved, the people are still who and what they were, every review is authentic and its author still eligible.
//!
//! On call counts as it was at the click. What can't be read just now (Slack, a schedule) speaks for the grant: the
//! decision was taken when it could be read, and Slack is never the reason why a grant doesn't happen.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use hallpass_domain::grant::{PROVISIONING, State as GrantState};
use hallpass_domain::request::{Kind, Start, VoidReason};
use hallpass_domain::role::Terms;
use hallpass_domain::{
    Duration, Grant, Holding, Membership, Person, PersonId, Request, Review, ReviewId, Role, Time,
};

use super::App;
use super::facts::Unread;
use super::people::{Fresh, NotPinned};
use super::read::grant_of;
use crate::store::{RequestFilter, StoreError};

/// How much later than planned a timer may ring before what it belongs to is too old to be carried out.
const LATE: TimeDelta = TimeDelta::minutes(1);

/// The same for a later start: it may fall into a night in which nobody ran Hallpass.
const LATE_START: TimeDelta = TimeDelta::hours(24);

/// How many requests for more time that were approved are looked through, of one person.
const LOOKED_THROUGH: u32 = 500;

/// Why authority is gone, for the state and as a sentence.
pub(super) type Gone = (VoidReason, String);

fn gone(why: VoidReason, sentence: impl Into<String>) -> Gone {
    (why, sentence.into())
}

impl App {
    /// Why this grant may not be carried out at this holding (any more); none where it may. `calls`: the backend is about
    /// to be called, not only asked.
    pub(super) async fn grant_authority_gone(
        &self,
        grant: &Grant,
        holding: &Holding,
        calls: bool,
    ) -> Result<Option<String>, StoreError> {
        let given = calls || matches!(grant.state, GrantState::Provisioning { .. });
        if let (true, Some(why)) = (given, self.nothing_given()) {
            return Ok(Some(why));
        }
        let Some(request) = self.store.request(&grant.request).await? else {
            return Ok(Some("Its request isn't on record.".into()));
        };
        if !belongs(&request, grant, holding) || !self.in_time(&request, grant, holding).await? {
            return Ok(Some(
                "What is on record of its request, its grant and its backend doesn't fit together."
                    .into(),
            ));
        }
        let why = match &grant.state {
            GrantState::Provisioning { .. } => {
                let holder = self.store.person(&grant.holder).await?;
                match holder.and_then(|holder| self.holder_gone(&holder, holding)) {
                    Some(gone) => Some(gone),
                    None => self.authority_gone(&request).await?,
                }
            }
            // It was looked at when it was given; what is on record must still prove it, and whom it is given to.
            GrantState::Active { .. } => match self.record_gone(&request) {
                None if calls => {
                    let holder = self.current(&grant.holder, Fresh::Now).await?;
                    self.holder_gone(&holder, holding)
                }
                gone => gone,
            },
            GrantState::Revoking { .. } | GrantState::Ended { .. } | GrantState::Failed { .. } => {
                Some(gone(VoidReason::GrantEnded, "It is over."))
            }
        };
        Ok(why.map(|(_, sentence)| sentence))
    }

    /// Why the record doesn't prove a live grant, whatever the settings say by now; none where it does, or it is being
    /// taken away already.
    pub(super) async fn unproven(
        &self,
        grant: &Grant,
        holdings: &[Holding],
    ) -> Result<Option<String>, StoreError> {
        match &grant.state {
            GrantState::Provisioning { .. } | GrantState::Active { .. } => {}
            GrantState::Revoking { .. } | GrantState::Ended { .. } | GrantState::Failed { .. } => {
                return Ok(None);
            }
        }
        let Some(request) = self.store.request(&grant.request).await? else {
            return Ok(Some("Its request isn't on record.".into()));
        };
        if let Some((_, why)) = self.record_gone(&request) {
            return Ok(Some(why));
        }
        let active = matches!(grant.state, GrantState::Active { .. });
        for holding in holdings {
            let fits = belongs(&request, grant, holding);
            // Set-up has a bound of its own; what is on its way may be moving just now.
            if !fits || active && !self.in_time(&request, grant, holding).await? {
                let why = "What is on record of its request, its grant and its backend doesn't fit together.";
                return Ok(Some(why.into()));
            }
        }
        Ok(None)
    }

    /// Whether the name in the backend isn't the holder's, or the holder is nobody who may hold anything.
    fn holder_gone(&self, holder: &Person, holding: &Holding) -> Option<Gone> {
        if !holder.is_active_member() {
            let left = "Whoever it is for is no active member any more.";
            return Some(gone(VoidReason::PersonLeft, left));
        }
        let principal = self.principal_by_rule(holder, &holding.backend);
        (principal.as_deref() != Ok(holding.principal.as_str())).then(|| {
            let why = "The holder's name in the backend isn't theirs by the configuration.";
            gone(VoidReason::AuthorityGone, why)
        })
    }

    /// Whether the grant and its claim stay within the time that was approved, counted from the approval itself: an
    /// approval that was carried out once isn't one for ever, and an end that was moved by hand isn't one.
    async fn in_time(
        &self,
        request: &Request,
        grant: &Grant,
        holding: &Holding,
    ) -> Result<bool, StoreError> {
        let signed = |review: &&Review| review.approves() && self.key.signed(review, request);
        let approved = request.reviews.iter().filter(signed);
        let Some(approved) = approved.map(|review| review.at).max() else {
            return Ok(false);
        };
        let from = match request.start {
            Start::Now => approved,
            Start::At(at) => approved.max(at + LATE_START),
        };
        let set_up_by = from + PROVISIONING.to_delta() + LATE;
        let last = |agreed: Duration| set_up_by + agreed.to_delta();
        let granted = request.granted_duration();
        Ok(match &grant.state {
            GrantState::Provisioning { .. } => {
                let fits = grant.duration <= granted && self.now() <= set_up_by;
                fits && within(grant, holding, last(granted))
            }
            GrantState::Active { ends_at, .. } => {
                let agreed = request.terms.longest(granted);
                let fits = |end: Time| *ends_at <= end && within(grant, holding, end);
                fits(last(agreed)) || fits(last(agreed) + self.extended(grant).await?)
            }
            GrantState::Revoking { .. } | GrantState::Ended { .. } | GrantState::Failed { .. } => {
                true
            }
        })
    }

    /// The time that was added by requests of their own.
    async fn extended(&self, grant: &Grant) -> Result<TimeDelta, StoreError> {
        let theirs = RequestFilter::Extensions(grant.holder.clone());
        let requests = self.store.requests(theirs, LOOKED_THROUGH).await?;
        let more = requests.iter().filter(|request| {
            let about = matches!(&request.kind, Kind::Extend { grant: id } if *id == grant.id);
            about && request.terms.is_intact() && self.record_gone(request).is_none()
        });
        Ok(more.map(|more| more.granted_duration().to_delta()).sum())
    }

    /// Everything: terms, people, reviews.
    pub(super) async fn authority_gone(
        &self,
        request: &Request,
    ) -> Result<Option<Gone>, StoreError> {
        if let Some(gone) = self.terms_gone(request, Fresh::Now).await? {
            return Ok(Some(gone));
        }
        self.reviews_gone(request).await
    }

    /// Whether role, rules and people are no longer those of the ask.
    pub(super) async fn terms_gone(
        &self,
        request: &Request,
        fresh: Fresh,
    ) -> Result<Option<Gone>, StoreError> {
        let Some(role) = self.settings.roles.get(&request.terms.role.name) else {
            return Ok(Some(gone(
                VoidReason::RoleGone,
                "The role doesn't exist any more.",
            )));
        };
        let requester = self.current(&request.requester, fresh).await?;
        let left = !requester.is_active_member()
            || (request.holder != request.requester
                && !self
                    .current(&request.holder, fresh)
                    .await?
                    .is_active_member());
        if left {
            return Ok(Some(gone(
                VoidReason::PersonLeft,
                "Whoever it is for, or asked for it, is no active member any more.",
            )));
        }
        let rules = match &request.kind {
            Kind::BreakGlass { .. } => request.terms.rules.clone(),
            Kind::Access | Kind::Extend { .. } => {
                let facts = self.facts_about(role, request.asked_at).await;
                let memberships = facts.of(&requester, Unread::Everybody);
                let subject = memberships.subject(&requester);
                let decision = self.policy.may_ask(&subject, role, request.duration);
                if let Some(why) = &decision.why {
                    let sentence = format!("The rules no longer let its requester ask: {why}");
                    return Ok(Some(gone(VoidReason::NotEligible, sentence)));
                }
                decision.rule_ids()
            }
        };
        let terms = Terms::new(role.clone(), request.terms.parameters.clone(), rules);
        // What is carried out and what is counted stands in the row; the digest must be that of the row as well.
        if terms.digest == request.terms.digest && request.terms.is_intact() {
            Ok(None)
        } else {
            Ok(Some(gone(
                VoidReason::AuthorityGone,
                "What the role gives or demands changed since it was asked for.",
            )))
        }
    }

    /// Whether the quorum no longer stands, or the commander's order isn't theirs.
    async fn reviews_gone(&self, request: &Request) -> Result<Option<Gone>, StoreError> {
        let role = self.present_role(request);
        let mut valid: BTreeSet<ReviewId> = BTreeSet::new();
        for review in &request.reviews {
            if self.key.signed(review, request) && self.may_still(request, &role, review).await? {
                valid.insert(review.id.clone());
            }
        }
        Ok(Self::quorum_gone(request, |review| {
            valid.contains(&review.id)
        }))
    }

    fn quorum_gone(request: &Request, valid: impl Fn(&Review) -> bool) -> Option<Gone> {
        let stages = request.terms.role.stages.len();
        let order_of = |person: &PersonId| {
            request.reviews.iter().any(|review| {
                let order = review.stage == stages && review.reviewer == *person;
                order && review.approves() && valid(review)
            })
        };
        let ordered = match &request.kind {
            Kind::BreakGlass { commander, .. } => order_of(commander),
            // Without stages the ask itself is what gives access.
            Kind::Access | Kind::Extend { .. } if stages == 0 => order_of(&request.requester),
            Kind::Access | Kind::Extend { .. } => true,
        };
        if ordered && request.authority_stands(valid) {
            return None;
        }
        Some(gone(
            VoidReason::AuthorityGone,
            "Its approvals no longer stand: one isn't authentic, or its approver may not approve any more.",
        ))
    }

    /// Whether the author of a review may still decide it: a member, in the lists, on call at the time of the click.
    async fn may_still(
        &self,
        request: &Request,
        role: &Role,
        review: &Review,
    ) -> Result<bool, StoreError> {
        let author = self.current(&review.reviewer, Fresh::Now).await?;
        let facts = self.facts_about(role, review.at).await;
        let memberships = facts.of(&author, Unread::Everybody);
        let subject = memberships.subject(&author);
        if !matches!(request.kind, Kind::BreakGlass { .. }) && review.reviewer == request.requester
        {
            // The ask itself: whether it may still be asked was looked at with the terms.
            return Ok(author.is_active_member());
        }
        if review.stage < role.stages.len() {
            let decision = self
                .policy
                .may_review(&subject, role, review.stage, request);
            return Ok(decision.allowed);
        }
        let holder = self.current(&request.holder, Fresh::Recently).await?;
        let decision = self
            .policy
            .may_break_glass(&subject, role, &holder, request.duration);
        Ok(decision.allowed)
    }

    /// For access that is there already: the record must prove it by itself, whatever the settings say by now.
    fn record_gone(&self, request: &Request) -> Option<Gone> {
        if !request.terms.is_intact() {
            return Some(gone(
                VoidReason::AuthorityGone,
                "What is on record of its terms doesn't prove it.",
            ));
        }
        Self::quorum_gone(request, |review| self.key.signed(review, request))
    }

    /// A person as Slack says now; as pinned, where Slack doesn't answer; deactivated, where they aren't who they were.
    pub(super) async fn current(&self, id: &PersonId, fresh: Fresh) -> Result<Person, StoreError> {
        let Some(person) = self.store.person(id).await? else {
            return Ok(nobody(id));
        };
        let mut last = Person {
            membership: Membership::Deactivated,
            ..person.clone()
        };
        for account in &person.accounts {
            match self.pin(account, fresh).await {
                Ok(now) if now.is_active_member() && now.id == *id => return Ok(now),
                Ok(now) => last.membership = now.membership,
                Err(NotPinned::Store(error)) => return Err(error),
                Err(NotPinned::Unavailable) => return Ok(person),
                Err(
                    NotPinned::Unknown
                    | NotPinned::NotMember(_)
                    | NotPinned::Email(_)
                    | NotPinned::Changed,
                ) => {}
            }
        }
        Ok(last)
    }
}

/// Whether holding, grant and request say the same: a row written by hand is no authority.
fn belongs(request: &Request, grant: &Grant, holding: &Holding) -> bool {
    let started = grant_of(request) == Some(&grant.id);
    let part = grant.parts.iter().any(|part| part.holding == holding.id);
    let theirs = request.holder == grant.holder && grant.holder == holding.person;
    let entitled = request.terms.entitlements.contains(&holding.entitlement);
    // Only a commander gives access to somebody else.
    let own = match &request.kind {
        Kind::Access | Kind::Extend { .. } => request.holder == request.requester,
        Kind::BreakGlass { .. } => true,
    };
    let backend = holding.entitlement.backend == holding.backend;
    started && part && theirs && entitled && backend && own
}

fn within(grant: &Grant, holding: &Holding, last: Time) -> bool {
    let until = holding.claims.get(&grant.id);
    until.is_some_and(|until| *until <= last)
}

/// Not on record: may nothing.
fn nobody(id: &PersonId) -> Person {
    Person {
        id: id.clone(),
        version: 0,
        accounts: Vec::new(),
        email: None,
        name: String::new(),
        time_zone: "UTC".into(),
        membership: Membership::Deactivated,
        principals: std::collections::BTreeMap::new(),
    }
}
