//! The `PostgreSQL` backend against real servers: 15, which keeps one grantor per membership, and 18, which keeps each.
//! Judged by the servers' own catalogs and by what people can do in them, not by the backend's word.

mod faults;
mod names;
mod server;
mod sessions;
mod standing;
mod target;

use hallpass::domain::holding::Observation;
use hallpass::domain::{BackendName, Entitlement};
use hallpass::ports::{Backend, BackendError};
use tokio::sync::Mutex;

use self::server::Server;
use self::target::{Target, holding};
use crate::support::postgres::Version;

pub(crate) const NOTHING: Observation = Observation {
    ours: false,
    others: None,
};
pub(crate) const OURS: Observation = Observation {
    ours: true,
    others: None,
};

/// One story at a time, so that the whole catalog can be compared.
static TURN: Mutex<()> = Mutex::const_new(());

/// The same story on both.
pub(crate) async fn on_both(story: impl AsyncFn(Target)) {
    let _turn = TURN.lock().await;
    for version in [Version::Fifteen, Version::Eighteen] {
        story(Target::set_up(Server::of(version).await).await).await;
    }
}

pub(crate) fn permanent<T: std::fmt::Debug>(answer: Result<T, BackendError>) -> String {
    match answer {
        Err(BackendError::Permanent { why }) => why,
        other => panic!("expected a permanent refusal: {other:?}"),
    }
}

pub(crate) fn later<T: std::fmt::Debug>(answer: Result<T, BackendError>) -> String {
    match answer {
        Err(BackendError::Retry { why, .. }) => why,
        other => panic!("expected to be told to try again: {other:?}"),
    }
}

#[tokio::test]
async fn a_role_is_given_and_taken_and_doing_it_twice_changes_nothing() {
    on_both(async |mut target| {
        let backend = target.backend();
        let order = target.orders_admin("alice");
        let before = target.catalog().await;
        let mut alice = target.session("alice").await;
        assert_eq!(backend.observe(&order).await, Ok(NOTHING));
        assert_eq!(target.sets_role(&mut alice).await, Err("42501".into()));

        backend.grant(&order).await.unwrap();
        assert_eq!(backend.observe(&order).await, Ok(OURS));
        assert_eq!(target.sets_role(&mut alice).await, Ok(()));
        assert_eq!(
            target.grantors("alice", "orders_admin").await,
            [target.name("hallpass")]
        );
        let given = target.catalog().await;
        backend.grant(&order).await.unwrap();
        assert_eq!(target.catalog().await, given);

        let receipt = backend.revoke(&order).await.unwrap();
        let said = receipt.text.unwrap();
        assert_eq!(
            said,
            format!(
                "{} revoked {} from {}.",
                target.name("hallpass"),
                target.name("orders_admin"),
                target.name("alice")
            )
        );
        assert_eq!(backend.observe(&order).await, Ok(NOTHING));
        assert_eq!(target.catalog().await, before);
        let mut again = target.session("alice").await;
        assert_eq!(target.sets_role(&mut again).await, Err("42501".into()));

        let receipt = backend.revoke(&order).await.unwrap();
        assert!(receipt.text.unwrap().contains("nothing was taken away"));
        assert_eq!(receipt.sessions_closed, None);
        assert!(
            again.is_open().await,
            "a revocation that took nothing ends no session"
        );
        assert_eq!(target.catalog().await, before);
    })
    .await;
}

#[tokio::test]
async fn twenty_at_a_time_get_the_role_and_lose_it() {
    on_both(async |mut target| {
        let before = target.catalog().await;
        let people: Vec<String> = (0..20).map(|n| format!("p{n}")).collect();
        for person in &people {
            target.login(person).await;
        }
        let orders: Vec<_> = people
            .iter()
            .map(|person| target.orders_admin(person))
            .collect();
        let backend = target.backend();
        let all = futures_util::future::join_all(orders.iter().map(|order| backend.grant(order)));
        assert!(all.await.iter().all(Result::is_ok));
        for order in &orders {
            assert_eq!(backend.observe(order).await, Ok(OURS));
        }
        let all = futures_util::future::join_all(orders.iter().map(|order| backend.revoke(order)));
        assert!(all.await.iter().all(Result::is_ok));
        for person in &people {
            target.run(&format!("drop role {{{person}}}")).await;
        }
        assert_eq!(target.catalog().await, before);
    })
    .await;
}

