//! Break-glass: started without approval, by a commander, with a review that is owed. Grant, alert and owed review
//! are one change (I13). The commander bypasses eligibility; whether a policy forbids it was asked by the shell.

use super::{Found, Kind, Opening, PostUseReview, PostUseState, Request};
use crate::effect::{Notice, Subject};
use crate::role::BreakGlassRule;
use crate::{
    Actor, Change, Duration, Effect, EffectKind, Event, EventKind, PersonId, Refusal, RefusalKind,
    Time,
};

/// Who breaks the glass, and why.
pub(super) struct Breaking {
    pub(super) commander: PersonId,
    pub(super) incident: String,
    pub(super) reason: String,
    pub(super) rules: Vec<String>,
}

impl Request {
    /// A commander breaks the glass for this pending request. It keeps its requester's reason; the commander's own
    /// goes on record. Asked for longer than the rule allows, it gets what the rule allows.
    ///
    /// # Errors
    /// Refused unless pending, for kind extend, without an incident or a reason, and where the role has no
    /// break-glass.
    pub fn break_glass(
        mut self,
        commander: PersonId,
        incident: String,
        reason: String,
        rules: Vec<String>,
        opening: Opening,
        now: Time,
    ) -> Result<Change, Refusal> {
        self.require_pending()?;
        let most = self.require_break_glass_rule()?.max_duration;
        if matches!(self.kind, Kind::Extend { .. }) {
            return Err(Refusal::new(
                RefusalKind::WrongState,
                "Break-glass gives access; it doesn't extend any.",
            )
            .allowed(
                "Break the glass for the role itself: it adds a grant beside the one that ends.",
            ));
        }
        self.duration = self.duration.min(most);
        self.kind = Kind::BreakGlass {
            commander: commander.clone(),
            incident: incident.clone(),
        };
        let unscheduled = self.unschedule();
        let breaking = Breaking {
            commander,
            incident,
            reason,
            rules,
        };
        let (request, change) = self.broken(breaking, Some(opening), now)?;
        let card = Effect::sync_card(&request.id, now);
        Ok(Change::default()
            .request(request)
            .and(unscheduled)
            .and(change)
            .schedule(card))
    }

    /// Starts the grant, alerts, and owes the review.
    pub(super) fn broken(
        mut self,
        breaking: Breaking,
        opening: Option<Opening>,
        now: Time,
    ) -> Result<(Self, Change), Refusal> {
        let rule = self.require_break_glass_rule()?;
        let (most, due) = (rule.max_duration, now + rule.review_within.to_delta());
        self.require_at_most(most)?;
        let Breaking {
            commander,
            incident,
            reason,
            rules,
        } = breaking;
        if incident.trim().is_empty() || reason.trim().is_empty() {
            return Err(Refusal::new(
                RefusalKind::OutOfBounds,
                "Break-glass needs an incident and a reason.",
            )
            .allowed("Name the incident, then say why access is needed at once."));
        }
        self.post_use_review = Some(PostUseReview {
            due,
            state: PostUseState::Owed,
        });
        let by = Actor::Person(commander);
        let subject = Subject::Request(self.id.clone());
        let mut broke = Event::new(EventKind::BrokeGlass, by.clone(), now)
            .request(&self.id)
            .fact("incident", incident)
            .fact("duration", self.granted_duration().as_secs())
            .personal("reason", reason);
        broke.rules = rules;
        let owed = Event::new(EventKind::ReviewOwed, Actor::Hallpass, now)
            .request(&self.id)
            .fact("due", due.to_rfc3339());
        let (request, begun) = self.begin(opening, by, now)?;
        let change = Change::default()
            .event(broke)
            .event(owed)
            .and(begun)
            .schedule(Effect::timer(subject.clone(), EffectKind::ReviewDue, due))
            .schedule(Effect::say(subject, Notice::BreakGlass, now));
        Ok((request, change))
    }

