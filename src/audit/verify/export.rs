//! On an export: read once from front to end in large pieces, whole lines each. Workers parse and digest; the chain is
//! followed in the lines' order. Memory stays bounded whatever the file's size.

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZero;
use std::ops::Range;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::chain::{Chain, Claimed, Ended};
use super::erased::Known;
use super::outside;
use super::record::{self, Alone, Field};
use super::{Against, LOOKS, Verified, Wrong};
use crate::audit::chain::{GENESIS, parse_hash};
use crate::audit::checkpoint::{Checkpoint, CheckpointLine};

/// Bytes in a piece.
const PIECE: usize = 1 << 20;
/// A line that is longer is no record of ours.
const LONGEST_LINE: usize = 64 << 20;
/// The last sequence that any database holds.
const FARTHEST: u64 = i64::MAX as u64;

#[derive(Deserialize)]
struct Header {
    hallpass_export: u32,
    first: u64,
    last: u64,
    previous: String,
}

#[derive(Deserialize)]
struct Record<'a> {
    sequence: u64,
    #[serde(borrow)]
    hash: &'a str,
    #[serde(borrow)]
    body: &'a RawValue,
    #[serde(borrow, default)]
    personal: Vec<Field<'a>>,
}

/// A line that was looked at.
enum Line {
    Record {
        sequence: u64,
        /// Of its hex digits in the piece; none where they aren't plain.
        hash: Range<usize>,
        body: Range<usize>,
        alone: Alone,
    },
    Checkpoint(Checkpoint),
    Outside(outside::Line),
    /// Why it is neither.
    Broken(String),
}

/// Lines with the piece of the file that they are in.
struct Looked {
    piece: Vec<u8>,
    lines: Vec<Line>,
}

/// Blocks; for a thread of its own.
///
/// # Errors
/// Outside where the file can't be read; inside what is wrong with the record.
pub fn verify_export(path: &Path, against: &Against) -> io::Result<Result<Verified, Wrong>> {
    let mut known = Known::default();
    for _ in 0..LOOKS {
        match go_through(path, against.clone(), known)? {
            Ok(Ended::Whole(verified)) => return Ok(Ok(*verified)),
            Ok(Ended::Again(learned)) => known = learned,
            Err(wrong) => return Ok(Err(wrong)),
        }
    }
    Ok(Err(super::never_at_rest()))
}

fn go_through(path: &Path, against: Against, known: Known) -> io::Result<Result<Ended, Wrong>> {
    let mut pieces = Pieces {
        file: File::open(path)?,
        rest: Vec::new(),
        over: false,
    };
    let Some(first) = pieces.next()? else {
        return Ok(Err(Wrong::Unreadable("The file is empty.".into())));
    };
    let (header, begun) = match header(&first) {
        Ok(found) => found,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let previous = match (header.first, parse_hash(&header.previous)) {
        (1, Some(GENESIS)) if header.last <= FARTHEST => GENESIS,
        (2..=FARTHEST, Some(previous)) if header.last <= FARTHEST => previous,
        _ => {
            let why = "The file's first line doesn't say what the record begins with.";
            return Ok(Err(Wrong::Unreadable(why.into())));
        }
    };
    let chain = match Chain::new(header.first, previous, against, known) {
        Ok(chain) => chain,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let (read, done): (Vec<_>, Vec<_>) = (0..workers)
            .map(|_| {
                let (to, from) = sync_channel::<Vec<u8>>(1);
                let (out, looked) = sync_channel::<Looked>(1);
                scope.spawn(move || work(&from, &out));
                (to, looked)
            })
            .unzip();
        let reader = scope.spawn(move || deal(pieces, first, begun, &read));
        let followed = follow(chain, &header, &done);
        // Whoever still reads or looks finds nobody who takes it, and ends.
        drop(done);
        let read = reader.join();
        match (followed, read) {
            (Err(wrong), _) => Ok(Err(wrong)),
            (Ok(_), Ok(Err(error))) => Err(error),
            (Ok(_), Err(_)) => Err(io::Error::other("the reader was lost")),
            (Ok(found), Ok(Ok(()))) => Ok(Ok(found)),
        }
    })
}

/// The first line, and where the second begins.
fn header(piece: &[u8]) -> Result<(Header, usize), Wrong> {
    let end = piece.iter().position(|byte| *byte == b'\n');
    let end = end.unwrap_or(piece.len());
    let header: Header = serde_json::from_slice(&piece[..end]).map_err(|_| {
        Wrong::Unreadable("The file's first line isn't that of an export of Hallpass.".into())
    })?;
    if header.hallpass_export != 1 {
        let version = header.hallpass_export;
        return Err(Wrong::Unreadable(format!(
            "The file is an export of version {version}, which this program doesn't know."
        )));
    }
    Ok((header, piece.len().min(end + 1)))
}

