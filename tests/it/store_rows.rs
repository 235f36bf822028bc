//! Rows: what is written is read back, each change stands or falls by itself, and versions guard every write.

use std::sync::Arc;

use hallpass::domain::effect::Subject;
use hallpass::domain::grant::{EndReason, State as GrantState};
use hallpass::domain::request::{Kind, PostUseReview, PostUseState, State};
use hallpass::domain::{
    Actor, BackendName, Change, EffectKind, Event, EventKind, GrantId, HoldingId, RequestId,
};
use hallpass::ports::Entropy;
use hallpass::store::{Applied, RequestFilter, Store, StoreError};

use crate::store::{
    Fresh, account, at, effect, entitlement, first_version, grant, holding, on_both, person,
    person_id, request, review, stored,
};

on_both! {
    what_was_written_is_read_back,
    what_is_not_there_is_none_or_left_out,
    several_ids_are_read_in_their_order,
    a_write_needs_the_version_that_was_read,
    an_id_or_a_unique_key_that_is_taken_is_a_conflict,
    a_principal_belongs_to_one_person,
    an_account_that_is_no_longer_listed_is_free,
    reviews_come_and_go_with_their_request,
    requests_are_found_by_what_they_wait_for,
    a_persons_requests_are_found_by_their_words_and_counted_while_they_wait,
    a_review_written_straight_into_the_database_is_read_as_it_stands,
    broken_rows_are_named,
    short_ids_are_free_and_grow_when_scarce,
}

async fn what_was_written_is_read_back(db: Fresh) {
    let mut asked = request(1);
    asked.reviews = vec![review(&asked, "bob"), review(&asked, "dana")];
    let (access, held, alice) = (
        grant(&asked),
        holding("holding-1", "alice_sql", "alice"),
        person("alice"),
    );
    let change = Change::default()
        .request(asked.clone())
        .grant(access.clone())
        .holding(held.clone())
        .person(alice.clone());
    assert_eq!(db.store.apply_one(change).await, Ok(Applied::Done));

    let asked = first_version(asked, |row| &mut row.version);
    let access = first_version(access, |row| &mut row.version);
    let held = first_version(held, |row| &mut row.version);
    let alice = first_version(alice, |row| &mut row.version);
    let store = &db.store;
    assert_eq!(store.request(&asked.id).await, Ok(Some(asked.clone())));
    assert_eq!(
        store.request_by_short(&asked.short).await,
        Ok(Some(asked.clone()))
    );
    assert_eq!(store.grant(&access.id).await, Ok(Some(access.clone())));
    assert_eq!(
        store.grant_by_short(&access.short).await,
        Ok(Some(access.clone()))
    );
    assert_eq!(store.live_grants(9).await, Ok(vec![access.clone()]));
    assert_eq!(
        store.live_grants_of(&access.holder).await,
        Ok(vec![access.clone()])
    );
    assert_eq!(store.all_grants(9).await, Ok(vec![access]));
    assert_eq!(store.holding(&held.id).await, Ok(Some(held.clone())));
    let backend = BackendName::new("orders-db");
    let found = store
        .find_holding(&backend, "alice_sql", &entitlement().key(), None)
        .await;
    assert_eq!(found, Ok(Some(held)));
    assert_eq!(
        store.principal_owner(&backend, "alice_sql").await,
        Ok(Some(person_id("alice")))
    );
    assert_eq!(store.person(&alice.id).await, Ok(Some(alice.clone())));
    assert_eq!(
        store.person_by_account(&account("alice")).await,
        Ok(Some(alice.clone()))
    );
    assert_eq!(
        store.person_by_email(alice.email.as_ref().unwrap()).await,
        Ok(Some(alice))
    );
}

async fn what_is_not_there_is_none_or_left_out(db: Fresh) {
    let store = &db.store;
    let nobody = RequestId::new("nobody");
    assert_eq!(store.request(&nobody).await, Ok(None));
    assert_eq!(store.grant(&GrantId::new("x")).await, Ok(None));
    assert_eq!(store.holding(&HoldingId::new("x")).await, Ok(None));
    assert_eq!(store.grants(&[GrantId::new("x")]).await, Ok(Vec::new()));
    assert_eq!(store.people(&[]).await, Ok(Vec::new()));
    assert_eq!(store.delivered("x").await, Ok(None));
    assert_eq!(store.person_by_account(&account("alice")).await, Ok(None));
    assert_eq!(store.events_of(&nobody).await, Ok(Vec::new()));
    assert_eq!(store.cards(&nobody).await, Ok(Vec::new()));
    assert_eq!(store.last_configuration().await, Ok(None));
    assert_eq!(store.lanes().await, Ok(Vec::new()));
}

