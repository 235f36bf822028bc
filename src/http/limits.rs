//! What holds for every route: how much is read, what is logged, what is counted.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;

use super::Front;

/// More is refused with 413. Slack's own payloads stay far below.
const BODY: usize = 1 << 20;

/// For the router: what [`body`] holds to.
pub(super) fn of_bodies() -> DefaultBodyLimit {
    DefaultBodyLimit::max(BODY)
}

/// Reads a whole body, within the limit; else the status that says why not.
pub(super) async fn body(request: Request) -> Result<Bytes, StatusCode> {
    let read = Bytes::from_request(request, &()).await;
    read.map_err(|rejection| rejection.status())
}

/// A span names method and route, never the path that was asked for, the query, or a header.
pub(super) fn span(request: &Request) -> tracing::Span {
    tracing::info_span!("http", method = %request.method(), route = route(request))
}

/// Counts every answer by its route.
pub(super) async fn measure(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    let route = route(&request).to_owned();
    let began = Instant::now();
    let response = next.run(request).await;
    front
        .metrics
        .answered(&route, response.status().as_u16(), began.elapsed());
    response
}

fn route(request: &Request) -> &str {
    request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
}