/// Deals pieces out in turn, until nobody takes them.
fn deal(
    mut pieces: Pieces,
    first: Vec<u8>,
    begun: usize,
    to: &[SyncSender<Vec<u8>>],
) -> io::Result<()> {
    let mut next = Some(first[begun..].to_vec());
    drop(first);
    for to in to.iter().cycle() {
        let Some(piece) = next else { break };
        if to.send(piece).is_err() {
            break;
        }
        next = pieces.next()?;
    }
    Ok(())
}

fn work(from: &Receiver<Vec<u8>>, out: &SyncSender<Looked>) {
    while let Ok(piece) = from.recv() {
        let lines = lines_of(&piece);
        if out.send(Looked { piece, lines }).is_err() {
            return;
        }
    }
}

fn lines_of(piece: &[u8]) -> Vec<Line> {
    let mut lines = Vec::with_capacity(piece.len() / 512);
    let mut start = 0;
    for line in piece.split_inclusive(|byte| *byte == b'\n') {
        let at = start;
        start += line.len();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if !line.is_empty() {
            lines.push(look(line, at));
        }
    }
    lines
}

fn look(line: &[u8], at: usize) -> Line {
    if line.starts_with(br#"{"checkpoint""#) {
        return match serde_json::from_slice::<CheckpointLine>(line) {
            Ok(line) => Line::Checkpoint(line.checkpoint),
            Err(error) => Line::Broken(format!("a checkpoint can't be read: {error}")),
        };
    }
    if outside::is_one(line) {
        let why = "what it tells of an erasure outside can't be read";
        return outside::read(line).map_or_else(|| Line::Broken(why.into()), Line::Outside);
    }
    let record: Record<'_> = match serde_json::from_slice(line) {
        Ok(record) => record,
        Err(error) => return Line::Broken(format!("it can't be read: {error}")),
    };
    let place = |text: &str| {
        let start = text.as_ptr().addr() - line.as_ptr().addr() + at;
        start..start + text.len()
    };
    let body = record.body.get();
    Line::Record {
        sequence: record.sequence,
        hash: place(record.hash),
        body: place(body),
        alone: record::look(body.as_bytes(), &record.personal),
    }
}

/// Takes the pieces in the order in which they were dealt.
fn follow(mut chain: Chain, header: &Header, looked: &[Receiver<Looked>]) -> Result<Ended, Wrong> {
    for looked in looked.iter().cycle() {
        let Ok(Looked { piece, lines }) = looked.recv() else {
            break;
        };
        for line in lines {
            match line {
                Line::Record {
                    sequence,
                    hash,
                    body,
                    alone,
                } => {
                    let claimed = Claimed {
                        sequence,
                        hash: std::str::from_utf8(&piece[hash]).unwrap_or_default(),
                        body: &piece[body.clone()],
                        alone,
                    };
                    chain.follow(claimed, || record::event_id(&piece[body.clone()]))?;
                }
                Line::Checkpoint(checkpoint) => chain.checkpoint(&checkpoint)?,
                Line::Outside(line) => chain.outside(line)?,
                Line::Broken(why) => {
                    return Err(Wrong::Record {
                        sequence: chain.next(),
                        event: None,
                        why,
                    });
                }
            }
        }
    }
    if chain.next() != header.last + 1 {
        let (sequence, last) = (chain.next(), header.last);
        let why = if sequence <= last {
            format!("it is missing: the file should go on to record {last}")
        } else {
            format!("the file should have ended at record {last}")
        };
        return Err(Wrong::Record {
            sequence,
            event: None,
            why,
        });
    }
    chain.end(0)
}

/// A file in pieces that end with whole lines.
struct Pieces {
    file: File,
    /// The begun line of the piece before.
    rest: Vec<u8>,
    over: bool,
}

impl Pieces {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut piece = std::mem::take(&mut self.rest);
        while !self.over {
            let wanted = PIECE.max(piece.len() + 1) - piece.len();
            let read = Read::by_ref(&mut self.file)
                .take(wanted as u64)
                .read_to_end(&mut piece)?;
            self.over = read < wanted;
            let whole = piece.iter().rposition(|byte| *byte == b'\n');
            if let (Some(end), false) = (whole, self.over) {
                self.rest = piece.split_off(end + 1);
                return Ok(Some(piece));
            }
            if piece.len() > LONGEST_LINE {
                return Err(io::Error::other("a line is longer than any record"));
            }
        }
        Ok((!piece.is_empty()).then_some(piece))
    }
}
