//! Whoever owns the database edits rows: what was really approved is carried out, and nothing else. Judged by the
//! target's own log.

use hallpass::domain::grant::{EndReason, Part, PartStatus, State as GrantState};
use hallpass::domain::holding::Known;
use hallpass::domain::request::State as RequestState;
use hallpass::domain::role::{RoleName, Sharing, Terms};
use hallpass::domain::{Change, Entitlement, Grant, GrantId, Holding, HoldingId, Person, SlackId};
use hallpass::store::Applied;
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::support::{Request, TestBot, everywhere, minutes, seconds};

async fn person(bot: &TestBot, account: &str) -> Person {
    let account = SlackId::parse(account).unwrap();
    let found = bot.store.person_by_account(&account).await.unwrap();
    found.expect("somebody who was seen")
}

/// The request's grant, and its one holding.
async fn rows(bot: &TestBot, request: &Request) -> (Grant, Holding) {
    let RequestState::Started { grant, .. } = bot.row(request).await.state else {
        panic!("{} has a grant", request.short);
    };
    let grant = bot.store.grant(&grant).await.unwrap().unwrap();
    let holding = bot.store.holding(&grant.parts[0].holding).await.unwrap();
    (grant, holding.unwrap())
}

async fn writes(bot: &TestBot, change: Change) {
    assert_eq!(bot.store.apply_one(change).await.unwrap(), Applied::Done);
    bot.settle().await;
}

/// Runs SQL as whoever owns the database would.
async fn run(bot: &TestBot, statement: &'static str) {
    if bot.database_url.starts_with("sqlite") {
        let mut database = SqliteConnection::connect(&bot.database_url).await.unwrap();
        sqlx::query(statement).execute(&mut database).await.unwrap();
    } else {
        let mut database = PgConnection::connect(&bot.database_url).await.unwrap();
        sqlx::query(statement).execute(&mut database).await.unwrap();
    }
}

fn entitlement(like: &Holding, permission: &str) -> Entitlement {
    let mut entitlement = like.entitlement.clone();
    entitlement.attributes = [("permission".to_owned(), permission.to_owned())].into();
    entitlement
}

/// A holding of the orders for this grant, as an approval would make it.
fn orders(like: &Holding, grant: &Grant, until: hallpass::domain::Time) -> Holding {
    Holding::new(
        HoldingId::new("forged-holding"),
        like.backend.clone(),
        like.principal.clone(),
        like.person.clone(),
        entitlement(like, "orders_admin"),
        Sharing::Shared,
        None,
    )
    .claim(&grant.id, until)
}

async fn active(bot: &TestBot) -> Request {
    let request = bot
        .asks("alice", "/prod-access db-admin 30m orders stuck")
        .await;
    bot.approves("bob", &request).await;
    assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    request
}

