//! What can be wrong with a role: its stages, patterns, entitlements and names.

use hallpass::config::Kind;

use super::{WELL, case, each_is_told, mistakes, planted, the_only_mistake};

#[test]
fn a_role_without_stages_is_told_and_an_empty_list_is_meant() {
    each_is_told([case(
        "stages       = [ { approvers = [\"oncall:dba\"] } ]",
        "",
        Kind::MissingStages,
        (22, 7),
        "only stages = [] grants at once",
    )]);
    let none = planted("[ { approvers = [\"oncall:dba\"] } ]", "[]");
    assert_eq!(mistakes(&none), []);
}

#[test]
fn a_quorum_that_can_never_be_reached_is_told() {
    let stage = "{ approvers = [\"oncall:dba\"] }";
    each_is_told([
        // Two are in the rotation, and one of them is on call.
        case(
            stage,
            "{ approvers = [\"oncall:dba\"], quorum = 2 }",
            Kind::UnreachableQuorum,
            (26, 57),
            "more approvers",
        ),
        case(
            stage,
            "{ approvers = [\"group:security\", \"U0EVE\"], quorum = 3 }",
            Kind::UnreachableQuorum,
            (26, 70),
            "lower",
        ),
        // No person counts in two stages.
        case(
            stage,
            "{ approvers = [\"U0EVE\"] }, { approvers = [\"U0EVE\"] }",
            Kind::UnreachableQuorum,
            (26, 59),
            "two stages",
        ),
    ]);
    for well in [
        "{ approvers = [\"oncall:dba\", \"group:security\"], quorum = 3 }",
        "{ approvers = [\"oncall:dba\"], quorum = 2, ladder = [ { after = \"10m\", ask = [\"group:security\"] } ] }",
        "{ approvers = [\"S0DBATEAM\"], quorum = 9 }",
        "{ approvers = [\"U0EVE\"] }, { approvers = [\"group:security\"] }",
    ] {
        assert_eq!(mistakes(&planted(stage, well)), [], "{well}");
    }
}

#[test]
fn one_person_under_two_names_counts_once() {
    let map = "[people.map.U0EVE]\nemail = \"eve@example.com\"\n[groups]";
    let text = planted("[groups]", map).replace(
        "{ approvers = [\"oncall:dba\"] }",
        "{ approvers = [\"U0EVE\", \"eve@example.com\"], quorum = 2 }",
    );
    let found = mistakes(&text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].kind, Kind::UnreachableQuorum);
}

#[test]
fn a_stage_that_its_requester_would_empty_is_told() {
    let requesters = "[\"group:backend\"]";
    each_is_told([
        case(
            requesters,
            "[\"U0BOB\"]",
            Kind::EmptiedStage,
            (26, 32),
            "ladder",
        ),
        case(
            requesters,
            "[\"*\"]",
            Kind::EmptiedStage,
            (26, 32),
            "ladder",
        ),
        case(
            requesters,
            "[\"oncall:dba\"]",
            Kind::EmptiedStage,
            (26, 32),
            "ladder",
        ),
        case(
            "[\"oncall:dba\"]",
            "[\"U0ALICE\"]",
            Kind::EmptiedStage,
            (26, 32),
            "other approvers",
        ),
        case(
            "[\"oncall:dba\"]",
            "[\"group:backend\"], quorum = 2",
            Kind::EmptiedStage,
            (26, 32),
            "ladder",
        ),
    ]);
    let (_, _, _, message, _) = the_only_mistake(requesters, "[\"*\"]");
    assert_eq!(
        message,
        "when U0BOB, on call, asks for `db-admin`, nobody can decide stage 1 (the same for 1 more)"
    );
    let laddered = planted(
        "{ approvers = [\"oncall:dba\"] }",
        "{ approvers = [\"oncall:dba\"], ladder = [ { after = \"10m\", ask = [\"group:security\"] } ] }",
    )
    .replace(requesters, "[\"*\"]");
    assert_eq!(mistakes(&laddered), []);
}

#[test]
fn patterns_and_their_examples_are_tried() {
    let ticket = |ticket: &str| format!("ticket = {ticket}\nmax_duration");
    let node = |rule: &str| format!("parameters = {{ node = {rule} }}\nmax_duration");
    each_is_told([
        case(
            "max_duration",
            &ticket("{ pattern = \"INC-(\", example = \"INC-1\" }"),
            Kind::BadPattern,
            (25, 22),
            "regular expression",
        ),
        case(
            "max_duration",
            &node("{ pattern = \"web-[0-9\" }"),
            Kind::BadPattern,
            (25, 35),
            "regular expression",
        ),
        case(
            "max_duration",
            &node("{ pattern = '\\w{900}{900}' }"),
            Kind::BadPattern,
            (25, 35),
            "regular expression",
        ),
        case(
            "max_duration",
            &ticket("{ pattern = \"INC-[0-9]+\", example = \"INC-x\" }"),
            Kind::ExampleMismatch,
            (25, 46),
            "INC-[0-9]+",
        ),
        case(
            "max_duration",
            &node("{ pattern = \"web-[0-9]\", example = \"web-12\" }"),
            Kind::ExampleMismatch,
            (25, 58),
            "whole value",
        ),
        case(
            "max_duration",
            &ticket("{ pattern = \"INC-[0-9]+\" }"),
            Kind::MissingKey,
            (25, 1),
            "example",
        ),
    ]);
}

