//! Where to look for events without a seal. Positions become visible out of order where transactions commit late, so
//! "above the last one seen" alone would skip some for ever. Besides: a regular look back for the positions that were missing
//! when they were passed, until they are final, and one look through the whole table after a start.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use hallpass_domain::planted::{Fault, planted};

use crate::store::{Horizon, Span};

/// How often is looked back.
const LOOK_BACK: Duration = Duration::from_secs(1);
/// A transaction takes its first position a moment before it has a number, at most so long.
const UNNUMBERED: Duration = Duration::from_secs(5);
/// No transaction of ours lives so long: a dozen statements, each ended by the server after 10 s, with pauses that it
/// ends after 15 s.
const LONGEST_TRANSACTION: Duration = Duration::from_secs(900);
/// Positions in one window of the look through the table.
const WINDOW: i64 = 20_000;
/// Marks kept; older ones are joined.
const MARKS: usize = 1_024;
/// Missing positions that are kept one by one; where there are more, it is looked at all that was passed.
const MISSING: usize = 4_096;

#[derive(Debug)]
struct Mark {
    highest: i64,
    next: i64,
    at: Instant,
}

/// Where to look back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Back {
    /// Whatever is in there.
    pub(super) all: Option<Span>,
    /// These, one by one.
    pub(super) missing: Vec<i64>,
}

#[derive(Debug)]
pub(super) struct Positions {
    /// Everything visible up to here was looked at once.
    seen: i64,
    /// Everything up to here is final and was looked at after it was.
    settled: i64,
    /// Positions that were seen, and from when on they are final.
    marks: VecDeque<Mark>,
    /// What was passed and wasn't there: never taken, or to be seen with a commit that is still to come.
    missing: BTreeSet<i64>,
    /// Up to here what was missing isn't kept one by one.
    unknown: i64,
    looked_back: Option<Instant>,
    /// The table was looked through up to here, after the start.
    through: i64,
    /// What there was at the start; none until that is final.
    all: Option<i64>,
}

impl Positions {
    /// `sealed_up_to`: about where a former sealer stopped.
    pub(super) fn new(sealed_up_to: i64) -> Self {
        Self {
            seen: sealed_up_to,
            settled: sealed_up_to,
            marks: VecDeque::new(),
            missing: BTreeSet::new(),
            unknown: sealed_up_to,
            looked_back: None,
            through: 0,
            all: None,
        }
    }

    /// What wasn't seen yet.
    pub(super) fn fresh(&self, horizon: &Horizon) -> Option<Span> {
        span(self.seen, horizon.highest)
    }

    /// A part of what wasn't seen yet is sealed: these of its positions were there.
    pub(super) fn passed(&mut self, part: Span, there: impl Iterator<Item = i64>) {
        let there: BTreeSet<i64> = there.collect();
        let passed = usize::try_from(part.up_to - part.after).unwrap_or(usize::MAX);
        let missing = passed.saturating_sub(there.len());
        if self.missing.len().saturating_add(missing) > MISSING {
            self.missing.clear();
            self.unknown = part.up_to;
        } else if missing > 0 {
            let positions = part.after + 1..=part.up_to;
            let missing = positions.filter(|position| !there.contains(position));
            self.missing.extend(missing);
        }
        self.seen = self.seen.max(part.up_to);
    }

    /// Missing positions that are sealed by now.
    pub(super) fn found(&mut self, positions: impl Iterator<Item = i64>) {
        for position in positions {
            self.missing.remove(&position);
        }
    }

    pub(super) fn saw(&mut self, horizon: &Horizon, now: Instant) {
        self.seen = self.seen.max(horizon.highest);
        if self.marks.len() >= MARKS {
            self.marks.remove(1);
        }
        self.marks.push_back(Mark {
            highest: horizon.highest,
            next: horizon.next,
            at: now,
        });
    }

    /// What was missing when it was passed and isn't final yet, where it is time to look back; it may be nothing.
    pub(super) fn back(&mut self, now: Instant) -> Option<Back> {
        if planted(Fault::LateCommitsSkipped) {
            // What lies below the highest position is thought to be done.
            return None;
        }
        let due = self
            .looked_back
            .is_none_or(|last| now.duration_since(last) >= LOOK_BACK);
        due.then(|| {
            self.looked_back = Some(now);
            Back {
                all: span(self.settled, self.unknown),
                missing: self.missing.iter().copied().collect(),
            }
        })
    }

