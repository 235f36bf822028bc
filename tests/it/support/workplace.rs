//! The place where the stories happen: its people, channels and roles.

use slack_sandbox::{App, Channel, Command, Person, Shortcut, UserGroup, Workspace};

pub(crate) const APPROVALS: &str = "C0APPROVE";
pub(crate) const SECURITY: &str = "C0SECURE";
pub(crate) const GENERAL: &str = "C0GENERAL";
pub(crate) const TOKEN: &str = "xoxb-sandbox";
pub(crate) const APP_TOKEN: &str = "xapp-sandbox";
pub(crate) const SIGNING_SECRET: &str = "sandbox-signing-secret";

/// Alice and Rita ask; Bob is the DBA on call, Dana and Frank are DBAs; Carol is commander; Eve is security.
/// Gus is a guest, Otto is from elsewhere, Dora has left, and `alice2` is Alice's second account.
pub(crate) fn workspace() -> Workspace {
    let member = |id: &str, name: &str, real: &str| {
        Person::new(id, name, real, &format!("{name}@example.com"))
    };
    let people = [
        member("U0ALICE", "alice", "Alice Ahn"),
        member("U0RITA", "rita", "Rita Roy"),
        member("U0BOB", "bob", "Bob Berg"),
        member("U0DANA", "dana", "Dana Diaz"),
        member("U0FRANK", "frank", "Frank Fu"),
        member("U0CAROL", "carol", "Carol Cole"),
        member("U0EVE", "eve", "Eve Ek"),
        member("U0PAT", "pat", "Pat Park"),
        member("U0ALICE2", "alice2", "Alice Ahn (laptop)"),
        member("U0GUS", "gus", "Gus Gast").guest(),
        member("U0ROBOT", "robot", "Robot").bot(),
        member("U0OTTO", "otto", "Otto Out").of_team("T0ELSEWHERE"),
        member("U0DORA", "dora", "Dora Done"),
    ];
    let ids: Vec<&str> = people.iter().map(|person| person.id.as_str()).collect();
    let with_bot: Vec<&str> = ids.iter().copied().chain(["U0BOT"]).collect();
    let app = App {
        name: "Hallpass".into(),
        commands: vec![
            Command::new("/prod-access", "Temporary production access", "role").escaping(),
        ],
        shortcuts: vec![Shortcut {
            callback_id: "ask".into(),
            name: "Ask for access".into(),
        }],
        ..App::default()
    };
    let mut workspace = Workspace::new("T0ACME", "acme", "Acme")
        .channel(Channel::new(APPROVALS, "approvals", &with_bot))
        .channel(Channel::new(SECURITY, "security", &with_bot))
        .channel(Channel::new(GENERAL, "general", &with_bot))
        .user_group(UserGroup::new("S0DBATEAM", "dba-team", &["U0FRANK"]))
        .app(app);
    workspace.people = people.to_vec();
    workspace
}

/// The configuration of the stories, with the target's address.
pub(crate) fn configuration(gate: &str) -> String {
    CONFIGURATION.replace("GATE_URL", gate)
}

const CONFIGURATION: &str = concat!(
    include_str!("../../acme.toml"),
    r#"
[operators]
people = ["U0PAT"]

[people.map."U0ALICE2"]
email = "alice@example.com"

[groups]
backend  = ["U0ALICE", "rita@example.com", "U0BOB"]
everyone = ["group:backend", "U0GUS", "U0OTTO", "U0ROBOT", "U0DORA", "U0ALICE2"]
dba      = ["U0BOB", "dana@example.com", "S0DBATEAM"]
security = ["U0EVE"]

[oncall.dba]
kind   = "static"
people = ["U0BOB"]

[backend.gate]
kind       = "webhook"
url        = "GATE_URL"
secret_env = "GATE_SECRET"
timeout    = "5s"
principal  = "{email_local}"

[defaults.role]
requesters = ["group:everyone"]

[role.db-admin]
template     = "asked"
description  = "Read and write orders"
entitlements = [ { backend = "gate", permission = "orders_admin" } ]
[[role.db-admin.stages]]
approvers = ["oncall:dba", "U0ALICE2"]
quorum    = 1
ladder    = [ { after = "20m", ask = ["group:security"] } ]

[role.db-owner]
template     = "asked"
description  = "Own the orders database"
entitlements = [ { backend = "gate", permission = "orders_admin" }, { backend = "gate", permission = "orders_owner" } ]
[[role.db-owner.stages]]
approvers = ["group:dba"]

[role.on-call-only]
template     = "asked"
description  = "What only the one on call decides"
entitlements = [ { backend = "gate", permission = "pager" } ]
[[role.on-call-only.stages]]
approvers = ["oncall:dba"]
quorum    = 1
ladder    = [ { after = "20m", ask = ["group:security"] } ]

[role.two-keys]
template     = "asked"
description  = "What two DBAs must agree to"
entitlements = [ { backend = "gate", permission = "vault" } ]
[[role.two-keys.stages]]
approvers = ["group:dba"]
quorum    = 2

[role.two-stages]
template     = "asked"
description  = "What a DBA and then security must agree to"
entitlements = [ { backend = "gate", permission = "payouts" } ]
[[role.two-stages.stages]]
approvers = ["group:dba"]
quorum    = 1
[[role.two-stages.stages]]
approvers = ["group:security"]
quorum    = 1

[role.ticketed]
template     = "asked"
description  = "What needs an incident"
entitlements = [ { backend = "gate", permission = "ticketed" } ]
ticket       = { pattern = "INC-\\d+", example = "INC-4711", required = true }
[[role.ticketed.stages]]
approvers = ["group:dba"]

[role.logs]
description  = "Read application logs on one node"
environment  = "prod"
owner        = "group:dba"
max_duration = "2h"
default_duration = "30m"
parameters   = { node = { pattern = "web-[0-9]+", required = true } }
entitlements = [ { backend = "gate", permission = "logs", node = "{node}" } ]
stages       = []
"#
);
