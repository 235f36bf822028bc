//! What the security channel must still be told. A row and its effect are written with the change that caused them;
//! the row goes once it was said. They are told in the order in which they came to be: by moment, then by id.

use hallpass_domain::{Announcement, AnnouncementId, EffectChange, Event, Time};

use super::sql::{Sql, storable};
use super::writer::Job;
use super::{Store, StoreError, prepared::body, text};
use crate::ports::Entropy;

/// One that wasn't said yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnnouncement {
    pub id: AnnouncementId,
    /// When it came to be.
    pub at: Time,
    pub announcement: Announcement,
    /// Slack refused it when it was tried last.
    pub refused: bool,
}

pub(super) const INSERT: Sql = sql!("announcement":
    "insert into announcement (id, at, body) select r.id, r.at, r.body from "
    [rows id text, at bigint, body text] " where true");

const REMOVE: Sql = sql!("announcement": "delete from announcement where id = $1");

const REFUSE: Sql = sql!("announcement": "update announcement set refused = $2 where id = $1");

/// Announcements as they are written.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) rows: Vec<String>,
    pub(super) effects: Vec<EffectChange>,
}

/// Each gets a fresh id. Its moment is its own, else that of the newest event beside it.
pub(super) fn prepare(
    announcements: Vec<Announcement>,
    events: &[Event],
    entropy: &dyn Entropy,
) -> Result<Told, StoreError> {
    let beside = events.iter().map(|event| event.at).max();
    let mut told = Told::default();
    for announcement in announcements {
        let id = entropy.id();
        let at = announcement.at().or(beside).or_else(|| drawn_at(&id));
        let at = at.ok_or_else(|| {
            StoreError::Unavailable("An announcement without a moment can't be kept.".into())
        })?;
        let row = object! {
            id: id,
            at: text::micros(at),
            body: storable(&body("announcement", &id, &announcement)?),
        };
        told.rows.push(row);
        let effect = Announcement::effect(&AnnouncementId::new(id), at);
        told.effects.push(EffectChange::Schedule(effect));
    }
    Ok(told)
}

/// An id tells when it was drawn.
fn drawn_at(id: &str) -> Option<Time> {
    let drawn = uuid::Uuid::parse_str(id).ok()?.get_timestamp()?;
    let (seconds, nanos) = drawn.to_unix();
    Time::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

row! { AnnouncementRow { id: String, at: i64, body: String, refused: Option<String> } }
row! { Id { id: String } }

impl TryFrom<AnnouncementRow> for StoredAnnouncement {
    type Error = StoreError;

    fn try_from(row: AnnouncementRow) -> Result<Self, StoreError> {
        let broken = |why: String| StoreError::corrupt("announcement", &row.id, why);
        Ok(Self {
            announcement: serde_json::from_str(&row.body)
                .map_err(|error| broken(error.to_string()))?,
            at: text::time(row.at).ok_or_else(|| broken("its time is out of range".into()))?,
            refused: row.refused.is_some(),
            id: AnnouncementId::new(row.id),
        })
    }
}

row! { Counted { announcements: i64, alarms: i64 } }

/// What security must hear and nobody takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untold {
    pub announcements: i64,
    pub alarms: i64,
}

impl Store {
    /// Announcements that were refused when they were tried last, and alarms from before `opened` that stand nowhere.
    pub async fn untold(&self, opened: Time) -> Result<Untold, StoreError> {
        let sql = sql!("announcement":
            "select (select count(*) from announcement where refused is not null) as announcements, \
             (select count(*) from alarm where ts = '' and opened_at < $1) as alarms");
        let rows = self
            .fetch::<Counted>(&sql, &[text::micros(opened).into()])
            .await?;
        let counted = rows.first();
        Ok(Untold {
            announcements: counted.map_or(0, |row| row.announcements),
            alarms: counted.map_or(0, |row| row.alarms),
        })
    }

    /// None where it was said already.
    pub async fn announcement(
        &self,
        id: &AnnouncementId,
    ) -> Result<Option<StoredAnnouncement>, StoreError> {
        let sql =
            sql!("announcement": "select id, at, body, refused from announcement where id = $1");
        let rows = self
            .fetch::<AnnouncementRow>(&sql, &[id.as_str().into()])
            .await?;
        rows.into_iter()
            .next()
            .map(StoredAnnouncement::try_from)
            .transpose()
    }

    /// The next that must be said; those that Slack refused come last.
    pub async fn next_announcement(&self) -> Result<Option<AnnouncementId>, StoreError> {
        let sql = sql!("announcement":
            "select id from announcement \
             order by case when refused is null then 0 else 1 end, at, id limit 1");
        let row = self.fetch::<Id>(&sql, &[]).await?.pop();
        Ok(row.map(|row| AnnouncementId::new(row.id)))
    }

    /// It was said.
    pub async fn remove_announcement(&self, id: &AnnouncementId) -> Result<(), StoreError> {
        let args = vec![id.as_str().into()];
        self.run(Job::Run(&REMOVE, args)).await.map(drop)
    }

    /// Slack refuses it, by its error: it is kept, and holds up no other.
    pub async fn refuse_announcement(
        &self,
        id: &AnnouncementId,
        error: &str,
    ) -> Result<(), StoreError> {
        let args = vec![id.as_str().into(), storable(error).into()];
        self.run(Job::Run(&REFUSE, args)).await.map(drop)
    }
}
