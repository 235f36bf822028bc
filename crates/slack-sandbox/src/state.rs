//! What the machine remembers: conversations, messages, views, triggers, response URLs, logs.
//!
//! One struct behind one lock; nothing in here waits or talks to anybody.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Serialize;
use serde_json::{Value, json};

use crate::deliver::Delivery;
use crate::fault::Faults;
use crate::message::Message;
use crate::view::View;
use crate::workspace::{Person, UserGroup, Workspace};

pub(crate) const SLACKBOT: &str = "USLACKBOT";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConversationKind {
    Public,
    Private,
    Im,
    Mpim,
}

#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: ConversationKind,
    pub(crate) archived: bool,
    pub(crate) members: Vec<String>,
    /// Unix seconds.
    pub(crate) created: i64,
}

impl Conversation {
    pub(crate) fn has(&self, user: &str) -> bool {
        self.members.iter().any(|member| member == user)
    }

    pub(crate) fn is_direct(&self) -> bool {
        matches!(self.kind, ConversationKind::Im | ConversationKind::Mpim)
    }
}

/// A `trigger_id`: three seconds, once.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    pub(crate) person: String,
    /// Microseconds since 1970.
    pub(crate) made: i64,
    pub(crate) used: bool,
    /// The view whose button or submission made it.
    pub(crate) view: Option<String>,
}

/// A `response_url`: five uses in thirty minutes.
#[derive(Clone, Debug)]
pub(crate) struct ResponseUrl {
    pub(crate) channel: String,
    pub(crate) person: String,
    pub(crate) made: i64,
    pub(crate) uses: u32,
    /// The message whose element was used; `None` after a command.
    pub(crate) original: Option<String>,
    pub(crate) thread_ts: Option<String>,
}

/// One call of the Web API, as the log keeps it.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    pub method: String,
    /// The arguments as understood; the token is left out.
    pub args: Value,
    pub answer: Value,
    /// The HTTP status; 0 when the connection was cut.
    pub status: u16,
    /// Unix seconds with fraction, by the sandbox's clock.
    pub at: f64,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) workspace: Workspace,
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) messages: Vec<Message>,
    /// Open modals per person, the topmost last.
    pub(crate) stacks: HashMap<String, Vec<View>>,
    pub(crate) homes: HashMap<String, View>,
    pub(crate) triggers: HashMap<String, Trigger>,
    pub(crate) response_urls: HashMap<String, ResponseUrl>,
    pub(crate) faults: Faults,
    pub(crate) calls: Vec<Call>,
    pub(crate) deliveries: Vec<Delivery>,
    /// Last post per channel, in microseconds, for the rate limit.
    pub(crate) posted: HashMap<String, i64>,
    /// When each method was called within the last minute.
    pub(crate) called: HashMap<String, VecDeque<i64>>,
    /// What each person has read: (person, conversation) → ts.
    pub(crate) read: BTreeMap<(String, String), String>,
    /// Unused Socket Mode tickets, and when they were given out (microseconds since 1970).
    pub(crate) tickets: Vec<(String, i64)>,
    last_ts: i64,
    last_id: u64,
    seed: u64,
}

impl State {
    pub(crate) fn new(workspace: Workspace, now_seconds: i64) -> Self {
        use std::hash::{BuildHasher, Hasher};
        let conversations = workspace
            .channels
            .iter()
            .map(|channel| Conversation {
                id: channel.id.clone(),
                name: channel.name.clone(),
                kind: if channel.private {
                    ConversationKind::Private
                } else {
                    ConversationKind::Public
                },
                archived: channel.archived,
                members: channel.members.clone(),
                created: now_seconds,
            })
            .collect();
        Self {
            workspace,
            conversations,
            messages: Vec::new(),
            stacks: HashMap::new(),
            homes: HashMap::new(),
            triggers: HashMap::new(),
            response_urls: HashMap::new(),
            faults: Faults::default(),
            calls: Vec::new(),
            deliveries: Vec::new(),
            posted: HashMap::new(),
            called: HashMap::new(),
            read: BTreeMap::new(),
            tickets: Vec::new(),
            last_ts: 0,
            last_id: 0,
            seed: std::hash::RandomState::new().build_hasher().finish(),
        }
    }

    pub(crate) fn log_call(&mut self, call: Call) {
        bounded(&mut self.calls, call);
    }

    /// An id that is new, like `V0000002S`.
    pub(crate) fn new_id(&mut self, prefix: &str) -> String {
        self.last_id += 1;
        format!("{prefix}{:08X}", self.last_id)
    }

    /// A word that nobody can guess from the ones before.
    pub(crate) fn secret(&mut self) -> String {
        use sha2::{Digest, Sha256};
        self.last_id += 1;
        let digest = Sha256::digest(format!("{}:{}", self.seed, self.last_id));
        hex::encode(&digest[..16])
    }

    /// A message timestamp: unique and rising.
    pub(crate) fn new_ts(&mut self, now_micros: i64) -> String {
        self.last_ts = now_micros.max(self.last_ts + 1);
        format!(
            "{}.{:06}",
            self.last_ts / 1_000_000,
            self.last_ts % 1_000_000
        )
    }

    pub(crate) fn person(&self, id: &str) -> Option<&Person> {
        self.workspace.people.iter().find(|person| person.id == id)
    }

