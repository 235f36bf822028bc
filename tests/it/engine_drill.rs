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
