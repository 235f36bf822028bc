//! Ends that people order: cancel a request, drop what one holds, revoke what another holds.
//! Who may revoke: approvers of any stage, reviewers, commanders and the owner of the role, and operators.

use hallpass_domain::command::IdWord;
use hallpass_domain::grant::{EndReason, State as GrantState};
use hallpass_domain::{
    Actor, Grant, GrantId, Holding, HoldingId, Person, Refusal, RefusalKind, Request, RequestId,
    request::{Kind, State},
};

use super::App;
use super::facts::Unread;
use super::people::ATTEMPTS;
use super::read::grant_of;
use super::stop::Stop;
use super::words::{enumerated, quoted};
use crate::app::answer::Answer;
use crate::store::StoreError;

/// What goes on record where a button ended it: nobody wrote a reason, so people are told who it was and no more.
pub(super) const PRESSED: [&str; 2] = [
    "Revoked with the button on its card.",
    "Ended with the button on a notice.",
];

/// Why somebody ends it; longer words are cut.
const REASON_AT_MOST: usize = 500;

const BEING_ENDED: &str =
    "The access is being taken away now. The request's thread says when that is checked.";

impl App {
    pub(super) async fn cancel_by_id(&self, me: &Person, id: &IdWord) -> Result<Answer, Stop> {
        let request = self.require_by_word(me, id, "cancel R-7K2M").await?;
        self.cancel(me, &request.id).await
    }

    /// Before the start it is cancelled; after it, dropped.
    pub(super) async fn cancel(&self, me: &Person, id: &RequestId) -> Result<Answer, Stop> {
        for _ in 0..ATTEMPTS {
            let request = self.require_request(id).await?;
            if grant_of(&request).is_some() && request.holder == me.id {
                return self.end_now(me, id).await;
            }
            let change = match request.clone().cancel(&me.id, self.now()) {
                Ok(change) => change,
                Err(refusal) if refusal.kind == RefusalKind::AlreadyDecided => {
                    return self.decided(&request).await;
                }
                Err(refusal) => return Err(refusal.into()),
            };
            if self.applied(change).await? {
                let request = self.require_request(id).await?;
                return self
                    .done("Cancelled. Nobody needs to answer it.", &request)
                    .await;
            }
        }
        Err(Stop::busy())
    }

    pub(super) async fn drop_by_id(
        &self,
        me: &Person,
        id: Option<&IdWord>,
        reason: &str,
    ) -> Result<Answer, Stop> {
        if let Some(id) = id
            && *id != IdWord::Missing
        {
            let request = self.require_by_word(me, id, "drop R-7K2M").await?;
            let reason = cut(reason);
            let reason = (!reason.is_empty()).then_some(reason);
            return self.end_as_holder(me, &request.id, reason).await;
        }
        let live = self.store.live_grants_of(&me.id).await?;
        // What is being taken away needs no order, and what isn't there yet is meant only where nothing else is.
        let is_active = |grant: &&Grant| matches!(grant.state, GrantState::Active { .. });
        let is_coming = |grant: &&Grant| matches!(grant.state, GrantState::Provisioning { .. });
        let mut droppable: Vec<&Grant> = live.iter().filter(is_active).collect();
        if droppable.is_empty() {
            droppable = live.iter().filter(is_coming).collect();
        }
        match droppable.as_slice() {
            [] => Err(Stop::refused(
                RefusalKind::WrongState,
                "You have no access that could be given back.",
            )),
            [one] => self.end_now(me, &one.request).await,
            many => {
                let names: Vec<String> = many
                    .iter()
                    .map(|grant| format!("{} ({})", grant.short.of_request(), grant.role))
                    .collect();
                Err(Stop::problem(format!(
                    "Say which one to drop: you hold {}.",
                    enumerated(&names)
                )))
            }
        }
    }

    /// By its holder.
    pub(super) async fn end_now(&self, me: &Person, id: &RequestId) -> Result<Answer, Stop> {
        self.end_as_holder(me, id, None).await
    }