    /// By id, else by name.
    pub(crate) fn find_person(&self, who: &str) -> Option<&Person> {
        self.person(who).or_else(|| {
            self.workspace
                .people
                .iter()
                .find(|person| person.name == who)
        })
    }

    pub(crate) fn group(&self, id: &str) -> Option<&UserGroup> {
        self.workspace
            .user_groups
            .iter()
            .find(|group| group.id == id)
    }

    pub(crate) fn conversation(&self, id: &str) -> Option<&Conversation> {
        self.conversations
            .iter()
            .find(|conversation| conversation.id == id)
    }

    /// By id, else by name with or without `#`.
    pub(crate) fn find_conversation(&self, which: &str) -> Option<&Conversation> {
        let name = which.strip_prefix('#').unwrap_or(which);
        self.conversation(which).or_else(|| {
            self.conversations
                .iter()
                .find(|conversation| conversation.name == name)
        })
    }

    /// The DM of a person with the app, opened where there is none.
    pub(crate) fn dm_with_app(&mut self, person: &str, now_seconds: i64) -> String {
        let id = dm_id(person);
        if self.conversation(&id).is_none() {
            let members = vec![person.to_owned(), self.workspace.app.bot_user_id.clone()];
            self.conversations.push(Conversation {
                id: id.clone(),
                name: String::new(),
                kind: ConversationKind::Im,
                archived: false,
                members,
                created: now_seconds,
            });
        }
        id
    }

    pub(crate) fn message(&self, channel: &str, ts: &str) -> Option<&Message> {
        self.messages
            .iter()
            .find(|message| message.channel == channel && message.ts == ts)
    }

    pub(crate) fn message_mut(&mut self, channel: &str, ts: &str) -> Option<&mut Message> {
        self.messages
            .iter_mut()
            .find(|message| message.channel == channel && message.ts == ts)
    }

    /// Adds a message; a reply marks its parent as a thread.
    pub(crate) fn add(&mut self, message: Message) {
        if let Some(parent) = message.thread_ts.clone()
            && let Some(parent) = self.message_mut(&message.channel, &parent)
        {
            parent.thread_ts = Some(parent.ts.clone());
        }
        self.messages.push(message);
    }

    pub(crate) fn view(&self, id: &str) -> Option<&View> {
        self.stacks
            .values()
            .flatten()
            .chain(self.homes.values())
            .find(|view| view.id == id)
    }

    pub(crate) fn view_mut(&mut self, id: &str) -> Option<&mut View> {
        self.stacks
            .values_mut()
            .flatten()
            .chain(self.homes.values_mut())
            .find(|view| view.id == id)
    }

    pub(crate) fn new_trigger(&mut self, person: &str, view: Option<&str>, now: i64) -> String {
        let team = self
            .workspace
            .team_id
            .bytes()
            .fold(0_u64, |sum, b| sum * 31 % 1_000_003 + u64::from(b));
        let id = format!("{}.{team}.{}", now / 1_000, self.secret());
        let trigger = Trigger {
            person: person.into(),
            made: now,
            used: false,
            view: view.map(Into::into),
        };
        if self.triggers.len() > 1_000 {
            // Long expired ones would only be answered `invalid` instead of `expired`.
            self.triggers
                .retain(|_, old| now - old.made < 3_600_000_000);
        }
        self.triggers.insert(id.clone(), trigger);
        id
    }

    /// What payloads say about a person.
    pub(crate) fn user_json(&self, id: &str) -> Value {
        let name = self.person(id).map_or(id, |person| &person.name);
        let team = self.person(id).and_then(|person| person.team_id.as_ref());
        let team = team.unwrap_or(&self.workspace.team_id);
        json!({ "id": id, "username": name, "name": name, "team_id": team })
    }

    /// The team of whoever acts: a stranger's own.
    pub(crate) fn team_json(&self, person: &str) -> Value {
        match self
            .person(person)
            .and_then(|person| person.team_id.as_ref())
        {
            Some(team) => json!({ "id": team, "domain": team.to_lowercase() }),
            None => json!({ "id": self.workspace.team_id, "domain": self.workspace.domain }),
        }
    }

    /// `channel_name` as commands and payloads say it.
    pub(crate) fn channel_name(&self, id: &str) -> String {
        match self.conversation(id) {
            Some(conversation) => match conversation.kind {
                ConversationKind::Public => conversation.name.clone(),
                ConversationKind::Private | ConversationKind::Mpim => "privategroup".into(),
                ConversationKind::Im => "directmessage".into(),
            },
            None => String::new(),
        }
    }

    pub(crate) fn view_json(&self, view: &View) -> Value {
        let app = &self.workspace.app;
        view.to_api(&self.workspace.team_id, &app.id, &app.bot_id)
    }

    pub(crate) fn message_json(&self, message: &Message) -> Value {
        message.to_api(&self.workspace.team_id, &self.workspace.app.id)
    }
}

/// Appends, and forgets the oldest where a sandbox runs for days.
pub(crate) fn bounded<T>(log: &mut Vec<T>, entry: T) {
    const MOST: usize = 50_000;
    if log.len() >= MOST {
        log.drain(..MOST / 10);
    }
    log.push(entry);
}

/// The id of a person's DM with the app: `U0RITA` → `D0RITA`.
pub(crate) fn dm_id(person: &str) -> String {
    format!("D{}", person.get(1..).unwrap_or(person))
}
