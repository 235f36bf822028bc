//! The workplace that is measured in: enough people that none meets a limit meant for one person, and one role whose
//! requests wait for an approver.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use slack_sandbox::{App, Channel, Command, Person, Workspace};

pub(crate) const TEAM: &str = "T0ACME";
pub(crate) const CHANNEL: &str = "C0GENERAL";
pub(crate) const APPROVALS: &str = "C0APPROVE";
pub(crate) const APPROVER: &str = "U0BOB";
pub(crate) const ROLE: &str = "db-admin";
pub(crate) const SIGNING_SECRET: &str = "sandbox-signing-secret";
/// Who asks through Slack.
pub(crate) const ASKERS: usize = 42;

const TOKEN: &str = "xoxb-sandbox";
/// `HALLPASS_KEY`: what is approved in this process is believed in another.
const KEY: [u8; 32] = [7; 32];

/// The account of one who asks.
pub(crate) fn asker(number: usize) -> String {
    format!("U0ASKER{number:03}")
}

/// The name of an account before the `@`, which is its principal.
pub(crate) fn principal(account: &str) -> String {
    account.to_ascii_lowercase()
}

/// Who asks, and Bob on call, Carol the commander, Eve of security.
pub(crate) fn workspace() -> Workspace {
    let askers = (0..ASKERS).map(asker);
    let others = [APPROVER, "U0CAROL", "U0EVE"].map(str::to_owned);
    let ids = others.into_iter().chain(askers);
    let people: Vec<Person> = ids.map(|id| member(&id)).collect();
    let ids: Vec<&str> = people.iter().map(|person| person.id.as_str()).collect();
    let with_bot: Vec<&str> = ids.iter().copied().chain(["U0BOT"]).collect();
    let app = App {
        name: "Hallpass".into(),
        commands: vec![Command::new(
            "/prod-access",
            "Temporary production access",
            "role",
        )],
        bot_token: TOKEN.into(),
        signing_secret: SIGNING_SECRET.into(),
        ..App::default()
    };
    let mut workspace = Workspace::new(TEAM, "acme", "Acme")
        .channel(Channel::new(APPROVALS, "approvals", &with_bot))
        .channel(Channel::new("C0SECURE", "security", &with_bot))
        .channel(Channel::new(CHANNEL, "general", &with_bot))
        .app(app);
    workspace.people = people;
    workspace
}

fn member(id: &str) -> Person {
    let name = principal(id);
    Person::new(id, &name, &name, &format!("{name}@example.com"))
}

/// Writes the configuration into a folder. `target`: the address of what gives access, where it is called.
pub(crate) fn configure(folder: &Path, target: &str) -> Result<()> {
    let text = CONFIGURATION.replace("TARGET_URL", target);
    Ok(std::fs::write(folder.join("hallpass.toml"), text)?)
}

/// The environment of a bot in a folder that was configured.
pub(crate) fn variables(folder: &Path, database: &str, slack: &str) -> BTreeMap<String, String> {
    let shown = |name: &str| folder.join(name).display().to_string();
    let variables = [
        ("HALLPASS_CONFIG", shown("hallpass.toml")),
        ("HALLPASS_LISTEN", "127.0.0.1:0".into()),
        ("HALLPASS_KEY", BASE64_STANDARD.encode(KEY)),
        ("DATABASE_URL", database.into()),
        ("STATE_DIRECTORY", shown("state")),
        ("SLACK_BOT_TOKEN", TOKEN.into()),
        ("SLACK_SIGNING_SECRET", SIGNING_SECRET.into()),
        ("SLACK_API_URL", slack.into()),
        ("ORDERS_SECRET", "a-secret-of-the-bench".into()),
    ];
    let named = variables.map(|(name, value): (_, String)| (name.to_owned(), value));
    named.into()
}

/// The URL of an `SQLite` file.
pub(crate) fn sqlite(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

const CONFIGURATION: &str = concat!(
    include_str!("../../tests/acme.toml"),
    r#"
[groups]
dba      = ["U0BOB"]
security = ["U0EVE"]

[oncall.dba]
kind   = "static"
people = ["U0BOB"]

[backend.orders]
kind       = "webhook"
url        = "TARGET_URL"
secret_env = "ORDERS_SECRET"
timeout    = "5s"
principal  = "{email_local}"

[role.db-admin]
template     = "asked"
description  = "Read and write orders in production"
requesters   = ["*"]
entitlements = [{ backend = "orders", permission = "orders_admin" }]

[[role.db-admin.stages]]
approvers = ["oncall:dba"]
quorum    = 1
ladder    = [{ after = "10m", ask = ["group:security"] }]
"#
);