    /// `reason`: their own word for it.
    async fn end_as_holder(
        &self,
        me: &Person,
        id: &RequestId,
        reason: Option<String>,
    ) -> Result<Answer, Stop> {
        let request = self.require_request(id).await?;
        if request.holder != me.id {
            return Err(Stop::refused(
                RefusalKind::NotAllowed,
                "Only its holder can drop this access; others revoke it.",
            ));
        }
        self.end_of(&request, &EndReason::Dropped { reason }, me)
            .await
    }

    /// The button: its holder drops, others revoke.
    pub(super) async fn end_pressed(&self, me: &Person, id: &RequestId) -> Result<Answer, Stop> {
        let request = self.require_request(id).await?;
        self.revoke(me, &request, PRESSED[1].into()).await
    }

    pub(super) async fn revoke_by_id(
        &self,
        me: &Person,
        id: &IdWord,
        reason: &str,
    ) -> Result<Answer, Stop> {
        let request = self
            .require_by_word(me, id, "revoke R-7K2M it isn't needed any more")
            .await?;
        let reason = cut(reason);
        if reason.is_empty() {
            return Err(Stop::problem(format!(
                "Say why, so that its holder knows: {} revoke {} REASON.",
                self.settings.command,
                request.short.of_request()
            )));
        }
        self.revoke(me, &request, reason).await
    }

    /// The button: its reason is the button itself.
    pub(super) async fn revoke_pressed(&self, me: &Person, id: &RequestId) -> Result<Answer, Stop> {
        let request = self.require_request(id).await?;
        self.revoke(me, &request, PRESSED[0].into()).await
    }

    async fn revoke(&self, me: &Person, request: &Request, reason: String) -> Result<Answer, Stop> {
        let scheduled = matches!(request.state, State::Scheduled { .. });
        if scheduled && request.requester == me.id {
            return self.cancel(me, &request.id).await;
        }
        if request.holder == me.id {
            // Their own word for it, where they wrote one.
            let reason = Some(reason).filter(|one| !PRESSED.contains(&one.as_str()));
            return self
                .end_of(request, &EndReason::Dropped { reason }, me)
                .await;
        }
        let role = self.present_role(request);
        let facts = self.facts_about(&role, self.now()).await;
        let memberships = facts.of(me, Unread::Nobody);
        let subject = memberships.subject(me);
        let decision = self.policy.may_revoke(&subject, &role, request);
        if let Some(why) = decision.why {
            return Err(Stop::refused(RefusalKind::NotAllowed, why));
        }
        if scheduled {
            let rules: Vec<String> = decision.rules.iter().map(ToString::to_string).collect();
            return self.withdraw(me, request, reason, &rules).await;
        }
        let by = Actor::Person(me.id.clone());
        self.end_of(request, &EndReason::Revoked { by, reason }, me)
            .await
    }

    /// What is approved for a later start is taken back before it.
    async fn withdraw(
        &self,
        me: &Person,
        request: &Request,
        reason: String,
        rules: &[String],
    ) -> Result<Answer, Stop> {
        let change = match request.clone().withdraw(&me.id, reason, rules, self.now()) {
            Ok(change) => change,
            Err(refusal) => return Err(refusal.into()),
        };
        if !self.applied(change).await? {
            return Err(Stop::busy());
        }
        let request = self.require_request(&request.id).await?;
        self.done(
            "Taken back: it will not start. Its requester is told.",
            &request,
        )
        .await
    }

    async fn end_of(
        &self,
        request: &Request,
        why: &EndReason,
        me: &Person,
    ) -> Result<Answer, Stop> {
        let Some(grant) = access_of(request) else {
            return self.no_access(request).await;
        };
        let actor = Actor::Person(me.id.clone());
        match self.end_grant(grant, why, &actor).await? {
            Ok(()) => {}
            Err(Stop::Answer(answer)) => {
                if let Answer::Refused { refusal, .. } = *answer {
                    return Ok(Answer::Refused {
                        refusal,
                        decided: Some(Box::new(self.shown(request).await?)),
                    });
                }
                return Err(Stop::busy());
            }
            Err(stop) => return Err(stop),
        }
        self.done(BEING_ENDED, request).await
    }

