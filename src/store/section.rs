//! The sections of all backends that were ever configured: what reaches one that was removed while access is there.

use hallpass_domain::{BackendName, Time};

use super::sql::{Sql, storable};
use super::writer::Job;
use super::{Store, StoreError, text};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedSection {
    /// In the shape that wiring wrote.
    pub section: serde_json::Value,
    /// What was said of its removal; none since it was configured last.
    pub told: Option<String>,
}

const ARCHIVE: Sql = sql!("backend_section":
    "insert into backend_section (name, section, archived_at, told) values ($1, $2, $3, null) \
     on conflict (name) do update set section = excluded.section, archived_at = excluded.archived_at, told = null");

const TELL: Sql = sql!("backend_section":
    "insert into backend_section (name, section, archived_at, told) values ($1, 'null', $3, $2) \
     on conflict (name) do update set told = excluded.told");

row! { Section { section: String, told: Option<String> } }

impl Store {
    pub async fn archived_section(
        &self,
        backend: &BackendName,
    ) -> Result<Option<ArchivedSection>, StoreError> {
        let sql =
            sql!("backend_section": "select section, told from backend_section where name = $1");
        let args = [backend.as_str().into()];
        let Some(row) = self.fetch::<Section>(&sql, &args).await?.pop() else {
            return Ok(None);
        };
        let broken = |error: serde_json::Error| {
            StoreError::corrupt("backend_section", backend.as_str(), error)
        };
        Ok(Some(ArchivedSection {
            section: serde_json::from_str(&row.section).map_err(broken)?,
            told: row.told,
        }))
    }

    pub async fn archive_section(
        &self,
        backend: &BackendName,
        section: &serde_json::Value,
        at: Time,
    ) -> Result<(), StoreError> {
        let args = vec![
            backend.as_str().into(),
            storable(&section.to_string()).into(),
            text::micros(at).into(),
        ];
        self.run(Job::Run(&ARCHIVE, args)).await.map(drop)
    }

    /// What was said of its removal, so that it is said once.
    pub async fn told_of_section(
        &self,
        backend: &BackendName,
        told: &str,
        at: Time,
    ) -> Result<(), StoreError> {
        let args = vec![
            backend.as_str().into(),
            told.into(),
            text::micros(at).into(),
        ];
        self.run(Job::Run(&TELL, args)).await.map(drop)
    }
}
