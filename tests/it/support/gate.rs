//! A small target behind the webhook backend, over real HTTP. It keeps a log of its own, by which the stories judge:
//! never by the program's word. It checks signatures, keeps sequences, and can be down, refuse, or hold an answer back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State as Shared};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hallpass::domain::Time;
use hallpass::ports::Clock;
use hallpass::wiring::SystemClock;
use hmac::{Hmac, KeyInit, Mac};
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

pub(crate) const SECRET: &str = "gate-secret-of-the-tests";

/// How long `until` waits at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// One call as the target saw it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub action: String,
    pub principal: String,
    /// `orders_admin`, or `logs/web-3` where it is for a node.
    pub permission: String,
    pub grant: String,
    pub sequence: i64,
    pub expires_at: Option<String>,
    pub status: u16,
    pub at: Instant,
    /// The same moment by the calendar.
    pub time: Time,
}

/// How it behaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Well,
    /// Every call is answered 503.
    Down,
    /// Every call is answered 503, with this `Retry-After` in seconds.
    AsksForPeace(u32),
    /// No call is carried out or answered until `release`.
    Silent,
    /// `revoke` is answered 503; the rest is well.
    KeepsHold,
    /// `grant` of this permission is answered 422.
    Refuses(String),
    /// Both: `grant` of this permission is refused, and nothing can be taken back.
    RefusesAndKeepsHold(String),
    /// Every call of this action is carried out, but its answer waits for `release`.
    HangsOn(String),
}

#[derive(Debug, Default)]
struct State {
    mood: Mood,
    /// (principal, entitlement) → sequence, where we hold it.
    held: BTreeMap<(String, String), i64>,
    /// What principals hold by others.
    standing: BTreeSet<(String, String)>,
    seen: BTreeMap<(String, String), i64>,
    calls: Vec<Call>,
    forged: usize,
    hold_next: Option<String>,
    /// Whose call was held back last.
    held_back: Option<SocketAddr>,
    /// How long each call takes to arrive.
    takes: Duration,
    most_at_once: BTreeMap<(String, String), (usize, usize)>,
    /// In flight in all, now and at most.
    in_flight: (usize, usize),
}

#[derive(Clone)]
pub(crate) struct Gate {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    changed: Arc<watch::Sender<u64>>,
    released: Arc<Notify>,
}

