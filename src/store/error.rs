//! What can go wrong with the store, and what it answers to a change. A conflict is an answer, not an error.
//! No password, no parameter and no row's content may enter a message.

use std::fmt;

use hallpass_domain::RequestId;

/// `Display` is a sentence for the log and the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A row that isn't what we wrote: edited by hand, or written by another version.
    #[error("the row {row} of the table {table} is broken: {why}")]
    Corrupt {
        table: &'static str,
        row: String,
        why: String,
    },
    /// The database can't be reached or doesn't do what was asked. Whether a commit that was under way took effect
    /// is unknown; versions make trying again safe.
    #[error("{0}")]
    Unavailable(String),
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    Done,
    /// A row was not at the version that was read, or a unique key is taken. Nothing of the change was written.
    Conflict,
    /// The delivery key was seen: the request it made. Nothing of the change was written.
    Delivered(RequestId),
}

impl StoreError {
    pub(super) fn corrupt(table: &'static str, row: &str, why: impl fmt::Display) -> Self {
        Self::Corrupt {
            table,
            row: row.into(),
            why: why.to_string(),
        }
    }

    pub(super) fn unavailable(why: impl fmt::Display) -> Self {
        Self::Unavailable(format!("The database is unavailable: {why}"))
    }

    pub(super) fn closed() -> Self {
        Self::unavailable("the store is closed")
    }

    /// A failed statement on `table`; a column that can't be read is a broken row.
    pub(super) fn from_statement(table: &'static str, error: &sqlx::Error) -> Self {
        if let sqlx::Error::ColumnDecode { index, source } = error {
            return Self::corrupt(table, "(unreadable)", format!("column {index}: {source}"));
        }
        Self::unavailable(error)
    }
}

/// Lost a race that another try may win: serialization failure, deadlock, lock timeout (`PostgreSQL`'s SQLSTATE).
pub(super) fn is_worth_another_try(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| matches!(code.as_ref(), "40001" | "40P01" | "55P03"))
}

pub(super) fn is_unique_violation(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
