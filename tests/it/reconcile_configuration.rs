//! The configuration changes while grants live: a role or a backend is removed or renamed. The real binary is stopped and
//! started anew; the target's own log is the judge.

use std::process::Output;

use sqlx::{Connection, SqliteConnection};

use crate::support::world::World;
use crate::support::{Database, TestBot, gate, minutes};

const BOTH: [Database; 2] = [Database::Sqlite, Database::Postgres];

impl World {
    fn rewrites(&self, edit: impl Fn(&str) -> String) {
        let path = self.dir.path().join("hallpass.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, edit(&text)).unwrap();
    }

    async fn runs(&self, arguments: &[&str]) -> Output {
        self.hallpass(arguments).output().await.unwrap()
    }

    /// Alice's, live.
    async fn active(&self, duration: &str) -> String {
        let text = format!("/prod-access db-admin {duration} orders stuck");
        let request = self.asks("alice", &text).await;
        self.approves("bob", &request).await;
        self.held("orders_admin").await;
        // The answer is on record once the card says so.
        let granted = self.slack.until("that it is active", |slack| {
            slack
                .dms("alice")
                .iter()
                .any(|message| {
                    message.plain().contains(&request.replace("R-", "G-"))
                        || message.plain().contains(&request)
                })
                .then_some(())
        });
        granted.await.unwrap();
        request.replace("R-", "G-")
    }
}

fn renamed_backend(text: &str) -> String {
    text.replace("[backend.gate]", "[backend.other]")
        .replace("backend = \"gate\"", "backend = \"other\"")
        .replace("GATE_SECRET", "OTHER_SECRET")
}

fn renamed_role(text: &str) -> String {
    text.replace("role.db-admin", "role.db-writer")
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

#[tokio::test]
async fn a_removed_backend_still_takes_away_what_it_gave() {
    for database in BOTH {
        let mut world = World::on(database).await;
        world.variables = vec![("OTHER_SECRET", gate::SECRET.to_owned())];
        let bot = world.serve().await;
        let grant = world.active("1h").await;
        bot.stops().await;
        world.rewrites(renamed_backend);

        let checked = said(&world.runs(&["check", "--connect"]).await);
        let names = checked.contains(&grant) && checked.contains("the backend gate");
        assert!(names, "{checked}");

        let bot = world.serve().await;
        bot.says("no longer has a backend in which grants live")
            .await;
        assert_eq!(
            world.gate.holders("orders_admin"),
            ["alice"],
            "it keeps what it has"
        );
        let revoked = world.runs(&["revoke", &grant, "--reason", "over"]).await;
        assert!(revoked.status.success(), "{}", said(&revoked));
        world.gone("orders_admin").await;
        bot.stops().await;
    }
}

/// Its secret is gone: tried for ever, and well once the secret is back.
#[tokio::test]
async fn a_removed_backend_without_its_secret_is_told_and_tried_for_ever() {
    for database in BOTH {
        let mut world = World::on(database).await;
        world.variables = vec![("OTHER_SECRET", gate::SECRET.to_owned())];
        let bot = world.serve().await;
        let grant = world.active("1h").await;
        bot.stops().await;
        world.rewrites(renamed_backend);
        world.variables.push(("GATE_SECRET", String::new()));

        let bot = world.serve().await;
        bot.says("it can't be reached: put its section back").await;
        let revoked = world.runs(&["revoke", &grant, "--reason", "over"]).await;
        assert!(revoked.status.success(), "{}", said(&revoked));
        bot.says("the backend gate isn't configured").await;
        assert_eq!(world.gate.holders("orders_admin"), ["alice"]);
        bot.stops().await;

        world.variables.pop();
        let bot = world.serve().await;
        world.gone("orders_admin").await;
        bot.stops().await;
    }
}

#[tokio::test]
async fn a_grant_of_a_removed_role_keeps_its_terms_and_ends_on_time() {
    for database in BOTH {
        let world = World::on(database).await;
        let bot = world.serve().await;
        let grant = world.active("12s").await;
        bot.stops().await;
        world.rewrites(renamed_role);
        let checked = said(&world.runs(&["check", "--connect"]).await);
        let names = checked.contains(&grant) && checked.contains("the role db-admin");
        assert!(names, "{checked}");

        let bot = world.serve().await;
        world.gone("orders_admin").await;
        let revoked = world.gate.done("revoke");
        assert_eq!(revoked.len(), 1);
        let given = world.gate.done("grant");
        let lasted = revoked[0].at - given[0].at;
        assert!(lasted.as_secs() >= 11, "not before its time: {lasted:?}");
        bot.stops().await;
    }
}

/// Who looks after a grant that lives needs nothing of its role.
#[tokio::test]
async fn an_end_needs_no_role() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 10m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        let mut database = SqliteConnection::connect(&bot.database_url).await.unwrap();
        let renamed = sqlx::query(
            "update access_grant set body = replace(body, '\"role\":\"db-admin\"', '\"role\":\"db-gone\"') \
             where body like '%\"role\":\"db-admin\"%'",
        );
        let renamed = renamed.execute(&mut database).await.unwrap();
        assert_eq!(renamed.rows_affected(), 1);
        bot.clock.advance(minutes(10));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}
