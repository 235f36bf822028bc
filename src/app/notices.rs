//! What there is to say of a request or a grant, and to whom. What is no longer true isn't said: what came after it says
//! more. How it is said, once and in order, is `say`'s.

use hallpass_domain::grant::{EndReason, PartStatus, State as GrantState};
use hallpass_domain::request::{OpenStage, PostUseState, State};
use hallpass_domain::{Duration, Grant, GrantId, Notice, PersonId, Request, RequestId, SlackId};

use super::one_message::follows;
use super::past::warning_key;
use super::read::{Faces, shown_person};
use super::say::{Saying, To, Told, Turn, calling};
use super::sync_card::{SAID, glass};
use super::timers::put_off;
use super::{App, Carried};
use crate::ports::chat::{KindShown, Message, RequestShown, Shown};
use crate::store::{Claimed, StoreError};

/// How many reviewers are told that a review is overdue.
const REVIEWERS_AT_MOST: usize = 10;

/// Those who are to review the use.
#[derive(Debug, Default)]
pub(super) struct Reviewers {
    pub(super) people: Vec<PersonId>,
    /// A schedule or a group that names some of them couldn't be read: they aren't all.
    unread: bool,
}

impl Reviewers {
    /// None: it isn't known who they are.
    pub(super) fn shown(&self, faces: &Faces) -> Option<Vec<Shown>> {
        let people = self.people.iter().map(|id| faces.shown(id));
        (!self.unread).then(|| people.collect())
    }
}

impl App {
    pub(super) async fn say_of_request(
        &self,
        id: &RequestId,
        notice: Notice,
        claimed: &Claimed,
    ) -> Result<Carried, StoreError> {
        let _turn = self.posting.of(id).await;
        let Some(request) = self.store.request(id).await? else {
            return Ok(Carried::nothing());
        };
        let next = match self.turn_of(claimed, &request).await? {
            Turn::Waits(later) => return Ok(later),
            Turn::Speaks { next } => next,
        };
        let shown = self.shown(&request).await?;
        let said = match self.about_request(&request, shown, notice).await? {
            Some(saying) => self.say(&request, saying, claimed.due).await?,
            None => Carried::nothing(),
        };
        let next = self.next_turn(next, claimed, &request).await?;
        Ok(calling(said, next))
    }

