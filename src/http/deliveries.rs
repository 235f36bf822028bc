//! Slack's three routes. Nothing of a body is looked at before its signature was checked over the raw bytes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use crate::slack::{self, handle};

use super::{Front, limits};

/// Slack waits 3 s for an answer.
const PATIENCE: Duration = Duration::from_millis(2_500);

#[derive(Clone, Copy)]
enum Route {
    Command,
    Interaction,
    Event,
}

pub(super) async fn command(front: State<Arc<Front>>, request: Request) -> Response {
    answer(Route::Command, front.0, request).await
}

pub(super) async fn interaction(front: State<Arc<Front>>, request: Request) -> Response {
    answer(Route::Interaction, front.0, request).await
}

pub(super) async fn event(front: State<Arc<Front>>, request: Request) -> Response {
    answer(Route::Event, front.0, request).await
}

/// The work is a task of its own: a caller that hangs up, or our own limit, must not cut it off half way.
async fn answer(route: Route, front: Arc<Front>, request: Request) -> Response {
    let after = front.after.clone();
    let work = after.spawn(async move {
        let headers = request.headers().clone();
        let body = match limits::body(request).await {
            Ok(body) => body,
            Err(status) => return status.into_response(),
        };
        if let Err(forged) = signed(&front, &headers, &body) {
            tracing::warn!(why = %forged, "a delivery was not Slack's");
            return StatusCode::UNAUTHORIZED.into_response();
        }
        handed_over(route, front, &body).await
    });
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(lost)) => {
            tracing::error!(error = %lost, "a delivery's work was lost");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(_) => {
            tracing::error!("a delivery was not answered in time; its work goes on");
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
    }
}

fn signed(front: &Front, headers: &HeaderMap, body: &Bytes) -> Result<(), slack::Forged> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let secrets = front.signing_secrets.as_ref().ok_or(slack::Forged)?;
    slack::verify(
        secrets,
        text("x-slack-request-timestamp").unwrap_or_default(),
        body,
        text("x-slack-signature").unwrap_or_default(),
        (front.now)(),
    )
}

async fn handed_over(route: Route, front: Arc<Front>, body: &Bytes) -> Response {
    let handled = match route {
        Route::Command => handle::command(&front.app, &front.desk, body).await,
        Route::Interaction => handle::interaction(&front.app, &front.desk, body).await,
        Route::Event => handle::event(&front.app, &front.desk, body).await,
    };
    if let Some(rest) = handled.after {
        front.after.spawn(rest);
    }
    let answer = handled.answer;
    match answer.content_type {
        Some(kind) => (answer.status, [(header::CONTENT_TYPE, kind)], answer.body).into_response(),
        None => (answer.status, answer.body).into_response(),
    }
}
