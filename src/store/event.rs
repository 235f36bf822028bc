//! Events: append-only. The body holds salted SHA-256 commitments to the personal fields, whose values and salts stand
//! in a table of their own; erasing them there leaves the proof whole. No statement here changes or removes an event.

use std::collections::BTreeMap;

use hallpass_domain::{
    Actor, Event, EventId, EventKind, GrantId, HoldingId, Personal, RequestId, Time,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::database::Arg;
use super::prepared::{Prepared, body};
use super::sql::{Sql, storable};
use super::{Store, StoreError, text};
use crate::ports::Entropy;

/// An event as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Rises with each event. On `PostgreSQL` a lower one may become visible after a higher one, where its commit took
    /// longer: whoever must miss none asks for what it hasn't seen, not for what comes after.
    pub position: i64,
    pub id: EventId,
    /// Its personal fields are those that weren't erased.
    pub event: Event,
}

/// Bytes of salt for each personal field.
const SALT: usize = 16;

/// What is stored, and what a chain covers: byte for byte, so the order of the fields is fixed.
#[derive(Serialize, Deserialize)]
struct Body {
    v: u8,
    id: EventId,
    at: Time,
    kind: EventKind,
    actor: Actor,
    request: Option<RequestId>,
    grant: Option<GrantId>,
    holding: Option<HoldingId>,
    rules: Vec<String>,
    facts: BTreeMap<String, serde_json::Value>,
    personal: Vec<Commitment>,
}

#[derive(Serialize, Deserialize)]
struct Commitment {
    field: String,
    /// Hex SHA-256 over salt, field, a zero byte and value.
    commitment: String,
}

pub(super) const INSERT: Sql = sql!("event":
    "insert into event (id, at, kind, request, grant_id, holding, body) \
     select r.id, r.at, r.kind, r.request, r.grant_id, r.holding, r.body from "
    [rows id text, at bigint, kind text, request text, grant_id text, holding text, body text]
    " where true");

pub(super) const INSERT_PERSONAL: Sql = sql!("event_personal":
    "insert into event_personal (event, position, field, salt, value) \
     select r.event, r.position, r.field, r.salt, r.value from "
    [rows event text, position bigint, field text, salt text, value text]
    " where true");

pub(super) fn prepare(
    event: Event,
    entropy: &dyn Entropy,
    into: &mut Prepared,
) -> Result<(), StoreError> {
    let id = entropy.id();
    let mut commitments = Vec::new();
    for (position, Personal { field, value }) in event.personal.into_iter().enumerate() {
        let mut salt = [0; SALT];
        entropy.fill(&mut salt);
        let salt = hex::encode(salt);
        let (field, value) = (storable(&field), storable(&value));
        let commitment = commitment(&salt, &field, &value);
        let row = object! { event: id, position: position, field: field, salt: salt, value: value };
        into.personal.push(row);
        commitments.push(Commitment { field, commitment });
    }
    let at = text::micros(event.at);
    let body = body(
        "event",
        &id,
        &Body {
            v: 1,
            id: EventId::new(&id),
            // To the microsecond, like every stored moment.
            at: text::time(at).unwrap_or(event.at),
            kind: event.kind,
            actor: event.actor,
            request: event.request.clone(),
            grant: event.grant.clone(),
            holding: event.holding.clone(),
            rules: event.rules,
            facts: event.facts,
            personal: commitments,
        },
    )?;
    let row = object! {
        id: id,
        at: at,
        kind: event.kind.as_str(),
        request: event.request,
        grant_id: event.grant,
        holding: event.holding,
        body: body,
    };
    into.events.push(row);
    Ok(())
}

