//! `PostgreSQL`: an entitlement is `role = "…"`, a membership, given by `GRANT role TO principal` and taken by `REVOKE`.
//!
//! Hallpass connects as a role that isn't superuser and has ADMIN OPTION on what it hands out. What it gave is known
//! by the grantor in `pg_auth_members`, so every statement says `GRANTED BY current_user`: where 16 and later would
//! choose another grantor (one of a role that ours belongs to, or the bootstrap superuser), it refuses instead.
//! A membership can't end by itself (`VALID UNTIL` is the password's), so `expires_at` isn't told.
//! Set-up and rights: `docs/backends/postgres.md`.

mod check;
mod errors;
mod inventory;
mod membership;
mod names;
mod sessions;

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_domain::holding::Observation;
use hallpass_domain::role::Sharing;
use hallpass_domain::{BackendName, Entitlement};
use secrecy::{ExposeSecret, SecretString};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use self::errors::{INSUFFICIENT_PRIVILEGE, sort, sqlstate};
use self::membership::{Membership, PER_GRANTOR};
use self::names::RoleName;
use super::quoted;
use crate::points::{Failed, POSTGRES};
use crate::ports::{Backend, BackendError, HoldingRef, Inventory, Order, Receipt};

/// The entitlement's one attribute.
const ROLE: &str = "role";

/// How long a connection may take to open, at most; less where a call has less.
const CONNECT: Duration = Duration::from_secs(5);

/// A database whose roles are handed out.
pub struct Postgres {
    name: BackendName,
    options: PgConnectOptions,
    pool: PgPool,
    timeout: Duration,
    concurrency: usize,
    /// For [`Backend::check`].
    handing_out: Vec<String>,
}

impl Postgres {
    /// Connects with the first call, not here. Needs a Tokio runtime. A URL that isn't one is a permanent error,
    /// which doesn't quote it.
    pub fn new(
        name: BackendName,
        url: &SecretString,
        timeout: Duration,
        concurrency: usize,
    ) -> Result<Self, BackendError> {
        let options = PgConnectOptions::from_str(url.expose_secret())
            .map_err(|error| sort(name.as_str(), &error))?
            .application_name("hallpass")
            .disable_statement_logging();
        let concurrency = concurrency.max(1);
        let millis = timeout.as_millis().clamp(1, 86_400_000);
        let pool = PgPoolOptions::new()
            .max_connections(u32::try_from(concurrency).unwrap_or(u32::MAX))
            .min_connections(0)
            .acquire_timeout(CONNECT.min(timeout))
            .idle_timeout(Duration::from_secs(60))
            .max_lifetime(Duration::from_secs(30 * 60))
            .after_connect(move |connection, _| Box::pin(set_up(connection, millis)))
            .connect_lazy_with(options.clone());
        Ok(Self {
            name,
            options,
            pool,
            timeout,
            concurrency,
            handing_out: Vec::new(),
        })
    }

