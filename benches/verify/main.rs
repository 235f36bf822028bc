//! How fast an export is verified: bytes a second over plain SHA-256 of the same file by the same library, in turn, in one
//! run. 1,000,000 records as `audit export` writes them, with bodies of 700 to 900 bytes and three personal fields each,
//! chained and signed; `--records N` and `--rounds N` for less. Nothing is asserted here: a figure is to be read.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hallpass::audit::chain::{GENESIS, commitment, event_digest, link};
use hallpass::audit::checkpoint::CheckpointKey;
use hallpass::audit::verify::{Against, verify_export};
use hallpass::domain::Time;
use secrecy::SecretBox;
use serde_json::json;
use sha2::{Digest, Sha256};

const RECORDS: u64 = 1_000_000;
const ROUNDS: usize = 7;
/// One checkpoint to so many records.
const CHECKPOINTS: u64 = 500;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let records = number("--records").unwrap_or(RECORDS);
    let rounds =
        number("--rounds").map_or(ROUNDS, |rounds| usize::try_from(rounds).unwrap_or(ROUNDS));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(folder)?;
    let place = tempfile::tempdir_in(folder)?;
    let file = place.path().join("record.jsonl");
    let key = write(&file, records).context("the export")?;
    let bytes = file.metadata()?.len();
    let kilobytes = f64::from(u32::try_from(bytes / 1_000)?);
    let against = || Against {
        keys: [key.clone()].into(),
        anchored: Vec::new(),
    };
    let (mut plain, mut verified, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let hashed = timed(|| hash(&file))?;
        let proven = timed(|| {
            let found = verify_export(&file, &against())?.map_err(anyhow::Error::new)?;
            ensure!(
                found.records() == records && found.fields == 3 * records,
                "{found}"
            );
            Ok(())
        })?;
        let speed = |took: Duration| kilobytes / took.as_secs_f64() / 1e3;
        plain.push(speed(hashed));
        verified.push(speed(proven));
        ratios.push(hashed.as_secs_f64() / proven.as_secs_f64());
    }
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let megabytes = bytes / 1_000_000;
    println!(
        "\n{records} records, {megabytes} MB, {cores} cores, load {}",
        load.trim()
    );
    println!(
        "{:<48} {:>9} {:>9} {:>9}",
        "Verify an export", "median", "min", "max"
    );
    line("  `audit verify FILE`, MB/s", &mut verified);
    line("  limit, plain SHA-256 of the file, MB/s", &mut plain);
    line("= verify over plain SHA-256", &mut ratios);
    Ok(())
}

fn line(figure: &str, values: &mut [f64]) {
    values.sort_by(f64::total_cmp);
    let (least, most) = (values.first().copied(), values.last().copied());
    let median = values.get(values.len() / 2).copied();
    let [median, least, most] = [median, least, most].map(Option::unwrap_or_default);
    println!("{figure:<48} {median:>9.2} {least:>9.2} {most:>9.2}");
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed())
}

fn hash(path: &Path) -> Result<()> {
    let mut file = File::open(path)?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        hash.update(&piece[..read]);
    }
    std::hint::black_box(hash.finalize());
    Ok(())
}

/// Writes the export and gives back the public key, in hex.
fn write(path: &Path, records: u64) -> Result<String> {
    let key = CheckpointKey::derive(&SecretBox::new(Box::new([7; 32])));
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut hash = GENESIS;
    let previous = hex::encode(hash);
    writeln!(
        out,
        r#"{{"hallpass_export":1,"first":1,"last":{records},"previous":"{previous}"}}"#
    )?;
    let at = Time::from_timestamp(1_795_000_000, 0).context("a moment")?;
    for sequence in 1..=records {
        let fields = [
            (
                "holder",
                format!("01970000-0000-7000-8000-{:012x}", sequence % 997),
            ),
            ("principal", format!("person_{}", sequence % 997)),
            (
                "reason",
                format!("INC-{sequence} orders are stuck again, I look at “the queue”"),
            ),
        ];
        let salted: Vec<(String, &str, &str)> = fields
            .iter()
            .enumerate()
            .map(|(place, (field, value))| {
                let salt =
                    hex::encode(&event_digest(format!("{sequence} {place}").as_bytes())[..16]);
                (salt, *field, value.as_str())
            })
            .collect();
        let commitments: Vec<_> = salted
            .iter()
            .map(|(salt, field, value)| json!({ "field": field, "commitment": commitment(salt, field, value) }))
            .collect();
        let body = body(
            sequence,
            at + chrono::TimeDelta::milliseconds(i64::try_from(sequence)?),
            &commitments,
        );
        hash = link(&hash, &event_digest(body.as_bytes()));
        let personal: Vec<_> = salted
            .iter()
            .enumerate()
            .map(|(position, (salt, _, value))| {
                json!({ "position": position, "salt": salt, "value": value }).to_string()
            })
            .collect();
        let (hash_text, personal) = (hex::encode(hash), personal.join(","));
        writeln!(
            out,
            r#"{{"sequence":{sequence},"hash":"{hash_text}","body":{body},"personal":[{personal}]}}"#
        )?;
        if sequence % CHECKPOINTS == 0 || sequence == records {
            writeln!(out, "{}", key.sign(sequence, &hash_text, at).line())?;
        }
    }
    out.into_inner().context("written")?.sync_all()?;
    Ok(key.public().to_owned())
}

/// As an event is stored: its fields in this order.
fn body(sequence: u64, at: Time, commitments: &[serde_json::Value]) -> String {
    let id = format!("01970000-0000-7000-8001-{sequence:012x}");
    let facts = json!({
        "backend": "orders-db", "entitlement": "role=orders_admin", "generation": 3, "held": true,
        "role": "orders-admin", "until": at.to_rfc3339(),
    });
    let at = serde_json::to_string(&at).unwrap_or_default();
    let commitments = serde_json::Value::from(commitments.to_vec());
    format!(
        r#"{{"v":1,"id":"{id}","at":{at},"kind":"holding.granted","actor":{{"actor":"hallpass"}},"request":"{id}","grant":"{id}","holding":"{id}","rules":["base.cedar:27 requesters-may-ask"],"facts":{facts},"personal":{commitments}}}"#
    )
}
