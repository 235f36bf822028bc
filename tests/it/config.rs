//! The configuration: the contract's file loads as written, and every mistake is told with its place.

mod commands;
mod drill;
mod environment;
mod example;
mod init;
mod keeping;
mod manifest;
mod mistakes;
mod mistakes_in_files;
mod mistakes_in_roles;
mod precedence;
mod round_trips;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hallpass::config::{Config, Kind, Loaded, Mistake, Mistakes, Severity};
use tempfile::TempDir;

/// An environment that is handed in.
type Variables = BTreeMap<String, String>;

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Files in a folder of their own.
struct Folder(TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self) -> Result<Loaded, Mistakes> {
        Config::load(&self.path("hallpass.toml"), &Variables::new())
    }

    /// A name without the folder.
    fn short<'a>(&self, file: &'a str) -> &'a str {
        let path = Path::new(file);
        path.strip_prefix(self.0.path())
            .ok()
            .and_then(Path::to_str)
            .unwrap_or(file)
    }
}

fn load(text: &str) -> Result<Loaded, Mistakes> {
    Folder::with(&[("hallpass.toml", text)]).load()
}

/// The mistakes of a file, warnings left out.
fn mistakes(text: &str) -> Vec<Mistake> {
    let found = load(text).map_or_else(|mistakes| mistakes.0, |loaded| loaded.warnings);
    found
        .into_iter()
        .filter(|one| one.severity == Severity::Mistake)
        .collect()
}

/// A small file that is well; the tests plant mistakes in it.
const WELL: &str = r#"version = 1

[slack]
command           = "/prod-access"
approvals_channel = "C0APPROVE"
security_channel  = "C0SECURE"

[groups]
backend  = ["U0ALICE", "U0RITA"]
security = ["U0EVE", "U0MAX"]

[oncall.dba]
kind   = "rotation"
people = ["U0BOB", "U0DANA"]
starts = "2026-01-05T09:00"
every  = "1w"

[backend.orders-db]
kind    = "postgres"
url_env = "ORDERS_DB_ADMIN_URL"

[role.db-admin]
requesters   = ["group:backend"]
entitlements = [ { backend = "orders-db", role = "orders_admin" } ]
max_duration = "4h"
stages       = [ { approvers = ["oncall:dba"] } ]
"#;

/// `WELL` with one text in place of another.
fn planted(from: &str, to: &str) -> String {
    assert!(WELL.contains(from), "{from} is in the file");
    WELL.replacen(from, to, 1)
}

/// The one mistake that comes of a planting: its kind, line, column, message and help.
#[track_caller]
fn the_only_mistake(from: &str, to: &str) -> (Kind, usize, usize, String, String) {
    let text = planted(from, to);
    let mut found = mistakes(&text);
    assert_eq!(found.len(), 1, "{to}: {found:#?}");
    let one = found.remove(0);
    (
        one.kind,
        one.line,
        one.column,
        one.message,
        one.help.unwrap_or_default(),
    )
}

/// What is planted in place of what, the kind that it is, line and column, and a part of the suggestion.
type Case = (&'static str, String, Kind, usize, usize, &'static str);

fn case(
    from: &'static str,
    to: &str,
    kind: Kind,
    place: (usize, usize),
    help: &'static str,
) -> Case {
    (from, to.to_owned(), kind, place.0, place.1, help)
}

#[track_caller]
fn each_is_told(cases: impl IntoIterator<Item = Case>) {
    let mut wrong = Vec::new();
    for (from, to, kind, line, column, help) in cases {
        let (found, found_line, found_column, message, found_help) = the_only_mistake(from, &to);
        if (found, found_line, found_column) != (kind, line, column) || !found_help.contains(help) {
            wrong.push(format!(
                "{to}: {found:?} {found_line}:{found_column} {message} ({found_help})"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
