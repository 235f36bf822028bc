//! Requests with their reviews: rows of two tables, read in one statement, so that both are of one moment.

use std::borrow::Cow;

use hallpass_domain::request::{PostUseState, State};
use hallpass_domain::review::{Strength, Verdict};
use hallpass_domain::{Duration, PersonId, Request, RequestId, Review, ReviewId, ShortId, Time};
use serde::Deserialize;

use super::database::Arg;
use super::gather::Keyed;
use super::page::Page;
use super::prepared::{Prepared, Row, body};
use super::sql::{Sql, storable};
use super::write::Table;
use super::{Store, StoreError, text};

/// Which requests are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestFilter {
    /// The longest waiting first.
    Pending,
    /// Requester or holder; newest first.
    Of(PersonId),
    /// Those whose grant is provisioning, active or revoking: of the oldest grants, the longest asked for first.
    LiveGrants,
    /// Break-glass whose post-use review is owed or overdue; the oldest first.
    OwedReviews,
    /// Approved for a later start; the oldest first.
    Scheduled,
    /// More time that was approved for what this person holds or held; newest first.
    Extensions(PersonId),
}

pub(super) const TABLE: Table = Table {
    name: "request",
    lock: sql!("request": "select id from request where id " [in_list 1] " order by id" [for_update]),
    insert: sql!("request":
        "insert into request (id, version, short, state, requester, holder, asked_at, deadline, starts_at, \
         review_due, review_owed, role, body) \
         select r.id, r.version, r.short, r.state, r.requester, r.holder, r.asked_at, r.deadline, r.starts_at, \
         r.review_due, r.review_owed, r.role, r.body from "
        [rows id text, version bigint, short text, state text, requester text, holder text, asked_at bigint,
         deadline bigint, starts_at bigint, review_due bigint, review_owed boolean, role text, body text]
        " where true order by r.id on conflict do nothing returning id as key"),
    update: sql!("request":
        "update request set version = r.version, state = r.state, requester = r.requester, holder = r.holder, \
         deadline = r.deadline, starts_at = r.starts_at, review_due = r.review_due, review_owed = r.review_owed, \
         role = r.role, body = r.body from "
        [rows id text, version bigint, state text, requester text, holder text, deadline bigint, starts_at bigint,
         review_due bigint, review_owed boolean, role text, body text]
        " where request.id = r.id and request.version = r.version - 1 returning request.id as key"),
};

pub(super) const INSERT_REVIEWS: super::sql::Sql = sql!("review":
    "insert into review (id, request, position, stage, reviewer, verdict, strength, at, rules, mac) \
     select r.id, r.request, r.position, r.stage, r.reviewer, r.verdict, r.strength, r.at, r.rules, r.mac from "
    [rows id text, request text, position bigint, stage bigint, reviewer text, verdict text, strength text,
     at bigint, rules text, mac text]
    " where true on conflict (id) do nothing");

/// Reviews that a transition took out of its request (it was asked anew under other terms).
pub(super) const DELETE_REVIEWS: super::sql::Sql = sql!("review":
    "delete from review where request " [in_list 1] " and id not in " [list 2]);

pub(super) fn prepare(mut request: Request, into: &mut Prepared) -> Result<(), StoreError> {
    let read = request.version;
    request.version += 1;
    for (position, review) in std::mem::take(&mut request.reviews).into_iter().enumerate() {
        into.review_ids.push(review.id.to_string());
        into.reviews.push(review_json(position, &review)?);
    }
    let id = request.id.to_string();
    let owed = request
        .post_use_review
        .as_ref()
        .filter(|review| !matches!(review.state, PostUseState::Reviewed { .. }));
    let json = object! {
        id: id,
        version: request.version,
        short: request.short,
        state: request.state.name(),
        requester: request.requester,
        holder: request.holder,
        asked_at: text::micros(request.asked_at),
        deadline: text::micros(request.deadline),
        starts_at: starts_at(&request.state),
        review_due: owed.map(|review| text::micros(review.due)),
        review_owed: owed.is_some(),
        role: request.terms.role.name,
        body: body("request", &id, &request)?,
    };
    into.requests.push(read, Row { key: id, json });
    Ok(())
}

