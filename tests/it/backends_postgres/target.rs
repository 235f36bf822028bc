//! A database that hands out roles, as its owners set it up: a role for Hallpass, a role to hand out, people.
//! Roles belong to a whole server, which the tests share: each target's names carry a number of its own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hallpass::backend::Postgres;
use hallpass::domain::{BackendName, Entitlement};
use hallpass::ports::HoldingRef;
use secrecy::SecretString;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

use super::server::Server;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The password of everybody.
pub(crate) const PASSWORD: &str = "pass-word-canary";

/// One more role, like `alice`, and how it is written in the tests' SQL.
pub(crate) struct Target {
    pub(crate) server: Server,
    pub(crate) admin: PgConnection,
    number: u32,
}

impl Target {
    /// `hallpass` may hand out `orders_admin` and end sessions; `alice` and `bob` can log in; nobody holds anything.
    pub(crate) async fn set_up(server: Server) -> Self {
        let admin = server
            .options()
            .connect()
            .await
            .expect("the server answers");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut target = Self {
            server,
            admin,
            number: number + std::process::id() * 1_000,
        };
        for person in ["hallpass", "alice", "bob"] {
            target.login(person).await;
        }
        target.run("create role {orders_admin}").await;
        let options = if target.per_grantor() {
            "admin true, inherit false, set false"
        } else {
            "admin option"
        };
        target
            .run(&format!(
                "grant {{orders_admin}} to {{hallpass}} with {options}"
            ))
            .await;
        target.run("grant pg_signal_backend to {hallpass}").await;
        target
    }

    /// 16 and later.
    pub(crate) fn per_grantor(&self) -> bool {
        self.server.major >= 16
    }

    /// `alice` as she is called here.
    pub(crate) fn name(&self, short: &str) -> String {
        format!("{short}_{}", self.number)
    }

    /// Puts `{alice}` into SQL.
    fn filled(&self, sql: &str) -> String {
        sql.replace('{', "\"")
            .replace('}', &format!("_{}\"", self.number))
    }

    /// What the owners do, as a superuser.
    pub(crate) async fn run(&mut self, sql: &str) {
        let sql = self.filled(sql);
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(sql.clone()))
            .execute(&mut self.admin)
            .await
        {
            panic!("{sql}: {error}");
        }
    }

    pub(crate) async fn login(&mut self, short: &str) {
        self.run(&format!(
            "create role {{{short}}} login password '{PASSWORD}'"
        ))
        .await;
    }

    fn options(&self, short: &str) -> PgConnectOptions {
        self.server
            .options()
            .username(&self.name(short))
            .password(PASSWORD)
    }

    /// An open session of somebody.
    pub(crate) async fn session(&self, short: &str) -> Session {
        Session(self.options(short).connect().await.expect("can log in"))
    }

    pub(crate) fn url(&self, user: &str, password: &str) -> SecretString {
        let at = self.server.options();
        let (host, port) = (at.get_host(), at.get_port());
        let database = at.get_database().unwrap_or("postgres");
        format!("postgres://{user}:{password}@{host}:{port}/{database}").into()
    }

    /// Hallpass, connecting as its own role.
    pub(crate) fn backend(&self) -> Postgres {
        self.backend_as("hallpass")
    }

    pub(crate) fn backend_as(&self, short: &str) -> Postgres {
        backend(&self.url(&self.name(short), PASSWORD))
    }

    /// Membership of `orders_admin`, for somebody.
    pub(crate) fn orders_admin(&self, short: &str) -> HoldingRef {
        holding(&self.name(short), &self.name("orders_admin"))
    }

    /// Every membership of the server and every role, as lines: what a grant may change, and nothing else.
    pub(crate) async fn catalog(&mut self) -> Vec<String> {
        let rows = sqlx::query(
            "select format('%s has %s by %s', member::regrole, roleid::regrole, grantor::regrole) as line
             from pg_auth_members
             union all
             select format('role %s %s %s %s', rolname, rolsuper, rolcreaterole, rolcanlogin) from pg_roles
             order by 1",
        )
        .fetch_all(&mut self.admin)
        .await
        .expect("the catalog is readable");
        rows.iter().map(|row| row.get("line")).collect()
    }

    /// Who gave `member` the role `of`.
    pub(crate) async fn grantors(&mut self, member: &str, of: &str) -> Vec<String> {
        let (member, of) = (self.name(member), self.name(of));
        sqlx::query_scalar(
            "select grantor::regrole::text from pg_auth_members
             where member = $1::regrole and roleid = $2::regrole order by 1",
        )
        .bind(member)
        .bind(of)
        .fetch_all(&mut self.admin)
        .await
        .expect("the catalog is readable")
    }
}

pub(crate) fn backend(url: &SecretString) -> Postgres {
    let name = BackendName::new("orders-db");
    Postgres::new(name, url, Duration::from_secs(10), 4).expect("the URL is one")
}

pub(crate) fn holding(principal: &str, role: &str) -> HoldingRef {
    HoldingRef {
        principal: principal.into(),
        entitlement: Entitlement {
            backend: BackendName::new("orders-db"),
            attributes: [("role".to_owned(), role.to_owned())].into(),
        },
        grant: "G-7K2M".into(),
        sequence: 1,
        expires_at: None,
    }
}

/// An open session.
pub(crate) struct Session(PgConnection);

impl Session {
    /// The SQLSTATE of what went wrong, or `closed`.
    pub(crate) async fn tries(&mut self, sql: String) -> Result<(), String> {
        match sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.0).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error
                .as_database_error()
                .and_then(DatabaseError::code)
                .map_or_else(|| "closed".into(), Into::into)),
        }
    }

    pub(crate) async fn is_open(&mut self) -> bool {
        self.0.ping().await.is_ok()
    }
}

impl Target {
    /// `SET ROLE` in that session: works only for who holds it.
    pub(crate) async fn sets_role(&self, session: &mut Session) -> Result<(), String> {
        session
            .tries(format!("set role \"{}\"", self.name("orders_admin")))
            .await
    }
}
