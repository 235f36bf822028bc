//! What can go wrong with the store, and what it answers to a change. A conflict is an answer, not an error.
//! No password, no parameter and no row's content may enter a message.

use std::fmt;

use hallpass_domain::RequestId;

use crate::points;

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
    /// The database is there and refuses this one change (a constraint, a trigger, a value that it can't keep): trying
    /// again at once changes nothing.
    #[error("{0}")]
    Refused(String),
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

    pub(super) fn refused(why: impl fmt::Display) -> Self {
        Self::Refused(format!("The database refuses the change: {why}"))
    }

    pub(super) fn closed() -> Self {
        Self::unavailable("the store is closed")
    }

    /// A failed statement on `table`; a column that can't be read is a broken row.
    pub(super) fn from_statement(table: &'static str, error: &Failed) -> Self {
        match error.unreadable() {
            Some(why) => Self::corrupt(table, "(unreadable)", why),
            None => Self::unavailable(error),
        }
    }
}

/// What a driver says.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Postgres(#[from] sqlx::Error),
    /// As a connection that breaks: whether it was committed is not said.
    #[error(transparent)]
    Told(#[from] points::Failed),
    /// As [`Self::Told`]; the sentence says with what.
    #[error("{0}")]
    Panicked(String),
    #[error("the store is closed")]
    Closed,
}

impl Failed {
    /// Lost a race that another try may win: serialization failure, deadlock, lock timeout (`PostgreSQL`'s SQLSTATE).
    pub(super) fn is_worth_another_try(&self) -> bool {
        let Self::Postgres(error) = self else {
            return false;
        };
        error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|code| matches!(code.as_ref(), "40001" | "40P01" | "55P03"))
    }

    /// The statement itself was refused: what else is written on this connection isn't concerned.
    pub(super) fn is_of_a_statement(&self) -> bool {
        match self {
            Self::Sqlite(error) => {
                use rusqlite::ErrorCode::{ConstraintViolation, TooBig, TypeMismatch, Unknown};
                // `Unknown` is SQLite's plain "error" (of a function, say), after which the transaction goes on.
                let of_it = [ConstraintViolation, TooBig, TypeMismatch, Unknown];
                error
                    .sqlite_error_code()
                    .is_some_and(|code| of_it.contains(&code))
            }
            // What can't be encoded was never sent.
            Self::Postgres(sqlx::Error::Encode(_)) => true,
            Self::Postgres(error) => {
                error.as_database_error().is_some() && !self.is_worth_another_try()
            }
            Self::Told(_) | Self::Panicked(_) | Self::Closed => false,
        }
    }

    /// It took longer than it may (`PostgreSQL`'s SQLSTATE `query_canceled`, or our own limit on an answer): with less in
    /// it, it may be written.
    pub(super) fn is_too_slow(&self) -> bool {
        let Self::Postgres(error) = self else {
            return false;
        };
        if let sqlx::Error::Io(error) = error {
            return error.kind() == std::io::ErrorKind::TimedOut;
        }
        error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|code| code.as_ref() == "57014")
    }

    pub(super) fn is_unique_violation(&self) -> bool {
        use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};

        match self {
            Self::Sqlite(error) => error.sqlite_error().is_some_and(|error| {
                [SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE]
                    .contains(&error.extended_code)
            }),
            Self::Postgres(error) => error
                .as_database_error()
                .is_some_and(sqlx::error::DatabaseError::is_unique_violation),
            Self::Told(_) | Self::Panicked(_) | Self::Closed => false,
        }
    }

    /// Another connection holds the file.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Self::Sqlite(error) => {
                error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
            }
            Self::Postgres(_) | Self::Told(_) | Self::Panicked(_) | Self::Closed => false,
        }
    }

    /// Why a row that came can't be read.
    fn unreadable(&self) -> Option<String> {
        use rusqlite::Error as Sqlite;

        match self {
            Self::Sqlite(
                error @ (Sqlite::InvalidColumnType(..)
                | Sqlite::FromSqlConversionFailure(..)
                | Sqlite::IntegralValueOutOfRange(..)
                | Sqlite::Utf8Error(..)),
            ) => Some(error.to_string()),
            Self::Postgres(sqlx::Error::ColumnDecode { index, source }) => {
                Some(format!("column {index}: {source}"))
            }
            Self::Sqlite(_)
            | Self::Postgres(_)
            | Self::Told(_)
            | Self::Panicked(_)
            | Self::Closed => None,
        }
    }
}
