//! What would be decided now, and by which rule: for `hallpass explain PERSON ROLE DURATION`. Nothing is written but a
//! person who is seen for the first time.

use hallpass_domain::request::Panel;
use hallpass_domain::{Duration, Email, Person, Role, RoleName, SlackId, Who, nearest};
use serde::Serialize;

use super::App;
use super::facts::{Facts, Unread};
use super::people::{Fresh, NotPinned};
use super::stop::Stop;
use super::words::{enumerated, quoted};
use crate::policy::listed;
use crate::store::StoreError;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Whether the ask would be taken.
    pub allowed: bool,
    /// Sentences: the answer first, then what would follow.
    pub sentences: Vec<String>,
    /// `base.cedar:12 requesters-may-ask`
    pub rules: Vec<String>,
}

/// What would be decided now.
pub(super) struct Judged {
    /// A sentence, where it would be refused.
    pub(super) why: Option<String>,
    pub(super) follows: Vec<String>,
    pub(super) rules: Vec<String>,
    pub(super) facts: Facts,
    pub(super) panels: Vec<Panel>,
}

impl App {
    /// `person`: a Slack id or an e-mail.
    ///
    /// # Errors
    /// A sentence, where person or role can't be found or the store fails.
    pub async fn explain(
        &self,
        person: &str,
        role: &str,
        duration: Duration,
    ) -> Result<Explained, String> {
        let account = self.account_of(person).await?;
        let Some(role) = self.settings.roles.get(&RoleName::new(role)) else {
            let names = self.settings.roles.keys().map(RoleName::as_str);
            let near: Vec<String> = nearest(role, names).into_iter().map(Into::into).collect();
            let near = if near.is_empty() {
                String::new()
            } else {
                format!(" The nearest: {}.", enumerated(&near))
            };
            return Err(format!("There is no role {}.{near}", quoted(role)));
        };
        let person = match self.pin(&account, Fresh::Now).await {
            Ok(person) => person,
            Err(NotPinned::Store(error)) => return Err(format!("{error}.")),
            Err(why) => return Ok(refused(Stop::from(why).into_sentence())),
        };
        let judged = self.judged(&person, role, duration).await;
        let judged = judged.map_err(|error| format!("{error}."))?;
        let mut sentences = match &judged.why {
            Some(why) => vec![format!("{account} would be told: {why}")],
            None => vec![format!("May ask for {} for {duration}.", role.name)],
        };
        sentences.extend(judged.follows);
        Ok(Explained {
            allowed: judged.why.is_none(),
            sentences,
            rules: judged.rules,
        })
    }

    /// What would be decided of this ask now, and what would follow.
    pub(super) async fn judged(
        &self,
        person: &Person,
        role: &Role,
        duration: Duration,
    ) -> Result<Judged, StoreError> {
        let facts = self.facts_about(role, self.now()).await;
        let memberships = facts.of(person, Unread::Nobody);
        let subject = memberships.subject(person);
        let decision = self.policy.may_ask(&subject, role, duration);
        let panels = self.panels(role, &facts).await?;
        let follows = if decision.allowed {
            what_follows(role, &panels, person)
        } else {
            Vec::new()
        };
        Ok(Judged {
            rules: decision.rule_names(),
            why: decision.why,
            follows,
            facts,
            panels,
        })
    }

    async fn account_of(&self, person: &str) -> Result<SlackId, String> {
        if let Some(account) = SlackId::parse(person) {
            return Ok(account);
        }
        let Some(email) = Email::parse(person) else {
            return Err(format!(
                "{} is neither a Slack id nor an e-mail address.",
                quoted(person)
            ));
        };
        let account = match self.person_behind(&Who::Email(email)).await {
            Ok(found) => found.accounts.into_iter().next(),
            Err(NotPinned::Store(error)) => return Err(format!("{error}.")),
            Err(NotPinned::Unavailable) => {
                let who = quoted(person);
                return Err(format!(
                    "Slack didn't say who {who} is. Try again in a moment."
                ));
            }
            Err(
                NotPinned::Unknown
                | NotPinned::NotMember(_)
                | NotPinned::Email(_)
                | NotPinned::Changed,
            ) => None,
        };
        account.ok_or_else(|| format!("Nobody in this workspace is {}.", quoted(person)))
    }
}

fn what_follows(role: &Role, panels: &[Panel], person: &Person) -> Vec<String> {
    if role.stages.is_empty() {
        return vec!["It is granted at once: the role has no stages.".into()];
    }
    let stages = role.stages.iter().zip(panels).enumerate();
    stages
        .map(|(index, (stage, panel))| {
            let first = panel.rungs.first().map_or(0, |rung| {
                rung.iter().filter(|other| **other != person.id).count()
            });
            format!(
                "Stage {} needs {} of {}; {first} can be asked now.",
                index + 1,
                stage.needed(),
                listed(&stage.approvers)
            )
        })
        .collect()
}

fn refused(sentence: String) -> Explained {
    Explained {
        allowed: false,
        sentences: vec![sentence],
        rules: Vec::new(),
    }
}