    pub(super) async fn no_access(&self, request: &Request) -> Result<Answer, Stop> {
        let sentence = "There is no access behind this request.";
        Ok(Answer::Refused {
            refusal: Refusal::new(RefusalKind::WrongState, sentence),
            decided: Some(Box::new(self.shown(request).await?)),
        })
    }

    /// Ends a grant, again where somebody else writes at the same time. The inner error is the core's refusal.
    pub(super) async fn end_grant(
        &self,
        id: &GrantId,
        why: &EndReason,
        actor: &Actor,
    ) -> Result<Result<(), Stop>, StoreError> {
        for _ in 0..ATTEMPTS {
            let Some(grant) = self.store.grant(id).await? else {
                let gone = Stop::refused(RefusalKind::WrongState, "There is no such grant.");
                return Ok(Err(gone));
            };
            let holdings = self.parts_of(&grant).await?;
            let ended = grant.end(why.clone(), actor.clone(), holdings, self.now());
            let change = match ended {
                Ok(change) => change,
                Err(refusal) => return Ok(Err(refusal.into())),
            };
            match self.applied(change).await {
                Ok(true) => return Ok(Ok(())),
                Ok(false) => {}
                Err(Stop::Store(error)) => return Err(error),
                Err(stop) => return Ok(Err(stop)),
            }
        }
        Ok(Err(Stop::busy()))
    }

    pub(super) async fn parts_of(&self, grant: &Grant) -> Result<Vec<Holding>, StoreError> {
        let parts: Vec<HoldingId> = grant
            .parts
            .iter()
            .map(|part| part.holding.clone())
            .collect();
        self.store.holdings(&parts).await
    }

    /// The request behind an id as typed, where this person may know of it.
    pub(super) async fn require_by_word(
        &self,
        me: &Person,
        id: &IdWord,
        example: &str,
    ) -> Result<Request, Stop> {
        let command = &self.settings.command;
        let short = match id {
            IdWord::Id(short) => short,
            IdWord::Missing => {
                return Err(Stop::problem(format!(
                    "Say which one, like {command} {example}."
                )));
            }
            IdWord::Wrong(typed) => {
                return Err(Stop::problem(format!(
                    "{} is not an id. Write it like {command} {example}.",
                    quoted(typed)
                )));
            }
        };
        let found = self.store.request_by_short(short).await?;
        let visible = match found {
            Some(request) if self.may_know(me, &request).await => Some(request),
            _ => None,
        };
        visible.ok_or_else(|| {
            Stop::problem(format!(
                "There is nothing with the id {short}. {command} mine lists yours."
            ))
        })
    }

    /// Whether a request may be known to somebody: their own, or of a role that they may see.
    pub(super) async fn may_know(&self, me: &Person, request: &Request) -> bool {
        if request.is_own(&me.id) {
            return true;
        }
        let role = self.present_role(request);
        let facts = self.facts_about(&role, self.now()).await;
        let memberships = facts.of(me, Unread::Nobody);
        self.policy.may_see(&memberships.subject(me), &role).allowed
    }
}

/// As much of a reason as is kept.
fn cut(reason: &str) -> String {
    reason.trim().chars().take(REASON_AT_MOST).collect()
}

/// The access that a request led to, or gave more time.
pub(super) fn access_of(request: &Request) -> Option<&GrantId> {
    match (&request.kind, &request.state) {
        (Kind::Extend { grant }, State::Approved { .. }) => Some(grant),
        (Kind::Access | Kind::BreakGlass { .. } | Kind::Extend { .. }, _) => grant_of(request),
    }
}
