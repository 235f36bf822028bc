//! The subcommands beside a running `serve`: same binary, same database.

use std::path::Path;

use tokio::process::Command;

use crate::support::gate::Mood;
use crate::support::world::{PATIENCE, World};

async fn output(world: &World, arguments: &[&str]) -> (Option<i32>, String, String) {
    finished(world.hallpass(arguments)).await
}

/// The same without the variables that only `serve` needs.
async fn without_secrets(world: &World, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = world.hallpass(arguments);
    for name in ["SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "GATE_SECRET"] {
        command.env_remove(name);
    }
    finished(command).await
}

async fn finished(mut command: Command) -> (Option<i32>, String, String) {
    let done = tokio::time::timeout(PATIENCE, command.output())
        .await
        .unwrap()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[tokio::test]
async fn grants_and_revoke_work_beside_a_running_serve_and_need_none_of_its_secrets() {
    let world = World::new().await;
    let bot = world.serve().await;
    let short = world
        .asks("alice", "/prod-access db-admin 1h orders stuck")
        .await;
    world.approves("bob", &short).await;
    world.held("orders_admin").await;
    let letters = short.trim_start_matches("R-");

    let (code, listed, said) = without_secrets(&world, &["grants"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        listed.contains(letters) && listed.contains("alice@example.com"),
        "{listed}"
    );
    let (code, listed, said) = without_secrets(&world, &["grants", "--json"]).await;
    assert_eq!(code, Some(0), "{said}");
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["role"], "db-admin", "{listed}");

    let (code, _, said) =
        without_secrets(&world, &["revoke", "G-0000", "--reason", "nobody's"]).await;
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    let (code, _, said) = without_secrets(&world, &["revoke", &short]).await;
    assert_eq!(code, Some(2), "a reason is demanded: {said}");
    let (code, done, said) =
        without_secrets(&world, &["revoke", &short, "--reason", "seen enough"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(done.contains(letters), "{done}");
    world.gone("orders_admin").await;
    assert!(bot.stops().await.1);
}

#[tokio::test]
async fn explain_names_the_rule_and_says_no_with_one() {
    let world = World::new().await;
    assert!(world.serve().await.stops().await.1);
    let (code, said, err) =
        output(&world, &["explain", "rita@example.com", "db-admin", "1h"]).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(
        said.contains("Rule: ") && said.contains(".cedar:"),
        "{said}"
    );
    let (code, said, _) = output(&world, &["explain", "U0EVE", "db-admin", "1h"]).await;
    assert_eq!(code, Some(1), "{said}");
    let (code, _, said) = output(&world, &["explain", "U0EVE", "db-admin", "an hour"]).await;
    assert_eq!(code, Some(2), "{said}");
    let (code, _, said) = output(&world, &["explain", "U0EVE", "db-admn", "1h"]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("db-admin"), "the nearest is offered: {said}");
}

#[tokio::test]
async fn check_connect_reaches_everything_and_says_what_does_not_answer() {
    let mut world = World::new().await;
    let (code, _, said) = output(&world, &["migrate"]).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, said, err) = output(&world, &["check", "--connect"]).await;
    assert_eq!(code, Some(0), "{said}\n{err}");
    for what in [
        "Slack: ",
        "database: ",
        "backend gate: ",
        "on call dba: U0BOB",
    ] {
        assert!(said.contains(what), "{what} is not in\n{said}");
    }
    world.gate.feels(Mood::Down);
    world.variables = vec![("SLACK_BOT_TOKEN", "xoxb-wrong".into())];
    let (code, said, _) = output(&world, &["check", "--connect"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("Slack: NOT WELL"), "{said}");
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_told_in_one_line() {
    let mut world = World::new().await;
    world.variables = vec![("SLACK_SIGNING_SECRET", String::new())];
    let (code, _, said) = output(&world, &["serve"]).await;
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("SLACK_SIGNING_SECRET"), "{said}");
    world.variables = vec![
        ("SLACK_APP_TOKEN", "xapp-1".into()),
        ("SLACK_SIGNING_SECRET", String::new()),
    ];
    let (code, _, said) = output(&world, &["serve"]).await;
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    world.variables.clear();
    let config = world.dir.path().join("hallpass.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("stages       = []", "stagess = []")).unwrap();
    let (code, _, said) = output(&world, &["serve"]).await;
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("hallpass check"), "{said}");
    let (code, _, _) = output(&world, &["no-such-subcommand"]).await;
    assert_eq!(code, Some(2));
}

#[tokio::test]
async fn the_key_is_made_once_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let world = World::new().await;
    let key = |world: &World| -> Vec<u8> {
        std::fs::read(world.dir.path().join("hallpass.key")).unwrap()
    };
    assert!(world.serve().await.stops().await.1);
    let first = key(&world);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.dir.path().join("hallpass.key")), 0o600);
    assert!(world.serve().await.stops().await.1);
    assert_eq!(key(&world), first);
}
