//! Grants: the whole row as JSON beside the columns that are filtered by.

use std::iter;

use hallpass_domain::grant::State;
use hallpass_domain::{Grant, GrantId, PersonId, ShortId};

use super::database::Arg;
use super::gather::Keyed;
use super::page::Page;
use super::prepared::{Prepared, Row, body};
use super::sql::{Sql, list};
use super::write::Table;
use super::{Store, StoreError, text};

pub(super) const TABLE: Table = Table {
    name: "access_grant",
    lock: sql!("access_grant":
        "select id from access_grant where id " [in_list 1] " order by id" [for_update]),
    insert: sql!("access_grant":
        "insert into access_grant (id, version, short, request, holder, state, live, ends_at, body) \
         select r.id, r.version, r.short, r.request, r.holder, r.state, r.live, r.ends_at, r.body from "
        [rows id text, version bigint, short text, request text, holder text, state text, live boolean,
         ends_at bigint, body text]
        " where true order by r.id on conflict do nothing returning id as key"),
    update: sql!("access_grant":
        "update access_grant set version = r.version, holder = r.holder, state = r.state, live = r.live, \
         ends_at = r.ends_at, body = r.body from "
        [rows id text, version bigint, holder text, state text, live boolean, ends_at bigint, body text]
        " where access_grant.id = r.id and access_grant.version = r.version - 1 \
         returning access_grant.id as key"),
};

pub(super) fn prepare(mut grant: Grant, into: &mut Prepared) -> Result<(), StoreError> {
    let read = grant.version;
    grant.version += 1;
    let id = grant.id.to_string();
    let ends_at = match &grant.state {
        State::Active { ends_at, .. } => Some(text::micros(*ends_at)),
        State::Provisioning { .. }
        | State::Revoking { .. }
        | State::Ended { .. }
        | State::Failed { .. } => None,
    };
    let (state, live) = state_text(&grant.state);
    let json = object! {
        id: id,
        version: grant.version,
        short: grant.short,
        request: grant.request,
        holder: grant.holder,
        state: state,
        live: live,
        ends_at: ends_at,
        body: body("access_grant", &id, &grant)?,
    };
    into.grants.push(read, Row { key: id, json });
    Ok(())
}

/// The state's name, and whether access may exist in it.
fn state_text(state: &State) -> (&'static str, bool) {
    match state {
        State::Provisioning { .. } => ("provisioning", true),
        State::Active { .. } => ("active", true),
        State::Revoking { .. } => ("revoking", true),
        State::Ended { .. } => ("ended", false),
        State::Failed { .. } => ("failed", false),
    }
}

row! {
    GrantRow {
        id: String,
        version: i64,
        short: String,
        request: String,
        holder: String,
        state: String,
        body: String,
    }
}

impl TryFrom<GrantRow> for Grant {
    type Error = StoreError;

    fn try_from(row: GrantRow) -> Result<Self, StoreError> {
        let broken = |why: String| StoreError::corrupt("access_grant", &row.id, why);
        let mut grant: Self =
            serde_json::from_str(&row.body).map_err(|error| broken(error.to_string()))?;
        grant.version = row.version;
        let agrees = grant.id.as_str() == row.id
            && grant.short.as_str() == row.short
            && grant.request.as_str() == row.request
            && grant.holder.as_str() == row.holder
            && state_text(&grant.state).0 == row.state;
        if agrees {
            Ok(grant)
        } else {
            Err(broken("its columns and its body disagree".into()))
        }
    }
}

/// A statement that reads grants; the rest of its text follows `where`.
macro_rules! grants {
    ($($rest:tt)+) => {
        sql!("access_grant":
            "select id, version, short, request, holder, state, body from access_grant where "
            $($rest)+)
    };
}

const BY_IDS: Sql = grants!("id " [in_list 1]);

pub(super) const BY_ID: Sql = grants!("id " [key 1]);

impl Keyed for GrantRow {
    fn key(&self) -> &str {
        &self.id
    }
}

impl Store {
    pub async fn grant(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        let rows = self.keyed(&BY_ID, |of| &of.grants, id.as_str()).await?;
        Ok(grants_of(rows)?.pop())
    }

    /// In the order of `ids`.
    pub async fn grants(&self, ids: &[GrantId]) -> Result<Vec<Grant>, StoreError> {
        match ids {
            [] => return Ok(Vec::new()),
            [id] => return Ok(self.grant(id).await?.into_iter().collect()),
            _ => {}
        }
        let wanted = list(ids.iter().map(GrantId::as_str));
        let mut grants = self.read_grants(&BY_IDS, &[wanted.into()]).await?;
        grants.sort_by_key(|grant| ids.iter().position(|id| *id == grant.id));
        Ok(grants)
    }

    /// The same in any order, where some of them may not be readable.
    pub async fn readable_grants(&self, ids: &[GrantId]) -> Result<Page<Grant>, StoreError> {
        if ids.is_empty() {
            return Ok(Page::all(iter::empty()));
        }
        let wanted = list(ids.iter().map(GrantId::as_str));
        let rows = self.look_up::<GrantRow>(&BY_IDS, &[wanted.into()]).await?;
        Ok(Page::all(rows.into_iter().map(Grant::try_from)))
    }

    /// The letters of these grants, also where the rest of their rows can't be read.
    pub async fn letters(&self, ids: &[GrantId]) -> Result<Vec<ShortId>, StoreError> {
        row! { Letters { short: String } }
        let sql = sql!("access_grant": "select short from access_grant where id " [in_list 1] " order by id");
        let ids = list(ids.iter().map(GrantId::as_str));
        let rows = self.fetch::<Letters>(&sql, &[ids.into()]).await?;
        let letters = rows
            .into_iter()
            .filter_map(|row| ShortId::parse(&row.short));
        Ok(letters.collect())
    }

    pub async fn grant_by_short(&self, short: &ShortId) -> Result<Option<Grant>, StoreError> {
        Ok(self
            .read_grants(&grants!("short = $1"), &[short.as_str().into()])
            .await?
            .pop())
    }

    /// Provisioning, active or revoking; the oldest first.
    pub async fn live_grants(&self, limit: u32) -> Result<Vec<Grant>, StoreError> {
        let sql = grants!("live order by id limit $1");
        grants_of(self.fetch(&sql, &[i64::from(limit).into()]).await?)
    }

    /// The same, a page at a time.
    pub async fn live_grants_after(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<Page<Grant>, StoreError> {
        let sql = grants!("live and id > $1 order by id limit $2");
        let args = [after.into(), i64::from(limit).into()];
        let rows = self.look_up::<GrantRow>(&sql, &args).await?;
        Ok(Page::of(rows, limit, |row| row.id.clone()))
    }

    pub async fn live_grants_of(&self, holder: &PersonId) -> Result<Vec<Grant>, StoreError> {
        let sql = grants!("live and holder = $1 order by id");
        self.read_grants(&sql, &[holder.as_str().into()]).await
    }

    /// Whatever became of them; newest first.
    pub async fn all_grants(&self, limit: u32) -> Result<Vec<Grant>, StoreError> {
        let sql = grants!("true order by id desc limit $1");
        grants_of(self.fetch(&sql, &[i64::from(limit).into()]).await?)
    }

    async fn read_grants(&self, sql: &Sql, args: &[Arg]) -> Result<Vec<Grant>, StoreError> {
        grants_of(self.look_up(sql, args).await?)
    }
}

fn grants_of(rows: Vec<GrantRow>) -> Result<Vec<Grant>, StoreError> {
    rows.into_iter().map(Grant::try_from).collect()
}