fn review_json(position: usize, review: &Review) -> Result<String, StoreError> {
    let id = review.id.as_str();
    Ok(object! {
        id: id,
        request: review.request,
        position: position,
        stage: review.stage,
        reviewer: review.reviewer,
        verdict: body("review", id, &review.verdict)?,
        strength: body("review", id, &review.strength)?,
        at: text::micros(review.at),
        rules: body("review", id, &review.rules)?,
        mac: review.mac,
    })
}

fn starts_at(state: &State) -> Option<i64> {
    match state {
        State::Scheduled { starts_at, .. } => Some(text::micros(*starts_at)),
        State::Pending(_)
        | State::Approved { .. }
        | State::Started { .. }
        | State::Denied { .. }
        | State::Cancelled { .. }
        | State::TimedOut { .. }
        | State::Void { .. } => None,
    }
}

row! {
    /// A request beside one of its reviews, or beside none.
    RequestRow {
        id: String,
        version: i64,
        short: String,
        state: String,
        requester: String,
        holder: String,
        body: String,
        review_id: Option<String>,
        stage: Option<i64>,
        reviewer: Option<String>,
        verdict: Option<String>,
        strength: Option<String>,
        at: Option<i64>,
        rules: Option<String>,
        mac: Option<String>,
    }
}

/// What is looked at of a body where its request is looked for by its words.
#[derive(Deserialize)]
struct Words<'a> {
    #[serde(borrow)]
    reason: Cow<'a, str>,
}

impl TryFrom<&RequestRow> for Request {
    type Error = StoreError;

    /// The request without its reviews.
    fn try_from(row: &RequestRow) -> Result<Self, StoreError> {
        let broken = |why: String| StoreError::corrupt("request", &row.id, why);
        let mut request: Self =
            serde_json::from_str(&row.body).map_err(|error| broken(error.to_string()))?;
        request.version = row.version;
        request.reviews.clear();
        let agrees = request.id.as_str() == row.id
            && request.short.as_str() == row.short
            && request.state.name() == row.state
            && request.requester.as_str() == row.requester
            && request.holder.as_str() == row.holder;
        if agrees {
            Ok(request)
        } else {
            Err(broken("its columns and its body disagree".into()))
        }
    }
}

fn review_of(row: &RequestRow) -> Result<Option<Review>, StoreError> {
    let Some(id) = &row.review_id else {
        return Ok(None);
    };
    let broken = |why: &str| StoreError::corrupt("review", id, why);
    let text_of = |column: &Option<String>| column.clone().unwrap_or_default();
    let verdict: Verdict = serde_json::from_str(&text_of(&row.verdict))
        .map_err(|error| broken(&format!("verdict: {error}")))?;
    let strength: Strength = serde_json::from_str(&text_of(&row.strength))
        .map_err(|error| broken(&format!("strength: {error}")))?;
    let rules = serde_json::from_str(&text_of(&row.rules))
        .map_err(|error| broken(&format!("rules: {error}")))?;
    Ok(Some(Review {
        id: ReviewId::new(id),
        request: RequestId::new(&row.id),
        stage: row
            .stage
            .and_then(|stage| usize::try_from(stage).ok())
            .ok_or_else(|| broken("its stage is no number from 0"))?,
        reviewer: PersonId::new(text_of(&row.reviewer)),
        verdict,
        strength,
        at: row
            .at
            .and_then(text::time)
            .ok_or_else(|| broken("its time is out of range"))?,
        rules,
        mac: text_of(&row.mac),
    }))
}

/// Rows of one request stand together.
fn assemble(rows: &[RequestRow]) -> Result<Vec<Request>, StoreError> {
    each(rows).collect()
}

fn each(rows: &[RequestRow]) -> impl Iterator<Item = Result<Request, StoreError>> {
    let of_one = rows.chunk_by(|one, next| one.id == next.id);
    of_one.map(|rows| {
        let mut request = Request::try_from(&rows[0])?;
        for row in rows {
            request.reviews.extend(review_of(row)?);
        }
        Ok(request)
    })
}

