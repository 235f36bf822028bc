//! Erasing a person: what names them goes, the record of what happened stays, and its proof stays whole. In commits of
//! their own, the person's row last, so that one that broke off is carried on by asking again.

use hallpass_domain::request::Kind;
use hallpass_domain::{
    Actor, Change, Email, Event, EventKind, Grant, Person, PersonId, Request, SlackId, erasure,
};

use super::App;
use super::forget::{self, ERASED};
use super::read::grant_of;
use super::words::quoted;
use crate::store::{About, Applied, Erasure, FieldPlace, Span, StoreError};

/// Requests that are rewritten in one commit.
const REQUESTS: u32 = 50;
/// Positions of events that are looked through at once.
pub(super) const WINDOW: i64 = 5_000;
/// Fields that are taken away in one commit; all of an event's at once.
const FIELDS: usize = 500;
/// How often rows that moved on are read again.
const TRIES: usize = 5;
/// Ids that a refusal names.
const NAMED: usize = 5;

/// What was erased, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    pub fields: usize,
    pub events: usize,
    pub requests: usize,
    pub grants: usize,
    /// Requests of others that are still open or whose grant lives, with words of the person in a review.
    pub left: usize,
}

/// Why nothing, or not all, was erased; a sentence.
pub(super) enum NotErased {
    Refused(String),
    Store(StoreError),
}

impl From<StoreError> for NotErased {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl App {
    /// Erases what names a person (an e-mail, a Slack id or a person's id), as an operator (`cli:user@host`) orders.
    ///
    /// # Errors
    /// A sentence, where there is nobody like that, something of theirs isn't over, or the store fails.
    pub async fn erase_person(
        &self,
        named: &str,
        why: &str,
        actor: &str,
    ) -> Result<(PersonId, Erased), String> {
        let why = why.trim();
        if why.is_empty() {
            return Err("A reason is needed: it is kept on record.".into());
        }
        let by = Actor::Operator(actor.to_owned());
        let erased = self.erase(named.trim(), why, &by).await;
        erased.map_err(|not| match not {
            NotErased::Refused(sentence) => sentence,
            NotErased::Store(error) => format!("{error}."),
        })
    }

    async fn erase(
        &self,
        named: &str,
        why: &str,
        by: &Actor,
    ) -> Result<(PersonId, Erased), NotErased> {
        let person = self.named_person(named).await?;
        self.require_over(&person.id).await?;
        let mut erased = Erased::default();
        let event = |person: &PersonId| {
            Event::new(EventKind::Erased, by.clone(), self.now())
                .fact("because", "asked")
                .fact("person", person.as_str())
                .personal("reason", why)
        };
        self.erase_rows(&person.id, &event(&person.id), &mut erased)
            .await?;
        let about = self.about(&person).await?;
        let highest = self.store.horizon().await?.highest;
        let mut after = 0;
        while after < highest {
            let up_to = highest.min(after + WINDOW);
            let fields = self
                .store
                .fields_about(&about, Span { after, up_to })
                .await?;
            for batch in in_batches(&fields) {
                let batch = batch.to_vec();
                let told = told(event(&person.id), &batch);
                erased.fields += batch.len();
                erased.events += events_in(&batch).len();
                self.erase_fields(told, batch).await?;
            }
            after = up_to;
        }
        self.store.forget_drafts_of(&person.id).await?;
        self.erase_identity(person.id.clone(), event(&person.id))
            .await?;
        Ok((person.id, erased))
    }

    async fn named_person(&self, named: &str) -> Result<Person, NotErased> {
        let found = if let Some(email) = Email::parse(named) {
            self.store.person_by_email(&email).await?
        } else if let Some(account) = SlackId::parse(named) {
            self.store.person_by_account(&account).await?
        } else {
            self.store.person(&PersonId::new(named)).await?
        };
        found.ok_or_else(|| {
            NotErased::Refused(format!(
                "Nobody on record is {}. Write an e-mail, a Slack id like U0ALICE, or a person's id.",
                quoted(named)
            ))
        })
    }