    /// Lets [`Backend::check`] say of each of these whether it may be handed out.
    #[must_use]
    pub fn handing_out<'a>(mut self, all: impl IntoIterator<Item = &'a Entitlement>) -> Self {
        self.handing_out = all
            .into_iter()
            .filter(|entitlement| entitlement.backend == self.name)
            .filter_map(|entitlement| entitlement.attributes.get(ROLE))
            // What is still to be filled in by a parameter can't be looked up.
            .filter(|role| !role.contains('{'))
            .cloned()
            .collect();
        self.handing_out.sort();
        self.handing_out.dedup();
        self
    }

    /// [`Backend::entitlement_mistakes`], for who has no URL at hand.
    pub fn mistakes_in(entitlement: &Entitlement) -> Vec<String> {
        let mut mistakes: Vec<String> = entitlement
            .attributes
            .keys()
            .filter(|key| *key != ROLE)
            .map(|key| {
                format!(
                    "PostgreSQL knows no “{}” of an entitlement, only “role”.",
                    quoted(key)
                )
            })
            .collect();
        match entitlement
            .attributes
            .get(ROLE)
            .map(|role| RoleName::parse(role))
        {
            None => mistakes.push("An entitlement in PostgreSQL needs a “role”.".into()),
            Some(Err(why)) => mistakes.push(format!("The role {why}.")),
            Some(Ok(_)) => {}
        }
        mistakes
    }

    fn sort(&self, error: &sqlx::Error) -> BackendError {
        sort(self.name.as_str(), error)
    }

    /// A connection and its server's version, like 180004.
    async fn connection(&self) -> Result<(PoolConnection<sqlx::Postgres>, u32), BackendError> {
        let connection = self.pool.acquire().await.map_err(|e| self.sort(&e))?;
        let version = connection.server_version_num().unwrap_or(PER_GRANTOR);
        Ok((connection, version))
    }

    async fn within<T>(
        &self,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let broken = |failed: Failed| {
            BackendError::retry(format!("{} can't be reached: {failed}.", self.name))
        };
        let call = async {
            POSTGRES.before().await.map_err(broken)?;
            let done = call.await?;
            POSTGRES.after().await.map_err(broken)?;
            Ok(done)
        };
        tokio::time::timeout(self.timeout, call)
            .await
            .unwrap_or_else(|_| {
                Err(BackendError::retry(format!(
                    "{} didn't answer within {:?}.",
                    self.name, self.timeout
                )))
            })
    }

    /// Whether this grant can be made at all; a sentence where not.
    fn refusal(&self, order: Names<'_>, found: &Membership) -> Option<String> {
        let Names { principal, role } = order;
        let backend = &self.name;
        if found.role.is_none() {
            return Some(format!("There is no role {role} in {backend}."));
        }
        if found.principal.is_none() {
            return Some(format!(
                "There is no database user {principal} in {backend}. Have one created, or map the person to the \
                 one that exists."
            ));
        }
        if found.principal == Some(found.me_oid) {
            return Some(format!(
                "{principal} is the user that Hallpass itself connects as in {backend}; it gets nothing."
            ));
        }
        (!found.login).then(|| {
            format!(
                "{principal} can't log in to {backend}: it is a group, or locked, and a group's members would all \
                 get the role."
            )
        })
    }

    async fn give(&self, order: &Order) -> Result<Receipt, BackendError> {
        let names @ Names { principal, role } = Names::of(order)?;
        let (mut connection, version) = self.connection().await?;
        let found = Membership::look_up(&mut connection, version, principal, role)
            .await
            .map_err(|e| self.sort(&e))?;
        if found.ours {
            return Ok(said(format!(
                "{principal} held {role} already, by Hallpass."
            )));
        }
        if let Some(why) = self.refusal(names, &found) {
            return Err(BackendError::permanent(why));
        }
        let grant = format!(
            "grant {} to {} granted by current_user",
            role.identifier(),
            principal.identifier()
        );
        let done = connection.execute(AssertSqlSafe(grant)).await;
        match done {
            Ok(_) => Ok(said(format!(
                "{} granted {role} to {principal}.",
                quoted(&found.me)
            ))),
            Err(error) if sqlstate(&error).as_deref() == Some(INSUFFICIENT_PRIVILEGE) => {
                Err(BackendError::permanent(format!(
                    "Hallpass may not hand out {role} in {}: {}",
                    self.name,
                    check::what_to_grant(version, role, &found.me)
                )))
            }
            Err(error) => Err(self.sort(&error)),
        }
    }

    async fn take(&self, order: &Order) -> Result<Receipt, BackendError> {
        let Names { principal, role } = Names::of(order)?;
        let (mut connection, version) = self.connection().await?;
        let look = Membership::look_up(&mut connection, version, principal, role).await;
        let found = look.map_err(|e| self.sort(&e))?;
        let (Some(principal_oid), Some(role_oid), true) = (found.principal, found.role, found.ours)
        else {
            // On 15 there is one row per role and member, and a REVOKE takes it whoever gave it.
            return Ok(Receipt {
                note: found
                    .standing
                    .map(|standing| standing.sentence(principal, role)),
                ..said(format!(
                    "{principal} didn't hold {role} by Hallpass; nothing was taken away."
                ))
            });
        };
        let revoked = format!("{} revoked {role} from {principal}.", quoted(&found.me));
        let (whose, what) = ((principal, principal_oid), (role, role_oid));
        let (signals, entitled) =
            match sessions::revoke(&mut connection, version, whose, what).await {
                Ok(done) => done,
                Err(error) => {
                    // Where the server answered, its words may be about the sessions: the REVOKE before is committed then.
                    let gone = sqlstate(&error).is_some()
                        && Membership::look_up(&mut connection, version, principal, role)
                            .await
                            .is_ok_and(|now| !now.ours);
                    let why = self.sort(&error);
                    if !gone {
                        return Err(why);
                    }
                    return Ok(Receipt {
                        note: Some(format!("Open sessions of {principal} were left: {why}")),
                        ..said(revoked)
                    });
                }
            };
        let patience = (self.timeout / 3).min(Duration::from_secs(3));
        let waited = sessions::wait_until_gone(&mut connection, principal_oid, &signals, patience);
        let (sessions_closed, note) = match waited.await {
            Ok(sessions) if entitled => (Some(sessions.ended), Some(left(&found, principal, role))),
            Ok(sessions) => (Some(sessions.ended), sessions.note(principal, role)),
            Err(error) => {
                let why = self.sort(&error);
                let told = format!(
                    "Sessions of {principal} were told to end, and nothing was heard of it: {why}"
                );
                (None, (!signals.is_empty()).then_some(told))
            }
        };
        Ok(Receipt {
            sessions_closed,
            note,
            ..said(revoked)
        })
    }
}

