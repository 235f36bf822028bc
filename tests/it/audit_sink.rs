//! The write-once sink over a bucket that AWS's rules hold: what stands there is never overwritten nor taken back, and a
//! record that was changed, cut or restored is found by it.

use hallpass::audit::chain::{GENESIS, event_digest, link};
use hallpass::audit::checkpoint::{Checkpoint, CheckpointKey, Sink};
use hallpass::audit::sink::{Bucket, S3};
use hallpass::audit::verify::{Against, verify_database};
use hallpass::domain::{Change, Time};
use hallpass::store::Seal;
use secrecy::{SecretBox, SecretString};
use url::Url;

use crate::audit_export::sealed;
use crate::audit_restored::{answer, copied, ready, serves_all, serves_revocations};
use crate::store::Fresh;
use crate::support::bot::Setting;
use crate::support::moto::{self, Moto};
use crate::support::workplace::SECURITY;
use crate::support::world::World;
use crate::support::{Database, TestBot, minutes};

/// The variables that [`section`] names.
const KEYS: [(&str, &str); 2] = [
    ("AUDIT_KEY", "tester"),
    ("AUDIT_SECRET", "secret-of-tester"),
];

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

/// `[audit.s3]`, before the section that follows it.
fn section(moto: &Moto) -> String {
    let endpoint = moto.endpoint();
    format!(
        "[audit.s3]\nbucket = \"anchors\"\nprefix = \"acme/prod\"\nregion = \"us-east-1\"\nendpoint = \"{endpoint}\"\n\
         access_key_env = \"AUDIT_KEY\"\nsecret_key_env = \"AUDIT_SECRET\"\n\n[people]"
    )
}

/// A bucket that locks, and a world whose checkpoints go there.
async fn world_with_bucket() -> (Moto, World) {
    let moto = Moto::start();
    moto.bucket(&["make", "anchors", "locked"]).unwrap();
    let mut world = World::new().await;
    let file = world.dir.path().join("hallpass.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("[people]", &section(&moto), 1)).unwrap();
    for (name, value) in KEYS {
        world.variables.push((name, value.into()));
    }
    (moto, world)
}

/// A bot whose checkpoints go to the bucket; then the sink holds its record against the store.
async fn served(database: Database) {
    let moto = Moto::start();
    moto.bucket(&["make", "anchors", "locked"]).unwrap();
    let section = section(&moto);
    let setting = Setting {
        database,
        edit: Box::new(move |text| text.replacen("[people]", &section, 1)),
        variables: KEYS
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
                let kept = sink.checkpoints().await.unwrap();
                if !kept.is_empty() {
                    return kept;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };
        let limit = std::time::Duration::from_secs(40);
        let kept = tokio::time::timeout(limit, held)
            .await
            .expect("a checkpoint in time");
        let against = || Against {
            anchored: kept.clone(),
            ..Against::default()
        };
        let whole = verify_database(&bot.store, against())
            .await
            .unwrap()
            .unwrap();
        let newest = kept.last().unwrap();
        assert_eq!(whole.anchored.unwrap().sequence, newest.sequence);

        // A record that is older than what was anchored: an empty one is the oldest.
        let restored = Fresh::sqlite().await;
        let found = verify_database(&restored.store, against()).await.unwrap();
        let why = found.unwrap_err().to_string();
        assert!(why.contains(&newest.sequence.to_string()), "{why}");
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
    let moto = Moto::start();
    moto.bucket(&["make", "anchors", "locked"]).unwrap();
    let sink = S3::new(&bucket(&moto, "anchors")).unwrap();
    let record = async |number| {
        let db = Fresh::sqlite().await;
        let change = Change::default().event(crate::audit_retention::event(number));
        db.store.apply_one(change).await.unwrap();
        let (id, body): (String, String) = db.read_one("select id, body from event").await;
        let hash = hex::encode(link(&GENESIS, &event_digest(body.as_bytes())));
        let seal = Seal {
            sequence: 1,
            event: id,
            hash: hash.clone(),
        };
        db.store.seal(None, &[seal]).await.unwrap();
        (db, hash)
    };
    let (real, hash) = record(1).await;
    sink.put(&signed(1, &hash)).await.unwrap();
    let anchored = sink.checkpoints().await.unwrap();
    let against = || Against {
        anchored: anchored.clone(),
        ..Against::default()
    };
    assert!(
        verify_database(&real.store, against())
            .await
            .unwrap()
            .is_ok()
    );
    // Whoever owns the database writes another past, chained as well as the first.
    let (forged, _) = record(2).await;
    assert!(
        verify_database(&forged.store, Against::default())
            .await
            .unwrap()
            .is_ok()
    );
    let found = verify_database(&forged.store, against()).await.unwrap();
    let why = found.unwrap_err().to_string();
    assert!(why.contains("record 1"), "{why}");
}

/// `--sink` reads the bucket of the configuration.
#[tokio::test]
async fn verify_holds_the_record_against_the_bucket() {
    let (moto, world) = world_with_bucket().await;
    let bot = world.serve().await;
    world
        .asks("alice", "/prod-access logs node=web-3 30m a look")
        .await;
    world.held("logs/web-3").await;
    // What is left is sealed and anchored at the stop.
    let (_, well) = bot.stops().await;
    assert!(well);
    let arguments = ["audit", "verify", "--sink"];
    let done = world.hallpass(&arguments).output().await.unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        done.status.success() && said.contains("anchored until record"),
        "{said} {done:?}"
    );

    // Somebody forges a checkpoint further on.
    let forged = signed(999, &"ab".repeat(32)).line();
    let place = "acme/prod/checkpoints/00000000000000000999.json";
    moto.bucket(&["put", "anchors", place, &forged]).unwrap();
    let done = world.hallpass(&arguments).output().await.unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("isn't whole"), "{said}");
}

