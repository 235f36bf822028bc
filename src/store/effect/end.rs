//! Ends of claims: done, tried again, put off, or given back. Whose claim was lost ends nothing.

use hallpass_domain::Time;

use super::claim::Claimed;
use super::named;
use crate::store::sql::{Sql, storable};
use crate::store::writer::Job;
use crate::store::{Store, StoreError, text};

/// How a claim ends. One whose lease was lost to another, or whose effect was cancelled, ends nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// Carried out; due again at its new moment where it was scheduled anew meanwhile.
    Done(Claimed),
    /// It failed: again at `at`. `failure`: none where only its rows had changed meanwhile.
    Retry {
        claimed: Claimed,
        at: Time,
        error: String,
        failure: Option<Failure>,
    },
    /// Not its turn yet: again at `at`, and this try isn't counted.
    PutOff { claimed: Claimed, at: Time },
    /// Not carried out: due as before, as if it hadn't been claimed.
    GiveBack(Claimed),
}

/// How a try failed, as far as people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The target gave no answer, or said "not now".
    Silent,
    /// It answered, and what was wanted didn't come about.
    Failed,
}

impl Failure {
    fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Failed => "failed",
        }
    }

    pub(in crate::store) fn parse(text: &str) -> Option<Self> {
        [Self::Silent, Self::Failed]
            .into_iter()
            .find(|one| one.as_str() == text)
    }
}

/// The most of an error's text that is kept.
const LONGEST_ERROR: usize = 1_000;

pub(in crate::store) const FINISH_DONE: Sql = sql!("effect":
    "delete from effect where claimed and (subject, kind, token, wanted) in \
     (select r.subject, r.kind, r.token, r.wanted from "
    [rows subject text, kind text, token bigint, wanted bigint, done boolean] " where r.done) \
     returning subject, kind");

/// Those that stay: tried again, given back, or done but scheduled anew meanwhile. They keep their token, so what ended
/// is told from what is claimed by `claimed`: a claim ends once.
pub(in crate::store) const FINISH_REST: Sql = sql!("effect":
    "update effect set claimed = false, last_error = r.error, \
     failure = case when r.given_back = 1 then effect.failure else r.failure end, \
     next_at = case when r.at is null or effect.wanted > r.wanted then effect.due else r.at end, \
     attempts = case when effect.wanted > r.wanted then 0 else effect.attempts - r.given_back end, \
     failures = case when effect.wanted > r.wanted then 0 when r.failure is null then effect.failures \
     else effect.failures + 1 end from "
    [rows subject text, kind text, token bigint, wanted bigint, at bigint, given_back bigint, error text, failure text]
    " where effect.subject = r.subject and effect.kind = r.kind and effect.token = r.token and effect.claimed \
     returning effect.subject, effect.kind");

/// The end of a claim as it is written.
#[derive(Debug, Clone)]
pub(in crate::store) struct Ended {
    pub(in crate::store) row: String,
    pub(in crate::store) key: EndedRow,
    /// Subject and kind in one: no claim of it is ended beside another, since only one of the two can be the effect's.
    pub(in crate::store) effect: String,
}

row! {
    /// An effect whose claim was still the one that was to end.
    #[derive(PartialEq, Eq, Hash)]
    EndedRow { subject: String, kind: String }
}

pub(in crate::store) fn ended(finish: Finish) -> Ended {
    let mut why = (None, None);
    let (claimed, done, at, given_back) = match finish {
        Finish::Done(claimed) => (claimed, true, None, 0),
        Finish::Retry {
            claimed,
            at,
            error,
            failure,
        } => {
            let error: String = error.chars().take(LONGEST_ERROR).collect();
            why = (Some(storable(&error)), failure);
            (claimed, false, Some(text::micros(at)), 0)
        }
        Finish::PutOff { claimed, at } => (claimed, false, Some(text::micros(at)), 1),
        Finish::GiveBack(claimed) => (claimed, false, None, 1),
    };
    let (error, failure) = why;
    let (subject, kind) = (text::subject(&claimed.subject), text::kind(&claimed.kind));
    let row = object! {
        subject: subject,
        kind: kind,
        token: claimed.token,
        wanted: claimed.wanted,
        done: done,
        at: at,
        given_back: given_back,
        error: error,
        failure: failure.map(Failure::as_str),
    };
    Ended {
        row,
        effect: format!("{subject} {kind}"),
        key: EndedRow { subject, kind },
    }
}

impl EndedRow {
    pub(in crate::store) fn named(&self) -> String {
        named(&self.subject, &self.kind)
    }
}

impl Store {
    /// Ends claims whose outcome needs no change of rows.
    pub async fn finish(&self, finished: Vec<Finish>) -> Result<(), StoreError> {
        if finished.is_empty() {
            return Ok(());
        }
        let ended = finished.into_iter().map(ended).collect();
        self.run(Job::Finish(ended)).await.map(drop)
    }
}
