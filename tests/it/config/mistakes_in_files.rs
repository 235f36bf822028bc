//! What can be wrong with the files themselves: includes, syntax, secrets; and ten mistakes in one file.

use std::path::Path;

use hallpass::config::{Config, Kind, Look, Mistake, Severity};

use super::{Folder, WELL, case, each_is_told, load, mistakes, planted, variables};

#[test]
fn what_is_defined_twice_in_two_files_is_told_with_both_places() {
    let main = WELL.replacen(
        "version = 1",
        "version = 1\ninclude = [\"roles/*.toml\", \"more.toml\"]",
        1,
    );
    let folder = Folder::with(&[
        ("hallpass.toml", &main),
        (
            "roles/a.toml",
            "[groups]\nsecurity = [\"U0PAT\"]\nnew = [\"U0PAT\"]\n",
        ),
        (
            "roles/b.toml",
            "include = [\"x.toml\"]\n[slack]\ncommand = \"/x\"\n",
        ),
    ]);
    let found = folder.load().expect_err("mistakes");
    let told: Vec<(Kind, &str, usize, usize)> = found
        .0
        .iter()
        .filter(|one| one.severity == Severity::Mistake)
        .map(|one| (one.kind, folder.short(&one.file), one.line, one.column))
        .collect();
    assert_eq!(
        told,
        [
            (Kind::Unreadable, "hallpass.toml", 2, 28),
            (Kind::DefinedTwice, "roles/a.toml", 2, 1),
            (Kind::WrongValue, "roles/b.toml", 1, 1),
            (Kind::DefinedTwice, "roles/b.toml", 2, 2),
        ]
    );
    assert!(found.0[1..].iter().any(|one| {
        one.help
            .as_ref()
            .is_some_and(|help| help.ends_with("hallpass.toml:11 already"))
    }));
}

#[test]
fn an_include_that_matches_nothing_is_a_warning() {
    let main = WELL.replacen(
        "version = 1",
        "version = 1\ninclude = [\"roles/*.toml\"]",
        1,
    );
    let loaded = load(&main).expect("well");
    assert!(
        loaded
            .warnings
            .iter()
            .any(|one| one.message.contains("matches no file"))
    );
}

#[test]
fn broken_toml_is_told_with_its_place_and_nothing_that_follows_from_it() {
    let text = planted(
        "security_channel  = \"C0SECURE\"",
        "security_channel  = C0SECURE\nmax = \"x\"",
    );
    let found = mistakes(&text);
    assert!(
        found
            .iter()
            .any(|one| one.kind == Kind::Syntax && one.line == 6),
        "{found:#?}"
    );
    assert!(
        found
            .iter()
            .all(|one| matches!(one.kind, Kind::Syntax | Kind::UnknownKey)),
        "{found:#?}"
    );
    let twice = planted("max_duration", "max_duration = \"1h\"\nmax_duration");
    let found = mistakes(&twice);
    assert_eq!((found[0].kind, found[0].line), (Kind::DefinedTwice, 26));
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let folder = Folder::with(&[]);
    let found = folder.load().expect_err("no file");
    assert_eq!((found.0[0].kind, found.0[0].line), (Kind::Unreadable, 0));
    assert!(found.to_string().ends_with(
        "hallpass.toml: mistake: there is no such file; `hallpass init` writes a first one"
    ));
}

#[test]
fn the_version_is_one() {
    each_is_told([
        case(
            "version = 1",
            "version = 2",
            Kind::Version,
            (1, 11),
            "version = 1",
        ),
        case("version = 1", "", Kind::Version, (1, 1), "version = 1"),
    ]);
}

#[test]
fn secrets_in_the_file_are_told_and_not_shown() {
    for (from, to, line, column) in [
        (
            "url_env = \"ORDERS_DB_ADMIN_URL\"",
            "url = \"postgres://h:hunter2@db/orders\"",
            20,
            7,
        ),
        (
            "\"ORDERS_DB_ADMIN_URL\"",
            "\"postgres://h:hunter2@db/orders\"",
            20,
            11,
        ),
        (
            "[groups]",
            "[role.db-admin.labels]\nx = \"xoxb-hunter2\"\n[groups]",
            9,
            5,
        ),
    ] {
        let text = planted(from, to);
        let found = mistakes(&text);
        assert_eq!(found.len(), 1, "{found:#?}");
        let one: &Mistake = &found[0];
        assert_eq!(
            (one.kind, one.line, one.column),
            (Kind::Secret, line, column)
        );
        for look in [Look::Plain, Look::Graphical { colour: false }] {
            assert!(
                !one.render(look).contains("hunter2"),
                "{}",
                one.render(look)
            );
        }
        assert!(!format!("{found:?}").contains("hunter2"));
    }
}

#[test]
fn ten_mistakes_in_one_file_are_all_named_with_line_and_column() {
    let env = variables(&[("ORDERS_DB_ADMIN_URL", "postgres://x")]);
    let path = Path::new("tests/it/config/ten_mistakes.toml");
    let found = Config::load(path, &env).expect_err("ten mistakes");
    assert_eq!(found.count(), 10, "{found}");
    assert!(found.0.iter().all(|one| one.line > 0 && one.column > 0));
    insta::assert_snapshot!("ten_mistakes_plain", found.render(Look::Plain));
    let drawn = found.render(Look::Graphical { colour: false });
    insta::assert_snapshot!("ten_mistakes_drawn", drawn);
    assert!(!drawn.contains('\u{1b}'), "no colour where none is wanted");
    let coloured = found.render(Look::Graphical { colour: true });
    assert!(coloured.contains("\u{1b}["));
}

#[test]
fn a_file_that_is_well_has_none() {
    assert_eq!(mistakes(WELL), []);
}
