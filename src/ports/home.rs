//! A person's home as it is now: what waits for them, what they hold, asked and may ask for, and for whoever watches over
//! access, all of it. Facts only: which page is shown is a fact, how it looks isn't.

use async_trait::async_trait;
use hallpass_domain::{Duration, SlackId, Time};

use super::ChatError;
use super::chat::{MoreTime, RequestShown};

/// A list of the home that has pages of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HomeList {
    Waits,
    Owed,
    Holds,
    Asked,
    Roles,
    Active,
}

impl HomeList {
    pub const ALL: [Self; 6] = [
        Self::Waits,
        Self::Owed,
        Self::Holds,
        Self::Asked,
        Self::Roles,
        Self::Active,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waits => "waits",
            Self::Owed => "owed",
            Self::Holds => "holds",
            Self::Asked => "asked",
            Self::Roles => "roles",
            Self::Active => "active",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.as_str() == text)
    }
}

/// A person turns to a page of a list, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turned {
    pub list: HomeList,
    pub page: usize,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// From 0; always one that exists.
    pub page: usize,
    /// At least 1.
    pub pages: usize,
    /// In all pages.
    pub all: usize,
    /// There are more than were read.
    pub more: bool,
}

/// A role that its reader may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleOffered {
    pub name: String,
    pub description: String,
    pub environment: Option<String>,
    pub max_duration: Duration,
    /// Nobody has to decide.
    pub at_once: bool,
}

/// Access that the reader holds, and whether it can be given more time, where it is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldShown {
    pub request: RequestShown,
    pub more: Option<MoreTime>,
    /// Less than this is left: the last of its warnings that is due. None before the first.
    pub within: Option<Duration>,
}

/// A review that break-glass owes, and whether its reader may write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwedShown {
    pub request: RequestShown,
    pub yours: bool,
}

/// Somebody's access, and whether the reader may end it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveShown {
    pub request: RequestShown,
    pub revocable: bool,
}

/// What whoever watches over access sees besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchShown {
    pub owed: Page<OwedShown>,
    pub active: Page<ActiveShown>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeOpen {
    /// `/prod-access`
    pub command: String,
    pub waits: Page<RequestShown>,
    pub holds: Page<HeldShown>,
    pub asked: Page<RequestShown>,
    pub roles: Page<RoleOffered>,
    /// The roles for which the reader may break the glass now.
    pub breaks: Vec<String>,
    pub watch: Option<WatchShown>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HomeShown {
    /// Its reader may use nothing here; why, in a sentence.
    Closed {
        why: String,
    },
    Open(Box<HomeOpen>),
}

/// Where a home is shown; an adapter may put something above it, like the answer to the press that led to it.
#[async_trait]
pub trait HomeScreen: Send + Sync {
    /// `at`: the moment whose truth it is.
    async fn show(&self, reader: &SlackId, home: &HomeShown, at: Time) -> Result<(), ChatError>;
}
