//! One request with its history: what happened to it, by whom, in the order of the record.

use std::collections::BTreeSet;

use hallpass_domain::command::IdWord;
use hallpass_domain::{Actor, Duration, Event, EventKind, Person, PersonId};

use super::App;
use super::stop::Stop;
use crate::app::answer::{Answer, HistoryLine};

impl App {
    pub(super) async fn status(&self, me: &Person, id: &IdWord) -> Result<Answer, Stop> {
        let request = self.require_by_word(me, id, "status R-7K2M").await?;
        let events = self.store.events_of(&request.id).await?;
        let people: BTreeSet<PersonId> = events
            .iter()
            .filter_map(|stored| person_of(&stored.event.actor))
            .collect();
        let faces = self.faces(people).await?;
        let history = events
            .iter()
            .filter_map(|stored| {
                Some(HistoryLine {
                    at: stored.event.at,
                    who: person_of(&stored.event.actor).map(|id| faces.shown(&id)),
                    what: told(&stored.event)?,
                })
            })
            .collect();
        Ok(Answer::Status {
            request: Box::new(self.shown(&request).await?),
            history,
        })
    }
}

fn person_of(actor: &Actor) -> Option<PersonId> {
    match actor {
        Actor::Person(id) => Some(id.clone()),
        Actor::Hallpass | Actor::Operator(_) => None,
    }
}

/// What an event says to people; none for what only the record needs.
#[expect(
    clippy::too_many_lines,
    reason = "a table: one line for each kind of event"
)]
fn told(event: &Event) -> Option<String> {
    let fact = |name: &str| event.facts.get(name).and_then(serde_json::Value::as_str);
    let number = |name: &str| event.facts.get(name).and_then(serde_json::Value::as_u64);
    let at = |what: &str| match (fact("entitlement"), fact("backend")) {
        (Some(one), Some(backend)) => format!("{what}: {one} in {backend}"),
        _ => what.to_owned(),
    };
    Some(match event.kind {
        EventKind::Requested => "asked".into(),
        EventKind::Reviewed => match fact("verdict") {
            Some("deny") => "denied".into(),
            _ => "approved".into(),
        },
        EventKind::StageOpened => match number("stage") {
            Some(stage) => format!("stage {stage} was asked"),
            None => "approvers were asked".into(),
        },
        EventKind::Climbed => "the next in line were asked".into(),
        EventKind::Reminded => "approvers were reminded".into(),
        EventKind::Cancelled => "cancelled".into(),
        EventKind::TimedOut => "timed out: nobody answered".into(),
        EventKind::Voided => "closed: it could not be given any more".into(),
        EventKind::Scheduled => "scheduled".into(),
        EventKind::Reopened => "asked anew: what it was approved on changed".into(),
        EventKind::BrokeGlass => "broke the glass".into(),
        EventKind::ReviewOwed => "a review is owed".into(),
        EventKind::PostUseReviewed => "reviewed the use".into(),
        EventKind::PostUseReviewOverdue => "the review is overdue".into(),
        EventKind::GrantActive => "access is active".into(),
        EventKind::GrantExtended => {
            let by = number("by").and_then(|seconds| u32::try_from(seconds).ok());
            by.map_or_else(
                || "extended".into(),
                |by| format!("extended by {}", Duration::from_secs(by)),
            )
        }
        EventKind::RevocationIntended => "access is being taken away".into(),
        EventKind::GrantEnded => "access has ended".into(),
        EventKind::GrantFailed => "access couldn't be given".into(),
        EventKind::RevocationStuck => "the backend doesn't let go".into(),
        EventKind::HoldingGranted => at("given"),
        EventKind::HoldingRevoked => at("taken away"),
        EventKind::HoldingVerified => at("checked"),
        EventKind::HoldingRefused => at("refused by the backend"),
        EventKind::StandingAccessFound => at("held before, left alone"),
        EventKind::SessionsEnded => match number("sessions") {
            Some(1) => "1 session was closed".into(),
            Some(count) => format!("{count} sessions were closed"),
            None => "sessions were closed".into(),
        },
        EventKind::Warned => "the end was announced".into(),
        EventKind::Denied if fact("was").is_some() => "took the approval back".into(),
        EventKind::Denied
        | EventKind::Approved
        | EventKind::Started
        | EventKind::GrantIntended
        | EventKind::Refused
        | EventKind::PersonPinned
        | EventKind::PersonChanged
        | EventKind::ConfigurationLoaded
        | EventKind::DriftFound
        | EventKind::Rescheduled
        | EventKind::BackendRetired
        | EventKind::BackendDown
        | EventKind::BackendBack
        | EventKind::ClockJumped
        | EventKind::ClockSkewed
        | EventKind::Restored
        | EventKind::RestoreAccepted
        | EventKind::Erased
        | EventKind::DrillDone => return None,
    })
}
