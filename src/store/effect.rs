//! Effects: scheduled and cancelled with the rows that caused them. `claim`: taken by who carries them out, under a lease;
//! `end`: finished only by who holds the claim.
//!
//! `due` is when it should happen, `next_at` when it may be claimed: the due moment, the next try, or the lease's end.
//! `wanted` rises with every scheduling, `token` with every claim. Scheduling one that runs leaves the lease alone: its
//! end makes it due again.

mod claim;
mod end;

use std::collections::BTreeMap;

use hallpass_domain::EffectChange;
use hallpass_domain::planted::{Fault, planted};

use super::sql::Sql;
use super::text;
use crate::ports::Entropy;

pub(super) use claim::{CLAIM, Claim, ClaimedRow};
pub use claim::{Claimed, Due, Take};
pub(super) use end::{Ended, EndedRow, FINISH_DONE, FINISH_REST, ended};
pub use end::{Failure, Finish};

pub(super) const SCHEDULE: Sql = sql!("effect":
    "insert into effect (subject, kind, lane, urgency, due, next_at, claimed, wanted, token, attempts) \
     select r.subject, r.kind, r.lane, r.urgency, r.due, r.due, false, 1, r.token, 0 from "
    [rows subject text, kind text, lane text, urgency bigint, due bigint, token bigint]
    " where true order by r.subject, r.kind \
     on conflict (subject, kind) do update set lane = excluded.lane, urgency = excluded.urgency, \
     due = excluded.due, wanted = effect.wanted + 1, \
     next_at = case when effect.claimed then effect.next_at else excluded.due end, \
     attempts = case when effect.claimed then effect.attempts else 0 end, \
     failures = case when effect.claimed then effect.failures else 0 end, \
     failure = case when effect.claimed then effect.failure end");

/// All that a batch writes here, in one order, before any of it: two batches, or a batch and a renewal, that lock the same
/// rows in different orders would wait for each other.
pub(super) const LOCK: Sql = sql!("effect":
    "select e.subject, e.kind from effect as e join " [rows subject text, kind text]
    " on e.subject = r.subject and e.kind = r.kind order by e.subject, e.kind" [for_update]);

pub(super) const CANCEL: Sql = sql!("effect":
    "delete from effect where (subject, kind) in (select r.subject, r.kind from "
    [rows subject text, kind text] ")");

/// An effect's change as it is written.
#[derive(Debug, Clone)]
pub(super) struct EffectOp {
    subject: String,
    kind: String,
    /// The row to schedule; none cancels.
    schedule: Option<String>,
}

/// `entropy`: a new row's tokens begin anywhere, so that a claim of a row that is gone never fits the one that took its
/// place.
pub(super) fn prepare(change: EffectChange, entropy: &dyn Entropy) -> EffectOp {
    let (subject, kind, effect) = match change {
        EffectChange::Schedule(effect) => {
            (effect.subject.clone(), effect.kind.clone(), Some(effect))
        }
        EffectChange::Cancel { subject, kind } => (subject, kind, None),
    };
    let (subject, kind) = (text::subject(&subject), text::kind(&kind));
    let schedule = effect.map(|effect| {
        object! {
            subject: subject,
            kind: kind,
            lane: text::lane(&effect.lane),
            urgency: text::urgency(effect.urgency),
            due: text::micros(effect.due),
            token: first_token(entropy),
        }
    });
    EffectOp {
        subject,
        kind,
        schedule,
    }
}

/// Small enough to be exact also as a JSON number.
fn first_token(entropy: &dyn Entropy) -> i64 {
    let mut dice = [0; 8];
    entropy.fill(&mut dice[..6]);
    i64::from_le_bytes(dice)
}

/// The rows to schedule and to cancel. Of several changes of one effect the last counts.
pub(super) fn folded<'a>(ops: impl Iterator<Item = &'a EffectOp>) -> (Vec<&'a str>, Vec<EndedRow>) {
    let last: BTreeMap<_, _> = ops
        .map(|op| {
            // Planted, timers are told apart by what they do, not by whose they are.
            let subject = match op.subject.as_str() {
                _ if planted(Fault::TimersCollide) => "",
                subject => subject,
            };
            ((subject, op.kind.as_str()), op.schedule.as_deref())
        })
        .collect();
    let scheduled = last.values().filter_map(|schedule| *schedule).collect();
    let cancelled = last
        .iter()
        .filter(|(_, schedule)| schedule.is_none())
        .map(|((subject, kind), _)| EndedRow {
            subject: (*subject).to_owned(),
            kind: (*kind).to_owned(),
        })
        .collect();
    (scheduled, cancelled)
}

/// An effect by its key, for [`LOCK`] and [`CANCEL`].
fn named(subject: &str, kind: &str) -> String {
    object! { subject: subject, kind: kind }
}

impl EffectOp {
    pub(super) fn named(&self) -> String {
        named(&self.subject, &self.kind)
    }
}
