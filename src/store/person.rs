//! People as pinned, and the Slack accounts that are theirs. An account and an e-mail belong to one person.

use hallpass_domain::{Email, Person, PersonId, SlackId};

use super::database::Arg;
use super::gather::Keyed;
use super::prepared::{Owned, Prepared, Row, body};
use super::sql::{Sql, list};
use super::write::Table;
use super::{Store, StoreError};

pub(super) const TABLE: Table = Table {
    name: "person",
    lock: sql!("person": "select id from person where id " [in_list 1] " order by id" [for_update]),
    insert: sql!("person":
        "insert into person (id, version, email, body) select r.id, r.version, r.email, r.body from "
        [rows id text, version bigint, email text, body text]
        " where true order by r.id on conflict do nothing returning id as key"),
    update: sql!("person":
        "update person set version = r.version, email = r.email, body = r.body from "
        [rows id text, version bigint, email text, body text]
        " where person.id = r.id and person.version = r.version - 1 returning person.id as key"),
};

/// Accounts that are no longer listed for these people.
pub(super) const DROP_ACCOUNTS: Sql = sql!("person_account":
    "delete from person_account where person " [in_list 1] " and slack_id not in " [list 2]);

pub(super) const CLAIM_ACCOUNTS: Sql = sql!("person_account":
    "insert into person_account (slack_id, person) select r.name, r.person from "
    [rows name text, person text]
    " where true order by r.name on conflict do nothing");

/// Accounts that belong to somebody else.
pub(super) const FOREIGN_ACCOUNTS: Sql = sql!("person_account":
    "select '' as space, a.slack_id as name, a.person from person_account as a join "
    [rows name text, person text]
    " on a.slack_id = r.name where a.person <> r.person");

pub(super) fn prepare(mut person: Person, into: &mut Prepared) -> Result<(), StoreError> {
    let read = person.version;
    person.version += 1;
    let id = person.id.to_string();
    into.accounts
        .extend(person.accounts.iter().map(|account| Owned {
            thing: (String::new(), account.to_string()),
            person: id.clone(),
        }));
    let json = object! {
        id: id,
        version: person.version,
        email: person.email,
        body: body("person", &id, &person)?,
    };
    into.people.push(read, Row { key: id, json });
    Ok(())
}

row! { PersonRow { id: String, version: i64, email: Option<String>, body: String } }
row! { AccountRow { slack_id: String, id: String, version: i64, email: Option<String>, body: String } }

impl Keyed for PersonRow {
    fn key(&self) -> &str {
        &self.id
    }
}

impl Keyed for AccountRow {
    fn key(&self) -> &str {
        &self.slack_id
    }
}

impl From<AccountRow> for PersonRow {
    fn from(row: AccountRow) -> Self {
        Self {
            id: row.id,
            version: row.version,
            email: row.email,
            body: row.body,
        }
    }
}

impl TryFrom<PersonRow> for Person {
    type Error = StoreError;

    fn try_from(row: PersonRow) -> Result<Self, StoreError> {
        let broken = |why: String| StoreError::corrupt("person", &row.id, why);
        let mut person: Self =
            serde_json::from_str(&row.body).map_err(|error| broken(error.to_string()))?;
        person.version = row.version;
        let agrees = person.id.as_str() == row.id
            && person.email.as_ref().map(Email::as_str) == row.email.as_deref();
        if agrees {
            Ok(person)
        } else {
            Err(broken("its columns and its body disagree".into()))
        }
    }
}

/// A statement that reads people `p`; the rest of its text follows `where`.
macro_rules! people {
    ($($rest:tt)+) => {
        sql!("person": "select p.id, p.version, p.email, p.body from person as p where " $($rest)+)
    };
}

const BY_IDS: Sql = people!("p.id " [in_list 1]);

pub(super) const BY_ID: Sql = people!("p.id " [key 1]);

pub(super) const BY_ACCOUNT: Sql = sql!("person":
    "select a.slack_id, p.id, p.version, p.email, p.body from person_account as a \
     join person as p on p.id = a.person where a.slack_id " [key 1]);

impl Store {
    pub async fn person(&self, id: &PersonId) -> Result<Option<Person>, StoreError> {
        let rows = self.keyed(&BY_ID, |of| &of.people, id.as_str()).await?;
        rows.into_iter().next().map(Person::try_from).transpose()
    }

    pub async fn person_by_account(&self, account: &SlackId) -> Result<Option<Person>, StoreError> {
        let rows = self
            .keyed(&BY_ACCOUNT, |of| &of.accounts, account.as_str())
            .await?;
        let row = rows.into_iter().next().map(PersonRow::from);
        row.map(Person::try_from).transpose()
    }

    pub async fn person_by_email(&self, email: &Email) -> Result<Option<Person>, StoreError> {
        let sql = people!("p.email = $1");
        Ok(self
            .read_people(&sql, &[email.as_str().into()])
            .await?
            .pop())
    }

    /// In the order of `ids`.
    pub async fn people(&self, ids: &[PersonId]) -> Result<Vec<Person>, StoreError> {
        match ids {
            [] => return Ok(Vec::new()),
            [id] => return Ok(self.person(id).await?.into_iter().collect()),
            _ => {}
        }
        let wanted = list(ids.iter().map(PersonId::as_str));
        let mut people = self.read_people(&BY_IDS, &[wanted.into()]).await?;
        people.sort_by_key(|person| ids.iter().position(|id| *id == person.id));
        Ok(people)
    }

    async fn read_people(&self, sql: &Sql, args: &[Arg]) -> Result<Vec<Person>, StoreError> {
        self.look_up::<PersonRow>(sql, args)
            .await?
            .into_iter()
            .map(Person::try_from)
            .collect()
    }
}
