//! Events: append-only, with salted commitments to personal fields that stand apart; cards and configurations besides.

use std::path::Path;

use hallpass::domain::{Actor, Change, Event, EventKind, GrantId, HoldingId, RequestId};
use hallpass::ports::Posted;
use hallpass::store::StoreError;
use sha2::{Digest, Sha256};

use crate::store::{Fresh, at, on_both, person_id, request};

fn event(number: i64) -> Event {
    Event::new(
        EventKind::Requested,
        Actor::Person(person_id("alice")),
        at(number),
    )
    .request(&request(1).id)
    .grant(&GrantId::new("grant-1"))
    .holding(&HoldingId::new("holding-1"))
    .rules(&["base.cedar:12 requesters-may-ask".into()])
    .fact("role", "db-admin")
    .fact("duration", 3_600 + number)
    .personal("reason", format!("orders stuck, says Alice ({number})"))
    .personal("email", "alice@example.com")
}

on_both! {
    events_are_read_back_in_their_order,
    nobody_changes_or_removes_an_event,
    personal_fields_stand_apart_under_commitments,
    a_personal_field_that_was_edited_is_found,
    the_same_words_leave_different_commitments,
    a_text_that_a_database_cannot_keep_is_kept_readable,
    cards_are_put_moved_and_removed,
    the_last_configuration_is_the_one_loaded_last,
}

async fn events_are_read_back_in_their_order(db: Fresh) {
    let first = (1..=3).fold(Change::default(), |change, number| {
        change.event(event(number))
    });
    let elsewhere = Event::new(
        EventKind::ConfigurationLoaded,
        Actor::Operator("cli:me@here".into()),
        at(4),
    );
    let second = Change::default().event(elsewhere.clone()).event(event(5));
    db.store.apply(vec![first, second]).await.unwrap();

    let read = db.store.events_of(&request(1).id).await.unwrap();
    let events: Vec<Event> = read.iter().map(|one| one.event.clone()).collect();
    assert_eq!(events, [1, 2, 3, 5].map(event));
    let all = db.store.events_after(0, 99).await.unwrap();
    assert_eq!(all.len(), 5);
    assert_eq!(all[3].event, elsewhere);
    assert!(all.is_sorted_by(|one, next| one.position < next.position && one.id != next.id));
    let after = db.store.events_after(all[1].position, 2).await.unwrap();
    assert_eq!(after, all[2..4]);
}

