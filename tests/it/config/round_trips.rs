//! What is read can be written and read again, and no damage to a file brings the reading down.

use hallpass::config::{Config, Look};
use hallpass::domain::{Role, RoleName};

use super::{Folder, Variables, load};

const EXAMPLE: &str = include_str!("../../../hallpass.example.toml");

fn example_without_include() -> String {
    EXAMPLE.replacen("include", "# include", 1)
}

#[test]
fn the_archived_text_is_the_same_configuration() {
    let first = load(EXAMPLE).expect("loads");
    let again = load(&first.text).expect("loads again");
    assert_eq!(first.config, again.config);
}

#[test]
fn a_role_survives_json() {
    for role in load(EXAMPLE).expect("loads").config.roles.values() {
        let text = serde_json::to_string(role).expect("written");
        let again: Role = serde_json::from_str(&text).expect("read");
        assert_eq!(*role, again);
    }
}

/// What `check --resolved` prints is TOML: written down as the role itself, nothing changes.
#[test]
fn a_resolved_role_written_out_is_the_same_role() {
    let name = RoleName::new("orders-admin");
    let text = example_without_include();
    let loaded = load(&text).expect("loads");
    let written: String = loaded.resolved[&name]
        .iter()
        .filter(|one| one.key != "template" && !one.key.starts_with("with."))
        .map(|one| format!("{} = {}\n", one.key, one.value))
        .collect::<Vec<_>>()
        .concat();
    let start = text.find("[role.orders-admin]").expect("there");
    let end = text.find("[role.logs]").expect("there");
    let rewritten = format!(
        "{}[role.orders-admin]\n{written}\n{}",
        &text[..start],
        &text[end..]
    );
    let again = load(&rewritten).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(loaded.config.roles[&name], again.config.roles[&name]);
}

/// Every mistake has a place in its file, and can be shown.
fn survives(folder: &Folder, text: &str) {
    let path = folder.path("hallpass.toml");
    std::fs::write(&path, text).expect("written");
    let found = Config::load(&path, &Variables::new());
    let found = found.map_or_else(|mistakes| mistakes.0, |loaded| loaded.warnings);
    for one in &found {
        let lines = text.lines().count().max(1);
        assert!((1..=lines + 1).contains(&one.line), "{one}");
        for look in [Look::Plain, Look::Graphical { colour: false }] {
            let shown = one.render(look);
            let raw = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!shown.is_empty() && !shown.contains(raw), "{shown:?}");
        }
    }
}

#[test]
fn a_line_missing_or_doubled_never_brings_the_reading_down() {
    let folder = Folder::with(&[]);
    let text = example_without_include();
    let lines: Vec<&str> = text.lines().collect();
    for at in 0..lines.len() {
        let mut damaged = lines.clone();
        damaged.remove(at);
        if at % 2 == 0 {
            damaged.insert(at, lines[at]);
            damaged.insert(at, lines[at]);
        }
        survives(&folder, &damaged.join("\n"));
    }
}

#[test]
fn a_file_cut_anywhere_or_with_odd_letters_never_brings_the_reading_down() {
    let folder = Folder::with(&[]);
    let text = example_without_include();
    for at in (0..text.len()).step_by(61) {
        survives(&folder, &text[..at]);
        let (before, after) = text.split_at(at);
        survives(
            &folder,
            &format!("{before}ö\u{202e}\u{7}{{\"\\u001b{after}"),
        );
    }
}
