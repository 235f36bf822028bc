//! What `hallpass check --connect` says of a database: who we are there and what we may do. Nothing is changed here.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Error, Row};

use super::errors::sort;
use super::membership::PER_GRANTOR;
use super::names::RoleName;
use crate::ports::BackendError;

/// How many roles are listed.
const LISTED: usize = 20;

struct Rights {
    version: String,
    me: String,
    superuser: bool,
    ends_sessions: bool,
}

impl Rights {
    async fn look_up(connection: &mut PgConnection) -> Result<Self, Error> {
        let row = sqlx::query(
            "select current_setting('server_version') as version, rolname::text as me, rolsuper as superuser,
                 pg_has_role('pg_signal_backend', 'usage') as ends_sessions
             from pg_catalog.pg_roles where rolname = current_user",
        )
        .fetch_one(connection)
        .await?;
        Self::read(&row)
    }

    fn read(row: &PgRow) -> Result<Self, Error> {
        Ok(Self {
            version: row.try_get("version")?,
            me: row.try_get("me")?,
            superuser: row.try_get("superuser")?,
            ends_sessions: row.try_get("ends_sessions")?,
        })
    }
}

/// The roles that may be handed out, by name. From 16 on the membership that gives ADMIN OPTION must be ours directly:
/// through another role, that other role would be recorded as the grantor.
async fn may_hand_out(connection: &mut PgConnection, version: u32) -> Result<Vec<String>, Error> {
    let sql = if version >= PER_GRANTOR {
        "select r.rolname::text from pg_catalog.pg_roles r, pg_catalog.pg_roles me
         where me.rolname = current_user and r.oid <> me.oid and (me.oid = 10 or exists (
             select from pg_catalog.pg_auth_members m
             where m.roleid = r.oid and m.member = me.oid and m.admin_option))
         order by 1"
    } else {
        "select r.rolname::text from pg_catalog.pg_roles r, pg_catalog.pg_roles me
         where me.rolname = current_user and r.oid <> me.oid and (me.rolsuper
             or (me.rolcreaterole and not r.rolsuper)
             or pg_has_role(r.oid, 'member with admin option'))
         order by 1"
    };
    sqlx::query_scalar(sql).fetch_all(connection).await
}

/// What an operator has to run so that `role` can be handed out.
pub(super) fn what_to_grant(version: u32, role: RoleName<'_>, me: &str) -> String {
    let options = if version >= PER_GRANTOR {
        "admin true, inherit false, set false"
    } else {
        "admin option"
    };
    let me = me.replace('"', "\"\"");
    format!(
        "it needs `grant {} to \"{me}\" with {options}`.",
        role.identifier()
    )
}

/// Sentences; an error where a role of the configuration can't be handed out.
pub(super) async fn found(
    connection: &mut PgConnection,
    backend: &str,
    wanted: &[String],
) -> Result<String, BackendError> {
    let failed = |error: Error| sort(backend, &error);
    let version = connection.server_version_num().unwrap_or(PER_GRANTOR);
    let rights = Rights::look_up(connection).await.map_err(failed)?;
    let roles = may_hand_out(connection, version).await.map_err(failed)?;
    let me = super::quoted(&rights.me);

    let lacking: Vec<String> = wanted
        .iter()
        .filter(|role| !roles.contains(role))
        .map(|role| match RoleName::parse(role) {
            Ok(role) => what_to_grant(version, role, &rights.me),
            Err(why) => format!("a role of the configuration {why}."),
        })
        .collect();
    if !lacking.is_empty() {
        return Err(BackendError::permanent(format!(
            "{me} may not hand out all that the configuration names in {backend}: {}",
            lacking.join(" ")
        )));
    }

    let own: Vec<&String> = roles
        .iter()
        .filter(|role| !role.starts_with("pg_"))
        .collect();
    let shown = if wanted.is_empty() {
        own
    } else {
        wanted.iter().collect()
    };
    let mut said = format!(
        "PostgreSQL {} as {me}; may hand out {}",
        super::quoted(&rights.version),
        list(&shown)
    );
    said.push_str(if rights.ends_sessions {
        "; may end sessions."
    } else {
        "; may NOT end sessions, which go on with the role after it is revoked: grant pg_signal_backend to it."
    });
    if rights.superuser {
        said.push_str(" Warning: it is a superuser; a role with ADMIN OPTION is enough.");
    }
    Ok(said)
}

fn list(roles: &[&String]) -> String {
    if roles.is_empty() {
        return "nothing yet".into();
    }
    let mut names: Vec<String> = roles
        .iter()
        .take(LISTED)
        .map(|role| super::quoted(role))
        .collect();
    if roles.len() > LISTED {
        names.push(format!("{} more", roles.len() - LISTED));
    }
    names.join(", ")
}