#[tokio::test]
async fn the_newest_is_found_without_reading_all() {
    let moto = Moto::start();
    moto.bucket(&["make", "anchors", "locked"]).unwrap();
    let sink = S3::new(&bucket(&moto, "anchors")).unwrap();
    let key = signed(1, "").key;
    let newest = async |head| {
        let found = sink.newest(head, &key).await.unwrap();
        found.map(|found| found.sequence)
    };
    assert_eq!(newest(0).await, None);
    assert_eq!(newest(90_000).await, None);
    for sequence in [3, 700, 5_000, 40_000] {
        sink.put(&signed(sequence, &"ab".repeat(32))).await.unwrap();
    }
    for head in [0, 4_000, 39_999, 40_000, 41_000, 900_000] {
        assert_eq!(newest(head).await, Some(40_000), "{head}");
    }
    // Neither another key's, nor a forgery, nor rubbish speaks for ours.
    let other = CheckpointKey::derive(&SecretBox::new(Box::new([8; 32])));
    let others = other.sign(50_000, &"ab".repeat(32), signed(1, "").at);
    sink.put(&others).await.unwrap();
    let mut forged = signed(50_001, &"ab".repeat(32));
    forged.hash = "cd".repeat(32);
    sink.put(&forged).await.unwrap();
    let place = "acme/prod/checkpoints/00000000000000050002.json";
    moto.bucket(&["put", "anchors", place, "rubbish"]).unwrap();
    for head in [4_000, 40_000, 60_000] {
        let found = sink.newest(head, other.public()).await.unwrap();
        assert_eq!(found.map(|found| found.sequence), Some(50_000));
    }
    assert_eq!(newest(45_000).await, Some(40_000));
}

/// A container begins with an empty state folder: no anchor file.
fn is_a_new_container(world: &World) {
    std::fs::remove_dir_all(world.dir.path().join("state")).unwrap();
}

/// What the bucket keeps stands in for the anchor file.
#[tokio::test]
async fn a_restored_backup_is_found_by_the_bucket_where_the_anchor_file_is_new() {
    let (_moto, world) = world_with_bucket().await;
    let backup = tempfile::tempdir().unwrap();

    let bot = world.serve().await;
    let granted = world
        .asks("alice", "/prod-access db-admin 1h orders are stuck")
        .await;
    world.approves("bob", &granted).await;
    world.held("orders_admin").await;
    assert!(bot.stops().await.1);
    copied(&world, world.dir.path(), backup.path());

    // Over the same record nothing is wrong.
    is_a_new_container(&world);
    let bot = serves_all(&world).await;
    world
        .asks("rita", "/prod-access logs node=web-1 30m why is it slow")
        .await;
    world.held("logs/web-1").await;
    assert!(bot.stops().await.1);

    copied(&world, backup.path(), world.dir.path());
    is_a_new_container(&world);
    let bot = serves_revocations(&world).await;
    let said = ready(&bot).await;
    assert!(said.contains(r#""record":{"ok":false"#), "{said}");
    answer(&world, "alice", "/prod-access drop").await;
    world.gone("orders_admin").await;
    assert!(bot.stops().await.1);

    // Its anchor file, which is older than what the bucket keeps, changes nothing.
    let bot = serves_revocations(&world).await;
    assert!(bot.stops().await.1);

    // Who accepted it did so after what the bucket keeps.
    let bot = world.serve_with(&["serve", "--accept-restored"]).await;
    bot.says("give \\[audit.s3\\] another prefix").await;
    assert!(bot.stops().await.1);
    let bot = serves_all(&world).await;
    assert!(bot.stops().await.1);
}

/// It keeps nothing from starting; that nothing was compared is told, in Hallpass' own words.
#[tokio::test]
async fn a_bucket_that_is_away_at_a_start_is_told() {
    let (moto, world) = world_with_bucket().await;
    let bot = world.serve().await;
    assert!(bot.stops().await.1);
    drop(moto);
    is_a_new_container(&world);
    let bot = world.serve().await;
    bot.says("the record wasn't compared with the bucket").await;
    let heard = world.slack.until("the security channel hears", |slack| {
        let said = slack.messages(SECURITY).into_iter();
        let mut said = said.map(|message| message.plain());
        said.find(|said| said.contains("whether an old backup was restored"))
    });
    let heard = heard.await.unwrap();
    assert!(heard.contains("the log says why"), "{heard}");
    assert!(!heard.contains("127.0.0.1"), "{heard}");
    assert!(bot.stops().await.1);
}
