//! One connection: opened, greeted, listened to, and closed. What comes is handed to the reception at once, and the next
//! frame is read; so a slow handler holds up nobody, and acknowledgements leave in the order in which they are ready.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::envelope::{Frame, Goodbye};
use super::links::Refused;
use super::reception::{Out, Reception, Sending};
use super::{Parts, Timing};
use crate::ports::ChatError;
use crate::slack::certificates::{distrust, tls};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Larger messages are refused; Slack's own stay far below.
const LARGEST: usize = 2 << 20;
/// Payloads of one connection that are handled at the same time; more wait unread.
const AT_ONCE: usize = 64;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoLink {
    Refused(Refused),
    /// Worth another try; not before `after`, where Slack said so.
    Failed {
        why: String,
        after: Option<Duration>,
    },
}

impl NoLink {
    fn failed(why: &(impl ToString + ?Sized)) -> Self {
        Self::Failed {
            why: why.to_string(),
            after: None,
        }
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// We wanted it to, or Slack had said that it would.
    Asked,
    Refused(Refused),
    /// In a sentence.
    Broken(String),
}

/// Open and greeted.
pub(super) struct Link {
    stream: Stream,
    timing: Timing,
}

/// What happens to a link from outside, and what it says before its end.
#[derive(Clone, Default)]
pub(super) struct Reins {
    /// It said that it will end: a replacement is wanted.
    pub(super) leaving: CancellationToken,
    /// A replacement is there: it is listened to a while longer.
    pub(super) replaced: CancellationToken,
    /// Take nothing more, acknowledge what was begun, close.
    pub(super) stop: CancellationToken,
}

impl Link {
    /// Asks for a URL, connects, and waits for Slack's hello.
    pub(super) async fn open(parts: &Parts) -> Result<Self, NoLink> {
        let opening = async {
            let answer = parts.client.post("apps.connections.open", &json!({})).await;
            let answer = answer.map_err(|error| no_url(&error))?;
            let url = answer.get("url").and_then(Value::as_str);
            let url = url.ok_or_else(|| NoLink::failed("Slack named no URL"))?;
            let secure = parts.client.api().scheme() == "https";
            if secure && !url.starts_with("wss://") {
                return Err(NoLink::failed("the URL is not a wss URL"));
            }
            let stream = connected(url, secure).await?;
            greeted(stream).await
        };
        let stream = timeout(parts.timing.open, opening)
            .await
            .map_err(|_| NoLink::failed("no hello in time"))??;
        Ok(Self {
            stream,
            timing: parts.timing,
        })
    }

    /// Listens until it ends.
    pub(super) async fn serve(
        self,
        reception: Arc<Reception>,
        after: TaskTracker,
        reins: Reins,
    ) -> Ended {
        let (sink, stream) = self.stream.split();
        let (sender, queue) = mpsc::channel(AT_ONCE);
        let mut talk = Talk {
            sink,
            stream,
            queue,
            timing: self.timing,
            out: Out(sender),
            heard: Instant::now(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            reception,
            after,
        };
        let ended = talk.listen(&reins).await;
        talk.close(&ended).await;
        ended
    }
}

fn no_url(error: &ChatError) -> NoLink {
    match error {
        ChatError::Token(name) | ChatError::Permanent(name) => {
            NoLink::Refused(Refused::Token(name.clone()))
        }
        ChatError::RateLimited { after } => NoLink::Failed {
            why: error.to_string(),
            after: Some(*after),
        },
        ChatError::Untrusted(why) => NoLink::Refused(Refused::Certificate(why.clone())),
        ChatError::Unavailable(_) | ChatError::Gone => NoLink::failed(error),
    }
}

async fn connected(url: &str, secure: bool) -> Result<Stream, NoLink> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST));
    let connector = if secure {
        let tls = tls().map_err(|error| NoLink::failed(&error))?;
        Connector::Rustls(Arc::new(tls))
    } else {
        Connector::Plain
    };
    // The URL holds the ticket, so errors are told without it.
    let opened = connect_async_tls_with_config(url, Some(config), true, Some(connector)).await;
    opened
        .map(|(stream, _)| stream)
        .map_err(|error| match distrust(&error) {
            Some(why) => NoLink::Refused(Refused::Certificate(why)),
            None => NoLink::failed(&broken(&error)),
        })
}

/// In words that name no URL.
fn broken(error: &WsError) -> String {
    if let WsError::Http(response) = error {
        format!("HTTP status {}", response.status().as_u16())
    } else if let WsError::Io(error) = error {
        error.to_string()
    } else if let WsError::Tls(error) = error {
        error.to_string()
    } else {
        "the connection failed".into()
    }
}

async fn greeted(mut stream: Stream) -> Result<Stream, NoLink> {
    loop {
        let frame = stream.next().await;
        let text = match frame {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_)) | Err(_)) | None => {
                return Err(NoLink::failed("closed before its hello"));
            }
            Some(Ok(_)) => continue,
        };
        match Frame::read(&text) {
            Some(Frame::Hello) => return Ok(stream),
            Some(Frame::Goodbye(Goodbye::TooMany)) => {
                return Err(NoLink::Refused(Refused::TooMany));
            }
            Some(Frame::Goodbye(Goodbye::Disabled)) => {
                return Err(NoLink::Refused(Refused::Disabled));
            }
            Some(Frame::Goodbye(Goodbye::Soon)) => {
                return Err(NoLink::failed("Slack sent it away"));
            }
            // An envelope before the hello isn't acknowledged: Slack sends it again.
            Some(Frame::Envelope(_) | Frame::Unknown(_)) | None => {}
        }
    }
}

