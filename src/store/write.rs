//! Carries prepared changes into an open transaction: set-based statements, rows in the order request, grant, holding,
//! person, by id. It never commits; whoever opened the transaction takes it back where a verdict is not well.

use std::collections::{HashMap, HashSet};

use hallpass_domain::RequestId;
use hallpass_domain::planted::{Fault, planted};

use super::database::Conn;
use super::effect::{self, Claim, ClaimedRow, EffectOp, Ended, EndedRow};
use super::error::{Applied, Failed};
use super::prepared::{Delivery, Owned, Prepared, Row, Rows};
use super::sql::{Sql, array, list};
use super::{announcement, event, grant, holding, person, request};

/// The statements of a table whose rows are guarded by versions.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) lock: Sql,
    pub(super) insert: Sql,
    pub(super) update: Sql,
}

row! { Key { key: String } }
row! { Seen { key: String, request: Option<String> } }
row! { Counted { rows: i64 } }
row! { Owner { space: String, name: String, person: String } }

type Pick = fn(&Prepared) -> &Rows;

const TABLES: [(&Table, Pick); 4] = [
    (&request::TABLE, |prepared| &prepared.requests),
    (&grant::TABLE, |prepared| &prepared.grants),
    (&holding::TABLE, |prepared| &prepared.holdings),
    (&person::TABLE, |prepared| &prepared.people),
];

/// Writes all of a batch, or says which of it can't be written; then the transaction holds only a part and must be
/// taken back.
pub(super) async fn changes(
    conn: &mut Conn<'_>,
    batch: &[&Prepared],
) -> Result<Vec<Applied>, Failed> {
    let mut verdicts = vec![Applied::Done; batch.len()];
    let mut there = There::Unknown;
    deliveries(conn, batch, &mut verdicts).await?;
    for (table, pick) in &TABLES {
        if all_well(&verdicts) {
            guarded(conn, table, *pick, batch, &mut verdicts).await?;
        }
    }
    if all_well(&verdicts) {
        owned(conn, batch, &mut verdicts).await?;
    }
    if all_well(&verdicts) {
        erasures(conn, batch, &mut verdicts).await?;
    }
    if all_well(&verdicts) {
        reviews(conn, batch).await?;
        events(conn, batch).await?;
        let ended = batch.iter().filter_map(|prepared| prepared.ended.as_ref());
        let ops = batch.iter().flat_map(|prepared| &prepared.effects);
        let named = ended.map(|ended| ended.key.named());
        there = lock_effects(conn, named.chain(ops.map(EffectOp::named))).await?;
        ends(conn, batch, &mut verdicts).await?;
    }
    if all_well(&verdicts) {
        let timers = effects(conn, batch, &there).await;
        // Planted, the rows stand although their timers couldn't be written.
        if !planted(Fault::GrantWithoutTimer) {
            timers?;
        }
    }
    Ok(verdicts)
}

pub(super) fn all_well(verdicts: &[Applied]) -> bool {
    verdicts.iter().all(|verdict| *verdict == Applied::Done)
}

async fn deliveries(
    conn: &mut Conn<'_>,
    batch: &[&Prepared],
    verdicts: &mut [Applied],
) -> Result<(), Failed> {
    let wanted: HashMap<&str, (usize, &Delivery)> = batch
        .iter()
        .enumerate()
        .filter_map(|(at, prepared)| prepared.delivery.as_ref().map(|one| (at, one)))
        .map(|(at, delivery)| (delivery.key.as_str(), (at, delivery)))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let insert = sql!("delivery":
        "insert into delivery (key, request) select r.key, r.request from "
        [rows key text, request text]
        " where true order by r.key on conflict do nothing returning key");
    let rows: Vec<String> = wanted
        .values()
        .map(|(_, one)| object! { key: one.key, request: one.request })
        .collect();
    let rows = array(rows.iter().map(String::as_str));
    let written: Vec<Key> = conn.fetch(&insert, &[rows.into()]).await?;
    if written.len() == wanted.len() {
        return Ok(());
    }
    let written: HashSet<String> = written.into_iter().map(|row| row.key).collect();
    let known = wanted.keys().copied().filter(|key| !written.contains(*key));
    let read = sql!("delivery": "select key, request from delivery where key " [in_list 1]);
    let seen: Vec<Seen> = conn.fetch(&read, &[list(known).into()]).await?;
    for Seen { key, request } in seen {
        if let Some((at, _)) = wanted.get(key.as_str()) {
            verdicts[*at] = request.map_or(Applied::Conflict, |id| {
                Applied::Delivered(RequestId::new(id))
            });
        }
    }
    Ok(())
}

