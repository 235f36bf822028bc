//! From paths to one tree: the main file, what it includes by glob, and the rule that a name has one owner.
//! Reads files and nothing else; the meaning of what is in them comes later.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::findings::Findings;
use super::glob;
use super::mistake::Kind;
use super::section::wrong_type;
use super::source::At;
use super::tree::{Table, Value};

/// Bytes; a configuration is written by hand.
const LARGEST: u64 = 4 << 20;
/// Files in one configuration.
const MOST: usize = 1_000;

/// Sections whose entries may be spread over files, each entry in one of them.
const SHARED: [&str; 8] = [
    "groups",
    "oncall",
    "backend",
    "environment",
    "template",
    "role",
    "people",
    "people.map",
];

/// Reads `path` and everything it includes into one tree.
pub(super) fn read_all(path: &Path, found: &mut Findings) -> Table {
    let Some((main, mut root)) = read(path, found) else {
        return Table::default();
    };
    check_version(&root, main, found);
    for include in included(&root, path, found) {
        let Some((_, mut table)) = read(&include, found) else {
            continue;
        };
        if let Some(entry) = table.entries.remove("include") {
            found.mistake_with(
                Kind::WrongValue,
                entry.key_at,
                "an included file can't include others",
                format!("add the pattern to include in {}", path.display()),
            );
        }
        if let Some(entry) = table.entries.remove("version") {
            check_version_value(&entry.node.value, entry.node.at, found);
        }
        combine(&mut root, table, "", found);
    }
    root.entries.remove("include");
    root.entries.remove("version");
    root
}

fn read(path: &Path, found: &mut Findings) -> Option<(usize, Table)> {
    let name = path.display().to_string();
    let text = match read_text(path) {
        Ok(text) => text,
        Err(why) => {
            let file = found.add_source(name, String::new());
            found.of_file(Kind::Unreadable, file, why);
            return None;
        }
    };
    let file = found.add_source(name, text.clone());
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let at = At::new(file, &span);
        let kind = if error.message().contains("duplicate key") {
            Kind::DefinedTwice
        } else {
            Kind::Syntax
        };
        let message = error.message().replace('\n', " ");
        found.mistake(kind, at, message);
    }
    Some((file, Table::read(file, table.get_ref())))
}

fn read_text(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            "there is no such file; `hallpass init` writes a first one".to_owned()
        } else {
            format!("can't be opened: {error}")
        }
    })?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("can't be read: {error}"))?;
    if bytes.len() as u64 > LARGEST {
        return Err("is larger than 4 MiB".into());
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map_or(text.clone(), str::to_owned))
}

fn check_version(root: &Table, file: usize, found: &Findings) {
    match root.get("version") {
        Some(entry) => check_version_value(&entry.node.value, entry.node.at, found),
        None => found.mistake_with(
            Kind::Version,
            At::new(file, &(0..0)),
            "the file doesn't say which version of the format it is",
            "begin it with version = 1".to_owned(),
        ),
    }
}

fn check_version_value(value: &Value, at: At, found: &Findings) {
    if *value != Value::Whole(1) {
        found.mistake_with(
            Kind::Version,
            at,
            format!("version {} of the format is not known", value.shown()),
            "write version = 1".to_owned(),
        );
    }
}

/// The files that `include` names, each once, sorted within a pattern, without the main file itself.
fn included(root: &Table, main: &Path, found: &Findings) -> Vec<PathBuf> {
    let Some(entry) = root.get("include") else {
        return Vec::new();
    };
    let Value::List(patterns) = &entry.node.value else {
        wrong_type(found, &entry.node, "include", "a list of paths");
        return Vec::new();
    };
    let folder = main.parent().unwrap_or(Path::new(""));
    let mut files: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        let Some(text) = pattern.text() else {
            wrong_type(found, pattern, "include", "a list of paths");
            continue;
        };
        match glob::expand(folder, text) {
            Ok(paths) if paths.is_empty() && glob::is_pattern(text) => found.warning(
                Kind::Suspicious,
                pattern.at,
                format!("`{text}` matches no file"),
                None,
            ),
            Ok(paths) if paths.is_empty() => found.mistake(
                Kind::Unreadable,
                pattern.at,
                format!("there is no file `{text}`"),
            ),
            Ok(paths) => files.extend(paths.into_iter().filter(|path| path != main)),
            Err(why) => found.mistake(
                Kind::Unreadable,
                pattern.at,
                format!("`{text}` can't be read: {why}"),
            ),
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    files.retain(|path| seen.insert(path.clone()));
    if files.len() > MOST {
        let message = format!("includes {} files; {MOST} is the most", files.len());
        found.mistake(Kind::Unreadable, entry.node.at, message);
        files.truncate(MOST);
    }
    files
}

/// Adds `other` to `root`; what is defined in both is a mistake, told at the later place.
fn combine(root: &mut Table, other: Table, section: &str, found: &Findings) {
    for (key, entry) in other.entries {
        let path = if section.is_empty() {
            key.clone()
        } else {
            format!("{section}.{key}")
        };
        let Some(here) = root.entries.get_mut(&key) else {
            root.entries.insert(key, entry);
            continue;
        };
        match (&mut here.node.value, entry.node.value) {
            (Value::Table(here), Value::Table(there)) if SHARED.contains(&path.as_str()) => {
                combine(here, there, &path, found);
            }
            _ => found.mistake_with(
                Kind::DefinedTwice,
                entry.key_at,
                format!("{path} is defined twice"),
                format!("it stands in {} already", found.line_of(here.key_at)),
            ),
        }
    }
}
