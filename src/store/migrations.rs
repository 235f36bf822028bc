//! The migrations, embedded: the same names for both databases, forward only. A new one is a file in each folder and a
//! line here; a test holds the list to the folders.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

macro_rules! embedded {
    ($folder:literal: $($version:literal $name:literal),+ $(,)?) => {
        [$((
            $version,
            $name,
            include_str!(concat!("../../migrations/", $folder, "/", $version, "_", $name, ".sql")),
        )),+]
    };
}

macro_rules! migrations {
    ($($version:literal $name:literal),+ $(,)?) => {
        const SQLITE: &[(&str, &str, &str)] = &embedded!("sqlite": $($version $name),+);
        const POSTGRES: &[(&str, &str, &str)] = &embedded!("postgres": $($version $name),+);
    };
}

migrations! {
    "20260701090000" "create_core",
    "20260701090100" "create_effect",
    "20260701090200" "create_event",
    "20260701090300" "create_card",
    "20260701090400" "create_configuration",
    "20261121100000" "create_seal",
    "20261121120000" "create_scan",
    "20261121120100" "create_backend_section",
    "20261121130000" "create_alarm",
    "20261121140000" "create_announcement",
    "20261122030000" "create_draft",
    "20261122040000" "create_home",
    "20261123010000" "keep_alarm_copies",
    "20261123030000" "index_waiting",
    "20261123090000" "index_claimed",
    "20261123150000" "keep_failures",
    "20261123150100" "keep_role",
    "20261123150200" "fill_role",
    "20261123150300" "index_role_uses",
    "20261123160000" "count_failures",
    "20261124100000" "leave_room_for_updates",
}

pub(super) fn sqlite() -> Migrator {
    migrator(SQLITE)
}

pub(super) fn postgres() -> Migrator {
    migrator(POSTGRES)
}

fn migrator(files: &'static [(&str, &str, &str)]) -> Migrator {
    let migration = |(version, name, text): &(&'static str, &'static str, &'static str)| {
        // A name that is no number can't be right, and would run first: the tests see it.
        let version = version.parse().unwrap_or_default();
        let name = Cow::Borrowed(*name);
        Migration::new(
            version,
            name,
            MigrationType::Simple,
            text.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(files.iter().map(migration).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{POSTGRES, SQLITE};

    #[test]
    fn every_file_of_both_folders_is_embedded() {
        for (folder, files) in [("sqlite", SQLITE), ("postgres", POSTGRES)] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("migrations")
                .join(folder);
            let there: BTreeSet<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            let embedded: BTreeSet<String> = files
                .iter()
                .map(|(version, name, _)| format!("{version}_{name}.sql"))
                .collect();
            assert_eq!(there, embedded);
        }
    }

    #[test]
    fn versions_are_moments_and_rise() {
        let versions: Vec<i64> = SQLITE
            .iter()
            .map(|(version, ..)| version.parse().unwrap())
            .collect();
        assert!(versions.is_sorted_by(|one, next| one < next));
        assert!(
            versions
                .iter()
                .all(|version| version.to_string().len() == 14)
        );
    }
}
