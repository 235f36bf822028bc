//! The demo's target system: a made-up orders service that gives and takes access by webhook, and says for itself who has it.
//! It knows nothing of the bot's database: its page shows its own state, so that what is seen is what is true.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use futures_util::Stream;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode, header};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;
use slack_sandbox::page_head;
use tokio::sync::watch;

use crate::wiring::MovableClock;

/// A signed order may be this old, in seconds.
const SKEW: i64 = 300;
/// The longest webhook body that is read.
const LARGEST_BODY: usize = 64 * 1024;
/// How many lines of its log the page shows.
const LOG_LINES: usize = 5;

/// The orders service; cheap to clone.
#[derive(Clone)]
pub(super) struct Target {
    state: Arc<Mutex<Orders>>,
    changed: Arc<watch::Sender<u64>>,
    secret: Arc<str>,
    clock: Arc<MovableClock>,
}

#[derive(Default)]
struct Orders {
    /// By principal and entitlement.
    access: BTreeMap<(String, String), Access>,
    sequences: BTreeMap<(String, String), i64>,
    log: Vec<(DateTime<Utc>, String)>,
    down: bool,
    /// What the last try showed.
    tried: Option<Tried>,
}

struct Access {
    since: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    grant: String,
}

struct Tried {
    at: DateTime<Utc>,
    row: bool,
}

#[derive(Deserialize)]
struct Order {
    action: String,
    grant: String,
    sequence: i64,
    principal: String,
    entitlement: BTreeMap<String, String>,
    expires_at: Option<DateTime<Utc>>,
}

/// Who tries to read an order on the page.
const READER: &str = "rita";
/// The permission that reading an order needs.
const NEEDED: &str = "orders_admin";

impl Target {
    pub(super) fn new(secret: &str, clock: Arc<MovableClock>) -> Self {
        let (changed, _) = watch::channel(0);
        Self {
            state: Arc::default(),
            changed: Arc::new(changed),
            secret: secret.into(),
            clock,
        }
    }

    /// While it is down it answers nobody: not the bot, not the people who use it.
    pub(super) fn set_down(&self, down: bool) {
        self.orders().down = down;
        self.say(if down { "went down" } else { "is back" });
    }

    pub(super) fn is_down(&self) -> bool {
        self.orders().down
    }

    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/", get(page))
            .route(
                "/strip",
                get(|State(target): State<Self>| async move { target.strip() }),
            )
            .route("/events", get(events))
            .route("/try", post(try_to_read))
            .route("/hallpass", post(receive))
            .route(
                "/target.css",
                get(|| async { asset("text/css", include_str!("target.css")) }),
            )
            .route(
                "/target.js",
                get(|| async { asset("text/javascript", include_str!("target.js")) }),
            )
            .layer(axum::extract::DefaultBodyLimit::max(LARGEST_BODY))
            .layer(axum::middleware::map_response(super::page::harden))
            .with_state(self.clone())
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, what: &str) {
        let at = self.clock.moved_now();
        self.orders().log.push((at, what.to_owned()));
        self.changed.send_modify(|count| *count += 1);
    }

    fn is_signed(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(timestamp), Some(signature)) =
            (text("x-hallpass-timestamp"), text("x-hallpass-signature"))
        else {
            return false;
        };
        let fresh = timestamp
            .parse::<i64>()
            .is_ok_and(|seconds| (self.clock.moved_now().timestamp() - seconds).abs() <= SKEW);
        let Some(Ok(given)) = signature.strip_prefix("v1=").map(hex::decode) else {
            return false;
        };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()) else {
            return false;
        };
        mac.update(format!("v1:{timestamp}:").as_bytes());
        mac.update(body);
        fresh && mac.verify_slice(&given).is_ok()
    }

    fn carry_out(&self, order: Order) -> Response {
        let permission = named(&order.entitlement);
        let key = (order.principal.clone(), permission.clone());
        let mut orders = self.orders();
        if order.action == "observe" {
            let held = orders.access.contains_key(&key);
            return axum::Json(json!({ "held": held, "by": "hallpass" })).into_response();
        }
        let last = orders.sequences.get(&key).copied().unwrap_or(i64::MIN);
        if order.sequence < last {
            return (
                StatusCode::CONFLICT,
                axum::Json(json!({ "error": "stale" })),
            )
                .into_response();
        }
        orders.sequences.insert(key.clone(), order.sequence);
        let said = match order.action.as_str() {
            "grant" => {
                let since = orders
                    .access
                    .get(&key)
                    .map_or(self.clock.moved_now(), |held| held.since);
                let held = Access {
                    since,
                    expires_at: order.expires_at,
                    grant: order.grant,
                };
                let end = held.expires_at;
                match orders.access.insert(key, held) {
                    None => Some(format!("gave {permission} to {}", order.principal)),
                    Some(before) if before.expires_at == end => None,
                    Some(_) => Some(format!(
                        "moved the end of {}'s {permission}",
                        order.principal
                    )),
                }
            }
            "revoke" => orders
                .access
                .remove(&key)
                .map(|_| format!("took {permission} from {}", order.principal)),
            _ => {
                let error = json!({ "error": "unknown action" });
                return (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(error)).into_response();
            }
        };
        drop(orders);
        if let Some(said) = said {
            self.say(&said);
        }
        axum::Json(json!({ "done": order.action, "at": self.clock.moved_now() })).into_response()
    }

    fn strip(&self) -> Markup {
        let orders = self.orders();
        html! {
            section.who aria-labelledby="who" {
                h2 #who { "Who has access" }
                @if orders.down {
                    p.down { "The orders service is down: it answers nobody." }
                } @else if orders.access.is_empty() {
                    p.empty { "Nobody. An approved request puts somebody here." }
                } @else {
                    ul { @for ((principal, permission), held) in &orders.access {
                        li {
                            strong { (principal) } " has " code { (permission) }
                            " since " (time(held.since)) " for " (held.grant)
                            @if let Some(end) = held.expires_at { ", until " (time(end)) }
                        }
                    } }
                }
            }
            section.try aria-labelledby="try" {
                h2 #try { "What the orders service lets Rita do" }
                button type="button" data-post="/try" { "Try: read an order as Rita" }
                (orders.tried_shown())
            }
            section.log aria-labelledby="log" {
                h2 #log { "Its own log" }
                @if orders.log.is_empty() { p.empty { "Nothing was asked of it yet." } }
                ol { @for (at, what) in orders.log.iter().rev().take(LOG_LINES) {
                    li { (time(*at)) " " (what) }
                } }
            }
        }
    }
}

