//! Read models: a request as people see it, with its grant, from the store as it is now. No layout, no network.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_domain::grant::EndReason;
use hallpass_domain::request::{Kind, OpenStage, PostUseState, State, VoidReason};
use hallpass_domain::review::Verdict;
use hallpass_domain::role::{Risk, StageRule};
use hallpass_domain::{
    Actor, Duration, EventKind, Grant, GrantId, Person, PersonId, Request, RequestId, Review, Role,
    SlackId, Time,
};

use super::App;
use super::notices::Reviewers;
use super::read_grant::{end_reason, granted};
use super::targets::Troubles;
use crate::policy::named;
use crate::ports::chat::{
    KindShown, PostUseShown, RequestShown, ReviewShown, Shown, StageShown, StateShown, StepShown,
};
use crate::store::StoreError;

/// The fact of a break-glass event that names who would have been asked.
pub(super) const SKIPPED: &str = "skipped";

/// The people of one read, by id.
pub(super) struct Faces(BTreeMap<PersonId, Person>);

impl Faces {
    /// Whoever isn't on record is shown as an account that is nobody's.
    pub(super) fn shown(&self, id: &PersonId) -> Shown {
        self.0.get(id).map_or_else(nobody, shown_person)
    }
}

pub(super) fn shown_person(person: &Person) -> Shown {
    person
        .accounts
        .first()
        .map_or_else(nobody, |account| Shown {
            account: account.clone(),
            email: person.email.clone(),
        })
}

fn nobody() -> Shown {
    let account = SlackId::parse("U000000000").expect("it has Slack's shape");
    Shown {
        account,
        email: None,
    }
}

impl App {
    pub(super) async fn shown(&self, request: &Request) -> Result<RequestShown, StoreError> {
        let grant = match grant_behind(request) {
            Some(id) => self.store.grant(id).await?,
            None => None,
        };
        let around = Around {
            skipped: self.skipped(request).await?,
            reviewers: self.reviewers(request).await?,
            troubles: self.troubles(grant.iter()).await?,
            used: self.used_before(std::slice::from_ref(request)).await?,
        };
        let mut ids = mentioned(request, grant.as_ref());
        ids.extend(
            around
                .skipped
                .iter()
                .chain(&around.reviewers.people)
                .cloned(),
        );
        let faces = self.faces(ids).await?;
        let mut shown = render(request, grant.as_ref(), &around, &faces);
        let decided = matches!(request.state, State::Started { .. });
        if !decided || matches!(request.kind, Kind::BreakGlass { .. }) {
            shown.held = self.held_already(request).await?;
        }
        Ok(shown)
    }

    pub(super) async fn shown_all(
        &self,
        requests: &[Request],
    ) -> Result<Vec<RequestShown>, StoreError> {
        let grants: Vec<GrantId> = requests.iter().filter_map(grant_behind).cloned().collect();
        let grants: BTreeMap<GrantId, Grant> = self
            .store
            .grants(&grants)
            .await?
            .into_iter()
            .map(|grant| (grant.id.clone(), grant))
            .collect();
        let grant = |request: &Request| grant_behind(request).and_then(|id| grants.get(id));
        let mut ids = BTreeSet::new();
        for request in requests {
            ids.extend(mentioned(request, grant(request)));
        }
        let faces = self.faces(ids).await?;
        let around = Around {
            troubles: self.troubles(grants.values()).await?,
            used: self.used_before(requests).await?,
            ..Around::default()
        };
        Ok(requests
            .iter()
            .map(|request| render(request, grant(request), &around, &faces))
            .collect())
    }

    /// Of those that somebody has to judge, those whose holder had the role before.
    async fn used_before(&self, requests: &[Request]) -> Result<BTreeSet<RequestId>, StoreError> {
        let judged = requests.iter().filter(|request| is_judged(request));
        self.store.used_before(judged).await
    }

