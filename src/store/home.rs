//! Homes that were opened once: which page of which list each shows, and what was rendered there last. Not guarded: a
//! home renders the present, and the last writer has seen the newest.

use std::collections::BTreeMap;

use hallpass_domain::{PersonId, RequestId, SlackId};
use serde_json::json;

use super::sql::{Sql, array, list};
use super::writer::Job;
use super::{Store, StoreError};
use crate::ports::home::{HomeList, Turned};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeRow {
    pub account: SlackId,
    pub person: PersonId,
    /// From 0; a list that isn't named shows its first.
    pub pages: BTreeMap<HomeList, usize>,
    /// Of what was rendered there last; empty before.
    pub digest: String,
}

const OPEN: Sql = sql!("home":
    "insert into home (account, person, pages, digest, watches) values ($1, $2, $3, '', false) \
     on conflict (account) do update set person = excluded.person, pages = excluded.pages");

const SHOWN: Sql = sql!("home": "update home set digest = $2 where account = $1");

const WATCHES: Sql = sql!("home": "update home set watches = true where account = $1");

const WATCHES_NOT: Sql = sql!("home": "update home set watches = false where account = $1");

const WAITS: Sql = sql!("home_waits":
    "insert into home_waits (account, request) select r.account, r.request from "
    [rows account text, request text]
    " where true order by r.request on conflict do nothing");

const WAITS_NO_MORE: Sql = sql!("home_waits":
    "delete from home_waits where account = $1 and request not in " [list 2]);

const FORGET_WAITS: Sql = sql!("home_waits":
    "delete from home_waits where account in (select account from home where person = $1)");

const FORGET: Sql = sql!("home": "delete from home where person = $1");

row! { Row { account: String, person: String, pages: String, digest: String } }
row! { Concerned { person: String } }

impl TryFrom<Row> for HomeRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let broken = |why: &str| StoreError::corrupt("home", &row.account, why);
        let pages: BTreeMap<String, usize> =
            serde_json::from_str(&row.pages).map_err(|_| broken("its pages can't be read"))?;
        // A list that a newer version knows is left out: its first page is as good as any.
        let known = pages
            .into_iter()
            .filter_map(|(list, page)| Some((HomeList::parse(&list)?, page)));
        Ok(Self {
            account: SlackId::parse(&row.account).ok_or_else(|| broken("no such account"))?,
            person: PersonId::new(&row.person),
            pages: known.collect(),
            digest: row.digest.clone(),
        })
    }
}

impl Store {
    /// The accounts whose home the person opened.
    pub async fn homes_of(&self, person: &PersonId) -> Result<Vec<SlackId>, StoreError> {
        row! { Account { account: String } }
        let sql = sql!("home": "select account from home where person = $1 order by account");
        let args = [person.as_str().into()];
        let rows = self.look_up::<Account>(&sql, &args).await?.into_iter();
        Ok(rows
            .filter_map(|row| SlackId::parse(&row.account))
            .collect())
    }

    pub async fn home(&self, account: &SlackId) -> Result<Option<HomeRow>, StoreError> {
        let sql =
            sql!("home": "select account, person, pages, digest from home where account = $1");
        let rows = self
            .look_up::<Row>(&sql, &[account.as_str().into()])
            .await?;
        rows.into_iter().next().map(HomeRow::try_from).transpose()
    }

    /// The account's home is open, as it was left; where a page is turned to, at that.
    pub async fn open_home(
        &self,
        account: &SlackId,
        person: &PersonId,
        turned: Option<Turned>,
    ) -> Result<HomeRow, StoreError> {
        let known = self.home(account).await?;
        let mut row = known.unwrap_or_else(|| HomeRow {
            account: account.clone(),
            person: person.clone(),
            pages: BTreeMap::new(),
            digest: String::new(),
        });
        row.person = person.clone();
        row.pages.extend(turned.map(|to| (to.list, to.page)));
        let named = row.pages.iter().map(|(list, page)| (list.as_str(), page));
        let pages = json!(named.collect::<BTreeMap<_, _>>()).to_string();
        let args = [account.as_str(), person.as_str(), &pages];
        let args = args.map(Into::into).into();
        self.run(Job::Run(&OPEN, args)).await?;
        Ok(row)
    }

    /// What the account's home shows now: its digest, what waits in it, and whether it shows everybody's access.
    pub async fn home_shown(
        &self,
        account: &SlackId,
        digest: &str,
        waits: &[RequestId],
        watches: bool,
    ) -> Result<(), StoreError> {
        let named = waits
            .iter()
            .map(|request| object! { account: account, request: request });
        let named: Vec<String> = named.collect();
        // First what waits, then the digest: a crash between them renders once too often.
        if !named.is_empty() {
            let rows = array(named.iter().map(String::as_str));
            self.run(Job::Run(&WAITS, vec![rows.into()])).await?;
        }
        let kept = list(waits.iter().map(RequestId::as_str));
        let args = vec![account.as_str().into(), kept.into()];
        self.run(Job::Run(&WAITS_NO_MORE, args)).await?;
        let sql = if watches { &WATCHES } else { &WATCHES_NOT };
        self.run(Job::Run(sql, vec![account.as_str().into()]))
            .await?;
        let args = vec![account.as_str().into(), digest.into()];
        self.run(Job::Run(&SHOWN, args)).await.map(drop)
    }

    /// Of those who opened their home once: these people, whoever's home shows the request as waiting for them, and
    /// whoever watches over all access.
    pub async fn homes_concerned(
        &self,
        request: &RequestId,
        people: &[PersonId],
    ) -> Result<Vec<PersonId>, StoreError> {
        // Each part by its own index: with `or` between them the homes of all would be read.
        let sql = sql!("home":
            "select person from home where person " [in_list 1]
            " union select person from home where watches \
             union select person from (select (select home.person from home where home.account = w.account) as person \
             from home_waits as w where w.request = $2) as waiting where person is not null order by person");
        let people = list(people.iter().map(PersonId::as_str));
        let args = [people.into(), request.as_str().into()];
        let rows = self.look_up::<Concerned>(&sql, &args).await?;
        Ok(rows
            .into_iter()
            .map(|row| PersonId::new(row.person))
            .collect())
    }

    /// A person's homes aren't kept current any more.
    pub async fn forget_homes(&self, person: &PersonId) -> Result<(), StoreError> {
        for sql in [&FORGET_WAITS, &FORGET] {
            self.run(Job::Run(sql, vec![person.as_str().into()]))
                .await?;
        }
        Ok(())
    }
}
