//! The port to on-call schedules: who is on call at a moment.

use async_trait::async_trait;
use hallpass_domain::role::ScheduleName;
use hallpass_domain::{Time, Who};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnCallError {
    #[error("the on-call schedule {schedule} is unavailable: {why}")]
    Unavailable { schedule: String, why: String },
}

#[async_trait]
pub trait OnCall: Send + Sync {
    fn name(&self) -> &ScheduleName;

    /// Accounts and e-mails of who is on call at `at`; empty when nobody is.
    async fn on_call(&self, at: Time) -> Result<Vec<Who>, OnCallError>;

    /// Until when that answer holds, where the schedule knows (a rotation's next hand-over).
    fn next_change(&self, at: Time) -> Option<Time>;

    /// Everybody who could ever be on call; for `hallpass check`.
    fn everybody(&self) -> Vec<Who>;
}
