//! What stays while the bot dies: Slack, the target, and the folder with the database; and the real binary as a process.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use regex::Regex;
use slack_sandbox::{Message, RequestUrls, Sandbox};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::Database;
use super::gate::{self, Gate};
use super::postgres::Postgres;
use super::workplace::{self, APPROVALS, GENERAL};

/// How long anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What stays while the bot dies: Slack, the target, the folder with the database.
pub(crate) struct World {
    pub slack: Sandbox,
    pub gate: Gate,
    pub dir: TempDir,
    database: Option<String>,
    /// More of the environment, or another value of it.
    pub variables: Vec<(&'static str, String)>,
}

/// A running `hallpass serve`.
pub(crate) struct Bot {
    child: Child,
    pub log: watch::Receiver<Vec<String>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(Database::Sqlite).await
    }

    pub(crate) async fn on(database: Database) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let slack = Sandbox::start_local(workplace::workspace()).await.unwrap();
        Self::beside(slack, database).await
    }

    /// With a Slack of its own.
    pub(crate) async fn beside(slack: Sandbox, database: Database) -> Self {
        let gate = Gate::start().await;
        let dir = tempfile::tempdir().unwrap();
        let text = workplace::configuration(&gate.url());
        std::fs::write(dir.path().join("hallpass.toml"), text).unwrap();
        Self {
            slack,
            gate,
            dir,
            database: match database {
                Database::Sqlite => None,
                Database::Postgres => Some(Postgres::shared().await.fresh_database().await),
            },
            variables: Vec::new(),
        }
    }

    /// Another configuration than the stories' own.
    pub(crate) fn configures(&self, gate: &str, more: &str) {
        let text = workplace::configuration(gate) + more;
        std::fs::write(self.dir.path().join("hallpass.toml"), text).unwrap();
    }

    pub(crate) fn database_url(&self) -> String {
        let file = self.dir.path().join("hallpass.db");
        let sqlite = || format!("sqlite://{}", file.display());
        self.database.clone().unwrap_or_else(sqlite)
    }

    pub(crate) fn hallpass(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_hallpass")));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("USER", "tester")
            .env("HALLPASS_LISTEN", "127.0.0.1:0")
            .env("DATABASE_URL", self.database_url())
            .env("SLACK_BOT_TOKEN", workplace::TOKEN)
            .env("SLACK_SIGNING_SECRET", workplace::SIGNING_SECRET)
            .env("SLACK_API_URL", self.slack.api_url())
            .env("GATE_SECRET", gate::SECRET)
            .env("STATE_DIRECTORY", self.dir.path().join("state"))
            .envs(
                std::env::var("HALLPASS_PLANTED_BUG")
                    .map(|number| ("HALLPASS_PLANTED_BUG", number)),
            )
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts the bot, and points Slack at it once it says where it listens.
    pub(crate) async fn serve(&self) -> Bot {
        self.serve_at(r"serving address=(\S+)").await
    }

    /// `pattern`: how the log says where it listens.
    pub(crate) async fn serve_at(&self, pattern: &str) -> Bot {
        let bot = self.spawn();
        let said = bot.says(pattern).await;
        self.slack
            .set_request_urls(RequestUrls::under(&format!("http://{said}")));
        bot
    }

    /// Serves, told something more.
    pub(crate) async fn serve_with(&self, arguments: &[&str]) -> Bot {
        let bot = self.spawn_with(arguments);
        let said = bot.says(r"serving address=(\S+)").await;
        self.slack
            .set_request_urls(RequestUrls::under(&format!("http://{said}")));
        bot
    }

    pub(crate) fn spawn(&self) -> Bot {
        self.spawn_with(&["serve"])
    }

    fn spawn_with(&self, arguments: &[&str]) -> Bot {
        Self::watched(self.hallpass(arguments))
    }

    /// Starts what `hallpass` prepared, and keeps what it says.
    pub(crate) fn watched(mut command: Command) -> Bot {
        let mut child = command.spawn().unwrap();
        let (lines, log) = watch::channel(Vec::new());
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = stderr.next_line().await {
                lines.send_modify(|all| all.push(line));
            }
        });
        Bot { child, log }
    }

    /// Types a command, and answers the letters of the request.
    pub(crate) async fn asks(&self, person: &str, text: &str) -> String {
        let outcome = self.slack.type_command(person, GENERAL, text).await;
        let answer = outcome
            .text()
            .unwrap_or_else(|| panic!("{text}: {outcome:?}"));
        let letters = Regex::new("R-[0-9A-Z]{4,12}").unwrap();
        letters
            .find(&answer)
            .unwrap_or_else(|| panic!("{text}: {answer}"))
            .as_str()
            .to_owned()
    }

    pub(crate) async fn card(&self, short: &str) -> Message {
        let card = self.slack.until("the card", |slack| {
            let open = |message: &Message| {
                message.plain().contains(short)
                    && message
                        .buttons()
                        .iter()
                        .any(|label| label.starts_with("Approve"))
            };
            slack.messages(APPROVALS).into_iter().find(open)
        });
        card.await.unwrap()
    }

    pub(crate) async fn approves(&self, person: &str, short: &str) {
        let card = self.card(short).await;
        let label = card
            .buttons()
            .into_iter()
            .find(|label| label.starts_with("Approve"))
            .unwrap()
            .to_owned();
        let outcome = self.slack.press_label(person, &card, &label).await;
        assert!(outcome.is_ok(), "{outcome:?}");
    }

    pub(crate) async fn gone(&self, permission: &str) -> Instant {
        self.gate
            .until("the access is gone", |gate| {
                let revoked = gate.done("revoke");
                let last = revoked.iter().rfind(|call| call.permission == permission)?;
                gate.holders(permission).is_empty().then_some(last.at)
            })
            .await
    }

    /// How often the target was told to give a permission that wasn't there; later calls only move its end.
    pub(crate) fn given_first(&self, permission: &str) -> usize {
        let given = self.gate.done("grant");
        given
            .iter()
            .filter(|call| call.permission == permission && call.sequence == 1)
            .count()
    }

    pub(crate) async fn held(&self, permission: &str) -> Instant {
        self.gate
            .until("the access is there", |gate| {
                let granted = gate.done("grant");
                granted
                    .iter()
                    .find(|call| call.permission == permission)
                    .map(|call| call.at)
            })
            .await
    }
}

