//! What erasing needs: personal fields found by whom they are about or by their age, and one commit that takes them away
//! beside the change that puts it on record. Events, seals and the bodies that hashes cover are never touched.

use hallpass_domain::{Change, Holding, HoldingId, PersonId, Request, RequestId, Review, Time};

use super::prepared::{Prepared, body};
use super::seal::Span;
use super::sql::{Sql, list};
use super::{Applied, Store, StoreError, text};

/// One personal field of an event, by its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPlace {
    /// The event's position.
    pub position: i64,
    pub event: String,
    /// Its place among the event's commitments.
    pub place: i64,
    /// The record that the event was sealed as.
    pub sequence: Option<u64>,
}

/// An erasure on record that a stretch of records doesn't hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureOutside {
    /// None where it isn't sealed yet.
    pub sequence: Option<u64>,
    pub body: String,
}

/// Whom personal fields are about.
#[derive(Debug, Clone)]
pub struct About {
    pub person: PersonId,
    /// E-mails, accounts, principals and the id itself: a field that says one of them is about them.
    pub known_as: Vec<String>,
}

/// What a commit takes away beside its change.
#[derive(Debug, Clone, Default)]
pub struct Erasure {
    pub fields: Vec<FieldPlace>,
    /// Reviews whose words were taken out; their MACs no longer hold.
    pub reviews: Vec<Review>,
    /// Holdings at rest under another principal's name. Their versions are those that were read.
    pub holdings: Vec<Holding>,
    /// Whose principals are nobody's from now on.
    pub principals_of: Option<PersonId>,
}

#[derive(Debug, Default)]
pub(super) struct PreparedErasure {
    fields: Vec<String>,
    reviews: Vec<String>,
    pub(super) holdings: Vec<String>,
    principals_of: Vec<String>,
}

const FIELDS: Sql = sql!("event_personal":
    "delete from event_personal where (event, position) in (select r.event, r.position from "
    [rows event text, position bigint] ")");

const REVIEWS: Sql = sql!("review":
    "update review set verdict = r.verdict from " [rows id text, verdict text] " where review.id = r.id");

const HOLDINGS: Sql = sql!("holding":
    "update holding set version = r.version, principal = r.principal, body = r.body from "
    [rows id text, version bigint, principal text, body text]
    " where holding.id = r.id and holding.version = r.version - 1");

const PRINCIPALS: Sql = sql!("principal": "delete from principal where person " [in_list 1]);

row! { FieldRow { position: i64, event: String, place: i64, sequence: Option<i64> } }
row! { Id { id: String } }
row! { OutsideRow { sequence: Option<i64>, body: String } }
row! { Sequence { sequence: Option<i64> } }

fn number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

impl PreparedErasure {
    fn new(erasure: Erasure) -> Result<Self, StoreError> {
        let fields = erasure.fields.iter();
        let reviews = erasure.reviews.iter().map(|review| {
            let verdict = body("review", review.id.as_str(), &review.verdict)?;
            Ok(object! { id: review.id, verdict: verdict })
        });
        let holdings = erasure.holdings.into_iter().map(|mut holding| {
            holding.version += 1;
            let body = body("holding", holding.id.as_str(), &holding)?;
            let (id, version, principal) = (&holding.id, holding.version, &holding.principal);
            Ok(object! { id: id, version: version, principal: principal, body: body })
        });
        Ok(Self {
            fields: fields
                .map(|field| object! { event: field.event, position: field.place })
                .collect(),
            reviews: reviews.collect::<Result<_, StoreError>>()?,
            holdings: holdings.collect::<Result<_, StoreError>>()?,
            principals_of: erasure
                .principals_of
                .into_iter()
                .map(|person| person.to_string())
                .collect(),
        })
    }

    /// The statements with their rows; where one has none, it isn't run.
    pub(super) fn statements(&self) -> [(&'static Sql, &[String]); 2] {
        [(&FIELDS, &self.fields), (&REVIEWS, &self.reviews)]
    }

    pub(super) fn holdings(&self) -> (&'static Sql, &[String]) {
        (&HOLDINGS, &self.holdings)
    }

    pub(super) fn principals(&self) -> Option<(&'static Sql, String)> {
        let people = self.principals_of.iter().map(String::as_str);
        (!self.principals_of.is_empty()).then(|| (&PRINCIPALS, list(people)))
    }
}

impl Store {
    /// Writes a change and takes away what belongs to it, in one commit or not at all.
    pub async fn erase(&self, change: Change, erasure: Erasure) -> Result<Applied, StoreError> {
        let mut prepared = Prepared::new(change, None, self.entropy())?;
        prepared.erasure = PreparedErasure::new(erasure)?;
        self.apply_prepared(prepared).await
    }

    /// The personal fields of a span of events that are about somebody: all of the requests that they asked or hold for,
    /// their own words on others', and whatever names them.
    pub async fn fields_about(
        &self,
        about: &About,
        span: Span,
    ) -> Result<Vec<FieldPlace>, StoreError> {
        let sql = sql!("event_personal":
            "select e.position, e.id as event, p.position as place, \
             (select s.sequence from seal as s where s.event = e.id) as sequence from event as e \
             join event_personal as p on p.event = e.id where e.position > $1 and e.position <= $2 and ( \
             e.request in (select id from request where requester = $3 or holder = $3) \
             or p.value " [in_list 4] " \
             or (p.field in ('gained', 'lost') and exists (select 1 from " [list 4] " as known \
                 where replace(' ' || p.value || ' ', ' ' || known.value || ' ', '') <> ' ' || p.value || ' ')) \
             or (e.body like $5 and p.field not in ('holder', 'principal'))) order by e.position, p.position");
        let known_as = list(about.known_as.iter().map(String::as_str));
        // As an actor stands in a body.
        let acts = format!(
            "%\"actor\":{{\"actor\":\"person\",\"id\":\"{}\"}}%",
            about.person
        );
        let args = [
            span.after.into(),
            span.up_to.into(),
            about.person.as_str().into(),
            known_as.into(),
            acts.into(),
        ];
        self.places(&sql, &args).await
    }