    pub(super) async fn faces(&self, ids: BTreeSet<PersonId>) -> Result<Faces, StoreError> {
        let ids: Vec<PersonId> = ids.into_iter().collect();
        let people = self.store.people(&ids).await?;
        Ok(Faces(
            people
                .into_iter()
                .map(|person| (person.id.clone(), person))
                .collect(),
        ))
    }

    /// Who would have been asked, had the glass not been broken: on record with it.
    pub(super) async fn skipped(&self, request: &Request) -> Result<Vec<PersonId>, StoreError> {
        if !matches!(request.kind, Kind::BreakGlass { .. }) {
            return Ok(Vec::new());
        }
        let events = self.store.events_of(&request.id).await?;
        let broke = events
            .into_iter()
            .find(|stored| stored.event.kind == EventKind::BrokeGlass);
        let ids = broke.and_then(|stored| stored.event.facts.get(SKIPPED).cloned());
        Ok(ids
            .and_then(|ids| serde_json::from_value(ids).ok())
            .unwrap_or_default())
    }
}

/// Whether somebody has to judge that it is asked, or was taken.
fn is_judged(request: &Request) -> bool {
    match &request.kind {
        Kind::Access => matches!(request.state, State::Pending(_)),
        Kind::BreakGlass { .. } => true,
        Kind::Extend { .. } => false,
    }
}

pub(super) fn grant_of(request: &Request) -> Option<&GrantId> {
    match &request.state {
        State::Started { grant, .. } => Some(grant),
        State::Pending(_)
        | State::Scheduled { .. }
        | State::Approved { .. }
        | State::Denied { .. }
        | State::Cancelled { .. }
        | State::TimedOut { .. }
        | State::Void { .. } => None,
    }
}

/// The grant that it led to, or asks or asked more time for.
fn grant_behind(request: &Request) -> Option<&GrantId> {
    match &request.kind {
        Kind::Extend { grant } => Some(grant),
        Kind::Access | Kind::BreakGlass { .. } => grant_of(request),
    }
}

fn mentioned(request: &Request, grant: Option<&Grant>) -> BTreeSet<PersonId> {
    let mut ids = BTreeSet::from([request.requester.clone(), request.holder.clone()]);
    ids.extend(request.reviews.iter().map(|review| review.reviewer.clone()));
    match &request.state {
        State::Pending(stage) => ids.extend(stage.asked.iter().cloned()),
        State::Denied { by, .. } => {
            ids.insert(by.clone());
        }
        State::Scheduled { .. }
        | State::Approved { .. }
        | State::Started { .. }
        | State::Cancelled { .. }
        | State::TimedOut { .. }
        | State::Void { .. } => {}
    }
    if let Kind::BreakGlass { commander, .. } = &request.kind {
        ids.insert(commander.clone());
    }
    let review = request.post_use_review.as_ref();
    if let Some(PostUseState::Reviewed { by, .. }) = review.map(|review| &review.state) {
        ids.insert(by.clone());
    }
    if let Some(EndReason::Revoked {
        by: Actor::Person(by),
        ..
    }) = grant.and_then(end_reason)
    {
        ids.insert(by.clone());
    }
    ids
}

/// What was read beside a request and its grant.
#[derive(Default)]
struct Around {
    skipped: Vec<PersonId>,
    reviewers: Reviewers,
    troubles: Troubles,
    used: BTreeSet<RequestId>,
}

