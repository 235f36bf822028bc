//! Erasures as the record tells them: who had which personal fields taken away, and when. Read from the bodies that hashes
//! cover, never from the tables that whoever owns the database can change.

use hallpass_domain::erasure::{Named, Run};
use hallpass_domain::{Actor, EventKind, Time};
use serde::Deserialize;

/// How the kind stands in a body, and before which byte of it.
const KIND: &[u8] = br#""kind":"record.erased""#;
const KIND_BEFORE: usize = 128;

/// What a `record.erased` event says of personal fields of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Erasure {
    pub(super) at: Time,
    pub(super) by: Actor,
    /// Whom it is about; none where age was the reason.
    pub(super) person: Option<String>,
    /// Older than this; none where a person was.
    pub(super) before: Option<String>,
    pub(super) fields: u64,
    pub(super) events: u64,
    pub(super) runs: Vec<Run>,
    /// Events by their ids, with the places of their fields; without places all of them, as it was told before records
    /// were named.
    pub(super) named: Vec<(String, Option<Vec<u32>>)>,
}

#[derive(Deserialize)]
struct Body {
    at: Time,
    kind: EventKind,
    actor: Actor,
    facts: Facts,
}

#[derive(Deserialize)]
struct Facts {
    person: Option<String>,
    before: Option<String>,
    #[serde(default)]
    fields: u64,
    #[serde(default)]
    events: Vec<String>,
    records: Option<Vec<Run>>,
    not_sealed: Option<Vec<Named>>,
}

impl Erasure {
    /// None where the body is another event's, or tells of no field.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let head = &body[..body.len().min(KIND_BEFORE)];
        // Almost no event is one: looked for before anything is parsed.
        let kind = |piece: &[u8]| piece[1] == b'k' && piece == KIND;
        if !head.windows(KIND.len()).any(kind) {
            return None;
        }
        let body: Body = serde_json::from_slice(body).ok()?;
        let facts = body.facts;
        if body.kind != EventKind::Erased || facts.events.is_empty() {
            return None;
        }
        let events = facts.events.len() as u64;
        let (runs, named) = match (facts.records, facts.not_sealed) {
            (None, None) => {
                let whole = facts.events.into_iter().map(|event| (event, None));
                (Vec::new(), whole.collect())
            }
            (runs, named) => {
                let named = named.unwrap_or_default().into_iter();
                let named = named.map(|Named(event, places)| (event, Some(places)));
                (runs.unwrap_or_default(), named.collect())
            }
        };
        Some(Self {
            at: body.at,
            by: body.actor,
            person: facts.person,
            before: facts.before,
            fields: facts.fields,
            events,
            runs,
            named,
        })
    }

    /// Whether it names a record of this stretch by its number.
    pub(super) fn reaches(&self, (first, last): (u64, u64)) -> bool {
        let mut runs = self.runs.iter();
        runs.any(|Run(from, to, _)| *from <= last && *to >= first)
    }

    /// The events that it names by their ids.
    pub(super) fn ids(&self) -> Vec<&str> {
        self.named.iter().map(|(event, _)| event.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use hallpass_domain::erasure::Run;

    use super::Erasure;

    fn body(kind: &str, facts: &str) -> String {
        format!(
            r#"{{"v":1,"id":"0197-1","at":"2026-11-21T04:00:00Z","kind":"{kind}","actor":{{"actor":"hallpass"}},"rules":[],"facts":{facts},"personal":[]}}"#
        )
    }

    fn read(facts: &str) -> Option<Erasure> {
        Erasure::read(body("record.erased", facts).as_bytes())
    }

    #[test]
    fn records_and_events_without_a_number_are_read() {
        let facts = r#"{"events":["a","b","c"],"fields":5,"records":[[3,4,[0,1]]],"not_sealed":[["c",[2]]]}"#;
        let erasure = read(facts).unwrap();
        assert_eq!(erasure.runs, [Run(3, 4, vec![0, 1])]);
        assert_eq!(erasure.named, [("c".to_owned(), Some(vec![2]))]);
        assert_eq!((erasure.fields, erasure.events), (5, 3));
        assert!(erasure.reaches((4, 9)) && !erasure.reaches((5, 9)));
    }

    #[test]
    fn what_was_told_before_records_were_named_covers_its_events() {
        let erasure = read(r#"{"events":["a"],"fields":2}"#).unwrap();
        assert_eq!(erasure.named, [("a".to_owned(), None)]);
    }

    #[test]
    fn another_event_is_none_whatever_its_facts_say() {
        let facts = r#"{"events":["a"],"kind":"record.erased"}"#;
        let other = body("request.asked", facts);
        assert_eq!(Erasure::read(other.as_bytes()), None);
        // One that took words out of rows alone.
        assert_eq!(read(r#"{"requests":["a"]}"#), None);
    }
}