impl Gate {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gate = Self {
            state: Arc::default(),
            address: listener.local_addr().unwrap(),
            changed: Arc::new(watch::Sender::new(0)),
            released: Arc::default(),
        };
        let router = Router::new()
            .route("/hallpass", post(called))
            .with_state(gate.clone());
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        gate
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hallpass", self.address)
    }

    /// Who holds a permission, by us or by others, in order.
    pub(crate) fn holders(&self, permission: &str) -> Vec<String> {
        let state = self.state();
        let mut names: Vec<String> = state
            .held
            .keys()
            .chain(state.standing.iter())
            .filter(|(_, held)| held == permission)
            .map(|(principal, _)| principal.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Somebody else gave it: standing access.
    pub(crate) fn gives_standing(&self, principal: &str, permission: &str) {
        let key = (principal.to_owned(), permission.to_owned());
        self.state().standing.insert(key);
    }

    /// A grant whose call was given up long ago takes effect now.
    pub(crate) fn lands(&self, principal: &str, permission: &str) {
        let key = (principal.to_owned(), permission.to_owned());
        self.state().held.insert(key, 0);
    }

    /// Somebody takes what we gave, behind our back.
    pub(crate) fn takes_away(&self, principal: &str, permission: &str) {
        let key = (principal.to_owned(), permission.to_owned());
        assert!(self.state().held.remove(&key).is_some(), "it was there");
    }

    /// Somebody else takes what others gave.
    pub(crate) fn takes_standing(&self, principal: &str, permission: &str) {
        let key = (principal.to_owned(), permission.to_owned());
        assert!(self.state().standing.remove(&key), "it was there");
    }

    /// It has seen an order with this sequence, of which the record knows nothing.
    pub(crate) fn saw(&self, principal: &str, permission: &str, sequence: i64) {
        let key = (principal.to_owned(), permission.to_owned());
        self.state().seen.insert(key, sequence);
    }

    pub(crate) fn feels(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// From now on each call takes so long before it is carried out.
    pub(crate) fn takes(&self, time: Duration) {
        self.state().takes = time;
    }

    /// The next call of this action is carried out, but its answer waits for `release`.
    pub(crate) fn holds_next(&self, action: &str) {
        self.state().hold_next = Some(action.to_owned());
    }

    /// The caller's end of the connection on which a call was held back last.
    pub(crate) fn held_back(&self) -> Option<SocketAddr> {
        self.state().held_back
    }

    pub(crate) fn release(&self) {
        self.released.notify_waiters();
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Calls of an action that were carried out.
    pub(crate) fn done(&self, action: &str) -> Vec<Call> {
        let well = |call: &Call| call.action == action && call.status == 200;
        self.calls().into_iter().filter(well).collect()
    }

    /// Calls that were not signed with the secret.
    pub(crate) fn forged(&self) -> usize {
        self.state().forged
    }

    /// The most calls that were in flight for one holding, of those that change something: a scan may look meanwhile.
    pub(crate) fn most_at_once(&self) -> usize {
        let state = self.state();
        state
            .most_at_once
            .values()
            .map(|(_, most)| *most)
            .max()
            .unwrap_or(0)
    }

    /// How many calls are in flight: one that was cut off isn't.
    pub(crate) fn in_flight(&self) -> usize {
        self.state().in_flight.0
    }

    /// The most calls that were in flight, for whatever holding.
    pub(crate) fn most_in_all(&self) -> usize {
        self.state().in_flight.1
    }

    /// Looks until there is something, again after every call, with a limit.
    pub(crate) async fn until<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        let found = async {
            loop {
                changed.borrow_and_update();
                if let Some(found) = look(self) {
                    return found;
                }
                changed.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| panic!("not seen: {what}; calls: {:#?}", self.calls()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// What the target does with one call; true where its answer is to be held back.
    fn carry_out(&self, order: &Order, caller: SocketAddr) -> (StatusCode, Value, bool) {
        let mut state = self.state();
        let key = (order.principal.clone(), order.permission.clone());
        let refused =
            [Mood::Refuses, Mood::RefusesAndKeepsHold].map(|mood| mood(order.permission.clone()));
        let (status, body) = match (order.action.as_str(), &state.mood) {
            (_, Mood::Down | Mood::AsksForPeace(_))
            | ("revoke", Mood::KeepsHold | Mood::RefusesAndKeepsHold(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, json!({ "error": "down" }))
            }
            (_, Mood::Silent) => (StatusCode::GATEWAY_TIMEOUT, json!({ "error": "silent" })),
            ("grant", mood) if refused.contains(mood) => {
                let why = format!("{} has no account here", order.principal);
                (StatusCode::UNPROCESSABLE_ENTITY, json!({ "error": why }))
            }
            ("observe", _) => (StatusCode::OK, state.observed(&key)),
            (action, _) => state.changed_by(action, &key, order.sequence),
        };
        let next = state.hold_next.as_ref() == Some(&order.action);
        let hangs = state.mood == Mood::HangsOn(order.action.clone());
        let silent = state.mood == Mood::Silent;
        let held_back = silent || status == StatusCode::OK && (next || hangs);
        if held_back {
            state.held_back = Some(caller);
        }
        if held_back && next {
            state.hold_next = None;
        }
        state.calls.push(order.logged(status));
        (status, body, held_back)
    }
}

impl State {
    fn observed(&self, key: &(String, String)) -> Value {
        if self.held.contains_key(key) {
            json!({ "held": true, "by": "hallpass" })
        } else if self.standing.contains(key) {
            json!({ "held": true, "by": "other" })
        } else {
            json!({ "held": false })
        }
    }

    fn changed_by(
        &mut self,
        action: &str,
        key: &(String, String),
        sequence: i64,
    ) -> (StatusCode, Value) {
        let seen = self.seen.entry(key.clone()).or_insert(sequence);
        if sequence < *seen {
            return (StatusCode::CONFLICT, json!({ "error": "stale" }));
        }
        *seen = sequence;
        if action == "grant" {
            self.held.insert(key.clone(), sequence);
        } else {
            self.held.remove(key);
        }
        (StatusCode::OK, json!({ "ok": true }))
    }
}

struct Order {
    action: String,
    principal: String,
    permission: String,
    grant: String,
    sequence: i64,
    expires_at: Option<String>,
}

impl Order {
    fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let text = |pointer: &str| {
            body.pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        Some(Self {
            action: text("/action")
                .filter(|action| ["grant", "revoke", "observe"].contains(&action.as_str()))?,
            principal: text("/principal")?,
            permission: match text("/entitlement/node") {
                Some(node) => format!("{}/{node}", text("/entitlement/permission")?),
                None => text("/entitlement/permission")?,
            },
            grant: text("/grant")?,
            sequence: body.get("sequence")?.as_i64()?,
            expires_at: text("/expires_at"),
        })
    }

    fn logged(&self, status: StatusCode) -> Call {
        Call {
            action: self.action.clone(),
            principal: self.principal.clone(),
            permission: self.permission.clone(),
            grant: self.grant.clone(),
            sequence: self.sequence,
            expires_at: self.expires_at.clone(),
            status: status.as_u16(),
            at: Instant::now(),
            time: SystemClock::default().now(),
        }
    }
}

/// Counts a call of a holding as in flight until it is dropped.
struct Passage {
    gate: Gate,
    key: Option<(String, String)>,
}

impl Passage {
    fn enter(gate: &Gate, order: &Order) -> Self {
        let key = (order.principal.clone(), order.permission.clone());
        let counts = order.action != "observe";
        let mut state = gate.state();
        let (now, most) = &mut state.in_flight;
        *now += 1;
        *most = (*most).max(*now);
        if counts {
            let (now, most) = state.most_at_once.entry(key.clone()).or_default();
            *now += 1;
            *most = (*most).max(*now);
        }
        drop(state);
        Self {
            gate: gate.clone(),
            key: counts.then_some(key),
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.in_flight.0 -= 1;
        if let Some(key) = &self.key
            && let Some((now, _)) = state.most_at_once.get_mut(key)
        {
            *now -= 1;
        }
        drop(state);
        self.gate.changed.send_modify(|count| *count += 1);
    }
}

async fn called(
    gate: Shared<Gate>,
    caller: ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let gate = gate.0;
    if !signed(&headers, &body) {
        gate.state().forged += 1;
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Some(order) = Order::read(&body) else {
        gate.state().forged += 1;
        return StatusCode::BAD_REQUEST.into_response();
    };
    let _passage = Passage::enter(&gate, &order);
    let takes = gate.state().takes;
    if !takes.is_zero() {
        tokio::time::sleep(takes).await;
    }
    let released = gate.released.notified();
    let (status, body, held_back) = gate.carry_out(&order, caller.0);
    gate.changed.send_modify(|count| *count += 1);
    if held_back {
        released.await;
    }
    let mut response = (status, axum::Json(body)).into_response();
    if let Mood::AsksForPeace(seconds) = gate.state().mood {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// The command contract's signature: `v1=` and the HMAC of `v1:{timestamp}:{body}`.
fn signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(timestamp), Some(signature)) =
        (text("x-hallpass-timestamp"), text("x-hallpass-signature"))
    else {
        return false;
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("v1:{timestamp}:").as_bytes());
    mac.update(body);
    let Some(given) = signature
        .strip_prefix("v1=")
        .and_then(|hexed| hex::decode(hexed).ok())
    else {
        return false;
    };
    mac.verify_slice(&given).is_ok()
}
