//! An old backup is put back: its record is older than its anchor. What ends access goes on, nothing is granted, until an
//! operator has looked. And the anchor file itself.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hallpass::audit::Broken;
use hallpass::audit::anchor::Anchor;
use hallpass::audit::checkpoint::Sink;
use hallpass::config::Config;
use hallpass::domain::effect::Subject;
use hallpass::domain::{EffectKind, EventKind};
use hallpass::wiring;

use crate::store::{Fresh, open};
use crate::support::proof::{Proof, happened, key, until};
use crate::support::workplace::{self, GENERAL, SECURITY};
use crate::support::world::{Bot, World};
use crate::support::{everywhere, minutes};

const DATABASE: [&str; 3] = ["hallpass.db", "hallpass.db-wal", "hallpass.db-shm"];

pub(crate) fn copied(world: &World, from: &Path, to: &Path) {
    for name in DATABASE {
        let _ = std::fs::remove_file(to.join(name));
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
    assert!(world.dir.path().join("hallpass.db").exists());
}

pub(crate) async fn answer(world: &World, person: &str, text: &str) -> String {
    let outcome = world.slack.type_command(person, GENERAL, text).await;
    outcome
        .text()
        .unwrap_or_else(|| panic!("{text}: {outcome:?}"))
}

async fn served_by(bot: &Bot, path: &str) -> (u16, String) {
    let address = bot.says(r"serving address=(\S+)").await;
    let answer = reqwest::get(format!("http://{address}{path}"))
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// What `/readyz` says once the worker has gone round.
pub(crate) async fn ready(bot: &Bot) -> String {
    until("it is ready", async || {
        served_by(bot, "/readyz").await.0 == 200
    })
    .await;
    served_by(bot, "/readyz").await.1
}

/// A start after which everything is carried out: nothing is wrong with the record.
pub(crate) async fn serves_all(world: &World) -> Bot {
    let bot = world.serve().await;
    let said = ready(&bot).await;
    assert!(said.contains(r#""record":{"ok":true}"#), "{said}");
    bot
}

/// A start that finds the record older than what was anchored of it.
pub(crate) async fn serves_revocations(world: &World) -> Bot {
    let bot = world.serve().await;
    bot.says("only revocations are carried out").await;
    bot
}

async fn verify(world: &World) -> (bool, String) {
    audited(world, &["audit", "verify"]).await
}

pub(crate) async fn audited(world: &World, arguments: &[&str]) -> (bool, String) {
    let output = world.hallpass(arguments).output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
async fn over_a_restored_backup_only_revocations_are_carried_out() {
    let world = World::new().await;
    let backup = tempfile::tempdir().unwrap();

    let bot = world.serve().await;
    let granted = world
        .asks("alice", "/prod-access db-admin 1h orders are stuck")
        .await;
    world.approves("bob", &granted).await;
    world.held("orders_admin").await;
    let waiting = world
        .asks("rita", "/prod-access two-keys 1h looking into it")
        .await;
    world.card(&waiting).await;
    let (took, well) = bot.stops().await;
    assert!(well, "it stopped after {took:?}");
    copied(&world, world.dir.path(), backup.path());
    let (whole, said) = verify(&world).await;
    assert!(whole, "{said}");
    let out = world.dir.path().join("record.jsonl").display().to_string();
    let (exported, said) = audited(&world, &["audit", "export", "--out", &out]).await;
    assert!(exported, "{said}");
    let (whole, said) = audited(&world, &["audit", "verify", &out]).await;
    assert!(whole && said.contains("pin it with --key"), "{said}");

    let bot = serves_all(&world).await;
    world
        .asks("rita", "/prod-access logs node=web-1 30m why is it slow")
        .await;
    assert!(bot.stops().await.1);
    copied(&world, backup.path(), world.dir.path());

    let bot = serves_revocations(&world).await;
    // In service: revocations need it.
    let said = ready(&bot).await;
    assert!(
        said.contains(r#""record":{"ok":false,"why":"Only revocations"#),
        "{said}"
    );
    let heard = world.slack.until("the security channel hears", |slack| {
        let said = slack.messages(SECURITY);
        let restored =
            |message: &slack_sandbox::Message| message.plain().contains("--accept-restored");
        said.iter().any(restored).then_some(())
    });
    heard.await.unwrap();
    let (_, metrics) = served_by(&bot, "/metrics").await;
    assert!(metrics.contains("hallpass_revoke_only 1"), "{metrics}");
    for (person, text) in [
        ("rita", "/prod-access db-admin 1h orders are stuck"),
        ("rita", "/prod-access logs node=web-1 30m why is it slow"),
        (
            "carol",
            "/prod-access break-glass db-admin 1h INC-42 orders are stuck",
        ),
    ] {
        let said = answer(&world, person, text).await;
        assert!(
            said.contains("Nothing is granted just now."),
            "{text}: {said}"
        );
        assert!(said.contains("--accept-restored"), "{text}: {said}");
    }
    let said = answer(&world, "alice", "/prod-access drop").await;
    assert!(!said.contains("Nothing is granted"), "{said}");
    world.gone("orders_admin").await;
    let (whole, said) = verify(&world).await;
    assert!(
        !whole && said.contains("the record isn't whole: record "),
        "{said}"
    );
    assert!(bot.stops().await.1);

    // It stays so over a restart, until an operator says so.
    let bot = serves_revocations(&world).await;
    assert!(bot.stops().await.1);
    let bot = world.serve_with(&["serve", "--accept-restored"]).await;
    bot.says("the record was accepted as it is").await;
    let again = world
        .asks("rita", "/prod-access db-admin 1h orders are stuck")
        .await;
    world.approves("bob", &again).await;
    assert!(bot.stops().await.1);
    let bot = serves_all(&world).await;
    assert!(bot.stops().await.1);
    let (whole, said) = verify(&world).await;
    assert!(whole, "{said}");

    let url = format!(
        "sqlite://{}",
        world.dir.path().join("hallpass.db").display()
    );
    let store = open(&url).await;
    let events = store.events_after(0, 10_000).await.unwrap();
    let count = |kind| {
        events
            .iter()
            .filter(|event| event.event.kind == kind)
            .count()
    };
    assert_eq!(count(EventKind::Restored), 2, "told at each start");
    assert_eq!(count(EventKind::RestoreAccepted), 1);
    store.close().await;
}

#[tokio::test]
async fn an_anchor_is_private_survives_a_torn_line_and_never_goes_back() {
    let db = Fresh::sqlite().await;
    let proof = Proof::of_events(&db.store, 3).await;
    let anchor = proof.anchor();
    let mode = std::fs::metadata(proof.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        anchor.differs(&db.store, key(7).public()).await.unwrap(),
        None
    );

    // Killed while it wrote.
    let mut text = std::fs::read_to_string(proof.path()).unwrap();
    text.push_str("{\"checkpoint\":{\"seq");
    std::fs::write(proof.path(), &text).unwrap();
    assert_eq!(anchor.newest(key(7).public()).unwrap().unwrap().sequence, 3);
    let (_, hash) = db.store.head().await.unwrap().unwrap();
    let beyond = key(7).sign(5, &hash, proof.now());
    anchor.put(&beyond).await.unwrap();
    assert_eq!(
        anchor.newest(key(7).public()).unwrap(),
        Some(beyond.clone())
    );
    // Neither an older one nor the same again is written.
    let before = std::fs::read(proof.path()).unwrap();
    anchor
        .put(&key(7).sign(4, &hash, proof.now()))
        .await
        .unwrap();
    anchor.put(&beyond).await.unwrap();
    assert_eq!(std::fs::read(proof.path()).unwrap(), before);

    let broken = anchor
        .differs(&db.store, key(7).public())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((broken.anchored, broken.found), (5, 3));
    // Lines of another key say nothing.
    assert_eq!(
        anchor.differs(&db.store, key(8).public()).await.unwrap(),
        None
    );
    anchor
        .start_over(&db.store, &key(7), "cli:me@here", proof.now())
        .await
        .unwrap();
    assert_eq!(
        anchor.differs(&db.store, key(7).public()).await.unwrap(),
        None
    );
    assert_eq!(anchor.lines().unwrap().len(), 1);
    assert!(
        std::fs::read_to_string(proof.path())
            .unwrap()
            .contains("cli:me@here")
    );
}

/// Fault 16: an old backup was put back.
#[tokio::test]
async fn an_anchor_that_is_ahead_of_its_record_differs() {
    let db = Fresh::sqlite().await;
    let proof = Proof::of_events(&db.store, 3).await;
    let (_, hash) = db.store.head().await.unwrap().unwrap();
    let beyond = key(7).sign(9, &hash, proof.now());
    proof.anchor().put(&beyond).await.unwrap();
    let differs = proof.anchor();
    let differs = differs.differs(&db.store, key(7).public()).await.unwrap();
    let (anchored, found) = (9, 3);
    assert_eq!(differs, Some(Broken { anchored, found }));
}

#[tokio::test]
async fn an_anchor_of_an_edited_record_differs() {
    let db = Fresh::sqlite().await;
    let proof = Proof::of_events(&db.store, 3).await;
    crate::audit_chain::unlock(&db).await;
    db.execute("update seal set hash = 'ff' where sequence = 3")
        .await;
    let broken = proof
        .anchor()
        .differs(&db.store, key(7).public())
        .await
        .unwrap();
    assert!(broken.is_some());
}

#[tokio::test]
async fn an_anchor_that_several_processes_write_stays_short() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/anchor.jsonl");
    let writers = (0..4).map(|writer| {
        let anchor = Anchor::at(&path);
        tokio::spawn(async move {
            for number in 0..50 {
                let sequence = number * 4 + writer + 1;
                let one = key(7).sign(sequence, &"ab".repeat(32), crate::store::at(0));
                anchor.put(&one).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let anchor = Anchor::at(&path);
    let lines = anchor.lines().unwrap();
    assert!(lines.is_sorted_by(|one, next| one.sequence < next.sequence));
    assert_eq!(lines.last().unwrap().sequence, 200);

    // Grown long, it is cut to its newest lines.
    let line = std::fs::read_to_string(&path).unwrap();
    let line = line.lines().next().unwrap();
    std::fs::write(&path, format!("{line}\n").repeat(20_000)).unwrap();
    let newest = key(7).sign(300, &"ab".repeat(32), crate::store::at(0));
    anchor.put(&newest).await.unwrap();
    let lines = anchor.lines().unwrap();
    assert_eq!(lines.len(), 10_000);
    assert_eq!(lines.last(), Some(&newest));
}

/// The state of a database that was put back while the bot ran on it: what comes after isn't signed over it.
#[tokio::test]
async fn events_go_on_being_sealed_after_a_new_start() {
    let db = Fresh::sqlite().await;
    let proof = Proof::of_events(&db.store, 3).await;
    let (_, hash) = db.store.head().await.unwrap().unwrap();
    let beyond = key(7).sign(9, &hash, proof.now());
    proof.anchor().put(&beyond).await.unwrap();
    let anchor = proof.anchor();
    anchor
        .start_over(&db.store, &key(7), "cli:me@here", proof.now())
        .await
        .unwrap();
    db.store.apply_one(happened(4)).await.unwrap();
    proof.advance(20);
    let sealing = proof.seal(&db.store);
    proof.is_anchored(&db.store).await;
    sealing.ends().await;
    let verified = proof.verify(&db.store).await.unwrap();
    assert_eq!(verified.anchored.map(|anchor| anchor.sequence), Some(4));
}

/// Every morning at nine by `[access] time_zone`, and once a morning.
#[tokio::test]
async fn the_newest_checkpoint_is_told_every_morning() {
    everywhere(async |bot| {
        bot.asks("alice", "/prod-access logs node=web-1 30m why is it slow")
            .await;
        until("a checkpoint", async || {
            bot.store.newest_checkpoint().await.unwrap().is_some()
        })
        .await;
        let told = || {
            bot.said_in(SECURITY)
                .matches("Checkpoint of the record")
                .count()
        };
        let before = told();
        for morning in 1..=2 {
            bot.clock.advance(minutes(24 * 60));
            bot.settle().await;
            assert_eq!(told() - before, morning, "{}", bot.said_in(SECURITY));
        }
        let kind = EffectKind::TellCheckpoint;
        assert!(bot.store.has_effect(&Subject::Ledger, &kind).await.unwrap());
    })
    .await;
}

#[test]
fn the_anchor_stands_apart_from_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    let database = format!("sqlite://{place}/hallpass.db");
    let config = |more: &str| {
        let text = workplace::configuration("http://127.0.0.1:1/") + more;
        let file = folder.path().join("hallpass.toml");
        std::fs::write(&file, text).unwrap();
        let nothing: BTreeMap<String, String> = BTreeMap::new();
        Config::load(&file, &nothing).map(|loaded| loaded.config)
    };
    let env = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let plain = config("").unwrap();
    let key = "0123456789abcdef0123";
    for (variables, path) in [
        (
            env("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"),
            "/var/lib/a/anchor-0123456789abcdef.jsonl",
        ),
        (
            env("XDG_STATE_HOME", "/x"),
            "/x/hallpass/anchor-0123456789abcdef.jsonl",
        ),
        (
            env("HOME", "/h"),
            "/h/.local/state/hallpass/anchor-0123456789abcdef.jsonl",
        ),
    ] {
        let anchor = wiring::anchor(&plain, &variables, key).unwrap();
        assert_eq!(anchor.path(), Path::new(path));
        assert_eq!(wiring::anchor_problem(&plain, &variables, &database), None);
    }
    let nowhere = wiring::anchor(&plain, &env("HOME", "not/absolute"), key).unwrap_err();
    assert!(
        nowhere.to_string().contains("set `anchor` in [audit]"),
        "{nowhere}"
    );

    let beside = config(&format!("[audit]\nanchor = \"{place}/anchor.jsonl\"\n")).unwrap();
    let problem = wiring::anchor_problem(&beside, &env("HOME", "/h"), &database).unwrap();
    assert!(problem.contains("is in the database's folder"), "{problem}");
    let server = "postgres://h@db/hallpass";
    assert_eq!(
        wiring::anchor_problem(&beside, &env("HOME", "/h"), server),
        None
    );
    let wrong = config("[audit]\nanchor = \"anchor.jsonl\"\n").unwrap_err();
    assert!(
        wrong.to_string().contains("isn't an absolute path"),
        "{wrong}"
    );
}