/// Why sessions go on: the principal can use the role still, and by whom.
fn left(found: &Membership, principal: RoleName<'_>, role: RoleName<'_>) -> String {
    let how = found.standing.as_ref().map_or_else(
        || format!("{principal} can use {role} in another way."),
        |standing| standing.sentence(principal, role),
    );
    format!("{how} So open sessions were left.")
}

/// Whose and what, both fit for a statement.
#[derive(Debug, Clone, Copy)]
struct Names<'a> {
    principal: RoleName<'a>,
    role: RoleName<'a>,
}

impl<'a> Names<'a> {
    fn of(order: &'a Order) -> Result<Self, BackendError> {
        let role =
            order.entitlement.attributes.get(ROLE).ok_or_else(|| {
                BackendError::permanent("An entitlement in PostgreSQL needs a role.")
            })?;
        Ok(Self {
            principal: RoleName::require("principal", &order.principal)?,
            role: RoleName::require(ROLE, role)?,
        })
    }
}

fn said(text: String) -> Receipt {
    Receipt {
        text: Some(text),
        ..Receipt::default()
    }
}

/// Bounds every statement on the server's side too, and takes nobody else's functions or operators for `PostgreSQL`'s
/// own. Notices (`is already a member`) are no news: what there is, is read.
async fn set_up(connection: &mut PgConnection, millis: u128) -> Result<(), sqlx::Error> {
    let sql = format!(
        "set statement_timeout = {millis}; set lock_timeout = {millis}; set search_path = pg_catalog; \
         set client_min_messages = error"
    );
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .map(|_| ())
}

#[async_trait]
impl Backend for Postgres {
    fn name(&self) -> &BackendName {
        &self.name
    }

    fn sharing(&self, _: &Entitlement) -> Sharing {
        Sharing::Shared
    }

    fn tracks_expiry(&self) -> bool {
        false
    }

    fn entitlement_mistakes(&self, entitlement: &Entitlement) -> Vec<String> {
        Self::mistakes_in(entitlement)
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    async fn observe(&self, holding: &HoldingRef) -> Result<Observation, BackendError> {
        self.within(async {
            let Names { principal, role } = Names::of(holding)?;
            let (mut connection, version) = self.connection().await?;
            let found = Membership::look_up(&mut connection, version, principal, role)
                .await
                .map_err(|e| self.sort(&e))?;
            Ok(Observation {
                ours: found.ours,
                others: found
                    .standing
                    .map(|standing| standing.sentence(principal, role)),
            })
        })
        .await
    }

    async fn grant(&self, order: &Order) -> Result<Receipt, BackendError> {
        self.within(self.give(order)).await
    }

    async fn revoke(&self, order: &Order) -> Result<Receipt, BackendError> {
        self.within(self.take(order)).await
    }

    async fn inventory(&self, entitlements: &[Entitlement]) -> Result<Inventory, BackendError> {
        self.within(async {
            let (mut connection, version) = self.connection().await?;
            let read = inventory::read(&mut connection, version, entitlements).await;
            read.map_err(|e| self.sort(&e))
        })
        .await
    }

    async fn check(&self) -> Result<String, BackendError> {
        self.within(async {
            // Past the pool, which hides why a connection couldn't be opened.
            let mut connection = self.options.connect().await.map_err(|e| self.sort(&e))?;
            check::found(&mut connection, self.name.as_str(), &self.handing_out).await
        })
        .await
    }
}
