//! Keys, names, values and types: each mistake planted by itself in a file that is well.

use hallpass::config::Kind;

use super::{WELL, case, each_is_told, load, mistakes, planted};

#[test]
fn unknown_keys_get_the_nearest_offered() {
    each_is_told([
        case(
            "max_duration",
            "max_duratoin",
            Kind::UnknownKey,
            (25, 1),
            "`max_duration`",
        ),
        case(
            "[groups]",
            "[gruops]\n[groups]",
            Kind::UnknownKey,
            (8, 2),
            "`groups`",
        ),
        case(
            "command  ",
            "comand  ",
            Kind::UnknownKey,
            (4, 1),
            "`command`",
        ),
        case(
            "approvers =",
            "aprovers =",
            Kind::UnknownKey,
            (26, 20),
            "`approvers`",
        ),
        case("every ", "evry ", Kind::UnknownKey, (16, 1), "`every`"),
        case("url_env", "url_enw", Kind::UnknownKey, (20, 1), "`url_env`"),
        case("stages  ", "stage  ", Kind::UnknownKey, (26, 1), "`stages`"),
    ]);
}

#[test]
fn undefined_names_get_the_nearest_offered() {
    each_is_told([
        case(
            "oncall:dba",
            "oncall:dbaa",
            Kind::UndefinedName,
            (26, 33),
            "`oncall:dba`",
        ),
        case(
            "group:backend",
            "group:bakend",
            Kind::UndefinedName,
            (23, 17),
            "`group:backend`",
        ),
        case(
            "backend = \"orders-db\"",
            "backend = \"order-db\"",
            Kind::UndefinedName,
            (24, 30),
            "`orders-db`",
        ),
        case(
            "max_duration",
            "template = \"x\"\nmax_duration",
            Kind::UndefinedName,
            (25, 12),
            "no template is defined",
        ),
        case(
            "max_duration",
            "environment = \"prod\"\nmax_duration",
            Kind::UndefinedName,
            (25, 15),
            "no environment is defined",
        ),
        case(
            "oncall:dba",
            "dba",
            Kind::UndefinedName,
            (26, 33),
            "`oncall:dba`",
        ),
        case(
            "group:backend",
            "backend",
            Kind::UndefinedName,
            (23, 17),
            "`group:backend`",
        ),
        case(
            "group:backend",
            "Alice",
            Kind::UndefinedName,
            (23, 17),
            "a Slack id like U0ALICE",
        ),
    ]);
}

#[test]
fn cycles_of_groups_and_templates_are_told_once() {
    let text = planted(
        "security = [\"U0EVE\", \"U0MAX\"]",
        "security = [\"group:ops\"]\nops = [\"group:a\"]\na = [\"group:security\"]",
    );
    let found = mistakes(&text);
    let [one] = found.as_slice() else {
        panic!("{found:#?}")
    };
    assert_eq!((one.kind, one.line), (Kind::Cycle, 12));
    assert!(
        one.message.ends_with("a → security → ops → a"),
        "{}",
        one.message
    );

    let text = format!(
        "{WELL}template = \"a\"\n[template.a]\ntemplate = \"b\"\n[template.b]\ntemplate = \"a\"\n"
    );
    let found = mistakes(&text);
    let [one] = found.as_slice() else {
        panic!("{found:#?}")
    };
    assert_eq!((one.kind, one.line, one.column), (Kind::Cycle, 31, 12));
    assert!(one.message.ends_with("a → b → a"), "{}", one.message);
}

#[test]
fn wrong_durations_say_what_would_do() {
    each_is_told([
        case("\"4h\"", "\"4 h\"", Kind::WrongDuration, (25, 16), "1h30m"),
        case(
            "\"4h\"",
            "\"30m1h\"",
            Kind::WrongDuration,
            (25, 16),
            "larger unit first",
        ),
        case(
            "\"4h\"",
            "\"0s\"",
            Kind::WrongDuration,
            (25, 16),
            "a time like 30m",
        ),
        case("\"4h\"", "90", Kind::WrongDuration, (25, 16), "\"90m\""),
        case("\"4h\"", "[\"4h\"]", Kind::WrongDuration, (25, 16), "45m"),
    ]);
}

