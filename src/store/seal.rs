//! The proof beside the record: seals (a gapless sequence and a hash for each event) and signed checkpoints, append-only.
//! What a hash covers and whether it is right is the audit room's; here they are only kept. The primary key and the
//! guard on the head let no two sealers fork the chain.

use hallpass_domain::Time;
use hallpass_domain::planted::{Fault, planted};

use super::sql::{Sql, array};
use super::writer::{Job, Outcome};
use super::{Database, Store, StoreError, event, replicas, text};

/// A sealed event with its stored bytes, and what is left of its personal fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRecord {
    /// From 1, without gaps.
    pub sequence: u64,
    pub event: String,
    /// Hex.
    pub hash: String,
    /// As stored, byte for byte.
    pub body: String,
    /// Whether the columns beside it say what it says.
    pub columns_agree: bool,
    pub personal: Vec<PersonalRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalRow {
    /// Its place among the event's commitments.
    pub position: i64,
    pub field: String,
    /// Hex.
    pub salt: String,
    pub value: String,
}

/// A signed statement that the chain had this hash at this sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    pub sequence: u64,
    /// Hex, like key and signature.
    pub hash: String,
    pub at: Time,
    pub key: String,
    pub signature: String,
}

/// An event without a seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed {
    pub position: i64,
    pub id: String,
    pub body: String,
}

/// A seal to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    pub sequence: u64,
    pub event: String,
    /// Hex.
    pub hash: String,
}

/// What became of seals that were to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedOrNot {
    Sealed,
    /// The chain's head is another one by now, or another replica is sealing: nothing was written.
    Overtaken,
}

/// Positions of events: above `after`, up to and with `up_to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub after: i64,
    pub up_to: i64,
}

/// What is final among the positions. On `PostgreSQL` a transaction takes its positions before its commit shows them:
/// one that was open when `highest` was seen has a number below `next`, and is over once `oldest` has reached that.
/// On `SQLite` commits come in the order of their positions, and all three numbers but `highest` are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// The highest position that is visible; 0 where there is none.
    pub highest: i64,
    /// No transaction with a lower number is open any more.
    pub oldest: i64,
    /// The number that no transaction had yet.
    pub next: i64,
}

row! { Head { sequence: i64, hash: String } }
row! { At { hash: String } }
row! { Number { number: i64 } }
row! { HorizonRow { highest: i64, oldest: i64, next: i64 } }
row! { UnsealedRow { position: i64, id: String, body: String } }
row! { CheckpointRow { sequence: i64, hash: String, at: i64, key: String, signature: String } }
row! {
    SealedRow {
        sequence: i64,
        event: String,
        hash: String,
        body: Option<String>,
        at: Option<i64>,
        kind: Option<String>,
        request: Option<String>,
        grant_id: Option<String>,
        holding: Option<String>,
        place: Option<i64>,
        field: Option<String>,
        salt: Option<String>,
        value: Option<String>,
    }
}

/// Only onto the head that the hashes were made for. Written out, because to `PostgreSQL` the head comes after a parameter
/// for each column, to `SQLite` after one.
pub(super) const INSERT: Sql = Sql {
    table: "seal",
    sqlite: concat!(
        "insert into seal (sequence, event, hash) select r.sequence, r.event, r.hash from ",
        sqlite_text!([json sequence bigint, event text, hash text]),
        " where $2 = coalesce((select max(sequence) from seal), 0) \
          and $3 = coalesce((select hash from seal order by sequence desc limit 1), '')"
    ),
    postgres: "insert into seal (sequence, event, hash) select r.sequence, r.event, r.hash from \
        unnest($1::bigint[], $2::text[], $3::text[]) as r(sequence, event, hash) \
        where $4 = coalesce((select max(sequence) from seal), 0) \
        and $5 = coalesce((select hash from seal order by sequence desc limit 1), '')",
    columns: &[("sequence", "bigint"), ("event", "text"), ("hash", "text")],
};

/// Planted: onto whatever the head is by now.
const FORK: Sql = sql!("seal":
    "insert into seal (sequence, event, hash)      select r.sequence - $2 + coalesce((select max(sequence) from seal), 0), r.event, r.hash from "
    [json sequence bigint, event text, hash text] " where $3 is not null");

const CHECKPOINT: Sql = sql!("checkpoint":
    "insert into checkpoint (sequence, hash, at, key, signature) values ($1, $2, $3, $4, $5) \
     on conflict (sequence) do nothing");

const HORIZON: Sql = Sql {
    table: "event",
    sqlite: "select coalesce(max(position), 0) as highest, 0 as oldest, 0 as next from event",
    postgres: "select coalesce(max(position), 0) as highest, \
        pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest, \
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next from event",
    columns: &[],
};