/// A statement that reads the requests `q` that the inner one selects, each beside its reviews.
macro_rules! requests {
    ($($inner:tt)+) => {
        sql!("request":
            "select q.id, q.version, q.short, q.state, q.requester, q.holder, q.body, \
             v.id as review_id, v.stage, v.reviewer, v.verdict, v.strength, v.at, v.rules, v.mac from ("
            $($inner)+
            ") as q left join review as v on v.request = q.id \
             order by q.asked_at, q.id, v.position, v.at, v.id")
    };
}

pub(super) const BY_ID: Sql = requests!("select * from request where id " [key 1]);

impl Keyed for RequestRow {
    fn key(&self) -> &str {
        &self.id
    }
}

impl Store {
    pub async fn request(&self, id: &RequestId) -> Result<Option<Request>, StoreError> {
        let rows = self.keyed(&BY_ID, |of| &of.requests, id.as_str()).await?;
        Ok(assemble(&rows)?.pop())
    }

    pub async fn request_by_short(&self, short: &ShortId) -> Result<Option<Request>, StoreError> {
        let sql = requests!("select * from request where short = $1");
        let rows = self
            .look_up::<RequestRow>(&sql, &[short.as_str().into()])
            .await?;
        Ok(assemble(&rows)?.pop())
    }

    /// At most `limit`, in the filter's order.
    pub async fn requests(
        &self,
        filter: RequestFilter,
        limit: u32,
    ) -> Result<Vec<Request>, StoreError> {
        let limit = Arg::Int(limit.into());
        let rows: Vec<RequestRow> = match &filter {
            RequestFilter::Pending => self.in_state("pending", limit).await?,
            RequestFilter::Scheduled => self.in_state("scheduled", limit).await?,
            RequestFilter::Of(person) => self.requests_of(person, limit).await?,
            RequestFilter::LiveGrants => self.with_live_grant(limit).await?,
            RequestFilter::OwedReviews => self.with_owed_review(limit).await?,
            RequestFilter::Extensions(person) => self.extensions_of(person, limit).await?,
        };
        let mut requests = assemble(&rows)?;
        if matches!(filter, RequestFilter::Of(_) | RequestFilter::Extensions(_)) {
            requests.reverse();
        }
        Ok(requests)
    }

    /// Those that wait for an answer without their time-out, and those that wait for their start without that timer.
    pub async fn untimed_requests(&self, limit: u32) -> Result<Page<Request>, StoreError> {
        let sql = requests!(
            "select * from request where id in (\
             select id from request where state = 'pending' and (select 1 from effect \
             where effect.subject = 'request:' || request.id and effect.kind = 'time-out' limit 1) is null \
             union all \
             select id from request where state = 'scheduled' and (select 1 from effect \
             where effect.subject = 'request:' || request.id and effect.kind = 'start' limit 1) is null) \
             order by asked_at, id limit $1"
        );
        let rows: Vec<RequestRow> = self.fetch(&sql, &[Arg::Int(limit.into())]).await?;
        Ok(Page::all(each(&rows)))
    }

    async fn in_state(&self, state: &str, limit: Arg) -> Result<Vec<RequestRow>, StoreError> {
        let sql =
            requests!("select * from request where state = $1 order by asked_at, id limit $2");
        self.fetch(&sql, &[state.into(), limit]).await
    }

    async fn requests_of(
        &self,
        person: &PersonId,
        limit: Arg,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let sql = requests!(
            "select * from request where id in (\
             select id from (select id from request where requester = $1 order by asked_at desc, id desc limit $2) as asked \
             union \
             select id from (select id from request where holder = $1 order by asked_at desc, id desc limit $2) as held) \
             order by asked_at desc, id desc limit $2"
        );
        self.fetch(&sql, &[person.as_str().into(), limit]).await
    }

    /// How many of a person's requests wait for an answer; not counted beyond `limit`.
    pub async fn count_waiting(&self, requester: &PersonId, limit: u32) -> Result<u32, StoreError> {
        row! { Waiting { number: i64 } }
        let sql = sql!("request":
            "select count(*) as number from \
             (select 1 from request where requester = $1 and state = 'pending' limit $2) as waiting");
        let args = [requester.as_str().into(), Arg::Int(limit.into())];
        let row = self.look_up::<Waiting>(&sql, &args).await?.pop();
        Ok(row
            .and_then(|row| u32::try_from(row.number).ok())
            .unwrap_or(0))
    }

