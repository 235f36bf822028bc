//! Approve and deny: authority is looked up at every click, and the review is signed with a key outside the database.
//! Who loses a race is told what was decided.

use hallpass_domain::request::{Kind, OpenStage, Opening, State, VoidReason};
use hallpass_domain::review::{Strength, Verdict};
use hallpass_domain::{
    Change, Duration, Person, Refusal, RefusalKind, Request, RequestId, Review, ReviewId, Role,
    Write, command,
};

use super::facts::Unread;
use super::form::{problem, suggestions};
use super::form_shown::ReviewShownFirst;
use super::people::{ATTEMPTS, Fresh};
use super::settings::Less;
use super::stop::Stop;
use super::{App, Caller, in_time};
use crate::app::answer::Answer;
use crate::policy::{Decision, listed};
use crate::ports::Posted;
use crate::store::{Applied, StoreError};

/// The longest note or reason of an approver, in characters.
const LONGEST_WORDS: usize = 1_000;

impl App {
    pub(super) async fn approve(
        &self,
        me: &Person,
        id: &RequestId,
        delivery: Option<String>,
    ) -> Result<Answer, Stop> {
        let verdict = Verdict::Approve {
            at_most: None,
            note: None,
        };
        self.review(me, id, verdict, delivery).await
    }

    /// With words to the requester, or for less than was asked.
    pub(super) async fn approve_for(
        &self,
        me: &Person,
        id: &RequestId,
        less: &Less,
        delivery: Option<String>,
    ) -> Result<Answer, Stop> {
        let verdict = Verdict::Approve {
            at_most: less.at_most,
            note: less.note.as_deref().and_then(said),
        };
        self.review(me, id, verdict, delivery).await
    }

    pub(super) async fn deny(
        &self,
        me: &Person,
        id: &RequestId,
        reason: &str,
        delivery: Option<String>,
    ) -> Result<Answer, Stop> {
        let reason = said(reason);
        if reason.is_none() {
            return Err(Stop::problem(
                "Say why, so that whoever asked knows what would do instead.",
            ));
        }
        self.review(me, id, Verdict::Deny { reason }, delivery)
            .await
    }

    /// What somebody is shown who wants to deny it, or to approve it for less or with words.
    ///
    /// # Errors
    /// What they are told where it isn't theirs to decide now.
    pub async fn review_form(
        &self,
        caller: &Caller,
        id: &RequestId,
        card: Option<Posted>,
    ) -> Result<ReviewShownFirst, Answer> {
        let form = in_time(Box::pin(async {
            let me = self.caller(caller).await?;
            if let Some(card) = card {
                self.adopt(id, &card).await?;
            }
            let shown = self.before_review(&me, id).await;
            if let Err(stop) = &shown
                && stop.is_about_authority()
            {
                self.record_refusal(&me, "review", Some(id)).await?;
            }
            shown
        }));
        form.await.unwrap_or_else(|_| {
            Err(problem(
                "This couldn't be looked up in time, and nothing was decided. Press again in a moment.",
            ))
        })
    }

    async fn before_review(&self, me: &Person, id: &RequestId) -> Result<ReviewShownFirst, Stop> {
        let request = self.require_request(id).await?;
        let State::Pending(open) = &request.state else {
            return Err(self.decided(&request).await?.into());
        };
        let role = &request.terms.role;
        let facts = self.facts_about(role, self.now()).await;
        let memberships = facts.of(me, Unread::Nobody);
        let subject = memberships.subject(me);
        let decision = self.policy.may_review(&subject, role, open.index, &request);
        if let Some(why) = decision.why
            && !self.decides_by_present_terms(me, &request).await
        {
            return Err(not_theirs(&request, me, why));
        }
        let whole = request.granted_duration();
        Ok(ReviewShownFirst {
            shorter: shorter(role, request.duration, whole),
            whole,
            request: self.shown(&request).await?,
        })
    }