async fn several_ids_are_read_in_their_order(db: Fresh) {
    let names = ["carol", "alice", "bob"];
    let people = names.map(|name| Change::default().person(person(name)));
    db.store.apply(people.to_vec()).await.unwrap();
    let holdings = ["h-3", "h-1", "h-2"]
        .map(|id| Change::default().holding(holding(id, &format!("{id}_sql"), "alice")));
    db.store.apply(holdings.to_vec()).await.unwrap();

    let wanted = ["bob", "nobody", "carol"].map(person_id);
    let read = db.store.people(&wanted).await.unwrap();
    assert_eq!(
        read.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
        ["bob", "carol"]
    );
    let wanted = ["h-2", "h-3"].map(HoldingId::new);
    let read = db.store.holdings(&wanted).await.unwrap();
    assert_eq!(
        read.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(),
        ["h-2", "h-3"]
    );
}

async fn a_write_needs_the_version_that_was_read(db: Fresh) {
    let first = stored(&db.store, request(1)).await;
    assert_eq!(first.version, 1);
    let mut cancelled = first.clone();
    cancelled.state = State::Cancelled { at: at(9) };
    assert_eq!(
        db.store
            .apply_one(Change::default().request(cancelled))
            .await,
        Ok(Applied::Done)
    );

    let mut denied = first.clone();
    denied.state = State::Denied {
        by: person_id("bob"),
        at: at(9),
        reason: None,
    };
    let late = Change::default()
        .request(denied)
        .event(Event::new(EventKind::Denied, Actor::Hallpass, at(9)).request(&first.id))
        .schedule(effect(
            &Subject::Request(first.id.clone()),
            EffectKind::SyncCard,
            at(9),
        ));
    assert_eq!(db.store.apply_one(late).await, Ok(Applied::Conflict));

    let now = db.store.request(&first.id).await.unwrap().unwrap();
    assert_eq!(
        (now.version, now.state),
        (2, State::Cancelled { at: at(9) })
    );
    assert_eq!(db.store.events_of(&first.id).await, Ok(Vec::new()));
    assert_eq!(db.store.lanes().await, Ok(Vec::new()));
    let unknown = first_version(request(7), |row| &mut row.version);
    assert_eq!(
        db.store.apply_one(Change::default().request(unknown)).await,
        Ok(Applied::Conflict)
    );
}

async fn an_id_or_a_unique_key_that_is_taken_is_a_conflict(db: Fresh) {
    let first = stored(&db.store, request(1)).await;
    let again = Change::default().request(request(1));
    assert_eq!(db.store.apply_one(again).await, Ok(Applied::Conflict));
    let mut same_letters = request(2);
    same_letters.short = first.short.clone();
    assert_eq!(
        db.store
            .apply_one(Change::default().request(same_letters))
            .await,
        Ok(Applied::Conflict)
    );

    let alice =
        Change::default()
            .person(person("alice"))
            .holding(holding("h-1", "alice_sql", "alice"));
    assert_eq!(db.store.apply_one(alice).await, Ok(Applied::Done));
    let mut same_email = person("bob");
    same_email.email = person("alice").email;
    let mut same_account = person("bob");
    same_account.accounts.push(account("alice"));
    for taken in [
        Change::default().person(same_email),
        Change::default().person(same_account),
        Change::default().holding(holding("h-2", "alice_sql", "alice")),
    ] {
        assert_eq!(db.store.apply_one(taken).await, Ok(Applied::Conflict));
    }
    assert_eq!(db.store.person(&person_id("bob")).await, Ok(None));
}

async fn a_principal_belongs_to_one_person(db: Fresh) {
    let alices = Change::default().holding(holding("h-1", "shared_sql", "alice"));
    assert_eq!(db.store.apply_one(alices).await, Ok(Applied::Done));
    let mut bobs = holding("h-2", "shared_sql", "bob");
    bobs.entitlement
        .attributes
        .insert("role".into(), "orders_reader".into());
    let taken = db
        .store
        .apply_one(Change::default().holding(bobs.clone()))
        .await;
    assert_eq!(taken, Ok(Applied::Conflict));
    bobs.person = person_id("alice");
    assert_eq!(
        db.store.apply_one(Change::default().holding(bobs)).await,
        Ok(Applied::Done)
    );
}