impl Bot {
    /// Waits until the log holds a line like this, and answers its first group.
    pub(crate) async fn says(&self, pattern: &str) -> String {
        let pattern = Regex::new(pattern).unwrap();
        let mut log = self.log.clone();
        let found = async {
            loop {
                let found = log.borrow_and_update().iter().find_map(|line| {
                    let found = pattern.captures(line)?;
                    Some(
                        found
                            .get(1)
                            .map_or(String::new(), |group| group.as_str().to_owned()),
                    )
                });
                if let Some(found) = found {
                    return found;
                }
                assert!(
                    log.changed().await.is_ok(),
                    "it ended: {:#?}",
                    self.log.borrow()
                );
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| panic!("{pattern} is not in {:#?}", self.log.borrow()))
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// As [`Bot::says`]; none where it ended before it said so.
    pub(crate) async fn says_or_ends(&self, pattern: &str) -> Option<String> {
        let pattern = Regex::new(pattern).unwrap();
        let mut log = self.log.clone();
        loop {
            let found = log.borrow_and_update().iter().find_map(|line| {
                let found = pattern.captures(line)?;
                found.get(1).map(|group| group.as_str().to_owned())
            });
            if found.is_some() || log.changed().await.is_err() {
                return found;
            }
        }
    }

    /// Its end, whatever it died of.
    pub(crate) async fn ended(&mut self) -> std::process::ExitStatus {
        self.child.wait().await.unwrap()
    }

    /// `KILL`, `STOP`, `CONT`, `TERM`.
    pub(crate) async fn gets(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        let told = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(told.await.unwrap().success(), "{signal} to {id}");
    }

    /// How many lines of its log hold this.
    pub(crate) fn said(&self, text: &str) -> usize {
        let log = self.log.borrow();
        log.iter().filter(|line| line.contains(text)).count()
    }

    /// kill -9.
    pub(crate) async fn dies(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM; answers how long it took and whether it ended well.
    pub(crate) async fn stops(mut self) -> (Duration, bool) {
        let began = Instant::now();
        let id = self.child.id().unwrap().to_string();
        let told = Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .await
            .unwrap();
        assert!(told.success());
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .unwrap()
            .unwrap();
        (began.elapsed(), status.success())
    }
}
