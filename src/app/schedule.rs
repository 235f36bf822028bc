//! A later start is sent only once its button was pressed: what was typed is kept as a draft, offered with the moment
//! it was understood to be, and asked from the draft. Both buttons of an offer make one request, however often they are
//! pressed.

use chrono_tz::Tz;
use hallpass_domain::command::Ask;
use hallpass_domain::request::Start;
use hallpass_domain::{Duration, Person, RefusalKind, Time};
use serde::{Deserialize, Serialize};

use super::App;
use super::check_ask::Checked;
use super::facts::Facts;
use super::later::{self, Planned};
use super::people::Fresh;
use super::stop::Stop;
use super::submit::When;
use crate::app::answer::{Answer, LaterShown};
use crate::store::Draft;

/// How long an offer can be taken.
const OFFERED_FOR: Duration = Duration::from_hours(1);

/// An ask that waits for its button. What was typed was right when it was offered; it is checked again when it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "draft", rename = "later")]
struct Offer {
    role: String,
    parameters: Vec<(String, String)>,
    duration: Duration,
    reason: String,
    starts_at: Time,
}

/// Which of an offer's buttons was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Later,
    Now,
}

impl App {
    /// The start that somebody typed, in their zone as Slack has it now.
    pub(super) async fn planned(&self, me: &Person, typed: &str) -> Result<Planned, String> {
        later::read(typed, self.zone_of(me).await, self.now())
    }

    /// By the account itself, past the cache: whoever travels changes it. As pinned, where Slack doesn't answer; that of
    /// the configuration, where its name says nothing here.
    pub(super) async fn zone_of(&self, me: &Person) -> Tz {
        let name = match me.accounts.first() {
            Some(account) => match self.pin(account, Fresh::Now).await {
                Ok(now) => now.time_zone,
                Err(_) => me.time_zone.clone(),
            },
            None => me.time_zone.clone(),
        };
        name.parse().unwrap_or(self.settings.time_zone)
    }

    /// Keeps it, and offers it with its two buttons. Nothing is sent yet.
    pub(super) async fn offer(
        &self,
        me: &Person,
        ask: &Ask,
        checked: &Checked,
        planned: Planned,
    ) -> Result<Answer, Stop> {
        let offer = Offer {
            role: ask.role.clone(),
            parameters: ask.parameters.clone(),
            duration: checked.duration,
            reason: ask.reason.clone(),
            starts_at: planned.at,
        };
        let now = self.now();
        let draft = Draft {
            id: self.entropy.id(),
            person: me.id.clone(),
            body: serde_json::to_string(&offer).map_err(|_| Stop::busy())?,
            until: now + OFFERED_FOR.to_delta(),
        };
        self.store.put_draft(&draft, now).await?;
        let parameters = checked.parameters.clone();
        Ok(Answer::Later(Box::new(LaterShown {
            draft: draft.id,
            role: offer.role,
            parameters: parameters.into_iter().collect(),
            duration: offer.duration,
            reason: offer.reason,
            when: planned.when,
            zone: planned.zone,
            note: planned.note,
            good_for: OFFERED_FOR,
        })))
    }

    /// Sends what was offered.
    pub(super) async fn take(&self, me: &Person, id: &str, taken: Taken) -> Result<Answer, Stop> {
        let delivery = format!("draft:{id}");
        if let Some(first) = self.store.delivered(&delivery).await? {
            let request = self.require_request(&first).await?;
            if request.requester != me.id {
                return Err(not_yours());
            }
            return self.asked(&request, true, &Facts::default()).await;
        }
        let now = self.now();
        let draft = self.store.draft(id).await?;
        let draft = draft.filter(|draft| draft.until > now).ok_or_else(|| {
            Stop::problem(format!(
                "Nothing was sent: this offer is too old, or was never kept. Ask again with {}.",
                self.settings.command
            ))
        })?;
        if draft.person != me.id {
            return Err(not_yours());
        }
        let offer: Offer = serde_json::from_str(&draft.body).map_err(|_| {
            Stop::problem(
                "Nothing was sent: this button is of another version of Hallpass. Ask again.",
            )
        })?;
        let start = match taken {
            Taken::Now => Start::Now,
            Taken::Later if offer.starts_at <= now => {
                return Err(Stop::problem(
                    "Nothing was sent: that time is past by now. Press Start now, or ask again for a later time.",
                ));
            }
            Taken::Later => Start::At(offer.starts_at),
        };
        let ask = Ask {
            role: offer.role,
            parameters: offer.parameters,
            duration: Some(Ok(offer.duration)),
            reason: offer.reason,
            ..Ask::default()
        };
        self.submit_when(me, ask, When::Fixed(start), Some(&delivery))
            .await
    }
}

fn not_yours() -> Stop {
    Stop::refused(
        RefusalKind::NotAllowed,
        "This was offered to somebody else; only they can send it.",
    )
}
