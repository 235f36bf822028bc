//! The review after broken glass: somebody who may looks at what was done and says what they found. Whoever may not is
//! told who may.

use hallpass_domain::{Person, RefusalKind, Request, RequestId};

use super::facts::Unread;
use super::form::problem;
use super::people::ATTEMPTS;
use super::review::said;
use super::settings::Use;
use super::stop::Stop;
use super::{App, Caller, in_time};
use crate::app::answer::{Answer, Problems};
use crate::ports::Posted;
use crate::ports::chat::RequestShown;

/// What they are told whose form came too late to be looked up.
const TOO_LATE: &str =
    "This couldn't be looked up in time, and nothing was recorded. Press again in a moment.";

/// Who keeps the button though they may not be found among the reviewers now.
const UNREAD: &str =
    "Who is on call or in a group couldn't all be read just now; try again in a moment.";

impl App {
    /// What somebody is shown who wants to review the use of broken glass.
    ///
    /// # Errors
    /// What they are told where it isn't theirs to review, or was reviewed.
    pub async fn use_form(
        &self,
        caller: &Caller,
        id: &RequestId,
        card: Option<Posted>,
    ) -> Result<RequestShown, Answer> {
        let form = in_time(Box::pin(async {
            let me = self.caller(caller).await?;
            if let Some(card) = card {
                self.adopt(id, &card).await?;
            }
            let request = self.require_request(id).await?;
            self.rules_to_review_use(&me, &request).await?;
            // Where it was reviewed already, the core says so before anybody writes.
            let found = hallpass_domain::request::Found::AsItShouldBe;
            request
                .clone()
                .post_use_review(&me.id, found, None, self.now())?;
            Ok(self.shown(&request).await?)
        }));
        form.await.unwrap_or_else(|_| Err(problem(TOO_LATE)))
    }

    pub(super) async fn post_use_reviewed(
        &self,
        me: &Person,
        id: &RequestId,
        seen: &Use,
    ) -> Result<Answer, Stop> {
        for _ in 0..ATTEMPTS {
            let request = self.require_request(id).await?;
            let rules = self.rules_to_review_use(me, &request).await?;
            let note = seen.note.as_deref().and_then(said);
            let mut change = request.post_use_review(&me.id, seen.found, note, self.now())?;
            for event in &mut change.events {
                event.rules.clone_from(&rules);
            }
            if self.applied(change).await? {
                let request = self.require_request(id).await?;
                return self
                    .done("Reviewed. Thank you; it is on record.", &request)
                    .await;
            }
        }
        Err(Stop::busy())
    }

    /// By which rules they may; a stop that names those who may, where they may not. That is on record.
    async fn rules_to_review_use(
        &self,
        me: &Person,
        request: &Request,
    ) -> Result<Vec<String>, Stop> {
        let role = self.present_role(request);
        let facts = self.facts_about(&role, self.now()).await;
        let memberships = facts.of(me, Unread::Nobody);
        let subject = memberships.subject(me);
        let decision = self.policy.may_post_use_review(&subject, &role, request);
        let Some(why) = decision.why else {
            return Ok(decision.rules.iter().map(ToString::to_string).collect());
        };
        let why = if facts.are_all_read() || request.is_own(&me.id) {
            why
        } else {
            format!("{why} {UNREAD}")
        };
        let reviewers = self.reviewers(request).await?.people;
        let people = self.store.people(&reviewers).await?;
        if people.is_empty() {
            return Err(Stop::refused(RefusalKind::NotAllowed, why));
        }
        self.record_refusal(me, "review the use", Some(&request.id))
            .await?;
        let ask = people.iter().map(super::read::shown_person).collect();
        Err(Answer::Problems(Problems {
            sentences: vec![why],
            ask,
            ..Problems::default()
        })
        .into())
    }
}
