//! The write-once sink over a bucket that AWS's rules hold: what stands there is never overwritten nor taken back, and a
//! record that was changed, cut or restored is found by it.

use hallpass::audit::checkpoint::{Checkpoint, CheckpointKey, Sink};
use hallpass::audit::sink::{Bucket, Disagreement, S3};
use hallpass::domain::Time;
use secrecy::{SecretBox, SecretString};
use url::Url;

use crate::audit_export::sealed;
use crate::store::Fresh;
use crate::support::bot::Setting;
use crate::support::moto::{self, Moto};
use crate::support::{Database, TestBot, minutes};

fn bucket(moto: &Moto, name: &str) -> Bucket {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Bucket {
        name: name.into(),
        region: Some("us-east-1".into()),
        endpoint: Some(Url::parse(moto.endpoint()).unwrap()),
        prefix: "acme/prod".into(),
        keys: Some((
            SecretString::from("tester"),
            SecretString::from("secret-of-tester"),
        )),
    }
}

fn signed(sequence: u64, hash: &str) -> Checkpoint {
    let key = CheckpointKey::derive(&SecretBox::new(Box::new([7; 32])));
    key.sign(
        sequence,
        hash,
        Time::from_timestamp(1_795_240_800, 0).unwrap(),
    )
}

fn keys(moto: &Moto, name: &str) -> Vec<(String, String)> {
    let objects = moto.bucket(&["objects", name]).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let objects = objects.as_array().unwrap().iter();
    objects
        .map(|one| (text(&one["key"]), text(&one["version"])))
        .collect()
}

#[tokio::test]
async fn a_checkpoint_is_put_once_and_stays() {
    let moto = Moto::start();
    moto.bucket(&["make", "anchors", "locked"]).unwrap();
    let sink = S3::new(&bucket(&moto, "anchors")).unwrap();
    assert_eq!(sink.name(), "s3://anchors/acme/prod");
    let first = signed(3, &"ab".repeat(32));
    sink.put(&first).await.unwrap();
    // After a restart, or by another replica, at another time: done.
    sink.put(&first).await.unwrap();
    let another = signed(3, &"cd".repeat(32));
    let refused = sink.put(&another).await.unwrap_err().to_string();
    assert!(
        refused.contains("another checkpoint of record 3"),
        "{refused}"
    );
    let stands = keys(&moto, "anchors");
    let [(key, version)] = stands.as_slice() else {
        panic!("{stands:?}")
    };
    assert_eq!(key, "acme/prod/checkpoints/00000000000000000003.json");
    // Not even the bucket's owner takes it back before its time.
    let refused = moto
        .bucket(&["remove", "anchors", key, version])
        .unwrap_err();
    assert_eq!(refused, "AccessDenied");

    let said = sink.check().await.unwrap();
    assert!(said.contains("locks them (COMPLIANCE"), "{said}");
    assert_eq!(
        sink.check().await.unwrap(),
        said,
        "a second look changes nothing"
    );
}

#[tokio::test]
async fn what_cannot_be_used_is_said_in_a_sentence() {
    let moto = Moto::start();
    moto.bucket(&["make", "plain", "open"]).unwrap();
    let open = S3::new(&bucket(&moto, "plain")).unwrap();
    let said = open.check().await.unwrap();
    assert!(said.contains("nothing says that it locks them"), "{said}");
    let nowhere = S3::new(&bucket(&moto, "nowhere")).unwrap();
    for error in [
        nowhere.put(&signed(1, &"ab".repeat(32))).await.unwrap_err(),
        nowhere.check().await.unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("there is no such bucket"),
            "{error}"
        );
        assert!(!error.to_string().contains("secret-of-tester"));
    }
}

#[test]
fn without_moto_the_tests_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let missing = moto::program(folder.path()).unwrap_err();
    assert!(missing.contains("scripts/test-needs.sh"), "{missing}");
}

/// A bot whose checkpoints go to the bucket; then the sink holds its record against the store.
async fn served(database: Database) {
    let moto = Moto::start();
    moto.bucket(&["make", "anchors", "locked"]).unwrap();
    let endpoint = moto.endpoint().to_owned();
    let section = format!(
        "[audit.s3]\nbucket = \"anchors\"\nprefix = \"acme/prod\"\nregion = \"us-east-1\"\nendpoint = \"{endpoint}\"\n\
         access_key_env = \"AUDIT_KEY\"\nsecret_key_env = \"AUDIT_SECRET\"\n\n[people]"
    );
    let setting = Setting {
        database,
        edit: Box::new(move |text| text.replacen("[people]", &section, 1)),
        variables: [
            ("AUDIT_KEY", "tester"),
            ("AUDIT_SECRET", "secret-of-tester"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
        ..Setting::default()
    };
    TestBot::in_setting(setting, async |bot| {
        bot.asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.clock.advance(minutes(2));
        bot.settle().await;
        sealed(&bot.store).await;
        let sink = S3::new(&bucket(&moto, "anchors")).unwrap();
        let held = async {
            loop {
                let compared = sink.compare(&bot.store).await.unwrap();
                if compared.checkpoints > 0 {
                    return compared;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };
        let limit = std::time::Duration::from_secs(40);
        let compared = tokio::time::timeout(limit, held)
            .await
            .expect("a checkpoint in time");
        assert!(compared.newest <= bot.store.head().await.unwrap().map(|(head, _)| head));

        // A record that is older than what was anchored: an empty one is the oldest.
        let restored = Fresh::sqlite().await;
        let found = sink.compare(&restored.store).await.unwrap_err();
        assert!(
            matches!(&found, Disagreement::Differs(why) if why.contains("it is gone")),
            "{found}"
        );
    })
    .await;
}

#[tokio::test]
async fn the_bot_hands_its_checkpoints_over_sqlite() {
    served(Database::Sqlite).await;
}

#[tokio::test]
async fn the_bot_hands_its_checkpoints_over_postgres() {
    served(Database::Postgres).await;
}

#[tokio::test]
async fn a_record_that_was_written_anew_is_found() {
    use hallpass::store::Seal;
    let moto = Moto::start();
    moto.bucket(&["make", "anchors", "locked"]).unwrap();
    let sink = S3::new(&bucket(&moto, "anchors")).unwrap();
    let db = Fresh::sqlite().await;
    let events = [1, 2].map(crate::audit_retention::event);
    let change = events.into_iter().fold(
        hallpass::domain::Change::default(),
        hallpass::domain::Change::event,
    );
    db.store.apply_one(change).await.unwrap();
    let ids: Vec<String> = db
        .store
        .events_after(0, 9)
        .await
        .unwrap()
        .into_iter()
        .map(|one| one.id.to_string())
        .collect();
    let seal = |sequence: u64, event: &str, hash: String| Seal {
        sequence,
        event: event.into(),
        hash,
    };
    db.store
        .seal(None, &[seal(1, &ids[0], "ab".repeat(32))])
        .await
        .unwrap();
    sink.put(&signed(1, &"ab".repeat(32))).await.unwrap();
    assert_eq!(sink.compare(&db.store).await.unwrap().checkpoints, 1);
    let rewritten = Fresh::sqlite().await;
    let change = hallpass::domain::Change::default().event(crate::audit_retention::event(1));
    rewritten.store.apply_one(change).await.unwrap();
    let id = rewritten.store.events_after(0, 9).await.unwrap()[0]
        .id
        .to_string();
    rewritten
        .store
        .seal(None, &[seal(1, &id, "cd".repeat(32))])
        .await
        .unwrap();
    let found = sink
        .compare(&rewritten.store)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        found.contains("record 1") && found.contains("was changed"),
        "{found}"
    );
}
