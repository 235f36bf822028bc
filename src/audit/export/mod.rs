//! The record for outside: JSON Lines that can be verified offline, CSV for people, OCSF for a SIEM. Read page by page
//! beside a running `serve`, so that its length costs no memory. Only what is sealed leaves; nothing is changed here.

mod csv;
mod ocsf;
mod outside;
mod read;

use std::io::{self, Write};

use chrono::{DateTime, Days, NaiveDate, NaiveTime};
use hallpass_domain::Time;

use super::chain::GENESIS;
use super::checkpoint::Checkpoint;
use crate::store::{SealedRecord, Store, StoreError};

/// Records that are read at once.
const PAGE: u32 = 500;

/// The OCSF version that the `ocsf` format speaks.
pub const OCSF: &str = ocsf::VERSION;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// What `audit verify FILE` reads: bodies as stored, hashes, salts, checkpoints.
    Jsonl,
    Csv,
    Ocsf,
}

/// Where a stretch of the record begins or ends, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    Sequence(u64),
    /// From a moment on; up to, and without it.
    Moment(Time),
    /// All of that day, in UTC.
    Day(NaiveDate),
}

impl Bound {
    /// `17`, `2026-11-21` or `2026-11-21T03:12:00Z`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(sequence) = text.parse() {
            return Some(Self::Sequence(sequence));
        }
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Some(Self::Day(day));
        }
        let moment = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self::Moment(moment.to_utc()))
    }
}

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    pub records: u64,
    /// Of the first and the last record; both 0 where there is none.
    pub first: u64,
    pub last: u64,
    /// Events that have no seal yet; they are left out.
    pub unsealed: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the export can't be written: {0}")]
    Write(#[from] io::Error),
    #[error(
        "record {sequence} can't be read ({why}); `hallpass audit verify` says where the record was changed"
    )]
    Unreadable { sequence: u64, why: String },
}

/// A stretch without gaps: where dates bound it, from the first record of its time to the last.
struct Stretch {
    first: u64,
    last: u64,
}

/// Writes a stretch of the sealed record; without bounds all of it.
pub async fn export(
    store: &Store,
    format: Format,
    (from, to): (Option<Bound>, Option<Bound>),
    out: &mut dyn Write,
) -> Result<Exported, ExportError> {
    let unsealed = store.waiting_for_seal().await?;
    let stretch = stretch(store, from, to).await?;
    let mut writer: Box<dyn Lines + '_> = match format {
        Format::Jsonl => Box::new(Jsonl::begin(store, stretch.as_ref(), &mut *out).await?),
        Format::Csv => Box::new(csv::Csv::begin(&mut *out)?),
        Format::Ocsf => Box::new(ocsf::Ocsf { out: &mut *out }),
    };
    let mut exported = Exported {
        records: 0,
        first: 0,
        last: 0,
        unsealed,
    };
    if let Some(Stretch { first, last }) = stretch {
        exported.first = first;
        let mut after = first - 1;
        while after < last {
            let left = u32::try_from(last - after).unwrap_or(PAGE).min(PAGE);
            let page = store.sealed(after, left).await?;
            let Some(newest) = page.last() else { break };
            let up_to = newest.sequence;
            writer.page(store, &page, (after, up_to)).await?;
            exported.records += page.len() as u64;
            exported.last = up_to;
            after = up_to;
        }
    }
    writer.end()?;
    drop(writer);
    if format == Format::Jsonl && exported.records > 0 {
        // After the fields were read, so that no erasure of one is missed.
        outside::write(store, (exported.first, exported.last), out).await?;
        out.flush()?;
    }
    Ok(exported)
}

