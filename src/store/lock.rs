//! Who may serve: one process per `SQLite` file, held by an advisory lock that dies with the process.
//! `PostgreSQL` needs none, its replicas share.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::StoreError;

/// Held as long as the process serves; dropping it lets the next one in.
#[derive(Debug)]
pub struct ServingLock {
    file: Option<File>,
}

impl ServingLock {
    /// For databases whose replicas share.
    pub(super) fn shared() -> Self {
        Self { file: None }
    }

    /// Whether no other process can be serving this database.
    pub fn is_alone(&self) -> bool {
        self.file.is_some()
    }

    /// Locks `<database>.lock`, or says who is in the way.
    pub(super) fn beside(database: &Path) -> Result<Self, StoreError> {
        let path = lock_path(database, "lock");
        let file = open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Unavailable(format!(
                "Another hallpass already serves {}: stop it first, or give this one its own DATABASE_URL.",
                database.display()
            ))),
            Err(TryLockError::Error(error)) => Err(StoreError::Unavailable(format!(
                "The lock file {} can't be locked: {error}.",
                path.display()
            ))),
        }
    }
}

/// Waits until no other process migrates this database. Blocks; call it off the runtime.
pub(super) fn wait_to_migrate(database: &Path) -> Result<File, StoreError> {
    let path = lock_path(database, "migrating");
    let file = open(&path)?;
    file.lock().map_err(|error| {
        StoreError::Unavailable(format!(
            "The lock file {} can't be locked: {error}.",
            path.display()
        ))
    })?;
    Ok(file)
}

fn lock_path(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn open(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| {
            StoreError::Unavailable(format!(
                "The lock file {} can't be opened: {error}.",
                path.display()
            ))
        })
}
