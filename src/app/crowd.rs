//! How many people wait for an answer at this moment. Slack gives each three seconds, so while there are many, what can
//! wait a moment does: cards and messages go out after the answers. Nothing about a request may enter.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::App;

/// So many at once are a crowd.
const CROWD: usize = 8;

/// Those who wait for an answer.
#[derive(Debug, Default)]
pub(super) struct Crowd(AtomicUsize);

/// One who waits, until dropped.
pub(super) struct Waiting<'a>(&'a Crowd);

impl Crowd {
    pub(super) fn joined(&self) -> Waiting<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    fn is_one(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= CROWD
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl App {
    /// Whether so many people wait for an answer that what can wait should.
    pub fn is_crowded(&self) -> bool {
        self.crowd.is_one()
    }
}

#[cfg(test)]
mod tests {
    use super::{CROWD, Crowd};

    #[test]
    fn a_crowd_is_gone_when_its_answers_are() {
        let crowd = Crowd::default();
        let mut waiting: Vec<_> = (1..CROWD).map(|_| crowd.joined()).collect();
        assert!(!crowd.is_one());
        waiting.push(crowd.joined());
        assert!(crowd.is_one());
        waiting.pop();
        assert!(!crowd.is_one());
    }
}
