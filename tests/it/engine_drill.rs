//! `hallpass drill`, as cron runs it: beside a running bot, and where something is wrong.

use crate::support::Database;
use crate::support::gate::Mood;
use crate::support::world::World;

async fn drilled(world: &World, arguments: &[&str]) -> (Option<i32>, String, String) {
    let all: Vec<&str> = ["drill"].iter().chain(arguments).copied().collect();
    let out = world.hallpass(&all).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

fn with_a_canary(world: &World) {
    let path = world.dir.path().join("hallpass.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let canary = "\n[role.canary]\ndescription = \"Nothing\"\nrequesters = [\"U0ALICE\"]\nmax_duration = \"5m\"\nentitlements = [ { backend = \"gate\", permission = \"canary\" } ]\nstages = []\n\n[drill]\nrole = \"canary\"\nperson = \"U0ALICE\"\n";
    std::fs::write(path, text + canary).unwrap();
}

/// The one sentence on stderr, the log aside.
fn sentence(err: &str) -> &str {
    let mut lines = err.lines().filter(|line| line.starts_with("hallpass: "));
    let sentence = lines
        .next()
        .unwrap_or_else(|| panic!("nothing is said: {err}"));
    assert_eq!(lines.next(), None, "{err}");
    sentence
}

#[tokio::test]
async fn a_canary_is_given_ended_and_verified() {
    for database in [Database::Sqlite, Database::Postgres] {
        let world = World::on(database).await;
        let (code, _, err) = drilled(&world, &[]).await;
        assert_eq!(code, Some(1), "{err}");
        assert!(sentence(&err).contains("hallpass.key"), "{err}");

        let bot = world.serve().await;
        let (code, _, err) = drilled(&world, &[]).await;
        assert_eq!(code, Some(1), "{err}");
        assert!(sentence(&err).contains("no [drill]"), "{err}");
        assert!(bot.stops().await.1);

        with_a_canary(&world);
        let bot = world.serve().await;
        let (code, said, err) = drilled(&world, &["--within", "15s"]).await;
        assert_eq!(code, Some(0), "{said}{err}");
        assert_eq!(said.lines().count(), 5, "{said}");
        assert!(said.contains("read back"), "{said}");
        assert_eq!(world.given_first("canary"), 1);
        assert_eq!(world.gate.done("revoke").len(), 1);
        assert!(world.gate.holders("canary").is_empty());

        world.gate.feels(Mood::Down);
        let (code, said, err) = drilled(&world, &["--within", "1s"]).await;
        assert_eq!(code, Some(1), "{said}{err}");
        assert!(sentence(&err).contains("was not given within 1 s"), "{err}");
        world.gate.feels(Mood::Well);
        assert!(bot.stops().await.1);

        let (code, said, err) = drilled(&world, &["--within", "1s"]).await;
        assert_eq!(code, Some(1), "{said}{err}");
        assert!(sentence(&err).contains("no `hallpass serve`"), "{err}");
    }
}

/// What is late is its end: the target keeps the access. The canary is left to be taken away as soon as that can be.
#[tokio::test]
async fn an_end_that_is_late_fails_the_drill() {
    for database in [Database::Sqlite, Database::Postgres] {
        let world = World::on(database).await;
        with_a_canary(&world);
        let bot = world.serve().await;
        world.gate.feels(Mood::KeepsHold);
        let (code, said, err) = drilled(&world, &["--within", "3s"]).await;
        assert_eq!(code, Some(1), "{said}{err}");
        assert!(said.contains("access is there"), "{said}");
        assert!(said.contains("dropped"), "{said}");
        assert!(!said.contains("read back"), "{said}");
        assert!(sentence(&err).contains("was not ended within 3 s"), "{err}");
        assert_eq!(world.gate.holders("canary"), ["alice"]);
        world.gate.feels(Mood::Well);
        world.gone("canary").await;
        assert!(bot.stops().await.1);
    }
}

#[tokio::test]
async fn a_canary_that_is_refused_fails_the_drill() {
    let world = World::new().await;
    with_a_canary(&world);
    let path = world.dir.path().join("hallpass.toml");
    let for_alice = std::fs::read_to_string(&path).unwrap();
    // Who is in a group of Slack's is known only when it is asked: Alice isn't.
    let canary = "requesters = [\"U0ALICE\"]\nmax_duration = \"5m\"";
    let for_dbas = for_alice.replace(canary, &canary.replace("U0ALICE", "group:dba"));
    assert_ne!(for_dbas, for_alice);
    std::fs::write(&path, for_dbas).unwrap();
    let bot = world.serve().await;
    let (code, said, err) = drilled(&world, &["--within", "15s"]).await;
    assert_eq!(code, Some(1), "{said}{err}");
    assert!(sentence(&err).contains("the drill was refused: "), "{err}");
    assert!(sentence(&err).contains("canary"), "{err}");
    assert_eq!(said, "", "nothing was asked for");
    assert_eq!(world.gate.calls().len(), 0);
    assert!(bot.stops().await.1);

    // The policy says yes, and the target no.
    std::fs::write(&path, for_alice).unwrap();
    let bot = world.serve().await;
    world.gate.feels(Mood::Refuses("canary".into()));
    let (code, said, err) = drilled(&world, &["--within", "15s"]).await;
    assert_eq!(code, Some(1), "{said}{err}");
    assert!(sentence(&err).contains("could not be given"), "{err}");
    assert!(world.gate.holders("canary").is_empty());
    assert!(bot.stops().await.1);
}
