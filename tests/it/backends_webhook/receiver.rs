//! A receiver that keeps a log and answers as it was told. It shares no code with what it receives from.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use futures_util::stream;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// HMAC by its definition (RFC 2104), from the hash alone.
pub(crate) fn independent_signature(key: &str, message: &str) -> String {
    assert!(key.len() <= 64, "longer keys are hashed first");
    let mut inner = [0x36_u8; 64];
    let mut outer = [0x5c_u8; 64];
    for (at, byte) in key.bytes().enumerate() {
        inner[at] ^= byte;
        outer[at] ^= byte;
    }
    let first = Sha256::digest([&inner[..], message.as_bytes()].concat());
    let second = Sha256::digest([&outer[..], &first[..]].concat());
    hex::encode(second)
}

#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: HeaderMap,
    pub(crate) body: String,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Debug, Clone)]
enum Answer {
    Text(String),
    Endless,
    Silence,
}

#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    location: Option<String>,
    retry_after: Option<&'static str>,
    answer: Answer,
}

impl Reply {
    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self {
            status,
            location: None,
            retry_after: None,
            answer: Answer::Text(text.into()),
        }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::text(status, "")
    }

    pub(crate) fn json(status: u16, json: &serde_json::Value) -> Self {
        Self::text(status, &json.to_string())
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self {
            location: Some(to.into()),
            ..Self::status(307)
        }
    }

    pub(crate) fn later(status: u16, retry_after: Option<&'static str>) -> Self {
        Self {
            retry_after,
            ..Self::status(status)
        }
    }

    pub(crate) fn endless(status: u16) -> Self {
        Self {
            answer: Answer::Endless,
            ..Self::status(status)
        }
    }

    pub(crate) fn silence() -> Self {
        Self {
            answer: Answer::Silence,
            ..Self::status(200)
        }
    }
}

#[derive(Clone)]
pub(crate) struct Receiver {
    address: String,
    log: Arc<Mutex<Vec<Call>>>,
    reply: Arc<Mutex<Reply>>,
    sent: Arc<AtomicUsize>,
}

impl Receiver {
    pub(crate) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap().to_string(),
            log: Arc::default(),
            reply: Arc::new(Mutex::new(reply)),
            sent: Arc::default(),
        };
        let router = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hallpass", self.address)
    }

    pub(crate) fn answers(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.log.lock().unwrap().clone()
    }

    /// Of endless answers, in bytes: what was read plus what the sockets hold.
    pub(crate) fn has_sent_at_most(&self, bytes: usize) {
        let sent = self.sent.load(Ordering::Relaxed);
        assert!((1..bytes).contains(&sent), "sent {sent} bytes");
    }
}

async fn receive(
    State(receiver): State<Receiver>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response<Body> {
    let call = Call {
        method: method.to_string(),
        path: uri.path().into(),
        headers,
        body,
    };
    receiver.log.lock().unwrap().push(call);
    let reply = receiver.reply.lock().unwrap().clone();
    let mut response = Response::builder().status(reply.status);
    if let Some(to) = reply.location {
        response = response.header("location", to);
    }
    if let Some(wait) = reply.retry_after {
        response = response.header("retry-after", wait);
    }
    let body = match reply.answer {
        Answer::Text(text) => Body::from(text),
        Answer::Silence => std::future::pending().await,
        Answer::Endless => Body::from_stream(stream::repeat_with(move || {
            receiver.sent.fetch_add(16 * 1024, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 16 * 1024]))
        })),
    };
    response.body(body).unwrap()
}

/// Reads an order, says `words` and hangs up.
pub(crate) async fn cutting(words: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut seen = [0; 4096];
            let _read = socket.read(&mut seen).await;
            let _written = socket.write_all(words).await;
        }
    });
    format!("http://{address}/hallpass")
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}
