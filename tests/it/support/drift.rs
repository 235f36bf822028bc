//! What a scan found, and rows that whoever owns the database edits.

use hallpass::domain::EventKind;
use hallpass::domain::event::Event;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use super::{TestBot, minutes};

/// More than all events of a story.
const ALL: u32 = 10_000;

impl TestBot {
    /// Every event of a kind, in order.
    pub(crate) async fn events(&self, kind: EventKind) -> Vec<Event> {
        let stored = self.store.events_after(0, ALL).await.unwrap();
        let events = stored.into_iter().map(|stored| stored.event);
        events.filter(|event| event.kind == kind).collect()
    }

    /// What scans found, as `kind done`.
    pub(crate) async fn drift(&self) -> Vec<String> {
        let fact = |event: &Event, name: &str| event.facts[name].as_str().unwrap().to_owned();
        self.events(EventKind::DriftFound)
            .await
            .iter()
            .map(|event| format!("{} {}", fact(event, "kind"), fact(event, "done")))
            .collect()
    }

    /// Until the next scan of every backend and of the people is over.
    pub(crate) async fn scans(&self) {
        self.clock.advance(minutes(10));
        self.settle().await;
    }

    /// Runs SQL as whoever owns the database would, and answers how many rows it changed: some.
    pub(crate) async fn tampers(&self, statement: &str) -> u64 {
        let rows = self.runs(statement).await;
        assert!(rows > 0, "there was something to change");
        rows
    }

    /// Runs statements as whoever owns the database would, and answers how many rows they changed.
    pub(crate) async fn runs(&self, statements: &str) -> u64 {
        let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
        if self.database_url.starts_with("sqlite") {
            let mut database = SqliteConnection::connect(&self.database_url).await.unwrap();
            let done = statements.execute(&mut database).await;
            done.unwrap().rows_affected()
        } else {
            let mut database = PgConnection::connect(&self.database_url).await.unwrap();
            let done = statements.execute(&mut database).await;
            done.unwrap().rows_affected()
        }
    }
}