#[tokio::test]
async fn who_or_what_does_not_exist_is_told_in_words() {
    on_both(async |mut target| {
        let backend = target.backend();
        let before = target.catalog().await;
        let (alice, role) = (target.name("alice"), target.name("orders_admin"));

        let nobody = holding("nobody here", &role);
        assert_eq!(backend.observe(&nobody).await, Ok(NOTHING));
        assert_eq!(
            permanent(backend.grant(&nobody).await),
            "There is no database user nobody here in orders-db. Have one created, or map the person to the one that exists."
        );
        assert!(backend.revoke(&nobody).await.is_ok(), "who is gone holds nothing");

        let nothing = holding(&alice, "no_such_role");
        assert_eq!(backend.observe(&nothing).await, Ok(NOTHING));
        assert_eq!(permanent(backend.grant(&nothing).await), "There is no role no_such_role in orders-db.");
        assert!(backend.revoke(&nothing).await.is_ok());

        let itself = target.orders_admin("hallpass");
        assert!(permanent(backend.grant(&itself).await).contains("Hallpass itself"));
        assert_eq!(target.catalog().await, before);

        target.run("create role {team}").await;
        let group = target.orders_admin("team");
        assert!(permanent(backend.grant(&group).await).contains("it is a group"));
        assert_eq!(target.grantors("team", "orders_admin").await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_person_who_is_locked_or_dropped_meanwhile_still_loses_it() {
    on_both(async |mut target| {
        let backend = target.backend();
        let order = target.orders_admin("alice");
        backend.grant(&order).await.unwrap();
        target.run("alter role {alice} nologin").await;
        backend.revoke(&order).await.unwrap();
        assert_eq!(
            target.grantors("alice", "orders_admin").await,
            Vec::<String>::new()
        );

        let order = target.orders_admin("bob");
        backend.grant(&order).await.unwrap();
        target.run("drop role {bob}").await;
        assert_eq!(backend.observe(&order).await, Ok(NOTHING));
        assert!(backend.revoke(&order).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_right_that_hallpass_lacks_is_named() {
    on_both(async |mut target| {
        target.run("create role {secret}").await;
        let order = holding(&target.name("alice"), &target.name("secret"));
        let why = permanent(target.backend().grant(&order).await);
        let options = if target.per_grantor() { "admin true, inherit false, set false" } else { "admin option" };
        assert_eq!(
            why,
            format!(
                "Hallpass may not hand out {secret} in orders-db: it needs `grant \"{secret}\" to \"{hallpass}\" with {options}`.",
                secret = target.name("secret"),
                hallpass = target.name("hallpass"),
            )
        );
    })
    .await;
}

/// From 16 on the grantor would be the team, and anybody of the team could have given what looks like ours.
#[tokio::test]
async fn an_admin_option_through_a_team_does_not_do_where_the_team_would_be_the_grantor() {
    on_both(async |mut target| {
        target.login("deputy").await;
        target.run("create role {team}").await;
        target
            .run("grant {orders_admin} to {team} with admin option")
            .await;
        target.run("grant {team} to {deputy}").await;
        let backend = target.backend_as("deputy");
        let order = target.orders_admin("alice");
        let given = backend.grant(&order).await;
        if target.per_grantor() {
            assert!(permanent(given).contains("may not hand out"));
            assert_eq!(
                target.grantors("alice", "orders_admin").await,
                Vec::<String>::new()
            );
        } else {
            given.unwrap();
            assert_eq!(
                target.grantors("alice", "orders_admin").await,
                [target.name("deputy")]
            );
            assert_eq!(backend.observe(&order).await, Ok(OURS));
        }
    })
    .await;
}

#[tokio::test]
async fn createrole_is_enough_for_roles_that_it_made_itself() {
    on_both(async |mut target| {
        target.login("maker").await;
        target.run("alter role {maker} createrole").await;
        let made = format!("create role \"{}\"", target.name("made"));
        target.session("maker").await.tries(made).await.unwrap();
        let backend = target.backend_as("maker");
        let order = holding(&target.name("alice"), &target.name("made"));
        backend.grant(&order).await.unwrap();
        assert_eq!(backend.observe(&order).await, Ok(OURS));
        backend.revoke(&order).await.unwrap();
        assert_eq!(target.grantors("alice", "made").await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn check_says_who_we_are_and_what_we_may_do() {
    on_both(async |mut target| {
        let role = target.name("orders_admin");
        let entitlement = |role: &str| Entitlement {
            backend: BackendName::new("orders-db"),
            attributes: [("role".to_owned(), role.to_owned())].into(),
        };
        let wanted = [entitlement(&role), entitlement("{db}_admin")];
        let said = target.backend().handing_out(&wanted).check().await.unwrap();
        assert!(
            said.starts_with(&format!("PostgreSQL {}.", target.server.major)),
            "{said}"
        );
        let expected = format!(
            " as {}; may hand out {role}; may end sessions.",
            target.name("hallpass")
        );
        assert!(said.ends_with(&expected), "{said}");

        let wanted = [entitlement(&role), entitlement("orders_owner")];
        let why = permanent(target.backend().handing_out(&wanted).check().await);
        assert!(
            why.contains("grant \"orders_owner\" to") && !why.contains(&role),
            "{why}"
        );

        target.run("revoke pg_signal_backend from {hallpass}").await;
        target.run("alter role {hallpass} superuser").await;
        let said = target.backend().check().await.unwrap();
        assert!(said.contains("Warning: it is a superuser"), "{said}");
        target.run("alter role {hallpass} nosuperuser").await;
        let said = target.backend().check().await.unwrap();
        assert!(said.contains("may NOT end sessions"), "{said}");
    })
    .await;
}