async fn an_account_that_is_no_longer_listed_is_free(db: Fresh) {
    let mut alice = person("alice");
    alice.accounts.push(account("alice2"));
    db.store
        .apply_one(Change::default().person(alice))
        .await
        .unwrap();
    let mut alice = db.store.person(&person_id("alice")).await.unwrap().unwrap();
    alice.accounts = vec![account("alice2"), account("alice3")];
    assert_eq!(
        db.store.apply_one(Change::default().person(alice)).await,
        Ok(Applied::Done)
    );
    assert_eq!(
        db.store.person_by_account(&account("alice")).await,
        Ok(None)
    );
    for name in ["alice2", "alice3"] {
        let found = db.store.person_by_account(&account(name)).await.unwrap();
        assert_eq!(found.map(|found| found.id), Some(person_id("alice")));
    }
}

async fn reviews_come_and_go_with_their_request(db: Fresh) {
    let mut asked = stored(&db.store, request(1)).await;
    for reviewer in ["bob", "dana"] {
        asked.reviews.push(review(&asked, reviewer));
        db.store
            .apply_one(Change::default().request(asked.clone()))
            .await
            .unwrap();
        asked = db.store.request(&asked.id).await.unwrap().unwrap();
    }
    let reviewers: Vec<_> = asked
        .reviews
        .iter()
        .map(|one| one.reviewer.clone())
        .collect();
    assert_eq!(reviewers, ["bob", "dana"].map(person_id));
    assert_eq!(asked.reviews[0], review(&asked, "bob"));

    asked.reviews.remove(0);
    db.store
        .apply_one(Change::default().request(asked.clone()))
        .await
        .unwrap();
    asked = db.store.request(&asked.id).await.unwrap().unwrap();
    assert_eq!(asked.reviews, [review(&asked, "dana")]);
}

/// Pending, scheduled, break-glass with a live grant and an owed review, over, pending.
fn five_requests() -> [Change; 5] {
    let mut scheduled = request(2);
    scheduled.state = State::Scheduled {
        approved_at: at(3),
        starts_at: at(7_200),
    };
    let mut for_alice = request(3);
    for_alice.requester = person_id("carol");
    for_alice.kind = Kind::BreakGlass {
        commander: person_id("carol"),
        incident: "INC-1".into(),
    };
    for_alice.post_use_review = Some(PostUseReview {
        due: at(86_400),
        state: PostUseState::Owed,
    });
    for_alice.state = State::Started {
        grant: grant(&for_alice).id,
        at: at(4),
    };
    let mut of_bob = request(4);
    (of_bob.requester, of_bob.holder) = (person_id("bob"), person_id("bob"));
    of_bob.state = State::Started {
        grant: grant(&of_bob).id,
        at: at(5),
    };
    let mut over = grant(&of_bob);
    over.state = GrantState::Ended {
        reason: EndReason::Expired,
        at: at(6),
        active_since: None,
    };
    let live = grant(&for_alice);
    [
        Change::default().request(request(1)),
        Change::default().request(scheduled),
        Change::default().request(for_alice).grant(live),
        Change::default().request(of_bob).grant(over),
        Change::default().request(request(5)),
    ]
}

