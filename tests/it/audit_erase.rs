//! A person is erased: what names them is gone from rows and record, what happened stays, and the proof holds.

use hallpass::audit::export::Format;
use hallpass::domain::{Email, EventKind, ShortId, SlackId};
use hallpass::store::Store;

use crate::audit_export::{exported, proven, sealed};
use crate::support::world::World;
use crate::support::{Database, everywhere};

/// Everything that the store's tables hold, as one text.
async fn all_rows(store: &Store, requests: &[&str]) -> String {
    let mut all = String::new();
    for short in requests {
        let short = ShortId::parse(short).unwrap();
        let request = store.request_by_short(&short).await.unwrap().unwrap();
        all += &serde_json::to_string(&request).unwrap();
        all += &serde_json::to_string(&request.reviews).unwrap();
        if let Some(grant) = store.grant_by_short(&short).await.unwrap() {
            all += &serde_json::to_string(&grant).unwrap();
        }
        all += &serde_json::to_string(&store.holdings_of(&request.holder).await.unwrap()).unwrap();
    }
    all
}

async fn answer(world: &World, arguments: &[&str]) -> Result<String, String> {
    let done = world.hallpass(arguments).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if done.status.success() {
        Ok(text(&done.stdout))
    } else {
        Err(text(&done.stderr))
    }
}

