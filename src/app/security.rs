//! Where it is said what security must hear: in its channel; where that takes nothing, in the approvals channel, loud in the
//! wrong place being better than silent; and where that takes nothing either, to each of those who watch over access.
//! What was said in one of these counts as said; what none of them takes is kept, and told by `/readyz`.

use std::time::Duration as StdDuration;

use futures_util::future::join_all;
use hallpass_domain::{SlackId, Who};

use super::App;
use super::read::shown_person;
use super::sync_card::Unsaid;
use crate::ports::chat::Message;
use crate::ports::{Place, Posted};
use crate::store::{StoreError, Untold};

/// How many people get it directly.
const WATCHERS_AT_MOST: usize = 20;

/// An alarm that stands nowhere for longer than this was refused everywhere, and isn't just on its way.
const UNTOLD_AFTER: StdDuration = StdDuration::from_secs(120);

impl App {
    /// The channels for what security must hear, the first that takes it.
    pub(super) fn security_channels(&self) -> impl Iterator<Item = &String> {
        let (own, other) = (
            &self.settings.security_channel,
            &self.settings.approvals_channel,
        );
        let other = (other != own).then_some(other);
        std::iter::once(own).chain(other)
    }

    /// Who watches over access: operators, and whoever a role names in `review_by`.
    pub(super) async fn watchers(&self) -> Result<Vec<SlackId>, StoreError> {
        let mut lists: Vec<Who> = self.settings.operators.clone();
        let glasses = self.settings.roles.values();
        let glasses = glasses.filter_map(|role| role.break_glass.as_ref());
        for who in glasses.flat_map(|glass| &glass.review_by) {
            if !lists.contains(who) {
                lists.push(who.clone());
            }
        }
        let facts = self.facts(&lists, self.now()).await;
        let people = self.people_in(&lists, &facts).await?;
        let people = people.iter().take(WATCHERS_AT_MOST);
        Ok(people.map(|person| shown_person(person).account).collect())
    }

    /// Says it at the first of these places that takes it; answers where it stands now. `Later` where Slack says nothing or
    /// "not now", which is no reason to say it elsewhere; `Closed` where nobody takes it.
    pub(super) async fn tell_security(
        &self,
        message: &Message,
    ) -> Result<Result<Vec<Posted>, Unsaid>, StoreError> {
        for (channel, elsewhere) in self.security_channels().zip([false, true]) {
            let place = Place::Channel(channel.clone());
            let said = if elsewhere {
                self.post(&place, &instead(message)).await
            } else {
                self.post(&place, message).await
            };
            match said {
                Ok(posted) => {
                    if elsewhere {
                        tracing::error!(
                            channel,
                            "the security channel takes no messages; the approvals channel was told"
                        );
                    }
                    return Ok(Ok(vec![posted]));
                }
                Err(Unsaid::Later(later)) => return Ok(Err(Unsaid::Later(later))),
                Err(Unsaid::Closed | Unsaid::Never) => {}
            }
        }
        let watchers = self.watchers().await?;
        let message = instead(message);
        let posts = watchers.into_iter().map(async |account| {
            let place = Place::Person(account);
            self.post(&place, &message).await
        });
        Ok(told(join_all(posts).await))
    }

    /// A sentence, where something that security must hear reached nobody.
    pub async fn untold(&self) -> Result<Option<String>, StoreError> {
        let Untold {
            announcements,
            alarms,
        } = self.store.untold(self.now() - UNTOLD_AFTER).await?;
        let count = announcements + alarms;
        Ok((count > 0).then(|| {
            format!(
                "{count} of what security must hear reached nobody: neither the security channel nor the approvals \
                 channel takes it, and none of the operators and reviewers could be written to. It is tried again."
            )
        }))
    }
}

/// What became of it among several people: said to one it is said.
fn told(posts: Vec<Result<Posted, Unsaid>>) -> Result<Vec<Posted>, Unsaid> {
    let (mut said, mut later) = (Vec::new(), None);
    for post in posts {
        match post {
            Ok(posted) => said.push(posted),
            Err(Unsaid::Later(retry)) => later = Some(Unsaid::Later(retry)),
            Err(Unsaid::Closed | Unsaid::Never) => {}
        }
    }
    if !said.is_empty() {
        tracing::error!(
            people = said.len(),
            "no channel takes what security must hear; it was told directly"
        );
        return Ok(said);
    }
    Err(later.unwrap_or_else(|| {
        tracing::error!("what security must hear could be told to nobody; it is tried again");
        Unsaid::Closed
    }))
}

/// With a word on why it is said there.
pub(super) fn instead(message: &Message) -> Message {
    Message::Instead {
        message: Box::new(message.clone()),
    }
}
