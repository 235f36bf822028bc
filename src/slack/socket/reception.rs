//! What is done with an envelope. Where the answer may go with the acknowledgement it is waited for, within Slack's three
//! seconds; all else is acknowledged first and handled then. Payloads that come again in another envelope are handled once.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::envelope::{Envelope, Kind};
use super::{Handled, Receive, Timing};
use crate::slack::replies::Replies;

/// So many payloads are remembered; Slack sends again within minutes.
const REMEMBERED: usize = 10_000;

/// The way back over the connection that an envelope came by.
#[derive(Clone)]
pub(super) struct Out(pub(super) mpsc::Sender<Sending>);

/// A frame to be written, and who waits until it is.
pub(super) struct Sending {
    pub(super) text: String,
    pub(super) written: oneshot::Sender<()>,
}

impl Out {
    /// Whether it left.
    async fn send(&self, text: String) -> bool {
        let (written, done) = oneshot::channel();
        let sent = self.0.send(Sending { text, written }).await;
        sent.is_ok() && done.await.is_ok()
    }
}

pub(super) struct Reception {
    receive: Arc<dyn Receive>,
    replies: Replies,
    timing: Timing,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    all: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    /// Whether it is seen for the first time.
    fn first(&mut self, key: String) -> bool {
        if !self.all.insert(key.clone()) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
        true
    }
}

impl Reception {
    pub(super) fn new(receive: Arc<dyn Receive>, replies: Replies, timing: Timing) -> Self {
        Self {
            receive,
            replies,
            timing,
            seen: Mutex::default(),
        }
    }

    /// Handles one envelope to its end.
    pub(super) async fn take(self: Arc<Self>, envelope: Envelope, out: Out) {
        match (&envelope.kind, envelope.answerable) {
            (Kind::Unknown(kind), _) => {
                tracing::debug!(kind, "an envelope that means nothing here");
                out.send(envelope.acknowledgement(None)).await;
            }
            (Kind::Command | Kind::Interaction, true) => self.answers(&envelope, &out).await,
            (Kind::Command | Kind::Interaction | Kind::Event, _) => {
                let left = out.send(envelope.acknowledgement(None)).await;
                if !left {
                    tracing::debug!(id = envelope.id, "an acknowledgement didn't leave");
                }
                if self.is_first(&envelope) {
                    self.handles(&envelope).await;
                }
            }
        }
    }

    fn is_first(&self, envelope: &Envelope) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = !seen.first(format!("envelope:{}", envelope.id))
            || envelope.once().is_some_and(|key| !seen.first(key));
        if known {
            tracing::debug!(id = envelope.id, "a payload that was handled already");
        }
        !known
    }

    /// The answer goes with the acknowledgement, where it is there in time. One that isn't follows by `response_url`;
    /// a form has none, so it isn't acknowledged then: Slack says so in the form, and it can be sent again.
    async fn answers(&self, envelope: &Envelope, out: &Out) {
        let body = envelope.body();
        let work = async {
            match envelope.kind {
                Kind::Command => self.receive.command(&body).await,
                Kind::Interaction | Kind::Event | Kind::Unknown(_) => {
                    self.receive.interaction(&body).await
                }
            }
        };
        tokio::pin!(work);
        let in_time = tokio::time::timeout(self.timing.answer, &mut work).await;
        let (handled, told) = if let Ok(handled) = in_time {
            let answer = answer_of(&handled);
            let left = out.send(envelope.acknowledgement(answer.as_ref())).await;
            (handled, left)
        } else {
            tracing::error!("an envelope was not answered in time; its work goes on");
            if envelope.response_url().is_some() {
                out.send(envelope.acknowledgement(None)).await;
            }
            (work.await, false)
        };
        if !told && let (Some(url), Some(answer)) = (envelope.response_url(), answer_of(&handled)) {
            self.replies.late(url, &answer).await;
        }
        if let Some(after) = handled.after {
            after.await;
        }
    }

    async fn handles(&self, envelope: &Envelope) {
        let body = envelope.body();
        let mut tries = self.timing.again.iter();
        loop {
            let handled = match envelope.kind {
                Kind::Command => self.receive.command(&body).await,
                Kind::Interaction => self.receive.interaction(&body).await,
                Kind::Event | Kind::Unknown(_) => self.receive.event(&body).await,
            };
            let failed = handled.answer.status.is_server_error();
            if let Some(after) = handled.after {
                after.await;
            }
            match (failed, tries.next()) {
                (true, Some(pause)) => tokio::time::sleep(*pause).await,
                (true, None) => {
                    tracing::error!("a payload could not be handled, and was acknowledged");
                    return;
                }
                (false, _) => return,
            }
        }
    }
}

/// What goes with an acknowledgement: JSON, or nothing.
fn answer_of(handled: &Handled) -> Option<Value> {
    if handled.answer.status != StatusCode::OK {
        return None;
    }
    serde_json::from_str(&handled.answer.body).ok()
}

#[cfg(test)]
mod tests {
    use super::{REMEMBERED, Seen};

    #[test]
    fn what_was_seen_is_known_for_a_while() {
        let mut seen = Seen::default();
        assert!(seen.first("a".into()));
        assert!(!seen.first("a".into()));
        for number in 0..REMEMBERED {
            assert!(seen.first(number.to_string()));
        }
        assert_eq!(seen.all.len(), REMEMBERED);
        assert!(seen.first("a".into()), "it is long ago");
    }
}