impl Orders {
    fn tried_shown(&self) -> Markup {
        html! {
            output {
                @match &self.tried {
                    None => p.empty { "Not tried yet." },
                    Some(tried) if tried.row => p.row {
                        "Order 4711: 3 filter pumps, paid, stuck in “packing”. " (time(tried.at))
                    },
                    Some(tried) => p.denied { "Permission denied for table orders. " (time(tried.at)) },
                }
            }
        }
    }
}

/// `logs:read, node web-3`: the permission first, then what narrows it.
fn named(entitlement: &BTreeMap<String, String>) -> String {
    let permission = entitlement.get("permission").cloned();
    let rest = entitlement.iter().filter(|(key, _)| *key != "permission");
    let rest = rest.map(|(key, value)| format!("{key} {value}"));
    permission
        .into_iter()
        .chain(rest)
        .collect::<Vec<_>>()
        .join(", ")
}

/// A moment as UTC, which the page's script turns into the reader's zone.
fn time(at: DateTime<Utc>) -> Markup {
    let shown = at.format("%H:%M:%S UTC").to_string();
    html! { time datetime=(at.to_rfc3339()) title=(at.format("%Y-%m-%d %H:%M:%S UTC")) { (shown) } }
}

async fn receive(State(target): State<Target>, headers: HeaderMap, body: Bytes) -> Response {
    if target.is_down() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if !target.is_signed(&headers, &body) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if let Ok(order) = serde_json::from_slice::<Order>(&body) {
        return target.carry_out(order);
    }
    let error = json!({ "error": "this is not an order" });
    (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(error)).into_response()
}

async fn try_to_read(State(target): State<Target>, headers: HeaderMap) -> Response {
    if !super::page::is_same_origin(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if !target.is_down() {
        let at = target.clock.moved_now();
        let mut orders = target.orders();
        let row = orders.access.contains_key(&(READER.into(), NEEDED.into()));
        orders.tried = Some(Tried { at, row });
        drop(orders);
        let outcome = if row {
            "showed order 4711 to rita"
        } else {
            "refused rita an order"
        };
        target.say(outcome);
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn page(State(target): State<Target>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (page_head("Orders service (demo target)", &html! {
                link rel="stylesheet" href="/target.css";
                script src="/target.js" defer {}
            }))
            body {
                header {
                    h1 { "Orders service" }
                    p { "The target system. What stands here comes from the service itself, not from the bot." }
                }
                main #strip aria-live="polite" { (target.strip()) }
            }
        }
    }
}

/// Says that something changed; the page fetches the strip anew.
async fn events(
    State(target): State<Target>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(super::page::ticks(target.changed.subscribe())).keep_alive(KeepAlive::default())
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
