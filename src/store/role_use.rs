//! Whether somebody had a role before: by the requests that led to a grant of it, read from an index.

use std::collections::BTreeSet;

use hallpass_domain::{Request, RequestId};

use super::sql::{Sql, array};
use super::{Store, StoreError, text};

/// `limit` keeps `PostgreSQL` from making a join of it, for which it may read all that was ever asked.
const USED_BEFORE: Sql = sql!("request":
    "select r.id as id from " [rows id text, holder text, role text, asked_at bigint]
    " where (select 1 from request as q where q.holder = r.holder and q.role = r.role \
     and q.state = 'started' and q.asked_at < r.asked_at limit 1) is not null");

row! { Used { id: String } }

impl Store {
    /// Those of these requests whose holder was granted the same role by an earlier one.
    pub async fn used_before(
        &self,
        requests: impl Iterator<Item = &Request>,
    ) -> Result<BTreeSet<RequestId>, StoreError> {
        let rows: Vec<String> = requests
            .map(|request| {
                object! {
                    id: request.id,
                    holder: request.holder,
                    role: request.terms.role.name,
                    asked_at: text::micros(request.asked_at),
                }
            })
            .collect();
        if rows.is_empty() {
            return Ok(BTreeSet::new());
        }
        let args = [array(rows.iter().map(String::as_str)).into()];
        let used = self.look_up::<Used>(&USED_BEFORE, &args).await?;
        Ok(used.into_iter().map(|row| RequestId::new(row.id)).collect())
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Connection;

    use super::USED_BEFORE;
    use crate::store::migrations;

    #[tokio::test]
    async fn it_is_one_step_in_an_index() {
        let mut conn = sqlx::SqliteConnection::connect("sqlite::memory:")
            .await
            .expect("a database in memory");
        migrations::sqlite()
            .run_direct(None, &mut conn, false)
            .await
            .expect("the migrations");
        let explain = format!("explain query plan {}", USED_BEFORE.sqlite);
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(explain))
            .bind("[]")
            .fetch_all(&mut conn)
            .await
            .expect("a plan");
        let steps: Vec<String> = plan.into_iter().map(|(_, _, _, step)| step).collect();
        let found = "USING COVERING INDEX request_role_uses (holder=? AND role=? AND asked_at<?)";
        assert!(steps.iter().any(|step| step.ends_with(found)), "{steps:#?}");
    }
}