/// Of the positions in the list `$1`.
const UNSEALED_AT: Sql = Sql {
    table: "event",
    sqlite: "select e.position, e.id, e.body from event as e \
        where e.position in (select cast(value as integer) from json_each($1)) \
        and not exists (select 1 from seal as s where s.event = e.id) order by e.position",
    postgres: "select e.position, e.id, e.body from event as e \
        where e.position = any(array(select cast(value as bigint) from json_array_elements_text($1::json))) \
        and not exists (select 1 from seal as s where s.event = e.id) order by e.position",
    columns: &[],
};

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(table: &'static str, number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|why| StoreError::corrupt(table, &number.to_string(), why))
}

impl TryFrom<CheckpointRow> for StoredCheckpoint {
    type Error = StoreError;

    fn try_from(row: CheckpointRow) -> Result<Self, StoreError> {
        let broken = |why| StoreError::corrupt("checkpoint", &row.sequence.to_string(), why);
        Ok(Self {
            sequence: unsigned("checkpoint", row.sequence)?,
            at: text::time(row.at).ok_or_else(|| broken("its time is out of range"))?,
            hash: row.hash,
            key: row.key,
            signature: row.signature,
        })
    }
}

impl From<UnsealedRow> for Unsealed {
    fn from(UnsealedRow { position, id, body }: UnsealedRow) -> Self {
        Self { position, id, body }
    }
}

/// Rows of one record stand together. Ends before a record whose event is gone.
///
/// # Errors
/// `Corrupt` where the first one's event is gone.
fn assemble(rows: Vec<SealedRow>) -> Result<Vec<SealedRecord>, StoreError> {
    let mut records: Vec<SealedRecord> = Vec::new();
    for row in rows {
        let sequence = unsigned("seal", row.sequence)?;
        if records.last().is_none_or(|last| last.sequence != sequence) {
            let Some(body) = row.body else {
                let why = format!("it was sealed as record {sequence} and is gone");
                let gone = StoreError::corrupt("event", &row.event, why);
                return if records.is_empty() {
                    Err(gone)
                } else {
                    Ok(records)
                };
            };
            records.push(SealedRecord {
                sequence,
                columns_agree: event::agrees(
                    &body,
                    &event::Columns {
                        id: &row.event,
                        at: row.at,
                        kind: row.kind.as_deref(),
                        request: row.request.as_deref(),
                        grant: row.grant_id.as_deref(),
                        holding: row.holding.as_deref(),
                    },
                ),
                event: row.event,
                hash: row.hash,
                body,
                personal: Vec::new(),
            });
        }
        if let (Some(last), Some(position), Some(field), Some(salt), Some(value)) = (
            records.last_mut(),
            row.place,
            row.field,
            row.salt,
            row.value,
        ) {
            last.personal.push(PersonalRow {
                position,
                field,
                salt,
                value,
            });
        }
    }
    Ok(records)
}

impl Store {
    /// At most `limit` records above a sequence, in their order; fewer where the event of one is gone.
    ///
    /// # Errors
    /// `Corrupt` where the event of the first one is gone, which nothing of ours does.
    pub async fn sealed(&self, after: u64, limit: u32) -> Result<Vec<SealedRecord>, StoreError> {
        let sql = sql!("seal":
            "select s.sequence, s.event, s.hash, e.body, e.at, e.kind, e.request, e.grant_id, e.holding, p.position as place, p.field, p.salt, p.value from \
             (select * from seal where sequence > $1 order by sequence limit $2) as s \
             left join event as e on e.id = s.event \
             left join event_personal as p on p.event = s.event order by s.sequence, p.position");
        let args = [signed(after).into(), i64::from(limit).into()];
        assemble(self.fetch(&sql, &args).await?)
    }

    /// The newest sequence and its hash.
    pub async fn head(&self) -> Result<Option<(u64, String)>, StoreError> {
        let sql = sql!("seal": "select sequence, hash from seal order by sequence desc limit 1");
        let row = self.fetch::<Head>(&sql, &[]).await?.pop();
        row.map(|row| Ok((unsigned("seal", row.sequence)?, row.hash)))
            .transpose()
    }

    /// The hash that stands at a sequence.
    pub async fn hash_at(&self, sequence: u64) -> Result<Option<String>, StoreError> {
        let sql = sql!("seal": "select hash from seal where sequence = $1");
        let row = self
            .fetch::<At>(&sql, &[signed(sequence).into()])
            .await?
            .pop();
        Ok(row.map(|row| row.hash))
    }

