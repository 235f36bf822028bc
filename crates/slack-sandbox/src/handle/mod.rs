//! The sandbox in Rust: the same verbs as its page and its control routes, for tests.
//!
//! People and channels are named by id or by name. Nothing here sleeps: [`Sandbox::until`] looks
//! again after every change.

mod office;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::DropGuard;

use crate::clock::Clock;
use crate::deliver::actions::{self, Act, Target};
use crate::deliver::{Outcome, commands, events, views};
use crate::message::Message;
use crate::server;
use crate::shared::Shared;
use crate::state::{State, dm_id};
use crate::view::View;
use crate::workspace::Workspace;

/// How long [`Sandbox::until`] waits at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running sandbox. Clones are the same one; it stops with [`Sandbox::stop`] or its last clone.
#[derive(Clone, Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    addr: SocketAddr,
    _stops: Arc<DropGuard>,
}

/// What a test waited for did not happen within twenty seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotSeen {
    what: String,
}

impl fmt::Display for NotSeen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "not seen within {} s: {}",
            PATIENCE.as_secs(),
            self.what
        )
    }
}

impl std::error::Error for NotSeen {}

/// Life, addresses, time.
impl Sandbox {
    /// Serves on `addr`; port 0 takes a free one. Fails when the address can't be bound.
    pub async fn start(workspace: Workspace, addr: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let base = format!("http://{}", listener.local_addr()?);
        Self::serve(workspace, listener, base, None)
    }

    /// Serves on a free port of 127.0.0.1 over TLS, as `localhost`: https, and wss for Socket Mode.
    pub async fn start_secure(
        workspace: Workspace,
        certificate: rustls::ServerConfig,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let base = format!("https://localhost:{}", listener.local_addr()?.port());
        let tls = TlsAcceptor::from(Arc::new(certificate));
        Self::serve(workspace, listener, base, Some(tls))
    }

    fn serve(
        workspace: Workspace,
        listener: TcpListener,
        base: String,
        tls: Option<TlsAcceptor>,
    ) -> std::io::Result<Self> {
        let addr = listener.local_addr()?;
        let clock = Clock::default();
        let state = State::new(workspace, clock.seconds());
        let shared = Shared::new(state, clock, base);
        server::run(listener, shared.clone(), tls);
        let stops = Arc::new(shared.stopped.clone().drop_guard());
        Ok(Self {
            shared,
            addr,
            _stops: stops,
        })
    }

    /// Serves on a free port of 127.0.0.1.
    pub async fn start_local(workspace: Workspace) -> std::io::Result<Self> {
        Self::start(workspace, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Cuts every connection and frees the port.
    pub fn stop(&self) {
        self.shared.stopped.cancel();
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The page: `http://127.0.0.1:PORT`, over TLS `https://localhost:PORT`.
    pub fn url(&self) -> String {
        self.shared.base.clone()
    }

    /// The Web API's base, for `SLACK_API_URL`: `http://127.0.0.1:PORT/api`.
    pub fn api_url(&self) -> String {
        format!("{}/api", self.shared.base)
    }

    /// Moves the sandbox's time; the offset is set, not added.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.shared.clock.set_offset(seconds);
        self.shared.write(|_| ());
    }

    /// The sandbox's time stands still at this moment (microseconds since 1970) until it is set again.
    pub fn stand_clock_at(&self, micros: i64) {
        self.shared.clock.stand_at(micros);
        self.shared.write(|_| ());
    }

    /// Unix seconds by the sandbox's clock.
    pub fn now(&self) -> i64 {
        self.shared.clock.seconds()
    }

    /// Counts up with every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// Looks until there is something, again after every change, twenty seconds at most.
    pub async fn until<T>(
        &self,
        what: &str,
        mut look: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T, NotSeen> {
        let mut changes = self.changes();
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                changes.borrow_and_update();
                if let Some(found) = look(self) {
                    return found;
                }
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        });
        waited.await.map_err(|_| NotSeen { what: what.into() })
    }
}

/// What people do.
impl Sandbox {
    /// Types into the composer of a channel: `/command …`, or a plain message.
    pub async fn type_command(&self, person: &str, channel: &str, text: &str) -> Outcome {
        commands::typed(&self.shared, person, channel, text, None).await
    }

    /// Types into the composer of the person's DM with the app.
    pub async fn type_to_app(&self, person: &str, text: &str) -> Outcome {
        commands::typed(&self.shared, person, &self.dm(person), text, None).await
    }

    /// Writes into a thread.
    pub async fn reply(&self, person: &str, channel: &str, thread_ts: &str, text: &str) -> Outcome {
        commands::typed(&self.shared, person, channel, text, Some(thread_ts)).await
    }

    /// Presses a button of a message (ephemeral ones too).
    pub async fn press(&self, person: &str, channel: &str, ts: &str, action_id: &str) -> Outcome {
        self.choose(person, channel, ts, action_id, Value::Null)
            .await
    }

