//! The description of a workspace: who is there, which channels, which app.
//!
//! Plain data that can be written down in Rust or read from JSON. Nothing that happens later is
//! kept here except what people may change (a profile, a membership, a request URL).
//! Tokens are plain strings: they open nothing but this sandbox.

use serde::{Deserialize, Serialize};

/// One workspace with exactly one app installed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Workspace {
    pub team_id: String,
    /// The part before `.slack.com`.
    pub domain: String,
    pub name: String,
    #[serde(default)]
    pub people: Vec<Person>,
    #[serde(default)]
    pub channels: Vec<Channel>,
    #[serde(default)]
    pub user_groups: Vec<UserGroup>,
    #[serde(default)]
    pub app: App,
    /// Refuse more than one `chat.postMessage` a second per channel, and of each method more than its tier allows.
    #[serde(default)]
    pub limit_posting: bool,
}

impl Workspace {
    pub fn new(team_id: &str, domain: &str, name: &str) -> Self {
        Self {
            team_id: team_id.into(),
            domain: domain.into(),
            name: name.into(),
            people: Vec::new(),
            channels: Vec::new(),
            user_groups: Vec::new(),
            app: App::default(),
            limit_posting: false,
        }
    }

    #[must_use]
    pub fn person(mut self, person: Person) -> Self {
        self.people.push(person);
        self
    }

    #[must_use]
    pub fn channel(mut self, channel: Channel) -> Self {
        self.channels.push(channel);
        self
    }

    #[must_use]
    pub fn user_group(mut self, group: UserGroup) -> Self {
        self.user_groups.push(group);
        self
    }

    #[must_use]
    pub fn app(mut self, app: App) -> Self {
        self.app = app;
        self
    }
}

/// A Slack account. `team_id: None` means the workspace's own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are Slack's own independent flags"
)]
pub struct Person {
    pub id: String,
    /// The handle, without `@`.
    pub name: String,
    pub real_name: String,
    pub email: Option<String>,
    #[serde(default = "yes")]
    pub email_confirmed: bool,
    #[serde(default = "utc")]
    pub tz: String,
    #[serde(default)]
    pub deleted: bool,
    #[serde(default)]
    pub is_bot: bool,
    #[serde(default)]
    pub is_restricted: bool,
    #[serde(default)]
    pub is_ultra_restricted: bool,
    #[serde(default)]
    pub team_id: Option<String>,
}

fn yes() -> bool {
    true
}

fn utc() -> String {
    "Etc/UTC".into()
}

impl Person {
    /// A full, active member with a confirmed e-mail.
    pub fn new(id: &str, name: &str, real_name: &str, email: &str) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            real_name: real_name.into(),
            email: Some(email.into()),
            email_confirmed: true,
            tz: utc(),
            deleted: false,
            is_bot: false,
            is_restricted: false,
            is_ultra_restricted: false,
            team_id: None,
        }
    }

    /// An IANA zone name, like `Europe/Berlin`.
    #[must_use]
    pub fn tz(mut self, tz: &str) -> Self {
        self.tz = tz.into();
        self
    }

    #[must_use]
    pub fn deleted(mut self) -> Self {
        self.deleted = true;
        self
    }

    #[must_use]
    pub fn bot(mut self) -> Self {
        self.is_bot = true;
        self
    }

    /// A multi-channel guest.
    #[must_use]
    pub fn guest(mut self) -> Self {
        self.is_restricted = true;
        self
    }

    /// A single-channel guest; Slack sets both flags.
    #[must_use]
    pub fn single_channel_guest(mut self) -> Self {
        self.is_restricted = true;
        self.is_ultra_restricted = true;
        self
    }

    /// A member of another workspace, here by a shared channel.
    #[must_use]
    pub fn of_team(mut self, team_id: &str) -> Self {
        self.team_id = Some(team_id.into());
        self
    }

    #[must_use]
    pub fn email_unconfirmed(mut self) -> Self {
        self.email_confirmed = false;
        self
    }
}

