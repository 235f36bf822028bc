//! Which holdings wait for a target that fails: how the last try of each came out, and whose turn doesn't come while the
//! target is away. For what people are told; nothing is decided by it.

use std::collections::BTreeMap;

use hallpass_domain::effect::Subject;
use hallpass_domain::{BackendName, EffectKind, HoldingId, Lane, Time};

use super::sql::{Sql, array};
use super::{Failure, Store, StoreError, text};

/// Each by its key: where the planner may join, it may as well read all that is under way.
const FAILING: Sql = sql!("effect":
    "select r.subject as subject, \
     (select e.failure from effect as e where e.subject = r.subject and e.kind = $2) as failure \
     from " [json subject text]);

/// One range of the index for each urgency: timers of later hours cost nothing.
const WAITING: Sql = sql!("effect":
    "select subject from effect where lane = $1 and urgency in (0, 1, 2) and next_at <= $3 and due <= $2 \
     and kind = $4 order by urgency, next_at limit $5");

/// What was put off further than this isn't looked for: nothing is, but where a target asked for it.
const PUT_OFF_AT_MOST: std::time::Duration = std::time::Duration::from_secs(300);

row! { FailingRow { subject: String, failure: Option<String> } }
row! { WaitingRow { subject: String } }

impl Store {
    /// Those of these holdings whose last try failed, and how.
    pub async fn failing(
        &self,
        holdings: &[HoldingId],
    ) -> Result<BTreeMap<HoldingId, Failure>, StoreError> {
        if holdings.is_empty() {
            return Ok(BTreeMap::new());
        }
        let subjects: Vec<String> = holdings
            .iter()
            .map(|id| object! { subject: text::subject(&Subject::Holding(id.clone())) })
            .collect();
        let subjects = array(subjects.iter().map(String::as_str));
        let args = [subjects.into(), text::kind(&EffectKind::SyncHolding).into()];
        let rows = self.look_up::<FailingRow>(&FAILING, &args).await?;
        let readable = rows.iter().filter_map(|row| {
            Some((
                holding(&row.subject)?,
                Failure::parse(row.failure.as_deref()?)?,
            ))
        });
        Ok(readable.collect())
    }

    /// The holdings that are to be brought to what is wanted of them by now, in this backend.
    pub async fn waiting_holdings(
        &self,
        backend: &BackendName,
        now: Time,
        limit: u32,
    ) -> Result<Vec<HoldingId>, StoreError> {
        let args = [
            text::lane(&Lane::Backend(backend.clone())).into(),
            text::micros(now).into(),
            text::micros(now + PUT_OFF_AT_MOST).into(),
            text::kind(&EffectKind::SyncHolding).into(),
            i64::from(limit).into(),
        ];
        let rows = self.fetch::<WaitingRow>(&WAITING, &args).await?;
        Ok(rows
            .iter()
            .filter_map(|row| holding(&row.subject))
            .collect())
    }
}

fn holding(subject: &str) -> Option<HoldingId> {
    match text::parse_subject(subject)? {
        Subject::Holding(id) => Some(id),
        Subject::Request(_)
        | Subject::Grant(_)
        | Subject::Backend(_)
        | Subject::Announcement(_)
        | Subject::Person(_)
        | Subject::Ledger => None,
    }
}