    /// At most `limit` checkpoints above a sequence, in their order.
    pub async fn checkpoints(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StoredCheckpoint>, StoreError> {
        let sql = sql!("checkpoint":
            "select sequence, hash, at, key, signature from checkpoint where sequence > $1 \
             order by sequence limit $2");
        let args = [signed(after).into(), i64::from(limit).into()];
        let rows = self.fetch::<CheckpointRow>(&sql, &args).await?;
        rows.into_iter().map(StoredCheckpoint::try_from).collect()
    }

    pub async fn newest_checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        let sql = sql!("checkpoint":
            "select sequence, hash, at, key, signature from checkpoint order by sequence desc limit 1");
        let row = self.fetch::<CheckpointRow>(&sql, &[]).await?.pop();
        row.map(StoredCheckpoint::try_from).transpose()
    }

    /// One that stands at its sequence already stays as it is: another replica made it.
    pub async fn put_checkpoint(&self, checkpoint: &StoredCheckpoint) -> Result<(), StoreError> {
        let args = vec![
            signed(checkpoint.sequence).into(),
            checkpoint.hash.as_str().into(),
            text::micros(checkpoint.at).into(),
            checkpoint.key.as_str().into(),
            checkpoint.signature.as_str().into(),
        ];
        self.run(Job::Run(&CHECKPOINT, args)).await.map(drop)
    }

    /// At most `limit` events of a span that have no seal, by position.
    pub async fn unsealed(&self, span: Span, limit: u32) -> Result<Vec<Unsealed>, StoreError> {
        let sql = sql!("event":
            "select e.position, e.id, e.body from event as e where e.position > $1 and e.position <= $2 \
             and not exists (select 1 from seal as s where s.event = e.id) order by e.position limit $3");
        let args = [
            span.after.into(),
            span.up_to.into(),
            i64::from(limit).into(),
        ];
        let rows = self.fetch::<UnsealedRow>(&sql, &args).await?;
        Ok(rows.into_iter().map(Unsealed::from).collect())
    }

    /// The events at these positions that have no seal, by position.
    pub async fn unsealed_at(&self, positions: &[i64]) -> Result<Vec<Unsealed>, StoreError> {
        let positions = serde_json::Value::from(positions).to_string();
        let rows = self
            .fetch::<UnsealedRow>(&UNSEALED_AT, &[positions.into()])
            .await?;
        Ok(rows.into_iter().map(Unsealed::from).collect())
    }

    /// How many events of a span have no seal.
    pub async fn count_unsealed(&self, span: Span) -> Result<u64, StoreError> {
        let sql = sql!("event":
            "select count(*) as number from event as e where e.position > $1 and e.position <= $2 \
             and not exists (select 1 from seal as s where s.event = e.id)");
        let args = [span.after.into(), span.up_to.into()];
        let row = self.fetch::<Number>(&sql, &args).await?.pop();
        unsigned("event", row.map_or(0, |row| row.number))
    }

    /// About where the sealed events end: the highest position among those sealed last; 0 where none is.
    pub async fn sealed_up_to(&self) -> Result<i64, StoreError> {
        let sql = sql!("event":
            "select coalesce(max(position), 0) as number from event where id in \
             (select event from seal order by sequence desc limit 100)");
        let row = self.fetch::<Number>(&sql, &[]).await?.pop();
        Ok(row.map_or(0, |row| row.number))
    }

    pub async fn horizon(&self) -> Result<Horizon, StoreError> {
        let row = self.fetch::<HorizonRow>(&HORIZON, &[]).await?.pop();
        let row = row.ok_or_else(StoreError::closed)?;
        Ok(Horizon {
            highest: row.highest,
            oldest: row.oldest,
            next: row.next,
        })
    }

    /// Writes seals that follow each other onto `head` (none: the chain's beginning), all or none.
    pub async fn seal(
        &self,
        head: Option<&(u64, String)>,
        seals: &[Seal],
    ) -> Result<SealedOrNot, StoreError> {
        let rows: Vec<String> = seals.iter().map(row).collect();
        let rows = array(rows.iter().map(String::as_str));
        let (sequence, hash) = head.map_or((0, ""), |(sequence, hash)| (*sequence, hash.as_str()));
        let args = vec![rows.into(), signed(sequence).into(), hash.into()];
        let insert = if planted(Fault::ChainForks) {
            &FORK
        } else {
            &INSERT
        };
        let written = match &self.0.database {
            Database::Sqlite(_) => match self.run(Job::Run(insert, args)).await? {
                Outcome::Ran(rows) => rows,
                Outcome::Applied(_) | Outcome::Claimed(_) | Outcome::Finished => {
                    unreachable!("a statement is answered as a statement")
                }
            },
            Database::Postgres(server) => replicas::seal(&server.pool, insert, &args).await?,
        };
        Ok(if usize::try_from(written) == Ok(seals.len()) {
            SealedOrNot::Sealed
        } else {
            SealedOrNot::Overtaken
        })
    }
}

fn row(seal: &Seal) -> String {
    object! { sequence: seal.sequence, event: seal.event, hash: seal.hash }
}
