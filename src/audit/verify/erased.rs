//! Personal fields that are missing, held to the erasures on record: what none of them names was deleted by hand. And the
//! list of the erasures, for people. Small whatever was erased: only events that weren't sealed yet when their fields were
//! taken are kept by name.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use hallpass_domain::erasure::Run;
use hallpass_domain::{Actor, Time};

use super::marks::Marks;
use crate::audit::erasure::Erasure;

/// Erasures that are listed; one that took many events counts once.
const LISTED: usize = 20;
/// Stretches of records, or events, that are named of each.
const NAMED: usize = 5;
/// Letters of a name that are shown.
const LETTERS: usize = 80;

/// Whether an erasure's own event is in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Sealed,
    /// Not yet: it is as young as what isn't anchored, or nobody serves.
    NotSealed,
}

/// One order to erase, or retention, however many events tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    pub first: Time,
    pub last: Time,
    pub by: Actor,
    /// The person's id; none where age was the reason.
    pub person: Option<String>,
    /// What was older than this, where age was the reason.
    pub before: Option<String>,
    pub fields: u64,
    pub events: u64,
    /// Which events, the first few.
    pub named: Vec<String>,
    /// How many events those are.
    covered: u64,
    pub standing: Standing,
}

/// The erasures on record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erasures {
    /// The first ones.
    pub listed: Vec<Erased>,
    pub more: u64,
    pub more_fields: u64,
    /// Those that aren't listed are one where this says the same.
    last: Option<Order>,
}

/// What makes erasures one.
type Order = (Actor, Option<String>, bool, Standing);

/// Events by their ids; without places all of their fields.
type Names = HashMap<String, Option<BTreeSet<u32>>>;

/// What was learned by going through the record once.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    named: Names,
    /// Missing fields that no record's number explains: where no name does either, they were deleted.
    open: Marks,
}

/// Goes along with the chain.
#[derive(Debug, Default)]
pub(super) struct Account {
    known: Known,
    named: Names,
    open: Marks,
    erasures: Erasures,
}

impl Account {
    pub(super) fn new(known: Known) -> Self {
        Self {
            named: known.named.clone(),
            known,
            ..Self::default()
        }
    }

    /// A record lacks the fields at these places.
    ///
    /// # Errors
    /// With the first place that nothing explains, where all is known.
    pub(super) fn missing(
        &mut self,
        sequence: u64,
        places: &[u32],
        event: impl Fn() -> Option<String>,
    ) -> Result<(), u32> {
        let event = (!self.named.is_empty()).then(event).flatten();
        let named = event.and_then(|event| self.named.get(&event));
        for place in places {
            let covered =
                named.is_some_and(|of| of.as_ref().is_none_or(|places| places.contains(place)));
            if covered {
                continue;
            }
            if self.known.open.has(sequence, *place) {
                return Err(*place);
            }
            self.open.set(sequence, *place);
        }
        Ok(())
    }

    pub(super) fn erasure(&mut self, erasure: Erasure, standing: Standing) {
        for Run(first, last, places) in &erasure.runs {
            for place in places {
                self.open.clear((*first, *last), *place);
            }
        }
        for (event, places) in &erasure.named {
            let known = self
                .named
                .entry(event.clone())
                .or_insert_with(|| Some(BTreeSet::new()));
            match (known, places) {
                (Some(known), Some(places)) => known.extend(places),
                (known, None) => *known = None,
                (None, Some(_)) => {}
            }
        }
        self.erasures.add(erasure, standing);
    }

    /// Whether fields are missing that nothing explained so far, now or when it was gone through before.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty() || !self.known.open.is_empty()
    }

    /// # Errors
    /// Where something is left to explain: what must be known to do so by going through once more.
    pub(super) fn end(self) -> Result<Erasures, Known> {
        if self.open.is_empty() {
            return Ok(self.erasures);
        }
        Err(Known {
            named: self.named,
            open: self.open,
        })
    }
}