/// None where no record is in it.
async fn stretch(
    store: &Store,
    from: Option<Bound>,
    to: Option<Bound>,
) -> Result<Option<Stretch>, StoreError> {
    let Some((head, _)) = store.head().await? else {
        return Ok(None);
    };
    let first = match from {
        None => Some(1),
        Some(Bound::Sequence(sequence)) => Some(sequence.max(1)),
        Some(Bound::Moment(at)) => store.first_since(at).await?,
        Some(Bound::Day(day)) => store.first_since(midnight(day)).await?,
    };
    let last = match to {
        None => Some(head),
        Some(Bound::Sequence(sequence)) => Some(sequence.min(head)),
        Some(Bound::Moment(at)) => store.last_before(at).await?,
        Some(Bound::Day(day)) => {
            let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
            store.last_before(midnight(next)).await?
        }
    };
    let stretch = first.zip(last).filter(|(first, last)| first <= last);
    Ok(stretch.map(|(first, last)| Stretch { first, last }))
}

fn midnight(day: NaiveDate) -> Time {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// One format.
#[async_trait::async_trait(?Send)]
trait Lines {
    /// The records above `after`, up to and with `up_to`.
    async fn page(
        &mut self,
        store: &Store,
        records: &[SealedRecord],
        span: (u64, u64),
    ) -> Result<(), ExportError>;

    fn end(&mut self) -> io::Result<()>;
}

struct Jsonl<'w> {
    out: &'w mut dyn Write,
}

impl<'w> Jsonl<'w> {
    async fn begin(
        store: &Store,
        stretch: Option<&Stretch>,
        out: &'w mut dyn Write,
    ) -> Result<Self, ExportError> {
        let (first, last) = stretch.map_or((1, 0), |one| (one.first, one.last));
        let previous = match first {
            1 => Some(hex::encode(GENESIS)),
            _ => store.hash_at(first - 1).await?,
        };
        let previous = previous.ok_or_else(|| ExportError::Unreadable {
            sequence: first - 1,
            why: "its seal is gone".into(),
        })?;
        writeln!(
            out,
            r#"{{"hallpass_export":1,"first":{first},"last":{last},"previous":"{previous}"}}"#
        )?;
        Ok(Self { out })
    }
}

#[async_trait::async_trait(?Send)]
impl Lines for Jsonl<'_> {
    async fn page(
        &mut self,
        store: &Store,
        records: &[SealedRecord],
        (after, up_to): (u64, u64),
    ) -> Result<(), ExportError> {
        // There is at most one of each sequence.
        let limit = u32::try_from(up_to - after).unwrap_or(PAGE);
        let checkpoints = store.checkpoints(after, limit).await?;
        let mut checkpoints = checkpoints.into_iter().map(Checkpoint::from).peekable();
        for record in records {
            write_record(self.out, record)?;
            while let Some(checkpoint) = checkpoints.next_if(|one| one.sequence <= record.sequence)
            {
                writeln!(self.out, "{}", checkpoint.line())?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The body stands verbatim: its bytes are what the hash covers.
fn write_record(out: &mut dyn Write, record: &SealedRecord) -> io::Result<()> {
    let SealedRecord {
        sequence,
        hash,
        body,
        ..
    } = record;
    write!(
        out,
        r#"{{"sequence":{sequence},"hash":"{hash}","body":{body},"personal":["#
    )?;
    for (index, field) in record.personal.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let value = serde_json::Value::from(field.value.as_str());
        let salt = serde_json::Value::from(field.salt.as_str());
        let position = field.position;
        write!(
            out,
            r#"{comma}{{"position":{position},"salt":{salt},"value":{value}}}"#
        )?;
    }
    out.write_all(b"]}\n")
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::Bound;

    #[test]
    fn bounds_are_sequences_days_or_moments() {
        assert_eq!(Bound::parse("17"), Some(Bound::Sequence(17)));
        let day = NaiveDate::from_ymd_opt(2026, 11, 21).expect("a day");
        assert_eq!(Bound::parse("2026-11-21"), Some(Bound::Day(day)));
        assert!(matches!(
            Bound::parse("2026-11-21T03:12:00+01:00"),
            Some(Bound::Moment(_))
        ));
        for text in ["", "-1", "yesterday", "2026-11-31", "2026-11-21 03:12"] {
            assert_eq!(Bound::parse(text), None, "{text}");
        }
    }
}