fn render(
    request: &Request,
    grant: Option<&Grant>,
    around: &Around,
    faces: &Faces,
) -> RequestShown {
    let (role, terms) = (&request.terms.role, &request.terms);
    let environment = role.environment.as_ref();
    let entitlements = terms.entitlements.iter();
    RequestShown {
        id: request.id.as_str().to_owned(),
        short: request.short.of_request(),
        role: role.name.to_string(),
        permits: filled(&role.description, &terms.parameters),
        entitlements: entitlements
            .map(|one| (one.shown(), one.backend.to_string()))
            .collect(),
        environment: environment.map(|environment| environment.name.clone()),
        high_risk: is_high_risk(role),
        parameters: terms.parameters.clone().into_iter().collect(),
        requester: faces.shown(&request.requester),
        holder: faces.shown(&request.holder),
        reason: request.reason.clone(),
        ticket: request.ticket.clone(),
        duration: match &request.state {
            State::Started { .. } => own_duration(request, grant),
            State::Scheduled { .. } | State::Approved { .. } => request.granted_duration(),
            State::Pending(_)
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::TimedOut { .. }
            | State::Void { .. } => request.duration,
        },
        asked_at: request.asked_at,
        deadline: request.deadline,
        starts_at: match request.start {
            hallpass_domain::request::Start::Now => None,
            hallpass_domain::request::Start::At(at) => Some(at),
        },
        kind: kind(request, grant, around, faces),
        held: None,
        state: state(request, grant, around, faces),
        first_use: is_judged(request) && !around.used.contains(&request.id),
        reviews: request
            .reviews
            .iter()
            .filter(|review| review.stage < role.stages.len())
            .map(|review| reviewed(review, faces))
            .collect(),
    }
}

/// As long as the access lasts by now: it may have been extended.
fn own_duration(request: &Request, grant: Option<&Grant>) -> Duration {
    match (&request.kind, grant) {
        (Kind::Access | Kind::BreakGlass { .. }, Some(grant)) => grant.duration,
        (Kind::Access | Kind::BreakGlass { .. } | Kind::Extend { .. }, _) => {
            request.granted_duration()
        }
    }
}

/// Where nobody has to decide, nobody is told to look twice.
pub(super) fn is_high_risk(role: &Role) -> bool {
    let environment = role.environment.as_ref();
    !role.stages.is_empty() && environment.is_some_and(|environment| environment.risk == Risk::High)
}

pub(super) fn filled(text: &str, parameters: &BTreeMap<String, String>) -> String {
    parameters
        .iter()
        .fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
}

fn reviewed(review: &Review, faces: &Faces) -> ReviewShown {
    let (approved, at_most, reason) = match &review.verdict {
        Verdict::Approve { at_most, note } => (true, *at_most, note.clone()),
        Verdict::Deny { reason } => (false, None, reason.clone()),
    };
    ReviewShown {
        reviewer: faces.shown(&review.reviewer),
        stage: review.stage,
        approved,
        at_most,
        reason,
        at: review.at,
    }
}

fn kind(request: &Request, grant: Option<&Grant>, around: &Around, faces: &Faces) -> KindShown {
    match &request.kind {
        Kind::Access => KindShown::Access,
        Kind::Extend { .. } => KindShown::Extend {
            grant: grant.map_or_else(String::new, |grant| grant.short.of_grant()),
            ends_at: grant.and_then(Grant::ends_at),
        },
        Kind::BreakGlass {
            commander,
            incident,
        } => {
            let rule = request.terms.role.break_glass.as_ref();
            let review = request.post_use_review.as_ref();
            let state = review.map(|review| &review.state);
            KindShown::BreakGlass {
                commander: faces.shown(commander),
                incident: incident.clone(),
                checked_at: started_at(request),
                skipped: around.skipped.iter().map(|id| faces.shown(id)).collect(),
                review_by: rule
                    .map(|rule| rule.review_by.iter().filter_map(named).collect())
                    .unwrap_or_default(),
                reviewers: around.reviewers.shown(faces),
                review_due: review.map_or(request.asked_at, |review| review.due),
                review: Box::new(match state {
                    Some(PostUseState::Reviewed {
                        by,
                        at,
                        note,
                        found,
                    }) => PostUseShown::Reviewed {
                        by: faces.shown(by),
                        at: *at,
                        found: *found,
                        note: note.clone(),
                    },
                    Some(PostUseState::Overdue { .. }) => PostUseShown::Overdue,
                    Some(PostUseState::Owed) | None => PostUseShown::Owed,
                }),
            }
        }
    }
}

