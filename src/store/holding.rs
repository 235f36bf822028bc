//! Holdings: once per (backend, principal, entitlement), and per grant where the backend makes one for each.
//! The first holding of a principal makes it its person's, for good.

use std::iter;

use hallpass_domain::planted::{Fault, planted};
use hallpass_domain::{BackendName, GrantId, Holding, HoldingId, PersonId};
use serde_json::json;

use super::database::Arg;
use super::gather::Keyed;
use super::page::Page;
use super::prepared::{Owned, Prepared, Row, body};
use super::sql::{Sql, list, storable};
use super::write::Table;
use super::{Store, StoreError};

pub(super) const TABLE: Table = Table {
    name: "holding",
    lock: sql!("holding": "select id from holding where id " [in_list 1] " order by id" [for_update]),
    insert: sql!("holding":
        "insert into holding (id, version, backend, principal, person, entitlement, grant_id, body) \
         select r.id, r.version, r.backend, r.principal, r.person, r.entitlement, r.grant_id, r.body from "
        [rows id text, version bigint, backend text, principal text, person text, entitlement text,
         grant_id text, body text]
        " where true order by r.id on conflict do nothing returning id as key"),
    update: sql!("holding":
        "update holding set version = r.version, person = r.person, body = r.body from "
        [rows id text, version bigint, person text, body text]
        " where holding.id = r.id and holding.version = r.version - 1 returning holding.id as key"),
};

pub(super) const CLAIM_PRINCIPALS: Sql = sql!("principal":
    "insert into principal (backend, name, person) select r.backend, r.name, r.person from "
    [rows backend text, name text, person text]
    " where true order by r.backend, r.name on conflict do nothing");

/// Principals that belong to somebody else.
pub(super) const FOREIGN_PRINCIPALS: Sql = sql!("principal":
    "select p.backend as space, p.name, p.person from principal as p join "
    [rows backend text, name text, person text]
    " on p.backend = r.backend and p.name = r.name where p.person <> r.person");

pub(super) fn prepare(mut holding: Holding, into: &mut Prepared) -> Result<(), StoreError> {
    let read = holding.version;
    holding.version += 1;
    let id = holding.id.to_string();
    let principal = storable(&holding.principal);
    // What was found without a grant is nobody's yet.
    if (read == 0 || holding.adopted) && !holding.is_nobodys() {
        into.principals.push(Owned {
            thing: (holding.backend.to_string(), principal.clone()),
            person: holding.person.to_string(),
        });
    }
    let json = object! {
        id: id,
        version: holding.version,
        backend: holding.backend,
        principal: principal,
        person: holding.person,
        entitlement: holding.entitlement.key(),
        grant_id: holding.grant.as_ref().map_or("", GrantId::as_str),
        body: body("holding", &id, &holding)?,
    };
    into.holdings.push(read, Row { key: id, json });
    Ok(())
}

row! {
    HoldingRow {
        id: String,
        version: i64,
        backend: String,
        principal: String,
        person: String,
        entitlement: String,
        grant_id: String,
        body: String,
    }
}

impl TryFrom<HoldingRow> for Holding {
    type Error = StoreError;

    fn try_from(row: HoldingRow) -> Result<Self, StoreError> {
        let broken = |why: String| StoreError::corrupt("holding", &row.id, why);
        let mut holding: Self =
            serde_json::from_str(&row.body).map_err(|error| broken(error.to_string()))?;
        if planted(Fault::UpgradeLosesGrants) && !row.body.contains("\"stray_until\"") {
            return Err(broken("it lacks what today's version writes".into()));
        }
        holding.version = row.version;
        let agrees = holding.id.as_str() == row.id
            && holding.backend.as_str() == row.backend
            && storable(&holding.principal) == row.principal
            && holding.person.as_str() == row.person
            && holding.entitlement.key() == row.entitlement
            && holding.grant.as_ref().map_or("", GrantId::as_str) == row.grant_id;
        if agrees {
            Ok(holding)
        } else {
            Err(broken("its columns and its body disagree".into()))
        }
    }
}

/// A statement that reads holdings; the rest of its text follows `where`.
macro_rules! holdings {
    ($($rest:tt)+) => {
        sql!("holding":
            "select id, version, backend, principal, person, entitlement, grant_id, body from holding where "
            $($rest)+)
    };
}

const BY_IDS: Sql = holdings!("id " [in_list 1]);

pub(super) const BY_ID: Sql = holdings!("id " [key 1]);

impl Keyed for HoldingRow {
    fn key(&self) -> &str {
        &self.id
    }
}

/// Where a page of a backend's holdings ends: what [`Store::holdings_in`] goes on after.
pub fn place_of(holding: &Holding) -> String {
    let grant = holding.grant.as_ref().map_or("", GrantId::as_str);
    let (principal, entitlement) = (storable(&holding.principal), holding.entitlement.key());
    place(&principal, &entitlement, grant)
}

fn place(principal: &str, entitlement: &str, grant: &str) -> String {
    json!([principal, entitlement, grant]).to_string()
}

fn read_place(place: &str) -> [String; 3] {
    serde_json::from_str(place).unwrap_or_default()
}

