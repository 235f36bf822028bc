//! A change turned into rows, before any transaction begins: ids and salts are drawn, bodies are written as JSON.
//! What stands here needs no database; `write.rs` carries it in.

use hallpass_domain::{Change, Write};

use super::effect::{self, EffectOp, Ended, Finish};
use super::erase::PreparedErasure;
use super::{StoreError, announcement, event, grant, holding, person, request};
use crate::ports::Entropy;

/// One row as a JSON object, and the key by which the database says that it was written.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) key: String,
    pub(super) json: String,
}

/// Rows of a guarded table: those that must not be there yet, and those that must be at the version that was read.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) inserts: Vec<Row>,
    pub(super) updates: Vec<Row>,
}

impl Rows {
    /// `version` is the one that was read.
    pub(super) fn push(&mut self, version: i64, row: Row) {
        if version == 0 {
            self.inserts.push(row);
        } else {
            self.updates.push(row);
        }
    }
}

/// Who must own what: a principal of a backend, or a Slack account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned {
    /// Backend and principal; for an account the first is empty.
    pub(super) thing: (String, String),
    pub(super) person: String,
}

#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) key: String,
    /// The request that the change makes.
    pub(super) request: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Prepared {
    pub(super) delivery: Option<Delivery>,
    pub(super) requests: Rows,
    pub(super) reviews: Vec<String>,
    pub(super) review_ids: Vec<String>,
    pub(super) grants: Rows,
    pub(super) holdings: Rows,
    pub(super) principals: Vec<Owned>,
    pub(super) people: Rows,
    pub(super) accounts: Vec<Owned>,
    pub(super) events: Vec<String>,
    pub(super) personal: Vec<String>,
    pub(super) announcements: Vec<String>,
    pub(super) effects: Vec<EffectOp>,
    pub(super) ended: Option<Ended>,
    pub(super) erasure: PreparedErasure,
}

impl Prepared {
    pub(super) fn new(
        change: Change,
        finish: Option<Finish>,
        entropy: &dyn Entropy,
    ) -> Result<Self, StoreError> {
        let mut prepared = Self::default();
        let mut made = None;
        for write in change.writes {
            match write {
                Write::Request(row) => {
                    made.get_or_insert_with(|| row.id.to_string());
                    request::prepare(*row, &mut prepared)?;
                }
                Write::Grant(row) => grant::prepare(*row, &mut prepared)?,
                Write::Holding(row) => holding::prepare(*row, &mut prepared)?,
                Write::Person(row) => person::prepare(*row, &mut prepared)?,
            }
        }
        let told = announcement::prepare(change.announcements, &change.events, entropy)?;
        prepared.announcements = told.rows;
        for one in change.events {
            event::prepare(one, entropy, &mut prepared)?;
        }
        prepared.effects = (change.effects.into_iter())
            .chain(told.effects)
            .map(|one| effect::prepare(one, entropy))
            .collect();
        prepared.ended = finish.map(effect::ended);
        prepared.delivery = change.delivery.map(|key| Delivery {
            key: super::sql::storable(&key),
            request: made,
        });
        prepared.require_each_row_once()?;
        Ok(prepared)
    }

    /// What may stand only once in what is written together.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        [&self.requests, &self.grants, &self.holdings, &self.people]
            .into_iter()
            .flat_map(|rows| rows.inserts.iter().chain(&rows.updates))
            .map(|row| row.key.as_str())
            .chain(self.delivery.iter().map(|delivery| delivery.key.as_str()))
            .chain(self.ended.iter().map(|ended| ended.effect.as_str()))
    }

    /// A change that writes a row twice has lost one of the two; that is a mistake of whoever made it.
    fn require_each_row_once(&self) -> Result<(), StoreError> {
        let mut seen = std::collections::HashSet::new();
        self.keys()
            .find(|key| !seen.insert(*key))
            .map_or(Ok(()), |twice| {
                Err(StoreError::Refused(format!(
                    "A change writes the row {twice} twice."
                )))
            })
    }
}

/// The body of a row as JSON.
pub(super) fn body(
    table: &'static str,
    id: &str,
    row: &impl serde::Serialize,
) -> Result<String, StoreError> {
    serde_json::to_string(row).map_err(|error| StoreError::corrupt(table, id, error))
}
