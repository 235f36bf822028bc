//! A session keeps a role that it has set after the membership is gone: revoking ends it.

use hallpass::ports::Backend;

use super::on_both;

#[tokio::test]
async fn open_sessions_end_with_the_role_and_nobody_elses() {
    on_both(async |mut target| {
        let backend = target.backend();
        let order = target.orders_admin("alice");
        backend.grant(&order).await.unwrap();
        let mut bob = target.session("bob").await;
        let mut hallpass = target.session("hallpass").await;
        let mut idle = target.session("alice").await;
        let mut used = target.session("alice").await;
        target.sets_role(&mut used).await.unwrap();

        let receipt = backend.revoke(&order).await.unwrap();
        assert_eq!(receipt.sessions_closed, Some(2));
        assert_eq!(receipt.note, None);
        assert!(!used.is_open().await && !idle.is_open().await);
        assert!(bob.is_open().await && hallpass.is_open().await);
        target.run("select 1").await;
    })
    .await;
}

#[tokio::test]
async fn a_session_in_the_middle_of_a_statement_ends_too() {
    on_both(async |target| {
        let backend = target.backend();
        let order = target.orders_admin("alice");
        backend.grant(&order).await.unwrap();
        let mut alice = target.session("alice").await;
        target.sets_role(&mut alice).await.unwrap();
        let busy = tokio::spawn(async move { alice.tries("select pg_sleep(600)".into()).await });

        let receipt = backend.revoke(&order).await.unwrap();
        assert_eq!(receipt.sessions_closed, Some(1));
        assert_eq!(
            busy.await.unwrap(),
            Err("57P01".into()),
            "told that an administrator ended it"
        );
    })
    .await;
}

#[tokio::test]
async fn sessions_that_hallpass_may_not_end_are_told() {
    on_both(async |mut target| {
        target.run("revoke pg_signal_backend from {hallpass}").await;
        let backend = target.backend();
        let order = target.orders_admin("alice");
        backend.grant(&order).await.unwrap();
        let mut alice = target.session("alice").await;
        target.sets_role(&mut alice).await.unwrap();

        let receipt = backend.revoke(&order).await.unwrap();
        assert_eq!(target.grantors("alice", "orders_admin").await, Vec::<String>::new());
        assert_eq!(receipt.sessions_closed, Some(0));
        let told = receipt.note.unwrap();
        assert_eq!(
            told,
            format!(
                "1 open session of {} may still use {}: Hallpass may not end it without pg_signal_backend.",
                target.name("alice"),
                target.name("orders_admin")
            )
        );
        assert!(alice.is_open().await, "that is why it is told");
    })
    .await;
}

#[tokio::test]
async fn where_nobody_is_logged_in_nothing_is_told_of_sessions() {
    on_both(async |target| {
        let backend = target.backend();
        let order = target.orders_admin("alice");
        backend.grant(&order).await.unwrap();
        let receipt = backend.revoke(&order).await.unwrap();
        assert_eq!(receipt.sessions_closed, Some(0));
        assert_eq!(receipt.note, None);
    })
    .await;
}

/// `NOINHERIT` keeps the right to signal from Hallpass too, on 15; from 16 on each membership says that for itself.
#[tokio::test]
async fn a_right_that_is_not_inherited_is_none() {
    on_both(async |mut target| {
        target.run("alter role {hallpass} noinherit").await;
        let backend = target.backend();
        let order = target.orders_admin("alice");
        backend.grant(&order).await.unwrap();
        let mut alice = target.session("alice").await;
        let receipt = backend.revoke(&order).await.unwrap();
        assert_eq!(alice.is_open().await, !target.per_grantor());
        assert_eq!(receipt.note.is_some(), !target.per_grantor());
        assert_eq!(
            receipt.sessions_closed,
            Some(u32::from(target.per_grantor()))
        );
    })
    .await;
}
