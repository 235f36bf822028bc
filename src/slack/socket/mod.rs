//! Socket Mode: what Slack would send over HTTP comes over `WebSocket`s that we open
//! (<https://docs.slack.dev/apis/events-api/using-socket-mode>). Several connections, so that one can end without a gap:
//! before one is closed its replacement is open. Handlers are the same as over HTTP, and decide everything.
//!
//! `place` keeps one connection open, `link` speaks over it, `envelope` reads what comes, `reception` answers it,
//! `links` knows how it stands.

mod backoff;
mod envelope;
mod link;
mod links;
mod place;
mod reception;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client::Client;
use super::handle::{self, Desk, Handled};
use super::replies::Replies;
use crate::app::App;
use crate::ports::Entropy;
use place::Place;
use reception::Reception;

pub use links::Links;

/// How long things may take. Slack gives three seconds for an answer.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// From asking for a URL to Slack's hello.
    pub open: Duration,
    /// One frame's way out.
    pub write: Duration,
    /// Between two pings of ours.
    pub ping: Duration,
    /// Nothing heard for so long, and the connection counts as dead.
    pub silence: Duration,
    /// What was answered until then goes with the acknowledgement.
    pub answer: Duration,
    /// A connection that was replaced is listened to for so long, where Slack doesn't close it.
    pub grace: Duration,
    /// Between two tries to connect, at most.
    pub most_between: Duration,
    /// Between the tries of what failed and was acknowledged already, so that nobody but us tries it again.
    pub again: [Duration; 3],
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            open: Duration::from_secs(10),
            write: Duration::from_secs(5),
            ping: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            answer: Duration::from_millis(2_500),
            grace: Duration::from_secs(20),
            most_between: Duration::from_secs(30),
            again: [1, 5, 30].map(Duration::from_secs),
        }
    }
}

/// Connections that are held open at the same time; Slack allows ten, and for a moment each has its replacement beside it.
pub const CONNECTIONS: usize = 2;

/// What is done with what arrives: bodies as they would come over HTTP.
#[async_trait]
pub trait Receive: Send + Sync {
    async fn command(&self, body: &[u8]) -> Handled;
    async fn interaction(&self, body: &[u8]) -> Handled;
    async fn event(&self, body: &[u8]) -> Handled;
}

/// The handlers of the three routes.
pub struct Handlers {
    pub app: Arc<App>,
    pub desk: Desk,
}

#[async_trait]
impl Receive for Handlers {
    async fn command(&self, body: &[u8]) -> Handled {
        handle::command(&self.app, &self.desk, body).await
    }

    async fn interaction(&self, body: &[u8]) -> Handled {
        handle::interaction(&self.app, &self.desk, body).await
    }

    async fn event(&self, body: &[u8]) -> Handled {
        handle::event(&self.app, &self.desk, body).await
    }
}

/// What Socket Mode needs.
pub struct Parts {
    /// With the app's token, `xapp-…`.
    pub client: Arc<Client>,
    pub receive: Arc<dyn Receive>,
    /// For answers that come too late for the acknowledgement.
    pub replies: Replies,
    pub links: Arc<Links>,
    pub entropy: Arc<dyn Entropy>,
    /// Where handling goes on; waited for at a stop.
    pub after: TaskTracker,
    pub timing: Timing,
}

/// Not connected yet.
pub struct Socket {
    parts: Arc<Parts>,
    reception: Arc<Reception>,
}

impl Socket {
    pub fn new(parts: Parts) -> Self {
        let reception = Reception::new(
            Arc::clone(&parts.receive),
            parts.replies.clone(),
            parts.timing,
        );
        Self {
            parts: Arc::new(parts),
            reception: Arc::new(reception),
        }
    }

    /// Holds [`CONNECTIONS`] open until `stop`; then what was begun is acknowledged, and all are closed.
    pub async fn run(self, stop: CancellationToken) {
        let mut places = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let place = Place::new(Arc::clone(&self.parts), Arc::clone(&self.reception));
            places.spawn(place.hold(stop.clone()));
        }
        while let Some(ended) = places.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a connection of Socket Mode was lost for good");
                self.parts.links.lost_for_good();
            }
        }
    }
}