    async fn review(
        &self,
        me: &Person,
        id: &RequestId,
        verdict: Verdict,
        delivery: Option<String>,
    ) -> Result<Answer, Stop> {
        for _ in 0..ATTEMPTS {
            let request = self.require_request(id).await?;
            if let Some(delivery) = &delivery
                && self.store.delivered(delivery).await?.is_some()
            {
                return self.done("That press was counted already.", &request).await;
            }
            let State::Pending(open) = &request.state else {
                return self.decided(&request).await;
            };
            let stage = open.index;
            let role = request.terms.role.clone();
            let facts = self.facts_about(&role, self.now()).await;
            let memberships = facts.of(me, Unread::Nobody);
            let subject = memberships.subject(me);
            let decision = self.policy.may_review(&subject, &role, stage, &request);
            if let Some(why) = self.changed_for(me, &request, &decision).await? {
                let change = self.decide_anew(request, why).await??;
                if !self.applied(change).await? {
                    continue;
                }
                return self.not_counted(id).await;
            }
            if let Some(why) = decision.why {
                return Err(not_theirs(&request, me, why));
            }
            let panels = self.panels(&role, &facts).await?;
            let opening = self.opening_if(&verdict, &request).await?;
            let rules = decision.rules.iter().map(ToString::to_string).collect();
            let review = self.signed(&request, me, stage, verdict.clone(), rules);
            let mut change = match request.clone().review(review, &panels, opening, self.now()) {
                Ok(change) => change,
                Err(refusal) if refusal.kind == RefusalKind::AlreadyDecided => {
                    return self.decided(&request).await;
                }
                Err(refusal) => return Err(refusal.into()),
            };
            change.delivery.clone_from(&delivery);
            match self.store.apply_one(change).await? {
                Applied::Done => return self.counted(id, &verdict).await,
                Applied::Delivered(_) => {
                    return self.done("That press was counted already.", &request).await;
                }
                Applied::Conflict => {}
            }
        }
        Err(Stop::busy())
    }

    /// Why it is no longer decided by the terms that were asked for; only where this person decides by those or by the
    /// present ones. Those who decide now might be the only ones left.
    async fn changed_for(
        &self,
        me: &Person,
        request: &Request,
        decision: &Decision,
    ) -> Result<Option<VoidReason>, StoreError> {
        if !decision.allowed && !self.decides_by_present_terms(me, request).await {
            return Ok(None);
        }
        let gone = self.terms_gone(request, Fresh::Recently).await?;
        Ok(gone.map(|(why, _)| why))
    }

    /// Whether the role changed, and asked now it would be theirs to decide.
    async fn decides_by_present_terms(&self, me: &Person, request: &Request) -> bool {
        let role = self.present_role(request);
        if role == request.terms.role {
            return false;
        }
        let facts = self.facts_about(&role, self.now()).await;
        let memberships = facts.of(me, Unread::Nobody);
        let subject = memberships.subject(me);
        self.policy.may_review(&subject, &role, 0, request).allowed
    }