/// A public or private channel. The bot is a member only when it is listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Channel {
    pub id: String,
    /// Without `#`.
    pub name: String,
    #[serde(default)]
    pub private: bool,
    #[serde(default)]
    pub archived: bool,
    /// Ids of people and bots.
    #[serde(default)]
    pub members: Vec<String>,
}

impl Channel {
    pub fn new(id: &str, name: &str, members: &[&str]) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            private: false,
            archived: false,
            members: members.iter().map(|&id| id.into()).collect(),
        }
    }

    #[must_use]
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }

    #[must_use]
    pub fn archived(mut self) -> Self {
        self.archived = true;
        self
    }
}

/// A user group (`@dba-team`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserGroup {
    pub id: String,
    pub handle: String,
    pub name: String,
    #[serde(default)]
    pub users: Vec<String>,
    #[serde(default)]
    pub disabled: bool,
}

impl UserGroup {
    pub fn new(id: &str, handle: &str, users: &[&str]) -> Self {
        Self {
            id: id.into(),
            handle: handle.into(),
            name: handle.into(),
            users: users.iter().map(|&id| id.into()).collect(),
            disabled: false,
        }
    }
}

/// The installed app.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct App {
    pub id: String,
    pub name: String,
    pub bot_user_id: String,
    pub bot_id: String,
    pub bot_token: String,
    /// For Socket Mode; `None` when the app has no app-level token.
    pub app_token: Option<String>,
    pub signing_secret: String,
    pub verification_token: String,
    pub scopes: Vec<String>,
    pub commands: Vec<Command>,
    pub shortcuts: Vec<Shortcut>,
    /// Subscribed bot events, like `app_home_opened` or `message.im`.
    pub events: Vec<String>,
    /// Deliver over the app's Socket Mode links instead of the request URLs.
    pub socket_mode: bool,
    pub urls: RequestUrls,
}

impl Default for App {
    fn default() -> Self {
        Self {
            id: "A0SANDBOX".into(),
            name: "App".into(),
            bot_user_id: "U0BOT".into(),
            bot_id: "B0BOT".into(),
            bot_token: "xoxb-sandbox".into(),
            app_token: None,
            signing_secret: "sandbox-signing-secret".into(),
            verification_token: "sandbox-verification-token".into(),
            scopes: [
                "commands",
                "chat:write",
                "im:write",
                "users:read",
                "users:read.email",
                "usergroups:read",
                "channels:read",
                "groups:read",
            ]
            .map(String::from)
            .to_vec(),
            commands: Vec::new(),
            shortcuts: Vec::new(),
            events: [
                "app_home_opened",
                "channel_archive",
                "channel_left",
                "group_archive",
                "group_left",
                "user_change",
            ]
            .map(String::from)
            .into(),
            socket_mode: false,
            urls: RequestUrls::default(),
        }
    }
}

/// Where Slack sends things. An unset one is answered to people as `dispatch_failed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestUrls {
    pub commands: Option<String>,
    pub interactivity: Option<String>,
    pub events: Option<String>,
}

impl RequestUrls {
    /// `{base}/slack/commands`, `/slack/interactions`, `/slack/events`.
    pub fn under(base: &str) -> Self {
        let at = |path: &str| Some(format!("{}{path}", base.trim_end_matches('/')));
        Self {
            commands: at("/slack/commands"),
            interactivity: at("/slack/interactions"),
            events: at("/slack/events"),
        }
    }

    /// One URL for all three, as the Bolt frameworks have it.
    pub fn single(url: &str) -> Self {
        let url = Some(url.to_owned());
        Self {
            commands: url.clone(),
            interactivity: url.clone(),
            events: url,
        }
    }
}

/// A slash command of the app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Command {
    /// With its slash.
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub usage_hint: String,
    /// Send `@name` and `#name` as `<@U…|name>` and `<#C…|name>`.
    #[serde(default)]
    pub should_escape: bool,
}

impl Command {
    pub fn new(name: &str, description: &str, usage_hint: &str) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            usage_hint: usage_hint.into(),
            should_escape: false,
        }
    }

    #[must_use]
    pub fn escaping(mut self) -> Self {
        self.should_escape = true;
        self
    }
}

/// A global shortcut of the app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shortcut {
    pub callback_id: String,
    pub name: String,
}
