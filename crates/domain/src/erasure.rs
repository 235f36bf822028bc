//! Which personal fields an erasure took away, in the words of its event: by record and place, so that whoever verifies
//! the record can tell what was erased from what was deleted by hand. Pure; what the fields said is never here.

use serde::{Deserialize, Serialize};

use crate::Event;

/// The fact that names fields by record: a list of [`Run`].
const RECORDS: &str = "records";
/// The fact that names fields of events that weren't sealed yet: a list of [`Named`].
const NOT_SEALED: &str = "not_sealed";

/// Records that follow each other without a gap, from the first to the last, and which of each one's fields are gone.
/// Stands as `[17, 19, [0, 1]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run(pub u64, pub u64, pub Vec<u32>);

/// An event without a record's number yet, and which of its fields are gone. Stands as `["0197…", [0]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named(pub String, pub Vec<u32>);

/// One personal field, as it is about to be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    pub event: &'a str,
    /// The record that the event was sealed as.
    pub sequence: Option<u64>,
    /// Its place among the event's commitments.
    pub place: u32,
}

/// Adds the facts that name the fields; those of an event stand beside each other.
#[must_use]
pub fn name(event: Event, fields: &[Field<'_>]) -> Event {
    let (mut records, mut named) = (Vec::<Run>::new(), Vec::new());
    for of_one in fields.chunk_by(|one, next| one.event == next.event) {
        let places: Vec<u32> = of_one.iter().map(|field| field.place).collect();
        match of_one[0].sequence {
            None => named.push(Named(of_one[0].event.to_owned(), places)),
            Some(sequence) => match records.last_mut() {
                Some(Run(_, last, same)) if *last + 1 == sequence && *same == places => {
                    *last = sequence;
                }
                Some(_) | None => records.push(Run(sequence, sequence, places)),
            },
        }
    }
    let mut event = event;
    for (fact, value) in [
        (RECORDS, (!records.is_empty()).then(|| json(&records))),
        (NOT_SEALED, (!named.is_empty()).then(|| json(&named))),
    ] {
        if let Some(value) = value {
            event = event.fact(fact, value);
        }
    }
    event
}

fn json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Field, name};
    use crate::testing::at;
    use crate::{Actor, Event, EventKind};

    fn field(event: &str, sequence: Option<u64>, place: u32) -> Field<'_> {
        Field {
            event,
            sequence,
            place,
        }
    }

    #[test]
    fn neighbours_with_the_same_fields_gone_are_one_run() {
        let erased = Event::new(EventKind::Erased, Actor::Hallpass, at(1));
        let fields = [
            field("a", Some(3), 0),
            field("a", Some(3), 1),
            field("b", Some(4), 0),
            field("b", Some(4), 1),
            field("c", Some(5), 1),
            field("d", None, 0),
            field("e", Some(9), 1),
        ];
        let told = name(erased.clone(), &fields);
        let records = serde_json::json!([[3, 4, [0, 1]], [5, 5, [1]], [9, 9, [1]]]);
        assert_eq!(told.facts["records"], records);
        assert_eq!(told.facts["not_sealed"], serde_json::json!([["d", [0]]]));
        assert_eq!(name(erased.clone(), &[]), erased);
    }
}