    /// All that was visible after `horizon` was looked back over: what was final by then needs no more looks.
    pub(super) fn looked_back(&mut self, horizon: &Horizon, now: Instant) {
        while let Some(mark) = self.marks.front() {
            let age = now.duration_since(mark.at);
            let over = horizon.oldest >= mark.next && age >= UNNUMBERED;
            // Commits of SQLite have no numbers: they come in their order.
            let ordered = mark.next == 0;
            if !(over || ordered || age >= LONGEST_TRANSACTION) {
                break;
            }
            self.settled = self.settled.max(mark.highest);
            self.all.get_or_insert(mark.highest);
            self.marks.pop_front();
        }
        self.missing = self.missing.split_off(&(self.settled + 1));
    }

    /// The next part of the look through the table.
    pub(super) fn window(&self) -> Option<Span> {
        let all = self.all?;
        span(self.through, all.min(self.through + WINDOW))
    }

    pub(super) fn looked_through(&mut self, window: Span) {
        self.through = window.up_to;
    }
}

fn span(after: i64, up_to: i64) -> Option<Span> {
    (after < up_to).then_some(Span { after, up_to })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Back, LONGEST_TRANSACTION, Positions, WINDOW};
    use crate::store::{Horizon, Span};

    fn horizon(highest: i64, oldest: i64, next: i64) -> Horizon {
        Horizon {
            highest,
            oldest,
            next,
        }
    }

    fn span(after: i64, up_to: i64) -> Span {
        Span { after, up_to }
    }

    fn back(all: Option<Span>, missing: &[i64]) -> Back {
        let missing = missing.to_vec();
        Back { all, missing }
    }

    #[test]
    fn it_looks_back_until_whoever_was_open_is_over() {
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        let mut positions = Positions::new(10);
        // Transaction 7 is open and may have taken a position up to 20.
        let open = horizon(20, 7, 9);
        assert_eq!(positions.fresh(&open), Some(span(10, 20)));
        positions.passed(span(10, 20), [11, 12, 13, 15, 16, 17, 18, 20].into_iter());
        positions.saw(&open, start);
        assert_eq!(positions.fresh(&open), None);
        for second in [1, 30, 300] {
            assert_eq!(positions.back(later(second)), Some(back(None, &[14, 19])));
            positions.looked_back(&horizon(20, 7, 30), later(second));
        }
        // Its commit shows one of them; the other was never written.
        positions.found([14].into_iter());
        assert_eq!(positions.back(later(301)), Some(back(None, &[19])));
        positions.looked_back(&horizon(20, 9, 30), later(301));
        assert_eq!(positions.back(later(302)), Some(back(None, &[])));
        assert_eq!(positions.window(), Some(span(0, 20)));
    }

    #[test]
    fn a_stranger_that_never_ends_holds_it_up_for_a_while_only() {
        let start = Instant::now();
        let mut positions = Positions::new(0);
        positions.passed(span(0, 5), [1, 2, 4, 5].into_iter());
        positions.saw(&horizon(5, 1, 9), start);
        let long = start + LONGEST_TRANSACTION;
        assert_eq!(positions.back(long), Some(back(None, &[3])));
        positions.looked_back(&horizon(5, 1, 30), long);
        assert_eq!(
            positions.back(long + Duration::from_secs(2)),
            Some(back(None, &[]))
        );
    }

    #[test]
    fn where_too_many_are_missing_it_looks_at_all_that_was_passed() {
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        let mut positions = Positions::new(100);
        positions.passed(span(100, 9_000), [9_000].into_iter());
        positions.passed(span(9_000, 9_002), [9_002].into_iter());
        let seen = horizon(9_002, 7, 9);
        positions.saw(&seen, start);
        let all = span(100, 9_000);
        assert_eq!(positions.back(later(1)), Some(back(Some(all), &[9_001])));
        positions.looked_back(&horizon(9_002, 9, 9), later(6));
        assert_eq!(positions.back(later(7)), Some(back(None, &[])));
    }

    #[test]
    fn the_table_is_looked_through_once_in_windows() {
        let start = Instant::now();
        let mut positions = Positions::new(WINDOW * 2);
        assert_eq!(positions.window(), None, "not before the start is final");
        positions.saw(&horizon(WINDOW * 2, 0, 0), start);
        positions.looked_back(&horizon(WINDOW * 2, 0, 0), start);
        let mut windows = 0;
        while let Some(window) = positions.window() {
            assert_eq!(window.after, WINDOW * windows);
            positions.looked_through(window);
            windows += 1;
        }
        assert_eq!(windows, 2);
    }
}
