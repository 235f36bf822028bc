//! Taking a membership away, and ending the sessions that could still use it: a session that did `SET ROLE` keeps
//! the role after the membership is gone, and nobody else can see that it did. So all sessions of the principal end,
//! once the principal really can't use the role any more.
//! What is ours is decided before; only that may be handed in here.

use std::time::Duration;

use hallpass_domain::planted::{Fault, planted};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Error, Row};
use tokio::time::{Instant, sleep};

use super::membership::PER_GRANTOR;
use super::names::RoleName;

/// How often it is looked whether the sessions are gone.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What became of the principal's sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sessions {
    pub(super) ended: u32,
    /// Told to end, but still there.
    pub(super) lingering: u32,
    /// Left alone, since Hallpass may not end them.
    pub(super) forbidden: u32,
}

impl Sessions {
    /// What couldn't be done about them, for people.
    pub(super) fn note(&self, principal: RoleName<'_>, role: RoleName<'_>) -> Option<String> {
        let count = if self.forbidden > 0 {
            self.forbidden
        } else {
            self.lingering
        };
        let (noun, them, were, havent) = match count {
            0 => return None,
            1 => ("session", "it", "was", "hasn't"),
            _ => ("sessions", "them", "were", "haven't"),
        };
        Some(if self.forbidden > 0 {
            format!(
                "{count} open {noun} of {principal} may still use {role}: Hallpass may not end {them} without \
                 pg_signal_backend."
            )
        } else {
            format!("{count} open {noun} of {principal} {were} told to end and {havent} yet.")
        })
    }
}

/// Revokes and tells the sessions to end in ONE message, so that the server does both or neither even when Hallpass
/// is killed or cut off in between: a second attempt would find nothing to revoke and leave the sessions open.
/// The `commit` closes the implicit transaction of the message; before it, a session could come back and still use the role.
pub(super) async fn revoke(
    connection: &mut PgConnection,
    version: u32,
    (principal, principal_oid): (RoleName<'_>, i64),
    (role, role_oid): (RoleName<'_>, i64),
) -> Result<(Vec<Signal>, bool), Error> {
    let usable = if version >= PER_GRANTOR {
        format!(
            "(pg_has_role({principal_oid}::oid, {role_oid}::oid, 'usage')
              or pg_has_role({principal_oid}::oid, {role_oid}::oid, 'set'))"
        )
    } else {
        format!("pg_has_role({principal_oid}::oid, {role_oid}::oid, 'member')")
    };
    // Planted, nobody's sessions are looked at.
    let whose = if planted(Fault::SessionsSurvive) {
        "and false"
    } else {
        ""
    };
    let sql = format!(
        "revoke {role} from {principal} granted by current_user;
         commit;
         select pid, case when pg_has_role('pg_signal_backend', 'usage')
                 or pg_has_role({principal_oid}::oid, 'usage')
             then pg_terminate_backend(pid) end as told
         from pg_stat_activity
         where usesysid = {principal_oid}::oid and pid <> pg_backend_pid()
             and coalesce(backend_type, 'client backend') = 'client backend'
             and {usable} is not true {whose};
         select {usable} is true as usable",
        role = role.identifier(),
        principal = principal.identifier(),
    );
    let mut rows = sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await?;
    let usable = rows.pop().ok_or(Error::RowNotFound)?.try_get("usable")?;
    let signals = rows.iter().map(Signal::read).collect::<Result<_, _>>()?;
    Ok((signals, usable))
}

/// One session, and whether it was told to end; none where that is forbidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signal {
    pid: i32,
    told: Option<bool>,
}

impl Signal {
    fn read(row: &PgRow) -> Result<Self, Error> {
        Ok(Self {
            pid: row.try_get("pid")?,
            told: row.try_get("told")?,
        })
    }
}

/// Waits until the sessions that were told to end are gone, at most `patience`.
pub(super) async fn wait_until_gone(
    connection: &mut PgConnection,
    principal_oid: i64,
    signals: &[Signal],
    patience: Duration,
) -> Result<Sessions, Error> {
    // A session that was gone before its signal came (`told` false) has ended too.
    let told: Vec<i32> = signals
        .iter()
        .filter(|s| s.told.is_some())
        .map(|s| s.pid)
        .collect();
    let give_up = Instant::now() + patience;
    let mut lingering = told.len();
    while lingering > 0 {
        let left: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where usesysid = $1::int8::oid and pid = any($2)",
        )
        .bind(principal_oid)
        .bind(&told)
        .fetch_one(&mut *connection)
        .await?;
        lingering = usize::try_from(left).unwrap_or(0);
        if lingering == 0 || Instant::now() >= give_up {
            break;
        }
        sleep(LOOK_AGAIN).await;
    }
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(Sessions {
        ended: count(told.len().saturating_sub(lingering)),
        lingering: count(lingering),
        forbidden: count(signals.len() - told.len()),
    })
}