fn order(erasure: &Erasure, standing: Standing) -> Order {
    let aged = erasure.before.is_some();
    (erasure.by.clone(), erasure.person.clone(), aged, standing)
}

fn shown_run(Run(first, last, _): &Run) -> String {
    if first == last {
        format!("record {first}")
    } else {
        format!("records {first} to {last}")
    }
}

impl Erasures {
    fn add(&mut self, erasure: Erasure, standing: Standing) {
        let order = order(&erasure, standing);
        let same = self.last.as_ref() == Some(&order);
        self.last = Some(order);
        if self.more > 0 || (!same && self.listed.len() == LISTED) {
            self.more += u64::from(!same);
            self.more_fields += erasure.fields;
            return;
        }
        if !same {
            self.listed.push(Erased {
                first: erasure.at,
                last: erasure.at,
                by: erasure.by.clone(),
                person: erasure.person.clone(),
                before: None,
                fields: 0,
                events: 0,
                named: Vec::new(),
                covered: 0,
                standing,
            });
        }
        if let Some(entry) = self.listed.last_mut() {
            entry.add(erasure);
        }
    }
}

impl Erased {
    fn add(&mut self, erasure: Erasure) {
        self.last = self.last.max(erasure.at);
        self.fields += erasure.fields;
        self.events += erasure.events;
        self.before = erasure.before.or(self.before.take());
        let runs = erasure.runs.iter();
        let runs = runs.map(|run| {
            (
                shown_run(run),
                run.1.saturating_sub(run.0).saturating_add(1),
            )
        });
        let events = erasure.named.iter();
        let events = events.map(|(event, _)| (format!("event {}", harmless(event)), 1));
        for (name, count) in runs.chain(events) {
            if self.named.len() == NAMED {
                break;
            }
            self.named.push(name);
            self.covered += count;
        }
    }
}

/// Of what may hold anything.
fn harmless(text: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_graphic() || letter == ' ' {
            letter
        } else {
            '?'
        }
    };
    text.chars().take(LETTERS).map(plain).collect()
}

/// A line.
impl fmt::Display for Erased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first.format("%Y-%m-%d %H:%M:%S"))?;
        if self.last != self.first {
            write!(f, " to {}", self.last.format("%Y-%m-%d %H:%M:%S"))?;
        }
        let (fields, events) = (
            super::counted(self.fields, "field"),
            super::counted(self.events, "event"),
        );
        write!(f, " UTC: {fields} of {events} ({}", self.named.join(", "))?;
        let more = self.events.saturating_sub(self.covered);
        if more > 0 {
            write!(f, " and {}", super::counted(more, "more event"))?;
        }
        write!(f, ")")?;
        if let Some(person) = &self.person {
            write!(f, ", for the person {}", harmless(person))?;
        }
        if let Some(before) = &self.before {
            write!(f, ", older than {}", harmless(before))?;
        }
        match &self.by {
            Actor::Operator(who) => write!(f, ", by {}", harmless(who))?,
            Actor::Person(who) => write!(f, ", by the person {}", harmless(who.as_str()))?,
            Actor::Hallpass if self.before.is_some() => write!(f, ", by [retention]")?,
            Actor::Hallpass => write!(f, ", by Hallpass")?,
        }
        match self.standing {
            Standing::Sealed => Ok(()),
            Standing::NotSealed => write!(f, "; not proven yet: the erasure itself isn't signed"),
        }
    }
}

/// Nothing, or a line for each.
impl fmt::Display for Erasures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.listed.is_empty() {
            return Ok(());
        }
        write!(f, "\nErased on record:")?;
        for erased in &self.listed {
            write!(f, "\n  {erased}")?;
        }
        if self.more > 0 {
            let (more, fields) = (
                super::counted(self.more, "more erasure"),
                super::counted(self.more_fields, "field"),
            );
            write!(f, "\n  and {more}, of {fields}")?;
        }
        Ok(())
    }
}
