//! Looking at everything, a page at a time: how far it has come, which effects there are for what was looked at, which
//! requests lost their timer, and who holds or waits for something.

use hallpass_domain::effect::Subject;
use hallpass_domain::{EffectKind, PersonId};

use super::sql::{Sql, list, storable};
use super::writer::Job;
use super::{Store, StoreError, text};

const KEEP: Sql = sql!("scan":
    "insert into scan (name, after) values ($1, $2) on conflict (name) do update set after = excluded.after");

row! { Place { after: String } }
row! { Scheduled { subject: String, kind: String } }
row! { Someone { person: String } }

impl Store {
    /// Where the next page of a scan begins; empty at its start.
    pub async fn scan_place(&self, scan: &str) -> Result<String, StoreError> {
        let sql = sql!("scan": "select after from scan where name = $1");
        let row = self.fetch::<Place>(&sql, &[scan.into()]).await?.pop();
        Ok(row.map_or_else(String::new, |row| row.after))
    }

    /// Stands for itself: where it is lost, a page is looked at twice.
    pub async fn keep_scan_place(&self, scan: &str, after: &str) -> Result<(), StoreError> {
        let args = vec![scan.into(), storable(after).into()];
        self.run(Job::Run(&KEEP, args)).await.map(drop)
    }

    /// What is scheduled for these subjects, due or not.
    pub async fn scheduled(
        &self,
        subjects: &[Subject],
    ) -> Result<Vec<(Subject, EffectKind)>, StoreError> {
        if subjects.is_empty() {
            return Ok(Vec::new());
        }
        let sql = sql!("effect": "select subject, kind from effect where subject " [in_list 1]);
        let subjects: Vec<String> = subjects.iter().map(text::subject).collect();
        let wanted = list(subjects.iter().map(String::as_str));
        let rows = self.fetch::<Scheduled>(&sql, &[wanted.into()]).await?;
        let read =
            |row: Scheduled| text::parse_subject(&row.subject).zip(text::parse_kind(&row.kind));
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Who holds a live grant, asked for something undecided, or waits for it: those after `after`, in order.
    pub async fn people_concerned(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<PersonId>, StoreError> {
        let sql = sql!("person":
            "select person from (\
             select * from (select distinct holder as person from access_grant where live and holder > $1 \
             order by holder limit $2) as held union \
             select * from (select distinct holder as person from request \
             where state in ('pending', 'scheduled') and holder > $1 order by holder limit $2) as waiting union \
             select * from (select distinct requester as person from request \
             where state in ('pending', 'scheduled') and requester > $1 order by requester limit $2) as asking\
             ) as concerned order by person limit $2");
        let rows = self
            .fetch::<Someone>(&sql, &[after.into(), i64::from(limit).into()])
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| PersonId::new(row.person))
            .collect())
    }
}
