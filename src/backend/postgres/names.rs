//! Names of roles, as `PostgreSQL` takes them: checked once, quoted where they enter a statement.
//! No other text may be put into SQL.

use std::fmt;

use crate::ports::BackendError;

/// `NAMEDATALEN - 1`: `PostgreSQL` cuts longer identifiers without a word, and the rest may be somebody else's name.
const LONGEST: usize = 63;

/// A name that means one role and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RoleName<'a>(&'a str);

/// Why a text can't be a role's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAName {
    #[error("is empty")]
    Empty,
    #[error("holds a NUL character, which no name in PostgreSQL can")]
    Nul,
    #[error("is {0} bytes long; PostgreSQL takes at most {LONGEST} and would cut the rest off")]
    TooLong(usize),
    #[error("is a word that PostgreSQL keeps for itself")]
    Reserved,
}

impl<'a> RoleName<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, NotAName> {
        match text {
            "" => Err(NotAName::Empty),
            // `public` and `none` mean themselves even between quotes (gram.y, RoleSpec).
            "public" | "none" => Err(NotAName::Reserved),
            _ if text.contains('\0') => Err(NotAName::Nul),
            _ if text.len() > LONGEST => Err(NotAName::TooLong(text.len())),
            _ => Ok(Self(text)),
        }
    }

    /// As [`Self::parse`], for a call; `what` is `principal` or `role`.
    pub(super) fn require(what: &str, text: &'a str) -> Result<Self, BackendError> {
        Self::parse(text).map_err(|why| {
            BackendError::permanent(format!("The {what} “{}” {why}.", super::quoted(text)))
        })
    }

    pub(super) fn as_str(self) -> &'a str {
        self.0
    }

    /// As an identifier: between double quotes, those within doubled.
    pub(super) fn identifier(self) -> String {
        format!("\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl fmt::Display for RoleName<'_> {
    /// For sentences.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::quoted(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{NotAName, RoleName};

    #[test]
    fn names_that_would_mean_something_else_are_refused() {
        assert_eq!(RoleName::parse(""), Err(NotAName::Empty));
        assert_eq!(RoleName::parse("a\0b"), Err(NotAName::Nul));
        assert_eq!(RoleName::parse("public"), Err(NotAName::Reserved));
        assert_eq!(RoleName::parse("none"), Err(NotAName::Reserved));
        assert_eq!(RoleName::parse(&"é".repeat(32)), Err(NotAName::TooLong(64)));
        assert!(RoleName::parse(&"x".repeat(63)).is_ok());
        assert!(RoleName::parse("Public").is_ok());
    }

    /// Reads a quoted identifier as `PostgreSQL`'s scanner does (scan.l, state `xd`); what follows it is the rest.
    fn scan(sql: &str) -> Option<(String, &str)> {
        let mut letters = sql.strip_prefix('"')?.char_indices().peekable();
        let mut name = String::new();
        while let Some((at, letter)) = letters.next() {
            if letter != '"' {
                name.push(letter);
            } else if letters.next_if(|(_, next)| *next == '"').is_some() {
                name.push('"');
            } else {
                return Some((name, &sql[1 + at + 1..]));
            }
        }
        None
    }

    proptest! {
        #[test]
        fn a_quoted_name_is_read_back_whole_and_nothing_follows(
            name in "(\\PC|[\"';\\\\ $-]){1,20}",
        ) {
            prop_assume!(RoleName::parse(&name).is_ok());
            let quoted = RoleName::parse(&name).unwrap().identifier();
            prop_assert_eq!(scan(&quoted), Some((name, "")));
        }
    }
}
