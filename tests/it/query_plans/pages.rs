//! What is looked through in turns and in pages, beside what people ask for: the ledger, backends, people, the record.

use hallpass::domain::effect::Subject;
use hallpass::domain::{BackendName, Email, PersonId};
use hallpass::store::{RequestFilter, Span, Store};

use crate::store::open;
use crate::support::TestBot;

/// A page: less than [`super::MAY_READ`].
const PAGE: u32 = 50;

/// Connections of its own, whose plans are as old as the bot's.
pub(super) struct Pages(Store);

impl Pages {
    pub(super) async fn of(url: &str) -> Self {
        Self(open(url).await)
    }

    pub(super) async fn are_read(&self, bot: &TestBot) {
        let alice = Email::parse("alice@example.com").unwrap();
        let alice = self.0.person_by_email(&alice).await.unwrap().unwrap();
        self.of_the_ledger(bot).await;
        self.of_somebody(&alice.id, bot).await;
        self.of_the_record(bot).await;
    }

    async fn of_the_ledger(&self, bot: &TestBot) {
        let (store, now) = (&self.0, bot.clock.now());
        let gate = BackendName::new("gate");
        let grants = store.live_grants_after("", PAGE).await.unwrap().rows;
        assert!(!grants.is_empty());
        let subjects = grants.iter().map(|grant| Subject::Grant(grant.id.clone()));
        let subjects: Vec<Subject> = subjects.collect();
        store.scheduled(&subjects).await.unwrap();
        let requests = grants.iter().map(|grant| &grant.request);
        store.named(requests).await.unwrap();
        let holdings = store.holdings_in(&gate, "", PAGE).await.unwrap().rows;
        let ids: Vec<_> = holdings.iter().map(|one| one.id.clone()).collect();
        store.holdings(&ids).await.unwrap();
        store.failing(&ids).await.unwrap();
        let principals: Vec<&str> = holdings.iter().map(|one| one.principal.as_str()).collect();
        store.recorded(&gate, &principals).await.unwrap();
        store.recorded_backends().await.unwrap();
        store.live_grants(PAGE).await.unwrap();
        store.all_grants(PAGE).await.unwrap();
        store.untimed_requests(PAGE).await.unwrap();
        store.overdue_holdings(&gate, now, now, PAGE).await.unwrap();
        store.overdue_ends(now, now, PAGE).await.unwrap();
        let ids: Vec<_> = grants.iter().map(|one| one.id.clone()).collect();
        store.letters(&ids).await.unwrap();
        store.waiting_holdings(&gate, now, PAGE).await.unwrap();
        store.backlog(now).await.unwrap();
        store.counts().await.unwrap();
        for filter in [RequestFilter::Scheduled, RequestFilter::OwedReviews] {
            store.requests(filter, PAGE).await.unwrap();
        }
    }

    async fn of_somebody(&self, person: &PersonId, bot: &TestBot) {
        let (store, now) = (&self.0, bot.clock.now());
        store.people_concerned("", PAGE).await.unwrap();
        let held = store.holdings_of(person).await.unwrap();
        assert!(!held.is_empty());
        store.requests_with(person, "", PAGE).await.unwrap();
        let before = store.requests_asked_before(now, None, PAGE).await;
        before.unwrap();
    }

    async fn of_the_record(&self, bot: &TestBot) {
        let (store, now) = (&self.0, bot.clock.now());
        let page = Span {
            after: 0,
            up_to: PAGE.into(),
        };
        let events = store.events_after(0, PAGE).await.unwrap();
        assert!(!events.is_empty());
        store.sealed(0, PAGE).await.unwrap();
        store.unsealed_at(&[1, 7, 99]).await.unwrap();
        store.sealed_up_to().await.unwrap();
        store.fields_before(now, page).await.unwrap();
        store.first_since(now).await.unwrap();
        store.last_before(now).await.unwrap();
    }
}
