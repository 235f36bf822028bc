//! Rows without what they say of people: pure. Ids, times, states and roles stay, so that what happened can still be
//! read; whose words and names they were can't.

use hallpass_domain::grant::{EndReason, PartStatus, Release, State as GrantState};
use hallpass_domain::request::{PostUseState, State};
use hallpass_domain::review::Verdict;
use hallpass_domain::{Grant, Holding, Membership, Person, PersonId, Request, Review};

/// What stands in the place of words that were erased.
pub(super) const ERASED: &str = "(erased)";

fn word(text: &mut String) {
    ERASED.clone_into(text);
}

fn words(text: &mut Option<String>) {
    text.iter_mut().for_each(word);
}

/// A request without anybody's words; its reviews keep who decided what, and lose their MACs' proof.
pub(super) fn request(mut request: Request) -> Request {
    word(&mut request.reason);
    match &mut request.state {
        State::Denied { reason, .. } => words(reason),
        State::Pending(_)
        | State::Scheduled { .. }
        | State::Approved { .. }
        | State::Started { .. }
        | State::Cancelled { .. }
        | State::TimedOut { .. }
        | State::Void { .. } => {}
    }
    if let Some(review) = &mut request.post_use_review {
        match &mut review.state {
            PostUseState::Reviewed { note, .. } => words(note),
            PostUseState::Owed | PostUseState::Overdue { .. } => {}
        }
    }
    request.reviews.iter_mut().for_each(review);
    request
}

/// A request of others without the words of one of its reviewers.
pub(super) fn words_of(mut request: Request, person: &PersonId) -> Request {
    if let State::Denied { by, reason, .. } = &mut request.state
        && by == person
    {
        words(reason);
    }
    if let Some(review) = &mut request.post_use_review
        && let PostUseState::Reviewed { by, note, .. } = &mut review.state
        && by == person
    {
        words(note);
    }
    let own = |review: &&mut Review| review.reviewer == *person;
    request.reviews.iter_mut().filter(own).for_each(review);
    request
}

fn review(review: &mut Review) {
    match &mut review.verdict {
        Verdict::Approve { note, .. } => words(note),
        Verdict::Deny { reason } => words(reason),
    }
}

pub(super) fn grant(mut grant: Grant) -> Grant {
    match &mut grant.state {
        GrantState::Revoking { reason, .. }
        | GrantState::Ended { reason, .. }
        | GrantState::Failed { reason, .. } => end(reason),
        GrantState::Provisioning { .. } | GrantState::Active { .. } => {}
    }
    for part in &mut grant.parts {
        match &mut part.status {
            PartStatus::Refused { why } => word(why),
            PartStatus::Released { how, .. } => match how {
                Release::Removed { note, .. } | Release::Standing { note } => words(note),
                Release::StillCovered => {}
            },
            PartStatus::Wanted | PartStatus::Held { .. } | PartStatus::Releasing => {}
        }
    }
    grant
}

fn end(reason: &mut EndReason) {
    match reason {
        EndReason::Revoked { reason, .. }
        | EndReason::Dropped {
            reason: Some(reason),
        } => word(reason),
        EndReason::Failed { why } | EndReason::AuthorityGone { why } => word(why),
        EndReason::Expired | EndReason::Dropped { reason: None } => {}
    }
}

/// Nobody any more: the id stays, so that the record still tells one from another.
pub(super) fn person(person: Person) -> Person {
    Person {
        id: person.id,
        version: person.version,
        accounts: Vec::new(),
        email: None,
        name: ERASED.into(),
        time_zone: "UTC".into(),
        membership: Membership::Deactivated,
        principals: std::collections::BTreeMap::new(),
    }
}

/// A holding at rest, of a principal whose name nobody knows.
pub(super) fn holding(mut holding: Holding) -> Holding {
    holding.principal = format!("{ERASED} {}", holding.id);
    if let hallpass_domain::holding::Known::Standing { note, .. } = &mut holding.known {
        words(note);
    }
    holding
}
