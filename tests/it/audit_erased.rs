//! What was erased on record is listed and the proof is whole; a name or a reason that somebody deleted from the database
//! by hand isn't taken for erased. On the database, and on an export of all or of a part.

use hallpass::audit::export::Format;
use hallpass::audit::verify::{Against, Standing, Verified, Wrong, verify_database, verify_export};
use hallpass::domain::{Actor, Change, Event, EventKind, erasure};
use hallpass::store::{Erasure, FieldPlace, Span, Store};

use crate::audit_export::exported;
use crate::audit_verify::{named, pinned};
use crate::store::{Fresh, at, on_both};
use crate::support::proof::{Proof, happened};

on_both! {
    a_field_that_was_deleted_by_hand_is_named,
    what_an_operator_erased_is_listed_and_nothing_else_passes,
    a_part_carries_the_proof_of_what_was_erased_after_it,
    an_erasure_that_is_not_sealed_yet_alarms_nobody,
    what_was_erased_before_records_were_named_is_whole,
    an_event_that_is_erased_before_it_is_sealed_is_whole,
}

/// Through a file, as whoever got it does.
async fn by_export(store: &Store, to: Option<&str>) -> Result<Verified, Wrong> {
    verified(&exported(store, Format::Jsonl, None, to).await.0)
}

fn verified(text: &str) -> Result<Verified, Wrong> {
    offline(text, &pinned())
}

pub(crate) fn offline(text: &str, against: &Against) -> Result<Verified, Wrong> {
    let file = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::write(file.path(), text).unwrap();
    verify_export(file.path(), against).unwrap()
}

/// The personal fields of events by their numbers, sealed or not.
async fn fields_of(store: &Store, numbers: &[i64]) -> Vec<FieldPlace> {
    let span = Span {
        after: 0,
        up_to: i64::MAX,
    };
    let mut fields = store.fields_before(at(1_000_000), span).await.unwrap();
    fields.retain(|field| numbers.contains(&field.position));
    assert_eq!(fields.len(), numbers.len());
    fields
}

/// As `audit erase` does it; `told` says on record which fields.
async fn erased(store: &Store, numbers: &[i64], told: fn(Event, &[FieldPlace]) -> Event) {
    let fields = fields_of(store, numbers).await;
    let by = Actor::Operator("cli:me@here".into());
    let event = Event::new(EventKind::Erased, by, at(50))
        .fact("because", "asked")
        .fact("person", "0197-alice")
        .personal("reason", "asked by letter");
    let erasure = Erasure {
        fields: fields.clone(),
        ..Erasure::default()
    };
    let change = Change::default().event(told(event, &fields));
    store.erase(change, erasure).await.unwrap();
}

fn counted(event: Event, fields: &[FieldPlace]) -> Event {
    let events: Vec<&str> = fields.iter().map(|field| field.event.as_str()).collect();
    event.fact("events", events).fact("fields", fields.len())
}

fn in_full(event: Event, fields: &[FieldPlace]) -> Event {
    let named: Vec<_> = fields
        .iter()
        .map(|field| erasure::Field {
            event: &field.event,
            sequence: field.sequence,
            place: 0,
        })
        .collect();
    erasure::name(counted(event, fields), &named)
}

async fn seals(proof: &Proof, store: &Store) {
    proof.advance(20);
    let sealing = proof.seal(store);
    proof.is_anchored(store).await;
    sealing.ends().await;
}

async fn deletes(db: &Fresh, sequence: u64) {
    db.execute(&format!(
        "delete from event_personal where event in (select event from seal where sequence = {sequence})"
    ))
    .await;
}

async fn a_field_that_was_deleted_by_hand_is_named(db: Fresh) {
    let proof = Proof::of_events(&db.store, 9).await;
    deletes(&db, 3).await;
    deletes(&db, 5).await;
    for found in [
        proof.verify(&db.store).await,
        by_export(&db.store, None).await,
        by_export(&db.store, Some("4")).await,
    ] {
        let (sequence, said) = named(found);
        assert_eq!(sequence, 3, "{said}");
        assert!(
            said.contains(
                "its personal field “reason” is missing, and no erasure on record took it"
            ),
            "{said}"
        );
    }
}

async fn what_an_operator_erased_is_listed_and_nothing_else_passes(db: Fresh) {
    let proof = Proof::of_events(&db.store, 12).await;
    erased(&db.store, &[3, 4, 5, 9], in_full).await;
    seals(&proof, &db.store).await;
    for found in [
        proof.verify(&db.store).await.unwrap(),
        by_export(&db.store, None).await.unwrap(),
    ] {
        assert_eq!((found.erased, found.erased_in), (4, 4));
        let [listed] = found.erasures.listed.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!((listed.fields, listed.events), (4, 4));
        assert_eq!(listed.standing, Standing::Sealed);
        let said = found.to_string();
        let line = "UTC: 4 fields of 4 events (records 3 to 5, record 9), for the person 0197-alice, by cli:me@here";
        assert!(
            said.contains("4 personal fields of 13 in 4 records erased.") && said.ends_with(line),
            "{said}"
        );
    }
    // Under the cover of what was erased by right.
    deletes(&db, 10).await;
    for found in [
        proof.verify(&db.store).await,
        by_export(&db.store, None).await,
    ] {
        assert_eq!(named(found).0, 10);
    }
}

