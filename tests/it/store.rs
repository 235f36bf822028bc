//! The store's contract: one story each, told on both databases. Rows stand here literally, as no transition would make
//! them, because the store must keep whatever the core decides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hallpass::domain::effect::Subject;
use hallpass::domain::grant::{Part, PartStatus, State as GrantState};
use hallpass::domain::holding::Known;
use hallpass::domain::request::{Kind, OpenStage, Start, State};
use hallpass::domain::review::{Strength, Verdict};
use hallpass::domain::role::{Sharing, Terms};
use hallpass::domain::{
    BackendName, Change, Duration, Effect, EffectKind, Email, Entitlement, Grant, GrantId, Holding,
    HoldingId, Lane, Membership, Person, PersonId, Request, RequestId, Review, ReviewId, Role,
    RoleName, ShortId, SlackId, Time, Urgency,
};
use hallpass::ports::Entropy;
use hallpass::store::{Applied, Store};
use tempfile::TempDir;

use crate::support::postgres::{self, Postgres};

/// Tells each story twice: with a fresh, migrated `SQLite` file and with a fresh, migrated `PostgreSQL` database.
macro_rules! on_both {
    ($($story:ident),+ $(,)?) => {
        $(
            mod $story {
                use crate::store::Fresh;

                #[tokio::test]
                async fn sqlite() {
                    super::$story(Fresh::sqlite().await).await;
                }

                #[tokio::test]
                async fn postgres() {
                    super::$story(Fresh::postgres().await).await;
                }
            }
        )+
    };
}
pub(crate) use on_both;

/// A database that nobody else uses.
pub(crate) struct Fresh {
    pub(crate) store: Store,
    pub(crate) url: String,
    pub(crate) folder: Option<TempDir>,
}

impl Fresh {
    pub(crate) async fn sqlite() -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let url = format!("sqlite://{}/hallpass.db", folder.path().display());
        Self::at(url, Some(folder)).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::at(Postgres::shared().await.fresh_database().await, None).await
    }

    async fn at(url: String, folder: Option<TempDir>) -> Self {
        let store = open(&url).await;
        store.migrate().await.unwrap();
        Self { store, url, folder }
    }

    /// Another process on the same database.
    pub(crate) async fn another(&self) -> Store {
        open(&self.url).await
    }

    /// What somebody who has the database does behind our back.
    pub(crate) async fn execute(&self, sql: &str) {
        if self.folder.is_none() {
            return postgres::execute(&self.url, sql).await;
        }
        self.try_execute(sql).await.unwrap();
    }

    /// The one row that a statement finds.
    pub(crate) async fn read_one<R>(&self, sql: &'static str) -> R
    where
        R: Send
            + Unpin
            + for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>
            + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
    {
        use sqlx::Connection;
        if self.folder.is_none() {
            let mut conn = sqlx::PgConnection::connect(&self.url).await.unwrap();
            sqlx::query_as(sql).fetch_one(&mut conn).await.unwrap()
        } else {
            let mut conn = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query_as(sql).fetch_one(&mut conn).await.unwrap()
        }
    }

    pub(crate) async fn try_execute(&self, sql: &str) -> sqlx::Result<()> {
        use sqlx::Connection;
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        if self.folder.is_none() {
            let mut conn = sqlx::PgConnection::connect(&self.url).await?;
            sqlx::raw_sql(sql).execute(&mut conn).await.map(drop)
        } else {
            let mut conn = sqlx::SqliteConnection::connect(&self.url).await?;
            sqlx::raw_sql(sql).execute(&mut conn).await.map(drop)
        }
    }
}

pub(crate) async fn open(url: &str) -> Store {
    Store::open(url, Arc::new(Counted::default()))
        .await
        .unwrap()
}

/// Ids and bytes that differ from process to process and from call to call, and need no randomness.
pub(crate) struct Counted {
    count: AtomicU64,
    start: u64,
}

