//! Holds the import table of `docs/architecture.md` to the code: every `crate::ROOM` token counts, not only `use`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// What each room may import; `telemetry`, `points`, `panics` and the domain crate are open to all.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("telemetry", &[]),
    ("points", &[]),
    ("panics", &[]),
    ("ports", &[]),
    ("policy", &[]),
    ("config", &[]),
    ("store", &["ports"]),
    ("backend", &["ports", "config"]),
    ("oncall", &["ports", "config"]),
    ("audit", &["store"]),
    ("app", &["policy", "ports", "store"]),
    ("slack", &["app", "ports"]),
    ("http", &["slack", "app", "audit"]),
    ("worker", &["app", "audit", "store", "ports"]),
    ("wiring", &["*"]),
    ("cli", &["config", "policy", "audit", "app", "wiring"]),
];

/// A file longer than this has outgrown its room.
const LONGEST_FILE: usize = 600;

#[test]
fn rooms_import_only_what_the_table_allows() {
    let table: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let token = Regex::new(r"\bcrate::\{?\s*([a-z_]+)").expect("a regex");
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for file in rust_files(Path::new("src")) {
        let Some(room) = room_of(&file) else { continue };
        let allowed = table.get(room.as_str()).unwrap_or_else(|| {
            panic!(
                "{} is a room that the import table doesn't know",
                file.display()
            )
        });
        seen.insert(room.clone());
        let text = fs::read_to_string(&file).expect("a source file");
        for (number, line) in code_lines(&text) {
            for found in token.captures_iter(line).map(|found| found[1].to_owned()) {
                let open = [room.as_str(), "telemetry", "points", "panics", "domain"]
                    .contains(&found.as_str());
                if !open && !allowed.contains(&"*") && !allowed.contains(&found.as_str()) {
                    wrong.push(format!(
                        "{}:{number} {room} imports {found}",
                        file.display()
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "against the import table:\n{}",
        wrong.join("\n")
    );
    let known: BTreeSet<String> = MAY_IMPORT.iter().map(|(room, _)| (*room).into()).collect();
    assert_eq!(seen, known, "the table and the rooms under src/ differ");
}

#[test]
fn braces_do_not_hide_an_import() {
    let grouped = Regex::new(r"\bcrate::\{[^}]*,").expect("a regex");
    for file in rust_files(Path::new("src")) {
        let text = fs::read_to_string(&file).expect("a source file");
        for (number, line) in code_lines(&text) {
            assert!(
                !grouped.is_match(line),
                "{}:{number} groups rooms in one `use crate::{{…}}`: one `use` per room, so that the import table can be held to it",
                file.display()
            );
        }
    }
}

#[test]
fn the_core_is_pure() {
    let manifest = fs::read_to_string("crates/domain/Cargo.toml").expect("the domain's manifest");
    let dependencies = manifest
        .split("[dependencies]")
        .nth(1)
        .expect("its dependencies");
    let dependencies = dependencies.split("\n[").next().unwrap_or_default();
    let allowed = [
        "chrono",
        "chrono-tz",
        "hex",
        "serde",
        "serde_json",
        "sha2",
        "strsim",
        "thiserror",
    ];
    for line in dependencies
        .lines()
        .filter(|line| line.contains('=') || line.contains('.'))
    {
        let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
        assert!(
            allowed.contains(&name),
            "the domain may not depend on {name}"
        );
    }
    let impure =
        Regex::new(r"std::(fs|net|io|process|thread|time|env)\b|async fn|\btracing\b|Utc::now")
            .expect("a regex");
    // The switches of the planted bugs are read from the environment; no release build has them.
    let switches = Path::new("crates/domain/src/planted.rs");
    let files = rust_files(Path::new("crates/domain/src"));
    for file in files.iter().filter(|file| *file != switches) {
        let text = fs::read_to_string(file).expect("a source file");
        for (number, line) in code_lines(&text) {
            assert!(
                !impure.is_match(line),
                "{}:{number} is not pure: {line}",
                file.display()
            );
        }
    }
}

#[test]
fn the_sandbox_knows_nothing_of_the_bot() {
    for file in rust_files(Path::new("crates/slack-sandbox")) {
        let text = fs::read_to_string(&file)
            .expect("a source file")
            .to_lowercase();
        assert!(
            !text.contains("hallpass"),
            "{} speaks of the bot",
            file.display()
        );
    }
    let manifest = fs::read_to_string("crates/slack-sandbox/Cargo.toml").expect("its manifest");
    assert!(
        !manifest.contains("hallpass"),
        "the sandbox depends on the bot"
    );
}

#[test]
fn only_the_demo_reaches_for_the_sandbox() {
    for file in rust_files(Path::new("src")) {
        let text = fs::read_to_string(&file).expect("a source file");
        let demo = file.starts_with("src/cli/demo") || file == Path::new("src/cli/demo.rs");
        assert!(
            demo || !text.contains("slack_sandbox"),
            "{} uses the sandbox; only the demo may",
            file.display()
        );
    }
}

#[test]
fn no_file_outgrows_its_room() {
    let roots = ["src", "crates", "tests"];
    let long: Vec<String> = roots
        .iter()
        .flat_map(|root| rust_files(Path::new(root)))
        .filter_map(|file| {
            let lines = fs::read_to_string(&file)
                .expect("a source file")
                .lines()
                .count();
            (lines > LONGEST_FILE).then(|| format!("{} has {lines} lines", file.display()))
        })
        .collect();
    assert!(
        long.is_empty(),
        "split at {LONGEST_FILE}:\n{}",
        long.join("\n")
    );
}

/// `src/store/apply.rs` and `src/wiring.rs` are in the rooms `store` and `wiring`; `lib.rs` and `main.rs` in none.
fn room_of(file: &Path) -> Option<String> {
    let inside = file.strip_prefix("src").ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!["lib", "main"].contains(&name)).then(|| name.to_owned())
}

/// Lines that aren't comments, with their numbers from 1.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line))
}

fn rust_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no Rust files under {}", root.display());
    found.sort();
    found
}