#[test]
fn the_local_part_of_two_domains_is_ambiguous() {
    let with = |domains: &str| {
        planted(
            "[groups]",
            &format!("[people]\nemail_domains = {domains}\n[groups]"),
        )
        .replace(
            "kind    = \"postgres\"",
            "kind = \"postgres\"\nprincipal = \"{email_local}\"",
        )
    };
    let found = mistakes(&with("[\"a.com\", \"b.com\"]"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        (found[0].kind, found[0].line, found[0].column),
        (Kind::EmailLocal, 22, 13)
    );
    assert_eq!(mistakes(&with("[\"a.com\"]")), []);
    let open = load(&with("[]")).expect("only a warning");
    assert!(open.warnings.iter().any(|one| one.kind == Kind::EmailLocal));
}

#[test]
fn shapes_of_ids_zones_and_values_are_checked() {
    each_is_told([
        case(
            "\"C0APPROVE\"",
            "\"#approvals\"",
            Kind::SlackIdShape,
            (5, 21),
            "C0APPROVE",
        ),
        case(
            "max_duration",
            "channel = \"orders\"\nmax_duration",
            Kind::SlackIdShape,
            (25, 11),
            "C0APPROVE",
        ),
        case(
            "[groups]",
            "[people.map.alice]\n[groups]",
            Kind::SlackIdShape,
            (8, 13),
            "U0ALICE",
        ),
        case(
            "[groups]",
            "[access]\ntime_zone = \"Europe/Berln\"\n[groups]",
            Kind::TimeZone,
            (9, 13),
            "`Europe/Berlin`",
        ),
        case(
            "[groups]",
            "[access]\ntime_zone = \"X\"\n[groups]",
            Kind::TimeZone,
            (9, 13),
            "IANA",
        ),
    ]);
}

#[test]
fn values_that_mean_nothing_are_told() {
    each_is_told([
        case(
            "\"/prod-access\"",
            "\"prod access\"",
            Kind::WrongValue,
            (4, 21),
            "/prod-access",
        ),
        case(
            "\"2026-01-05T09:00\"",
            "\"next monday\"",
            Kind::WrongValue,
            (15, 10),
            "access.time_zone",
        ),
        case(
            "\"rotation\"",
            "\"rotatoin\"",
            Kind::WrongValue,
            (13, 10),
            "`rotation`",
        ),
        case(
            "\"postgres\"",
            "\"oracle\"",
            Kind::WrongValue,
            (19, 11),
            "`webhook`",
        ),
        case(
            "[\"U0BOB\", \"U0DANA\"]",
            "[\"group:security\"]",
            Kind::WrongValue,
            (14, 11),
            "on call",
        ),
        case(
            "\"U0MAX\"]",
            "\"*\"]",
            Kind::WrongValue,
            (10, 22),
            "user groups",
        ),
    ]);
}

#[test]
fn wrong_types_are_told() {
    each_is_told([
        case(
            "[\"group:backend\"]",
            "\"group:backend\"",
            Kind::WrongType,
            (23, 16),
            "",
        ),
        case("[\"U0EVE\", \"U0MAX\"]", "7", Kind::WrongType, (10, 12), ""),
        case("\"/prod-access\"", "true", Kind::WrongType, (4, 21), ""),
        case(
            "[\"oncall:dba\"]",
            "[\"oncall:dba\"], quorum = \"1\"",
            Kind::WrongType,
            (26, 57),
            "",
        ),
        case(
            "[\"oncall:dba\"]",
            "[\"oncall:dba\"], quorum = 0",
            Kind::WrongValue,
            (26, 57),
            "1 to 100",
        ),
        case(
            "max_duration",
            "ticket = \"INC\"\nmax_duration",
            Kind::WrongType,
            (25, 10),
            "",
        ),
    ]);
}

#[test]
fn a_principal_belongs_to_one_person() {
    let map = |second: &str| {
        planted(
            "[groups]",
            &format!(
                "[people.map.U0ALICE]\nemail = \"alice@example.com\"\nprincipals = {{ orders-db = \"alice\" }}\n\
                 [people.map.U0PAT]\nemail = \"{second}\"\nprincipals = {{ orders-db = \"alice\" }}\n[groups]"
            ),
        )
    };
    let found = mistakes(&map("bob@example.com"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].line, found[0].column), (13, 28));
    assert_eq!(
        mistakes(&map("alice@example.com")),
        [],
        "two accounts, one person"
    );
}
