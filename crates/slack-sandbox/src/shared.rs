//! What every route and every delivery holds: the state's lock, the clock, the way out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::deliver::socket::{Envelope, Link};
use crate::state::State;

#[derive(Debug)]
pub(crate) struct Shared {
    me: Weak<Shared>,
    state: Mutex<State>,
    /// Counts changes; the page and waiting tests listen.
    pub(crate) changed: watch::Sender<u64>,
    pub(crate) clock: Clock,
    /// `http://127.0.0.1:PORT`.
    pub(crate) base: String,
    pub(crate) stopped: CancellationToken,
    /// Open Socket Mode connections.
    pub(crate) links: Mutex<Vec<Link>>,
    /// Envelopes that wait for their acknowledgement.
    pub(crate) unacknowledged: Mutex<HashMap<String, Envelope>>,
    /// What an app did on a connection that Slack would not understand.
    pub(crate) socket_mistakes: Mutex<Vec<String>>,
}

impl Shared {
    pub(crate) fn new(state: State, clock: Clock, base: String) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            state: Mutex::new(state),
            changed: watch::Sender::new(0),
            clock,
            base,
            stopped: CancellationToken::new(),
            links: Mutex::default(),
            unacknowledged: Mutex::default(),
            socket_mistakes: Mutex::default(),
        })
    }

    /// For what goes on in the background.
    pub(crate) fn handle(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }

    pub(crate) fn read(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// To change what nobody waits for, like read marks.
    pub(crate) fn quietly(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Changes the state, then tells everybody who waits.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let out = change(&mut lock(&self.state));
        self.changed.send_modify(|version| *version += 1);
        out
    }

    /// Unix seconds with fraction.
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds of this century fit a f64 well"
    )]
    pub(crate) fn at(&self) -> f64 {
        self.clock.micros() as f64 / 1e6
    }
}

/// A poisoned lock only means that a test panicked while looking; the data is still good.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The client for deliveries: no redirects, no proxy, no kept connections (it is shared by the
/// runtimes of many tests, and a connection belongs to one).
pub(crate) fn client() -> Option<&'static reqwest::Client> {
    static CLIENT: OnceLock<Option<reqwest::Client>> = OnceLock::new();
    CLIENT
        .get_or_init(|| {
            // Someone may have installed a provider already; that one is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .pool_max_idle_per_host(0)
                .user_agent("Slackbot 1.0 (+https://api.slack.com/robots)")
                .build()
                .inspect_err(|error| tracing::error!(%error, "no HTTP client for deliveries"))
                .ok()
        })
        .as_ref()
}