    /// The post-use review is done; never by commander, requester or holder.
    ///
    /// # Errors
    /// Refused where none is owed, to those who may not review their own, and where a follow-up is needed that nobody
    /// describes.
    pub fn post_use_review(
        mut self,
        by: &PersonId,
        found: Found,
        note: Option<String>,
        now: Time,
    ) -> Result<Change, Refusal> {
        let own = self.is_own(by);
        let owed = self.require_post_use_review()?;
        match &owed.state {
            PostUseState::Owed | PostUseState::Overdue { .. } => {}
            PostUseState::Reviewed { .. } => {
                return Err(Refusal::new(
                    RefusalKind::AlreadyDecided,
                    "This break-glass was reviewed already.",
                )
                .allowed("Its review stands in the record."));
            }
        }
        if own {
            return Err(Refusal::new(
                RefusalKind::OwnRequest,
                "Whoever broke the glass, asked for the access or held it doesn't review it.",
            )
            .allowed("Somebody else among the reviewers must do it."));
        }
        if found == Found::NeedsFollowUp && note.is_none() {
            return Err(Refusal::new(
                RefusalKind::OutOfBounds,
                "Say what needs a follow-up, so that somebody can look at it.",
            ));
        }
        let late = matches!(owed.state, PostUseState::Overdue { .. });
        let mut event = Event::new(EventKind::PostUseReviewed, Actor::Person(by.clone()), now)
            .fact("found", found.as_str())
            .fact("late", late);
        if let Some(note) = &note {
            event = event.personal("note", note.as_str());
        }
        owed.state = PostUseState::Reviewed {
            by: by.clone(),
            at: now,
            note,
            found: Some(found),
        };
        Ok(self.post_use(event, Notice::Reviewed, now))
    }

    /// The post-use review's deadline passed.
    ///
    /// # Errors
    /// Refused unless it is owed.
    pub fn review_overdue(mut self, now: Time) -> Result<Change, Refusal> {
        let owed = self.require_post_use_review()?;
        match &owed.state {
            PostUseState::Owed => {}
            PostUseState::Reviewed { .. } | PostUseState::Overdue { .. } => {
                return Err(Refusal::new(
                    RefusalKind::AlreadyDecided,
                    "This break-glass was reviewed, or is known to be overdue.",
                ));
            }
        }
        let event = Event::new(EventKind::PostUseReviewOverdue, Actor::Hallpass, now)
            .fact("due", owed.due.to_rfc3339());
        owed.state = PostUseState::Overdue { since: now };
        Ok(self.post_use(event, Notice::ReviewOverdue, now))
    }

    fn post_use(self, event: Event, notice: Notice, now: Time) -> Change {
        let subject = Subject::Request(self.id.clone());
        let event = event.request(&self.id);
        let card = Effect::sync_card(&self.id, now);
        Change::default()
            .request(self)
            .event(event)
            .cancel(subject.clone(), EffectKind::ReviewDue)
            .schedule(card)
            .schedule(Effect::say(subject, notice, now))
    }

    fn require_post_use_review(&mut self) -> Result<&mut PostUseReview, Refusal> {
        self.post_use_review.as_mut().ok_or_else(|| {
            Refusal::new(
                RefusalKind::WrongState,
                "This request owes no review: the glass wasn't broken for it.",
            )
        })
    }

    fn require_break_glass_rule(&self) -> Result<&BreakGlassRule, Refusal> {
        self.terms.role.break_glass.as_ref().ok_or_else(|| {
            Refusal::new(
                RefusalKind::NotAllowed,
                format!("{} has no break-glass.", self.terms.role.name),
            )
            .allowed("Ask for it in the ordinary way.")
        })
    }

    fn require_at_most(&self, most: Duration) -> Result<(), Refusal> {
        if self.duration <= most {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::OutOfBounds,
            format!(
                "Break-glass gives {} for {most} at most, not for {}.",
                self.terms.role.name, self.duration
            ),
        )
        .allowed(format!("Break the glass for {most} or less.")))
    }
}