#[test]
fn an_entitlement_needs_a_backend_and_defined_parameters() {
    let entitlement = "{ backend = \"orders-db\", role = \"orders_admin\" }";
    each_is_told([
        case(
            entitlement,
            "{ role = \"orders_admin\" }",
            Kind::NoBackend,
            (24, 18),
            "`orders-db`",
        ),
        case(
            entitlement,
            "{ backend = \"orders-db\" }",
            Kind::MissingKey,
            (24, 18),
            "role",
        ),
        case(
            entitlement,
            "{ backend = \"orders-db\", role = \"\" }",
            Kind::WrongValue,
            (24, 50),
            "say what",
        ),
        case(
            entitlement,
            "{ backend = \"orders-db\", role = \"orders_admin\", node = \"web-1\" }",
            Kind::UnknownKey,
            (24, 73),
            "alone",
        ),
        case(
            entitlement,
            "{ backend = \"orders-db\", role = \"{nod}\" }",
            Kind::UndefinedParameter,
            (24, 50),
            "parameters",
        ),
    ]);
    let optional = planted(
        entitlement,
        "{ backend = \"orders-db\", role = \"{node}\" }",
    ) + "parameters = { node = { pattern = \"[a-z]+\" } }\n";
    let found = mistakes(&optional);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].kind, Kind::UndefinedParameter);
    assert!(
        found[0]
            .help
            .as_ref()
            .is_some_and(|help| help.contains("required = true"))
    );
    let chosen = planted(entitlement, "{ backend = \"{node}\", role = \"x\" }")
        + "parameters = { node = { pattern = \"[a-z]+\", required = true } }\n";
    assert_eq!(mistakes(&chosen)[0].kind, Kind::NoBackend);
}

#[test]
fn role_names_are_shaped_and_not_reserved() {
    each_is_told([
        case(
            "[role.db-admin]",
            "[role.audit]",
            Kind::RoleName,
            (22, 7),
            "audit-access",
        ),
        case(
            "[role.db-admin]",
            "[role.DB]",
            Kind::RoleName,
            (22, 7),
            "lower-case",
        ),
        case(
            "[role.db-admin]",
            "[role.x]",
            Kind::RoleName,
            (22, 7),
            "2 to 40",
        ),
        case(
            "[role.db-admin]",
            "[role.break-glass]",
            Kind::RoleName,
            (22, 7),
            "break-glass-access",
        ),
    ]);
}

#[test]
fn durations_that_contradict_each_other_are_told() {
    each_is_told([
        case(
            "max_duration",
            "default_duration = \"5h\"\nmax_duration",
            Kind::DurationOrder,
            (25, 20),
            "lower",
        ),
        case(
            "max_duration",
            "default_duration = \"30s\"\nmax_duration",
            Kind::DurationOrder,
            (25, 20),
            "raise",
        ),
        case(
            "max_duration",
            "min_duration = \"5h\"\nmax_duration",
            Kind::DurationOrder,
            (26, 16),
            "raise",
        ),
    ]);
}

#[test]
fn break_glass_needs_a_reviewer_who_is_no_commander() {
    let glass = |rule: &str| format!("{WELL}break_glass = {rule}\n");
    let of = |rule: &str| {
        let found = mistakes(&glass(rule));
        assert_eq!(found.len(), 1, "{found:#?}");
        (found[0].kind, found[0].column)
    };
    assert_eq!(
        of("{ commanders = [\"U0EVE\"], review_by = [] }"),
        (Kind::WrongValue, 53)
    );
    assert_eq!(of("{ commanders = [\"U0EVE\"] }"), (Kind::MissingKey, 1));
    assert_eq!(
        of("{ commanders = [\"U0EVE\"], review_by = [\"U0EVE\"] }"),
        (Kind::NoReviewer, 53)
    );
    let well = glass("{ commanders = [\"U0EVE\"], review_by = [\"group:security\"] }");
    assert_eq!(mistakes(&well), []);
}

#[test]
fn a_ladder_climbs() {
    each_is_told([case(
        "[\"oncall:dba\"] }",
        "[\"oncall:dba\"], ladder = [ { after = \"10m\", ask = [\"U0EVE\"] }, { after = \"10m\", ask = [\"U0MAX\"] } ] }",
        Kind::LadderOrder,
        (26, 105),
        "from the start of the stage",
    )]);
}

#[test]
fn what_a_template_hides_from_every_role_is_told_too() {
    let text = format!(
        "{WELL}template = \"a\"\n[template.a]\nmax_duration = \"4x\"\nlable = 1\n[template.unused]\nstages = [ {{ quorum = 2 }} ]\nquorum = 1\n"
    );
    let told: Vec<(Kind, usize)> = mistakes(&text)
        .iter()
        .map(|one| (one.kind, one.line))
        .collect();
    assert_eq!(
        told,
        [
            (Kind::WrongDuration, 29),
            (Kind::UnknownKey, 30),
            (Kind::UnknownKey, 33)
        ]
    );
}

#[test]
fn an_environment_belongs_to_no_environment() {
    let text = format!("{WELL}[environment.prod]\nenvironment = \"prod\"\nrisk = \"hihg\"\n");
    let told: Vec<(Kind, usize)> = mistakes(&text)
        .iter()
        .map(|one| (one.kind, one.line))
        .collect();
    assert_eq!(told, [(Kind::UnknownKey, 28), (Kind::WrongValue, 29)]);
}
