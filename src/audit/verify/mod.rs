//! Verifies a record, on the database or on an export, with nothing trusted but a public key and, where there is one, an
//! anchor. What is wrong is named by its first place. Bodies are digested by many at once; the chain is followed by one.

mod chain;
mod database;
mod erased;
mod export;
mod marks;
mod outside;
mod record;

use std::collections::BTreeSet;
use std::fmt;

use hallpass_domain::Time;

use super::checkpoint::Checkpoint;

pub use database::verify_database;
pub use erased::{Erased, Erasures, Standing};
pub use export::verify_export;

/// What a record is held to.
#[derive(Debug, Clone, Default)]
pub struct Against {
    /// Public keys, hex; where there are none, whatever key signed is taken and told.
    pub keys: BTreeSet<String>,
    /// What was anchored outside.
    pub anchored: Vec<Checkpoint>,
}

/// The first thing that is wrong: a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// With its event where that can be said.
    #[error("record {sequence}{}: {why}", named(event.as_ref()))]
    Record {
        sequence: u64,
        event: Option<String>,
        why: String,
    },
    /// It can't be read at all, or not on.
    #[error("{0}")]
    Unreadable(String),
}

/// How often a record is gone through, where fields are being erased meanwhile.
const LOOKS: usize = 4;

fn never_at_rest() -> Wrong {
    Wrong::Unreadable("Personal fields were erased all the while this looked. Try again.".into())
}

fn named(event: Option<&String>) -> String {
    event.map_or_else(String::new, |event| format!(" (event {event})"))
}

/// What was found, where nothing is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// The first and the last record; none where there is none.
    pub span: Option<(u64, u64)>,
    /// The newest signature that holds over the record.
    pub signed: Option<Signed>,
    /// The newest anchored checkpoint that the record goes with.
    pub anchored: Option<Signed>,
    /// Public keys that signed, hex, and whether they were pinned.
    pub keys: BTreeSet<String>,
    pub pinned: bool,
    /// Personal fields that the record committed to.
    pub fields: u64,
    /// How many of them were erased, in how many records. Each was taken by one of the erasures.
    pub erased: u64,
    pub erased_in: u64,
    /// On record in what was looked at, whichever records they were about.
    pub erasures: Erasures,
    /// Events that stand in the database and not in the chain yet.
    pub unsealed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    pub sequence: u64,
    pub at: Time,
}

impl Verified {
    pub fn records(&self) -> u64 {
        self.span.map_or(0, |(first, last)| last - first + 1)
    }
}

/// For people, sentences in one paragraph, and a line for each erasure.
impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, last)) = self.span else {
            write!(f, "There is no record yet.")?;
            return self.rest(f, 0);
        };
        let from = if first == 1 {
            "from the first on".to_owned()
        } else {
            format!("from record {first} on; what is before wasn't looked at")
        };
        write!(f, "{} whole, {from}", counted(self.records(), "record"))?;
        match &self.anchored {
            Some(anchor) => write!(f, "; anchored until {}", shown(anchor))?,
            None => write!(f, "; held against no anchor")?,
        }
        match &self.signed {
            Some(signed) if self.anchored.is_none() => {
                write!(f, ", signed until {}", shown(signed))?;
            }
            Some(_) => {}
            None => write!(f, ", signed nowhere")?,
        }
        write!(f, ".")?;
        self.rest(f, last)
    }
}

impl Verified {
    fn rest(&self, f: &mut fmt::Formatter<'_>, last: u64) -> fmt::Result {
        let proven = self.anchored.or(self.signed);
        let tail = proven.map_or(0, |proven| last.saturating_sub(proven.sequence));
        if tail > 0 || self.unsealed > 0 {
            let tail = counted(tail, "record");
            let not_sealed = counted(self.unsealed, "event");
            write!(
                f,
                " {tail} after that and {not_sealed} not sealed yet; while Hallpass serves these are at most 10 s old."
            )?;
        }
        if self.erased > 0 {
            let (erased, records) = (counted(self.erased, "personal field"), self.erased_in);
            let records = counted(records, "record");
            write!(f, " {erased} of {} in {records} erased.", self.fields)?;
        } else if self.fields > 0 {
            write!(f, " No personal field was erased.")?;
        }
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        if !self.pinned && !keys.is_empty() {
            let keys = keys.join(" and ");
            write!(
                f,
                " Signed by {keys}; whether that is yours this can't know: compare it with what the log said at the start, and pin it with --key {keys}."
            )?;
        }
        write!(f, "{}", self.erasures)
    }
}

fn shown(signed: &Signed) -> String {
    let at = signed.at.format("%Y-%m-%d %H:%M:%S UTC");
    format!("record {} at {at}", signed.sequence)
}

fn counted(count: u64, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}