fn commitment(salt: &str, field: &str, value: &str) -> String {
    let mut hash = Sha256::new();
    for part in [salt.as_bytes(), field.as_bytes(), b"\0", value.as_bytes()] {
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// What stands beside a body.
pub(super) struct Columns<'a> {
    pub(super) id: &'a str,
    pub(super) at: Option<i64>,
    pub(super) kind: Option<&'a str>,
    pub(super) request: Option<&'a str>,
    pub(super) grant: Option<&'a str>,
    pub(super) holding: Option<&'a str>,
}

/// Whether the columns say what the body says.
pub(super) fn agrees(body: &str, columns: &Columns<'_>) -> bool {
    serde_json::from_str(body).is_ok_and(|body: Body| {
        body.id.as_str() == columns.id
            && Some(text::micros(body.at)) == columns.at
            && Some(body.kind.as_str()) == columns.kind
            && body.request.as_ref().map(RequestId::as_str) == columns.request
            && body.grant.as_ref().map(GrantId::as_str) == columns.grant
            && body.holding.as_ref().map(HoldingId::as_str) == columns.holding
    })
}

row! {
    /// An event beside one of its personal fields, or beside none.
    EventRow {
        position: i64,
        id: String,
        kind: String,
        body: String,
        place: Option<i64>,
        salt: Option<String>,
        value: Option<String>,
    }
}

impl TryFrom<&EventRow> for (StoredEvent, Vec<Commitment>) {
    type Error = StoreError;

    fn try_from(row: &EventRow) -> Result<Self, StoreError> {
        let broken = |why: String| StoreError::corrupt("event", &row.id, why);
        let body: Body =
            serde_json::from_str(&row.body).map_err(|error| broken(error.to_string()))?;
        if body.id.as_str() != row.id || body.kind.as_str() != row.kind {
            return Err(broken("its columns and its body disagree".into()));
        }
        let event = Event {
            at: body.at,
            kind: body.kind,
            actor: body.actor,
            request: body.request,
            grant: body.grant,
            holding: body.holding,
            rules: body.rules,
            facts: body.facts,
            personal: Vec::new(),
        };
        let stored = StoredEvent {
            position: row.position,
            id: body.id,
            event,
        };
        Ok((stored, body.personal))
    }
}

/// The personal field of this row, where it wasn't erased and is what was committed to.
fn personal_of(row: &EventRow, commitments: &[Commitment]) -> Result<Option<Personal>, StoreError> {
    let (Some(place), Some(salt), Some(value)) = (row.place, &row.salt, &row.value) else {
        return Ok(None);
    };
    usize::try_from(place)
        .ok()
        .and_then(|place| commitments.get(place))
        .filter(|made| made.commitment == commitment(salt, &made.field, value))
        .map(|made| {
            Some(Personal {
                field: made.field.clone(),
                value: value.clone(),
            })
        })
        .ok_or_else(|| {
            let why = format!("field {place} isn't what the event committed to");
            StoreError::corrupt("event_personal", &row.id, why)
        })
}

/// Rows of one event stand together.
fn assemble(rows: &[EventRow]) -> Result<Vec<StoredEvent>, StoreError> {
    let mut events: Vec<(StoredEvent, Vec<Commitment>)> = Vec::new();
    for row in rows {
        if events
            .last()
            .is_none_or(|(last, _)| last.position != row.position)
        {
            events.push(row.try_into()?);
        }
        if let Some((last, commitments)) = events.last_mut() {
            last.event.personal.extend(personal_of(row, commitments)?);
        }
    }
    Ok(events.into_iter().map(|(event, _)| event).collect())
}

/// A statement that reads the events `e` that the inner one selects, each beside its personal fields.
macro_rules! events {
    ($inner:literal) => {
        sql!("event":
            "select e.position, e.id, e.kind, e.body, p.position as place, p.salt, p.value from ("
            $inner
            ") as e left join event_personal as p on p.event = e.id order by e.position, p.position")
    };
}

impl Store {
    /// All events of a request, its grant and its holdings that name it, in their order.
    pub async fn events_of(&self, request: &RequestId) -> Result<Vec<StoredEvent>, StoreError> {
        let sql = events!("select * from event where request = $1");
        assemble(
            &self
                .fetch::<EventRow>(&sql, &[request.as_str().into()])
                .await?,
        )
    }

    /// At most `limit` events above a position, in their order; see [`StoredEvent::position`].
    pub async fn events_after(
        &self,
        position: i64,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let sql = events!("select * from event where position > $1 order by position limit $2");
        let args: [Arg; 2] = [position.into(), i64::from(limit).into()];
        assemble(&self.fetch::<EventRow>(&sql, &args).await?)
    }
}