impl Default for Counted {
    fn default() -> Self {
        static STARTED: AtomicU64 = AtomicU64::new(1);
        Self {
            count: AtomicU64::new(0),
            start: STARTED.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl Entropy for Counted {
    fn id(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("01970000-0000-7000-8{:03x}-{count:012x}", self.start)
    }

    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let count = self.count.fetch_add(1, Ordering::Relaxed) + (self.start << 32);
            *byte = (count.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
        }
    }
}

/// A moment of the stories: so many seconds after their beginning.
pub(crate) fn at(seconds: i64) -> Time {
    Time::from_timestamp(1_790_000_000 + seconds, 123_456_000).unwrap()
}

pub(crate) fn person_id(name: &str) -> PersonId {
    PersonId::new(format!("person-{name}"))
}

pub(crate) fn person(name: &str) -> Person {
    Person {
        id: person_id(name),
        version: 0,
        accounts: vec![account(name)],
        email: Email::parse(&format!("{name}@example.com")),
        name: name.into(),
        time_zone: "Europe/Berlin".into(),
        membership: Membership::Member,
        principals: BTreeMap::from([(BackendName::new("orders-db"), format!("{name}_sql"))]),
    }
}

pub(crate) fn account(name: &str) -> SlackId {
    SlackId::parse(&format!("U0{}", name.to_uppercase())).unwrap()
}

pub(crate) fn role() -> Role {
    Role {
        name: RoleName::new("db-admin"),
        description: "Read and write orders".into(),
        environment: None,
        owner: None,
        labels: BTreeMap::new(),
        requesters: Vec::new(),
        visible_to: Vec::new(),
        parameters: BTreeMap::new(),
        entitlements: vec![entitlement()],
        stages: Vec::new(),
        break_glass: None,
        extend: None,
        ticket: None,
        min_duration: Duration::from_mins(1),
        max_duration: Duration::from_hours(4),
        default_duration: None,
        warn_before: Vec::new(),
        request_timeout: Duration::from_hours(1),
        remind_after: None,
        channel: None,
    }
}

pub(crate) fn entitlement() -> Entitlement {
    Entitlement {
        backend: BackendName::new("orders-db"),
        attributes: BTreeMap::from([("role".into(), "orders_admin".into())]),
    }
}

/// The `number`th request: pending, by alice, asked `number` seconds after the beginning.
pub(crate) fn request(number: i64) -> Request {
    Request {
        id: RequestId::new(format!("request-{number:06}")),
        short: ShortId::parse(&format!("{number:06}")).unwrap(),
        version: 0,
        requester: person_id("alice"),
        holder: person_id("alice"),
        kind: Kind::Access,
        terms: Terms::new(role(), BTreeMap::new(), vec!["base.cedar:1".into()]),
        duration: Duration::from_hours(1),
        start: Start::Now,
        reason: "orders stuck \u{0}\u{202e} “INC-4711” '; drop table request; --".into(),
        ticket: Some("INC-4711".into()),
        asked_at: at(number),
        deadline: at(number + 3_600),
        reviews: Vec::new(),
        state: State::Pending(OpenStage {
            index: 0,
            opened_at: at(number),
            asked: vec![person_id("bob")],
            rungs: 1,
            climbed_at_once: false,
            reminded: false,
        }),
        post_use_review: None,
    }
}

pub(crate) fn review(request: &Request, reviewer: &str) -> Review {
    Review {
        id: ReviewId::new(format!("{}-by-{reviewer}", request.id)),
        request: request.id.clone(),
        stage: 0,
        reviewer: person_id(reviewer),
        verdict: Verdict::Approve {
            at_most: Some(Duration::from_mins(30)),
            note: Some("half will do".into()),
        },
        strength: Strength::Slack,
        at: at(5),
        rules: vec!["base.cedar:12 approvers-may-review".into()],
        mac: "00ff".into(),
    }
}

pub(crate) fn grant(request: &Request) -> Grant {
    Grant {
        id: GrantId::new(request.id.as_str().replace("request", "grant")),
        short: request.short.clone(),
        version: 0,
        request: request.id.clone(),
        role: RoleName::new("db-admin"),
        holder: request.holder.clone(),
        duration: Duration::from_hours(1),
        parts: vec![Part {
            holding: HoldingId::new("holding-1"),
            status: PartStatus::Wanted,
        }],
        state: GrantState::Provisioning {
            since: at(10),
            give_up_at: at(910),
        },
        extensions: 0,
        more_asked: None,
        warn_before: vec![Duration::from_mins(15)],
    }
}

pub(crate) fn holding(id: &str, principal: &str, owner: &str) -> Holding {
    Holding {
        id: HoldingId::new(id),
        version: 0,
        backend: BackendName::new("orders-db"),
        principal: principal.into(),
        person: person_id(owner),
        entitlement: entitlement(),
        sharing: Sharing::Shared,
        grant: None,
        generation: 1,
        claims: BTreeMap::from([(GrantId::new("grant-000001"), at(3_600))]),
        releasing: [GrantId::new("grant-000000")].into(),
        opened_by: None,
        known: Known::Unknown,
        adopted: false,
        stray_until: None,
    }
}

pub(crate) fn effect(subject: &Subject, kind: EffectKind, due: Time) -> Effect {
    Effect {
        subject: subject.clone(),
        kind,
        lane: Lane::Internal,
        urgency: Urgency::Normal,
        due,
    }
}

/// Stores a request and gives it back as it is then.
pub(crate) async fn stored(store: &Store, request: Request) -> Request {
    let id = request.id.clone();
    let applied = store
        .apply_one(Change::default().request(request))
        .await
        .unwrap();
    assert_eq!(applied, Applied::Done);
    store.request(&id).await.unwrap().unwrap()
}

/// A row as it is after the write that stored it first.
pub(crate) fn first_version<T>(mut row: T, version: impl FnOnce(&mut T) -> &mut i64) -> T {
    *version(&mut row) = 1;
    row
}
