//! Whoever owns the database edits the record: what was changed is found, and the first record that is wrong is named; on
//! the database and on an export.

use hallpass::audit::chain::{GENESIS, event_digest, link, parse_hash};
use hallpass::audit::verify::{Against, Verified, Wrong, verify_export};
use hallpass::store::StoredCheckpoint;

use crate::audit_chain::unlock;
use crate::store::{Fresh, on_both};
use crate::support::proof::{Export, Proof, happened, key};

on_both! {
    a_whole_record_is_whole,
    each_edit_of_the_database_is_named,
    a_chain_that_was_made_anew_is_found,
    a_tail_that_was_cut_off_is_found_by_the_anchor,
    a_forged_checkpoint_is_found,
}

/// The sequence that is named as wrong, and the sentence.
pub(crate) fn named(found: Result<Verified, Wrong>) -> (u64, String) {
    match found {
        Err(wrong @ Wrong::Record { sequence, .. }) => (sequence, wrong.to_string()),
        other => panic!("nothing was named: {other:?}"),
    }
}

async fn a_whole_record_is_whole(db: Fresh) {
    let proof = Proof::of_events(&db.store, 2_500).await;
    db.store.apply_one(happened(0)).await.unwrap();
    let verified = proof.verify(&db.store).await.unwrap();
    assert_eq!((verified.records(), verified.unsealed), (2_500, 1));
    let said = verified.to_string();
    assert!(
        said.starts_with("2500 records whole, from the first on; anchored until record 2500 at 20"),
        "{said}"
    );
    assert!(
        said.contains("0 records after that and 1 event not sealed yet"),
        "{said}"
    );

    let unpinned = Against {
        keys: [].into(),
        ..proof.against()
    };
    let verified = hallpass::audit::verify::verify_database(&db.store, unpinned).await;
    let said = verified.unwrap().unwrap().to_string();
    assert!(
        said.contains(&format!("pin it with --key {}", key(7).public())),
        "{said}"
    );
}

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
async fn each_edit_of_the_database_is_named(db: Fresh) {
    let proof = Proof::of_events(&db.store, 20).await;
    unlock(&db).await;
    let of = |sequence: u64| format!("(select event from seal where sequence = {sequence})");
    let (seventh, eighth) = (of(7), of(8));
    for (tampering, undoing, why) in [
        (
            format!(
                "update event set body = replace(body, 'request.refused', 'request.denied') where id = {seventh}"
            ),
            format!(
                "update event set body = replace(body, 'request.denied', 'request.refused') where id = {seventh}"
            ),
            "its content isn't what was sealed",
        ),
        (
            format!("update event set kind = 'request.denied' where id = {seventh}"),
            format!("update event set kind = 'request.refused' where id = {seventh}"),
            "its columns and its body disagree",
        ),
        (
            format!("update event_personal set value = 'all is well' where event = {seventh}"),
            format!(
                "update event_personal set value = 'orders are stuck (7)' where event = {seventh}"
            ),
            "its personal field “reason” was changed",
        ),
        (
            "update seal set hash = (select hash from seal where sequence = 8) where sequence = 7"
                .into(),
            "update seal set hash = (select hash from kept where sequence = 7) where sequence = 7"
                .into(),
            "its content isn't what was sealed",
        ),
        (
            "delete from seal where sequence = 7".into(),
            "insert into seal select * from kept where sequence = 7".into(),
            "it is missing; record 8 follows in its place",
        ),
        (
            format!(
                "create table swapped as select event, sequence from seal where sequence in (7, 8); \
                 update seal set event = 'x' where sequence = 8; \
                 update seal set event = {eighth} where false; \
                 update seal set event = (select event from swapped where sequence = 8) where sequence = 7; \
                 update seal set event = (select event from swapped where sequence = 7) where sequence = 8; \
                 drop table swapped"
            ),
            String::new(),
            "its content isn't what was sealed",
        ),
        (
            format!(
                "delete from event_personal where event = {seventh}; delete from event where id = {seventh}"
            ),
            String::new(),
            "it was sealed as record 7 and is gone",
        ),
    ] {
        db.execute("drop table if exists kept; create table kept as select * from seal")
            .await;
        db.execute(&tampering).await;
        let (sequence, said) = named(proof.verify(&db.store).await);
        assert_eq!(sequence, 7, "{tampering}: {said}");
        assert!(said.contains(why), "{tampering}: {said}");
        if !undoing.is_empty() {
            db.execute(&undoing).await;
            proof.verify(&db.store).await.unwrap();
        }
    }
}