    /// Names under which they may stand on record.
    async fn about(&self, person: &Person) -> Result<About, StoreError> {
        let holdings = self.store.holdings_of(&person.id).await?;
        let mut known_as = vec![person.id.to_string(), person.name.clone()];
        known_as.extend(person.accounts.iter().map(ToString::to_string));
        known_as.extend(person.email.iter().map(ToString::to_string));
        known_as.extend(person.principals.values().cloned());
        known_as.extend(holdings.into_iter().map(|holding| holding.principal));
        known_as.retain(|name| !name.is_empty() && name != ERASED);
        Ok(About {
            person: person.id.clone(),
            known_as,
        })
    }

    /// Nothing of theirs may be open: what lives must be proven and ended by what is on record.
    async fn require_over(&self, person: &PersonId) -> Result<(), NotErased> {
        let live = self.store.live_grants_of(person).await?;
        let mut open: Vec<String> = live.iter().map(|grant| grant.short.of_grant()).collect();
        let mut after = String::new();
        loop {
            let page = self.store.requests_with(person, &after, REQUESTS).await?;
            let Some(last) = page.last() else { break };
            after = last.id.to_string();
            for request in page.iter().filter(|request| is_theirs(request, person)) {
                if !self.is_over(request).await? {
                    open.push(request.short.of_request());
                }
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        let more = open.len().saturating_sub(NAMED);
        let more = if more == 0 {
            String::new()
        } else {
            format!(" and {more} more")
        };
        open.truncate(NAMED);
        Err(NotErased::Refused(format!(
            "{}{more} isn't over: end or cancel it first, and have what is owed reviewed.",
            open.join(", ")
        )))
    }

    /// Whether nothing needs what the request says any more: it is closed, no grant of it lives, no review is owed.
    pub(super) async fn is_over(&self, request: &Request) -> Result<bool, StoreError> {
        use hallpass_domain::request::PostUseState;
        let owed = request.post_use_review.as_ref().is_some_and(|review| {
            matches!(
                review.state,
                PostUseState::Owed | PostUseState::Overdue { .. }
            )
        });
        if owed || !request.is_final() {
            return Ok(false);
        }
        let grant = self.grant_behind(request).await?;
        Ok(!grant.is_some_and(|grant| grant.is_live()))
    }

    /// The grant that it led to, or gave more time.
    async fn grant_behind(&self, request: &Request) -> Result<Option<Grant>, StoreError> {
        let id = match &request.kind {
            Kind::Extend { grant } => Some(grant),
            Kind::Access | Kind::BreakGlass { .. } => grant_of(request),
        };
        match id {
            Some(id) => self.store.grant(id).await,
            None => Ok(None),
        }
    }

    /// The words in the rows of their requests, and their own in the reviews of others'.
    async fn erase_rows(
        &self,
        person: &PersonId,
        event: &Event,
        erased: &mut Erased,
    ) -> Result<(), NotErased> {
        let mut after = String::new();
        loop {
            let page = self.store.requests_with(person, &after, REQUESTS).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            let next = last.id.to_string();
            let mut bare = Vec::new();
            for request in page {
                if is_theirs(&request, person) {
                    bare.push(forget::request(request));
                } else if self.is_over(&request).await? {
                    bare.push(forget::words_of(request, person));
                } else if forget::words_of(request.clone(), person) != request {
                    erased.left += 1;
                }
            }
            match self.rewrite(bare, event.clone()).await? {
                Some((requests, grants)) => {
                    erased.requests += requests;
                    erased.grants += grants;
                    after = next;
                }
                None => self.require_over(person).await?,
            }
        }
    }

    /// Writes requests whose words were taken out, with their grants', where anything changes. None on a conflict.
    pub(super) async fn rewrite(
        &self,
        bare: Vec<Request>,
        event: Event,
    ) -> Result<Option<(usize, usize)>, StoreError> {
        let mut change = Change::default();
        let mut erasure = Erasure::default();
        let (mut ids, mut grants) = (Vec::new(), 0);
        for request in bare {
            let stands = self.store.request(&request.id).await?;
            let changed = stands.as_ref() != Some(&request);
            if changed && stands.is_some_and(|stands| stands.version != request.version) {
                return Ok(None);
            }
            let own = match &request.kind {
                Kind::Extend { .. } => None,
                Kind::Access | Kind::BreakGlass { .. } => self.grant_behind(&request).await?,
            };
            if let Some(grant) = own {
                let bare = forget::grant(grant.clone());
                if request.reason == ERASED && bare != grant {
                    grants += 1;
                    change = change.grant(bare);
                }
            }
            if changed {
                ids.push(request.id.to_string());
                erasure.reviews.extend(request.reviews.iter().cloned());
                change = change.request(request);
            }
        }
        if change.writes.is_empty() {
            return Ok(Some((0, 0)));
        }
        let requests = ids.len();
        let change = change.event(event.fact("requests", ids));
        let applied = self.store.erase(change, erasure).await?;
        Ok((applied == Applied::Done).then_some((requests, grants)))
    }

    /// Takes fields away and says so on record, in one commit.
    pub(super) async fn erase_fields(
        &self,
        event: Event,
        fields: Vec<FieldPlace>,
    ) -> Result<(), StoreError> {
        let change = Change::default().event(event);
        let erasure = Erasure {
            fields,
            ..Erasure::default()
        };
        self.store.erase(change, erasure).await.map(drop)
    }

    /// E-mail, accounts, name and principals: last, because the rest is found by them.
    async fn erase_identity(&self, id: PersonId, event: Event) -> Result<(), NotErased> {
        for _ in 0..TRIES {
            self.require_over(&id).await?;
            self.store.forget_homes(&id).await?;
            let Some(person) = self.store.person(&id).await? else {
                return Ok(());
            };
            let holdings = self.store.holdings_of(&id).await?;
            let named = holdings
                .into_iter()
                .filter(|holding| !holding.principal.starts_with(ERASED));
            let erasure = Erasure {
                holdings: named.map(forget::holding).collect(),
                principals_of: Some(id.clone()),
                ..Erasure::default()
            };
            let bare = forget::person(person.clone());
            if bare == person && erasure.holdings.is_empty() {
                return Ok(());
            }
            let change = Change::default()
                .person(bare)
                .event(event.clone().fact("identity", true));
            if self.store.erase(change, erasure).await? == Applied::Done {
                return Ok(());
            }
        }
        Err(NotErased::Refused(
            "Somebody else changes the same rows all the time. Try again.".into(),
        ))
    }
}

/// Their ask, or access for them.
fn is_theirs(request: &Request, person: &PersonId) -> bool {
    request.requester == *person || request.holder == *person
}

/// In their order, all fields of an event in the same one.
pub(super) fn in_batches(fields: &[FieldPlace]) -> Vec<&[FieldPlace]> {
    let mut batches = Vec::new();
    let mut rest = fields;
    while !rest.is_empty() {
        let mut end = FIELDS.min(rest.len());
        while end < rest.len() && rest[end].event == rest[end - 1].event {
            end += 1;
        }
        let (batch, left) = rest.split_at(end);
        batches.push(batch);
        rest = left;
    }
    batches
}

fn events_in(fields: &[FieldPlace]) -> Vec<&str> {
    let mut events: Vec<&str> = fields.iter().map(|field| field.event.as_str()).collect();
    events.dedup();
    events
}

/// The event with the list of what was erased: ids, records and places, never a value. Whoever verifies the record takes
/// nothing for erased that isn't named so.
pub(super) fn told(event: Event, fields: &[FieldPlace]) -> Event {
    let named: Vec<erasure::Field<'_>> = fields
        .iter()
        .map(|field| erasure::Field {
            event: &field.event,
            sequence: field.sequence,
            place: u32::try_from(field.place).unwrap_or(u32::MAX),
        })
        .collect();
    let event = event
        .fact("events", events_in(fields))
        .fact("fields", fields.len());
    erasure::name(event, &named)
}
