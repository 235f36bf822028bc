//! The port: routes, and an accept loop of our own.
//!
//! `axum::serve` always answers; a strict Slack must also be able to do the work and then cut the
//! connection, so responses marked with [`Cut`] are never written.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use http::StatusCode;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::shared::Shared;
use crate::{api, control, deliver, page};

/// How long a client may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Nothing bigger is ever sent to Slack or by it.
const BODY_LIMIT: usize = 1024 * 1024;

/// Marks a response that must not be written: the connection is cut instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut;

impl Cut {
    pub(crate) fn response() -> Response {
        let mut response = StatusCode::BAD_GATEWAY.into_response();
        response.extensions_mut().insert(Self);
        response
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cut on purpose")]
struct CutOnPurpose;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api/{method}", any(api::serve))
        .route(
            "/commands/{team}/{id}/{secret}",
            post(deliver::response_url::serve),
        )
        .route(
            "/actions/{team}/{id}/{secret}",
            post(deliver::response_url::serve),
        )
        .route("/link", get(deliver::socket::serve))
        .nest("/sandbox", control::routes())
        .merge(page::routes())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(shared)
}

/// Serves until `shared.stopped`; over TLS where there is a certificate.
pub(crate) fn run(listener: TcpListener, shared: Arc<Shared>, tls: Option<TlsAcceptor>) {
    let router = router(shared.clone());
    tokio::spawn(async move {
        // Dropped at the end: open streams are cut then.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = shared.stopped.cancelled() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                arrived = listener.accept() => match arrived {
                    Ok((stream, peer)) => {
                        connections.spawn(accepted(stream, peer, router.clone(), tls.clone()));
                    }
                    Err(error) => tracing::warn!(%error, "accept failed"),
                },
            }
        }
    });
}

async fn accepted(stream: TcpStream, peer: SocketAddr, router: Router, tls: Option<TlsAcceptor>) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return connection(stream, peer, router).await;
    };
    match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => connection(stream, peer, router).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS connection came to be"),
        Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
) {
    let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
        let router = router.clone();
        async move {
            let answered: Result<Response, Infallible> =
                router.oneshot(request.map(Body::new)).await;
            let Ok(response) = answered;
            if response.extensions().get::<Cut>().is_some() {
                return Err(CutOnPurpose);
            }
            Ok(response)
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "connection ended");
    }
}
