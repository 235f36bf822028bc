use std::collections::BTreeMap;

use super::{Entitlement, ExtendRule, GroupName, RoleName, ScheduleName, Terms, Who};
use crate::testing::{db_admin, entitlement, minutes, stage, terms};
use crate::{Email, SlackId};

#[test]
fn a_roles_name_is_short_plain_and_no_word_of_the_command() {
    let (longest, longer) = ("a".repeat(40), "a".repeat(41));
    for well in ["db", "db-admin", "logs2", &longest] {
        let name = RoleName::parse(well).expect(well);
        assert_eq!((name.as_str(), name.to_string().as_str()), (well, well));
    }
    for bad in [
        "", "d", "2db", "-db", "DB", "db_admin", "db admin", "dbÄ", "mine", &longer,
    ] {
        assert_eq!(RoleName::parse(bad), None, "{bad}");
    }
}

#[test]
fn who_is_written_as_the_configuration_writes_it() {
    for (who, text) in [
        (Who::Everybody, "*"),
        (Who::OnCall(ScheduleName::new("dba")), "oncall:dba"),
        (Who::Group(GroupName::new("backend")), "group:backend"),
        (
            Who::Account(SlackId::parse("U0BOB").expect("an id")),
            "U0BOB",
        ),
        (
            Who::Email(Email::parse("dana@example.com").expect("an address")),
            "dana@example.com",
        ),
        (Who::UserGroup("S0DBATEAM".into()), "S0DBATEAM"),
    ] {
        assert_eq!(who.to_string(), text);
    }
}

fn with(attributes: &[(&str, &str)]) -> Entitlement {
    let text = |text: &&str| (*text).to_owned();
    Entitlement {
        attributes: attributes
            .iter()
            .map(|(key, value)| (text(key), text(value)))
            .collect(),
        ..entitlement("orders-db", "unused")
    }
}

#[test]
fn an_entitlement_is_known_by_all_its_attributes() {
    let logs = with(&[("permission", "logs:read"), ("node", "web-3")]);
    assert_eq!(logs.key(), r#"{"node":"web-3","permission":"logs:read"}"#);
    assert_eq!(logs.shown(), "logs:read (node web-3)");
    assert_eq!(with(&[("role", "orders_admin")]).shown(), "orders_admin");
    assert_eq!(with(&[("node", "web-3")]).shown(), "node web-3");
    let both = with(&[("role", "r"), ("group", "g"), ("zone", "z")]);
    assert_eq!(both.shown(), "r (group g, zone z)");
}

#[test]
fn parameters_take_the_place_of_their_names() {
    let logs = with(&[("permission", "logs:read"), ("node", "{node}.{zone}")]);
    let values = [("node", "web-3"), ("zone", "eu")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    let filled = logs.filled(&BTreeMap::from(values));
    assert_eq!(filled.attributes["node"], "web-3.eu");
    assert_eq!(filled.attributes["permission"], "logs:read");
}

#[test]
fn a_stage_takes_at_least_one_approval() {
    assert_eq!(stage(0, &[]).needed(), 1);
    assert_eq!(stage(1, &[]).needed(), 1);
    assert_eq!(stage(3, &[]).needed(), 3);
}

/// Authority that was written into a row, beside the digest or with it, isn't what was approved.
#[test]
fn terms_that_were_edited_are_not_intact() {
    assert!(terms(db_admin()).is_intact());
    let edits: [fn(&mut Terms); 4] = [
        |terms| terms.role.stages.clear(),
        |terms| terms.digest = "0".repeat(64),
        |terms| terms.entitlements = vec![entitlement("orders-db", "superuser")],
        |terms| terms.rules.clear(),
    ];
    for edit in edits {
        let mut edited = terms(db_admin());
        edit(&mut edited);
        assert!(!edited.is_intact(), "{edited:?}");
    }
}

#[test]
fn the_longest_is_what_the_budget_can_add() {
    let mut terms = terms(db_admin());
    terms.role.extend = Some(ExtendRule {
        times: 2,
        by: minutes(30),
    });
    assert_eq!(terms.longest(minutes(60)), minutes(120));
    terms.role.extend = None;
    assert_eq!(terms.longest(minutes(60)), minutes(60));
}
