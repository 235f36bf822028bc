//! What the machine has installed for a private `PostgreSQL` server, for the tests and the benches: where Debian keeps its
//! programs, and as whom they run, because `PostgreSQL` refuses to run as root.

use std::fs;
use std::path::PathBuf;

/// The programs of Debian's newest version.
pub(crate) fn programs() -> Option<PathBuf> {
    let version = |path: &PathBuf| -> Option<u32> { path.file_name()?.to_str()?.parse().ok() };
    fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("bin/postgres").is_file())
        .max_by_key(version)
        .map(|path| path.join("bin"))
}

/// User and group of somebody who may do little.
pub(crate) fn unprivileged() -> Option<(u32, u32)> {
    user("postgres").or_else(|| user("nobody"))
}

fn user(name: &str) -> Option<(u32, u32)> {
    let people = fs::read_to_string("/etc/passwd").ok()?;
    let line = people
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
