//! One of the connections that are to be open: connected, replaced before it ends, and connected again after it broke.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Parts;
use super::backoff::Backoff;
use super::link::{Ended, Link, NoLink, Reins};
use super::reception::Reception;

/// A connection that lived so long wasn't the fault of the last try.
const LIVED: Duration = Duration::from_secs(30);

pub(super) struct Place {
    parts: Arc<Parts>,
    reception: Arc<Reception>,
    backoff: Backoff,
    /// Connections that were replaced and aren't closed yet.
    leaving: TaskTracker,
}

/// A connection that is listened to.
struct Current {
    reins: Reins,
    since: Instant,
    serving: JoinHandle<Ended>,
}

impl Place {
    pub(super) fn new(parts: Arc<Parts>, reception: Arc<Reception>) -> Self {
        Self {
            backoff: Backoff::new(parts.timing.most_between),
            leaving: TaskTracker::new(),
            parts,
            reception,
        }
    }

    /// Until `stop`.
    pub(super) async fn hold(mut self, stop: CancellationToken) {
        let mut current = self.connect(&stop).await;
        while let Some(mut link) = current {
            tokio::select! {
                ended = &mut link.serving => {
                    current = self.ended(ended.ok(), &link, &stop).await;
                }
                () = link.reins.leaving.cancelled() => {
                    tracing::debug!("Socket Mode: a connection is being replaced");
                    // The old one goes on being listened to meanwhile, whatever happens to the new one.
                    let next = self.connect(&stop).await;
                    link.reins.replaced.cancel();
                    self.leaving.spawn(link.serving);
                    current = next;
                }
                () = stop.cancelled() => {
                    // It sees the stop itself; what was begun is acknowledged first.
                    let _ = link.serving.await;
                    current = None;
                }
            }
        }
        self.leaving.close();
        self.leaving.wait().await;
    }

    async fn ended(
        &mut self,
        ended: Option<Ended>,
        link: &Current,
        stop: &CancellationToken,
    ) -> Option<Current> {
        if link.since.elapsed() >= LIVED {
            self.backoff.reset();
        }
        let pause = match ended {
            Some(Ended::Asked) => Duration::ZERO,
            Some(Ended::Refused(refused)) => {
                self.parts.links.refused(&refused);
                self.backoff.long(self.parts.entropy.as_ref())
            }
            Some(Ended::Broken(why)) => {
                tracing::warn!(why, "Socket Mode: a connection broke; the next is opened");
                self.backoff.next(self.parts.entropy.as_ref())
            }
            None => self.backoff.next(self.parts.entropy.as_ref()),
        };
        if paused(pause, stop).await {
            self.connect(stop).await
        } else {
            None
        }
    }

    /// Tries until there is one; none at the stop.
    async fn connect(&mut self, stop: &CancellationToken) -> Option<Current> {
        loop {
            let opened = tokio::select! {
                opened = Link::open(&self.parts) => opened,
                () = stop.cancelled() => return None,
            };
            let entropy = Arc::clone(&self.parts.entropy);
            let pause = match opened {
                Ok(link) => return Some(self.serve(link, stop)),
                Err(NoLink::Refused(refused)) => {
                    self.parts.links.refused(&refused);
                    self.backoff.long(entropy.as_ref())
                }
                Err(NoLink::Failed { why, after }) => {
                    self.parts.links.failed(&why);
                    let pause = self.backoff.next(entropy.as_ref());
                    after.map_or(pause, |after| after.max(pause))
                }
            };
            if !paused(pause, stop).await {
                return None;
            }
        }
    }

    fn serve(&self, link: Link, stop: &CancellationToken) -> Current {
        let reins = Reins {
            stop: stop.clone(),
            ..Reins::default()
        };
        let (parts, own) = (Arc::clone(&self.parts), reins.clone());
        let reception = Arc::clone(&self.reception);
        parts.links.opened();
        let serving = tokio::spawn(async move {
            let ended = link.serve(reception, parts.after.clone(), own).await;
            parts.links.closed();
            ended
        });
        Current {
            reins,
            since: Instant::now(),
            serving,
        }
    }
}

/// False where it is time to stop.
async fn paused(pause: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(pause) => true,
        () = stop.cancelled() => false,
    }
}