async fn guarded(
    conn: &mut Conn<'_>,
    table: &Table,
    pick: Pick,
    batch: &[&Prepared],
    verdicts: &mut [Applied],
) -> Result<(), Failed> {
    let rows_of = |choose: fn(&Rows) -> &Vec<Row>| -> Vec<(usize, &Row)> {
        batch
            .iter()
            .enumerate()
            .flat_map(|(at, prepared)| choose(pick(prepared)).iter().map(move |row| (at, row)))
            .collect()
    };
    let updates = rows_of(|rows| &rows.updates);
    if conn.is_postgres() && updates.len() > 1 {
        let ids = list(updates.iter().map(|(_, row)| row.key.as_str()));
        conn.execute(&table.lock, &[ids.into()]).await?;
    }
    for (sql, rows) in [
        (&table.update, updates),
        (&table.insert, rows_of(|rows| &rows.inserts)),
    ] {
        if rows.is_empty() {
            continue;
        }
        let objects = array(rows.iter().map(|(_, row)| row.json.as_str()));
        let written: Vec<Key> = conn.fetch(sql, &[objects.into()]).await?;
        let written: HashSet<String> = written.into_iter().map(|row| row.key).collect();
        for (at, row) in rows {
            // Planted, what was decided on rows that have moved on stands all the same.
            let stands = planted(Fault::TwoApproversTwoGrants);
            if !written.contains(&row.key) && !stands {
                tracing::debug!(
                    table = table.name,
                    row = row.key,
                    "a row moved on meanwhile"
                );
                verdicts[at] = Applied::Conflict;
            }
        }
    }
    Ok(())
}

/// Principals and Slack accounts belong to one person each.
async fn owned(
    conn: &mut Conn<'_>,
    batch: &[&Prepared],
    verdicts: &mut [Applied],
) -> Result<(), Failed> {
    let principals = |prepared: &Prepared| prepared.principals.clone();
    let claims = (&holding::CLAIM_PRINCIPALS, &holding::FOREIGN_PRINCIPALS);
    claim(conn, claims, batch, principals, verdicts).await?;

    let people: Vec<&Row> = batch
        .iter()
        .flat_map(|prepared| &prepared.people.updates)
        .collect();
    if !people.is_empty() {
        let accounts = batch.iter().flat_map(|prepared| &prepared.accounts);
        let people = list(people.iter().map(|row| row.key.as_str()));
        let accounts = list(accounts.map(|account| account.thing.1.as_str()));
        conn.execute(&person::DROP_ACCOUNTS, &[people.into(), accounts.into()])
            .await?;
    }
    let accounts = |prepared: &Prepared| prepared.accounts.clone();
    let claims = (&person::CLAIM_ACCOUNTS, &person::FOREIGN_ACCOUNTS);
    claim(conn, claims, batch, accounts, verdicts).await
}

async fn claim(
    conn: &mut Conn<'_>,
    (take, foreign): (&Sql, &Sql),
    batch: &[&Prepared],
    pick: fn(&Prepared) -> Vec<Owned>,
    verdicts: &mut [Applied],
) -> Result<(), Failed> {
    let claims: Vec<(usize, Owned)> = batch
        .iter()
        .enumerate()
        .flat_map(|(at, prepared)| pick(prepared).into_iter().map(move |one| (at, one)))
        .collect();
    if claims.is_empty() {
        return Ok(());
    }
    let rows: Vec<String> = claims
        .iter()
        .map(
            |(
                _,
                Owned {
                    thing: (space, name),
                    person,
                },
            )| {
                object! { backend: space, name: name, person: person }
            },
        )
        .collect();
    let rows = array(rows.iter().map(String::as_str));
    conn.execute(take, &[rows.clone().into()]).await?;
    let others: Vec<Owner> = conn.fetch(foreign, &[rows.into()]).await?;
    for Owner {
        space,
        name,
        person,
    } in others
    {
        let thing = (space, name);
        for (at, claim) in &claims {
            if claim.thing == thing && claim.person != person {
                verdicts[*at] = Applied::Conflict;
            }
        }
    }
    Ok(())
}

/// What is taken away beside a change; a holding that moved on is a conflict.
async fn erasures(
    conn: &mut Conn<'_>,
    batch: &[&Prepared],
    verdicts: &mut [Applied],
) -> Result<(), Failed> {
    for (at, prepared) in batch.iter().enumerate() {
        for (sql, rows) in prepared.erasure.statements() {
            insert(conn, sql, rows.iter()).await?;
        }
        let (sql, rows) = prepared.erasure.holdings();
        if !rows.is_empty() {
            let rows_json = array(rows.iter().map(String::as_str));
            let written = conn.execute(sql, &[rows_json.into()]).await?;
            if usize::try_from(written) != Ok(rows.len()) {
                verdicts[at] = Applied::Conflict;
            }
        }
        if let Some((sql, people)) = prepared.erasure.principals() {
            conn.execute(sql, &[people.into()]).await?;
        }
    }
    Ok(())
}

async fn reviews(conn: &mut Conn<'_>, batch: &[&Prepared]) -> Result<(), Failed> {
    let updated: Vec<&Row> = batch
        .iter()
        .flat_map(|prepared| &prepared.requests.updates)
        .collect();
    if !updated.is_empty() {
        let ids = list(updated.iter().map(|row| row.key.as_str()));
        let kept = list(
            batch
                .iter()
                .flat_map(|prepared| &prepared.review_ids)
                .map(String::as_str),
        );
        conn.execute(&request::DELETE_REVIEWS, &[ids.into(), kept.into()])
            .await?;
    }
    let rows = batch.iter().flat_map(|prepared| &prepared.reviews);
    insert(conn, &request::INSERT_REVIEWS, rows).await
}

