//! How far time had come is kept: it rises, is corrected where it was wrong, and wakes nobody.

use hallpass::domain::Time;

use crate::store::{Fresh, at, on_both};

on_both! {
    the_latest_moment_is_kept,
    a_moment_that_was_wrong_is_corrected,
    a_moment_is_nobodys_news,
}

async fn kept(db: &Fresh) -> Option<Time> {
    let kept = db.another().await.kept_moment().await;
    kept.unwrap()
}

async fn the_latest_moment_is_kept(db: Fresh) {
    assert_eq!(kept(&db).await, None);
    for (now, latest) in [
        (100, 100),
        (160, 160),
        (90, 160),
        (1_000_000_000, 1_000_000_000),
    ] {
        db.store.keep_moment(at(now)).await.unwrap();
        assert_eq!(kept(&db).await, Some(at(latest)));
    }
}

async fn a_moment_that_was_wrong_is_corrected(db: Fresh) {
    db.store.keep_moment(at(100_000_000)).await.unwrap();
    db.store.correct_moment(at(50)).await.unwrap();
    assert_eq!(kept(&db).await, Some(at(50)));
    db.store.keep_moment(at(60)).await.unwrap();
    assert_eq!(kept(&db).await, Some(at(60)));
}

/// The worker has nothing to look for because time went on.
async fn a_moment_is_nobodys_news(db: Fresh) {
    let changed = db.store.changed();
    let before = *changed.borrow();
    for second in 0..50 {
        db.store.keep_moment(at(second)).await.unwrap();
    }
    let after = *changed.borrow();
    // Whoever looks at the file twice a second sees that it was written, and no more.
    assert!(after - before < 25, "{} times", after - before);
}