impl Store {
    pub async fn holding(&self, id: &HoldingId) -> Result<Option<Holding>, StoreError> {
        let rows = self.keyed(&BY_ID, |of| &of.holdings, id.as_str()).await?;
        rows.into_iter().next().map(Holding::try_from).transpose()
    }

    /// In the order of `ids`.
    pub async fn holdings(&self, ids: &[HoldingId]) -> Result<Vec<Holding>, StoreError> {
        match ids {
            [] => return Ok(Vec::new()),
            [id] => return Ok(self.holding(id).await?.into_iter().collect()),
            _ => {}
        }
        let wanted = list(ids.iter().map(HoldingId::as_str));
        let mut holdings = self.read_holdings(&BY_IDS, &[wanted.into()]).await?;
        holdings.sort_by_key(|holding| ids.iter().position(|id| *id == holding.id));
        Ok(holdings)
    }

    /// The same in any order, where some of them may not be readable.
    pub async fn readable_holdings(&self, ids: &[HoldingId]) -> Result<Page<Holding>, StoreError> {
        if ids.is_empty() {
            return Ok(Page::all(iter::empty()));
        }
        let wanted = list(ids.iter().map(HoldingId::as_str));
        let rows = self
            .look_up::<HoldingRow>(&BY_IDS, &[wanted.into()])
            .await?;
        Ok(Page::all(rows.into_iter().map(Holding::try_from)))
    }

    /// `entitlement_key` is [`Entitlement::key`](hallpass_domain::Entitlement::key); `grant` is given where the backend
    /// makes one holding per grant.
    pub async fn find_holding(
        &self,
        backend: &BackendName,
        principal: &str,
        entitlement_key: &str,
        grant: Option<&GrantId>,
    ) -> Result<Option<Holding>, StoreError> {
        let sql =
            holdings!("backend = $1 and principal = $2 and entitlement = $3 and grant_id = $4");
        let args = [
            backend.as_str().into(),
            storable(principal).into(),
            entitlement_key.into(),
            grant.map_or("", GrantId::as_str).into(),
        ];
        Ok(self.read_holdings(&sql, &args).await?.pop())
    }

    /// All holdings of a backend, a page at a time: those after `after` (a [`place_of`]; empty: from the
    /// start), in the order of the places.
    pub async fn holdings_in(
        &self,
        backend: &BackendName,
        after: &str,
        limit: u32,
    ) -> Result<Page<Holding>, StoreError> {
        let sql = holdings!(
            "backend = $1 and (principal, entitlement, grant_id) > ($2, $3, $4) \
             order by principal, entitlement, grant_id limit $5"
        );
        let [principal, entitlement, grant] = read_place(after);
        let args = [
            backend.as_str().into(),
            principal.into(),
            entitlement.into(),
            grant.into(),
            i64::from(limit).into(),
        ];
        let rows = self.look_up::<HoldingRow>(&sql, &args).await?;
        Ok(Page::of(rows, limit, |row| {
            place(&row.principal, &row.entitlement, &row.grant_id)
        }))
    }

    /// Of these principals, what is on record in this backend: principal and entitlement's key.
    pub async fn recorded(
        &self,
        backend: &BackendName,
        principals: &[&str],
    ) -> Result<Vec<(String, String)>, StoreError> {
        row! { Recorded { principal: String, entitlement: String } }
        let sql = sql!("holding":
            "select principal, entitlement from holding where backend = $1 and principal " [in_list 2]);
        let args = [
            backend.as_str().into(),
            list(principals.iter().copied()).into(),
        ];
        let rows = self.fetch::<Recorded>(&sql, &args).await?;
        let pair = |row: Recorded| (row.principal, row.entitlement);
        Ok(rows.into_iter().map(pair).collect())
    }

    /// Every backend that anything on record is of.
    pub async fn recorded_backends(&self) -> Result<Vec<BackendName>, StoreError> {
        row! { Named { backend: String } }
        // From name to name in the index, whatever the number of rows.
        let sql = sql!("holding":
            "with recursive named(backend) as (select min(backend) from holding union all \
             select (select min(holding.backend) from holding where holding.backend > named.backend) from named \
             where named.backend is not null) select backend from named where backend is not null");
        let rows = self.fetch::<Named>(&sql, &[]).await?;
        let name = |row: Named| BackendName::new(row.backend);
        Ok(rows.into_iter().map(name).collect())
    }

    /// Whose principal it is, once anybody held anything as it.
    pub async fn principal_owner(
        &self,
        backend: &BackendName,
        principal: &str,
    ) -> Result<Option<PersonId>, StoreError> {
        row! { Owner { person: String } }
        let sql = sql!("principal":
            "select person from principal where backend = $1 and name = $2");
        let args = [backend.as_str().into(), storable(principal).into()];
        let owner = self.look_up::<Owner>(&sql, &args).await?.pop();
        Ok(owner.map(|owner| PersonId::new(owner.person)))
    }

    async fn read_holdings(&self, sql: &Sql, args: &[Arg]) -> Result<Vec<Holding>, StoreError> {
        self.look_up::<HoldingRow>(sql, args)
            .await?
            .into_iter()
            .map(Holding::try_from)
            .collect()
    }
}