async fn events(conn: &mut Conn<'_>, batch: &[&Prepared]) -> Result<(), Failed> {
    let events = batch.iter().flat_map(|prepared| &prepared.events);
    insert(conn, &event::INSERT, events).await?;
    let personal = batch.iter().flat_map(|prepared| &prepared.personal);
    insert(conn, &event::INSERT_PERSONAL, personal).await?;
    let told = batch.iter().flat_map(|prepared| &prepared.announcements);
    insert(conn, &announcement::INSERT, told).await
}

/// `there`: most of what is cancelled was never scheduled, and isn't looked for once more.
async fn effects(conn: &mut Conn<'_>, batch: &[&Prepared], there: &There) -> Result<(), Failed> {
    let (scheduled, mut cancelled) =
        effect::folded(batch.iter().flat_map(|prepared| &prepared.effects));
    if let There::These(there) = there {
        cancelled.retain(|key| there.contains(key));
    }
    if !scheduled.is_empty() {
        let rows = array(scheduled);
        conn.execute(&effect::SCHEDULE, &[rows.into()]).await?;
    }
    let cancelled: Vec<String> = cancelled.iter().map(EndedRow::named).collect();
    insert(conn, &effect::CANCEL, cancelled.iter()).await
}

/// Ends the claims that the batch carried out. Whose claim was lost to another records nothing: not even what no row's
/// version guards. Before the batch's own effects, which may schedule or cancel the same ones.
async fn ends(
    conn: &mut Conn<'_>,
    batch: &[&Prepared],
    verdicts: &mut [Applied],
) -> Result<(), Failed> {
    let ended = batch.iter().filter_map(|prepared| prepared.ended.as_ref());
    let mine: HashSet<EndedRow> = finish(conn, ended).await?.into_iter().collect();
    for (prepared, verdict) in batch.iter().zip(verdicts) {
        let lost = prepared
            .ended
            .as_ref()
            .is_some_and(|ended| !mine.contains(&ended.key));
        if lost {
            *verdict = Applied::Conflict;
        }
    }
    Ok(())
}

/// Runs a statement over rows, where there are any.
async fn insert<'a>(
    conn: &mut Conn<'_>,
    sql: &Sql,
    rows: impl Iterator<Item = &'a String>,
) -> Result<(), Failed> {
    let rows: Vec<&str> = rows.map(String::as_str).collect();
    if !rows.is_empty() {
        conn.execute(sql, &[array(rows).into()]).await?;
    }
    Ok(())
}

/// Which of the effects that a batch writes there are.
pub(super) enum There {
    /// It wasn't asked.
    Unknown,
    These(HashSet<EndedRow>),
}

/// What `SQLite`, with its one writer, needn't do. Whatever cancels an effect writes the row that it was scheduled with, in
/// the same batch and before this: who scheduled it in between made that row a conflict. A timer that is left over all
/// the same finds nothing to do.
pub(super) async fn lock_effects(
    conn: &mut Conn<'_>,
    named: impl Iterator<Item = String>,
) -> Result<There, Failed> {
    let rows: Vec<String> = named.collect();
    if !conn.is_postgres() || rows.len() < 2 {
        return Ok(There::Unknown);
    }
    let rows = array(rows.iter().map(String::as_str));
    let there: Vec<EndedRow> = conn.fetch(&effect::LOCK, &[rows.into()]).await?;
    Ok(There::These(there.into_iter().collect()))
}

pub(super) async fn finish(
    conn: &mut Conn<'_>,
    ended: impl Iterator<Item = &Ended>,
) -> Result<Vec<EndedRow>, Failed> {
    let rows: Vec<&str> = ended.map(|ended| ended.row.as_str()).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let (all, rows) = (rows.len(), array(rows));
    let mut mine: Vec<EndedRow> = conn
        .fetch(&effect::FINISH_DONE, &[rows.clone().into()])
        .await?;
    if mine.len() < all {
        let rows = [rows.into()];
        mine.extend(conn.fetch(&effect::FINISH_REST, &rows).await?);
    }
    Ok(mine)
}

pub(super) async fn take(conn: &mut Conn<'_>, claim: &Claim) -> Result<Vec<ClaimedRow>, Failed> {
    let args = [
        claim.lane.as_str().into(),
        claim.now.into(),
        claim.until.into(),
        claim.revoking.into(),
        claim.all.into(),
        claim.patient.into(),
    ];
    if planted(Fault::CostGrowsWithTimers) {
        // Every timer is looked at for each claim.
        let all = sql!("effect": "select count(*) as rows from effect where next_at + 0 > $1");
        let counted: Vec<Counted> = conn.fetch(&all, &args[1..2]).await?;
        let rows = counted.first().map(|all| all.rows);
        tracing::trace!(rows, "every timer was looked at");
    }
    conn.fetch(&effect::CLAIM, &args).await
}
