//! What a principal holds of a role, and through whom, read from `pg_auth_members`.
//! Nothing is changed here.
//!
//! A membership is ours when its grantor is the role that Hallpass connects as. Everything else by which the
//! principal can use the role is standing access: another grantor's membership, membership of a role that has it,
//! or being a superuser. A membership that permits neither inheriting nor `SET ROLE` (16 and later) gives nothing.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Error, Row};

use super::names::RoleName;

/// `PostgreSQL` 16 keeps a membership per grantor, and says of each what it permits.
pub(super) const PER_GRANTOR: u32 = 160_000;

macro_rules! look_up {
    ($inherits:literal, $sets:literal) => {
        concat!(
            "with recursive
             me as (select oid, rolname, rolsuper from pg_roles where rolname = current_user),
             principal as (select oid, rolsuper, rolcanlogin from pg_roles where rolname::text = $1),
             target as (select oid from pg_roles where rolname::text = $2),
             edge as (
                 select roleid, member, grantor, ", $inherits, " as inherits, ", $sets, " as sets
                 from pg_auth_members
             ),
             way as (
                 select e.roleid as reached, e.roleid as first, e.grantor, e.inherits, e.sets
                 from edge e, principal p, me
                 where e.member = p.oid and e.grantor <> me.oid and (e.inherits or e.sets)
                 union
                 select e.roleid, w.first, w.grantor, w.inherits and e.inherits, w.sets and e.sets
                 from way w join edge e on e.member = w.reached
                 where (w.inherits and e.inherits) or (w.sets and e.sets)
             )
             select me.rolname::text as me, me.oid::int8 as me_oid,
                 p.oid::int8 as principal, t.oid::int8 as role,
                 coalesce(p.rolsuper, false) as superuser, coalesce(p.rolcanlogin, false) as login,
                 exists (
                     select from edge e
                     where e.member = p.oid and e.roleid = t.oid and e.grantor = me.oid
                 ) as ours,
                 found.grantor::text as grantor, found.through::text as through
             from me left join principal p on true left join target t on true
             left join lateral (
                 select pg_get_userbyid(w.grantor) as grantor,
                     case when w.first <> t.oid then pg_get_userbyid(w.first) end as through
                 from way w where w.reached = t.oid
                 order by w.first <> t.oid, 1, 2 limit 1
             ) found on true"
        )
    };
}

const UP_TO_15: &str = look_up!("true", "true");
const FROM_16: &str = look_up!("inherit_option", "set_option");

/// What was found in one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Membership {
    /// The role that Hallpass connects as.
    pub(super) me: String,
    pub(super) me_oid: i64,
    /// `oid` of the principal; none where there is no such user.
    pub(super) principal: Option<i64>,
    /// `oid` of the role; none where there is no such role.
    pub(super) role: Option<i64>,
    /// Whether the principal is somebody who can log in, not a group.
    pub(super) login: bool,
    /// Held by our own grant.
    pub(super) ours: bool,
    pub(super) standing: Option<Standing>,
}

/// How a principal holds a role without us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Superuser,
    Granted { by: String },
    Through { role: String, by: String },
}

impl Membership {
    pub(super) async fn look_up(
        connection: &mut PgConnection,
        version: u32,
        principal: RoleName<'_>,
        role: RoleName<'_>,
    ) -> Result<Self, Error> {
        let sql = if version >= PER_GRANTOR {
            FROM_16
        } else {
            UP_TO_15
        };
        let row = sqlx::query(sql)
            .bind(principal.as_str())
            .bind(role.as_str())
            .fetch_one(connection)
            .await?;
        Self::read(&row)
    }

    fn read(row: &PgRow) -> Result<Self, Error> {
        let grantor: Option<String> = row.try_get("grantor")?;
        let through: Option<String> = row.try_get("through")?;
        let role: Option<i64> = row.try_get("role")?;
        let superuser = role.is_some() && row.try_get("superuser")?;
        let standing = match (grantor, through) {
            (Some(by), Some(role)) => Some(Standing::Through { role, by }),
            (Some(by), None) => Some(Standing::Granted { by }),
            (None, _) => superuser.then_some(Standing::Superuser),
        };
        Ok(Self {
            me: row.try_get("me")?,
            me_oid: row.try_get("me_oid")?,
            principal: row.try_get("principal")?,
            role,
            login: row.try_get("login")?,
            ours: row.try_get("ours")?,
            standing,
        })
    }
}

impl Standing {
    /// A sentence for people.
    pub(super) fn sentence(&self, principal: RoleName<'_>, role: RoleName<'_>) -> String {
        let quoted = super::quoted;
        match self {
            Self::Superuser => {
                format!("{principal} is a superuser, who can use {role} without a grant.")
            }
            Self::Granted { by } => {
                format!(
                    "{principal} holds {role} by a grant of {}, not by Hallpass.",
                    quoted(by)
                )
            }
            Self::Through { role: through, by } => format!(
                "{principal} holds {role} through the role {}, granted by {}, not by Hallpass.",
                quoted(through),
                quoted(by)
            ),
        }
    }
}