async fn nobody_changes_or_removes_an_event(db: Fresh) {
    db.store
        .apply_one(Change::default().event(event(1)))
        .await
        .unwrap();
    for tampering in [
        "update event set kind = 'grant.ended'",
        "delete from event where true",
    ] {
        let refused = db.try_execute(tampering).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
    assert_eq!(
        db.store.events_of(&request(1).id).await.unwrap()[0].event,
        event(1)
    );
}

async fn personal_fields_stand_apart_under_commitments(db: Fresh) {
    db.store
        .apply_one(Change::default().event(event(1)))
        .await
        .unwrap();
    let id = db.store.events_of(&request(1).id).await.unwrap()[0]
        .id
        .clone();
    let (body, salt): (String, String) = db.read_one(
        "select e.body, p.salt from event e join event_personal p on p.event = e.id where p.field = 'email'",
    ).await;
    assert!(
        !body.contains("alice@example.com") && !body.contains("orders stuck"),
        "{body}"
    );
    assert_eq!(salt.len(), 32);
    let commitment = hex::encode(Sha256::digest(format!("{salt}email\0alice@example.com")));
    assert!(body.contains(&commitment), "{body}");
    let salts: (i64, i64) = db
        .read_one("select count(distinct salt), count(*) from event_personal")
        .await;
    assert_eq!(salts, (2, 2));

    // Erased, the event stays and the proof with it.
    db.execute("delete from event_personal where field = 'email'")
        .await;
    let read = db.store.events_of(&request(1).id).await.unwrap();
    assert_eq!(read[0].id, id);
    let fields: Vec<_> = read[0]
        .event
        .personal
        .iter()
        .map(|one| one.field.as_str())
        .collect();
    assert_eq!(fields, ["reason"]);
    assert_eq!(read[0].event.facts, event(1).facts);
}

async fn a_personal_field_that_was_edited_is_found(db: Fresh) {
    db.store
        .apply_one(Change::default().event(event(1)))
        .await
        .unwrap();
    db.execute("update event_personal set value = 'all is well' where field = 'reason'")
        .await;
    let read = db.store.events_of(&request(1).id).await.unwrap_err();
    assert!(
        matches!(
            read,
            StoreError::Corrupt {
                table: "event_personal",
                ..
            }
        ),
        "{read}"
    );
}

async fn the_same_words_leave_different_commitments(db: Fresh) {
    db.store
        .apply(
            vec![event(1), event(1)]
                .into_iter()
                .map(|one| Change::default().event(one))
                .collect(),
        )
        .await
        .unwrap();
    let read: (i64,) = db.read_one("select count(distinct body) from event").await;
    assert_eq!(read.0, 2);
}

async fn a_text_that_a_database_cannot_keep_is_kept_readable(db: Fresh) {
    let nul = Event::new(EventKind::Refused, Actor::Hallpass, at(1))
        .request(&request(1).id)
        .fact("words", "a\u{0}b")
        .personal("reason", "x\u{0}y \u{1F9A6} \u{202e}");
    db.store
        .apply_one(Change::default().event(nul))
        .await
        .unwrap();
    let read = db
        .store
        .events_of(&request(1).id)
        .await
        .unwrap()
        .remove(0)
        .event;
    assert_eq!(read.personal[0].value, "x\u{fffd}y \u{1F9A6} \u{202e}");
    assert_eq!(read.facts["words"], "a\u{0}b");
}

async fn cards_are_put_moved_and_removed(db: Fresh) {
    let id = RequestId::new("request-000001");
    let posted = |ts: &str| Posted {
        channel: "C0APPROVE".into(),
        ts: ts.into(),
    };
    db.store
        .put_card(&id, "person:U0BOB", &posted("1.1"), "a")
        .await
        .unwrap();
    db.store
        .put_card(&id, "channel:C0APPROVE", &posted("1.2"), "a")
        .await
        .unwrap();
    db.store
        .put_card(&id, "channel:C0APPROVE", &posted("1.3"), "b")
        .await
        .unwrap();
    let cards = db.store.cards(&id).await.unwrap();
    assert_eq!(cards.len(), 2);
    assert_eq!(cards[0].place, "channel:C0APPROVE");
    assert_eq!(
        (&cards[0].posted, cards[0].digest.as_str()),
        (&posted("1.3"), "b")
    );
    db.store
        .remove_card(&id, "channel:C0APPROVE")
        .await
        .unwrap();
    assert_eq!(db.store.cards(&id).await.unwrap()[0].place, "person:U0BOB");
}

async fn the_last_configuration_is_the_one_loaded_last(db: Fresh) {
    for (digest, number) in [("aa", 1), ("bb", 2), ("aa", 3)] {
        let authority = serde_json::json!({ "db-admin": ["group:backend"], "number": number });
        db.store
            .archive_configuration(digest, "version = 1\n", &authority, at(number))
            .await
            .unwrap();
        let last = db.store.last_configuration().await.unwrap().unwrap();
        assert_eq!(
            (last.digest.as_str(), last.loaded_at, last.text.as_str()),
            (digest, at(number), "version = 1\n")
        );
        assert_eq!(last.authority, authority);
    }
}

/// No statement of ours changes or removes an event.
#[test]
fn no_text_of_ours_touches_a_recorded_event() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let forbidden = regex::Regex::new(
        r"(?i)(update|delete\s+from|truncate(\s+table)?|replace\s+into|drop\s+table)\s+event\b",
    )
    .unwrap();
    let mut read = 0;
    let mut folders = vec![root.join("src"), root.join("migrations")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // Rust breaks its texts with a backslash at the end of a line.
            let text = std::fs::read_to_string(&path).unwrap().replace('\\', " ");
            read += 1;
            let found = forbidden.find(&text).map(|found| found.as_str());
            assert_eq!(found, None, "in {}", path.display());
        }
    }
    assert!(read > 30, "only {read} files were read");
    assert!(
        forbidden.is_match("delete from  event where")
            && !forbidden.is_match("delete from event_personal")
    );
}