async fn requests_are_found_by_what_they_wait_for(db: Fresh) {
    for change in five_requests() {
        assert_eq!(db.store.apply_one(change).await, Ok(Applied::Done));
    }
    for (filter, limit, expected) in [
        (RequestFilter::Pending, 9, vec![1, 5]),
        (RequestFilter::Pending, 1, vec![1]),
        (RequestFilter::Scheduled, 9, vec![2]),
        (RequestFilter::OwedReviews, 9, vec![3]),
        (RequestFilter::LiveGrants, 9, vec![3]),
        (RequestFilter::Of(person_id("alice")), 9, vec![5, 3, 2, 1]),
        (RequestFilter::Of(person_id("alice")), 2, vec![5, 3]),
        (RequestFilter::Of(person_id("carol")), 9, vec![3]),
        (RequestFilter::Of(person_id("nobody")), 9, vec![]),
    ] {
        let found = db.store.requests(filter.clone(), limit).await.unwrap();
        let found: Vec<_> = found.into_iter().map(|one| one.id).collect();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|number| request(number).id)
            .collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

async fn a_persons_requests_are_found_by_their_words_and_counted_while_they_wait(db: Fresh) {
    for change in five_requests() {
        assert_eq!(db.store.apply_one(change).await, Ok(Applied::Done));
    }
    let (alice, reason) = (person_id("alice"), request(1).reason);
    for (since, reason, limit, expected) in [
        (at(0), reason.as_str(), 9, vec![5, 2, 1]),
        (at(0), reason.as_str(), 2, vec![5, 2]),
        (request(1).asked_at, reason.as_str(), 9, vec![5, 2]),
        (at(1_000_000), reason.as_str(), 9, vec![]),
        (at(0), "something else", 9, vec![]),
    ] {
        let found = db.store.asked_with_reason(&alice, since, reason, limit);
        let expected: Vec<_> = expected.into_iter().map(|one| request(one).id).collect();
        assert_eq!(found.await, Ok(expected), "{reason} since {since}");
    }
    let mut odd = request(6);
    odd.reason = "the \"orders\" \\ stuck\nsince 03:12 \u{1F6A8}".into();
    let written = db.store.apply_one(Change::default().request(odd.clone()));
    assert_eq!(written.await, Ok(Applied::Done));
    let found = db.store.asked_with_reason(&alice, at(0), &odd.reason, 9);
    assert_eq!(found.await, Ok(vec![odd.id]));
    for (name, limit, expected) in [("alice", 9, 3), ("alice", 1, 1), ("bob", 9, 0)] {
        let waiting = db.store.count_waiting(&person_id(name), limit).await;
        assert_eq!(waiting, Ok(expected), "{name}, at most {limit}");
    }
}

async fn a_review_written_straight_into_the_database_is_read_as_it_stands(db: Fresh) {
    let asked = stored(&db.store, request(1)).await;
    db.execute(
        "insert into review (id, request, stage, reviewer, verdict, strength, at, rules, mac) values \
         ('planted', 'request-000001', 0, 'person-mallory', '{\"verdict\":\"approve\",\"at_most\":null,\"note\":null}', \
         '\"slack\"', 1, '[]', 'forged')",
    ).await;
    let now = db.store.request(&asked.id).await.unwrap().unwrap();
    assert_eq!(now.reviews.len(), 1);
    assert_eq!(now.reviews[0].mac, "forged");
}

async fn broken_rows_are_named(db: Fresh) {
    let mut asked = request(1);
    asked.reviews.push(review(&asked, "bob"));
    let change = Change::default()
        .grant(grant(&asked))
        .request(asked.clone())
        .holding(holding("h-1", "alice_sql", "alice"))
        .person(person("alice"));
    db.store.apply_one(change).await.unwrap();

    db.execute("update review set verdict = 'yes'").await;
    let read = db.store.request(&asked.id).await.unwrap_err();
    assert!(
        matches!(&read, StoreError::Corrupt { table: "review", row, .. } if row.contains("bob")),
        "{read}"
    );
    db.execute("update request set state = 'approved'").await;
    let read = db.store.request(&asked.id).await.unwrap_err();
    assert!(
        matches!(&read, StoreError::Corrupt { table: "request", row, .. } if *row == asked.id.as_str()),
        "{read}"
    );
    db.execute("update access_grant set body = '{}'").await;
    let read = db.store.live_grants(9).await.unwrap_err();
    assert!(
        matches!(
            read,
            StoreError::Corrupt {
                table: "access_grant",
                ..
            }
        ),
        "{read}"
    );
    db.execute("update holding set person = 'person-mallory'")
        .await;
    let read = db.store.holding(&HoldingId::new("h-1")).await.unwrap_err();
    assert!(
        matches!(
            read,
            StoreError::Corrupt {
                table: "holding",
                ..
            }
        ),
        "{read}"
    );
    db.execute("update person set email = 'mallory@example.com'")
        .await;
    let read = db.store.person(&person_id("alice")).await.unwrap_err();
    assert!(
        matches!(
            read,
            StoreError::Corrupt {
                table: "person",
                ..
            }
        ),
        "{read}"
    );
}

async fn short_ids_are_free_and_grow_when_scarce(db: Fresh) {
    let first = db.store.free_short_id().await.unwrap();
    assert_eq!(first.as_str().len(), 4);

    let stuck = Store::open(&db.url, Arc::new(Stuck)).await.unwrap();
    for (number, letters) in [(1, "7777"), (2, "77777"), (3, "777777")] {
        let short = stuck.free_short_id().await.unwrap();
        assert_eq!(short.as_str(), letters);
        let mut asked = request(number);
        asked.short = short;
        stored(&db.store, asked).await;
    }
    let timely = Store::open(&db.url, Arc::new(Timely)).await.unwrap();
    let short = timely.free_short_id().await.unwrap();
    assert_eq!(short.as_str(), "735M7", "735M reads as a duration");
}

/// A source of which four letters read as a duration.
struct Timely;

impl Entropy for Timely {
    fn id(&self) -> String {
        Stuck.id()
    }

    fn fill(&self, bytes: &mut [u8]) {
        let letters = [7, 3, 5, 20].into_iter().cycle();
        bytes
            .iter_mut()
            .zip(letters)
            .for_each(|(byte, letter)| *byte = letter);
    }
}

/// A source that always gives the same bytes: what it drew once is taken then.
struct Stuck;

impl Entropy for Stuck {
    fn id(&self) -> String {
        "01970000-0000-7000-8000-000000000000".into()
    }

    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}
