//! How long a claimed effect is surely ours, by the monotonic clock: a wall clock that jumps, or a process that was
//! paused, must not make it seem longer. Whoever carries out an effect asks here before it calls a backend.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long what was claimed is ours. A crash adds this much to an end on `PostgreSQL`; on `SQLite` nothing.
pub const LEASE: Duration = Duration::from_secs(10);

/// With less than this left, the claim is looked at (and renewed) before a call is begun.
const SURE: Duration = Duration::from_secs(5);
/// No call is begun with less than this left.
const MARGIN: Duration = Duration::from_secs(2);

/// Why a call was cut off. What it did is unknown then, and is observed by whoever carries the effect out next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cut {
    #[error("the lease could not be renewed while the backend was called")]
    RanOut,
    #[error("cut off: access has to be taken away, and the backend bears one call at a time")]
    GivesWay,
}

/// The lease of one claim. The worker moves its end with every renewal.
#[derive(Debug)]
pub struct Lease {
    until: watch::Sender<Instant>,
    gives_way: CancellationToken,
    left: CancellationToken,
    calling: AtomicBool,
}

/// A call under way, until it is dropped.
#[derive(Debug)]
pub struct Calling<'a>(&'a Lease);

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.0.calling.store(false, Ordering::SeqCst);
    }
}

impl Lease {
    /// `asked`: a moment before the claim was asked for.
    pub fn since(asked: Instant) -> Self {
        Self {
            until: watch::Sender::new(asked + LEASE),
            gives_way: CancellationToken::new(),
            left: CancellationToken::new(),
            calling: AtomicBool::new(false),
        }
    }

    /// Renewed, and still ours: `asked` is a moment before that was asked for.
    pub fn renewed(&self, asked: Instant) {
        self.until
            .send_modify(|until| *until = (*until).max(asked + LEASE));
    }

    /// Somebody else has it: nothing more may be begun, and what is under way is cut off.
    pub fn lose(&self) {
        self.until.send_replace(Instant::now());
    }

    /// Asks whoever carries it out to give way to a revocation. Answers what is cancelled once its call is gone; none
    /// where nothing is called: whatever else it waits for, it calls no more.
    pub fn give_way(&self) -> Option<CancellationToken> {
        self.gives_way.cancel();
        self.calling.load(Ordering::SeqCst).then(|| self.left())
    }

    /// A call begins; none where it has to give way. In this order: either the call is seen by who asks it to give way,
    /// or that is seen here.
    pub fn begin_call(&self) -> Option<Calling<'_>> {
        self.calling.store(true, Ordering::SeqCst);
        let calling = Calling(self);
        (!self.gives_way.is_cancelled()).then_some(calling)
    }

    /// Whoever carried it out is done with calling.
    pub fn leave(&self) {
        self.left.cancel();
    }

    /// Cancelled once nothing is called under it any more.
    pub fn left(&self) -> CancellationToken {
        self.left.clone()
    }

    fn remaining(&self) -> Duration {
        self.until
            .borrow()
            .saturating_duration_since(Instant::now())
    }

    /// So much is left that a call may begin without looking.
    pub fn is_sure(&self) -> bool {
        self.remaining() > SURE
    }

    /// A call may begin.
    pub(super) fn may_call(&self) -> bool {
        self.remaining() > MARGIN && !self.gives_way.is_cancelled()
    }

    /// Returns when a call under way must be cut off.
    pub(super) async fn cut(&self) -> Cut {
        let mut until = self.until.subscribe();
        let ran_out = async {
            loop {
                let end = *until.borrow_and_update();
                tokio::select! {
                    () = sleep_until(end) => return,
                    moved = until.changed() => if moved.is_err() {
                        return;
                    },
                }
            }
        };
        tokio::select! {
            () = self.gives_way.cancelled() => Cut::GivesWay,
            () = ran_out => Cut::RanOut,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Cut, LEASE, Lease};

    fn asked(ago: u64) -> Instant {
        let ago = Duration::from_secs(ago);
        Instant::now()
            .checked_sub(ago)
            .expect("this machine runs for longer")
    }

    #[test]
    fn a_call_begins_only_while_the_claim_is_surely_ours() {
        let lease = Lease::since(asked(0));
        assert!(lease.is_sure() && lease.may_call());
        let lease = Lease::since(asked(6));
        assert!(!lease.is_sure() && lease.may_call());
        let lease = Lease::since(asked(9));
        assert!(!lease.may_call());
        lease.renewed(asked(0));
        assert!(lease.is_sure());
        // An answer that comes late takes nothing back.
        lease.renewed(asked(8));
        assert!(lease.is_sure());
        lease.lose();
        assert!(!lease.may_call());
    }

    #[tokio::test]
    async fn a_call_is_cut_off_when_the_lease_ends() {
        let lease = Lease::since(asked(LEASE.as_secs()));
        assert_eq!(lease.cut().await, Cut::RanOut);
        lease.renewed(asked(0));
        tokio::select! {
            biased;
            cut = lease.cut() => panic!("{cut}"),
            () = std::future::ready(()) => {}
        }
        let (cut, ()) = tokio::join!(lease.cut(), async { lease.lose() });
        assert_eq!(cut, Cut::RanOut);
    }

    #[tokio::test]
    async fn what_gives_access_makes_way() {
        let lease = Lease::since(asked(0));
        let call = lease.begin_call().expect("nobody asked it to give way");
        let left = lease.give_way().expect("its call is under way");
        assert!(!lease.may_call());
        assert_eq!(lease.cut().await, Cut::GivesWay);
        drop(call);
        assert!(!left.is_cancelled());
        lease.leave();
        assert!(left.is_cancelled());
    }

    /// It asks Slack who somebody is, say: nothing keeps the revocation from its call.
    #[test]
    fn who_calls_nothing_is_not_waited_for() {
        let lease = Lease::since(asked(0));
        drop(lease.begin_call().expect("nobody asked it to give way"));
        assert!(lease.give_way().is_none());
        assert!(lease.begin_call().is_none());
    }
}
