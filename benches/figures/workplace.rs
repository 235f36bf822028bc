//! The workplace that is measured in: enough people that none meets a limit meant for one person, and one role whose
//! requests wait for an approver.

use slack_sandbox::{App, Channel, Command, Person, Workspace};

pub(crate) const TEAM: &str = "T0ACME";
pub(crate) const CHANNEL: &str = "C0GENERAL";
pub(crate) const ROLE: &str = "db-admin";
pub(crate) const TOKEN: &str = "xoxb-sandbox";
pub(crate) const SIGNING_SECRET: &str = "sandbox-signing-secret";
/// Who asks.
pub(crate) const ASKERS: usize = 42;

/// The account of one who asks.
pub(crate) fn asker(number: usize) -> String {
    format!("U0ASKER{number:03}")
}

/// Who asks, and Bob on call, Carol the commander, Eve of security.
pub(crate) fn workspace() -> Workspace {
    let member = |id: &str, name: &str| Person::new(id, name, name, &format!("{name}@example.com"));
    let mut people = vec![
        member("U0BOB", "bob"),
        member("U0CAROL", "carol"),
        member("U0EVE", "eve"),
    ];
    people.extend((0..ASKERS).map(|number| member(&asker(number), &format!("asker{number}"))));
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
        .channel(Channel::new("C0APPROVE", "approvals", &with_bot))
        .channel(Channel::new("C0SECURE", "security", &with_bot))
        .channel(Channel::new(CHANNEL, "general", &with_bot))
        .app(app);
    workspace.people = people;
    workspace
}

/// The backend is never called: nobody approves.
pub(crate) const CONFIGURATION: &str = r#"version = 1

[slack]
command           = "/prod-access"
approvals_channel = "C0APPROVE"
security_channel  = "C0SECURE"

[access]
time_zone       = "UTC"
request_timeout = "1h"
warn_before     = ["15m", "5m"]
remind_after    = "10m"

[people]
email_domains = ["example.com"]

[groups]
security = ["U0EVE"]

[oncall.dba]
kind   = "static"
people = ["U0BOB"]
[oncall.incident-commander]
kind   = "static"
people = ["U0CAROL"]

[backend.orders]
kind       = "webhook"
url        = "http://127.0.0.1:9/hallpass"
secret_env = "ORDERS_SECRET"
timeout    = "5s"
principal  = "{email_local}"

[environment.prod]
risk = "high"

[role.db-admin]
description      = "Read and write orders in production"
environment      = "prod"
owner            = "group:security"
requesters       = ["*"]
max_duration     = "4h"
default_duration = "1h"
entitlements     = [{ backend = "orders", permission = "orders_admin" }]

[[role.db-admin.stages]]
approvers = ["oncall:dba"]
quorum    = 1
ladder    = [{ after = "10m", ask = ["group:security"] }]

[role.db-admin.break_glass]
commanders    = ["oncall:incident-commander"]
max_duration  = "1h"
review_by     = ["group:security"]
review_within = "24h"
"#;