/// Edits an event and computes all hashes after it again, as whoever knows this program can.
async fn rewrite(db: &Fresh) {
    unlock(db).await;
    db.execute(
        "update event set body = replace(body, 'request.refused', 'request.denied'), kind = 'request.denied' \
         where id = (select event from seal where sequence = 7)",
    )
    .await;
    let mut hash = GENESIS;
    for record in db.store.sealed(0, 1_000).await.unwrap() {
        hash = link(&hash, &event_digest(record.body.as_bytes()));
        db.execute(&format!(
            "update seal set hash = '{}' where sequence = {}",
            hex::encode(hash),
            record.sequence
        ))
        .await;
    }
}

async fn a_chain_that_was_made_anew_is_found(db: Fresh) {
    let proof = Proof::of_events(&db.store, 5).await;
    proof.advance(20);
    for number in 6..=9 {
        db.store.apply_one(happened(number)).await.unwrap();
    }
    let sealing = proof.seal(&db.store);
    proof.is_anchored(&db.store).await;
    sealing.ends().await;
    rewrite(&db).await;
    let (sequence, said) = named(proof.verify(&db.store).await);
    assert_eq!(sequence, 6, "after the last checkpoint that holds: {said}");
    assert!(said.contains("a record from 6 to 9 was changed"), "{said}");
    // Without the checkpoints in the database it is the anchor that finds it.
    db.execute("delete from checkpoint").await;
    let (sequence, said) = named(proof.verify(&db.store).await);
    assert_eq!(sequence, 6);
    assert!(
        said.contains("the anchor signed record 9 with another hash"),
        "{said}"
    );
}

async fn a_tail_that_was_cut_off_is_found_by_the_anchor(db: Fresh) {
    let proof = Proof::of_events(&db.store, 20).await;
    unlock(&db).await;
    db.execute("delete from seal where sequence > 15").await;
    let (sequence, said) = named(proof.verify(&db.store).await);
    assert_eq!(sequence, 16);
    assert!(said.contains("a checkpoint signed it until 20"), "{said}");
    db.execute("delete from checkpoint").await;
    let (sequence, said) = named(proof.verify(&db.store).await);
    assert_eq!(sequence, 16);
    assert!(
        said.contains("the record ends at 15, and the anchor proves it until 20"),
        "{said}"
    );
}

async fn a_forged_checkpoint_is_found(db: Fresh) {
    let proof = Proof::of_events(&db.store, 9).await;
    rewrite(&db).await;
    db.execute("delete from checkpoint").await;
    let (sequence, hash) = db.store.head().await.unwrap().unwrap();
    let forged = key(8).sign(sequence, &hash, proof.now());
    let stored = StoredCheckpoint::from(&forged);
    db.store.put_checkpoint(&stored).await.unwrap();
    // The pinned key finds it without an anchor.
    let pinned = Against {
        anchored: Vec::new(),
        ..proof.against()
    };
    let found = hallpass::audit::verify::verify_database(&db.store, pinned).await;
    let (sequence, said) = named(found.unwrap());
    assert_eq!(sequence, 9);
    assert!(said.contains("isn't the key that was pinned"), "{said}");
    // With the name of the right key under it, its signature doesn't hold.
    db.execute(&format!(
        "update checkpoint set key = '{}'",
        key(7).public()
    ))
    .await;
    let pinned = Against {
        anchored: Vec::new(),
        ..proof.against()
    };
    let found = hallpass::audit::verify::verify_database(&db.store, pinned).await;
    let (_, said) = named(found.unwrap());
    assert!(said.contains("its signature doesn't hold"), "{said}");
}

pub(crate) fn pinned() -> Against {
    Against {
        keys: [key(7).public().to_owned()].into(),
        anchored: Vec::new(),
    }
}

fn verified(export: &Export, against: &Against) -> Result<Verified, Wrong> {
    verify_export(export.written().path(), against).unwrap()
}