    /// Presses the button with this label.
    pub async fn press_label(&self, person: &str, message: &Message, label: &str) -> Outcome {
        match message.action_of(label) {
            Some(action_id) => {
                self.press(person, &message.channel, &message.ts, action_id)
                    .await
            }
            None => Outcome::refused("no_such_action"),
        }
    }

    /// Presses the button with this label on a message as this person still sees it: it was edited meanwhile.
    pub async fn press_stale(&self, person: &str, seen: &Message, label: &str) -> Outcome {
        let Some(action_id) = seen.action_of(label) else {
            return Outcome::refused("no_such_action");
        };
        let act = Act {
            block_id: None,
            action_id,
            value: &Value::Null,
        };
        actions::act(&self.shared, person, Target::Seen(seen), act).await
    }

    /// Chooses in a select, checkboxes, a date picker … of a message. `value` is what a form
    /// would hold: an option's value, a list of them, a user id, a date.
    pub async fn choose(
        &self,
        person: &str,
        channel: &str,
        ts: &str,
        action_id: &str,
        value: Value,
    ) -> Outcome {
        let act = Act {
            block_id: None,
            action_id,
            value: &value,
        };
        actions::act(&self.shared, person, Target::Message { channel, ts }, act).await
    }

    /// Presses or chooses in an open modal or in the App Home.
    pub async fn act_in_view(
        &self,
        person: &str,
        view_id: &str,
        action_id: &str,
        value: Value,
    ) -> Outcome {
        let act = Act {
            block_id: None,
            action_id,
            value: &value,
        };
        actions::act(&self.shared, person, Target::View { id: view_id }, act).await
    }

    /// Submits the topmost modal. `values` is `{block_id: {action_id: value}}`, bare values as
    /// in [`Sandbox::choose`]; what is left out stays as the app or the person filled it.
    pub async fn submit_view(&self, person: &str, view_id: &str, values: Value) -> Outcome {
        views::submit(&self.shared, person, view_id, &values).await
    }

    pub async fn close_view(&self, person: &str, view_id: &str) -> Outcome {
        views::close(&self.shared, person, view_id).await
    }

    pub async fn shortcut(&self, person: &str, callback_id: &str) -> Outcome {
        actions::shortcut(&self.shared, person, callback_id).await
    }

    /// Opens the App Home: `app_home_opened` goes out in the background.
    pub fn open_home(&self, person: &str) {
        events::home_opened(&self.shared, &self.id_of(person));
    }
}

/// What people see.
impl Sandbox {
    /// A channel's messages, oldest first; replies only where they were broadcast.
    pub fn messages(&self, channel: &str) -> Vec<Message> {
        self.select(channel, |message| {
            message.ephemeral_to.is_none() && (!message.is_reply() || message.broadcast)
        })
    }

    /// A thread: its parent, then the replies.
    pub fn thread(&self, channel: &str, ts: &str) -> Vec<Message> {
        self.select(channel, |message| {
            let inside = message.ts == ts || message.thread_ts.as_deref() == Some(ts);
            inside && message.ephemeral_to.is_none()
        })
    }

    /// What only this person sees, in all conversations.
    pub fn ephemerals(&self, person: &str) -> Vec<Message> {
        let id = self.id_of(person);
        let state = self.shared.read();
        let mine = |message: &&Message| message.ephemeral_to.as_ref() == Some(&id);
        state.messages.iter().filter(mine).cloned().collect()
    }

    /// The person's DM with the app, replies too.
    pub fn dms(&self, person: &str) -> Vec<Message> {
        self.select(&self.dm(person), |message| message.ephemeral_to.is_none())
    }

    /// The person's modals, the topmost last.
    pub fn open_views(&self, person: &str) -> Vec<View> {
        let id = self.id_of(person);
        self.shared
            .read()
            .stacks
            .get(&id)
            .cloned()
            .unwrap_or_default()
    }

    /// What the app published for the person.
    pub fn home(&self, person: &str) -> Option<View> {
        let id = self.id_of(person);
        self.shared.read().homes.get(&id).cloned()
    }

    /// The id of the person's DM with the app.
    pub fn dm(&self, person: &str) -> String {
        dm_id(&self.id_of(person))
    }

    fn id_of(&self, person: &str) -> String {
        let state = self.shared.read();
        state
            .find_person(person)
            .map_or_else(|| person.to_owned(), |person| person.id.clone())
    }

    fn select(&self, channel: &str, wanted: impl Fn(&Message) -> bool) -> Vec<Message> {
        let state = self.shared.read();
        let Some(conversation) = state.find_conversation(channel) else {
            return Vec::new();
        };
        let here = |message: &&Message| message.channel == conversation.id && wanted(message);
        state.messages.iter().filter(here).cloned().collect()
    }
}
