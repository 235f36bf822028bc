//! The record as it leaves: JSON Lines that prove themselves without this program, CSV that no spreadsheet takes for a
//! formula, bounds, and what isn't sealed yet.

use hallpass::audit::checkpoint::CheckpointLine;
use hallpass::audit::export::{Bound, Exported, Format, export};
use hallpass::store::Store;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::world::World;
use crate::support::{Database, TestBot, everywhere, minutes};

/// Until everything that happened so far is sealed.
pub(crate) async fn sealed(store: &Store) {
    let all = async {
        while store.waiting_for_seal().await.unwrap() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(limit, all)
        .await
        .expect("it is sealed in time");
}

/// An export in memory.
pub(crate) async fn exported(
    store: &Store,
    format: Format,
    from: Option<&str>,
    to: Option<&str>,
) -> (String, Exported) {
    let bound = |text: Option<&str>| text.map(|text| Bound::parse(text).unwrap());
    let mut out = Vec::new();
    let exported = export(store, format, (bound(from), bound(to)), &mut out).await;
    (String::from_utf8(out).unwrap(), exported.unwrap())
}

/// Proves an export by nothing but SHA-256 and the format's words, and counts its records, its personal fields and the
/// fields that are left of them.
pub(crate) fn proven(export: &str) -> (u64, usize, usize) {
    let mut lines = export.lines();
    let head: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(head["hallpass_export"], 1);
    let mut hash = hex::decode(head["previous"].as_str().unwrap()).unwrap();
    let mut sequence = head["first"].as_u64().unwrap() - 1;
    let (mut records, mut committed, mut left) = (0, 0, 0);
    for line in lines {
        if line.starts_with(r#"{"checkpoint""#) {
            let line: CheckpointLine = serde_json::from_str(line).unwrap();
            let checkpoint = line.checkpoint;
            assert!(checkpoint.is_authentic());
            assert_eq!(
                (checkpoint.sequence, checkpoint.hash),
                (sequence, hex::encode(&hash))
            );
            continue;
        }
        let record: Value = serde_json::from_str(line).unwrap();
        sequence += 1;
        records += 1;
        assert_eq!(record["sequence"], sequence);
        // The stored bytes, cut out of the line.
        let body = line.split_once(r#","body":"#).unwrap().1;
        let body = body.rsplit_once(r#","personal":["#).unwrap().0;
        let digest = Sha256::digest(body.as_bytes());
        hash = Sha256::new()
            .chain_update(&hash)
            .chain_update(digest)
            .finalize()
            .to_vec();
        assert_eq!(record["hash"], hex::encode(&hash), "{line}");
        let commitments = record["body"]["personal"].as_array().unwrap();
        committed += commitments.len();
        for field in record["personal"].as_array().unwrap() {
            left += 1;
            let made = &commitments[usize::try_from(field["position"].as_u64().unwrap()).unwrap()];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let said = format!(
                "{}{}\0{}",
                text(&field["salt"]),
                text(&made["field"]),
                text(&field["value"])
            );
            assert_eq!(made["commitment"], hex::encode(Sha256::digest(said)));
        }
    }
    assert_eq!(head["last"], sequence);
    (records, committed, left)
}

#[tokio::test]
async fn json_lines_prove_themselves() {
    everywhere(async |bot| {
        let request = bot
            .asks(
                "alice",
                "/prod-access db-admin 30m orders “stuck”\\ \u{1F4A5}",
            )
            .await;
        bot.approves("bob", &request).await;
        bot.clock.advance(minutes(31));
        bot.settle().await;
        sealed(&bot.store).await;

        let (whole, told) = exported(&bot.store, Format::Jsonl, None, None).await;
        let (records, committed, left) = proven(&whole);
        assert!(
            records > 10 && committed > 5 && committed == left,
            "{whole}"
        );
        assert_eq!(
            (told.records, told.first, told.last, told.unsealed),
            (records, 1, records, 0)
        );
        assert!(whole.contains("orders “stuck”"));

        // A part of it begins where the part before it ends.
        let (part, told) = exported(&bot.store, Format::Jsonl, Some("3"), Some("7")).await;
        assert_eq!(proven(&part).0, 5);
        assert_eq!((told.first, told.last), (3, 7));
        let (none, told) = exported(&bot.store, Format::Jsonl, Some("999999"), None).await;
        assert_eq!((none.lines().count(), told.records), (1, 0));

        // Days are whole days, moments cut before.
        let day = bot.clock.now().format("%Y-%m-%d").to_string();
        let (_, told) = exported(&bot.store, Format::Csv, None, Some(&day)).await;
        assert_eq!(told.last, records);
        let later = (bot.clock.now() + minutes(1)).to_rfc3339();
        let (_, told) = exported(&bot.store, Format::Csv, Some(&later), None).await;
        assert_eq!(told.records, 0);
    })
    .await;
}

#[tokio::test]
async fn a_row_of_csv_is_an_event_and_no_cell_a_formula() {
    TestBot::run(async |bot| {
        let request = bot
            .asks(
                "alice",
                "/prod-access logs node=web-3 30m =HYPERLINK(\"http://x\",\"orders, stuck\")",
            )
            .await;
        sealed(&bot.store).await;
        let (text, told) = exported(&bot.store, Format::Csv, None, None).await;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns = reader.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len() as u64, told.records);
        let cell = |row: &csv::StringRecord, name: &str| {
            let column = columns.iter().position(|column| column == name).unwrap();
            row[column].to_owned()
        };
        let asked = rows
            .iter()
            .find(|row| cell(row, "kind") == "request.asked")
            .unwrap();
        assert_eq!(cell(asked, "request"), request.short);
        assert_eq!(cell(asked, "role"), "logs");
        assert_eq!(
            cell(asked, "reason"),
            "'=HYPERLINK(\"http://x\",\"orders, stuck\")"
        );
        assert!(cell(asked, "actor").starts_with("person:"));
        let facts: Value = serde_json::from_str(&cell(asked, "facts")).unwrap();
        assert_eq!(facts["parameters"]["node"], "web-3");
        let active = rows
            .iter()
            .find(|row| cell(row, "kind") == "grant.active")
            .unwrap();
        assert_eq!(cell(active, "grant"), request.short.replace("R-", "G-"));
        for row in &rows {
            assert!(
                row.iter()
                    .all(|cell| !cell.starts_with(['=', '+', '-', '@'])),
                "{row:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn it_is_written_beside_a_running_bot() {
    for database in [Database::Sqlite, Database::Postgres] {
        let world = World::on(database).await;
        let bot = world.serve().await;
        let asked = world
            .asks("alice", "/prod-access logs node=web-3 30m a look")
            .await;
        world.held("logs/web-3").await;
        let file = world.dir.path().join("record.jsonl");
        let began = std::time::Instant::now();
        let text = loop {
            let arguments = ["audit", "export", "--out", file.to_str().unwrap()];
            let done = world.hallpass(&arguments).output().await.unwrap();
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(done.status.success(), "{said}");
            let text = std::fs::read_to_string(&file).unwrap();
            if said.contains("written")
                && !said.contains("sealed yet")
                && text.contains("grant.active")
            {
                break text;
            }
            assert!(began.elapsed() < crate::support::world::PATIENCE, "{said}");
            std::fs::remove_file(&file).unwrap();
        };
        assert!(proven(&text).0 > 3);
        assert!(text.contains("a look"), "{asked}");
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).unwrap());
        assert_eq!(mode & 0o777, 0o600, "it holds names and reasons");
        // It doesn't overwrite what is there, and refuses what is no bound.
        let again = world.hallpass(&["audit", "export", "--out", file.to_str().unwrap()]);
        let again = { again }.output().await.unwrap();
        assert_eq!(again.status.code(), Some(1));
        let wrong = { world.hallpass(&["audit", "export", "--from", "yesterday"]) };
        assert_eq!({ wrong }.output().await.unwrap().status.code(), Some(2));
        let mut shown = world.hallpass(&["audit", "export", "--format", "ocsf", "--to", "2"]);
        let shown = shown.output().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&shown.stdout).lines().count(), 2);
        bot.stops().await;
    }
}
