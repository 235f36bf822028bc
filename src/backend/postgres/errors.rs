//! Which of `PostgreSQL`'s errors are worth another try. SQLSTATE decides, never a message's text, which is translated
//! and reworded between releases. No statement may be built here.
//! Codes: <https://www.postgresql.org/docs/18/errcodes-appendix.html>

use sqlx::Error;

use super::quoted;
use crate::ports::BackendError;

pub(super) const INSUFFICIENT_PRIVILEGE: &str = "42501";
const UNDEFINED_OBJECT: &str = "42704";
const INVALID_CATALOG_NAME: &str = "3D000";
const READ_ONLY: &str = "25006";
const TOO_MANY_CONNECTIONS: &str = "53300";

/// The SQLSTATE, where the server answered at all.
pub(super) fn sqlstate(error: &Error) -> Option<String> {
    error.as_database_error()?.code().map(Into::into)
}

/// Sorts an error of any call. `backend` is named in the sentence.
pub(super) fn sort(backend: &str, error: &Error) -> BackendError {
    if let Some(code) = sqlstate(error) {
        let said = error.as_database_error().map_or("", |e| e.message());
        return by_sqlstate(backend, &code, said);
    }
    // The text of these may quote the URL, which holds the password.
    if let Error::Configuration(_) | Error::InvalidArgument(_) | Error::ConfigFile(_) = error {
        return BackendError::permanent(format!(
            "The connection URL of {backend} isn't usable: write it like \
             postgres://user:password@host:5432/database."
        ));
    }
    if let Error::PoolTimedOut = error {
        return BackendError::retry(format!(
            "{backend} can't be reached, or takes no more connections."
        ));
    }
    BackendError::retry(format!(
        "{backend} could not be asked: {}.",
        quoted(&error.to_string())
    ))
}

fn by_sqlstate(backend: &str, code: &str, said: &str) -> BackendError {
    let said = quoted(said);
    match (code, &code[..code.len().min(2)]) {
        // A password is rotated sooner or later: a grant waits for it until its deadline, a revocation for ever.
        (_, "28") => BackendError::retry(format!(
            "{backend} doesn't let Hallpass in ({code}: {said}). Check the user and password in its URL."
        )),
        (TOO_MANY_CONNECTIONS, _) => {
            BackendError::retry(format!("{backend} takes no more connections ({code})."))
        }
        (READ_ONLY, _) => BackendError::retry(format!(
            "{backend} is read-only now, a standby perhaps ({code})."
        )),
        (INVALID_CATALOG_NAME, _) => BackendError::permanent(format!(
            "The database in the URL of {backend} doesn't exist ({code}: {said})."
        )),
        (INSUFFICIENT_PRIVILEGE, _) => BackendError::permanent(format!(
            "Hallpass lacks a right in {backend} ({code}: {said})."
        )),
        (UNDEFINED_OBJECT, _) => {
            BackendError::permanent(format!("{backend} doesn't know a name ({code}: {said})."))
        }
        // Refusals of the order itself: feature, grantor, grant operation, data, dependents, syntax or access rule.
        (_, "0A" | "0L" | "0P" | "22" | "2B" | "42") => {
            BackendError::permanent(format!("{backend} refuses ({code}: {said})."))
        }
        // Connections, resources, locks, deadlocks, time-outs, shutdowns, two catalog updates at once, and what we
        // have never seen: a grant has a deadline of its own.
        _ => BackendError::retry(format!("{backend} can't do it now ({code}: {said}).")),
    }
}

#[cfg(test)]
mod tests {
    use super::by_sqlstate;
    use crate::ports::BackendError;

    #[test]
    fn what_passes_is_tried_again_and_what_stays_is_not() {
        let passing = [
            "08006", "25006", "28P01", "28000", "40001", "40P01", "53300", "53200", "55P03",
            "57014", "57P01", "57P03", "58030", "XX000", "23505", "", "?",
        ];
        for code in passing {
            let error = by_sqlstate("orders-db", code, "why");
            assert!(matches!(error, BackendError::Retry { .. }), "{code}");
        }
        for code in [
            "42501", "42704", "0LP01", "0A000", "3D000", "42601", "22P05", "2BP01",
        ] {
            let error = by_sqlstate("orders-db", code, "why");
            assert!(matches!(error, BackendError::Permanent { .. }), "{code}");
        }
    }
}