    /// Which requests a person asked for after that moment with these words as the reason; the newest first. At most
    /// `limit` are looked at, and of each only its words: there may be many.
    pub async fn asked_with_reason(
        &self,
        requester: &PersonId,
        since: Time,
        reason: &str,
        limit: u32,
    ) -> Result<Vec<RequestId>, StoreError> {
        row! { Worded { id: String, body: String } }
        let sql = sql!("request":
            "select id, body from request where requester = $1 and asked_at > $2 \
             order by asked_at desc, id desc limit $3");
        let args = [
            requester.as_str().into(),
            Arg::Int(text::micros(since)),
            Arg::Int(limit.into()),
        ];
        let rows = self.look_up::<Worded>(&sql, &args).await?;
        let mut worded = Vec::new();
        for row in rows {
            let words: Words<'_> = serde_json::from_str(&row.body)
                .map_err(|error| StoreError::corrupt("request", &row.id, error))?;
            if words.reason == reason {
                worded.push(RequestId::new(row.id));
            }
        }
        Ok(worded)
    }

    async fn with_live_grant(&self, limit: Arg) -> Result<Vec<RequestRow>, StoreError> {
        let sql = requests!(
            "select * from request where id in (select request from access_grant where live order by id limit $1) \
             order by asked_at, id limit $1"
        );
        self.fetch(&sql, &[limit]).await
    }

    /// Only a request of kind extend ends as approved: the others start a grant.
    async fn extensions_of(
        &self,
        holder: &PersonId,
        limit: Arg,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let sql = requests!(
            "select * from request where id in (select id from request where holder = $1 and state = 'approved' \
             order by asked_at desc, id desc limit $2)"
        );
        self.look_up(&sql, &[holder.as_str().into(), limit]).await
    }

    async fn with_owed_review(&self, limit: Arg) -> Result<Vec<RequestRow>, StoreError> {
        let sql =
            requests!("select * from request where review_owed order by review_due, id limit $1");
        self.fetch(&sql, &[limit]).await
    }

    /// The request that a delivery made, where its key was seen.
    pub async fn delivered(&self, key: &str) -> Result<Option<RequestId>, StoreError> {
        row! { Delivered { request: Option<String> } }
        let sql = sql!("delivery": "select request from delivery where key = $1");
        let rows = self
            .look_up::<Delivered>(&sql, &[storable(key).into()])
            .await?;
        Ok(rows
            .into_iter()
            .find_map(|row| row.request)
            .map(RequestId::new))
    }

    /// A short id that no request has, with room for chance to run out: four letters at first, more once those that
    /// are drawn turn out to be taken. None that reads as a duration, like `735M`: people type the letters alone. Two askers may draw the same; the second one's insert is a conflict.
    pub async fn free_short_id(&self) -> Result<ShortId, StoreError> {
        row! { Taken { short: String } }
        let sql = sql!("request": "select short from request where short " [in_list 1]);
        for length in ShortId::FIRST_LENGTH..=LONGEST_SHORT {
            let drawn: Vec<ShortId> = (0..DRAWS).map(|_| self.draw(length)).collect();
            let list = super::sql::list(drawn.iter().map(ShortId::as_str));
            let taken = self.look_up::<Taken>(&sql, &[list.into()]).await?;
            let free = |short: &ShortId| {
                let read_as_time = Duration::parse_word(short.as_str()).is_ok();
                !read_as_time && taken.iter().all(|row| row.short != short.as_str())
            };
            if let Some(short) = drawn.into_iter().find(free) {
                return Ok(short);
            }
        }
        Err(StoreError::unavailable("no short id is free"))
    }

    fn draw(&self, length: usize) -> ShortId {
        let mut bytes = vec![0; length];
        self.entropy().fill(&mut bytes);
        ShortId::from_random(&bytes)
    }
}

/// How many ids are drawn of one length before a longer one is taken: with half of them taken, one ask in eight
/// gets a longer id.
const DRAWS: usize = 3;

/// The longest that `ShortId::parse` reads.
const LONGEST_SHORT: usize = 12;