/// No role has these terms, they have no stages, and the access seems to be there already: nothing is left to prove.
#[tokio::test]
async fn terms_that_no_role_has_grant_nothing() {
    everywhere(async |bot| {
        let request = bot
            .asks("rita", "/prod-access logs node=web-1 30m look")
            .await;
        let mut row = bot.row(&request).await;
        let (mut grant, holding) = rows(bot, &request).await;
        let until = grant.ends_at().expect("it is active");
        let forged = orders(&holding, &grant, until);
        let mut role = row.terms.role.clone();
        role.name = RoleName::new("ghost");
        role.entitlements = vec![forged.entitlement.clone()];
        row.terms = Terms::new(role, row.terms.parameters.clone(), row.terms.rules.clone());
        grant.parts.push(Part {
            holding: forged.id.clone(),
            status: PartStatus::Wanted,
        });
        let sync = forged.sync(bot.clock.now());
        let change = Change::default().request(row).grant(grant);
        writes(bot, change.holding(forged).schedule(sync)).await;
        assert!(bot.granted("orders_admin").is_empty());
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

/// A role that needs no approval is still for those who may ask for it, and for themselves.
#[tokio::test]
async fn a_request_for_another_without_break_glass_grants_nothing() {
    everywhere(async |bot| {
        bot.says("eve", "/prod-access mine").await;
        let eve = person(bot, "U0EVE").await;
        let request = bot
            .asks("rita", "/prod-access logs node=web-1 30m look")
            .await;
        let mut row = bot.row(&request).await;
        let (mut grant, holding) = rows(bot, &request).await;
        let now = bot.clock.now();
        let mut forged = Holding::new(
            HoldingId::new("forged-holding"),
            holding.backend.clone(),
            "eve".into(),
            eve.id.clone(),
            holding.entitlement.clone(),
            Sharing::Shared,
            None,
        );
        forged = forged.claim(&grant.id, now + minutes(45));
        row.holder = eve.id.clone();
        grant.holder = eve.id;
        grant.state = GrantState::Provisioning {
            since: now,
            give_up_at: now + minutes(15),
        };
        grant.parts = vec![Part {
            holding: forged.id.clone(),
            status: PartStatus::Wanted,
        }];
        let sync = forged.sync(now);
        let change = Change::default().request(row).grant(grant);
        writes(bot, change.holding(forged).schedule(sync)).await;
        assert!(
            bot.backend
                .done("grant")
                .iter()
                .all(|call| call.principal != "eve"),
            "{:?}",
            bot.backend.done("grant")
        );
    })
    .await;
}

#[tokio::test]
async fn anothers_name_on_a_holding_grants_them_nothing() {
    everywhere(async |bot| {
        let request = active(bot).await;
        let edit = "update holding set principal = 'eve', \
            body = replace(body, '\"principal\":\"alice\"', '\"principal\":\"eve\"')";
        run(bot, edit).await;
        let (_, mut holding) = rows(bot, &request).await;
        assert_eq!(holding.principal, "eve");
        holding.known = Known::Unknown;
        let sync = holding.sync(bot.clock.now());
        writes(bot, Change::default().holding(holding).schedule(sync)).await;
        assert!(
            !bot.backend
                .holders("orders_admin")
                .contains(&"eve".to_owned())
        );
    })
    .await;
}

/// An approval that was carried out once isn't an approval for ever.
#[tokio::test]
async fn a_grant_that_ended_is_not_brought_back_by_its_old_approval() {
    everywhere(async |bot| {
        for active_again in [true, false] {
            let request = active(bot).await;
            bot.clock.advance(minutes(31));
            bot.settle().await;
            assert!(bot.backend.holders("orders_admin").is_empty());
            bot.clock.advance(minutes(60));
            bot.settle().await;
            let before = bot.backend.done("grant").len();
            let (mut grant, holding) = rows(bot, &request).await;
            let now = bot.clock.now();
            grant.parts[0].status = PartStatus::Wanted;
            grant.state = if active_again {
                GrantState::Active {
                    since: now,
                    ends_at: now + minutes(30),
                }
            } else {
                GrantState::Provisioning {
                    since: now,
                    give_up_at: now + minutes(15),
                }
            };
            let holding = holding.claim(&grant.id, now + minutes(30));
            let sync = holding.sync(now);
            let change = Change::default().grant(grant).holding(holding);
            writes(bot, change.schedule(sync)).await;
            assert_eq!(bot.backend.done("grant").len(), before, "{active_again}");
            assert!(bot.backend.holders("orders_admin").is_empty());
        }
    })
    .await;
}

/// More time than was approved is given to nobody, and what was given ends.
#[tokio::test]
async fn an_end_moved_by_hand_is_not_told_to_the_target() {
    everywhere(async |bot| {
        let request = active(bot).await;
        let before = bot.backend.done("grant").len();
        let (mut grant, holding) = rows(bot, &request).await;
        let now = bot.clock.now();
        let ends_at = now + minutes(600);
        grant.state = GrantState::Active {
            since: now,
            ends_at,
        };
        let holding = holding.claim(&grant.id, ends_at);
        let sync = holding.sync(now);
        let change = Change::default().grant(grant).holding(holding);
        writes(bot, change.schedule(sync)).await;
        assert_eq!(bot.backend.done("grant").len(), before);
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

/// A claim of nobody's grant keeps no access: neither one that is there, nor one that would be given.
#[tokio::test]
async fn a_claim_that_no_grant_stands_behind_keeps_nothing() {
    everywhere(async |bot| {
        let request = active(bot).await;
        let (_, mut holding) = rows(bot, &request).await;
        let until = bot.clock.now() + minutes(60_000);
        holding.claims.insert(GrantId::new("forged-grant"), until);
        writes(bot, Change::default().holding(holding)).await;
        bot.clock.advance(minutes(30));
        bot.settle().await;
        // Where its own changes met, it pauses for a moment.
        bot.clock.advance(seconds(6));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.record(&request).await.contains(&"grant.ended"));
    })
    .await;
}

/// So does one of a grant that is over.
#[tokio::test]
async fn a_claim_of_a_grant_that_is_over_keeps_nothing() {
    everywhere(async |bot| {
        let first = active(bot).await;
        let (over, _) = rows(bot, &first).await;
        bot.says(
            "alice",
            &format!("/prod-access drop {}", first.short.replace("R-", "G-")),
        )
        .await;
        bot.settle().await;
        let second = active(bot).await;
        let (_, mut holding) = rows(bot, &second).await;
        let until = bot.clock.now() + minutes(60_000);
        holding.claims.insert(over.id, until);
        writes(bot, Change::default().holding(holding)).await;
        bot.clock.advance(minutes(30));
        bot.settle().await;
        // Where its own changes met, it pauses for a moment.
        bot.clock.advance(seconds(6));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        let (ended, _) = rows(bot, &second).await;
        assert!(
            matches!(
                &ended.state,
                GrantState::Ended {
                    reason: EndReason::Expired,
                    ..
                }
            ),
            "{:?}",
            ended.state
        );
    })
    .await;
}
