//! Reads by key of callers at the same time become one statement: on `PostgreSQL` a round trip and a plan cost many
//! times what a row does. Nothing is kept: every caller gets what was read after it asked.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::postgres::PgPool;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::database::{Filled, on_server};
use super::error::StoreError;
use super::sql::{Sql, list};
use super::{grant, holding, person, request};

/// Statements of one kind at a time. While it is under way, what is asked is gathered for the next.
const AT_ONCE: usize = 1;
/// Keys in one statement, at most.
const KEYS: usize = 256;
/// Reads that may wait; whoever comes later waits for a place.
const QUEUE: usize = 1_024;

/// A row that says by which key it was asked for.
pub(super) trait Keyed: Filled + Clone + Sync {
    fn key(&self) -> &str;
}

type Asked<R> = (String, oneshot::Sender<Result<Vec<R>, StoreError>>);

/// Reads of one kind.
pub(super) struct Gather<R>(mpsc::Sender<Asked<R>>);

/// Of every kind that is asked for again and again.
pub(super) struct Gathers {
    pub(super) people: Gather<person::PersonRow>,
    pub(super) accounts: Gather<person::AccountRow>,
    pub(super) requests: Gather<request::RequestRow>,
    pub(super) grants: Gather<grant::GrantRow>,
    pub(super) holdings: Gather<holding::HoldingRow>,
}

impl Gathers {
    pub(super) fn start(pool: &PgPool) -> Self {
        Self {
            people: Gather::start(pool, person::BY_ID),
            accounts: Gather::start(pool, person::BY_ACCOUNT),
            requests: Gather::start(pool, request::BY_ID),
            grants: Gather::start(pool, grant::BY_ID),
            holdings: Gather::start(pool, holding::BY_ID),
        }
    }
}

impl<R: Keyed> Gather<R> {
    /// `sql` reads the rows whose keys are in the list `$1`. Runs until the last who could ask is gone.
    fn start(pool: &PgPool, sql: Sql) -> Self {
        let (ask, asked) = mpsc::channel(QUEUE);
        tokio::spawn(run(pool.clone(), sql, asked));
        Self(ask)
    }

    pub(super) async fn get(&self, key: &str) -> Result<Vec<R>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let asked = self.0.send((key.to_owned(), reply)).await;
        asked.map_err(|_| StoreError::closed())?;
        answer.await.map_err(|_| StoreError::closed())?
    }
}

async fn run<R: Keyed>(pool: PgPool, sql: Sql, mut asked: mpsc::Receiver<Asked<R>>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(first) = asked.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        // Whoever was woken together with the first asks before the statement is sent.
        tokio::task::yield_now().await;
        let mut together = vec![first];
        while together.len() < KEYS {
            let Ok(more) = asked.try_recv() else { break };
            together.push(more);
        }
        let pool = pool.clone();
        tokio::spawn(async move {
            read(&pool, &sql, together).await;
            drop(place);
        });
    }
}

async fn read<R: Keyed>(pool: &PgPool, sql: &Sql, asked: Vec<Asked<R>>) {
    let keys = list(asked.iter().map(|(key, _)| key.as_str()));
    let rows = on_server::<R>(pool, sql, &[keys.into()])
        .await
        .map_err(|error| StoreError::from_statement(sql.table, &error));
    let mut by_key: HashMap<&str, Vec<R>> = HashMap::new();
    for row in rows.iter().flatten() {
        by_key.entry(row.key()).or_default().push(row.clone());
    }
    for (key, reply) in asked {
        let answer = match &rows {
            Ok(_) => Ok(by_key.get(key.as_str()).cloned().unwrap_or_default()),
            Err(error) => Err(error.clone()),
        };
        // Who no longer waits needs no answer.
        drop(reply.send(answer));
    }
}
