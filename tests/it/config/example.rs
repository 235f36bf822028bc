//! The contract's example, word for word.

use std::path::Path;

use hallpass::config::{BackendKind, Config, Kind, OnCallSection};
use hallpass::domain::role::{GroupName, Risk, ScheduleName};
use hallpass::domain::{BackendName, Duration, RoleName, SlackId, Who};

use super::{Variables, variables};

fn example() -> hallpass::config::Loaded {
    let env = variables(&[
        ("ORDERS_DB_ADMIN_URL", "postgres://x"),
        ("GATE_SECRET", "s"),
        ("HEARTBEAT_URL_FILE", "/run/secrets/heartbeat"),
    ]);
    Config::load(Path::new("hallpass.example.toml"), &env).expect("the example loads")
}

#[test]
fn it_has_exactly_its_two_roles() {
    let loaded = example();
    let roles: Vec<&str> = loaded.config.roles.keys().map(RoleName::as_str).collect();
    assert_eq!(roles, ["logs", "orders-admin"]);
    let role = &loaded.config.roles[&RoleName::new("orders-admin")];
    insta::assert_json_snapshot!("orders_admin", role);
    let role = &loaded.config.roles[&RoleName::new("logs")];
    insta::assert_json_snapshot!("logs", role);
}

#[test]
fn its_sections_are_read() {
    let config = example().config;
    assert_eq!(config.slack.command, "/prod-access");
    assert_eq!(config.access.time_zone, chrono_tz::Europe::Berlin);
    assert_eq!(
        config.access.heartbeat_url_env.as_deref(),
        Some("HEARTBEAT_URL")
    );
    assert_eq!(config.operators, [Who::Group(GroupName::new("platform"))]);
    assert_eq!(config.environments["prod"], Risk::High);
    assert_eq!(
        config.groups[&GroupName::new("dba")],
        [
            Who::Account(SlackId::parse("U0BOB").expect("an id")),
            Who::UserGroup("S0DBATEAM".into())
        ]
    );
    let rotation = &config.on_call[&ScheduleName::new("dba")];
    assert!(
        matches!(rotation, OnCallSection::Rotation { every, time_zone, .. }
        if *every == Duration::from_hours(7 * 24) && *time_zone == chrono_tz::Europe::Berlin)
    );
    let alice = &config.people.map[&SlackId::parse("U0ALICE").expect("an id")];
    assert_eq!(
        alice.principals[&BackendName::new("orders-db")],
        "alice_sql"
    );
    let gate = &config.backends[&BackendName::new("deploy-gate")];
    assert!(
        matches!(&gate.kind, BackendKind::Webhook { secret_env, .. } if secret_env == "GATE_SECRET")
    );
    assert_eq!(gate.principal.as_deref(), Some("{email}"));
    let orders = &config.backends[&BackendName::new("orders-db")];
    assert_eq!(orders.principal.as_deref(), Some("{email_local}"));
    assert_eq!(
        config.people_named(),
        7,
        "alice, bob, carol, two danas, eve, pat"
    );
}

#[test]
fn a_missing_variable_is_a_warning_in_check_and_a_mistake_for_serve() {
    use hallpass::config::MissingVariables::Refuse;
    let path = Path::new("hallpass.example.toml");
    let loaded = Config::load(path, &Variables::new()).expect("loads");
    let missing = |list: &[hallpass::config::Mistake]| {
        list.iter()
            .filter(|one| one.kind == Kind::MissingVariable)
            .map(|one| one.line)
            .collect::<Vec<_>>()
    };
    assert_eq!(missing(&loaded.warnings), [16, 47, 53]);
    let refused = Config::load_with(path, &Variables::new(), Refuse).expect_err("refused");
    assert_eq!(missing(&refused.0), [16, 47, 53]);
    assert_eq!(refused.count(), 3);
}

#[test]
fn the_same_files_have_the_same_digest_and_others_another() {
    let (first, again) = (example(), example());
    assert_eq!(first.digest, again.digest);
    assert!(first.text.contains("[template.db-admin]"));
    let other = super::load(super::WELL).expect("loads");
    assert_ne!(first.digest, other.digest);
}