/// A connection while it is listened to.
struct Talk {
    sink: SplitSink<Stream, Message>,
    stream: SplitStream<Stream>,
    queue: mpsc::Receiver<Sending>,
    timing: Timing,
    out: Out,
    heard: Instant,
    places: Arc<Semaphore>,
    reception: Arc<Reception>,
    after: TaskTracker,
}

impl Talk {
    async fn listen(&mut self, reins: &Reins) -> Ended {
        let mut ping = interval_at(Instant::now() + self.timing.ping, self.timing.ping);
        let grace = self.timing.grace;
        let long_enough = async {
            reins.replaced.cancelled().await;
            tokio::time::sleep(grace).await;
        };
        tokio::pin!(long_enough);
        loop {
            let ended = tokio::select! {
                () = reins.stop.cancelled() => Some(Ended::Asked),
                () = &mut long_enough => Some(Ended::Asked),
                _ = ping.tick() => self.ping().await,
                Some(sending) = self.queue.recv() => self.write(sending).await,
                frame = self.stream.next() => self.frame(frame, reins),
            };
            if let Some(ended) = ended {
                return ended;
            }
        }
    }

    async fn ping(&mut self) -> Option<Ended> {
        if self.heard.elapsed() > self.timing.silence {
            return Some(Ended::Broken("nothing was heard for too long".into()));
        }
        self.leave(Message::Ping(Bytes::from_static(b"hallpass")))
            .await
    }

    async fn write(&mut self, sending: Sending) -> Option<Ended> {
        let ended = self.leave(Message::text(sending.text)).await;
        if ended.is_none() {
            // Who waited may be gone.
            let _ = sending.written.send(());
        }
        ended
    }

    async fn leave(&mut self, message: Message) -> Option<Ended> {
        match timeout(self.timing.write, self.sink.send(message)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Ended::Broken(error.to_string())),
            Err(_) => Some(Ended::Broken("a frame didn't leave in time".into())),
        }
    }

    fn frame(&mut self, frame: Option<Result<Message, WsError>>, reins: &Reins) -> Option<Ended> {
        self.heard = Instant::now();
        let text = match frame {
            Some(Ok(Message::Text(text))) => text,
            // Slack closes what it had announced.
            Some(Ok(Message::Close(_))) | None if reins.leaving.is_cancelled() => {
                return Some(Ended::Asked);
            }
            Some(Ok(Message::Close(_))) | None => {
                return Some(Ended::Broken("Slack closed it".into()));
            }
            Some(Err(error)) => return Some(Ended::Broken(error.to_string())),
            // A ping is answered by the library.
            Some(Ok(_)) => return None,
        };
        match Frame::read(&text) {
            Some(Frame::Envelope(envelope)) => {
                // Not acknowledged while there is no place: Slack gives it to another connection.
                let place = Arc::clone(&self.places).try_acquire_owned();
                let Ok(place) = place else {
                    tracing::error!("too much is being handled: a payload is left to Slack");
                    return None;
                };
                let (reception, out) = (Arc::clone(&self.reception), self.out.clone());
                self.after.spawn(async move {
                    reception.take(*envelope, out).await;
                    drop(place);
                });
                None
            }
            Some(Frame::Goodbye(Goodbye::Soon)) => {
                reins.leaving.cancel();
                None
            }
            Some(Frame::Goodbye(Goodbye::Disabled)) => Some(Ended::Refused(Refused::Disabled)),
            Some(Frame::Goodbye(Goodbye::TooMany)) => Some(Ended::Refused(Refused::TooMany)),
            Some(Frame::Hello) => None,
            Some(Frame::Unknown(kind)) => {
                tracing::debug!(kind, "a frame that means nothing here");
                None
            }
            None => {
                tracing::warn!("a frame couldn't be read");
                None
            }
        }
    }

    /// What was begun is acknowledged, then goodbye is said; both bounded.
    async fn close(mut self, ended: &Ended) {
        drop(self.out);
        let limit = Instant::now() + self.timing.write;
        if matches!(ended, Ended::Broken(_)) {
            // Those who wait hear that nothing leaves any more.
            return;
        }
        while let Ok(Some(sending)) = tokio::time::timeout_at(limit, self.queue.recv()).await {
            let sent = self.sink.send(Message::text(sending.text));
            match tokio::time::timeout_at(limit, sent).await {
                Ok(Ok(())) => drop(sending.written.send(())),
                Ok(Err(_)) | Err(_) => return,
            }
        }
        let goodbye = async {
            self.sink.send(Message::Close(None)).await?;
            // Read to the end, so that what is on its way isn't cut off with a reset.
            while let Some(frame) = self.stream.next().await {
                frame?;
            }
            Ok::<_, WsError>(())
        };
        // Slack's side may be gone already.
        drop(tokio::time::timeout_at(limit, goodbye).await);
    }
}