/// Until the command is answered well.
async fn until_well(world: &World, arguments: &[&str]) -> String {
    let began = std::time::Instant::now();
    loop {
        match answer(world, arguments).await {
            Ok(said) => return said,
            Err(said) => assert!(began.elapsed() < crate::support::world::PATIENCE, "{said}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
async fn erased_on(database: Database) {
    let world = World::on(database).await;
    let bot = world.serve().await;
    let alices = world
        .asks("alice", "/prod-access db-admin 30m secret words of alice")
        .await;
    world.approves("bob", &alices).await;
    world.held("orders_admin").await;
    let ritas = world
        .asks("rita", "/prod-access logs node=web-3 30m words of rita")
        .await;
    world.held("logs/web-3").await;

    let erase = [
        "audit",
        "erase",
        "alice@example.com",
        "--reason",
        "asked by letter",
    ];
    let refused = answer(&world, &erase).await.unwrap_err();
    assert!(
        refused.contains(&alices.replace("R-", "G-")) && refused.contains("end or cancel"),
        "{refused}"
    );
    let grant = alices.replace("R-", "G-");
    answer(&world, &["revoke", &grant, "--reason", "alice leaves"])
        .await
        .unwrap();
    world.gone("orders_admin").await;

    let store = crate::store::open(&world.database_url()).await;
    let alice = store
        .person_by_account(&SlackId::parse("U0ALICE").unwrap())
        .await
        .unwrap()
        .unwrap()
        .id;
    let (before, _) = exported(&store, Format::Jsonl, None, None).await;
    let said = until_well(&world, &erase).await;
    assert!(
        said.contains(alice.as_str())
            && said.contains("in Slack")
            && said.contains("archived configurations"),
        "{said}"
    );
    sealed(&store).await;

    // The record says that it was done, by whom, of which events; and never what.
    let events = store.events_after(0, 999).await.unwrap();
    let told: Vec<_> = events
        .iter()
        .filter(|one| one.event.kind == EventKind::Erased)
        .collect();
    assert!(told.len() >= 2, "{told:?}");
    let facts = serde_json::to_string(&told.iter().map(|one| &one.event.facts).collect::<Vec<_>>())
        .unwrap();
    let asked = events
        .iter()
        .find(|one| one.event.kind == EventKind::Requested)
        .unwrap();
    assert!(
        facts.contains(asked.id.as_str()) && facts.contains(alice.as_str()),
        "{facts}"
    );
    assert!(told.iter().all(|one| {
        serde_json::to_string(&one.event.actor)
            .unwrap()
            .contains("cli:tester@")
    }));

    // Whoever doubts sees what was erased, by whom and for whom; from a file, too.
    let file = world.dir.path().join("record.jsonl").display().to_string();
    answer(&world, &["audit", "export", "--out", &file])
        .await
        .unwrap();
    for arguments in [vec!["audit", "verify"], vec!["audit", "verify", &file]] {
        let said = answer(&world, &arguments).await.unwrap();
        let listed = said.split_once("Erased on record:").unwrap().1;
        assert!(
            listed.contains(&format!("for the person {alice}, by cli:tester@")),
            "{said}"
        );
    }

    // The proof holds as before, with fewer fields left.
    let (after, _) = exported(&store, Format::Jsonl, None, None).await;
    let (records, committed, left) = proven(&after);
    assert!(left < committed && records > proven(&before).0);
    let rows = all_rows(&store, &[&alices, &ritas]).await;
    for secret in [
        "secret words of alice",
        "alice leaves",
        "alice@example.com",
        "U0ALICE\"",
        "\"alice\"",
    ] {
        assert!(
            !after.contains(secret) && !facts.contains(secret),
            "{secret} is in the record"
        );
        assert!(
            !rows.contains(secret) || secret == "U0ALICE\"",
            "{secret} is in a row: {rows}"
        );
    }
    // Others keep theirs.
    assert!(after.contains("words of rita") && rows.contains("words of rita"));
    let person = store.person(&alice).await.unwrap().unwrap();
    assert!(person.email.is_none() && person.accounts.is_empty() && person.name == "(erased)");
    assert!(
        store
            .person_by_email(&Email::parse("alice@example.com").unwrap())
            .await
            .unwrap()
            .is_none()
    );

    // Who is gone can't be named any more; who comes back is somebody new.
    let unknown = answer(&world, &erase).await.unwrap_err();
    assert!(unknown.contains("Nobody on record"), "{unknown}");
    let again = world
        .asks("alice", "/prod-access db-admin 30m back again")
        .await;
    world.approves("bob", &again).await;
    let newcomer = store
        .person_by_account(&SlackId::parse("U0ALICE").unwrap())
        .await
        .unwrap()
        .unwrap()
        .id;
    assert_ne!(newcomer, alice);
    world
        .gate
        .until("the newcomer has access", |gate| {
            (!gate.holders("orders_admin").is_empty()).then_some(())
        })
        .await;
    store.close().await;
    bot.stops().await;
}

#[tokio::test]
async fn a_person_is_erased_and_the_proof_holds_sqlite() {
    erased_on(Database::Sqlite).await;
}

#[tokio::test]
async fn a_person_is_erased_and_the_proof_holds_postgres() {
    erased_on(Database::Postgres).await;
}

#[tokio::test]
async fn what_was_erased_is_still_shown() {
    everywhere(async |bot| {
        let request = bot
            .asks("rita", "/prod-access db-admin 30m words of rita")
            .await;
        bot.denies("bob", &request).await;
        let rita = bot.row(&request).await.holder;
        let (person, erased) = bot
            .app
            .erase_person("U0RITA", "asked", "cli:me@here")
            .await
            .unwrap();
        assert_eq!(person, rita);
        assert_eq!((erased.requests, erased.left), (1, 0));
        assert!(erased.fields >= 2 && erased.events >= 1, "{erased:?}");
        let row = bot.row(&request).await;
        assert_eq!(row.reason, "(erased)");
        // Cards that are rendered again, and lists, do without the words.
        let shown = bot
            .says("bob", &format!("/prod-access status {}", request.short))
            .await;
        assert!(!shown.contains("words of rita"), "{shown}");
        let wrong = bot
            .app
            .erase_person("U0RITA", "asked", "cli:me@here")
            .await
            .unwrap_err();
        assert!(wrong.contains("Nobody on record"), "{wrong}");
        let wrong = bot
            .app
            .erase_person("bob@example.com", "  ", "cli:me@here")
            .await
            .unwrap_err();
        assert!(wrong.contains("A reason is needed"), "{wrong}");
    })
    .await;
}
