//! The paths that an `include` pattern names: `*` and `?` within a path's part, `**` for folders in between.
//! Sorted, so that the same tree always reads the same; hidden files are left out.

use std::io;
use std::path::{Path, PathBuf};

/// Folders deep that `**` looks into.
const DEEPEST: usize = 16;

pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// The files under `folder` (or from the root, where the pattern begins there) that `pattern` names.
pub(super) fn expand(folder: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
    let start = if pattern.starts_with('/') {
        PathBuf::from("/")
    } else {
        folder.to_owned()
    };
    let parts: Vec<&str> = pattern
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let mut out = Vec::new();
    walk(&start, &parts, DEEPEST, &mut out)?;
    out.sort();
    out.dedup();
    Ok(out)
}

fn walk(at: &Path, parts: &[&str], depth: usize, out: &mut Vec<PathBuf>) -> io::Result<()> {
    let Some((part, rest)) = parts.split_first() else {
        if at.is_file() {
            out.push(at.to_owned());
        }
        return Ok(());
    };
    if *part == "**" {
        walk(at, rest, depth, out)?;
        if depth > 0 {
            for entry in entries(at)?.into_iter().filter(|entry| entry.is_dir()) {
                walk(&entry, parts, depth - 1, out)?;
            }
        }
        return Ok(());
    }
    if !is_pattern(part) {
        return walk(&at.join(part), rest, depth, out);
    }
    for entry in entries(at)? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        if matches(part, &name) {
            walk(&entry, rest, depth, out)?;
        }
    }
    Ok(())
}

/// What is in a folder, hidden files left out; nothing where there is no such folder.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let path = path.strip_prefix(".").map_or(path.clone(), Path::to_owned);
        let hidden = path
            .file_name()
            .is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if !hidden {
            out.push(path);
        }
    }
    Ok(out)
}

/// `*` for any run of letters, `?` for one.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((star_p, star_n)) = star else {
                    return false;
                };
                star = Some((star_p, star_n + 1));
                p = star_p + 1;
                n = star_n + 1;
            }
        }
    }
    pattern[p..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::{expand, matches};

    #[test]
    fn stars_stand_for_any_letters() {
        assert!(matches("*.toml", "orders.toml"));
        assert!(matches("a*b*c", "a-b-b-c"));
        assert!(matches("?.toml", "a.toml"));
        assert!(!matches("*.toml", "orders.toml.bak"));
        assert!(!matches("?.toml", "ab.toml"));
    }

    #[test]
    fn a_pattern_names_files_in_order_and_no_hidden_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        for file in [
            "roles/b.toml",
            "roles/a.toml",
            "roles/.c.toml",
            "roles/x/d.toml",
        ] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, "").expect("written");
        }
        let names = |pattern: &str| -> Vec<String> {
            expand(folder.path(), pattern)
                .expect("read")
                .iter()
                .map(|path| {
                    path.strip_prefix(folder.path())
                        .expect("below")
                        .display()
                        .to_string()
                })
                .collect()
        };
        assert_eq!(names("roles/*.toml"), ["roles/a.toml", "roles/b.toml"]);
        assert_eq!(
            names("roles/**/*.toml"),
            ["roles/a.toml", "roles/b.toml", "roles/x/d.toml"]
        );
        assert_eq!(names("roles/a.toml"), ["roles/a.toml"]);
        assert!(names("elsewhere/*.toml").is_empty());
    }
}
