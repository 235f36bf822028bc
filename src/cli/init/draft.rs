//! The text of a first configuration: short, commented where a choice was made for its owner.

use super::answers::{Answers, Backend};
use super::workspace::Workspace;

/// TOML that passes `check` for any answers that were taken.
pub(super) fn text(answers: &Answers, slack: Option<&Workspace>) -> String {
    let domain = slack.and_then(Workspace::main_domain);
    let note = |id: &str| note(id, slack);
    let mark = if answers.placeholders {
        "# Ids like C0APPROVE and U0BOB are placeholders: put your own in.\n"
    } else {
        ""
    };
    [
        "# The keys are explained in hallpass.example.toml; `hallpass check` reads this file.\n",
        mark,
        "version = 1\n\n[slack]\n",
        "command           = \"/prod-access\"\n",
        &entry("approvals_channel", &answers.approvals_channel, &note(&answers.approvals_channel)),
        &entry("security_channel ", &answers.security_channel, &note(&answers.security_channel)),
        "\n[access]\n",
        "time_zone = \"UTC\"                   # of the on-call rotations\n",
        &people(domain.as_deref()),
        &groups(answers, slack),
        "\n[oncall.incident-commander]\nkind   = \"static\"            # or a rotation: kind, people, starts, every\n",
        &format!("people = {}{}\n", list(std::slice::from_ref(&answers.commander)), note(&answers.commander)),
        &backend(answers.backend, domain.is_some()),
        &role(answers),
    ]
    .concat()
}

fn entry(key: &str, value: &str, note: &str) -> String {
    format!("{key} = \"{value}\"{note}\n")
}

fn people(domain: Option<&str>) -> String {
    match domain {
        Some(domain) => format!("\n[people]\nemail_domains = [\"{domain}\"]\n"),
        None => {
            "\n# [people]\n# email_domains = [\"example.com\"]   # whose confirmed e-mails count\n"
                .into()
        }
    }
}

fn groups(answers: &Answers, slack: Option<&Workspace>) -> String {
    let mut out = String::from("\n[groups]\n");
    if answers.requesters != ["*"] {
        out.push_str(&group("requesters", &answers.requesters, slack));
    }
    out.push_str(&group("approvers", &answers.approvers, slack));
    out
}

fn group(name: &str, people: &[String], slack: Option<&Workspace>) -> String {
    let lines: Vec<String> = people
        .iter()
        .map(|one| format!("    \"{one}\",{}\n", note(one, slack)))
        .collect();
    let lines = lines.concat();
    format!("{name} = [\n{lines}]\n")
}

fn backend(kind: Backend, one_domain: bool) -> String {
    let variable = kind.variable();
    match kind {
        Backend::Postgres => {
            let principal = if one_domain {
                "{email_local}"
            } else {
                "{email}"
            };
            format!(
                "\n[backend.orders-db]\nkind      = \"postgres\"\n\
                 url_env   = \"{variable}\"   # its role needs ADMIN OPTION on what it hands out; not a superuser\n\
                 principal = \"{principal}\"          # who a person is there\n"
            )
        }
        Backend::Webhook => format!(
            "\n[backend.gate]\nkind       = \"webhook\"\n\
             url        = \"https://gate.internal/hallpass\"\n\
             secret_env = \"{variable}\"\n"
        ),
    }
}

fn role(answers: &Answers) -> String {
    let entitlement = match answers.backend {
        Backend::Postgres => "backend = \"orders-db\", role = \"orders_admin\"",
        Backend::Webhook => "backend = \"gate\", permission = \"orders:write\"",
    };
    let requesters = if answers.requesters == ["*"] {
        "\"*\""
    } else {
        "\"group:requesters\""
    };
    format!(
        r#"
[role.db-admin]
description      = "Read and write orders"
requesters       = [{requesters}]
entitlements     = [ {{ {entitlement} }} ]
max_duration     = "4h"
default_duration = "1h"
ticket           = {{ pattern = "INC-\\d+", example = "INC-4711", required = false }}
[[role.db-admin.stages]]
approvers = ["group:approvers"]
quorum    = 1
ladder    = [ {{ after = "10m", ask = ["oncall:incident-commander"] }} ]
[role.db-admin.break_glass]
commanders    = ["oncall:incident-commander"]
max_duration  = "1h"
review_by     = ["group:approvers"]
review_within = "24h"
[role.db-admin.extend]
times = 1
by    = "1h"
"#
    )
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("\"{item}\"")).collect();
    format!("[{}]", items.join(", "))
}

/// What Slack calls an id, as a comment.
fn note(id: &str, slack: Option<&Workspace>) -> String {
    slack
        .and_then(|slack| slack.name_of(id))
        .map(|name| {
            let name: String = name.chars().filter(|c| !c.is_control()).collect();
            format!("   # {name}")
        })
        .unwrap_or_default()
}
