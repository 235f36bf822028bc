//! A sealed record as its body says, for the formats that say it in other words.

use std::collections::BTreeMap;

use hallpass_domain::{Actor, EventKind, GrantId, HoldingId, RequestId, Time};
use serde::Deserialize;
use serde_json::Value;

use super::ExportError;
use crate::store::{Named, SealedRecord, Store};

#[derive(Deserialize)]
struct Body {
    id: String,
    at: Time,
    kind: EventKind,
    actor: Actor,
    request: Option<RequestId>,
    grant: Option<GrantId>,
    holding: Option<HoldingId>,
    rules: Vec<String>,
    facts: BTreeMap<String, Value>,
}

pub(super) struct Read<'a> {
    pub(super) sequence: u64,
    pub(super) hash: &'a str,
    pub(super) event: String,
    pub(super) at: Time,
    pub(super) kind: EventKind,
    pub(super) actor: Actor,
    pub(super) request: Option<RequestId>,
    pub(super) grant: Option<GrantId>,
    pub(super) holding: Option<HoldingId>,
    pub(super) rules: Vec<String>,
    pub(super) facts: BTreeMap<String, Value>,
    /// Without what was erased.
    pub(super) personal: Vec<(&'a str, &'a str)>,
    /// Of its request, where that is on record.
    pub(super) named: Option<Named>,
}

impl Read<'_> {
    pub(super) fn personal(&self, field: &str) -> Option<&str> {
        let mut fields = self.personal.iter();
        fields
            .find(|(name, _)| *name == field)
            .map(|(_, value)| *value)
    }

    pub(super) fn fact(&self, name: &str) -> Option<&str> {
        self.facts.get(name).and_then(Value::as_str)
    }

    /// As people know it: `R-7K2M`.
    pub(super) fn request_shown(&self) -> Option<String> {
        let short = self.named.as_ref().map(|named| named.short.of_request());
        short.or_else(|| self.request.as_ref().map(ToString::to_string))
    }

    /// As people know it: `G-7K2M`.
    pub(super) fn grant_shown(&self) -> Option<String> {
        let id = self.grant.as_ref()?;
        let short = self.named.as_ref().map(|named| named.short.of_grant());
        short.or_else(|| Some(id.to_string()))
    }
}

/// The records of a page, with what their requests are called.
pub(super) async fn read<'a>(
    store: &Store,
    records: &'a [SealedRecord],
) -> Result<Vec<Read<'a>>, ExportError> {
    let bodies = records.iter().map(|record| {
        serde_json::from_str::<Body>(&record.body).map_err(|error| ExportError::Unreadable {
            sequence: record.sequence,
            why: error.to_string(),
        })
    });
    let bodies = bodies.collect::<Result<Vec<Body>, _>>()?;
    let requests = bodies.iter().filter_map(|body| body.request.as_ref());
    let named = store.named(requests).await?;
    let all = records.iter().zip(bodies).map(|(record, body)| Read {
        sequence: record.sequence,
        hash: &record.hash,
        named: body.request.as_ref().and_then(|id| named.get(id)).cloned(),
        event: body.id,
        at: body.at,
        kind: body.kind,
        actor: body.actor,
        request: body.request,
        grant: body.grant,
        holding: body.holding,
        rules: body.rules,
        facts: body.facts,
        personal: record
            .personal
            .iter()
            .map(|field| (field.field.as_str(), field.value.as_str()))
            .collect(),
    });
    Ok(all.collect())
}
