//! Standing access: what somebody holds without us is told and left alone.

use hallpass::domain::holding::Observation;
use hallpass::ports::Backend;

use super::target::holding;
use super::{NOTHING, OURS, on_both};

#[tokio::test]
async fn what_another_gave_before_us_is_told_and_left_alone() {
    on_both(async |mut target| {
        target.run("grant {orders_admin} to {alice}").await;
        let before = target.catalog().await;
        let backend = target.backend();
        let order = target.orders_admin("alice");
        let owner = target.server.options().get_username().to_owned();
        let standing = format!(
            "{} holds {} by a grant of {owner}, not by Hallpass.",
            target.name("alice"),
            target.name("orders_admin")
        );
        let told = Observation {
            ours: false,
            others: Some(standing.clone()),
        };
        assert_eq!(backend.observe(&order).await, Ok(told.clone()));

        let mut alice = target.session("alice").await;
        let receipt = backend.revoke(&order).await.unwrap();
        assert_eq!(receipt.note, Some(standing));
        assert_eq!(target.catalog().await, before);
        assert!(alice.is_open().await);
        assert_eq!(target.sets_role(&mut alice).await, Ok(()));
    })
    .await;
}

#[tokio::test]
async fn on_18_a_second_grantor_and_we_hold_side_by_side_and_only_ours_is_taken() {
    on_both(async |mut target| {
        let backend = target.backend();
        let order = target.orders_admin("alice");
        backend.grant(&order).await.unwrap();
        target.run("grant {orders_admin} to {alice}").await;
        let mut alice = target.session("alice").await;
        target.sets_role(&mut alice).await.unwrap();
        let owner = target.server.options().get_username().to_owned();
        let seen = backend.observe(&order).await.unwrap();
        assert!(seen.ours);

        let receipt = backend.revoke(&order).await.unwrap();
        if target.per_grantor() {
            assert!(
                seen.others
                    .unwrap()
                    .contains(&format!("by a grant of {owner}"))
            );
            assert_eq!(target.grantors("alice", "orders_admin").await, [owner]);
            assert_eq!(receipt.sessions_closed, Some(0));
            assert!(
                receipt
                    .note
                    .unwrap()
                    .ends_with("So open sessions were left.")
            );
            assert!(alice.is_open().await, "she may go on");
        } else {
            // 15 dropped the second grant with a NOTICE: it never was.
            assert_eq!(seen, OURS);
            assert_eq!(
                target.grantors("alice", "orders_admin").await,
                Vec::<String>::new()
            );
            assert_eq!(receipt.sessions_closed, Some(1));
            assert!(!alice.is_open().await);
        }
    })
    .await;
}

/// On 15 the one row of a membership changes hands when ADMIN OPTION is added to it: it is no longer ours to take.
#[tokio::test]
async fn what_another_took_over_is_no_longer_ours() {
    on_both(async |mut target| {
        let backend = target.backend();
        let order = target.orders_admin("alice");
        backend.grant(&order).await.unwrap();
        target
            .run("grant {orders_admin} to {alice} with admin option")
            .await;
        let owner = target.server.options().get_username().to_owned();
        let seen = backend.observe(&order).await.unwrap();
        assert_eq!(seen.ours, target.per_grantor());
        assert!(seen.others.is_some());
        backend.revoke(&order).await.unwrap();
        assert_eq!(target.grantors("alice", "orders_admin").await, [owner]);
    })
    .await;
}

#[tokio::test]
async fn a_role_held_through_another_role_is_standing_and_the_other_is_named() {
    on_both(async |mut target| {
        target.run("create role {team}").await;
        target.run("grant {orders_admin} to {team}").await;
        target.run("grant {team} to {alice}").await;
        let seen = target
            .backend()
            .observe(&target.orders_admin("alice"))
            .await
            .unwrap();
        assert!(!seen.ours);
        assert!(
            seen.others
                .unwrap()
                .contains(&format!("through the role {}", target.name("team")))
        );

        // Direct standing access is named before what comes through others.
        target.run("grant {orders_admin} to {alice}").await;
        let seen = target
            .backend()
            .observe(&target.orders_admin("alice"))
            .await
            .unwrap();
        assert!(seen.others.unwrap().contains("by a grant of"));
    })
    .await;
}

/// What follows from our own grant of another role ends with it, so it is no reason not to grant.
#[tokio::test]
async fn a_role_that_comes_with_another_of_our_grants_is_not_standing() {
    on_both(async |mut target| {
        target.run("create role {owner}").await;
        target.run("grant {orders_admin} to {owner}").await;
        target
            .run("grant {owner} to {hallpass} with admin option")
            .await;
        let backend = target.backend();
        let wide = holding(&target.name("alice"), &target.name("owner"));
        let narrow = target.orders_admin("alice");
        backend.grant(&wide).await.unwrap();
        assert_eq!(backend.observe(&narrow).await, Ok(NOTHING));

        backend.grant(&narrow).await.unwrap();
        let mut alice = target.session("alice").await;
        let receipt = backend.revoke(&narrow).await.unwrap();
        assert_eq!(receipt.sessions_closed, Some(0));
        assert!(receipt.note.unwrap().contains("in another way"));
        assert!(alice.is_open().await, "the wider grant lives");

        let receipt = backend.revoke(&wide).await.unwrap();
        assert_eq!(receipt.sessions_closed, Some(1));
        assert!(!alice.is_open().await);
    })
    .await;
}

#[tokio::test]
async fn a_membership_that_permits_nothing_is_no_access() {
    on_both(async |mut target| {
        if !target.per_grantor() {
            return; // 15 has no such memberships: the syntax is refused.
        }
        target
            .run("grant {orders_admin} to {alice} with inherit false, set false, admin true")
            .await;
        let backend = target.backend();
        let order = target.orders_admin("alice");
        assert_eq!(backend.observe(&order).await, Ok(NOTHING));
        backend.grant(&order).await.unwrap();
        assert_eq!(backend.observe(&order).await, Ok(OURS));
        let mut alice = target.session("alice").await;
        target.sets_role(&mut alice).await.unwrap();
        let receipt = backend.revoke(&order).await.unwrap();
        assert_eq!(receipt.sessions_closed, Some(1));
        assert!(!alice.is_open().await);
    })
    .await;
}

#[tokio::test]
async fn a_superuser_needs_no_grant() {
    on_both(async |mut target| {
        target.run("alter role {alice} superuser").await;
        let seen = target
            .backend()
            .observe(&target.orders_admin("alice"))
            .await
            .unwrap();
        assert!(!seen.ours);
        assert!(seen.others.unwrap().contains("is a superuser"));
    })
    .await;
}