async fn a_part_carries_the_proof_of_what_was_erased_after_it(db: Fresh) {
    let proof = Proof::of_events(&db.store, 8).await;
    for number in 9..=14 {
        db.store.apply_one(happened(number)).await.unwrap();
    }
    erased(&db.store, &[2, 3], in_full).await;
    db.store.apply_one(happened(16)).await.unwrap();
    erased(&db.store, &[6], in_full).await;
    db.store.apply_one(happened(18)).await.unwrap();
    seals(&proof, &db.store).await;
    erased(&db.store, &[7], in_full).await;
    seals(&proof, &db.store).await;

    let (part, _) = exported(&db.store, Format::Jsonl, None, Some("7")).await;
    let found = verified(&part).unwrap();
    assert_eq!((found.records(), found.erased), (7, 4));
    assert!(
        found
            .erasures
            .listed
            .iter()
            .all(|one| one.standing == Standing::Sealed),
        "{found}"
    );
    // What nothing was erased of carries nothing.
    let (rest, _) = exported(&db.store, Format::Jsonl, Some("8"), None).await;
    assert!(!rest.contains("outside"), "{rest}");
    assert_eq!(verified(&rest).unwrap().erased, 0);

    // The proof is left out, or made to say more.
    let lines = || part.lines();
    let without: Vec<&str> = lines()
        .filter(|line| !line.starts_with("{\"erasure"))
        .collect();
    let said = verified(&(without.join("\n") + "\n"))
        .unwrap_err()
        .to_string();
    assert!(said.contains("isn't what a checkpoint signed"), "{said}");
    let without: Vec<&str> = lines()
        .take_while(|line| !line.starts_with("{\"outside"))
        .collect();
    assert_eq!(named(verified(&(without.join("\n") + "\n"))).0, 2);
    let more = part.replace("\"records\":[[2,3,[0]]]", "\"records\":[[1,4,[0]]]");
    assert_ne!(more, part);
    let said = verified(&more).unwrap_err().to_string();
    assert!(said.contains("isn't what a checkpoint signed"), "{said}");
}

async fn an_erasure_that_is_not_sealed_yet_alarms_nobody(db: Fresh) {
    let proof = Proof::of_events(&db.store, 9).await;
    erased(&db.store, &[3, 5], in_full).await;
    for found in [
        proof.verify(&db.store).await.unwrap(),
        by_export(&db.store, None).await.unwrap(),
        by_export(&db.store, Some("4")).await.unwrap(),
    ] {
        let said = found.to_string();
        assert!(
            said.contains("not proven yet: the erasure itself isn't signed"),
            "{said}"
        );
    }
    // It hides no more than it names.
    deletes(&db, 7).await;
    assert_eq!(named(proof.verify(&db.store).await).0, 7);
    assert_eq!(named(by_export(&db.store, None).await).0, 7);
}

/// Earlier versions told the events and how many fields, without places.
async fn what_was_erased_before_records_were_named_is_whole(db: Fresh) {
    let proof = Proof::of_events(&db.store, 9).await;
    erased(&db.store, &[3, 5], counted).await;
    let early = proof.verify(&db.store).await.unwrap().to_string();
    assert!(early.contains("not proven yet"), "{early}");
    seals(&proof, &db.store).await;
    for found in [
        proof.verify(&db.store).await.unwrap(),
        by_export(&db.store, None).await.unwrap(),
        by_export(&db.store, Some("5")).await.unwrap(),
    ] {
        let said = found.to_string();
        assert!(said.contains("UTC: 2 fields of 2 events (event "), "{said}");
        assert!(!said.contains("not proven yet"), "{said}");
    }
    deletes(&db, 7).await;
    let (sequence, said) = named(proof.verify(&db.store).await);
    assert_eq!(sequence, 7, "{said}");
    assert!(said.contains("“reason” is missing"), "{said}");
}

async fn an_event_that_is_erased_before_it_is_sealed_is_whole(db: Fresh) {
    let proof = Proof::of_events(&db.store, 3).await;
    db.store.apply_one(happened(4)).await.unwrap();
    erased(&db.store, &[2, 4], in_full).await;
    seals(&proof, &db.store).await;
    let unpinned = verify_database(&db.store, proof.against()).await;
    for found in [
        unpinned.unwrap().unwrap(),
        by_export(&db.store, None).await.unwrap(),
    ] {
        let said = found.to_string();
        assert!(
            said.contains("2 fields of 2 events (record 2, event "),
            "{said}"
        );
    }
}
