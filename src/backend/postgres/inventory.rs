//! Who holds some roles, all at once: the look of `membership` the other way round, from the roles down to the people.
//! Nothing is changed here. Superusers, who can use every role, aren't listed: they hold none of them.

use std::collections::BTreeMap;

use hallpass_domain::Entitlement;
use hallpass_domain::holding::Observation;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Error, Row};

use super::ROLE;
use super::membership::{PER_GRANTOR, Standing};
use super::names::RoleName;
use crate::ports::{Inventory, Listed};

/// So many lines are read at most.
const LISTED_AT_MOST: usize = 20_000;

macro_rules! held {
    ($inherits:literal, $sets:literal) => {
        concat!(
            "with recursive
             me as (select oid from pg_roles where rolname = current_user),
             target as (select oid, rolname::text as name from pg_roles where rolname::text = any($1)),
             edge as (
                 select roleid, member, grantor, ", $inherits, " as inherits, ", $sets, " as sets
                 from pg_auth_members
             ),
             way as (
                 select t.oid as target, e.member, e.roleid as via, e.grantor, e.inherits, e.sets
                 from target t join edge e on e.roleid = t.oid, me
                 where e.grantor = me.oid or e.inherits or e.sets
                 union
                 select w.target, e.member, e.roleid, e.grantor, w.inherits and e.inherits, w.sets and e.sets
                 from way w join edge e on e.roleid = w.member
                 where (w.inherits and e.inherits) or (w.sets and e.sets)
             ),
             reached as (select distinct target, member from way)
             select t.name as role, p.rolname::text as principal, given.ours,
                 found.grantor::text as grantor, found.through::text as through
             from me, reached r
             join target t on t.oid = r.target
             join pg_roles p on p.oid = r.member
             cross join lateral (
                 select exists (
                     select from edge e
                     where e.member = p.oid and e.roleid = t.oid and e.grantor = me.oid
                 ) as ours
             ) given
             left join lateral (
                 select pg_get_userbyid(w.grantor) as grantor,
                     case when w.via <> t.oid then pg_get_userbyid(w.via) end as through
                 from way w
                 where w.target = t.oid and w.member = p.oid and w.grantor <> me.oid
                 order by w.via <> t.oid, 1, 2 limit 1
             ) found on true
             where p.oid <> me.oid and (given.ours or p.rolcanlogin and found.grantor is not null)
             order by 1, 2 limit $2"
        )
    };
}

const UP_TO_15: &str = held!("true", "true");
const FROM_16: &str = held!("inherit_option", "set_option");

pub(super) async fn read(
    connection: &mut PgConnection,
    version: u32,
    entitlements: &[Entitlement],
) -> Result<Inventory, Error> {
    let named: BTreeMap<&str, &Entitlement> = entitlements
        .iter()
        .filter_map(|entitlement| Some((entitlement.attributes.get(ROLE)?.as_str(), entitlement)))
        .filter(|(role, _)| RoleName::parse(role).is_ok())
        .collect();
    let sql = if version >= PER_GRANTOR {
        FROM_16
    } else {
        UP_TO_15
    };
    let roles: Vec<&str> = named.keys().copied().collect();
    let rows = sqlx::query(sql)
        .bind(roles)
        .bind(i64::try_from(LISTED_AT_MOST + 1).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows.iter().take(LISTED_AT_MOST) {
        found.extend(line(row, &named)?);
    }
    Ok(Inventory::Listed {
        found,
        complete: rows.len() <= LISTED_AT_MOST,
    })
}

fn line(row: &PgRow, named: &BTreeMap<&str, &Entitlement>) -> Result<Option<Listed>, Error> {
    let (role, principal): (String, String) = (row.try_get("role")?, row.try_get("principal")?);
    let grantor: Option<String> = row.try_get("grantor")?;
    let through: Option<String> = row.try_get("through")?;
    let standing = match (grantor, through) {
        (Some(by), Some(role)) => Some(Standing::Through { role, by }),
        (Some(by), None) => Some(Standing::Granted { by }),
        (None, _) => None,
    };
    let ours = row.try_get("ours")?;
    // A name that no order can hold is nobody whom we could ever have given anything.
    let (Ok(who), Ok(what)) = (RoleName::parse(&principal), RoleName::parse(&role)) else {
        return Ok(None);
    };
    let others = standing.map(|standing| standing.sentence(who, what));
    Ok(named.get(role.as_str()).map(|entitlement| Listed {
        entitlement: (*entitlement).clone(),
        seen: Observation { ours, others },
        principal,
    }))
}
