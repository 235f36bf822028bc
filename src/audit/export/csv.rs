//! The record as CSV (RFC 4180), for people and their spreadsheets: one row an event, and no cell that a spreadsheet takes
//! for a formula.

use std::borrow::Cow;
use std::io::{self, Write};

use chrono::SecondsFormat;
use hallpass_domain::Actor;
use serde_json::{Map, Value, json};

use super::read::{Read, read};
use super::{ExportError, Lines};
use crate::store::{SealedRecord, Store};

const HEADINGS: [&str; 13] = [
    "sequence", "at", "kind", "actor", "request", "grant", "role", "reason", "facts", "personal",
    "rules", "event", "hash",
];

pub(super) struct Csv<'w> {
    writer: csv::Writer<&'w mut dyn Write>,
}

impl<'w> Csv<'w> {
    pub(super) fn begin(out: &'w mut dyn Write) -> Result<Self, ExportError> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(HEADINGS).map_err(io::Error::from)?;
        Ok(Self { writer })
    }
}

#[async_trait::async_trait(?Send)]
impl Lines for Csv<'_> {
    async fn page(
        &mut self,
        store: &Store,
        records: &[SealedRecord],
        _: (u64, u64),
    ) -> Result<(), ExportError> {
        for one in read(store, records).await? {
            let cells = cells(&one);
            let cells = cells.iter().map(|cell| harmless(cell).into_owned());
            self.writer.write_record(cells).map_err(io::Error::from)?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn cells(one: &Read<'_>) -> [String; 13] {
    let actor = match &one.actor {
        Actor::Person(id) => format!("person:{id}"),
        Actor::Hallpass => "hallpass".into(),
        // `cli:user@host`
        Actor::Operator(name) => name.clone(),
    };
    let others = one.personal.iter().filter(|(field, _)| *field != "reason");
    let personal: Map<String, Value> = others
        .map(|(field, value)| ((*field).to_owned(), Value::from(*value)))
        .collect();
    [
        one.sequence.to_string(),
        one.at.to_rfc3339_opts(SecondsFormat::Micros, true),
        one.kind.as_str().to_owned(),
        actor,
        one.request_shown().unwrap_or_default(),
        one.grant_shown().unwrap_or_default(),
        one.fact("role").unwrap_or_default().to_owned(),
        one.personal("reason").unwrap_or_default().to_owned(),
        json!(one.facts).to_string(),
        Value::Object(personal).to_string(),
        one.rules.join("; "),
        one.event.clone(),
        one.hash.to_owned(),
    ]
}

/// A cell that a spreadsheet would take for a formula begins with an apostrophe (OWASP, "CSV Injection"): those that
/// begin with `=`, `+`, `-`, `@`, their full-width forms, a tabulator or a line's end.
fn harmless(cell: &str) -> Cow<'_, str> {
    let dangerous = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n'];
    if cell.trim_start_matches(' ').starts_with(dangerous) {
        return Cow::Owned(format!("'{cell}"));
    }
    Cow::Borrowed(cell)
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn no_cell_is_a_formula() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1"] {
            assert!(harmless(cell).starts_with('\''), "{cell}");
        }
        for cell in ["", "INC-42 a = b", "17", "{\"a\":1}"] {
            assert_eq!(harmless(cell), cell);
        }
    }
}
