//! The archive of configurations that were loaded, each with the authority it gave: what the next load is compared with.

use hallpass_domain::Time;

use super::sql::{Sql, storable};
use super::writer::Job;
use super::{Store, StoreError, text};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConfiguration {
    pub digest: String,
    /// All files, as read.
    pub text: String,
    /// Who may do what, in the shape that the use case wrote.
    pub authority: serde_json::Value,
    pub loaded_at: Time,
}

const ARCHIVE: Sql = sql!("configuration":
    "insert into configuration (digest, loaded_at, authority, text) values ($1, $2, $3, $4)");

row! { Configuration { digest: String, loaded_at: i64, authority: String, text: String } }

impl TryFrom<Configuration> for StoredConfiguration {
    type Error = StoreError;

    fn try_from(row: Configuration) -> Result<Self, StoreError> {
        let broken = |why: String| StoreError::corrupt("configuration", &row.digest, why);
        Ok(Self {
            authority: serde_json::from_str(&row.authority)
                .map_err(|error| broken(format!("authority: {error}")))?,
            loaded_at: text::time(row.loaded_at)
                .ok_or_else(|| broken("its time is out of range".into()))?,
            digest: row.digest,
            text: row.text,
        })
    }
}

impl Store {
    pub async fn last_configuration(&self) -> Result<Option<StoredConfiguration>, StoreError> {
        let sql = sql!("configuration":
            "select digest, loaded_at, authority, text from configuration order by position desc limit 1");
        let row = self.fetch::<Configuration>(&sql, &[]).await?.pop();
        row.map(StoredConfiguration::try_from).transpose()
    }

    pub async fn archive_configuration(
        &self,
        digest: &str,
        text: &str,
        authority: &serde_json::Value,
        at: Time,
    ) -> Result<(), StoreError> {
        let args = vec![
            digest.into(),
            text::micros(at).into(),
            authority.to_string().into(),
            storable(text).into(),
        ];
        self.run(Job::Run(&ARCHIVE, args)).await.map(drop)
    }
}
