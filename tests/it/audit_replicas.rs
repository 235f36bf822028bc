//! An old backup is put back under two replicas on one `PostgreSQL`, each with an anchor of its own: each finds out, each
//! stops giving, and each has to be told by an operator that the record is taken as it is.

use hallpass::audit::anchor::Anchor;
use hallpass::domain::EventKind;
use slack_sandbox::RequestUrls;

use crate::audit_restored::{answer, audited, ready};
use crate::store::open;
use crate::support::Database;
use crate::support::postgres::Postgres;
use crate::support::proof::until;
use crate::support::workplace::SECURITY;
use crate::support::world::{Bot, World};

/// One of them, told something more.
async fn starts(world: &World, name: &str, more: &[&str]) -> Bot {
    let arguments = [&["serve"], more].concat();
    let mut command = world.hallpass(&arguments);
    command.env("STATE_DIRECTORY", world.dir.path().join(name));
    let bot = World::watched(command);
    bot.says(r"serving address=(\S+)").await;
    bot
}

/// Slack speaks to this one from here on.
async fn answers(world: &World, bot: &Bot) {
    let address = bot.says(r"serving address=(\S+)").await;
    let urls = RequestUrls::under(&format!("http://{address}"));
    world.slack.set_request_urls(urls);
}

async fn both(world: &World) -> (Bot, Bot) {
    let one = starts(world, "one", &[]).await;
    let other = starts(world, "other", &[]).await;
    answers(world, &one).await;
    (one, other)
}

async fn stop((one, other): (Bot, Bot)) {
    assert!(one.stops().await.1);
    assert!(other.stops().await.1);
}

/// How far this replica's own anchor is.
fn anchored(world: &World, name: &str) -> u64 {
    let Ok(files) = std::fs::read_dir(world.dir.path().join(name)) else {
        return 0;
    };
    let lines = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .flat_map(|path| Anchor::at(path).lines().unwrap());
    lines.map(|line| line.sequence).max().unwrap_or(0)
}

/// Both anchors know all that was sealed so far.
async fn are_anchored(world: &World) -> u64 {
    let store = open(&world.database_url()).await;
    crate::audit_export::sealed(&store).await;
    let (head, _) = store.head().await.unwrap().unwrap();
    store.close().await;
    until("both anchors have it", async || {
        anchored(world, "one") >= head && anchored(world, "other") >= head
    })
    .await;
    head
}

async fn database(sql: impl Fn(&str) -> String, world: &World) {
    let url = world.database_url();
    let name = url.rsplit('/').next().unwrap();
    Postgres::shared().await.execute(&sql(name)).await;
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
async fn each_replica_finds_a_restored_backup_and_is_told_by_an_operator() {
    let world = World::on(Database::Postgres).await;
    let bots = both(&world).await;
    let granted = world
        .asks("alice", "/prod-access db-admin 1h orders are stuck")
        .await;
    world.approves("bob", &granted).await;
    world.held("orders_admin").await;
    stop(bots).await;
    database(
        |name| format!("create database {name}_backup template {name}"),
        &world,
    )
    .await;

    let bots = both(&world).await;
    world
        .asks("rita", "/prod-access logs node=web-1 30m why is it slow")
        .await;
    world.held("logs/web-1").await;
    let reached = are_anchored(&world).await;
    stop(bots).await;
    database(|name| format!("drop database {name} with (force)"), &world).await;
    database(
        |name| format!("create database {name} template {name}_backup"),
        &world,
    )
    .await;
    let store = open(&world.database_url()).await;
    let (restored, _) = store.head().await.unwrap().unwrap();
    assert!(restored < reached, "{restored} {reached}");
    store.close().await;

    // Both stop giving and say so; what ends access is carried out by either.
    let bots = both(&world).await;
    for bot in [&bots.0, &bots.1] {
        bot.says("only revocations are carried out").await;
        let said = ready(bot).await;
        assert!(
            said.contains(r#""record":{"ok":false,"why":"Only revocations"#),
            "{said}"
        );
        answers(&world, bot).await;
        let said = answer(
            &world,
            "rita",
            "/prod-access logs node=web-1 30m slow again",
        )
        .await;
        assert!(said.contains("Nothing is granted just now."), "{said}");
    }
    let heard = world.slack.until("the security channel hears", |slack| {
        let said = slack.messages(SECURITY);
        let restored =
            |message: &&slack_sandbox::Message| message.plain().contains("--accept-restored");
        (said.iter().filter(restored).count() >= 2).then_some(())
    });
    heard.await.unwrap();
    answer(&world, "alice", "/prod-access drop").await;
    world.gone("orders_admin").await;
    stop(bots).await;

    // An operator tells the first one, and it gives again.
    let one = starts(&world, "one", &["--accept-restored"]).await;
    one.says("the record was accepted as it is").await;
    answers(&world, &one).await;
    let again = world
        .asks("rita", "/prod-access db-admin 1h orders are stuck")
        .await;
    world.approves("bob", &again).await;
    world
        .gate
        .until("rita has it", |gate| {
            (!gate.holders("orders_admin").is_empty()).then_some(())
        })
        .await;
    // The database isn't believed that somebody accepted it: the other one goes by its own anchor until it is told, too.
    let other = starts(&world, "other", &[]).await;
    other.says("only revocations are carried out").await;
    assert!(other.stops().await.1);
    let other = starts(&world, "other", &["--accept-restored"]).await;
    other.says("the record was accepted as it is").await;
    answers(&world, &other).await;
    world
        .asks("alice", "/prod-access logs node=web-2 30m why is it slow")
        .await;
    world.held("logs/web-2").await;
    are_anchored(&world).await;
    stop((one, other)).await;

    let bots = both(&world).await;
    for bot in [&bots.0, &bots.1] {
        let said = ready(bot).await;
        assert!(said.contains(r#""record":{"ok":true}"#), "{said}");
    }
    stop(bots).await;
    for name in ["one", "other"] {
        let state = world.dir.path().join(name).display().to_string();
        let mut command = world.hallpass(&["audit", "verify"]);
        let output = command
            .env("STATE_DIRECTORY", state)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && said.contains("anchored until record"),
            "{said} {output:?}"
        );
    }
    // Without either anchor it is the record alone.
    let (whole, said) = audited(&world, &["audit", "verify"]).await;
    assert!(whole && said.contains("held against no anchor"), "{said}");

    let store = open(&world.database_url()).await;
    let events = store.events_after(0, 10_000).await.unwrap();
    let count = |kind| events.iter().filter(|one| one.event.kind == kind).count();
    assert_eq!(count(EventKind::Restored), 3, "told at each start");
    assert_eq!(count(EventKind::RestoreAccepted), 2);
    store.close().await;
}
