//! A schedule that never changes: the same people, always.

use async_trait::async_trait;
use hallpass_domain::role::ScheduleName;
use hallpass_domain::{Time, Who};

use crate::ports::{OnCall, OnCallError};

/// `kind = "static"`.
#[derive(Debug, Clone)]
pub struct Static {
    name: ScheduleName,
    people: Vec<Who>,
}

impl Static {
    pub fn new(name: ScheduleName, people: Vec<Who>) -> Self {
        Self { name, people }
    }
}

#[async_trait]
impl OnCall for Static {
    fn name(&self) -> &ScheduleName {
        &self.name
    }

    async fn on_call(&self, _: Time) -> Result<Vec<Who>, OnCallError> {
        Ok(self.people.clone())
    }

    fn next_change(&self, _: Time) -> Option<Time> {
        None
    }

    fn everybody(&self) -> Vec<Who> {
        self.people.clone()
    }
}

#[cfg(test)]
mod tests {
    use hallpass_domain::role::ScheduleName;
    use hallpass_domain::{SlackId, Time, Who};

    use super::Static;
    use crate::ports::OnCall;

    #[tokio::test]
    async fn everybody_is_on_call_at_any_time() {
        let people: Vec<Who> = ["U0BOB", "U0DANA"]
            .iter()
            .map(|id| Who::Account(SlackId::parse(id).unwrap()))
            .collect();
        let schedule = Static::new(ScheduleName::new("commanders"), people.clone());
        for at in [Time::UNIX_EPOCH, Time::MAX_UTC] {
            assert_eq!(schedule.on_call(at).await.unwrap(), people);
            assert_eq!(schedule.next_change(at), None);
        }
        assert_eq!(schedule.everybody(), people);
    }
}