fn started_at(request: &Request) -> Time {
    match &request.state {
        State::Started { at, .. } => *at,
        State::Pending(_)
        | State::Scheduled { .. }
        | State::Approved { .. }
        | State::Denied { .. }
        | State::Cancelled { .. }
        | State::TimedOut { .. }
        | State::Void { .. } => request.asked_at,
    }
}

fn state(request: &Request, grant: Option<&Grant>, around: &Around, faces: &Faces) -> StateShown {
    match &request.state {
        State::Pending(open) => StateShown::Pending(stage(request, open, faces)),
        State::Scheduled { starts_at, .. } => StateShown::Scheduled {
            starts_at: *starts_at,
        },
        State::Approved { .. } => StateShown::Approved,
        State::Started { .. } => grant.map_or(StateShown::Approved, |grant| {
            let entitlements = &request.terms.entitlements;
            let trouble = around.troubles.of(grant, entitlements);
            StateShown::Started(granted(grant, entitlements, trouble, faces))
        }),
        State::Denied { by, reason, .. } => StateShown::Denied {
            by: faces.shown(by),
            reason: reason.clone(),
        },
        State::Cancelled { .. } => StateShown::Cancelled,
        State::TimedOut { .. } => StateShown::TimedOut,
        State::Void { why, .. } => StateShown::Void {
            why: void_sentence(why).into(),
        },
    }
}

pub(super) fn void_sentence(why: &VoidReason) -> &'static str {
    match why {
        VoidReason::PersonLeft => "Whoever it was for is no active member any more.",
        VoidReason::RoleGone => "The role doesn't exist any more.",
        VoidReason::NotEligible => "The rules no longer let its requester ask for this.",
        VoidReason::AuthorityGone => "The rules changed, so its approvals no longer count.",
        VoidReason::GrantEnded => "The access that was to be extended has ended.",
        VoidReason::StartMissed => {
            "Hallpass wasn't running when it was to start, and now it is more than a day late."
        }
        VoidReason::NoAccount => {
            "When it was to start, there was no account of their own to give it to."
        }
    }
}

fn stage(request: &Request, open: &OpenStage, faces: &Faces) -> StageShown {
    let stages = &request.terms.role.stages;
    let rule = stages.get(open.index);
    let ladder = rule.map_or(&[][..], |rule| rule.ladder.as_slice());
    let climbed = open.rungs.saturating_sub(1);
    let names = |lists: &mut dyn Iterator<Item = &hallpass_domain::Who>| {
        let mut all: Vec<String> = Vec::new();
        for name in lists.filter_map(named) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        all
    };
    let approvers = rule.into_iter().flat_map(|rule| rule.approvers.iter());
    let asked_rungs = ladder.iter().take(climbed).flat_map(|rung| rung.ask.iter());
    StageShown {
        number: open.index + 1,
        of: stages.len(),
        approvals: request.approvals(open.index).len(),
        quorum: rule.map_or(1, |rule| usize::try_from(rule.quorum.max(1)).unwrap_or(1)),
        asked: open.asked.iter().map(|id| faces.shown(id)).collect(),
        asked_as: names(&mut approvers.chain(asked_rungs)),
        steps: steps(request),
        next: ladder.get(climbed).map(|rung| {
            let at = open.opened_at + rung.after.to_delta();
            (names(&mut rung.ask.iter()), at)
        }),
        climbed_at_once: open.climbed_at_once,
    }
}

/// How far each of several stages is; none where there is one.
fn steps(request: &Request) -> Vec<StepShown> {
    let stages = &request.terms.role.stages;
    let several = if stages.len() > 1 { &stages[..] } else { &[] };
    let step = |(index, rule): (usize, &StageRule)| StepShown {
        asked_as: rule.approvers.iter().filter_map(named).collect(),
        approvals: request.approvals(index).len(),
        quorum: usize::try_from(rule.quorum.max(1)).unwrap_or(1),
    };
    several.iter().enumerate().map(step).collect()
}

#[cfg(test)]
#[path = "read_tests.rs"]
pub(super) mod tests;