    async fn about_request(
        &self,
        request: &Request,
        shown: RequestShown,
        notice: Notice,
    ) -> Result<Option<Saying>, StoreError> {
        let pending = request.state.waiting();
        let (key, message, to) = match (notice, pending) {
            (Notice::Reminder, Some(open)) => {
                let people = self.accounts_of(&unanswered(request, open)).await?;
                (
                    format!("reminder-{}", stage_key(open)),
                    Message::Reminder { request: shown },
                    vec![To::People(people)],
                )
            }
            (Notice::Climbed, Some(open)) => (
                format!("climbed-{}-{}", open.rungs, stage_key(open)),
                Message::Climbed { request: shown },
                vec![To::Thread],
            ),
            (Notice::Reopened, Some(open)) => {
                let asked = self.accounts_of(&unanswered(request, open)).await?;
                let people = To::People([its_people(&shown), asked].concat());
                (
                    format!("reopened-{}", stage_key(open)),
                    Message::Reopened { request: shown },
                    vec![To::Thread, people],
                )
            }
            (Notice::Decided, None) => {
                let mut to = vec![To::Thread];
                if let State::Scheduled { .. } = request.state {
                    to.push(To::Each(its_people(&shown), followed));
                } else if !matches!(request.state, State::Cancelled { .. }) {
                    to.push(To::People(its_people(&shown)));
                }
                (
                    decided_key(&request.state),
                    Message::Decided { request: shown },
                    to,
                )
            }
            (Notice::BreakGlass | Notice::Reviewed | Notice::ReviewOverdue, _) => {
                match self.about_break_glass(request, shown, notice).await? {
                    Some(about) => about,
                    None => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        let told = Told::of(notice);
        Ok(Some(Saying {
            key,
            message,
            to,
            told,
        }))
    }

    /// What makes it the same one, what is said, and to whom.
    async fn about_break_glass(
        &self,
        request: &Request,
        shown: RequestShown,
        notice: Notice,
    ) -> Result<Option<(String, Message, Vec<To>)>, StoreError> {
        Ok(Some(match (notice, is_overdue(request)) {
            (Notice::BreakGlass, _) => {
                let skipped = self.skipped(request).await?;
                let people = self.accounts_of(&skipped).await?;
                let to = vec![To::Security, To::Each(people, glass_of)];
                ("break_glass".into(), glass(&shown, "security"), to)
            }
            (Notice::Reviewed, _) => (
                "reviewed".into(),
                Message::PostUseReviewed { request: shown },
                vec![To::Security, To::Thread],
            ),
            (Notice::ReviewOverdue, true) => {
                let people = self.reviewers(request).await?.people;
                let to = vec![To::Security, To::People(self.accounts_of(&people).await?)];
                (
                    "overdue".into(),
                    Message::PostUseOverdue { request: shown },
                    to,
                )
            }
            _ => return Ok(None),
        }))
    }

    pub(super) async fn say_of_grant(
        &self,
        id: &GrantId,
        notice: Notice,
        claimed: &Claimed,
    ) -> Result<Carried, StoreError> {
        let Some((_, request)) = self.grant_with_request(id).await? else {
            return Ok(Carried::nothing());
        };
        let _turn = self.posting.of(&request.id).await;
        let next = match self.turn_of(claimed, &request).await? {
            Turn::Waits(later) => return Ok(later),
            Turn::Speaks { next } => next,
        };
        // Read again: the turn may have been waited for.
        let Some((grant, request)) = self.grant_with_request(id).await? else {
            return Ok(Carried::nothing());
        };
        let shown = self.shown(&request).await?;
        let said = match about_grant(&grant, shown, notice) {
            Some(mut saying) => {
                self.since_untold(&grant, &mut saying).await?;
                self.ping_only(&grant, &mut saying).await?;
                self.say(&request, saying, claimed.due).await?
            }
            None => Carried::nothing(),
        };
        let next = self.next_turn(next, claimed, &request).await?;
        Ok(calling(said, next))
    }

    /// Whoever knows already has a message that follows the grant, and needs no other.
    async fn ping_only(&self, grant: &Grant, saying: &mut Saying) -> Result<(), StoreError> {
        if let Message::Ended { request, .. } = &saying.message {
            let people = its_people(request);
            let people = self.surprised(grant, request, people).await?;
            saying.to = vec![To::Thread, To::People(people)];
        } else if let Message::Extended { request, .. } = &saying.message {
            let by = self.extended_by(grant).await?;
            let mut people = [its_people(request), deciders(request)].concat();
            people.retain(|account| Some(account) != by.as_ref());
            saying.to = vec![To::Thread, To::People(people)];
        }
        Ok(())
    }

    /// An end of which nobody heard the beginning tells both.
    async fn since_untold(&self, grant: &Grant, saying: &mut Saying) -> Result<(), StoreError> {
        if let (Message::Ended { since, .. }, GrantState::Ended { active_since, .. }) =
            (&mut saying.message, &grant.state)
        {
            let rows = self.store.cards(&grant.request).await?;
            let granted = format!("{SAID}granted:");
            if !rows.iter().any(|row| row.place.starts_with(&granted)) {
                *since = *active_since;
            }
        }
        Ok(())
    }

    /// Before the end. One that comes too late to be of use (half of its time is gone) isn't said: the next one is, or the end.
    pub(super) async fn warn(
        &self,
        id: &GrantId,
        before: Duration,
        claimed: &Claimed,
    ) -> Result<Carried, StoreError> {
        let Some((grant, request)) = self.grant_with_request(id).await? else {
            return Ok(Carried::nothing());
        };
        let now = self.now();
        let GrantState::Active { ends_at, .. } = grant.state else {
            return Ok(Carried::nothing());
        };
        if let Some(early) = put_off(ends_at - before.to_delta(), now) {
            return Ok(early);
        }
        // A home doesn't tick: with each warning it says how little is left.
        self.homes_change(&request).await?;
        let left = u32::try_from((ends_at - now).num_seconds()).unwrap_or(0);
        if left < before.as_secs() / 2 || left == 0 {
            return Ok(Carried::nothing());
        }
        let _turn = self.posting.of(&request.id).await;
        let next = match self.turn_of(claimed, &request).await? {
            Turn::Waits(later) => return Ok(later),
            Turn::Speaks { next } => next,
        };
        // Read again: while the turn was waited for, the end may have moved or come.
        let Some((grant, request)) = self.grant_with_request(id).await? else {
            return Ok(Carried::nothing());
        };
        if grant.ends_at() != Some(ends_at) {
            return Ok(Carried::Again);
        }
        let shown = self.shown(&request).await?;
        let mut people = vec![shown.holder.account.clone()];
        people.extend(deciders(&shown));
        let saying = Saying {
            key: warning_key(before, ends_at),
            message: Message::Warning {
                request: shown,
                left: Duration::from_secs(left),
                ends_at,
                more: self.more_time(&request, &grant).await?,
            },
            to: vec![To::Thread, To::People(people)],
            told: Told::AsItIs,
        };
        let said = self.say(&request, saying, claimed.due).await?;
        let said = match (said, grant.warned(before, now)) {
            (Carried::Done(_), Ok(change)) => Carried::Done(change),
            (said, _) => said,
        };
        let next = self.next_turn(next, claimed, &request).await?;
        Ok(calling(said, next))
    }

    async fn grant_with_request(
        &self,
        id: &GrantId,
    ) -> Result<Option<(Grant, Request)>, StoreError> {
        let Some(grant) = self.store.grant(id).await? else {
            return Ok(None);
        };
        let request = self.store.request(&grant.request).await?;
        Ok(request.map(|request| (grant, request)))
    }

    pub(super) async fn accounts_of(&self, ids: &[PersonId]) -> Result<Vec<SlackId>, StoreError> {
        let people = self.store.people(ids).await?;
        Ok(people
            .iter()
            .map(|person| shown_person(person).account)
            .collect())
    }

    /// Those who are to review the use; nobody, where it was reviewed or there is nothing to review.
    pub(super) async fn reviewers(&self, request: &Request) -> Result<Reviewers, StoreError> {
        let review = request.post_use_review.as_ref();
        let owed = review.is_some_and(|review| match &review.state {
            PostUseState::Owed | PostUseState::Overdue { .. } => true,
            PostUseState::Reviewed { .. } => false,
        });
        let role = self.present_role(request);
        let glass = role.break_glass.as_ref().filter(|_| owed);
        let Some(glass) = glass else {
            return Ok(Reviewers::default());
        };
        let facts = self.facts(&glass.review_by, self.now()).await;
        let people = self.people_in(&glass.review_by, &facts).await?;
        let others = people.iter().filter(|person| !request.is_own(&person.id));
        Ok(Reviewers {
            people: others
                .take(REVIEWERS_AT_MOST)
                .map(|person| person.id.clone())
                .collect(),
            unread: !facts.are_all_read(),
        })
    }
}

/// The stage that waits, and since when: asked anew, its words are said anew.
fn stage_key(open: &OpenStage) -> String {
    format!("{}-{}", open.index, open.opened_at.timestamp())
}

/// Scheduled, asked anew and scheduled again is said twice.
fn decided_key(state: &State) -> String {
    let name = state.name();
    if let State::Scheduled { approved_at, .. } = state {
        format!("decided-{name}-{}", approved_at.timestamp_micros())
    } else {
        format!("decided-{name}")
    }
}

/// Who is asked and hasn't decided yet.
fn unanswered(request: &Request, open: &OpenStage) -> Vec<PersonId> {
    let answered = |id: &PersonId| request.reviews.iter().any(|one| one.reviewer == *id);
    let asked = open.asked.iter().filter(|id| !answered(id));
    asked.cloned().collect()
}

fn about_grant(grant: &Grant, shown: RequestShown, notice: Notice) -> Option<Saying> {
    let its_people = its_people(&shown);
    let people = To::People(its_people.clone());
    let (key, message, to) = match (notice, &grant.state) {
        (Notice::Granted, GrantState::Active { .. }) => (
            "granted".into(),
            Message::Granted { request: shown },
            vec![To::Thread, To::Each(its_people, followed)],
        ),
        (
            Notice::GrantFailed,
            GrantState::Revoking { reason, .. } | GrantState::Failed { reason, .. },
        ) => {
            // Who approved thinks that it is given.
            let mut to = vec![To::Thread, people, To::People(its_approvers(&shown))];
            if matches!(reason, EndReason::AuthorityGone { .. }) {
                to.push(To::Security);
            }
            ("failed".into(), Message::GrantFailed { request: shown }, to)
        }
        (Notice::RevokeStuck, GrantState::Revoking { .. }) => (
            "stuck".into(),
            Message::RevokeStuck { request: shown },
            // The security channel has one alarm for all of them. Who was revoked hears of it now, not when it is over.
            vec![To::Thread, people],
        ),
        (Notice::Ended, GrantState::Ended { .. } | GrantState::Failed { .. }) => (
            "ended".into(),
            Message::Ended {
                request: shown,
                since: None,
            },
            vec![To::Thread, people],
        ),
        (Notice::Extended, GrantState::Active { ends_at, .. }) => (
            format!("extended-{}", ends_at.timestamp()),
            Message::Extended {
                request: shown.clone(),
                ends_at: *ends_at,
            },
            vec![To::Thread],
        ),
        (Notice::StandingAccess, _) => {
            let standing = grant.parts.iter().filter(|part| is_standing(&part.status));
            (
                format!("standing-{}", standing.count()),
                Message::StandingAccess { request: shown },
                // Its people's own message tells it, too.
                vec![To::Thread],
            )
        }
        _ => return None,
    };
    let told = Told::of(notice);
    Some(Saying {
        key,
        message,
        to,
        told,
    })
}

fn is_standing(status: &PartStatus) -> bool {
    use hallpass_domain::grant::Release;
    matches!(
        status,
        PartStatus::Held { standing: true, .. }
            | PartStatus::Released {
                how: Release::Standing { .. },
                ..
            }
    )
}

/// The message that follows the grant from then on, in the notice's place.
fn followed(notice: &Message, reader: &SlackId) -> Message {
    if let Message::Decided { request } | Message::Granted { request } = notice {
        return follows(request, reader);
    }
    notice.clone()
}

fn glass_of(notice: &Message, reader: &SlackId) -> Message {
    if let Message::BreakGlass { request, .. } = notice {
        return glass(request, reader.as_str());
    }
    notice.clone()
}

/// Who asked and who holds it, each once.
pub(super) fn its_people(shown: &RequestShown) -> Vec<SlackId> {
    let (requester, holder) = (&shown.requester.account, &shown.holder.account);
    if requester == holder {
        vec![holder.clone()]
    } else {
        vec![requester.clone(), holder.clone()]
    }
}

/// Who approved it, other than those in [`its_people`].
fn its_approvers(shown: &RequestShown) -> Vec<SlackId> {
    let told = its_people(shown);
    let mut approvers: Vec<SlackId> = Vec::new();
    for review in shown.reviews.iter().filter(|review| review.approved) {
        let account = &review.reviewer.account;
        if !told.contains(account) && !approvers.contains(account) {
            approvers.push(account.clone());
        }
    }
    approvers
}

/// Who gave it, other than those in [`its_people`]: its approvers, or the commander.
fn deciders(shown: &RequestShown) -> Vec<SlackId> {
    let mut deciders = its_approvers(shown);
    if let KindShown::BreakGlass { commander, .. } = &shown.kind {
        let told = its_people(shown);
        if !told.contains(&commander.account) && !deciders.contains(&commander.account) {
            deciders.push(commander.account.clone());
        }
    }
    deciders
}

fn is_overdue(request: &Request) -> bool {
    let review = request.post_use_review.as_ref();
    review.is_some_and(|review| matches!(review.state, PostUseState::Overdue { .. }))
}