#[test]
fn a_whole_export_is_whole_however_many_pieces_it_has() {
    for count in [1, 10, 25, 9_000] {
        let export = Export::of(count);
        let found = verified(&export, &pinned()).unwrap();
        assert_eq!(found.records(), count);
        assert_eq!(found.signed.map(|signed| signed.sequence), Some(count));
        assert_eq!((found.fields, found.erased), (count, 0));
        let anchored = export.checkpoints();
        let found = verified(
            &export,
            &Against {
                anchored,
                ..pinned()
            },
        )
        .unwrap();
        assert_eq!(found.anchored.map(|anchor| anchor.sequence), Some(count));
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
fn each_edit_of_an_export_is_named() {
    type Edit = fn(&mut Export);
    let edits: [(Edit, u64, &str); 9] = [
        (
            |export| *export.line(4_321) = export.line(4_321).replace("2026", "2025"),
            4_321,
            "(event 0197-4321): its content isn't what was sealed",
        ),
        (
            |export| *export.line(4_321) = export.line(4_321).replace("Grund", "Vorwand"),
            4_321,
            "its personal field “reason” was changed",
        ),
        (
            |export| {
                *export.line(4_321) = export
                    .line(4_321)
                    .replace("\"position\":0", "\"position\":3");
            },
            4_321,
            "there is a personal field 3 that the record doesn't know",
        ),
        (
            |export| drop(export.lines.remove(export.place(4_321))),
            4_321,
            "it is missing; record 4322 follows in its place",
        ),
        (
            |export| {
                let (one, other) = (export.place(4_321), export.place(4_322));
                export.lines.swap(one, other);
            },
            4_321,
            "it is missing; record 4322 follows in its place",
        ),
        (
            |export| {
                let again = export.line(4_320).clone();
                let place = export.place(4_321);
                export.lines.insert(place, again);
            },
            4_321,
            "it isn't in its place; record 4320 stands there",
        ),
        (
            |export| export.line(4_321).truncate(100),
            4_321,
            "it can't be read",
        ),
        (
            |export| {
                let place = export.place(8_001);
                export.lines.truncate(place);
            },
            8_001,
            "it is missing: the file should go on to record 9000",
        ),
        (
            |export| {
                let place = export.place(4_320) + 1;
                let signed = export.lines[place].clone();
                assert!(signed.contains("checkpoint"));
                export.lines[place] = signed.replace("\"sequence\":4320", "\"sequence\":4310");
            },
            4_310,
            "its signature doesn't hold",
        ),
    ];
    for (edit, wrong, why) in edits {
        let mut export = Export::of(9_000);
        edit(&mut export);
        let (sequence, said) = named(verified(&export, &pinned()));
        assert_eq!(sequence, wrong, "{said}");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn an_export_that_was_cut_or_made_anew_is_found_by_key_and_anchor() {
    let anchored = Export::of(30).checkpoints();
    let against = || Against {
        anchored: anchored.clone(),
        ..pinned()
    };
    // Cut with its header put right.
    let (sequence, said) = named(verified(&Export::of(20), &against()));
    assert_eq!(sequence, 21);
    assert!(
        said.contains("the record ends at 20, and the anchor proves it until 30"),
        "{said}"
    );

    // Another record in its place, with all hashes made anew and checkpoints of another key.
    let mut export = Export::of(30);
    let mut hash = GENESIS;
    let forger = key(9);
    for sequence in 1..=30 {
        let line = export.line(sequence);
        if sequence == 15 {
            *line = line.replace("2026", "2025");
        }
        let body = line.split("\"body\":").nth(1).unwrap();
        let body = body.split(",\"personal\":[{\"position\"").next().unwrap();
        hash = link(&hash, &event_digest(body.as_bytes()));
        let old = line.split('"').nth(5).unwrap().to_owned();
        assert!(parse_hash(&old).is_some());
        *line = line.replace(&old, &hex::encode(hash));
        if sequence % 10 == 0 {
            let place = export.place(sequence) + 1;
            export.lines[place] = forger
                .sign(sequence, &hex::encode(hash), crate::store::at(0))
                .line();
        }
    }
    let trusting = verified(&export, &Against::default()).unwrap();
    assert!(
        trusting.to_string().contains(forger.public()),
        "it says whose key that is"
    );
    let (sequence, said) = named(verified(&export, &pinned()));
    assert_eq!(sequence, 10);
    assert!(said.contains("isn't the key that was pinned"), "{said}");
    let only_anchor = Against {
        anchored: anchored.clone(),
        ..Against::default()
    };
    let (sequence, said) = named(verified(&export, &only_anchor));
    assert_eq!(sequence, 11, "{said}");
}

#[test]
fn what_is_no_export_is_told() {
    let begins = |first: u64, last: u64| {
        let previous = hex::encode(GENESIS);
        format!(
            "{{\"hallpass_export\":1,\"first\":{first},\"last\":{last},\"previous\":\"{previous}\"}}\n"
        )
    };
    let (endless, beyond) = (begins(1, u64::MAX), begins(u64::MAX, u64::MAX));
    for (text, why) in [
        (endless.as_str(), "doesn't say what the record begins with"),
        (beyond.as_str(), "doesn't say what the record begins with"),
        ("", "The file is empty."),
        ("hello\n", "isn't that of an export"),
        (
            "{\"hallpass_export\":2,\"first\":1,\"last\":1,\"previous\":\"\"}\n",
            "version 2",
        ),
        (
            "{\"hallpass_export\":1,\"first\":1,\"last\":1,\"previous\":\"00\"}\n",
            "doesn't say what the record begins with",
        ),
    ] {
        let file = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::write(file.path(), text).unwrap();
        let wrong = verify_export(file.path(), &pinned()).unwrap().unwrap_err();
        assert!(wrong.to_string().contains(why), "{wrong}");
    }
}