    /// The personal fields of a span of events from before a moment, those of requests left out that are open or whose
    /// grant lives.
    pub async fn fields_before(
        &self,
        before: Time,
        span: Span,
    ) -> Result<Vec<FieldPlace>, StoreError> {
        let sql = sql!("event_personal":
            "select e.position, e.id as event, p.position as place, \
             (select s.sequence from seal as s where s.event = e.id) as sequence from event as e \
             join event_personal as p on p.event = e.id where e.position > $1 and e.position <= $2 and e.at < $3 \
             and not exists (select 1 from request as r where r.id = e.request \
                 and (r.state in ('pending', 'scheduled') or r.review_owed)) \
             and not exists (select 1 from access_grant as g where g.request = e.request and g.live) \
             order by e.position, p.position");
        let args = [
            span.after.into(),
            span.up_to.into(),
            text::micros(before).into(),
        ];
        self.places(&sql, &args).await
    }

    /// The erasures on record among a span of events that are no records from `first` to `last`, those without a seal
    /// with them; by position.
    pub async fn erasures_outside(
        &self,
        (first, last): (u64, u64),
        span: Span,
    ) -> Result<Vec<ErasureOutside>, StoreError> {
        let sql = sql!("event":
            "select s.sequence, e.body from event as e left join seal as s on s.event = e.id \
             where e.position > $1 and e.position <= $2 and e.kind = 'record.erased' \
             and (s.sequence is null or s.sequence < $3 or s.sequence > $4) order by e.position");
        let args = [
            span.after.into(),
            span.up_to.into(),
            number(first).into(),
            number(last).into(),
        ];
        let rows = self.fetch::<OutsideRow>(&sql, &args).await?;
        let outside = |row: OutsideRow| ErasureOutside {
            sequence: row
                .sequence
                .and_then(|sequence| u64::try_from(sequence).ok()),
            body: row.body,
        };
        Ok(rows.into_iter().map(outside).collect())
    }

    /// Whether one of these events is sealed as a record from `first` to `last`.
    pub async fn any_within(
        &self,
        events: &[&str],
        (first, last): (u64, u64),
    ) -> Result<bool, StoreError> {
        let sql = sql!("seal":
            "select min(sequence) as sequence from seal where sequence >= $1 and sequence <= $2 and event " [in_list 3]);
        let args = [
            number(first).into(),
            number(last).into(),
            list(events.iter().copied()).into(),
        ];
        let rows = self.fetch::<Sequence>(&sql, &args).await?;
        Ok(rows.iter().any(|row| row.sequence.is_some()))
    }

    async fn places(&self, sql: &Sql, args: &[super::Arg]) -> Result<Vec<FieldPlace>, StoreError> {
        let rows = self.fetch::<FieldRow>(sql, args).await?;
        let place = |row: FieldRow| FieldPlace {
            position: row.position,
            event: row.event,
            place: row.place,
            sequence: row
                .sequence
                .and_then(|sequence| u64::try_from(sequence).ok()),
        };
        Ok(rows.into_iter().map(place).collect())
    }

    /// Requests that were asked before a moment, the oldest first, at most `limit` after one.
    pub async fn requests_asked_before(
        &self,
        before: Time,
        after: Option<(Time, &RequestId)>,
        limit: u32,
    ) -> Result<Vec<Request>, StoreError> {
        let sql = sql!("request":
            "select id from request where (asked_at > $1 or (asked_at = $1 and id > $2)) and asked_at < $3 \
             order by asked_at, id limit $4");
        let (at, id) = after.map_or((i64::MIN, ""), |(at, id)| (text::micros(at), id.as_str()));
        let args = [
            at.into(),
            id.into(),
            text::micros(before).into(),
            i64::from(limit).into(),
        ];
        self.requests_by(&sql, &args).await
    }

    /// The requests that somebody asked or holds for, or reviewed; the oldest first, at most `limit` above an id.
    pub async fn requests_with(
        &self,
        person: &PersonId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Request>, StoreError> {
        let sql = sql!("request":
            "select id from request where id > $1 and (requester = $2 or holder = $2 \
             or id in (select request from review where reviewer = $2) or body like $4) order by id limit $3");
        // Who reviewed the use of broken glass stands in the body alone.
        let by = format!("%\"by\":\"{person}\"%");
        let args = [
            after.into(),
            person.as_str().into(),
            i64::from(limit).into(),
            by.into(),
        ];
        self.requests_by(&sql, &args).await
    }

    async fn requests_by(
        &self,
        sql: &Sql,
        args: &[super::Arg],
    ) -> Result<Vec<Request>, StoreError> {
        let mut requests = Vec::new();
        for Id { id } in self.fetch(sql, args).await? {
            requests.extend(self.request(&RequestId::new(id)).await?);
        }
        Ok(requests)
    }

    pub async fn holdings_of(&self, person: &PersonId) -> Result<Vec<Holding>, StoreError> {
        let sql = sql!("holding": "select id from holding where person = $1 order by id");
        let rows = self.fetch::<Id>(&sql, &[person.as_str().into()]).await?;
        let ids: Vec<HoldingId> = rows.into_iter().map(|row| HoldingId::new(row.id)).collect();
        self.holdings(&ids).await
    }
}