    /// The press was for terms that are no longer those of the role.
    async fn not_counted(&self, id: &RequestId) -> Result<Answer, Stop> {
        let request = self.require_request(id).await?;
        let sentence = match &request.state {
            State::Pending(_) | State::Scheduled { .. } => {
                "What this role gives or demands changed since it was asked for, so your answer wasn't counted. It is asked anew: look at its card again, then decide."
            }
            State::Approved { .. }
            | State::Started { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::TimedOut { .. }
            | State::Void { .. } => {
                "What this role gives or demands changed since it was asked for, so your answer wasn't counted. The request is closed; its requester is told."
            }
        };
        Ok(Answer::Refused {
            refusal: Refusal::new(RefusalKind::WrongState, sentence),
            decided: Some(Box::new(self.shown(&request).await?)),
        })
    }

    fn signed(
        &self,
        request: &Request,
        me: &Person,
        stage: usize,
        verdict: Verdict,
        rules: Vec<String>,
    ) -> Review {
        let review = Review {
            id: ReviewId::new(self.entropy.id()),
            request: request.id.clone(),
            stage,
            reviewer: me.id.clone(),
            verdict,
            strength: Strength::Slack,
            at: self.now(),
            rules,
            mac: String::new(),
        };
        self.key.sign(review, request)
    }

    /// A commander's order, or an ask that needs no approval, kept and signed like a review of a stage after the last.
    pub(super) fn signed_order(
        &self,
        request: &Request,
        commander: &Person,
        rules: Vec<String>,
    ) -> Review {
        let verdict = Verdict::Approve {
            at_most: None,
            note: None,
        };
        let stage = request.terms.role.stages.len();
        self.signed(request, commander, stage, verdict, rules)
    }

    /// Where no approval is needed the ask itself gives access: it is signed, so that a row written by hand doesn't.
    pub(super) fn with_own_order(&self, mut change: Change, requester: &Person) -> Change {
        for write in &mut change.writes {
            if let Write::Request(request) = write
                && matches!(request.kind, Kind::Access | Kind::Extend { .. })
                && request.terms.role.stages.is_empty()
                && request.authority_stands(|_| false)
            {
                let rules = request.terms.rules.clone();
                let order = self.signed_order(request, requester, rules);
                request.reviews.push(order);
            }
        }
        change
    }

    async fn opening_if(
        &self,
        verdict: &Verdict,
        request: &Request,
    ) -> Result<Option<Opening>, Stop> {
        match verdict {
            Verdict::Approve { .. } => Ok(Some(self.opening_for(request).await?)),
            Verdict::Deny { .. } => Ok(None),
        }
    }

    async fn counted(&self, id: &RequestId, verdict: &Verdict) -> Result<Answer, Stop> {
        let request = self.require_request(id).await?;
        if let State::Pending(open) = &request.state {
            return self.done(&still_needed(&request, open), &request).await;
        }
        let sentence = match (&request.state, verdict) {
            (State::Denied { .. }, _) => "Denied. Its requester is told.",
            (State::Scheduled { .. }, _) => "Approved. It starts at the time that was asked for.",
            (_, Verdict::Approve { .. }) => "Approved. Access is being given now.",
            (_, Verdict::Deny { .. }) => "Your answer counts.",
        };
        self.done(sentence, &request).await
    }

    /// Too late: what was decided stands in the answer.
    pub(super) async fn decided(&self, request: &Request) -> Result<Answer, Stop> {
        let broken = matches!(request.kind, Kind::BreakGlass { .. });
        let sentence = match &request.state {
            State::Pending(_) => "This is still waiting for an answer.",
            State::Started { .. } if broken => "The glass was broken for this already.",
            State::Scheduled { .. } | State::Approved { .. } | State::Started { .. } => {
                "This was approved already."
            }
            State::Denied { .. } => "This was denied already.",
            State::Cancelled { .. } => "Its requester cancelled this.",
            State::TimedOut { .. } => "Nobody answered in time, so this is over.",
            State::Void { .. } => "This was closed, so there is nothing to decide any more.",
        };
        Ok(Answer::Refused {
            refusal: Refusal::new(RefusalKind::AlreadyDecided, sentence),
            decided: Some(Box::new(self.shown(request).await?)),
        })
    }

    pub(super) async fn require_request(&self, id: &RequestId) -> Result<Request, Stop> {
        let gone = || Stop::refused(RefusalKind::WrongState, "There is no such request.");
        self.store.request(id).await?.ok_or_else(gone)
    }

    /// The role as it is configured now; as it was, where it is gone.
    pub(super) fn present_role(&self, request: &Request) -> Role {
        let frozen = &request.terms.role;
        let now = self.settings.roles.get(&frozen.name);
        now.unwrap_or(frozen).clone()
    }

    /// False: somebody else was faster.
    pub(super) async fn applied(&self, change: Change) -> Result<bool, Stop> {
        Ok(match self.store.apply_one(change).await? {
            Applied::Done => true,
            Applied::Conflict | Applied::Delivered(_) => false,
        })
    }

    pub(super) async fn done(&self, sentence: &str, request: &Request) -> Result<Answer, Stop> {
        Ok(Answer::Done {
            sentence: sentence.to_owned(),
            request: Box::new(self.shown(request).await?),
        })
    }
}

/// `Your approval counts. Security must approve, too.` Who that is by name stands below it.
fn still_needed(request: &Request, open: &OpenStage) -> String {
    let stages = &request.terms.role.stages;
    let rule = stages.get(open.index);
    let given = request.approvals(open.index).len();
    let needed = rule.map_or(1, |rule| usize::try_from(rule.quorum.max(1)).unwrap_or(1));
    let whom = rule.map_or_else(|| "others".into(), |rule| listed(&rule.approvers));
    match needed.saturating_sub(given) {
        0 | 1 => format!("Your approval counts. One more is needed, from {whom}."),
        many => format!("Your approval counts. {many} more are needed, from {whom}."),
    }
}

fn not_theirs(request: &Request, me: &Person, why: String) -> Stop {
    let kind = if request.is_own(&me.id) {
        RefusalKind::OwnRequest
    } else {
        RefusalKind::NotAllowed
    };
    Stop::refused(kind, why)
}

/// What can be given instead, rising, never as much as was asked.
fn shorter(role: &Role, asked: Duration, whole: Duration) -> Vec<Duration> {
    let least = role.min_duration.min(asked);
    let mut shorter = suggestions(role);
    shorter.retain(|one| (least..whole).contains(one));
    let half = Duration::from_secs(whole.as_secs() / 2);
    if shorter.is_empty() && half >= least && half < whole && half.as_secs() > 0 {
        shorter.push(half);
    }
    shorter
}

/// An approver's words; none where nothing was said.
pub(super) fn said(words: &str) -> Option<String> {
    let words: String = command::plain(words).chars().take(LONGEST_WORDS).collect();
    (!words.is_empty()).then_some(words)
}
