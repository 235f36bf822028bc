//! The port to the people directory (Slack): who somebody is now, and who is in a user group.

use async_trait::async_trait;
use hallpass_domain::{Email, Membership, SlackId};

/// A Slack account as Slack describes it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackPerson {
    pub account: SlackId,
    /// Only where Slack says it is confirmed.
    pub email: Option<Email>,
    pub name: String,
    /// IANA name; `UTC` where Slack says none.
    pub time_zone: String,
    pub membership: Membership,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Slack doesn't answer, or not usably; the text is for the log.
    #[error("the directory is unavailable: {0}")]
    Unavailable(String),
    /// It answered that there is no such account or group.
    #[error("{0} is not known in this workspace")]
    Unknown(String),
}

#[async_trait]
pub trait Directory: Send + Sync {
    /// Cached for a minute; the caller bounds the wait.
    async fn person(&self, account: &SlackId) -> Result<SlackPerson, DirectoryError>;

    /// Asks Slack itself, past the cache: for the check right before a backend is called.
    async fn person_now(&self, account: &SlackId) -> Result<SlackPerson, DirectoryError>;

    async fn by_email(&self, email: &Email) -> Result<SlackPerson, DirectoryError>;

    /// The accounts of a user group (`S…`). The last known answer is kept when Slack fails.
    async fn user_group(&self, id: &str) -> Result<Vec<SlackId>, DirectoryError>;

    /// Who is in a channel, by all of Slack's pages, cached for a minute. Nobody knows where there is no directory of
    /// channels, where the channel can't be read, or where it has more members than are looked at.
    async fn channel_members(&self, channel: &str) -> Result<Vec<SlackId>, DirectoryError> {
        Err(DirectoryError::Unavailable(format!(
            "no directory says who is in {channel}"
        )))
    }

    /// What `user_group` last found, without asking Slack: for whoever can't wait any longer.
    fn last_user_group(&self, id: &str) -> Option<Vec<SlackId>>;
}
